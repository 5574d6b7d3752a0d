"""SIPp callers and baresip agents: answered, busy, missed, abandoned, an agent's phone that was killed; and how long it
takes from an agent's answer until the two hear each other."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit import sipp
from tests.kit.baresip import Phone
from tests.kit.daemon import Daemon
from tests.kit.queue_peers import Peers, agent_uri
from tests.kit.scenario import Scenario, caller
from tests.kit.sound import speechlike, write_wav
from tests.kit.waiting import until

pytestmark = pytest.mark.interop

FLOW = """
elements:
  start: {{type: start_incoming_call, numbers: ["{number}"], next: desk}}
  desk: {{type: transfer_to_agent, queue: {queue}, origin: Support desk, branches: {{call_not_forwarded: bye}}}}
  bye: {{type: hang_up}}
"""
CENTER = """
agents:
  anna: {{phones: ["200"], queues: [desk], wrap_up: 1s, missed_calls: 5}}
  ben: {{phones: ["201"], queues: [desk], wrap_up: 1s}}
  carl: {{phones: ["{carl}"], queues: [quick, both, asked], skills: {{speed: 5}}}}
  dora: {{phones: ["202"], queues: [both], skills: {{speed: 9}}}}
queues:
  desk: {{order: round_robin, ring_timeout: 3s}}
  quick: {{}}
  both: {{order: by_skill, skills: {{speed: 1}}}}
  asked: {{ask_disposition: true}}
dispositions: {{sold: {{name: Sold, code: "1"}}}}
"""
ANSWER_TO_SOUND = 0.1
"""Seconds from an agent's answer until each hears the other."""


@pytest.fixture(scope="module")
def carl_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, carl_port: int) -> Iterator[Daemon]:
    """A daemon with two phones at 100, and an agent of the test's own at 101."""
    flows = {
        queue: FLOW.format(number=number, queue=queue)
        for queue, number in (("desk", 100), ("quick", 101), ("both", 102), ("asked", 103))
    }
    extra = CENTER.format(carl=agent_uri(carl_port))
    config = make_config(tmp_path_factory.mktemp("queue") / "house", flows, extra=extra)
    config.write_text(config.read_text().replace("phones:\n", "phones:\n  '202': {password: secret-202}\n", 1))
    with Daemon(config) as daemon:
        yield daemon


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    path = tmp_path / "spoken.wav"
    write_wav(path, speechlike(10.0, 11))
    return path


class Callers:
    """SIPp beside the test."""

    def __init__(self, pool: ThreadPoolExecutor, house: Daemon, folder: Path) -> None:
        self._pool, self._house, self._folder, self._count = pool, house, folder, 0

    def call(self, scenario: Scenario) -> Future[None]:
        """A caller who does as the scenario says; the result raises where it went otherwise."""
        self._count += 1
        folder = self._folder / f"caller{self._count}"
        folder.mkdir()

        def run() -> None:
            result = sipp.run(scenario.write(folder / "caller.xml"), self._house.sip_port, "100", folder, seconds=15.0)
            assert result.returncode == 0, sipp.explain(folder, result)

        return self._pool.submit(run)


@pytest.fixture
def callers(house: Daemon, tmp_path: Path) -> Iterator[Callers]:
    with ThreadPoolExecutor(4) as pool:
        yield Callers(pool, house, tmp_path)


def patient() -> Scenario:
    """Waits until the agent hangs up."""
    return caller().invite().recv(100, optional=True).recv(200).ack().recv_request("BYE").reply(200)


def impatient(milliseconds: int) -> Scenario:
    """Hangs up after so long."""
    return caller().invite().recv(100, optional=True).recv(200).ack().pause(milliseconds).bye()


def offers(record: dict[str, Any]) -> list[tuple[str, str]]:
    (hand_off,) = record["hand_offs"]
    return [(offer["agent"], offer["outcome"]) for offer in hand_off["offers"]]


def test_agents_answer_miss_are_busy_and_vanish(house: Daemon, callers: Callers, tmp_path: Path, spoken: Path) -> None:
    with Phone(tmp_path / "anna", house.sip_port, "200", "secret-200", spoken) as anna:
        anna.registered()
        time.sleep(0.2)
        # He leaves while the phone rings for him.
        left = callers.call(impatient(500))
        assert anna.wait_event("CALL_INCOMING")["peerdisplayname"] == "#1 Support desk"
        anna.wait_event("CALL_CLOSED")
        left.result(10)
        with Phone(tmp_path / "ben", house.sip_port, "201", "secret-201", spoken) as ben:
            ben.registered()
            time.sleep(0.2)
            # Ben's turn, who declines; then Anna's, who lets it ring; he leaves a moment later.
            missed = callers.call(impatient(4000))
            ben.wait_event("CALL_INCOMING")
            ben.hang_up()
            anna.wait_event("CALL_INCOMING")
            anna.wait_event("CALL_CLOSED")
            missed.result(10)
            # Ben's turn again; Anna answers, and wraps up.
            served = callers.call(patient())
            ben.wait_event("CALL_INCOMING")
            ben.hang_up()
            anna.wait_event("CALL_INCOMING")
            anna.command("accept")
            anna.wait_event("CALL_ESTABLISHED")
            time.sleep(0.3)
            anna.hang_up()
            served.result(10)
            ben.process.send_signal(signal.SIGKILL)
            ben.process.wait()
    first, second, third = house.records(3)
    assert offers(first) == [("anna", "caller_left")]
    assert offers(second) == [("ben", "declined"), ("anna", "no_answer")]
    assert [one["hand_offs"][0]["outcome"] for one in (first, second)] == ["abandoned"] * 2
    assert offers(third) == [("ben", "declined"), ("anna", "answered")]
    assert third["cause"] == "forwarded"
    assert third["hand_offs"][0]["talk_time"] == pytest.approx(0.3, abs=0.3)


