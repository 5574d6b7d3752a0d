"""How calls fare that were asked for over the calls resource: told to the StatusCallback of the request.

The feed has all of it: also of calls that nobody answers, or that are forbidden, and which no document ever had.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ivr.feed import Feed, FeedEvent
from ivr.flow.ports import TellApplication
from ivr.flow.twiml import API_VERSION, call_sid, lasted, stamp
from ivr.handoff.letters import Letters
from ivr.settings import StatusEvent
from ivr.store import SEEN, CallRecord

__all__ = ["CallStatuses", "StatusWish"]

MAX_CALLS = 20_000
"""Calls that somebody wants to hear of: more than may wait. The oldest is forgotten first."""
OUTCOMES = {"busy": "busy", "declined": "busy", "no_answer": "no-answer"}
"""CallStatus at the end of a call that nobody answered, by its outcome; others are `failed`."""
STATUSES: Mapping[str, tuple[StatusEvent, str]] = {
    "call.started": ("initiated", "initiated"),
    "call.ringing": ("ringing", "ringing"),
    "call.answered": ("answered", "in-progress"),
}


@dataclass(frozen=True, slots=True)
class StatusWish:
    """What somebody wants to hear of a call that he has asked for."""

    application: str
    """As `application` of requests."""
    account: str
    """AccountSid."""
    url: str
    method: Literal["GET", "POST"] = "POST"
    events: tuple[StatusEvent, ...] = ("completed",)
    from_: str = ""
    to: str = ""


@dataclass(slots=True)
class _Heard:
    wish: StatusWish
    told: int = 0
    seen: set[str] = field(default_factory=set)
    talked: float | None = None
    """Seconds of a call that an earlier run has died with; None: of none."""


class CallStatuses:
    """All such wishes."""

    def __init__(self, feed: Feed, letters: Letters, wall: Callable[[], float]) -> None:
        self._letters = letters
        self._wall = wall
        self._wishes: OrderedDict[str, _Heard] = OrderedDict()
        self.close = feed.listen(self._event)
        """Hear no more."""

    def __len__(self) -> int:
        return len(self._wishes)

    def watch(self, call_id: str, wish: StatusWish) -> None:
        """Tell of a call from now on, until it is over."""
        self._wishes[call_id] = _Heard(wish)
        if len(self._wishes) > MAX_CALLS:
            self._wishes.popitem(last=False)

    def begin(self, wishes: Mapping[str, Mapping[str, Any]], cut_off: Iterable[CallRecord]) -> None:
        """Go on where an earlier run has died: calls that somebody wants to hear of (:func:`asdict` of the wish), by
        their ids, and the records of those that were up."""
        for call_id, wish in wishes.items():
            self.watch(call_id, StatusWish(**{**wish, "events": tuple(wish["events"])}))
        for record in cut_off:
            heard = self._wishes.get(record.id)
            if heard is not None and record.answered_at is not None:
                heard.talked = max(0.0, float(record.details.get(SEEN, record.answered_at)) - record.answered_at)
                heard.seen = set(STATUSES)
                heard.told = len([name for name in heard.wish.events if name != "completed"])

    def _event(self, event: FeedEvent) -> None:
        heard = self._wishes.get(event.call or "")
        if heard is None:
            return
        call_id, data = str(event.call), event.data
        if event.type == "call.ended":
            del self._wishes[call_id]
            answered = bool(data.get("answered")) or heard.talked is not None
            status = "completed" if answered else self._unanswered(data)
            more = lasted(float(data.get("seconds") or heard.talked or 0.0))
            if isinstance(code := data.get("sip_code"), int):
                more["SipResponseCode"] = str(code)
            self._tell(call_id, heard, "completed", status, more)
            return
        found = STATUSES.get(event.type)
        if found is not None and found[0] not in heard.seen:
            heard.seen.add(found[0])
            self._tell(call_id, heard, *found, {})

    @staticmethod
    def _unanswered(data: Mapping[str, Any]) -> str:
        if data.get("cause") == "ended_by_api":
            return "canceled"
        return OUTCOMES.get(str(data.get("outcome")), "failed")

    def _tell(self, call_id: str, heard: _Heard, event: StatusEvent, status: str, more: Mapping[str, str]) -> None:
        wish = heard.wish
        if event not in wish.events:
            return
        params = {
            "CallSid": call_sid(call_id),
            "AccountSid": wish.account,
            "From": wish.from_,
            "To": wish.to,
            "Caller": wish.from_,
            "Called": wish.to,
            "CallStatus": status,
            "ApiVersion": API_VERSION,
            "Direction": "outbound-api",
            **more,
            "CallbackSource": "call-progress-events",
            "Timestamp": stamp(self._wall()),
            "SequenceNumber": str(heard.told),
        }
        heard.told += 1
        command = TellApplication(wish.application, "callback", params, wish.url, wish.method)
        self._letters.callback(call_id, command, wish.url, event)
