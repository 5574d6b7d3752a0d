"""Elements that take the recorded branch where the record hides what their decision is made of.

A collect whose input is hidden takes the way it took, with a placeholder for the input. What is decided by that input
later on cannot be worked out either: an element that reads a hidden value takes the way it took. Both stand in place of
the elements of the flow, so that the engine knows nothing of replays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from ivr.flow.elements.base import CallOver, Element, Run
from ivr.flow.expressions import Sensitive
from ivr.flow.ports import HangUp
from ivr.flow.replay.record import ENDED_BY_CALLER
from ivr.flow.replay.steps import MOVED_BY, RecordedStep
from ivr.flow.walk import templates

if TYPE_CHECKING:
    from ivr.flow.ports import Cause
    from ivr.flow.session import Session

__all__ = ["Guide", "Guided"]

NORMAL_END = 480
"""Final response to a call that is not answered, as the element gives."""

PLACEHOLDER = "0"
"""Key that stands for each key of a hidden input."""


class Guide(Protocol):
    """Who knows the record."""

    def now_at(self) -> tuple[RecordedStep | None, str | None]:
        """The recorded step that the running one goes with, and the element that followed it."""

    def decided(self, element: str, hidden: str) -> None:
        """A recorded branch was taken; `hidden` says why."""

    @property
    def cause(self) -> str | None:
        """Why the recorded call ended."""

    @property
    def hides(self) -> bool:
        """A hidden input was there already."""


class Guided:
    """An element of the flow with the record beside it."""

    __slots__ = ("_element", "_guide")

    def __init__(self, element: Element, guide: Guide) -> None:
        self._element = element
        self._guide = guide

    def __getattr__(self, name: str) -> Any:
        return getattr(self._element, name)

    def run(self, ctx: Session) -> Run | str:
        """As the element does, unless what it needs is hidden."""
        step, following = self._guide.now_at()
        if step is not None and step.hidden and step.type == self._element.type == "collect":
            return self._hidden_input(ctx, step, following)
        if step is not None and step.hidden_talk and step.type == self._element.type:
            return self._hidden_talk(ctx, step, following)
        hidden = self._guide.hides and step is not None and _reads_hidden(self._element, ctx)
        run = self._element.run(ctx)
        if not hidden or step is None:
            return run
        if not isinstance(run, str):
            return self._as_long(ctx, run, step)
        # What cannot be worked out of a placeholder is null, and hidden all the same.
        for name in self._element.sets():
            ctx.set_variable(name, ctx.variable(name), sensitive=True)
        return self._hidden_choice(run, step, following)

    def _hidden_input(self, ctx: Session, step: RecordedStep, following: str | None) -> Run:
        element: Any = self._element
        self._guide.decided(step.element, "its input is hidden")
        ctx.keys.clear()
        ctx.interruptible_before = False
        until = None if step.ends is None else ctx.now + step.ends - step.begins
        while until is None or ctx.now < until:
            yield until
        pressed = len(step.data.get("keys") or ()) or 1
        ctx.inputs += pressed
        status = str(step.data["status"])
        digits = PLACEHOLDER * pressed
        silences, wrong = int(step.data.get("silences") or 0), int(step.data.get("wrong_inputs") or 0)
        ctx.details.update(status=status, silences=silences, wrong_inputs=wrong, placeholder=True)
        ctx.set_result(
            {
                "digits": digits,
                "status": status,
                "attempts": silences + wrong + (status == "collected"),
                "silences": silences,
                "wrong_inputs": wrong,
            },
            sensitive=("digits",),
        )
        if status == "collected" and element.save_as is not None:
            ctx.set_variable(element.save_as, digits, sensitive=True)
        branch = _branch_to(element.targets, step.branch, following)
        if branch not in (step.branch, None):
            ctx.branch_shown = step.branch
        return branch if branch is not None else "no_match"

    def _hidden_talk(self, ctx: Session, step: RecordedStep, following: str | None) -> Run:
        """As long as it took; what was heard, asked and answered meanwhile is in no record."""
        self._guide.decided(step.element, "what was sent there is hidden")
        cause = self._guide.cause
        gone = step.ends is None or (step.branch or "").startswith(MOVED_BY)
        gone = gone or (following is None and cause in ENDED_BY_CALLER) or bool(step.data.get("caller_left"))
        until = None if gone or step.ends is None else ctx.now + step.ends - step.begins
        try:
            while until is None or ctx.now < until:
                yield until
        except CallOver as over:
            ctx.cause = cast("Cause", cause) if following is None else over.cause
            ctx.details["caller_left"] = True
        told = {name: step.data[name] for name in ("outcome", "reason", "talk_time", "tried") if name in step.data}
        ctx.details.update(told)
        branch = _branch_to(self._element.targets, step.branch, following) or str(step.branch)
        ctx.set_result({"status": branch, "failover": "", "tried": [], "variables": {}, **told})
        if ctx.up and following is None and self._element.targets.get(branch) is None:
            ctx.cause = cast("Cause", cause)
            ctx.emit(HangUp(ctx.cause, NORMAL_END))
        return branch

    def _as_long(self, ctx: Session, run: Run, step: RecordedStep) -> Run:
        """The element, for as long as it took: what it says of a placeholder may be nothing."""
        begun = ctx.now
        branch = yield from run
        left = step.ends is None or step.branch in ("user_hung_up", "call_ended")
        until = None if left or step.ends is None else begun + step.ends - step.begins
        while ctx.up and (until is None or (branch == step.branch and ctx.now < until)):
            yield until
        return branch

    def _hidden_choice(self, branch: str, step: RecordedStep, following: str | None) -> str:
        targets = self._element.targets
        if targets.get(branch) == following:
            return branch
        recorded = _branch_to(targets, step.branch, following)
        if recorded is None or targets.get(recorded) != following:
            return branch
        self._guide.decided(step.element, "it depends on a hidden input")
        return recorded


def _branch_to(targets: Mapping[str, str | None], recorded: str | None, following: str | None) -> str | None:
    """The recorded branch, else one that leads where the call went."""
    if recorded in targets:
        return recorded
    return next((name for name, target in targets.items() if target is not None and target == following), None)


def _reads_hidden(element: Element, ctx: Session) -> bool:
    """Whether an expression of the element reads something that is kept out of sight."""
    names = {name for _, template in templates(element) for each in template.expressions for name in each.names}
    for name in names:
        if name == "result":
            result = ctx.result or {}
            if any(type(value) is Sensitive for value in result.values()):
                return True
        elif type(ctx.variables.get(name)) is Sensitive:
            return True
    return False
