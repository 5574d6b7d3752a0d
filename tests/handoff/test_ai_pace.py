"""Agents that send sound as they speak it, a frame every 20 ms, over networks of all kinds: what the caller hears, and
how much later. The plane, its tick and all that lies before it are those of life; time is not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import pytest

from ivr.handoff.ai_figures import AiFigures
from ivr.handoff.ai_voice import AiVoice
from media import Port, StreamFrames
from media.codecs.g711 import ULAW_SILENCE
from media.events import frames
from media.pacing import LEAST_LEAD
from media.plane.limits import SECOND_HALF, TICK
from media.protocol import records
from tests.kit.plane import PlaneBench

SILENCE = bytes([ULAW_SILENCE]) * 160
SILENT, MADE_UP = -1, -2
"""In place of a frame's number."""
STEP = 0.0005
"""Seconds: how exact the time of a message is."""


class _Link:
    """What a port needs of the link to a worker."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def send(self, record: bytes) -> None:
        self.waiting.append(record)

    send_sound = send


def frame(number: int) -> bytes:
    """Loud, and unlike all others."""
    return bytes([1 + number % 100, 1 + number // 100 % 100]) + bytes(158)


class Talk:
    """A call whose agent sends frame after frame."""

    def __init__(self) -> None:
        self.bench = PlaneBench()
        self.bench.call()
        self.link = _Link()
        self.port = Port(cast(Any, self.link), 0, 1, ("127.0.0.1", 20_000), lambda event: None)
        self.figures = AiFigures("bot", "media-streams", 0.0)
        self.voice = AiVoice(self.port, "ulaw", 60.0, self.figures)
        self.heard: list[tuple[float, int]] = []
        """When a packet left, and which frame of the agent was in it."""
        self._numbers: dict[bytes, int] = {}
        self.sent_at: list[float] = []

    def run(self, arrivals: Iterator[float], seconds: float) -> None:
        """Take what the agent sends at these moments, and let the ticks pass."""
        plane, number = self.bench.plane, 0
        due = next(arrivals)
        now, tick = 0.0, 0.0
        halves: list[tuple[float, Callable[[float], None]]] = []
        while now < seconds:
            if now >= tick - STEP / 2:
                built = tick + TICK - LEAST_LEAD
                halves = [(tick, self._first), (tick + SECOND_HALF, self._between), (built, self._build)]
                tick += TICK
            while halves and now >= halves[0][0] - STEP / 2:
                halves.pop(0)[1](now)
            while now >= due:
                self.sent_at.append(now)
                payload = frame(number)
                self._numbers[payload] = number
                self.voice.say(payload, "", now)
                number += 1
                due = next(arrivals)
            now += STEP
        assert plane.tick

    def _first(self, now: float) -> None:
        plane, loops = self.bench.plane, self.bench.loops
        plane.lead = LEAST_LEAD
        loops.sent.clear()
        plane.first_half(now, now + 1e9)
        for one in loops.sent:
            self.heard.append((now, self._numbers.get(one.payload, SILENT if one.payload == SILENCE else MADE_UP)))
        told, plane.stream_frames = plane.stream_frames, []
        for record in told:
            for _, _, _, fields, data in records(record):
                for _, _, stream, taken, payload in frames(fields, data):
                    for event in self.port._streamed(stream, taken, fields[2], fields[3], payload):
                        if isinstance(event, StreamFrames):
                            self.voice.ticked(event.at + TICK - event.lead)

    def _between(self, now: float) -> None:
        self.bench.plane.between(now, now + 1e9)

    def _build(self, now: float) -> None:
        waiting, self.link.waiting = self.link.waiting, []

        def carry_out() -> None:
            for record in waiting:
                self.bench.commands.obey(record)

        self.bench.plane.build(now, now + 1e9, carry_out)

    def gaps(self, since: float = 0.0) -> int:
        """Ticks of silence between the agent's first frame that is heard and the last."""
        numbers = [number for at, number in self.heard if at >= since]
        first = next(k for k, number in enumerate(numbers) if number >= 0)
        last = max(k for k, number in enumerate(numbers) if number >= 0)
        return numbers[first:last].count(SILENT)

    def delays(self, since: float = 0.0) -> Any:
        """Seconds from the agent's frames to the packets that they leave with."""
        return np.array([at - self.sent_at[number] for at, number in self.heard if number >= 0 and at >= since])


def paced(jitter: float, phase: float, seed: int) -> Iterator[float]:
    """Moments at which a frame comes: one every 20 ms by the wall clock, each late or early by up to ``jitter``, and
    never before the one before it."""
    chance, last, number = random.Random(seed), 0.0, 0
    while True:
        at = 0.1 + phase + number * 0.02 + chance.uniform(-jitter, jitter)
        last = max(last, at)
        yield last
        number += 1


def talked(arrivals: Iterator[float], seconds: float) -> Talk:
    talk = Talk()
    talk.run(arrivals, seconds)
    return talk


PHASES = (0.0, 0.006, 0.013, 0.018)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("jitter", [0.0, 0.005, 0.015])
def test_an_agent_that_keeps_its_pace_has_no_gaps(jitter: float, phase: float) -> None:
    talk = talked(paced(jitter, phase, round(1000 * phase)), 12.0)
    assert talk.gaps() == 0
    made_up = [at for at, number in talk.heard if number == MADE_UP]
    assert len(made_up) <= 2, "a frame each time that it comes later than ever before"
    numbers = [number for _, number in talk.heard if number >= 0]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    assert talk.voice._backlog.left_out <= 0.02
    assert talk.delays(3.0).max() <= 0.020 + LEAST_LEAD + 2 * jitter + 2 * STEP


def held_up(every: float, for_seconds: float, until: float) -> Iterator[float]:
    """The same without jitter, over a network that passes nothing on for a while every now and then."""
    for number in range(10**9):
        at = 0.1 + number * 0.02
        begun = at // every * every
        yield begun + for_seconds if every <= at < until and at - begun < for_seconds else at


def test_what_one_hold_up_has_cost_comes_back() -> None:
    talk = talked(held_up(2.0, 0.07, 4.0), 12.0)
    assert talk.delays(2.1).max() > 0.07
    assert talk.delays(4.5).max() <= 0.045, "all but the last frame"
    assert talk.delays(8.0).max() <= 0.025, "and in the end that too"
    assert talk.gaps(since=2.5) == 0


def test_hold_ups_that_come_again_and_again_do_not_cost_a_frame_each() -> None:
    talk = talked(held_up(2.0, 0.07, 1e9), 60.0)
    made_up = [at for at, number in talk.heard if number != SILENT and number < 0]
    assert talk.voice._backlog.left_out <= 0.3
    assert talk.gaps() + len(made_up) <= 20, "of thirty hold-ups that would leave three frames each"


def test_a_hold_up_of_this_process_leaves_what_is_on_its_way_alone() -> None:
    """Sound that came faster than it is spoken is never left out."""
    talk = talked(iter([0.1 + 0.001 * number for number in range(400)] + [1e9]), 9.0)
    numbers = [number for _, number in talk.heard if number != SILENT]
    assert numbers == list(range(400)) and talk.voice._backlog.left_out == 0.0
