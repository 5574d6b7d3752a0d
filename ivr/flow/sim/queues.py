"""The agent queue of a simulated call: whether the caller may wait, his place, and who takes the call.

Hours and strategies are those of the configuration, so that a case sees what callers will hear; who is there, and when,
is for the stubs to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ivr.flow.calendar import hours_at
from ivr.flow.ports import (
    AgentAnswered,
    AgentRinging,
    DeliverVoicemail,
    JoinQueue,
    JudgeNumber,
    KeepCallback,
    LeaveQueue,
    LookAtQueue,
    NumberJudged,
    QueueDone,
    QueueJoined,
    QueueOutcome,
    QueuePosition,
    QueueSeen,
)
from ivr.flow.sim.others import Others, Scene
from ivr.flow.sim.seen import HIDDEN, LeftMessage, Queued
from ivr.flow.sim.stubs import AgentAnswer, Answers
from ivr.settings import Calendar, Queue, WaitingStrategy

__all__ = ["QueueBook", "Queues", "Route"]

Route = Callable[[Mapping[str, Any], datetime], str | None]
"""What the routes say of the facts of a call; None: none matches."""

RING_SECONDS = 3.0
"""Seconds that an agent's phone rings before he takes it."""

DEFAULT = AgentAnswer()
DEFAULT_QUEUE = "default"


@dataclass(frozen=True, slots=True)
class QueueBook:
    """Queues as they are configured."""

    queues: Mapping[str, Queue] = field(default_factory=dict)
    """By name; none: any name is one."""
    strategies: Mapping[str, WaitingStrategy] = field(default_factory=dict)
    """Waiting strategies by name."""
    route: Route | None = None
    """Where a caller waits for whom the flow names no queue; None: in `default`."""

    def strategy(self, queue: str, wanted: str | None) -> WaitingStrategy:
        """What is heard in a queue; `wanted` is what the flow names."""
        if wanted is not None and wanted in self.strategies:
            return self.strategies[wanted]
        given = self.queues[queue].waiting if queue in self.queues else WaitingStrategy()
        return given if isinstance(given, WaitingStrategy) else self.strategies.get(given, WaitingStrategy())


