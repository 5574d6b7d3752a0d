"""Flows over HTTP: what is in force, their versions, loading, activating, rolling back."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Protocol

from aiohttp import web

from ivr.api.bodies import member, read_object
from ivr.api.guard import Guard
from ivr.api.problems import ProblemError
from ivr.flow import FlowSet
from ivr.store import FlowState, Version
from ivr.units import SHARE_FORMS, parse_share
from ivr.versions import LiveFlows

__all__ = ["FlowRoutes"]


MAX_NUMBER = 2**31
"""What the store has room for."""


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

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [
            web.get("/v1/flows", guard("flows", self.all, local=True)),
            web.post("/v1/flows/reload", guard("flows", self.reload)),
            web.get("/v1/flows/{flow}", guard("flows", self.show, local=True)),
            web.get(r"/v1/flows/{flow}/versions/{number:\d{1,9}}", guard("flows", self.version, local=True)),
            web.post("/v1/flows/{flow}/activate", guard("flows", self.activate)),
            web.post("/v1/flows/{flow}/rollback", guard("flows", self.rollback)),
        ]

    async def all(self, _: web.Request) -> web.Response:
        """Every flow with its versions in force."""
        states = await asyncio.to_thread(self._store.states)
        counts = self._calls.by_version()
        faults = [str(fault) for fault in self._live.faults]
        return web.json_response({"flows": [_state(s, counts) for s in states.values()], "faults": faults})

    async def show(self, request: web.Request) -> web.Response:
        """One flow with all its versions."""
        name = request.match_info["flow"]
        state = (await asyncio.to_thread(self._store.states)).get(name)
        if state is None:
            raise ProblemError(404, "there is no such flow")
        versions = await asyncio.to_thread(self._store.versions, name)
        shown = {**_state(state, self._calls.by_version()), "versions": [_version(version) for version in versions]}
        return web.json_response(shown)

    async def version(self, request: web.Request) -> web.Response:
        """One version with its text."""
        name, number = request.match_info["flow"], int(request.match_info["number"])
        version = await asyncio.to_thread(self._store.version, name, number)
        if version is None:
            raise ProblemError(404, "there is no such version")
        return web.json_response({**_version(version), "text": version.text})

    async def reload(self, _: web.Request) -> web.Response:
        """Take up the folder."""
        return _in_force(await self._live.reload())

    async def activate(self, request: web.Request) -> web.Response:
        """Put a version into force: `{"number": 3}`, or `{"number": 3, "canary": "10%"}` for a share of the calls."""
        body = await read_object(request, ("number", "canary"))
        number = member(body, "number", int)
        if not 0 < number < MAX_NUMBER:
            raise ProblemError(404, "there is no such version")
        share: float | None = None
        if body.get("canary") is not None:
            try:
                share = parse_share(body["canary"])
            except ValueError:
                raise ProblemError(422, f"canary is not a share: {SHARE_FORMS}") from None
        return _in_force(await self._live.activate(request.match_info["flow"], number, share))

    async def rollback(self, request: web.Request) -> web.Response:
        """Undo the last change of a flow."""
        return _in_force(await self._live.rollback(request.match_info["flow"]))


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


def _in_force(flows: FlowSet) -> web.Response:
    shown = []
    for flow in flows.values():
        candidate = flows.candidates.get(flow.name)
        trial = {} if candidate is None else {"candidate": candidate.flow.number, "share": candidate.share}
        shown.append({"flow": flow.name, "active": flow.number, "candidate": None, "share": None, **trial})
    return web.json_response({"flows": shown})
