"""Places that are kept for people who are called back.

One stands in the queue like a caller, with the priority and arrival of who asked for it. When it is his turn, during
the hours of the queue, an agent is held and the person called; once he joins, the agent is rung for him.
"""

from __future__ import annotations

from ivr.center.rules.decisions import CallbackDropped, CallbackOutcome, CallbackOver
from ivr.center.rules.events import CallbackKept
from ivr.center.rules.floor import Floor
from ivr.center.rules.lines import Callback, Entry
from ivr.center.rules.offering import CALLBACK_LEASE, release

__all__ = ["answered", "arm", "cancel", "failed", "finish", "keep", "wake"]

MAX_OF_NUMBER = 3
"""Places that are kept for one number at once: whoever shows the number of somebody else, and asks again and again,
must not have him called all day."""
PUT_OFF = 30.0
"""Seconds after which a call back that could not be placed is due again, doubled each time up to the `retry_after` of
the queue: after a restart telephones and lines are back soon, and what lasts must not occupy agents again and again."""
MOST_DOUBLED = 12
"""Times: then it is more than the longest `retry_after`."""
LOOK_AGAIN = 3600.0
"""Seconds after which a call back that waits is looked at again at the latest: the clock may have been set."""

_COUNTED = {
    "made": "callbacks_made",
    "expired": "callbacks_expired",
    "failed": "callbacks_failed",
    "cancelled": "callbacks_cancelled",
}


def keep(floor: Floor, event: CallbackKept) -> None:
    """A caller wants to be called back."""
    entry = floor.entries.get(event.caller)
    text = why_not(floor, event)
    if text is not None or entry is None:
        queue = "" if entry is None else entry.queue
        floor.out.append(CallbackOver(event.callback, queue, "refused", 0, text or ""))
        return
    line = floor.lines[entry.queue]
    entry.callback = Callback(event.callback, event.number, floor.wall + line.config.callback.expires)
    floor.callbacks[event.callback] = entry
    line.book.add("callbacks_kept")
    floor.changed.update(("callbacks", "queues"))


def why_not(floor: Floor, event: CallbackKept) -> str | None:
    """Why a place cannot be kept, as a sentence."""
    entry = floor.entries.get(event.caller)
    if entry is None or entry.talk is not None:
        return "The caller does not wait."
    if event.callback in floor.callbacks:
        return "There is a call back of this name already."
    if entry.callback is not None:
        return "The caller's place is kept already."
    line = floor.lines[entry.queue]
    kept = sum(other.queue == entry.queue for other in floor.callbacks.values())
    if kept >= line.config.callback.max_waiting:
        return f"The queue {entry.queue} keeps {kept} places already."
    his = sum(
        other.callback is not None and other.callback.number == event.number for other in floor.callbacks.values()
    )
    if his >= MAX_OF_NUMBER:
        return f"{his} places are kept for this number already."
    return None


def arm(floor: Floor, entry: Entry) -> None:
    """Nobody is on the line any more: offer the place when it may be, and give it up when it expires."""
    callback = entry.callback
    assert callback is not None
    line = floor.lines[entry.queue]
    left = callback.expires - floor.wall
    if left <= 0:
        finish(floor, entry, "expired", "It could not be made in time.")
        return
    hours = floor.opening.at(line.config.hours, floor.wall)
    wait = left
    if not hours.open:
        line.close(entry)
        if hours.opens is not None:
            wait = min(wait, hours.opens - floor.wall)
    elif callback.not_before > floor.now:
        line.close(entry)
        wait = min(wait, callback.not_before - floor.now)
    elif entry.lane is None:
        floor.reopen(entry, line)
    floor.wake(("callback", callback.name), floor.now + min(LOOK_AGAIN, max(wait, 0.0)))


def wake(floor: Floor, name: str) -> None:
    """The moment of a call back has come: to be offered, given up, or to have been made by now."""
    entry = floor.callbacks.get(name)
    if entry is None or entry.callback is None or entry.caller:
        return
    if entry.callback.under_way:
        floor.out.append(CallbackDropped(name))
        failed(floor, name, "no answer in time", counted=True)
    else:
        arm(floor, entry)


def answered(floor: Floor, name: str) -> None:
    """The person is on the phone: he joins in a moment."""
    entry = floor.callbacks.get(name)
    if entry is not None and entry.callback is not None and entry.callback.under_way:
        floor.wake(("callback", name), floor.now + CALLBACK_LEASE)


def failed(floor: Floor, name: str, reason: str, *, counted: bool) -> None:
    """Calling back came to nothing; where nobody was called at all it is not `counted`."""
    entry = floor.callbacks.get(name)
    callback = entry.callback if entry is not None else None
    if entry is None or callback is None or not callback.under_way:
        return
    settings = floor.lines[entry.queue].config.callback
    callback.under_way = False
    _free(floor, callback)
    floor.changed.add("callbacks")
    if not counted:
        wait = min(settings.retry_after, PUT_OFF * 2.0 ** min(callback.put_off, MOST_DOUBLED))
        callback.attempts -= 1
        callback.put_off += 1
        callback.not_before = floor.now + wait
        arm(floor, entry)
        return
    callback.put_off = 0
    if callback.attempts >= settings.attempts:
        finish(floor, entry, "failed", f"Called {callback.attempts} times; the last time: {reason or 'no answer'}.")
        return
    callback.not_before = floor.now + settings.retry_after
    arm(floor, entry)


def cancel(floor: Floor, name: str) -> None:
    """Nobody is to be called back."""
    entry = floor.callbacks.get(name)
    if entry is None or entry.callback is None:
        return
    if not entry.caller:
        finish(floor, entry, "cancelled", "")
        return
    del floor.callbacks[name]
    entry.callback = None
    floor.lines[entry.queue].book.add("callbacks_cancelled")
    floor.changed.update(("callbacks", "queues"))
    floor.out.append(CallbackOver(name, entry.queue, "cancelled", 0))


def finish(floor: Floor, entry: Entry, outcome: CallbackOutcome, text: str) -> None:
    """A place that nobody is on the line for is kept no longer."""
    callback = entry.callback
    assert callback is not None
    line = floor.lines[entry.queue]
    del floor.callbacks[callback.name]
    floor.timers.clear(("callback", callback.name))
    line.remove(entry)
    floor.stir(line)
    _free(floor, callback)
    line.book.add(_COUNTED[outcome])
    floor.changed.update(("callbacks", "queues"))
    floor.out.append(CallbackOver(callback.name, line.name, outcome, callback.attempts, text))


def _free(floor: Floor, callback: Callback) -> None:
    agent = floor.agents.get(callback.agent) if callback.agent is not None else None
    if agent is not None and agent.held == callback.name:
        release(floor, agent)
        floor.touch(agent)
    callback.agent = None
