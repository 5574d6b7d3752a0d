"""update_profile and do_not_contact: what is kept of a person."""

from __future__ import annotations

from typing import Any

from ivr.flow.expressions import Sensitive
from ivr.flow.ports import DoNotContact, UpdateProfile
from tests.kit.flow import Talk
from tests.kit.life import Life

FLOW = """
variables: {{name: Anna, pin: "1234", other: "+15550777"}}
sensitive: [pin]
elements:
  start: {{type: start_from_audience, next: keep}}
  keep: {{{fields}, next: read}}
  read: {{type: set_variable, variables: {{found: "{{{{ profile }}}}"}}}}
"""


def keep(fields: str, **options: Any) -> Life:
    return Life(FLOW.format(fields=f"type: update_profile, {fields}"), **options).run()


def test_values_expressions_and_nothing() -> None:
    life = keep(
        'fields: {plan: gold, name: "{{ name }}", visits: "{{ profile.visits + 1 }}", note: null, list: [1, a]}',
        profile={"visits": 2, "note": "old", "kept": True},
    )
    changes = {"plan": "gold", "name": "Anna", "visits": 3, "note": None, "list": [1, "a"]}
    assert life.commands(UpdateProfile) == [UpdateProfile("+15550199", changes)]
    assert life.variables["found"] == {"visits": 3, "kept": True, "plan": "gold", "name": "Anna", "list": [1, "a"]}
    assert life.machine.steps[1].details == {"profile": ["plan", "name", "visits", "note", "list"]}


def test_dates_are_kept_as_text() -> None:
    assert keep('fields: {at: "{{ now }}"}').commands(UpdateProfile)[0].changes == {"at": "2026-03-02T12:00:00+00:00"}


def test_a_value_that_cannot_be_worked_out_leaves_the_field() -> None:
    life = keep('fields: {visits: "{{ 1 / 0 }}", plan: x}', profile={"visits": 2})
    assert life.commands(UpdateProfile) == [UpdateProfile("+15550199", {"plan": "x"})]
    assert life.variables["found"] == {"visits": 2, "plan": "x"}
    assert life.notes == ["fields.visits: division by zero"]
    assert not keep('fields: {visits: "{{ 1 / 0 }}"}').commands(UpdateProfile)


def test_secrets_stay_secret() -> None:
    life = keep('fields: {pin: "{{ pin }}", gone: null}')
    assert life.commands(UpdateProfile) == [
        UpdateProfile("+15550199", {"pin": "1234", "gone": None}, frozenset({"pin"}))
    ]
    assert life.machine.profile == {"pin": Sensitive("1234")}
    assert life.machine.variables["found"] == Sensitive({"pin": "1234"})


def test_of_another_number() -> None:
    life = keep('fields: {plan: x}, number: " {{ other }} "', profile={"plan": "y"})
    assert life.commands(UpdateProfile) == [UpdateProfile("+15550777", {"plan": "x"})]
    assert life.variables["found"] == {"plan": "y"}
    life = keep("fields: {plan: x}", number="")
    assert not life.commands(UpdateProfile)
    assert life.notes == ["update_profile: there is no number whose profile it is"]


def test_of_the_caller() -> None:
    flow = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: keep}
  keep: {type: update_profile, fields: {plan: x}, next: list}
  list: {type: do_not_contact, next: say}
  say: {type: play, text: "{{ profile.plan }}"}
"""
    talk = Talk(flow).start()
    assert talk.commands(UpdateProfile) == [UpdateProfile("+15550199", {"plan": "x"})]
    assert talk.commands(DoNotContact) == [DoNotContact("add", "+15550199")]
    assert talk.said == ["x"]


def test_do_not_contact() -> None:
    def commands(fields: str, **options: Any) -> list[Any]:
        return Life(FLOW.format(fields=f"type: do_not_contact{fields}"), **options).run().commands(DoNotContact)

    assert commands("") == [DoNotContact("add", "+15550199")]
    assert commands(', reason: "asked by {{ name }}"') == [DoNotContact("add", "+15550199", "asked by Anna")]
    assert commands(', reason: "{{ pin }}"') == [DoNotContact("add", "+15550199")]
    assert commands(', action: remove, number: "{{ other }}"') == [DoNotContact("remove", "+15550777")]
    assert commands("", number="") == []
