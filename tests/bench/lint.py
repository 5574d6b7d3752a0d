"""CPU time of the linter for tangled flows: `python tests/bench/lint.py [SIZE] [FLOWS]`.

One flow of SIZE elements (100) with loops everywhere, and a folder of FLOWS (200) flows of half that size that transfer
to one another; loading is told apart from checking.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.flow.lint import check_flow, check_flows
from ivr.flow.lint.figures import figures
from ivr.flow.lint.questions import paths_to
from ivr.flow.loader import join_flows, parse_flow
from tests.kit.lint import WORLD
from tests.kit.tangles import tangle

T = TypeVar("T")
SEEDS = 10


def timed(run: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds of CPU of a run, and what it gave: nobody else on the machine counts."""
    started = time.process_time()
    value = run()
    return (time.process_time() - started) * 1000, value


def measured(text: str) -> dict[str, float]:
    """Milliseconds for one flow."""
    loading, flow = timed(lambda: parse_flow(text, "tangle"))
    return {
        "load": loading,
        "check": timed(lambda: check_flow(flow, WORLD))[0],
        "paths to the last": timed(lambda: paths_to(flow, "bye"))[0],
        "figures": timed(lambda: figures(flow))[0],
    }


def main(size: int, count: int) -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {"load": [], "check": [], "paths to the last": [], "figures": []}
    for seed in range(SEEDS):
        for what, took in measured(tangle(size, seed)).items():
            times[what].append(took)
    for what, found in times.items():
        print(f"{size} elements, {what:18} median {statistics.median(found):7.1f} ms, most {max(found):7.1f} ms")
    texts = [tangle(size // 2, seed, str(1000 + seed), f"f{seed * 7 % count}") for seed in range(count)]
    loading, flows = timed(lambda: [parse_flow(text, f"f{index}") for index, text in enumerate(texts)])
    joining, _ = timed(lambda: join_flows(flows))
    checking, found_all = timed(lambda: check_flows(flows, WORLD))
    findings = sum(map(len, found_all.values()))
    print(
        f"{count} flows of {size // 2}: load {loading:.0f} ms, join {joining:.0f} ms, check {checking:.0f} ms", end=""
    )
    print(f" ({findings} findings)")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [100, 200][len(given) :]))
