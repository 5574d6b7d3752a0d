"""Copies of what a row receives and sends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from media.face import SrtpKey
from media.plane import tap
from media.plane.tap import HEAD
from media.protocol import Command
from tests.kit.plane import PEER, PlaneBench, rtp, speech

KEY = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))


def read(bench: PlaneBench, path: str = "copy") -> list[tuple[Any, ...]]:
    """The packets of a copy: (seconds, sent, RTCP, port, host, packet)."""
    data = b"".join(piece for piece in bench.copies[path] if piece is not None)
    found, at = [], 0
    while at < len(data):
        wall, sent, control, port, size, host_size = HEAD.unpack_from(data, at)
        at += HEAD.size
        host, at = data[at : at + host_size], at + host_size
        found.append((wall, bool(sent), bool(control), port, host, data[at : at + size]))
        at += size
    return found


def watched(**wanted: Any) -> PlaneBench:
    bench = PlaneBench()
    bench.call(**wanted)
    bench.order(Command.TAP, 0, strings=(b"copy",))
    bench.second()
    return bench


def stream(count: int) -> list[bytes]:
    return [rtp(k, 160 * k, bytes(speech(1)[0])) for k in range(count)]


def test_what_a_row_receives_and_sends_is_copied() -> None:
    bench = watched()
    sent: list[bytes] = []
    came = stream(5)
    for packet in came:
        sent += [one.data for one in bench.tick(packet)]
    copied = read(bench)
    assert [packet for _, out, _, _, _, packet in copied if not out] == came
    assert [packet for _, out, _, _, _, packet in copied if out] == sent
    assert {(port, host) for _, _, _, port, host, _ in copied} == {(PEER & 0xFFFF, (PEER >> 16).to_bytes(4, "big"))}
    assert all(wall > 1e9 for wall, *_ in copied)


def test_other_rows_are_not() -> None:
    bench = watched()
    bench.call(1, PEER + 2)
    for packet in stream(3):
        bench.tick(packet, row=1, source=PEER + 2)
    assert all(out for _, out, *_ in read(bench))
    assert {port for _, _, _, port, _, _ in read(bench)} == {PEER & 0xFFFF}


def test_a_copy_ends_when_asked_and_with_the_call() -> None:
    bench = watched()
    bench.tick(*stream(1))
    bench.order(Command.TAP, 0, strings=(b"",))
    bench.second()
    assert bench.copies["copy"][-1] is None
    before = len(bench.copies["copy"])
    bench.tick(*stream(2))
    assert len(bench.copies["copy"]) == before
    bench.order(Command.TAP, 0, strings=(b"again",))
    bench.order(Command.RELEASE, 0)
    bench.second()
    assert bench.copies["again"][-1] is None
    assert not bench.plane.tap.any


def test_sealed_packets_are_copied_in_the_clear() -> None:
    bench = watched(srtp_out=KEY, srtp_in=KEY)
    sent: list[bytes] = []
    for _ in range(3):
        sent += [one.data for one in bench.tick()]
    copied = [packet for _, out, control, _, _, packet in read(bench) if out and not control]
    assert len(copied) >= len(sent) > 0
    assert all(len(one) == 172 for one in copied) and all(len(one) == 182 for one in sent)
    assert copied[0][:12] == sent[0][:12] and copied[0][12:172] != sent[0][12:172]


def test_a_copy_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "MAX_FILE", 1000)
    bench = watched()
    for packet in stream(20):
        bench.tick(packet)
    assert sum(len(piece or b"") for piece in bench.copies["copy"]) <= 1000
    assert bench.copies["copy"][-1] is None and not bench.plane.tap.any


def test_reports_are_copied_too() -> None:
    bench = watched()
    for packet in stream(3):
        bench.tick(packet)
    bench.order(Command.RELEASE, 0)
    bench.second()
    (report,) = [packet for _, out, control, _, _, packet in read(bench) if control and out]
    assert report == bench.controls[-1][1]
    assert np.frombuffer(report, np.uint8)[1] in (200, 201)
