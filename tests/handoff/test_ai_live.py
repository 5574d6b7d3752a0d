"""A daemon, a caller, and the example bots: one call by each protocol, at the same time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conftest import free_port
from tests.kit.bot import Bot
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.needs import lacks

PROTOCOLS = ("media-streams", "audiosocket", "openai-realtime")
FLOW = """
variables: {{chosen: null}}
elements:
  start: {{type: start_incoming_call, numbers: ["{number}"], next: talk}}
  talk: {{type: transfer_to_ai_agent, agent: {agent}, filler: none, record: true, save: [chosen], next: done,
         branches: {{transfer_requested: asked, caller_requested_human: asked, not_started: nobody}}}}
  asked: {{type: hang_up}}
  nobody: {{type: hang_up}}
  done: {{type: hang_up}}
"""
GONE = "199"
"""A number whose agent is not there."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if lacks("espeak-ng"):
        pytest.skip("espeak-ng is not installed")
    folder = tmp_path_factory.mktemp("bots")
    for part in ("flows", "prompts"):
        (folder / part).mkdir()
    agents = ["  gone: {url: 'ws://127.0.0.1:9/ws', connect_timeout: 1s}"]
    (folder / "flows" / "gone.yaml").write_text(FLOW.format(number=GONE, agent="gone"))
    with ExitStack() as exits:
        for number, protocol in enumerate(PROTOCOLS):
            bot = exits.enter_context(Bot("menu", protocol))
            agents.append(f"  {protocol}: {{protocol: {protocol}, url: '{bot.url}'}}")
            (folder / "flows" / f"{protocol}.yaml").write_text(FLOW.format(number=100 + number, agent=protocol))
        (folder / "ivr.yaml").write_text(
            f"sip: {{listen: ['udp:127.0.0.1:{free_port()}']}}\n"
            f"http: {{listen: '127.0.0.1:{free_port(socket.SOCK_STREAM)}', allow: [127.0.0.1]}}\n"
            "media: {ports: '30400-30499', workers: 1}\n"
            "speech: {engine: espeak-ng}\n"
            "ai_agents:\n" + "\n".join(agents) + "\n"
        )
        yield exits.enter_context(Daemon(folder / "ivr.yaml"))


def loud(ulaw: bytes) -> float:
    """Seconds in which something is heard."""
    quiet = set(range(0x70, 0x80)) | set(range(0xF0, 0x100))
    frames = (ulaw[at : at + 160] for at in range(0, len(ulaw) - 159, 160))
    return sum(sum(octet not in quiet for octet in frame) > 40 for frame in frames) / 50


def call(port: int, number: str) -> tuple[float, float, bool]:
    """Hear the greeting, interrupt it by key 2, hear the answer: seconds of either, and whether we are hung up."""
    with RawCaller(port) as caller:
        caller.call(number)
        caller.be_silent(1.5)
        before = loud(caller.heard())
        caller.press("2")
        deadline = time.monotonic() + 6
        while not caller.ended.is_set() and time.monotonic() < deadline:
            caller.be_silent(0.1)
        return before, loud(caller.heard()) - before, caller.ended.is_set()


def test_a_menu_by_each_protocol_and_an_agent_that_is_not_there(house: Daemon) -> None:
    numbers = [*(str(100 + number) for number in range(len(PROTOCOLS))), GONE]
    with ThreadPoolExecutor() as threads:
        found = list(threads.map(lambda number: call(house.sip_port, number), numbers))
    for (greeting, answer, ended), protocol in zip(found, PROTOCOLS, strict=False):
        assert ended, f"{protocol}: the flow hangs up when it has the call again"
        assert greeting > 0.6, f"{protocol}: the greeting is heard"
        # The greeting is five seconds long: it must not be heard to its end.
        assert 0.5 < answer < 4.0, f"{protocol}: {answer:.1f} s after the key"
    assert found[-1][2], "the flow goes on when there is no agent"
    records: dict[str, dict[str, Any]] = {record["called"]: record for record in house.records(4)}
    for number, protocol in zip(numbers, PROTOCOLS, strict=False):
        (entry,) = records[number]["hand_offs"]
        expected = {"media-streams": "transfer_requested", "audiosocket": "completed"}
        assert entry["outcome"] == expected.get(protocol, "caller_requested_human")
        assert entry["target"] == entry["protocol"] == protocol and entry["keys"] == 1 and "odd" not in entry
        assert records[number]["cause"] == "ended_by_flow"
        walked = records[number]["path"][1]
        assert walked["type"] == "transfer_to_ai_agent"
        if protocol == "media-streams":
            assert (walked["target"], walked["variables"]) == ("support", {"chosen": "person"})
            assert entry["clears"] == 1 and entry["marks"] == 1
    (entry,) = records[GONE]["hand_offs"]
    assert (entry["outcome"], entry["text"]) == ("not_started", "ConnectionRefusedError")
    assert [step["element"] for step in records[GONE]["path"]] == ["start", "talk", "nobody"]
    assert len(list((house.folder / "var" / "recordings").glob("*.wav"))) == 3
