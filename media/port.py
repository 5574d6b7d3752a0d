"""A port: one party's RTP, as the rest of the runtime holds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from media import protocol, terms
from media.errors import MediaError
from media.face import MediaEvent, RecordOptions, Sound, Stream, StreamEncoding, StreamFrames, StreamFull
from media.outflow import RATE, SECONDS_MOST, Outflow
from media.protocol import Command, DigitMode

if TYPE_CHECKING:
    from media.link import WorkerLink

__all__ = ["MAX_SOUNDS", "Port"]

MAX_SOUNDS: Final = 256
"""Sounds of one play: a spoken number of many parts is a dozen."""

_MODES: Final = {"agreed": DigitMode.AGREED, "events": DigitMode.EVENTS, "tones": DigitMode.TONES}


class Port:
    """One RTP and RTCP socket pair in a worker, and all that is done with it.

    Every method returns at once: it queues a command, which takes effect within 20 ms. What comes of it arrives as
    events at the callback given to ``MediaPool.allocate``. After :meth:`release`, or :class:`~media.face.Lost`, all
    methods do nothing.
    """

    __slots__ = ("_generation", "_link", "_next", "_on_event", "_outflow", "_recording", "_released", "_row", "local")

    def __init__(
        self,
        link: WorkerLink,
        row: int,
        generation: int,
        local: tuple[str, int],
        on_event: Callable[[MediaEvent], None],
    ) -> None:
        self._link = link
        self._row = row
        self._generation = generation
        self._on_event = on_event
        self._next = 0
        self._released = False
        self._recording: set[int] = set()
        self._outflow: Outflow | None = None
        self.local = local
        """Address and port of RTP; RTCP is one port above."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Port:
        """A copy of an event speaks of the same port."""
        return self

    @property
    def released(self) -> bool:
        """Whether the port was given back or lost."""
        return self._released

    def _command(self, kind: Command, *fields: float, strings: tuple[bytes, ...] = ()) -> None:
        if self._released:
            return
        try:
            record = protocol.pack(kind, self._row, self._generation, *fields, strings=strings)
        except ValueError as error:
            raise MediaError(str(error)) from error
        self._link.send(record)

    def _number(self) -> int:
        self._next += 1
        return self._next

    def update(self, stream: Stream) -> None:
        """Set what offer and answer agreed on; to be called after every such round, since it arms latching anew.

        A remote host that is no address counts as unknown. Raises MediaError for keys that cannot be used.
        """
        try:
            fields, strings = terms.encode(stream)
        except ValueError as error:
            raise MediaError(str(error)) from error
        self._command(Command.UPDATE, *fields, strings=strings)

    def play(self, sounds: Sequence[Sound], loop: int = 1, pause_ms: int = 0, *, go_on: bool = False) -> int:
        """Play ``sounds`` one after the other, ``loop`` times (0: for ever), after ``pause_ms`` of silence.

        Replaces what plays, which is told by its PlayDone ``stopped``. Returns the id of the play. ``go_on``: begin
        where the last play with ``go_on`` was cut off, if it was of the same sounds: music after an announcement.
        """
        if len(sounds) > MAX_SOUNDS:
            raise MediaError(f"more than {MAX_SOUNDS} sounds in one play")
        number = self._number()
        strings = tuple(sound.samples.to_bytes(4, "little") + _path(sound.path) for sound in sounds)
        self._command(Command.PLAY, number, loop, pause_ms, len(sounds), go_on, strings=strings)
        return number

    def stop_play(self, play_id: int | None = None) -> None:
        """Cut off this play, or whatever plays."""
        self._command(Command.STOP_PLAY, play_id or 0)

    def pause_play(self, play_id: int | None = None) -> None:
        """Send silence in its place until :meth:`resume_play`."""
        self._command(Command.PAUSE_PLAY, play_id or 0)

    def resume_play(self, play_id: int | None = None) -> None:
        """Go on where the play was paused."""
        self._command(Command.RESUME_PLAY, play_id or 0)

    def send_digits(
        self,
        digits: str,
        ms: int = 100,
        gap_ms: int = 70,
        mode: Literal["agreed", "events", "tones"] = "agreed",
    ) -> None:
        """Send DTMF after what is still being sent of earlier digits: telephone-events where agreed, else tones.

        ``!`` is a hook flash, which has no tone.
        """
        limit = 0xFFFF
        data = digits.upper().encode("ascii", "ignore")
        self._command(Command.DIGITS, min(ms, limit), min(gap_ms, limit), _MODES[mode], strings=(data,))

    def record(self, path: Path, options: RecordOptions | None = None) -> int:
        """Record into ``path``, which is overwritten. Returns the id of the recording; RecordDone always follows."""
        options = options or RecordOptions()
        number = self._number()
        self._command(
            Command.RECORD,
            number,
            options.sides == "both",
            options.format == "ulaw",
            _milliseconds(options.max_seconds),
            _milliseconds(options.max_silence),
            strings=(_path(path),),
        )
        if not self._released:
            self._recording.add(number)
        return number

    def stop_record(self, record_id: int) -> None:
        """Complete this recording."""
        self._command(Command.STOP_RECORD, record_id)

    def pause_record(self, record_id: int) -> None:
        """Leave out what comes from now on."""
        self._command(Command.PAUSE_RECORD, record_id)

    def resume_record(self, record_id: int) -> None:
        """Go on recording."""
        self._command(Command.RESUME_RECORD, record_id)

    def bridge(self, other: Port) -> None:
        """Let the two parties hear each other; a play on one side is heard there instead of the other party.

        Both ports must be of the same worker, as ``allocate(near=...)`` makes them. Digits are passed on too.
        """
        if other._link is not self._link:
            raise MediaError("a bridge needs both ports in one worker: allocate the second with near=")
        self._command(Command.BRIDGE, other._row, other._generation)

    def unbridge(self) -> None:
        """Part from the other side, if there is one."""
        self._command(Command.UNBRIDGE)

    def find_answerer(self, mode: Literal["fast", "beep"]) -> None:
        """Find out from now on who has answered, a person or a machine: :class:`~media.face.Answerer` is told.

        ``fast``: once. ``beep``: a machine at once, and a second time when its beep is over. A search that is under
        way begins anew.
        """
        self._command(Command.FIND_ANSWERER, protocol.ANSWERER_MODES.index(mode))

    def stop_answerer(self) -> None:
        """Leave off finding out who answered; nothing more is told of it."""
        self._command(Command.STOP_ANSWERER)

    # Sound streams

    def open_stream(self, encoding: StreamEncoding, seconds: float = SECONDS_MOST) -> int:
        """Tell what the peer says, tick by tick, and take sound to send him, both in ``encoding``. Returns the id.

        ``seconds`` of sound may wait to be sent, what goes beyond is dropped (StreamFull). What is sent comes from the
        stream where it has sound, else from a play, else from the other side of a bridge; the other side hears the
        peer as before. A port has one stream: one that is open is closed.
        """
        if self._outflow is not None:
            self._outflow.close()
        number = self._number()
        self._outflow = Outflow(number, encoding, seconds, self._stream_command)
        return number

    def stream_audio(self, stream_id: int, data: bytes) -> None:
        """Send ``data`` after what waits: any length, cut anywhere."""
        if (stream := self._open(stream_id)) is not None:
            stream.audio(data)

    def stream_mark(self, stream_id: int, number: int) -> bool:
        """Tell (StreamMark) when all sound so far is sent. ``number``: 32 bits. False, and no mark, where 1,000 are
        outstanding, or the stream is not open."""
        return (stream := self._open(stream_id)) is not None and stream.mark(number)

    def stream_clear(self, stream_id: int) -> None:
        """Drop all sound that waits: silent from the next packet built. Marks that wait are told as cleared."""
        if (stream := self._open(stream_id)) is not None:
            stream.clear()

    def close_stream(self, stream_id: int) -> None:
        """End the stream; sound that waits is dropped. Marks that wait are still told, as cleared."""
        if (stream := self._open(stream_id)) is not None:
            stream.close()
            self._outflow = None

    def stream_queued(self, stream_id: int) -> float:
        """Seconds of sound that wait to be sent, known to a tick."""
        return stream.samples / RATE if (stream := self._open(stream_id)) is not None else 0.0

    def tell_sent(self, wanted: bool) -> None:
        """Tell what the peer is sent, tick by tick (SentFrames), from now on, or no more. It needs no stream."""
        self._command(Command.TELL_SENT, wanted)

    def _open(self, stream_id: int) -> Outflow | None:
        stream = self._outflow
        return stream if stream is not None and stream.number == stream_id and not self._released else None

    def _stream_command(self, kind: Command, *fields: int, strings: tuple[bytes, ...] = ()) -> None:
        if not self._released:
            self._link.send_sound(protocol.pack(kind, self._row, self._generation, *fields, strings=strings))

    def request_stats(self) -> None:
        """Ask for :class:`~media.face.Stats` now."""
        self._command(Command.REPORT)

    def tap(self, path: Path | None) -> None:
        """Copy what comes and goes from now on into ``path``, in the clear, as ``media/plane/tap.py`` says; None: no
        more. A release ends it too."""
        self._command(Command.TAP, strings=(b"" if path is None else _path(path),))

    def release(self) -> None:
        """Give the port back. Running recordings are completed, each with its RecordDone; Stats come last."""
        self._command(Command.RELEASE)
        self._released = True

    # For the pool

    def _streamed(self, stream_id: int, taken: int, at: float, lead: float, payload: bytes) -> list[MediaEvent]:
        """What the worker tells of a stream in each tick, as events."""
        stream = self._open(stream_id)
        if stream is None:
            return []
        stream.taken(taken)
        events: list[MediaEvent] = [StreamFrames(self, stream_id, at, payload, lead)]
        if dropped := stream.dropped():
            events.append(StreamFull(self, stream_id, dropped / RATE))
        return events

    def _marked(self, stream_id: int) -> None:
        if (stream := self._open(stream_id)) is not None:
            stream.marked()

    def _lose(self) -> set[int]:
        """The worker is gone: recordings that were running."""
        self._released = True
        lost, self._recording = self._recording, set()
        return lost


def _path(path: Path) -> bytes:
    return str(path).encode(errors="surrogateescape")


def _milliseconds(seconds: float | None) -> int:
    return min(max(1, round(seconds * 1000)), 0xFFFFFFFF) if seconds else 0
