"""Who may make this system place calls through lines, to where, and how many (`outbound_policy`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from ivr.settings.lines import Country
from ivr.settings.values import Digits, Section

__all__ = ["DialLimits", "OutboundPolicy"]

_NUMBER_CHARACTERS = frozenset("0123456789+*#")


def _one_or_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class DialLimits(Section):
    """How much is dialled through lines; what is left out is not limited. Days are those of `time_zone`."""

    calls: Annotated[int, Field(ge=1)] | None = None
    """At the same time."""
    calls_per_day: Annotated[int, Field(ge=1)] | None = None
    minutes_per_day: Annotated[int, Field(ge=1)] | None = None
    """Talked. A call that is up when they are used up goes on; the next one is refused."""


class OutboundPolicy(Section):
    """Who may make this system place calls through lines. Flows may; guests reach what flows name for them."""

    phones: tuple[Digits, ...] = ()
    """Numbers that registered phones may dial through `line`; `*` stands for any end: "+49*". None unless listed."""
    flows: dict[str, tuple[Digits, ...]] = Field(default_factory=dict)
    """Numbers that a flow may dial, by the flow's name; one that is not named here dials what nothing forbids."""
    guests: tuple[Digits, ...] = ()
    """Numbers that a flow may dial for a guest where the number is not written in the flow but comes from the call."""
    hosts: tuple[str, ...] = ()
    """Private hosts, addresses and networks, as in `http.allow`, that may be called by a SIP address which is not in
    the flow but comes from the call, a program or an application. Public hosts and those of lines always may."""
    line: Annotated[
        tuple[Digits, ...],
        BeforeValidator(_one_or_several, json_schema_input_type=str | tuple[str, ...]),
    ] = ()
    """Line for what phones dial, or several in the order to be tried; the first one where it is left out."""
    deny: tuple[Digits, ...] = ()
    """Numbers that nobody dials, flows included."""
    country: Country | None = None
    """Where this system stands (ISO 3166: DE): national numbers are compared with prefixes in their form +49…"""
    prefixes: dict[Digits, Literal["allow", "deny"] | DialLimits] = Field(default_factory=dict)
    """By the beginning of a number, the longest that fits counts: "+4913": deny, "+491": {calls_per_day: 50}."""
    international: Literal["allow", "deny"] = "allow"
    """Numbers of other countries that no prefix names; needs `country`."""
    premium: Literal["allow", "deny"] = "deny"
    """Numbers at premium rates that no prefix names, as far as the numbering plans tell."""
    total: DialLimits = DialLimits()
    """Of all calls through lines."""
    per_phone: DialLimits = DialLimits()
    """Of what each registered phone dials or has itself transferred to."""
    per_line: DialLimits = DialLimits()
    """Of each line. `max_calls` of the line counts its calls of both directions."""
    per_flow: DialLimits = DialLimits()
    """Of each flow."""
    hours: str | None = None
    """A calendar: outside of its hours phones dial nothing through lines."""
    emergency: tuple[Digits, ...] = ("112", "911", "110", "999")
    """Numbers that registered phones may always dial through a line, whatever the rest says: no limit counts them, and
    where the line has no room another of its calls ends for them."""
    emergency_line: Digits | None = None
    """Line for them, where it is another than `line`."""
    emergency_caller_id: Digits | None = None
    """Number shown, at which the caller can be called back; default: as for other calls."""
    emergency_prefixes: tuple[Digits, ...] = ()
    """What people dial before a number out of habit: with "0", 0112 is 112."""

    @field_validator("prefixes")
    @classmethod
    def _are_prefixes(cls, value: dict[str, object]) -> dict[str, object]:
        for prefix in value:
            if not prefix or not _NUMBER_CHARACTERS.issuperset(prefix):
                raise ValueError(f"{prefix!r}: not the beginning of a number, like +4990")
        return value

    @field_validator("emergency")
    @classmethod
    def _are_numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number in value:
            if not number or not _NUMBER_CHARACTERS.issuperset(number):
                raise ValueError(f"{number!r}: an emergency number is written in full")
        return value
