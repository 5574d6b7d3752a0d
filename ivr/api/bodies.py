"""Bodies of requests: JSON objects, within bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from math import isfinite
from typing import Any, NoReturn

from aiohttp import web

from ivr.api.problems import ProblemError

__all__ = ["MAX_BODY_BYTES", "MAX_DEPTH", "parse_object", "parse_value", "read_value"]

MAX_BODY_BYTES = 64 * 1024
"""Nothing that is asked here has a larger body."""
MAX_DEPTH = 16
"""Objects and lists inside one another."""

_LONE = re.compile(r"[\ud800-\udfff]")
"""Of JSON's escapes, half of a pair: no text that could be stored or sent."""


async def read_value(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object; a problem where it is none."""
    kind = request.content_type
    if kind != "application/json" and not kind.endswith("+json"):
        raise ProblemError(415, "the body must be application/json")
    return parse_value(await request.read())


def parse_object(text: bytes, keys: Collection[str]) -> dict[str, Any]:
    """A JSON object with no other keys; a problem where it is none."""
    value = parse_value(text)
    if unknown := sorted(value.keys() - set(keys)):
        name = unknown[0][:50]
        raise ProblemError(422, f"unknown key {name!r}, expected {', '.join(keys)}", field=name)
    return value


def parse_value(text: bytes) -> dict[str, Any]:
    """A JSON object, within bounds; a problem where it is none."""
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_float)
    except (ValueError, RecursionError):
        raise ProblemError(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise ProblemError(422, "the body must be an object")
    if _too_deep(value):
        raise ProblemError(422, f"the body is nested too deep (limit {MAX_DEPTH})")
    if _has_lone_surrogate(value):
        raise ProblemError(422, "the body has half of a character: \\ud800 to \\udfff go in pairs")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:50]} is too large")
    return number


def _has_lone_surrogate(value: Any) -> bool:
    return _LONE.search(json.dumps(value, ensure_ascii=False)) is not None


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True
