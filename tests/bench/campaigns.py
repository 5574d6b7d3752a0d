"""Campaigns on a daemon of their own: `python tests/bench/campaigns.py [--seconds 40] [--speeds 10,50]`.

Loads 100,000 contacts as CSV over HTTP, from the first byte to the answer; then calls contacts at some speeds, the
daemon with all its processes on one core, who is called on another. Everybody answers and hangs up after 0.3 s.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.settings import load_settings
from tests.bench.harness import machine
from tests.conftest import free_port
from tests.kit.callee import Callee
from tests.kit.daemon import Daemon

CONTACTS = 100_000
FLOW = """
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, line: carrier, next: talk}
  talk: {type: collect, max_digits: 1, wait: 60s, responses: {"1": bye}, branches: {no_match: bye}}
  bye: {type: hang_up}
"""


def configured(folder: Path, port: int) -> Path:
    """A configuration whose line leads to who is called."""
    folder.mkdir()
    (folder / "flows").mkdir()
    (folder / "prompts").mkdir()
    (folder / "flows" / "survey.yaml").write_text(FLOW)
    path = folder / "ivr.yaml"
    path.write_text(
        f"sip: {{listen: ['udp:127.0.0.1:{free_port()}']}}\n"
        f"http: {{listen: '127.0.0.1:{free_port(socket.SOCK_STREAM)}'}}\n"
        "media: {ports: '30200-32599', workers: 1}\n"
        "speech: {engine: espeak-ng, language: en}\n"
        f"lines:\n  carrier: {{type: gateway, host: 127.0.0.1, port: {port}}}\n"
    )
    return path


def upload(daemon: Daemon, query: str, rows: str) -> tuple[dict[str, Any], float]:
    """A campaign of a CSV text, and the seconds to the answer."""
    token = load_settings(daemon.config).token_file.read_text()
    headers = {"Content-Type": "text/csv", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{daemon.http}/v1/campaigns?{query}", rows.encode(), headers)
    begun = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer), time.perf_counter() - begun


def audience(count: int) -> str:
    """Numbers with two variables each."""
    return "number;name;due\n" + "".join(f"+4930{n:07};Person {n};{n / 100:.2f}\n" for n in range(count))


def cpu_seconds(pid: int) -> float:
    """Of a process and all below it."""
    total = 0.0
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        total += sum(cpu_seconds(int(child)) for child in path.read_text().split())
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return total + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each speed")
    parser.add_argument("--speeds", default="10,50", help="calls a second")
    options = parser.parse_args()
    one_core = ["taskset", "-c", "0"]
    print(machine())
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as name:
        folder = Path(name)
        with Daemon(configured(folder / "load", 9)) as daemon:
            made, took = upload(daemon, "flow=survey&start=false", audience(CONTACTS))
            begun = time.perf_counter()
            daemon.get(f"/v1/campaigns/{made['id']}")
            shown = time.perf_counter() - begun
        print(f"{made['contacts']} contacts loaded in {took:.1f} s, their figures in {shown * 1000:.0f} ms")
        print()
        print("| asked for | calls | calls/s | error | fullest second | longest gap | core of the daemon |")
        print("|---|---|---|---|---|---|---|")
        for speed in map(int, options.speeds.split(",")):
            count, port = int(speed * options.seconds), free_port()
            config = configured(folder / f"at-{speed}", port)
            book = folder / f"book-{speed}"
            with Callee(port, book, talk=0.3, only="answered") as callee, Daemon(config, prefix=one_core) as daemon:
                made, _ = upload(daemon, f"flow=survey&speed={speed * 60}/minute", audience(count))
                before, begun = cpu_seconds(daemon.process.pid), time.monotonic()
                while daemon.get(f"/v1/campaigns/{made['id']}")["state"] != "finished":
                    time.sleep(1.0)
                    assert time.monotonic() - begun < 2 * options.seconds + 30, daemon.log()[-2000:]
                share = (cpu_seconds(daemon.process.pid) - before) / (time.monotonic() - begun)
                times = sorted(at for at, _, _ in callee.calls())
            assert len(times) == count, (len(times), count)
            rate = (count - 1) / (times[-1] - times[0])
            fullest = max(Counter(int(at - times[0]) for at in times).values())
            gap = max(after - before for before, after in pairwise(times))
            print(
                f"| {speed}/s | {count} | {rate:.2f} | {100 * (rate - speed) / speed:+.2f} % | {fullest} "
                f"| {gap:.2f} s | {100 * share:.0f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
