"""Inlet and outlet between two clocks, in virtual time: sound goes through and nothing is missing."""

from __future__ import annotations

import random
from collections import deque

import numpy as np
import pytest
from numpy.typing import NDArray

from media.devices.clocks import MOST_KEPT, Inlet, Outlet

FRAME = 0.02
KEPT = 2500


def drive(
    inlet: Inlet,
    outlet: Outlet,
    seconds: float,
    *,
    ppm: float = 0.0,
    card: int = 48000,
    rate: int = 8000,
    block: float = 0.01,
    blocks: int = 1,
    late: float = 0.002,
    tone: float = 1000.0,
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """What the network heard and what the card sounded: a card `ppm` fast that hears a tone, and takes and gives
    `blocks` at a time, up to `late` late; frames sound the same tone. No more than the last pieces are kept."""
    chance = random.Random(1)
    size = round(card * block)
    heard, sounded = deque[NDArray[np.int16]](maxlen=KEPT), deque[NDArray[np.int16]](maxlen=KEPT)
    callbacks = frames = samples = 0
    now = 0.0
    while now < seconds:
        card_at = (callbacks + 1) * block * blocks / (1 + ppm * 1e-6) + 0.003
        frame_at = frames * FRAME
        if card_at <= frame_at:
            now = card_at + chance.uniform(0, late)
            for _ in range(blocks):
                turn = 2 * np.pi * tone * np.arange(samples, samples + size) / card
                inlet.heard((8000 * np.sin(turn)).astype(np.int16), now)
                sounded.append(outlet.wanted(size, now))
                samples += size
            callbacks += 1
        else:
            now = frame_at
            heard.append(inlet.read(now))
            turn = 2 * np.pi * tone * np.arange(frames * rate // 50, (frames + 1) * rate // 50) / rate
            outlet.write((8000 * np.sin(turn)).astype(np.int16), now)
            frames += 1
    return np.concatenate(heard), np.concatenate(sounded)


def jumps(sound: NDArray[np.int16], rate: int, tone: float) -> float:
    """The largest second difference, of what a steady tone of this level has: 1 without a jump."""
    turn = 2 * np.pi * tone / rate
    return float(np.abs(np.diff(sound.astype(float), 2)).max() / (8000 * 2 * (1 - np.cos(turn))))


@pytest.mark.parametrize("ppm", [200, -200])
@pytest.mark.parametrize("card", [48000, 44100])
def test_a_drifting_card_is_heard_and_sounds_without_a_jump(ppm: int, card: int) -> None:
    inlet, outlet = Inlet(card, 8000), Outlet(card, 8000)
    heard, sounded = drive(inlet, outlet, 20.0, ppm=ppm, card=card)
    assert inlet.gaps == outlet.gaps == 0
    assert jumps(heard[8000:], 8000, 1000) < 1.05
    assert jumps(sounded[card:], card, 1000) < 1.6  # 16-bit steps weigh more where samples are close
    assert abs(inlet.regulator.fill - inlet.regulator.place) < 0.012
    assert abs(outlet.regulator.fill - outlet.regulator.place) < 0.012


@pytest.mark.heavy
@pytest.mark.timeout(900)
@pytest.mark.parametrize("ppm", [200, -200])
def test_a_drifting_card_loses_nothing_in_an_hour(ppm: int) -> None:
    inlet, outlet = Inlet(16000, 8000), Outlet(16000, 8000)
    heard, sounded = drive(inlet, outlet, 3600.0, ppm=ppm, card=16000)
    assert inlet.gaps == outlet.gaps == 0
    assert inlet.regulator.drift == pytest.approx(ppm * 1e-6, abs=5e-6)
    assert outlet.regulator.drift == pytest.approx(-ppm * 1e-6, abs=5e-6)
    assert jumps(heard, 8000, 1000) < 1.05
    assert jumps(sounded, 16000, 1000) < 1.1


def test_a_card_that_works_in_large_pieces_is_learnt_by_few_gaps() -> None:
    inlet, outlet = Inlet(48000, 16000), Outlet(48000, 16000)
    drive(inlet, outlet, 10.0, blocks=4, rate=16000)
    learnt = inlet.gaps, outlet.gaps
    assert max(learnt) <= 4
    drive(inlet, outlet, 10.0, blocks=4, rate=16000)
    assert inlet.regulator.target < MOST_KEPT
    assert inlet.gaps + outlet.gaps <= sum(learnt) + 2


def test_silence_until_the_card_has_given_enough() -> None:
    inlet = Inlet(48000, 8000)
    assert not inlet.read(0.0).any()
    inlet.heard(np.full(480, 1000, np.int16), 0.01)
    assert not inlet.read(0.011).any()
    assert inlet.gaps == 0


def test_what_nobody_listened_to_is_left_out() -> None:
    inlet = Inlet(48000, 8000)
    for block in range(1000):
        inlet.heard(np.full(480, -3000 if block < 980 else 1000, np.int16), 0.01 * block)
    heard = []
    for tick in range(20):
        heard.append(inlet.read(10.0 + 0.02 * tick))
        for block in range(2):
            inlet.heard(np.full(480, 1000, np.int16), 10.005 + 0.02 * tick + 0.01 * block)
    assert np.concatenate(heard).min() > -1000
    assert heard[-1][-1] == 1000
    assert inlet.gaps == 0


def test_a_pause_of_the_network_is_no_gap() -> None:
    outlet = Outlet(48000, 8000)
    frame = np.full(160, 1000, np.int16)
    for call in range(3):
        for tick in range(20):
            now = 10.0 * call + 0.02 * tick
            outlet.write(frame, now)
            outlet.wanted(480, now + 0.001)
            outlet.wanted(480, now + 0.011)
        for block in range(100):
            outlet.wanted(480, 10.0 * call + 0.4 + 0.01 * block)
    assert outlet.gaps == 0


def test_a_card_that_takes_nothing_is_not_filled_without_end() -> None:
    outlet = Outlet(48000, 8000)
    for tick in range(500):
        outlet.write(np.zeros(160, np.int16), 0.02 * tick)
    assert outlet._ring.held <= 48000 * 0.5


def test_gains() -> None:
    inlet, outlet = Inlet(8000, 8000, 2.0), Outlet(8000, 8000, 0.5)
    for block in range(40):
        inlet.heard(np.full(80, 1000, np.int16), 0.01 * block)
    assert inlet.read(0.4)[-1] == 2000
    for tick in range(3):
        outlet.write(np.full(160, 1000, np.int16), 0.02 * tick)
    assert outlet.wanted(480, 0.05)[-1] == 500


def test_sound_that_the_system_lost_says_nothing_of_the_clocks() -> None:
    """Every two seconds 40 ms are lost each way, as on a machine that does too much."""
    inlet, outlet = Inlet(48000, 8000), Outlet(48000, 8000)
    frame, block = np.full(160, 1000, np.int16), np.full(960, 1000, np.int16)
    for tick in range(3000):
        now = 0.02 * tick
        inlet.read(now)
        outlet.write(frame, now)
        if tick % 100 < 2:
            continue
        lost = tick % 100 == 2
        inlet.heard(block, now + 0.005, lost)
        outlet.wanted(960, now + 0.005, lost)
    assert abs(inlet.regulator.drift) < 1e-4
    assert abs(outlet.regulator.drift) < 1e-4
    assert outlet.latency < 0.06
    assert inlet.latency < 0.11
