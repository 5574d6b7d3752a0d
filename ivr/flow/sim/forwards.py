"""Forwards of a simulated call: who takes it, when, and who leaves first, as the stubs say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ivr.flow.ports import Event, Forward, ForwardAnswered, ForwardDone, ForwardOutcome, ForwardRinging
from ivr.flow.sim.agenda import Agenda, Due, cancel
from ivr.flow.sim.seen import HIDDEN, Forwarded, HappeningKind
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

CODES: dict[str, tuple[int | None, str]] = {
    "no_answer": (408, "no answer"),
    "busy": (486, "Busy Here"),
    "declined": (603, "Decline"),
    "failed": (503, "Service Unavailable"),
}
"""SIP status and words that come with a result."""

PREFERRED: tuple[ForwardOutcome, ...] = ("busy", "declined", "no_answer", "failed")
"""Of several targets that did not take the call, which one tells the flow most: as in live calls."""


class Forwards:
    """The other parties of one call."""

    __slots__ = (
        "_agenda",
        "_answers",
        "_delivered",
        "_due",
        "_feed",
        "_happens",
        "_leave",
        "_manual",
        "_speech",
        "_target",
        "bridged",
        "command",
        "made",
    )

    def __init__(
        self,
        agenda: Agenda,
        feed: Callable[[Event], None],
        leave: Callable[[], None],
        answers: Answers[ForwardAnswer],
        delivered: Callable[[object], None],
        happens: Callable[[HappeningKind, Any], None],
        speech: SpeechModel,
        manual: bool,
    ) -> None:
        """`leave` hangs the caller up; `delivered` gets each answer that took effect; `happens` what happens."""
        self._agenda = agenda
        self._feed = feed
        self._leave = leave
        self._answers = answers
        self._delivered = delivered
        self._happens = happens
        self._speech = speech
        self._manual = manual
        self._due: list[Due] = []
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
        made = Forwarded(self._agenda.now, element, targets, command.mode, whisper=whisper)
        self.made.append(made)
        self.command = command
        self.bridged = False
        self._due = []
        answer = self._answers.take(element)
        tried = [(target, answer or self._answers.take(target)) for target in command.targets]
        if self._manual and not any(each for _, each in tried):
            self._ring(0.0, command.targets[0])
        else:
            self._plan(command, [(target, each or DEFAULT) for target, each in tried])
        return made

    def _plan(self, command: Forward, tried: list[tuple[str, ForwardAnswer]]) -> None:
        """Put on the agenda what becomes of it."""
        begins = 0.0
        seen: dict[ForwardOutcome, tuple[float, str, ForwardAnswer]] = {}
        taken: tuple[float, str, ForwardAnswer] | None = None
        in_turn = command.ring == "in_turn"
        for target, each in tried:
            result, seconds = self._result(command, each)
            if each.result != "failed" and seconds > 0.0:
                self._ring(begins, target)
            at = begins + seconds
            if result == "answered":
                if taken is None or at < taken[0]:
                    taken = (at, target, each)
                if in_turn:
                    break
            elif result not in seen or at >= seen[result][0]:
                seen[result] = (at, target, each)
            if in_turn:
                begins = at
        if taken is not None:
            self._due.append(self._agenda.later(taken[0], self._taken, taken))
        else:
            outcome = next(outcome for outcome in PREFERRED if outcome in seen)
            last = max(at for at, _, _ in seen.values())
            _, target, each = seen[outcome]
            self._due.append(self._agenda.later(last, self._refused, (outcome, target, each)))

    def _result(self, command: Forward, answer: ForwardAnswer) -> tuple[ForwardResult, float]:
        """What a target does in the end, and after how many seconds."""
        if answer.result == "answered":
            seconds = ANSWER_SECONDS if answer.after is None else answer.after
            if seconds >= command.timeout:
                return "no_answer", command.timeout
            if command.mode == "bridge" and command.whisper is not None:
                seconds += self._speech.seconds(command.whisper) or 0.0
            if command.mode == "bridge" and command.accept_key is not None:
                if not answer.accepts:
                    return "no_answer", seconds + ACCEPT_WAIT
                seconds += ACCEPT_SECONDS
            return "answered", seconds
        if answer.result == "no_answer":
            return "no_answer", command.timeout if answer.after is None else min(answer.after, command.timeout)
        return answer.result, REFUSAL_SECONDS if answer.after is None else min(answer.after, command.timeout)

    def _ring(self, seconds: float, target: str) -> None:
        assert self.command is not None
        self._due.append(self._agenda.later(seconds, self._feed, ForwardRinging(self.command.id, target)))

    def _taken(self, taken: tuple[float, str, ForwardAnswer]) -> None:
        _, target, answer = taken
        self._delivered(answer)
        command = self.command
        assert command is not None
        if self._connect(target):
            talk, leaves = answer.talk, answer.leaves
            if command.max_duration is not None and command.max_duration <= talk:
                talk, leaves = command.max_duration, "called"
            then = self._called_leaves if leaves == "called" else self._caller_leaves
            self._due.append(self._agenda.later(talk, then, None))

    def _connect(self, target: str) -> bool:
        """Somebody takes the call; True where the two talk now."""
        command, made = self.command, self.made[-1]
        assert command is not None
        self._target = target
        made.target = HIDDEN if command.secret else target
        if command.mode == "refer":
            self._finish(ForwardDone(command.id, "forwarded", target, 200, "OK"))
            return False
        made.answered_at = self._agenda.now
        self.bridged = True
        self._happens("forward_answered", made)
        self._feed(ForwardAnswered(command.id, target))
        return self.command is command

    def _refused(self, what: tuple[ForwardOutcome, str, ForwardAnswer]) -> None:
        outcome, target, answer = what
        self._delivered(answer)
        assert self.command is not None
        self.made[-1].target = HIDDEN if self.command.secret else target
        code, words = CODES[outcome]
        if answer.sip_code is not None:
            code = answer.sip_code
        self._finish(ForwardDone(self.command.id, outcome, target, code, words))

    def _called_leaves(self, _: object) -> None:
        command, made = self.command, self.made[-1]
        assert command is not None
        assert made.answered_at is not None
        outcome: ForwardOutcome = "returned" if command.after == "return" else "forwarded"
        talked = self._agenda.now - made.answered_at
        self._finish(ForwardDone(command.id, outcome, self._target, 200, "OK", talked))

    def _caller_leaves(self, _: object) -> None:
        self._leave()

    def _finish(self, done: ForwardDone) -> None:
        self._close(done.outcome, done.talk_time)
        self._feed(done)

    def _close(self, outcome: str, talk_time: float = 0.0) -> None:
        made = self.made[-1]
        made.outcome, made.talk_time = outcome, talk_time
        self._happens("forward_done", made)
        self.command = None
        self.bridged = False
        for due in self._due:
            cancel(due)

    # By hand

    def result(self, result: ForwardResult | Literal["left"]) -> None:
        """The called party does that now; `left`: hangs up after the talk."""
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
            self._refused((result, command.targets[0], DEFAULT))

    # The end

    def cancel(self, number: int) -> None:
        """The flow gives up."""
        command = self.command
        if command is not None and command.id == number:
            talked = self.abandon()
            target = "" if self.made[-1].answered_at is None else self._target
            done = ForwardDone(command.id, "failed", target, None, "cancelled", talked)
            self._agenda.later(0.0, self._feed, done)

    def abandon(self) -> float:
        """The caller is gone: the seconds talked."""
        if self.command is None:
            return 0.0
        answered_at = self.made[-1].answered_at
        talked = 0.0 if answered_at is None else self._agenda.now - answered_at
        self._close("abandoned" if answered_at is None else "forwarded", talked)
        return talked
