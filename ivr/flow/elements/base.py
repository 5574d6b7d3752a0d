"""What every element type has: fields, branches, documentation (its docstring), and a generator that runs it.

An element is frozen data, shared by all calls; what belongs to one call is in the :class:`~ivr.flow.session.Session`
that `run` gets. `run` yields the time until which it waits (None: for ever), receives the event that came or None when
the time has come, and returns the name of the branch to take. When the call ends, :class:`CallOver` is raised at the
`yield`: an element that has nothing to put in order lets it pass, and the branch for it is taken.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ivr.flow.ports import Cause, Event

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = [
    "CALL_ENDED",
    "ELEMENTS",
    "NEXT",
    "USER_HUNG_UP",
    "BranchSpec",
    "CallOver",
    "Element",
    "Exit",
    "Exposure",
    "Run",
    "element",
]

Exposure = Literal["sent", "url", "named", "reported"]
"""How a value leaves the call: sent to another system, in a URL (which servers log), in a file's name, in reports."""

Run = Generator[float | None, Event | None, str]
"""An element at work: yields a deadline, receives an event or None at the deadline, returns a branch."""


@dataclass(frozen=True, slots=True)
class BranchSpec:
    """One way out of an element."""

    name: str
    """As in `branches`."""
    text: str
    """When it is taken, for the documentation."""
    fallback: str | None = None
    """Branch of the same element whose target is taken when this one is not named."""
    success: bool = False
    """`next` is short for it."""
    call_over: bool = False
    """The session is over when it is taken: unnamed, the flow ends, and only elements without voice may follow."""
    call_begins: bool = False
    """A session begins with it: there was none before, and voice elements may follow."""
    own: bool = False
    """The element takes it for reasons of its own also where no session ends under it (`call_ended` of one that calls
    somebody)."""


CALL_ENDED = BranchSpec("call_ended", "The call ended otherwise than by the caller.", call_over=True)
USER_HUNG_UP = BranchSpec("user_hung_up", "The caller hung up.", call_over=True)
NEXT = BranchSpec("next", "Always.", success=True)


@dataclass(frozen=True, slots=True)
class Exit:
    """Where one branch of an element leads, as far as the flow says."""

    branch: BranchSpec
    """The way out."""
    target: str | None
    """Name of an element; None: unnamed (the loader inserts `hang_up`, or the flow ends)."""
    path: str
    """Field that names the target (`branches.busy`, `responses.1`, `next`), or would name it."""
    via: str
    """Branch that names it: another one where a fall-back is taken."""


