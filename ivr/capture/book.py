"""Everything that is captured: fed by the transports, asked by people."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ivr.capture.export import HepExporter
from ivr.capture.message import Captured
from ivr.capture.ring import Ring
from ivr.settings import CaptureSettings
from ivr.sip import Flow

__all__ = ["Captures"]

MAX_RELATED: Final = 4096
"""Calls of which it is remembered which legs they placed: more than the ring holds messages of."""
MAX_LEGS: Final = 64
"""Legs remembered of one call."""


class Captures:
    """The last messages, and copies of them for a capture server."""

    def __init__(self, settings: CaptureSettings, clock: Callable[[], float] = time.time) -> None:
        self._ring = Ring(settings.kept)
        self._keeps = settings.kept > 0
        self._clock = clock
        self._legs: OrderedDict[str, list[str]] = OrderedDict()
        self.exporter = HepExporter(settings.hep) if settings.hep is not None else None

    @property
    def wanted(self) -> bool:
        """Whether anything is to be captured at all."""
        return self._keeps or self.exporter is not None

    def tap(self, direction: str, data: bytes, flow: Flow) -> None:
        """One message as it came (`in`) or left (`out`)."""
        at = self._clock()
        if self._keeps:
            self._ring.add(at, direction == "in", flow, data)
        if self.exporter is not None:
            self.exporter.send(Captured(at, direction == "in", flow, data))

    def related(self, call_id: str, leg: str) -> None:
        """A call with Call-ID `call_id` placed another one: who asks for the first sees both."""
        legs = self._legs.setdefault(call_id, [])
        if len(legs) < MAX_LEGS:
            legs.append(leg)
        if len(self._legs) > MAX_RELATED:
            self._legs.popitem(last=False)

    def messages(self, call_id: str) -> list[Captured]:
        """The messages of a call and of the legs it placed, in order of time. Takes some milliseconds: for a thread."""
        return self._ring.of_calls({call_id, *self._legs.get(call_id, ())}) if self._keeps else []
