"""Headers, well-formed and not; and the corpus of bad packets through the whole plane."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.rtp_in import parse
from tests.kit.plane import PEER, PlaneBench, folder, hear, rtp, speech

DIGITS = {
    "ev_end_only": "5",
    "ev_marker_lost": "6",
    "ev_dur_0_65535": "3",
    "ev_reordered_end_first": "9",
    "ev_long_20s": "7",
}
"""Groups of the corpus that hold a digit, and which."""


def parsed(*packets: bytes):
    array = np.zeros((len(packets), 640), np.uint8)
    for k, packet in enumerate(packets):
        array[k, : len(packet)] = np.frombuffer(packet[:640], np.uint8)
    return parse(array, np.array([len(packet) for packet in packets], np.int32))


def test_fields() -> None:
    headers = parsed(rtp(65535, 0xFFFFFFFE, b"x" * 160, 8, 0xDEADBEEF, marker=True))
    assert headers.valid.all()
    assert (headers.payload_type[0], headers.sequence[0]) == (8, 65535)
    assert (headers.timestamp[0], headers.ssrc[0]) == (0xFFFFFFFE, 0xDEADBEEF)
    assert (headers.offset[0], headers.size[0]) == (12, 160)


def test_csrc_extension_and_padding_are_left_out() -> None:
    head = bytearray(rtp(1, 2, b""))
    head[0] = 0x80 | 0x20 | 0x10 | 2
    packet = bytes(head) + b"c" * 8 + b"\xbe\xde\x00\x01" + b"e" * 4 + b"p" * 160 + b"\0\0\0\x04"
    headers = parsed(packet)
    assert headers.valid.all()
    assert (headers.offset[0], headers.size[0]) == (28, 160)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        rtp(1, 2, b""),
        b"\x40" + rtp(1, 2, b"x")[1:],
        b"\x8f" + rtp(1, 2, b"x" * 8)[1:],
        b"\x90" + rtp(1, 2, b"\xbe\xde\xff\xff" + b"x" * 100)[1:],
        b"\xa0" + rtp(1, 2, b"x" * 20 + b"\xff")[1:],
        b"\xa0" + rtp(1, 2, b"x" * 20 + b"\x00")[1:],
        b"\xa0" + rtp(1, 2, b"\x04\x04\x04\x04")[1:],
        rtp(1, 2, b"x" * 1000),
        b"\x80\xc8\x00\x06" + bytes(24),
    ],
)
def test_what_is_no_packet_of_sound_is_not_valid(packet: bytes) -> None:
    assert not parsed(packet).valid.any()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=700), min_size=1, max_size=12))
def test_anything_may_come(packets: list[bytes]) -> None:
    headers = parsed(*packets)
    valid = headers.valid
    assert (headers.size[valid] > 0).all()
    lengths = np.array([len(packet) for packet in packets])
    assert (headers.offset[valid] + headers.size[valid] <= lengths[valid]).all()
    bench = PlaneBench()
    bench.call()
    bench.tick(*packets)
    bench.tick()


def test_sound_behind_an_extension_is_heard() -> None:
    bench, said = PlaneBench(), speech(10)
    bench.call()
    heard = hear(bench)
    for k in range(10):
        plain = rtp(k, 160 * k, b"\xbe\xde\x00\x01\x10\xaa\x00\x00" + said[k].tobytes())
        bench.tick(b"\x90" + plain[1:])
    assert said[:9].tobytes() in heard().tobytes()


@pytest.mark.skipif(folder() is None, reason="the corpus of bad RTP packets is not beside this checkout")
def test_the_corpus_of_bad_packets_harms_no_call() -> None:
    path = folder()
    assert path is not None
    for line in path.read_text().splitlines():
        group = json.loads(line)
        bench, said = PlaneBench(), speech(200)
        bench.call()
        for k in range(20):
            bench.tick(rtp(k, 160 * k, said[k].tobytes(), ssrc=0x51))
        packets = [bytes.fromhex(packet) for packet in group["packets"]]
        k = 20
        for start in range(0, len(packets), 4):
            bench.arrive(packets[start : start + 4])
            bench.tick(rtp(k, 160 * k, said[k % 200].tobytes(), ssrc=0x51))
            k += 1
        heard = hear(bench)
        for after in range(60):
            bench.tick(rtp(k + after, 160 * (k + after), said[after].tobytes(), ssrc=0x51))
        assert said[10:55].tobytes() in heard().tobytes(), group["name"]
        assert int(bench.rows.latched[0]) == PEER
        if group["name"] == "ev_flood_2000_digits":
            assert 32 <= len(bench.digits()) <= 32 + 500 * 0.5 + 10
        else:
            assert bench.digits() == bench.digits(ends=True) == DIGITS.get(group["name"], ""), group["name"]
