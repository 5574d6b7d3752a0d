"""Commands of the pool, carried out on the plane: one function per kind."""

from __future__ import annotations

from typing import Any, Final

from media import terms
from media.plane import latching
from media.plane.limits import LAW_ALAW, LAW_ULAW, NO_TYPE, TICKS_PER_SECOND
from media.plane.plane import Plane
from media.plane.rows import NOBODY
from media.protocol import Command, DigitMode, UpdateFlag, records, split_strings

__all__ = ["Commands"]

_PCMA: Final = terms.CODECS.index("pcma")
_FRAME_MS: Final = 1000 // TICKS_PER_SECOND


def _ticks(milliseconds: int) -> int:
    return -(-milliseconds // _FRAME_MS)


class Commands:
    """Obeys. A record of a row's earlier use is stale and has no effect."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._handlers = {
            Command.UPDATE: self._update,
            Command.PLAY: self._play,
            Command.STOP_PLAY: self._stop_play,
            Command.PAUSE_PLAY: self._pause_play,
            Command.RESUME_PLAY: self._resume_play,
            Command.DIGITS: self._digits,
            Command.RECORD: self._record,
            Command.STOP_RECORD: self._stop_record,
            Command.PAUSE_RECORD: self._pause_record,
            Command.RESUME_RECORD: self._resume_record,
            Command.BRIDGE: self._bridge,
            Command.UNBRIDGE: self._unbridge,
            Command.RELEASE: self._release,
            Command.REPORT: self._report,
            Command.TAP: self._tap,
            Command.FIND_ANSWERER: self._find_answerer,
            Command.STOP_ANSWERER: self._stop_answerer,
            Command.STREAM_OPEN: self._stream_open,
            Command.STREAM_AUDIO: self._stream_audio,
            Command.STREAM_MARK: self._stream_mark,
            Command.STREAM_CLEAR: self._stream_clear,
            Command.STREAM_CLOSE: self._stream_close,
            Command.TELL_SENT: self._tell_sent,
        }

    def obey(self, packet: bytes) -> None:
        """All records of one packet from the pool."""
        rows = self._plane.rows
        for kind, row, generation, fields, strings in records(packet):
            if kind == Command.ALLOCATE:
                rows.start(row, generation)
                self._plane.shell.allocated(row)
            elif rows.live[row] and rows.generation[row] == generation:
                self._handlers[Command(kind)](row, fields, strings)

    def _update(self, row: int, fields: tuple[Any, ...], strings: bytes) -> None:
        plane, rows, addresses = self._plane, self._plane.rows, self._plane.addresses
        told = terms.decode(fields, strings)
        host, rtcp_host = addresses.of_packed(told.host), addresses.of_packed(told.rtcp_host)
        signalling = addresses.of_packed(told.signalling)
        addresses.hold(row, host, rtcp_host, signalling)
        offered = host << 16 | told.port if host else 0
        law = LAW_ALAW if told.codec == _PCMA else LAW_ULAW
        was_sending = bool(rows.sending[row])
        anew = told.codec != rows.codec[row] or told.audio_type_in != rows.audio_type_in[row]
        if offered != rows.offered[row] or anew:
            rows.forget_source(row)
            plane.wide.forget_source(row)
        plane.unsettle(row)
        latching.arm(rows, row, offered, signalling, private=addresses.private(host))
        rows.rtcp_target[row] = rtcp_host << 16 | told.rtcp_port if rtcp_host else 0
        rows.mux[row] = bool(told.flags & UpdateFlag.MUX)
        rows.codec[row], rows.ptime[row] = told.codec, told.ptime
        rows.audio_type[row], rows.audio_type_in[row] = told.audio_type, told.audio_type_in
        rows.event_type[row], rows.event_type_in[row] = told.event_type, told.event_type_in
        rows.event_rate[row], rows.event_rate_in[row] = told.event_rate, told.event_rate_in
        rows.noise_type[row] = told.noise_type
        rows.sending[row] = bool(told.flags & UpdateFlag.SEND) and bool(offered)
        rows.receiving[row] = bool(told.flags & UpdateFlag.RECEIVE)
        rows.inband[row] = bool(told.flags & UpdateFlag.INBAND)
        rows.busy[row] = bool(told.flags & UpdateFlag.BUSY)
        rows.signalled[row] = bool(told.flags & UpdateFlag.SIGNALLED)
        rows.country[row] = told.country
        plane.secure.agree(row, told.key_out, told.key_in, plane.tick)
        plane.shape(row, fec=bool(told.flags & UpdateFlag.FEC), bitrate=told.bitrate)
        plane.hearing.agree(row, plane.tick)
        rows.last_heard[row] = plane.tick
        rows.timed_out[row] = False
        if rows.sending[row] and not was_sending:
            rows.marker[row] = True
        if law != rows.law[row]:
            rows.law[row] = law
            plane.played(plane.player.relaw(row))
            plane.streams.relaw(row)
        if not rows.agreed[row]:
            rows.agreed[row] = True
            plane.changed = True
        plane.reports.start(row, plane.tick)

    def _play(self, row: int, fields: tuple[Any, ...], strings: bytes) -> None:
        number, times, pause, count, go_on = fields
        sounds = [
            (text[4:].decode(errors="surrogateescape"), int.from_bytes(text[:4], "little"))
            for text in split_strings(strings)[:count]
        ]
        self._plane.played(self._plane.player.play(row, number, sounds, times, _ticks(pause), go_on=bool(go_on)))

    def _stop_play(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.played(self._plane.player.stop(row, fields[0]))

    def _pause_play(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.player.pause(row, fields[0])

    def _resume_play(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.player.resume(row, fields[0])

    def _digits(self, row: int, fields: tuple[Any, ...], strings: bytes) -> None:
        milliseconds, gap, mode = fields
        agreed = int(self._plane.rows.event_type[row]) != NO_TYPE
        if mode == DigitMode.EVENTS and not agreed:
            return
        events = None if mode == DigitMode.AGREED else mode == DigitMode.EVENTS
        digits = split_strings(strings)[0].decode("ascii", "replace")
        self._plane.sender.send(row, digits, milliseconds, gap, events=events)

    def _record(self, row: int, fields: tuple[Any, ...], strings: bytes) -> None:
        number, both, ulaw, most, most_silent = fields
        self._plane.recorder.start(
            row,
            number,
            split_strings(strings)[0].decode(errors="surrogateescape"),
            both=bool(both),
            ulaw=bool(ulaw),
            most=_ticks(most) or None,
            most_silent=_ticks(most_silent) or None,
        )

    def _stop_record(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.recorder.stop(row, fields[0])

    def _pause_record(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.recorder.pause(row, fields[0], paused=True)

    def _resume_record(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.recorder.pause(row, fields[0], paused=False)

    def _bridge(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        rows = self._plane.rows
        other, generation = fields
        if other == row or not rows.live[other] or rows.generation[other] != generation:
            return
        self._part(row)
        self._part(other)
        rows.partner[row], rows.partner[other] = other, row
        self._plane.changed = True

    def _unbridge(self, row: int, _fields: tuple[Any, ...], _: bytes) -> None:
        self._part(row)

    def _part(self, row: int) -> None:
        rows = self._plane.rows
        other = int(rows.partner[row])
        if other != NOBODY:
            rows.partner[row] = rows.partner[other] = NOBODY
            self._plane.changed = True

    def _release(self, row: int, _fields: tuple[Any, ...], _: bytes) -> None:
        plane, rows = self._plane, self._plane.rows
        self._part(row)
        if rows.agreed[row] and rows.packets_out[row]:
            plane.send_report(row, bye=True)
        plane.leaving[row] = plane.statistics(row, last=True)
        plane.played(plane.player.stop(row))
        plane.recorder.release(row)
        plane.forget(row)

    def _report(self, row: int, _fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.outbox.append(self._plane.statistics(row, last=False))

    def _find_answerer(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.hearing.answerers.begin(row, fields[0])

    def _stop_answerer(self, row: int, _fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.hearing.answerers.forget(row)

    def _stream_open(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.streams.open(row, *fields)
        self._plane.changed = True

    def _stream_audio(self, row: int, fields: tuple[Any, ...], strings: bytes) -> None:
        for data in split_strings(strings):
            self._plane.streams.audio(row, fields[0], data)

    def _stream_mark(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.streams.mark(row, *fields)

    def _stream_clear(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.streams.clear(row, fields[0])

    def _stream_close(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.streams.close(row, fields[0])
        self._plane.changed = True

    def _tell_sent(self, row: int, fields: tuple[Any, ...], _: bytes) -> None:
        self._plane.sent_sound.ask(row, bool(fields[0]))

    def _tap(self, row: int, _: tuple[Any, ...], strings: bytes) -> None:
        path = split_strings(strings)[0]
        if path:
            self._plane.tap.begin(row, path.decode(errors="surrogateescape"))
        else:
            self._plane.tap.end(row)
