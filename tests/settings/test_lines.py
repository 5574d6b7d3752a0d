from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.errors import ConfigError
from ivr.settings import Gateway, Settings, SipTrunk, parse_settings


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parse_settings(text, Path("/etc/ivr/ivr.yaml"), {})
    return [str(fault).removeprefix("/etc/ivr/ivr.yaml:") for fault in raised.value.faults]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("host: 'sip:h'", "lines.a.host: not a host (found sip:h; expected a name or an address, without sip: and"),
        ("host: 'h:5060'", "lines.a.host: not a host"),
        ("host: h, transport: sctp", "lines.a.transport: not one of the values allowed"),
        ("host: h, country: Germany", "lines.a.country: not a country"),
        ("host: h, user: '1'", "lines.a: user and password belong together"),
        ("host: h, dial_format: national", "lines.a: dial_format is national, of which country is not said (expected"),
        ("host: h, outbound_proxy: 'sip:x'", "lines.a.outbound_proxy: not a host"),
        ("host: h, register: {user: '1'}", "lines.a.register.password: a key is missing"),
        (
            "host: h, register: {user: '1', password: x, expires: 5s}",
            "lines.a.register.expires: input should be greater",
        ),
        ("host: h, failover: [a]", "lines.a.failover: this line cannot stand here"),
        ("host: h, failover: [b]", "lines.a.failover: there is no such line"),
        ("host: h, called_from: 'a b'", "lines.a.called_from: not request_uri"),
        ("host: h, profile: ht813", "lines.a.profile: unknown key"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(line: str, fault: str) -> None:
    (told,) = faults(f"lines:\n  a: {{type: sip_trunk, {line}}}")
    assert told.startswith(f"2: {fault}"), told


def test_a_secret_is_not_told() -> None:
    (told,) = faults("lines: {a: {type: sip_trunk, host: h, password: geheim}}")
    assert "geheim" not in told


def test_lines_in_full(make_settings: Callable[[str], Settings]) -> None:
    lines = make_settings(
        """
lines:
  one:
    type: sip_trunk
    host: 2001:db8::1
    transport: auto
    outbound_proxy: "[2001:db8::2]:5070"
    register: {user: "1", password: geheim, auth_user: two, realm: r, domain: d, registrars: [a, b], expires: 2m}
    probe: {}
    failover: [two]
    country: DE
    dial_format: national
  two: {type: gateway, host: h, profile: cisco_spa_fxo, quirks: {late_media: 1s}}
outbound_policy: {line: [one, two]}
"""
    ).lines
    one, two = lines["one"], lines["two"]
    assert isinstance(one, SipTrunk) and isinstance(two, Gateway)
    assert one.outbound_proxy is not None and str(one.outbound_proxy) == "[2001:db8::2]:5070"
    assert one.register_ is not None and one.register_.expires == 120 and one.probe is not None
    assert one.probe.every == 30.0 and two.quirks.late_media == 1.0
    assert "geheim" not in repr(one)
