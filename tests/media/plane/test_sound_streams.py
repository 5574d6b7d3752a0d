"""Sound streams of rows: what is sent of them and when, what they hear, and when their marks come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs.g711 import ALAW_DECODE, ULAW_DECODE, ULAW_ENCODE, ULAW_SILENCE, ULAW_TO_ALAW
from media.events import frames
from media.plane import sound_streams
from media.plane.sound_streams import RING_FRAMES, RING_SAMPLES
from media.protocol import STREAM_ROWS, Command, Event, UpdateFlag, records
from tests.kit.plane import PEER, PlaneBench, rtp, speech

ULAW, SLIN = 0, 1
SILENCE = bytes([ULAW_SILENCE]) * 160


def octets(count: int, seed: int = 3) -> bytes:
    """Loud \u00b5-law, in which no frame is like another."""
    return speech(-(-count // 160), seed).tobytes()[:count]


def opened(stream: int = 1, encoding: int = ULAW, **wanted: Any) -> PlaneBench:
    """A call with a stream on row 0."""
    bench = PlaneBench()
    bench.call(**wanted)
    bench.order(Command.STREAM_OPEN, 0, stream, encoding)
    bench.second()
    return bench


def say(bench: PlaneBench, data: bytes, stream: int = 1, row: int = 0) -> None:
    pieces = tuple(data[at : at + 4096] for at in range(0, len(data), 4096))
    bench.order(Command.STREAM_AUDIO, row, stream, strings=pieces)


def sent(bench: PlaneBench, ticks: int) -> list[bytes]:
    """Payloads of row 0 of so many ticks."""
    return [one.payload for _ in range(ticks) for one in bench.tick() if one.row == 0]


def heard(bench: PlaneBench, row: int = 0) -> list[bytes]:
    """What the stream of ``row`` was told since the last call, a frame a tick."""
    told, bench.plane.stream_frames = bench.plane.stream_frames, []
    found = []
    for record in told:
        for kind, _, _, fields, data in records(record):
            assert kind == Event.STREAM_FRAMES
            found += [payload for number, *_, payload in frames(fields, data) if number == row]
    return found


def marks(bench: PlaneBench) -> list[tuple[int, bool]]:
    return [(number, bool(cleared)) for _, number, cleared in bench.of(Event.STREAM_MARK)]


def test_sound_goes_out_frame_by_frame_whatever_its_pieces() -> None:
    bench = opened()
    data = octets(800)
    for start, end in ((0, 7), (7, 500), (500, 800)):
        say(bench, data[start:end])
    bench.second()
    assert b"".join(sent(bench, 5)) == data
    assert sent(bench, 2) == [SILENCE, SILENCE]


def test_a_frame_that_is_not_full_waits_a_tick_and_is_filled_up() -> None:
    bench = opened()
    say(bench, octets(100))
    bench.second()
    assert sent(bench, 1) == [SILENCE]  # built when only a part was there
    assert sent(bench, 2) == [octets(100) + SILENCE[:60], SILENCE]
    say(bench, octets(100))
    bench.second()
    say(bench, octets(160)[100:])
    assert sent(bench, 2) == [SILENCE, octets(160)]


@pytest.mark.parametrize("alaw", [False, True])
@pytest.mark.parametrize("encoding", [ULAW, SLIN])
def test_each_encoding_reaches_rows_of_each_law(encoding: int, alaw: bool) -> None:
    bench = opened(encoding=encoding, alaw=alaw)
    samples = (np.sin(np.arange(160) / 5) * 9000).astype("<i2")
    data = samples.tobytes() if encoding == SLIN else ULAW_ENCODE[samples.view(np.uint16)].tobytes()
    say(bench, data)
    bench.second()
    (payload,) = sent(bench, 1)
    table = ALAW_DECODE if alaw else ULAW_DECODE
    assert np.abs(table[np.frombuffer(payload, np.uint8)].astype(int) - samples).max() <= 512
    if encoding == ULAW:
        assert payload == (ULAW_TO_ALAW[np.frombuffer(data, np.uint8)].tobytes() if alaw else data)


@pytest.mark.parametrize("alaw", [False, True])
@pytest.mark.parametrize("encoding", [ULAW, SLIN])
def test_what_the_peer_says_is_told_in_each_tick(encoding: int, alaw: bool) -> None:
    bench = opened(encoding=encoding, alaw=alaw)
    heard(bench)
    said = speech(10, alaw=alaw)
    for k in range(10):
        bench.tick(rtp(k, 160 * k, bytes(said[k]), 8 if alaw else 0))
    bench.tick()
    told = heard(bench)
    assert len(told) == 11
    table = ALAW_DECODE if alaw else ULAW_DECODE
    samples = [np.frombuffer(f, "<i2") if encoding == SLIN else ULAW_DECODE[np.frombuffer(f, np.uint8)] for f in told]
    assert not np.abs(samples[0]).max() > 8  # the jitter buffer holds the first packet back
    for k in range(10):
        assert np.abs(samples[1 + k].astype(int) - table[said[k]]).max() <= (0 if encoding == SLIN or not alaw else 512)


def test_silence_is_told_where_nothing_comes_and_on_hold() -> None:
    bench = opened()
    sent(bench, 5)
    assert heard(bench) == [SILENCE] * 5
    bench.agree(flags=UpdateFlag.SEND)
    bench.second()
    for k in range(5):
        bench.tick(rtp(k, 160 * k, bytes(speech(1)[0])))
    assert heard(bench) == [SILENCE] * 5


def test_rows_without_terms_have_no_clock() -> None:
    bench = PlaneBench()
    bench.order(Command.ALLOCATE, 0)
    bench.order(Command.STREAM_OPEN, 0, 1, ULAW)
    say(bench, octets(160))
    bench.second()
    sent(bench, 3)
    assert heard(bench) == []
    bench.agree()
    bench.second()
    assert sent(bench, 1) == [octets(160)]
    assert len(heard(bench)) == 1


def test_all_rows_of_an_encoding_leave_in_one_record() -> None:
    bench = PlaneBench(capacity=STREAM_ROWS + 10)
    for row in range(STREAM_ROWS + 10):
        bench.call(row, PEER + 2 * row)
        bench.order(Command.STREAM_OPEN, row, 1, row == 5)
    bench.second()
    bench.first()
    told = bench.plane.stream_frames
    assert [next(records(one))[3][:2] for one in told] == [(ULAW, STREAM_ROWS), (ULAW, 9), (SLIN, 1)]
    assert len(heard(bench, 5)[0]) == 320


def test_marks_come_when_the_sample_before_them_is_sent() -> None:
    bench = opened()
    bench.order(Command.STREAM_MARK, 0, 1, 10)
    say(bench, octets(200))
    bench.order(Command.STREAM_MARK, 0, 1, 11)
    say(bench, octets(200))
    bench.order(Command.STREAM_MARK, 0, 1, 12)
    bench.second()
    assert marks(bench) == [(10, False)]
    bench.tick()
    assert marks(bench) == [(10, False)]  # 160 samples
    bench.tick()
    assert marks(bench) == [(10, False), (11, False)]  # 320
    bench.tick()  # the rest has waited one tick
    assert marks(bench) == [(10, False), (11, False)]
    bench.tick()
    assert marks(bench) == [(10, False), (11, False), (12, False)]
    assert len(bench.of(Event.STREAM_STARTED)) == 1


def test_clear_is_silent_from_the_next_packet_and_tells_the_marks_in_order() -> None:
    bench = opened()
    say(bench, octets(1600))
    for number in (1, 2, 3):
        bench.order(Command.STREAM_MARK, 0, 1, number)
    bench.second()
    assert sent(bench, 2) == [octets(1600)[:160], octets(1600)[160:320]]
    bench.order(Command.STREAM_CLEAR, 0, 1)
    assert sent(bench, 1) == [octets(1600)[320:480]]  # built before the command
    assert marks(bench) == [(1, True), (2, True), (3, True)]
    assert sent(bench, 2) == [SILENCE, SILENCE]
    say(bench, octets(160, 9))
    bench.second()
    assert sent(bench, 1) == [octets(160, 9)]


def test_a_stream_is_heard_instead_of_a_play_which_goes_on_beneath() -> None:
    bench = PlaneBench(sounds={"music": np.full(160 * 50, 7000, np.int16)})
    bench.call()
    bench.order(Command.STREAM_OPEN, 0, 1, ULAW)
    bench.play(0, 5, "music")
    bench.second()
    music = bytes(ULAW_ENCODE[np.full(160, 7000, np.int16).view(np.uint16)])
    assert sent(bench, 2) == [music, music]
    say(bench, octets(320))
    assert sent(bench, 4) == [music, octets(320)[:160], octets(320)[160:], music]
    sent(bench, 44)
    assert len(bench.of(Event.PLAY_DONE)) == 1


@pytest.mark.parametrize("codecs", [("pcmu", "pcmu"), ("pcmu", "pcma"), ("g722", "g722"), ("g722", "pcmu")])
def test_a_stream_is_heard_instead_of_the_other_side_of_a_bridge(codecs: tuple[Any, Any]) -> None:
    types = {"pcmu": 0, "pcma": 8, "g722": 9}
    bench = PlaneBench()
    for row, codec in enumerate(codecs):
        bench.call(row, PEER + 2 * row, codec=codec, payload_type=types[codec])
    bench.order(Command.BRIDGE, 0, 1, 1)
    bench.order(Command.STREAM_OPEN, 0, 1, ULAW)
    bench.second()
    said = speech(40, 4).tobytes()  # of some codec

    def turn(k: int, count: int) -> list[bytes]:
        out = []
        for place in range(k, k + count):
            for row, codec in enumerate(codecs):
                packet = rtp(place, 160 * place, said[160 * place :][:160], types[codec])
                bench.arrive([packet], row, PEER + 2 * row)
            out += [one.payload for one in bench.first() if one.row == 0]
            bench.second()
        return out

    turn(0, 10)
    heard(bench)
    if codecs == ("pcmu", "pcmu"):
        assert set(turn(10, 5)) <= {said[160 * k :][:160] for k in range(20)}
        assert set(heard(bench)) <= {said[160 * k :][:160] for k in range(20)}  # both hear the peer
        say(bench, octets(800, 8))
        assert b"".join(turn(15, 6)[1:]) == octets(800, 8)
    else:
        say(bench, SILENCE * 5)
        turn(15, 2)
        quiet = turn(17, 3)
        if codecs[0] == "pcmu":
            assert quiet == [SILENCE] * 3
        else:
            from media.codecs.g722 import G722Decoder

            decoder = G722Decoder()
            levels = [np.abs(decoder.decode(payload).astype(int)).max() for payload in quiet]
            assert levels[-1] < 300
        assert all(len(frame) == 160 for frame in heard(bench))


def test_sound_of_a_wide_row_is_widened_and_heard_narrow() -> None:
    bench = opened(codec="g722", payload_type=9, encoding=SLIN)
    from media.codecs.g722 import G722Decoder, G722Encoder

    tone = (np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) * 8000).astype("<i2")
    wide = (np.sin(2 * np.pi * 600 * np.arange(16000) / 16000) * 8000).astype(np.int16)
    say(bench, tone[: RING_SAMPLES - 160].tobytes())
    decoder, encoder = G722Decoder(), G722Encoder()
    out, told = [], []
    for k in range(40):
        payload = encoder.encode(wide[320 * k : 320 * k + 320])
        out += [decoder.decode(one.payload) for one in bench.tick(rtp(k, 160 * k, payload, 9))]
        told += [np.frombuffer(frame, "<i2") for frame in heard(bench)]
    spectrum = np.abs(np.fft.rfft(np.concatenate(out[5:35]).astype(float)))
    assert abs(np.argmax(spectrum) * 16000 / (30 * 320) - 440) < 5
    spectrum = np.abs(np.fft.rfft(np.concatenate(told[5:35]).astype(float)))
    assert abs(np.argmax(spectrum) * 8000 / (30 * 160) - 600) < 5


def test_what_is_sent_of_a_stream_is_recorded(tmp_path: Any) -> None:
    bench = opened()
    bench.writer.start()
    path = tmp_path / "both.wav"
    bench.order(Command.RECORD, 0, 4, 1, 0, 0, 0, strings=(str(path).encode(),))
    bench.second()
    bench.tick()
    say(bench, octets(1600))
    sent(bench, 12)
    bench.order(Command.STOP_RECORD, 0, 4)
    bench.second()
    bench.writer.close()
    samples = np.frombuffer(path.read_bytes()[44:], "<i2").reshape(-1, 2)
    ours = ULAW_DECODE[np.frombuffer(octets(1600), np.uint8)]
    assert ours.tobytes() in np.ascontiguousarray(samples[:, 1]).tobytes()


def test_a_row_that_changes_its_law_says_the_same_in_the_new_one() -> None:
    bench = opened()
    say(bench, octets(480))
    assert sent(bench, 2) == [SILENCE, octets(160)]
    bench.agree(alaw=True)
    bench.tick()
    assert sent(bench, 1) == [ULAW_TO_ALAW[np.frombuffer(octets(480)[320:], np.uint8)].tobytes()]


def test_what_does_not_fit_is_dropped_and_told() -> None:
    bench = opened()
    say(bench, octets(RING_SAMPLES + 500))
    bench.second()
    assert bench.of(Event.STREAM_FULL) == [(1, 500)]
    bench.tick()
    assert b"".join(sent(bench, RING_FRAMES - 1)) == octets(RING_SAMPLES + 500)[160:RING_SAMPLES]
    assert sent(bench, 1) == [SILENCE]


def test_commands_of_a_stream_that_is_not_open_do_nothing() -> None:
    bench = opened()
    say(bench, octets(160), stream=2)
    for kind in (Command.STREAM_CLEAR, Command.STREAM_CLOSE):
        bench.order(kind, 0, 2)
    bench.order(Command.STREAM_MARK, 0, 2, 7)
    bench.second()
    assert sent(bench, 2) == [SILENCE, SILENCE]
    assert not bench.told or marks(bench) == []
    assert len(heard(bench)) == 2


@pytest.mark.parametrize("how", ["close", "release", "another"])
def test_the_end_of_a_stream_clears_its_marks(how: str) -> None:
    bench = opened()
    say(bench, octets(1600))
    bench.order(Command.STREAM_MARK, 0, 1, 7)
    bench.second()
    bench.tick()
    heard(bench)
    if how == "close":
        bench.order(Command.STREAM_CLOSE, 0, 1)
    elif how == "release":
        bench.order(Command.RELEASE, 0)
    else:
        bench.order(Command.STREAM_OPEN, 0, 2, SLIN)
    bench.second()
    assert marks(bench) == [(7, True)]
    later = sent(bench, 3)
    assert later == ([] if how == "release" else [SILENCE] * 3)
    assert [len(frame) for frame in heard(bench)] == ([320] * 3 if how == "another" else [])
    assert bench.plane.streams.any == (how == "another")
    if how == "release":
        assert [kind for kind, *_ in bench.told].index(Event.STREAM_MARK) < [k for k, *_ in bench.told].index(
            Event.STATS
        )


@dataclass
class Model:
    """A stream as it ought to be: sound and marks in one queue, a frame taken each tick."""

    queue: deque[int] = field(default_factory=deque)
    """Octets; marks are negative: -1 - number."""
    sent: list[bytes] = field(default_factory=list)
    marks: list[tuple[int, int, bool]] = field(default_factory=list)
    """Tick, number, cleared."""
    waited: bool = False
    tick: int = 0
    taken: int = 0

    @property
    def samples(self) -> int:
        return sum(one >= 0 for one in self.queue)

    def audio(self, data: bytes) -> None:
        self.queue.extend(data)

    def mark(self, number: int) -> None:
        self.queue.append(-1 - number)
        if not self.samples:
            self._reach()

    def _reach(self) -> None:
        """The marks that no sound stands before."""
        while self.queue and self.queue[0] < 0:
            self.marks.append((self.tick, -1 - self.queue.popleft(), False))

    def clear(self) -> None:
        self.marks += [(self.tick, -1 - one, True) for one in self.queue if one < 0]
        self.taken += self.samples
        self.queue.clear()
        self.waited = False

    def build(self) -> bytes:
        """The next packet; its marks are told when it is sent."""
        if self.samples < 160 and not (self.samples and self.waited):
            self.waited = bool(self.samples)
            return SILENCE
        self.waited = False
        frame = bytearray()
        self.pending = []
        while self.queue and (len(frame) < 160 or self.queue[0] < 0):
            one = self.queue.popleft()
            if one < 0:
                self.pending.append(-1 - one)
            else:
                frame.append(one)
        self.taken += len(frame)
        return bytes(frame) + SILENCE[len(frame) :]

    pending: list[int] = field(default_factory=list)

    def send(self) -> None:
        self.tick += 1
        self.marks += [(self.tick, number, False) for number in self.pending]
        self.pending = []


STEP = st.one_of(
    st.tuples(st.just("audio"), st.integers(1, 700)),
    st.tuples(st.just("mark"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
    st.tuples(st.just("tick"), st.integers(1, 4)),
)


@given(st.lists(STEP, max_size=60))
def test_any_history_is_sent_as_the_model_says(steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sound_streams, "CONCEAL_MOST", 0)  # the model makes nothing up
        history(steps)


def history(steps: list[tuple[str, int]]) -> None:
    bench, model = opened(), Model()
    rest = octets(60 * 700, 11)
    number = 0
    found: list[tuple[int, int, bool]] = []
    out: list[bytes] = []
    wanted: list[bytes] = []

    def note() -> None:
        new = marks(bench)[len(found) :]
        found.extend((model.tick, *one) for one in new)

    built = SILENCE
    for kind, count in [*steps, ("tick", RING_FRAMES + 2)]:
        if kind == "audio":
            count = min(count, RING_SAMPLES - 160 - model.samples)
            data, rest = rest[:count], rest[count:]
            if data:
                say(bench, data)
                model.audio(data)
        elif kind == "mark":
            number += 1
            bench.order(Command.STREAM_MARK, 0, 1, number)
            model.mark(number)
        elif kind == "clear":
            bench.order(Command.STREAM_CLEAR, 0, 1)
            model.clear()
        else:
            for _ in range(count):
                bench.second()
                note()
                built = model.build()
                model.send()
                out += [one.payload for one in bench.first()]
                wanted.append(built)
                note()
    assert out[-len(wanted) :] == wanted
    assert found == model.marks
    streams = bench.plane.streams
    assert streams._read[0] - streams._filled[0] == model.taken


def loudness(payload: bytes) -> float:
    return float(np.abs(ULAW_DECODE[np.frombuffer(payload, np.uint8)].astype(int)).mean())


def paced(bench: PlaneBench, count: int, seed: int = 3) -> bytes:
    """A frame in each of so many ticks; the last of them, which the next tick sends."""
    data = octets(160 * count, seed)
    for k in range(count):
        say(bench, data[160 * k : 160 * k + 160])
        bench.tick()
    return data[-160:]


def test_what_keeps_its_pace_and_is_late_is_made_up_twice() -> None:
    bench = opened()
    last = paced(bench, 3)
    first, second, third, fourth = sent(bench, 4)
    assert first == last
    assert loudness(last) / 2.2 < loudness(second) < loudness(last) / 1.8
    assert loudness(last) / 4.6 < loudness(third) < loudness(last) / 3.4
    assert fourth == SILENCE
    late = octets(160, 5)
    say(bench, late)
    bench.second()
    assert sent(bench, 1) == [late]
    assert bench.plane.streams._filled[0] == 0, "positions count what was given alone"


@pytest.mark.parametrize("how", ["mark", "clear", "part", "pause", "burst", "play", "close"])
def test_nothing_is_made_up_where_nothing_is_late(how: str) -> None:
    bench = opened()
    bench.sounds["music"] = np.zeros(16_000, np.int16)
    if how == "play":
        bench.play(0, 7, "music")
    last = paced(bench, 3)
    if how == "burst":
        say(bench, octets(160 * 4))
    elif how == "part":
        say(bench, octets(100))
    elif how == "mark":
        bench.order(Command.STREAM_MARK, 0, 1, 5)
    elif how in ("clear", "close"):
        bench.order(Command.STREAM_CLEAR if how == "clear" else Command.STREAM_CLOSE, 0, 1)
    payloads = sent(bench, 9)
    assert payloads[0] == last
    given = {"burst": 5, "part": 3}.get(how, 1)
    if how == "pause":
        assert payloads[3:] == [SILENCE] * 6
        say(bench, octets(1600, 9))
        bench.second()
        payloads, given = sent(bench, 13), 10
    assert payloads[given:] == [SILENCE] * (len(payloads) - given)


@pytest.mark.parametrize("codec", ["g722", "pcmu"])
def test_a_clear_silences_what_was_made_up_and_waits_for_its_packet(codec: str) -> None:
    bench = opened(codec=codec, payload_type=9 if codec == "g722" else 0, ptime=60)
    paced(bench, 7)
    for _ in range(2):  # made up, and gathered for a packet of 60 ms
        bench.tick()
    assert bench.plane.shaper.unsent(0)
    bench.order(Command.STREAM_CLEAR, 0, 1)
    bench.second()
    if codec == "pcmu":
        assert {octet for payload in sent(bench, 4) for octet in payload} == {ULAW_SILENCE}
    else:
        shape = bench.plane.shaper._shapes[0]
        quiet = list(shape.gathered)
        bench.plane.shaper.hush(0)
        assert shape.gathered == quiet
