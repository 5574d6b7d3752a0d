"""A line on a sound card in its daemon, on PipeWire: a card that is pulled out, and a caller whose line echoes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media.dtmf.generator import digit_samples
from tests.interop.conftest import make_config
from tests.kit.card import CENTS, Card, fitted, sine
from tests.kit.daemon import Daemon
from tests.kit.pipewire import PipeWire, missing
from tests.kit.sound import write_wav

pytestmark = [pytest.mark.interop, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[PipeWire]:
    with PipeWire(tmp_path / "sound", ("line", "other")) as pipewire:
        pipewire.add("line")
        yield pipewire


def test_a_card_that_is_pulled_out_is_noticed_though_another_one_plays_on(sound: PipeWire, tmp_path: Path) -> None:
    sound.add("other")
    np.save(tmp_path / "sounds.npy", sine(440, 8000, 20).astype(np.int16))
    card = Card(sound, tmp_path, "line", 8000, 4.5)
    card.until(there=True)
    before = time.monotonic()
    sound.remove("line")
    gone = card.until(there=False)
    assert time.monotonic() - before < 4.0  # a second, and the tools that pull it out
    assert gone["text"] == "line is gone, and the sound was moved to other"
    sound.add("line")
    back = card.until(there=True)
    statistics = card.done(15)
    heard = card.heard()
    assert statistics["losses"] == 1
    assert not heard[round((gone["at"] + 0.05) * 8000) : round((back["at"] - 0.05) * 8000)].any()
    assert abs(fitted(heard[-4000:], 440, 8000)[0] - 440) < CENTS


FLOW = {
    "handset": """
        elements:
          start: {type: start_incoming_call, numbers: ["4200"], next: hello}
          hello: {type: play, file: hello.wav, interruptible: true, next: ask}
          ask: {type: collect, max_digits: 1, wait: 20s, responses: {"5": taken},
                branches: {no_match: wrong, no_input: wrong}}
          wrong: {type: hang_up}
          taken: {type: play, file: taken.wav, next: done}
          done: {type: hang_up}
    """
}


def test_a_caller_at_a_card_whose_own_sound_comes_back(sound: PipeWire, tmp_path: Path) -> None:
    """Input and output are one null sink: all that the line sounds comes back, 8 dB fainter. The prompt holds the sound
    of a key, which the flow must not take; the caller's key in the middle of the prompt it must."""
    line = (
        "lines:\n  card: {type: sound_card, input: line, output: line, output_gain: -8, hid: off, answer: voice,"
        " number: '4200'}\n"
    )
    config = make_config(tmp_path / "ivr", FLOW, extra=line)
    prompt = sine(600, 8000, 6)
    for second in (0.5, 1.0, 1.5):
        prompt[round(second * 8000) :][:800] = digit_samples("9")
    write_wav(config.parent / "prompts" / "hello.wav", prompt)
    write_wav(config.parent / "prompts" / "taken.wav", sine(900, 8000, 1))
    write_wav(tmp_path / "voice.wav", sine(250, 8000, 0.5))
    write_wav(tmp_path / "key.wav", np.concatenate((digit_samples("5").astype(np.float64), np.zeros(800))))
    with Daemon(config, sound.environment) as daemon:
        ear = Ear(sound)
        try:
            ear.until_usable(daemon)
            sound.play("line", tmp_path / "voice.wav")
            ear.until(lambda: ear.level(600) > 1000, daemon)
            time.sleep(2.0)  # the keys within the prompt pass
            assert ear.level(600) > 1000, daemon.log()
            sound.play("line", tmp_path / "key.wav")
            ear.until(lambda: ear.level(900) > 1000, daemon)
            record = daemon.records(1)[0]
        finally:
            ear.close()
    assert (record["line"], record["cause"]) == ("card", "ended_by_flow")


class Ear:
    """Hears a card as it goes on."""

    def __init__(self, pipewire: PipeWire) -> None:
        self._process = subprocess.Popen(
            ("arecord", "-q", "-D", "line", "-f", "S16_LE", "-r", "8000", "-c", "1", "-t", "raw"),
            env=pipewire.environment,
            stdout=subprocess.PIPE,
        )

    def level(self, frequency: float) -> float:
        """Amplitude of a tone in the next tenth of a second."""
        assert self._process.stdout is not None
        heard = np.frombuffer(self._process.stdout.read(1600), np.int16)
        turn = np.exp(2j * np.pi * frequency / 8000 * np.arange(len(heard)))
        return float(2 * np.abs((heard * turn).mean()))

    def until(self, true: Any, daemon: Daemon) -> None:
        deadline = time.monotonic() + 15
        while not true():
            assert time.monotonic() < deadline, daemon.log()

    def until_usable(self, daemon: Daemon) -> None:
        self.until(lambda: self.level(0) >= 0 and daemon.get("/v1/lines")["lines"][0]["usable"], daemon)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
