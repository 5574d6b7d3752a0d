"""The flows in force of a running daemon: changed one at a time, worked out in a thread, put into force on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from ivr.errors import Fault, FlowLoadError, IvrError
from ivr.flow import FlowSet
from ivr.flow.loader import flow_files
from ivr.versions.keeper import FlowKeeper

__all__ = ["WATCH_SECONDS", "LiveFlows"]

log = logging.getLogger("ivr.flows")

WATCH_SECONDS = 2.0
"""Between two looks at the folder, where it is watched. What changes is taken up when it was the same twice: an editor
or a copy that is not done yet changes it again."""

Signature = tuple[tuple[str, int, int], ...]


class LiveFlows:
    """Loads, activates and rolls back while calls go on; `in_force` is told of each new set."""

    def __init__(
        self,
        keeper: FlowKeeper,
        flows: FlowSet,
        faults: tuple[Fault, ...],
        in_force: Callable[[FlowSet], None],
    ) -> None:
        self.keeper = keeper
        self.flows = flows
        self.faults = faults
        """Why the folder, as it was when it was last looked at, is not what is in force; empty where it is."""
        self._in_force = in_force
        self._changing = asyncio.Lock()

    async def reload(self) -> FlowSet:
        """Take up the folder. FlowLoadError, StoreError: nothing has changed."""
        try:
            flows = await self._change(self.keeper.load)
        except FlowLoadError as error:
            self.faults = error.faults
            raise
        self.faults = ()
        return flows

    async def activate(self, name: str, number: int, share: float | None = None) -> FlowSet:
        """Put a version into force; see :meth:`FlowKeeper.activate`."""
        return await self._change(lambda previous: self.keeper.activate(name, number, share, previous))

    async def rollback(self, name: str) -> FlowSet:
        """Undo the last change; see :meth:`FlowKeeper.rollback`."""
        return await self._change(lambda previous: self.keeper.rollback(name, previous))

    async def _change(self, work: Callable[[FlowSet], FlowSet]) -> FlowSet:
        async with self._changing:
            self.flows = await asyncio.to_thread(work, self.flows)
            self._in_force(self.flows)
            return self.flows

    async def reload_and_tell(self) -> None:
        """Take up the folder; what is wrong with it goes to the log."""
        try:
            flows = await self.reload()
        except FlowLoadError as error:
            for fault in error.faults:
                log.error("%s", fault)
            log.error("the flows are not changed: %d faults", len(error.faults))
        except (IvrError, OSError) as error:
            log.error("the flows are not changed: %s", error)
        except Exception:
            # Whatever a file holds, the calls in progress go on.
            log.exception("the flows are not changed")
        else:
            log.info("%d flows in force", len(flows))

    async def watch(self, folder: Path) -> None:
        """Take up the folder whenever it has changed and lies still; ends by being cancelled."""
        taken: Signature | None = None  # it may have changed since it was read at the start
        seen = await asyncio.to_thread(_signature, folder)
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            before, seen = seen, await asyncio.to_thread(_signature, folder)
            if seen == before and seen != taken:
                taken = seen
                await self.reload_and_tell()


def _signature(folder: Path) -> Signature:
    """What tells whether a folder has changed."""
    found = []
    try:
        for path in flow_files(folder):
            stat = path.stat()
            found.append((path.name, stat.st_mtime_ns, stat.st_size))
    except (FlowLoadError, OSError):  # a file that goes while we look, a folder that is being replaced: look again
        return ()
    return tuple(found)
