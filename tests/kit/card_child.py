"""A card device in a process of its own, which has the sound system of a test in its environment.

    python -m tests.kit.card_child FOLDER DEVICE RATE SECONDS PPM

The device hears and sounds for so many seconds, by a network clock that is PPM fast, and sounds what is in
FOLDER/sounds.npy. It leaves FOLDER/heard.npy, and on standard output a line of JSON for each change of the card, with
its second, and one with the statistics at the end. Sound and seconds begin when the card is there first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from media.devices import CardDevice, CardState

__all__ = ["main"]

START_SECONDS = 5.0


def main(folder: Path, name: str, rate: int, seconds: float, ppm: float) -> None:
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # as the thread of a call has it
    begin = time.monotonic()

    def say(**what: object) -> None:
        print(json.dumps({"at": time.monotonic() - begin, **what}), flush=True)

    def changed(state: CardState) -> None:
        say(there=state.there, text=state.text)

    device = CardDevice(name, name, rate=16000 if rate == 16000 else 8000, on_change=changed)
    assert device.wait_for(True, START_SECONDS), "the card does not work"
    begin = time.monotonic()
    size, tick = rate // 50, 0.02 / (1 + ppm * 1e-6)
    sounds = np.load(folder / "sounds.npy")
    sounds = np.pad(sounds, (0, max(0, round(seconds * 50 + 2) * size - len(sounds))))
    heard = []
    for at in range(round(seconds / tick)):
        time.sleep(max(0.0, begin + at * tick - time.monotonic()))
        heard.append(device.read())
        device.write(sounds[at * size : (at + 1) * size])
    statistics = device.statistics()
    device.close()
    np.save(folder / "heard.npy", np.concatenate(heard))
    say(**dataclasses.asdict(statistics))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
