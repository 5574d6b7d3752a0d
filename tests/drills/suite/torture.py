"""The torture messages of RFC 4475 and RFC 5118."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from tests.conftest import free_port
from tests.drills.harness import Bench, Drill, Figure, alive, at_least, exactly


async def run(bench: Bench) -> list[Figure]:
    script = bench.proving("torture", "run_torture.py")
    figures = []
    for transport in ("udp", "tcp"):
        port = free_port()
        with bench.daemon(listen=f"udp:127.0.0.1:{port}, tcp:127.0.0.1:{port}") as daemon:
            found = bench.folder / f"{transport}.json"
            line = [str(script), "--target", f"127.0.0.1:{port}", "--transport", transport, "--json", str(found)]
            process = await asyncio.create_subprocess_exec(sys.executable, *line, stdout=subprocess.DEVNULL)
            assert await process.wait() == 0, "run_torture.py failed"
            judged = json.loads(found.read_text())
            right = [case["ok"] for case in judged]
            alive_after = sum(case["alive"] for case in judged)
            figures.append(at_least(f"of {len(right)} messages over {transport.upper()}, judged right", 41, sum(right)))
            figures.append(exactly("honest questions answered in between", len(right), alive_after))
            figures.append(alive(daemon))
    return figures


DRILL = Drill("The 42 torture messages of RFC 4475 and RFC 5118.", run)
