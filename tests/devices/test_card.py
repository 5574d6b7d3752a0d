"""A sound card as a line's hardware: commands, sound and events around the state machine, on a card of the test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.devices.card import CardHardware
from ivr.devices.hardware import Alerting, Answered, Back, Gone, HardwareEvent, HungUp, Key, Ringing
from ivr.devices.hid import HandsetError, HidEvent
from ivr.settings import SoundCard
from media.devices import CardError, CardState
from media.dtmf.generator import digits_samples
from tests.media.dtmf_adapter import detect

FRAME = 160
SECONDS = 10.0


class FakeCard:
    """A card that hears what it is told to, and keeps what it sounds."""

    def __init__(self, changed: Callable[[CardState], None], frame: int) -> None:
        self.changed = changed
        self.frame = frame
        self.stuck = False
        self.open = True
        self.hears: NDArray[np.int16] = np.zeros(0, np.int16)
        self.sounded: list[NDArray[np.int16]] = []

    def read(self) -> NDArray[np.int16]:
        frame, self.hears = self.hears[: self.frame], self.hears[self.frame :]
        return np.pad(frame, (0, self.frame - len(frame)))

    def write(self, frame: NDArray[np.int16]) -> None:
        self.sounded.append(frame)

    def close(self) -> None:
        self.open = False


class FakeHandset:
    """A handset whose hook is in the test's hand."""

    def __init__(self) -> None:
        self.tell: Callable[[HidEvent], None] = lambda event: None
        self.lose: Callable[[str], None] = lambda reason: None
        self.lamps: list[tuple[bool, bool]] = []
        self.open = True

    def start(self, on_event: Callable[[HidEvent], None], on_lost: Callable[[str], None]) -> None:
        self.tell, self.lose = on_event, on_lost

    def show(self, *, off_hook: bool, ring: bool) -> None:
        if self.lamps[-1:] != [(off_hook, ring)]:
            self.lamps.append((off_hook, ring))

    def close(self) -> None:
        self.open = False


