"""RTCP: what we report, and what we learn."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.quality import mean_opinion
from media.plane.rows import Rows
from media.plane.rtcp import BURST, Reports
from media.protocol import Command, Event
from tests.kit.plane import PEER, PlaneBench, rtp, speech


def started() -> tuple[Rows, Reports]:
    rows = Rows(4, np.random.default_rng(1))
    rows.start(0, 1)
    reports = Reports(rows, np.random.default_rng(2), b"cname")
    reports.start(0, 0)
    return rows, reports


def test_reports_are_due_every_five_seconds_on_average() -> None:
    _, reports = started()
    due = [tick for tick in range(500_000) if reports.due(tick)]
    gaps = np.diff(due) / 50
    assert 4.5 < gaps.mean() < 5.5
    assert gaps.min() >= 2.4 and gaps.max() <= 7.6


def test_a_sender_report_counts_and_describes() -> None:
    rows, reports = started()
    rows.packets_out[0], rows.octets_out[0] = 100, 16000
    rows.heard[0], rows.in_ssrc[0], rows.of_source[0] = True, 99, 8
    rows.first_sequence[0], rows.last_sequence[0] = 10, 19
    rows.jitter[0] = 12.7
    packet = reports.report(0, 50.0, 1e9 + 0.5, bye=True)
    kind, words, ssrc, seconds, fraction, _, packets, octets = struct.unpack_from(">xBHIIIIII", packet)
    assert (kind, words, ssrc) == (200, 12, int(rows.ssrc[0]))
    assert (seconds - 2208988800, fraction >> 31) == (1_000_000_000, 1)
    assert (packets, octets) == (100, 16000)
    source, lost, highest, jitter, _, _ = struct.unpack_from(">IIIIII", packet, 28)
    assert (source, lost & 0xFFFFFF, lost >> 24, highest, jitter) == (99, 2, 256 * 2 // 10, 19, 12)
    kinds, at = [], 0
    while at < len(packet):
        kinds.append(packet[at + 1])
        at += 4 + 4 * struct.unpack_from(">H", packet, at + 2)[0]
    assert (kinds, at) == ([200, 202, 203], len(packet))


def test_round_trip_and_loss_come_from_the_peers_report() -> None:
    rows, ours = started()
    rows.packets_out[0] = 50
    sent = ours.report(0, 10.0, 1e9)
    other_rows, theirs = started()
    other_rows.heard[0], other_rows.in_ssrc[0] = True, rows.ssrc[0]
    other_rows.first_sequence[0], other_rows.last_sequence[0], other_rows.of_source[0] = 0, 49, 45
    assert theirs.receive(0, sent, 20.0, 5e8)
    back = theirs.report(0, 21.0, 5e8)
    assert ours.receive(0, back, 11.25, 1e9 + 1.25)
    round_trip, lost = ours.heard_from(0)
    assert round_trip is not None and abs(round_trip - 0.25) < 0.001
    assert lost == 5


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_anything_may_come(packet: bytes) -> None:
    _, reports = started()
    reports.receive(0, packet, 1.0, 1.0)
    for kind in (200, 201, 202, 203):
        reports.receive(0, bytes((0x9F, kind)) + packet, 1.0, 1.0)


def test_a_bye_of_rtcp_ends_nothing_and_ours_goes_out_on_release() -> None:
    bench = PlaneBench()
    bench.call()
    bench.tick(rtp(0, 0, speech(1)[0].tobytes()))
    bench.plane.control_received(0, bytes.fromhex("81cb000100000007"), PEER + 1)
    assert bench.tick()
    bench.order(Command.RELEASE, 0)
    bench.tick()
    row, packet, target = bench.controls[-1]
    assert (row, target) == (0, PEER + 1)
    assert packet[-8:-4] == bytes.fromhex("81cb0001")
    assert bench.tick() == []
    bench.tick()
    stats = bench.of(Event.STATS)
    assert len(stats) == 1 and stats[0][-1]


def test_silence_of_rtp_and_rtcp_is_told_once_but_not_on_hold() -> None:
    for flags, wanted in ((3, 1), (1, 0)):
        bench = PlaneBench()
        bench.call(flags=flags)
        for _ in range(50 * 62):
            bench.tick()
        assert len(bench.of(Event.TIMEOUT)) == wanted
    bench = PlaneBench()
    bench.call()
    report = struct.pack(">BBHI", 0x80, 201, 1, 7)
    for k in range(50 * 40):
        bench.tick()
        if k % 250 == 0:
            bench.plane.control_received(0, report, PEER + 1)
    assert not bench.of(Event.TIMEOUT)


def test_the_estimate_of_quality_falls_with_loss_and_delay() -> None:
    assert mean_opinion(0, 0, None) > 4.3
    assert mean_opinion(0, 0, None) > mean_opinion(0.02, 0, None) > mean_opinion(0.2, 0, None) >= 1
    assert mean_opinion(0, 0, 20) > mean_opinion(0, 0, 800) > 1
    assert mean_opinion(1, 1000, 5000) == 1.0


def receiver_report(bench: PlaneBench, lost: int) -> bytes:
    """What a peer reports of our stream."""
    ours = int(bench.rows.ssrc[0])
    return struct.pack(">BBHIIIIIII", 0x81, 201, 7, 7, ours, lost, 0, 0, 0, 0)


def test_a_shared_port_carries_reports_both_ways_even_of_a_peer_that_says_nothing() -> None:
    bench = PlaneBench()
    bench.call(rtcp_mux=True)
    for _ in range(100):
        bench.tick()
    bench.tick(receiver_report(bench, 3), source=PEER + 2)
    assert bench.plane.reports.heard_from(0)[1] is None
    bench.tick(receiver_report(bench, 3))
    assert bench.plane.reports.heard_from(0)[1] == 3
    assert int(bench.rows.last_heard[0]) == bench.plane.tick
    reports = [sent for _ in range(400) for sent in bench.tick() if sent.data[1] == 200]
    assert reports and {sent.target for sent in reports} == {PEER}
    assert not bench.controls
    bench.agree()
    for _ in range(400):
        bench.tick()
    assert {target for _, _, target in bench.controls} == {PEER + 1}


def test_a_flood_of_reports_is_not_read() -> None:
    bench = PlaneBench()
    bench.call()
    taken = []
    for count in range(1000):
        bench.plane.control_received(0, receiver_report(bench, count), PEER + 1)
        taken.append(bench.plane.reports.heard_from(0)[1])
    assert taken[-1] == BURST - 1
    for _ in range(100):
        bench.tick()
    bench.plane.control_received(0, receiver_report(bench, 77), PEER + 1)
    assert bench.plane.reports.heard_from(0)[1] == 77
