"""What drills read out of the records of calls."""

from __future__ import annotations

from typing import Any

__all__ = ["typed"]


def typed(record: dict[str, Any]) -> str:
    """All keys of a call in their order."""
    return "".join(item.get("digits") or "".join(key["key"] for key in item["keys"]) for item in record["digits"])
