"""The connections of one hand-off to an AI agent, one after the other: how each is made, and whether another one is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ivr.handoff.ai_links import Link
from ivr.handoff.ai_making import Making
from ivr.handoff.protocols import Dialect
from media import AddressError

if TYPE_CHECKING:
    from ivr.handoff.ai_call import AiCall

__all__ = ["Connecting"]

log = logging.getLogger("ivr.handoff")

RETRY_AFTER: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds before each try to connect anew, the last one for all that follow."""


class Connecting:
    """Of one hand-off. `failed` is told why a connection could not be made."""

    def __init__(self, host: AiCall, making: Making, limit: float, failed: Callable[[str], None]) -> None:
        """`limit`: seconds in which the endpoint must have taken the call."""
        self._host = host
        self._making = making
        self._limit = limit
        self._failed = failed
        self._taken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lost: list[float] = []
        """When connections were lost that were made anew."""
        self.link: Link | None = None
        """The connection that stands."""
        self.dialect: Dialect | None = None
        """Its protocol."""

    def begin(self, after: float = 0.0) -> None:
        """Make a connection in so many seconds."""
        self._task = self._host.call.services.loop.create_task(self._connect(after))

    def again(self, now: float) -> bool:
        """Make another one where that is wanted, and has not been in vain too often."""
        policy = self._making.agent.reconnect
        if policy is None:
            return False
        self._lost = [at for at in self._lost if now - at < policy.within]
        if len(self._lost) >= policy.times:
            return False
        after = RETRY_AFTER[min(len(self._lost), len(RETRY_AFTER) - 1)]
        self._lost.append(now)
        self._making.again()
        self.begin(after)
        return True

    def taken(self) -> None:
        """The endpoint has taken the call."""
        self._taken.set()

    async def _connect(self, after: float) -> None:
        if after:
            await asyncio.sleep(after)
        self._taken.clear()
        self.dialect = dialect = self._making.dialect()
        try:
            async with asyncio.timeout(self._limit):
                await self._making.connect(self._host, dialect)
                await self._taken.wait()
        except TimeoutError:
            self._failed("no answer in time")
        except AddressError as error:
            self._failed(str(error))
        except (OSError, ValueError) as error:  # a certificate that fails is both
            self._failed(type(error).__name__)
        except Exception:
            log.exception("an AI agent could not be connected")
            self._failed("a fault of ours")

    def cancel(self) -> None:
        """No connection is made any more."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def lost(self) -> Link | None:
        """The connection that stood is over."""
        link, self.link = self.link, None
        if link is not None:
            self._host.figures.link_done(link)
        return link

    def drop(self) -> None:
        """End the connection, where there is one."""
        if (link := self.lost()) is not None:
            link.close()

    def close(self) -> None:
        """Nothing is connected, or waited for, any more."""
        self.cancel()
        self.drop()
        self._making.close()
