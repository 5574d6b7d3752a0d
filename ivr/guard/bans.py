"""Bans: who is shut out, why, until when; and what every source did wrong of late.

Both tables are bounded, and what a forged address can bring into them never puts out what was proved. A fault counts as
proved where its sender has shown that he is at his address: by a connection, or with the answer to a challenge that was
sent there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ivr.settings import Bans

__all__ = ["MANUAL", "MAX_BANS", "MAX_FAULTY", "Ban", "BanBook", "FaultBook"]

MAX_BANS = 10_000
"""Bans in force and remembered ones: 1 MB."""

MAX_FAULTY = 10_000
"""Sources whose faults are counted, proved and unproven ones each."""

REMEMBERED = 86_400.0
"""Seconds after the end of a ban in which a further one is a repetition."""

PROVEN_GROWTH, UNPROVEN_GROWTH = 4.0, 2.0
MANUAL = "manual"
"""Reason of bans that people set."""


@dataclass(frozen=True, slots=True)
class Ban:
    """One source that is or was shut out."""

    source: str
    """Address, or network."""
    reason: str
    """Kind of fault, or `manual`."""
    since: float
    """Seconds of the guard's clock."""
    until: float
    """Seconds of the guard's clock."""
    times: int
    """Which ban of this source it is: 1 the first."""
    proven: bool
    """Whether the source had shown that it is at its address."""

    def left(self, now: float) -> float:
        """Seconds to go; 0 when it is over."""
        return max(0.0, self.until - now)


class BanBook:
    """The bans by source."""

    def __init__(self, rules: Bans) -> None:
        self._rules = rules
        self._bans: dict[str, Ban] = {}

    def at(self, source: str, now: float) -> Ban | None:
        """The ban in force of a source."""
        ban = self._bans.get(source)
        return ban if ban is not None and ban.until > now else None

    def in_force(self, now: float) -> list[Ban]:
        """All bans in force, the one that ends last first."""
        return sorted((ban for ban in self._bans.values() if ban.until > now), key=lambda ban: -ban.until)

    def add(self, source: str, reason: str, now: float, *, proven: bool, seconds: float | None = None) -> Ban | None:
        """Shut a source out, longer than the last time; for so long where it is said. None where there is no room."""
        rules, last = self._rules, self._bans.get(source)
        times = 1
        if last is not None and now - last.until < REMEMBERED:
            times = last.times + 1
        if seconds is None:
            first, growth, longest = (
                (rules.seconds, PROVEN_GROWTH, rules.longest)
                if proven
                else (rules.unproven, UNPROVEN_GROWTH, rules.longest_unproven)
            )
            seconds = min(longest, first * growth ** min(times - 1, 20))
        if last is None and not self._make_room(now, proven):
            return None
        ban = Ban(source, reason, now, now + seconds, times, proven)
        if last is not None and last.until > ban.until and last.proven >= proven:
            ban = replace(ban, until=last.until)
        self._bans[source] = ban
        return ban

    def remove(self, source: str) -> bool:
        """Forget a source, its repetitions too; whether it was known."""
        return self._bans.pop(source, None) is not None

    def _make_room(self, now: float, proven: bool) -> bool:
        bans = self._bans
        if len(bans) < MAX_BANS:
            return True
        old = [source for source, ban in bans.items() if ban.until <= now and now - ban.until >= REMEMBERED]
        # Unproven ones go first, those that are over before those in force; what was proved goes for a proved one only.
        candidates = (
            old
            or sorted(
                (source for source, ban in bans.items() if proven or not ban.proven),
                key=lambda source: (bans[source].proven, bans[source].until),
            )[: MAX_BANS // 20]
        )
        for source in candidates:
            del bans[source]
        return bool(candidates)

    def dump(self, now: float, wall: float) -> list[dict[str, Any]]:
        """What a file keeps: times as seconds since the epoch, given what `now` is by that clock."""
        return [
            {
                "source": ban.source,
                "reason": ban.reason,
                "since": ban.since - now + wall,
                "until": ban.until - now + wall,
                "times": ban.times,
                "proven": ban.proven,
            }
            for ban in self._bans.values()
            if now - ban.until < REMEMBERED
        ]

    def load(self, rows: Iterable[Mapping[str, Any]], now: float, wall: float) -> None:
        """Take what :meth:`dump` gave, in an earlier run. A row that is none is left out."""
        for row in rows:
            try:
                ban = Ban(
                    source=str(row["source"]),
                    reason=str(row["reason"]),
                    since=float(row["since"]) - wall + now,
                    until=float(row["until"]) - wall + now,
                    times=int(row["times"]),
                    proven=bool(row["proven"]),
                )
            except (KeyError, TypeError, ValueError):
                continue
            longest = self._rules.longest if ban.proven or ban.reason == MANUAL else self._rules.longest_unproven
            if ban.reason != MANUAL and ban.left(now) > longest:  # the clock was set back, or the rules have changed
                ban = replace(ban, until=now + longest)
            if now - ban.until < REMEMBERED and len(self._bans) < MAX_BANS:
                self._bans[ban.source] = ban


class FaultBook:
    """Counts faults by source and kind, each for `within` seconds. `limits` has the number that is too many."""

    def __init__(self, limits: Mapping[str, int], within: float) -> None:
        self._limits = limits
        self._within = within
        self._proven: dict[tuple[str, str], list[float]] = {}
        self._unproven: dict[tuple[str, str], list[float]] = {}

    def note(self, source: str, kind: str, now: float, proven: bool) -> bool:
        """One more; whether these are too many. The count starts anew then."""
        table = self._proven if proven else self._unproven
        key = (source, kind)
        times = table.get(key)
        if times is None:
            if len(table) >= MAX_FAULTY and not self._make_room(table, now):
                return False
            times = table[key] = []
        while times and now - times[0] > self._within:
            del times[0]
        times.append(now)
        if len(times) < self._limits[kind]:
            return False
        del table[key]
        return True

    def forget(self, source: str) -> None:
        """Nothing was wrong with this source."""
        for table in (self._proven, self._unproven):
            for key in [key for key in table if key[0] == source]:
                del table[key]

    def _make_room(self, table: dict[tuple[str, str], list[float]], now: float) -> bool:
        """Drop what is old, and those with the fewest faults: forged addresses have one each."""
        keep = [key for key, times in table.items() if now - times[-1] <= self._within]
        keep.sort(key=lambda key: (len(table[key]), table[key][-1]), reverse=True)
        fresh = {key: table[key] for key in keep[: MAX_FAULTY // 2]}
        table.clear()
        table.update(fresh)
        return True
