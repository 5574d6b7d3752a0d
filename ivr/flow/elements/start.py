"""start_incoming_call, start_from_flow and start_from_audience: where a flow begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ivr.flow.elements.base import CALL_ENDED, NEXT, USER_HUNG_UP, BranchSpec, Element, Exposure, Run, element
from ivr.flow.elements.prompts import PromptField, play_prompt
from ivr.flow.elements.properties import EventConditions, PropertyName, SavedProperties, holds, save_properties
from ivr.flow.ports import EarlyMedia, Ring, StartCallRecording
from ivr.flow.values import DigitsStr, Duration, TextTemplate

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["AnswerAfter", "StartFromAudienceElement", "StartFromFlowElement", "StartIncomingCallElement"]

MAX_RINGING = 180.0
"""Seconds a call may ring before it is answered: proxies give up an INVITE after three minutes (RFC 3261 16.6)."""


class AnswerAfter(BaseModel):
    """Ring first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[Duration, Field(le=MAX_RINGING)]
    """Seconds of ringing."""


def _several(value: object) -> object:
    return [value] if isinstance(value, (str, int, float)) else value


@element("start_incoming_call")
class StartIncomingCallElement(Element):
    """A call to one of `numbers` begins here."""

    BRANCHES = (NEXT, USER_HUNG_UP, CALL_ENDED)
    ENTRY = True
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {"record_name": "named"}

    type: Literal["start_incoming_call"] = "start_incoming_call"
    numbers: Annotated[
        tuple[DigitsStr, ...], BeforeValidator(_several, json_schema_input_type=str | list[str]), Field(min_length=1)
    ]
    """Numbers or SIP users; `*` takes what no other flow has."""
    line: str | None = None
    """Only calls of this line."""
    answer: Literal["immediately", "early_media"] | AnswerAfter = "immediately"
    """`immediately`, `{after: 3s}` (rings first), or `early_media` (prompts before the answer)."""
    record_call: bool = False
    """Record the whole call, both sides."""
    record_name: TextTemplate | None = None
    """Name of that recording."""
    consent: PromptField | None = None
    """Heard before the recording starts."""
    max_calls: Annotated[int, Field(ge=1)] | None = None
    """Calls in this flow at the same time; a further caller hears that it is busy. Default: `limits.calls_per_flow`."""

    def run(self, ctx: Session) -> Run:
        answer: Any = self.answer
        if ctx.answered:
            pass
        elif answer == "immediately":
            ctx.answer()
        elif answer == "early_media":
            ctx.early = True
            ctx.emit(EarlyMedia())
        else:
            ctx.emit(Ring())
            until = ctx.now + answer.after
            while ctx.now < until and not ctx.answered:
                yield until
            ctx.answer()
        if self.record_call:
            spec = None if self.consent is None else self.consent.spec(ctx)
            if spec is not None:
                yield from play_prompt(ctx, spec)
            ctx.call_recording = True
            ctx.emit(StartCallRecording(ctx.file_name(self.record_name, "call")))
        return "next"


@element("start_from_flow")
class StartFromFlowElement(Element):
    """Another flow transfers here. What it passes stands in the flow's variables."""

    BRANCHES = (NEXT,)
    NEEDS_CALL = False
    ENTRY = True

    type: Literal["start_from_flow"] = "start_from_flow"

    def run(self, ctx: Session) -> str:
        return "next"


@element("start_from_audience")
class StartFromAudienceElement(Element):
    """A campaign, the HTTP interface or an event brings a contact here, outside a call. Without a number the flow is
    about nobody, and elements that need one say so. Results: `properties`, all that came with the contact."""

    BRANCHES = (NEXT, BranchSpec("other", "The conditions do not hold."))
    NEEDS_CALL = False
    ENTRY = True
    OUTSIDE = True
    RESULTS = ("properties",)

    type: Literal["start_from_audience"] = "start_from_audience"
    event: Annotated[str, Field(min_length=1)] | None = None
    """Name of the event that starts the flow; without it campaigns and the HTTP interface do, by the flow's name."""
    conditions: EventConditions = ()
    """What must hold of the event's properties; otherwise the branch `other` is taken, and unnamed the flow ends."""
    contact: PropertyName = "number"
    """Property that holds the number of the contact."""
    save: SavedProperties = Field(default_factory=dict)
    """Variable to the property that it gets; null where there is none."""

    @model_validator(mode="after")
    def _conditions_of_events(self) -> StartFromAudienceElement:
        if self.conditions and self.event is None:
            raise ValueError("conditions are those of an event, which is not named")
        return self

    def sets(self) -> tuple[str, ...]:
        return tuple(self.save)

    def run(self, ctx: Session) -> str:
        if not holds(ctx, self.conditions, ctx.properties):
            return "other"
        ctx.properties = save_properties(ctx, self.save, ctx.properties)
        ctx.set_result({"properties": ctx.properties})
        return "next"
