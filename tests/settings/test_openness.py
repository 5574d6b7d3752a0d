from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr.settings import Settings, open_lines, open_to_fraud


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("0.0.0.0/0", True),
        ("::/0", True),
        ("8.0.0.0/8", True),
        ("2a00::/16", True),
        ("10.0.0.0/8", False),
        ("198.51.100.0/24", False),
        ("2001:db8:1::/48", False),
        ("fd00::/8", False),
    ],
)
def test_networks_that_hold_much_more_than_a_peer_are_told(
    make_settings: Callable[[str], Settings], network: str, told: bool
) -> None:
    settings = make_settings(f"lines: {{pbx: {{type: sip_trunk, host: h, match: ['{network}']}}}}")
    assert bool(open_lines(settings)) is told


LINE = "lines: {pbx: {type: sip_trunk, host: h}}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sip: {trusted: [0.0.0.0/0]}", 1),
        ("security: {allow: ['::/0', 10.0.0.0/8]}", 1),
        (LINE + "outbound_policy: {phones: ['*'], guests: ['00*', '+49*']}", 2),
        (LINE + "outbound_policy: {phones: ['*'], total: {calls: 3}}", 1),
        (LINE + "outbound_policy: {phones: ['*'], per_phone: {minutes_per_day: 30}}", 0),
        (LINE + "outbound_policy: {phones: ['*'], country: DE, international: deny}", 0),
        (LINE + "outbound_policy: {phones: ['+49*']}", 0),
        ("outbound_policy: {phones: ['*']}", 0),
    ],
)
def test_what_is_open_to_fraud_is_told(make_settings: Callable[[str], Settings], text: str, told: int) -> None:
    assert len(open_to_fraud(make_settings(text))) == told
