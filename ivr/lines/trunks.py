"""The lines of the configuration as they are now: registered, answering, resolved; and the hops of their calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ivr.lines.ground import Ground, line_hops
from ivr.lines.health import Shunned, TrunkState
from ivr.lines.probe import LineProbe
from ivr.lines.registration import LineRegistration
from ivr.net import Hop, is_address
from ivr.settings import SipLine
from ivr.sip import Account, Flow

__all__ = ["Trunks"]

log = logging.getLogger("ivr.lines")

RESOLVE_EVERY: Final = 60.0
"""Seconds between look-ups of the lines' hosts: their calls are known by these addresses."""

STOP_WAIT: Final = 2.5
"""Seconds for the registrations to be taken back at the end."""


class _Trunk:
    """One line."""

    def __init__(self, line: SipLine) -> None:
        self.line = line
        self.registration: LineRegistration | None = None
        self.probe: LineProbe | None = None
        self.hops: tuple[Hop, ...] = ()
        self.addresses: tuple[str, ...] = ()
        self.resolved = False
        self.told: tuple[bool, str] | None = None
        self.since = 0.0

    def troubles(self, now: float) -> str:
        """Why calls had better not go out by it; empty where nothing speaks against it."""
        registration = self.registration
        if registration is not None and not registration.core.registered(now):
            return f"not registered: {registration.core.reason}"
        if self.probe is not None and self.probe.pulse.alive is False:
            return "the peer does not answer"
        if self.resolved and not self.hops:
            return f"{self.line.host} has no address"
        return ""


