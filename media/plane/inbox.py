"""The way of a received packet: header, source, kind, and then into the row it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.batch import Inbox
from media.plane import jitter, latching, rtp_in, streams_in
from media.plane.events_in import DigitFound, EventReceiver
from media.plane.limits import FRAME, HEADER, MAX_PAYLOAD
from media.plane.rows import Rows
from media.plane.wide import OPUS, Wide
from media.tones.noise import level_of_payload

__all__ = ["Receiver"]

DEAF_TICKS: Final = 4
"""Ticks after a telephone-event's packet in which the row's sound is muted and no tone is looked for in it: what of
the tone leaks into the sound, and the jitter buffer's delay."""

_EVENT_OCTETS: Final = 4
_NONE: Final[NDArray[np.intp]] = np.zeros(0, np.intp)


@dataclass(slots=True)
class Receiver:
    """Sorts packets. ``on_digits`` hears of telephone-events, ``on_report`` of RTCP that came on the RTP port,
    ``on_latched`` of rows that just latched."""

    rows: Rows
    events: EventReceiver
    wide: Wide
    on_digits: Callable[[list[DigitFound]], None]
    on_report: Callable[[int, bytes], None]
    on_latched: Callable[[int], None]
    refused: int = 0
    """Packets that were refused, of all rows."""

    def take(self, inbox: Inbox, tick: int, arrival: int) -> None:
        """Put what ``inbox`` holds where it belongs. ``arrival`` is the time in samples."""
        n = inbox.count
        if not n:
            return
        rows = self.rows
        packets, sources = inbox.packets[:n], inbox.sources[:n]
        index = inbox.rows[:n].astype(np.intp)
        headers = rtp_in.parse(packets, inbox.lengths[:n])
        types = headers.payload_type
        sound = headers.valid & (types == rows.audio_type_in[index]) & (headers.size <= MAX_PAYLOAD)
        ours = sources == rows.latched[index]
        accepted = sound & ours
        if not accepted.all():
            event = headers.valid & (types == rows.event_type_in[index])
            noise = headers.valid & (types == rows.noise_type[index])
            known = sound | event | noise
            for k in np.flatnonzero(known & ~ours).tolist():
                source = int(sources[k])
                row = int(index[k])
                ours[k] = source == int(rows.latched[row]) or self._learn(row, source, tick)
            for k in np.flatnonzero(headers.rtcp & ~ours & rows.mux[index]).tolist():
                # A peer that is silent by agreement reports all the same, and has latched with nothing.
                row = int(index[k])
                ours[k] = not rows.latched[row] and sources[k] == rows.offered[row]
            accepted = known & ours
            self._refuse(index, ~accepted & ~(headers.rtcp & ours))
            sound &= ours
            for k in np.flatnonzero(headers.rtcp & ours).tolist():
                self.on_report(int(index[k]), packets[k, : inbox.lengths[k]].tobytes())
            for k in np.flatnonzero((event | noise) & ours).tolist():
                streams_in.count_soundless(rows, int(index[k]), int(headers.ssrc[k]), int(headers.sequence[k]))
            for k in np.flatnonzero(event & ours).tolist():
                self._event(int(index[k]), packets[k], headers, k, tick)
            for k in np.flatnonzero(noise & ours).tolist():
                at = int(headers.offset[k])
                rows.noise[index[k]] = min(level_of_payload(packets[k, at : at + 1].tobytes()), -1.0)
        rows.last_heard[index[accepted]] = tick
        self._sound(packets, index, headers, np.flatnonzero(sound), arrival)

    def _learn(self, row: int, source: int, tick: int) -> bool:
        learnt = latching.learn(self.rows, row, source, tick)
        if learnt:
            self.on_latched(row)
        return learnt

    def _refuse(self, index: NDArray[np.intp], refused: NDArray[np.bool_]) -> None:
        if refused.any():
            self.refused += int(np.count_nonzero(refused))
            np.add.at(self.rows.refused, index[refused], 1)

    def _event(self, row: int, packet: NDArray[np.uint8], headers: rtp_in.Headers, k: int, tick: int) -> None:
        at, size = int(headers.offset[k]), int(headers.size[k])
        if size < _EVENT_OCTETS:
            return
        found = self.events.receive(
            row,
            int(headers.ssrc[k]),
            int(headers.timestamp[k]),
            int(headers.sequence[k]),
            packet[at : at + _EVENT_OCTETS].tobytes(),
            tick,
            int(self.rows.event_rate_in[row]),
        )
        self.rows.deaf_until[row] = tick + DEAF_TICKS
        if found:
            self.on_digits(found)

    def _sound(
        self,
        packets: NDArray[np.uint8],
        index: NDArray[np.intp],
        headers: rtp_in.Headers,
        chosen: NDArray[np.intp],
        arrival: int,
    ) -> None:
        if not chosen.size:
            return
        rows = self.rows
        admitted = streams_in.admit(rows, index[chosen], headers.ssrc[chosen], headers.sequence[chosen])
        if not admitted.all():
            chosen = chosen[admitted]
        _align(packets, headers.offset, chosen)
        for wave in _waves(index, chosen):
            into = index[wave]
            timestamps, sizes = headers.timestamp[wave], headers.size[wave]
            opus = np.flatnonzero(rows.codec[into] == OPUS) if self.wide.members else _NONE
            arrived = timestamps if not opus.size else timestamps // (rows.clock[into] // np.uint32(FRAME))
            streams_in.count(rows, into, headers.sequence[wave], arrived, sizes, arrival)
            if opus.size:
                for k in wave[opus].tolist():
                    octets = packets[k, HEADER : HEADER + headers.size[k]].tobytes()
                    self.wide.put(int(index[k]), int(headers.timestamp[k]), octets)
                wave = np.delete(wave, opus)
                if not wave.size:
                    continue
                into, timestamps, sizes = index[wave], headers.timestamp[wave], headers.size[wave]
            width = max(int(sizes.max()), FRAME)
            whole = wave.size == len(packets)
            payloads = packets[:, HEADER : HEADER + width] if whole else packets[wave, HEADER : HEADER + width]
            jitter.put(rows, into, timestamps, payloads, sizes)


def _align(packets: NDArray[np.uint8], offsets: NDArray[np.int32], chosen: NDArray[np.intp]) -> None:
    """Move payloads that stand behind CSRC or an extension to where all others are."""
    moved = chosen[offsets[chosen] != HEADER]
    for offset in np.unique(offsets[moved]).tolist():
        which = moved[offsets[moved] == offset]
        payload = packets[which, offset : offset + MAX_PAYLOAD]
        packets[which, HEADER : HEADER + payload.shape[1]] = payload


def _waves(index: NDArray[np.intp], chosen: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """The packets in rounds that hold each row at most once, in order of arrival."""
    into = index[chosen]
    if (into[1:] > into[:-1]).all():
        if chosen.size:
            yield chosen
        return
    order = np.argsort(into, kind="stable")
    into, chosen = into[order], chosen[order]
    places = np.arange(into.size)
    starts = np.ones(into.size, np.bool_)
    starts[1:] = into[1:] != into[:-1]
    rank = places - np.maximum.accumulate(np.where(starts, places, 0))
    for turn in range(int(rank.max()) + 1):
        yield chosen[rank == turn]
