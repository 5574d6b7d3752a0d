"""Wideband rows: both ways, bridged with each other and with narrow ones, under loss; digits and recordings beside."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pylibsrtp import Policy, Session

from media.codecs.g711 import ALAW_DECODE, ALAW_ENCODE, ULAW_DECODE, ULAW_ENCODE
from media.codecs.g722 import G722Decoder, G722Encoder
from media.codecs.opus import OpusDecoder, OpusEncoder, available
from media.codecs.resample import DOWN_HISTORY, down, low_pass
from media.dtmf.generator import digit_samples
from media.face import WIDE_SUFFIX, SrtpKey
from media.protocol import NO_TYPE, Command, DigitMode, UpdateFlag
from tests.kit.needs import may_skip
from tests.kit.plane import ALL, PEER, PlaneBench, Sent, folder, rtp
from tests.media.dtmf_adapter import detect_all

OTHER = PEER + 2
needs_opus = pytest.mark.skipif(may_skip(available()), reason="libopus or opuslib-next is not installed")
WIDE = [pytest.param("g722"), pytest.param("opus", marks=needs_opus)]


def tone(frequency: float, frames: int, rate: int = 16000, amplitude: float = 8000) -> NDArray[np.int16]:
    time = np.arange(frames * rate // 50) / rate
    return (np.sin(2 * np.pi * frequency * time) * amplitude).astype(np.int16)


def level(samples: NDArray[np.int16], frequency: float, rate: int) -> float:
    """dB of ``frequency`` in ``samples`` below a tone of 8000."""
    time = np.arange(len(samples)) / rate
    part = abs(np.dot(samples.astype(float), np.exp(-2j * np.pi * frequency * time))) * 2 / len(samples)
    return float(20 * np.log10(part / 8000 + 1e-9))


class Peer:
    """A phone of one codec, which talks and listens."""

    def __init__(self, codec: str, said: NDArray[np.int16] | None = None, ptime: int = 20, ssrc: int = 7) -> None:
        self.codec, self.ptime, self.ssrc = codec, ptime, ssrc
        self.said = said if said is not None else np.zeros(0, np.int16)
        self.type = {"pcmu": 0, "pcma": 8, "g722": 9, "opus": 107}[codec]
        self.clock = 48 if codec == "opus" else 8
        self._encoder: Any = G722Encoder() if codec == "g722" else OpusEncoder() if codec == "opus" else None
        self._at = 0
        self.sequence = 0
        self.heard: list[Sent] = []

    def terms(self) -> dict[str, Any]:
        return {"codec": self.codec, "payload_type": self.type, "ptime": self.ptime, "event_rate": self.clock * 1000}

    def packet(self) -> bytes:
        samples = self.ptime * 16
        part = self.said[self._at : self._at + samples]
        part = np.concatenate((part, np.zeros(samples - len(part), np.int16)))
        octets = self._encoder.encode(part)
        packet = rtp(self.sequence, self._at // 16 * self.clock, octets, self.type, self.ssrc)
        self.sequence += 1
        self._at += samples
        return packet

    def sound(self) -> NDArray[np.int16]:
        """What it heard."""
        payloads = [packet.payload for packet in self.heard if packet.kind == self.type]
        if self.codec == "g722":
            return G722Decoder().decode(b"".join(payloads))
        if self.codec == "opus":
            decoder = OpusDecoder()
            return np.concatenate([frame for p in payloads if (frame := decoder.decode(p)) is not None])
        table = ULAW_DECODE if self.codec == "pcmu" else ALAW_DECODE
        return table[np.frombuffer(b"".join(payloads), np.uint8)]


def agreed(bench: PlaneBench, row: int, peer: Peer, source: int, **wanted: Any) -> None:
    bench.call(row, source, **{**peer.terms(), **wanted})


@pytest.mark.parametrize("codec", WIDE)
def test_what_a_wide_caller_says_is_heard_narrow_without_folding(codec: str) -> None:
    for frequency, found in ((1000.0, True), (3000.0, True), (6000.0, False)):
        bench, peer = PlaneBench(), Peer(codec, tone(frequency, 60))
        agreed(bench, 0, peer, PEER)
        frames: list[NDArray[np.uint8]] = []
        bench.plane.recorder.hear = lambda index, payload, into=frames: into.extend(payload.copy())  # type: ignore[misc]
        for _ in range(60):
            bench.whole_tick(peer.packet())
        heard = ULAW_DECODE[np.concatenate(frames[20:50])]
        if found:
            assert level(heard, frequency, 8000) > -2
        else:
            assert float(np.sqrt(np.mean(heard.astype(float) ** 2))) < 8000 * 10 ** (-40 / 20)


@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
def test_prompts_are_wide_where_there_is_a_wide_sound(codec: str, ptime: int) -> None:
    bench, peer = PlaneBench(), Peer(codec, ptime=ptime)
    bench.sounds["both"], bench.sounds["both" + WIDE_SUFFIX] = tone(2000, 60, 8000), tone(6000, 60)
    bench.sounds["narrow"] = tone(2000, 60, 8000)
    agreed(bench, 0, peer, PEER)
    bench.play(0, 1, "both")
    for _ in range(60):
        peer.heard += bench.whole_tick()
    assert level(peer.sound()[8000:16000], 6000, 16000) > -6
    peer.heard.clear()
    bench.play(0, 2, "narrow")
    for _ in range(60):
        peer.heard += bench.whole_tick()
    assert level(peer.sound()[8000:16000], 2000, 16000) > -2
    assert level(peer.sound()[8000:16000], 6000, 16000) < -40
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(peer.heard)}
    assert steps == {ptime * peer.clock}


@pytest.mark.parametrize("codec", WIDE)
def test_two_wide_callers_of_one_codec_hear_each_other_as_sent(codec: str) -> None:
    bench = PlaneBench()
    one, two = Peer(codec, tone(6000, 80)), Peer(codec, tone(500, 80), ssrc=8)
    agreed(bench, 0, one, PEER)
    agreed(bench, 1, two, OTHER)
    bench.order(Command.BRIDGE, 0, 1, 1)
    sent: list[bytes] = []
    for _ in range(80):
        packet = one.packet()
        sent.append(packet[12:])
        bench.arrive([packet], 0, PEER)
        bench.arrive([two.packet()], 1, OTHER)
        for packet in bench.whole_tick():
            (one if packet.row == 0 else two).heard.append(packet)
    passed = [packet.payload for packet in two.heard]
    begin = passed.index(sent[10])
    assert passed[begin : begin + 60] == sent[10:70]
    assert level(two.sound()[12000:20000], 6000, 16000) > -6
    assert level(one.sound()[12000:20000], 500, 16000) > -2
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(two.heard)} == {20 * two.clock}
    numbers = [packet.sequence for packet in two.heard]
    assert all((b - a) & 0xFFFF == 1 for a, b in itertools.pairwise(numbers))


@needs_opus
@pytest.mark.parametrize(("first", "second"), [("g722", "opus"), ("opus", "g722"), ("opus", "opus"), ("g722", "g722")])
@pytest.mark.parametrize(("ptime", "other"), [(20, 40), (60, 20), (10, 30)])
def test_wide_callers_of_different_codecs_and_packets_stay_wide(
    first: str, second: str, ptime: int, other: int
) -> None:
    bench = PlaneBench()
    talks, hears = Peer(first, tone(5000, 100), ptime), Peer(second, ptime=other, ssrc=8)
    agreed(bench, 0, talks, PEER)
    agreed(bench, 1, hears, OTHER)
    bench.order(Command.BRIDGE, 0, 1, 1)
    for at in range(100):
        if at * 20 % ptime == 0:
            bench.arrive([talks.packet() for _ in range(max(1, 20 // ptime))], 0, PEER)
        bench.arrive([], 1, OTHER)
        hears.heard += [packet for packet in bench.whole_tick() if packet.row == 1]
    assert level(hears.sound()[16000:24000], 5000, 16000) > -6


@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("narrow", ["pcmu", "pcma"])
def test_wide_and_narrow_callers_hear_each_other(codec: str, narrow: str) -> None:
    bench = PlaneBench()
    wide, phone = Peer(codec, tone(1000, 80)), Peer(narrow, ssrc=8)
    agreed(bench, 0, wide, PEER)
    agreed(bench, 1, phone, OTHER)
    bench.order(Command.BRIDGE, 0, 1, 1)
    said = tone(700, 80, 8000)
    octets = (ULAW_ENCODE if narrow == "pcmu" else ALAW_ENCODE)[said.view(np.uint16)]
    for at in range(80):
        bench.arrive([wide.packet()], 0, PEER)
        bench.arrive([rtp(at, 160 * at, octets[160 * at : 160 * at + 160].tobytes(), phone.type, 8)], 1, OTHER)
        for packet in bench.whole_tick():
            (wide if packet.row == 0 else phone).heard.append(packet)
    assert level(phone.sound()[4000:12000], 1000, 8000) > -2
    assert level(wide.sound()[8000:24000], 700, 16000) > -2


@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("lost", [(20,), (20, 21), (20, 21, 22, 23, 24, 25)])
def test_loss_is_concealed_and_nothing_shifts(codec: str, lost: tuple[int, ...]) -> None:
    bench, peer = PlaneBench(), Peer(codec, tone(400, 60))
    agreed(bench, 0, peer, PEER)
    frames: list[NDArray[np.uint8]] = []
    bench.plane.recorder.hear = lambda index, payload: frames.extend(payload.copy())  # type: ignore[method-assign]
    for at in range(60):
        packet = peer.packet()
        bench.whole_tick(*([] if at in lost else [packet]))
    heard = ULAW_DECODE[np.concatenate(frames)].astype(float).reshape(-1, 160)
    power = np.sqrt((heard**2).mean(axis=1))
    assert (power[25 + len(lost) : 55] > 3000).all()
    assert power[22:].min() < 6000
    if len(lost) == 1:
        assert power[8:].min() > 500
    assert bench.rows.lost_of_source(0) == len(lost)


@pytest.mark.parametrize("codec", WIDE)
@pytest.mark.parametrize("ptime", [10, 40, 60])
def test_after_a_lost_packet_of_another_length_sound_is_as_before(codec: str, ptime: int) -> None:
    bench, peer = PlaneBench(), Peer(codec, tone(400, 160), ptime)
    agreed(bench, 0, peer, PEER)
    frames: list[NDArray[np.uint8]] = []
    bench.plane.recorder.hear = lambda index, payload: frames.extend(payload.copy())  # type: ignore[method-assign]
    lost = 600 // ptime
    for tick in range(70):
        batch = []
        while peer.sequence * ptime <= tick * 20:
            packet = peer.packet()
            batch += [packet] if peer.sequence != lost else []
        bench.whole_tick(*batch)
    power = np.sqrt((ULAW_DECODE[np.concatenate(frames)].astype(float).reshape(-1, 160) ** 2).mean(axis=1))
    gap = [tick for tick in range(20, 68) if power[tick] < 4500]
    assert len(gap) <= 1 + 2 * ptime // 20  # waited for first, made up for then
    assert not gap or max(gap) < 38


@needs_opus
def test_a_pause_of_opus_is_no_loss_and_goes_on_after() -> None:
    bench, peer = PlaneBench(), Peer("opus", tone(400, 30))
    agreed(bench, 0, peer, PEER)
    frames: list[NDArray[np.uint8]] = []
    bench.plane.recorder.hear = lambda index, payload: frames.extend(payload.copy())  # type: ignore[method-assign]
    for _ in range(30):
        bench.whole_tick(peer.packet())
    for _ in range(40):
        bench.whole_tick()
    peer.said = np.concatenate((peer.said, np.zeros(40 * 320, np.int16), tone(400, 30)))
    peer._at += 40 * 320
    for _ in range(30):
        bench.whole_tick(peer.packet())
    power = np.sqrt((ULAW_DECODE[np.concatenate(frames)].astype(float).reshape(-1, 160) ** 2).mean(axis=1))
    assert power[40:68].max() < 500
    assert power[75:95].min() > 3000
    assert bench.rows.lost_of_source(0) == 0


@pytest.mark.parametrize("codec", WIDE)
def test_dtmf_in_the_sound_of_wide_callers_is_heard_whole(codec: str) -> None:
    digits = "0123456789*#ABCD" * 3
    gap = np.zeros(640, np.int16)
    narrow = np.concatenate([np.concatenate((digit_samples(d, 80.0), gap)) for d in digits])
    stuffed = np.zeros(2 * len(narrow))
    stuffed[::2] = narrow
    said = np.convolve(stuffed, 2 * low_pass())[: len(stuffed)].astype(np.int16)
    bench, peer = PlaneBench(), Peer(codec, said)
    agreed(bench, 0, peer, PEER, flags=int(ALL | UpdateFlag.INBAND), events=NO_TYPE)
    for _ in range(len(said) // 320 + 10):
        bench.whole_tick(peer.packet())
    assert bench.digits() == digits
    assert bench.digits(ends=True) == digits


@pytest.mark.parametrize("codec", WIDE)
def test_dtmf_that_we_send_in_the_sound_is_heard_by_a_detector(codec: str) -> None:
    bench, peer = PlaneBench(), Peer(codec)
    agreed(bench, 0, peer, PEER, events=NO_TYPE)
    bench.order(Command.DIGITS, 0, 100, 80, DigitMode.AGREED, strings=(b"147*",))
    for _ in range(60):
        peer.heard += bench.whole_tick()
    wide = peer.sound().astype(np.float32)
    wide = wide[: len(wide) // 320 * 320]
    before = np.zeros(DOWN_HISTORY, np.float32)
    frames = []
    for at in range(0, len(wide), 320):
        joined = np.concatenate((before, wide[at : at + 320]))
        frames.append(down(joined[None])[0])
        before = joined[-DOWN_HISTORY:]
    found = detect_all([np.concatenate(frames).astype(np.int16)])[0]
    assert "".join(digit for digit, _, _ in found) == "147*"


@pytest.mark.parametrize("codec", WIDE)
def test_events_beside_a_wide_codec_count_in_their_clock(codec: str) -> None:
    bench, peer = PlaneBench(), Peer(codec)
    agreed(bench, 0, peer, PEER)
    bench.order(Command.DIGITS, 0, 100, 60, DigitMode.AGREED, strings=(b"4",))
    for _ in range(20):
        peer.heard += bench.whole_tick()
    events = [packet for packet in peer.heard if packet.kind == 101]
    step = 20 * peer.clock
    assert [int.from_bytes(packet.payload[2:4], "big") for packet in events] == [
        step * k for k in (1, 2, 3, 4, 5, 5, 5, 5)
    ]
    numbers = [packet.sequence for packet in peer.heard]
    assert all((b - a) & 0xFFFF == 1 for a, b in itertools.pairwise(numbers))


@needs_opus
def test_a_long_event_of_a_fast_clock_goes_in_segments() -> None:
    bench, peer = PlaneBench(), Peer("opus")
    agreed(bench, 0, peer, PEER)
    bench.order(Command.DIGITS, 0, 3000, 60, DigitMode.AGREED, strings=(b"4",))
    for _ in range(170):
        peer.heard += bench.whole_tick()
    events = [packet for packet in peer.heard if packet.kind == 101]
    starts = sorted({packet.timestamp for packet in events}, key=lambda t: (t - events[0].timestamp) & 0xFFFFFFFF)
    assert [(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(starts)] == [68 * 960] * 2
    assert [packet.marker for packet in events] == [True] + [False] * (len(events) - 1)
    back = PlaneBench()
    back.call(event_rate_in=48000)
    for packet in events:
        back.whole_tick(packet.data)
    for _ in range(20):
        back.whole_tick()
    assert back.digits() == back.digits(ends=True) == "4"
    ended = next(fields for event, _, fields, _ in back.told if event.name == "DIGIT" and fields[2])
    assert abs(ended[4] - 3.0) < 0.1


@pytest.mark.parametrize("codec", WIDE)
def test_both_sides_of_a_wide_call_are_recorded(codec: str, tmp_path) -> None:
    bench, peer = PlaneBench(), Peer(codec, tone(1000, 60))
    bench.sounds["a"] = tone(2000, 60, 8000)
    agreed(bench, 0, peer, PEER)
    bench.writer.start()
    path = tmp_path / "both.wav"
    bench.order(Command.RECORD, 0, 1, True, False, 0, 0, strings=(str(path).encode(),))
    bench.play(0, 1, "a")
    for _ in range(60):
        bench.whole_tick(peer.packet())
    bench.order(Command.STOP_RECORD, 0, 1)
    bench.whole_tick()
    bench.writer.close()
    samples = np.frombuffer(path.read_bytes()[44:], "<i2").reshape(-1, 2)
    assert abs(len(samples) - 60 * 160) <= 320
    assert level(samples[2400:8000, 0], 1000, 8000) > -2
    assert level(samples[2400:8000, 1], 2000, 8000) > -2


@needs_opus
def test_a_call_may_change_its_codec_at_any_moment() -> None:
    bench = PlaneBench()
    bench.sounds["a"] = tone(1000, 400, 8000)
    bench.call()
    bench.play(0, 1, "a")
    for codec in ("g722", "pcma", "opus", "g722", "pcmu", "opus"):
        peer = Peer(codec, ptime=40 if codec == "opus" else 20)
        bench.agree(0, PEER, **peer.terms())
        bench.whole_tick()
        for _ in range(30):
            peer.heard += bench.whole_tick()
        rate = 16000 if codec in ("g722", "opus") else 8000
        assert level(peer.sound()[rate // 10 : rate // 2], 1000, rate) > -2


@pytest.mark.parametrize("codec", WIDE)
def test_wide_sound_is_sealed_and_opened(codec: str) -> None:
    key, other = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(30)), SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))
    profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    hears = Session(Policy(key.key, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    talks = Session(Policy(other.key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    bench, peer = PlaneBench(), Peer(codec, tone(1000, 60), ptime=40)
    bench.sounds["a"] = tone(2000, 60, 8000)
    agreed(bench, 0, peer, PEER, srtp_out=key, srtp_in=other)
    bench.play(0, 1, "a")
    frames: list[NDArray[np.uint8]] = []
    bench.plane.recorder.hear = lambda index, payload: frames.extend(payload.copy())  # type: ignore[method-assign]
    for at in range(60):
        sealed = bench.whole_tick(*([] if at % 2 else [talks.protect(peer.packet())]))
        peer.heard += [Sent(p.row, p.target, hears.unprotect(p.data)) for p in sealed]
    assert level(peer.sound()[8000:16000], 2000, 16000) > -2
    assert level(ULAW_DECODE[np.concatenate(frames[20:50])], 1000, 8000) > -2


@pytest.mark.skipif(folder() is None, reason="the corpus of bad RTP packets is not beside this checkout")
@pytest.mark.parametrize("codec", WIDE)
def test_the_corpus_of_bad_packets_harms_no_wide_call(codec: str) -> None:
    path = folder()
    assert path is not None
    for line in path.read_text().splitlines():
        group = json.loads(line)
        bench, peer = PlaneBench(), Peer(codec, tone(400, 400), ssrc=0x51)
        peer.type = 0  # that of the packets in the corpus
        agreed(bench, 0, peer, PEER)
        packets = [bytes.fromhex(packet) for packet in group["packets"]][:160]
        for start in range(0, len(packets), 8):
            bench.arrive(packets[start : start + 8])
            bench.whole_tick(peer.packet())
        frames: list[NDArray[np.uint8]] = []
        bench.plane.recorder.hear = lambda index, payload, into=frames: into.extend(payload.copy())  # type: ignore[misc]
        for _ in range(60):
            bench.whole_tick(peer.packet())
        assert level(ULAW_DECODE[np.concatenate(frames[30:60])], 400, 8000) > -3, group["name"]


def test_rows_leave_nothing_behind() -> None:
    bench = PlaneBench()
    for _ in range(3):
        peer = Peer("g722", tone(1000, 10), ptime=30)
        bench.order(Command.ALLOCATE, 0)
        bench.agree(0, PEER, **peer.terms())
        for _ in range(10):
            bench.whole_tick(peer.packet())
        bench.order(Command.RELEASE, 0)
        bench.whole_tick()
        assert not bench.plane.wide.members
        assert not bench.plane.shaper.any
        assert not bench.rows.shaped.any()
