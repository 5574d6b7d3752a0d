"""Answers that have not changed are not sent again (RFC 9110, 8.8.3 and 13.1.2), and what somebody else has changed
meanwhile is not overwritten (13.1.1).

    "<version>.<answer>"        where what is shown holds settings that can be changed: those, and all that is shown
    "<answer>"                  elsewhere

Figures change all the time: `If-Match` looks at the version alone, `If-None-Match` of a GET at all of it.

What is shown is personal data, and is another one for another token: nobody but who asks may keep it, and nobody uses
it without asking whether it still holds.
"""

from __future__ import annotations

import hashlib

from aiohttp import ETag, web

from ivr.api.problems import ProblemError

__all__ = ["expect", "tag_of", "unless_known"]

KEEPING = "private, no-cache"


def tag_of(response: web.Response, version: str) -> str:
    """The tag of an answer; `version` is that of the settings in it, empty where there are none."""
    tag = hashlib.sha256(response.body if isinstance(response.body, bytes) else b"").hexdigest()[:32]
    return f"{version}.{tag}" if version else tag


def unless_known(request: web.Request, response: web.Response, version: str = "") -> web.Response:
    """An answer to a GET with its `ETag`; 304 without a body where who asks has that one already (`If-None-Match`)."""
    tag = tag_of(response, version)
    known = any(one.value in (tag, "*") for one in request.if_none_match or ())
    if known:
        response = web.Response(status=304)
    response.etag = tag
    response.headers["Cache-Control"] = KEEPING
    return response


def expect(request: web.Request, version: str | None) -> None:
    """Refuse (412) to change what is not as who asks knows it (`If-Match`), or is there although it is not to be
    (`If-None-Match: *`). `version` is that of what is there; None: nothing is."""
    wanted, unwanted = request.if_match, request.if_none_match
    if wanted is not None and not any(_names(one, version) for one in wanted if not one.is_weak):
        raise ProblemError(412, "somebody has changed it meanwhile: read it again")
    if unwanted is not None and any(_names(one, version) for one in unwanted):
        raise ProblemError(412, "it is there already")


def _names(tag: ETag, version: str | None) -> bool:
    return version is not None and (tag.value == "*" or tag.value.partition(".")[0] == version)
