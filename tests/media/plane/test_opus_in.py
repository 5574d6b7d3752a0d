"""The jitter buffer of Opus, whatever a network does to packets."""

from __future__ import annotations

import functools
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.opus import OpusEncoder, available
from media.plane.opus_in import FRAME, OpusIn
from tests.kit.needs import may_skip

pytestmark = pytest.mark.skipif(may_skip(available()), reason="libopus or opuslib-next is not installed")

PACKETS = 60


@functools.cache
def packets(ms: int) -> list[bytes]:
    time = np.arange(PACKETS * 16 * ms) / 16000
    sound = (np.sin(2 * np.pi * 300 * time) * 6000).astype(np.int16)
    encoder = OpusEncoder(fec=True)
    return [encoder.encode(sound[at : at + 16 * ms]) for at in range(0, len(sound), 16 * ms)]


def power(frame: np.ndarray | None) -> float:
    return 0.0 if frame is None else float(np.sqrt(np.mean(frame.astype(float) ** 2)))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([10, 20, 40, 60]),
    st.integers(0, 0xFFFFFFFF),
    st.lists(st.integers(0, 59), min_size=PACKETS, max_size=PACKETS),
    st.lists(st.integers(0, 2), min_size=PACKETS, max_size=PACKETS),
    st.randoms(use_true_random=False),
)
def test_jitter_and_repeats_leave_one_steady_tone(
    ms: int, timestamp: int, delays: list[int], copies: list[int], random: Random
) -> None:
    """Each packet comes up to 59 ms late, none before the one ahead of it, some twice; what comes in one tick is in
    any order: the tone goes on once it has begun."""
    stream = OpusIn()
    waiting: list[tuple[int, int]] = []
    latest = 0
    for number, (delay, count) in enumerate(zip(delays, copies, strict=True)):
        latest = max(latest, number * ms + delay)
        waiting += [(latest, number)] * (1 + count // 2)
    heard = []
    for tick in range(PACKETS * ms // 20):
        batch = [number for at, number in waiting if (tick - 1) * 20 < at <= tick * 20]
        random.shuffle(batch)
        for number in batch:
            stream.put((timestamp + number * ms * 48) & 0xFFFFFFFF, packets(ms)[number])
        assert len(stream._packets) <= 128
        heard.append(stream.take())
    assert all(frame is None or (frame.shape == (FRAME,) and frame.dtype == np.int16) for frame in heard)
    steady = [power(frame) for frame in heard[12:]]
    assert np.median(steady) > 3000
    assert sum(level < 1500 for level in steady) <= 3  # the delay may grow once more


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.binary(max_size=60), st.booleans()), max_size=60))
def test_nothing_that_comes_does_harm(arrivals: list[tuple[int, bytes, bool]]) -> None:
    stream = OpusIn()
    for timestamp, payload, good in arrivals:
        stream.put(timestamp, packets(20)[timestamp % PACKETS] if good else payload)
        frame = stream.take()
        assert frame is None or frame.shape == (FRAME,)
        assert stream._count < 8 * FRAME
        assert len(stream._packets) <= 128


def test_a_delay_that_is_no_longer_needed_goes_away() -> None:
    stream = OpusIn()
    for number in range(6):
        stream.put(number * 960, packets(20)[number])
    depths = []
    for number in range(6, 600):
        stream.put(number * 960, packets(20)[number % PACKETS])
        stream.take()
        depths.append(stream.ahead)
    assert depths[0] >= 5 * FRAME
    assert depths[-1] <= 3 * FRAME


def test_what_was_held_back_for_long_is_cut() -> None:
    stream = OpusIn()
    for number in range(14):
        stream.put(number * 960, packets(20)[number])
    stream.take()
    stream.take()
    assert stream.ahead <= 3 * FRAME


def test_a_stream_that_begins_anew_is_heard() -> None:
    stream = OpusIn()
    for number in range(20):
        stream.put(number * 960, packets(20)[number])
        stream.take()
    heard = []
    for number in range(20):
        stream.put(3_000_000_000 + number * 960, packets(20)[20 + number])
        heard.append(power(stream.take()))
    assert min(heard[4:]) > 2000
