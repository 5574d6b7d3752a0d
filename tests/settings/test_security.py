"""`security` and `outbound_policy`."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from ivr.errors import ConfigError
from ivr.settings import DialLimits, Settings, parse_settings


def settings(text: str) -> Settings:
    return parse_settings(text, Path("/etc/ivr/ivr.yaml"), {})


def test_programs_of_this_machine_are_exempt_and_the_rest_of_the_loopback_network_is_not() -> None:
    allowed = Settings().security.allow
    assert any(ipaddress.ip_address("127.0.0.1") in network for network in allowed)
    assert not any(ipaddress.ip_address("127.0.10.1") in network for network in allowed)


def test_a_prefix_has_limits_or_a_word() -> None:
    policy = settings(
        'outbound_policy: {prefixes: {"+49": allow, "+4990": deny, "+4918": {calls_per_day: 3}}}\n'
    ).outbound_policy
    assert policy.prefixes == {"+49": "allow", "+4990": "deny", "+4918": DialLimits(calls_per_day=3)}
    assert policy.premium == "deny"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('outbound_policy: {prefixes: {"abc": deny}}\n', "not the beginning of a number"),
        ('outbound_policy: {emergency: ["police"]}\n', "written in full"),
        ('outbound_policy: {prefixes: {"": deny}}\n', "'' .expected not the beginning of a number"),
        ('outbound_policy: {emergency: [""]}\n', "'' .expected an emergency number"),
        ("outbound_policy: {country: XX}\n", "not a country"),
        ("outbound_policy: {hours: nights}\n", "there is no calendar nights"),
        ("outbound_policy: {emergency_line: pbx}\n", "there is no line pbx"),
        ("outbound_policy: {international: deny}\n", "needs `country`"),
        ("security: {scanners: [SIPVicious]}\n", "small letters"),
        ("security: {bans: {seconds: 2h, longest: 1h}}\n", "shorter than the first"),
        ("security: {blocked_status: 200}\n", "blocked_status"),
    ],
)
def test_what_makes_no_sense_is_told(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        settings(text)
