"""Scripts for the phone: a command a line, read whole before anything is done, so that a typing error costs no call."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ivr.cli.phone.engine import Engine, PhoneError, PhoneEvent
from ivr.errors import ConfigError, Fault, IvrError
from ivr.units import parse_duration

__all__ = ["COMMANDS", "Step", "StepFailed", "parse_line", "parse_script", "perform"]

WAIT: Final = 30.0
"""Seconds that `wait` waits where the line does not say: `within 5s`."""
LOOK: Final = 0.02
"""Seconds between two looks at the phone."""
MAX_LINES: Final = 10_000
KEYS: Final = re.compile(r"[0-9*#A-Da-d ]+")
STATES: Final = ("registered", "incoming", "ringing", "answered", "ended", "held", "resumed", "transferred")
EXPECTED: Final = (*STATES[:-1], "idle", "calling", "muted")

COMMANDS: Final = {
    "call URI": "call somebody; a call that stands is put on hold",
    "answer": "take the call that comes in",
    "reject [STATUS]": "refuse it",
    "hang up": "end the call",
    "keys KEYS [events|info|tones]": "press keys",
    "hold": "hold the other side",
    "resume": "take it back",
    "mute": "switch the microphone off",
    "unmute": "switch it on",
    "transfer URI": "have the other side call somebody else",
    "connect": "connect the other sides of our two calls with each other",
    "swap": "bring the other call to the front",
    "play FILE": "play a file to the other side",
    "record FILE": "record both sides from now on",
    "sleep DURATION": "do nothing",
    "wait STATE [within DURATION]": f"until {', '.join(STATES)}; 30 s at most unless told otherwise",
    "wait heard DURATION [within DURATION]": "until so much sound was heard from now on",
    "wait quiet DURATION [within DURATION]": "until something was heard and then nothing for so long",
    "wait key KEY [within DURATION]": "until the other side presses a key",
    "expect [not] STATE": "fail unless it is so now: idle, calling and muted too, but not transferred",
}
"""Every command with what it does."""


class StepFailed(IvrError):  # noqa: N818 - what the exit code 1 is for
    """A step did not come out as the script says."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line."""

    line: int
    """From 1."""
    text: str
    """As written."""
    verb: str
    """First word, or two."""
    argument: str = ""
    """What it is about: URI, keys, file, state."""
    seconds: float = 0.0
    """Duration that it names."""
    within: float = WAIT
    """Longest wait."""
    way: str | None = None
    """Of keys."""
    negated: bool = False
    """`expect not`."""


def parse_script(text: str, file: str = "") -> list[Step]:
    """All steps; ConfigError names every line that is wrong."""
    steps, faults = [], []
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        raise ConfigError([Fault(f"more than {MAX_LINES} lines", file=file)])
    for number, line in enumerate(lines, 1):
        try:
            step = parse_line(line, number)
        except ValueError as error:
            faults.append(Fault(str(error), file=file, line=number, found=line.strip()))
            continue
        if step is not None:
            steps.append(step)
    if faults:
        raise ConfigError(faults)
    return steps


def parse_line(line: str, number: int = 1) -> Step | None:
    """One step; None for an empty line or a comment (`#` first). ValueError says what is wrong."""
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    verb, _, rest = text.partition(" ")
    verb, rest = verb.lower(), rest.strip()
    if verb == "hang":
        if rest.lower() != "up":
            raise ValueError("hang what? `hang up`")
        return Step(number, text, "hang up")
    if verb in ("answer", "hold", "resume", "mute", "unmute", "connect", "swap"):
        if rest:
            raise ValueError(f"`{verb}` stands alone")
        return Step(number, text, verb)
    if verb in ("call", "transfer", "play", "record"):
        if not rest:
            raise ValueError(f"`{verb}` needs {'a file' if verb in ('play', 'record') else 'whom to call'}")
        return Step(number, text, verb, rest)
    if verb == "reject":
        if rest and not (rest.isdigit() and 400 <= int(rest) <= 699):
            raise ValueError("a SIP status from 400 to 699 goes with `reject`")
        return Step(number, text, verb, rest or "486")
    if verb == "keys":
        return _keys(number, text, rest)
    if verb == "sleep":
        return Step(number, text, verb, seconds=_duration(rest))
    if verb == "wait":
        return _wait(number, text, rest)
    if verb == "expect":
        return _expect(number, text, rest)
    raise ValueError(f"there is no command {verb!r}; there are: {', '.join(sorted({c.split()[0] for c in COMMANDS}))}")


def _keys(number: int, text: str, rest: str) -> Step:
    keys, _, way = rest.rpartition(" ")
    if way not in ("events", "info", "tones"):
        keys, way = rest, ""
    if not keys or KEYS.fullmatch(keys) is None:
        raise ValueError("keys are of 0123456789*#ABCD")
    return Step(number, text, "keys", keys.replace(" ", "").upper(), way=way or None)


