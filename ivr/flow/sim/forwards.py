"""Forwards of a simulated call: who takes it, when, and who leaves first, as the stubs say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ivr.flow.ports import CallRecorded, Forward, ForwardAnswered, ForwardDone, ForwardOutcome, ForwardRinging
from ivr.flow.sim.others import Others, Scene
from ivr.flow.sim.seen import HIDDEN, Forwarded
from ivr.flow.sim.speech import SpeechModel
from ivr.flow.sim.stubs import Answers, ForwardAnswer, ForwardResult

__all__ = ["Forwards"]

DEFAULT = ForwardAnswer()
ANSWER_SECONDS = 5.0
"""Until somebody answers, when nobody says otherwise."""
REFUSAL_SECONDS = 1.0
"""Until a phone says that it is busy or declines."""
ACCEPT_SECONDS = 1.0
"""From the end of the whisper to the accept key."""
ACCEPT_WAIT = 15.0
"""As the live forward waits for the accept key in vain."""

TIMED_OUT = (408, "no answer")
CODES: dict[str, tuple[int, str]] = {
    "answered": (200, "OK"),
    "no_answer": (480, "Temporarily Unavailable"),
    "busy": (486, "Busy Here"),
    "declined": (603, "Decline"),
    "failed": (503, "Service Unavailable"),
}
"""SIP status and words that come with a result."""

PREFERRED: tuple[ForwardOutcome, ...] = ("busy", "declined", "no_answer", "failed")
"""Of several targets that did not take the call, which one tells the flow most: as in live calls."""


@dataclass(frozen=True, slots=True)
class _Try:
    """One target of a forward."""

    at: float
    """When it is over with, from the beginning of the forward."""
    target: str
    answer: ForwardAnswer
    result: ForwardResult
    rings: bool
    code: int
    words: str


class Forwards(Others):
    """The other parties of one call."""

    __slots__ = (
        "_answers",
        "_speech",
        "_target",
        "bridged",
        "command",
        "made",
    )

    def __init__(self, scene: Scene, answers: Answers[ForwardAnswer], speech: SpeechModel) -> None:
        super().__init__(scene)
        self._answers = answers
        self._speech = speech
        self._target = ""
        self.command: Forward | None = None
        """The forward under way."""
        self.bridged = False
        """The two hear each other: keys of the caller are not the flow's."""
        self.made: list[Forwarded] = []
        """All forwards, the one under way last."""

    def start(self, command: Forward, element: str) -> Forwarded:
        """Call the targets."""
        targets = (HIDDEN,) * len(command.targets) if command.secret else command.targets
        whisper = None
        if command.whisper is not None:
            whisper = HIDDEN if command.whisper.sensitive else command.whisper.value
        made = Forwarded(self._now, element, targets, command.mode, whisper=whisper)
        self.made.append(made)
        self.command = command
        self.bridged = False
        self._drop()
        answer = self._answers.take(element)
        first = answer or self._answers.take(command.targets[0])
        if first is None and self._scene.manual:
            self._ring(0.0, command.targets[0])
        else:
            self._plan(command, first or DEFAULT, answer)
        return made

    def _plan(self, command: Forward, first: ForwardAnswer, answer: ForwardAnswer | None) -> None:
        """Put on the agenda what becomes of it: `first` is the answer of the first target, `answer` one for all."""
        tries: list[_Try] = []
        begins = 0.0
        for index, target in enumerate(command.targets):
            own = (answer or self._answers.take(target) or DEFAULT) if index else first
            attempt = self._try(command, target, own, begins)
            if attempt.rings:
                self._ring(begins, target)
            tries.append(attempt)
            if command.ring == "in_turn":
                if attempt.result == "answered":
                    break
                begins = attempt.at
        taken = min((each for each in tries if each.result == "answered"), key=lambda each: each.at, default=None)
        over = taken.at if taken is not None else max(each.at for each in tries)
        for each in tries:
            at = min(each.at, over) if answer is None else over
            self._later(at, self._scene.delivered, each.answer)
        if taken is not None:
            self._later(over, self._taken, taken)
        else:
            outcome = next(outcome for outcome in PREFERRED if any(each.result == outcome for each in tries))
            last = max((each for each in reversed(tries) if each.result == outcome), key=lambda each: each.at)
            self._later(over, self._refused, last)

    def _try(self, command: Forward, target: str, answer: ForwardAnswer, begins: float) -> _Try:
        """What a target does in the end, and when."""
        result, after = answer.result, answer.after
        if after is None:
            late = command.timeout if result == "no_answer" else REFUSAL_SECONDS
            after = ANSWER_SECONDS if result == "answered" else late
        rings = result != "failed" and after > 0.0
        if after >= command.timeout:
            return _Try(begins + command.timeout, target, answer, "no_answer", rings, *TIMED_OUT)
        if result == "answered" and command.mode != "refer":
            if command.whisper is not None:
                after += self._speech.seconds(command.whisper) or 0.0
            if command.accept_key is not None and not answer.accepts:
                return _Try(begins + after + ACCEPT_WAIT, target, answer, "no_answer", rings, *TIMED_OUT)
            if command.accept_key is not None:
                after += ACCEPT_SECONDS
        code, words = CODES[result]
        return _Try(begins + after, target, answer, result, rings, answer.sip_code or code, words)

    def _ring(self, seconds: float, target: str) -> None:
        assert self.command is not None
        self._later(seconds, self._scene.feed, ForwardRinging(self.command.id, target))

    def _taken(self, taken: _Try) -> None:
        command, answer = self.command, taken.answer
        assert command is not None
        if self._connect(taken.target):
            talk, leaves = answer.talk, answer.leaves
            if command.max_duration is not None and command.max_duration <= talk:
                talk, leaves = command.max_duration, "called"
            then = self._called_leaves if leaves == "called" else self._caller_leaves
            self._later(talk, then, None)

    def _connect(self, target: str) -> bool:
        """Somebody takes the call; True where the two talk now."""
        command, made = self.command, self.made[-1]
        assert command is not None
        self._target = target
        made.target = HIDDEN if command.secret else target
        if command.mode == "refer":
            self._finish(ForwardDone(command.id, "forwarded", target, 200, "OK"))
            return False
        made.answered_at = self._now
        self.bridged = True
        self._scene.happens("forward_answered", made)
        self._scene.feed(ForwardAnswered(command.id, target))
        if command.record_name is not None:
            self._scene.feed(CallRecorded(command.id, "begun", self._recording(command)))
        return self.command is command

    def _refused(self, last: _Try) -> None:
        assert self.command is not None
        assert last.result != "answered"
        self.made[-1].target = HIDDEN if self.command.secret else last.target
        self._finish(ForwardDone(self.command.id, last.result, last.target, last.code, last.words))

    def _called_leaves(self, _: object) -> None:
        command, made = self.command, self.made[-1]
        assert command is not None
        assert made.answered_at is not None
        outcome: ForwardOutcome = "returned" if command.after == "return" else "forwarded"
        talked = self._now - made.answered_at
        self._finish(ForwardDone(command.id, outcome, self._target, 200, "OK", talked))

    def _finish(self, done: ForwardDone) -> None:
        self._close(done.outcome, done.talk_time)
        self._scene.feed(done)

    def _close(self, outcome: str, talk_time: float = 0.0) -> None:
        made, command = self.made[-1], self.command
        made.outcome, made.talk_time = outcome, talk_time
        self._scene.happens("forward_done", made)
        if command is not None and command.record_name is not None and self.bridged:
            recorded = CallRecorded(command.id, "done", self._recording(command), command.record_name, talk_time)
            self._soon(recorded)
        self.command = None
        self.bridged = False
        self._drop()

    @staticmethod
    def _recording(command: Forward) -> str:
        return f"forward-{command.id}"

    # By hand

    def result(self, result: ForwardResult | Literal["left"], sip_code: int | None = None) -> None:
        """The called party does that now; `left`: hangs up after the talk. A refusal may have another code."""
        command = self.command
        if command is None:
            return
        if result == "left":
            if self.bridged:
                self._called_leaves(None)
        elif result == "answered":
            if not self.bridged:
                self._connect(command.targets[0])
        elif not self.bridged:
            code, words = CODES[result]
            self._refused(_Try(0.0, command.targets[0], DEFAULT, result, True, sip_code or code, words))

    # The end

    def cancel(self, number: int) -> None:
        """The flow gives up."""
        command = self.command
        if command is not None and command.id == number:
            talked = self.abandon()
            target = "" if self.made[-1].answered_at is None else self._target
            done = ForwardDone(command.id, "failed", target, None, "cancelled", talked)
            self._soon(done)

    def abandon(self) -> float:
        """The caller is gone: the seconds talked."""
        if self.command is None:
            return 0.0
        answered_at = self.made[-1].answered_at
        talked = 0.0 if answered_at is None else self._now - answered_at
        self._close("abandoned" if answered_at is None else "forwarded", talked)
        return talked
