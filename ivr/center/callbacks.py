"""Calls people back who asked for that while they waited, when the centre says that it is their turn.

    kept      the place counts in the queue; the store has it
    due       an agent is held, and the person is called as POST /v1/calls calls people: outbound policy, do-not-contact
              list and lines hold for that as for any call
    answered  the person hears a sentence and waits at the place that was kept: the agent who is held rings
    over      made, expired, failed, cancelled, or answered before the caller had hung up: told on the feed

Each call is one attempt: whether and when there is another is for the centre to say, which holds an agent for it. What
it does not want any more (cancelled, given up, too late) is hung up, also while it is being placed.

A crash calls nobody twice: what was about to be called is forgotten, and the centre says again when it is their turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ivr.call.contacts import Wanted
from ivr.call.solo import SoloOutcome
from ivr.center.office import CenterDesk
from ivr.center.rules.decisions import CallbackDropped, CallbackDue, CallbackOver, Decision
from ivr.center.rules.events import CallbackAnswered, CallbackCancelled, CallbackFailed
from ivr.errors import IvrError
from ivr.feed import Feed, FeedEvent
from ivr.flow.ports import KeepCallback
from ivr.flow.spoken.waiting import phrases_of
from ivr.store import KeptWait

__all__ = ["CALLBACK_TEXT", "Callbacks"]

log = logging.getLogger("ivr.center")

CALLBACK_TEXT = phrases_of("en").words.called_back
"""Said where nothing is known of the language."""
RINGS = 40.0
"""Seconds that a phone rings, where the agent is held as long."""
SHORTEST_RING = 10.0
SPARE = 3.0
"""Seconds of the time in which the agent is held that are left for signalling."""
NEVER = {
    "do_not_contact": "the number is on the do-not-contact list",
    "not_permitted": "the outbound policy forbids the number",
    "no_number": "there is no such number",
}
"""Words of calls after which nobody is called again, and what is said of them."""
ONCE = 1.0
"""Seconds in which a call is tried again after faults of our own: never, they are over before its first attempt is."""
UNCALLED = frozenset({"not_registered", "unreachable", "no_response", "interrupted"})
"""Words of attempts that have reached nobody's telephone, besides those of our own faults: no line, no channel, no
media port."""
KIND = "callback_call"
"""Rows of the store: what is to be known of a call back besides what the centre keeps."""

Place = Callable[[Wanted, str | None], Awaitable[tuple[str, str]]]


@dataclass(slots=True)
class _Kept:
    """One call back."""

    say: str = CALLBACK_TEXT
    """Said when the person answers."""
    language: str = ""
    """In which the place is told then; empty: the configured one."""
    origin: str = ""
    """What the agent sees; empty: nothing is known of the first call."""
    guest: bool = False
    """A guest asked for it: calls go as a guest's do."""
    calls: int = 0
    """Placed so far: names the next, so that a crash between two steps places none twice."""
    due: CallbackDue | None = None
    """His turn, which he is called for now."""
    call: str = ""
    """The call that is placed for it."""
    answered: bool = False
    """The person has answered that call."""
    joined: bool = False
    """That call waits in the queue."""


