"""Control of a call from outside: instructions carried out one after another, by the elements of those names.

Who has the call (a voice application, a client of the HTTP interface) asks for `play`, `say`, `collect`, `record`,
`send_digits`, `answer`, `stop`; what can be asked for in any state is done by the machine. An instruction that comes
while another one runs waits for its turn. Nothing that comes from outside is an expression: texts are taken as they
stand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from ivr.flow.elements.base import CALL_ENDED, NEXT, BranchSpec, CallOver, Element, Run
from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.play import PlayElement
from ivr.flow.elements.prompts import Prompt, play_prompt
from ivr.flow.elements.record_voicemail import RecordVoicemailElement
from ivr.flow.elements.waiting import FILLER_AFTER
from ivr.flow.expressions import MASK, Sensitive, Template
from ivr.flow.keys_out import KEYS_TO_SEND, WHICH_KEYS, keys_hidden, keys_sent
from ivr.flow.ports import Event, Instruction, InstructionDone, Play, PromptSpec, Record, RecordDone, StopRecord

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["FIELDS", "Control", "ControlElement", "Left", "literal"]

MAX_WAITING = 32
"""Instructions that wait for their turn; who gives more does not listen to what comes of them."""

FIELDS: Mapping[str, frozenset[str]] = {
    "play": frozenset({"file", "url", "loop", "pause", "interruptible"}),
    "say": frozenset({"text", "language", "voice", "rate", "loop", "pause", "interruptible"}),
    "collect": frozenset(
        {
            "prompt",
            "min_digits",
            "max_digits",
            "terminator",
            "wait",
            "wait_between",
            "attempts",
            "retry_prompt",
            "invalid_prompt",
            "pattern",
            "reporting",
            "sensitive",
            "type_ahead",
        }
    ),
    "record": frozenset({"name", "max_duration", "max_silence", "escape_digits", "beep", "min_duration", "format"}),
    "send_digits": frozenset({"digits"}),
    "answer": frozenset(),
    "stop": frozenset({"all"}),
}
"""What each instruction may say. Recordings are named by nobody outside: a path could be any file."""

RESULTS = {
    "collect": ("digits", "status", "attempts", "silences", "wrong_inputs"),
    "record": ("duration", "status", "reason"),
}

_TEXTS = frozenset({"text", "file", "url", "name", "language"})
_PROMPTS = frozenset({"prompt", "retry_prompt", "invalid_prompt"})


def literal(text: str) -> Template[str]:
    """A text that is no expression, whatever stands in it."""
    return Template(text, (), text)


@dataclass(frozen=True, slots=True)
class Left:
    """Why nobody outside has the call any more."""

    why: Literal["asked", "idle", "max_duration", "over"]
    """An event that ends it came; nothing was asked for; it took too long; the call is over."""
    event: Any = None
    """That event, or the :class:`~ivr.flow.elements.base.CallOver`."""


@dataclass(slots=True)
class _Order:
    """An instruction that runs, or waits for its turn."""

    given: Instruction
    run: Callable[[Session], Run | str]
    entry: dict[str, Any]
    """In the trace."""


class Control:
    """Carries out instructions for as long as somebody outside has the call."""

    def __init__(self, ctx: Session, filler: PromptSpec | None = None) -> None:
        """`filler` is heard while nothing is asked for."""
        self._ctx = ctx
        self._filler = filler
        self._filling: int | None = None
        self._orders: deque[_Order] = deque()
        self._order: _Order | None = None
        self._run: Run | None = None
        self._deadline: float | None = None
        self._recorded = ""
        """Id of the newest message in the store."""
        self._quiet = ctx.now
        """Since when nothing runs."""

    def serve(
        self, idle: float, leaves: Callable[[Event], bool], until: float | None = None
    ) -> Generator[float | None, Event | None, Left]:
        """Carry out what is asked for until an event comes that ends it, the call ends, `until` has come, or nothing is
        asked for in `idle` seconds."""
        ctx = self._ctx
        ctx.controlled = True
        self._quiet = ctx.now
        why = "the call went on elsewhere"
        try:
            while True:
                self._next()
                try:
                    event = yield self._wake(idle, until)
                except CallOver as over:
                    yield from self._close(over)
                    why = "the call is over"
                    return Left("over", over)
                if event is None:
                    if until is not None and ctx.now >= until:
                        return Left("max_duration")
                    if self._order is None and ctx.now >= self._quiet + idle:
                        return Left("idle")
                    if self._order is None:
                        self._fill()
                    elif self._deadline is not None and ctx.now >= self._deadline:
                        self._advance(None)
                elif type(event) is Instruction:
                    self._take(event)
                elif leaves(event):
                    return Left("asked", event)
                elif self._run is not None:
                    self._advance(event)
        finally:
            ctx.controlled = False
            self._drop(why)
            self._stop_filling()

    def _wake(self, idle: float, until: float | None) -> float | None:
        times = [] if until is None else [until]
        if self._order is not None:
            times += [] if self._deadline is None else [self._deadline]
        else:
            times.append(self._quiet + idle)
            if self._filler is not None and self._filling is None:
                times.append(self._quiet + FILLER_AFTER)
        return min(times, default=None)

    # What is heard meanwhile

    def _fill(self) -> None:
        if self._filler is not None and self._filling is None and self._ctx.now >= self._quiet + FILLER_AFTER:
            self._filling = self._ctx.play((self._filler,), 0.0, 0)

    def _stop_filling(self) -> None:
        if self._filling is not None:
            self._ctx.stop_play(self._filling)
            self._filling = None

    # Instructions

    def _take(self, given: Instruction) -> None:
        ctx = self._ctx
        if given.verb == "stop":
            self._stop(given)
            return
        try:
            run = _runner(given)
        except ValueError as error:
            self._tell(given, error=_sentence(error))
            return
        if len(self._orders) >= MAX_WAITING:
            self._tell(given, error=f"{MAX_WAITING} instructions wait already")
            return
        fields = given.fields
        if given.verb == "send_digits":
            fields = {**fields, "digits": keys_hidden(str(fields["digits"]))}
        self._orders.append(_Order(given, run, ctx.instructed(given.verb, fields)))

    def _stop(self, given: Instruction) -> None:
        """End what runs, and with `all` forget what waits for its turn."""
        ctx, order = self._ctx, self._order
        ctx.instructed("stop", given.fields)
        if given.fields.get("all"):
            while self._orders:
                self._tell(self._orders.popleft().given, error="stopped before its turn")
        if order is None:
            self._tell(given, error="nothing runs")
            return
        recording = ctx.under_way.running(Record, ctx.commands)
        if recording is not None:
            # It ends with what was recorded, as it would by a key.
            ctx.emit(StopRecord(recording))
        else:
            self._leave()
            self._done({"status": "stopped"})
        self._tell(given)

    def _next(self) -> None:
        """Begin what waits, while nothing runs."""
        while self._order is None and self._orders:
            order = self._order = self._orders.popleft()
            self._stop_filling()
            self._within(lambda order=order: self._begin(order))  # type: ignore[misc]

    def _begin(self, order: _Order) -> None:
        run = order.run(self._ctx)
        if isinstance(run, str):
            self._done({})
            return
        self._run = run
        self._send(None)

    def _advance(self, event: Event | None) -> None:
        if type(event) is RecordDone:
            self._recorded = event.key
        self._within(lambda: self._send(event))

    def _send(self, event: Event | None) -> None:
        assert self._run is not None
        try:
            self._deadline = self._run.send(event)
        except StopIteration:
            self._run = None
            self._finished()

    def _within(self, step: Callable[[], None]) -> None:
        """Do something for the instruction that runs; the trace has it there."""
        ctx, order = self._ctx, self._order
        outer = ctx.details
        if order is not None:
            ctx.details = order.entry
        try:
            step()
        except Exception as error:
            # One instruction that cannot be done takes neither the call nor the others along.
            ctx.note(f"an instruction failed: {type(error).__name__}", "error")
            self._leave()
            self._done({}, "it could not be done")
        finally:
            ctx.details = outer

    def _finished(self) -> None:
        order = self._order
        assert order is not None
        verb, result = order.given.verb, self._ctx.result or {}
        found: dict[str, Any] = {name: result.get(name) for name in RESULTS.get(verb, ())}
        if verb == "record":  # by its id: where the file is concerns nobody outside
            found["recording"] = self._recorded if result.get("recording") else None
        if verb in ("play", "say"):
            found["status"] = order.entry.get("ended", "failed")
            if found["status"] == "failed":
                played = order.entry.get("played") or [{}]
                found["reason"] = played[-1].get("error") or "the sound cannot be had"
        if type(found.get("digits")) is Sensitive:
            shown = order.given.fields.get("reporting")
            found["digits"] = None if shown == "hide" else MASK
        self._done(found)

    def _done(self, result: Mapping[str, Any], error: str | None = None) -> None:
        order, self._order, self._run, self._deadline = self._order, None, None, None
        self._quiet = self._ctx.now
        if order is not None:
            order.entry["done_at"] = self._ctx.offset(self._ctx.now)
            self._tell(order.given, result, error)

    def _tell(self, given: Instruction, result: Mapping[str, Any] | None = None, error: str | None = None) -> None:
        self._ctx.emit(InstructionDone(given.id, result or {}, error))

    # Ends

    def _leave(self) -> None:
        """Take the call away from what runs."""
        run, self._run = self._run, None
        if run is not None:
            run.close()
        self._ctx.stop_all(Play, Record)

    def _drop(self, why: str) -> None:
        if self._order is not None:
            self._within(self._leave)
            self._done({}, why)
        while self._orders:
            self._tell(self._orders.popleft().given, error=why)

    def _close(self, over: CallOver) -> Run:
        """The call is over: what runs puts itself in order, and has its result where there is one."""
        ctx, order, run = self._ctx, self._order, self._run
        if order is None or run is None:
            return ""
        outer, ctx.details = ctx.details, order.entry
        try:
            deadline = run.throw(over)
            while True:
                ctx.details = outer
                event = yield deadline
                ctx.details = order.entry
                if type(event) is RecordDone:
                    self._recorded = event.key
                deadline = run.send(event)
        except StopIteration:
            self._run = None
            self._finished()
        except CallOver:
            self._done({}, "the call is over")
        finally:
            ctx.details = outer
        return ""


def _runner(given: Instruction) -> Callable[[Session], Run | str]:
    """What carries an instruction out; ValueError where it does not hold."""
    allowed = FIELDS.get(given.verb)
    if allowed is None:
        raise ValueError(f"there is no instruction {given.verb[:32]}")
    if unknown := sorted(given.fields.keys() - allowed):
        raise ValueError(f"{given.verb} has no field {unknown[0][:64]}")
    fields = {name: _literal(name, value) for name, value in given.fields.items() if value is not None}
    match given.verb:
        case "answer":
            return _answer
        case "send_digits":
            return _sending(str(given.fields.get("digits") or ""))
        case "collect":
            prompt = fields.pop("prompt", None)
            first = None if prompt is None else Prompt.model_validate(prompt)
            return _collecting(CollectElement.model_validate({"type": "collect", **fields}), first)
        case "record":
            return RecordVoicemailElement.model_validate({"type": "record_voicemail", **fields}).run
    if given.verb == "play" and "file" not in fields and "url" not in fields:
        raise ValueError("play needs file or url")
    if given.verb == "say" and "text" not in fields:
        raise ValueError("say needs text")
    return PlayElement.model_validate({"type": "play", **fields}).run


def _answer(ctx: Session) -> str:
    ctx.answer()
    return "next"


def _sending(keys: str) -> Callable[[Session], Run]:
    if not KEYS_TO_SEND.fullmatch(keys):
        raise ValueError(WHICH_KEYS)

    def run(ctx: Session) -> Run:
        yield from keys_sent(ctx, keys)
        return "next"

    return run


def _collecting(element: CollectElement, prompt: Prompt | None) -> Callable[[Session], Run]:
    def run(ctx: Session) -> Run:
        spec = None if prompt is None else prompt.spec(ctx)
        if spec is not None:
            if not element.type_ahead:
                ctx.keys.clear()
            yield from play_prompt(ctx, spec, interruptible=True)
            ctx.interruptible_before = True
        return (yield from element.run(ctx))

    return run


def _literal(name: str, value: Any) -> Any:
    if name in _PROMPTS:
        if isinstance(value, str):
            return {"text": literal(value)}
        if isinstance(value, Mapping):
            if unknown := sorted(map(str, value.keys() - {"text", "file", "url", "language", "voice", "rate"})):
                raise ValueError(f"{name} has no field {unknown[0][:64]}")
            return {key: _literal(key, held) for key, held in value.items()}
    return literal(value) if name in _TEXTS and isinstance(value, str) else value


def _sentence(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in found["loc"])
    text = found["msg"].removeprefix("Value error, ")
    return f"{place}: {text}" if place else text


class ControlElement(Element):
    """Holds a call that somebody outside has taken. It stands in no file: the flow is made for one call."""

    BRANCHES = (
        BranchSpec("next", "Nothing was asked for.", success=True),
        CALL_ENDED,
    )
    RESULTS = ("reason",)

    type: Literal["control"] = "control"
    by: str = ""
    """Who has it."""
    idle: float = 300.0
    """Seconds in which something must be asked for."""
    filler: Literal["music", "none"] = "none"
    """What the caller hears meanwhile."""

    def run(self, ctx: Session) -> Run:
        ctx.details["by"] = self.by
        filler = PromptSpec("tone", "music") if self.filler == "music" else None
        left = yield from Control(ctx, filler).serve(self.idle, lambda event: False)
        ctx.details["reason"] = left.why
        if left.why == "over":
            return self.ended(left.event.cause)
        ctx.set_result({"reason": left.why})
        return NEXT.name
