"""Servers of media streams with every vice: a copy of a call's sound costs neither the call, nor another copy, nor
memory without end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from ivr.handoff import ai_links, forks
from ivr.handoff.protocols import budget
from tests.kit.forks import Scene, forking, until
from tests.kit.vices import (
    LONGEST_TURN,
    Action,
    Turns,
    Vice,
    after,
    broken_frame,
    compressed,
    cut,
    deaf,
    deep,
    giant,
    hang,
    headers,
    many_empty,
    many_marks,
    many_messages,
    many_pings,
    much_sound,
    mute,
    no_utf8,
    redirect,
    refuse,
    rubbish,
    server,
    shut,
    slow,
    wrong_key,
)

BOTH = ("inbound", "outbound")


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """A call one copy of whose sound goes to a good server."""
    monkeypatch.setattr(forks, "LOOK", 0.02)
    async with forking() as found:
        found.start("good", tracks=BOTH)
        await until(lambda: found.events == ["stream-started"])
        yield found
        # Whatever the other one did: this one hears the call as before.
        before = found.ears.events.count("media")

        def hears() -> bool:
            found.speak()
            found.sent()
            return found.ears.events.count("media") > before

        await until(hears)
        assert found.port.stream is not None and found.port.tells_sent


def bad(scene: Scene, url: str) -> None:
    """A copy goes to such a server too."""
    good, scene.base = scene.base, url.removesuffix("/ws")
    scene.start("bad", "/ws", BOTH)
    scene.base = good


def failures(scene: Scene) -> list[str]:
    return [str(data["StreamError"]) for data in scene.told if data["StreamEvent"] == "stream-error"]


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("vice", [hang, slow, refuse, redirect, wrong_key, headers, rubbish, shut])
async def test_a_handshake_that_is_none(
    vice: Vice, secure: bool, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "CONNECT", 0.3)
    async with server(vice) as url, Turns() as turns:
        begun = time.monotonic()
        bad(scene, url.replace("ws:", "wss:") if secure else url)
        await until(lambda: failures(scene))
        assert time.monotonic() - begun < 10.0, "the limit holds, not the minute for which some hang"
        assert scene.events == ["stream-started", "stream-error"] and failures(scene) != [""]
        assert turns.longest < LONGEST_TURN


@pytest.mark.parametrize("action", [broken_frame, compressed, giant, cut, no_utf8])
async def test_frames_that_are_none(action: Action, scene: Scene) -> None:
    async with server(after(action)) as url, Turns() as turns:
        bad(scene, url)
        await until(lambda: "stream-stopped" in scene.events)
        assert scene.events == ["stream-started"] * 2 + ["stream-error", "stream-stopped"]
        assert turns.longest < LONGEST_TURN


@pytest.mark.parametrize("action", [many_messages, many_pings, many_empty, much_sound, deep, many_marks])
async def test_a_flood_is_read_slowly_and_given_up(
    action: Action, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "FLOOD_SECONDS", 0.3)
    monkeypatch.setattr(budget, "BURST_MESSAGES", 500)
    monkeypatch.setattr(budget, "BURST_OCTETS", 256 * 1024)
    async with server(after(action)) as url, Turns() as turns:
        bad(scene, url)
        await until(lambda: scene.events.count("stream-started") == 2)
        fork = scene.forks._calls[scene.call].forks["bad"]
        link = fork._link
        assert link is not None
        await until(lambda: failures(scene))
        assert failures(scene)[0] in ("it floods", "it reads nothing")
        assert link.octets_in < 4 * 1024 * 1024
        assert turns.longest < LONGEST_TURN


async def test_one_that_reads_nothing_has_sound_left_out_and_is_given_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ai_links, "STALL", 0.1)
    async with server(deaf) as url:
        bad(scene, url)
        await until(lambda: scene.events.count("stream-started") == 2)
        link = scene.forks._calls[scene.call].forks["bad"]._link
        assert link is not None
        most = 0
        async with asyncio.timeout(60):
            while not failures(scene):
                for _ in range(200):
                    scene.speak()
                    scene.sent()
                if link._transport is not None:
                    most = max(most, link._transport.get_write_buffer_size())
                await asyncio.sleep(0.001)
        assert failures(scene) == ["it reads nothing"]
        assert most < 2 * ai_links.HIGH_WATER


async def test_one_that_answers_no_ping_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_links, "PING_AFTER", 0.05)
    monkeypatch.setattr(ai_links, "PONG_WITHIN", 0.05)
    async with server(mute) as url:
        bad(scene, url)
        await until(lambda: failures(scene))
        assert failures(scene) == ["it answers no ping"]
        monkeypatch.setattr(ai_links, "PING_AFTER", 60.0)


async def test_a_call_that_ends_leaves_nothing_with_servers_that_hang(scene: Scene) -> None:
    async with server(hang) as url:
        bad(scene, url)
        await asyncio.sleep(0)
        scene.forks.gone(scene.call)
        await until(lambda: not scene.forks._tasks)
        assert len(scene.forks) == 0 and scene.port.stream is None and not scene.port.tells_sent
        assert failures(scene) == []
    scene.start("good", tracks=BOTH)
    await until(lambda: scene.events.count("stream-started") == 2)
