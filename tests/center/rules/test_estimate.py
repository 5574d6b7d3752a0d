"""How well the estimated wait foretells the one that comes."""

from __future__ import annotations

import random
import statistics
from functools import partial

import pytest

from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from tests.kit.center import House, of

AGENTS = 8
TEXT = (
    "agents:\n"
    + "".join(f'  a{n}: {{phones: "sip:a{n}@host", queues: [q], wrap_up: 15s}}\n' for n in range(AGENTS))
    + "queues: {q: {}}\n"
)


@pytest.mark.parametrize("talk", [40.0, 180.0])
def test_estimates_are_right_on_average(talk: float) -> None:
    chance = random.Random(3)
    house = House(TEXT)
    agenda: list[tuple[float, int, told.Event]] = []
    estimated: dict[str, float] = {}
    waited: dict[str, float] = {}
    at = house.now
    for number in range(400):  # a little more than the agents can take, so that a queue builds up
        at += chance.expovariate(1.1 * AGENTS / (talk + 18))
        agenda.append((at, number, told.CallerJoined(f"c{number}", {}, "q")))
    tell = partial(heard, house, agenda, estimated, waited, chance, talk)
    while agenda or len(waited) < 400:
        agenda.sort(key=lambda item: item[:2])
        timer = house.center.next_timer()
        assert timer is not None
        if agenda and agenda[0][0] <= timer:
            house.now = agenda[0][0]
            tell(house.tell(agenda.pop(0)[2]))
        else:
            house.now = max(house.now, timer)
            tell(house.tell(told.Tick()))
    both = [(estimated[name], waited[name]) for name in estimated if waited[name] > 10]
    assert len(both) > 200
    ratio = statistics.mean(guess for guess, _ in both) / statistics.mean(wait for _, wait in both)
    assert 0.8 < ratio < 1.25
    off = statistics.median(abs(guess - wait) / wait for guess, wait in both)
    assert off < 0.3


def heard(
    house: House,
    agenda: list[tuple[float, int, told.Event]],
    estimated: dict[str, float],
    waited: dict[str, float],
    chance: random.Random,
    talk: float,
    decisions: list[said.Decision],
) -> None:
    """Agents answer after some seconds and talk as long as they talk."""
    for joined in of(said.Joined, decisions):
        if joined.estimate is not None:
            estimated[joined.caller] = joined.estimate
    agenda += [
        (house.now + chance.uniform(1, 5), 1000 + offer.offer, told.OfferAnswered(offer.offer))
        for offer in of(said.Offer, decisions)
    ]
    for connect in of(said.Connect, decisions):
        waited[connect.caller] = connect.waited
        seconds = chance.expovariate(1 / talk)
        agenda.append((house.now + seconds, 1000 + connect.offer, told.CallOver(connect.offer)))
