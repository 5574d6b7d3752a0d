"""What drills of bad packets share: a call for each group of them, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from typing import Any

from tests.drills.crowd import Call, Crowd, percentile
from tests.drills.harness import Bench, Figure, alive, at_most, exactly
from tests.drills.records import typed
from tests.kit.hostile import rtp_groups

__all__ = ["attack"]

FLOW = {
    "keys": """
        elements:
          start: {type: start_incoming_call, numbers: ["104"], next: sound}
          sound: {type: play, file: played.wav, loop: forever, interruptible: true, next: ask}
          ask: {type: collect, max_digits: 64, wait: 60s, wait_between: 60s, terminator: none, next: ask,
                branches: {no_match: ask}}
    """
}
STRANGER = "127.0.0.9"
PRESSED = "8"
BURST, PAUSE = 10, 0.01
"""Packets of a group that are sent at once, and seconds between."""
LISTEN = 0.6


def forged(call: Call) -> list[bytes]:
    """What somebody on the way can make of packets he has seen: the same again, cut, and with a bit turned."""
    rng = random.Random(call.ssrc)
    found = []
    for packet in list(call.sent)[-10:]:
        turned = bytearray(packet)
        turned[rng.randrange(len(turned))] ^= 1 << rng.randrange(8)
        found += [packet, bytes(turned), packet[:-1], packet[:12], packet + b"\x00" * 10]
    return found


async def attack(bench: Bench, *, secure: bool) -> list[Figure]:
    """Every group into a call of its own from a stranger, then from the caller's own address where that is no key."""
    groups = rtp_groups()
    with bench.daemon(FLOW, media="srtp: optional" if secure else "") as daemon:
        async with Crowd(daemon.sip_port) as crowd, contextlib.AsyncExitStack() as stack:
            stranger = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            stranger.bind((STRANGER, 0))
            stranger.setblocking(False)
            calls = [crowd.call(secure=secure) for _ in groups]
            for call in calls:
                assert await call.dial("104") == 200
                call.talk()
            await asyncio.sleep(LISTEN)
            since = time.time()
            await asyncio.gather(*(_send(group, call, stranger) for group, call in zip(groups, calls, strict=True)))
            if secure:
                # Nothing of this is sealed with their keys, so nothing of it may be taken, wherever it comes from.
                own = (_send(group, call, call.rtp) for group, call in zip(groups, calls, strict=True))
                await asyncio.gather(*own)
                for call in calls:
                    await _throw(forged(call), call, call.rtp)
            await asyncio.sleep(LISTEN)
            back = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    back += len(stranger.recv(2048))
            gap = percentile([gap for call in calls for gap in call.gaps(since)], 0.99)
            heard = sum(bool(call.packets) and call.packets[-1].at > time.time() - 0.2 for call in calls)
            for call in calls:
                call.press(PRESSED)
            await asyncio.sleep(LISTEN)
            up = len(crowd.up)
            await crowd.hang_up()
        records = {record["sip_call_id"]: record for record in daemon.records(len(calls))}
        right = sum(typed(records[call.call_id]) == PRESSED for call in calls)
        sent = sum(len(group["packets"]) for group in groups) * (1 + secure)
        return [
            exactly(f"octets sent back to the stranger ({sent:,} packets)", 0, back),
            exactly("calls whose sound goes on", len(calls), heard),
            at_most("RTP gap p99", 40, gap * 1e3, "ms", ".1f"),
            exactly("calls that take the key pressed afterwards, and no other", len(calls), right),
            exactly("calls that stay up", len(calls), up),
            alive(daemon),
        ]


async def _send(group: dict[str, Any], call: Call, sock: socket.socket) -> None:
    await _throw([bytes.fromhex(packet) for packet in group["packets"]], call, sock)


async def _throw(packets: list[bytes], call: Call, sock: socket.socket) -> None:
    for index, packet in enumerate(packets):
        with contextlib.suppress(OSError):
            sock.sendto(packet, call.remote)
        if index % BURST == BURST - 1:
            await asyncio.sleep(PAUSE)
