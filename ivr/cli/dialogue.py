"""The dialogue of `ivr simulate`: tells what happens in a simulated call and asks what caller and world do next."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection
from typing import Any, Literal, get_args

import click

from ivr.flow.patterns import KEYS
from ivr.flow.ports import AiReason, ApplicationOutcome, RequestError
from ivr.flow.sim import CalleeAnswer, SimulatedCall, Waiting
from ivr.flow.sim.report import faults, summary
from ivr.flow.sim.stubs import CalleeResult
from ivr.flow.sim.transcript import clock, tell
from ivr.units import parse_duration

__all__ = ["Dialogue"]

HELP = """\
  (empty)          time passes until something happens; the caller says and presses nothing
  1, 42#           the caller presses keys (p 200: also where an answer is awaited)
  h                the caller hangs up
  w 5s             time passes
  s 4s             the caller speaks
  a                the called party answers; b: is busy; n: does not answer; d: declines; f: cannot be called
  l                the called party leaves
  a, m, u          who is called by the flow answers: a person, a machine, nobody knows who; or b, n, d, f
  a, l             in a queue: an agent answers; leaves. c, f, n: it is closed; is full; nobody is there
  o 2 1m           in a queue: the place, and the likely wait
  a, i REASON      an AI agent has the call; gives it back: i completed, i transfer_requested sales
  a, l, d, f       an application takes the call; gives it back; rejects it; cannot be reached
  200 {"x": 1}     answer to the HTTP request; or one of refused, timeout, network, too_large, bad_answer
  e NAME {"x": 1}  an event comes from outside
  t                the way so far; v: the variables; q: the end of the simulation"""

FORWARDS = {"a": "answered", "b": "busy", "n": "no_answer", "d": "declined", "f": "failed", "l": "left"}
CALLEES: dict[str, CalleeResult] = {
    "a": "human",
    "m": "machine",
    "u": "unknown",
    "b": "busy",
    "n": "no_answer",
    "d": "declined",
    "f": "failed",
}
AGENTS = {"a": "answered", "l": "left", "c": "closed", "f": "full", "n": "no_agents"}
APPLICATIONS: dict[str, ApplicationOutcome | Literal["taken"]] = {
    "a": "taken",
    "l": "accepted",
    "d": "rejected",
    "f": "http_error",
}
REASONS = get_args(AiReason)
ERRORS = get_args(RequestError)
ANSWER = re.compile(r"([1-5]\d\d)(?:\s+(.*))?", re.ASCII)
COLOURS = {"flow": "cyan", "system": "bold", "caller": "green", "world": "magenta", "end": "yellow", "note": "red"}

HANDED: dict[str, Collection[str]] = {"agent": AGENTS, "ai_agent": ("a",), "application": APPLICATIONS}
"""Kinds of hand-offs that are awaited, with the words for what becomes of them."""

WAITS = {
    "prompt": "something is said",
    "keys": "keys are awaited",
    "recording": "the caller is recorded",
    "forward": "it rings",
    "dial": "it rings at the one called",
    "request": "an HTTP answer is awaited (200 {...})",
    "mail": "a mail is sent",
    "event": "an event is awaited",
    "time": "time passes",
    "agent": "an agent is awaited",
    "ai_agent": "an AI agent is awaited",
    "application": "an application is awaited",
}


class Dialogue:
    """Between a person and one call."""

    def __init__(self, call: SimulatedCall) -> None:
        self._call = call
        self._told = 0
        self._print: Callable[[str, str], None] = _plain
        if sys.stdout.isatty():
            self._print = _coloured()

    def run(self) -> int:
        """Until the flow is over or the person has enough; the exit code."""
        call = self._call
        call.start()
        while True:
            self._settle()
            self._tell()
            if call.finished:
                break
            try:
                text = input(self._question())
            except (EOFError, KeyboardInterrupt):
                click.echo()
                break
            if not sys.stdin.isatty():
                click.echo(text)  # so that what is read from a pipe stands in the output as if it was typed
            if text.strip() == "q":
                break
            answer = self._do(text.strip())
            if answer:
                self._print(answer, "")
        self._print("", "")
        for line in summary(call) if call.finished else summary(call)[:1]:
            self._print(line, "")
        return 1 if call.finished and faults(call) else 0

    def _settle(self) -> None:
        """Let happen what happens at once, so that a question is asked when somebody can do something."""
        call = self._call
        while not call.finished and (moment := call.next_moment()) is not None and moment <= call.now:
            call.advance()
        if call.finished:
            call.run()

    def _tell(self) -> None:
        for line in tell(self._call, self._told):
            self._print(str(line), COLOURS[line.who])
        self._told = len(self._call.happened)

    def _question(self) -> str:
        waiting = self._call.waiting
        assert waiting is not None
        return f"{clock(self._call.now)}    [{_described(self._call, waiting)}] > "

    def _do(self, text: str) -> str:
        """Do what the person says; what to tell him where that makes no sense."""
        call, waiting = self._call, self._call.waiting
        word, _, rest = text.partition(" ")
        if not text:
            return "" if call.advance() else "nothing will happen any more by itself: h hangs up"
        if waiting is not None and waiting.kind == "request" and (text in ERRORS or ANSWER.fullmatch(text)):
            return self._answer(text)
        if all(key in KEYS for key in text):
            return self._press(text)
        if waiting is not None and waiting.kind == "dial" and word in CALLEES and not rest:
            call.callee_result(CalleeAnswer(result=CALLEES[word]))
            return ""
        if waiting is not None and waiting.kind in HANDED and not rest and word in HANDED[waiting.kind]:
            return self._hand_over(waiting.kind, word)
        if word in FORWARDS and not rest:
            if waiting is None or waiting.kind != "forward":
                return "nobody is being called"
            call.forward_result(FORWARDS[word])  # type: ignore[arg-type]
            return ""
        commands: dict[str, Callable[[str], str]] = {
            "?": lambda _: HELP,
            "h": self._hang_up,
            "p": self._press,
            "w": self._wait,
            "s": self._speak,
            "e": self._event,
            "i": self._ai_agent,
            "o": self._place,
            "t": self._trace,
            "v": self._variables,
        }
        found = commands.get(word)
        return "what is that? `?` tells what there is" if found is None else found(rest.strip())

    def _press(self, keys: str) -> str:
        if not keys or any(key not in KEYS for key in keys):
            return f"keys are of {KEYS}"
        if self._call.ended:
            return "the caller is gone"
        self._call.press(keys)
        return ""

    def _hang_up(self, _: str) -> str:
        if self._call.ended:
            return "the caller is gone"
        self._call.hang_up()
        return ""

    def _hand_over(self, kind: str, word: str) -> str:
        call = self._call
        if kind == "agent":
            done = call.agent_result(AGENTS[word])
        elif kind == "ai_agent":
            done = call.ai_result("started")
        else:
            done = call.application_result(APPLICATIONS[word])
        return "" if done else "that cannot happen now"

    def _ai_agent(self, text: str) -> str:
        reason, _, target = text.partition(" ")
        if reason not in REASONS:
            return f"like: i completed; reasons are {', '.join(REASONS)}"
        done = self._call.ai_result(reason, target=target.strip())  # type: ignore[arg-type]
        return "" if done else "no AI agent has the call"

    def _place(self, text: str) -> str:
        place, _, rest = text.partition(" ")
        try:
            estimate = parse_duration(rest) if rest else None
            position = int(place)
        except ValueError:
            return "like: o 2 1m"
        done = position > 0 and self._call.queue_place(position, estimate)
        return "" if done else "nobody waits in a queue"

    def _wait(self, text: str) -> str:
        try:
            self._call.wait(parse_duration(text))
        except ValueError as error:
            return str(error)
        return ""

    def _speak(self, text: str) -> str:
        try:
            seconds = parse_duration(text or "4s")
        except ValueError as error:
            return str(error)
        if not self._call.recording:
            return "nobody listens: the caller is not recorded"
        self._call.speak(seconds)
        self._call.wait(seconds)
        return ""

    def _answer(self, text: str) -> str:
        if text in ERRORS:
            self._call.answer_request(error=text)  # type: ignore[arg-type]
            return ""
        match = ANSWER.fullmatch(text)
        assert match is not None
        try:
            body = json.loads(match[2]) if match[2] else {}
        except ValueError:
            body = match[2]
        self._call.answer_request(int(match[1]), body)
        return ""

    def _event(self, text: str) -> str:
        name, _, rest = text.partition(" ")
        try:
            properties: Any = json.loads(rest) if rest.strip() else {}
        except ValueError:
            properties = None
        if not name or not isinstance(properties, dict):
            return 'like: e order.paid {"amount": 5}'
        self._call.event(name, properties)
        return ""

    def _trace(self, _: str) -> str:
        steps = self._call.steps
        shown = [f"{step.element} -> {step.branch}" if step.branch else step.element for step in steps]
        return "\n".join(f"  {line}" for line in shown)

    def _variables(self, _: str) -> str:
        shown = self._call.variables()
        lines = [f"  {name} = {json.dumps(value, ensure_ascii=False, default=str)}" for name, value in shown.items()]
        return "\n".join(lines) or "  none"


def _described(call: SimulatedCall, waiting: Waiting) -> str:
    what = WAITS[waiting.kind]
    if waiting.kind == "forward" and call.forwards[-1].answered_at is not None:
        what = "the two talk"
    if waiting.kind == "agent" and call.queued[-1].answered_at is not None:
        what = "the two talk"
    elif waiting.kind == "agent" and call.queue_keys:
        what += f", keys: {', '.join(f'{key} {meaning}' for key, meaning in call.queue_keys.items())}"
    if waiting.kind in ("ai_agent", "application") and call.handed_over[-1].taken_at is not None:
        what = f"{call.handed_over[-1].to} has the call"
    if waiting.kind == "prompt" and waiting.interruptible:
        what = "something is said, a key stops it"
    left = None if waiting.until is None else waiting.until - call.now
    if left is None or waiting.kind in ("request", "forward", "dial", *HANDED):
        return f"{waiting.element}: {what}"
    return f"{waiting.element}: {what}, {clock(left)} left"


def _plain(text: str, _: str) -> None:
    click.echo(text)


def _coloured() -> Callable[[str, str], None]:
    from rich.console import Console  # 60 ms that scripts do not need
    from rich.text import Text

    console = Console(highlight=False)
    return lambda text, colour: console.print(Text(text, style=colour))
