"""The guard at work: joined to the stack and the transports, its bans logged, kept over a restart and told the kernel.

The log line, on the logger `ivr.guard`, is what fail2ban and others read; its form does not change:

    ban host=192.0.2.7 reason=auth_failed seconds=600 times=1 proven=yes
    unban host=192.0.2.7
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ivr.call.outbound import Outbound
from ivr.guard import Ban, SourceGuard
from ivr.net import SipShell
from ivr.settings import Settings
from ivr.sip import Flow, Stack

__all__ = ["FILE_NAME", "Protection"]

log = logging.getLogger("ivr.guard")

FILE_NAME: Final = "guard.json"
SAVE_AFTER: Final = 5.0
"""Seconds between a change and the file: a flood of bans, or a busy hour of calls out, is written so often."""
FILTER_AFTER: Final = 0.2
"""Seconds between a ban and the kernel's filter; until then the guard drops the packets itself."""
STRANGERS_PORTS: Final = 4
"""Calls that no stranger has acknowledged take a quarter of the media ports at most: each has a pair of them."""
LOGGED_PER_SECOND: Final = 20
"""Lines a second: a flood from forged addresses must not fill the disk."""


class Protection:
    """Owns the guard of a daemon. Times are those of the loop; in the file they are seconds since the epoch."""

    def __init__(
        self, settings: Settings, path: Path, is_line: Callable[[str], bool], wall: Callable[[], float]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._wall = wall
        self._path = path
        self._scanners = settings.security.scanners
        self._filters = settings.security.kernel_filter
        self._shell: SipShell | None = None
        self._outbound: Outbound | None = None
        self._used: dict[str, Any] = {}
        """Counts of calls out as the run before left them."""
        self._save_timer: asyncio.TimerHandle | None = None
        self._filter_timer: asyncio.TimerHandle | None = None
        self._saving: asyncio.Future[None] | None = None
        self._log_until = 0.0
        self._logged = 0
        self._unlogged = 0
        room = max(1, settings.media.ports.pairs // STRANGERS_PORTS)
        rules = settings.security
        if room < rules.half_open_strangers:
            rules = rules.model_copy(update={"half_open_strangers": room})
        self.guard = SourceGuard(rules, settings.sip.trusted, is_line)
        self.guard.on_ban = self._banned
        self.guard.on_change = self._changed

    def load(self) -> None:
        """Take up the bans of the run before. Blocks; a file that cannot be read is left out."""
        try:
            data = json.loads(self._path.read_text())
            if not isinstance(data, dict):
                raise ValueError("not an object")
            self.guard.load(data, self._loop.time(), self._wall())
            outbound = data.get("outbound")
            self._used = outbound if isinstance(outbound, dict) else {}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("the bans of the last run cannot be read: %s", error)

    def join(self, stack: Stack, shell: SipShell) -> None:
        """Be asked by the transports and told by the stack."""
        stack.on_bad = self._bad
        stack.unwanted = self._unwanted
        stack.preferred = lambda host: not self.guard.is_stranger(host, self._loop.time())
        shell.guard = self.guard
        self._shell = shell
        self._filter()

    def keep(self, outbound: Outbound) -> None:
        """Keep the counts of calls out over a restart, too."""
        outbound.load(self._used)
        outbound.on_change = self._save_soon
        self._outbound = outbound

    async def close(self) -> None:
        """Write what is to be kept."""
        for timer in (self._save_timer, self._filter_timer):
            if timer is not None:
                timer.cancel()
        self._filter_timer = None
        if self._saving is not None:
            await asyncio.wait([self._saving])
        await asyncio.to_thread(self._write, self._dump())

    # The stack

    def _bad(self, flow: Flow, kind: str) -> None:
        now = self._loop.time()
        host = flow.remote[0]
        self.guard.note(host, "malformed" if kind == "malformed" else "probe", now, proven=flow.reliable)

    def _unwanted(self, flow: Flow, agent: str) -> bool:
        name, host = agent.lower(), flow.remote[0]
        if not any(part in name for part in self._scanners) or self.guard.is_free(host):
            return False
        self.guard.note(host, "scanner", self._loop.time(), proven=flow.reliable)
        return True

    # Bans by hand (the HTTP interface)

    def bans(self) -> list[dict[str, Any]]:
        """Bans in force, with what is left of them."""
        now = self._loop.time()
        return [
            {
                "source": ban.source,
                "reason": ban.reason,
                "seconds_left": round(ban.left(now)),
                "since": round(self._wall() - (now - ban.since), 3),
                "times": ban.times,
                "proven": ban.proven,
            }
            for ban in self.guard.bans(now)
        ]

    def ban(self, source: str, seconds: float) -> bool:
        """Shut a source out; False for one that is exempt. ValueError for what is no address."""
        return self.guard.ban(source, seconds, self._loop.time()) is not None

    def unban(self, source: str) -> bool:
        """Let a source in again; False where it was not shut out. ValueError for what is no address."""
        found = self.guard.unban(source)
        if found:
            if self._filter_timer is not None:
                self._filter_timer.cancel()
            self._filter()
            log.warning("unban host=%s", source)
        return found

    # What changes

    def _banned(self, ban: Ban, host: str) -> None:
        now = self._loop.time()
        if now >= self._log_until:
            if self._unlogged:
                log.warning("%d further bans were not logged", self._unlogged)
            self._log_until, self._logged, self._unlogged = now + 1.0, 0, 0
        if self._logged >= LOGGED_PER_SECOND and not ban.proven:
            self._unlogged += 1
            return
        self._logged += 1
        seconds, proven = round(ban.left(now)), "yes" if ban.proven else "no"
        log.warning("ban host=%s reason=%s seconds=%d times=%d proven=%s", host, ban.reason, seconds, ban.times, proven)

    def _changed(self) -> None:
        self._save_soon()
        self._filter_soon(FILTER_AFTER)

    def _save_soon(self) -> None:
        if self._save_timer is None:
            self._save_timer = self._loop.call_later(SAVE_AFTER, self._save)

    def _dump(self) -> dict[str, Any]:
        used = self._outbound.dump() if self._outbound is not None else self._used
        return {**self.guard.dump(self._loop.time(), self._wall()), "outbound": used}

    def _save(self) -> None:
        self._save_timer = None
        if self._saving is not None and not self._saving.done():
            self._save_timer = self._loop.call_later(SAVE_AFTER, self._save)
            return
        self._saving = self._loop.run_in_executor(None, self._write, self._dump())

    def _write(self, data: dict[str, Any]) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(data, file)
            fresh.replace(self._path)
        except OSError as error:
            log.warning("the bans cannot be kept: %s", error)

    # The kernel

    def _filter_soon(self, seconds: float) -> None:
        if self._shell is not None and self._filters and self._filter_timer is None:
            self._filter_timer = self._loop.call_later(seconds, self._filter)

    def _filter(self) -> None:
        """Have the kernel drop what comes from those who are shut out now, until the first of these bans is over."""
        self._filter_timer = None
        if self._shell is None or not self._filters:
            return
        now = self._loop.time()
        bans = self.guard.shut_out(now)
        self._shell.shut_out([ban.source for ban in bans])
        if bans:
            self._filter_soon(max(FILTER_AFTER, min(ban.until for ban in bans) - now))
