"""Digits when a peer changes how it sends them, flashes, and tones of the network."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from media.codecs.g711 import ULAW_ENCODE
from media.dtmf.generator import digit_samples
from media.protocol import NO_TYPE, TONE_KINDS, Command, Event, UpdateFlag
from media.tones import tone
from tests.kit.plane import ALL, PEER, PlaneBench, rtp

INBAND = int(ALL | UpdateFlag.INBAND)


def sound(bench: PlaneBench, at: int, samples: np.ndarray) -> None:
    """Ticks of ``samples`` in µ-law, numbered from tick ``at``."""
    octets = ULAW_ENCODE[samples.view(np.uint16)]
    for k in range(len(octets) // 160):
        bench.whole_tick(rtp(at + k, (at + k) * 160, octets[k * 160 : k * 160 + 160].tobytes()))


def event(at: int, began: int, code: int, end: bool = False, kind: int = 101) -> bytes:
    """A packet of tick ``at`` of the event that began in tick ``began``."""
    payload = struct.pack(">BBH", code, 10 | 0x80 * end, (at - began + 1) * 160)
    return rtp(at, began * 160, payload, kind, marker=at == began)


def quiet(bench: PlaneBench, at: int, ticks: int) -> None:
    sound(bench, at, np.zeros(ticks * 160, np.int16))


def test_a_digit_that_begins_as_event_and_goes_on_as_tone_is_one() -> None:
    bench = PlaneBench()
    bench.call()
    quiet(bench, 0, 10)
    for at in range(10, 15):
        bench.whole_tick(event(at, 10, 5))
    bench.agree(events=NO_TYPE, flags=INBAND)
    sound(bench, 15, digit_samples("5", 300.0))
    quiet(bench, 30, 30)
    assert (bench.digits(), bench.digits(ends=True)) == ("5", "5")
    start, end = bench.of(Event.DIGIT)
    assert start[5] == end[5]
    assert end[4] > 0.3


def test_a_digit_that_begins_as_tone_and_goes_on_as_event_is_one() -> None:
    bench = PlaneBench()
    bench.call(events=NO_TYPE, flags=INBAND)
    quiet(bench, 0, 10)
    sound(bench, 10, digit_samples("5", 160.0))
    bench.agree(events=96)
    for at in range(18, 24):
        bench.whole_tick(event(at, 18, 5, end=at == 23, kind=96))
    quiet(bench, 24, 30)
    assert (bench.digits(), bench.digits(ends=True)) == ("5", "5")
    start, end = bench.of(Event.DIGIT)
    assert start[5] == end[5]
    assert (start[1], end[1]) == (1, 0)


def test_a_tone_that_nothing_follows_ends_when_tones_are_no_longer_listened_to() -> None:
    bench = PlaneBench()
    bench.call(events=NO_TYPE, flags=INBAND)
    quiet(bench, 0, 10)
    sound(bench, 10, digit_samples("5", 160.0))
    bench.agree(events=96)
    quiet(bench, 18, 30)
    assert (bench.digits(), bench.digits(ends=True)) == ("5", "5")
    for at in range(50, 56):
        bench.whole_tick(event(at, 50, 5, end=at == 55, kind=96))
    assert bench.digits() == "55"


@pytest.mark.parametrize("changed", [96, 110])
def test_another_payload_type_in_the_middle_of_a_digit_neither_doubles_nor_loses_it(changed: int) -> None:
    bench = PlaneBench()
    bench.call()
    quiet(bench, 0, 10)
    for at in range(10, 14):
        bench.whole_tick(event(at, 10, 5))
    bench.agree(events=changed)
    bench.whole_tick()
    for at in range(14, 20):
        bench.whole_tick(event(at, 10, 5, end=at > 16, kind=changed))
    for at in range(22, 28):
        bench.whole_tick(event(at, 22, 6, end=at > 24, kind=changed))
    assert (bench.digits(), bench.digits(ends=True)) == ("56", "56")


def test_a_tone_that_leaks_beside_its_event_is_no_second_digit() -> None:
    bench = PlaneBench()
    bench.call(flags=INBAND)
    quiet(bench, 0, 10)
    sound(bench, 10, digit_samples("8", 80.0))
    for at in range(14, 20):
        bench.whole_tick(event(at, 14, 8, end=at > 17))
    quiet(bench, 20, 30)
    assert (bench.digits(), bench.digits(ends=True)) == ("8", "8")


def test_a_flash_is_told_once_and_passed_on_over_a_bridge() -> None:
    bench = PlaneBench()
    bench.call()
    bench.call(1, PEER + 2, event_type=97)
    bench.order(Command.BRIDGE, 0, 1, 1)
    quiet(bench, 0, 5)
    sent = []
    for at in range(5, 12):
        sent += bench.whole_tick(event(at, 5, 16, end=at > 8))
    for _ in range(10):
        sent += bench.whole_tick()
    assert len(bench.of(Event.FLASH)) == 1
    assert bench.of(Event.DIGIT) == []
    passed = [packet for packet in sent if packet.row == 1 and packet.kind == 97]
    assert {packet.payload[0] for packet in passed} == {16}


@pytest.mark.parametrize("country", ["", "us"])
def test_a_busy_tone_is_told_to_rows_that_ask(country: str) -> None:
    bench = PlaneBench()
    bench.call(busy_tone=True, tones=country)
    bench.call(1, PEER + 2)
    octets = ULAW_ENCODE[np.resize(tone("busy", "us"), 8000 * 5).view(np.uint16)]
    for at in range(250):
        packet = octets[at * 160 : at * 160 + 160].tobytes()
        bench.arrive([rtp(at, at * 160, packet)], 1, PEER + 2)
        bench.whole_tick(rtp(at, at * 160, packet))
    assert [TONE_KINDS[fields[0]] for fields in bench.of(Event.TONE)] == ["busy"]
    bench.agree()
    bench.whole_tick()
    assert not bench.plane.hearing._network._listeners


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.timeout(120)
def test_no_digit_of_thousands_is_lost_or_doubled_at_5_percent_loss(rate: int) -> None:
    """The peer sends as phones do: a packet each 20 ms, three ends; packets are lost, some come twice."""
    rng = np.random.default_rng(rate)
    digits_each, rows = 139, 36
    bench = PlaneBench(capacity=rows)
    wanted = []
    for row in range(rows):
        bench.call(row, PEER + 2 * row, event_rate_in=rate)
        wanted.append(rng.integers(0, 16, digits_each).tolist())
    step = rate // 50
    sequence = 0
    for number in range(digits_each):
        lasts = int(rng.integers(3, 7))
        for at in range(lasts + 3):
            duration = min(at + 1, lasts) * step
            for row in range(rows):
                code = wanted[row][number]
                payload = struct.pack(">BBH", code, 10 | 0x80 * (at >= lasts), duration)
                packet = rtp(sequence + at, (sequence * step) & 0xFFFFFFFF, payload, 101, marker=at == 0)
                chance = rng.random()
                if chance > 0.05:
                    bench.arrive([packet] * (2 if chance > 0.97 else 1), row, PEER + 2 * row)
            bench.whole_tick()
        sequence += lasts + 3
    for _ in range(20):
        bench.whole_tick()
    names = "0123456789*#ABCD"
    for row in range(rows):
        for end in (0, 1):
            found = [
                fields[0]
                for kind, at, fields, _ in bench.told
                if kind == Event.DIGIT and at == row and fields[2] == end
            ]
            assert "".join(map(chr, found)) == "".join(names[code] for code in wanted[row])
