"""Answers that have not changed are not sent again (RFC 9110, 8.8.3 and 13.1.2).

What is shown is personal data, and is another one for another token: nobody but who asks may keep it, and nobody uses
it without asking whether it still holds.
"""

from __future__ import annotations

import hashlib

from aiohttp import web

__all__ = ["unless_known"]

KEEPING = "private, no-cache"


def unless_known(request: web.Request, response: web.Response) -> web.Response:
    """An answer to a GET with its `ETag`; 304 without a body where who asks has that one already (`If-None-Match`)."""
    tag = hashlib.sha256(response.body if isinstance(response.body, bytes) else b"").hexdigest()[:32]
    known = any(one.value in (tag, "*") for one in request.if_none_match or ())
    if known:
        response = web.Response(status=304)
    response.etag = tag
    response.headers["Cache-Control"] = KEEPING
    return response
