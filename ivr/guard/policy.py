"""Who may dial what through a line (`outbound_policy`), with the rule that decided.

The order, in which the first rule that speaks decides:

    emergency       always, for phones and flows
    deny            nobody
    who             a phone what `phones` lists; a flow what `flows` lists for it; for a guest a number that is not
                    written in the flow only where `guests` lists it
    hours           phones, outside of the calendar: nothing
    prefixes        the longest that fits
    premium         numbers at premium rates
    international   numbers of other countries
"""

from __future__ import annotations

import fnmatch
import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import phonenumbers

from ivr.settings import DialLimits, OutboundPolicy

__all__ = ["DialPolicy", "Dialler", "Place", "Verdict", "international_form"]

COSTLY_NETWORKS = ("+870", "+878", "+879", "+881", "+882", "+883", "+979")
"""Satellites, global networks and the international premium rate: codes of no country, dear to call, and what fraud
earns by."""

SHORTEST = 5
"""Digits below which a number is an extension or a service, which has no form with a country code."""

LONGEST = 17
"""Characters that decide where a number leads: E.164 has 15 digits. Switches ignore digits beyond those they need, so a
number with too many leads where its beginning does."""

_PLAIN = re.compile(r"\+?[0-9]*")
_RUN = re.compile(r"\+?[0-9]+")

NUMBERS_KEPT = 4096
"""Numbers of which the form and the rate are remembered; working them out takes 50 µs."""

Place = tuple[str, str]
"""What a limit is about: kind (total, phone, flow, line, prefix) and name."""


@dataclass(frozen=True, slots=True)
class Dialler:
    """At whose wish a number is dialled."""

    kind: Literal["phone", "flow", "guest"]
    """``phone``: a registered phone dials, or has itself transferred; ``flow``: a flow does it for somebody known;
    ``guest``: a flow does it for a guest."""
    phone: str | None = None
    """User of the phone whose call it is, whoever dials."""
    flow: str | None = None
    """Name of the flow; None where a phone dials by itself."""
    written: bool = True
    """The number stands in the flow or the configuration, and was not put together of what the call brought."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be done about one number."""

    allowed: bool
    number: str
    """To be dialled: as it was given, an emergency number without what stood before it."""
    rule: str
    """Key of the configuration that decided."""
    reason: str
    """A sentence without the number."""
    emergency: bool = False
    limits: tuple[tuple[Place, DialLimits], ...] = ()
    """Limits that count this call, those of lines excepted."""


def _matches(number: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(number, pattern) for pattern in patterns)


@functools.lru_cache(NUMBERS_KEPT)
def _parsed(number: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number[:LONGEST], country)
    except phonenumbers.NumberParseException:
        return None


