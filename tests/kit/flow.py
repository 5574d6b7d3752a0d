"""A simulated call as tests of elements drive it: by hand, with prompts of one length.

    talk = Talk(FLOW)                    # YAML of a flow, or several by name
    talk.start("start")
    talk.wait(2.0); talk.press("1"); talk.finish()
    assert talk.path == ["start", "welcome", "menu", "sales"]

Prompts last `prompt_seconds` each; a forward ends as `outcomes` say, one after the other, and rings on when there is
none left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from ivr.flow.loader import parse_flow
from ivr.flow.machine import Machine
from ivr.flow.model import Flow, FlowSet
from ivr.flow.ports import Cause, Command, Event, ForwardDone, Note, Play
from ivr.flow.sim import MONDAY_NOON as NOON
from ivr.flow.sim import ForwardAnswer, Given, SimulatedCall, SpeechModel, Stubs
from ivr.flow.sim.agenda import cancel
from ivr.flow.sim.stubs import ForwardResult
from ivr.settings import Limits

__all__ = ["NOON", "Talk", "make_flow"]

RINGING = 1.0
"""Seconds until a called party does what `outcomes` say."""


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
        profile: Mapping[str, Any] | None = None,
        **machine_options: Any,
    ) -> None:
        flow = source if isinstance(source, Flow) else make_flow(source)
        if isinstance(others, FlowSet):
            self.flows = others
        else:
            more = [make_flow(text, name) for name, text in (others or {}).items()]
            self.flows = FlowSet({found.name: found for found in (flow, *more)})
        self._flow = flow
        self._given = Given(line="pbx", called="100", seed=6, profile=profile or {})
        self._options: dict[str, Any] = {
            "limits": limits,
            "settings": settings,
            "speech": SpeechModel(fixed=prompt_seconds),
            **machine_options,
        }
        self._stubs = Stubs(forwards=tuple(map(_answer, outcomes or [])), manual=True)
        self.call: SimulatedCall

    # What the caller does

    def start(self, entry: str = "start") -> Talk:
        given = replace(self._given, entry=entry)
        self.call = SimulatedCall(self._flow, self.flows, given, self._stubs, **self._options).start()
        return self

    def press(self, keys: str, gap: float = 0.3, source: Any = "rfc4733") -> Talk:
        for key in keys:
            self.call.press(key, source=source)
            self.wait(gap)
        return self

    def press_at_once(self, keys: str) -> Talk:
        return self.press(keys, gap=0.0)

    def speak(self, seconds: float) -> Talk:
        """Speak to the recorder, which begins after its beep, and wait until silence ends the recording."""
        self._advance_until(True)
        self.call.speak(seconds)
        return self._advance_until(False)

    def _advance_until(self, recording: bool) -> Talk:
        while self.call.recording is not recording:
            assert self.call.advance()
        return self

    def hang_up(self, cause: Cause = "user_hung_up") -> Talk:
        self.call.hang_up(cause)
        return self.wait(0.0)

    def send(self, event: Event) -> Talk:
        self.call.send(event)
        return self

    def wait(self, seconds: float) -> Talk:
        """Let time pass."""
        self.call.wait(seconds)
        return self

    def finish(self, longest: float = 100_000.0) -> Talk:
        """Let time pass until the flow is over."""
        end = self.call.now + longest
        while not self.machine.finished:
            moment = self.call.next_moment()
            assert moment is not None, f"the flow waits for ever at {self.machine.element}"
            assert moment <= end, f"the flow is still at {self.machine.element}"
            self.call.advance()
        return self

    def lose_recording(self) -> Talk:
        """The recorder dies without a word."""
        sound = self.call._sound
        assert sound.recording is not None
        cancel(sound.recording.end)
        sound.recording = None
        return self

    # What can be asked

    @property
    def machine(self) -> Machine:
        return self.call.machine

    @property
    def now(self) -> float:
        return self.call.now

    @property
    def path(self) -> list[str]:
        return self.call.path

    @property
    def branches(self) -> list[str | None]:
        return [step.branch for step in self.machine.steps]

    def details(self, element: str) -> dict[str, Any]:
        return next(step.details for step in reversed(self.machine.steps) if step.element == element)

    @property
    def log(self) -> list[tuple[float, Command]]:
        return self.call.log

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
        return round(self.now, 3)


def _answer(done: ForwardDone) -> ForwardAnswer:
    """What makes a forward come to that end."""
    if done.outcome in get_args(ForwardResult):
        return ForwardAnswer("*", done.outcome, RINGING, sip_code=done.sip_code, times=1)  # type: ignore[arg-type]
    return ForwardAnswer("*", "answered", RINGING, done.talk_time, times=1)
