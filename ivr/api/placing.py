"""Placing calls over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, Field

from ivr.api.endpoints import Answer, Ask, Endpoint, Model
from ivr.api.faults import refusal
from ivr.api.fields import Said, Span
from ivr.api.problems import ProblemError
from ivr.call.contacts import Wanted
from ivr.settings import Settings

__all__ = ["CallPlacer", "PlacingRoutes"]

MAX_TARGET = 256
"""Characters of who is called."""
_FROM = re.compile(r"[0-9A-Za-z+*#._-]{1,64}", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_NUMBER = re.compile(r"(?=.*[0-9*#])[0-9+*#./() -]{1,64}|[0-9A-Za-z+*#._-]*[0-9A-Za-z*#][0-9A-Za-z+*#._-]*", re.ASCII)
"""As people write them; or a name that the peer of a line knows."""
_URI = re.compile(r"sips?:[!-~]{1,240}", re.ASCII | re.IGNORECASE)
MAX_RINGING = 180.0
"""Seconds, as in flows."""


class CallPlacer(Protocol):
    """Who takes the wish that somebody is called."""

    async def place(self, wanted: Wanted, key: str | None = None) -> tuple[str, str]:
        """The id of the record, and `new`, `known` or `other`."""


def _caller(value: str) -> str:
    if not _FROM.fullmatch(value):
        raise ValueError("not a caller id: a number or name of at most 64 letters, digits and + * # . _ -")
    return value


def _names(value: dict[str, Any]) -> dict[str, Any]:
    if bad := next((name for name in value if not _NAME.fullmatch(name)), None):
        raise ValueError(f"{bad[:50]!r} is no name of a variable")
    return value


class WantedCall(Model):
    """A call that somebody asks for. It is a campaign of one: the do-not-contact list, `outbound_policy` and the limits
    hold, and what forbids the call stands in its record."""

    to: Annotated[Said, Field(max_length=MAX_TARGET)]
    """Whom: a number, `phone:200`, `agent:anna`, `sip:…`, `tel:…`."""
    flow: Said | None = None
    """Flow that has the call."""
    say: Said | None = None
    """Instead of a flow: this text is said."""
    from_: Annotated[Annotated[Said, AfterValidator(_caller)] | None, Field(alias="from")] = None
    """Caller id that is shown. This and what follows is refused where the flow has one of its own."""
    line: Said | None = None
    """Line that the call goes out by."""
    properties: Annotated[dict[str, Any], AfterValidator(_names)] | None = None
    """`properties` of `start_from_audience`, variables of a flow that does not call by itself."""
    payload: dict[str, Any] | None = None
    """For the record (`details.payload`), never sent to anybody."""
    ring_timeout: Annotated[Span, Field(gt=0, le=MAX_RINGING)] | None = None
    machine_detection: Literal["off", "fast", "beep"] | None = None
    record_call: bool = False

    def fields(self) -> dict[str, Any]:
        """Fields of start_outgoing_call. None of them may hold what a flow would work out."""
        detection = None if self.machine_detection == "off" else self.machine_detection
        found = {
            "from": self.from_,
            "line": self.line,
            "ring_timeout": self.ring_timeout,
            "machine_detection": detection,
            "record_call": self.record_call or None,
        }
        return {name: value for name, value in found.items() if value is not None}


class PlacedCall(Model):
    """A call that is kept: what was answered is not lost by a crash."""

    id: str
    """Of the call."""


class PlacingRoutes:
    """Handlers."""

    def __init__(self, placer: CallPlacer, settings: Callable[[], Settings]) -> None:
        """`settings` are those in force: agents may be made at any time."""
        self._placer = placer
        self._settings = settings

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        return [
            Endpoint(
                "POST",
                "/v1/calls",
                "calls",
                self.place,
                body=WantedCall,
                answers={202: PlacedCall, 200: PlacedCall},
                problems={503: "There is no room: `limits.calls`, `limits.waiting_flows`, a daemon that stops."},
                idempotent="own",
            )
        ]

    async def place(self, ask: Ask[WantedCall, None]) -> Answer:
        """Have somebody called.

        202 with the id once it is kept, 200 where the same request was taken before.
        """
        call_id, taken = await self._placer.place(self._wanted(ask.body), ask.key)
        if taken == "other":
            raise ProblemError(409, "another request has this Idempotency-Key")
        headers = {"Location": f"/v1/calls/{call_id}"}
        return Answer({"id": call_id}, 202 if taken == "new" else 200, headers)

    def _wanted(self, body: WantedCall) -> Wanted:
        if body.flow is not None and body.say is not None:
            raise refusal("say", "the flow says what is said: leave one of them out")
        settings = self._settings()
        _check_target(body.to, settings)
        limit = settings.limits.text_characters
        if body.say is not None and len(body.say) > limit:
            raise refusal("say", "too long", expected=f"at most {limit} characters (limits.text_characters)")
        if body.line is not None and body.line not in settings.lines:
            known = ", ".join(settings.lines) or "none"
            raise refusal("line", "there is no such line", found=body.line[:50], expected=known)
        return Wanted(body.to, body.flow, body.say or "", body.properties or {}, body.fields(), body.payload or {})


def _check_target(to: str, settings: Settings) -> None:
    """A problem (422) for what nobody could call; whether the policy lets it through is found out when it is called."""
    kind, _, name = to.partition(":")
    kind = kind.lower()
    named: Mapping[str, Mapping[str, Any]] = {"phone": settings.phones, "agent": settings.agents}
    if kind in named and name not in named[kind]:
        raise refusal("to", f"there is no {kind} of that name")
    if kind in ("sip", "sips"):
        fits = _URI.fullmatch(to) is not None
    elif kind == "tel":
        fits = _NUMBER.fullmatch(name) is not None
    else:
        fits = kind in named or to in settings.phones or to in settings.agents or _NUMBER.fullmatch(to) is not None
    if not fits:
        raise refusal("to", "nobody can be called so", expected="a number, phone:200, agent:anna, sip:… or tel:…")
