"""transfer_to_flow: go on in another flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.flow.elements.base import BranchSpec, Element, ElementName, element
from ivr.flow.expressions import MASK, Sensitive
from ivr.flow.session import Transfer
from ivr.flow.values import TextTemplate, ValueTemplate, VariableName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["TransferToFlowElement"]

MAX_PASSED = 50
"""Variables that one transfer passes."""


def _passed(value: object) -> object:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: f"{{{{ {name} }}}}" for name in value}
    return value


@element("transfer_to_flow")
class TransferToFlowElement(Element):
    """Goes on in another flow, which needs a `start_from_flow`. With `return_to` it is a subroutine: when that flow
    comes to its end without hanging up, the call goes on at the element named, with `result.variables` as they were
    there; otherwise the call leaves for good."""

    NEEDS_CALL = False
    RESULTS = ("variables", "status")
    BRANCHES = (
        BranchSpec("returned", "The other flow came to its end.", success=True),
        BranchSpec("other", "The other flow cannot be entered."),
        BranchSpec("call_ended", "The call ended in the other flow.", call_over=True),
    )

    type: Literal["transfer_to_flow"] = "transfer_to_flow"
    flow: TextTemplate
    """Name of the flow."""
    pass_: Annotated[
        dict[VariableName, ValueTemplate],
        BeforeValidator(_passed, json_schema_input_type=dict[str, Any] | list[str]),
        Field(alias="pass", max_length=MAX_PASSED),
    ] = Field(default_factory=dict)
    """Variables there: name to value, or a list of names that are passed as they are."""
    return_to: ElementName | None = None
    """Element to go on at afterwards."""

    @model_validator(mode="after")
    def _one_way_back(self) -> TransferToFlowElement:
        if self.return_to is not None and (self.next is not None or "returned" in self.branches):
            raise ValueError("return_to says where the call goes on; leave out next and branches.returned")
        return self

    @property
    def returns(self) -> bool:
        """The call comes back."""
        return self.targets.get("returned") is not None

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        coming_back = self.return_to is not None or self.next is not None or "returned" in self.branches
        return self.BRANCHES if coming_back else (self.BRANCHES[1],)

    def own_targets(self) -> Mapping[str, str]:
        return {} if self.return_to is None else {"returned": self.return_to}

    def own_path(self, branch: str) -> str:
        return "return_to"

    def run(self, ctx: Session) -> str:
        name, sensitive = ctx.text(self.flow, "flow")
        shown = MASK if sensitive else name
        ctx.details["to_flow"] = shown
        found = ctx.find_flow(name.strip())
        if found is None:
            ctx.note(f"flow {shown}: there is none that can be entered by a transfer")
            ctx.set_result({"status": "other"})
            return "other"
        flow, entry = found
        passed: dict[str, Any] = {}
        for key, template in self.pass_.items():
            value, sensitive = ctx.value(template, f"pass.{key}")
            passed[key] = Sensitive(value) if sensitive else value
        ctx.transfer = Transfer(flow, entry, passed, self.returns)
        return "returned"
