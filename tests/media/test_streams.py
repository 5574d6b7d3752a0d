"""Sound streams of ports with real workers and sockets on loopback."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time

import numpy as np
import pytest

from media import (
    Digit,
    Lost,
    MediaConfig,
    MediaPool,
    Stats,
    StreamFrames,
    StreamFull,
    StreamMark,
    StreamStarted,
)
from media.codecs.g711 import ULAW_DECODE
from media.port import Port
from tests.kit.plane import speech
from tests.kit.pool import Caller, Heard, free_range, sound_of, start

SILENCE = bytes([255]) * 160


def frames(heard: Heard) -> list[StreamFrames]:
    return [event for event in heard.events if isinstance(event, StreamFrames)]


@pytest.mark.parametrize("compiled", [True, False])
async def test_sound_goes_out_and_comes_in(compiled: bool) -> None:
    pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1, spare=False, compiled=compiled))
    caller = Caller()
    port, heard = start(pool, caller)
    stream = port.open_stream("slin16")
    said = speech(60)
    data = ULAW_DECODE[speech(150, 5)].astype("<i2").tobytes()
    for at in range(0, len(data), 3001):  # cut anywhere
        port.stream_audio(stream, data[at : at + 3001])
    assert port.stream_mark(stream, 1)
    assert 2.8 < port.stream_queued(stream) <= 3.0
    out = []
    for k in range(60):
        out += await caller.hear(1)
        caller.send(port.local, bytes(said[k]))
    await heard.until(lambda event: isinstance(event, StreamStarted))
    wanted = speech(150, 5).tobytes()
    assert wanted[:160] in sound_of(out)
    begun = sound_of(out).index(wanted[:160])
    assert sound_of(out)[begun:] == wanted[: len(sound_of(out)) - begun]
    told = b"".join(event.payload for event in frames(heard))
    whole = [ULAW_DECODE[frame].astype("<i2").tobytes() in told for frame in said[2:]]
    assert sum(whole) > len(whole) / 2  # one is passed over (see haste.py), and some where the processor is taken away
    port.stream_clear(stream)
    mark = await heard.until(lambda event: isinstance(event, StreamMark))
    assert mark == StreamMark(port, stream, 1, True)
    rest = sound_of(await caller.hear(4))
    assert rest.endswith(SILENCE * 2)
    port.stream_audio(stream, bytes(640))
    port.stream_mark(stream, 2)
    last = await heard.until(lambda event: isinstance(event, StreamMark) and event.number == 2)
    assert last == StreamMark(port, stream, 2, False)
    times = [event.at for event in frames(heard)]
    assert abs(np.median(np.diff(times)) - 0.02) < 0.002
    port.release()
    await heard.until(lambda event: isinstance(event, Stats))
    await pool.close()


async def test_streams_of_both_encodings_beside_each_other(pool: MediaPool) -> None:
    calls = []
    for encoding in ("ulaw", "slin16", "ulaw"):
        caller = Caller()
        port, heard = start(pool, caller)
        calls.append((caller, port, heard, port.open_stream(encoding)))  # type: ignore[arg-type]
    for k, (_, port, _, stream) in enumerate(calls):
        data = speech(10, 20 + k)
        port.stream_audio(stream, (ULAW_DECODE[data].astype("<i2") if k == 1 else data).tobytes())
    for k, (caller, _, heard, stream) in enumerate(calls):
        assert speech(10, 20 + k).tobytes() in sound_of(await caller.hear(20))
        assert {len(event.payload) for event in frames(heard)} == {320 if k == 1 else 160}
        assert {event.stream_id for event in frames(heard)} == {stream}


async def test_too_much_is_dropped_once_and_told(pool: MediaPool) -> None:
    port, heard = start(pool, Caller())
    stream = port.open_stream("ulaw", seconds=5.0)
    for _ in range(7):
        port.stream_audio(stream, bytes(8000))
    full = await heard.until(lambda event: isinstance(event, StreamFull))
    assert full == StreamFull(port, stream, 1.0)  # a second is with the worker
    assert 5.5 < port.stream_queued(stream) <= 6.0
    assert sum(isinstance(event, StreamFull) for event in heard.events) == 1


async def test_a_closed_stream_is_silent_and_deaf(pool: MediaPool) -> None:
    caller = Caller()
    port, heard = start(pool, caller)
    first = port.open_stream("ulaw")
    port.stream_audio(first, bytes(speech(100)))
    port.stream_mark(first, 4)
    await heard.until(lambda event: isinstance(event, StreamStarted))
    second = port.open_stream("ulaw")
    port.stream_audio(first, bytes(speech(100)))
    assert not port.stream_mark(first, 5)
    assert await heard.until(lambda event: isinstance(event, StreamMark)) == StreamMark(port, first, 4, True)
    await heard.until(lambda event: isinstance(event, StreamFrames) and event.stream_id == second)
    port.close_stream(second)
    before = len(frames(heard))
    packets = await caller.hear(30)
    assert sound_of(packets[-3:]) == SILENCE * 3
    assert len(frames(heard)) <= before + 2
    assert port.stream_queued(second) == 0.0


async def test_sound_is_dropped_and_nothing_else_where_nobody_reads(pool: MediaPool) -> None:
    calls = [(caller, *start(pool, caller)) for caller in (Caller() for _ in range(20))]
    for _, port, _ in calls:
        port.open_stream("slin16")
    await calls[0][2].until(lambda event: isinstance(event, StreamFrames))
    caller, port, heard = calls[0]
    await caller.hear(1)
    for k in range(5):
        caller.send(port.local, bytes((7, 0x8A if k > 1 else 10, 0, 160 * min(k + 1, 3) & 0xFF)), 101, timestamp=5000)
    time.sleep(1.2)  # noqa: ASYNC251  this process is held up
    await heard.until(lambda event: isinstance(event, Digit) and event.phase == "end")
    assert [event.digit for event in heard.events if isinstance(event, Digit)] == ["7", "7"]
    async with asyncio.timeout(5):
        while not pool.statistics() or not pool.statistics()[0].untold:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    steps = [b.at - a.at for a, b in itertools.pairwise(frames(heard))]
    assert sum(step > 0.1 for step in steps) == 1


async def test_bursts_of_streams_refuse_no_calls(pool: MediaPool) -> None:
    ports: list[Port] = [start(pool, Caller())[0] for _ in range(10)]
    for port in ports:
        stream = port.open_stream("slin16")
        port.stream_audio(stream, bytes(16000 * 60))
    start(pool, Caller())


async def test_after_a_workers_death_a_stream_takes_nothing() -> None:
    pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1, spare=False))
    port, heard = start(pool, Caller())
    stream = port.open_stream("ulaw")
    await heard.until(lambda event: isinstance(event, StreamFrames))
    os.kill(pool.pids[0], signal.SIGKILL)
    await heard.until(lambda event: isinstance(event, Lost))
    port.stream_audio(stream, bytes(160))
    assert not port.stream_mark(stream, 1)
    port.stream_clear(stream)
    port.close_stream(stream)
    assert port.stream_queued(stream) == 0.0
    await pool.close()
