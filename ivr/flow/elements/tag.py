"""tag and untag: words that a call is known by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.flow.elements.base import NEXT, Element, Exposure, element
from ivr.flow.values import TextTemplate

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["TagElement", "UntagElement"]

MAX_TAGS = 20
"""Tags that one element names."""


def _several(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


Tags = Annotated[
    tuple[TextTemplate, ...],
    Field(min_length=1, max_length=MAX_TAGS),
    BeforeValidator(_several, json_schema_input_type=str | list[str]),
]


@element("tag")
class TagElement(Element):
    """Tags the call. Tags keep their order, each is there once, and stand in `call.tags`; reports and those whom the
    call is handed to see them, so a sensitive value is not taken. Up to 50 of 100 characters."""

    BRANCHES = (NEXT,)
    NEEDS_CALL = False
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {"tags": "reported"}

    type: Literal["tag"] = "tag"
    tags: Tags
    """One or several."""

    def run(self, ctx: Session) -> str:
        for template in self.tags:
            tag, sensitive = ctx.text(template, "tags")
            if sensitive:
                ctx.note("a sensitive value is no tag")
            else:
                ctx.tag(tag)
        ctx.details["tags"] = list(ctx.tags)
        return "next"


@element("untag")
class UntagElement(Element):
    """Takes tags from the call; those that it does not have are passed over."""

    BRANCHES = (NEXT,)
    NEEDS_CALL = False

    type: Literal["untag"] = "untag"
    tags: Tags | None = None
    """One or several."""
    all: bool = False
    """All of them."""

    @model_validator(mode="after")
    def _one_kind(self) -> UntagElement:
        if (self.tags is None) is not self.all:
            raise ValueError("either tags, or all: true")
        return self

    def run(self, ctx: Session) -> str:
        if self.tags is None:
            ctx.untag(*ctx.tags)
        else:
            ctx.untag(*(ctx.text(template, "tags")[0] for template in self.tags))
        ctx.details["tags"] = list(ctx.tags)
        return "next"
