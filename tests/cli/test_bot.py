"""`ivr bot`: what it makes of its arguments, and one whole call at the example bot."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from ivr.cli.bot import _written, agent_of, broke, command, outcome
from ivr.settings import Settings, load_settings, parse_settings
from ivr.store import CallRecord
from tests.kit.bot import Bot

SETTINGS = """
speech: {engine: espeak-ng, language: de}
ai_agents:
  front:
    protocol: openai-realtime
    headers: {Authorization: !secret KEY}
    connect_timeout: 2s
    tools: {book: {variables: {day: The day}}}
"""


def settings() -> Settings:
    return parse_settings(SETTINGS, Path("/etc/ivr/ivr.yaml"), {"KEY": "geheim-geheim-geheim"})


def test_a_url_is_enough_and_keys_are_added() -> None:
    assert agent_of(Settings(), "ws://h/ws", ()) == {"url": "ws://h/ws"}
    assert agent_of(Settings(), "tcp://h:9092", ()) == {"url": "tcp://h:9092", "protocol": "audiosocket"}
    found = agent_of(Settings(), "ws://h/ws", ("dialect=plivo", "parameters={a: 1}", "connect_timeout=2s"))
    assert found == {"url": "ws://h/ws", "dialect": "plivo", "parameters": {"a": 1}, "connect_timeout": "2s"}


@pytest.mark.parametrize("key", ["dialect", "=x", "a={"])
def test_keys_that_are_none(key: str) -> None:
    with pytest.raises(click.BadParameter, match="KEY=VALUE"):
        agent_of(Settings(), "ws://h/ws", (key,))


def test_an_agent_of_the_configuration_keeps_what_it_has(tmp_path: Path) -> None:
    own = settings()
    config = _written(tmp_path, own, agent_of(own, "front", ()))
    found = load_settings(config, {}).ai_agents["bot"]
    assert found.headers["Authorization"].get_secret_value() == "geheim-geheim-geheim"
    assert found.account_sid("bot") == own.ai_agents["front"].account_sid("front")
    assert found.tools == own.ai_agents["front"].tools and found.connect_timeout == 2.0
    text = yaml.safe_load(config.read_text())
    assert text["http"]["allow"] == ["api.openai.com:443"]
    assert text["speech"] == {"engine": "espeak-ng", "language": "de"}


@pytest.mark.parametrize(
    ("url", "allowed"),
    [("ws://h/ws", ["h:80"]), ("ws://[::1]:8765/ws", ["[::1]:8765"]), ("tcp://10.0.0.1:9092", ["10.0.0.1:9092"])],
)
def test_its_address_is_allowed(tmp_path: Path, url: str, allowed: list[str]) -> None:
    config = _written(tmp_path, Settings(), agent_of(Settings(), url, ()))
    assert yaml.safe_load(config.read_text())["http"]["allow"] == allowed
    assert load_settings(config, {}).ai_agents["bot"].url == url


def test_who_is_not_there_is_told() -> None:
    with pytest.raises(click.UsageError, match="no AI agent 'fron'; it has front"):
        agent_of(settings(), "fron", ())


@pytest.mark.parametrize(
    ("found", "faulty"),
    [("completed", False), ("user_hung_up", False), ("transfer_requested", False), ("not_started", True),
     ("endpoint_error", True), ("endpoint_closed", True)],
)  # fmt: skip
def test_a_check_can_tell_a_bot_that_works(found: str, faulty: bool) -> None:
    call = CallRecord(id="id", short_id=1, direction="inbound", started_at=0.0, hand_offs=[{"outcome": found}])
    assert broke(call) is faulty


def test_what_came_of_it() -> None:
    entry = {"outcome": "endpoint_closed", "text": "closed with 1011", "talk_time": 2.5, "clears": 1, "odd": {"x": 2}}
    call = CallRecord(id="id", short_id=1, direction="inbound", started_at=0.0, hand_offs=[entry])
    call.path = [{"element": "talk", "summary": "A table"}]
    assert outcome(call) == [
        "given back    endpoint_closed (closed with 1011)",
        "summary       A table",
        "talked        2.5 s",
        "interrupted   1 times",
        "marks, keys   0, 0",
        "left out      {'x': 2}",
    ]


@pytest.mark.heavy
def test_a_call_at_the_example_bot(tmp_path: Path) -> None:
    with Bot("menu", "media-streams") as bot:
        sound = tmp_path / "sound.wav"
        done = CliRunner().invoke(command, [bot.url, "1", "2", "--record", str(sound)], obj=None)
    assert done.exit_code == 0, done.output
    assert "you press 1" in done.output and "you press 2" in done.output
    assert "given back    transfer_requested" in done.output and "'chosen': 'person'" in done.output
    assert sound.stat().st_size > 100_000
