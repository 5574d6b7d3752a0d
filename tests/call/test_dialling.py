"""The flows that are in no folder: what they are made of, and that nothing from outside stands in their text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ivr.call.dialling import CALLING, built_in, calling_flow
from ivr.errors import FlowLoadError
from tests.kit.house import TRUNK
from tests.kit.placing import Placing

TALK = """
variables: {name: nobody}
elements:
  begin: {type: start_from_flow, next: hello}
  hello: {type: play, text: "Hello {{ name }}.", next: bye}
  bye: {type: hang_up}
"""


class BuiltIn(Placing):
    """Knows flows that are in no folder, as the store's part does."""

    def wake(self, wait: Any) -> None:
        own = built_in(wait.flow, wait.snapshot.get("options"))
        self.flows = self.house.manager.flows.with_versions([own] if own is not None else [])
        super().wake(wait)


def placed(tmp_path: Path, options: dict[str, Any], **properties: Any) -> tuple[BuiltIn, Any]:
    calls = BuiltIn(tmp_path, {"talk": TALK})
    callee = calls.house.party(TRUNK)
    wait = calls.starts.call(options, {"number": "+15550100", **properties}, 0)
    calls.rows[wait.id] = wait
    calls.wake(wait)
    calls.house.run(0.5)
    return calls, callee


def test_a_text_is_said_as_it_is(tmp_path: Path) -> None:
    calls, callee = placed(tmp_path, {"say": True, "fields": {}}, say="{{ settings.company }} & more")
    callee.answer()
    assert calls.house.port.heard() == ["{{ settings.company }} & more"]
    calls.house.play_out()
    calls.settled()
    assert (calls.record.flow, calls.record.cause) == (CALLING, "ended_by_flow")


def test_a_flow_gets_the_call_and_the_variables(tmp_path: Path) -> None:
    calls, callee = placed(tmp_path, {"flow": "talk", "pass": ["name"], "fields": {}}, name="Anna {{ now }}")
    callee.answer()
    assert calls.house.port.heard() == ["Hello Anna {{ now }}."]
    calls.house.play_out()
    calls.settled()
    assert calls.path == ["start", "dial", "talk", "begin", "hello", "bye"]


def test_nothing_is_said(tmp_path: Path) -> None:
    calls, callee = placed(tmp_path, {"say": False, "fields": {"ring_timeout": 5.0}})
    callee.answer()
    calls.settled()
    assert calls.record.answered_at is not None


def test_a_flow_that_is_no_more_ends_the_call(tmp_path: Path) -> None:
    calls, callee = placed(tmp_path, {"flow": "gone", "pass": [], "fields": {}})
    callee.answer()
    calls.settled()
    assert calls.record.path[-1]["element"] == "talk"


def test_a_message_is_left_on_a_machine() -> None:
    flow = calling_flow(json.dumps({"say": True, "fields": {"machine_detection": "beep"}}))
    assert flow.elements["dial"].targets["voicemail"] == "talk"


@pytest.mark.parametrize("fields", [{"ring_timeout": -1}, {"no_such": 1}, {"machine_detection": "x"}])
def test_fields_that_do_not_hold(fields: dict[str, Any]) -> None:
    with pytest.raises(FlowLoadError):
        calling_flow(json.dumps({"say": True, "fields": fields}))


def test_flows_of_the_folder_are_not_built_in() -> None:
    assert built_in("talk", {"say": True}) is None
    assert built_in(CALLING, None) is None


def test_who_is_called_back_waits_in_his_language_and_agents_see_what_it_was_about() -> None:
    flow = calling_flow(json.dumps({"say": True, "queue": "sales", "fields": {}}))
    assert {"say", "language", "origin"} <= flow.variables.keys()
    assert flow.elements["queue"].origin.source == "{{ origin }}"
