"""What a check says: findings, each with a code, a place and a way to mend it; and the world it judges by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ivr.errors import Fault
from ivr.flow.sim.speech import SpeechModel

if TYPE_CHECKING:
    from ivr.flow.model import Flow
    from ivr.flow.sim.queues import QueueBook

__all__ = ["SEVERITIES", "Finding", "Severity", "World", "finding_of"]

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""The gravest first."""

ARROW = " > "
_SPEECH = SpeechModel()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a file."""

    code: str
    """Letter and digits: stable, for filters and documentation."""
    severity: Severity
    """How grave it is. Faults of shape and reference (F001, C001) refuse the file, nothing else does."""
    file: str
    """As the person named it."""
    line: int | None
    """From 1."""
    element: str | None
    """Flow element, where it is about one."""
    field: str | None
    """Field of the element, or key of the configuration."""
    message: str
    """What it is, as a sentence."""
    mend: str | None = None
    """What to do about it."""
    path: tuple[str, ...] = ()
    """Elements that lead there, from an entry: the shortest way that shows it."""

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line is not None else "")
        where = " ".join(part for part in (self.element and f"element {self.element}", self.field) if part)
        text = f"{where}: {self.message}" if where else self.message
        mend = f" ({self.mend})" if self.mend else ""
        path = f" [{ARROW.join(self.path)}]" if len(self.path) > 1 else ""
        return f"{place}: {self.severity} {self.code} {text}{mend}{path}"


@dataclass(frozen=True, slots=True)
class World:
    """What exists around the flows; None where that is not known."""

    prompt_exists: Callable[[str], bool] | None = None
    """Whether a prompt file of that name is in the prompts folder."""
    lines: Collection[str] | None = None
    """Names of lines."""
    phones: Collection[str] | None = None
    """Users of phones."""
    half_duplex: Collection[str] = field(default_factory=tuple, kw_only=True)
    """Names of lines that cannot sound and hear at once."""
    agents: Collection[str] = field(default_factory=tuple)
    """Names of agents."""
    sections: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Names by section of the configuration (calendars, connectors, queues, applications), as far as they are known."""
    settings: Collection[str] | None = None
    """Names of the values that flows see as `settings.*`."""
    flows: Mapping[str, Flow] | None = None
    """All flows by name, this one included."""
    queues: QueueBook | None = field(default=None, kw_only=True)
    """Queues and waiting strategies."""
    staffed: Collection[str] | None = field(default=None, kw_only=True)
    """Queues that somebody works in."""
    routed: Collection[str] | None = field(default=None, kw_only=True)
    """Queues that callers can come to for whom the flow names none."""
    live: bool = field(default=False, kw_only=True)
    """Agents and queues that were made over HTTP are among them: a daemon looks, that knows them."""
    speech: SpeechModel = _SPEECH
    """How long prompts last."""


def finding_of(fault: Fault, code: str = "F001") -> Finding:
    """A fault as a finding."""
    message = fault.text if fault.found is None else f"{fault.text}, found {fault.found}"
    mend = None if fault.expected is None else f"expected {fault.expected}"
    return Finding(code, "error", fault.file, fault.line, fault.element, fault.field, message, mend)
