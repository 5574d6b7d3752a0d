"""What every call needs of the daemon, in one place: time, tasks, signalling, sound, records."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ivr.call.desks import Desks
from ivr.call.identity import LineTable
from ivr.call.leg import Leg, MediaPolicy
from ivr.call.occupied import Occupied
from ivr.call.outbound import Outbound
from ivr.call.outside import Outside
from ivr.call.placement import Order, Placement
from ivr.call.sounds import SoundBook
from ivr.call.targets import Destination, Directory
from ivr.call.transfer_rules import TransferRules
from ivr.capture import Captures, Party
from ivr.errors import MediaUnavailableError, TooManyHopsError
from ivr.feed import Feed
from ivr.flow.spoken import Languages
from ivr.guard import Dialler
from ivr.lines import LineLoad, Showing, Trunks
from ivr.net import Resolver, SipShell
from ivr.settings import Calendar, CaptureSettings, Settings
from ivr.sip import Flow, Replaces, Session, Stack
from ivr.store import Store
from media import MediaFull, MediaPool, Port

if TYPE_CHECKING:
    from ivr.call.parties import Placed
    from ivr.call.report import CallReport, Measured
    from ivr.flow.machine import Machine

log = logging.getLogger("ivr.call")

PlacedResult = Literal["reached", "refused", "failed"]
"""Of an INVITE: it rang or was answered; the one called would not; nobody answered, or the way is closed."""
MAX_FORWARDS = 70
"""Hops of a call that is placed anew (RFC 3261 §8.1.1.6)."""


@dataclass(slots=True)
class Services:
    """Handed to every call; owns nothing but the tasks that calls start."""

    settings: Settings
    loop: asyncio.AbstractEventLoop
    shell: SipShell
    stack: Stack
    pool: MediaPool
    sounds: SoundBook
    directory: Directory
    lines: LineTable
    names: Resolver
    trunks: Trunks
    store: Store
    outside: Outside
    policies: Callable[[str | None], MediaPolicy]
    """Media policy of a line; of phones and guests for None."""
    keep: Callable[[Machine, CallReport], Callable[[], None]] = lambda machine, report: lambda: None
    """Takes over a flow that waits when its call is over; it goes on once what is returned was called."""
    languages: Languages = field(default_factory=Languages)
    """Languages that are spoken, and those of the flows' texts."""
    captures: Captures = field(default_factory=lambda: Captures(CaptureSettings(kept=0)))
    """Hears of calls and of the legs they place: somebody may look at what goes over the wire."""
    placed: Counter[tuple[str | None, PlacedResult]] = field(default_factory=Counter)
    """What became of INVITEs of ours, by line; phones and others as None."""
    dialled: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Attempts of flows to call somebody that are over, by outcome and word; see :mod:`ivr.call.outcomes`."""
    measured: Measured = lambda record, figures, stats: None
    """Hears of every call whose record is written."""
    desks: Desks = field(default_factory=Desks)
    """Who takes calls over from flows."""
    feed: Feed = field(default_factory=lambda: Feed(time.time))
    """Hears of what happens."""
    load: LineLoad = field(init=False)
    """Calls of each line, in and out."""
    outbound: Outbound = field(init=False)
    """Whether calls may go out, and how many do."""
    occupied: Occupied = field(default_factory=Occupied)
    """Phones and agents that are in a call."""
    paths_taken: set[Path] = field(default_factory=set)
    """Files that recordings in progress write."""
    loops: set[str] = field(default_factory=set)
    """Call-IDs of calls that we place to ourselves, to take the place of a leg there."""
    transfers: TransferRules = field(init=False)
    """Whose REFER and Replaces are taken, and where they may lead."""

    def __post_init__(self) -> None:
        self.load = LineLoad(self.lines.lines)
        self.outbound = Outbound(self.settings, self.wall, self.clock)
        self.transfers = TransferRules(self.settings, self.directory, self._own_dialog, self.outbound.may_dial)

    def _own_dialog(self, named: Replaces) -> Flow | None:
        dialog = self.stack.dialogs.get((named.call_id, named.to_tag, named.from_tag))
        if dialog is None or dialog.session is None:
            return None
        local = dialog.flow.local
        if dialog.flow.transport == "udp":
            return Flow("udp", local, local)
        # By a listener that asks for no certificate: a connection's own address is nobody's to call.
        for transport, host, port in self.shell.addresses:
            if transport in ("udp", "tcp"):
                return self.shell.flow_to(local[0] if host in ("0.0.0.0", "::") else host, port, transport)
        return None

    def clock(self) -> float:
        """Monotonic seconds: the time of machines, stack and media events."""
        return self.loop.time()

    def wall(self) -> float:
        """Seconds since the epoch, for records."""
        return time.time()

    def call_at(self, when: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_at(when, then)

    def take_calendars(self, calendars: Mapping[str, Calendar]) -> None:
        """Opening hours are others from now on; calls in progress keep those that they began with."""
        self.settings = self.settings.model_copy(update={"calendars": dict(calendars)})
        self.outbound.take_calendars(calendars)

    def call_later(self, seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, then)

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self.loop.create_task(work)

    def flush(self) -> None:
        """Send what the stack has queued."""
        self.shell.flush()

    def delete_file(self, path: Path) -> None:
        """Delete a file without blocking the loop."""
        self.loop.run_in_executor(None, functools.partial(path.unlink, missing_ok=True))

    def new_leg(
        self, session: Any, peer: str, on_media: Callable[[Any], None], line: str | None, near: Leg | None
    ) -> Leg:
        """A leg with a port of its own; :class:`MediaUnavailableError` when there is none left."""
        try:
            policy = self.policies(line)
            host = policy.advertise(peer) if peer else ""
            port = self.pool.allocate(on_media, near=near.port if near is not None else None, host=host)
        except MediaFull as error:
            raise MediaUnavailableError(str(error)) from error
        return Leg(session, port, policy, peer, random.getrandbits(31))

    def refit(self, leg: Leg, on_media: Callable[[Any], None], near: Leg | None) -> None:
        """Give a leg that has not sounded yet a port of the kind of its peer, IPv4 or IPv6, where it has another;
        :class:`MediaUnavailableError` when there is none."""
        old = leg.port
        if (":" in leg.host) == (":" in old.local[0]):
            return
        try:
            leg.port = self.pool.allocate(on_media, near=near.port if near is not None else None, host=leg.host)
        except MediaFull as error:
            raise MediaUnavailableError(str(error)) from error
        old.release()

    def leg_on(self, port: Port, session: Any, peer: str, line: str | None) -> Leg:
        """A leg with the port of another, whose place it is to take."""
        return Leg(session, port, self.policies(line), peer, random.getrandbits(31))

    @staticmethod
    def seen(leg: Leg, session: Session, **names: Any) -> Party:
        """A leg as captures know it; `names` are those of the call that it began with."""
        return Party(session.call_id, leg.port.tap, (leg.host, leg.port.local[1]), **names)

    def take_line(self, name: str | None, *, out: bool = False) -> None:
        """Count one more call of a line, either direction; OverloadedError where it has as many as it may have."""
        self.load.take(name, out, self.clock())

    def free_line(self, name: str | None) -> None:
        """A call of a line is over."""
        self.load.free(name)

    def place_call(
        self,
        destination: Destination,
        attempt: Placed,
        *,
        showing: Showing,
        headers: Mapping[str, str],
        near: Leg | None,
        dialler: Dialler,
        port: Port | None = None,
        replaces: Replaces | None = None,
    ) -> Leg:
        """Call a destination, over as many hops and lines as it takes; events of the one that counts go to `attempt`.

        `near` is the leg whose call it is, None where a flow calls for itself; `dialler` is who wants it; `port` is one
        that the leg is to take over, else it gets its own; `replaces` the dialog there that the call is to take the
        place of. Raises IvrError where nobody can be called; what is found out later comes as
        :class:`~ivr.call.placement.Unplaced`. The leg has no session until its host is known.
        """
        hops = MAX_FORWARDS
        if near is not None and near.session is not None and near.session.direction == "inbound":
            came = near.session.request.max_forwards
            hops = min(MAX_FORWARDS, MAX_FORWARDS if came is None else came) - 1
        if hops < 0:
            raise TooManyHopsError("the call was passed on too often: a flow that forwards to itself?")
        order = Order(showing, headers, hops, dialler, replaces)
        return Placement(self, destination, attempt, order, near, port).start()
