"""Captured messages: the ring, what is masked, pcap and HEP packets read back, and the exporter."""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.capture import Captured, Captures, Party, masked, pcap_file
from ivr.capture.export import HepExporter
from ivr.capture.hep import MAX_PACKET, encode
from ivr.capture.pcap import HEADER, packet
from ivr.capture.ring import OVERHEAD, Ring
from ivr.capture.spool import HEAD
from ivr.errors import OverloadedError
from ivr.settings import CaptureSettings, HepSettings, HostPort
from ivr.sip import Flow
from media.plane import tap
from tests.conftest import free_port

FLOW = Flow("udp", ("192.0.2.1", 5060), ("198.51.100.7", 40000))
FLOW6 = Flow("tls", ("2001:db8::1", 5061), ("2001:db8::2", 40000))


def party(call_id: str, **names: Any) -> Party:
    return Party(call_id, names.pop("tap", lambda path: None), ("192.0.2.1", 20002), **names)


def message(call_id: str, extra: str = "", body: str = "") -> bytes:
    return (
        f"INVITE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


# The ring


def test_messages_of_a_call_and_of_the_legs_it_placed_are_found() -> None:
    times = iter(range(100))
    captures = Captures(CaptureSettings(), None, lambda: float(next(times)))
    captures.tap("in", message("a"), FLOW)
    captures.tap("in", message("b"), FLOW)
    captures.tap("out", message("c"), FLOW)
    captures.placed("a", party("c"))
    found = captures.messages("a")
    assert [(m.call_id, m.incoming, m.at) for m in found] == [("a", True, 0.0), ("c", False, 2.0)]
    assert found[0].source == FLOW.remote and found[1].source == FLOW.local
    assert captures.messages("unknown") == []


def test_compact_and_spaced_call_ids_are_read() -> None:
    assert Captured(0.0, True, FLOW, b"BYE x SIP/2.0\r\ni :  abc@x \r\n\r\n").call_id == "abc@x"
    assert Captured(0.0, True, FLOW, b"\r\n\r\n").call_id is None


def test_a_call_id_within_another_text_is_no_hit() -> None:
    ring = Ring(10_000)
    ring.add(0.0, True, FLOW, message("other", "Subject: abc\r\n"))
    assert ring.of_calls(["abc"]) == []


@given(st.lists(st.integers(0, 3000), max_size=60), st.integers(0, 8000))
def test_the_ring_never_holds_more_than_its_limit_and_keeps_the_newest(sizes: list[int], limit: int) -> None:
    ring = Ring(limit)
    for at, size in enumerate(sizes):
        ring.add(float(at), True, FLOW, bytes(size))
    assert ring.size <= limit
    fitting, total = 0, 0
    for size in reversed(sizes):
        total += size + OVERHEAD
        if total > limit:
            break
        fitting += 1
    assert len(ring) == fitting


def test_nothing_is_kept_where_nothing_is_asked_for() -> None:
    captures = Captures(CaptureSettings(kept=0))
    captures.tap("in", message("a"), FLOW)
    assert captures.messages("a") == []


def test_legs_remembered_are_bounded() -> None:
    captures = Captures(CaptureSettings())
    for number in range(5000):
        captures.placed(f"call{number}", party("leg"))
    assert len(captures._legs) == 4096
    for number in range(100):
        captures.placed("call4999", party(f"leg{number}"))
    assert len(captures._legs["call4999"]) == 64


# Masking


def test_secrets_are_masked_and_the_length_stays() -> None:
    key = base64.b64encode(bytes(30)).decode()
    data = message(
        "a",
        'Authorization: Digest username="200", realm="ivr", nonce="n", response="0123456789abcdef"\r\n',
        f"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20|1:4\r\n",
    )
    shown = masked(data)
    assert len(shown) == len(data)
    assert b"0123456789abcdef" not in shown and key.encode() not in shown
    assert b'username="200"' in shown and b"|2^20|1:4" in shown


@pytest.mark.parametrize("kind", ["application/dtmf-relay", "application/dtmf"])
def test_digits_by_info_are_masked(kind: str) -> None:
    data = message("a", f"Content-Type: {kind}\r\n", "Signal= 7\r\nDuration=160\r\n")
    shown = masked(data)
    assert len(shown) == len(data) and b"7" not in shown.partition(b"\r\n\r\n")[2]
    assert masked(message("a", "Content-Type: application/sdp\r\n", "v=0\r\n")).endswith(b"v=0\r\n")


@given(st.binary(max_size=400))
def test_masking_takes_anything(data: bytes) -> None:
    assert len(masked(data)) == len(data)


# pcap


def checksum_holds(data: bytes) -> bool:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def records(file: bytes) -> Iterator[tuple[float, bytes]]:
    assert file[: len(HEADER)] == HEADER
    at = len(HEADER)
    while at < len(file):
        seconds, micros, size, original = struct.unpack_from("<IIII", file, at)
        assert size == original
        yield seconds + micros / 1e6, file[at + 16 : at + 16 + size]
        at += 16 + size


def test_a_pcap_file_holds_datagrams_with_addresses_and_checksums() -> None:
    data = message("a")
    (at, first), (_, second) = records(
        pcap_file([Captured(1000.25, True, FLOW, data), Captured(1001.0, False, FLOW6, data)])
    )
    assert at == 1000.25
    assert first[0] == 0x45 and checksum_holds(first[:20])
    assert first[12:20] == bytes([198, 51, 100, 7, 192, 0, 2, 1])
    assert struct.unpack(">HH", first[20:24]) == (40000, 5060)
    assert checksum_holds(first[12:20] + struct.pack(">BBH", 0, 17, len(data) + 8) + first[20:])
    assert first[28:] == data
    assert second[0] == 0x60 and second[6] == 17
    assert second[8:24] == socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    assert checksum_holds(second[8:40] + struct.pack(">IHBB", len(data) + 8, 0, 0, 17) + second[40:])


@given(st.binary(max_size=300))
def test_checksums_hold_for_any_payload(payload: bytes) -> None:
    data = packet(0.0, ("192.0.2.1", 1), ("192.0.2.2", 2), payload)[16:]
    assert checksum_holds(data[:20])
    assert checksum_holds(data[12:20] + struct.pack(">BBH", 0, 17, len(payload) + 8) + data[20:])


# HEP


def chunks(data: bytes) -> dict[int, bytes]:
    assert data[:4] == b"HEP3" and int.from_bytes(data[4:6], "big") == len(data)
    found, at = {}, 6
    while at < len(data):
        vendor, kind, size = struct.unpack_from(">HHH", data, at)
        assert vendor == 0
        found[kind] = data[at + 6 : at + size]
        at += size
    return found


def test_a_hep_packet_tells_who_said_what_to_whom_and_when() -> None:
    found = chunks(encode(Captured(1000.5, True, FLOW, message("abc")), 7, "pass"))
    assert found[1] == b"\x02" and found[2] == b"\x11" and found[11] == b"\x01"
    assert found[3] == bytes([198, 51, 100, 7]) and found[4] == bytes([192, 0, 2, 1])
    assert (found[7], found[8]) == ((40000).to_bytes(2, "big"), (5060).to_bytes(2, "big"))
    assert int.from_bytes(found[9], "big") == 1000 and int.from_bytes(found[10], "big") == 500_000
    assert int.from_bytes(found[12], "big") == 7 and found[14] == b"pass" and found[17] == b"abc"
    assert found[15] == message("abc")


def test_a_hep_packet_of_a_stream_over_ipv6() -> None:
    found = chunks(encode(Captured(1.0, False, FLOW6, message("abc")), 7))
    assert found[1] == b"\x0a" and found[2] == b"\x06" and 14 not in found
    assert found[5] == socket.inet_pton(socket.AF_INET6, "2001:db8::1") and found[6][-1] == 2


def test_a_message_longer_than_a_datagram_is_cut_off() -> None:
    data = encode(Captured(1.0, False, FLOW, message("abc", body="x" * 70_000)), 7)
    assert len(data) <= MAX_PACKET
    chunks(data)


async def test_the_exporter_sends_and_counts_what_is_lost() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        exporter = HepExporter(HepSettings(server=HostPort("127.0.0.1", server.getsockname()[1])))
        exporter.send(Captured(1.0, True, FLOW, message("early")))
        assert (exporter.sent, exporter.lost) == (0, 1)
        task = asyncio.create_task(exporter.run())
        await exporter.connected.wait()
        exporter.send(Captured(1.0, True, FLOW, message("abc")))
        assert chunks(server.recv(65535))[17] == b"abc"
        assert (exporter.sent, exporter.lost) == (1, 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert exporter._socket is None


async def test_a_server_that_is_not_there_costs_nothing_but_a_line(caplog: pytest.LogCaptureFixture) -> None:
    exporter = HepExporter(HepSettings(server=HostPort("127.0.0.1", free_port())))
    task = asyncio.create_task(exporter.run())
    await exporter.connected.wait()
    for second in range(10):
        exporter.send(Captured(100.0 + second, True, FLOW, message("abc")))
    assert exporter.lost >= 1
    assert sum("does not take packets" in line.message for line in caplog.records) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# Captures of one call


class Book:
    """Captures with a clock, and taps that write what a worker would."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.captures = Captures(CaptureSettings(), folder, lambda: self.now)
        self.taps: dict[str, list[Path | None]] = {}

    def party(self, call_id: str, **names: Any) -> Party:
        return party(call_id, tap=self.taps.setdefault(call_id, []).append, **names)

    def packet(self, path: Path, *, sent: bool, control: bool = False, payload: bytes = b"x" * 172) -> None:
        host = bytes([198, 51, 100, 7])
        with path.open("ab") as file:
            file.write(HEAD.pack(self.now, sent, control, 4000, len(payload), len(host)) + host + payload)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "captures")


def test_the_next_call_to_a_number_is_captured_with_its_legs_and_sound(book: Book) -> None:
    captures = book.captures
    capture = captures.want("100", None, 60.0)
    captures.tap("in", message("other"), FLOW)
    captures.began(book.party("other", id="x", short_id=1, called="200"))
    assert capture.state == "waiting"
    captures.tap("in", message("a"), FLOW)
    captures.began(book.party("a", id="y", short_id=2, called="100"))
    assert (capture.state, capture.short_id, capture.call) == ("running", 2, "y")
    (path,) = book.taps["a"]
    assert path is not None and not book.taps["other"]
    book.now += 1
    book.packet(path, sent=True)
    book.packet(path, sent=False)
    book.packet(path, sent=False, control=True)
    captures.tap("out", message("b"), FLOW)
    captures.placed("a", book.party("b"))
    captures.tap("in", message("unrelated"), FLOW)
    book.now += 1
    captures.tap("in", message("a"), FLOW)
    captures.ended("a")
    book.now += 1
    captures.tap("in", message("a"), FLOW)
    assert capture.state == "done"
    assert book.taps["a"][-1] is None and book.taps["b"][-1] is None
    caught = list(records(captures.file(capture)))
    assert [at for at, _ in caught] == [1000.0, 1001.0, 1001.0, 1001.0, 1001.0, 1002.0, 1003.0]
    ports = [struct.unpack(">HH", data[20:24]) for _, data in caught]
    assert ports.count((20002, 4000)) == 1 and ports.count((4000, 20002)) == 1 and ports.count((4000, 20003)) == 1


def test_a_call_in_progress_is_captured_from_now_on(book: Book) -> None:
    book.captures.tap("in", message("a"), FLOW)
    capture = book.captures.start(book.party("a", id="y"))
    assert capture.state == "running" and len(capture.messages) == 1
    path = book.taps["a"][0]
    assert path is not None
    book.packet(path, sent=True)
    book.captures.forget(capture)
    assert not path.exists() and book.captures.all() == [] and book.taps["a"][-1] is None


def test_a_request_that_no_call_met_expires(book: Book) -> None:
    capture = book.captures.want(None, "200", 60.0)
    book.now += 61
    book.captures.began(book.party("a", id="y", caller="200"))
    assert capture.state == "expired" and book.captures.get(capture.id) is capture
    assert not book.taps["a"]


def test_captures_are_bounded(book: Book) -> None:
    for _ in range(16):
        book.captures.want("1", None, 60.0)
    with pytest.raises(OverloadedError):
        book.captures.want("1", None, 60.0)
    for number in range(100):
        book.now += 61
        book.captures.start(book.party(f"c{number}", id="y"))
        book.captures.ended(f"c{number}")
    assert len(book.captures.all()) <= 33


def test_what_an_earlier_run_left_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "1-1-0.packets").write_bytes(b"x")
    (tmp_path / "other").write_bytes(b"x")
    Captures(CaptureSettings(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@given(st.binary(max_size=300))
def test_a_spool_that_was_cut_off_is_read_as_far_as_it_goes(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    from ivr.capture.spool import read_spool

    path = tmp_path_factory.mktemp("spool") / "x.packets"
    host = bytes([198, 51, 100, 7])
    path.write_bytes(
        HEAD.pack(1.0, 1, 0, 4000, 4, 4) + host + b"abcd" + HEAD.pack(1.0, 0, 0, 4000, 4000, 4) + data[:200]
    )
    assert len(list(read_spool(path, ("192.0.2.1", 20002)))) == 1


def test_copies_are_read_as_workers_write_them() -> None:
    assert HEAD.format == tap.HEAD.format
