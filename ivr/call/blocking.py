"""Callers whose calls are refused (`security.blocked_callers`)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

__all__ = ["CallerBlock"]


class CallerBlock:
    """Matches numbers against patterns, in which `*` stands for any end or middle."""

    def __init__(self, patterns: Iterable[str], anonymous: bool) -> None:
        texts = [fnmatch.translate(pattern) for pattern in patterns]
        self._pattern = re.compile("|".join(texts)) if texts else None
        self._anonymous = anonymous

    def blocks(self, number: str, written: str) -> bool:
        """Whether a caller is refused: by the number as normalised, empty when withheld, or as his call writes it."""
        if self._anonymous and not number:
            return True
        pattern = self._pattern
        return pattern is not None and bool(pattern.match(number) or pattern.match(written))
