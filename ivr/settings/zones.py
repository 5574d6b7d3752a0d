"""Time zones: their names, and the one that this system is in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

__all__ = ["ZoneName", "find_zone", "system_zone"]

LOCAL_TIME = Path("/etc/localtime")
"""A link to the file of the zone, on systems that have one."""
ZONES_FOLDER = "zoneinfo"
"""Folder in which those files are, by their names."""


def find_zone(name: str) -> ZoneInfo | None:
    """The zone of a name; None where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _named(name: str) -> str:
    if find_zone(name) is None:
        raise ValueError("not a time zone: a name like Europe/Berlin")
    return name


ZoneName = Annotated[str, AfterValidator(_named)]
"""IANA name of a time zone."""


def system_zone(environ: Mapping[str, str], local_time: Path = LOCAL_TIME) -> tzinfo:
    """The zone that the system is in, with its changes of the clock; where its name is not to be found out, its present
    distance from UTC."""
    _, _, name = str(local_time.resolve()).rpartition(f"/{ZONES_FOLDER}/")
    for wanted in (environ.get("TZ", "").lstrip(":"), name):
        found = find_zone(wanted) if wanted else None
        if found is not None:
            return found
    return datetime.now(UTC).astimezone().tzinfo or UTC
