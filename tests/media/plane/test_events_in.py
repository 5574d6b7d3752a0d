"""Telephone-events of peers: each digit once, whatever the network does to its packets."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.events_in import BURST, DIGITS, EventReceiver
from media.protocol import Event
from tests.kit.plane import PlaneBench, rtp


def packets_of(code: int, sequence: int, timestamp: int, ssrc: int = 7) -> list[bytes]:
    """Five packets of a digit of 100 ms, the last three with the end bit."""
    durations = ((160, 0), (320, 0), (480, 0), (640, 0), (800, 0x80), (800, 0x80), (800, 0x80))
    return [
        rtp(sequence + k, timestamp, struct.pack(">BBH", code, 10 | end, duration), 101, ssrc, marker=k == 0)
        for k, (duration, end) in enumerate(durations)
    ]


def test_a_digit_starts_at_its_first_packet_and_ends_once() -> None:
    bench = PlaneBench()
    bench.call()
    for packet in packets_of(5, 1, 1000):
        bench.tick(packet)
    start, end = bench.of(Event.DIGIT)
    assert chr(start[0]) == "5" and not start[1] and not start[2]
    assert end[2] and abs(end[4] - 0.1) < 1e-6
    assert start[5] == end[5]
    assert end[3] > start[3]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=14),
    st.integers(0, 15),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
)
def test_any_packets_of_one_event_in_any_order_are_one_digit(
    chosen: list[int], code: int, sequence: int, timestamp: int
) -> None:
    bench = PlaneBench()
    bench.call()
    packets = packets_of(code, sequence, timestamp)
    for k in chosen:
        bench.tick(packets[k])
    for _ in range(30):
        bench.tick()
    assert bench.digits() == DIGITS[code]
    assert bench.digits(ends=True) == DIGITS[code]


def test_the_same_digit_twice_is_two_digits() -> None:
    bench = PlaneBench()
    bench.call()
    for packet in packets_of(4, 1, 1000) + packets_of(4, 20, 3000):
        bench.tick(packet)
    assert bench.digits() == bench.digits(ends=True) == "44"


def test_a_lost_end_is_made_up_for_by_the_next_digit_or_by_time() -> None:
    bench = PlaneBench()
    bench.call()
    bench.tick(*packets_of(1, 1, 1000)[:3])
    bench.tick(*packets_of(2, 20, 3000)[:2])
    assert bench.digits() == "12"
    assert bench.digits(ends=True) == "1"
    for _ in range(20):
        bench.tick()
    assert bench.digits(ends=True) == "12"
    bench.tick(packets_of(2, 20, 3000)[-1])
    assert bench.digits() == "12"


def test_events_of_another_ssrc_count_although_its_sound_does_not() -> None:
    bench = PlaneBench()
    bench.call()
    for k in range(10):
        bench.tick(rtp(k, 160 * k, b"\x10" * 160, ssrc=7))
    for packet in packets_of(9, 500, 90000, ssrc=99):
        bench.tick(packet)
    assert bench.digits() == "9"


def test_a_press_of_twenty_seconds_is_one_digit() -> None:
    receiver, found = EventReceiver(), []
    for k in range(1000):
        segment, within = divmod(k, 400)
        duration = (within + 1) * 160
        timestamp, sequence = 100 + segment * 64000, k
        found += receiver.receive(0, 7, timestamp, sequence, struct.pack(">BBH", 7, 10, duration), k)
    found += receiver.receive(0, 7, 128100, 1001, struct.pack(">BBH", 7, 0x8A, 32000), 1000)
    assert [digit.end for digit in found] == [False, True]
    assert found[1].duration == 20.0


def test_a_flood_of_digits_is_bounded() -> None:
    receiver, starts = EventReceiver(), 0
    for k in range(2000):
        found = receiver.receive(0, 7, 320 * k, k, struct.pack(">BBH", k % 10, 0x8A, 320), k // 8)
        starts += sum(not digit.end for digit in found)
    assert BURST <= starts <= BURST + 2000 / 8 * 0.5 + 1


def test_codes_from_seventeen_and_short_payloads_are_no_digits() -> None:
    receiver = EventReceiver()
    for code in range(17, 256):
        assert receiver.receive(0, 7, code, code, struct.pack(">BBH", code, 10, 160), 0) == []
    assert receiver.receive(0, 7, 1, 1, b"\x05\x8a\x00", 0) == []
    assert receiver.expire(100) == []


def test_sound_is_muted_while_an_event_comes() -> None:
    bench = PlaneBench()
    bench.call()
    bench.tick(*packets_of(5, 1, 1000)[:1])
    assert bench.rows.deaf_until[0] > bench.plane.tick
