"""A house for the console's page: its files, its token and its stream are the daemon's own, calls, queues and agents
are what a test says they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from ivr.api import ConsoleRoutes, Guard, StreamRoutes
from ivr.api.problems import ProblemError, problems
from ivr.api.serving import Serving
from ivr.api.sight import Sight
from ivr.drawing import draw
from ivr.feed import Feed
from ivr.flow.graph import dot_source, element_ids
from ivr.store import ROLES, Store, new_token
from tests.kit.flow import make_flow

__all__ = ["ConsoleHouse", "console_house"]

STATUSES = [{"name": name, "group": name} for name in ("available", "busy", "away", "unavailable")]


class ConsoleHouse:
    """Put into `calls`, `agents`, `queues` and the rest what the page is to see, and tell `feed` what happens."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.feed = Feed(time.time)
        self.guard = Guard(store)
        self.stream = StreamRoutes(self.feed, self.guard, Sight(self.feed.concerns, lambda queue: ()))
        self.url = ""
        self.asked: list[str] = []
        """Paths that the page has asked for, in order."""
        self.open = True
        """This machine may read without a token."""
        self.calls: dict[str, dict[str, Any]] = {}
        self.paths: dict[str, list[dict[str, Any]]] = {}
        self.agents: dict[str, dict[str, Any]] = {}
        self.queues: dict[str, dict[str, Any]] = {}
        self.callers: dict[str, list[dict[str, Any]]] = {}
        self.pops: dict[str, dict[str, Any]] = {}
        self.statuses = list(STATUSES)
        self.dispositions: list[dict[str, Any]] = []
        self.recordings: list[dict[str, Any]] = []
        self.sound: Path | None = None
        self.flows: dict[str, str] = {}
        self.done: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        """What the page wanted done: path and body."""

    # What there is

    def token(self, *roles: str, agent: str | None = None, name: str = "me", expires_at: float | None = None) -> str:
        """A token that is good for what roles are good for."""
        assert set(roles) <= set(ROLES)
        token, text = new_token(name, [], time.time(), expires_at, roles=roles, agent=agent)
        self.store.tokens.add(token)
        return text

    def agent(self, name: str, **more: Any) -> dict[str, Any]:
        """An agent, free unless told otherwise."""
        shown = {"name": more.pop("shown", name.capitalize()), "title": more.pop("title", "")}
        now = {
            "status": "available", "group": "available", "phase": "idle", "since_seconds": 75.0, "reachable": True,
            "enabled": True, "queues": ["sales"], "queue": "", "caller": "", "wrap_up_left": None,
            "missed_in_a_row": 0, "today": {"answered": 4, "missed": 1, "occupancy": 0.61, "mean_handle_seconds": 184},
            **more,
        }  # fmt: skip
        settings = {"wrap_up": 60.0}
        found = self.agents[name] = {"id": name, **shown, "settings": settings, "now": {**shown, **now}}
        return found

    def queue(self, name: str, *, shown: str = "", waiting: int = 0, **more: Any) -> None:
        """A queue, with so many who wait."""
        target = {"answer_within": 20, "percent": 80}
        today = {"answered": 31, "abandoned": 2, "offered": 33, "service_level": 0.87}
        longest = 7.0 * waiting
        now = {
            "waiting": waiting, "ringing": 0, "talking": 0, "callbacks": 0, "open": True, "longest_wait": longest,
            "target": target, "agents": {"all": 5, "logged_in": 4, "available": 3, "free": 2}, "today": today, **more,
        }  # fmt: skip
        self.queues[name] = {
            "id": name,
            "name": shown or name.capitalize(),
            "settings": {"service_level": target},
            "now": now,
        }
        self.callers[name] = [
            {
                "caller": f"{name}-{at}", "queue": name, "position": at + 1, "priority": 9 if at == 0 else 5,
                "state": "waiting", "waited": longest - 7.0 * at, "agents": [], "callback": "",
            }
            for at in range(waiting)
        ]  # fmt: skip

    def call(self, id_: str, short_id: int, **more: Any) -> dict[str, Any]:
        """A call in progress."""
        now = time.time()
        found = self.calls[id_] = {
            "id": id_, "short_id": short_id, "direction": "inbound", "line": "pbx", "caller": f"+4930555{short_id:04}",
            "called": "100", "flow": "desk", "flow_version": "x", "flow_number": 1, "element": "menu",
            "element_type": "collect", "element_flow": "desk", "party": None, "started_at": now - 40,
            "answered_at": now - 38, **more,
        }  # fmt: skip
        return found

    def tell(self, type_: str, call: str | None = None, **data: Any) -> None:
        """Something happens."""
        self.feed.tell(type_, data, call)

    # What is asked

    def application(self) -> web.Application:
        """All of it."""
        app = web.Application(middlewares=[problems])
        console, serving = ConsoleRoutes(), Serving(self.guard)
        app.add_routes(console.routes(self.guard))
        app.add_routes([serving.route(each) for each in (*console.endpoints(), *self.stream.endpoints())])
        one = "/v1/agents/{name}"
        self._get(app, "/v1/calls", "calls:read", self._calls)
        self._get(app, "/v1/calls/{id}", "calls:read", self._call)
        self._get(app, "/v1/agents", "agents:read", self._agents)
        self._get(app, one, "agents:read", lambda request: self.agents[request.match_info["name"]])
        self._get(app, f"{one}/call", "agents:read", self._pop, local=False)
        self._get(app, "/v1/queues", "agents:read", lambda _: {"queues": list(self.queues.values())})
        self._get(app, "/v1/queues/{name}/callers", "agents:read", self._callers)
        self._get(app, "/v1/flows/{flow}/versions/{number}/drawing", "calls:read", self._drawing)
        self._get(app, "/v1/recordings", "recordings:read", self._recordings, local=False)
        app.router.add_get("/v1/recordings/{id}/audio", self._audio)
        app.router.add_post("/v1/{rest:.+}", self._post)
        app.router.add_delete("/v1/{rest:.+}", self._post)
        return app

    def _get(self, app: web.Application, path: str, scope: str, answer: Any, *, local: bool = True) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            self.asked.append(request.path)
            await self.guard.allowed(request, scope, local and self.open)
            return web.json_response(answer(request))

        app.router.add_get(path, handler)

    def _calls(self, request: web.Request) -> dict[str, Any]:
        if request.query.get("state") == "ended":
            return {"calls": [{"id": "old", "short_id": int(request.query["before"]) - 1}]}
        return {"calls": list(self.calls.values())}

    def _call(self, request: web.Request) -> dict[str, Any]:
        name = request.match_info["id"]
        found = next((row for row in self.calls.values() if name in (row["id"], str(row["short_id"]))), None)
        if found is None:
            raise ProblemError(404, "there is no such call")
        return {**found, "state": "answered", "path": self.paths.get(found["id"], []), "hand_offs": []}

    def _agents(self, _: web.Request) -> dict[str, Any]:
        return {"agents": list(self.agents.values()), "statuses": self.statuses, "dispositions": self.dispositions}

    def _pop(self, request: web.Request) -> dict[str, Any]:
        found = self.pops.get(request.match_info["name"])
        if found is None:
            raise ProblemError(404, "he has no call")
        return found

    def _callers(self, request: web.Request) -> dict[str, Any]:
        return {"callers": self.callers[request.match_info["name"]]}

    def _drawing(self, request: web.Request) -> dict[str, Any]:
        found = make_flow(self.flows[request.match_info["flow"]])
        return {"svg": draw(dot_source(found), "svg").decode(), "ids": element_ids(found)}

    def _recordings(self, request: web.Request) -> dict[str, Any]:
        rows = self.recordings
        if (call := request.query.get("call")) is not None:
            rows = [row for row in rows if row["call_id"] == call]
        begin = int(request.query.get("before", 0))
        page = rows[begin : begin + int(request.query["limit"])]
        rest = begin + len(page)
        return {"recordings": page, "next": str(rest) if rest < len(rows) else None}

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        await self.guard.allowed(request, "recordings:read")
        self.asked.append(f"{request.path} {request.headers.get('Range', '')}".strip())
        assert self.sound is not None
        return web.FileResponse(self.sound, headers={"Content-Type": "audio/wav"})

    async def _post(self, request: web.Request) -> web.StreamResponse:
        await self.guard.allowed(request, "calls:read")
        self.done.put_nowait((request.path, await request.json() if request.can_read_body else None))
        return web.json_response({})


@asynccontextmanager
async def console_house(store: Store, port: int = 0) -> AsyncIterator[ConsoleHouse]:
    """The house, listening on loopback."""
    house = ConsoleHouse(store)
    runner = web.AppRunner(house.application(), shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        house.url = "http://127.0.0.1:{1}".format(*runner.addresses[0])
        yield house
    finally:
        house.stream.close()
        await runner.cleanup()
