"""Control of live calls over HTTP: moved elsewhere, hung up, taken and told what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, model_validator

from ivr.api.endpoints import Answer, Ask, Endpoint, Model
from ivr.api.faults import refusal
from ivr.call.flowcall import FlowCall
from ivr.call.moving import Goal, MoveError, Target, goal_of, taken_flow
from ivr.flow import Flow, FlowSet, ports
from ivr.settings import Settings
from ivr.store import CallToken

__all__ = ["Applications", "CallControl", "ControlRoutes"]

SCOPE = "calls:control"
LONGEST_WAIT = 120.0
"""Seconds that a request waits for what it asked for; then it is answered as one that does not wait."""
MAX_IDLE = 3600.0
TARGETS: tuple[Target, ...] = ("to", "queue", "flow", "ai_agent", "application")

Seconds = Annotated[float, Field(gt=0, le=4 * 3600)]
Some = Annotated[float, Field(ge=0, le=4 * 3600)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Short = Annotated[str, Field(min_length=1, max_length=256)]
Keys = Annotated[str, Field(pattern=r"^[0-9*#A-D]*$", max_length=16)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Variables = Annotated[dict[Variable, Any], Field(max_length=50)]


class CallControl(Protocol):
    """The calls in progress."""

    flows: FlowSet

    def find(self, name: str) -> FlowCall:
        """A call by id or short id."""

    def move(self, name: str, flow: Flow, entry: str, by: str, variables: Mapping[str, Any] | None = None) -> FlowCall:
        """Take a call to another flow."""

    def instruct(
        self,
        name: str,
        verb: str,
        fields: Mapping[str, Any],
        then: Callable[[ports.InstructionDone], None] = lambda done: None,
    ) -> int:
        """Ask something of a call; `then` hears what came of it."""


class Applications(Protocol):
    """Who offers calls to voice applications."""

    def accept(self, call: str) -> bool:
        """The application takes the call; False: it is not offered to it, or no more."""

    def reject(self, call: str, reason: str) -> bool:
        """It does not."""

    def release(self, call: str, variables: Mapping[str, Any]) -> bool:
        """It gives the call back to the flow."""


class Moved(Model):
    """Where a call is now."""

    id: str
    """Of the call."""
    flow: str
    """Flow that it goes on in; `(moved)` and `(taken)` are made for it."""
    element: str | None
    """Element that runs; null: the flow is over already."""


class Done(Model):
    """An instruction that is carried out, or waits for its turn."""

    id: str
    """Of the call."""
    instruction: int
    """Its number, as events have it."""
    result: dict[str, Any] | None = None
    """What came of it; null: it is not done yet."""


class Transfer(Model):
    """Where a live call is to go: exactly one of `to`, `queue`, `flow`, `ai_agent`, `application`."""

    to: Short | None = None
    """A number, `phone:200`, `agent:anna`, `tel:…`, `sip:…`: called, and bridged with the caller."""
    queue: Name | None = None
    """Queue of agents."""
    flow: Name | None = None
    """Flow that has a start_from_flow."""
    ai_agent: Name | None = None
    """AI agent of the configuration."""
    application: Name | None = None
    """Voice application of the configuration."""
    otherwise: Name | None = None
    """Flow that gets the call where nobody takes it, with a start_from_flow; by default it is hung up then."""
    variables: Variables = Field(default_factory=dict)
    """With `flow`: values of variables there."""
    timeout: Annotated[float, Field(gt=0, le=600)] | None = None
    """With `to`: seconds of ringing."""
    from_: Annotated[str | None, Field(alias="from", pattern=r"^[0-9A-Za-z+*#._-]{1,64}$")] = None
    """With `to`: caller id shown."""
    line: Name | None = None
    """With `to`: line that a number goes out through."""
    priority: Annotated[int, Field(ge=1, le=10)] | None = None
    """With `queue`: higher first."""
    parameters: Variables = Field(default_factory=dict)
    """With `ai_agent`: custom parameters."""
    custom_data: Variables = Field(default_factory=dict)
    """With `application`: key-values for it."""

    @model_validator(mode="after")
    def _one_target(self) -> Transfer:
        given = [name for name in TARGETS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("name exactly one of to, queue, flow, ai_agent, application")
        for field, target in _ONLY_WITH.items():
            if field in self.model_fields_set and target != given[0]:
                raise ValueError(f"{field.rstrip('_')} goes with {target} alone")
        return self

    @property
    def target(self) -> Target:
        """Which one it is."""
        return next(name for name in TARGETS if getattr(self, name) is not None)

    def fields(self) -> dict[str, Any]:
        """Further fields of the element that sees to it."""
        found = {name: getattr(self, name) for name in ("timeout", "line", "priority", "parameters", "custom_data")}
        return {name: value for name, value in {**found, "from": self.from_}.items() if value not in (None, {})}


_ONLY_WITH: Mapping[str, Target] = {
    "variables": "flow",
    "timeout": "to",
    "from_": "to",
    "line": "to",
    "priority": "queue",
    "parameters": "ai_agent",
    "custom_data": "application",
}


class Take(Model):
    """How a call is held that is taken from its flow."""

    idle: Annotated[float, Field(gt=0, le=MAX_IDLE)] = 300.0
    """Seconds in which something must be asked for; then the call goes to `back`."""
    filler: Literal["music", "none"] = "none"
    """What the caller hears while nothing is asked for."""
    back: Name | None = None
    """Flow that gets the call then, with a start_from_flow; by default it is hung up."""


class Release(Model):
    """Where a call goes that is given back."""

    flow: Name | None = None
    """Flow with a start_from_flow. A voice application leaves it out: the flow goes on that offered the call."""
    variables: Variables = Field(default_factory=dict)
    """Values of variables there; of a voice application `result.variables`."""


class Reject(Model):
    """Why a voice application does not take a call."""

    reason: Annotated[str, Field(max_length=200)] = ""
    """For the trace."""


class _Waiting(Model):
    wait: bool = False
    """Answer when it is done, with the result; otherwise at once."""


class Voice(Model):
    """Which voice speaks."""

    gender: Literal["female", "male"] | None = None
    name: Short | None = None
    engine: Short | None = None


class Prompt(Model):
    """Something that is heard: a text, or a file of the prompts folder, or a URL."""

    text: Text | None = None
    file: Short | None = None
    url: Annotated[str, Field(max_length=2000)] | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    """Of the text."""
    voice: Voice | None = None
    rate: Annotated[float, Field(ge=0.5, le=2.5)] | None = None


class Play(_Waiting):
    """A sound: `file` or `url`."""

    file: Short | None = None
    """In the prompts folder."""
    url: Annotated[str, Field(max_length=2000)] | None = None
    """Fetched over HTTP."""
    loop: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Times."""
    pause: Annotated[float, Field(ge=0, le=5)] | None = None
    """Seconds of silence first."""
    interruptible: bool | None = None
    """A key stops it, and counts for the collect that follows."""

    @model_validator(mode="after")
    def _one(self) -> Play:
        if (self.file is None) == (self.url is None):
            raise ValueError("exactly one of file, url")
        return self


