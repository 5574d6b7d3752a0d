"""The pool with real workers and sockets on loopback: what only the whole can show."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import resource
import signal
import socket
import struct
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from media import (
    Digit,
    Lost,
    MediaConfig,
    MediaError,
    MediaFull,
    MediaPool,
    MediaStartError,
    PlayDone,
    RecordDone,
    RecordOptions,
    Sound,
    SrtpKey,
    Stats,
    Stream,
)
from media.codecs.g711 import ALAW_TO_ULAW, ULAW_DECODE, ULAW_ENCODE, ULAW_TO_ALAW
from media.link import WorkerLink
from media.pacing import PACING_BOUNDS
from tests.kit.pool import Caller, Heard, free_range, sound_of, start

KEY = SrtpKey("AES_CM_128_HMAC_SHA1_80", bytes(range(30)))


def until_waiting(pid: int) -> None:
    """Wait until a spare worker has read all its modules and waits for its orders."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if "unix" in Path(f"/proc/{pid}/wchan").read_text() or Path(f"/proc/{pid}/syscall").read_text()[:3] == "45 ":
            return
        time.sleep(0.02)


@pytest.fixture
def tone(tmp_path: Path) -> Sound:
    samples = (8000 * np.sin(2 * np.pi * 440 / 8000 * np.arange(4000))).astype("<i2")
    path = tmp_path / "tone.s16"
    path.write_bytes(samples.tobytes())
    return Sound(path, len(samples))


async def test_a_prompt_is_heard_whole_and_reported(pool: MediaPool, tone: Sound) -> None:
    caller = Caller()
    port, heard = start(pool, caller)
    play = port.play([tone])
    packets = await caller.hear(60)
    done = await heard.until(lambda event: isinstance(event, PlayDone))
    assert isinstance(done, PlayDone)
    assert (done.play_id, done.heard, done.reason) == (play, 0.5, "completed")
    wanted = ULAW_ENCODE[np.fromfile(tone.path, "<i2").view(np.uint16)].tobytes()
    assert wanted in sound_of(packets)
    sequences = [struct.unpack(">H", packet[2:4])[0] for packet in packets]
    assert [(b - a) & 0xFFFF for a, b in itertools.pairwise(sequences)] == [1] * 59
    port.release()
    stats = await heard.until(lambda event: isinstance(event, Stats))
    assert isinstance(stats, Stats)
    assert stats.packets_out >= 60


async def test_a_digit_cuts_a_prompt_and_is_told_once(pool: MediaPool, tone: Sound) -> None:
    caller = Caller()
    port, heard = start(pool, caller)
    play = port.play([tone], loop=0)
    await caller.hear(5)
    for k, flags in enumerate((10, 10, 0x8A, 0x8A, 0x8A)):
        caller.send(port.local, bytes((5, flags, 0, 160 * min(k + 1, 3) & 0xFF)), 101, timestamp=5000)
    digit = await heard.until(lambda event: isinstance(event, Digit))
    assert isinstance(digit, Digit)
    assert (digit.digit, digit.source, digit.phase) == ("5", "rfc4733", "start")
    assert abs(digit.at - time.monotonic()) < 1
    port.stop_play(play)
    done = await heard.until(lambda event: isinstance(event, PlayDone))
    assert isinstance(done, PlayDone)
    assert done.reason == "stopped"
    assert 0.08 <= done.heard <= 2
    assert [event.phase for event in heard.events if isinstance(event, Digit)] == ["start", "end"]


async def test_a_recording_holds_both_sides(pool: MediaPool, tone: Sound, tmp_path: Path) -> None:
    caller = Caller()
    port, heard = start(pool, caller)
    path = tmp_path / "both.wav"
    record = port.record(path, RecordOptions(sides="both"))
    port.play([tone])
    loud = ULAW_ENCODE[np.full(160, 12000, np.int16).view(np.uint16)].tobytes()
    for _ in range(40):
        await caller.hear(1)
        caller.send(port.local, loud)
    port.stop_record(record)
    done = await heard.until(lambda event: isinstance(event, RecordDone))
    assert isinstance(done, RecordDone)
    assert (done.record_id, done.reason, done.error) == (record, "stopped", None)
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert done.seconds == len(samples) / 8000
    said = ULAW_DECODE[loud[0]]
    assert np.count_nonzero(samples[:, 0] == said) >= 160 * 30
    assert np.abs(samples[:, 1]).max() > 7000


