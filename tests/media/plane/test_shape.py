"""Packets of other lengths than 20 ms: sound whole, timestamps and numbers right, events between them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media.codecs.g711 import ULAW_DECODE, ULAW_ENCODE
from media.face import WIDE_SUFFIX
from media.protocol import Command, DigitMode, Event, UpdateFlag
from tests.kit.plane import PlaneBench, Sent, rtp


def ramp(frames: int) -> np.ndarray:
    """Sound in which every 10 ms are unlike all others."""
    return ULAW_DECODE[np.random.default_rng(2).integers(0, 255, frames * 160)]


def consecutive(packets: list[Sent]) -> bool:
    return all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in itertools.pairwise(packets))


def played(ptime: int, frames: int = 60, **wanted: object) -> tuple[PlaneBench, list[Sent]]:
    bench = PlaneBench()
    bench.sounds["a"] = ramp(frames)
    bench.call(ptime=ptime, **wanted)  # type: ignore[arg-type]
    bench.play(0, 1, "a")
    return bench, [sent for _ in range(frames + 8) for sent in bench.whole_tick()]


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
def test_sound_arrives_whole_in_packets_of_what_was_agreed(ptime: int) -> None:
    bench, packets = played(ptime)
    assert {len(packet.payload) for packet in packets} == {8 * ptime}
    assert consecutive(packets)
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(packets)}
    assert steps == {8 * ptime}
    heard = b"".join(packet.payload for packet in packets)
    assert ULAW_ENCODE[bench.sounds["a"].view(np.uint16)].tobytes() in heard
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)
    stats = bench.plane.statistics(0, last=False)
    assert stats
    assert int(bench.rows.packets_out[0]) in (len(packets), len(packets) + 1, len(packets) + 2)
    assert int(bench.rows.octets_out[0]) == int(bench.rows.packets_out[0]) * 8 * ptime
    assert len(bench.of(Event.PLAY_DONE)) == 1


@pytest.mark.parametrize("ptime", [10, 30, 50])
def test_odd_lengths_leave_in_both_halves_of_a_tick(ptime: int) -> None:
    bench = PlaneBench()
    bench.call(ptime=ptime)
    halves: list[int] = []
    for _ in range(60):
        first = len(bench.first())
        bench.second()
        halves += [first, len(bench.loops.sent) - first]
    assert max(halves) == 1
    times = [at * 10 for at, count in enumerate(halves) if count]
    assert {b - a for a, b in itertools.pairwise(times[2:])} == {ptime}


@pytest.mark.parametrize("ptime", [10, 30, 40, 60])
@pytest.mark.parametrize("codec", ["pcmu", "g722"])
def test_events_stand_between_packets_with_right_times(ptime: int, codec: str) -> None:
    bench = PlaneBench()
    bench.call(ptime=ptime, codec=codec, payload_type=9 if codec == "g722" else 0)
    for _ in range(5):
        bench.whole_tick()
    bench.order(Command.DIGITS, 0, 100, 60, DigitMode.AGREED, strings=(b"7",))
    packets = [sent for _ in range(30) for sent in bench.whole_tick()]
    assert consecutive(packets)
    events = [packet for packet in packets if packet.kind == 101]
    assert [int.from_bytes(packet.payload[2:4], "big") for packet in events] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert len({packet.timestamp for packet in events}) == 1
    begins = packets.index(events[0])
    before = packets[begins - 1]
    assert (before.timestamp + len(before.payload)) & 0xFFFFFFFF == events[0].timestamp
    after = packets[begins + len(events)]
    assert after.timestamp == (events[0].timestamp + 8 * 160) & 0xFFFFFFFF
    sound = [packet for packet in packets if packet.kind != 101]
    assert {len(packet.payload) for packet in sound if packet is not before} == {8 * ptime}


def test_held_rows_send_nothing_and_begin_anew_with_a_marker() -> None:
    bench, _ = played(60)
    bench.agree(ptime=60, flags=int(UpdateFlag.RECEIVE))
    bench.whole_tick()
    assert [sent for _ in range(10) for sent in bench.whole_tick()] == []
    bench.agree(ptime=60)
    packets = [sent for _ in range(10) for sent in bench.whole_tick()]
    assert packets[0].marker
    assert len(packets[0].payload) == 480


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([10, 20, 30, 40, 50, 60]), st.integers(1, 12)), min_size=1, max_size=6))
@example([(50, 2), (60, 2), (10, 2)])
def test_packet_times_may_change_at_any_moment(changes: list[tuple[int, int]]) -> None:
    bench = PlaneBench()
    bench.call()
    packets = []
    changed = []
    for number, (ptime, ticks) in enumerate(changes):
        bench.agree(ptime=ptime)
        for _ in range(ticks):
            sent = bench.whole_tick()
            packets += sent
            changed += [number] * len(sent)
    assert consecutive(packets)
    for (a, before), (b, after) in itertools.pairwise(zip(packets, changed, strict=True)):
        gap = (b.timestamp - a.timestamp) & 0xFFFFFFFF
        # What was gathered when the length changed is left out, at each change.
        assert len(a.payload) <= gap <= len(a.payload) + 480 * max(1, after - before)
        assert gap % 80 == 0


def test_both_sides_are_recorded_of_rows_with_long_packets(tmp_path) -> None:
    bench = PlaneBench()
    bench.sounds["a"] = ramp(40)
    bench.call(ptime=60)
    bench.writer.start()
    path = tmp_path / "both.wav"
    bench.order(Command.RECORD, 0, 1, True, False, 0, 0, strings=(str(path).encode(),))
    bench.play(0, 1, "a")
    for _ in range(50):
        bench.whole_tick()
    bench.order(Command.STOP_RECORD, 0, 1)
    bench.whole_tick()
    bench.writer.close()
    samples = np.frombuffer(path.read_bytes()[44:], "<i2").reshape(-1, 2)
    assert bench.sounds["a"].tobytes() in np.ascontiguousarray(samples[:, 1]).tobytes()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([10, 20, 30, 40, 50, 60]), st.integers(0, 19), st.integers(0, 0xFFFFFFFF), st.integers(0, 3))
def test_packets_of_any_length_are_heard_whole(ptime: int, phase: int, timestamp: int, late: int) -> None:
    """The peer sends every ``ptime`` ms, beginning ``phase`` ms after a tick, up to ``late`` ms too late."""
    bench = PlaneBench()
    bench.call()
    frames: list[bytes] = []
    bench.plane.recorder.hear = lambda index, payload: frames.extend(payload[k].tobytes() for k in range(len(index)))  # type: ignore[method-assign]
    said = np.random.default_rng(3).integers(0, 128, (150, 8 * ptime)).astype(np.uint8)
    rng = np.random.default_rng(ptime + phase)
    due = [phase + ptime * k + int(rng.integers(0, late + 1)) for k in range(len(said))]
    sent = 0
    for tick in range(90):
        batch = []
        while sent < len(said) and due[sent] <= tick * 20:
            batch.append(rtp(sent, timestamp + 8 * ptime * sent, said[sent].tobytes()))
            sent += 1
        bench.whole_tick(*batch)
    heard = b"".join(frames)
    wanted = said[: max(1, sent - 4)].tobytes()
    assert wanted in heard


def test_a_change_of_the_peers_packet_time_in_the_middle_is_not_heard() -> None:
    bench = PlaneBench()
    bench.call()
    frames: list[bytes] = []
    bench.plane.recorder.hear = lambda index, payload: frames.extend(payload[k].tobytes() for k in range(len(index)))  # type: ignore[method-assign]
    said = np.random.default_rng(3).integers(0, 128, 8 * 4000).astype(np.uint8).tobytes()
    at = sequence = 0
    times = [20] * 20 + [60] * 10 + [10] * 60 + [30] * 20 + [20] * 20
    for tick in range(200):
        batch = []
        while sequence < len(times) and at // 8 <= tick * 20:
            size = 8 * times[sequence]
            batch.append(rtp(sequence, at, said[at : at + size]))
            at += size
            sequence += 1
        bench.whole_tick(*batch)
    assert said[: at - 480] in b"".join(frames)


def test_wide_sounds_are_found_beside_narrow_ones_only_for_wide_rows() -> None:
    bench = PlaneBench()
    bench.sounds["a"] = ramp(20)
    bench.sounds["a" + WIDE_SUFFIX] = np.repeat(ramp(20), 2)
    bench.call()
    bench.play(0, 1, "a")
    packets = [sent for _ in range(25) for sent in bench.whole_tick()]
    assert ULAW_ENCODE[bench.sounds["a"].view(np.uint16)].tobytes() in b"".join(p.payload for p in packets)
