"""One line of a script: what all kinds of steps have."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Step"]

DURATIONS = frozenset(
    {"after", "connects", "estimate", "gap", "greeting", "hang_up_after", "hangs_up", "speak", "speaks", "talk", "wait"}
)
"""Fields that hold seconds."""


class Step(BaseModel):
    """One line of a script."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    KIND: ClassVar[str] = ""
    """Field that tells which step it is."""

    def data(self) -> dict[str, Any]:
        """The step as it is written, defaults left out."""
        shown = {
            name: value
            for name, value in self.model_dump(mode="json", by_alias=True).items()
            if name == self.KIND or name in self.model_fields_set
        }
        return {
            name: _seconds(value) if name in DURATIONS else value
            for name, value in shown.items()
            if value is not None or name == "body"
        }


def _seconds(value: float) -> str:
    return f"{round(value, 3):.10g}s"