class Say(_Waiting):
    """A text that is spoken."""

    text: Text
    language: Annotated[str, Field(max_length=35)] | None = None
    """Of the text; default: as the configuration says."""
    voice: Voice | None = None
    rate: Annotated[float, Field(ge=0.5, le=2.5)] | None = None
    """Factor of the speed."""
    loop: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Times."""
    pause: Annotated[float, Field(ge=0, le=5)] | None = None
    """Seconds of silence first."""
    interruptible: bool | None = None
    """A key stops it, and counts for the collect that follows."""


class Collect(_Waiting):
    """Keys of the caller, as the element collect takes them."""

    prompt: Prompt | Text | None = None
    """Heard first; a key stops it and counts."""
    min_digits: Annotated[int, Field(ge=1, le=64)] | None = None
    max_digits: Annotated[int, Field(ge=1, le=64)] | None = None
    terminator: Annotated[str, Field(pattern=r"^([0-9*#A-D]|none)$")] | None = None
    wait_first: Some | None = None
    """Seconds to the first key."""
    wait_between: Some | None = None
    """Seconds between keys."""
    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    retry_prompt: Prompt | Text | None = None
    """After silence, and after a wrong input where `invalid_prompt` is not there."""
    invalid_prompt: Prompt | Text | None = None
    pattern: Annotated[str, Field(max_length=200)] | None = None
    """Regular expression that the whole input must match."""
    reporting: Literal["show", "masked", "hide"] | None = None
    """How the input stands in records, traces, logs, and in the result."""
    type_ahead: bool | None = None
    """Keep keys pressed before."""


class Record(_Waiting):
    """`call`: both sides from now on, in any state; `message`: what the caller says, as record_voicemail does."""

    what: Literal["call", "message"] = "call"
    action: Literal["start", "stop"] = "start"
    """Of the recording of the whole call."""
    name: Short | None = None
    """Wish for the file's name."""
    max_duration: Seconds | None = None
    max_silence: Some | None = None
    """Seconds of silence that end the message; 0: none does."""
    escape_digits: Keys | None = None
    """Keys of which each ends the message."""
    beep: bool | None = None
    min_duration: Some | None = None
    """A shorter message is deleted."""

    @model_validator(mode="after")
    def _of_one_kind(self) -> Record:
        of_messages = self.model_fields_set & {"max_duration", "max_silence", "escape_digits", "beep", "min_duration"}
        if self.what == "call" and of_messages:
            raise ValueError(f"{min(of_messages)} goes with what: message alone")
        if self.what == "message" and self.action == "stop":
            raise ValueError("a message is ended by /stop")
        return self


