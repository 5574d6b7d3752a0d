"""Bad RTP, RTCP, telephone-events, STUN and DTLS at the media ports of live calls, from callers and from strangers."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.interop.conftest import make_config
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.hostile import PROVING, rtp_groups

pytestmark = pytest.mark.interop

FOREIGN = "127.0.0.9"
LISTEN = 0.5
GAP = 0.002
"""Seconds from packet to packet of a group."""

DIGITS = {
    "ev_end_only": "5",
    "ev_marker_lost": "6",
    "ev_dur_0_65535": "3",
    "ev_reordered_end_first": "9",
    "ev_long_20s": "7",
}
FLOOD = "ev_flood_2000_digits"
PRESSED = "8"

FLOWS = {
    "keys": """
        elements:
          start: {type: start_incoming_call, numbers: ["104"], next: sound}
          sound: {type: play, file: played.wav, loop: forever, interruptible: true, next: ask}
          ask: {type: collect, max_digits: 64, wait: 60s, wait_between: 60s, terminator: none, next: ask,
                branches: {no_match: done}}
          done: {type: hang_up}
    """,
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon whose 104 plays until a key comes, then takes keys until the caller hangs up."""
    config = make_config(tmp_path_factory.mktemp("daemon"), FLOWS)
    with Daemon(config) as running:
        yield running


def _typed(record: dict[str, Any]) -> str:
    inputs = record["digits"]
    return "".join(item.get("digits") or "".join(key["key"] for key in item["keys"]) for item in inputs)


def _attack(caller: RawCaller, group: dict[str, Any], sock: socket.socket) -> None:
    for packet in group["packets"]:
        sock.sendto(bytes.fromhex(packet), caller.remote)
        time.sleep(GAP)


def _run(daemon: Daemon, sources: dict[str, socket.socket | None], chosen: list[dict[str, Any]]) -> dict[str, str]:
    """Send each group into a call of its own, all at once; what was typed in each call, by the group's name."""
    before = len(daemon.records(0))
    ids: dict[str, str] = {}
    with ExitStack() as stack:
        callers: dict[str, RawCaller] = {}
        for group in chosen:
            caller = callers[group["name"]] = stack.enter_context(RawCaller(daemon.sip_port))
            caller.call("104")
            ids[caller.call_id] = group["name"]
            caller.be_silent(0.04)
        threads = []
        for group in chosen:
            caller = callers[group["name"]]
            sock = sources[group["name"]] or caller.rtp
            threads.append(threading.Thread(target=_attack, args=(caller, group, sock)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counts = {name: len(caller.packets) for name, caller in callers.items()}
        time.sleep(LISTEN)
        for name, caller in callers.items():
            caller.ssrc ^= 0xFFFF
            if name not in DIGITS and name != FLOOD:
                assert len(caller.packets) - counts[name] > LISTEN * 40, f"{name}: the sound stopped"
        for name, caller in callers.items():
            assert not caller.ended.is_set(), f"{name}: the call was ended"
        threads = [threading.Thread(target=caller.press, args=(PRESSED,)) for caller in callers.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, caller in callers.items():
            assert caller.hang_up() == 200, name
    records = daemon.records(before + len(chosen), 20)[before:]
    assert {record["cause"] for record in records} == {"user_hung_up"}
    return {ids[record["sip_call_id"]]: _typed(record) for record in records}


@pytest.mark.heavy  # the drill bad-rtp does the same
def test_from_the_caller_itself(daemon: Daemon) -> None:
    chosen = rtp_groups()
    typed = _run(daemon, dict.fromkeys(group["name"] for group in chosen), chosen)
    flood = typed.pop(FLOOD, PRESSED)
    assert typed == {name: DIGITS.get(name, "") + PRESSED for name in typed}
    assert flood.endswith(PRESSED)
    assert len(flood) <= 2001
    assert daemon.process.poll() is None
    assert "Traceback" not in daemon.log()


def test_from_a_stranger(daemon: Daemon) -> None:
    chosen = rtp_groups()
    with ExitStack() as stack:
        sources: dict[str, socket.socket | None] = {}
        for group in chosen:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind((FOREIGN, 0))
            sock.setblocking(False)
            sources[group["name"]] = sock
        typed = _run(daemon, sources, chosen)
        back = {}
        for name, sock in sources.items():
            assert sock is not None
            try:
                back[name] = sock.recv(2048)
            except BlockingIOError:
                continue
        assert back == {}
    assert typed == dict.fromkeys(typed, PRESSED)
    assert "Traceback" not in daemon.log()


def test_no_sound_goes_to_who_sprays_the_ports(daemon: Daemon) -> None:
    """RTP bleed: a stranger sends to all ports while calls are up, one of which has not sent anything yet."""
    with RawCaller(daemon.sip_port) as talking, RawCaller(daemon.sip_port) as silent:
        talking.call("104")
        talking.be_silent(0.2)
        silent.call("104")
        base = min(talking.remote[1], silent.remote[1]) - 20
        if PROVING.exists():
            tool = str(PROVING / "drills" / "rtp_attack.py")
            command = [sys.executable, tool, "bleed", "--ports", f"{base}-{base + 60}", "--secs", "2"]
            attack = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
            assert json.loads(attack.stdout)["rtp_bytes_back"] == 0, attack.stdout
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((FOREIGN, 0))
                for seq in range(100):
                    head = (
                        bytes((0x80, 0)) + seq.to_bytes(2, "big") + (seq * 160).to_bytes(4, "big") + b"\x0e\xfa\x07\xde"
                    )
                    for caller in (talking, silent):
                        sock.sendto(head + b"\xff" * 160, caller.remote)
                    time.sleep(GAP)
                sock.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    sock.recv(2048)
        talking.be_silent(0.1)
        for caller in (talking, silent):
            count = len(caller.packets)
            caller.be_silent(0.5)
            assert len(caller.packets) - count > 20, "the sound stopped"
            assert caller.hang_up() == 200
