"""Answering machine detection on the labelled sets, beside the rules of Asterisk's AMD with its published defaults.

    python tests/bench/answerers.py                          # 1,500 held-out calls, recorded speakers, cost of a tick
    python tests/bench/answerers.py --count 200 --cost-only
    python tests/bench/answerers.py --picture docs/img/answerers.svg

The development set is the one that lengths were chosen on; figures are quoted from the held-out set. It needs
espeak-ng, flite and sox; recorded speakers need the sound packages of Asterisk (HEAVY_PACKAGES in deploy/lib.sh).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy is loaded
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from media.detect import FRAME, AnswererDetector  # noqa: E402
from tests.bench.answerers_picture import draw  # noqa: E402
from tests.kit import amd_peer, answerers  # noqa: E402
from tests.kit.answerers import Heard, Score  # noqa: E402
from tests.kit.greetings import Sample, sample  # noqa: E402
from tests.kit.greetings.recorded import recorded, speakers  # noqa: E402

PART = 150
"""Calls that are made and heard at a time: a minute of sound each takes memory."""
CONFIDENCES = (0.0, 0.8, 0.925, 0.955, 0.97, 1.01)


def rules(calls: Sequence[Sample]) -> list[tuple[str, float]]:
    """What Asterisk's rules say."""
    said = [amd_peer.decide(call.sound) for call in calls]
    return [(each.answerer, each.seconds) if each else ("", 0.0) for each in said]


def table(rows: Sequence[tuple[str, Score]]) -> None:
    """Both beside each other."""
    print("| | right | humans called machines | machines called humans | unknown | seconds to 'human' | 'machine' |")
    print("|---|---|---|---|---|---|---|")
    for name, s in rows:
        unknown = s.humans_unknown + s.machines_unknown
        human, machine = np.array(s.human_seconds), np.array(s.machine_seconds)
        print(
            f"| {name} | {s.share(s.right, s.count):.1f} % | {s.share(s.humans_called_machines, s.humans):.1f} % | "
            f"{s.share(s.machines_called_humans, s.machines):.1f} % | "
            f"{s.share(unknown, s.humans + s.machines):.1f} % | "
            f"{np.median(human):.2f} / {np.quantile(human, 0.95):.2f} | "
            f"{np.median(machine):.2f} / {np.quantile(machine, 0.95):.2f} |"
        )


def kinds(calls: Sequence[Sample], heard: Sequence[Heard]) -> None:
    """What each kind of answer was taken for."""
    print("| answer | calls | human | machine | unknown | none: hung up |\n|---|---|---|---|---|---|")
    for kind in dict.fromkeys(call.kind for call in sorted(calls, key=lambda call: (call.label, call.kind))):
        said = [each.answerer for call, each in zip(calls, heard, strict=True) if call.kind == kind]
        print(
            f"| {kind} | {len(said)} | "
            + " | ".join(str(said.count(w)) for w in ("human", "machine", "unknown", ""))
            + " |"
        )


def sureness(calls: Sequence[Sample], heard: Sequence[Heard]) -> None:
    """How often decisions of some confidence were right."""
    print("| confidence | decisions | right |\n|---|---|---|")
    for low, high in pairwise(CONFIDENCES):
        chosen = [(c, h) for c, h in zip(calls, heard, strict=True) if h.answerer and low <= h.confidence < high]
        chosen = [(c, h) for c, h in chosen if h.answerer != "unknown"]
        if chosen:
            right = sum(c.label == h.answerer for c, h in chosen)
            mean = np.mean([h.confidence for _, h in chosen])
            print(f"| {mean:.2f} | {len(chosen)} | {100 * right / len(chosen):.1f} % |")


def after_the_greeting(calls: Sequence[Sample], heard: Sequence[Heard]) -> None:
    """How soon people are known, by how they greet."""
    for kind in ("hello", "named", "asking", "company"):
        chosen = [
            (h.at, h.at - c.greeting_end)
            for c, h in zip(calls, heard, strict=True)
            if c.kind == kind and h.answerer == "human" and c.greeting_end is not None
        ]
        if chosen:
            at, waited = np.array(chosen).T
            print(
                f"{kind}: decided after median {np.median(at):.2f} s, p95 {np.quantile(at, 0.95):.2f} s, within "
                f"2.5 s {100 * np.mean(at <= 2.5):.0f} %; after the greeting's end median {np.median(waited):.2f} s"
            )