class Stop(Model):
    """What is stopped: what runs, and with `all` what waits for its turn."""

    all: bool = True


class Digits(Model):
    """Keys that are sent to the caller's side."""

    digits: Annotated[str, Field(pattern=r"^[0-9*#A-Dw]{1,64}$")]
    """`w` is half a second of silence."""


class ControlRoutes:
    """Handlers. Where a call is not up, or not controlled from outside, the answer is 409 with the reason."""

    def __init__(self, calls: CallControl, settings: Settings, applications: Applications) -> None:
        self._calls = calls
        self._settings = settings
        self._applications = applications

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        gone = {404: "no such call is in progress", 409: "the call is not in a state for it: `detail` says why"}

        def post(name: str, handler: Any, body: Any, answers: Any, *, optional: bool = False) -> Endpoint:
            path = f"/v1/calls/{{id}}/{name}"
            return Endpoint("POST", path, SCOPE, handler, body=body, answers=answers, problems=gone, optional=optional)

        done = {200: Done, 202: Done}
        return [
            post("transfer", self.transfer, Transfer, {200: Moved}),
            post("hangup", self.hang_up, None, {200: Done}),
            post("take", self.take, Take, {200: Moved}, optional=True),
            post("release", self.release, Release, {200: Moved}, optional=True),
            post("accept", self.accept, None, {200: Moved}),
            post("reject", self.reject, Reject, {204: None}, optional=True),
            post("answer", self.answer, None, {200: Done}),
            post("play", self.play, Play, done),
            post("say", self.say, Say, done),
            post("collect", self.collect, Collect, done),
            post("record", self.record, Record, done, optional=True),
            post("stop", self.stop, Stop, {200: Done}, optional=True),
            post("digits", self.digits, Digits, {200: Done}),
        ]

    # Where a call is

    async def transfer(self, ask: Ask[Transfer, None]) -> Moved:
        """Move a live call.

        The element that has it is left at once: prompts stop, recordings are completed, a queue, a forwarded call, an
        AI agent or an application is left. What cannot be reached because there is none of that name is refused before
        the call is touched."""
        wanted, body = ask.body.target, ask.body
        goal = goal_of(
            wanted,
            getattr(body, wanted),
            self._calls.flows,
            self._settings,
            fields=body.fields(),
            otherwise=body.otherwise,
            variables=body.variables,
        )
        return self._moved(ask, goal)

    async def take(self, ask: Ask[Take, None]) -> Moved:
        """Take a call from its flow, to control it with play, say, collect, record, stop, answer."""
        back = ask.body.back
        if back is not None:
            goal_of("flow", back, self._calls.flows, self._settings)
        return self._moved(ask, taken_flow(ask.by, ask.body.idle, ask.body.filler, back))

    async def release(self, ask: Ask[Release, None]) -> Moved:
        """Give a call back: to a flow, or (a voice application) to the flow that offered it."""
        if ask.body.flow is None:
            call = self._calls.find(ask.path["id"])
            if self._applications.release(call.report.id, ask.body.variables):
                return _place(call)
            raise refusal("flow", "name the flow that gets the call: no voice application has it")
        if isinstance(ask.token, CallToken):
            raise refusal("flow", "the flow that offered the call gets it back: leave this out")
        return self._moved(
            ask,
            goal_of("flow", ask.body.flow, self._calls.flows, self._settings, variables=ask.body.variables),
        )

    def _moved(self, ask: Ask[Any, None], goal: Goal) -> Moved:
        return _place(self._calls.move(ask.path["id"], goal.flow, goal.entry, ask.by, goal.variables))

    async def accept(self, ask: Ask[None, None]) -> Moved:
        """Take a call that is offered to a voice application, with the token of the offer."""
        call = self._calls.find(ask.path["id"])
        if not self._applications.accept(call.report.id):
            raise MoveError("this call is not offered to an application, or no more")
        return _place(call)

    async def reject(self, ask: Ask[Reject, None]) -> None:
        """Do not take a call that is offered to a voice application, with the token of the offer."""
        call = self._calls.find(ask.path["id"])
        if not self._applications.reject(call.report.id, ask.body.reason):
            raise MoveError("this call is not offered to an application, or no more")

    # What it does

    async def hang_up(self, ask: Ask[None, None]) -> Answer:
        """Hang up, in any state; its record says `ended_by_api`."""
        return await self._done(ask, "hang_up", {}, wait=True)

    async def answer(self, ask: Ask[None, None]) -> Answer:
        """Answer a call that rings or hears early media."""
        return await self._done(ask, "answer", {}, wait=True)

    async def play(self, ask: Ask[Play, None]) -> Answer:
        """Play a sound."""
        return await self._asked(ask, "play")

    async def say(self, ask: Ask[Say, None]) -> Answer:
        """Say a text."""
        return await self._asked(ask, "say")

    async def collect(self, ask: Ask[Collect, None]) -> Answer:
        """Take in keys: `result` has `digits`, `status` (`collected`, `no_input`, `no_match`) and counts."""
        fields = _fields(ask.body)
        if "wait_first" in fields:
            fields["wait"] = fields.pop("wait_first")
        return await self._done(ask, "collect", fields, wait=ask.body.wait)

    async def record(self, ask: Ask[Record, None]) -> Answer:
        """Record the whole call, or a message of the caller."""
        fields = _fields(ask.body)
        what, action = fields.pop("what", "call"), fields.pop("action", "start")
        verb = "record" if what == "message" else f"{action}_recording"
        return await self._done(ask, verb, fields, wait=ask.body.wait or verb != "record")

    async def stop(self, ask: Ask[Stop, None]) -> Answer:
        """Stop what was asked for; a message that is being recorded is kept."""
        return await self._done(ask, "stop", {"all": ask.body.all}, wait=True)

    async def digits(self, ask: Ask[Digits, None]) -> Answer:
        """Send keys to the caller's side, in any state."""
        return await self._done(ask, "send_digits", {"digits": ask.body.digits}, wait=True)

    async def _asked(self, ask: Ask[Any, None], verb: str) -> Answer:
        return await self._done(ask, verb, _fields(ask.body), wait=ask.body.wait)

    async def _done(self, ask: Ask[Any, None], verb: str, fields: Mapping[str, Any], *, wait: bool) -> Answer:
        call = self._calls.find(ask.path["id"])
        name = call.report.id
        answer: asyncio.Future[ports.InstructionDone] = asyncio.get_running_loop().create_future()

        def done(command: ports.InstructionDone) -> None:
            if not answer.done():
                answer.set_result(command)

        number = self._calls.instruct(name, verb, fields, done)
        if wait and not answer.done():
            await asyncio.wait([answer], timeout=LONGEST_WAIT)
        if not answer.done():
            return Answer(Done(id=name, instruction=number), 202)
        told = answer.result()
        if told.error is not None:
            raise MoveError(told.error)
        return Answer(Done(id=name, instruction=number, result=dict(told.result)), 200)


def _place(call: FlowCall) -> Moved:
    return Moved(id=call.report.id, flow=call.machine.flow, element=call.machine.element)


def _fields(body: Model) -> dict[str, Any]:
    return body.model_dump(exclude_none=True, exclude_unset=True, exclude={"wait"})