async def test_two_callers_in_a_bridge_hear_each_other(pool: MediaPool) -> None:
    first, second = Caller(), Caller()
    one, _ = start(pool, first)
    other, _ = start(pool, second, near=one)
    other.update(Stream(remote=second.address, codec="pcma", payload_type=8))
    one.bridge(other)
    for _ in range(30):
        first.send(one.local, bytes([0x90]) * 160)
        second.send(other.local, bytes([0xB5]) * 160, 8)
        heard_first, heard_second = await first.hear(1), await second.hear(1)
    assert set(heard_first[0][12:]) == {int(ALAW_TO_ULAW[0xB5])}
    assert set(heard_second[0][12:]) == {int(ULAW_TO_ALAW[0x90])}
    other.update(Stream(remote=second.address, codec="pcma", payload_type=8, event_type=96))
    await second.hear(5)
    first.send(one.local, bytes((8, 10, 0, 160)), 101, timestamp=19000)
    packets = await second.hear(30)
    events = [packet for packet in packets if packet[1] & 0x7F == 96]
    assert {packet[12] for packet in events} == {8}
    assert [bool(packet[13] & 0x80) for packet in events][-3:] == [True] * 3


async def test_strangers_hear_nothing(pool: MediaPool) -> None:
    caller, stranger = Caller(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind(("127.0.66.6", 0))
    stranger.setblocking(False)
    port, _ = start(pool, caller)
    for sequence in range(50):
        stranger.sendto(struct.pack(">BBHII", 0x80, 0, sequence, sequence * 160, 9) + b"\xff" * 160, port.local)
        await caller.hear(1)
    with stranger, pytest.raises(BlockingIOError):
        stranger.recv(100)


async def test_ports_run_out_and_come_back(pool: MediaPool) -> None:
    before = pool.free
    assert before == 32
    ports = []
    with pytest.raises(MediaFull):
        for _ in range(100):
            ports.append(pool.allocate(lambda event: None))
            await asyncio.sleep(0)
    assert pool.free == before - len(ports)
    assert len({port.local for port in ports}) == len(ports)
    heard = [Heard() for _ in ports]
    for port, listener in zip(ports, heard, strict=True):
        port._on_event = listener
        port.release()
    for listener in heard:
        await listener.until(lambda event: isinstance(event, Stats))
    assert pool.free == before


async def test_a_dead_worker_loses_its_calls_and_is_replaced(tmp_path: Path) -> None:
    pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1))
    try:
        caller = Caller()
        port, heard = start(pool, caller)
        record = port.record(tmp_path / "lost.wav")
        await caller.hear(1)
        link = pool._links[0]
        link.started -= 60
        os.kill(pool.pids[0], signal.SIGKILL)
        await heard.until(lambda event: isinstance(event, Lost))
        lost = heard.events[0]
        assert isinstance(lost, RecordDone)
        assert (lost.record_id, lost.reason) == (record, "lost")
        await pool._links[0].ready
        again, _ = start(pool, caller)
        await caller.hear(3)
        again.release()
        port.play([])
    finally:
        await pool.close()


async def test_a_worker_that_died_is_replaced_within_a_second_however_young_it_was() -> None:
    pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1))
    try:
        assert pool._spare is not None
        caller = Caller()
        _, heard = start(pool, caller)
        await caller.hear(1)
        await asyncio.to_thread(until_waiting, pool._spare.process.pid)
        killed = time.monotonic()
        os.kill(pool.pids[0], signal.SIGKILL)
        await heard.until(lambda event: isinstance(event, Lost))
        while time.monotonic() < killed + 5:
            with contextlib.suppress(MediaFull):
                start(pool, again := Caller())
                await again.hear(1)
                break
            await asyncio.sleep(0.01)
        assert time.monotonic() - killed < 1.0
        assert pool._links[0].deaths == pool._links[0].quick == 1
    finally:
        await pool.close()


async def test_a_worker_is_replaced_once_processes_can_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1, spare=False))
    make, tries = pool._make_spare, itertools.count(1)

    def fail_twice() -> WorkerLink:
        if next(tries) <= 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return make()

    monkeypatch.setattr("media.pool.PAUSE", 0.05)
    monkeypatch.setattr(pool, "_make_spare", fail_twice)
    try:
        dead = pool._links[0]
        os.kill(pool.pids[0], signal.SIGKILL)
        for _ in range(500):
            if pool._links[0] is not dead:
                break
            await asyncio.sleep(0.01)
        await pool._links[0].ready
        caller = Caller()
        start(pool, caller)
        await caller.hear(1)
    finally:
        await pool.close()


async def test_a_worker_plays_its_first_sound_without_a_descriptor_to_spare(pool: MediaPool, tone: Sound) -> None:
    caller = Caller()
    _, _ = start(pool, caller)
    await caller.hear(1)
    pid = pool.pids[0]
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
    port, heard = start(pool, Caller())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    port.play([tone])
    await heard.until(lambda event: isinstance(event, PlayDone))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert pool.pids == [pid]
    assert not any(isinstance(event, Lost) for event in heard.events)


async def test_a_worker_that_hangs_is_killed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.pool.HUNG", 1.5)
    monkeypatch.setattr("media.pool.LOOK", 0.2)
    pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1))
    try:
        caller = Caller()
        _, heard = start(pool, caller)
        await caller.hear(1)
        hung = pool.pids[0]
        os.kill(hung, signal.SIGSTOP)
        await heard.until(lambda event: isinstance(event, Lost))
        await pool._links[0].ready
        assert pool.pids[0] != hung
        start(pool, caller)
        await caller.hear(3)
    finally:
        await pool.close()


