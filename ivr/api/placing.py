"""Placing calls over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from ivr.api.bodies import member, read_object
from ivr.api.guard import Guard
from ivr.api.problems import ProblemError
from ivr.call.contacts import Wanted
from ivr.settings import Settings
from ivr.units import parse_duration

__all__ = ["CallPlacer", "PlacingRoutes"]

KEYS = (
    "to",
    "flow",
    "say",
    "from",
    "line",
    "properties",
    "payload",
    "ring_timeout",
    "machine_detection",
    "record_call",
)
MAX_TARGET = 256
"""Characters of who is called."""
_FROM = re.compile(r"[0-9A-Za-z+*#._-]{1,64}", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
MAX_RINGING = 180.0
"""Seconds, as in flows."""


class CallPlacer(Protocol):
    """Who takes the wish that somebody is called."""

    async def place(self, wanted: Wanted, key: str | None = None) -> tuple[str, str]:
        """The id of the record, and `new`, `known` or `other`."""


class PlacingRoutes:
    """Handlers."""

    def __init__(self, placer: CallPlacer, settings: Settings) -> None:
        self._placer = placer
        self._settings = settings

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [web.post("/v1/calls", guard("calls", self.place))]

    async def place(self, request: web.Request) -> web.Response:
        """Have somebody called: 202 with the id once it is kept, 200 where the request was taken before."""
        body = await read_object(request, KEYS)
        wanted = self._wanted(body)
        key = request.headers.get("Idempotency-Key")
        if key is not None and not _KEY.fullmatch(key):
            raise ProblemError(422, "Idempotency-Key: at most 128 visible ASCII characters")
        call_id, taken = await self._placer.place(wanted, key)
        if taken == "other":
            raise ProblemError(409, "another request has this Idempotency-Key")
        headers = {"Location": f"/v1/calls/{call_id}"}
        return web.json_response({"id": call_id}, status=202 if taken == "new" else 200, headers=headers)

    def _wanted(self, body: dict[str, Any]) -> Wanted:
        to = member(body, "to", str).strip()
        if not 0 < len(to) <= MAX_TARGET:
            raise _wrong("to", f"a number, phone or SIP address of at most {MAX_TARGET} characters")
        flow = _text(body, "flow")
        say = _text(body, "say")
        if flow is not None and say is not None:
            raise _wrong("say", "the flow says what is said: leave one of them out")
        limit = self._settings.limits.text_characters
        if say is not None and len(say) > limit:
            raise _wrong("say", f"at most {limit} characters (limits.text_characters)")
        properties = _object(body, "properties")
        if bad := next((name for name in properties if not _NAME.fullmatch(name)), None):
            raise _wrong("properties", f"{bad[:50]!r} is no name of a variable")
        return Wanted(to, flow, say or "", properties, self._fields(body), _object(body, "payload"))

    def _fields(self, body: dict[str, Any]) -> dict[str, Any]:
        """Fields of start_outgoing_call. None of them may hold what a flow would work out."""
        found: dict[str, Any] = {}
        if (caller := _text(body, "from")) is not None:
            if not _FROM.fullmatch(caller):
                raise _wrong("from", "a number or name of at most 64 letters, digits and + * # . _ -")
            found["from"] = caller
        if (line := _text(body, "line")) is not None:
            if line not in self._settings.lines:
                known = ", ".join(self._settings.lines) or "none"
                raise _wrong("line", f"there is no line {line[:50]!r}, expected one of: {known}")
            found["line"] = line
        if body.get("ring_timeout") is not None:
            found["ring_timeout"] = _seconds(body["ring_timeout"])
        detection = _text(body, "machine_detection")
        if detection not in (None, "off", "fast", "beep"):
            raise _wrong("machine_detection", "off, fast or beep")
        if detection not in (None, "off"):
            found["machine_detection"] = detection
        recorded = body.get("record_call", False)
        if not isinstance(recorded, bool):
            raise _wrong("record_call", "true or false")
        if recorded:
            found["record_call"] = True
        return found


def _wrong(field: str, expected: str) -> ProblemError:
    return ProblemError(422, f"{field}: {expected}", field=field)


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise _wrong(key, "must be text")
    return value.strip()


def _object(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(key, "must be an object")
    return value


def _seconds(value: object) -> float:
    try:
        seconds = parse_duration(value)
    except (ValueError, TypeError) as error:
        raise _wrong("ring_timeout", str(error)) from None
    if not 0 < seconds <= MAX_RINGING:
        raise _wrong("ring_timeout", f"more than 0 and at most {MAX_RINGING:.0f} s")
    return seconds
