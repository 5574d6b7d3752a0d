"""Targets of flows: what the outbound policy denies is denied however it is written."""

from __future__ import annotations

import pytest

from ivr.call.identity import LineTable
from ivr.call.targets import Directory
from ivr.errors import CallForbiddenError
from ivr.settings import parse_settings
from ivr.sip import Registrar, RegistrarLimits

SETTINGS = """
lines: {pbx: {type: sip_trunk, host: pbx.example.net}}
outbound_policy: {deny: ["0900*"]}
"""


@pytest.fixture
def directory() -> Directory:
    settings = parse_settings(SETTINGS, None, {})
    return Directory(settings, Registrar(RegistrarLimits()), LineTable(settings))


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("0900123", None),
        ("tel:0900-123", None),
        ("sip:0900123@elsewhere.example", "pbx"),
        ("sip:0900-123@PBX.example.net", None),
        ("sip:%30900123@pbx.example.net;user=phone", None),
    ],
)
def test_a_denied_number_is_denied_in_every_spelling(directory: Directory, target: str, line: str | None) -> None:
    with pytest.raises(CallForbiddenError):
        directory.find(target, line, 0.0)


def test_other_users_are_called_where_they_are(directory: Directory) -> None:
    assert directory.find("sip:anna@elsewhere.example", None, 0.0)[0].line is None
