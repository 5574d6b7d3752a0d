"""A card that comes, goes and comes back, on a host of the test with a clock of the test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from media.devices.card import CardDevice, CardState
from media.devices.cards import CardError
from tests.kit.cards import FakeHost, card

HANDSET = card(1, "Handset")
SECONDS = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A device, its host and its clock, driven block by block."""

    def __init__(self, host: FakeHost, channel: int = 1, wait: bool = False) -> None:
        self.host, self.clock, self.told = host, Clock(), list[CardState]()
        self.device = CardDevice(
            "handset",
            "handset",
            channel=channel,
            on_change=self.told.append,
            wait=wait,
            host=host,
            clock=self.clock,
        )

    def run(self, seconds: float, level: int = 0, sound: int = 0) -> list[int]:
        """Drive card and network for so long; the peaks of the frames heard."""
        peaks = []
        for _ in range(round(seconds / 0.02)):
            for _ in range(2):
                self.clock.now += 0.01
                self.host.block(level)
            peaks.append(int(np.abs(self.device.read()).max()))
            self.device.write(np.full(160, sound, np.int16))
        return peaks

    def until(self, true: Callable[[], bool], step: float = 0.0, blocks: bool = True) -> None:
        """Go on, `step` seconds of its clock at a time, until it is so."""
        deadline = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < deadline
            self.clock.now += step
            if blocks:
                self.host.block()
            time.sleep(0.005)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(FakeHost([card(0, "Other"), HANDSET]))
    made.until(lambda: made.device.there)
    yield made
    made.device.close()


def test_sound_goes_both_ways(bench: Bench) -> None:
    assert bench.told == [CardState(True, "Handset")]
    peaks = bench.run(1.0, level=4000, sound=2000)
    assert peaks[-1] == pytest.approx(4000, abs=2)
    assert bench.host.sounded[-1][-1, 0] == pytest.approx(2000, abs=2)
    statistics = bench.device.statistics()
    assert (statistics.input_rate, statistics.output_rate, statistics.gaps) == (48000, 48000, 0)
    assert 0.03 < statistics.input_latency < 0.06
    assert 0.01 < statistics.output_latency < 0.05


def test_callbacks_that_stop_are_noticed_and_give_silence_until_the_card_is_back(bench: Bench) -> None:
    bench.run(0.5, level=4000)
    bench.host.there.pop()
    stopped = bench.clock.now
    bench.until(lambda: not bench.device.there, step=0.02, blocks=False)
    assert bench.clock.now - stopped < 1.0
    assert (
        bench.told[-1] == CardState(False, "Handset: the card hears no more") or "sounds no more" in bench.told[-1].text
    )
    assert not bench.device.read().any()
    bench.device.write(np.zeros(160, np.int16))
    bench.until(lambda: bench.host.open == [], blocks=False)
    listed = bench.host.listed
    bench.until(lambda: bench.host.listed > listed + 1, step=0.05)
    assert not bench.device.there
    bench.host.there.append(card(5, "Handset"))
    bench.until(lambda: bench.device.there, step=0.05)
    assert bench.told[-1] == CardState(True, "Handset")
    assert bench.run(0.5, level=4000)[-1] == pytest.approx(4000, abs=2)
    assert bench.device.statistics().losses == 1


def test_one_way_that_stops_is_enough(bench: Bench) -> None:
    bench.host.open[0].open = False  # the input gives no more, the output goes on
    bench.until(lambda: not bench.device.there, step=0.02)
    assert bench.told[-1].text == "Handset: the card hears no more"


def test_a_card_that_is_not_there_is_said_at_once_or_waited_for() -> None:
    host = FakeHost([card(0, "Other")])
    with pytest.raises(CardError, match="no input device 'handset'; there are: 0 'Other'"):
        Bench(host)
    bench = Bench(host, wait=True)
    assert not bench.device.read().any()
    host.there.append(HANDSET)
    bench.until(lambda: bench.device.there, step=0.05)
    assert bench.device.wait_for(True, 0)
    bench.device.close()
    assert host.open == []


def test_a_card_that_opens_but_never_calls_is_tried_again() -> None:
    bench = Bench(FakeHost([HANDSET]))
    bench.until(lambda: bench.host.closed >= 4, step=0.05, blocks=False)
    assert bench.told == []
    assert bench.host.blocks[:2] == [0.02, 0.04]  # a sound system with long pieces asks for no short ones
    bench.until(lambda: bench.device.there, step=0.05)
    bench.device.close()


def test_a_card_that_is_busy_is_said_and_leaves_nothing_open() -> None:
    host = FakeHost([HANDSET])
    host.broken = True
    with pytest.raises(CardError, match="it is busy"):
        Bench(host)
    assert host.open == []


def test_the_line_is_on_its_channel_alone() -> None:
    bench = Bench(FakeHost([card(0, "Handset", 2, 2)]), channel=2)
    bench.until(lambda: bench.device.there)
    bench.run(1.0, sound=2000)
    left, right = bench.host.sounded[-1].T
    assert not left.any()
    assert right[-1] == pytest.approx(2000, abs=2)
    bench.device.close()
    with pytest.raises(CardError, match="'Handset' has 1 channels, and the line is on channel 2"):
        Bench(FakeHost([HANDSET]), channel=2)


def test_a_driver_that_hangs_is_known(bench: Bench) -> None:
    bench.host.hang.set()
    bench.until(lambda: bench.host.closed > 0, step=0.02, blocks=False)
    stuck = [bench.device.stuck]
    bench.clock.now += 10
    stuck.append(bench.device.stuck)
    assert stuck == [False, True]
    bench.host.hung.set()
    bench.until(lambda: not bench.device.stuck)
