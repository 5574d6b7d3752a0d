"""Enqueue: the caller waits for an agent, and hears the queue's strategy or documents."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ivr.flow.control import literal
from ivr.flow.nesting import inside
from ivr.flow.ports import (
    AgentAnswered,
    Event,
    LookAtQueue,
    QueueDone,
    QueueJoined,
    QueuePosition,
    QueueSeen,
)
from ivr.flow.twiml.document import TwimlError, Verb
from ivr.flow.twiml.making import fixed, made, registered
from ivr.flow.twiml.outcome import OVER, Doing, HangsUp, Leaves
from ivr.flow.twiml.sids import named_sid
from ivr.flow.twiml.talk import Failed, Go, Talk
from ivr.flow.values import VARIABLE

if TYPE_CHECKING:
    from ivr.flow.elements.queue_visit import Meanwhile
    from ivr.flow.session import Session

__all__ = ["enqueue"]

MAX_QUEUE = 64
"""Characters of a queue's name."""
MAX_TASK = 20
"""Attributes of a task that the agent sees."""
MAX_WAIT = 14 * 86_400.0
"""Seconds of a Task's `timeout`."""
DEFAULT_QUEUE = "default"
LOOK_GRACE = 1.0
"""Seconds in which it is known how a queue is; it is at once."""
SHORTEST = 1.0
"""Seconds until a document that says nothing is asked for again."""
WAIT_VERBS = frozenset({"Say", "Play", "Pause", "Gather", "Redirect", "Leave", "Hangup"})
"""What may stand in documents of a waitUrl."""
QUEUE_RESULTS = {
    "forwarded": "bridged",
    "full": "queue-full",
    "key_exit": "leave",
    "max_wait": "leave",
    "cancelled": "redirected",
    "callback_scheduled": "leave",
}
"""QueueResult of the outcomes of a wait; others are `error`."""


