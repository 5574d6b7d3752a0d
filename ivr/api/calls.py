"""Calls over HTTP: those in progress, those that were asked for and wait, those that are over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import ConfigDict, Field

from ivr.api.endpoints import Ask, Endpoint, Model, Query
from ivr.api.fields import Moment
from ivr.api.problems import ProblemError
from ivr.api.sight import Sight, was_his
from ivr.api.timeline import timeline
from ivr.store import CallRecord, RecordReader

__all__ = ["CallRoutes", "CallSource", "CallState"]

Kept = Callable[[str], Awaitable[dict[str, Any] | None]]

PAGE, MAX_PAGE = 100, 1000
"""Calls of one answer: as asked for by default, and at most."""

CallState = Literal["waiting", "dialling", "ringing", "answered", "ended"]


class CallQuery(Query):
    """Which calls."""

    state: Literal["live", "ended"] = "live"
    """`live`: in progress, oldest first, all of them; `ended`: over, newest first, a page of them."""
    from_: Annotated[Moment | None, Field(alias="from")] = None
    """ended: begun at or after that time (seconds since the epoch, or like `2026-03-01T08:00:00+01:00`)."""
    to: Moment | None = None
    """ended: begun before that time."""
    flow: Annotated[str | None, Field(max_length=128)] = None
    """Begun with this flow."""
    cause: Annotated[str | None, Field(max_length=32)] = None
    """ended: why they ended."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = PAGE
    """ended: how many."""
    before: Annotated[int | None, Field(ge=1, lt=2**63)] = None
    """ended: goes on after a page; its `next`."""


class CallRow(Model):
    """A call, in a line."""

    model_config = ConfigDict(extra="allow")

    id: str
    short_id: int | None = None
    """Grows by one for each call; can be spoken."""
    direction: str | None = None
    """`inbound` or `outbound`."""
    line: str | None = None
    """Line or phone; null: a guest."""
    caller: str | None = None
    """Number that calls."""
    called: str | None = None
    """Number that is called."""
    flow: str | None = None
    """That it began with."""
    flow_version: str | None = None
    """Hash of its text."""
    flow_number: int | None = None
    """Number of that version."""
    element: str | None = None
    """live: where it is."""
    element_type: str | None = None
    """live: what that is, like `collect`."""
    element_flow: str | None = None
    """live: the flow that it stands in, which may be another one than the first."""
    party: str | None = None
    """live: the AI agent, application or number that the element there has called."""
    started_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    cause: str | None = None
    """Why it ended."""


class CallRows(Model):
    """Calls."""

    calls: list[CallRow]
    next: int | None = None
    """Where there may be more: `before` of the next page."""


class Call(CallRow):
    """A call with its way."""

    state: CallState | None = None
    """How far it is; `waiting`: its flow waits for its time, or is about to call."""
    waits_until: float | None = None
    """waiting: when it goes on; null: when something happens."""
    path: list[dict[str, Any]] = Field(default_factory=list)
    """Elements walked, in order: `element`, `type`, `flow`, `entered_at`, `left_at`, `branch`, and more."""
    digits: list[dict[str, Any]] = Field(default_factory=list)
    """Keys pressed, as far as the flow lets them be seen."""
    hand_offs: list[dict[str, Any]] = Field(default_factory=list)
    """Forwarded and transferred: target, outcome, times."""
    quality: dict[str, Any] = Field(default_factory=dict)
    """Packets, lost ones, jitter, MOS."""
    details: dict[str, Any] = Field(default_factory=dict)


class TraceEntry(Model):
    """Something that became of a call."""

    at: float
    """Seconds since the epoch."""
    seconds: float
    """Since the call began."""
    what: Literal["started", "ringing", "answered", "entered", "left", "digits", "hand_off", "ended"]
    """`entered`, `left`: an element."""
    element: str | None
    flow: str | None
    """Of the element."""
    data: dict[str, Any]
    """What else is known: the branch, what was heard, keys as far as the flow lets them be seen, who took the call."""


