"""A caller, a media plane and a clock for one flow machine: runs a whole call in virtual time.

    talk = Talk(FLOW)                    # YAML of a flow, or several by name
    talk.start("start")
    talk.wait(2.0); talk.press("1"); talk.finish()
    assert talk.path == ["start", "welcome", "menu", "sales"]

Prompts last `prompt_seconds` each; a recording ends when :meth:`Talk.speak` says so, a forward as `outcomes` say.
"""

from __future__ import annotations

import heapq
from datetime import UTC, datetime
from typing import Any

from ivr.flow.loader import parse_flow
from ivr.flow.machine import Machine
from ivr.flow.model import Flow, FlowSet
from ivr.flow.ports import (
    CallEnded,
    CallInfo,
    CancelForward,
    Cause,
    Command,
    Digit,
    Event,
    Forward,
    ForwardAnswered,
    ForwardDone,
    HangUp,
    Note,
    Play,
    PlayDone,
    Record,
    RecordDone,
    StopPlay,
    StopRecord,
)
from ivr.settings import Limits

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def make_flow(source: str, name: str = "main") -> Flow:
    """A flow from its YAML."""
    return parse_flow(source, name)


class Talk:
    """One call."""

    def __init__(
        self,
        source: str | Flow,
        others: dict[str, str] | FlowSet | None = None,
        *,
        limits: Limits | None = None,
        settings: dict[str, Any] | None = None,
        prompt_seconds: float = 2.0,
        outcomes: list[ForwardDone] | None = None,
        **machine_options: Any,
    ) -> None:
        flow = source if isinstance(source, Flow) else make_flow(source)
        if isinstance(others, FlowSet):
            self.flows = others
        else:
            more = [make_flow(text, name) for name, text in (others or {}).items()]
            self.flows = FlowSet({found.name: found for found in (flow, *more)})
        self.call = CallInfo(id="c1", from_="+15550199", to="100", started_at=NOON, line="pbx", short_id=7)
        self.machine = Machine(flow, self.flows, self.call, settings or {}, limits or Limits(), **machine_options)
        self.now = 1000.0
        self.prompt_seconds = prompt_seconds
        self.outcomes = list(outcomes or [])
        self.log: list[tuple[float, Command]] = []
        self._events: list[tuple[float, int, Event]] = []
        self._order = 0
        self._playing: dict[int, tuple[float, Play]] = {}
        self._recording: dict[int, float] = {}
        self._forwards: dict[int, Forward] = {}

    # What the caller does

    def start(self, entry: str = "start") -> Talk:
        self.machine.start(entry, self.now)
        self._carry_out()
        return self

    def press(self, keys: str, gap: float = 0.3, source: Any = "rfc4733") -> Talk:
        for key in keys:
            self.send(Digit(key, source, self.now, 0.1))
            self.wait(gap)
        return self

    def press_at_once(self, keys: str) -> Talk:
        return self.press(keys, gap=0.0)

    def speak(self, seconds: float, reason: Any = "silence") -> Talk:
        """Record so much, then end the recording."""
        self.wait(seconds)
        for number in list(self._recording):
            self._record_done(number, reason)
        return self

    def hang_up(self, cause: Cause = "user_hung_up") -> Talk:
        self.send(CallEnded(cause))
        for number in list(self._playing):
            self._play_done(number, "stopped")
        return self

    def send(self, event: Event) -> Talk:
        self.machine.receive(event, self.now)
        self._carry_out()
        return self

    def wait(self, seconds: float) -> Talk:
        """Let time pass."""
        self._until(self.now + seconds)
        return self

    def finish(self, longest: float = 100_000.0) -> Talk:
        """Let time pass until the flow is over."""
        end = self.now + longest
        while not self.machine.finished:
            moment = self._next()
            assert moment is not None, f"the flow waits for ever at {self.machine.element}"
            assert moment <= end, f"the flow is still at {self.machine.element}"
            self._until(moment)
        return self

    # What can be asked

    @property
    def path(self) -> list[str]:
        return [step.element for step in self.machine.steps]

    @property
    def branches(self) -> list[str | None]:
        return [step.branch for step in self.machine.steps]

    def details(self, element: str) -> dict[str, Any]:
        return next(step.details for step in reversed(self.machine.steps) if step.element == element)

    def commands(self, kind: type[Any] | None = None) -> list[Any]:
        return [command for _, command in self.log if kind is None or type(command) is kind]

    @property
    def said(self) -> list[str]:
        return [prompt.value for command in self.commands(Play) for prompt in command.prompts]

    @property
    def names(self) -> list[str]:
        return [type(command).__name__ for _, command in self.log if type(command) is not Note]

    @property
    def notes(self) -> list[str]:
        return [command.text for command in self.commands(Note)]

    @property
    def elapsed(self) -> float:
        return round(self.now - 1000.0, 3)

    # Time and media

    def _next(self) -> float | None:
        times = [moment for moment in (self.machine.next_timer(),) if moment is not None]
        if self._events:
            times.append(self._events[0][0])
        return max(min(times), self.now) if times else None

    def _until(self, end: float) -> None:
        while (moment := self._next()) is not None and moment <= end:
            self.now = moment
            if self._events and self._events[0][0] <= moment:
                event = heapq.heappop(self._events)[2]
                if isinstance(event, PlayDone) and event.reason == "completed":
                    self._playing.pop(event.id, None)
                self.machine.receive(event, moment)
            else:
                self.machine.handle_timer(moment)
            self._carry_out()
        self.now = max(self.now, end) if end != float("inf") else self.now

    def _later(self, seconds: float, event: Event) -> None:
        self._order += 1
        heapq.heappush(self._events, (self.now + seconds, self._order, event))

    def _carry_out(self) -> None:
        for command in self.machine.commands():
            self.log.append((self.now, command))
            if isinstance(command, Play):
                for other in list(self._playing):
                    self._play_done(other, "stopped")
                self._playing[command.id] = (self.now, command)
                heard = self.prompt_seconds * len(command.prompts) * command.loop
                if command.loop:
                    self._later(command.pause + heard, PlayDone(command.id, heard))
            elif isinstance(command, StopPlay) and command.id in self._playing:
                self._play_done(command.id, "stopped")
            elif isinstance(command, Record):
                self._recording[command.id] = self.now
            elif isinstance(command, StopRecord) and command.id in self._recording:
                self._record_done(command.id, "stopped")
            elif isinstance(command, Forward):
                self._forward(command)
            elif isinstance(command, CancelForward):
                self._forwards.pop(command.id, None)
            elif isinstance(command, HangUp):
                self._playing.clear()

    def _play_done(self, number: int, reason: Any) -> None:
        started, command = self._playing.pop(number)
        self._events = [entry for entry in self._events if getattr(entry[2], "id", None) != number]
        heapq.heapify(self._events)
        self._later(0.0, PlayDone(number, max(0.0, self.now - started - command.pause), reason))

    def _record_done(self, number: int, reason: Any) -> None:
        started = self._recording.pop(number)
        self._later(0.0, RecordDone(number, f"rec-{number}.wav", self.now - started, reason))
        self.wait(0.0)

    def _forward(self, command: Forward) -> None:
        self._forwards[command.id] = command
        if not self.outcomes:
            return
        done = self.outcomes.pop(0)
        if done.talk_time:
            self._later(1.0, ForwardAnswered(command.id, command.targets[0]))
        self._later(
            1.0 + done.talk_time,
            ForwardDone(command.id, done.outcome, command.targets[0], done.sip_code, done.status, done.talk_time),
        )
