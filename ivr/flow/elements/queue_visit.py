"""One caller in the queue: from the wish to join to the moment when he is in it no more.

The visit plays the waiting strategy, takes the caller's keys, asks for the number of a call back, and notices whatever
ends it: an agent, the queue, the longest wait, a key, the end of the call. However it ends, the queue is joined once
and left once, and nothing of it is heard any more.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ivr.flow.elements.base import CallOver
from ivr.flow.elements.callback_number import Asking, ask_number
from ivr.flow.elements.queue_sound import QueueSound
from ivr.flow.elements.telling import left_by
from ivr.flow.packet import Wait
from ivr.flow.ports import (
    AgentAnswered,
    AgentRinging,
    Digit,
    Event,
    JoinQueue,
    KeepCallback,
    LeaveQueue,
    LeaveReason,
    Play,
    PlayDone,
    PromptSpec,
    QueueDone,
    QueueJoined,
    QueuePosition,
)
from ivr.flow.spoken.waiting import phrases_of, rounded_minutes
from ivr.settings import WaitingStrategy

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["Left", "Meanwhile", "QueueVisit"]

JOIN_GRACE = 10.0
"""Seconds in which the queue must say whether the caller may wait; it says so at once."""

LEAVE_GRACE = 5.0
"""Seconds in which the queue must confirm that he is out of it."""

Waiting = Generator[float | None, Event | None, QueueDone]

Meanwhile = Generator[float | None, Event | None, str]
"""What the caller hears instead of the strategy, until it says how he leaves: `leave`, `hang_up`; `failed`: it cannot
be heard, and the strategy is."""

ASIDE_DETAILS = ("status", "digits", "silences", "wrong_inputs", "ignored_keys")
"""What a question writes to the details of its step, which are those of the queue here."""


@dataclass(frozen=True, slots=True)
class Left:
    """How a visit ended."""

    done: QueueDone
    """What the queue says."""
    key: str = ""
    """What the caller chose by a key: `leave`, `voicemail`, `callback`; `hang_up`: what he heard ends his call."""
    number: str = ""
    """Whom the queue calls back."""
    strategy: WaitingStrategy | None = None
    """What he heard; None: he never waited."""


class QueueVisit:
    """What belongs to one visit of one call."""

    __slots__ = (
        "_agent",
        "_at",
        "_callback_first",
        "_command",
        "_ctx",
        "_greeting",
        "_key",
        "_max_wait",
        "_meanwhile",
        "_number",
        "_placed",
        "_queue",
        "_sound",
        "_strategy",
    )

    def __init__(
        self,
        ctx: Session,
        command: JoinQueue,
        max_wait: float | None,
        callback_first: bool,
        meanwhile: Meanwhile | None = None,
        greeting: PromptSpec | None = None,
    ) -> None:
        """`max_wait` is instead of that of the strategy; `callback_first` asks for the call back at once; `meanwhile`
        is heard instead of the strategy, `greeting` instead of its greeting."""
        self._ctx = ctx
        self._command = command
        self._max_wait = max_wait
        self._callback_first = callback_first
        self._meanwhile = meanwhile
        self._greeting = greeting
        self._at = ctx.now
        self._queue = command.queue or ""
        self._key = ""
        self._number = ""
        self._agent = ""
        self._placed: tuple[int, int | None] | None = None
        self._sound: QueueSound | None = None
        self._strategy: WaitingStrategy | None = None

    def run(self) -> Generator[float | None, Event | None, Left]:
        """Join, wait, and be done with it. Where the call ends meanwhile, :class:`CallOver` goes on to the caller of
        this, unless an agent had taken the call: then that is how the visit ended."""
        ctx = self._ctx
        ctx.details["asked_at"] = ctx.offset(ctx.now)
        ctx.emit(self._command)
        try:
            done = yield from self._join()
        except CallOver as over:
            ctx.emit(LeaveQueue(self._command.id, "cancelled"))
            self._remember(self._queue, "abandoned")
            ctx.details["reason"] = left_by(over)
            raise
        except GeneratorExit:  # somebody outside has moved the call
            self._remember(self._queue, "forwarded" if self._agent else "cancelled", self._agent)
            ctx.details["reason"] = "moved"
            raise
        outcome = done.outcome
        self._remember(done.queue or self._queue, outcome, done.agent, done.waited)
        return Left(done, self._key, self._number, self._strategy)

    def _remember(self, queue: str, outcome: str, agent: str = "", waited: float | None = None) -> None:
        ctx = self._ctx
        seconds = round(ctx.now - self._at if waited is None else waited, 3)
        ctx.handed.waited(Wait(queue, seconds, outcome, agent))
        ctx.details.update(outcome=outcome, waited=seconds, done_at=ctx.offset(ctx.now))
        if queue:
            ctx.details["queue"] = queue

    # Joining and waiting

    def _join(self) -> Waiting:
        ctx, deadline = self._ctx, self._ctx.now + JOIN_GRACE
        while True:
            event: Any = yield deadline
            if event is None:
                ctx.emit(LeaveQueue(self._command.id, "cancelled"))
                ctx.note("the queue never said whether the caller may wait", "error")
                return QueueDone(self._command.id, "error", text="lost")
            if not self._ours(event):
                continue
            if type(event) is QueueJoined:
                return (yield from self._wait(event))
            over = self._take(event)
            if over is not None:
                return (yield from self._over(over))

    def _wait(self, joined: QueueJoined) -> Waiting:
        ctx = self._ctx
        self._queue, self._strategy = joined.queue, joined.strategy
        ctx.details["queue"] = joined.queue
        ctx.details["strategy"] = joined.strategy.model_dump(mode="json", exclude_defaults=True)
        self._place(joined)
        sound = self._sound = QueueSound(ctx, joined.strategy, joined.position, joined.estimate)
        longest = joined.strategy.max_wait if self._max_wait is None else self._max_wait
        until = None if longest is None else self._at + longest
        if self._callback_first:
            left = yield from self._call_back_or("cancelled", None)
            assert left is not None
            return left
        if self._meanwhile is not None:
            found = yield from self._hear(self._meanwhile, until)
            if found is not None:
                return found
        sound.begin(self._greeting)
        while True:
            due = sound.due
            event: Any = yield until if due is None or (until is not None and until < due) else due
            kind = type(event)
            if kind is PlayDone:
                sound.done(event)
            elif kind is Digit:
                left = yield from self._pressed(joined.strategy, until)
                if left is not None:
                    return left
            elif event is not None:
                over = self._take(event)
                if over is not None:
                    return (yield from self._over(over))
            if until is not None and ctx.now >= until:
                return (yield from self._leave("max_wait"))
            if event is None:
                sound.go_on()

    def _hear(
        self, meanwhile: Meanwhile, until: float | None
    ) -> Generator[float | None, Event | None, QueueDone | None]:
        """Let the caller hear something else than the strategy: how the visit ended, or None where that cannot be."""
        over, late = None, False
        try:
            due = next(meanwhile)
            while over is None and not late:
                event = yield due if until is None or (due is not None and due < until) else until
                over = self._take(event)
                late = until is not None and self._ctx.now >= until
                if over is None and not late:
                    due = meanwhile.send(event)
        except StopIteration as stop:
            if stop.value == "failed":
                return None
            self._key = stop.value
        finally:
            meanwhile.close()
        if over is not None:
            return (yield from self._over(over))
        return (yield from self._leave("max_wait" if late else "key_exit"))

    def _pressed(
        self, strategy: WaitingStrategy, until: float | None
    ) -> Generator[float | None, Event | None, QueueDone | None]:
        """The caller's keys; how the visit ended where one of them ends it. A call back is asked for to its end, beyond
        the longest wait, but not begun any more once that is over."""
        ctx, keys = self._ctx, strategy.keys
        meanings = {keys.leave: "leave", keys.voicemail: "voicemail", keys.callback: "callback"}
        while ctx.keys and (until is None or ctx.now < until):
            key = ctx.keys.popleft()
            meant = meanings.get(key.digit)
            if meant is None:
                continue
            ctx.trace_key(key, key.digit)
            if meant == "callback":
                left = yield from self._call_back_or(None, until)
                if left is not None:
                    return left
                continue
            self._key = meant
            return (yield from self._leave("key_exit"))
        return None

    # What the queue says

    def _ours(self, event: Any) -> bool:
        kinds = (QueueJoined, QueuePosition, AgentRinging, AgentAnswered, QueueDone)
        return type(event) in kinds and event.id == self._command.id

    def _take(self, event: Any) -> AgentAnswered | QueueDone | None:
        """Take note of an event of the queue; the one that ends the wait."""
        if not self._ours(event):
            return None
        if type(event) is QueuePosition:
            self._place(event)
            if self._sound is not None:
                self._sound.placed(event.position, event.estimate)
        elif type(event) is AgentRinging:
            self._ctx.enter("offers", {"agent": event.agent, "at": self._ctx.offset(self._ctx.now)})
        elif isinstance(event, (AgentAnswered, QueueDone)):
            return event
        return None

    def _place(self, event: QueueJoined | QueuePosition) -> None:
        """Enter a place in the trace, unless nothing of it would be said in other words."""
        ctx = self._ctx
        place = event.position, None if event.estimate is None else rounded_minutes(event.estimate)
        if place == self._placed:
            return
        self._placed = place
        entry: dict[str, Any] = {"position": event.position, "at": ctx.offset(ctx.now)}
        if event.estimate is not None:
            entry["estimate"] = round(event.estimate, 1)
        ctx.enter("positions", entry)

    def _over(self, event: AgentAnswered | QueueDone) -> Waiting:
        """An agent has the call, or the queue is done with it."""
        self._hush()
        if type(event) is AgentAnswered:
            return (yield from self._talk(event))
        assert isinstance(event, QueueDone)
        return event

    def _talk(self, answered: AgentAnswered) -> Waiting:
        ctx = self._ctx
        began = ctx.now
        self._agent = answered.agent
        ctx.details.update(agent=answered.agent, taken_by=answered.agent, answered_at=ctx.offset(began))
        self._key = self._number = ""
        ctx.inputs += 1
        ctx.answer()
        ctx.forwarding = True
        try:
            while True:
                event: Any = yield None
                if type(event) is QueueDone and event.id == self._command.id:
                    waited = event.waited or answered.waited
                    return replace(event, agent=event.agent or answered.agent, waited=waited)
        except CallOver as over:
            if over.cause == "user_hung_up":
                ctx.cause = "forwarded"
                ctx.details["caller_left"] = True
            return QueueDone(
                self._command.id, "forwarded", self._queue, answered.agent, ctx.now - began, answered.waited
            )
        finally:
            ctx.forwarding = False
            ctx.keys.clear()

    # Leaving

    def _leave(self, reason: LeaveReason) -> Waiting:
        """Leave the queue; an agent who was quicker has the call."""
        ctx = self._ctx
        ctx.emit(LeaveQueue(self._command.id, reason))
        self._hush()
        deadline = ctx.now + LEAVE_GRACE
        while True:
            event: Any = yield deadline
            if event is None:
                ctx.note("the queue never said that the caller has left it", "error")
                return QueueDone(self._command.id, reason, self._queue, waited=ctx.now - self._at, text="lost")
            over = self._take(event)
            if over is not None:
                return (yield from self._over(over))

    def _hush(self) -> None:
        """Let nothing of the wait be heard any more."""
        if self._sound is not None:
            self._sound.hush()
        ctx = self._ctx
        playing = ctx.under_way.running(Play, ctx.commands)
        if playing is not None:
            ctx.stop_play(playing)

    # The call back

    def _call_back_or(
        self, otherwise: LeaveReason | None, until: float | None
    ) -> Generator[float | None, Event | None, QueueDone | None]:
        """Ask for the number to call back and leave with it. Without one: leave for `otherwise`, or because the longest
        wait was over meanwhile, or go on waiting."""
        ctx, sound = self._ctx, self._sound
        assert sound is not None
        sound.hush()
        number, over = yield from self._aside(ask_number(ctx))
        for name in ASIDE_DETAILS:
            ctx.details.pop(name, None)
        if over is not None:
            return (yield from self._over(over))
        if number:
            self._key, self._number = "callback", number
            phrases = phrases_of(ctx.language)
            say = PromptSpec("text", phrases.words.called_back, phrases.language)
            ctx.emit(KeepCallback(self._command.id, number, say, ctx.language))
            return (yield from self._leave("callback_scheduled"))
        if otherwise is not None:
            return (yield from self._leave(otherwise))
        if until is not None and ctx.now >= until:
            return (yield from self._leave("max_wait"))
        sound.resume()
        return None

    def _aside(
        self, inner: Asking
    ) -> Generator[float | None, Event | None, tuple[str, AgentAnswered | QueueDone | None]]:
        """Do something else in the queue, without losing sight of it: what came of it, or what ended the wait."""
        try:
            due = next(inner)
            while True:
                event = yield due
                if self._ours(event):
                    over = self._take(event)
                    if over is not None:
                        return "", over
                    continue
                due = inner.send(event)
        except StopIteration as stop:
            return stop.value, None
        finally:
            inner.close()
