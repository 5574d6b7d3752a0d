"""When a worker makes its packets: as late as its work permits."""

from __future__ import annotations

import pytest

from media.pacing import LEAST_LEAD, MOST_LEAD, Lead
from media.protocol import Command, pack
from tests.kit.plane import PEER, PlaneBench, rtp, speech


def after(took: float, ticks: int = 1000) -> float:
    lead = Lead()
    for _ in range(ticks):
        lead.note(took)
    return lead.seconds


def test_who_has_little_to_do_does_it_late() -> None:
    assert Lead().seconds == MOST_LEAD, "nothing is known yet"
    assert after(0.0005) == LEAST_LEAD
    assert after(0.003) == pytest.approx(0.006)
    assert after(0.02) == MOST_LEAD


def test_work_that_took_long_once_is_remembered_for_a_while() -> None:
    lead = Lead()
    for _ in range(1000):
        lead.note(0.0005)
    lead.note(0.004)
    assert lead.seconds == pytest.approx(0.0075)
    for _ in range(25):
        lead.note(0.0005)
    assert LEAST_LEAD < lead.seconds < 0.0075
    for _ in range(300):
        lead.note(0.0005)
    assert lead.seconds == LEAST_LEAD


def test_a_bridge_has_what_came_until_its_packet_is_made() -> None:
    bench = PlaneBench()
    bench.call(0)
    bench.call(1, PEER + 2)
    bench.plane.build(bench.now, 1e9, lambda: bench.commands.obey(_bridge()))
    assert not bench.plane.halved, "nobody is owed anything between the ticks"
    said = speech(40)
    for k in range(20):  # the jitter buffer holds a frame back: it comes shortly before the packet is made
        bench.first()
        bench.arrive([rtp(k, 160 * k, bytes(said[k]))])
        bench.plane.build(bench.now + 0.009, 1e9, lambda: None)
    sent = [one.payload for one in bench.first() if one.row == 1]
    assert sent == [bytes(said[18])]


def _bridge() -> bytes:
    return pack(Command.BRIDGE, 0, 1, 1, 1)


def test_a_packet_of_10_ms_is_sent_between_the_ticks() -> None:
    bench = PlaneBench()
    bench.call(ptime=10)
    bench.second()
    assert bench.plane.halved
    assert len(bench.first()) == 1
    bench.loops.sent.clear()
    bench.plane.between(bench.now + 0.012, 1e9)
    assert len(bench.loops.sent) == 1
    bench.plane.build(bench.now + 0.017, 1e9, lambda: None)
    assert len(bench.loops.sent) == 1
