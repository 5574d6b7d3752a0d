"""The table of codes: what each finding means, a flow that has it, and the same flow mended.

Each rule enters its codes beside its own text; `ivr check --explain CODE` and the documentation print this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent
from typing import Literal

from ivr.flow.lint.findings import Severity

__all__ = ["CODES", "Code", "code"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding."""

    name: str
    """Letter and three digits; never given another meaning."""
    severity: Severity
    """How grave it is."""
    title: str
    """A few words."""
    explanation: str
    """What is wrong, what callers notice, what to do: some sentences."""
    faulty: str
    """A file that has it."""
    mended: str
    """The same without."""
    kind: Literal["flow", "configuration", "cases"] = "flow"
    """What the two examples are."""
    allowable: bool = True
    """A comment in the flow can allow it."""


_CODES: dict[str, Code] = {}

CODES: Mapping[str, Code] = _CODES
"""Every code by its name, in the order in which rules enter them."""


def code(
    name: str,
    severity: Severity,
    title: str,
    explanation: str,
    faulty: str,
    mended: str,
    kind: Literal["flow", "configuration", "cases"] = "flow",
    allowable: bool = True,
) -> Code:
    """Enter a code."""
    assert name not in _CODES, name
    text = " ".join(explanation.split())
    entry = Code(name, severity, title, text, _example(faulty), _example(mended), kind, allowable)
    _CODES[name] = entry
    return entry


def _example(text: str) -> str:
    return dedent(text).strip() + "\n"
