"""Symmetric RTP: to whom the plane sends, and whom it hears."""

from __future__ import annotations

from media.plane.latching import LEARN_PACKETS, LEARN_PACKETS_FROM_ANYWHERE
from media.protocol import UpdateFlag
from tests.kit.plane import LOOPBACK, PEER, PlaneBench, hear, rtp, speech

STRANGER = 0x7F004206 << 16 | 5555
MAPPED = LOOPBACK << 16 | 61000
PUBLIC = 0xCB007109 << 16 | 61000
PRIVATE = 0x0A000005 << 16 | 4000


def stream(bench: PlaneBench, source: int, count: int, first: int = 0, ssrc: int = 7) -> set[int]:
    """Sound from ``source`` for some ticks: the addresses that were sent to meanwhile."""
    said = speech(1)[0].tobytes()
    targets = set()
    for k in range(first, first + count):
        targets |= {sent.target for sent in bench.tick(rtp(k, 160 * k, said, ssrc=ssrc), source=source)}
    return targets


def test_the_address_of_the_sdp_is_sent_to_and_latches_at_once() -> None:
    bench = PlaneBench()
    bench.call()
    assert {sent.target for sent in bench.tick()} == {PEER}
    stream(bench, PEER, 1)
    assert int(bench.rows.latched[0]) == PEER


def test_nothing_ever_goes_to_a_stranger() -> None:
    for source in (PEER, PUBLIC):
        bench = PlaneBench()
        bench.call(source=source)
        assert stream(bench, STRANGER, 100) == {source}
        assert stream(bench, source, 3) == {source}
        assert stream(bench, STRANGER, 100) == {source}
        assert int(bench.rows.refused[0]) == 200


def test_a_stranger_is_not_heard() -> None:
    bench = PlaneBench()
    bench.call()
    heard = hear(bench)
    stream(bench, STRANGER, 20)
    assert len(set(heard().tolist())) == 1


def test_a_mapped_port_of_the_same_host_is_learnt_after_some_packets() -> None:
    bench = PlaneBench()
    bench.call()
    assert stream(bench, MAPPED, LEARN_PACKETS) == {PEER}
    assert stream(bench, MAPPED, 3, first=LEARN_PACKETS) == {MAPPED}


def test_the_host_of_the_signalling_is_learnt() -> None:
    bench = PlaneBench()
    bench.call(source=PRIVATE, signalling=PUBLIC >> 16)
    stream(bench, PUBLIC, LEARN_PACKETS)
    assert int(bench.rows.latched[0]) == PUBLIC


def test_behind_a_private_address_any_source_may_be_learnt_if_it_is_alone_for_longer() -> None:
    bench = PlaneBench()
    bench.call(source=PRIVATE)
    stream(bench, PUBLIC, LEARN_PACKETS_FROM_ANYWHERE - 1)
    assert int(bench.rows.latched[0]) == 0
    stream(bench, PUBLIC, 1)
    assert int(bench.rows.latched[0]) == PUBLIC


def test_a_burst_is_not_learnt() -> None:
    bench = PlaneBench()
    bench.call(source=PRIVATE)
    bench.tick(*(rtp(k, 160 * k, b"\x10" * 160) for k in range(50)), source=PUBLIC)
    assert int(bench.rows.latched[0]) == 0


def test_the_sdp_address_wins_over_a_candidate() -> None:
    bench = PlaneBench()
    bench.call()
    stream(bench, MAPPED, LEARN_PACKETS - 1)
    stream(bench, PEER, 1)
    stream(bench, MAPPED, 20)
    assert int(bench.rows.latched[0]) == PEER


def test_latched_once_whatever_ssrc_comes() -> None:
    bench = PlaneBench()
    bench.call()
    stream(bench, PEER, 5)
    assert stream(bench, MAPPED, 50, ssrc=99) == {PEER}
    assert int(bench.rows.latched[0]) == PEER


def test_an_offer_arms_anew_and_a_known_caller_goes_on_without_a_gap() -> None:
    bench = PlaneBench()
    bench.call()
    stream(bench, MAPPED, 10)
    bench.agree()
    assert stream(bench, MAPPED, 3, first=10) == {MAPPED}
    assert int(bench.rows.latched[0]) == MAPPED
    other = LOOPBACK << 16 | 9000
    bench.agree(source=other)
    bench.tick()
    assert stream(bench, MAPPED, 3, first=20) == {other}
    stream(bench, other, 1)
    assert int(bench.rows.latched[0]) == other


def test_without_an_address_nothing_is_sent_or_heard() -> None:
    bench = PlaneBench()
    bench.call(source=0)
    assert stream(bench, PEER, 30) == set()
    assert int(bench.rows.packets_in[0]) == 0


def test_on_hold_nothing_is_sent_and_resuming_marks_the_first_packet() -> None:
    bench = PlaneBench()
    bench.call()
    before = bench.tick()[0]
    bench.agree(flags=UpdateFlag.RECEIVE)
    bench.tick()
    assert bench.tick() == []
    bench.agree()
    bench.tick()
    after = bench.tick()[0]
    assert after.marker
    assert after.sequence == (before.sequence + 2) & 0xFFFF
    assert after.timestamp == (before.timestamp + 160 * 4) & 0xFFFFFFFF