class Queues(Others):
    """What becomes of the visits of one call."""

    __slots__ = (
        "_answer",
        "_answers",
        "_book",
        "_calendars",
        "_joined_at",
        "_judged",
        "_position",
        "_queue",
        "command",
        "made",
        "messages",
        "strategy",
        "talking",
    )

    def __init__(
        self,
        scene: Scene,
        answers: Answers[AgentAnswer],
        book: QueueBook,
        calendars: Mapping[str, Calendar],
    ) -> None:
        super().__init__(scene)
        self._answers = answers
        self._book = book
        self._calendars = calendars
        self._answer = DEFAULT
        self._queue = ""
        self._joined_at = 0.0
        self._judged = 0
        self._position = 1
        self.command: JoinQueue | None = None
        """The visit under way."""
        self.strategy: WaitingStrategy | None = None
        """What the caller hears; None: he does not wait."""
        self.talking = False
        """An agent and the caller hear each other: keys are not the flow's."""
        self.made: list[Queued] = []
        """All visits, the one under way last."""
        self.messages: list[LeftMessage] = []
        """Messages left for mailboxes."""

    @property
    def callable(self) -> tuple[bool, ...]:
        """Which numbers of who waits can be called (:class:`AgentAnswer`)."""
        return self._answer.callable

    def join(self, command: JoinQueue, element: str) -> Queued:
        """Let the caller wait, or not; told a moment later, in virtual time at once."""
        answer = self._answers.take(element, *([command.queue] if command.queue else ()))
        queue = command.queue or (answer.queue if answer is not None else None) or self._routed(command)
        made = Queued(
            self._now,
            element,
            queue,
            command.packet,
            HIDDEN if command.secret else dict(command.facts),
            command.priority,
            command.origin,
            None if command.whisper is None else HIDDEN if command.whisper.sensitive else command.whisper.value,
        )
        self.made.append(made)
        self.command = command
        self.talking = False
        self._joined_at = self._now
        self._judged = 0
        answer = answer or self._answers.take(queue)
        manual = answer is None and self._scene.manual
        self._answer = answer or DEFAULT
        self._queue = queue
        self._drop()
        self._later(0.0, self._begin, manual)
        return made

    def _routed(self, command: JoinQueue) -> str:
        found = None if self._book.route is None else self._book.route(command.facts, self._scene.wall())
        return found or DEFAULT_QUEUE

    def _begin(self, manual: bool) -> None:
        command, answer = self.command, self._answer
        assert command is not None
        queue = self._queue
        if self._book.queues and queue not in self._book.queues and queue != DEFAULT_QUEUE:
            self._finish("error", text=f"there is no queue {queue}")
            return
        if answer.result in ("closed", "full", "no_agents", "error"):
            self._scene.delivered(answer)
            self._finish(answer.result)
            return
        hours = self._book.queues[queue].hours if queue in self._book.queues else None
        calendar = None if hours is None else self._calendars.get(hours)
        if calendar is not None and answer is DEFAULT and hours_at(calendar, self._scene.wall()).status != "open":
            self._finish("closed")
            return
        self.strategy = answer.strategy or self._book.strategy(queue, command.strategy)
        self._position = answer.position
        self.made[-1].positions.append(answer.position)
        if not manual:
            self._plan(answer)
        self._scene.feed(QueueJoined(command.id, queue, answer.position, self.strategy, answer.estimate))

    def _plan(self, answer: AgentAnswer) -> None:
        for at, position, estimate in answer.positions:
            self._later(at, self._placed, (position, estimate))
        if answer.ends is not None:
            self._later(answer.ends[0], self._left, answer.ends[1])
        if answer.result == "answered":
            rings = max(0.0, answer.after - RING_SECONDS)
            self._later(rings, self._rings, answer.agent)
            self._later(answer.after, self._taken, answer)
        else:
            self._scene.delivered(answer)

    def _placed(self, place: tuple[int, float | None]) -> None:
        self.place(*place)

    def _rings(self, agent: str) -> None:
        if self.command is not None and not self.talking:
            self._scene.feed(AgentRinging(self.command.id, agent))

    def _taken(self, answer: AgentAnswer) -> None:
        self._scene.delivered(answer)
        if self.answered(answer.agent):
            then = self._caller_leaves
            if answer.leaves != "caller":
                then = self._called_leaves if answer.leaves == "called" else self._agent_lost
            longest = None if self.command is None else self.command.max_duration
            if longest is not None and longest <= answer.talk:
                self._later(longest, self._called_leaves)
            else:
                self._later(answer.talk, then)

    def _called_leaves(self, _: object = None) -> None:
        self._finish("forwarded")

    def _agent_lost(self, _: object = None) -> None:
        self._finish("agent_lost")

    # By hand

    def place(self, position: int, estimate: float | None = None) -> bool:
        """The place has changed; False: nobody waits."""
        if self.command is None or self.talking or self.strategy is None:
            return False
        self._position = position
        self.made[-1].positions.append(position)
        self._scene.happens("queue_place", self.made[-1])
        self._scene.feed(QueuePosition(self.command.id, position, estimate))
        return True

    def answered(self, agent: str) -> bool:
        """An agent takes the call now; False: nobody waits."""
        command, made = self.command, self.made[-1] if self.made else None
        if command is None or made is None or self.talking or self.strategy is None:
            return False
        self.talking = True
        made.agent, made.answered_at = agent, self._now
        made.waited = self._now - self._joined_at
        self._scene.happens("agent_answered", made)
        self._scene.feed(AgentAnswered(command.id, agent, made.waited))
        return self.command is command

    def result(self, outcome: QueueOutcome | str) -> bool:
        """The visit ends now, or an agent answers (`answered`) or leaves (`left`); False: it cannot."""
        if self.command is None:
            return False
        if outcome == "answered":
            return self.answered(self._answer.agent)
        if outcome == "left":
            outcome = "forwarded"
        if (outcome == "forwarded") is not self.talking:
            return False
        self._finish(outcome)
        return True

    # The end

    def leave(self, command: LeaveQueue) -> None:
        """The caller wants to wait no more, or (`cancelled`) somebody has taken the call away."""
        if self.command is None or self.command.id != command.id:
            return
        if command.reason == "cancelled":
            done = self._over("forwarded" if self.talking else "cancelled")
            self._soon(done)
        elif not self.talking:
            self._drop()
            self._later(0.0, self._left, command.reason)

    def _left(self, reason: str) -> None:
        self._finish(reason)

    def look(self, command: LookAtQueue) -> None:
        """How many wait there: nobody but who waits here, and those before him."""
        waits = self.command is not None and not self.talking and command.queue == self._queue
        seen = QueueSeen(command.id, self._position if waits else 0)
        self._soon(seen)

    def judge(self, command: JudgeNumber) -> None:
        """Whether he can be called back on a number."""
        answers = self._answer.callable
        found = answers[min(self._judged, len(answers) - 1)] if answers else True
        self._judged += 1
        self._soon(NumberJudged(command.id, found))

    def keep_callback(self, command: KeepCallback) -> None:
        """He is to be called back."""
        if self.command is not None and self.command.id == command.id:
            self.made[-1].callback = command.number

    def message(self, command: DeliverVoicemail, element: str) -> LeftMessage:
        """He has left a message."""
        left = LeftMessage(self._now, element, command.recording, command.seconds, command.queue, command.agent)
        self.messages.append(left)
        return left

    def _finish(self, outcome: str, text: str = "") -> None:
        if self.command is not None:
            self._scene.feed(self._over(outcome, text))

    def _over(self, outcome: str, text: str = "") -> QueueDone:
        """End the visit: what the flow is told of it."""
        command, made = self.command, self.made[-1]
        assert command is not None
        now = self._now
        made.outcome = outcome
        if made.answered_at is None:
            made.waited = now - self._joined_at
        else:
            made.talk_time = now - made.answered_at
        message = self._answer.message
        if message is None and outcome == "closed" and self._queue in self._book.queues:
            message = self._book.queues[self._queue].away
        self._close()
        self._scene.happens("queue_done", made)
        callback = f"callback-{len(self.made)}" if outcome == "callback_scheduled" else ""
        return QueueDone(
            command.id,
            outcome,  # type: ignore[arg-type]
            self._queue,
            made.agent,
            made.talk_time,
            made.waited,
            text,
            callback,
            message,
        )

    def _close(self) -> None:
        self.command = None
        self.strategy = None
        self.talking = False
        self._drop()

    def abandon(self) -> None:
        """The caller is gone."""
        if self.command is None:
            return
        made = self.made[-1]
        now = self._now
        if made.answered_at is None:
            made.outcome, made.waited = "abandoned", now - self._joined_at
        else:
            made.outcome, made.talk_time = "forwarded", now - made.answered_at
        self._close()
        self._scene.happens("queue_done", made)