class Bench:
    """A line driven frame by frame, as an endpoint would."""

    def __init__(self, **settings: Any) -> None:
        self.now = 100.0
        self.told: list[HardwareEvent] = []
        self.cards: list[FakeCard] = []
        self.handset = FakeHandset()
        self.trouble: list[Exception] = []
        self.asked: list[int | None] = []
        self.stuck = 0
        line = SoundCard.model_validate({"type": "sound_card", "hid": "auto", **settings})
        self.line = CardHardware(
            line, card=self._card, handset=self._handset, clock=lambda: self.now, on_stuck=self._on_stuck
        )
        self.line.on_event = self.told.append

    @property
    def card(self) -> FakeCard:
        return self.cards[-1]

    def _card(self, changed: Callable[[CardState], None]) -> FakeCard:
        if self.trouble and isinstance(self.trouble[0], CardError):
            raise self.trouble.pop(0)
        self.cards.append(FakeCard(changed, self.line.rate // 50))
        return self.card

    def _handset(self, number: int | None) -> FakeHandset:
        self.asked.append(number)
        if self.trouble:
            raise self.trouble.pop(0)
        return self.handset

    def _on_stuck(self) -> None:
        self.stuck += 1

    async def __aenter__(self) -> Bench:
        await self.line.start()
        await self.until(lambda: bool(self.cards))
        self.card.changed(CardState(True, "USB Phone: Audio (hw:3,0)"))
        await self.until(lambda: self.told == [Back("USB Phone: Audio (hw:3,0)")])
        self.told.clear()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.line.close()
        assert all(not card.open for card in self.cards)

    async def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < deadline, self.told
            await asyncio.sleep(0.005)

    async def hear(self, sound: NDArray[np.int16] | float, speak: int = 0) -> NDArray[np.int16]:
        """The line hears `sound` (or so many seconds of nothing), and is given a level to say; what goes on."""
        heard = np.zeros(round(8000 * sound), np.int16) if isinstance(sound, float | int) else sound
        self.card.hears = heard
        frames = []
        for _ in range(-(-len(heard) // FRAME)):
            self.now += 0.02
            frames.append(self.line.device.read())
            self.line.device.write(np.full(FRAME, speak, np.int16))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)

    def take(self) -> list[HardwareEvent]:
        told = self.told[:]
        self.told.clear()
        return told

    async def lift(self, lifted: bool = True) -> None:
        await self.until(lambda: self.line._handset is not None)
        self.handset.tell(HidEvent("lifted" if lifted else "on_hook"))
        await asyncio.sleep(0)


VOICE = (3000 * np.sin(np.arange(8000) * 0.5)).astype(np.int16)


@pytest.fixture
async def handset() -> AsyncIterator[Bench]:
    async with Bench() as bench:
        yield bench


async def test_a_handset_calls_talks_and_is_put_down(handset: Bench) -> None:
    bench = handset
    await bench.lift()
    assert bench.take() == [Ringing("")]
    assert bench.asked == [3]
    assert not (await bench.hear(VOICE)).any()
    bench.line.answer()
    await bench.hear(0.1)
    assert bench.take() == [Answered(certain=True)]
    heard = await bench.hear(VOICE, speak=500)
    assert np.abs(heard).max() > 2500
    await bench.hear(0.1, speak=500)
    assert bench.card.sounded[-1][0] == 500
    assert bench.handset.lamps[-1] == (True, False)
    await bench.hear(digits_samples("59"))
    bench.handset.tell(HidEvent("key", "3"))
    await bench.lift(False)
    assert bench.take() == [Key("5"), Key("9"), Key("3"), HungUp()]
    assert not (await bench.hear(VOICE)).any()
    assert not bench.card.sounded[-1].any()
    assert bench.handset.lamps[-1] == (False, False)


async def test_keys_are_sounded_in_place_of_the_call(handset: Bench) -> None:
    bench = handset
    bench.line.send_key("1")  # no call: nothing is sounded
    await bench.lift()
    bench.line.answer()
    await bench.hear(0.1)
    bench.card.sounded.clear()
    bench.line.send_key("4")
    bench.line.send_key("2")
    await bench.hear(0.6)
    assert [digit for digit, _, _ in detect(np.concatenate(bench.card.sounded))] == ["4", "2"]


async def test_the_busy_tone_is_heard_once_the_flow_has_ended_the_call(handset: Bench) -> None:
    bench = handset
    await bench.lift()
    bench.line.answer()
    await bench.hear(0.1)
    bench.line.hang_up()
    assert not (await bench.hear(VOICE)).any()
    assert any(frame.any() for frame in bench.card.sounded[-50:])
    await bench.lift(False)
    await bench.hear(0.1)
    assert not bench.card.sounded[-1].any()
    assert bench.take() == [Ringing(""), Answered(certain=True)]


async def test_a_call_out_rings_the_handset(handset: Bench) -> None:
    bench = handset
    await bench.until(lambda: bench.line._handset is not None)
    bench.line.dial("200")
    await bench.hear(0.5)
    assert bench.take() == [Alerting()]
    assert bench.card.sounded[-1].any()
    assert bench.handset.lamps[-1] == (False, True)
    await bench.lift()
    assert bench.take() == [Answered(certain=True)]


async def test_a_number_is_dialled_in_tones() -> None:
    async with Bench(dial="tones", answer="ring") as bench:
        assert bench.line.early_media
        bench.line.dial("0,123")
        heard = await bench.hear(np.tile(VOICE, 5))
        assert np.abs(heard).max() > 2500
        assert "".join(digit for digit, _, _ in detect(np.concatenate(bench.card.sounded))) == "0123"
        assert bench.take() == [Answered(certain=False)]


async def test_a_voice_calls_while_no_endpoint_reads() -> None:
    async with Bench(answer="voice") as bench:
        assert not bench.line.early_media
        await bench.hear(0.3)
        bench.card.hears = VOICE
        bench.now += 1

        def tick() -> bool:
            bench.now += 0.02
            return bool(bench.told)

        await bench.until(tick)
        assert bench.take() == [Ringing("")]
        assert bench.asked == []  # nobody looks for a handset that nothing needs


async def test_a_card_that_goes_ends_the_call_and_may_come_back(handset: Bench) -> None:
    bench = handset
    await bench.lift()
    bench.card.changed(CardState(False, "gone"))
    bench.card.changed(CardState(True, "USB Phone"))
    await bench.until(lambda: len(bench.told) == 3)
    assert bench.take() == [Ringing(""), Gone("gone"), Back("USB Phone")]


async def test_a_handset_that_is_lost_is_put_down_and_looked_for_again(handset: Bench) -> None:
    bench = handset
    await bench.lift()
    bench.handset.lose("pulled out")
    await bench.until(lambda: len(bench.asked) == 2)
    await bench.lift()
    assert bench.take() == [Ringing(""), HungUp(), Ringing("")]


async def test_what_is_wrong_is_logged_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.trouble += [CardError("no PyAudio"), HandsetError("no hook"), HandsetError("no hook")]
    async with bench:
        await bench.until(lambda: bench.line._handset is not None)
    assert [record.getMessage() for record in caplog.records] == ["no PyAudio", "no hook"]


async def test_a_driver_that_hangs_ends_the_process(handset: Bench) -> None:
    bench = handset
    bench.card.stuck = True
    await bench.until(lambda: bench.stuck == 1)


async def test_without_hid_nobody_looks_for_a_handset() -> None:
    async with Bench(hid="off") as bench:
        await bench.hear(0.1)
        assert bench.asked == []
    assert {thread.is_alive() for thread in bench.line._threads} == {False}


async def test_wideband() -> None:
    async with Bench(wideband=True, hid="off", answer="always") as bench:
        assert bench.line.rate == 16000
        for _ in range(110):
            bench.now += 0.02
            bench.line.read()
        await bench.until(lambda: bench.told == [Ringing("")])
        bench.line.answer()
        bench.line.read()
        bench.card.hears = np.repeat(VOICE, 2)
        assert max(np.abs(bench.line.read()).max() for _ in range(10)) > 2500
        assert len(bench.line.read()) == 320


async def test_a_fault_of_a_card_ends_the_process(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(hid="off")

    def broken(changed: Callable[[CardState], None]) -> FakeCard:
        raise ZeroDivisionError

    bench.line._make_card = broken
    await bench.line.start()
    await bench.until(lambda: bench.stuck == 1)
    await bench.line.close()
    assert "begins anew" in caplog.text
