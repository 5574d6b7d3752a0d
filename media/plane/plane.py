"""The plane: what happens in a tick, in order, for all calls of a worker.

At T, :meth:`Plane.first_half` sends what was built, receives, and reports digits. As late as its work permits,
:meth:`Plane.build` receives again from the rows in a bridge, carries out commands, and builds what goes out 20 ms after
T: whatever comes until then is heard in the next packet. Only bridges gain by the second look: a digit found then could
not be answered before the next tick but one, and so it is by the look at the next. :meth:`Plane.between` comes
12 ms after T where there is a row that is owed something then: a packet of 10 ms, or a look how early the sound comes
that a stream waits for. :meth:`Plane.second_half` is both at once, for who has nothing to gain from a late build.
No sockets and no clock are here: loops, shell and the time are passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from media.batch import PER_SOCKET, Addresses, Inbox, Loops
from media.codecs.opus import CLOCK as OPUS_CLOCK
from media.plane import jitter
from media.plane.arena import Arena, Samples
from media.plane.build import Builder
from media.plane.digits_out import DigitSender
from media.plane.events_in import FLASH, DigitFound, EventReceiver
from media.plane.hearing import Hearing
from media.plane.inbox import Receiver
from media.plane.limits import FRAME, RATE, SECOND_HALF, TICK, TICKS_PER_SECOND
from media.plane.play import Finished, Player
from media.plane.quality import mean_opinion
from media.plane.record import Recorder
from media.plane.rows import NOBODY, Rows
from media.plane.rtcp import Reports, jitter_ms
from media.plane.secure import Secure
from media.plane.sent_sound import SentSound
from media.plane.shape import Packets, Shaper
from media.plane.sound_streams import SoundStreams
from media.plane.tap import PacketTap
from media.plane.wide import G722, OPUS, Wide
from media.protocol import Event, pack
from media.recording import RecordingWriter
from media.tones.noise import ComfortNoise

__all__ = ["Live", "Plane", "Shell"]

RELAYED_MS: Final = 100
"""Length of a digit passed on over a bridge: how long it was pressed is not known when it begins."""
RELAYED_GAP_MS: Final = 60
INBOX: Final = 6144
"""Datagrams of one receive: three of each of 2,000 calls; what does not fit is read in the next half tick."""


class Shell(Protocol):
    """What the plane needs of the process around it."""

    def allocated(self, row: int) -> None:
        """A call begins on ``row``: nothing that came to its sockets before may reach it."""

    def released(self, row: int) -> None:
        """Nothing more comes from or goes to ``row``."""

    def control(self, row: int, packet: bytes, target: int) -> None:
        """Send an RTCP packet."""

    def copy(self, path: str, data: bytes | None) -> None:
        """Append to a file, later; None completes it."""


class Live(Protocol):
    """Sound that is neither played nor bridged: that of a device in this process."""

    def heard(self, index: NDArray[np.intp], payload: NDArray[np.uint8]) -> None:
        """What the rows of ``index`` said in this tick, (n, 160) octets of their law; ``Plane.wide`` has more of wide
        ones."""

    def speak(self) -> None:
        """Put what is said into the frames of ``Plane.builder``, and into ``Plane.shaper`` where that is wide."""


class Plane:
    """All calls of one worker."""

    def __init__(
        self,
        rows: Rows,
        loops: Loops,
        shell: Shell,
        writer: RecordingWriter,
        open_sound: Callable[[str, int], Samples],
        open_wide: Callable[[str, int], Samples | None],
        rng: np.random.Generator,
        name: bytes,
        media_timeout: float,
        addresses: Addresses,
    ) -> None:
        self.rows = rows
        self.addresses = addresses
        self.loops = loops
        self.shell = shell
        self.tick = 0
        self.outbox: list[bytes] = []
        """Event records for the pool."""
        self.arena = Arena()
        self.player = Player(rows, self.arena, open_sound, open_wide)
        self.builder = Builder(rows, self.arena)
        self.recorder = Recorder(rows, writer)
        self.sender = DigitSender(rows)
        self.reports = Reports(rows, rng, name)
        self.secure = Secure(rows)
        self.wide = Wide(rows)
        self.tap = PacketTap(rows, addresses, shell.copy)
        self.shaper = Shaper(rows, self.wide, self.builder, self.player, self.sender, self.secure, self.tap)
        self.events = EventReceiver()
        self.hearing = Hearing(rows, self.events, self.post, self._relay)
        self.streams = SoundStreams(rows, self.post, self.shaper.unsent, self.shaper.hush)
        self.sent_sound = SentSound(rows)
        self.stream_frames: list[bytes] = []
        """What rows with a sound stream said, and what others were sent, in the first half of this tick: records for
        the pool."""
        self.live: Live | None = None
        """Takes part in each tick, where there is a device; set before the first."""
        self.lead = TICK - SECOND_HALF
        """Seconds before a tick at which its packets are made."""
        self.changed = False
        """Rows came, went, or changed their bridge: the lists below must be made anew."""
        self._listening: NDArray[np.intp] = np.zeros(0, np.intp)
        self._alone: NDArray[np.intp] = np.zeros(0, np.intp)
        self._bridged: NDArray[np.intp] = np.zeros(0, np.intp)
        self._hurried: NDArray[np.intp] = np.zeros(0, np.intp)
        self._inbox = Inbox(max(INBOX, PER_SOCKET))
        self._receiver = Receiver(rows, self.events, self.wide, self._events_heard, self._report_heard, self._latched)
        self._noise = ComfortNoise()
        self._timeout = int(media_timeout * TICKS_PER_SECOND)
        self.now = 0.0
        self.wall = 0.0
        self.received = self.sent = self.unsent = 0
        """Datagrams that came, packets that the kernel took, and those that it did not."""
        self.leaving: dict[int, bytes] = {}
        """Last statistics of released rows whose recordings are not yet complete."""

    # The tick

    def first_half(self, now: float, wall: float) -> None:
        """At T. ``now`` is monotonic, ``wall`` seconds since 1970."""
        self.tick += 1
        self.now = now
        self.wall = self.tap.wall = wall
        self.player.next_send = now + TICK
        if self.builder.index.size:
            self._send()
        if self.streams.any:
            self.streams.sent(now)
        self._receive()
        if self._alone.size:
            self._hear(self._alone)
        if self.streams.any:
            self.stream_frames += self.streams.frames(now, self.lead)
        if self.sent_sound.any:
            self.stream_frames += self.sent_sound.frames(now)
        self.played(self.player.over())
        self._sweep()

    @property
    def halved(self) -> bool:
        """Whether :meth:`between` has to be called in this tick."""
        return self.shaper.any or self.streams.any

    def between(self, now: float, wall: float) -> None:
        """12 ms after T."""
        self.now = now
        self.wall = self.tap.wall = wall
        if self.shaper.any:
            self._send_shaped(later=True)
            if self.streams.any:
                self.streams.sent(now)
        self._receive(hurried=True)
        if self.streams.any:
            self.streams.hurry()

    def build(self, now: float, wall: float, carry_out: Callable[[], None]) -> None:
        """Before the next tick. ``carry_out`` reads and obeys commands, as late as possible before the build."""
        self.now = now
        self.wall = self.tap.wall = wall
        if self._bridged.size:
            self._receive(hurried=True)
        self._make(carry_out)

    def second_half(self, now: float, wall: float, carry_out: Callable[[], None]) -> None:
        """Both at once, 12 ms after T."""
        self.player.next_send = now + TICK - SECOND_HALF
        self.between(now, wall)
        self._make(carry_out)

    def _make(self, carry_out: Callable[[], None]) -> None:
        carry_out()
        if self.changed:
            self._arrange()
        if self.builder.index.size:
            self._build()
        self.arena.work()
        self._recorded()

    @property
    def sending(self) -> bool:
        """Whether packets leave at the next tick."""
        return self.builder.index.size > 0

    @property
    def refused(self) -> int:
        """Packets of all rows that were not what was agreed, or of strangers."""
        return self._receiver.refused

    @property
    def idle(self) -> bool:
        """Nothing to send, hear or tell until a command comes."""
        return not (self._listening.size or self.leaving or self.outbox or self.changed)

    def skip(self, ticks: int) -> None:
        """Time was lost, by a stalled machine: go on from now, with a gap in the timestamps instead of a burst."""
        rows, index = self.rows, self._listening
        rows.timestamp[index] += np.uint32(ticks) * rows.clock[index]
        self.tick += ticks

    def _send(self) -> None:
        built = self.builder.ready()
        self._hand_over(built)
        if self.tap.any:
            self.tap.sent(*built[:3])
        if self.shaper.any:
            self._send_shaped(later=False)

    def _send_shaped(self, *, later: bool) -> None:
        shaped = self.shaper.ready(later=later)
        if shaped is not None:
            self._hand_over(shaped)

    def _hand_over(self, packets: Packets) -> None:
        failed = self.loops.send(*packets)
        self.sent += packets[0].size - failed
        self.unsent += failed

    def _receive(self, *, hurried: bool = False) -> None:
        if (self._hurried if hurried else self._listening).size:
            self.loops.receive(self._inbox, hurried=hurried)
            self.received += self._inbox.count
            if self.secure.any:
                self.secure.open(self._inbox, self.tick)
            if self.tap.any:
                self.tap.received(self._inbox)
            self._receiver.take(self._inbox, self.tick, int(self.now * RATE))

    def _hear(self, index: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Take a frame of each row from its jitter buffer, and listen to it."""
        payload = jitter.take(self.rows, index, self.tick, self._noise)
        if self.wide.members:
            self.wide.hear(index, payload, self.tick)
        self.recorder.hear(index, payload)
        if self.streams.any:
            self.streams.hear(index, payload)
        self.hearing.listen(index, payload, self.tick, self.now)
        if self.live is not None:
            self.live.heard(index, payload)
        return payload

    def _build(self) -> None:
        if self.wide.members:
            self.shaper.prompts()
        for row in self.builder.frames().tolist():
            self.player.ended(row)
        if self.live is not None:
            self.live.speak()
        if self._bridged.size:
            self.builder.bridge(self._bridged, self._hear(self._bridged))
        if self.streams.any:
            self.streams.speak(self.builder)
        self.builder.headers()
        self.sender.build(self.builder.packets, self.builder.lengths, self.builder.position)
        self.recorder.write(self.builder.packets, self.builder.lengths, self.builder.position)
        if self.sent_sound.any:
            self.sent_sound.take(self.builder)
        if self.shaper.any:
            self.shaper.build()

    def _arrange(self) -> None:
        rows = self.rows
        self.changed = False
        self._listening = np.flatnonzero(rows.live & rows.agreed)
        self.streams.arrange(self._listening)
        bridged = rows.partner[self._listening] != NOBODY
        self._alone = self._listening[~bridged]
        self._bridged = self._listening[bridged]
        self._hurried = self._listening[bridged | self.streams.open_rows[self._listening]]
        self.loops.listen(self._listening, self._hurried)
        self.builder.arrange(self._listening)

    def _sweep(self) -> None:
        """What is due now and then."""
        self.hearing.sweep(self.tick, self.now)
        for row in self.reports.due(self.tick):
            if self.rows.sending[row] or self.rows.heard[row]:
                self.send_report(row)
        if self._timeout and self.tick % TICKS_PER_SECOND == 0 and self._listening.size:
            rows, index = self.rows, self._listening
            quiet = (self.tick - rows.last_heard[index] > self._timeout) & rows.receiving[index]
            for row in index[quiet & ~rows.timed_out[index]].tolist():
                self.post(Event.TIMEOUT, row)
            rows.timed_out[index] = quiet

    # Events

    def post(self, kind: Event, row: int, *fields: float, strings: tuple[bytes, ...] = ()) -> None:
        """Tell the pool."""
        self.outbox.append(pack(kind, row, int(self.rows.generation[row]), *fields, strings=strings))

    def _events_heard(self, found: list[DigitFound]) -> None:
        self.hearing.named(found, self.now)

    def _relay(self, row: int, digit: str) -> None:
        """Pass a digit that was named on over the bridge: the sound does not hold it."""
        partner = int(self.rows.partner[row])
        if partner != NOBODY and not (self.rows.signalled[partner] and digit != FLASH):
            self.sender.send(partner, digit, RELAYED_MS, RELAYED_GAP_MS, events=None)

    def shape(self, row: int, *, fec: bool, bitrate: int) -> None:
        """The row's codec or packet time may be new; ``fec`` and ``bitrate`` are what its peer asks for in Opus."""
        rows = self.rows
        codec = int(rows.codec[row])
        rows.wide[row] = codec in (G722, OPUS)
        rows.clock[row] = OPUS_CLOCK // TICKS_PER_SECOND if codec == OPUS else FRAME
        self.wide.agree(row, codec, fec=fec, bitrate=bitrate)
        self.shaper.agree(row, codec, int(rows.ptime[row]))

    def forget(self, row: int) -> None:
        """Let go of everything that a released row holds."""
        rows = self.rows
        self.player.forget(row)
        self.streams.close(row)
        self.sent_sound.ask(row, False)
        self.sender.forget(row)
        self.events.forget(row)
        self.reports.forget(row)
        self.secure.forget(row)
        self.hearing.forget(row)
        self.shaper.forget(row)
        self.wide.forget(row)
        self.tap.end(row)
        self.unsettle(row)
        self.addresses.release(row)
        rows.live[row] = rows.agreed[row] = rows.sending[row] = False
        rows.latched[row] = rows.target[row] = 0
        self.changed = True

    def _latched(self, row: int) -> None:
        self.addresses.hold(row, int(self.rows.target[row]) >> 16)
        self.rows.settled[row] = self.loops.settle(row, int(self.rows.target[row]))

    def unsettle(self, row: int) -> None:
        """The row's target may change, or its call is over."""
        if self.rows.settled[row]:
            self.rows.settled[row] = self.loops.settle(row, 0)

    def _report_heard(self, row: int, packet: bytes) -> None:
        if self.reports.receive(row, packet, self.now, self.wall):
            self.rows.last_heard[row] = self.tick

    def send_report(self, row: int, *, bye: bool = False) -> None:
        """Send the row's RTCP; ``bye``: its last."""
        report = self.reports.report(row, self.now, self.wall, bye=bye)
        packet = self.secure.seal_control(row, report) if self.rows.secure[row] else report
        if packet is None:
            return
        target = self.rows.control_target(row)
        if self.tap.any:
            self.tap.packet(row, report, target, sent=True, control=not self.rows.mux[row])
        if not self.rows.mux[row]:
            self.shell.control(row, packet, target)
        elif target:
            # From the port that the peer latches to, as it does with sound.
            octets = np.frombuffer(packet, np.uint8).reshape(1, -1)
            self.loops.send(np.array([row]), octets, np.array([len(packet)], np.int32), np.array([target], np.uint64))

    def control_received(self, row: int, packet: bytes, source: int) -> None:
        """RTCP came to the row's own RTCP port."""
        rows = self.rows
        if not (rows.live[row] and rows.agreed[row]):
            return
        known = int(rows.latched[row]) or int(rows.offered[row])
        if source >> 16 not in (known >> 16, int(rows.rtcp_target[row]) >> 16):
            return
        opened = self.secure.open_control(row, packet, self.tick) if rows.secure[row] else packet
        if opened is not None:
            if self.tap.any:
                self.tap.packet(row, opened, source, sent=False, control=True)
            self._report_heard(row, opened)

    def played(self, finished: Iterable[Finished]) -> None:
        for play in finished:
            self.post(Event.PLAY_DONE, play.row, play.number, play.samples, play.reason, play.began)

    def _recorded(self) -> None:
        for done in self.recorder.closed():
            fields = (done.number, done.samples, done.reason)
            self.outbox.append(
                pack(Event.RECORD_DONE, done.row, done.generation, *fields, strings=(done.error.encode()[:1000],))
            )
        for row in [row for row in self.leaving if not self.recorder.busy(row)]:
            self.outbox.append(self.leaving.pop(row))
            self.shell.released(row)

    def statistics(self, row: int, *, last: bool) -> bytes:
        """The STATS record of ``row``."""
        rows = self.rows
        received = int(rows.packets_in[row])
        lost = int(rows.lost_before[row]) + rows.lost_of_source(row)
        round_trip, missed = self.reports.heard_from(row)
        rtt = -1.0 if round_trip is None else round_trip * 1000
        bad = max(lost, 0) + int(rows.late[row])
        share = bad / max(received + max(lost, 0), 1)
        jitter = jitter_ms(rows, row)
        return pack(
            Event.STATS,
            row,
            int(rows.generation[row]),
            received,
            int(rows.packets_out[row]),
            int(rows.octets_in[row]),
            int(rows.octets_out[row]),
            max(lost, 0),
            int(rows.late[row]),
            int(rows.refused[row]),
            jitter,
            rtt,
            -1 if missed is None else max(missed, 0),
            mean_opinion(share, jitter, round_trip and rtt),
            last,
        )
