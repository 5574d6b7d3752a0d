"""Those whom a simulated flow calls: whether they answer, who it is, and the pace at which calls may go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ivr.flow import ports
from ivr.flow.sim.others import Others, Scene
from ivr.flow.sim.seen import HIDDEN, Dialled
from ivr.flow.sim.stubs import Answers, CalleeAnswer, CalleeResult

__all__ = ["Dials"]

DEFAULT = CalleeAnswer()
ANSWER_SECONDS = 5.0
"""Until somebody answers, when nobody says otherwise."""
REFUSAL_SECONDS = 1.0
"""Until a phone says that it is busy or declines."""
RING_SECONDS = 0.5
"""Until it rings."""
ANSWERED: frozenset[CalleeResult] = frozenset({"human", "machine", "unknown"})

REFUSALS: dict[str, tuple[int, str]] = {
    "no_answer": (480, "unavailable"),
    "busy": (486, "busy"),
    "declined": (603, "declined"),
    "failed": (503, "congestion"),
}
"""SIP status, and the word for it, that come with a result."""
TIMED_OUT = (487, "no_answer")
"""What becomes of a call that is given up after it has rung for too long."""

TOLD_AFTER = {"human": 1.2, "machine": 2.4, "unknown": 4.0}
"""Seconds from the answer to the decision."""
BEEP_SECONDS = 0.5
"""From the end of a greeting to the end of the beep."""
NO_BEEP_SECONDS = 5.0
"""From the end of a greeting until no beep is expected any more."""
CONFIDENCE = {"human": 0.95, "machine": 0.9, "unknown": 0.0}
KEY_AFTER = 2.0
"""Seconds after the answer at which a person presses the key that is asked for."""

WINDOWS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}


class Dials(Others):
    """The other end of the calls that one flow makes."""

    __slots__ = (
        "_answers",
        "_connect",
        "_paces",
        "_press",
        "_times",
        "command",
        "made",
        "telling",
    )

    def __init__(
        self,
        scene: Scene,
        connect: Callable[[ports.DialAnswered], None],
        press: Callable[[str], None],
        answers: Answers[CalleeAnswer],
        times: tuple[datetime, ...],
    ) -> None:
        """`connect` lets a session begin; `press` has the one called press a key; `times` are those at which the pace
        lets the attempts go."""
        super().__init__(scene)
        self._times = times
        self._connect = connect
        self._press = press
        self._answers = answers
        self._paces: dict[str, tuple[datetime, int]] = {}
        self.command: ports.Dial | None = None
        """The call under way that is not answered yet."""
        self.telling: CalleeResult | None = None
        """Who has answered, while it is not told yet."""
        self.made: list[Dialled] = []
        """All attempts, the one under way last."""

    def reserve(self, command: ports.ReserveDial) -> None:
        """Say when the next call of a pace may go: windows of fixed length, which open with their first call."""
        at = command.earliest
        if command.speed is not None:
            length = timedelta(seconds=WINDOWS[command.speed.per])
            opened, calls = self._paces.get(command.pace, (at - length, 0))
            if at >= opened + length:
                opened, calls = at, 0
            elif calls >= command.speed.calls:
                opened, calls = opened + length, 0
                at = opened
            self._paces[command.pace] = opened, calls + 1
        if len(self.made) < len(self._times):
            at = max(at, self._times[len(self.made)])
        self._soon(ports.DialReserved(command.id, at))

    def dial(self, command: ports.Dial, element: str, key: str | None) -> Dialled:
        """Call somebody; `key` is the one that he is asked to press, if he is."""
        to = HIDDEN if command.secret else command.to
        made = Dialled(self._now, element, to, command.attempt, command.from_, command.line)
        self.made.append(made)
        super()._drop()
        self.command = command
        answer = self._answers.take(element, command.to)
        if answer is None and self._scene.manual:
            self._later(RING_SECONDS, self._scene.feed, ports.DialProgress(command.id, "ringing"))
        else:
            self._plan(command, answer or DEFAULT, key)
        return made

    def _plan(self, command: ports.Dial, answer: CalleeAnswer, key: str | None) -> None:
        result, after = answer.result, answer.after
        if after is None:
            late = command.ring_timeout if result == "no_answer" else REFUSAL_SECONDS
            after = ANSWER_SECONDS if result in ANSWERED else late
        if result != "failed" and after > RING_SECONDS:
            self._later(RING_SECONDS, self._scene.feed, ports.DialProgress(command.id, "ringing"))
        if after >= command.ring_timeout:
            code, word = TIMED_OUT
            done = ports.DialDone(command.id, "no_answer", "known", code, word, answer.line)
            self._later(command.ring_timeout, self._refuse, (answer, done))
        elif result in ANSWERED:
            self._later(after, self._answer, (answer, key))
        else:
            self._later(after, self._refuse, (answer, self._done(command, answer)))

    def _done(self, command: ports.Dial, answer: CalleeAnswer) -> ports.DialDone:
        result: Any = answer.result
        code, word = REFUSALS[result]
        kind: ports.FailureKind = answer.kind if result == "failed" else "known"
        # What has a word of its own never got an answer.
        own = answer.status is not None and answer.sip_code is None
        sip_code = None if own else answer.sip_code or code
        return ports.DialDone(command.id, result, kind, sip_code, answer.status or word, answer.line)

    def _refuse(self, what: tuple[CalleeAnswer, ports.DialDone]) -> None:
        answer, done = what
        self._scene.delivered(answer)
        self._close(done.outcome)
        self._scene.feed(done)

    def _answer(self, what: tuple[CalleeAnswer, str | None]) -> None:
        answer, key = what
        command, made = self.command, self.made[-1]
        assert command is not None
        self._scene.delivered(answer)
        made.outcome, made.answered_at = "answered", self._now
        self._scene.happens("dial_answered", made)
        self.command = None
        self._due = []
        if command.machine_detection != "off" and answer.told:
            self.telling = answer.result
            self._tell_later(command, answer)
        if key is not None and answer.result == "human" and answer.accepts:
            self._later(KEY_AFTER, self._press, key)
        if answer.hangs_up is not None:
            self._later(answer.hangs_up, self._caller_leaves)
        self._connect(ports.DialAnswered(command.id, answer.line or command.line or ""))

    def _tell_later(self, command: ports.Dial, answer: CalleeAnswer) -> None:
        who: Any = answer.result
        seconds, beep = TOLD_AFTER[who], False
        if who == "machine" and command.machine_detection == "beep":
            beep = answer.beep
            seconds = answer.greeting + (BEEP_SECONDS if beep else NO_BEEP_SECONDS)
        found = ports.AnswererFound(command.id, who, CONFIDENCE[who], seconds, beep, "simulated")
        self._later(seconds, self._tell, found)

    def pressed(self) -> None:
        """Who has answered presses a key: that tells."""
        if self.telling is not None:
            self.telling = None
            self.made[-1].answerer = "human"

    def _tell(self, found: ports.AnswererFound) -> None:
        if self.telling is None:
            return
        self.telling = None
        self.made[-1].answerer = found.answerer
        self._scene.feed(found)

    def _close(self, outcome: str) -> None:
        self.made[-1].outcome = outcome
        self._scene.happens("dial_done", self.made[-1])
        self._drop()

    def _drop(self) -> None:
        self.command = self.telling = None
        super()._drop()

    # By hand

    def result(self, answer: CalleeAnswer, key: str | None = None) -> bool:
        """The one called does that now, and presses a key where he is to; False: nobody is being called."""
        command = self.command
        if command is None:
            return False
        super()._drop()
        if answer.result in ANSWERED:
            self._answer((answer, key))
        else:
            self._refuse((answer, self._done(command, answer)))
        return True

    # The end

    def cancel(self, number: int) -> None:
        """The flow gives up."""
        if self.command is not None and self.command.id == number:
            self._close("cancelled")

    def abandon(self) -> None:
        """The session that the call has led to is over."""
        if self.command is None:
            self._drop()
