"""A media plane that keeps what it is told and says what the test wants it to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from media import (
    Digit,
    Lost,
    MediaEvent,
    MediaFull,
    MediaTimeout,
    PlayDone,
    RecordDone,
    RecordOptions,
    Sound,
    Stats,
    Stream,
    StreamFrames,
    StreamMark,
    StreamStarted,
)

Later = Callable[[Callable[[], None]], None]


class FakePort:
    """The face of `media.Port`; recordings make a file, so that names are taken as in life."""

    def __init__(self, number: int, on_event: Callable[[MediaEvent], None], later: Later) -> None:
        self.local = ("127.0.0.1", number)
        self.on_event = on_event
        self._later = later
        self.released = False
        self.streams: list[Stream] = []
        self.plays: dict[int, tuple[list[Sound], int]] = {}
        self.playing: int | None = None
        self.digits = ""
        self.recordings: dict[int, tuple[Path, RecordOptions]] = {}
        self.running: set[int] = set()
        self.paused: set[int] = set()
        self.bridged: FakePort | None = None
        self.taps: list[Path | None] = []
        self.finding: str | None = None
        """How it is told who answered."""
        self.stream: int | None = None
        """The sound stream that is open."""
        self.encoding = ""
        """Its encoding."""
        self.streamed = b""
        """Sound given to it that has neither been sent nor dropped."""
        self.marks: list[tuple[int, int]] = []
        """Its marks that were not reached: octets of `streamed` before each, and number."""
        self.tells_sent = False
        """What is sent is told."""
        self.clears = 0
        """How often it was cleared."""
        self.packets_in = 0
        """That Stats on demand tell of."""
        self._count = 0
        self._events = 0

    # What the runtime says

    def update(self, stream: Stream) -> None:
        self.streams.append(stream)

    def play(self, sounds: Sequence[Sound], loop: int = 1, pause_ms: int = 0, *, go_on: bool = False) -> int:
        self._stopped(self.playing)
        self._count += 1
        self.plays[self._count] = (list(sounds), loop)
        self.playing = self._count
        return self._count

    def stop_play(self, play_id: int | None = None) -> None:
        if play_id is None or play_id == self.playing:
            self._stopped(self.playing)

    def _stopped(self, play: int | None) -> None:
        if play is not None:
            self.playing = None
            self.say(PlayDone(self, play, 0.5, "stopped"))  # type: ignore[arg-type]

    def send_digits(self, digits: str, ms: int = 100, gap_ms: int = 70, mode: str = "agreed") -> None:
        self.digits += digits

    def record(self, path: Path, options: RecordOptions | None = None) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._count += 1
        self.recordings[self._count] = (path, options or RecordOptions())
        self.running.add(self._count)
        return self._count

    def stop_record(self, record_id: int) -> None:
        self.recorded("stopped", record_id=record_id)

    def pause_record(self, record_id: int) -> None:
        self.paused.add(record_id)

    def resume_record(self, record_id: int) -> None:
        self.paused.discard(record_id)

    def bridge(self, other: Any) -> None:
        self.bridged, other.bridged = other, self

    def unbridge(self) -> None:
        if self.bridged is not None:
            self.bridged.bridged = None
            self.bridged = None

    def find_answerer(self, mode: str) -> None:
        self.finding = mode

    def stop_answerer(self) -> None:
        self.finding = None

    def tell_sent(self, wanted: bool) -> None:
        self.tells_sent = wanted

    def open_stream(self, encoding: str, seconds: float = 60.0) -> int:
        if self.stream is not None:
            self.close_stream(self.stream)
        self._count += 1
        self.stream, self.encoding = self._count, encoding
        self.streamed, self.marks, self.clears = b"", [], 0
        return self._count

    def stream_audio(self, stream_id: int, data: bytes) -> None:
        if stream_id == self.stream:
            self.streamed += data

    def stream_mark(self, stream_id: int, number: int) -> bool:
        if stream_id != self.stream:
            return False
        self.marks.append((len(self.streamed), number))
        if not self.streamed:
            self.stream_sent(0)
        return True

    def stream_clear(self, stream_id: int) -> None:
        if stream_id == self.stream:
            self.clears += 1
            marks, self.marks, self.streamed = self.marks, [], b""
            for _, number in marks:
                self.say(StreamMark(self, stream_id, number, True))  # type: ignore[arg-type]

    def close_stream(self, stream_id: int) -> None:
        if stream_id == self.stream:
            self.stream_clear(stream_id)
            self.stream = None

    def stream_queued(self, stream_id: int) -> float:
        octets = {"ulaw": 1, "slin16": 2}.get(self.encoding, 1)
        return len(self.streamed) / octets / 8000 if stream_id == self.stream else 0.0

    def request_stats(self) -> None:
        self.say(Stats(self, self.packets_in, 0, 0, 0, 0, 0, 0, 1.0, None, None, 4.4))  # type: ignore[arg-type]

    def tap(self, path: Path | None) -> None:
        self.taps.append(path)

    def release(self) -> None:
        if self.released:
            return
        self.unbridge()
        self._stopped(self.playing)
        if self.stream is not None:
            self.close_stream(self.stream)
        for record in sorted(self.running):
            self.recorded("stopped", record_id=record)
        self.say(Stats(self, 50, 50, 8000, 8000, 0, 0, 0, 1.0, None, None, 4.4))  # type: ignore[arg-type]
        self.released = True

    # What the test says

    def say(self, event: MediaEvent) -> None:
        """Tell the runtime, in the next turn."""
        self._later(lambda: self.on_event(event))

    def press(self, digit: str, at: float) -> None:
        """The party presses a key."""
        self._events += 1
        for phase, when, duration in (("start", at, 0.0), ("end", at + 0.1, 0.1)):
            self.say(Digit(self, digit, "rfc4733", phase, when, duration, self._events))  # type: ignore[arg-type]

    def stream_heard(self, payload: bytes, at: float = 0.0) -> None:
        """The party says 20 ms."""
        assert self.stream is not None
        self.say(StreamFrames(self, self.stream, at, payload))  # type: ignore[arg-type]

    def stream_began(self, at: float = 0.0) -> None:
        """The first of the stream's sound is sent."""
        assert self.stream is not None
        self.say(StreamStarted(self, self.stream, at))  # type: ignore[arg-type]

    def stream_sent(self, octets: int) -> None:
        """So much of the stream's sound is sent, with the marks up to there."""
        assert self.stream is not None
        self.streamed = self.streamed[octets:]
        reached = [number for before, number in self.marks if before <= octets]
        self.marks = [(before - octets, number) for before, number in self.marks if before > octets]
        for number in reached:
            self.say(StreamMark(self, self.stream, number, False))  # type: ignore[arg-type]

    def heard(self) -> list[str]:
        """Names of the sounds that play now."""
        return [] if self.playing is None else [sound.path.name for sound in self.plays[self.playing][0]]

    def played(self) -> None:
        """What plays comes to its end."""
        play, self.playing = self.playing, None
        assert play is not None
        self.say(PlayDone(self, play, 1.0, "completed"))  # type: ignore[arg-type]

    def recorded(
        self, reason: Any, seconds: float = 3.0, error: str | None = None, record_id: int | None = None
    ) -> None:
        """A recording is closed: the one named, or the only one."""
        record = record_id if record_id is not None else next(iter(self.running))
        if record in self.running:
            self.running.discard(record)
            self.say(RecordDone(self, record, seconds, reason, error))  # type: ignore[arg-type]

    def timeout(self) -> None:
        """Nothing is heard for long."""
        self.say(MediaTimeout(self))  # type: ignore[arg-type]

    def lose(self) -> None:
        """The worker dies."""
        for record in sorted(self.running):
            self.recorded("lost", 0.0, "the media worker died", record)
        self.released = True
        self.say(Lost(self))  # type: ignore[arg-type]


class FakePool:
    """Ports in order of allocation; `limit` of them at once."""

    def __init__(self, later: Later, limit: int = 1000) -> None:
        self._later = later
        self.limit = limit
        self.ports: list[FakePort] = []

    def allocate(
        self, on_event: Callable[[MediaEvent], None], near: FakePort | None = None, *, host: str = ""
    ) -> FakePort:
        if self.used >= self.limit:
            raise MediaFull("every media port is taken")
        port = FakePort(20_000 + 2 * len(self.ports), on_event, self._later)
        if ":" in host:
            port.local = ("::1", port.local[1])
        self.ports.append(port)
        return port

    @property
    def used(self) -> int:
        """Ports that were not given back."""
        return sum(not port.released for port in self.ports)
