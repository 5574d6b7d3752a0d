"""Requests with the header `Idempotency-Key`: carried out once, answered as often as they come.

A request is noted in the store before it is carried out, with its answer once there is one. Only what has done
something is kept: who was refused may mend the request and use the key again. Where the daemon died in between nobody
knows whether it was done: that is what is answered then.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from ivr.api.problems import ProblemError
from ivr.errors import IvrError, StoreError
from ivr.store import AnswerTable, KeptAnswer, Token

__all__ = ["AnswerKeeper"]

log = logging.getLogger("ivr.api")

KEPT_SECONDS = 86_400.0
"""For which an answer is given again: nobody retries for longer."""
MAX_KEPT = 100_000
"""Answers at the same time; the oldest go first."""
PRUNE_EVERY = 200
"""Requests between two looks for old answers."""
MAX_BODY = 256 * 1024
"""Of an answer that is kept; a larger one is given again as its status alone."""
KEPT_HEADERS = ("Location",)

Make = Callable[[], Awaitable[web.StreamResponse]]


class AnswerKeeper:
    """Keeps answers in a table."""

    def __init__(self, table: AnswerTable, wall: Callable[[], float] = time.time) -> None:
        self._table = table
        self._wall = wall
        self._under_way: dict[tuple[str, str], asyncio.Future[None]] = {}
        self._count = 0

    async def once(self, request: web.Request, token: Token | None, key: str, make: Make) -> web.StreamResponse:
        """The answer to a request: one that was given before, or what `make` answers now. A problem (409) where
        another request of the same client has the key."""
        owner = token.id if token is not None else "local"
        digest = await _digest(request)
        name = owner, key
        while (other := self._under_way.get(name)) is not None:
            await asyncio.wait([other])
        self._under_way[name] = asyncio.get_running_loop().create_future()
        try:
            kept = await asyncio.to_thread(self._table.begin, owner, key, digest, self._wall())
            if kept is not None and self._wall() - kept.at < KEPT_SECONDS:
                return _again(kept, digest)
            if kept is not None:
                await asyncio.to_thread(self._table.drop, owner, key)
                await asyncio.to_thread(self._table.begin, owner, key, digest, self._wall())
            return await self._first(name, make)
        finally:
            self._under_way.pop(name).set_result(None)
            await self._prune()

    async def _first(self, name: tuple[str, str], make: Make) -> web.StreamResponse:
        try:
            response = await make()
        except (ProblemError, IvrError):
            await asyncio.to_thread(self._table.drop, *name)
            raise
        if not (200 <= response.status < 300):
            await asyncio.to_thread(self._table.drop, *name)
            return response
        text = response.text if isinstance(response, web.Response) else None
        body = text if text is not None and len(text) <= MAX_BODY else None
        headers = {header: response.headers[header] for header in KEPT_HEADERS if header in response.headers}
        try:
            await asyncio.to_thread(self._table.finish, *name, response.status, headers, body)
        except StoreError as error:
            # It is done, and is said to be done; only who asks again will not be told so.
            log.error("an answer cannot be kept: %s", error)
        return response

    async def _prune(self) -> None:
        self._count += 1
        if self._count % PRUNE_EVERY == 1:
            try:
                await asyncio.to_thread(self._table.prune, self._wall() - KEPT_SECONDS, MAX_KEPT)
            except StoreError as error:
                log.warning("old answers stay: %s", error)


async def _digest(request: web.Request) -> str:
    found = hashlib.sha256(f"{request.method} {request.path_qs}\n".encode())
    found.update(await request.read())
    return found.hexdigest()


def _again(kept: KeptAnswer, digest: str) -> web.Response:
    if kept.hash != digest:
        raise ProblemError(409, "another request has this Idempotency-Key")
    if kept.status is None:
        raise ProblemError(
            409, "the request with this Idempotency-Key was broken off: look whether it was done, then use a new key"
        )
    headers = {**kept.headers, "Idempotency-Replayed": "true"}
    if kept.body is None:
        return web.Response(status=kept.status, headers=headers)
    return web.Response(text=kept.body, status=kept.status, headers=headers, content_type="application/json")
