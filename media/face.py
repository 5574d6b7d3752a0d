"""The words in which the rest of the runtime speaks to the media plane: configuration, streams, sounds, events.

Times are seconds of ``time.monotonic`` (one clock for all processes of a machine); sound is 8 kHz mono, and for rows of
wideband codecs also 16 kHz where a sound has a file of that beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from media.port import Port

__all__ = [
    "Answerer",
    "Codec",
    "CryptoSuite",
    "Digit",
    "Flash",
    "Lost",
    "MediaConfig",
    "MediaEvent",
    "MediaTimeout",
    "PlayDone",
    "RecordDone",
    "RecordOptions",
    "Sound",
    "SrtpKey",
    "Stats",
    "Stream",
    "StreamEncoding",
    "StreamFrames",
    "StreamFull",
    "StreamMark",
    "StreamStarted",
    "Tone",
]

WIDE_SUFFIX: Final = ".16k"
"""Behind the path of a sound: the file of the same sound at 16 kHz, twice as many samples, where there is one."""

Codec = Literal["pcmu", "pcma", "g722", "opus"]
StreamEncoding = Literal["ulaw", "slin16"]
"""Sound of a stream, both ways, 8 kHz mono: octets of µ-law, or signed 16-bit little-endian samples."""
CryptoSuite = Literal["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """How the media plane is set up. Nothing here changes while it runs."""

    host: str = "127.0.0.1"
    """Address that the RTP and RTCP sockets are bound to, of IPv4 or IPv6."""
    host_v6: str = ""
    """A second address, of IPv6, where `host` is one of IPv4: calls of either family can be had then."""
    ports: tuple[int, int] = (20002, 29999)
    """UDP ports, both ends included: RTP on the even ones, RTCP on the odd one above each."""
    workers: int = 0
    """Processes that carry the sound; 0 takes one for each core but the first, at least one."""
    spare: bool = True
    """Keep one more process ready that takes the place of a worker that died."""
    media_timeout: float = 30.0
    """Seconds without RTP and RTCP after which :class:`MediaTimeout` is reported; 0 never."""
    realtime: bool = True
    """Ask for real-time scheduling of the workers; where it is not permitted they run without."""
    compiled: bool = True
    """Use the compiled socket loops where they are installed; without, the pure Python ones."""


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """Key of one direction of an encrypted stream (RFC 4568 section 6.1); its repr keeps the key to itself."""

    suite: CryptoSuite
    """Cipher and length of the authentication tag of RTP; RTCP always has the long one."""
    key: bytes = field(repr=False)
    """Master key and salt, 30 octets."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What offer and answer agreed on (RFC 3264), seen from our side."""

    remote: tuple[str, int] | None
    """Address and port of the peer's SDP; None while unknown: nothing is sent, and nothing heard."""
    codec: Codec = "pcmu"
    """Codec of both directions."""
    payload_type: int = 0
    """RTP payload type of the codec in what we send."""
    payload_type_in: int | None = None
    """The same in what we receive; None: as `payload_type`."""
    event_type: int | None = None
    """Payload type of the telephone-events that we send; None: the peer takes none."""
    event_type_in: int | None = None
    """Payload type of the telephone-events that we receive."""
    send: bool = True
    """We may send: false on hold."""
    receive: bool = True
    """The peer may send; the media timeout runs only while it may."""
    inband: bool = False
    """Look for DTMF in the sound itself."""
    ptime: int = 20
    """Milliseconds of sound in each packet that we send, 10 to 60; any of them is taken."""
    comfort_noise_type: int | None = 13
    """Payload type of comfort noise (RFC 3389) that the peer may send."""
    rtcp: tuple[str, int] | None = None
    """Where the peer wants RTCP (RFC 3605); None: one port above RTP."""
    signalling_host: str | None = None
    """Source address of the peer's SIP: behind NAT its RTP comes from there although its SDP says otherwise."""
    event_rate: int = 8000
    """Clock rate of the telephone-events that we send (RFC 4733 section 2.1), Hz."""
    event_rate_in: int = 8000
    """That of those we receive."""
    rtcp_mux: bool = False
    """RTP and RTCP share one port (RFC 5761)."""
    srtp_out: SrtpKey | None = None
    """Encrypts what we send; None: plain RTP."""
    srtp_in: SrtpKey | None = None
    """Decrypts what we receive; given exactly where `srtp_out` is."""
    opus_fec: bool = False
    """The peer wants each packet of Opus to hold a copy of the one before (useinbandfec, RFC 7587 section 6.1)."""
    opus_bitrate: int = 0
    """Most bits a second of Opus that the peer takes (maxaveragebitrate); 0: it did not say."""
    busy_tone: bool = False
    """Look for the tones by which a telephone network says that the call is over: :class:`Tone` is reported."""
    keys_signalled: bool = False
    """Digits of the other party of a bridge are not sent here: who holds the port sends them by signalling (INFO)."""
    tones: str = ""
    """Country whose tones are looked for, one of ``media.tones.COUNTRIES``; empty: those of all."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound ready to play: prompts and tones alike."""

    path: Path
    """File of raw signed 16-bit little-endian samples, 8 kHz, mono. It never changes once it exists."""
    samples: int
    """Its length."""

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return self.samples / 8000


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What to record, and when to stop."""

    sides: Literal["caller", "both"] = "caller"
    """The peer alone (mono), or the peer on the left and what we send it on the right."""
    format: Literal["wav", "ulaw"] = "wav"
    """16-bit linear WAV, or headerless µ-law (mono only)."""
    max_seconds: float | None = None
    """Stop after so many seconds of recorded sound; None or 0: no limit."""
    max_silence: float | None = None
    """Stop after so many seconds in which the peer said nothing; None or 0: never."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A DTMF digit begins or ends. Never log it above DEBUG."""

    port: Port
    """Where it was heard."""
    digit: str
    """One of ``0123456789*#ABCD``."""
    source: Literal["rfc4733", "inband"]
    """Named by a telephone-event, or found in the sound."""
    phase: Literal["start", "end"]
    """Each digit has one start and, later, one end."""
    at: float
    """When this phase was heard (monotonic seconds)."""
    duration: float
    """Seconds from start to end; 0.0 at the start."""
    event_key: int
    """The same for the start and the end of one digit; another for the port's next."""


