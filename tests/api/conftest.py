from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import (
    BanRoutes,
    CallRoutes,
    CaptureRoutes,
    EventRoutes,
    FlowRoutes,
    Guard,
    HttpServer,
    Limiter,
    LineRoutes,
    MessageRoutes,
    OperationRoutes,
)
from ivr.api.serving import Serving
from ivr.api.sight import Sight
from ivr.call.events import EventHub
from ivr.capture import Captures, Party
from ivr.feed import Concerns
from ivr.guard import SourceGuard
from ivr.lines import TrunkState
from ivr.settings import CaptureSettings, HostPort, MetricsSettings, SecuritySettings, Settings
from ivr.store import Store, new_token
from ivr.tasks import TaskSet
from ivr.versions import FlowKeeper, LiveFlows

FLOW = """
{head}
elements:
  start: {{type: start_incoming_call, numbers: ["{number}"], next: hello}}
  hello: {{type: play, text: "{text}"}}
"""


STATES = [
    TrunkState("pbx", True, True, None, "", 1000.0, 0.02, ("192.0.2.1",)),
    TrunkState("other", False, False, None, "not registered: 403", 1000.0, None, ()),
]


class Calls:
    """Calls in progress, as a test says."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.parties: dict[str, Party] = {}

    def live(self) -> list[dict[str, Any]]:
        return self.rows

    def trace(self, name: str) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["id"] == name), None)

    def party(self, name: str) -> Party | None:
        return self.parties.get(name)

    def by_version(self) -> Counter[tuple[str, int | None]]:
        return Counter((row["flow"], row["flow_number"]) for row in self.rows)


SIGHT = Sight(Concerns(), lambda queue: ())
"""Of agents without calls."""


class Bans:
    """Who is shut out, on a clock that stands still."""

    def __init__(self) -> None:
        self.guard = SourceGuard(SecuritySettings())

    def bans(self) -> list[dict[str, Any]]:
        return [
            {"source": ban.source, "reason": ban.reason, "seconds_left": ban.left(0.0), "times": 1, "proven": True}
            for ban in self.guard.bans(0.0)
        ]

    def ban(self, source: str, seconds: float) -> bool:
        return self.guard.ban(source, seconds, 0.0) is not None

    def unban(self, source: str) -> bool:
        return self.guard.unban(source)


@pytest.fixture(autouse=True)
def answers_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer of every test has to be as its endpoint says."""
    monkeypatch.setattr(Serving, "checks", True)


class Health:
    """How the daemon fares, as a test says."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def sick(self) -> list[str]:
        return self.faults

    unready = sick


async def figures() -> bytes:
    return b"ivr_ready 1.0\n"


class Api:
    """The interface under test, with tokens by scope."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        client: TestClient[Any, Any],
        calls: Calls,
        captures: Captures,
        health: Health,
        bans: Bans,
    ) -> None:
        self.store = store
        self.settings = settings
        self.client = client
        self.calls = calls
        self.captures = captures
        self.health = health
        self.bans = bans

    def token(self, *scopes: str, expires_at: float | None = None) -> dict[str, str]:
        """Headers with a token that is good for something."""
        token, text = new_token("test", scopes, 1.0, expires_at)
        self.store.tokens.add(token)
        return {"Authorization": f"Bearer {text}"}

    def write(self, name: str, text: str = "Hello.", number: str = "100", head: str = "") -> Path:
        path = self.settings.flows / f"{name}.yaml"
        path.write_text(FLOW.format(text=text, number=number, head=head))
        return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()


@pytest.fixture
async def api(store: Store, tmp_path: Path) -> AsyncIterator[Api]:
    (tmp_path / "flows").mkdir()
    settings = Settings(flows=tmp_path / "flows")
    keeper = FlowKeeper(settings, store.versions, author="test")
    calls, tasks, captures = Calls(), TaskSet(), Captures(CaptureSettings())

    flows = LiveFlows(keeper, keeper.load(), (), lambda flows: None)
    hub = EventHub(store, tasks.spawn, lambda: 1000.0)
    health, bans = Health(), Bans()
    operations = OperationRoutes(health, figures, "text/plain", MetricsSettings())
    parts = (
        CallRoutes(calls, SIGHT),
        MessageRoutes(captures),
        CaptureRoutes(captures, calls),
        LineRoutes(lambda: STATES),
        EventRoutes(hub),
        BanRoutes(bans),
        FlowRoutes(flows, calls),
    )
    guard = Guard(store)
    server = HttpServer(HostPort("127.0.0.1", 0), guard, operations, parts, limiter=Limiter(1e6, 10**6, guard))
    async with TestClient(TestServer(server.application())) as client:
        yield Api(store, settings, client, calls, captures, health, bans)
    await tasks.close()
