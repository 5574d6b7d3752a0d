"""What agents dial on registered phones (`telephone_codes`)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from ivr.settings.values import Digits, Section

__all__ = ["TELEPHONE_ACTIONS", "TelephoneAction", "TelephoneCodes"]

TelephoneAction = Literal["log_in", "log_out", "pause", "resume", "status", "disposition"]
TELEPHONE_ACTIONS: tuple[TelephoneAction, ...] = ("log_in", "log_out", "pause", "resume", "status", "disposition")

CHOOSING = ("status", "disposition")
"""Codes that digits may follow."""
OTHER = "*"
"""After the code for log in: somebody else than the agent whose phone it is."""

_CODE = re.compile(r"[0-9*#]{1,8}", re.ASCII)


def _code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise ValueError("not a code: 1 to 8 of 0 to 9, * and #")
    return value


Code = Annotated[Digits, AfterValidator(_code)]


class TelephoneCodes(Section):
    """Numbers that mean something on registered phones; null: there is no such code. A flow of that number has it."""

    log_in: Code | None = "*11"
    """Log in as the agent whose phone it is; on any other phone, and with a `*` after it on his, the agent's `code` is
    asked for, and the phone is his until he logs out."""
    log_out: Code | None = "*12"
    pause: Code | None = "*13"
    """`away` until the next code."""
    resume: Code | None = "*14"
    """`available` again; wrap-up ends, too."""
    status: Code | None = "*15"
    """Followed by the code of a status."""
    disposition: Code | None = "*16"
    """Followed by the code of a disposition: of the last call, at wrap-up or after."""

    @model_validator(mode="after")
    def _apart(self) -> TelephoneCodes:
        given = {name: code for name in TELEPHONE_ACTIONS if (code := getattr(self, name)) is not None}
        for name, code in given.items():
            for other, longer in given.items():
                if name != other and longer.startswith(code):
                    raise ValueError(f"{other} ({longer}) begins as {name} does ({code}): digits may follow both")
        return self

    def read(self, number: str) -> tuple[TelephoneAction, str] | None:
        """What a number means, and the digits that follow the code; None: nothing. The code of an agent is never part
        of a number, which stands in records."""
        for name in TELEPHONE_ACTIONS:
            code: str | None = getattr(self, name)
            if code is None or not number.startswith(code):
                continue
            rest = number[len(code) :]
            if name in CHOOSING:
                rest = rest.removeprefix("*").removesuffix("#")
                if not rest or (rest.isascii() and rest.isdecimal()):
                    return name, rest
            elif not rest or (name == "log_in" and rest == OTHER):
                return name, rest
        return None
