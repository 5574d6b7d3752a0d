"""transfer_to_flow: go on in another flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.flow.elements.base import BranchSpec, CallOver, Element, ElementName, Exposure, Run, element
from ivr.flow.expressions import MASK, Sensitive
from ivr.flow.operations import json_value
from ivr.flow.ports import ContactStarted, HangUp, StartContact
from ivr.flow.session import Transfer
from ivr.flow.values import TextTemplate, ValueTemplate, VariableName, plain_number

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["TransferToFlowElement"]

MAX_PASSED = 50
"""Variables that one transfer passes."""

START_GRACE = 10.0
"""Seconds in which a contact is kept in the store, or not."""

LEFT = "transferred"
"""What the trace says in place of a branch where the flow ends with it."""

NORMAL_END = 480
"""Final response where a call that is not answered is left."""


def _passed(value: object) -> object:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: f"{{{{ {name} }}}}" for name in value}
    return value


@element("transfer_to_flow")
class TransferToFlowElement(Element):
    """Goes on in another flow, which needs a `start_from_flow`. With `return_to` it is a subroutine: when that flow
    comes to its end without hanging up, the call goes on at the element named, with `result.variables` as they were
    there; otherwise the call leaves for good. With `participant` the other flow is begun for that number, as a contact
    of its own: it calls the number, and nothing goes back. This flow ends then, and its call with it; with `detached`
    both run on. Results: `variables`, `status`, `reason`."""

    NEEDS_CALL = False
    RESULTS = ("variables", "status", "reason")
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {"participant": "sent"}
    BRANCHES = (
        BranchSpec(
            "returned",
            "The other flow came to its end, or (`detached`) begins beside this one.",
            success=True,
        ),
        BranchSpec("other", "The other flow cannot be entered, or begun for that number."),
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
    participant: TextTemplate | None = None
    """Another number, for which the other flow runs as for a contact: it calls there. Its profile is made where there
    is none."""
    detached: bool = False
    """Both flows run on, where the other one is for a `participant`; otherwise this one ends."""

    @model_validator(mode="after")
    def _one_way_back(self) -> TransferToFlowElement:
        goes_on = self.return_to is not None or self.next is not None or "returned" in self.branches
        if self.detached and self.participant is None:
            raise ValueError("detached needs a participant: one call cannot be in two flows")
        if self.participant is not None and goes_on and not self.detached:
            raise ValueError("a flow for a participant does not come back: with detached, this one goes on")
        if self.return_to is not None and (self.next is not None or "returned" in self.branches):
            raise ValueError("return_to says where the call goes on; leave out next and branches.returned")
        return self

    @property
    def returns(self) -> bool:
        """The call comes back."""
        return self.participant is None and self.targets.get("returned") is not None

    @property
    def enters(self) -> bool:
        """This flow, and its call, go on in the other one."""
        return self.participant is None

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        if self.participant is not None:
            return self.BRANCHES if self.detached else self.BRANCHES[1:]
        coming_back = self.return_to is not None or self.next is not None or "returned" in self.branches
        return self.BRANCHES if coming_back else (self.BRANCHES[1],)

    def own_targets(self) -> Mapping[str, str]:
        return {} if self.return_to is None else {"returned": self.return_to}

    def own_path(self, branch: str) -> str:
        return "return_to"

    def run(self, ctx: Session) -> Run | str:
        return self._transfer(ctx) if self.participant is None else self._start(ctx, self.participant)

    def _start(self, ctx: Session, participant: Any) -> Run:
        """Begin the other flow for somebody else."""
        name, hidden = ctx.text(self.flow, "flow")
        number, secret = ctx.text(participant, "participant")
        passed, sensitive = self._rendered(ctx)
        ctx.details["to_flow"] = MASK if hidden else name
        ctx.details["participant"] = MASK if secret else number
        properties = {
            key: json_value(value.value if type(value) is Sensitive else value) for key, value in passed.items()
        }
        command = StartContact(
            ctx.next_id(),
            name.strip(),
            plain_number(number.strip()),
            properties,
            secret or hidden or sensitive,
            any(not expression.names <= {"settings"} for expression in participant.expressions),
        )
        found: Any = ContactStarted(command.id, error="no_number")
        if command.number:
            ctx.emit(command)
            deadline = ctx.now + START_GRACE
            try:
                while True:
                    found = yield deadline
                    if found is None or (type(found) is ContactStarted and found.id == command.id):
                        break
            except CallOver:
                ctx.set_result({"status": "call_ended", "reason": ""})
                raise
            if found is None:
                found = ContactStarted(command.id, error="lost")
        ctx.details["reason"] = found.error or "started"
        if found.error is not None:
            ctx.note(f"the flow for a participant does not begin: {found.error}")
            ctx.set_result({"status": "other", "reason": found.error})
            return "other"
        ctx.set_result({"status": "started", "reason": ""})
        if self.detached:
            return "returned"
        if ctx.up:
            ctx.cause = "transferred"
            ctx.emit(HangUp("transferred", NORMAL_END))
        ctx.left = True
        return LEFT

    def _transfer(self, ctx: Session) -> str:
        name, sensitive = ctx.text(self.flow, "flow")
        shown = MASK if sensitive else name
        ctx.details["to_flow"] = shown
        found = ctx.find_flow(name.strip())
        if found is None:
            ctx.note(f"flow {shown}: there is none that can be entered by a transfer")
            ctx.set_result({"status": "other"})
            return "other"
        flow, entry = found
        passed, _ = self._rendered(ctx)
        ctx.transfer = Transfer(flow, entry, passed, self.returns)
        return "returned"

    def _rendered(self, ctx: Session) -> tuple[dict[str, Any], bool]:
        """What the other flow gets, secret values wrapped, and whether there are any."""
        passed: dict[str, Any] = {}
        secret = False
        for key, template in self.pass_.items():
            value, sensitive = ctx.value(template, f"pass.{key}")
            passed[key] = Sensitive(value) if sensitive else value
            secret = secret or sensitive
        return passed, secret
