"""What elements that hand a call over say of it: fields that they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from ivr.flow.expressions import MASK, Sensitive, Template
from ivr.flow.packet import flow_of_people
from ivr.flow.values import TextTemplate, ValueTemplate, VariableName

if TYPE_CHECKING:
    from ivr.flow.elements.base import CallOver
    from ivr.flow.session import Session

__all__ = ["MAX_TOLD", "FirstTags", "Told", "add_tags", "left_by", "name_of", "origin_of", "rendered", "went"]

MAX_TOLD = 50
"""Values that one element adds."""

MAX_TAGS = 20
"""Tags that one element names."""


def _several(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


FirstTags = Annotated[
    tuple[TextTemplate, ...],
    BeforeValidator(_several, json_schema_input_type=str | list[str]),
    Field(max_length=MAX_TAGS),
]
"""Tags that the call gets first."""

Told = Annotated[dict[VariableName, ValueTemplate], Field(max_length=MAX_TOLD)]
"""Name to value."""


def add_tags(ctx: Session, tags: tuple[Template[str], ...]) -> None:
    """Tag the call; a secret is no tag."""
    for template in tags:
        tag, sensitive = ctx.text(template, "tags")
        if sensitive:
            ctx.note("a sensitive value is no tag")
        else:
            ctx.tag(tag)


def origin_of(ctx: Session, template: Template[str] | None) -> str:
    """What the other side is told that it is about; a secret is masked."""
    if template is None:
        return flow_of_people(ctx)
    text, sensitive = ctx.text(template, "origin")
    return MASK if sensitive else text.strip() or flow_of_people(ctx)


def name_of(ctx: Session, template: Template[str] | None, what: str) -> str:
    """The name of a queue, an agent, an application; empty where there is none. A secret is no name: names stand in
    records, events and reports."""
    if template is None:
        return ""
    text, sensitive = ctx.text(template, what)
    if sensitive:
        ctx.note(f"{what}: a sensitive value is no name")
        return ""
    return text.strip()


def left_by(over: CallOver) -> str:
    """The reason of a hand-off in which the call ended: that the caller hung up, or something else."""
    return "caller_left" if over.cause == "user_hung_up" else "call_ended"


def went(ctx: Session, reason: str, since: float, taken_by: str = "", taken_at: float | None = None) -> None:
    """Enter in the step what every hand-off tells alike: `reason` (why the flow has the call back, or has not),
    `waited` (seconds from asking until the other side took the call, or until it was over with it), `taken_by` (who
    took it; not there: nobody). Times are the machine's."""
    ctx.details["reason"] = reason
    ctx.details["waited"] = round((ctx.now if taken_at is None else taken_at) - since, 3)
    if taken_by:
        ctx.details["taken_by"] = taken_by


def rendered(ctx: Session, fields: Mapping[str, Any], what: str) -> tuple[dict[str, Any], bool]:
    """Values of a mapping of templates, secret ones wrapped, and whether there are any."""
    found: dict[str, Any] = {}
    secret = False
    for name, template in fields.items():
        value, sensitive = ctx.value(template, f"{what}.{name}")
        found[name] = Sensitive(value) if sensitive else value
        secret = secret or sensitive
    return found, secret
