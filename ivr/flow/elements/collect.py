"""collect: take in keys."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, ElementName, Run, element
from ivr.flow.elements.prompts import Prompt, PromptField, play_prompt
from ivr.flow.expressions import MASK
from ivr.flow.patterns import KEYS, Pattern, PatternError
from ivr.flow.ports import Digit, Event
from ivr.flow.values import DigitsStr, Duration, VariableName, text_of_digits

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["CollectElement"]

MAX_INPUT = 64
"""Keys of one input: as many as are kept ahead; account and card numbers have up to 34."""

MAX_ATTEMPTS = 20
"""Attempts; a caller who failed so often needs something else."""

NO_MATCH = BranchSpec("no_match", "The last attempt ended with an input that nothing matches.")
NO_INPUT = BranchSpec("no_input", "The last attempt ended without any key.", fallback="no_match")
COLLECTED = BranchSpec("collected", "An input is there.", success=True)


def _keys(value: str) -> str:
    if not value or any(key not in KEYS for key in value):
        raise ValueError(f"keys are of {KEYS}")
    return value


def _terminator(value: object) -> str:
    key = text_of_digits(value)
    if key in ("none", ""):
        return ""
    if len(key) > 1 or key not in KEYS:
        raise ValueError("one key, or none")
    return key


def _pattern(value: object) -> object:
    if isinstance(value, str):
        try:
            return Pattern(value)
        except PatternError as error:
            raise ValueError(f"not a usable pattern: {error}") from None
    return value


Keys = Annotated[DigitsStr, AfterValidator(_keys)]


@element("collect")
class CollectElement(Element):
    """Takes in keys and compares them with `responses` or `pattern`. It completes at once when no longer input could
    match, at `max_digits`, at the terminator, or at a time limit. Silence and wrong input get their own prompt and
    another attempt. Results: `digits`, `status` (`collected`, `no_match`, `no_input`), `attempts`, `silences`,
    `wrong_inputs`."""

    BRANCHES = (COLLECTED, NO_MATCH, NO_INPUT, USER_HUNG_UP, CALL_ENDED)
    RESULTS = ("digits", "status", "attempts", "silences", "wrong_inputs")

    type: Literal["collect"] = "collect"
    responses: dict[Keys, ElementName] = Field(default_factory=dict)
    """Input to element."""
    min_digits: Annotated[int, Field(ge=0, le=MAX_INPUT)] = 1
    """Fewer are a wrong input."""
    max_digits: Annotated[int, Field(ge=1, le=MAX_INPUT)] | None = None
    """The input is complete; default: the longest response."""
    terminator: Annotated[str, BeforeValidator(_terminator)] = "#"
    """Key that ends the input and is no part of it, or `none`."""
    wait: Duration = 5.0
    """To the first key, from the end of the prompt."""
    wait_between: Duration = 3.0
    """From key to key."""
    attempts: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)] = 1
    """Inputs asked for, the first one counted."""
    retry_prompt: PromptField | None = None
    """After silence; after a wrong input too where there is no `invalid_prompt`. A key stops it and counts."""
    invalid_prompt: PromptField | None = None
    """After a wrong input. A key stops it and counts."""
    pattern: Annotated[Any, BeforeValidator(_pattern), Field(json_schema_extra={"type": "string"})] = None
    """Regular expression that the whole input must match."""
    save_as: VariableName | None = None
    """Variable for the input."""
    sensitive: bool = False
    """The input is secret; it is too where `save_as` names a sensitive variable."""
    reporting: Literal["show", "masked", "hide"] = "show"
    """How the input stands in records, traces and logs; a secret one is masked at least."""
    type_ahead: bool | None = None
    """Keep keys pressed before; default: after an interruptible play."""

    @model_validator(mode="after")
    def _consistent(self) -> CollectElement:
        if self.max_digits is not None and self.max_digits < self.min_digits:
            raise ValueError("max_digits is smaller than min_digits")
        if self.responses and self.next is not None:
            raise ValueError("a collect with responses has no next: name the elements in responses")
        for key in self.branches:
            if key in self.responses:
                raise ValueError(f"{key} stands in responses; name its element there alone")
        return self

    def branch_specs(self) -> tuple[BranchSpec, ...]:
        if not self.responses:
            return self.BRANCHES
        return tuple(BranchSpec(key, f"The input is {key}.") for key in self.responses) + self.BRANCHES[1:]

    def own_targets(self) -> Mapping[str, str]:
        return self.responses

    def sets(self) -> tuple[str, ...]:
        return () if self.save_as is None else (self.save_as,)

    def silent_branches(self) -> frozenset[str]:
        return frozenset({NO_INPUT.name})

    @cached_property
    def longest(self) -> int:
        """Keys at which an input is complete in any case."""
        return self.max_digits or max(map(len, self.responses), default=MAX_INPUT)

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """Beginnings of responses that a further key can complete."""
        return frozenset(key[:size] for key in self.responses for size in range(len(key)))

    def valid(self, keys: str) -> bool:
        """The input is one that was asked for."""
        if not self.min_digits <= len(keys) <= self.longest or (self.responses and keys not in self.responses):
            return False
        return self.pattern is None or bool(self.pattern.matches(keys))

    def extends(self, keys: str) -> bool:
        """A longer input could be valid."""
        if len(keys) >= self.longest or (self.responses and keys not in self.prefixes):
            return False
        return self.pattern is None or bool(self.pattern.extends(keys))

    def ends(self, keys: str, key: str) -> bool:
        """The key is the terminator here; where a response holds it, that comes first."""
        return key == self.terminator and keys + key not in self.responses and keys + key not in self.prefixes

    def run(self, ctx: Session) -> Run:
        kept = ctx.interruptible_before if self.type_ahead is None else self.type_ahead
        if not kept and ctx.keys:
            ctx.details["ignored_keys"] = len(ctx.keys)
            ctx.keys.clear()
        ctx.interruptible_before = False
        secret = self.sensitive or ctx.is_sensitive(self.save_as)
        shown = "masked" if secret and self.reporting == "show" else self.reporting
        paused = secret and ctx.pause_recording()
        ctx.asking = True
        try:
            return (yield from self._attempts(ctx, secret, shown))
        finally:
            ctx.asking = False
            if paused:
                ctx.resume_recording()

    def _attempts(self, ctx: Session, secret: bool, shown: str) -> Run:
        silences = wrong = 0
        while True:
            keys, pressed = yield from self._input(ctx, shown)
            if pressed and self.valid(keys):
                self._finish(ctx, keys, "collected", silences, wrong, secret, shown)
                if not self.responses:
                    return "collected"
                if shown != "show":
                    ctx.branch_shown = _shown(keys, shown)
                return keys
            prompt: Prompt | None
            if pressed:
                wrong += 1
                prompt = self.invalid_prompt or self.retry_prompt
            else:
                silences += 1
                prompt = self.retry_prompt
            if silences + wrong >= self.attempts:
                status = "no_match" if pressed else "no_input"
                self._finish(ctx, keys, status, silences, wrong, secret, shown)
                return status
            spec = None if prompt is None else prompt.spec(ctx)
            if spec is not None:
                yield from play_prompt(ctx, spec, interruptible=True)

    def _input(self, ctx: Session, shown: str) -> Generator[float | None, Event | None, tuple[str, bool]]:
        """One attempt: the keys, and whether any came (the terminator alone counts as one)."""
        keys = ""
        deadline = ctx.now + self.wait
        while True:
            while ctx.keys:
                key = ctx.keys.popleft()
                if self.ends(keys, key.digit):
                    ctx.trace_key(key, key.digit, "terminators")
                    return keys, True
                if shown != "hide":
                    ctx.trace_key(key, key.digit if shown == "show" else "x")
                keys += key.digit
                if not self.extends(keys):
                    if len(keys) > 1 and self.terminator:
                        ctx.stray = (self.terminator, ctx.now + self.wait_between)
                    return keys, True
                deadline = ctx.now + self.wait_between
            event = yield deadline
            if event is None:
                return keys, bool(keys)
            if type(event) is not Digit:
                continue

    def _finish(
        self, ctx: Session, keys: str, status: str, silences: int, wrong: int, secret: bool, shown: str
    ) -> None:
        hidden = secret or shown != "show"
        ctx.details.update(status=status, silences=silences, wrong_inputs=wrong)
        if shown != "hide":
            ctx.details["digits"] = _shown(keys, shown)
        attempts = silences + wrong + (status == "collected")
        ctx.set_result(
            {"digits": keys, "status": status, "attempts": attempts, "silences": silences, "wrong_inputs": wrong},
            sensitive=("digits",) if hidden else (),
        )
        if status == "collected" and self.save_as is not None:
            ctx.set_variable(self.save_as, keys, sensitive=hidden)


def _shown(keys: str, shown: str) -> str:
    return keys if shown == "show" else MASK
