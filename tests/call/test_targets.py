"""Targets of flows: what the outbound policy denies is denied however it is written."""

from __future__ import annotations

import pytest

from ivr.call.identity import LineTable
from ivr.call.targets import Directory
from ivr.errors import CallForbiddenError, NumberNotServedError
from ivr.settings import parse_settings
from ivr.sip import Flow, Registrar, RegistrarLimits, Request, parse_message
from tests.kit.sip import A, B, request

SETTINGS = """
lines: {pbx: {type: sip_trunk, host: pbx.example.net}}
outbound_policy: {deny: ["0900*"]}
phones: {"200": {password: secret-200}}
agents:
  anna: {phones: ["200", "tel:0900123", "tel:4711"]}
  ben: {phones: ["tel:0900124"]}
  carl: {phones: ["tel:4712"], enabled: false}
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


@pytest.mark.parametrize("target", ["sips:anna@elsewhere.example", "sip:anna@elsewhere.example;transport=ws"])
def test_nobody_is_called_by_what_we_do_not_open(directory: Directory, target: str) -> None:
    with pytest.raises(NumberNotServedError):
        directory.find(target, None, 0.0)


def test_other_users_are_called_where_they_are(directory: Directory) -> None:
    assert directory.find("sip:anna@elsewhere.example", None, 0.0)[0].line is None


def registered(settings: str = SETTINGS) -> Directory:
    """Phone 200 has two contacts."""
    configured, registrar = parse_settings(settings, None, {}), Registrar(RegistrarLimits())
    for number in (1, 2):
        text = request("REGISTER", call_id=f"r{number}", contact=f"<sip:200@h:{number}>", cseq_method="REGISTER")
        message = parse_message(text)
        assert isinstance(message, Request)
        registrar.register("200", message, Flow("udp", B, A), 0.0)
    return Directory(configured, registrar, LineTable(configured))


def test_an_agent_is_called_on_all_phones_that_are_there_and_may_be_called() -> None:
    directory = registered()
    found = directory.find("agent:anna", None, 1.0)
    assert [(one.phone, one.line, one.agent, one.target) for one in found] == [
        ("200", None, "anna", "agent:anna"),
        ("200", None, "anna", "agent:anna"),
        (None, "pbx", "anna", "agent:anna"),
    ]
    directory.answers = lambda user, binding: binding.contact.uri.port == 2
    assert [one.uri.port for one in directory.find("anna", None, 1.0) if one.phone] == [2]


def test_an_agent_who_is_logged_out_is_not_called() -> None:
    directory = registered()
    directory.takes_calls = lambda agent: agent != "anna"
    assert directory.find("agent:anna", None, 1.0) == []


@pytest.mark.parametrize(
    ("agent", "error"), [("ben", CallForbiddenError), ("carl", NumberNotServedError), ("dora", NumberNotServedError)]
)
def test_an_agent_who_cannot_be_called_is_no_target(agent: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        registered().find(f"agent:{agent}", None, 1.0)
