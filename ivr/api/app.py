"""The HTTP interface: health, calls in progress, flows and their versions, events from outside.

What only reads is open to this machine; everything else needs a token with the scope that stands beside it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from aiohttp import web

from ivr.api.bans import BanRoutes, BanSource
from ivr.api.bodies import MAX_BODY_BYTES
from ivr.api.captures import CaptureRoutes
from ivr.api.events import EventRoutes, EventSink
from ivr.api.flows import FlowRoutes
from ivr.api.guard import Guard
from ivr.api.messages import MessageRoutes
from ivr.api.operations import OperationRoutes
from ivr.api.problems import ProblemError, problems
from ivr.capture import Captures, Party
from ivr.settings import HostPort
from ivr.versions import LiveFlows

SHUTDOWN_SECONDS = 1.0
"""Open requests may take so long at the end: answers come from memory."""


class CallSource(Protocol):
    """What the interface asks of the call manager."""

    def live(self) -> list[dict[str, Any]]:
        """Calls in progress, oldest first."""

    def trace(self, name: str) -> dict[str, Any] | None:
        """One call in progress by id or short id, with the path walked so far."""

    def party(self, name: str) -> Party | None:
        """The caller's leg of a call in progress, by id or short id."""

    def by_version(self) -> Counter[tuple[str, int | None]]:
        """Calls in progress by flow and number of its version."""


class HttpServer:
    """The listening server."""

    def __init__(
        self,
        listen: HostPort,
        guard: Guard,
        calls: CallSource,
        flows: LiveFlows,
        events: EventSink,
        captures: Captures,
        operations: OperationRoutes,
        bans: BanSource,
    ) -> None:
        self._listen = listen
        self._calls = calls
        self._guard = guard
        self._flows = FlowRoutes(flows, calls)
        self._events = EventRoutes(events)
        self._messages = MessageRoutes(captures)
        self._captures = CaptureRoutes(captures, calls)
        self._operations = operations
        self._bans = BanRoutes(bans)
        self._runners: list[web.AppRunner] = []
        self.address = listen

    def application(self) -> web.Application:
        """The routes, with who may use them."""
        app = web.Application(middlewares=[problems], client_max_size=MAX_BODY_BYTES)
        guard, flows = self._guard, self._flows
        app.add_routes(
            [
                *self._operations.routes(guard),
                web.get("/v1/calls", guard("calls:read", self._list, local=True)),
                web.get("/v1/calls/{id}", guard("calls:read", self._show, local=True)),
                web.get("/v1/messages", guard("calls:read", self._messages.show)),
                web.get("/v1/messages.pcap", guard("calls:read", self._messages.file)),
                web.get("/v1/captures", guard("admin", self._captures.all)),
                web.post("/v1/captures", guard("admin", self._captures.post)),
                web.get(r"/v1/captures/{number:\d{1,9}}", guard("admin", self._captures.show)),
                web.get(r"/v1/captures/{number:\d{1,9}}/pcap", guard("admin", self._captures.file)),
                web.post(r"/v1/captures/{number:\d{1,9}}/remove", guard("admin", self._captures.remove)),
                web.post("/v1/events", guard("events", self._events.post)),
                web.get("/v1/bans", guard("admin", self._bans.list)),
                web.post("/v1/bans", guard("admin", self._bans.add)),
                web.post("/v1/bans/remove", guard("admin", self._bans.remove)),
                web.get("/v1/flows", guard("flows", flows.list, local=True)),
                web.post("/v1/flows/reload", guard("flows", flows.reload)),
                web.get("/v1/flows/{flow}", guard("flows", flows.show, local=True)),
                web.get(r"/v1/flows/{flow}/versions/{number:\d{1,9}}", guard("flows", flows.version, local=True)),
                web.post("/v1/flows/{flow}/activate", guard("flows", flows.activate)),
                web.post("/v1/flows/{flow}/rollback", guard("flows", flows.rollback)),
            ]
        )
        return app

    async def start(self) -> None:
        """Listen; OSError where an address cannot be had."""
        self.address = await self._serve(self.application(), self._listen)
        if (listen := self._operations.listen) is not None:
            app = web.Application(middlewares=[problems], client_max_size=MAX_BODY_BYTES)
            app.add_routes(self._operations.routes(self._guard))
            await self._serve(app, listen)

    async def _serve(self, app: web.Application, listen: HostPort) -> HostPort:
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, listen.host, listen.port).start()
        host, port = runner.addresses[0][:2]
        return HostPort(str(host), int(port))

    async def close(self) -> None:
        """Stop listening."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"calls": self._calls.live()})

    async def _show(self, request: web.Request) -> web.Response:
        found = self._calls.trace(request.match_info["id"])
        if found is None:
            raise ProblemError(404, "no such call is in progress")
        return web.json_response(found)
