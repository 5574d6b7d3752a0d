"""What `ivr check`, the HTTP interface and the editor say about flows: findings, each with a code and a place.

A fault of shape or reference refuses a flow and is an error here; everything else is advice. The linter adds its own
findings to those of :func:`check_flow`.

    C001 error    fault in the configuration            T001 warning  prompt file that does not exist
    C002 warning  part that this version does not have  T002 warning  line that does not exist
    F001 error    fault in a flow                       T003 warning  phone or agent that does not exist
    F002 info     hang_up inserted                      S001 warning  long spoken text
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from ivr.errors import Fault
from ivr.flow.elements.forward_call import ForwardCallElement
from ivr.flow.elements.start import StartIncomingCallElement
from ivr.flow.model import Flow
from ivr.flow.positions import dotted
from ivr.flow.walk import prompts

__all__ = ["Finding", "Severity", "World", "check_flow", "finding_of"]

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")

LONG_TEXT = 160
"""Characters of a spoken text above which callers lose the thread."""

OWN_LINES = frozenset({"phones", "guest"})
"""Lines that every installation has: registered phones, and unknown sources."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a file."""

    code: str
    """Letter and digits: stable, for filters and documentation."""
    severity: Severity
    """An error refuses the file."""
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

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line is not None else "")
        where = " ".join(part for part in (self.element and f"element {self.element}", self.field) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{place}: {self.severity} {self.code} {text}" + (f" ({self.mend})" if self.mend else "")


@dataclass(frozen=True, slots=True)
class World:
    """What exists around the flows; None where that is not known."""

    prompt_exists: Callable[[str], bool] | None = None
    """Whether a prompt file of that name is in the prompts folder."""
    lines: Collection[str] | None = None
    """Names of lines."""
    phones: Collection[str] | None = None
    """Users of phones."""
    agents: Collection[str] = field(default_factory=tuple)
    """Names of agents."""


def finding_of(fault: Fault, code: str = "F001") -> Finding:
    """A fault as a finding."""
    message = fault.text if fault.found is None else f"{fault.text}, found {fault.found}"
    mend = None if fault.expected is None else f"expected {fault.expected}"
    return Finding(code, "error", fault.file, fault.line, fault.element, fault.field, message, mend)


def check_flow(flow: Flow, world: World) -> list[Finding]:
    """What is to be said of a flow that holds, by line."""
    checks: Iterable[Iterator[Finding]] = (
        _inserted(flow),
        _prompts(flow, world),
        _lines(flow, world),
        _targets(flow, world),
    )
    return sorted((finding for check in checks for finding in check), key=_order)


def _order(finding: Finding) -> tuple[int, int]:
    return finding.line or 0, SEVERITIES.index(finding.severity)


def _finding(
    flow: Flow, code: str, severity: Severity, element: str, field: str, message: str, mend: str | None = None
) -> Finding:
    file = flow.places.file if flow.places is not None else flow.name
    return Finding(code, severity, file, flow.line(element, field), element, field or None, message, mend)


def _inserted(flow: Flow) -> Iterator[Finding]:
    subroutine = " (or goes back, when the flow was entered with return_to)" if flow.flow_entry is not None else ""
    for edge in flow.inserted:
        message = f"branch {edge.branch} is not named: the call is hung up there{subroutine}"
        yield _finding(flow, "F002", "info", edge.source, edge.field, message)


def _prompts(flow: Flow, world: World) -> Iterator[Finding]:
    for name, element in flow.elements.items():
        for path, prompt in prompts(element):
            file, text = prompt.file, prompt.text
            if file is not None and file.fixed and world.prompt_exists and not world.prompt_exists(file.source):
                message = f"there is no prompt file {file.source}"
                yield _finding(
                    flow, "T001", "warning", name, dotted((*path, "file")), message, "put it into the folder"
                )
            if text is not None and text.fixed and len(text.source) > LONG_TEXT:
                message = f"a spoken text of {len(text.source)} characters"
                mend = f"callers follow {LONG_TEXT} at most: split it"
                yield _finding(flow, "S001", "warning", name, dotted((*path, "text")), message, mend)


def _lines(flow: Flow, world: World) -> Iterator[Finding]:
    if world.lines is None:
        return
    for name, element in flow.elements.items():
        line: str | None = None
        if isinstance(element, StartIncomingCallElement):
            line = element.line
        elif isinstance(element, ForwardCallElement) and element.line is not None and element.line.fixed:
            line = element.line.source
        if line is not None and line not in world.lines and line not in OWN_LINES:
            known = ", ".join(sorted(world.lines)) or "none"
            yield _finding(flow, "T002", "warning", name, "line", f"there is no line {line}", f"lines: {known}")


def _targets(flow: Flow, world: World) -> Iterator[Finding]:
    for name, element in flow.elements.items():
        if not isinstance(element, ForwardCallElement):
            continue
        for index, target in enumerate(element.to):
            kind, _, user = target.source.strip().partition(":")
            known = {"phone": world.phones, "agent": world.agents}.get(kind)
            if target.fixed and known is not None and user not in known:
                field = f"to.{index}" if len(element.to) > 1 else "to"
                yield _finding(flow, "T003", "warning", name, field, f"there is no {kind} {user}")
