"""Flows over HTTP: what is in force, their versions, loading, activating, rolling back."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, ConfigDict, Field

from ivr.api.endpoints import Ask, Endpoint, Model, Query
from ivr.api.problems import ProblemError
from ivr.flow import FlowSet
from ivr.flow.diff import diff_flows
from ivr.store import FlowState, Version
from ivr.units import SHARE_FORMS, parse_share
from ivr.versions import LiveFlows

__all__ = ["FlowRoutes"]


MAX_TEXT = 500_000
"""Characters of a flow, as the loader has it."""
MAX_BYTES = 2 * 2**20
"""Of a body with such a text."""
MAX_NUMBER = 2**31
"""What the store has room for."""


def _share(value: str) -> str:
    try:
        parse_share(value)
    except ValueError:
        raise ValueError(f"not a share: {SHARE_FORMS}") from None
    return value


class Activation(Model):
    """A version that is to be in force."""

    number: int
    canary: Annotated[str, AfterValidator(_share)] | None = None
    """Share of the calls that try it: `10%`; default: all of them get it."""


class FlowInForce(Model):
    """What is in force of a flow."""

    flow: str
    active: int | None
    """Version that calls get; null: the flow is not in force."""
    candidate: int | None
    """Version that a share of the calls tries."""
    share: float | None
    """That share, from 0 to 1."""


class FlowsInForce(Model):
    """What is in force."""

    flows: list[FlowInForce]


class FlowShown(FlowInForce):
    """A flow."""

    newest: int
    """Its newest version."""
    calls: dict[str, int]
    """Calls in progress, by version."""


class FlowsShown(Model):
    """All flows."""

    flows: list[FlowShown]
    faults: list[str]
    """What is wrong in the folder, which keeps it from being loaded."""


class FlowVersion(Model):
    """A version of a flow."""

    flow: str
    number: int
    """Counts the versions of this flow, from 1."""
    hash: str
    """Names its content."""
    created_at: float
    """When it came in, seconds since the epoch."""
    activated_at: float | None
    """When it last became the active one."""
    author: str | None
    """Who brought it in."""
    source: str | None
    """The file it came from."""
    note: str | None
    """What somebody said about it."""


class FlowVersions(FlowShown):
    """A flow with its versions."""

    versions: list[FlowVersion]


class FlowText(FlowVersion):
    """A version of a flow with its text."""

    text: str


class FlowSource(Model):
    """A flow that is in no folder yet."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    """Under which it would stand beside the flows in force."""
    text: Annotated[str, Field(max_length=MAX_TEXT)]
    """As the file would have it."""


class FlowFinding(Model):
    """One thing to know about a flow."""

    code: str
    """As the linter's page has it: `F001` keeps it from being loaded."""
    severity: str
    """`error`, `warning`, `note`..."""
    line: int | None
    """From 1."""
    element: str | None
    field: str | None
    message: str
    mend: str | None
    """What to do about it."""
    path: list[str]
    """Elements that lead there, from an entry."""


class FlowChecked(Model):
    """What is to be said of a text."""

    holds: bool
    """It could be loaded."""
    findings: list[FlowFinding]


class TwoVersions(Query):
    """Versions of a flow that are compared."""

    old: Annotated[int, Field(ge=1, lt=MAX_NUMBER)]
    new: Annotated[int, Field(ge=1, lt=MAX_NUMBER)]


class FlowDifference(Model):
    """What changed between two versions, as callers meet it."""

    model_config = ConfigDict(extra="allow")

    same: bool
    """A caller would notice nothing."""
    lines: list[str]
    """In sentences."""


class CallCounts(Protocol):
    """Who knows the calls in progress."""

    def by_version(self) -> Counter[tuple[str, int | None]]:
        """Calls in progress by flow and number of its version."""


