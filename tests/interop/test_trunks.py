"""A daemon with two trunks, and a provider that is another daemon: down at the start, registered with, killed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit import sipp
from tests.kit.daemon import Daemon

pytestmark = [pytest.mark.interop, pytest.mark.heavy]

FLOWS = {
    "out": """
        elements:
          start: {type: start_incoming_call, numbers: ["100"], next: call}
          call: {type: forward_call, to: "0401", timeout: 20s, after: return,
                 branches: {returned: done, no_answer: done, busy: done, call_not_forwarded: done}}
          done: {type: hang_up}
    """
}
PROVIDER = {
    "in": """
        elements:
          start: {type: start_incoming_call, numbers: ["0401"], next: done}
          done: {type: hang_up}
    """
}
SECONDS = 20.0


def wait_for(daemon: Daemon, *words: str) -> None:
    """Until the log holds all of these."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if all(word in daemon.log() for word in words):
            return
        time.sleep(0.05)
    raise AssertionError(f"{words} are not in the log:\n{daemon.log()}")


def test_two_trunks_of_which_one_is_dead_and_one_comes_and_goes(tmp_path: Path) -> None:
    provider = Daemon(make_config(tmp_path / "provider", PROVIDER))
    text = provider.config.read_text()
    port = int(text.split("'udp:127.0.0.1:")[1].split("'")[0])
    lines = (
        f"  dead: {{type: sip_trunk, host: 127.0.0.1, port: {free_port()}, failover: [provider]}}\n"
        f"  provider: {{type: sip_trunk, host: localhost, port: {port}, probe: {{every: 1s, down_after: 1}},\n"
        "    register: {user: '200', password: secret-200, expires: 60s}}\n"
    )
    with Daemon(make_config(tmp_path / "ivr", FLOWS, extra=f"lines:\n{lines}")) as daemon:
        with provider:
            wait_for(daemon, "line provider can be used, registered for 60 s")
            begin = time.monotonic()
            result = sipp.run("server_hangs_up", daemon.sip_port, "100", tmp_path)
            assert result.returncode == 0, f"{sipp.explain(tmp_path, result)}\n{daemon.log()}"
            assert 4.0 < time.monotonic() - begin < 8.0, "the dead hop is left after four seconds"
            (record,) = daemon.records(1)
            assert record["cause"] == "ended_by_flow"
            assert [one["called"] for one in provider.records(1)] == ["0401"]
            provider.kill()
            wait_for(daemon, "line provider cannot be used: the peer does not answer")
        assert "secret-200" not in daemon.log() + json.dumps(daemon.get("/readyz"))
