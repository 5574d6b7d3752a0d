"""Which request it is: an id that stands in the answer, in problems and in the log, so that who asks and who runs the
daemon speak of the same one. And who has changed what, in the log `ivr.audit`."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

__all__ = ["REQUEST_HEADER", "asks_as", "changed", "finish", "request_id", "traced"]

audit = logging.getLogger("ivr.audit")

REQUEST_HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
"""Ids that clients bring along; anything else gets one of ours."""
_SHOWN = ("id", "name", "flow", "queue", "account")
"""Parts of paths that the log may show: those of people's numbers stay as they are declared."""
_PLAIN = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_READS = ("GET", "HEAD", "OPTIONS")
_ID = web.RequestKey("request_id", str)
_AS = web.RequestKey("as", str)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def request_id(request: web.BaseRequest) -> str:
    """The id of a request; empty: it has none (yet)."""
    found: str = request.get(_ID, "")
    return found


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives each request an id: the one that it brings along, or a new one."""
    given = request.headers.get(REQUEST_HEADER, "")
    request[_ID] = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
    return await handler(request)


async def finish(request: web.Request, response: web.StreamResponse) -> None:
    """Puts the id into the answer, and takes out what it is made with; for `Application.on_response_prepare`."""
    response.headers[REQUEST_HEADER] = request_id(request)
    response.headers["Server"] = "ivr"
    response.headers.setdefault("X-Content-Type-Options", "nosniff")


def changed(request: web.Request, path: str, status: int, by: str) -> None:
    """Writes down that somebody has asked for a change: what, with which answer, as whom. `path` is that of the
    endpoint, with `{names}`."""
    if request.method in _READS:
        return
    for name in _SHOWN:
        value = request.match_info.get(name, "")
        if _PLAIN.fullmatch(value):
            path = path.replace(f"{{{name}}}", value)
    by = request.get(_AS, by)
    audit.info("%s %s: %d for %s, request %s", request.method, path, status, by, request_id(request))


def asks_as(request: web.BaseRequest, who: str) -> None:
    """Whose password a request shows, where no token says who asks."""
    request[_AS] = who
