"""Two element types for flows of ivr: one that only computes, and one that asks another system."""

from __future__ import annotations

from typing import Any, ClassVar

from ivr.flow.custom import (
    CALL_ENDED,
    USER_HUNG_UP,
    BranchSpec,
    Element,
    Filler,
    Request,
    Run,
    Session,
    TextTemplate,
    VariableName,
    branch_of,
    exchange,
    filler_spec,
)

__all__ = ["CheckCardElement", "PointsElement"]

CARD_DIGITS = 12


class CheckCardElement(Element):
    """Looks whether a card number can be one: length and check digit (ISO/IEC 7812)."""

    TYPE: ClassVar[str] = "loyalty.check_card"
    BRANCHES = (
        BranchSpec("valid", "The number can be that of a card.", success=True),
        BranchSpec("invalid", "It cannot."),
    )
    NEEDS_CALL = False

    card: TextTemplate
    """Number of the card."""

    def run(self, ctx: Session) -> str:
        number, _ = ctx.text(self.card, "card")
        return "valid" if _is_card(number) else "invalid"


class PointsElement(Element):
    """Asks the connector `loyalty` for the points of a card. Results: `points`."""

    TYPE: ClassVar[str] = "loyalty.points"
    BRANCHES = (
        BranchSpec("found", "The points are known.", success=True),
        BranchSpec("unknown", "There is no such card."),
        BranchSpec("error", "The points cannot be had now.", fallback="unknown"),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    NEEDS_CALL = False
    RESULTS = ("points",)
    EXPOSES: ClassVar[dict[str, Any]] = {"card": "sent"}

    card: TextTemplate
    """Number of the card."""
    save_as: VariableName
    """Variable for the points."""
    filler: Filler = "music"
    """What the caller hears meanwhile."""

    def sets(self) -> tuple[str, ...]:
        return (self.save_as,)

    def run(self, ctx: Session) -> Run:
        number, secret = ctx.text(self.card, "card")
        if not _is_card(number):
            return "unknown"
        request = Request(ctx.next_id(), "GET", f"cards/{number}", connector="loyalty", timeout=5.0, secret=secret)
        done, _ = yield from exchange(ctx, request, None, filler_spec(ctx, self.filler))
        if branch_of(done) != "success":
            return "unknown" if done.status == 404 else "error"
        points: Any = done.body.get("points") if isinstance(done.body, dict) else None
        ctx.set_variable(self.save_as, points)
        ctx.set_result({"points": points})
        return "found"


def _is_card(number: str) -> bool:
    if len(number) != CARD_DIGITS or not number.isdecimal():
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (doubled + sum(int(digit) for digit in number[-1::-2])) % 10 == 0
