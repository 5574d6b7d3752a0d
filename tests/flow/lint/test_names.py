"""Names in expressions that stand for nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from ivr.flow.context import _call_record
from ivr.flow.elements import ELEMENTS
from ivr.flow.lint.names import CALL_FIELDS
from ivr.flow.lint.targets import SECTIONS
from ivr.flow.ports import CallInfo
from ivr.settings import Settings
from tests.kit.lint import World, codes, lint

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: keys}
  keys: {type: collect, max_digits: 2, next: %s, branches: {no_match: %s}}
  tag: {type: tag, tags: x, next: say}
  office: {type: hours, calendar: office, next: say, branches: {closed: say}}
  sub: {type: transfer_to_flow, flow: subroutine, return_to: say, branches: {other: say}}
  say: {type: play, text: "{{ %s }}", next: bye}
  bye: {type: hang_up}
"""


def said(after: str, otherwise: str, expression: str) -> list[str]:
    return [each.message for each in lint(FLOW % (after, otherwise, expression)) if each.code in ("V005", "V006")]


def test_results_of_the_last_element_that_gives_some() -> None:
    assert said("say", "say", "result.digits") == []
    assert said("tag", "tag", "result.digits") == []
    assert said("office", "office", "result.digits") == [
        "there is no result.digits here: the last results are those of office"
    ]
    assert said("office", "tag", "result.digits") == []
    assert said("sub", "sub", "result.variables.name") == []
    assert said("sub", "sub", "result.digits") != []


def test_no_results_yet() -> None:
    text = 'elements:\n  start: {type: start_incoming_call, numbers: ["1"], next: say}\n'
    text += '  say: {type: hang_up, prompt: "{{ result.digits }}"}\n'
    assert codes(text) == ["V005"]
    entered = (
        "elements:\n  start: {type: start_from_flow, next: say}\n  say: {type: hang_up, prompt: '{{ result.x }}'}\n"
    )
    assert codes(entered) == []


def test_fields_of_call() -> None:
    assert said("say", "say", "call.from") == []
    assert said("say", "say", "call.form") == ["call has no field form"]


def test_call_has_these_fields() -> None:
    call = CallInfo(id="c", from_="1", to="2", started_at=datetime(2026, 3, 2, tzinfo=UTC))
    assert set(CALL_FIELDS) == set(_call_record(call, (), ""))


def test_values_of_the_configuration() -> None:
    text = FLOW % ("say", "say", "settings.pbx + settings.firma")
    assert [each.mend for each in lint(text) if each.code == "T006"] == ["there are company, pbx"]
    assert "T006" not in [each.code for each in lint(text, World())]


# What elements say of themselves


@pytest.mark.parametrize("name", sorted(ELEMENTS))
def test_results_are_those_of_the_documentation(name: str) -> None:
    model = ELEMENTS[name]
    told = re.search(r"Results: (.*)", " ".join((model.__doc__ or "").split()))
    if told is None:
        assert model.RESULTS in ((), ("variables", "status"))
        return
    fields = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", told[1].partition(".")[0]))
    assert set(fields) <= set(model.RESULTS or ())


@pytest.mark.parametrize("name", sorted(ELEMENTS))
def test_fields_that_are_named_exist(name: str) -> None:
    model = ELEMENTS[name]
    fields = {info.alias or key for key, info in model.model_fields.items()}
    assert fields >= {*model.TARGETS, *model.EXPOSES}


def test_sections_exist() -> None:
    assert Settings.model_fields.keys() >= SECTIONS.keys()
