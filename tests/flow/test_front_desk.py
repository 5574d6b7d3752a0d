"""The example front desk: every way through it, as callers walk it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.flow.loader import load_folder
from ivr.flow.model import Flow
from ivr.flow.ports import Forward, ForwardDone, Play, Record
from ivr.settings import Settings
from tests.kit.flow import Talk

ROOT = Path(__file__).resolve().parents[2]
FLOWS = load_folder(ROOT / "config" / "flows", Settings())
SPOKEN_CHARACTERS = 160
"""Longer prompts are not remembered to their end."""


def dial(number: str, **options: Any) -> Talk:
    found = FLOWS.find(number)
    assert found is not None
    flow, entry = found
    return Talk(flow, FLOWS, **options).start(entry)


def english(number: str, **options: Any) -> Talk:
    return dial(number, **options).wait(1.0).press("1").wait(0.5)


def test_the_numbers() -> None:
    assert {entry.number for entry in FLOWS.published} == {"100", "101", "102", "103"}


def test_prompts_are_short_and_there_in_both_languages() -> None:
    for flow in FLOWS.values():
        texts = flow.variables.get("texts", {})
        if texts:
            assert set(texts) == {"en", "de"}
            assert set(texts["en"]) == set(texts["de"])
        for language in texts.values():
            for text in language.values():
                assert len(text) <= SPOKEN_CHARACTERS


def test_only_the_ends_of_subroutines_lead_nowhere() -> None:
    inserted = {(flow.name, edge.source) for flow in FLOWS.values() for edge in flow.inserted}
    assert inserted == {
        ("language", "set_english"),
        ("language", "set_german"),
        ("balance", "balance"),
    }


def test_a_silent_caller_is_let_go_politely() -> None:
    call = dial("100").finish()
    assert call.path[-1] == "goodbye"
    assert call.said[-1] == "Thank you for calling. Goodbye."
    assert call.elapsed < 60
    assert call.notes == []


def test_sales_is_forwarded_to_the_phone() -> None:
    call = english("100", outcomes=[ForwardDone(0, "forwarded", "", 200, "OK", 60.0)]).press("1").finish()
    assert call.commands(Forward)[0].targets == ("phone:200",)
    assert call.machine.cause == "forwarded"


@pytest.mark.parametrize("outcome", ["no_answer", "busy", "declined", "failed"])
def test_nobody_there_leads_to_the_voicemail(outcome: Any) -> None:
    call = english("100", outcomes=[ForwardDone(0, outcome, "", 480, "")]).press("1").wait(10.0)
    assert len(call.commands(Record)) == 1
    call.speak(5.0).wait(0.5).press("1").wait(0.5).press("3").finish()
    assert any(prompt.kind == "recording" for play in call.commands(Play) for prompt in play.prompts)
    assert call.said[-1] == "Your message is saved. Thank you for calling. Goodbye."


def test_german() -> None:
    call = dial("100").wait(2.5).press("2").wait(1.0).press("2").wait(1.0)
    assert call.said[-1].startswith("Wir sind montags")
    assert call.commands(Play)[-1].prompts[0].language == "de"


def test_opening_hours_lead_back_to_the_menu() -> None:
    call = english("100").press("2").wait(2.5)
    assert call.machine.element == "menu_text"


def test_survey() -> None:
    call = english("101").wait(2.0).press("4").wait(1.0).press("9").wait(3.0).press("5").wait(1.0).press("1").finish()
    variables = call.machine.variables
    assert (variables["friendly"], variables["quick"], variables["recommend"]) == ("4", "5", "1")
    call = english("100").press("4").finish()
    assert call.said[-1].startswith("Your answers are saved")


def test_balance_with_the_right_pin() -> None:
    call = english("102").press("1001", gap=0.2).wait(0.5).press("2468", gap=0.2).wait(1.0)
    assert call.said[-1] == "Your balance is one thousand two hundred and four euros and fifty cents."
    call.finish()
    assert call.machine.cause == "ended_by_flow"
    call = english("100").press("3").wait(0.5).press("1002", gap=0.2).wait(0.5).press("1357", gap=0.2).wait(1.0)
    assert call.said[-1] == "Your balance is eighty-six euros."
    call.wait(2.0)
    assert call.machine.element == "menu_text"


def test_three_wrong_pins_end_the_call_and_no_pin_is_kept() -> None:
    call = english("102")
    for _ in range(3):
        call.press("1001", gap=0.2).wait(0.5).press("9753", gap=0.2).wait(2.5)
    call.finish()
    assert call.path[-1] == "locked"
    kept = repr(call.machine.path()) + repr(call.machine.digits()) + repr(call.machine.variables.get("pin"))
    assert "9753" not in kept
    assert "1001" not in kept


def test_voicemail_without_a_word() -> None:
    call = english("103").wait(1.2).speak(0.3).finish()
    assert "I did not hear a message." in call.said
    assert call.path[-1] == "goodbye"


def test_hanging_up_anywhere_ends_the_flow_at_once() -> None:
    whole = english("102").press("1001", gap=0.2).press("2468", gap=0.2).finish().elapsed
    moment = 0.0
    while moment < whole:
        call = dial("102").wait(min(moment, 1.0))
        call = call.press("1").press("1001", gap=0.2) if moment > 1 else call
        call.wait(max(0.0, moment - 2.0))
        if not call.machine.finished:
            call.hang_up()
            assert call.machine.finished
            assert call.machine.cause == "user_hung_up"
        moment += 0.7


def test_load_harness_flows() -> None:
    flows = load_folder(ROOT / "tests" / "bench" / "flows", Settings())
    assert {entry.number for entry in flows.published} == {
        "100",
        "101",
        "200",
        "201",
        "300",
        "301",
        "400",
        "401",
        "600",
    }
    assert all(isinstance(flow, Flow) for flow in flows.values())
    found = flows.find("300")
    assert found is not None
    call = Talk(found[0], flows).start(found[1]).wait(0.5).press("1").finish()
    assert call.said == ["menu10.ulaw", "after5.ulaw"]
    for number in ("101", "600"):
        found = flows.find(number)
        assert found is not None
        quiet = Talk(found[0], flows).start(found[1]).wait(3600.0)
        assert quiet.names == ["Answer"]
        assert quiet.hang_up().machine.finished