class Trace(Model):
    """What became of a call, in the order of time."""

    id: str
    short_id: int | None
    state: CallState | None
    entries: list[TraceEntry]


class CallSource(Protocol):
    """What the interface asks of the call manager."""

    def live(self) -> list[dict[str, Any]]:
        """Calls in progress, oldest first."""

    def trace(self, name: str) -> dict[str, Any] | None:
        """One call in progress by id or short id, with the path walked so far."""


async def _nobody(_: str) -> None:
    return None


class CallRoutes:
    """Handlers."""

    def __init__(
        self, calls: CallSource, sight: Sight, kept: Kept = _nobody, records: RecordReader | None = None
    ) -> None:
        """`kept` finds a call that is not up, by its id; `records` has those that are over."""
        self._calls = calls
        self._sight = sight
        self._kept = kept
        self._records = records

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        return [
            Endpoint(
                "GET", "/v1/calls", "calls:read", self.all, query=CallQuery, answers={200: CallRows}, local=True,
                own=True,
            ),
            Endpoint(
                "GET",
                "/v1/calls/{id}",
                "calls:read",
                self.show,
                answers={200: Call},
                problems={404: "There is no such call."},
                local=True,
                own=True,
                parameters={"id": "Id of the call; of one in progress also its short id."},
            ),
            Endpoint(
                "GET",
                "/v1/calls/{id}/trace",
                "calls:read",
                self.trace,
                answers={200: Trace},
                problems={404: "There is no such call."},
                local=True,
                own=True,
                parameters={"id": "Id of the call; of one in progress also its short id."},
            ),
        ]  # fmt: skip

    async def all(self, ask: Ask[None, CallQuery]) -> dict[str, Any]:
        """List calls in progress, or calls that are over.

        A token of an agent gets his calls, and those that wait in his queues without their numbers; of those that are
        over, the ones that he has talked to: a page of them may have fewer rows than it may.
        """
        query = ask.query
        if query.state == "ended":
            return await self._ended(query, ask.own)
        rows: Iterable[Mapping[str, Any]] = self._calls.live()
        if query.flow is not None:
            rows = [row for row in rows if row["flow"] == query.flow]
        if ask.own is not None:
            seen = [self._sight.row(ask.own, row) for row in rows]
            rows = [row for row in seen if row is not None]
        return {"calls": list(rows)}

    async def show(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show a call in progress, one that waits, or one that is over.

        A token of an agent gets his own ones.
        """
        found = await self._found(ask.path["id"])
        if found is None or (ask.own is not None and not self._his(ask.own, found)):
            raise ProblemError(404, "there is no such call")
        return found

    async def trace(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Tell what became of a call, in the order of time.

        A token of an agent gets his own ones.
        """
        found = await self.show(ask)
        names = {name: found.get(name) for name in ("id", "short_id", "state")}
        return {**names, "entries": timeline(found)}

    async def _found(self, name: str) -> dict[str, Any] | None:
        return self._calls.trace(name) or await self._kept(name)

    def _his(self, agent: str, found: Mapping[str, Any]) -> bool:
        return self._sight.has(agent, found["id"]) or was_his(agent, found.get("hand_offs") or ())

    async def _ended(self, query: CallQuery, agent: str | None) -> dict[str, Any]:
        if self._records is None:
            return {"calls": []}
        records = self._records

        def read() -> list[CallRecord]:
            return records.calls(
                limit=query.limit, before=query.before, flow=query.flow, cause=query.cause, since=query.from_,
                until=query.to, over=True, parts=() if agent is None else ("hand_offs",),
            )  # fmt: skip

        found = await asyncio.to_thread(read)
        rest = {"next": found[-1].short_id} if len(found) == query.limit else {}
        shown = [record for record in found if agent is None or was_his(agent, record.hand_offs)]
        return {"calls": [_row(record) for record in shown], **rest}


_ROW = (
    "id", "short_id", "direction", "line", "caller", "called", "flow", "flow_version", "flow_number", "started_at",
    "answered_at", "ended_at", "cause",
)  # fmt: skip


def _row(record: CallRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _ROW}