def enqueue(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Let the caller wait for an agent."""
    task = next(verb.nouns("Task"), None)
    name = verb.text
    most = verb.get("maxQueueSize").strip()
    if most:
        full = yield from _is_full(talk, name, most)
        if full:
            params = {"QueueResult": "queue-full", "QueueSid": named_sid("QU", name or DEFAULT_QUEUE), "QueueTime": "0"}
            return talk.way(verb, base, params) if verb.get("action") else None
    return (yield from _wait_for_agent(talk, verb, base, entry, name, task))


def _is_full(talk: Talk, queue: str, most: str) -> Generator[float | None, Event | None, bool]:
    if not (most.isascii() and most.isdecimal() and 0 < len(most) < 7):
        talk.notice(14202, "maxQueueSize is a whole number", "Enqueue")
        return False
    seen = yield from _look(talk.ctx, queue or DEFAULT_QUEUE)
    return seen is not None and seen.waiting >= int(most)


def _look(ctx: Session, queue: str) -> Generator[float | None, Event | None, QueueSeen | None]:
    """How a queue is; None: nobody says so."""
    command = LookAtQueue(ctx.next_id(), queue)
    ctx.emit(command)
    until = ctx.now + LOOK_GRACE
    while True:
        event = yield until
        if type(event) is QueueSeen and event.id == command.id:
            return event
        if event is None and ctx.now >= until:
            return None


def _task(talk: Talk, task: Verb) -> dict[str, Any]:
    try:
        found = json.loads(task.text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        talk.notice(14221, "the task's attributes are no JSON object", "Task")
        return {}
    named = [(key, value) for key, value in found.items() if VARIABLE.fullmatch(key)]
    return {key: value for key, value in named[:MAX_TASK] if isinstance(value, (str, int, float))}


class _Wait:
    """A wait, as actions and requests of the waitUrl tell of it."""

    def __init__(self, talk: Talk, queue: str) -> None:
        self._talk = talk
        self._queue = queue
        self._begun = talk.ctx.now
        self._joined: QueueJoined | None = None
        self._position = 1
        self._answered: AgentAnswered | None = None
        self._done: QueueDone | None = None

    def seen(self, event: Event) -> None:
        """An event of the queue."""
        if isinstance(event, QueueJoined):
            self._joined, self._position = event, event.position
        elif isinstance(event, QueuePosition):
            self._position = event.position
        elif isinstance(event, AgentAnswered):
            self._answered = event
        elif isinstance(event, QueueDone):
            self._done = event
            if event.outcome == "agent_lost":  # he waits again
                self._answered = None

    @property
    def queue(self) -> str:
        """Which it is."""
        return self._joined.queue if self._joined is not None else self._queue or DEFAULT_QUEUE

    def result(self, key: str) -> dict[str, str]:
        """Parameters of the action; `key` is what the caller chose."""
        ctx, answered, done = self._talk.ctx, self._answered, self._done
        outcome = "forwarded" if answered is not None else done.outcome if done is not None else "cancelled"
        found = QUEUE_RESULTS.get(outcome, "error")
        if answered is None and (not ctx.up or key == "hang_up"):
            found = "hangup"
        return {
            "QueueResult": found,
            "QueueSid": named_sid("QU", self.queue),
            "QueueTime": str(round(answered.waited if answered is not None else ctx.now - self._begun)),
        }

    def documents(self, url: str, method: Any) -> Meanwhile:
        """What the caller hears: the documents of the waitUrl, again and again."""
        ctx = self._talk.ctx
        talk = Talk(ctx, self._talk.terms, None, secret=self._talk.secret)
        talk.verbs = WAIT_VERBS
        talk.look = lambda: self._look(talk)
        while True:
            at = ctx.now
            outcome = yield from self._talk.aside(talk, Go(url, method))
            match outcome:
                case Failed():
                    return "failed"
                case Leaves():
                    return "leave"
                case HangsUp():
                    return "hang_up"
            while ctx.now < at + SHORTEST:
                yield at + SHORTEST

    def _look(self, talk: Talk) -> Generator[float | None, Event | None, None]:
        """How the wait is now, for the next request."""
        seen = yield from _look(talk.ctx, self.queue)
        talk.more.update(
            QueueSid=named_sid("QU", self.queue),
            QueuePosition=str(self._position),
            QueueTime=str(round(talk.ctx.now - self._begun)),
            AvgQueueTime=str(round(0.0 if seen is None else seen.mean_wait)),
            CurrentQueueSize=str(max(1 if seen is None else seen.waiting, self._position)),
        )


def _wait_for_agent(talk: Talk, verb: Verb, base: str, entry: dict[str, Any], queue: str, task: Verb | None) -> Doing:
    """Let the caller wait in a queue, and speak with an agent."""
    ctx = talk.ctx
    if len(queue) > MAX_QUEUE:
        raise TwimlError(f"the name of a queue has at most {MAX_QUEUE} characters", 13241)
    fields: dict[str, Any] = {"type": "transfer_to_agent", "after": "return"}
    if queue:
        fields["queue"] = literal(queue)
    if task is not None:
        fields["priority"] = int(task.number("priority", 5, 1, 10))
        if metadata := _task(talk, task):
            fields["metadata"] = {name: fixed(value) for name, value in metadata.items()}
        if task.get("timeout"):
            fields["max_wait"] = task.number("timeout", MAX_WAIT, 1.0, MAX_WAIT)
    element = made(registered("transfer_to_agent"), fields)
    wait = _Wait(talk, queue)
    if url := verb.get("waitUrl").strip():
        where = talk.resolve(base, url)
        method = "GET" if verb.get("waitUrlMethod").strip().upper() == "GET" else "POST"
        element = element.hearing(lambda: wait.documents(where, method))

    def result() -> dict[str, str]:
        return wait.result(str((ctx.result or {}).get("key") or ""))

    action = talk.way(verb, base, {}) if verb.get("action") else None
    ctx.answer()
    ctx.set_result({})
    try:
        yield from inside(ctx, entry, element.run(ctx), wait.seen)
    finally:  # a caller who leaves while he waits raises
        if action is not None and not ctx.up:
            talk.tell(action.url, action.method, result(), status="completed")
    if not ctx.up:
        return OVER
    if result()["QueueResult"] == "hangup":
        if action is not None:
            talk.tell(action.url, action.method, result(), status="completed")
        return HangsUp()
    return None if action is None else replace(action, params=result())
