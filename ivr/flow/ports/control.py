"""What somebody outside asks of a call under a flow: an application that has it, a client over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivr.flow.model import Flow

__all__ = [
    "Instruction",
    "InstructionDone",
    "Moved",
]


@dataclass(frozen=True, slots=True)
class Instruction:
    """Somebody outside who has the call (a voice application, a client of the HTTP interface) asks for something:
    `play`, `say`, `collect`, `record`, `send_digits`, `answer`, `stop`, `hang_up`. Ends with
    :class:`InstructionDone`; where the call is under a flow that lets nobody ask, at once with an error."""

    id: int
    """Given by who asks; grows."""
    verb: str
    """What is to be done."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """As the fields of the element of that name."""


@dataclass(frozen=True, slots=True)
class InstructionDone:
    """An :class:`Instruction` was carried out, or cannot be."""

    id: int
    """Of the `Instruction`."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """As JSON: what was heard, collected, recorded; digits as the instruction's `reporting` lets them be seen."""
    error: str | None = None
    """Why not, as a sentence; None: it was."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody outside has moved the call: the element that runs is left at once, with all subroutines, and the call
    goes on in another flow."""

    flow: Flow
    """Where to; a flow of the folder, or one made for this."""
    entry: str
    """Its element to begin with."""
    by: str
    """Who did it, for trace and log: `api`, `console`, name of a token, of an application."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Values of variables there."""
