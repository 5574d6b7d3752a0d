"""The DTMF receiver: cost per call and tick, and its scores on the proving ground beside those of its peers.

Run as ``OMP_NUM_THREADS=1 python tests/bench/dtmf.py [--seeds 763 41] [--rows 2000]``. The scores need
``../shared/proving/dtmf``; with speech when ``--gen`` names a copy of its gen.py in which mk_talkoff.py was run.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy is loaded
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from media.dtmf.detector import FRAME, DtmfDetector  # noqa: E402
from media.dtmf.generator import digits_samples  # noqa: E402
from media.tones import ComfortNoise, tone  # noqa: E402
from tests.media.dtmf_adapter import detect_all  # noqa: E402

PEERS = {
    "spandsp": {"freq_1.5%": 90.6, "freq_3.5%_reject": 96.1, "twist_+4/-8": 89.8, "interrupt_<=10ms": 78.1}
    | {"echo_-10dB": 90.6, "dialtone": 33.3, "talkoff_speech": 0, "talkoff_harmonic": 251},
    "Asterisk": {"freq_1.5%": 88.3, "freq_3.5%_reject": 96.1, "twist_+4/-8": 88.7, "interrupt_<=10ms": 100}
    | {"echo_-10dB": 89.6, "dialtone": 33.3, "talkoff_speech": 0, "talkoff_harmonic": 245},
}
"""As ../shared/proving/README.md has them, seed 763; all other classes 100."""


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dtmf_gen", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def figure(result: dict[str, Any]) -> float:
    """Percent right, or false digits per hour for talk-off."""
    if result["kind"] == "talkoff":
        return float(result["false"] / (result["seconds"] / 3600))
    return float(100 * result["ok"] / result["n"])


def scores(gen: Path, seeds: list[int]) -> None:
    columns: dict[int, dict[str, dict[str, Any]]] = {}
    for seed in seeds:
        module = load(gen)
        cases = list(module.cases(seed))
        heard = iter(detect_all([case.audio for case in cases]))
        module.cases = lambda seed, cases=cases: cases
        columns[seed] = module.score(lambda samples, heard=heard: next(heard), seed)["classes"]
    print(f"{'class':24s} {'kind':8s}" + "".join(f"{seed:>9d}" for seed in seeds) + "".join(f"{p:>10s}" for p in PEERS))
    for name, result in columns[seeds[0]].items():
        line = f"{name:24s} {result['kind']:8s}" + "".join(f"{figure(columns[seed][name]):9.2f}" for seed in seeds)
        if result["kind"] != "info":
            line += "".join(f"{peer.get(name, 100):10.1f}" for peer in PEERS.values())
        print(line + (" false/h" if result["kind"] == "talkoff" else ""))


def cost(name: str, sound: np.ndarray, rows: int) -> None:
    """Median over ticks of the time per row, each row hearing ``sound`` from a place of its own."""
    ticks = 250
    repeated = np.resize(sound, max(len(sound), 8000 * 20))
    start = np.random.default_rng(1).integers(0, len(repeated), rows)
    detector, every = DtmfDetector(rows), np.arange(rows)
    times = []
    for tick in range(ticks):
        at = (start[:, None] + tick * FRAME + np.arange(FRAME)) % len(repeated)
        frames = repeated[at]
        before = time.perf_counter()
        detector.process(frames, every)
        times.append(time.perf_counter() - before)
    scale = 1e6 / rows
    middle, high = np.median(times) * scale, np.quantile(times, 0.99) * scale
    print(f"{name:28s} {rows:5d} rows  {middle:6.3f} us/row  p99 {high:6.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[400, 1000, 2000])
    parser.add_argument("--seeds", type=int, nargs="*", default=[763])
    parser.add_argument("--gen", type=Path, default=ROOT.parent / "shared" / "proving" / "dtmf" / "gen.py")
    arguments = parser.parse_args()
    noise = ComfortNoise().frames(np.full(1000, -40, np.float32), np.arange(1000) * FRAME).reshape(-1)
    sparse = np.concatenate((digits_samples("15", 100, 100), np.zeros(8000 * 20 - 3200, np.int16)))
    sounds = {"silence": np.zeros(8000, np.int16), "noise": noise, "music": tone("music")}
    sounds |= {"silence, 2 digits per 20 s": sparse, "digits without end": digits_samples("159D", 100, 100)}
    folder = arguments.gen.parent / "talkoff"
    if folder.is_dir():
        speech = [np.fromfile(path, "<i2", offset=44) for path in sorted(folder.glob("*.wav"))]
        sounds["speech"] = np.concatenate(speech)
    for name, sound in sounds.items():
        for rows in arguments.rows:
            cost(name, sound, rows)
    if arguments.gen.is_file() and arguments.seeds:
        scores(arguments.gen, arguments.seeds)


if __name__ == "__main__":
    main()
