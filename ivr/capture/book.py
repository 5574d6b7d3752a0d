"""Everything that is captured: fed by the transports and by calls, asked by people."""

from __future__ import annotations

import contextlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ivr.capture.export import HepExporter
from ivr.capture.message import Captured, call_id_of
from ivr.capture.pcap import HEADER, message_record
from ivr.capture.requests import Capture, Party
from ivr.capture.ring import Ring
from ivr.capture.spool import read_spool
from ivr.errors import OverloadedError
from ivr.settings import CaptureSettings
from ivr.sip import Flow

__all__ = ["Captures"]

MAX_RELATED: Final = 4096
"""Calls of which it is remembered which legs they placed: more than the ring holds messages of."""
MAX_LEGS: Final = 64
"""Legs remembered of one call."""
MAX_CAPTURES: Final = 16
"""Requests that wait or run at a time: each copies every packet of a call."""
MAX_KEPT: Final = 32
"""Captures that are over and kept until they are fetched; the oldest goes."""
MAX_MESSAGES: Final = 5000
"""Messages of one capture: a call of four hours with session timers has some hundred."""
JUST_BEFORE: Final = 256
"""Messages looked through for those of a call that has just begun."""


class Captures:
    """The last messages, copies of them for a capture server, and captures of single calls with their sound."""

    def __init__(
        self, settings: CaptureSettings, folder: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """`folder` is for copies of sound; what an earlier run left there is deleted."""
        self._ring = Ring(settings.kept)
        self._keeps = settings.kept > 0
        self._clock = clock
        self._folder = folder
        self._legs: OrderedDict[str, list[str]] = OrderedDict()
        self._numbers = 0
        self._captures: OrderedDict[int, Capture] = OrderedDict()
        self._waiting: list[Capture] = []
        self._running: dict[str, Capture] = {}
        """By the Call-IDs of its legs."""
        self.exporter = HepExporter(settings.hep) if settings.hep is not None else None
        if folder is not None:
            for left in folder.glob("*.packets"):
                left.unlink(missing_ok=True)

    def tap(self, direction: str, data: bytes, flow: Flow) -> None:
        """One message as it came (`in`) or left (`out`)."""
        at = self._clock()
        if self._keeps:
            self._ring.add(at, direction == "in", flow, data)
        if self.exporter is not None:
            self.exporter.send(Captured(at, direction == "in", flow, data))
        if self._running:
            capture = self._running.get(call_id_of(data) or "")
            if capture is not None and len(capture.messages) < MAX_MESSAGES:
                capture.messages.append(Captured(at, direction == "in", flow, data))

    def messages(self, call_id: str) -> list[Captured]:
        """The messages of a call and of the legs it placed, in order of time. Takes some milliseconds: for a thread."""
        return self._ring.of_calls({call_id, *self._legs.get(call_id, ())})

    # What calls tell

    def began(self, party: Party) -> None:
        """A call began."""
        if self._waiting:
            now = self._clock()
            for capture in list(self._waiting):
                if capture.wants(party, now):
                    self._run(capture, party)
                    break
            self._waiting = [one for one in self._waiting if one.state == "waiting"]

    def placed(self, near: str, party: Party) -> None:
        """A call, by its Call-ID, placed another one: who asks for the first sees both."""
        legs = self._legs.setdefault(near, [])
        if len(legs) < MAX_LEGS:
            legs.append(party.call_id)
        if len(self._legs) > MAX_RELATED:
            self._legs.popitem(last=False)
        capture = self._running.get(near)
        if capture is not None:
            self._join(capture, party)

    def ended(self, call_id: str) -> None:
        """A call is over, with all legs it placed."""
        capture = self._running.get(call_id)
        if capture is not None:
            self._stop(capture)

    # What people ask

    def want(self, to: str | None, from_: str | None, within: float) -> Capture:
        """Capture the next call to and from these numbers that begins within so many seconds."""
        capture = self._new(Capture(0, self._clock() + within, to, from_))
        self._waiting.append(capture)
        return capture

    def start(self, party: Party) -> Capture:
        """Capture a call in progress from now on, with what the ring holds of it."""
        capture = self._new(Capture(0, self._clock()))
        self._run(capture, party)
        return capture

    def all(self) -> list[Capture]:
        """Captures, oldest first."""
        now = self._clock()
        for capture in self._waiting:
            if now > capture.until:
                capture.state = "expired"
        return list(self._captures.values())

    def get(self, number: int) -> Capture | None:
        """One of them."""
        return next((capture for capture in self.all() if capture.id == number), None)

    def forget(self, capture: Capture) -> None:
        """Stop it, and delete what it caught."""
        self._stop(capture)
        self._waiting = [one for one in self._waiting if one is not capture]
        self._captures.pop(capture.id, None)
        for path, _ in capture.spools:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def file(self, capture: Capture) -> bytes:
        """A pcap file of its messages, secrets masked, and of its RTP and RTCP, in order of time. For a thread."""
        # The ring has the answers to the last requests, which come when the call counts as over.
        messages = {(one.at, one.incoming, one.data): one for one in capture.messages}
        messages |= {(one.at, one.incoming, one.data): one for one in self._ring.of_calls(capture.call_ids)}
        records = [message_record(message) for message in messages.values()]
        for path, local in capture.spools:
            with contextlib.suppress(OSError):
                records += read_spool(path, local)
        records.sort(key=lambda record: record[0])
        return HEADER + b"".join(data for _, data in records)

    # One capture

    def _new(self, capture: Capture) -> Capture:
        active = sum(one.state in ("waiting", "running") for one in self.all())
        if active >= MAX_CAPTURES:
            raise OverloadedError(f"{MAX_CAPTURES} captures wait or run already")
        self._numbers += 1
        capture.id = self._numbers
        self._captures[capture.id] = capture
        over = [one for one in self._captures.values() if one.state in ("done", "expired")]
        for old in over[: max(0, len(over) - MAX_KEPT)]:
            self.forget(old)
        return capture

    def _run(self, capture: Capture, party: Party) -> None:
        capture.state, capture.call, capture.short_id = "running", party.id, party.short_id
        self._join(capture, party)

    def _join(self, capture: Capture, party: Party) -> None:
        capture.parties.append(party)
        capture.messages += self._ring.of_calls({party.call_id}, last=JUST_BEFORE)
        self._running[party.call_id] = capture
        capture.call_ids.add(party.call_id)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{os.getpid()}-{capture.id}-{len(capture.spools)}.packets"
            capture.spools.append((path, party.local))
            party.tap(path)

    def _stop(self, capture: Capture) -> None:
        for party in capture.parties:
            self._running.pop(party.call_id, None)
            party.tap(None)
        capture.parties.clear()
        if capture.state == "running":
            capture.state = "done"
