"""Python CPU of the flow engine for whole calls: `python tests/bench/flow_engine.py [CALLS]`.

Measures the machine alone: construction, every event and command of a call, the trace left behind. No SIP, no sound.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.flow.machine import Machine
from ivr.flow.model import FlowSet
from ivr.flow.ports import CallEnded, CallInfo, Digit, Play, PlayDone
from ivr.settings import Limits
from tests.kit.flow import make_flow

ANSWER_HANG_UP = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bye}
  bye: {type: hang_up}
"""
PLAY = """
variables: {language: en}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: "Hello.", next: bye}
  bye: {type: hang_up}
"""
MENU = """
variables: {language: en, name: ""}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: "For sales press 1.", interruptible: true, next: menu}
  menu: {type: collect, max_digits: 1, save_as: choice, responses: {"1": note, "2": bye}, branches: {no_match: bye}}
  note: {type: set_variable, variables: {name: "{{ call.from + choice }}"}, next: after}
  after: {type: play, text: "Thank you, {{ name }}.", next: bye}
  bye: {type: hang_up}
"""
LIMITS = Limits()
STARTED = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def call(source: str, drive: Callable[[Machine], None]) -> Callable[[], None]:
    flow = make_flow(source)
    flows = FlowSet({"main": flow})

    def one() -> None:
        info = CallInfo(id="c", from_="+15550199", to="100", started_at=STARTED, line="pbx", short_id=7)
        machine = Machine(flow, flows, info, {}, LIMITS)
        machine.start("start", 1000.0)
        machine.commands()
        drive(machine)
        machine.commands()
        assert machine.finished

    return one


def nothing(machine: Machine) -> None:
    pass


def played(machine: Machine) -> None:
    machine.next_timer()
    machine.receive(PlayDone(1, 2.0), 1002.0)


def pressed(machine: Machine) -> None:
    machine.next_timer()
    machine.receive(Digit("1", "rfc4733", 1001.0, 0.1), 1001.0)
    number = next(command.id for command in reversed(machine.commands()) if type(command) is Play)
    machine.next_timer()
    machine.receive(PlayDone(number, 2.0), 1003.0)


def hung_up(machine: Machine) -> None:
    machine.next_timer()
    machine.receive(CallEnded("user_hung_up"), 1001.0)


WORKLOADS: dict[str, Callable[[], None]] = {
    "answer, hang up": call(ANSWER_HANG_UP, nothing),
    "answer, prompt, hang up": call(PLAY, played),
    "answer, prompt, caller hangs up": call(PLAY, hung_up),
    "answer, menu, key, expression, prompt, hang up": call(MENU, pressed),
}


def main(calls: int) -> None:
    print(f"{'call':<50} {'µs CPU per call':>16}")
    for name, one in WORKLOADS.items():
        for _ in range(500):
            one()
        best = float("inf")
        for _ in range(5):
            begun = time.process_time()
            for _ in range(calls):
                one()
            best = min(best, (time.process_time() - begun) / calls)
        print(f"{name:<50} {best * 1e6:>16.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
