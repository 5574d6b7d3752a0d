"""The example client does what it says: against the interface itself, with calls that a test plays."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from ivr.api import (
    CallRoutes,
    Guard,
    HttpServer,
    OperationRoutes,
    PlacingRoutes,
    RecordingRoutes,
    Sight,
    StreamRoutes,
)
from ivr.call.contacts import Wanted
from ivr.errors import OverloadedError
from ivr.feed import Feed
from ivr.settings import HostPort, MetricsSettings, parse_settings
from ivr.store import RecordingRecord, Store, new_token
from tests.api.conftest import Calls, Health, figures

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = parse_settings("lines: {pbx: {type: sip_trunk, host: 192.0.2.1}}\n", None, {})
SOUND = bytes(range(256)) * 500


class Exchange:
    """A daemon without telephones: who is called answers, and hangs up when the test says so."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder, self.feed = store, folder, Feed(lambda: 1.0)
        self.calls, self.keys, self.wanted = Calls(), [], []  # type: ignore[var-annotated]
        self.placed = asyncio.Event()
        guard, sight = Guard(store), Sight(self.feed.concerns, lambda queue: ())
        self.streams = StreamRoutes(self.feed, guard, sight, 0.2)
        parts = (
            PlacingRoutes(self, lambda: SETTINGS),
            CallRoutes(self.calls, sight),
            RecordingRoutes(store.reader, folder, store.writer.recording_deleted, self.feed),
            self.streams,
        )
        operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
        self.server = TestServer(HttpServer(HostPort("127.0.0.1", 0), guard, operations, parts).application())

    async def place(self, wanted: Wanted, key: str | None = None) -> tuple[str, str]:
        """A call is asked for; the first time there is no room."""
        self.keys.append(key)
        if len(self.keys) == 1:
            raise OverloadedError("limits.calls is reached")
        self.wanted.append(wanted)
        self.calls.rows = [self.row(None)]
        self.feed.tell("call.started", {}, "call-1")
        self.placed.set()
        return "call-1", "new"

    def row(self, ended: float | None) -> dict[str, Any]:
        return {"id": "call-1", "short_id": 1, "flow": None, "flow_number": None, "ended_at": ended,
                "cause": "user_hung_up" if ended else None}  # fmt: skip

    def end(self) -> None:
        """The one who was called hangs up, and the file is complete."""
        path = self.folder / "call.wav"
        path.write_bytes(SOUND)
        fields = {"call_id": "call-1", "kind": "call", "started_at": 1.0, "seconds": 3.0}
        self.store.writer.recording(RecordingRecord(id="rec-1", name="call.wav", path=str(path), **fields))
        assert self.store.writer.flush(20)
        self.calls.rows = [self.row(9.0)]
        self.feed.tell("call.ended", {"cause": "user_hung_up"}, "call-1")


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    (tmp_path / "recordings").mkdir()
    exchange = Exchange(store, tmp_path / "recordings")
    async with exchange.server:
        yield exchange
        exchange.streams.close()
    store.close()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("client", ROOT / "docs" / "examples" / "client" / "client.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "client", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


@pytest.mark.parametrize("broken", [False, True])
async def test_it_calls_waits_and_fetches(client: ModuleType, exchange: Exchange, tmp_path: Path, broken: bool) -> None:
    token, text = new_token("example", ["calls", "calls:read", "events:read", "recordings:read"], 1.0)
    exchange.store.tokens.add(token)
    ivr = client.Ivr(str(exchange.server.make_url("/")), text)
    (tmp_path / "rec-1.wav").write_bytes(SOUND[:1000])  # an earlier try was broken off
    async with asyncio.timeout(30):
        work = asyncio.create_task(
            asyncio.to_thread(
                client.call_and_fetch, ivr, "+15550100", tmp_path, say="Your parcel is here.", record_call=True
            )
        )
        await exchange.placed.wait()
        if broken:
            (stream,) = exchange.streams._clients
            stream.over = True
            stream.woken.set()
            while stream in exchange.streams._clients:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        exchange.end()
        cause, files = await work
    assert (cause, files) == ("user_hung_up", [tmp_path / "rec-1.wav"])
    assert files[0].read_bytes() == SOUND
    assert len(exchange.keys) == 2 and exchange.keys[0] == exchange.keys[1] and len(exchange.wanted) == 1


async def test_what_is_refused_is_told(client: ModuleType, exchange: Exchange) -> None:
    ivr = client.Ivr(str(exchange.server.make_url("/")), "ivr_no_token")
    with pytest.raises(client.ProblemError, match="401: this token is not good"):
        await asyncio.to_thread(ivr.place, "+15550100", say="x")
