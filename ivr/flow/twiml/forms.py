"""How parameters go to applications that speak TwiML: as a form, in a body or behind a URL."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit, urlunsplit

__all__ = ["FORM", "lasted", "stamp", "with_query"]

FORM = "application/x-www-form-urlencoded; charset=utf-8"
"""Content type of a form."""


def with_query(url: str, form: str) -> str:
    """The URL with a form behind the query that it has."""
    parts = urlsplit(url)
    query = f"{parts.query}&{form}" if parts.query else form
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def lasted(seconds: float) -> dict[str, str]:
    """Parameters that say how long a call was."""
    seconds = max(seconds, 0.0)
    return {"CallDuration": str(round(seconds)), "Duration": str(math.ceil(seconds / 60.0))}


def stamp(at: float) -> str:
    """A moment (seconds since the epoch) as parameters and resources tell it: RFC 5322, UTC."""
    return format_datetime(datetime.fromtimestamp(int(at), UTC))
