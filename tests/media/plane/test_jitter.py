"""The jitter buffer, as heard through the plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.g711 import ULAW_SILENCE
from tests.kit.plane import PlaneBench, hear, rtp, speech


def call() -> PlaneBench:
    bench = PlaneBench()
    bench.call()
    return bench


def contains(heard: np.ndarray, wanted: np.ndarray) -> bool:
    return wanted.tobytes() in heard.tobytes()


def test_what_comes_in_order_is_heard_whole() -> None:
    bench, said = call(), speech(50)
    heard = hear(bench)
    for k in range(50):
        bench.tick(rtp(k, 160 * k, said[k].tobytes()))
    assert contains(heard(), said[:49].ravel())


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_reordered_and_repeated_packets_are_heard_once_in_order(random, sequence: int, timestamp: int) -> None:
    bench, said = call(), speech(40)
    heard = hear(bench)
    bench.tick(rtp(sequence, timestamp, said[0].tobytes()))
    for group in range(1, 39, 2):
        packets = [rtp(sequence + k, timestamp + 160 * k, said[k].tobytes()) for k in (group, group + 1)]
        packets += random.sample(packets, random.randint(0, 2))
        random.shuffle(packets)
        bench.tick(*packets)
        bench.tick()
    assert contains(heard(), said[:37].ravel())


def test_a_lost_packet_is_concealed_and_nothing_shifts() -> None:
    bench, said = call(), speech(20)
    heard = hear(bench)
    for k in range(20):
        bench.tick(*([] if k == 10 else [rtp(k, 160 * k, said[k].tobytes())]))
    frames = heard().reshape(-1, 160)
    at = int(np.flatnonzero((frames == said[9]).all(axis=1))[0])
    assert (frames[at + 2] == said[11]).all()
    assert not (frames[at + 1] == ULAW_SILENCE).all()
    assert not (frames[at + 1] == said[9]).all()
    assert bench.rows.lost_of_source(0) == 1


def test_packets_without_sound_are_not_lost_ones() -> None:
    bench, said = call(), speech(20)
    for k in range(20):
        event = rtp(k, 160 * 5, bytes((1, 10, 0, 160)), kind=101)
        noise = rtp(k, 160 * k, b"\x40", kind=13)
        bench.tick(event if 5 <= k < 10 else noise if k == 12 else rtp(k, 160 * k, said[k].tobytes()))
    assert bench.rows.lost_of_source(0) == 0
    assert bench.rows.packets_in[0] == 20


@pytest.mark.parametrize("size", [80, 240, 320, 480, 100, 33])
def test_any_packet_time_is_heard_whole(size: int) -> None:
    bench, said = call(), speech(60).ravel()
    heard = hear(bench)
    at = 0
    for tick in range(50):
        packets = []
        while at + size <= min(160 * (tick + 3), said.size):
            packets.append(rtp(at // size, 5000 + at, said[at : at + size].tobytes()))
            at += size
        bench.tick(*packets)
    assert contains(heard(), said[: 160 * 40])


def test_a_jump_of_the_timestamp_starts_anew_without_a_long_silence() -> None:
    for jump in (1 << 31, 9999, -20000, 160 * 1000):
        bench, said = call(), speech(40)
        heard = hear(bench)
        for k in range(20):
            bench.tick(rtp(k, 160 * k, said[k].tobytes()))
        for k in range(20, 40):
            bench.tick(rtp(k, 160 * k + jump, said[k].tobytes()))
        assert contains(heard(), said[:19].ravel())
        assert contains(heard(), said[20:39].ravel())
        assert heard().size == 40 * 160


def test_a_late_packet_is_heard_and_the_delay_shrinks_again() -> None:
    bench, said = call(), speech(400)
    heard = hear(bench)
    late: list[bytes] = []
    for k in range(400):
        packet = rtp(k, 160 * k, said[k].tobytes())
        if k in (20, 21, 22):
            late.append(packet)
            bench.tick()
        else:
            bench.tick(*late, packet)
            late.clear()
    assert contains(heard(), said[20:60].ravel())
    assert int(bench.rows.ahead[0]) <= 3 * 160


def test_a_pause_of_the_peer_is_silence_and_then_begins_anew() -> None:
    bench, said = call(), speech(20)
    heard = hear(bench)
    for k in range(10):
        bench.tick(rtp(k, 160 * k, said[k].tobytes()))
    for _ in range(50):
        bench.tick()
    for k in range(10, 20):
        bench.tick(rtp(k, 160 * k + 8000, said[k].tobytes(), marker=True))
    assert contains(heard(), said[10:19].ravel())
    assert (heard()[160 * 20 : 160 * 50] == ULAW_SILENCE).all()


def test_comfort_noise_is_heard_until_sound_comes() -> None:
    bench, said = call(), speech(20)
    heard = hear(bench)
    for k in range(10):
        bench.tick(rtp(k, 160 * k, said[k].tobytes()))
    bench.tick(rtp(10, 1600, bytes([40]), 13))
    for _ in range(20):
        bench.tick()
    noise = heard()[160 * 20 : 160 * 30]
    assert len(np.unique(noise)) > 10
    bench.tick(rtp(11, 8000, said[11].tobytes()))
    assert bench.rows.noise[0] == 0


def test_a_burst_after_a_stall_does_not_stay_as_delay() -> None:
    bench, said = call(), speech(100)
    for k in range(10):
        bench.tick(rtp(k, 160 * k, said[k].tobytes()))
    for _ in range(3):
        bench.tick()
    bench.tick(*(rtp(k, 160 * k, said[k].tobytes()) for k in range(10, 24)))
    bench.tick(rtp(24, 160 * 24, said[24].tobytes()))
    assert int(bench.rows.ahead[0]) <= 10 * 160


def test_sound_of_two_sources_is_never_mixed() -> None:
    bench, said = call(), speech(40)
    heard = hear(bench)
    for k in range(40):
        bench.tick(rtp(k, 160 * k, said[k].tobytes(), ssrc=7 if k % 2 == 0 else 9))
    frames = {frame.tobytes() for frame in heard().reshape(-1, 160)}
    assert not frames & {said[k].tobytes() for k in range(1, 40, 2)}


def test_a_new_source_takes_over_when_the_old_one_is_gone() -> None:
    bench, said = call(), speech(40)
    heard = hear(bench)
    for k in range(20):
        bench.tick(rtp(k, 160 * k, said[k].tobytes(), ssrc=7))
    for k in range(20, 40):
        bench.tick(rtp(k, 160 * k + 77777, said[k].tobytes(), ssrc=9))
    assert contains(heard(), said[22:39].ravel())
    assert bench.rows.lost_of_source(0) == 0
