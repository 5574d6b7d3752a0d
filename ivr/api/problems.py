"""Errors as RFC 9457 says: application/problem+json, whatever goes wrong and wherever."""

from __future__ import annotations

import http
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from ivr.api.tracing import request_id
from ivr.errors import FaultsError, IvrError

__all__ = ["ProblemError", "problems"]

log = logging.getLogger("ivr.api")

RETRY_AFTER = "5"
"""Seconds that who asks is told to wait where the same thing may succeed later."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ProblemError(Exception):
    """What a request cannot have, as it is answered."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> web.Response:
        """The answer."""
        title = http.HTTPStatus(self.status).phrase
        body = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail, **self.members}
        return web.json_response(
            body, status=self.status, headers=self.headers, content_type="application/problem+json"
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers every error as a problem; only what nobody expected is logged. OPTIONS tells what can be asked; other
    origins are told nothing (no CORS): pages of others have no business here."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response()
    except FaultsError as error:
        faults = [str(fault) for fault in error.faults]
        return ProblemError(error.http_status, "what is there does not hold", faults=faults).response()
    except IvrError as error:
        headers = {"Retry-After": RETRY_AFTER} if error.retryable else {}
        return ProblemError(error.http_status, str(error), headers).response()
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": allowed})
        return ProblemError(405, _DETAILS[405], {"Allow": allowed}).response()
    except web.HTTPException as error:
        kept = {name: value for name, value in error.headers.items() if name.lower() in ("allow", "location")}
        return ProblemError(error.status, _DETAILS.get(error.status, error.reason), kept).response()
    except Exception:
        # One request must not take the others along, and its text may hold anything: only the log gets it.
        name = request_id(request)
        log.exception("request %s failed", name)
        return ProblemError(500, f"the request failed; the daemon's log says why at request {name}").response()


_DETAILS = {
    404: "there is nothing here",
    405: "this cannot be done here",
    413: "the body is too large",
}
