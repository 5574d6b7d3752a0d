"""Formatted caller id reports (+VCID=1): lines of ``NAME = value`` between the rings (ITU-T V.253 section 9.2.3)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["CallerId"]

_FIELD: Final = re.compile(r"(DATE|TIME|NMBR|NUMB|NAME|MESG|DDN|DDN_NMBR)\s*=\s*(.*)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\+?[0-9*#]{1,32}")
_WITHHELD: Final = frozenset({"", "P", "O", "PRIVATE", "OUT OF AREA", "UNKNOWN", "UNAVAILABLE", "ANONYMOUS", "-"})
"""P: the caller keeps it back. O: the network does not have it."""

MAX_NAME: Final = 64
"""Longest name kept; networks send 15 to 50 characters."""


class CallerId:
    """What is known of a caller so far."""

    def __init__(self) -> None:
        self.number = ""
        """Digits, perhaps ``+`` before them; empty: withheld or not told."""
        self.name = ""
        """Empty: withheld or not told."""
        self.numbered = False
        """The report has said the number, or that there is none."""
        self.named = False
        """The same of the name."""

    def feed(self, text: str) -> bool:
        """Take a line; False: it is none of a report."""
        field = _FIELD.fullmatch(text.strip())
        if field is None:
            return False
        key, value = field[1].upper(), field[2].strip()
        known = "" if value.upper() in _WITHHELD else value
        if key in ("NMBR", "NUMB"):
            digits = re.sub(r"[\s().-]", "", known)
            self.number = digits if _NUMBER.fullmatch(digits) else ""
            self.numbered = True
        elif key == "NAME":
            self.name = "".join(letter for letter in known if letter.isprintable())[:MAX_NAME]
            self.named = True
        return True