def ends(calls: Sequence[Sample], heard: Sequence[Heard]) -> None:
    """Beeps."""
    found = answerers.beeps(calls, heard)
    good = sum(right for *_, right in found)
    late = [h.final_at - c.beep_end for c, h, right in found if right and c.beep_end is not None]
    print(f"beeps after machines: {len(found)}, end told within 0.3 s: {100 * good / max(len(found), 1):.1f} %")
    print(f"told after the end: median {np.median(late):.2f} s, p95 {np.quantile(late, 0.95):.2f} s")
    for kind in ("plain", "pair", "two", "pips", "fading", "harsh"):
        some = [right for call, _, right in found if call.traits.get("beep") == kind]
        print(f"  {kind}: {sum(some)} of {len(some)}")
    none = [h for c, h in zip(calls, heard, strict=True) if c.beep_end is None and h.answerer == "machine"]
    print(f"machines without a beep: {len(none)}, a beep was told of {sum(h.beep_end is not None for h in none)}")


def cost() -> None:
    """Microseconds of a tick for each row that listens."""
    rng = np.random.default_rng(1)
    for rows in (1, 10, 50, 200, 1000):
        detector = AnswererDetector(rows)
        for row in range(rows):
            detector.listen(row, "beep")
        frames = (rng.standard_normal((20, rows, FRAME)) * 300).astype(np.float32)
        index = np.arange(rows)
        best = np.inf
        for _ in range(5):
            began = time.process_time()
            for frame in frames:
                detector.process(frame, index)
            best = min(best, (time.process_time() - began) / len(frames))
        print(f"{rows} rows: {best * 1e6:.0f} µs a tick, {best / rows * 1e6:.1f} µs a row")


def _part(
    which: str, first: int, count: int, seed: int
) -> tuple[list[Sample], list[Heard], list[Heard], list[tuple[str, float]]]:
    numbers = range(first, first + count)
    if which == "recorded":
        calls = [recorded(number, seed) for number in numbers]
    else:
        calls = [sample(which, number, seed) for number in numbers]  # type: ignore[arg-type]
    fast, beep = answerers.hear(calls, "fast"), answerers.hear(calls, "beep")
    said = rules(calls)
    for call in calls:
        object.__setattr__(call, "sound", call.sound[:0])
    return calls, fast, beep, said


def judge(which: str, count: int, seed: int) -> tuple[list[Sample], list[Heard], list[tuple[str, float]]]:
    """Print everything about one set."""
    parts = [(first, min(PART, count - first)) for first in range(0, count, PART)]
    with ProcessPoolExecutor(2) as pool:
        made = list(pool.map(partial(_part, which, seed=seed), *zip(*parts, strict=True)))
    calls = list(chain.from_iterable(part[0] for part in made))
    fast = list(chain.from_iterable(part[1] for part in made))
    beep = list(chain.from_iterable(part[2] for part in made))
    said = list(chain.from_iterable(part[3] for part in made))
    print(f"\n## {which}: {len(calls)} calls, seed {seed}\n")
    decided = [(each.answerer, each.at) for each in fast]
    table([("this runtime", answerers.score(calls, decided)), ("Asterisk's rules", answerers.score(calls, said))])
    print()
    after_the_greeting(calls, fast)
    print()
    ends(calls, beep)
    print()
    sureness(calls, fast)
    print()
    kinds(calls, fast)
    return calls, fast, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sets", nargs="*", default=["held-out", "recorded"])
    parser.add_argument("--cost-only", action="store_true")
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    cost()
    if asked.cost_only:
        return
    for which in asked.sets:
        if which == "recorded" and not speakers():
            print("no recorded speakers: apt-get install asterisk-core-sounds-en-gsm ...")
            continue
        calls, fast, said = judge(which, asked.count if which != "recorded" else asked.count // 2, asked.seed)
        if asked.picture and which == asked.sets[0]:
            asked.picture.write_text(draw(calls, [(each.answerer, each.at) for each in fast], said))


if __name__ == "__main__":
    main()
