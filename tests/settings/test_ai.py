"""`ai_agents`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.errors import ConfigError
from ivr.settings import AiAgent, AiVariable, Settings, parse_settings


def settings(text: str) -> Settings:
    return parse_settings(text, Path("/etc/ivr/ivr.yaml"), {"KEY": "geheim-geheim-geheim"})


def agent(fields: str) -> AiAgent:
    return settings(f"ai_agents: {{bot: {{{fields}}}}}\n").ai_agents["bot"]


def test_a_url_is_enough() -> None:
    found = agent("url: 'wss://bot.example/ws'")
    assert (found.protocol, found.connect_timeout, found.reconnect, found.filler) == ("media-streams", 5, None, "music")


def test_everything_together() -> None:
    found = agent(
        "url: 'ws://10.0.0.5:8765/ws', headers: {Authorization: !secret KEY}, parameters: {language: de, level: 3},"
        " account: AC0123456789abcdef0123456789abcdef, auth_token: !secret KEY, connect_timeout: 2s, max_duration: 10m,"
        " no_input_timeout: 20s, reconnect: {times: 2, within: 30s}, buffer: 2m, filler: One moment please"
    )
    assert found.headers["Authorization"].get_secret_value() == "geheim-geheim-geheim"
    assert "geheim" not in repr(found)
    assert found.account_sid("bot") == "AC0123456789abcdef0123456789abcdef"
    assert found.reconnect is not None and found.reconnect.times == 2
    assert agent("url: 'ws://h', reconnect: never").reconnect is None


def test_an_account_is_made_of_the_name() -> None:
    found = agent("url: 'ws://h'")
    assert found.account_sid("a") != found.account_sid("b")
    assert len(found.account_sid("a")) == 34


def test_openai_has_a_url_and_tools() -> None:
    found = agent("protocol: openai-realtime, instructions: Be kind")
    assert found.url.startswith("wss://api.openai.com/")
    assert set(found.tools) == {"transfer_to_human", "end_call"}
    own = agent("protocol: openai-realtime, tools: {book: {reason: completed, variables: {day: The day}}}")
    assert own.tools["book"].variables == {"day": AiVariable(description="The day")}


def test_audiosocket_connects_or_listens() -> None:
    assert agent("protocol: audiosocket, url: 'tcp://bot.example:9092'").listen is None
    found = agent("protocol: audiosocket, listen: '127.0.0.1:9092'").listen
    assert found is not None and found.port == 9092


def test_asterisk_may_come_from_elsewhere_where_it_is_named() -> None:
    found = agent("protocol: audiosocket, listen: '0.0.0.0:9092', peers: [10.1.0.0/16, '2001:db8::7']")
    assert [str(peer) for peer in found.peers] == ["10.1.0.0/16", "2001:db8::7/128"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("url: 'https://bot.example/'", "not a URL of media-streams .expected like wss://"),
        ("url: 'ws://h/a b'", "not a URL of media-streams"),
        ("url: 'ws://h:99999/'", "not a URL of media-streams"),
        ("protocol: audiosocket, url: 'tcp://h'", "not a URL of audiosocket .expected like tcp://"),
        ("", "needs url"),
        ("protocol: audiosocket", "needs url or listen"),
        ("url: 'ws://me:x@h/'", "no secrets in the URL"),
        ("url: 'ws://h', model: gpt", "model is for openai-realtime alone"),
        ("url: 'ws://h', listen: '127.0.0.1:1'", "listen is for audiosocket alone"),
        ("protocol: audiosocket, url: 'tcp://h:1', listen: '127.0.0.1:1'", "either url or listen"),
        ("protocol: audiosocket, listen: '0.0.0.0:9092'", "only this machine may connect"),
        ("protocol: audiosocket, url: 'tcp://h:1', headers: {a: b}", "audiosocket has no headers"),
        ("protocol: audiosocket, url: 'tcp://h:1', peers: [10.0.0.0/8]", "peers goes with listen"),
        ("protocol: audiosocket, url: 'tcp://h:1', dialect: plivo", "dialect is for media-streams alone"),
        ("url: 'ws://h', dialect: vonage", "dialect"),
        ("url: 'ws://h', human_key: x", "human_key .expected one of"),
        ("url: 'ws://h', turn_detection: {type: semantic_vad}", "turn_detection is for openai-realtime alone"),
        ("protocol: openai-realtime, turn_detection: {eagerness: low}", "for semantic_vad alone"),
        ("protocol: openai-realtime, turn_detection: {type: semantic_vad, silence: 1s}", "for server_vad alone"),
        ("protocol: openai-realtime, interface: beta, noise_reduction: far_field", "the beta has no noise_reduction"),
        ("url: 'ws://h', headers: {Upgrade: h2c}", "belongs to the connection itself"),
        ("url: 'ws://h', headers: {a: \"x\\r\\ny\"}", "line breaks"),
        ("url: 'ws://h', account: AC12", "not an account"),
        ("url: 'ws://h', reconnect: {times: 0}", "reconnect.times"),
        ("url: 'ws://h', reconnect: sometimes", "reconnect"),
        ("url: 'ws://h', buffer: 1h", "buffer"),
        ("url: 'ws://h', parameters: {a: 2026-01-01}", "nothing that JSON can say"),
        ("url: 'ws://h', parameters: {a: '" + "x" * 16_001 + "'}", "longer than 16000"),
        ("protocol: openai-realtime, tools: {t: {variables: {v: {type: number, values: ['1']}}}}", "only a text has"),
        ("url: 'ws://h', autor: x", "unknown key"),
    ],
)
def test_what_makes_no_sense_is_told(fields: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        agent(fields)


def test_a_token_is_not_told() -> None:
    with pytest.raises(ConfigError) as raised:
        agent("url: 'ws://h', auth_token: 123456")
    assert "quote the digits" in str(raised.value) and "123456" not in str(raised.value)


@pytest.mark.parametrize("token", ["", "geheim"])
def test_a_token_that_can_be_guessed_is_none(token: str) -> None:
    with pytest.raises(ConfigError, match="at least 16 characters"):
        agent(f"url: 'ws://h', auth_token: '{token}'")
