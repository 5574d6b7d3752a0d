from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import Guard, HttpServer, OperationRoutes
from ivr.api.recordings import RecordingRoutes
from ivr.feed import Feed
from ivr.settings import HostPort, MetricsSettings
from ivr.store import RecordingRecord, Store, new_token
from tests.api.conftest import Health, figures

SOUND = b"RIFF" + bytes(range(256)) * 4


class Archive:
    """Recordings, and the interface to them."""

    def __init__(self, store: Store, client: TestClient[Any, Any], folder: Path, feed: Feed) -> None:
        self.store, self.client, self.folder, self.feed = store, client, folder, feed

    def add(self, number: int, path: Path | None = None, **more: Any) -> str:
        path = path or self.folder / f"r{number}.wav"
        if not path.exists():
            path.write_bytes(SOUND)
        fields = {"call_id": "c1", "kind": "voicemail", "started_at": 1000.0 + number / 3, "seconds": 3.0, **more}
        name = f"id-{number}"
        self.store.writer.recording(RecordingRecord(id=name, name=path.name, path=str(path), **fields))
        assert self.store.writer.flush(20)
        return name

    async def ask(self, path: str = "", method: str = "GET", scope: str = "recordings:read", **headers: str) -> Any:
        token, text = new_token("anna", [scope], 1.0)
        self.store.tokens.add(token)
        return await self.client.request(
            method, f"/v1/recordings{path}", headers={"Authorization": f"Bearer {text}", **headers}
        )


@pytest.fixture
async def archive(store: Store, tmp_path: Path) -> AsyncIterator[Archive]:
    folder = tmp_path / "recordings"
    folder.mkdir()
    feed = Feed(lambda: 1.0)
    parts = [RecordingRoutes(store.reader, folder, store.writer.recording_deleted, feed, lambda: 2000.0)]
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, parts)
    async with TestClient(TestServer(server.application())) as client:
        yield Archive(store, client, folder, feed)


async def test_pages_are_stable_while_new_ones_come(archive: Archive) -> None:
    for number in range(7):
        archive.add(number)
    first = await (await archive.ask("?limit=3")).json()
    assert [one["id"] for one in first["recordings"]] == ["id-6", "id-5", "id-4"]
    assert "path" not in first["recordings"][0]
    archive.add(8)
    second = await (await archive.ask(f"?limit=3&before={first['next']}")).json()
    assert [one["id"] for one in second["recordings"]] == ["id-3", "id-2", "id-1"]
    last = await (await archive.ask(f"?limit=3&before={second['next']}")).json()
    assert [one["id"] for one in last["recordings"]] == ["id-0"] and "next" not in last


async def test_recordings_that_began_together_are_all_listed_once(archive: Archive) -> None:
    for number in range(5):
        archive.add(number, started_at=1_772_000_000.123456)
    found, cursor = [], ""
    while True:
        page = await (await archive.ask(f"?limit=2{cursor}")).json()
        found += [one["id"] for one in page["recordings"]]
        if "next" not in page:
            break
        cursor = f"&before={page['next']}"
    assert found == [f"id-{number}" for number in (4, 3, 2, 1, 0)]


async def test_filters(archive: Archive) -> None:
    archive.add(0, call_id="other")
    archive.add(3, kind="call")
    archive.add(30)
    for query, found in (("call=other", ["id-0"]), ("kind=call", ["id-3"]), ("from=1001&to=1005", ["id-3"])):
        page = await (await archive.ask(f"?{query}")).json()
        assert [one["id"] for one in page["recordings"]] == found
    for query in ("kind=x", "before=x", "limit=0", "limit=5000", "page=1"):
        assert (await archive.ask(f"?{query}")).status == 422


async def test_a_recording_is_heard_whole_and_in_parts(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    name = archive.add(1)
    with caplog.at_level(logging.INFO):
        whole = await archive.ask(f"/{name}/audio")
    assert (whole.content_type, whole.headers["Cache-Control"], await whole.read()) == ("audio/wav", "no-store", SOUND)
    part = await archive.ask(f"/{name}/audio", Range="bytes=4-9")
    assert (part.status, await part.read()) == (206, SOUND[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{len(SOUND)}"
    assert (await archive.ask(f"/{name}/audio", Range="bytes=9999-")).status == 416
    assert "recording id-1 is heard by anna" in caplog.text
    shown = await (await archive.ask(f"/{name}")).json()
    assert (shown["call_id"], shown["seconds"]) == ("c1", 3.0)


async def test_one_is_deleted(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    name = archive.add(1)
    assert (await archive.ask(f"/{name}", "DELETE")).status == 403
    with caplog.at_level(logging.INFO):
        assert (await archive.ask(f"/{name}", "DELETE", "recordings")).status == 204
    assert "DELETE /v1/recordings/id-1: 204 for anna" in caplog.text
    assert not (archive.folder / "r1.wav").exists()
    assert archive.store.writer.flush(20)
    for path in (f"/{name}", f"/{name}/audio"):
        assert (await archive.ask(path)).status == 404
    assert (await (await archive.ask()).json())["recordings"] == []
    event = (archive.feed.since(0) or [])[-1]
    assert (event.type, event.call, dict(event.data)) == ("recording.deleted", "c1", {"id": "id-1"})


async def test_nothing_outside_the_folder_is_heard_or_deleted(archive: Archive, tmp_path: Path) -> None:
    outside = tmp_path / "secret.wav"
    outside.write_bytes(b"secret")
    (archive.folder / "link.wav").symlink_to(outside)
    (archive.folder / "dir.wav").mkdir()
    places = [outside, archive.folder / "link.wav", archive.folder / ".." / "secret.wav", archive.folder / "dir.wav"]
    for number, path in enumerate(places):
        name = archive.add(number, path)
        assert (await archive.ask(f"/{name}/audio")).status == 404
        assert (await archive.ask(f"/{name}", "DELETE", "recordings")).status == 204
    assert outside.read_bytes() == b"secret"
    for path in ("/../../secret.wav/audio", "/..%2f..%2fsecret.wav/audio", "/%2e%2e/audio", "/id-99/audio"):
        assert (await archive.ask(path)).status == 404


async def test_a_file_that_is_gone(archive: Archive) -> None:
    name = archive.add(1)
    assert (await archive.ask(f"/{name}")).status == 200
    (archive.folder / "r1.wav").unlink()
    for path in (f"/{name}", f"/{name}/audio"):
        assert (await archive.ask(path)).status == 404
    assert (await archive.ask(f"/{name}", "DELETE", "recordings")).status == 204


async def test_a_token_is_needed_on_this_machine_too(archive: Archive) -> None:
    assert (await archive.client.get("/v1/recordings")).status == 401
