"""Calls of our own for the load bench, where its generator is absent: our stack and media plane as the caller.

python tests/bench/own_calls.py --child TARGET PID NUMBER CALLS WINDOW SOUND      (started by load.py)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from ivr.call.leg import Leg, MediaPolicy
from ivr.net import SipShell
from ivr.sip import Answered, Capabilities, Ended, InviteRequest, NameAddr, Offer, Rejected, Stack, StackConfig, Uri
from media import MediaConfig, MediaEvent, MediaPool, Sound, Stats
from media.codecs.g711 import ULAW_ENCODE
from tests.bench import harness
from tests.kit.sound import speechlike, write_wav

PORTS = (30_000, 39_999)
RAMP = 50.0
"""Calls begun in a second: a caller in Python must not starve the daemon while it calls."""
SETTLE = 3.0
STATS_WAIT = 3.0
NUMBERS = {"play": "200", "record": "401", "listen": "600"}


def make_prompts() -> Path:
    """The prompts of the flows, made of noise with the envelope of speech."""
    folder = harness.CACHE / "prompts"
    folder.mkdir(parents=True, exist_ok=True)
    for name, seconds in (("prompt30", 30), ("menu10", 10), ("after5", 5), ("caller30", 30)):
        samples = speechlike(float(seconds), seconds)
        write_wav(folder / f"{name}.wav", samples)
        exact = np.rint(samples).astype(np.int16)
        (folder / f"{name}.ulaw").write_bytes(ULAW_ENCODE[exact.view(np.uint16)].tobytes())
        (folder / f"{name}.s16").write_bytes(exact.astype("<i2").tobytes())
    return folder


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and all below it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    below = [int(n) for path in Path(f"/proc/{pid}/task").glob("*/children") for n in path.read_text().split()]
    return own + sum(map(cpu_of, below))


class Crowd:
    """Many calls at once."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._stack = Stack(StackConfig(user_agent="bench"), os.urandom)
        self.up: set[Leg] = set()
        self.failed = 0
        self.stats: list[Stats] = []

    async def open(self) -> None:
        self.pool = await MediaPool.start(MediaConfig(ports=PORTS, workers=1, spare=False))
        self.shell = SipShell(self._stack, [("udp", "127.0.0.1", 0)], self._on_event)
        await self.shell.start()

    async def close(self) -> None:
        await self.shell.close()
        await self.pool.close()

    def call(self, number: str, sound: Sound) -> None:
        policy = MediaPolicy(Capabilities(codecs=("pcmu",)), "off", lambda _peer: "127.0.0.1")
        leg = Leg(None, self.pool.allocate(self._on_media), policy, self._target[0], random.getrandbits(31))
        flow = self.shell.flow_to(*self._target)
        uri = Uri("sip", number, *self._target)
        leg.session = self._stack.invite(
            InviteRequest(
                uri=uri,
                from_=NameAddr(Uri("sip", "bench", "127.0.0.1"), ""),
                to=NameAddr(uri),
                flow=flow,
                sdp=leg.offer(),
            ),
            asyncio.get_running_loop().time(),
        )
        leg.session.owner = (leg, sound)
        self.shell.flush()

    def hang_up(self) -> None:
        now = asyncio.get_running_loop().time()
        for leg in list(self.up):
            assert leg.session is not None
            leg.session.hangup(now)
            leg.port.release()
        self.up.clear()
        self.shell.flush()

    def _on_event(self, event: Any) -> None:
        session = getattr(event, "session", None)
        if session is None or session.owner is None:
            return
        leg, sound = session.owner
        match event:
            case Answered(sdp=sdp) if sdp is not None:
                leg.answered(sdp)
                leg.port.play([sound], loop=0)
                self.up.add(leg)
            case Rejected():
                self.failed += 1
                leg.port.release()
            case Offer(sdp=sdp):
                leg.peer_offers(sdp, asyncio.get_running_loop().time())
            case Ended():
                self.up.discard(leg)
                leg.port.release()

    def _on_media(self, event: MediaEvent) -> None:
        if isinstance(event, Stats):
            self.stats.append(event)


async def child(target: str, pid: int, number: str, calls: int, window: float, sound: Sound) -> dict[str, Any]:
    """One run; its figures."""
    crowd = Crowd(target)
    await crowd.open()
    try:
        for _ in range(calls):
            crowd.call(number, sound)
            await asyncio.sleep(1 / RAMP)
        await asyncio.sleep(SETTLE)
        own, before, begun = cpu_of(os.getpid()), cpu_of(pid), time.monotonic()
        await asyncio.sleep(window)
        seconds = time.monotonic() - begun
        used, ours, up = cpu_of(pid) - before, cpu_of(os.getpid()) - own, len(crowd.up)
        crowd.hang_up()
        await asyncio.sleep(STATS_WAIT)
    finally:
        await crowd.close()
    stats = crowd.stats
    return {
        "calls": calls,
        "up": up,
        "failed": crowd.failed,
        "cpu_per_call_s": used / (up * seconds) if up else 0.0,
        "lost": sum(found.lost for found in stats),
        "late": sum(found.late for found in stats),
        "mos": min((found.mos for found in stats), default=0.0),
        "generator_cores": ours / seconds,
    }


def run_own(options: argparse.Namespace) -> int:
    """The smaller table."""
    prompts = make_prompts()
    columns = ["CPU ms per call and s", "lost packets", "late", "lowest MOS", "failed", "generator cores"]
    print(f"| calls | up | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 2)}")
    for name, number in NUMBERS.items():
        if options.workload and not any(wanted.startswith(name) for wanted in options.workload):
            continue
        for level in map(int, (options.levels or "50,200,400").split(",")):
            with harness.server(prompts, batch=options.batch, workers=options.workers) as daemon:
                line = [sys.executable, __file__, "--child", f"127.0.0.1:{daemon.sip_port}", str(daemon.process.pid)]
                line += [number, str(level), str(options.window), str(prompts / "caller30.s16")]
                done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
                run = json.loads(done.stdout.splitlines()[-1])
                print(
                    f"| {name} {level} | {run['up']} | {run['cpu_per_call_s'] * 1e3:.3f} | {run['lost']} "
                    f"| {run['late']} | {run['mos']:.2f} | {run['failed']} | {run['generator_cores']:.2f} |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    _, target, pid, number, calls, window, name = sys.argv[1:]
    speech = Sound(Path(name), Path(name).stat().st_size // 2)
    print(json.dumps(asyncio.run(child(target, int(pid), number, int(calls), float(window), speech))))
