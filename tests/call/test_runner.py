"""A machine at work, with a clock of the test and a host that keeps what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from ivr.call.runner import MAX_EVENTS_WAITING, FlowRunner
from ivr.flow import ports
from tests.kit.outside import FakeOutside


class Timer:
    def __init__(self, when: float, then: Callable[[], None]) -> None:
        self.when, self.then, self.cancelled = when, then, False

    def cancel(self) -> None:
        self.cancelled = True


class Bench:
    """Clock and host in one."""

    def __init__(self) -> None:
        self.now = 10.0
        self.timers: list[Timer] = []
        self.executed: list[ports.Command] = []
        self.errors: list[Exception] = []
        self.turns = 0

    def clock(self) -> float:
        return self.now

    def call_at(self, when: float, then: Callable[[], None]) -> Any:
        self.timers.append(Timer(when, then))
        return self.timers[-1]

    def stepped(self) -> None:
        pass

    def execute(self, command: ports.Command) -> None:
        self.executed.append(command)

    def failed(self, error: Exception) -> None:
        self.errors.append(error)

    def turned(self) -> None:
        self.turns += 1


class ScriptedMachine:
    """Answers each event with the commands given for it."""

    def __init__(self, *turns: list[ports.Command]) -> None:
        self.turns = list(turns)
        self.due: list[ports.Command] = []
        self.heard: list[ports.Event] = []
        self.finished = False
        self.timer: float | None = None

    def _turn(self) -> None:
        self.due = self.turns.pop(0) if self.turns else []

    def start(self, entry: str, now: float) -> None:
        self._turn()

    def receive(self, event: ports.Event, now: float) -> None:
        self.heard.append(event)
        self._turn()

    def handle_timer(self, now: float) -> None:
        self._turn()

    def next_timer(self) -> float | None:
        return self.timer

    def commands(self) -> list[ports.Command]:
        due, self.due = self.due, []
        return due


def runner(machine: ScriptedMachine) -> tuple[FlowRunner, Bench, FakeOutside]:
    bench, outside = Bench(), FakeOutside()
    return FlowRunner(cast(Any, machine), bench, bench, outside), bench, outside


def test_commands_about_the_call_go_to_its_host_and_others_outside() -> None:
    asked: list[ports.Command] = [
        ports.Request(1, "GET", "https://example.net/"),
        ports.SendMail(2, ("a@example.net",), "s", "t"),
        ports.UpdateProfile("+1", {"a": 1}),
        ports.DoNotContact("add", "+1"),
    ]
    run, bench, outside = runner(ScriptedMachine([ports.Answer(), *asked, ports.Ring()]))
    run.begin("start")
    assert bench.executed == [ports.Answer(), ports.Ring()]
    assert outside.asked == asked


def test_an_answer_from_outside_reaches_the_machine() -> None:
    machine = ScriptedMachine([ports.Request(1, "GET", "https://example.net/")], [ports.Answer()])
    run, bench, outside = runner(machine)
    run.begin("start")
    done = ports.RequestDone(1, 200)
    outside.answer(done)
    assert machine.heard == [done]
    assert bench.executed == [ports.Answer()]


def test_events_raised_by_a_command_wait_for_their_turn() -> None:
    machine = ScriptedMachine([ports.Answer(), ports.Ring()])
    run, bench, _ = runner(machine)
    seen: list[int] = []

    def execute(command: ports.Command) -> None:
        bench.executed.append(command)
        run.feed(ports.CallAnswered())
        seen.append(len(machine.heard))

    bench.execute = execute  # type: ignore[method-assign]
    run.begin("start")
    assert seen == [0, 0]
    assert len(machine.heard) == 2


def test_a_loop_of_events_is_cut() -> None:
    machine = ScriptedMachine([ports.Answer()])
    run, bench, _ = runner(machine)
    bench.execute = lambda _: [run.feed(ports.CallAnswered()) for _ in range(3 * MAX_EVENTS_WAITING)] and None  # type: ignore[assignment,method-assign]
    run.begin("start")
    assert len(machine.heard) == MAX_EVENTS_WAITING


def test_waits_end_with_the_flow_and_on_request() -> None:
    machine = ScriptedMachine(
        [ports.WaitForEvent(1, "paid"), ports.WaitForEvent(2, "sent"), ports.WaitForEvent(3, "late")],
        [ports.StopWaiting(2), ports.StopWaiting(2)],
        [],
    )
    run, _, outside = runner(machine)
    run.begin("start")
    assert outside.waiting == ["paid", "sent", "late"]
    run.feed(ports.CallAnswered())
    assert outside.waiting == ["paid", "late"]
    machine.finished = True
    run.feed(ports.CallAnswered())
    assert outside.waiting == []


def test_one_timer_at_a_time() -> None:
    machine = ScriptedMachine([], [], [])
    run, bench, _ = runner(machine)
    machine.timer = 12.0
    run.begin("start")
    run.feed(ports.CallAnswered())
    assert [(timer.when, timer.cancelled) for timer in bench.timers] == [(12.0, True), (12.0, False)]
    machine.timer = None
    bench.timers[-1].then()
    assert len(bench.timers) == 2


def test_a_fault_reaches_the_host_and_the_end_is_told() -> None:
    machine = ScriptedMachine([ports.Answer()], [ports.DoNotContact("add", "+1")])
    run, bench, outside = runner(machine)

    def execute(command: ports.Command) -> None:
        raise ValueError("no")

    bench.execute = execute  # type: ignore[method-assign]
    run.begin("start")
    assert [str(error) for error in bench.errors] == ["no"]
    assert run.tell_end("system")
    assert machine.heard == [ports.CallEnded("system")]
    assert outside.asked == [ports.DoNotContact("add", "+1")]


def test_a_machine_that_cannot_be_told_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = ScriptedMachine([ports.WaitForEvent(1, "paid")])
    run, bench, outside = runner(machine)
    machine.timer = 20.0
    run.begin("start")

    def receive(event: ports.Event, now: float) -> None:
        raise ValueError("no")

    monkeypatch.setattr(machine, "receive", receive)
    assert not run.tell_end("system")
    assert run.over
    assert outside.waiting == []
    assert all(timer.cancelled for timer in bench.timers)
