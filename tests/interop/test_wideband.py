"""baresip in G.722 and in Opus, at the same time: what it plays and hears is wideband, its keys count."""

from __future__ import annotations

import contextlib
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.interop.conftest import make_config
from tests.kit.baresip import Phone
from tests.kit.daemon import Daemon
from tests.kit.sound import write_wav

pytestmark = pytest.mark.interop

FLOWS = {
    "wide": """
        elements:
          start: {type: start_incoming_call, numbers: ["110"], next: sound}
          sound: {type: play, file: wide.wav, next: ask}
          ask: {type: collect, max_digits: 2, wait: 10s, type_ahead: true, next: message, branches: {no_match: message}}
          message: {type: record_voicemail, max_duration: 1s, max_silence: 0, next: done,
                    branches: {nothing_recorded: done}}
          done: {type: hang_up}
    """,
}
CODECS = {"g722": ("G722/16000/1", 40), "opus": ("opus/48000/2", 20)}
"""What baresip calls it, and the milliseconds of a packet."""


def tones(seconds: float, *frequencies: float) -> NDArray[np.float64]:
    time = np.arange(int(seconds * 16000)) / 16000
    return np.sum([3000 * np.sin(2 * np.pi * f * time) for f in frequencies], axis=0)


def level(path: Path, frequency: float) -> float:
    """dB of ``frequency`` in the loudest half second of the left channel, below 3000."""
    with wave.open(str(path)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)[::channels]
    size = rate // 2
    turn = np.exp(-2j * np.pi * frequency * np.arange(size) / rate)
    parts = [abs(np.dot(samples[at : at + size], turn)) for at in range(0, len(samples) - size, size // 4)]
    return float(20 * np.log10(max(parts) * 2 / size / 3000 + 1e-9))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    config = make_config(tmp_path_factory.mktemp("daemon"), FLOWS)
    config.write_text(config.read_text().replace("workers: 1}", "workers: 1, codecs: [pcmu, g722, opus]}"))
    write_wav(config.parent / "prompts" / "wide.wav", tones(1.2, 1000, 5500), 16000)
    with Daemon(config) as running:
        yield running


def test_sound_is_wide_both_ways_and_keys_count(daemon: Daemon, tmp_path: Path) -> None:
    spoken = tmp_path / "spoken.wav"
    write_wav(spoken, tones(20.0, 700, 6000), 16000)
    with contextlib.ExitStack() as stack:
        phones = {
            name: stack.enter_context(
                Phone(tmp_path / name, daemon.sip_port, name, None, spoken, codecs=codec, rate=16000, ptime=ptime)
            )
            for name, (codec, ptime) in CODECS.items()
        }
        for phone in phones.values():
            phone.call("110")
        for phone in phones.values():
            phone.wait_event("CALL_ESTABLISHED")
        for phone in phones.values():
            phone.press("47")
        for phone in phones.values():
            phone.wait_event("CALL_CLOSED", 20.0)
        records = {record["caller"]: record for record in daemon.records(2)}
    for name, phone in phones.items():
        record = records[name]
        assert record["details"]["media"]["codec"] == name
        assert record["details"]["media"]["ptime"] == CODECS[name][1]
        assert "".join(item["digits"] for item in record["digits"]) == "47"
        assert level(phone.heard(), 1000) > -3, name
        assert level(phone.heard(), 5500) > -6, name
        files = list((daemon.folder / "var" / "recordings").glob(f"*{record['short_id']}*.wav"))
        assert len(files) == 1
        assert level(files[0], 700) > -3
        assert level(files[0], 2000) < -40  # 6 kHz folded