class Trunks:
    """Registers, asks, looks up; knows what can be used."""

    def __init__(
        self,
        lines: Mapping[str, SipLine],
        ground: Ground,
        accounts: Callable[[str], Account | None],
        on_addresses: Callable[[str, Iterable[str]], None],
    ) -> None:
        """`accounts` gives the account of a line's calls; `on_addresses` hears where calls of a line come from."""
        self._ground = ground
        self._on_addresses = on_addresses
        self._shunned = Shunned()
        self._trunks = {name: _Trunk(line) for name, line in lines.items()}
        self._timer: Any = None
        self._closed = False
        self.trouble: Callable[[str], str] = lambda name: ""
        """What else is known to speak against a line; whoever knows calls :meth:`look` when that changes."""
        self.hardware: Callable[[str], str | None] = lambda name: None
        """What hardware a line is."""
        for name, trunk in self._trunks.items():
            trunk.since = ground.wall()
            line = trunk.line
            if line.register_ is not None:
                account = accounts(name)
                if account is None or line.user is not None:
                    # The account of calls is another one than that of the registration.
                    register = line.register_
                    account = Account(
                        register.auth_user or register.user, register.password.get_secret_value(), register.realm
                    )
                trunk.registration = LineRegistration(
                    name,
                    line,
                    line.register_,
                    account,
                    ground,
                    lambda name=name: self.look(name),  # type: ignore[misc]
                )
            if line.probe is not None:
                trunk.probe = LineProbe(
                    name,
                    line,
                    line.probe,
                    ground,
                    self._shunned,
                    self.hops,
                    lambda name=name: self._pulse_changed(name),  # type: ignore[misc]
                )

    # Life

    async def start(self) -> None:
        """Look all hosts up once, then begin to register and to ask. A line that cannot be used stops nobody."""
        await asyncio.gather(*(self._resolve(name) for name in self._trunks))
        self.begin()

    def begin(self) -> None:
        """Register and ask from now on."""
        for name, trunk in self._trunks.items():
            if trunk.registration is not None:
                trunk.registration.start()
            if trunk.probe is not None:
                trunk.probe.start()
            self.look(name)
        if self._trunks:
            self._again()

    async def close(self) -> None:
        """Take the registrations back, as far as that is quick."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        waits = []
        for trunk in self._trunks.values():
            if trunk.probe is not None:
                trunk.probe.stop()
            if trunk.registration is not None:
                done = asyncio.Event()
                trunk.registration.when_stopped = done.set
                trunk.registration.stop()
                waits.append(done.wait())
        try:
            async with asyncio.timeout(STOP_WAIT):
                await asyncio.gather(*waits)
        except TimeoutError:
            log.info("a registrar did not answer: its registration runs out by itself")

    def connection_lost(self, flow: Flow) -> None:
        """A connection is gone: a line that is registered by it registers anew."""
        for trunk in self._trunks.values():
            if trunk.registration is not None:
                trunk.registration.connection_lost(flow)

    # What calls ask

    def usable(self, name: str) -> bool:
        """Whether calls go out by this line first of all; where none of several is, they are tried all the same."""
        return not self._troubles(name) and not self._shunned.all_of(self._trunks[name].hops, self._ground.loop.time())

    def _troubles(self, name: str) -> str:
        return self.trouble(name) or self._trunks[name].troubles(self._ground.loop.time())

    async def hops(self, name: str) -> list[Hop]:
        """Where calls of a line go, in the order to be tried now; empty where its host has no address."""
        trunk = self._trunks[name]
        hops = await line_hops(self._ground.names, trunk.line)
        trunk.hops = tuple(hops)
        home = trunk.registration.hop if trunk.registration is not None else None
        if home in hops:
            hops = [home, *(hop for hop in hops if hop != home)]
        return self._shunned.sort(hops, self._ground.loop.time())

    def shun(self, hop: Hop, retry_after: float | None = None) -> None:
        """This hop did not answer, or asked for a pause of so many seconds: others are tried first for a while."""
        self._shunned.shun(hop, self._ground.loop.time(), retry_after)

    def anew(self, name: str) -> None:
        """The peer of a line has begun anew: what was seen of it counts no more."""
        trunk = self._trunks[name]
        for hop in trunk.hops:
            self._shunned.welcome(hop)
        if trunk.probe is not None:
            trunk.probe.anew()
        self.look(name)

    def welcome(self, hop: Hop) -> None:
        """This hop answers."""
        self._shunned.welcome(hop)

    # What people ask

    def states(self) -> list[TrunkState]:
        """All lines, in the order of the configuration."""
        now = self._ground.loop.time()
        found = []
        for name, trunk in self._trunks.items():
            self.look(name)
            registration, probe = trunk.registration, trunk.probe
            usable, reason = trunk.told or (True, "")
            if usable and self._shunned.all_of(trunk.hops, now):
                usable, reason = False, "the last call by it got no answer, or a request to wait"
            found.append(
                TrunkState(
                    name=name,
                    usable=usable,
                    registered=registration.core.registered(now) if registration is not None else None,
                    answers=probe.pulse.alive if probe is not None else None,
                    reason=reason,
                    since=trunk.since,
                    round_trip=probe.pulse.round_trip if probe is not None else None,
                    addresses=trunk.addresses,
                    hardware=self.hardware(name),
                )
            )
        return found

    def look(self, name: str) -> None:
        """Note, and log, whether a line can be used, where that has changed."""
        trunk = self._trunks[name]
        reason = self._troubles(name)
        state = not reason, reason
        if state == trunk.told or self._closed:
            return
        before, trunk.told = trunk.told, state
        if before is None or before[0] != state[0]:
            trunk.since = self._ground.wall()
        if not reason:
            registration = trunk.registration
            more = f", registered for {registration.core.granted:.0f} s" if registration is not None else ""
            log.info("line %s can be used%s", name, more)
        elif self.hardware(name) is not None or (before is None and trunk.registration is not None):
            # Of hardware, who watches it has told.
            log.info("line %s: %s", name, reason)
        else:
            log.warning("line %s cannot be used: %s", name, reason)

    def _pulse_changed(self, name: str) -> None:
        trunk = self._trunks[name]
        if trunk.registration is not None and trunk.probe is not None and trunk.probe.pulse.alive:
            trunk.registration.hurry()
        self.look(name)

    # Addresses

    async def _resolve(self, name: str) -> None:
        """Look up where calls of a line come from, and go to."""
        trunk = self._trunks[name]
        line = trunk.line
        hops = await line_hops(self._ground.names, line)
        trunk.resolved = True
        trunk.hops = tuple(hops) or trunk.hops
        if line.outbound_proxy is not None:
            # Calls may come from the proxy as well as from what is behind it.
            hops += await line_hops(self._ground.names, line.model_copy(update={"outbound_proxy": None}))
        found = dict.fromkeys(hop.address for hop in hops)
        if trunk.registration is not None:
            found |= dict.fromkeys(trunk.registration.addresses)
        if is_address(line.host):
            found[line.host] = None
        addresses = tuple(found)
        if addresses and set(addresses) != set(trunk.addresses):
            # While a name has no address the old ones stand: the peer has not moved because of that.
            trunk.addresses = addresses
            self._on_addresses(name, addresses)
        self.look(name)

    async def _resolve_all(self) -> None:
        for name in self._trunks:
            await self._resolve(name)
        if not self._closed:
            self._again()

    def _again(self) -> None:
        when = self._ground.loop.time() + RESOLVE_EVERY * (0.9 + 0.2 * self._ground.fraction())
        self._timer = self._ground.loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._ground.spawn(self._resolve_all())
