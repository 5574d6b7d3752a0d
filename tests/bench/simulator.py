"""Simulated calls a second on one core: `python tests/bench/simulator.py [SECONDS]`.

Whole calls of the example front desk, each from its construction to its end: the machine, the caller, what is said and
when, the steps of the script.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.flow.loader import load_folder
from ivr.flow.sim import Script, SimulatedCall, parse_script
from tests.bench.harness import machine

ROOT = Path(__file__).resolve().parents[2]
WALKS: dict[str, list[dict[str, Any]]] = {
    "language, menu, hours, bye": [{"press": "1"}, {"press": "2"}],
    "language, menu, keys ahead of the prompts, hang up": [
        {"at": "english", "press": "1", "after": "1s"},
        {"at": "welcome", "press": "2", "after": "1s"},
        {"hang_up": "hours", "after": "1s"},
    ],
    "language, menu, sales is busy, voicemail, hang up": [
        {"press": "2"},
        {"press": "1"},
        {"forward": "sales", "result": "busy"},
        {"speak": "4s"},
        {"press": "#"},
        {"hang_up_after": "5s"},
    ],
    "nobody says a word": [],
}
"""Callers at number 100, as scripts."""

ROUNDS = 5


def main(seconds: float) -> None:
    flows = load_folder(ROOT / "config" / "flows")
    found = flows.find("100")
    assert found is not None
    flow, _ = found
    print(machine())
    print(f"{'call':<52} {'elements':>8} {'calls/s':>8} {'times real':>11}")
    for name, steps in WALKS.items():
        script = parse_script(steps)

        def walk(script: Script = script) -> SimulatedCall:
            return script.run(SimulatedCall(flow, flows))

        call = walk()
        assert call.finished
        assert not call.unused_steps
        rate = max(calls_a_second(walk, seconds / ROUNDS / len(WALKS)) for _ in range(ROUNDS))
        print(f"{name:<52} {len(call.steps):>8} {rate:>8,.0f} {rate * call.duration:>11,.0f}")


def calls_a_second(walk: Any, seconds: float) -> float:
    """Of CPU time: what others do on the machine counts little."""
    calls = 0
    begun = time.process_time()
    while (spent := time.process_time() - begun) < seconds:
        for _ in range(50):
            walk()
        calls += 50
    return calls / spent


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