class FlowRoutes:
    """Handlers."""

    def __init__(self, live: LiveFlows, calls: CallCounts) -> None:
        self._live = live
        self._calls = calls
        self._store = live.keeper.store
        self._checking = asyncio.Lock()
        """One at a time: each takes a processor for up to a second."""

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        one, version = "/v1/flows/{flow}", r"/v1/flows/{flow}/versions/{number:\d{1,9}}"
        none, force = {404: "There is no such flow, or version."}, {200: FlowsInForce}
        bad = {422: "The flows do not hold: nothing has changed."}
        number = {"number": "Of the version."}
        return [
            Endpoint("GET", "/v1/flows", "flows", self.all, answers={200: FlowsShown}, local=True),
            Endpoint("POST", "/v1/flows/reload", "flows", self.reload, answers=force, problems=bad),
            Endpoint(
                "POST", "/v1/flows/check", "flows", self.check, body=FlowSource, answers={200: FlowChecked},
                max_bytes=MAX_BYTES, idempotent="natural",
            ),
            Endpoint(
                "GET", f"{one}/diff", "flows", self.diff, query=TwoVersions, answers={200: FlowDifference},
                problems=none, local=True,
            ),
            Endpoint("GET", one, "flows", self.show, answers={200: FlowVersions}, problems=none, local=True),
            Endpoint(
                "GET", version, "flows", self.version, answers={200: FlowText}, problems=none, local=True,
                parameters=number,
            ),
            Endpoint(
                "POST", f"{one}/activate", "flows", self.activate, body=Activation, answers=force, problems=none
            ),
            Endpoint("POST", f"{one}/rollback", "flows", self.rollback, answers=force, problems=none),
        ]  # fmt: skip

    async def all(self, _: Ask[None, None]) -> dict[str, Any]:
        """List flows with what is in force of them."""
        states = await asyncio.to_thread(self._store.states)
        counts = self._calls.by_version()
        faults = [str(fault) for fault in self._live.faults]
        return {"flows": [_state(s, counts) for s in states.values()], "faults": faults}

    async def show(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show a flow with all its versions."""
        name = ask.path["flow"]
        state = (await asyncio.to_thread(self._store.states)).get(name)
        if state is None:
            raise ProblemError(404, "there is no such flow")
        versions = await asyncio.to_thread(self._store.versions, name)
        return {**_state(state, self._calls.by_version()), "versions": [_version(version) for version in versions]}

    async def version(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show a version of a flow with its text."""
        name, number = ask.path["flow"], int(ask.path["number"])
        version = await asyncio.to_thread(self._store.version, name, number)
        if version is None:
            raise ProblemError(404, "there is no such version")
        return {**_version(version), "text": version.text}

    async def check(self, ask: Ask[FlowSource, None]) -> dict[str, Any]:
        """Check the text of a flow that is in no folder yet, beside the flows in force."""
        others = list(self._live.flows.values())
        async with self._checking:
            found = await asyncio.to_thread(self._live.keeper.check, ask.body.name, ask.body.text, others)
        names = ("code", "severity", "line", "element", "field", "message", "mend", "path")
        shown = [{**{name: getattr(one, name) for name in names}, "path": list(one.path)} for one in found]
        return {"holds": all(finding.code != "F001" for finding in found), "findings": shown}

    async def diff(self, ask: Ask[None, TwoVersions]) -> dict[str, Any]:
        """Tell what changed between two versions of a flow, as callers meet it."""
        name, keeper = ask.path["flow"], self._live.keeper

        def compare() -> dict[str, Any]:
            found = diff_flows(keeper.flow(name, ask.query.old), keeper.flow(name, ask.query.new))
            data: dict[str, Any] = json.loads(json.dumps(found.as_data(), default=str))
            return {"same": not found, "lines": list(found.lines()), **data}

        async with self._checking:
            return await asyncio.to_thread(compare)

    async def reload(self, _: Ask[None, None]) -> dict[str, Any]:
        """Take up the folder of flows."""
        return _in_force(await self._live.reload())

    async def activate(self, ask: Ask[Activation, None]) -> dict[str, Any]:
        """Put a version of a flow into force, for all calls or a share of them."""
        body = ask.body
        if not 0 < body.number < MAX_NUMBER:
            raise ProblemError(404, "there is no such version")
        share = None if body.canary is None else parse_share(body.canary)
        return _in_force(await self._live.activate(ask.path["flow"], body.number, share))

    async def rollback(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Undo the last change of what is in force of a flow."""
        return _in_force(await self._live.rollback(ask.path["flow"]))


def _state(state: FlowState, counts: Counter[tuple[str, int | None]]) -> dict[str, Any]:
    return {
        "flow": state.flow,
        "active": state.active,
        "candidate": state.candidate,
        "share": state.share,
        "newest": state.newest,
        "calls": {str(number): n for (flow, number), n in sorted(counts.items(), key=str) if flow == state.flow},
    }


def _version(version: Version) -> dict[str, Any]:
    return {name: getattr(version, name) for name in Version.__slots__ if name != "text"}


def _in_force(flows: FlowSet) -> dict[str, Any]:
    shown = []
    for flow in flows.values():
        candidate = flows.candidates.get(flow.name)
        trial = {} if candidate is None else {"candidate": candidate.flow.number, "share": candidate.share}
        shown.append({"flow": flow.name, "active": flow.number, "candidate": None, "share": None, **trial})
    return {"flows": shown}
