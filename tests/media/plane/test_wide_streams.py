"""Sound streams of wideband rows: what goes out and comes in is the sound, and a clear silences it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from media.codecs.g722 import G722Decoder, G722Encoder
from media.codecs.opus import OpusDecoder, OpusEncoder, available
from media.events import frames
from media.plane.sound_streams import RING_SAMPLES
from media.protocol import Command, Event, records
from tests.kit.needs import may_skip
from tests.kit.plane import PlaneBench, rtp

needs_opus = pytest.mark.skipif(may_skip(available()), reason="libopus or opuslib-next is not installed")
ROWS = [
    *(pytest.param("g722", ptime) for ptime in (10, 20, 30, 40, 60)),
    *(pytest.param("opus", ptime, marks=needs_opus) for ptime in (10, 20, 40, 60)),
]
SLIN = 1
TYPES = {"g722": 9, "opus": 107}


def voice(seconds: float, rate: int, seed: int = 4) -> NDArray[np.int16]:
    """Something like speech below 3.4 kHz: no stretch of it is like another, the same at every rate."""
    rng = np.random.default_rng(seed)
    at = np.arange(int(seconds * rate)) / rate
    sound = np.zeros(len(at))
    for frequency in rng.uniform(200, 2500, 12):
        sound += np.sin(2 * np.pi * (frequency * at + 3 * np.sin(2 * np.pi * rng.uniform(1, 6) * at) + rng.random()))
    return (sound * 1200).astype(np.int16)


def likeness(heard: NDArray[Any], said: NDArray[Any], most: int) -> tuple[float, int]:
    """How well ``heard`` is ``said``, delayed by up to ``most`` samples: the best correlation, and that delay."""
    found = []
    for delay in range(most):
        size = min(len(heard) - delay, len(said))
        a, b = heard[delay : delay + size].astype(float), said[:size].astype(float)
        found.append(float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b) + 1)))
    best = int(np.argmax(found))
    return found[best], best


class Leg:
    """A wideband call with a stream of 16-bit samples."""

    def __init__(self, codec: str, ptime: int) -> None:
        self.codec, self.ptime = codec, ptime
        self.bench = PlaneBench()
        self.bench.call(codec=codec, payload_type=TYPES[codec], ptime=ptime)
        self.bench.order(Command.STREAM_OPEN, 0, 1, SLIN)
        self.bench.second()
        self._decoder: Any = G722Decoder() if codec == "g722" else OpusDecoder()
        self._encoder: Any = G722Encoder() if codec == "g722" else OpusEncoder()
        self._sent = 0

    def say(self, samples: NDArray[np.int16]) -> None:
        """The stream says it."""
        data = samples.tobytes()
        self.bench.order(
            Command.STREAM_AUDIO, 0, 1, strings=tuple(data[at : at + 4096] for at in range(0, len(data), 4096))
        )

    def packets(self, samples: NDArray[np.int16]) -> list[bytes]:
        """What the peer sends of ``samples`` at 16 kHz, in packets of the agreed time."""
        found = []
        size = 16 * self.ptime
        for at in range(0, len(samples) - size + 1, size):
            payload = self._encoder.encode(np.ascontiguousarray(samples[at : at + size]))
            clock = 48 if self.codec == "opus" else 8
            found.append(rtp(self._sent, self._sent * self.ptime * clock, payload, TYPES[self.codec]))
            self._sent += 1
        return found

    def tick(self, *packets: bytes) -> list[NDArray[np.int16]]:
        """A tick: what leaves in it, decoded at 16 kHz, a packet each."""
        return [self._decoder.decode(one.payload) for one in self.bench.whole_tick(*packets)]

    def told(self) -> NDArray[np.int16]:
        """What the stream was told since the last call."""
        pieces, self.bench.plane.stream_frames = self.bench.plane.stream_frames, []
        found = [
            np.frombuffer(payload, "<i2")
            for record in pieces
            for _, _, _, fields, data in records(record)
            for *_, payload in frames(fields, data)
        ]
        return np.concatenate(found) if found else np.zeros(0, np.int16)


@pytest.mark.parametrize(("codec", "ptime"), ROWS)
def test_the_peer_hears_what_the_stream_says(codec: str, ptime: int) -> None:
    leg = Leg(codec, ptime)
    leg.say(voice(1.2, 8000))
    out = np.concatenate([sound for _ in range(64) for sound in leg.tick()])
    alike, delay = likeness(out, voice(1.2, 16000), 16 * 120)
    assert alike > 0.9
    assert delay <= 16 * (20 + ptime + 10)  # the packet before it, its own, and what coders hold back


@pytest.mark.parametrize(("codec", "ptime"), ROWS)
def test_the_stream_hears_what_the_peer_says(codec: str, ptime: int) -> None:
    leg = Leg(codec, ptime)
    waiting = leg.packets(voice(1.5, 16000))
    told, sent = [], 0.0
    for tick in range(70):
        due = []
        while waiting and sent <= tick * 20:
            due.append(waiting.pop(0))
            sent += ptime
        leg.tick(*due)
        told.append(leg.told())
    heard = np.concatenate(told)
    said = voice(1.5, 16000)
    for start in range(1600, 8000, 1600):  # apart: the jitter buffer may pass over a frame to hold back less
        # filters delay by no whole number of samples: the best of four
        found = [likeness(heard[start:], said[2 * start + k : 2 * start + 2400 + k : 2], 8 * 160) for k in range(-1, 3)]
        alike, delay = max(found)
        assert alike > 0.9
        assert delay <= 8 * (20 + ptime + 40)


@pytest.mark.parametrize(("codec", "ptime"), ROWS)
def test_a_clear_silences_the_next_packet(codec: str, ptime: int) -> None:
    for ticks in range(20, 26):  # wherever the packet under construction stands
        leg = Leg(codec, ptime)
        leg.say(voice(1.2, 8000)[: RING_SAMPLES - 160])
        leg.bench.order(Command.STREAM_MARK, 0, 1, 1)
        loud = [sound for _ in range(ticks) for sound in leg.tick()]
        assert max(np.abs(sound.astype(int)).max() for sound in loud[-3:]) > 3000
        leg.bench.order(Command.STREAM_CLEAR, 0, 1)
        leg.tick()  # what was built before the command
        assert leg.bench.of(Event.STREAM_MARK) == [(1, 1, 1)]
        after = [sound for _ in range(12) for sound in leg.tick()]
        quiet = np.concatenate(after)[16 * 20 :]  # coders and filters fade out in the first milliseconds
        assert np.abs(quiet.astype(int)).max() < 700, (codec, ptime, ticks)


@pytest.mark.parametrize(("codec", "ptime"), ROWS)
def test_the_stream_ends_and_the_next_one_is_heard(codec: str, ptime: int) -> None:
    leg = Leg(codec, ptime)
    leg.say(voice(0.4, 8000))
    for _ in range(10):
        leg.tick()
    leg.bench.order(Command.STREAM_OPEN, 0, 1, SLIN)
    leg.say(voice(0.8, 8000, 9))
    out = np.concatenate([sound for _ in range(50) for sound in leg.tick()])
    alike, _ = likeness(out, voice(0.8, 16000, 9)[:12000], 16 * 160)
    assert alike > 0.9
