"""What is kept of a call while it runs, and the record made of it at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ivr.call.figures import CallFigures
from ivr.feed import Feed
from ivr.flow import ports
from ivr.settings import HostPort
from ivr.sip.negotiate import Agreed
from ivr.store import LAST_WORDS, RUNNING, SEEN, STATUS_CALLBACK, CallRecord, RecordingRecord, Store, shown_details
from media import Stats

if TYPE_CHECKING:
    from ivr.call.forward import Forwarding
    from ivr.flow.machine import Machine

log = logging.getLogger("ivr.call")

Measured = Callable[[CallRecord, CallFigures, Stats | None], None]
"""Takes the record of a call that is over, what its caller waited for, and the figures of its sound."""

HIDDEN = "(sensitive)"
"""Stands for what must be in no record."""


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the call's id before every line."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        return f"call {(self.extra or {}).get('call')}: {msg}", kwargs


class CallReport:
    """Times and results of one call. `store` takes the finished record without blocking."""

    def __init__(
        self, store: Store, record: CallRecord, measured: Measured = lambda record, figures, stats: None
    ) -> None:
        """`measured` hears of the finished record, too."""
        self._store = store
        self._record = record
        self._measured = measured
        self.figures = CallFigures(time.monotonic)
        self._answered_at: float | None = None
        self._ended_at: float | None = None
        self._cause: str | None = None
        self._settled = False
        self._hand_offs: list[dict[str, Any]] = []
        self._faults: list[str] = []
        self._transfers: list[dict[str, Any]] = []
        self._media: dict[str, Any] = {}
        self.sip_status: int | None = None
        self.last_words: dict[str, dict[str, Any]] = {}
        """What applications are to be told where the daemon dies with the call."""
        self._feed: Feed | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called when there is more to tell of the call than before."""
        self._place: object = None
        """The step that the feed was told of last."""
        self.log = CallLog(log, {"call": record.id})

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def event_key(self) -> str:
        """Names the end of this call among all ends of calls."""
        return self._record.id

    @property
    def short_id(self) -> int:
        return self._record.short_id

    @property
    def version(self) -> tuple[str, int | None]:
        """Flow that the call began with, and number of its version."""
        return self._record.flow or "", self._record.flow_number

    @property
    def cause(self) -> str | None:
        return self._cause

    # What the feed is told: no digits, and nothing that a flow calls sensitive

    def begin(self, feed: Feed) -> None:
        """The call exists; `feed` hears of it from now on."""
        self._feed = feed
        self.tell("call.started", self._named())

    def tell(self, what: str, data: Mapping[str, Any]) -> None:
        """Tell the feed of something in this call."""
        self.on_change()
        if self._feed is not None:
            self._feed.tell(what, {"short_id": self._record.short_id, **data}, self._record.id)

    def promise(self, key: str, word: dict[str, Any]) -> None:
        """Have an application told where the daemon dies with the call."""
        self.last_words[key] = word
        self.on_change()

    @property
    def awaited(self) -> bool:
        """Somebody is to hear of its end, also where the daemon dies with the call."""
        return bool(self.last_words) or STATUS_CALLBACK in self._record.details

    def waits(self, machine: Machine) -> None:
        """The flow waits in an element, or is about to: the feed is told where the call is now, once for each step, and
        before what is done there."""
        if machine.steps and machine.steps[-1] is not self._place and not machine.finished:
            self._place = step = machine.steps[-1]
            self.tell("call.element", {"flow": step.flow, "element": step.element, "type": step.type})

    def closed(self) -> None:
        """All that is said of the end is known."""
        if self._cause is not None:
            self.log.info("over, %s", self._cause)
        self.tell("call.ended", {**self.summary(), **self._named()})

    def _named(self) -> dict[str, Any]:
        return _named(self._record)

    def recorded(self, recordings: Iterable[RecordingRecord]) -> None:
        """Files are complete, and are kept."""
        for row in recordings:
            self._store.writer.recording(row)
            self.tell("recording.ready", recording_of(row))

    def answered(self, at: float) -> None:
        """The caller's call is answered."""
        self._answered_at = at
        self.sip_status = 200
        self.figures.take_answer()
        self.tell("call.answered", {})

    def over(self, cause: str, at: float) -> None:
        """The session is over; the first cause stays, but for what the flow makes of it."""
        if self._cause is None:
            self._cause = cause
            self._ended_at = at
            self.figures.take_end()

    def settle(self, cause: str | None) -> None:
        """The flow has heard of the end: what that is to it (`forwarded`, `transferred`) is the cause. Heard once: a
        flow that goes on without its caller may have further ends."""
        if cause is not None and self._cause is not None and not self._settled:
            self._cause, self._settled = cause, True

    def hand_off(self, done: ports.ForwardDone, at: float, secret: bool = False) -> None:
        """A forward came back or was taken; a `secret` target is not named."""
        found = {
            "target": HIDDEN if secret and done.target else done.target,
            "outcome": done.outcome,
            "sip_code": done.sip_code,
            "status": done.status,
            "talk_time": round(done.talk_time, 3),
            "ended_at": at,
        }
        self._hand_offs.append(found)
        self.tell("call.forwarded", found)

    def handed_over(self, found: dict[str, Any]) -> None:
        """A desk has given the call back; `found` has `target`, `outcome`, `talk_time` and `ended_at` as all have."""
        self._hand_offs.append(found)

    def disposed(self, agent: str, disposition: str) -> None:
        """An agent of a queue says how his conversation in this call ended."""
        for found in reversed(self._hand_offs):
            if found.get("agent") == agent and str(found.get("target")).startswith("queue:"):
                found["disposition"] = disposition
                return

    def abandoned(self, forward: Forwarding, talked: float, at: float) -> None:
        """The caller left while a forward was under way."""
        bridged = forward.bridged
        named = bridged.target if bridged else ", ".join(forward.command.targets)
        found = {
            "target": HIDDEN if forward.command.secret else named,
            "outcome": "forwarded" if bridged else "abandoned",
            "talk_time": round(talked, 3),
            "ended_at": at,
        }
        self._hand_offs.append(found)
        self.tell("call.forwarded", found)

    def transferred(self, by: str, status: int, attended: bool, at: float) -> None:
        """A transfer that a peer asked for (`by` the caller or the one called) is decided."""
        found = {"by": by, "status": status, "attended": attended, "at": at}
        self._transfers.append(found)
        self.tell("call.transferred", found)

    def signalled(self, agreed: Agreed) -> None:
        """What offer and answer came to."""
        self._media = {
            "codec": agreed.codec,
            "ptime": agreed.ptime,
            "keys": "inband" if agreed.event_type_in is None else "rfc4733",
            "srtp": None if agreed.crypto_out is None else agreed.crypto_out.suite,
            "remote": str(HostPort(agreed.remote_host, agreed.remote_port)) if agreed.remote_host else None,
        }

    def fault(self, text: str) -> None:
        """Something that did not work and did not end the call."""
        self._faults.append(text)
        self.log.warning("%s", text)

    def progress(self) -> str:
        """How far the call is: `ringing`, `answered` or `ended`."""
        if self._ended_at is not None:
            return "ended"
        return "ringing" if self._answered_at is None else "answered"

    def snapshot(self, machine: Machine) -> dict[str, Any]:
        """The call as a row of the calls in progress."""
        record = self._record
        step = machine.steps[-1] if machine.steps and not machine.finished else None
        return {
            "id": record.id,
            "short_id": record.short_id,
            "direction": record.direction,
            "line": record.line,
            "caller": record.caller,
            "called": record.called,
            "flow": record.flow,
            "flow_version": record.flow_version,
            "flow_number": record.flow_number,
            "element": machine.element,
            "element_type": None if step is None else step.type,
            "element_flow": None if step is None else step.flow,
            "party": None if step is None else _party(step.details),
            "started_at": record.started_at,
            "answered_at": self._answered_at,
        }

    def summary(self) -> dict[str, Any]:
        """The call that is over, as the event of its end tells of it."""
        over = replace(self._record, answered_at=self._answered_at, ended_at=self._ended_at, cause=self._cause)
        return summary_of(over)

    def record(self, machine: Machine, stats: Stats | None) -> CallRecord:
        """The record as far as it is known now, for whoever may see the call."""
        details = {**shown_details(self._record.details), **machine.origin()}
        if self._media:
            details["media"] = self._media
        if machine.fault is not None:
            details["fault"] = machine.fault
        if self._faults:
            details["faults"] = self._faults
        if self._transfers:
            details["transfers"] = self._transfers
        return replace(
            self._record,
            answered_at=self._answered_at,
            ended_at=self._ended_at,
            cause=self._cause or machine.cause,
            sip_status=self.sip_status,
            path=machine.path(),
            digits=machine.digits(),
            hand_offs=self._hand_offs,
            quality={} if stats is None else _quality(stats),
            details=details,
        )

    def so_far(self, machine: Machine, at: float, recordings: list[dict[str, Any]]) -> CallRecord:
        """The record of a call that is up, for who finds it after a crash; nothing of it changes any more. `recordings`
        are those in progress."""
        record = self.record(machine, None)
        details = deepcopy(record.details)
        details[SEEN] = round(at, 3)
        if recordings:
            details[RUNNING] = recordings
        if STATUS_CALLBACK in self._record.details:
            details[STATUS_CALLBACK] = self._record.details[STATUS_CALLBACK]
        if self.last_words:
            details[LAST_WORDS] = dict(self.last_words)
        return replace(record, hand_offs=deepcopy(record.hand_offs), details=details)

    def write(self, machine: Machine, stats: Stats | None) -> None:
        """Hand the finished record to the store's writer."""
        record = self.record(machine, stats)
        self._store.writer.call_ended(record)
        self._measured(record, self.figures, stats)


