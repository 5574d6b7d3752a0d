"""A caller who asks to be called back, and an agent who logs in by a code: the person is called through a trunk, waits
at the place that was kept, and talks to the agent."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import make_config
from tests.kit.baresip import Phone
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.queue_peers import Peers
from tests.kit.sound import speechlike, write_wav
from tests.kit.waiting import wait_until

pytestmark = pytest.mark.interop

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: transfer_to_agent, queue: sales, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
CENTER = """
agents: {anna: {phones: ["200"], queues: [sales], first_status: unavailable}}
queues: {sales: {join_when_empty: always, waiting: {keys: {callback: "7"}}, senders: ["+4930555"]}}
"""
NUMBER = "+4930123456"
CARRIER = "127.0.0.2"
"""The trunk's address: calls from there are the trunk's, those from 127.0.0.1 are of phones."""


@pytest.mark.timeout(90)
def test_a_call_back_when_an_agent_has_logged_in_by_code(tmp_path: Path) -> None:
    asyncio.run(_play(tmp_path))


async def _play(folder: Path) -> None:
    write_wav(folder / "spoken.wav", speechlike(10.0, 11))
    async with Peers() as peers:
        person = await peers.agent(0x31, host=CARRIER)
        person.plan = lambda: ("answer", 0.3, 8.0)
        lines = f"lines: {{carrier: {{type: sip_trunk, host: {CARRIER}, port: {person.port}}}}}\n"
        config = make_config(folder / "house", {"desk": FLOW}, extra=lines + CENTER)
        await asyncio.to_thread(_callers, config, folder, person)


def _callers(config: Path, folder: Path, person: Any) -> None:
    with Daemon(config) as house:
        _ask_to_be_called_back(house)
        (kept,) = house.get("/v1/queues/sales/callbacks")["callbacks"]
        assert (kept["state"], kept["position"], kept["attempts"]) == ("callback", 1, 0)
        assert not person.talks
        with Phone(folder / "anna", house.sip_port, "200", "secret-200", folder / "spoken.wav", answer=True) as anna:
            anna.registered()
            anna.call("*11")
            wait_until(lambda: _agent(house)["status"] == "available", "anna logged in")
            wait_until(lambda: person.talks, f"a call back\n{house.log()[-3000:]}", 40.0)
            wait_until(lambda: _agent(house)["phase"] == "idle", "the end of anna's call")
        queue = house.get("/v1/queues/sales")["now"]["today"]
        assert (queue["callbacks_kept"], queue["callbacks_made"], queue["answered"]) == (1, 1, 1)
        assert not house.get("/v1/callbacks")["callbacks"]
        records = house.records(3)
        (called,) = [row for row in records if row["direction"] == "outbound"]
        assert called["called"] == NUMBER and called["details"]["payload"]["queue"] == "sales"
        assert [(one["target"], one["outcome"], one["agent"]) for one in called["hand_offs"]] == [
            ("queue:sales", "forwarded", "anna")
        ]
        (code,) = [row for row in records if row["flow"] == "(code)"]
        assert code["caller"] == "200" and code["cause"] == "ended_by_flow"
    assert "4930123456" not in house.log()


CALLING = """
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, line: carrier, ring_timeout: 5s, branches: {call_answered: desk}}
  desk: {type: transfer_to_agent, queue: sales, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""


@pytest.mark.timeout(90)
def test_a_campaign_calls_as_agents_are_free(tmp_path: Path) -> None:

    async def play() -> None:
        async with Peers() as peers:
            people, anna = await peers.agent(0x31, host=CARRIER), await peers.agent(0xA1)
            people.plan, anna.plan = lambda: ("answer", 0.2, 0.0), lambda: ("answer", 0.2, 0.5)
            extra = f"lines: {{carrier: {{type: sip_trunk, host: {CARRIER}, port: {people.port}}}}}\n"
            extra += f"agents: {{anna: {{phones: ['{anna.uri}'], queues: [sales]}}}}\nqueues: {{sales: {{}}}}\n"
            config = make_config(tmp_path / "house", {"calling": CALLING}, extra=extra)
            await asyncio.to_thread(campaign, config)
            assert len(people.talks) == len(anna.talks) == 4
            assert people.most_at_once == 1, "one agent is there"
            assert all(talk["heard"] == 0xA1 for talk in people.talks)

    def campaign(config: Path) -> None:
        with Daemon(config) as house:
            contacts = [{"number": f"+493012345{n}"} for n in range(4)]
            made = house.post("/v1/campaigns", {"flow": "calling", "match_agents": "sales", "contacts": contacts})
            path = f"/v1/campaigns/{made['id']}"
            wait_until(lambda: house.get(path)["state"] == "finished", f"its end\n{house.log()[-3000:]}", 60.0)
            today = house.get("/v1/queues/sales")["now"]["today"]
            assert (today["offered"], today["answered"], today["abandoned"]) == (4, 4, 0)

    asyncio.run(play())


def _agent(house: Daemon) -> dict[str, Any]:
    now: dict[str, Any] = house.get("/v1/agents/anna")["now"]
    return now


def _ask_to_be_called_back(house: Daemon) -> None:
    with RawCaller(house.sip_port, NUMBER, CARRIER) as caller:
        caller.call("100")
        wait_until(lambda: house.get("/v1/queues/sales")["now"]["waiting"], "his wait")
        caller.press("7")
        deadline = time.monotonic() + 20.0
        while not house.get("/v1/callbacks")["callbacks"]:
            assert time.monotonic() < deadline, house.log()[-3000:]
            caller.press("1")  # the question is interrupted, and answered
            caller.be_silent(1.0)
        caller.hang_up()
