"""50 callers for 5 agents in real time: the records, the figures of the centre, and what the peers saw are the same."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon
from tests.kit.queue_peers import AgentPeer, CallerPeer, Peers

pytestmark = [pytest.mark.interop, pytest.mark.heavy, pytest.mark.timeout(400)]

CALLERS, AGENTS = 50, 5
ARRIVALS = 100.0
"""Seconds in which they call."""
LONGEST = 165.0
"""Seconds until all is over."""
FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: transfer_to_agent, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""


def plan(chance: random.Random) -> tuple[str, float, float]:
    """What an agent does with a call: mostly he answers, and talks for some seconds, or until the caller leaves."""
    what = chance.choices(["answer", "decline", "busy", "ignore"], [84, 8, 3, 5])[0]
    return what, chance.uniform(0.1, 2.0), chance.choice([0.0, chance.uniform(2.0, 8.0), chance.uniform(2.0, 8.0)])


async def behave(caller: CallerPeer, chance: random.Random) -> None:
    """Call at some moment; leave when it takes too long, or after a talk that nobody else ends."""
    await asyncio.sleep(chance.uniform(0.0, ARRIVALS))
    caller.call("100")
    waits = [asyncio.ensure_future(caller.heard_agent.wait()), asyncio.ensure_future(caller.over.wait())]
    await asyncio.wait(waits, timeout=chance.uniform(4.0, 45.0), return_when=asyncio.FIRST_COMPLETED)
    if caller.agent is None:
        caller.hang_up()
    else:
        await asyncio.wait(waits[1:], timeout=10.0)
        caller.hang_up()
    for wait in waits:
        wait.cancel()


async def run(folder: Path) -> tuple[list[CallerPeer], list[AgentPeer], list[dict[str, Any]], dict[str, Any]]:
    chance = random.Random(7)
    async with Peers() as peers:
        agents = [await peers.agent(0xA0 + number) for number in range(AGENTS)]
        for agent in agents:
            agent.plan = lambda: plan(chance)
        lines = [f"  a{agent.value:x}: {{phones: ['{agent.uri}'], wrap_up: 1s, missed_calls: 0}}" for agent in agents]
        extra = "\n".join(["agents:", *lines, "queues: {default: {ring_timeout: 5s}}", ""])
        config = make_config(folder, {"desk": FLOW}, extra=extra)
        daemon = Daemon(config)
        await asyncio.to_thread(daemon.__enter__)
        try:
            peers.sip_port = daemon.sip_port
            callers = [await peers.caller(0x10 + number) for number in range(CALLERS)]
            tasks = [asyncio.create_task(behave(caller, chance)) for caller in callers]
            await asyncio.wait_for(asyncio.gather(*tasks), LONGEST)
            await asyncio.sleep(2.0)
            records = await asyncio.to_thread(daemon.records, CALLERS)
            figures = await asyncio.to_thread(daemon.get, "/v1/queues/default")
        finally:
            await asyncio.to_thread(daemon.__exit__)
        assert "Traceback" not in daemon.log(), daemon.log()[-4000:]
        return callers, agents, records, figures


def test_the_books_of_two_minutes_are_exact(tmp_path: Path) -> None:
    callers, agents, records, figures = asyncio.run(run(tmp_path / "house"))
    assert len(records) == CALLERS
    by_caller = {record["caller"]: record for record in records}
    # What callers saw.
    for caller in callers:
        (hand_off,) = by_caller[f"c{caller.port}"]["hand_offs"]
        if caller.agent is None:
            # Who leaves in the moment of the answer may not have heard it.
            assert hand_off["outcome"] == "abandoned" or hand_off["talk_time"] < 0.2, hand_off
        else:
            assert hand_off["outcome"] == "forwarded", hand_off
            assert hand_off["agent"] == f"a{caller.agent:x}"
    # What agents saw.
    booked = Counter(
        (record["short_id"], record["hand_offs"][0]["agent"])
        for record in records
        if record["hand_offs"][0]["outcome"] == "forwarded"
    )
    talked = Counter((talk["short_id"], f"a{agent.value:x}") for agent in agents for talk in agent.talks)
    assert not booked - talked
    values = {by_caller[f"c{caller.port}"]["short_id"]: caller.value for caller in callers}
    for agent in agents:
        assert agent.most_at_once == 1
        for talk in agent.talks:
            if (talk["short_id"], f"a{agent.value:x}") in booked:
                assert talk.get("heard", values[talk["short_id"]]) == values[talk["short_id"]]
            else:
                assert talk["ended"] - talk["answered"] < 0.5, talk
    # What the centre counted.
    queue = figures["now"]["total"]
    abandoned = sum(record["hand_offs"][0]["outcome"] == "abandoned" for record in records)
    assert queue["answered"] == booked.total()
    assert queue["abandoned"] == abandoned
    assert queue["answered"] + queue["abandoned"] == CALLERS
    outcomes = Counter(offer["outcome"] for record in records for offer in record["hand_offs"][0]["offers"])
    assert outcomes["answered"] == booked.total()
    assert outcomes["declined"] == sum(agent.refused.count("decline") for agent in agents)
    assert outcomes["busy"] == sum(agent.refused.count("busy") for agent in agents)
    assert outcomes["no_answer"] + outcomes["caller_left"] >= sum(agent.refused.count("cancelled") for agent in agents)