def test_a_phone_that_was_killed_costs_the_caller_seconds(
    house: Daemon, carl_port: int, tmp_path: Path, spoken: Path
) -> None:
    before = len(house.records(0))
    with Phone(tmp_path / "dora", house.sip_port, "202", "secret-202", spoken) as dora:
        dora.registered()
        time.sleep(0.2)
        dora.process.send_signal(signal.SIGKILL)
        dora.process.wait()

    async def call() -> None:
        async with Peers(house.sip_port) as peers:
            await peers.agent(0xA1, carl_port)
            caller = (await peers.caller(0x20)).call("102")
            await asyncio.wait_for(caller.over.wait(), 30.0)
            assert caller.agent == 0xA1

    asyncio.run(call())
    record = house.records(before + 1)[-1]
    assert offers(record) == [("dora", "unreachable"), ("carl", "answered")]
    assert record["hand_offs"][0]["waited"] == pytest.approx(2.7, abs=0.5)


@pytest.mark.heavy
def test_a_phone_that_is_killed_in_a_talk_does_not_cost_the_caller(
    house: Daemon, carl_port: int, tmp_path: Path, spoken: Path
) -> None:
    before = len(house.records(0))

    async def call(dora: Phone) -> None:
        async with Peers(house.sip_port) as peers:
            caller = (await peers.caller(0x20)).call("102")
            await asyncio.to_thread(dora.wait_event, "CALL_INCOMING")
            await asyncio.to_thread(dora.command, "accept")
            await asyncio.to_thread(dora.wait_event, "CALL_ESTABLISHED")
            await peers.agent(0xA1, carl_port)
            dora.process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(dora.process.wait)
            await asyncio.wait_for(caller.over.wait(), 20.0)
            assert caller.agent == 0xA1

    with Phone(tmp_path / "dora", house.sip_port, "202", "secret-202", spoken) as dora:
        dora.registered()
        time.sleep(1.3)  # it has answered an OPTIONS
        asyncio.run(call(dora))
    lost, talk = house.records(before + 1)[-1]["hand_offs"]
    assert (lost["agent"], lost["outcome"]) == ("dora", "agent_lost")
    assert lost["talk_time"] < 15.0
    assert (talk["agent"], talk["outcome"]) == ("carl", "forwarded")


def test_two_way_sound_follows_the_answer_at_once(house: Daemon, carl_port: int) -> None:
    async def measure() -> list[float]:
        async with Peers(house.sip_port) as peers:
            carl = await peers.agent(0xA1, carl_port)
            carl.plan = lambda: ("answer", 0.05, 0.3)
            found: list[float] = []
            for value in range(0x20, 0x25):
                caller = (await peers.caller(value)).call("101")
                await asyncio.wait_for(caller.over.wait(), 30.0)
                talk = carl.talks[-1]
                found.append(max(talk["sound"], caller.agent_at - talk["answered"]))
            return found

    found = asyncio.run(measure())
    assert max(found) < ANSWER_TO_SOUND, found


def test_the_agent_gives_the_disposition_by_a_key_when_the_caller_has_hung_up(house: Daemon, carl_port: int) -> None:
    async def give() -> None:
        async with Peers(house.sip_port) as peers:
            carl = await peers.agent(0xA1, carl_port)
            carl.plan = lambda: ("answer", 0.05, 0.0)
            caller = (await peers.caller(0x30)).call("103")
            await asyncio.wait_for(caller.heard_agent.wait(), 30.0)
            caller.hang_up()
            await asyncio.sleep(0.1)  # what the caller has said is over
            carl.frames = 0
            # Nobody else is there any more: what is heard now is the question.
            await until(lambda: carl.frames > 25, 10.0)
            assert not carl.talks, "the agent's phone is not hung up on"
            carl.press("1")
            await until(lambda: carl.talks, 10.0)

    asyncio.run(give())
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        found = [one for record in house.records(1) for one in record["hand_offs"] if one["queue"] == "asked"]
        if found and "disposition" in found[0]:
            break
        time.sleep(0.05)
    assert [(one["agent"], one["disposition"]) for one in found] == [("carl", "sold")]
