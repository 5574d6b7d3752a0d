from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr.settings import Settings, open_lines


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
