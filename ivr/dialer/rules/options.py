"""What a campaign has of its own beside its flow: pace, window, when it is valid, line, caller id."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ivr.dialer.rules.matching import AgentMatching
from ivr.errors import IvrError
from ivr.flow import ports
from ivr.flow.callhours import CallWindow
from ivr.flow.values import Speed

__all__ = ["SPEED_FORMS", "WINDOW_FORMS", "CampaignOptions", "OptionsError", "read_options"]

SPEED_FORMS = "calls and a period, like 30/minute, 1000/hour or 5000/day"
WINDOW_FORMS = "days, times and perhaps a time zone, like mon-fri 09:00-17:00 Europe/Berlin"
MOMENT_FORMS = "a date and a time with a time zone, like 2026-03-02T09:00:00+01:00"

_SPEED = re.compile(r"\s*(\d{1,7})\s*/\s*(minute|hour|day)\s*", re.ASCII)
_WINDOW = re.compile(r"\s*(?:([a-z,-]+)\s+)?(\d\d:\d\d)\s*-\s*(\d\d:\d\d)(?:\s+(\S+))?\s*", re.ASCII)


class OptionsError(IvrError):
    """An option that is none."""

    http_status = 422


def _speed(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _SPEED.fullmatch(value)
    if found is None:
        raise ValueError(f"expected {SPEED_FORMS}")
    return {"calls": int(found[1]), "per": found[2]}


def _window(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _WINDOW.fullmatch(value)
    if found is None:
        raise ValueError(f"expected {WINDOW_FORMS}")
    named = {"days": found[1], "from": found[2], "to": found[3], "time_zone": found[4]}
    return {name: part for name, part in named.items() if part is not None}


def _matching(value: object) -> object:
    return {"queue": value} if isinstance(value, str) else value


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"expected {MOMENT_FORMS}") from None
    if at.tzinfo is None:
        raise ValueError(f"a time zone is missing, expected {MOMENT_FORMS}")
    return at.timestamp()


def _caller_id(value: str) -> str:
    if not value.isprintable() or set('<>"') & set(value):
        raise ValueError("expected a number or name, without < > and quotes")
    return value


Moment = Annotated[float, BeforeValidator(_moment), Field(ge=0, le=253402300799)]
"""Seconds since the epoch, up to the year 9999."""


class CampaignOptions(BaseModel):
    """All of them may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    speed: Annotated[Speed | None, BeforeValidator(_speed)] = None
    """Calls of this campaign, instead of what the flow says."""
    window: Annotated[CallWindow | None, BeforeValidator(_window)] = None
    """When calls may go; what the flow says holds as well."""
    from_: Annotated[Moment | None, Field(alias="from")] = None
    """Nobody is called before."""
    until: Moment | None = None
    """Nobody is called after; who waits then is done: `expired`."""
    line: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Line that numbers go out through, instead of what the flow says."""
    caller_id: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_caller_id)] | None = None
    """Number that is shown, instead of what the flow says."""
    match_agents: Annotated[AgentMatching | None, BeforeValidator(_matching)] = None
    """Calls go out only as agents of a queue are free for them; text is the name of the queue."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.until is not None and self.until <= self.from_:
            raise ValueError("until is not after from")
        return self

    @property
    def pace(self) -> ports.Speed | None:
        """The speed as flows ask for it."""
        return None if self.speed is None else ports.Speed(self.speed.calls, self.speed.per)

    def kept(self) -> dict[str, Any]:
        """As JSON: :func:`read_options` reads it."""
        kept = self.model_dump(by_alias=True, exclude_none=True, mode="json", exclude={"window", "from_", "until"})
        if self.window is not None:
            window = self.window
            kept["window"] = {
                "days": list(window.days),
                "from": str(window.from_),
                "to": str(window.to),
                "time_zone": window.time_zone,
            }
        for name, at in (("from", self.from_), ("until", self.until)):
            if at is not None:
                kept[name] = datetime.fromtimestamp(at, UTC).isoformat()
        return kept


def read_options(values: Any) -> CampaignOptions:
    """Options of a request, or as they were kept; OptionsError with the first one that is wrong."""
    try:
        return CampaignOptions.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise OptionsError(f"{where}: {message}" if where else message) from None
