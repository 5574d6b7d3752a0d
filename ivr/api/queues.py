"""Queues over HTTP: who waits, how it goes, reports, call backs; queues besides those of ivr.yaml."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from ivr.api.caching import expect
from ivr.api.endpoints import Answer, Ask, Endpoint, Model, Query
from ivr.api.faults import refusal
from ivr.api.figures import AgentFigures, Caller, QueueFigures, QueueNow, Target
from ivr.api.gradual import gradually
from ivr.api.problems import ProblemError
from ivr.center.office import Office
from ivr.center.reports import MAX_ROWS, Step, begin_of, report
from ivr.flow.packet_model import HandOver
from ivr.settings import Queue

__all__ = ["QueueRoutes", "moment_of"]

READ = "agents:read"
MAX_NAME = 64
_SECONDS = re.compile(r"0|[0-9]{9,11}(\.[0-9]{1,6})?", re.ASCII)
MAX_DAYS = 400
"""Of one report."""
STEP_SECONDS: Mapping[Step, float] = {"15m": 900, "30m": 1800, "hour": 3600, "day": 86400, "month": 28 * 86400}

Rows = Sequence[dict[str, Any]]
Kept = Callable[[float, float], tuple[Rows, Rows]]
"""Quarters of an hour and dispositions that the store keeps, from one moment up to before another one. Blocks."""


class QueueShown(Model):
    """A queue."""

    id: str
    name: str
    """Shown to people."""
    source: Literal["config", "store"]
    """`store`: made over HTTP, and changed there; `config`: of ivr.yaml."""
    settings: dict[str, Any]
    """As in ivr.yaml."""
    agents: list[str]
    """Who serves it."""
    now: QueueNow
    """Who waits, what the agents do, and how today goes."""


class Queues(Model):
    """All queues."""

    queues: list[QueueShown]


class Callers(Model):
    """Who is in a queue, in order."""

    callers: list[Caller]


class Callbacks(Model):
    """People who are called back."""

    callbacks: list[Caller]


class Packet(Model):
    """What whoever takes a call is told of it."""

    packet: HandOver


class ReportQuery(Query):
    """Which time, and how fine."""

    from_: Annotated[str | None, Field(alias="from", max_length=40)] = None
    """A date, or a date and time, in the configured time zone where it names none; or seconds since the epoch; default:
    today."""
    to: Annotated[str | None, Field(max_length=40)] = None
    """Up to before then; a date counts to its end; default: now."""
    interval: Step = "hour"
    """Length of a row; `all`: one row."""


class ReportRow(QueueFigures):
    """Figures of a part of the time."""

    start: float
    """Seconds since the epoch."""


class ReportAgent(AgentFigures):
    """Figures of an agent."""

    agent: str
    dispositions: dict[str, int]
    """How his conversations of this queue ended, by name."""


class Report(Model):
    """Figures of a queue and of its agents."""

    queue: str
    from_: Annotated[float, Field(alias="from")]
    """Seconds since the epoch."""
    to: float
    interval: Step
    target: Target
    total: QueueFigures
    rows: list[ReportRow]
    """The same by time. Times in which nothing happened have no row."""
    dispositions: dict[str, int]
    """How conversations ended, as agents said."""
    agents: list[ReportAgent]
    """Of each agent, over all queues: what he took and how he spent his time."""


NO_QUEUE = "There is no such queue."


class QueueRoutes:
    """Handlers."""

    def __init__(self, office: Office, kept: Kept, wall: Callable[[], float] = time.time) -> None:
        self._office = office
        self._kept = kept
        self._wall = wall

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        one = "/v1/queues/{name}"
        told = {404: NO_QUEUE}
        return [
            Endpoint("GET", "/v1/queues", READ, self.all, answers={200: Queues}, local=True, own=True),
            Endpoint("GET", one, READ, self.show, answers={200: QueueShown}, problems=told, local=True, own=True),
            Endpoint(
                "PUT",
                one,
                "agents",
                self.put,
                body=Queue,
                answers={200: QueueShown, 201: QueueShown},
                problems={409: "It is of ivr.yaml."},
                conditional=True,
            ),
            Endpoint(
                "DELETE",
                one,
                "agents",
                self.delete,
                problems={**told, 409: "It is of ivr.yaml, callers are in it, or agents or routes name it."},
                conditional=True,
            ),
            Endpoint(
                "GET", f"{one}/callers", READ, self.callers, answers={200: Callers}, problems=told, local=True,
                own=True,
            ),
            Endpoint(
                "GET", f"{one}/callbacks", READ, self.callbacks, answers={200: Callbacks}, problems=told, local=True,
                own=True,
            ),
            Endpoint(
                "GET", f"{one}/report", READ, self.report, query=ReportQuery, answers={200: Report}, problems=told,
                local=True, own=True,
            ),
            Endpoint("GET", "/v1/callbacks", READ, self.all_callbacks, answers={200: Callbacks}, local=True, own=True),
            Endpoint(
                "DELETE",
                "/v1/callbacks/{id}",
                "agents",
                self.cancel,
                problems={404: "There is no such call back.", 409: "The person is being called."},
            ),
            Endpoint(
                "GET",
                "/v1/calls/{id}/packet",
                "agents:self",
                self.packet,
                answers={200: Packet},
                problems={404: "No queue has this call."},
                own=True,
            ),
        ]  # fmt: skip

    async def all(self, ask: Ask[None, None]) -> dict[str, Any]:
        """List queues with what goes on in them.

        A token of an agent gets those that he serves, here and below.
        """
        names = [name for name in self._office.settings.queues if self._serves(ask, name)]
        return {"queues": await gradually(names, self._row)}

    async def show(self, ask: Ask[None, None]) -> Answer:
        """Show a queue."""
        self._queue(ask)
        return Answer(self._shown(ask.path["name"]), version=self._version(ask) or "")

    def _version(self, ask: Ask[Any, None]) -> str | None:
        return self._office.roster.version("queues", ask.path["name"])

    def _shown(self, name: str) -> dict[str, Any]:
        found = self._row(name)
        if found is None:
            raise ProblemError(404, f"there is no queue {name[:MAX_NAME]}")
        return found

    def _row(self, name: str) -> dict[str, Any] | None:
        office = self._office
        queue, now = office.settings.queues.get(name), office.center.queue(name)
        if queue is None or now is None:
            return None
        return {
            "id": name,
            "name": queue.name or name,
            "source": office.roster.source("queues", name),
            "settings": queue.model_dump(mode="json", by_alias=True),
            "agents": list(office.pool(name)),
            "now": now,
        }

    async def put(self, ask: Ask[Queue, None]) -> Answer:
        """Make or change a queue.

        The body is what stands under a queue's name in ivr.yaml, all of it: what is left out has its default.
        """
        name = ask.path["name"]
        expect(ask.request, self._version(ask))
        new = self._office.put_queue(name, ask.body)
        return Answer(self._shown(name), 201 if new else 200, version=self._version(ask) or "")

    async def delete(self, ask: Ask[None, None]) -> None:
        """Delete a queue that was made over HTTP, and in which nobody is."""
        expect(ask.request, self._version(ask))
        self._office.drop_queue(ask.path["name"])

    async def callers(self, ask: Ask[None, None]) -> dict[str, Any]:
        """List who is in a queue, in order."""
        return {"callers": self._office.callers(self._queue(ask))}

    async def callbacks(self, ask: Ask[None, None]) -> dict[str, Any]:
        """List who is called back by a queue, in order."""
        return {"callbacks": self._office.callbacks(self._queue(ask))}

    async def all_callbacks(self, ask: Ask[None, None]) -> dict[str, Any]:
        """List who is called back."""
        return {"callbacks": [row for row in self._office.callbacks() if self._serves(ask, row["queue"])]}

    async def cancel(self, ask: Ask[None, None]) -> None:
        """Call somebody not back."""
        self._office.cancel_callback(ask.path["id"], ask.by)

    async def packet(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show the hand-over packet of a call that a queue has, by its id or short id.

        For who may do everything with agents, and for the agent for whom the call rings, or who has it.
        """
        name = ask.path["id"]
        if ask.own is not None and ask.own not in self._office.agents_of(name):
            raise ProblemError(403, "this token may see the packets of its own agent's calls alone")
        found = self._office.packet_of(name)
        if found is None:
            raise ProblemError(404, "no queue has this call")
        return {"packet": found}

    async def report(self, ask: Ask[None, ReportQuery]) -> dict[str, Any]:
        """Show figures of a queue and of its agents over a time.

        They are kept in quarters of an hour; what began in one counts in it, and the quarter under way is in it up to
        now.
        """
        office, name, query = self._office, self._queue(ask), ask.query
        queue, zone, now = office.queue(name), office.settings.zone, self._wall()
        start = begin_of(now, "day", zone) if query.from_ is None else moment_of("from", query.from_, zone)
        end = now if query.to is None else moment_of("to", query.to, zone, whole_day=True)
        if not 0 <= end - start <= MAX_DAYS * 86400:
            raise refusal("to", f"after from, and at most {MAX_DAYS} days later")
        if query.interval != "all" and (end - start) / STEP_SECONDS[query.interval] > MAX_ROWS:
            raise refusal("interval", f"this would be more than {MAX_ROWS} rows: longer ones, or less time")
        agents = list(office.pool(name)) if ask.own is None else [ask.own]
        here = office.center.intervals(start)

        def made() -> dict[str, Any]:
            kept, dispositions = self._kept(start, end)
            known = {row["start"] for row in kept}
            rows = [*kept, *(row for row in here if row["start"] not in known)]
            return report(rows, dispositions, [name], agents, start, end, query.interval, zone)

        found = await asyncio.to_thread(made)
        level = queue.service_level
        return {"queue": name, "target": {"answer_within": level.answer_within, "percent": level.percent}, **found}

    def _queue(self, ask: Ask[Any, Any]) -> str:
        """The queue that is asked about, by somebody who may."""
        name = ask.path["name"]
        self._office.queue(name)
        if not self._serves(ask, name):
            raise ProblemError(403, "this token is good for the queues of its own agent alone")
        return name

    def _serves(self, ask: Ask[Any, Any], queue: str) -> bool:
        return ask.own is None or ask.own in self._office.pool(queue)


def moment_of(field: str, text: str, zone: Any, *, whole_day: bool = False) -> float:
    """A date, or a date and time, as seconds since the epoch; a date where `whole_day` is set as its end."""
    try:
        if _SECONDS.fullmatch(text):
            return float(text)
        if len(text) == len("2026-03-02"):
            day = date.fromisoformat(text) + timedelta(days=int(whole_day))
            return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        raise refusal(
            field,
            "not a moment",
            found=text,
            expected="2026-03-02, 2026-03-02T09:00, 2026-03-02T09:00:00+01:00 or seconds since the epoch",
        ) from None
