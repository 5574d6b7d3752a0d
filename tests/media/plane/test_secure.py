"""SRTP rows: what is opened, what is sealed, and what becomes of everything else."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest
from pylibsrtp import Error, Policy, Session

from media.face import SrtpKey
from media.plane.latching import LEARN_PACKETS
from media.plane.secure import GRACE_TICKS, MOST_SOURCES
from media.protocol import Command, Event
from tests.kit.needs import may_skip
from tests.kit.plane import LOOPBACK, PEER, PlaneBench, Sent, folder, hear, rtp, speech

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
SUITES = tuple(PROFILES)
MAPPED = LOOPBACK << 16 | 61000


def key(number: int, suite: str = SUITES[0]) -> SrtpKey:
    return SrtpKey(suite, random.Random(number).randbytes(30))  # type: ignore[arg-type]


class Peer:
    """The other end of a secure row: libsrtp on its own."""

    def __init__(self, out: SrtpKey, into: SrtpKey) -> None:
        self.out = self._session(out, Policy.SSRC_ANY_OUTBOUND)
        self.into = self._session(into, Policy.SSRC_ANY_INBOUND)
        self.sequence = 0

    @staticmethod
    def _session(of: SrtpKey, direction: int) -> Session:
        return Session(Policy(of.key, direction, 0, PROFILES[of.suite]))

    def say(self, payload: bytes, kind: int = 0, ssrc: int = 7, timestamp: int | None = None) -> bytes:
        """The next packet, sealed."""
        self.sequence += 1
        stamp = 160 * self.sequence if timestamp is None else timestamp
        return self.out.protect(rtp(self.sequence, stamp, payload, kind, ssrc))

    def read(self, sent: Sent) -> bytes:
        """A packet of ours, opened."""
        return self.into.unprotect(sent.data)


OURS, THEIRS = key(1), key(2)


def secured(row: int = 0, ours: SrtpKey = OURS, theirs: SrtpKey = THEIRS, **wanted: Any) -> tuple[PlaneBench, Peer]:
    bench = PlaneBench()
    bench.call(row, srtp_out=ours, srtp_in=theirs, **wanted)
    return bench, Peer(theirs, ours)


def heard_frames(bench: PlaneBench, peer: Peer, count: int = 8) -> int:
    """How many different frames of what ``peer`` says are heard."""
    said = speech(count)
    heard = hear(bench)
    for frame in said:
        bench.tick(peer.say(frame.tobytes()))
    for _ in range(3):
        bench.tick()
    frames = {bytes(part) for part in heard().reshape(-1, 160)}
    return sum(frame.tobytes() in frames for frame in said)


@pytest.mark.parametrize("suite", SUITES)
def test_sound_goes_sealed_in_both_directions(suite: str) -> None:
    bench, peer = secured(ours=key(1, suite), theirs=key(2, suite))
    assert heard_frames(bench, peer) == 8
    sent = [packet for _ in range(5) for packet in bench.tick()]
    opened = [peer.read(packet) for packet in sent]
    assert [len(packet) for packet in opened] == [172] * 5
    assert {packet[12:] for packet in opened} == {b"\xff" * 160}
    assert len({packet.data[12:] for packet in sent}) == 5
    assert {len(packet.data) for packet in sent} == {182 if suite == SUITES[0] else 176}
    sequences = [packet.sequence for packet in sent]
    assert sequences == list(range(sequences[0], sequences[0] + 5))
    assert int(bench.rows.refused[0]) == 0


def test_telephone_events_go_sealed_in_both_directions() -> None:
    bench, peer = secured()
    for k, duration in enumerate((160, 320, 480)):
        payload = bytes((5, 10 | 0x80 * (k == 2))) + duration.to_bytes(2, "big")
        bench.tick(peer.say(payload, kind=101, timestamp=800))
    assert bench.digits() == bench.digits(ends=True) == "5"
    bench.order(Command.DIGITS, 0, 100, 60, 1, strings=(b"7",))
    events = [opened for _ in range(12) for sent in bench.tick() if (opened := peer.read(sent))[1] & 0x7F == 101]
    assert len(events) >= 5
    assert {event[12] for event in events} == {7}


@pytest.mark.parametrize("other", [{"ptime": 60}, {"codec": "g722", "payload_type": 9}])
def test_other_packets_than_the_usual_are_sealed_too(other: dict[str, Any]) -> None:
    bench, peer = secured(**other)
    sent = [packet for _ in range(12) for packet in bench.tick()]
    assert sent
    assert {len(peer.read(packet)) for packet in sent} == {12 + 8 * int(other.get("ptime", 20))}


def test_what_does_not_open_is_dropped_counted_and_ends_nothing() -> None:
    bench, peer = secured()
    frame = speech(1)[0].tobytes()
    stranger = Peer(key(9), key(10))
    good = peer.say(frame)
    bench.tick(good)
    bad = [
        good,  # a replay
        stranger.say(frame),  # another key
        rtp(3, 480, frame),  # plain RTP
        rtp(3, 480, b""),
        good[:20] + b"\0" + good[21:],
        good[:12],
        good[:-1],
        b"",
        b"\x80",
        b"\xff" * 640,
        b"\x80" + bytes(900),
        b"\x80\xc9" + bytes(60),  # RTCP that nobody sealed
    ]
    for packet in bad:
        bench.tick(packet)
    assert int(bench.rows.refused[0]) == bench.plane.secure.dropped == len(bad)
    assert int(bench.rows.packets_in[0]) == 1
    assert heard_frames(bench, peer) == 8
    assert not bench.of(Event.FAULT)


def test_garbage_of_any_kind_never_raises() -> None:
    bench, peer = secured()
    chance = random.Random(6)
    frame = speech(1)[0].tobytes()
    for _ in range(300):
        packet = bytearray(peer.say(frame))
        for _ in range(chance.randrange(1, 4)):
            packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
        bench.tick(bytes(packet[: chance.choice((len(packet), chance.randrange(len(packet))))]))
        bench.plane.control_received(0, chance.randbytes(chance.randrange(80)), PEER + 1)
    assert int(bench.rows.packets_in[0]) == 0
    assert heard_frames(bench, peer) == 8


BAD = folder()


@pytest.mark.skipif(may_skip(BAD is not None), reason="the corpus of bad RTP is not here")
@pytest.mark.parametrize("seal", [False, True])
def test_bad_packets_of_others_are_dropped_and_of_the_peer_itself_survived(seal: bool) -> None:
    assert BAD is not None
    for line in BAD.read_text().splitlines():
        group = json.loads(line)
        bench, peer = secured()
        heard_frames(bench, peer)
        before = int(bench.rows.packets_in[0])
        for text in group["packets"]:
            packet = bytes.fromhex(text)
            if seal:
                with contextlib.suppress(Error, ValueError):
                    packet = peer.out.protect(packet)
            bench.arrive([packet])
            bench.plane.control_received(0, packet, PEER + 1)
            if len(bench.loops.waiting) >= 8:
                bench.tick()
        bench.tick()
        if not seal:
            assert int(bench.rows.packets_in[0]) == before, group["name"]
            assert not bench.of(Event.DIGIT), group["name"]
        assert not bench.of(Event.FAULT), group["name"]
        assert len(bench.tick()) == 1, group["name"]
        later = Peer(key(12), key(11))
        bench.agree(srtp_out=key(11), srtp_in=key(12))
        bench.tick()
        assert heard_frames(bench, later, 12) >= 8, group["name"]


def test_only_packets_that_open_latch() -> None:
    bench, peer = secured()
    frame = speech(1)[0].tobytes()
    for k in range(40):
        bench.tick(rtp(k, 160 * k, frame), source=PEER)
        bench.tick(rtp(k, 160 * k, frame), source=MAPPED)
    assert int(bench.rows.latched[0]) == 0
    for _ in range(LEARN_PACKETS):
        bench.tick(peer.say(frame), source=MAPPED)
    assert int(bench.rows.latched[0]) == MAPPED


def test_a_copy_from_elsewhere_does_not_spend_the_packet() -> None:
    bench, peer = secured()
    frame = speech(1)[0].tobytes()
    bench.tick(peer.say(frame))
    for _ in range(20):
        packet = peer.say(frame)
        bench.arrive([packet], source=0xCB007109 << 16 | 4000)
        bench.tick(packet)
    assert int(bench.rows.packets_in[0]) == 21


def test_the_stream_goes_on_over_the_rollover_of_its_numbers() -> None:
    bench, _ = secured()
    assert int(bench.rows.sequence[0]) < 0x8000
    bench.tick()
    bench.rows.sequence[0] = 0xFFF8
    bench.agree(srtp_out=key(3), srtp_in=key(4))
    bench.tick()
    peer = Peer(key(4), key(3))
    peer.sequence = 0xFFF8
    frame = speech(1)[0].tobytes()
    sequences = [peer.read(sent)[2:4] for _ in range(24) for sent in bench.tick(peer.say(frame))]
    assert sequences[:2] == [b"\xff\xf8", b"\xff\xf9"]
    assert sequences[-1] == b"\0\x0f"
    assert int(bench.rows.packets_in[0]) == 24
    assert int(bench.rows.refused[0]) == 0


def test_a_new_source_is_opened_with_the_same_key_and_their_number_is_bounded() -> None:
    bench, peer = secured()
    assert heard_frames(bench, peer) == 8
    frame = speech(1)[0].tobytes()
    for ssrc in range(100, 100 + 2 * MOST_SOURCES):
        bench.tick(peer.say(frame, ssrc=ssrc))
    assert bench.plane.secure.dropped == MOST_SOURCES + 1
    assert heard_frames(bench, peer) == 8


def test_new_keys_take_over_without_a_gap() -> None:
    bench, peer = secured()
    assert heard_frames(bench, peer) == 8
    bench.agree(srtp_out=key(3), srtp_in=key(4))
    bench.tick()
    assert heard_frames(bench, peer) == 8  # the peer has not heard of it yet
    later = Peer(key(4), key(3))
    later.sequence = peer.sequence
    assert heard_frames(bench, later) == 8
    for sent in bench.tick():
        later.read(sent)
    assert int(bench.rows.refused[0]) == 0
    for _ in range(GRACE_TICKS):
        bench.tick()
    bench.tick(peer.say(speech(1)[0].tobytes()))
    assert int(bench.rows.refused[0]) == 1


def test_keys_that_stay_keep_their_counters_and_replays() -> None:
    bench, peer = secured()
    packet = peer.say(speech(1)[0].tobytes())
    bench.tick(packet)
    sent = bench.tick()
    bench.agree(srtp_out=OURS, srtp_in=THEIRS, send=False)
    bench.agree(srtp_out=OURS, srtp_in=THEIRS)
    bench.tick()
    bench.tick(packet)
    assert int(bench.rows.refused[0]) == 1
    for each in (*sent, *bench.tick()):
        peer.read(each)


def test_a_row_becomes_plain_where_that_is_agreed_and_the_next_call_on_it_is_plain() -> None:
    bench, peer = secured()
    bench.tick(peer.say(b"\x55" * 160))
    bench.agree()
    bench.tick()
    bench.tick()
    assert bench.tick()[0].payload == b"\xff" * 160
    assert not bench.plane.secure.any
    bench.agree(srtp_out=OURS, srtp_in=THEIRS)
    bench.order(Command.RELEASE, 0)
    bench.tick()
    bench.order(Command.ALLOCATE, 0)
    assert not bench.plane.secure.any
    assert not bench.rows.secure.any()


def test_secure_and_plain_rows_are_bridged() -> None:
    bench, peer = secured()
    bench.call(1)
    bench.order(Command.BRIDGE, 0, 1, 1)
    bench.tick()
    said = speech(8)
    to_plain: list[bytes] = []
    to_secure: list[bytes] = []
    for k, frame in enumerate(said):
        bench.arrive([peer.say(frame.tobytes())], row=0)
        bench.arrive([rtp(k, 160 * k, said[-1 - k].tobytes())], row=1)
        for sent in bench.first():
            (to_secure if sent.row == 0 else to_plain).append(peer.read(sent)[12:] if sent.row == 0 else sent.payload)
        bench.second()
    assert {frame.tobytes() for frame in said[:4]} <= set(to_plain)
    assert {frame.tobytes() for frame in said[-4:]} <= set(to_secure)


def test_reports_are_sealed_and_only_sealed_ones_are_believed() -> None:
    bench, peer = secured()
    bench.tick(peer.say(b"\x55" * 160))
    for _ in range(400):
        bench.tick()
    _, report, target = bench.controls[0]
    assert target == PEER + 1
    opened = peer.into.unprotect_rtcp(report)
    assert opened[1] == 200
    with pytest.raises(Error):
        Peer(key(8), key(9)).into.unprotect_rtcp(report)
    ours = int(bench.rows.ssrc[0]).to_bytes(4, "big")
    plain = b"\x81\xc9\0\7" + (7).to_bytes(4, "big") + ours + b"\0\0\0\x09" + bytes(16)
    bench.plane.control_received(0, plain, PEER + 1)
    assert bench.plane.reports.heard_from(0)[1] is None
    bench.plane.control_received(0, peer.out.protect_rtcp(plain), PEER + 1)
    assert bench.plane.reports.heard_from(0)[1] == 9
    bench.order(Command.RELEASE, 0)
    bench.tick()
    farewell = peer.into.unprotect_rtcp(bench.controls[-1][1])
    assert farewell[-8:-4] == b"\x81\xcb\0\1"


def test_reports_that_share_the_port_are_sealed_and_opened() -> None:
    bench, peer = secured(rtcp_mux=True)
    ours = int(bench.rows.ssrc[0]).to_bytes(4, "big")
    plain = b"\x81\xc9\0\7" + (7).to_bytes(4, "big") + ours + b"\0\0\0\x05" + bytes(16)
    bench.tick(peer.say(b"\x55" * 160))
    bench.tick(peer.out.protect_rtcp(plain), plain)
    assert bench.plane.reports.heard_from(0)[1] == 5
    assert int(bench.rows.refused[0]) == 1
    reports = [sent for _ in range(400) for sent in bench.tick() if 192 <= sent.data[1] <= 223]
    assert reports
    assert not bench.controls
    assert {sent.target for sent in reports} == {PEER}
    assert peer.into.unprotect_rtcp(reports[0].data)[1] == 200


def test_keys_are_not_shown() -> None:
    bench, _ = secured()
    assert repr(OURS.key)[2:-1] not in repr(vars(bench.plane.secure))
    assert repr(OURS.key)[2:-1] not in repr(OURS)