class CallOver(Exception):  # noqa: N818 - an event at the end of a call, not an error
    """Raised inside a running element when the session ends under it."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause: Cause = cause


def _name(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("quote the digits")
    return value


ElementName = Annotated[str, BeforeValidator(_name), Field(min_length=1)]
"""Name of another element of the same flow."""


class Element(BaseModel):
    """Fields that every element has."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, ignored_types=(cached_property,)
    )

    TYPE: ClassVar[str] = ""
    """Name in `type`."""
    BRANCHES: ClassVar[tuple[BranchSpec, ...]] = (NEXT,)
    """Ways out that do not depend on the fields; see :meth:`branch_specs` for all."""
    NEEDS_CALL: ClassVar[bool] = True
    """Needs a caller: a fault where the session is over."""
    NEEDS_NO_CALL: ClassVar[bool] = False
    """Not allowed while a caller is there: a fault then."""
    ENTRY: ClassVar[bool] = False
    """A flow can begin here."""
    OUTSIDE: ClassVar[bool] = False
    """A flow that begins here has no caller."""
    DORMANT: ClassVar[bool] = False
    """What it waits for may be far away: a flow without a caller is kept in the store meanwhile. When it goes on, the
    element is run anew, and finds what it worked out when it began (`Session.once`)."""
    NAMES_BRANCHES: ClassVar[bool] = False
    """Its fields name branches, whose targets stand in `branches`."""
    REACHES_PERSON: ClassVar[bool] = False
    """The caller may come to speak with somebody."""
    TELLS_PROFILE: ClassVar[bool] = False
    """Whoever it hands the call to is told what is known of the caller."""
    RESULTS: ClassVar[tuple[str, ...] | None] = ()
    """Fields of `result` after it; (): `result` stays as it was; None: not known beforehand."""
    REASONS: ClassVar[frozenset[str]] = frozenset()
    """What `result.reason` can be after it; empty: anything."""
    TARGETS: ClassVar[Mapping[str, str]] = {}
    """Fields that name something of the configuration: field to the section of `ivr.yaml`."""
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {}
    """Fields whose values leave the call. Prompts, which are spoken, need no mention."""

    type: str
    """Kind of element."""
    next: ElementName | None = None
    """Element after the success branch."""
    branches: dict[str, ElementName] = Field(default_factory=dict)
    """Element after each named branch."""

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        """All branches that this element has with these fields; those it takes `branches` and `next` for."""
        return self.BRANCHES

    def own_targets(self) -> Mapping[str, str]:
        """Branches whose targets stand in a field of their own: branch to element."""
        return {}

    def own_path(self, branch: str) -> str:
        """The field in which the target of such a branch stands."""
        return f"responses.{branch}"

    def sets(self) -> tuple[str, ...]:
        """Variables that this element may give a value."""
        return ()

    def sets_on(self, branch: BranchSpec) -> bool:
        """Whether those variables have their value when this branch is taken; default: where it did what it is for."""
        return branch.success or branch.name in self.own_targets()

    def silent_branches(self) -> frozenset[str] | None:
        """Branches that a caller can get who neither presses a key nor hangs up; None: all those that need no end of
        the call."""
        return None

    def silent_wait(self) -> float:
        """Seconds without a sound that the fields ask for, though a call may go on earlier; infinite where that is not
        known beforehand."""
        return 0.0

    def rests(self, ctx: Session) -> bool:
        """Whether what it waits for now may be far away; asked only of what is `DORMANT`."""
        return True

    def checks(self, ctx: Session) -> list[tuple[str, str, Any]]:
        """What is known beforehand of the event that it waits for, which every such event must meet: property,
        operator (see `Operators.constants`) and value. Asked while it waits and its flow is to be kept."""
        return []

    @cached_property
    def exits(self) -> Mapping[str, Exit]:
        """Every branch with where it leads, fall-backs resolved, in the order of the documentation."""
        specs = {spec.name: spec for spec in self.branch_specs()}
        own = self.own_targets()
        found: dict[str, Exit] = {}
        for name, spec in specs.items():
            at: BranchSpec | None = spec
            seen: set[str] = set()
            found[name] = Exit(spec, None, "next" if spec.success and name == "next" else f"branches.{name}", name)
            while at is not None and at.name not in seen:
                seen.add(at.name)
                if at.name in own:
                    found[name] = Exit(spec, own[at.name], self.own_path(at.name), at.name)
                    break
                if at.name in self.branches:
                    found[name] = Exit(spec, self.branches[at.name], f"branches.{at.name}", at.name)
                    break
                if at.success and self.next is not None:
                    found[name] = Exit(spec, self.next, "next", at.name)
                    break
                at = specs.get(at.fallback) if at.fallback else None
        return found

    @cached_property
    def targets(self) -> Mapping[str, str | None]:
        """Branch to element name, fall-backs resolved; None where the flow names none."""
        return {name: way.target for name, way in self.exits.items()}

    def ended(self, cause: Cause) -> str:
        """The branch for the end of the call: `user_hung_up` where there is one and it fits, else `call_ended`."""
        if cause == "user_hung_up" and "user_hung_up" in self.targets:
            return "user_hung_up"
        return "call_ended"

    def run(self, ctx: Session) -> Run | str:
        """Do what the element is for; one that never waits returns its branch at once."""
        raise NotImplementedError(self.type)


ELEMENTS: dict[str, type[Element]] = {}
"""Every element type by its name in `type`."""


def element(name: str) -> Any:
    """Class decorator: register an element type under its name in `type`."""

    def register(cls: type[Element]) -> type[Element]:
        cls.TYPE = name
        ELEMENTS[name] = cls
        return cls

    return register
