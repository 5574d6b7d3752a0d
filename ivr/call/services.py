"""What every call needs of the daemon, in one place: time, tasks, signalling, sound, records."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivr.call.identity import LineTable
from ivr.call.leg import Leg, MediaPolicy
from ivr.call.outside import Outside
from ivr.call.sounds import SoundBook
from ivr.call.targets import Destination, Directory
from ivr.call.transfer_rules import TransferRules
from ivr.errors import OverloadedError, TooManyHopsError
from ivr.flow.spoken import Languages
from ivr.net import SipShell
from ivr.settings import Settings
from ivr.sip import Flow, InviteRequest, NameAddr, Replaces, Stack, Uri
from ivr.store import Store
from media import MediaFull, MediaPool, Port

if TYPE_CHECKING:
    from ivr.call.parties import Placed
    from ivr.call.report import CallReport, Measured
    from ivr.flow.machine import Machine

log = logging.getLogger("ivr.call")

MAX_FORWARDS = 70
"""Hops of a call that is placed anew (RFC 3261 §8.1.1.6)."""
RESOLVE_WAIT = 5.0
"""Seconds a name may take to resolve before the target counts as unreachable."""


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
    store: Store
    outside: Outside
    policies: Callable[[str | None], MediaPolicy]
    """Media policy of a line; of phones and guests for None."""
    keep: Callable[[Machine, CallReport], Callable[[], None]] = lambda machine, report: lambda: None
    """Takes over a flow that waits when its call is over; it goes on once what is returned was called."""
    languages: Languages = field(default_factory=Languages)
    """Languages that are spoken, and those of the flows' texts."""
    related: Callable[[str, str], None] = lambda call_id, leg: None
    """Hears of each leg that a call places, by Call-IDs: who looks at the call sees both."""
    measured: Measured = lambda record, figures, stats: None
    """Hears of every call whose record is written."""
    line_calls: Counter[str] = field(default_factory=Counter)
    """Calls of each line, in and out."""
    paths_taken: set[Path] = field(default_factory=set)
    """Files that recordings in progress write."""
    loops: set[str] = field(default_factory=set)
    """Call-IDs of calls that we place to ourselves, to take the place of a leg there."""
    transfers: TransferRules = field(init=False)
    """Whose REFER and Replaces are taken, and where they may lead."""

    def __post_init__(self) -> None:
        self.transfers = TransferRules(self.settings, self.directory, self._own_dialog)

    def _own_dialog(self, named: Replaces) -> Flow | None:
        dialog = self.stack.dialogs.get((named.call_id, named.to_tag, named.from_tag))
        return dialog.flow if dialog is not None and dialog.session is not None else None

    def clock(self) -> float:
        """Monotonic seconds: the time of machines, stack and media events."""
        return self.loop.time()

    def wall(self) -> float:
        """Seconds since the epoch, for records."""
        return time.time()

    def call_at(self, when: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_at(when, then)

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

    async def resolve(self, host: str, port: int) -> str | None:
        """An address of `host`; None when there is none within :data:`RESOLVE_WAIT`."""
        try:
            async with asyncio.timeout(RESOLVE_WAIT):
                found = await self.loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):  # a name that cannot be one fails to be encoded; a timeout is an OSError
            return None
        addresses = [info[4][0] for info in found]
        return str(addresses[0]) if addresses else None

    def new_leg(
        self, session: Any, peer: str, on_media: Callable[[Any], None], line: str | None, near: Leg | None
    ) -> Leg:
        """A leg with a port of its own; :class:`OverloadedError` when there is none left."""
        try:
            port = self.pool.allocate(on_media, near=near.port if near is not None else None)
        except MediaFull as error:
            raise OverloadedError(str(error)) from error
        return Leg(session, port, self.policies(line), peer, random.getrandbits(31))

    def leg_on(self, port: Port, session: Any, peer: str, line: str | None) -> Leg:
        """A leg with the port of another, whose place it is to take."""
        return Leg(session, port, self.policies(line), peer, random.getrandbits(31))

    def take_line(self, name: str | None) -> None:
        """Count one more call of a line, either direction; OverloadedError where it has as many as it may have."""
        if name is None:
            return
        limit = self.lines.lines[name].max_calls
        if limit is not None and self.line_calls[name] >= limit:
            raise OverloadedError("no more calls of this line are taken")
        self.line_calls[name] += 1

    def free_line(self, name: str | None) -> None:
        """A call of a line is over."""
        if name is not None:
            self.line_calls[name] -= 1

    def place_call(
        self,
        destination: Destination,
        address: str,
        attempt: Placed,
        *,
        shown: str | None,
        number: str,
        display: str,
        headers: Mapping[str, str],
        near: Leg,
        port: Port | None = None,
        replaces: Replaces | None = None,
    ) -> Leg:
        """Send an INVITE to a destination; its events go to `attempt`.

        `shown` is the caller id that the flow wants, else it is the line's, else the caller's `number` and `display`.
        `port` is one that the leg is to take over, else it gets its own; `replaces` the dialog there whose place the
        call is to take.
        """
        line = self.lines.lines[destination.line] if destination.line is not None else None
        own = shown or (line.from_ if line is not None else None)
        hops = MAX_FORWARDS
        if near.session is not None and near.session.direction == "inbound":
            came = near.session.request.max_forwards
            hops = min(MAX_FORWARDS, MAX_FORWARDS if came is None else came) - 1
        if hops < 0:
            raise TooManyHopsError("the call was passed on too often: a flow that forwards to itself?")
        self.take_line(destination.line)
        attempt.on_close = lambda: self.free_line(destination.line)
        if port is None:
            leg = self.new_leg(None, address, attempt.on_media, destination.line, near)
        else:
            leg = self.leg_on(port, None, address, destination.line)
        try:
            flow = destination.flow or self.shell.flow_to(address, destination.port)
            sender = Uri("sip", own or number or "anonymous", self.shell.host_for(flow))
            leg.session = self.stack.invite(
                InviteRequest(
                    uri=destination.uri,
                    from_=NameAddr(sender, "" if own else display),
                    to=NameAddr(destination.uri),
                    flow=flow,
                    sdp=leg.offer(leg.policy.preferring(near.agreed)),
                    headers=tuple(headers.items()),
                    account=destination.account,
                    max_forwards=hops,
                    replaces=replaces,
                ),
                self.clock(),
            )
        except BaseException:
            if port is None:
                leg.port.release()
            raise
        leg.session.owner = attempt
        if near.session is not None:
            self.related(near.session.call_id, leg.session.call_id)
        return leg