class Callbacks:
    """All of them."""

    def __init__(
        self,
        desk: CenterDesk,
        place: Place,
        stop: Callable[[str], object],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        keep: Callable[[str, str, Any], None],
        clock: Callable[[], float],
        feed: Feed,
    ) -> None:
        """`place` has somebody called, `stop` ends such a call wherever it is, `keep` writes rows of the store, `clock`
        is the time of the centre."""
        self._desk = desk
        self._place = place
        self._stop_call = stop
        self._spawn = spawn
        self._keep = keep
        self._clock = clock
        self._feed = feed
        self._kept: dict[str, _Kept] = {}
        self._calls: dict[str, str] = {}
        """Call back by the id of its call."""
        desk.listeners.append(self._decided)
        self._stop = feed.listen(self._heard)

    def restore(self, rows: Mapping[str, Any]) -> None:
        """Learn what the store knows, before the first call; calls that were about to go do not."""
        known = {caller["callback"] for caller in self._desk.center.callers()}
        for callback, row in rows.items():
            if callback not in known:  # a crash came before the centre's own row was written
                if call := row.get("call"):
                    self._stop_call(str(call))
                self._keep(KIND, callback, None)
                continue
            say, language, origin = (str(row.get(name) or "") for name in ("say", "language", "origin"))
            kept = self._kept[callback] = _Kept(
                say or CALLBACK_TEXT, language, origin, bool(row.get("guest")), int(row.get("calls") or 0)
            )
            if call := row.get("call"):
                self._stop_call(str(call))
                self._write(callback, kept)

    def close(self) -> None:
        """Listen no more."""
        self._stop()

    # What the desk tells

    def kept(self, callback: str, command: KeepCallback, queue: str, origin: str, guest: bool, call: str) -> None:
        """A caller of a queue wants to be called back; the centre has been told. `origin` is what the agent is to
        see."""
        kept = self._kept[callback] = _Kept(command.say.value or CALLBACK_TEXT, command.language, origin, guest)
        self._write(callback, kept)
        self._feed.tell("callback.kept", {"callback": callback, "queue": queue, "attempt": 0}, call)

    def of_call(self, call: str) -> str | None:
        """The call back that a call was placed for, which joins a queue now; None for other calls."""
        callback = self._calls.get(call)
        if callback is not None:
            self._kept[callback].joined = True
        return callback

    def _decided(self, decision: Decision) -> None:
        if isinstance(decision, CallbackDue):
            kept = self._kept.setdefault(decision.callback, _Kept())
            self._give_up(kept)
            kept.due = decision
            self._spawn(self._call(decision, kept))
        elif isinstance(decision, CallbackDropped):
            late = self._kept.get(decision.callback)
            if late is not None:
                self._give_up(late)
        elif isinstance(decision, CallbackOver):
            over = self._kept.pop(decision.callback, None)
            told = {name: value for name, value in asdict(decision).items() if name != "outcome"}
            self._feed.tell(f"callback.{decision.outcome}", told, (over.call or None) if over is not None else None)
            if over is not None:
                # Who has answered meanwhile goes on, and waits like anybody.
                self._give_up(over, spared=over.answered)
                self._keep(KIND, decision.callback, None)

    def _give_up(self, kept: _Kept, *, spared: bool = False) -> None:
        """Nothing more is wanted of what was placed for a call back: it ends, unless it is `spared` or waits by now."""
        call, kept.call, kept.due = kept.call, "", None
        if call:
            self._calls.pop(call, None)
            if not (spared or kept.joined):
                self._stop_call(call)

    def _is_wanted(self, due: CallbackDue, kept: _Kept) -> bool:
        return self._kept.get(due.callback) is kept and kept.due is due

    async def _call(self, due: CallbackDue, kept: _Kept) -> None:
        if not self._is_wanted(due, kept):
            return
        rings = max(SHORTEST_RING, min(RINGS, due.until - self._clock() - SPARE))
        fields: dict[str, Any] = {"ring_timeout": rings, "validity": ONCE}
        if due.sender is not None:
            fields["from"] = due.sender
        wanted = Wanted(
            due.number,
            say=kept.say,
            properties={"language": kept.language, "origin": kept.origin},
            queue=due.queue,
            fields=fields,
            payload={"callback": due.callback, "queue": due.queue},
            guest="" if kept.guest else None,
        )
        try:
            call, _ = await self._place(wanted, f"callback {due.callback} {kept.calls + 1}")
        except asyncio.CancelledError:
            raise
        except IvrError as error:
            log.warning("a call back of queue %s cannot be placed: %s", due.queue, error)
            self._not_placed(due, kept)
            return
        except Exception:
            log.exception("a call back of queue %s cannot be placed", due.queue)
            self._not_placed(due, kept)
            return
        if not self._is_wanted(due, kept):
            self._stop_call(call)
            return
        kept.call, kept.calls = call, kept.calls + 1
        kept.answered = kept.joined = False
        self._calls[call] = due.callback
        self._write(due.callback, kept)
        told = {"callback": due.callback, "queue": due.queue, "attempt": due.attempt}
        self._feed.tell("callback.due", told, call)

    def _not_placed(self, due: CallbackDue, kept: _Kept) -> None:
        if self._is_wanted(due, kept):
            kept.due = None
            self._desk.receive(CallbackFailed(due.callback, "not_placed", counted=False))

    def _write(self, callback: str, kept: _Kept) -> None:
        told = {"say": kept.say, "language": kept.language, "origin": kept.origin}
        self._keep(KIND, callback, {**told, "guest": kept.guest, "calls": kept.calls, "call": kept.call})

    # What becomes of the calls

    def _heard(self, event: FeedEvent) -> None:
        if event.type == "call.answered" and (callback := self._calls.get(event.call or "")) is not None:
            self._kept[callback].answered = True
            self._desk.receive(CallbackAnswered(callback))

    def over(self, wait: KeptWait, outcome: SoloOutcome) -> None:
        """A flow without a caller is over (WaitingFlows.on_over): perhaps that of a call back."""
        callback = self._calls.pop(wait.call_id, None)
        kept = self._kept.get(callback or "")
        if callback is None or kept is None or kept.joined:
            return
        kept.call, kept.due = "", None
        self._write(callback, kept)
        last = outcome.attempts[-1] if outcome.attempts else {}
        word = str(last.get("status") or last.get("outcome") or "failed")
        if (never := NEVER.get(word)) is not None:
            log.info("a call back is given up: %s", never)
            self._desk.receive(CallbackCancelled(callback, word))
        else:
            own = not last or last.get("kind") == "unexplained" or word in UNCALLED
            reason = "hung_up" if word == "answered" else word
            self._desk.receive(CallbackFailed(callback, reason, counted="ringing_at" in last or not own))
