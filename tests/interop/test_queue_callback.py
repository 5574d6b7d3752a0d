"""A caller who asks to be called back, hangs up, and is: at the place that he had, by a line, with an agent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon
from tests.kit.queue_peers import Peers

pytestmark = [pytest.mark.interop, pytest.mark.heavy]

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: transfer_to_agent, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
NUMBER = "+4930555001"
LINE_HOST = "127.0.0.2"


async def run(folder: Path) -> None:
    async with Peers() as peers:
        anna = await peers.agent(0xA1)
        person = await peers.agent(0x51, host=LINE_HOST)
        anna.plan = lambda: ("answer", 0.1, 2.0)
        person.plan = lambda: ("answer", 0.2, 0.0)
        extra = (
            f"lines: {{pbx: {{type: sip_trunk, host: {LINE_HOST}, port: {person.port}}}}}\n"
            "outbound_policy: {guests: ['*'], country: DE}\n"
            f"agents: {{anna: {{phones: ['{anna.uri}']}}}}\n"
            "queues: {default: {waiting: calm, join_when_empty: logged_in}}\n"
            "waiting: {calm: {keys: {callback: '2'}}}\n"
        )
        daemon = Daemon(make_config(folder, {"desk": FLOW}, extra=extra))
        await asyncio.to_thread(daemon.__enter__)
        try:
            peers.sip_port = daemon.sip_port
            await asyncio.to_thread(daemon.post, "/v1/agents/anna/status", {"status": "away"})
            caller = (await peers.caller(0x21, NUMBER)).call("100")
            await asyncio.wait_for(caller.answered.wait(), 30.0)
            await asyncio.sleep(1.0)
            caller.press("2")
            # The number is spoken; the key confirms it, also while it is.
            await asyncio.sleep(3.0)
            caller.press("1")
            await asyncio.wait_for(caller.over.wait(), 20.0)
            found = await asyncio.to_thread(daemon.get, "/v1/callbacks")
            assert len(found["callbacks"]) == 1, found
            assert not person.talks
            await asyncio.to_thread(daemon.post, "/v1/agents/anna/status", {"status": "available"})
            for _ in range(200):
                if person.talks:
                    break
                await asyncio.sleep(0.1)
            (talk,) = anna.talks
            assert talk["heard"] == person.value
            assert person.heard[anna.value] or person.talks[0]["heard"] == anna.value
            await asyncio.sleep(1.0)
            assert not (await asyncio.to_thread(daemon.get, "/v1/callbacks"))["callbacks"]
            first, second = await asyncio.to_thread(daemon.records, 2)
            assert first["hand_offs"][0]["outcome"] == "callback_scheduled"
            assert second["hand_offs"][0]["outcome"] == "forwarded"
            assert second["direction"] == "outbound"
        finally:
            await asyncio.to_thread(daemon.__exit__)
        assert "Traceback" not in daemon.log(), daemon.log()[-4000:]


def test_a_caller_is_called_back_at_his_place(tmp_path: Path) -> None:
    asyncio.run(run(tmp_path / "house"))
