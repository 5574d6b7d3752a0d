"""The guard: whose messages are looked at, who is shut out.

    free        `sip.trusted`, `security.allow`, the peers of lines: nothing is counted, nothing shuts them out
    known       an address where a phone has proved its password, or that has a call up: a large budget of its own, no
                ban for what somebody who forges the address can do; wrong passwords bar the user, not the address
    strangers   all others: a budget for each and one for all, bans

On UDP an address proves nothing. So what is not proved shuts out strangers alone, for minutes; and neither a trunk nor
a phone that has ever proved itself at its address can be shut out by somebody who forges it.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from ivr.guard.bans import MANUAL, Ban, BanBook, FaultBook
from ivr.guard.budget import FREE, KNOWN, SHUT, Budget
from ivr.guard.halfopen import HalfOpen
from ivr.guard.sources import Network, Networks, Sources, network_of
from ivr.settings import SecuritySettings

__all__ = ["Fault", "SourceGuard"]

Fault = Literal["auth_failed", "unknown_number", "malformed", "scanner", "probe", "flood", "unacknowledged"]

MAX_PROVEN = 20_000
"""Sources with phones; only who knows a password gets in."""

PROVEN_SECONDS = 30 * 86_400.0
"""An address counts as a phone's for so long after the last proof: a restart or a holiday must not undo it."""

MAX_USERS = 256
"""Phones remembered of one address."""

SHED_SECONDS = 1.0
"""Connections are counted by the second."""

RENEW_SECONDS = 10.0
"""IPv6 addresses that are free stand alone in their /64; lines find new ones by DNS."""

KNOWN_CONNECTIONS = 10
"""A known source may begin so many times more connections than a stranger."""

Told = Callable[[Ban, str], None]


