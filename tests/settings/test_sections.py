from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from ivr.errors import ConfigError
from ivr.settings import HostPort, Listener, PortRange, Settings, SipTrunk

Make = Callable[[str], Settings]

# The keys that are public, as the product's description lists them.
PUBLIC = """
sip:
  listen: ["udp:127.0.0.1:5060"]
  public_address: null
  trusted: []
media:
  {ports: "20002-29999", workers: auto, codecs: [pcmu, pcma], dtmf: [rfc4733, info, inband], inband: negotiated,
   timeout: 30s}
flows: flows/
prompts: prompts/
recordings: var/recordings/
store: "sqlite:///var/ivr.db"
http: {listen: "127.0.0.1:8080", allow: []}
speech: {engine: pyttsx3, language: en}
lines:
  pbx: {type: sip_trunk, host: pbx.example.net, register: {user: "4711", password: secret}}
phones:
  "200": {password: secret, name: Front desk}
agents: {}
queues: {}
calendars: {}
ai_agents: {}
applications: {}
connectors: {}
webhooks: {}
routes: []
outbound_policy: {}
settings: {company: "Example Ltd", pbx: pbx.example.net}
limits: {drain_timeout: 30s}
"""


def test_the_public_keys_are_accepted_and_are_the_defaults(make_settings: Make) -> None:
    settings = make_settings(PUBLIC)
    bare = make_settings("")
    for name in Settings.model_fields.keys() - {"lines", "phones", "settings"}:
        assert getattr(settings, name) == getattr(bare, name), name
    assert settings.media.timeout == 30.0
    assert settings.media.workers == 0
    assert settings.media.ports == PortRange(20002, 29999)
    assert settings.sip.listen == (Listener("udp", "127.0.0.1", 5060),)
    assert settings.settings["company"] == "Example Ltd"


def test_limits_are_those_of_the_language(make_settings: Make) -> None:
    limits = make_settings("").limits
    assert (limits.elements_per_flow, limits.steps_per_call, limits.visits_without_input) == (100, 1000, 10)
    assert (limits.text_characters, limits.audio_file_bytes, limits.call_duration) == (1000, 4 * 2**20, 4 * 3600.0)


@pytest.mark.parametrize(
    ("text", "listener"),
    [
        ("udp:127.0.0.1:5070", Listener("udp", "127.0.0.1", 5070)),
        ("udp:0.0.0.0", Listener("udp", "0.0.0.0", 5060)),
        ("tls:pbx.example.net", Listener("tls", "pbx.example.net", 5061)),
        ("udp:[::1]:5060", Listener("udp", "::1", 5060)),
        ("udp:127.0.0.1:0", Listener("udp", "127.0.0.1", 0)),
    ],
)
def test_listeners(make_settings: Make, text: str, listener: Listener) -> None:
    assert make_settings(f"sip: {{listen: ['{text}'], tls: {{certificate: cert.pem}}}}").sip.listen == (listener,)


def test_where_our_public_address_comes_from(make_settings: Make) -> None:
    given = make_settings("sip: {public_address: 203.0.113.7}").sip
    assert (given.given_address, given.stun) == ("203.0.113.7", None)
    asked = make_settings("sip: {public_address: 'stun:stun.example.net'}").sip
    assert (asked.given_address, asked.stun) == (None, HostPort("stun.example.net", 3478))
    assert make_settings("sip: {public_address: 'stun:[2001:db8::1]:3479'}").sip.stun == HostPort("2001:db8::1", 3479)
    assert (make_settings("").sip.given_address, make_settings("").sip.stun) == (None, None)


def test_addresses_print_as_they_are_written() -> None:
    assert str(Listener("udp", "::1", 5060)) == "udp:[::1]:5060"
    assert str(HostPort("127.0.0.1", 8080)) == "127.0.0.1:8080"


@pytest.mark.parametrize(("first", "last", "pairs"), [(20002, 29999, 4999), (20001, 20003, 1), (20001, 20002, 0)])
def test_pairs_of_a_port_range(first: int, last: int, pairs: int) -> None:
    assert PortRange(first, last).pairs == pairs


def test_a_trunk(make_settings: Make) -> None:
    line = make_settings(
        "lines: {pbx: {type: sip_trunk, host: h, match: [192.0.2.7/24], called_from: X-Called, from: '100'}}"
    ).lines["pbx"]
    assert isinstance(line, SipTrunk)
    assert line.match == (ipaddress.ip_network("192.0.2.0/24"),)
    assert (line.called_from, line.from_, line.caller_from) == ("X-Called", "100", "from")


def test_nothing_changes_after_loading(make_settings: Make) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_settings("").sip.realm = "other"  # type: ignore[misc]


def test_a_phone_needs_a_password(make_settings: Make) -> None:
    with pytest.raises(ConfigError, match="anybody could register"):
        make_settings('phones: {"200": {password: ""}}')


@pytest.mark.parametrize("name", ["guest", "phones"])
def test_a_line_has_no_name_that_means_something_else(make_settings: Make, name: str) -> None:
    with pytest.raises(ConfigError, match="no line can be called"):
        make_settings(f"lines: {{{name}: {{type: sip_trunk, host: pbx.example.net}}}}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sip: {public_address: 'no address'}", "not an address"),
        ("sip: {public_address: 'stun:'}", "not a STUN server"),
        ("sip: {listen: ['wss:127.0.0.1:443']}", "needs `tls.certificate`"),
        ('sip: {public_address: "203.0.113.7\\r\\nX: y"}', "not an address"),
        ("speech: {engine: robot}", "espeak-ng"),
        ("speech: {languages: [english]}", "not a language"),
        ("speech: {engine: command}", "needs `command`"),
    ],
)
def test_what_would_fail_at_its_first_use_is_refused_at_once(
    make_settings: Callable[[str], Settings], text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        make_settings(text)


def test_off_needs_no_quotes(make_settings: Make) -> None:
    line = "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.1, srtp: off, inband: off, caller_id: {diversion: off}}"
    pbx = make_settings(line).lines["pbx"]
    assert isinstance(pbx, SipTrunk)
    assert (pbx.srtp, pbx.inband, pbx.caller_id.diversion) == ("off", "off", "off")
