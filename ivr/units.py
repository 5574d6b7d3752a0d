"""Durations, sizes and shares as people write them; the configuration and the flow language read `20s` alike."""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "DURATION_FORMS",
    "DURATION_SCHEMA",
    "SHARE_FORMS",
    "SHARE_SCHEMA",
    "SIZE_FORMS",
    "SIZE_SCHEMA",
    "WEEKDAYS",
    "parse_duration",
    "parse_share",
    "parse_size",
    "parse_weekdays",
]

DURATION_FORMS = "seconds, or a number with ms, s, m, h or d (250ms, 20s, 5m, 48h, 1d)"
SIZE_FORMS = "bytes, or a number with kB, MB, GB, TB (4MB) or KiB, MiB, GiB, TiB"
SHARE_FORMS = "more than 0% and at most 100% (10%, 2.5%)"

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAY_FORMS = "mon, mon-fri or mon,wed,fri"

_DURATION = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)\s*(ms|s|m|h|d)?\s*", re.ASCII)
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}

_SHARE = re.compile(r"\s*(\d{1,3}(?:\.\d{1,6})?)\s*%\s*", re.ASCII)
_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([kKMGT]?i?B)?\s*", re.ASCII)
_SIZE_UNITS: dict[str | None, int] = {
    None: 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "kiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}

DURATION_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)?\s*$"}]
}
"""The same for JSON Schema."""
SHARE_SCHEMA: dict[str, Any] = {"type": "string", "pattern": r"^\s*\d{1,3}(\.\d+)?\s*%\s*$"}
SIZE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*([kKMGT]?B|[kKMGT]iB)?\s*$"},
    ]
}


def parse_duration(value: object) -> float:
    """Seconds of a duration written as a number or as text; ValueError with the forms allowed."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
        if 0.0 <= seconds < float("inf"):
            return seconds
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return float(match[1]) * _DURATION_UNITS[match[2]]
    raise ValueError(f"not a duration: {DURATION_FORMS}")


def parse_size(value: object) -> int:
    """Bytes of a size written as a number or as text; ValueError with the forms allowed."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)) and match[2] in _SIZE_UNITS:
        return int(float(match[1]) * _SIZE_UNITS[match[2]])
    raise ValueError(f"not a size: {SIZE_FORMS}")


def parse_share(value: object) -> float:
    """A share written as `10%`, as a number between 0 (never) and 1; ValueError with the forms allowed."""
    if isinstance(value, str) and (match := _SHARE.fullmatch(value)) and 0.0 < float(match[1]) <= 100.0:
        return float(match[1]) / 100.0
    raise ValueError(f"not a share: {SHARE_FORMS}")


def parse_weekdays(value: object) -> tuple[int, ...]:
    """Weekdays, Monday 0, of `mon`, `mon-fri` or `mon,wed,fri`, each once; ValueError with the forms allowed."""
    found: list[int] = []
    for part in value.split(",") if isinstance(value, str) else [""]:
        first, dash, last = (word.strip().lower() for word in part.partition("-"))
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            raise ValueError(f"not weekdays: {WEEKDAY_FORMS}")
        start = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last) - start) % 7 + 1 if dash else 1
        found.extend((start + index) % 7 for index in range(length))
    return tuple(dict.fromkeys(found))