class SourceGuard:
    """The doorkeeper of the transports, and the memory of who did what. Times are monotonic seconds.

    `is_line` says whether an address is that of a line's peer.
    """

    def __init__(
        self,
        settings: SecuritySettings,
        trusted: Iterable[Network] = (),
        is_line: Callable[[str], bool] = lambda host: False,
    ) -> None:
        rules = settings.bans
        self._settings = settings
        self._exempt = Networks([*trusted, *settings.allow])
        self._is_line = is_line
        self._sources = Sources(self.is_free)
        self._renew_at = 0.0
        self._budget = Budget(settings.messages_per_second, settings.strangers_per_second, self._status)
        self._bans = BanBook(rules)
        limits = {
            "auth_failed": rules.auth_failures,
            "unknown_number": rules.unknown_numbers,
            "malformed": rules.malformed,
            "scanner": rules.scans,
            "probe": rules.probes,
            "flood": rules.floods,
            "unacknowledged": rules.unacknowledged,
        }
        self._faults = FaultBook(limits, rules.within)
        self._half_open = HalfOpen(settings.half_open, settings.half_open_strangers)
        self._calls: Counter[str] = Counter()
        self._proven: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()
        self._barred: dict[tuple[str, str], float] = {}
        self._connections: Counter[str] = Counter()
        self._connections_until = 0.0
        self._now = 0.0
        self.counts: Counter[str] = Counter()
        """Faults by kind, `ban` and `refused_connection`: for metrics."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when the bans in force have changed, or what is known of phones."""
        self.on_ban: Told = lambda ban, host: None
        """Hears of every ban, with the address that brought it about."""

    # The transports (Doorkeeper)

    def message(self, host: str, now: float, size: int) -> bool:
        """Whether a message is looked at."""
        budget = self._budget
        self._now = now
        if ":" in host:
            if now >= self._renew_at:
                self._renew_at = now + RENEW_SECONDS
                self._sources.renew()
            host = self._sources.key(host)
        taken = budget.take(host, now, size)
        if budget.flooding:
            flooding, budget.flooding = budget.flooding, []
            for source in flooding:
                self.note(source.partition("/")[0], "flood", now)
        return taken

    def connection(self, host: str, now: float) -> bool:
        """Whether a connection is taken."""
        self._now = now
        source = self._sources.key(host)
        status = self._status(source)
        if status == FREE:
            return True
        if now >= self._connections_until:
            self._connections_until = now + SHED_SECONDS
            self._connections.clear()
        self._connections[source] += 1
        limit = self._settings.connections_per_second * (KNOWN_CONNECTIONS if status == KNOWN else 1)
        if status == SHUT or self._connections[source] > limit:
            self.counts["refused_connection"] += 1
            return False
        return True

    def _status(self, source: str) -> int:
        return self._state(source, self._now)

    def _state(self, source: str, now: float) -> int:
        host = source.partition("/")[0]
        if self.is_free(host):
            return FREE
        ban = self._bans.at(source, now)
        if self._is_known(source, now):
            return SHUT if ban is not None and ban.reason == MANUAL else KNOWN
        return SHUT if ban is not None else 0

    def is_free(self, host: str) -> bool:
        """Whether nothing of this address is counted."""
        return host in self._exempt or self._is_line(host)

    def is_stranger(self, host: str, now: float) -> bool:
        """Whether the address is neither free nor known."""
        return not self.is_free(host) and not self._is_known(self._sources.key(host), now)

    def _is_known(self, source: str, now: float) -> bool:
        proof = self._proven.get(source)
        return self._calls[source] > 0 if proof is None or proof[0] <= now else True

    @property
    def dropped(self) -> int:
        """Messages dropped unread."""
        return self._budget.dropped

    @property
    def pressed(self) -> bool:
        """Whether strangers send more than they may together."""
        return self._budget.pressed

    # What sources do

    def note(self, host: str, kind: Fault, now: float, *, proven: bool = False) -> None:
        """A source did something wrong; too much of it shuts it out."""
        self.counts[kind] += 1
        source = self._sources.key(host)
        if not self._settings.bans.enabled or self.is_free(host) or self._is_known(source, now):
            return
        if self._bans.at(source, now) is None and self._faults.note(source, kind, now, proven):
            self._shut(source, kind, host, now, proven=proven)

    def auth_failed(self, host: str, user: str, now: float, *, proven: bool) -> None:
        """A wrong password. At a phone's address it bars the user, or all users that never proved themselves there: a
        ban would shut out the others in the house."""
        source = self._sources.key(host)
        if self.is_free(host) or not self._is_known(source, now):
            self.note(host, "auth_failed", now, proven=proven)
            return
        self.counts["auth_failed"] += 1
        who = (source, user if user in self._users(source) else "")
        if proven and self._settings.bans.enabled and self._faults.note("\0".join(who), "auth_failed", now, True):
            if len(self._barred) >= MAX_PROVEN:
                self._barred.clear()
            self._barred[who] = now + self._settings.bans.unproven

    def may_prove(self, host: str, user: str, now: float) -> bool:
        """Whether a password from this address is looked at."""
        if not self._barred:
            return True
        source = self._sources.key(host)
        return self._barred.get((source, user if user in self._users(source) else ""), 0.0) <= now

    def proved(self, host: str, user: str, now: float) -> None:
        """A phone has proved its password at this address."""
        if self.is_free(host):
            return
        source = self._sources.key(host)
        known = self._proven.get(source)
        users = known[1] if known is not None and known[0] > now else ()
        fresh = user not in users
        if fresh:
            users = (*users[-MAX_USERS + 1 :], user)
        self._proven[source] = (now + PROVEN_SECONDS, users)
        self._proven.move_to_end(source)
        if len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)
        if fresh:
            ban = self._bans.at(source, now)
            if ban is not None and not ban.proven:
                self._bans.remove(source)
            self._faults.forget(source)
            self._budget.forget(source)
            self.on_change()

    def _users(self, source: str) -> tuple[str, ...]:
        known = self._proven.get(source)
        return () if known is None else known[1]

    def admit_call(self, call: object, host: str, now: float) -> bool:
        """Whether a guest's call may begin; a stranger has few that he has not acknowledged."""
        source = self._sources.key(host)
        if self.is_free(host) or self._is_known(source, now) or self._half_open.admit(call, source, now):
            return True
        self.note(host, "unacknowledged", now)
        return False

    def acknowledged(self, call: object, now: float) -> None:
        """Our answer to a call was acknowledged."""
        self._half_open.acknowledged(call, now)

    def call_left(self, call: object) -> None:
        """A call that :meth:`admit_call` took is over, acknowledged or not."""
        self._half_open.over(call)

    @property
    def half_open(self) -> int:
        """Calls of strangers that nobody has acknowledged yet."""
        return len(self._half_open)

    def call_up(self, host: str) -> None:
        """A call with this address stands: its messages are not a stranger's."""
        source = self._sources.key(host)
        self._calls[source] += 1
        if self._calls[source] == 1:
            self._budget.forget(source)

    def call_over(self, host: str) -> None:
        """It is over."""
        source = self._sources.key(host)
        self._calls[source] -= 1
        if self._calls[source] <= 0:
            del self._calls[source]
            self._budget.forget(source)

    # Bans

    def bans(self, now: float) -> list[Ban]:
        """Bans in force."""
        return self._bans.in_force(now)

    def shut_out(self, now: float) -> list[Ban]:
        """Bans in force of sources whose messages are dropped: not those that are known or free meanwhile."""
        return [ban for ban in self.bans(now) if self._state(ban.source, now) == SHUT]

    def ban(self, source: str, seconds: float, now: float) -> Ban | None:
        """Shut a source out by hand; None for one that is free, or where there is no room. ValueError for what is no
        address."""
        host = _host_of(source)
        if self.is_free(host):
            return None
        return self._shut(self._sources.key(host), MANUAL, host, now, proven=True, seconds=seconds)

    def unban(self, source: str) -> bool:
        """Let a source in again, and forget what it did; whether it was shut out, or had been. ValueError for what is
        no address."""
        key = self._sources.key(_host_of(source))
        found = self._bans.remove(key)
        self._faults.forget(key)
        self._budget.forget(key)
        if found:
            self.on_change()
        return found

    def _shut(
        self, source: str, reason: str, host: str, now: float, *, proven: bool, seconds: float | None = None
    ) -> Ban | None:
        ban = self._bans.add(source, reason, now, proven=proven, seconds=seconds)
        if ban is not None:
            self.counts["ban"] += 1
            self._budget.forget(source)
            self.on_ban(ban, host)
            self.on_change()
        return ban

    # What is kept over a restart

    def dump(self, now: float, wall: float) -> dict[str, Any]:
        """Bans and the addresses of phones, with times as seconds since the epoch."""
        return {
            "bans": self._bans.dump(now, wall),
            "phones": [
                {"source": source, "until": until - now + wall, "users": list(users)}
                for source, (until, users) in self._proven.items()
                if until > now
            ],
        }

    def load(self, data: Mapping[str, Any], now: float, wall: float) -> None:
        """Take what :meth:`dump` gave."""
        self._now = now
        self._bans.load(data.get("bans") or (), now, wall)
        for row in data.get("phones") or ():
            try:
                until = min(float(row["until"]) - wall + now, now + PROVEN_SECONDS)
                users = tuple(str(user) for user in row["users"])[:MAX_USERS]
                self._proven[str(row["source"])] = (until, users)
            except (KeyError, TypeError, ValueError):
                continue


def _host_of(source: str) -> str:
    """An address of a source as people name it: an address, or the /64 of one. ValueError for anything else."""
    host = source.partition("/")[0].strip()
    if network_of(source.strip()) not in (network_of(host), ipaddress.ip_network(host)):
        raise ValueError("a ban is of one IPv4 address, or one /64 of IPv6")
    return host
