"""What agents dial on registered phones (`telephone_codes`)."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints, ValidationInfo, model_validator

from ivr.settings.values import Digits, LanguageTag, Section

__all__ = ["TELEPHONE_ACTIONS", "CodeTexts", "TelephoneAction", "TelephoneCodes"]

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


PLACES: dict[str, frozenset[str]] = {
    "logged_in": frozenset({"name"}),
    "status": frozenset({"status"}),
    "noted": frozenset({"result"}),
    "choice": frozenset({"name", "code"}),
}
"""What may stand in braces, by sentence."""


def _sentence(value: str, info: ValidationInfo) -> str:
    allowed = PLACES.get(info.field_name or "", frozenset())
    try:
        parts = [(name, form, how) for _, name, form, how in Formatter().parse(value) if name is not None]
    except ValueError:
        parts = [("", "", "")]
    if any(name not in allowed or form or how for name, form, how in parts):
        what = " and ".join(f"{{{name}}}" for name in sorted(allowed)) or "nothing"
        raise ValueError(f"in braces may stand: {what}")
    return value


Code = Annotated[Digits, AfterValidator(_code)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_sentence)] | None


class CodeTexts(Section):
    """What agents hear, where it is not to be what ivr says in their language."""

    logged_in: Sentence = None
    """`{name}`: the agent."""
    logged_out: Sentence = None
    paused: Sentence = None
    resumed: Sentence = None
    status: Sentence = None
    """`{status}`: what he is now."""
    noted: Sentence = None
    """`{result}`: the disposition that he has given."""
    which_status: Sentence = None
    """Before the statuses and their codes are told."""
    which_result: Sentence = None
    """Before the dispositions and their codes are told; also on the agent's own leg, after a conversation."""
    choice: Sentence = None
    """One of them: `{name}` and `{code}`."""
    enter_code: Sentence = None
    """Asks for the agent's own code."""
    wrong_code: Sentence = None
    locked: Sentence = None
    """There were too many wrong ones."""
    taken: Sentence = None
    """Somebody else is logged in at this phone."""
    nobody: Sentence = None
    """Nobody is logged in at this phone."""
    not_possible: Sentence = None


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
    language: LanguageTag | None = None
    """In which agents are spoken to; None: `speech.language`."""
    texts: CodeTexts = CodeTexts()
    """Sentences of your own."""

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
