"""split: send shares of the callers different ways."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ivr.flow.elements.base import BranchSpec, Element, element
from ivr.flow.values import TextTemplate, quoted

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["SplitElement"]

MAX_WAYS = 20
"""Ways of one element."""
MAX_WEIGHT = 1_000_000
"""Of one way: shares down to one in a million."""


def _way(value: object) -> str:
    text = quoted(value)
    if not text.strip():
        raise ValueError("a way needs a name")
    return text


@element("split")
class SplitElement(Element):
    """Sends callers different ways, in shares as the weights say. The same caller always goes the same way: what
    decides is the caller's number (the called party's of an outgoing call), or `key`, and the names of flow and
    element. When the weight of one way changes, callers move to that way or from it, and no others. Results: `way`."""

    BRANCHES = ()
    NEEDS_CALL = False
    NAMES_BRANCHES = True
    RESULTS = ("way",)

    type: Literal["split"] = "split"
    ways: dict[
        Annotated[str, BeforeValidator(_way)], Annotated[float, Field(ge=0, le=MAX_WEIGHT, allow_inf_nan=False)]
    ] = Field(min_length=1, max_length=MAX_WAYS)
    """Name of the branch to its weight: 70 and 30 are shares of 70 % and 30 %; 0 is none."""
    key: TextTemplate | None = None
    """What the same caller is known by; default: the number, or the call where there is none."""

    @model_validator(mode="after")
    def _some_way(self) -> SplitElement:
        if not any(self.ways.values()):
            raise ValueError("every weight is 0")
        return self

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        total = sum(self.ways.values())
        return tuple(BranchSpec(way, f"{weight / total:.1%} of the callers.") for way, weight in self.ways.items())

    def run(self, ctx: Session) -> str:
        key = "" if self.key is None else ctx.text(self.key, "key")[0]
        way = self.way_of(key or ctx.contact or ctx.call.id, f"{ctx.flow.name}/{ctx.element}")
        ctx.set_result({"way": way})
        return way

    def way_of(self, key: str, place: str) -> str:
        """The way of a caller: the highest weighted draw (rendezvous hashing), each draw by caller and way alone."""

        def draw(way: str) -> float:
            weight = self.ways[way]
            if not weight:
                return -math.inf
            digest = hashlib.sha256(f"{place}\0{way}\0{key}".encode("utf-8", "surrogatepass")).digest()
            chance = (int.from_bytes(digest[:7]) + 1) / (2**56 + 1)
            return math.log(chance) / weight

        return max(self.ways, key=draw)
