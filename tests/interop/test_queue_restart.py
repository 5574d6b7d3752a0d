"""A daemon that is killed with callers in its queue, and one that is told to stop: what is known of people survives,
and nobody is stuck."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from ivr.settings import load_settings
from ivr.store import RecordReader
from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon
from tests.kit.queue_peers import AgentPeer, CallerPeer, Peers

pytestmark = [pytest.mark.interop, pytest.mark.heavy]

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: transfer_to_agent, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""


async def configured(peers: Peers, folder: Path) -> tuple[Daemon, dict[str, AgentPeer]]:
    """A daemon with three agents."""
    agents = {name: await peers.agent(value) for name, value in (("anna", 0xA1), ("ben", 0xA2), ("carl", 0xA3))}
    lines = [f"  {name}: {{phones: ['{agent.uri}'], wrap_up: 1s}}" for name, agent in agents.items()]
    queue = "queues: {default: {order: round_robin, sticky: ever}}"
    config = make_config(folder, {"desk": FLOW}, extra="\n".join(["agents:", *lines, queue, ""]))
    return Daemon(config), agents


async def begun(daemon: Daemon, peers: Peers) -> None:
    await asyncio.to_thread(daemon.__enter__)
    peers.sip_port = daemon.sip_port


async def called(peers: Peers, value: int) -> CallerPeer:
    caller = (await peers.caller(value)).call("100")
    await asyncio.wait_for(caller.answered.wait(), 30.0)
    return caller


async def agents_of(daemon: Daemon) -> dict[str, Any]:
    found = await asyncio.to_thread(daemon.get, "/v1/agents")
    return {row["id"]: row["now"] for row in found["agents"]}


def known_at(daemon: Daemon, element: str, count: int) -> None:
    """Wait until the store knows of so many calls in an element."""
    reader = RecordReader.open(load_settings(daemon.config).store)
    deadline = time.monotonic() + 30.0
    while sum(call.path[-1:] != [] and call.path[-1]["element"] == element for call in reader.calls()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    reader.close()


async def killed(folder: Path) -> None:
    async with Peers() as peers:
        daemon, agents = await configured(peers, folder)
        agents["anna"].plan = lambda: ("answer", 0.1, 0.0)
        agents["ben"].plan = lambda: ("ignore", 0.0, 0.0)
        await begun(daemon, peers)
        await asyncio.to_thread(daemon.post, "/v1/agents/carl/status", {"status": "away"})
        talks = await called(peers, 0x21)
        await asyncio.wait_for(talks.heard_agent.wait(), 30.0)
        await called(peers, 0x22)
        await called(peers, 0x23)
        await asyncio.to_thread(known_at, daemon, "desk", 3)
        before = await agents_of(daemon)
        assert {name: row["phase"] for name, row in before.items()} == {
            "anna": "in_call",
            "ben": "ringing",
            "carl": "idle",
        }
        await asyncio.to_thread(daemon.kill)
        daemon.__exit__()
        again = Daemon(daemon.config)
        await begun(again, peers)
        try:
            after = await agents_of(again)
            assert after["carl"]["status"] == "away"
            assert {row["phase"] for row in after.values()} <= {"idle", "wrapping"}
            queue = await asyncio.to_thread(again.get, "/v1/queues/default")
            assert (queue["now"]["waiting"], queue["now"]["talking"]) == (0, 0)
            # Three callers were up: each has a record that says why it ended, and the queue's books have all of them.
            records = await asyncio.to_thread(again.records, 3)
            assert [record["cause"] for record in records] == ["system"] * 3
            assert {record["path"][-1]["element"] for record in records} == {"desk"}
            assert all("cut_off" in record["details"] and record["ended_at"] for record in records)
            total = (await asyncio.to_thread(again.get, "/v1/queues/default/report"))["total"]
            assert {name: total[name] for name in ("offered", "answered", "interrupted", "abandoned")} == {
                "offered": 3, "answered": 1, "interrupted": 2, "abandoned": 0,
            }  # fmt: skip
            # Who has talked to Anna gets her again; for the phones of Anna and Ben the old calls are still up.
            for agent in agents.values():
                agent.plan = lambda: ("answer", 0.1, 0.3)
            talks.agent = None
            talks.over.clear()
            talks.call("100")
            await asyncio.wait_for(talks.over.wait(), 30.0)
            assert talks.agent == 0xA1
        finally:
            await asyncio.to_thread(again.__exit__)


def test_a_daemon_that_was_killed_knows_its_people_and_nobody_is_stuck(tmp_path: Path) -> None:
    asyncio.run(killed(tmp_path / "house"))


async def stopped(folder: Path) -> None:
    async with Peers() as peers:
        daemon, agents = await configured(peers, folder)
        for agent in agents.values():
            agent.plan = lambda: ("ignore", 0.0, 0.0)
        agents["anna"].plan = lambda: ("answer", 0.1, 1.2)
        await begun(daemon, peers)
        first, second = await called(peers, 0x21), await called(peers, 0x22)
        await asyncio.wait_for(first.heard_agent.wait(), 30.0)
        daemon.signal(signal.SIGTERM)
        await asyncio.wait_for(first.over.wait(), 30.0)
        await asyncio.wait_for(second.over.wait(), 30.0)
        await asyncio.to_thread(daemon.process.wait, 10)
        await asyncio.to_thread(daemon.__exit__)
        records = await asyncio.to_thread(daemon.records, 2)
        found = {record["caller"]: record["hand_offs"][0]["outcome"] for record in records}
        assert found == {f"c{first.port}": "forwarded", f"c{second.port}": "closed"}
        assert "Traceback" not in daemon.log()


def test_a_daemon_that_stops_tells_who_waits(tmp_path: Path) -> None:
    asyncio.run(stopped(tmp_path / "house"))
