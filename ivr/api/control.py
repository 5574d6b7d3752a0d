"""Control of live calls over HTTP: moved elsewhere, hung up, taken and told what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ivr.api.control_models import (
    Collect,
    Digits,
    Done,
    Moved,
    Play,
    Record,
    Reject,
    Release,
    Say,
    Stop,
    Take,
    Transfer,
)
from ivr.api.endpoints import Answer, Ask, Endpoint, Model
from ivr.api.faults import refusal
from ivr.call.flowcall import FlowCall
from ivr.call.moving import Goal, MoveError, goal_of, taken_flow
from ivr.flow import Flow, FlowSet, ports
from ivr.settings import Settings
from ivr.store import CallToken

__all__ = ["Applications", "CallControl", "ControlRoutes"]

SCOPE = "calls:control"
LONGEST_WAIT = 120.0
"""Seconds that a request waits for what it asked for; then it is answered as one that does not wait."""


class CallControl(Protocol):
    """The calls in progress."""

    flows: FlowSet

    def find(self, name: str) -> FlowCall:
        """A call by id or short id."""

    def live(self) -> list[dict[str, Any]]:
        """All of them, a line each."""

    def trace(self, name: str) -> dict[str, Any] | None:
        """One of them by id or short id, as its record has it now, with its `state`; None: there is none."""

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


class ControlRoutes:
    """Handlers. Where a call is not up, or not controlled from outside, the answer is 409 with the reason."""

    def __init__(self, calls: CallControl, settings: Callable[[], Settings], applications: Applications) -> None:
        self._calls = calls
        self._settings = settings
        self._applications = applications

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        gone = {404: "no such call is in progress", 409: "the call is not in a state for it: `detail` says why"}

        def post(name: str, handler: Any, body: Any, answers: Any, *, optional: bool = False) -> Endpoint:
            path = f"/v1/calls/{{id}}/{name}"
            # What was collected may be a PIN, and answers that are kept are in the store.
            return Endpoint(
                "POST", path, SCOPE, handler, body=body, answers=answers, problems=gone, optional=optional,
                idempotent="refused" if name == "collect" else "kept",
            )  # fmt: skip

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
            post("digits", self.digits, Digits, done),
        ]

    # Where a call is

    async def transfer(self, ask: Ask[Transfer, None]) -> Moved:
        """Move a live call.

        The element that has it is left at once: prompts stop, recordings are completed, a queue, a forwarded call, an
        AI agent or an application is left. What cannot be reached because there is none of that name is refused before
        the call is touched. Where nobody takes the call (a queue that is closed, an AI agent that is down, a number
        that is busy or may not be called), it comes back: the element that had it begins again, or `otherwise` gets
        it."""
        wanted, body = ask.body.target, ask.body
        goal = goal_of(
            wanted,
            getattr(body, wanted),
            self._calls.flows,
            self._settings(),
            fields=body.fields(),
            otherwise=body.otherwise,
            variables=body.variables,
            chosen=isinstance(ask.token, CallToken),
        )
        return self._moved(ask, goal)

    async def take(self, ask: Ask[Take, None]) -> Moved:
        """Take a call from its flow, to control it with play, say, collect, record, stop, answer."""
        back = ask.body.back
        if back is not None:
            goal_of("flow", back, self._calls.flows, self._settings())
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
            goal_of("flow", ask.body.flow, self._calls.flows, self._settings(), variables=ask.body.variables),
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
        """Send keys to the caller's side: in their turn where the call is controlled from outside, at once in any other
        state."""
        return await self._done(ask, "send_digits", {"digits": ask.body.digits}, wait=ask.body.wait)

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