@functools.cache
def _abroad(country: str) -> re.Pattern[str]:
    """What is dialled before numbers of other countries: 00, 011."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    return re.compile((metadata.international_prefix if metadata is not None else None) or "00")


def international_form(number: str, country: str | None) -> str:
    """A number as +49…, where that can be told: it begins with +, or the country is known; else as it is."""
    if number.startswith("+"):
        parsed = _parsed(number, None) if number[1:].isdecimal() else None
        return number if parsed is None else phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if country is None or not number.isdecimal() or len(number) < SHORTEST:
        return number
    if (abroad := _abroad(country).match(number)) is not None:
        return international_form(f"+{number[abroad.end() :]}", None)
    parsed = _parsed(number, country)
    if parsed is None or phonenumbers.is_possible_number_with_reason(parsed) in _NO_NUMBER:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


_NO_NUMBER = (phonenumbers.ValidationResult.TOO_SHORT, phonenumbers.ValidationResult.INVALID_COUNTRY_CODE)


def _readings(number: str) -> tuple[str, ...]:
    """What else the far end may take a number for that has other characters than digits: gateways leave them out, wait
    at them, or end there."""
    if _PLAIN.fullmatch(number):
        return ()
    western = "".join(str(unicodedata.decimal(one, one)) for one in number)
    digits = "".join(one for one in western if one in "0123456789")
    runs = [run for run in _RUN.findall(western) if len(run) >= SHORTEST]
    return tuple(dict.fromkeys([f"+{digits}" if western.startswith("+") else digits, *runs]))


@functools.lru_cache(NUMBERS_KEPT)
def _is_premium(full: str) -> bool:
    if full.startswith(COSTLY_NETWORKS):
        return True
    parsed = _parsed(full, None) if full.startswith("+") else None
    if parsed is None:
        return False
    number = phonenumbers.PhoneNumber()
    number.merge_from(parsed)
    phonenumbers.truncate_too_long_number(number)
    return phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.PREMIUM_RATE


class DialPolicy:
    """The rules. Pure but for a memory of numbers worked out before."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self._policy = policy
        self._prefixes = sorted(policy.prefixes.items(), key=lambda item: -len(item[0]))
        self._code = f"+{phonenumbers.country_code_for_region(policy.country)}" if policy.country is not None else None

    def emergency(self, number: str) -> str | None:
        """The emergency number that this is, dialled with a prefix or a plus perhaps."""
        policy = self._policy
        for head in ("", "+", *policy.emergency_prefixes):
            if number.startswith(head) and number[len(head) :] in policy.emergency:
                return number[len(head) :]
        return None

    def judge(self, number: str, dialler: Dialler, *, is_open: bool = True) -> Verdict:
        """Whether a number (normalised) may be dialled; `is_open`: the calendar of `hours` says so."""
        policy = self._policy
        urgent = self.emergency(number)
        if urgent is not None and not (dialler.kind == "guest" and not dialler.written):
            return Verdict(True, urgent, "emergency", "an emergency number", emergency=True)
        full = international_form(number, policy.country)
        both = {number, full}
        readings = [(number, full), *((one, international_form(one, policy.country)) for one in _readings(number))]

        def refused(rule: str, reason: str) -> Verdict:
            return Verdict(False, number, rule, reason)

        if any(_matches(one, policy.deny) for reading in readings for one in reading):
            return refused("deny", "nobody dials this number")

        def listed(patterns: Iterable[str]) -> bool:
            return any(_matches(one, patterns) for one in both)

        if dialler.kind == "phone" and not listed(policy.phones):
            return refused("phones", "phones may dial what is listed, and this is not")
        if dialler.kind == "phone" and not is_open:
            return refused("hours", "phones dial nothing at this time")
        if dialler.kind == "guest" and not dialler.written and not listed(policy.guests):
            return refused("guests", "a guest has a flow dial only what the flow names, or what is listed here")
        own = policy.flows.get(dialler.flow) if dialler.flow is not None else None
        if own is not None and not listed(own):
            return refused(f"flows.{dialler.flow}", "this flow may dial what is listed for it, and this is not")
        verdicts = [self._by_destination(one, form, dialler) for one, form in readings]
        decided = next((verdict for verdict in verdicts if not verdict.allowed), verdicts[0])
        limits = tuple(dict(limit for verdict in verdicts for limit in verdict.limits).items())
        return replace(decided, number=number, limits=limits if decided.allowed else ())

    def _by_destination(self, number: str, full: str, dialler: Dialler) -> Verdict:
        policy = self._policy
        limits: list[tuple[Place, DialLimits]] = [(("total", ""), policy.total)]
        if dialler.phone is not None:
            limits.append((("phone", dialler.phone), policy.per_phone))
        if dialler.flow is not None:
            limits.append((("flow", dialler.flow), policy.per_flow))
        for prefix, rule in self._prefixes:
            if full.startswith(prefix) or number.startswith(prefix):
                where = f"prefixes.{prefix}"
                if rule == "deny":
                    return Verdict(False, number, where, "numbers that begin so are not dialled")
                if isinstance(rule, DialLimits):
                    limits.append((("prefix", prefix), rule))
                return Verdict(True, number, where, "numbers that begin so are dialled", limits=tuple(limits))
        if policy.premium == "deny" and _is_premium(full):
            return Verdict(False, number, "premium", "a number at a premium rate")
        foreign = self._code is not None and full.startswith("+") and not full.startswith(self._code)
        if policy.international == "deny" and foreign:
            return Verdict(False, number, "international", "a number of another country")
        return Verdict(True, number, "", "nothing forbids it", limits=tuple(limits))