@dataclass(frozen=True, slots=True)
class Flash:
    """The peer pressed the hook for a moment (telephone-event 16, RFC 2833 section 3.10)."""

    port: Port
    """Where it was heard."""
    at: float
    """When (monotonic seconds)."""


@dataclass(frozen=True, slots=True)
class Tone:
    """A call progress tone was found in what the peer sends; once, until it stops."""

    port: Port
    """Where it was heard."""
    kind: Literal["busy", "congestion", "dial"]
    """Engaged or hung up; no way through; nobody is connected any more."""
    at: float
    """When it was certain (monotonic seconds): some cadences after it began."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who or what has answered a call of ours (``Port.find_answerer``)."""

    port: Port
    """Where it was heard."""
    answerer: Literal["human", "machine", "unknown"]
    """The decision."""
    confidence: float
    """0 to 1."""
    at: float
    """When it was certain (monotonic seconds)."""
    final: bool
    """Nothing more comes; False: a machine, whose beep is waited for."""
    beep_ended: float | None
    """When the machine's beep ended (monotonic seconds); None: none was heard, or it is still waited for."""
    reason: str
    """What decided: ``greeting`` (a long one), ``words`` (several sentences), ``music``, ``pause``, ``beep``, ``fax``,
    ``tone`` (no such number), ``silence`` (nobody speaks), ``quiet`` (no beep), ``timeout``; see media/detect."""


@dataclass(frozen=True, slots=True)
class PlayDone:
    """A play is over. The port plays nothing now, unless another play replaced it."""

    port: Port
    """Where it played."""
    play_id: int
    """What ``Port.play`` returned."""
    heard: float
    """Seconds of sound that were sent, pauses not counted."""
    reason: Literal["completed", "stopped", "failed"]
    """Played to its end; cut off or replaced; a sound could not be read."""
    began: float | None = None
    """When the first packet of its sound was sent (monotonic seconds); None: none was."""


