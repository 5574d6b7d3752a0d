"""What rows are sent, as it is told to others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from media.codecs.g711 import ULAW_DECODE, ULAW_ENCODE, ULAW_SILENCE
from media.codecs.opus import available
from media.events import sent_frames
from media.protocol import STREAM_ROWS, Command, Event, UpdateFlag, records
from tests.kit.needs import may_skip
from tests.kit.plane import PEER, PlaneBench, rtp, speech

needs_opus = pytest.mark.skipif(may_skip(available()), reason="libopus or opuslib-next is not installed")
SILENCE = bytes([ULAW_SILENCE]) * 160


def told(bench: PlaneBench) -> list[tuple[int, bytes]]:
    """Row and sound of what was told since the last call."""
    found, bench.plane.stream_frames = bench.plane.stream_frames, []
    return [
        (row, sound)
        for record in found
        for kind, _, _, fields, data in records(record)
        if kind == Event.SENT_FRAMES
        for row, _, sound in sent_frames(fields, data)
    ]


def asked(**wanted: Any) -> PlaneBench:
    bench = PlaneBench()
    bench.sounds["words"] = speech_samples(20)
    bench.call(**wanted)
    bench.order(Command.TELL_SENT, 0, 1)
    bench.second()
    return bench


def speech_samples(frames: int) -> NDArray[np.int16]:
    return ULAW_DECODE[speech(frames).reshape(-1)].astype(np.int16)


@pytest.mark.parametrize("alaw", [False, True])
def test_a_prompt_is_told_as_it_is_sent(alaw: bool) -> None:
    bench = asked(alaw=alaw)
    bench.play(0, 1, "words")
    bench.second()
    given = ULAW_ENCODE[bench.sounds["words"].view(np.uint16)].reshape(-1, 160)
    for number in range(20):
        sent = bench.tick()
        ((row, sound),) = told(bench)
        assert row == 0
        if alaw:
            difference = ULAW_DECODE[np.frombuffer(sound, np.uint8)].astype(int) - ULAW_DECODE[given[number]]
            assert np.abs(difference).max() <= 512
        else:
            assert sound == sent[0].payload == bytes(given[number])
    bench.tick()
    ((_, sound),) = told(bench)
    assert np.abs(ULAW_DECODE[np.frombuffer(sound, np.uint8)].astype(int)).max() <= 8, "the silence of the law"


def test_a_stream_and_a_bridge_are_told_too() -> None:
    bench = asked()
    bench.order(Command.STREAM_OPEN, 0, 1, 0)
    words = bytes(speech(1, 8)[0])
    bench.order(Command.STREAM_AUDIO, 0, 1, strings=(words,))
    bench.second()
    bench.tick()
    assert told(bench) == [(0, words)]
    bench.order(Command.STREAM_CLOSE, 0, 1)
    bench.call(1, PEER + 2)
    bench.order(Command.BRIDGE, 0, 1, 1)
    said = speech(10, 9)
    heard = []
    for k in range(10):
        bench.arrive([rtp(k, 160 * k, bytes(said[k]))], 1, PEER + 2)
        bench.tick()
        heard += [sound for row, sound in told(bench) if row == 0]
    assert [bytes(one) for one in said[:6]] == [sound for sound in heard if sound in {bytes(one) for one in said[:6]}]


@pytest.mark.parametrize("codec", ["g722", pytest.param("opus", marks=needs_opus)])
def test_of_wideband_calls_it_is_the_narrow_sound(codec: str) -> None:
    bench = asked(codec=codec, payload_type=9 if codec == "g722" else 111)
    bench.play(0, 1, "words")
    bench.second()
    bench.tick()
    ((_, sound),) = told(bench)
    assert sound == ULAW_ENCODE[bench.sounds["words"][:160].view(np.uint16)].tobytes()


def test_digits_and_hold_are_silence() -> None:
    bench = asked()
    bench.play(0, 1, "words")
    bench.order(Command.DIGITS, 0, 100, 60, 0, strings=(b"5",))
    bench.second()
    bench.tick()
    assert told(bench) == [(0, SILENCE)], "an event goes in its place"
    for _ in range(12):
        bench.tick()
    assert any(sound != SILENCE for _, sound in told(bench))
    bench.agree(flags=UpdateFlag.RECEIVE)
    bench.tick()
    told(bench)
    bench.tick()
    assert told(bench) == [(0, SILENCE)]


def test_nobody_who_was_not_asked_for_is_told_of_and_no_more_after_the_end() -> None:
    bench = asked()
    bench.call(1, PEER + 2)
    bench.tick()
    assert [row for row, _ in told(bench)] == [0]
    bench.order(Command.TELL_SENT, 0, 0)
    bench.tick()
    told(bench)
    bench.tick()
    assert told(bench) == [] and not bench.plane.sent_sound.any
    bench.order(Command.TELL_SENT, 1, 1)
    bench.order(Command.RELEASE, 1)
    bench.tick()
    told(bench)
    bench.tick()
    assert told(bench) == [] and not bench.plane.sent_sound.any


def test_many_rows_go_in_records_that_fit() -> None:
    count = STREAM_ROWS + 5
    bench = PlaneBench(capacity=count)
    for row in range(count):
        bench.call(row, PEER + 2 * row)
        bench.order(Command.TELL_SENT, row, 1)
    bench.second()
    bench.first()
    assert len(bench.plane.stream_frames) == 2 and max(map(len, bench.plane.stream_frames)) < 32_768
    assert [row for row, _ in told(bench)] == list(range(count))