def _named(record: CallRecord) -> dict[str, Any]:
    """What events say of the call that they are about."""
    return {
        "id": record.id,
        "direction": record.direction,
        "line": record.line,
        "from": record.caller,
        "to": record.called,
        "flow": record.flow,
        "flow_number": record.flow_number,
    }


def summary_of(record: CallRecord) -> dict[str, Any]:
    """A call that is over, as the event of its end tells of it."""
    talked = 0.0 if record.answered_at is None or record.ended_at is None else record.ended_at - record.answered_at
    return {
        **_named(record),
        "short_id": record.short_id,
        "cause": record.cause,
        "answered": record.answered_at is not None,
        "seconds": round(talked, 3),
    }


def recording_of(row: RecordingRecord) -> dict[str, Any]:
    """A recording that is complete, as its event tells of it."""
    return {"id": row.id, "kind": row.kind, "name": row.name, "seconds": row.seconds}


_QUALITY = tuple(name for name in Stats.__slots__ if name != "port")


def _quality(stats: Stats) -> dict[str, Any]:
    return {name: getattr(stats, name) for name in _QUALITY}


def _party(details: Mapping[str, Any]) -> str | None:
    """Whom an element that runs has called or given the call to, as far as its trace says so."""
    found = details.get("agent") or details.get("application") or details.get("to")
    return ", ".join(map(str, found)) if isinstance(found, list) else found
