"""Digits that the plane sends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from media.codecs.g711 import ULAW_DECODE
from media.protocol import NO_TYPE, Command, DigitMode, Event
from tests.kit.plane import PEER, PlaneBench, Sent, rtp


def send(bench: PlaneBench, digits: str, ms: int = 100, gap: int = 60, mode: int = DigitMode.AGREED) -> list[Sent]:
    bench.order(Command.DIGITS, 0, ms, gap, mode, strings=(digits.encode(),))
    return [sent for _ in range(60) for sent in bench.tick()]


def test_an_event_has_one_timestamp_growing_durations_and_three_ends() -> None:
    bench = PlaneBench()
    bench.call()
    packets = send(bench, "5")
    events = [packet for packet in packets if packet.kind == 101]
    assert [packet.marker for packet in events] == [True] + [False] * 7
    assert {packet.timestamp for packet in events} == {events[0].timestamp}
    assert [int.from_bytes(packet.payload[2:4], "big") for packet in events] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [bool(packet.payload[1] & 0x80) for packet in events] == [False] * 5 + [True] * 3
    assert {packet.payload[0] for packet in events} == {5}
    at = packets.index(events[0])
    assert packets[at - 1].timestamp + 160 & 0xFFFFFFFF == events[0].timestamp
    after = packets[at + len(events)]
    assert after.timestamp == (events[0].timestamp + 8 * 160) & 0xFFFFFFFF
    numbers = [packet.sequence for packet in packets]
    assert all((b - a) & 0xFFFF == 1 for a, b in itertools.pairwise(numbers))


def test_several_digits_and_only_digits() -> None:
    bench = PlaneBench()
    bench.call()
    events = [packet for packet in send(bench, "1x*#D") if packet.kind == 101]
    assert [packet.payload[0] for packet in events if packet.marker] == [1, 10, 11, 15]


def test_what_we_send_we_would_hear() -> None:
    bench = PlaneBench()
    bench.call()
    packets = send(bench, "112#")
    for packet in packets:
        bench.tick(packet.data)
    assert bench.digits() == bench.digits(ends=True) == "112#"
    assert all(abs(fields[4] - 0.1) < 1e-6 for fields in bench.of(Event.DIGIT) if fields[2])


def test_tones_where_no_events_were_agreed_are_found_by_the_detector() -> None:
    bench = PlaneBench()
    bench.call(events=NO_TYPE)
    packets = send(bench, "159#", ms=80, gap=80)
    assert {packet.kind for packet in packets} == {0}
    loud = [int(np.abs(ULAW_DECODE[np.frombuffer(packet.payload, np.uint8)]).max()) > 1000 for packet in packets]
    assert sum(loud) == 16
    listener = PlaneBench()
    listener.call(flags=7)
    for k, packet in enumerate(packets):
        listener.tick(rtp(k, 160 * k, packet.payload))
    assert listener.digits() == listener.digits(ends=True) == "159#"
    first = listener.of(Event.DIGIT)[0]
    assert first[1] == 1


def test_events_are_not_sent_as_tones_when_only_events_will_do() -> None:
    bench = PlaneBench()
    bench.call(events=NO_TYPE)
    assert len({packet.payload for packet in send(bench, "1", mode=DigitMode.EVENTS)}) == 1


def test_a_bridge_passes_digits_on() -> None:
    bench = PlaneBench()
    bench.call(0)
    other = PEER + 10
    bench.call(1, source=other)
    bench.order(Command.BRIDGE, 0, 1, 1)
    for k in range(30):
        bench.arrive([rtp(k, 160 * k, b"\x33" * 160)], 0)
        bench.arrive([rtp(k, 160 * k, b"\x44" * 160)], 1, other)
        last = bench.tick()
    assert {sent.row: set(sent.payload) for sent in last} == {0: {0x44}, 1: {0x33}}
    bench.arrive([rtp(90, 9000, b"\x08\x0a\x00\xa0", 101)], 0)
    events = [sent for _ in range(20) for sent in bench.tick() if sent.kind == 101]
    assert {sent.row for sent in events} == {1}
    assert {sent.payload[0] for sent in events} == {8}
    assert bench.digits() == "8"
    bench.order(Command.UNBRIDGE, 1)
    for _ in range(10):
        last = bench.tick()
    assert {sent.row: set(sent.payload) for sent in last} == {0: {0xFF}, 1: {0xFF}}


@pytest.mark.parametrize("signalled", [False, True])
def test_digits_that_go_by_signalling_are_not_passed_on_in_the_sound_path(signalled: bool) -> None:
    bench = PlaneBench()
    bench.call(0)
    bench.call(1, source=PEER + 10, events=NO_TYPE, keys_signalled=signalled)
    bench.order(Command.BRIDGE, 0, 1, 1)
    for k in range(30):
        bench.arrive([rtp(k, 160 * k, b"\xff" * 160)], 0)
        bench.arrive([rtp(k, 160 * k, b"\xff" * 160)], 1, PEER + 10)
        bench.tick()
    bench.arrive([rtp(90, 9000, b"\x08\x0a\x00\xa0", 101)], 0)
    heard = {sent.payload for _ in range(20) for sent in bench.tick() if sent.row == 1}
    assert bench.digits() == "8"
    assert (len(heard) == 1) is signalled  # silence alone, or a tone too


def test_a_new_agreement_changes_how_the_digits_after_it_are_sent() -> None:
    bench = PlaneBench()
    bench.call()
    bench.order(Command.DIGITS, 0, 100, 60, DigitMode.AGREED, strings=(b"12",))
    packets = [sent for _ in range(4) for sent in bench.tick()]
    bench.agree(events=96)
    packets += [sent for _ in range(3) for sent in bench.tick()]
    bench.agree(events=NO_TYPE)
    packets += [sent for _ in range(30) for sent in bench.tick()]
    events = [packet for packet in packets if packet.kind in (96, 101)]
    assert {packet.payload[0] for packet in events} == {1}
    assert {packet.kind for packet in events} == {96, 101}
    assert len({packet.timestamp for packet in events}) == 1
    after = packets[packets.index(events[-1]) + 1 :]
    loud = [packet for packet in after if np.abs(ULAW_DECODE[np.frombuffer(packet.payload, np.uint8)]).max() > 4000]
    assert len(loud) == 5
    assert not bench.plane.sender._waiting


def test_a_flash_is_an_event_or_nothing() -> None:
    bench = PlaneBench()
    bench.call()
    events = [packet for packet in send(bench, "!") if packet.kind == 101]
    assert {packet.payload[0] for packet in events} == {16}
    bench.agree(events=NO_TYPE)
    packets = send(bench, "!")
    assert {packet.kind for packet in packets} == {0}
    assert not np.concatenate([ULAW_DECODE[np.frombuffer(packet.payload, np.uint8)] for packet in packets]).any()