async def test_workers_tell_what_they_did(pool: MediaPool) -> None:
    caller = Caller()
    port, _ = start(pool, caller)
    port.update(Stream(remote=caller.address, srtp_out=KEY, srtp_in=KEY))
    for _ in range(60):
        await caller.hear(1)
        caller.send(port.local, b"\xff" * 160)
    for _ in range(100):
        told = pool.statistics()
        if told and min(told[0].sent, told[0].received) >= 50:
            break
        await asyncio.sleep(0.05)
    (worker,) = told
    assert (worker.worker, worker.pid, worker.calls, worker.deaths) == (0, pool.pids[0], 1, 0)
    assert worker.refused == worker.unopened >= 50
    assert worker.unsent == worker.starved == 0
    assert len(worker.pacing) == len(PACING_BOUNDS) + 1
    assert 0 < sum(worker.pacing) <= worker.ticks
    before = worker.after(worker)
    assert (before.sent, before.calls, before.ticks) == (2 * worker.sent, 1, 2 * worker.ticks)


async def test_a_call_of_each_family_at_once() -> None:
    pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1, spare=False, host_v6="::1"))
    try:
        assert pool.free == 64
        four, six = Caller(), Caller(socket.AF_INET6, "::1")
        ports = [pool.allocate(Heard(), host=caller.address[0]) for caller in (four, six)]
        assert [port.local[0] for port in ports] == ["127.0.0.1", "::1"]
        for caller, port in zip((four, six), ports, strict=True):
            port.update(Stream(remote=caller.address[:2]))
        ports[0].bridge(ports[1])
        for _ in range(30):
            for caller, port, said in zip((four, six), ports, (b"\x90", b"\x35"), strict=True):
                caller.send(port.local, said * 160)
            heard_four, heard_six = await four.hear(1), await six.hear(1)
        assert set(heard_four[0][12:]) == {0x35}
        assert set(heard_six[0][12:]) == {0x90}
    finally:
        await pool.close()


async def test_descriptors_run_out_and_nothing_but_new_calls_suffers() -> None:
    pool = await MediaPool.start(MediaConfig(ports=free_range(400), workers=1, spare=False))
    try:
        link = pool._links[0]
        before = resource.prlimit(link.process.pid, resource.RLIMIT_NOFILE)
        opened = len(os.listdir(f"/proc/{link.process.pid}/fd"))
        resource.prlimit(link.process.pid, resource.RLIMIT_NOFILE, (opened + 20, before[1]))
        caller = Caller()
        first, _ = start(pool, caller)
        ports = []
        async with asyncio.timeout(10):
            while not link.starved:
                with contextlib.suppress(MediaFull):
                    ports.append(pool.allocate(Heard()))
                await asyncio.sleep(0.001)
        await caller.hear(5)
        resource.prlimit(link.process.pid, resource.RLIMIT_NOFILE, before)
        async with asyncio.timeout(10):
            while len(ports) < 390:
                with contextlib.suppress(MediaFull):
                    ports.append(pool.allocate(Heard()))
                await asyncio.sleep(0.001)
        assert len({port.local for port in (first, *ports)}) == len(ports) + 1
    finally:
        await pool.close()


async def test_a_range_that_somebody_holds_is_an_error() -> None:
    ports = free_range(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", ports[0]))
        with pytest.raises(MediaStartError, match=str(ports[0])):
            await MediaPool.start(MediaConfig(ports=ports, workers=1, spare=False))
    with pytest.raises(MediaStartError, match="no pair"):
        await MediaPool.start(MediaConfig(ports=(31071, 31071), workers=1, spare=False))


async def test_a_sound_that_cannot_be_read_fails_its_play(pool: MediaPool, tmp_path: Path) -> None:
    caller = Caller()
    port, heard = start(pool, caller)
    port.play([Sound(tmp_path / "none.s16", 800)])
    done = await heard.until(lambda event: isinstance(event, PlayDone))
    assert isinstance(done, PlayDone)
    assert done.reason == "failed"
    with pytest.raises(MediaError, match="4096"):
        port.play([Sound(tmp_path / ("x" * 5000), 800)])


async def test_a_worker_works_on_a_link_of_a_high_number() -> None:
    """A daemon with a thousand connections gives the next worker a descriptor beyond what select() knows."""
    with contextlib.ExitStack() as stack:
        while stack.enter_context(open(os.devnull)).fileno() < 1100:  # noqa: ASYNC230  a device
            pass
        pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1, spare=False))
        try:
            assert pool._links[0]._socket.fileno() > 1023
            for _ in range(50):
                if any(told.ticks > 3 for told in pool.statistics()):
                    break  # it was idle, waited, and woke
                await asyncio.sleep(0.1)
            start(pool, caller := Caller())
            await caller.hear(3)
        finally:
            await pool.close()
