"""Telephone numbers as people and networks write them: compared in one form, sent in the one that a line wants.

A number is taken for a public one only where that is sure: internal numbers, short codes and emergency numbers stay as
they are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat
from phonenumbers.phonemetadata import PhoneMetadata

from ivr.settings import NumberFormat

__all__ = ["one_form", "spellings", "to_e164", "write_number"]

NUMBERS_KNOWN: Final = 4096
"""Numbers whose form is kept ready; reading one takes some 30 µs."""

MAX_NUMBER: Final = 24
"""Characters beyond which nothing is a telephone number: 15 digits (ITU-T E.164) with prefixes and some grouping."""

MIN_LOCAL: Final = 7
"""Digits of a number without any prefix below which it is an internal one: 30123 is also a number of Berlin."""

_DIALLABLE: Final = re.compile(r"\+?[0-9]+")
_NO_DIGIT: Final = re.compile(r"[^0-9+]")


@lru_cache(NUMBERS_KNOWN)
def _parse(number: str, country: str | None) -> PhoneNumber | None:
    if len(number) > MAX_NUMBER or _DIALLABLE.fullmatch(number) is None:
        return None
    try:
        parsed = phonenumbers.parse(number, country)
    except NumberParseException:
        return None
    if number[0] == "+" or _has_prefix(number, country):
        return parsed if phonenumbers.is_possible_number(parsed) else None
    return parsed if len(number) >= MIN_LOCAL and phonenumbers.is_valid_number(parsed) else None


def _has_prefix(number: str, country: str | None) -> bool:
    """Whether it begins as an international or a national call is dialled in its country."""
    metadata = PhoneMetadata.metadata_for_region(country) if country is not None else None
    if metadata is None:
        return False
    abroad = metadata.international_prefix
    if abroad and re.match(abroad, number):
        return True
    # One digit alone that is also a country's first (1 in North America) says nothing.
    inland = metadata.national_prefix
    return bool(inland) and inland == "0" and number.startswith(inland)


def to_e164(number: str, country: str | None) -> str | None:
    """`+4930123456` of a number without grouping signs; None where it is no public number, or of no country."""
    parsed = _parse(number, country)
    return None if parsed is None else phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def one_form(number: str, country: str | None) -> str:
    """The form in which numbers are kept that are to be told apart: `+4930123456` where it is a public number, which
    one without a country code is where the country is known; else as it stands."""
    return to_e164(number, country) or number


def write_number(number: str, form: NumberFormat, country: str | None) -> str:
    """A number in the form that a line wants; as it is where it is no public number."""
    if form == "as_is":
        return number
    parsed = _parse(number, country)
    if parsed is None:
        return number
    if form == "national":
        if country is None:
            return number
        own = parsed.country_code == phonenumbers.country_code_for_region(country)
        text = (
            phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
            if own
            else phonenumbers.format_out_of_country_calling_number(parsed, country)
        )
        return _NO_DIGIT.sub("", text)
    text = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return text if form == "e164" else text[1:]


def spellings(number: str, country: str | None) -> tuple[str, ...]:
    """A number as it stands, then as others may have written it: +49…, 49…, 030…."""
    if country is None or to_e164(number, country) is None:
        return (number,)
    forms: tuple[NumberFormat, ...] = ("e164", "national", "e164_no_plus")
    return tuple(dict.fromkeys((number, *(write_number(number, form, country) for form in forms))))
