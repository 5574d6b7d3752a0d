"""A key says that a person has answered a call of a flow; who presses none is taken for a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.house import TRUNK
from tests.kit.placing import Placing

FLOW = """
elements:
  start: {type: start_from_audience, next: call}
  call:
    type: start_outgoing_call
    confirm: {prompt: "press 1", key: "1", wait: 3s, attempts: 2}
    next: hello
    branches: {voicemail: message, call_ended: failed}
  hello: {type: play, text: hello, next: bye}
  message: {type: play, text: message, next: bye}
  bye: {type: hang_up}
  failed: {type: tag, tags: "{{ result.status }}"}
"""


@pytest.fixture
def calls(tmp_path: Path) -> Placing:
    calls = Placing(tmp_path, {"main": FLOW})
    callee = calls.house.party(TRUNK)
    calls.contact("main", number="+15550100")
    callee.answer()
    assert calls.house.port.heard() == ["press 1"]
    return calls


def test_the_right_key(calls: Placing) -> None:
    calls.house.press("5")
    calls.house.run(0.2)
    calls.house.press("1")
    calls.house.run(0.2)
    assert calls.house.port.heard()[-1] == "hello"
    calls.house.play_out()
    calls.settled()
    assert calls.path == ["start", "call", "hello", "bye"]


def test_no_key(calls: Placing) -> None:
    calls.house.play_out()
    calls.house.run(3.5)
    assert calls.house.port.playing is not None
    calls.house.play_out()
    calls.house.run(3.5)
    calls.house.play_out()
    calls.settled()
    assert calls.path == ["start", "call", "message", "bye"]
