"""Rows that ask who answered are told; others cost nothing."""

from __future__ import annotations

import numpy as np
import pytest

from media.codecs.g711 import ALAW_ENCODE, ULAW_ENCODE
from media.protocol import ANSWERER_MODES, ANSWERERS, Command, Event
from tests.kit.plane import PEER, PlaneBench, rtp

RATE = 8000


def voice(seconds: float, level: float = 3000.0) -> np.ndarray:
    """A sound with a pitch that glides, and syllables."""
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = np.cumsum(120 + 15 * np.sin(2 * np.pi * 1.3 * time)) / RATE
    sound = np.sum([np.cos(2 * np.pi * k * pitch) / k**0.5 for k in range(3, 14)], axis=0)
    return (sound * level / 3 * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))).astype(np.int16)


def beep(seconds: float, hertz: float = 1000.0) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.int16)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), np.int16)


def hear(bench: PlaneBench, sound: np.ndarray, row: int = 0, alaw: bool = False, at: int = 0) -> int:
    octets = (ALAW_ENCODE if alaw else ULAW_ENCODE)[sound.view(np.uint16)]
    for k in range(len(octets) // 160):
        packet = rtp(at + k, (at + k) * 160, octets[k * 160 : k * 160 + 160].tobytes(), 8 if alaw else 0)
        bench.whole_tick(packet, row=row, source=PEER + 2 * row)
    return at + len(octets) // 160


def ask(bench: PlaneBench, mode: str = "fast", row: int = 0) -> None:
    bench.order(Command.FIND_ANSWERER, row, ANSWERER_MODES.index(mode))


@pytest.mark.parametrize("alaw", [False, True])
def test_a_hello_and_a_pause_are_a_person(alaw: bool) -> None:
    bench = PlaneBench()
    bench.call(alaw=alaw)
    ask(bench)
    began = bench.now
    hear(bench, np.concatenate((silence(0.5), voice(0.5), silence(2.5))), alaw=alaw)
    (told,) = bench.of(Event.ANSWERER)
    who, confidence, at, final, beep_ended, _ = told
    assert (ANSWERERS[who], final, beep_ended) == ("human", 1, 0.0)
    assert 0.5 < confidence <= 1
    assert at - began < 2.5
    assert bench.plane.hearing.answerers.count == 0


def test_a_long_greeting_is_a_machine_and_its_beep_is_waited_for() -> None:
    bench = PlaneBench()
    bench.call()
    ask(bench, "beep")
    began = bench.now
    greeting = np.concatenate((silence(0.5), voice(6), silence(0.7), beep(0.5), silence(1)))
    hear(bench, greeting)
    first, second = bench.of(Event.ANSWERER)
    assert [(ANSWERERS[fields[0]], fields[3]) for fields in (first, second)] == [("machine", 0), ("machine", 1)]
    assert first[4] == 0.0
    ended = began + 0.5 + 6 + 0.7 + 0.5
    assert second[4] == pytest.approx(ended, abs=0.12)  # the jitter buffer holds 40 ms
    assert second[2] - ended < 0.3


def test_who_did_not_ask_or_asks_no_more_is_not_told() -> None:
    bench = PlaneBench()
    bench.call()
    bench.call(1, PEER + 2)
    ask(bench, row=1)
    hear(bench, silence(0.2))
    assert bench.plane.hearing.answerers.count == 1
    bench.order(Command.STOP_ANSWERER, 1)
    hear(bench, np.concatenate((voice(0.5), silence(2.0))), at=10)
    assert bench.of(Event.ANSWERER) == []
    assert bench.plane.hearing.answerers.count == 0


def test_a_released_row_is_forgotten_and_its_next_call_starts_anew() -> None:
    bench = PlaneBench()
    bench.call()
    ask(bench)
    hear(bench, np.concatenate((silence(0.4), voice(1.0))))
    bench.order(Command.RELEASE, 0)
    bench.tick()
    assert bench.plane.hearing.answerers.count == 0
    assert bench.of(Event.ANSWERER) == []