@dataclass(frozen=True, slots=True)
class RecordDone:
    """A recording is closed, its file complete."""

    port: Port
    """Where it was recorded."""
    record_id: int
    """What ``Port.record`` returned."""
    seconds: float
    """Length of the file."""
    reason: Literal["stopped", "max_duration", "silence", "failed", "lost"]
    """Asked for or the port was released; a limit of the options; the file could not be written; the worker died."""
    error: str | None
    """A sentence for a person when the reason is ``failed``."""


@dataclass(frozen=True, slots=True)
class MediaTimeout:
    """No RTP and no RTCP came for ``MediaConfig.media_timeout`` although the peer may send."""

    port: Port
    """Where nothing is heard."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker of this port died: the port is released, its sockets are gone."""

    port: Port
    """The port that is no more."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Quality of one port, on demand and once, last, after its release."""

    port: Port
    """Whose."""
    packets_in: int
    """RTP packets accepted."""
    packets_out: int
    """RTP packets sent."""
    bytes_in: int
    """Payload of the accepted."""
    bytes_out: int
    """Payload of the sent."""
    lost: int
    """Packets of the peer that never came (RFC 3550 section 6.4.1)."""
    late: int
    """Packets that came after their time to be heard."""
    refused: int
    """Packets that were malformed, of another source, or of a payload type not agreed."""
    jitter_ms: float
    """Interarrival jitter of what we receive (RFC 3550 section 6.4.1)."""
    rtt_ms: float | None
    """Round trip by RTCP; None when the peer sent no report."""
    remote_lost: int | None
    """Packets of ours that the peer misses, by its last report."""
    mos: float
    """Listening quality estimated by the E-model (ITU-T G.107), 1.0 to 4.5."""


@dataclass(frozen=True, slots=True)
class StreamFrames:
    """What the peer said in one tick: one for each tick while a stream is open and the port has terms (`Port.update`).

    Silence where nothing came, and while the port is on hold. After a stall of the machine, or where this process did
    not read for half a second, frames are left out: `at` jumps.
    """

    port: Port
    """Where it was heard."""
    stream_id: int
    """What ``Port.open_stream`` returned."""
    at: float
    """When it was heard (monotonic seconds)."""
    payload: bytes
    """20 ms: 160 octets of µ-law, or 320 octets of samples."""
    lead: float = 0.008
    """Seconds before the next packet leaves, 20 ms after `at`, at which it is made: what comes later is for the one
    after."""


@dataclass(frozen=True, slots=True)
class SentFrames:
    """What the peer was sent in one tick, whatever it was: one for each tick after ``Port.tell_sent``, from the terms
    on. Left out like :class:`StreamFrames`."""

    port: Port
    """Where it was sent."""
    at: float
    """When (monotonic seconds)."""
    payload: bytes
    """20 ms: 160 octets of µ-law."""


@dataclass(frozen=True, slots=True)
class StreamMark:
    """A mark was reached: all sound before it was sent, or dropped. Marks come in the order in which they were set."""

    port: Port
    """Whose stream."""
    stream_id: int
    """Which one; it may be closed by now."""
    number: int
    """What ``Port.stream_mark`` was given."""
    cleared: bool
    """Sound before it was dropped, by a clear or by the end of the stream; False: the last sample before it was sent
    just now."""


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The first sound given to a stream was sent; once for each stream."""

    port: Port
    """Whose stream."""
    stream_id: int
    """Which one."""
    at: float
    """When its first packet was sent (monotonic seconds)."""


@dataclass(frozen=True, slots=True)
class StreamFull:
    """Sound given to a stream was dropped, because so much of it waits already; at most one a tick."""

    port: Port
    """Whose stream."""
    stream_id: int
    """Which one."""
    dropped_seconds: float
    """How much, since the one before."""


MediaEvent = (
    Answerer
    | Digit
    | Flash
    | Tone
    | PlayDone
    | RecordDone
    | MediaTimeout
    | Lost
    | Stats
    | StreamFrames
    | SentFrames
    | StreamMark
    | StreamStarted
    | StreamFull
)
