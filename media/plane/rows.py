"""State of all calls of a worker as arrays: index = row = call.

Arrays are made once for the capacity; memory is touched, and so paid for, only by rows in use, which are always the
lowest ones.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.plane.limits import FRAME, LAW_ULAW, NO_TYPE, RATE, RING

__all__ = ["CAPACITY", "NOBODY", "Rows"]

CAPACITY: Final = 4096
"""Rows of one worker: twice of what one core carries."""
NOBODY: Final = -1
"""The bridge partner of a row that has none."""


class Rows:
    """The arrays. ``rng`` gives the unguessable starts of RTP sequence, timestamp and SSRC (RFC 3550 section 5.1)."""

    def __init__(self, capacity: int, rng: np.random.Generator) -> None:
        self.capacity = capacity
        self._rng = rng
        n = capacity
        self.live: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """In use: allocated and not released."""
        self.generation: NDArray[np.uint32] = np.zeros(n, np.uint32)
        """Counts the uses of a row."""

        # What offer and answer agreed on.
        self.agreed: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.codec: NDArray[np.uint8] = np.zeros(n, np.uint8)
        """Index into ``terms.CODECS``."""
        self.law: NDArray[np.uint8] = np.zeros(n, np.uint8)
        self.wide: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """Of a wideband codec: decoded and encoded row by row, µ-law for all others, see wide.py."""
        self.shaped: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """What we send is not plain 20 ms of G.711: its packets are made by shape.py."""
        self.clock: NDArray[np.uint32] = np.full(n, FRAME, np.uint32)
        """Steps of the codec's RTP clock in a tick: 160, or 960 of Opus."""
        self.audio_type: NDArray[np.uint8] = np.full(n, NO_TYPE, np.uint8)
        self.audio_type_in: NDArray[np.uint8] = np.full(n, NO_TYPE, np.uint8)
        self.event_type: NDArray[np.uint8] = np.full(n, NO_TYPE, np.uint8)
        self.event_type_in: NDArray[np.uint8] = np.full(n, NO_TYPE, np.uint8)
        self.noise_type: NDArray[np.uint8] = np.full(n, NO_TYPE, np.uint8)
        self.sending: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.receiving: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.inband: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.ptime: NDArray[np.uint8] = np.full(n, 20, np.uint8)
        """Milliseconds of sound in a packet that we send."""
        self.event_rate: NDArray[np.uint32] = np.full(n, RATE, np.uint32)
        self.event_rate_in: NDArray[np.uint32] = np.full(n, RATE, np.uint32)
        """Clock rates of telephone-events that we send and receive, Hz."""
        self.signalled: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """Digits of the partner are not sent here: they go by signalling."""
        self.busy: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """Tones that end a call are looked for: those of ``country``."""
        self.country: list[str] = [""] * n
        self.mux: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """RTP and RTCP share one port (RFC 5761)."""
        self.secure: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """SRTP: see secure.py, which sets it."""

        # Addresses: number of the host (media/batch/addresses.py) << 16 | port, 0: none.
        self.offered: NDArray[np.uint64] = np.zeros(n, np.uint64)
        self.target: NDArray[np.uint64] = np.zeros(n, np.uint64)
        self.latched: NDArray[np.uint64] = np.zeros(n, np.uint64)
        self.settled: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """The socket is connected to the target."""
        self.trusted: NDArray[np.uint64] = np.zeros(n, np.uint64)
        self.private: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """The offered host is one that only a router that translates makes reachable."""
        self.signalling: NDArray[np.uint64] = np.zeros(n, np.uint64)
        self.candidate: NDArray[np.uint64] = np.zeros(n, np.uint64)
        self.candidate_packets: NDArray[np.int32] = np.zeros(n, np.int32)
        self.candidate_tick: NDArray[np.int64] = np.zeros(n, np.int64)
        self.rtcp_target: NDArray[np.uint64] = np.zeros(n, np.uint64)

        # What we send.
        self.sequence: NDArray[np.uint16] = np.zeros(n, np.uint16)
        self.timestamp: NDArray[np.uint32] = np.zeros(n, np.uint32)
        self.ssrc: NDArray[np.uint32] = np.zeros(n, np.uint32)
        self.marker: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.packets_out: NDArray[np.int64] = np.zeros(n, np.int64)
        self.octets_out: NDArray[np.int64] = np.zeros(n, np.int64)
        self.frame: NDArray[np.int64] = np.zeros(n, np.int64)
        """Arena frame that is sent next."""
        self.step: NDArray[np.int8] = np.zeros(n, np.int8)
        """1 while that advances, 0 where a frame of silence repeats."""
        self.left: NDArray[np.int64] = np.zeros(n, np.int64)
        """Frames until the play must be asked what comes next; negative: never."""
        self.playing: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.streamed: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """What is sent in this tick comes from the row's sound stream, see sound_streams.py, which sets it."""
        self.partner: NDArray[np.int32] = np.full(n, NOBODY, np.int32)

        # What we receive.
        self.in_ssrc: NDArray[np.uint32] = np.zeros(n, np.uint32)
        self.other_ssrc: NDArray[np.uint32] = np.zeros(n, np.uint32)
        self.other_packets: NDArray[np.int16] = np.zeros(n, np.int16)
        self.heard: NDArray[np.bool_] = np.zeros(n, np.bool_)
        """Some sound came: in_ssrc and the counts below mean something."""
        self.first_sequence: NDArray[np.int64] = np.zeros(n, np.int64)
        self.last_sequence: NDArray[np.int64] = np.zeros(n, np.int64)
        """Extended highest sequence number (RFC 3550 appendix A.1)."""
        self.of_source: NDArray[np.int64] = np.zeros(n, np.int64)
        """Packets of the current SSRC."""
        self.lost_before: NDArray[np.int64] = np.zeros(n, np.int64)
        """Lost packets of earlier SSRCs."""
        self.packets_in: NDArray[np.int64] = np.zeros(n, np.int64)
        self.octets_in: NDArray[np.int64] = np.zeros(n, np.int64)
        self.late: NDArray[np.int64] = np.zeros(n, np.int64)
        self.refused: NDArray[np.int64] = np.zeros(n, np.int64)
        self.transit: NDArray[np.int64] = np.zeros(n, np.int64)
        self.jitter: NDArray[np.float32] = np.zeros(n, np.float32)
        """Interarrival jitter in samples (RFC 3550 appendix A.8)."""
        self.last_heard: NDArray[np.int64] = np.zeros(n, np.int64)
        """Tick of the last RTP or RTCP packet accepted, or of the agreement."""
        self.timed_out: NDArray[np.bool_] = np.zeros(n, np.bool_)

        # Jitter buffer: a ring of frames, see jitter.py.
        self.ring: NDArray[np.uint8] = np.zeros((n * RING, FRAME), np.uint8)
        self.filled: NDArray[np.bool_] = np.zeros(n * RING, np.bool_)
        self.slot: NDArray[np.int64] = np.zeros(n, np.int64)
        self.play_timestamp: NDArray[np.uint32] = np.zeros(n, np.uint32)
        self.ahead: NDArray[np.int32] = np.zeros(n, np.int32)
        self.anchored: NDArray[np.bool_] = np.zeros(n, np.bool_)
        self.priming: NDArray[np.int8] = np.zeros(n, np.int8)
        self.dry: NDArray[np.int32] = np.zeros(n, np.int32)
        self.gap: NDArray[np.int32] = np.zeros(n, np.int32)
        self.least_ahead: NDArray[np.int32] = np.zeros(n, np.int32)
        self.noise: NDArray[np.float32] = np.zeros(n, np.float32)
        """Level of the peer's comfort noise, dBov, below 0; 0: none."""
        self.deaf_until: NDArray[np.int64] = np.zeros(n, np.int64)
        """Tick before which a telephone-event mutes the row's sound and its in-band detector."""

    def start(self, row: int, generation: int) -> None:
        """Give ``row`` to a new call."""
        self.live[row] = True
        self.generation[row] = generation
        self.agreed[row] = self.sending[row] = self.receiving[row] = self.inband[row] = False
        self.mux[row] = self.busy[row] = self.signalled[row] = self.private[row] = False
        self.codec[row] = 0
        self.ptime[row] = 20
        self.event_rate[row] = self.event_rate_in[row] = RATE
        self.country[row] = ""
        self.wide[row] = self.shaped[row] = False
        self.clock[row] = FRAME
        for types in (self.audio_type, self.audio_type_in, self.event_type, self.event_type_in, self.noise_type):
            types[row] = NO_TYPE
        self.law[row] = LAW_ULAW
        for addresses in (self.offered, self.target, self.latched, self.trusted, self.signalling, self.candidate):
            addresses[row] = 0
        self.rtcp_target[row] = 0
        self.candidate_packets[row] = 0
        sequence, timestamp, ssrc = self._rng.integers(0, (1 << 16, 1 << 32, 1 << 32), dtype=np.uint64).tolist()
        self.sequence[row] = sequence
        self.timestamp[row] = timestamp
        self.ssrc[row] = ssrc
        self.marker[row] = True
        self.packets_out[row] = self.octets_out[row] = 0
        self.frame[row] = LAW_ULAW
        self.step[row] = 0
        self.left[row] = -1
        self.playing[row] = self.streamed[row] = False
        self.partner[row] = NOBODY
        self.packets_in[row] = self.octets_in[row] = self.late[row] = self.refused[row] = 0
        self.lost_before[row] = 0
        self.jitter[row] = 0
        self.last_heard[row] = 0
        self.timed_out[row] = False
        self.deaf_until[row] = 0
        self.forget_source(row)

    def forget_source(self, row: int) -> None:
        """Drop what was buffered of the peer's sound; the next packet begins anew, whatever its SSRC."""
        if self.heard[row]:
            self.lost_before[row] += self.lost_of_source(row)
        self.heard[row] = False
        self.of_source[row] = 0
        self.other_packets[row] = 0
        self.anchored[row] = False
        self.ahead[row] = 0
        self.dry[row] = self.gap[row] = 0
        self.noise[row] = 0
        self.filled[row * RING : (row + 1) * RING] = False

    def control_target(self, row: int) -> int:
        """Where RTCP of ``row`` goes: to its RTP port where the two share it, else where the peer said, else one above
        its RTP port (RFC 3550 section 11)."""
        target = int(self.target[row])
        if self.mux[row]:
            return target
        told = int(self.rtcp_target[row])
        if told and target == int(self.offered[row]):
            return told
        return target + 1 if target & 0xFFFF and target & 0xFFFF != 0xFFFF else 0

    def lost_of_source(self, row: int) -> int:
        """Packets of the current SSRC that never came (RFC 3550 appendix A.3)."""
        if not self.heard[row]:
            return 0
        return int(self.last_sequence[row] - self.first_sequence[row] + 1 - self.of_source[row])
