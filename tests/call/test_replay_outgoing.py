"""Live calls that flows have placed, run again from their records alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC
from pathlib import Path

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.replay import Replay, read_record, replay
from ivr.flow.sim import configured
from media import Answerer
from tests.kit.house import TRUNK
from tests.kit.placing import Placing

FLOW = """
variables: {name: ""}
elements:
  start: {type: start_from_audience, save: {name: name}, next: call}
  call:
    type: start_outgoing_call
    retry: {times: 1, min_minutes: 10}
    machine_detection: beep
    ring_timeout: 20s
    next: hello
    branches: {voicemail: message, busy: taken, call_ended: failed}
  hello: {type: play, text: "Hello {{ name }}", interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": bye}, branches: {no_input: bye, no_match: bye, user_hung_up: left}}
  message: {type: play, text: message, next: bye}
  bye: {type: hang_up}
  taken: {type: tag, tags: taken}
  failed: {type: tag, tags: "{{ result.status }}"}
  left: {type: tag, tags: left}
"""
NUMBER = "+15550100"


def again(calls: Placing, source: str = FLOW) -> Replay:
    record = json.loads(json.dumps(asdict(calls.record)))
    flow = parse_flow(source, "main")
    recorded = read_record(record, UTC)
    assert recorded.given.caller == NUMBER
    return replay(recorded, flow, FlowSet({"main": flow}), configured(calls.house.settings))


def test_a_busy_phone_and_then_a_person_who_hangs_up(tmp_path: Path) -> None:
    calls = Placing(tmp_path, {"main": FLOW})
    first = calls.house.party(TRUNK)
    calls.contact("main", number=NUMBER, name="Ada")
    first.refuse(486)
    calls.house.run(601)
    first.answer()
    port = calls.house.pool.ports[-1]
    port.say(Answerer(port, "human", 0.9, calls.house.now, True, None, "words"))  # type: ignore[arg-type]
    calls.house.run(0.2)
    port.played()
    calls.house.run(1.0)
    first.hang_up()
    calls.settled()
    assert calls.path == ["start", "call", "hello", "menu", "left"]
    found = again(calls)
    assert found.divergence is None, found
    assert list(found.path) == calls.path


def test_a_machine_that_another_version_does_not_wait_for(tmp_path: Path) -> None:
    calls = Placing(tmp_path, {"main": FLOW})
    callee = calls.house.party(TRUNK)
    calls.contact("main", number=NUMBER, name="Ada")
    callee.answer()
    port, house = calls.house.port, calls.house
    port.say(Answerer(port, "machine", 0.9, house.now, True, house.now, "beep"))  # type: ignore[arg-type]
    house.run(0.2)
    house.play_out()
    calls.settled()
    assert again(calls).divergence is None
    other = FLOW.replace("    machine_detection: beep\n", "").replace("voicemail: message, ", "")
    found = again(calls, other)
    assert found.divergence is not None
    assert found.divergence.element == "call"


def test_nobody_who_answers(tmp_path: Path) -> None:
    calls = Placing(tmp_path, {"main": FLOW})
    callee = calls.house.party(TRUNK)
    calls.contact("main", number=NUMBER, name="Ada")
    callee.refuse(404)
    calls.settled()
    assert calls.path[-1] == "failed"
    found = again(calls)
    assert found.divergence is None, found
    assert calls.record.details["attempts"][0]["status"] == "unknown_number"