def _wait(number: int, text: str, rest: str) -> Step:
    what, _, limit = rest.partition(" within ")
    within = _duration(limit) if limit else WAIT
    kind, _, argument = what.strip().partition(" ")
    argument = argument.strip()
    if kind in ("heard", "quiet"):
        return Step(number, text, "wait", kind, seconds=_duration(argument), within=within)
    if kind == "key":
        if len(argument) != 1 or KEYS.fullmatch(argument) is None:
            raise ValueError("`wait key` needs one key")
        return Step(number, text, "wait", f"key {argument.upper()}", within=within)
    if kind not in STATES or argument:
        raise ValueError(f"`wait` for what? {', '.join(STATES)}, heard, quiet, key")
    return Step(number, text, "wait", kind, within=within)


def _expect(number: int, text: str, rest: str) -> Step:
    negated = rest.startswith("not ")
    what = rest.removeprefix("not ").strip()
    if what not in EXPECTED:
        raise ValueError(f"`expect` what? {', '.join(EXPECTED)}")
    return Step(number, text, "expect", what, negated=negated)


def _duration(text: str) -> float:
    if not text:
        raise ValueError("a duration is missing, like 2s")
    return float(parse_duration(text))


class Witness:
    """Keeps what happened, for steps that come to ask later: a `wait` is about all since the step before it."""

    def __init__(self) -> None:
        self.seen: list[PhoneEvent] = []
        self.changed = asyncio.Event()

    def note(self, event: PhoneEvent) -> None:
        """Something happened."""
        self.seen.append(event)
        self.changed.set()


async def perform(steps: Iterator[Step] | list[Step], engine: Engine, witness: Witness) -> None:
    """Do one step after the other. StepFailed names the line that did not come out."""
    mark = 0
    for step in steps:
        try:
            mark = await _perform(step, engine, witness, mark)
        except IvrError as error:
            raise StepFailed(f"line {step.line}: {step.text}: {error}") from error


async def _perform(step: Step, engine: Engine, witness: Witness, mark: int) -> int:
    """One step; events from `mark` on have not been waited for yet. What the next step has to look at from."""
    simple: dict[str, Callable[[], None]] = {
        "call": lambda: engine.dial(step.argument),
        "answer": engine.answer,
        "reject": lambda: engine.reject(int(step.argument)),
        "hang up": engine.hang_up,
        "keys": lambda: engine.keys(step.argument, step.way),
        "hold": engine.hold,
        "resume": engine.resume,
        "mute": lambda: engine.mute(True),
        "unmute": lambda: engine.mute(False),
        "transfer": lambda: engine.transfer(step.argument),
        "connect": engine.connect,
        "swap": engine.swap,
        "play": lambda: engine.play(Path(step.argument)),
        "record": lambda: engine.record(Path(step.argument)),
    }
    if step.verb == "sleep":
        await asyncio.sleep(step.seconds)
    elif step.verb == "wait":
        return await _wait_for(step, engine, witness, mark)
    elif step.verb == "expect":
        if _is(step.argument, engine) is step.negated:
            raise PhoneError(f"it is {_now(engine)}")
    else:
        mark = len(witness.seen)
        simple[step.verb]()
    return mark


async def _wait_for(step: Step, engine: Engine, witness: Witness, mark: int) -> int:
    kind, _, key = step.argument.partition(" ")
    begun = engine.call().heard_seconds
    loop = asyncio.get_running_loop()
    deadline = loop.time() + step.within
    at = mark
    while True:
        view = engine.call()
        if kind == "heard":
            if view.heard_seconds - begun >= step.seconds:
                return mark
        elif kind == "quiet":
            if view.heard_seconds > begun and view.quiet_seconds >= step.seconds:
                return mark
        elif kind == "key":
            for place in range(at, len(witness.seen)):
                event = witness.seen[place]
                if event.kind == "key" and event.fields.get("key") == key:
                    return place + 1
            at = len(witness.seen)
        elif (kind != "transferred" and _is(kind, engine)) or _happened(kind, witness.seen[mark:]):
            return mark
        if kind not in ("ended", "registered", "incoming") and view.phase in ("idle", "ended") and _over(witness, mark):
            raise PhoneError(f"the call ended before: {view.cause or 'there is none'}")
        if loop.time() >= deadline:
            raise PhoneError(f"not within {step.within:g} s: it is {_now(engine)}")
        await asyncio.sleep(LOOK)


def _over(witness: Witness, mark: int) -> bool:
    return any(event.kind == "ended" for event in witness.seen[mark:])


def _happened(state: str, events: list[PhoneEvent]) -> bool:
    """Whether a state was passed through meanwhile."""
    kinds = {"ringing": ("ringing", "early_media"), "transferred": ("transfer",)}.get(state, (state,))
    found = [event for event in events if event.kind in kinds]
    if state == "transferred":
        found = [event for event in found if event.fields["final"] and event.fields["status"] < 300]
    return state not in ("held", "resumed") and bool(found)


def _is(state: str, engine: Engine) -> bool:
    view = engine.call()
    if state == "registered":
        return bool(engine.phone().registered)
    if state == "held":
        return view.held_by_us or view.held_by_peer
    if state == "resumed":
        return view.phase == "answered" and not (view.held_by_us or view.held_by_peer)
    if state == "muted":
        return view.muted
    if state == "idle":
        return view.phase in ("idle", "ended")
    return view.phase == state


def _now(engine: Engine) -> str:
    view = engine.call()
    return f"{view.phase}{f' ({view.cause})' if view.cause else ''}{', held' if _is('held', engine) else ''}"
