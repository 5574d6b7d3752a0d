"""What an UPDATE says: a stream as a record, and back."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from media.face import Codec, CryptoSuite, SrtpKey, Stream
from media.protocol import NO_TYPE, UpdateFlag, split_strings
from media.tones.progress import COUNTRIES

__all__ = ["CODECS", "KEY_OCTETS", "Terms", "decode", "encode"]

CODECS: Final[tuple[Codec, ...]] = ("pcmu", "pcma", "g722", "opus")
"""Codecs by number."""
KEY_OCTETS: Final = 30
"""Master key (16) and master salt (14) of both suites (RFC 3711 section 8.2)."""
_SUITES: Final[tuple[CryptoSuite, ...]] = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
_COUNTRIES: Final = ("", *COUNTRIES)


@dataclass(frozen=True, slots=True)
class Terms:
    """An UPDATE as the worker reads it."""

    host: bytes
    """Where RTP goes: 4 or 16 octets; empty: unknown."""
    port: int
    """Its port."""
    rtcp_host: bytes
    """Where RTCP goes; empty: one port above RTP."""
    rtcp_port: int
    """Its port."""
    signalling: bytes
    """Source of the peer's SIP; empty: unknown."""
    codec: int
    """Index into :data:`CODECS`."""
    ptime: int
    """Milliseconds of sound in a packet that we send."""
    audio_type: int
    """Payload type of the codec in what we send."""
    audio_type_in: int
    """And in what we receive."""
    event_type: int
    """Payload type of telephone-events that we send; NO_TYPE: none."""
    event_type_in: int
    """Of those that we receive."""
    noise_type: int
    """Of comfort noise that we receive."""
    event_rate: int
    """Clock rate of the telephone-events that we send, Hz."""
    event_rate_in: int
    """Of those that we receive."""
    flags: int
    """Bits of :class:`~media.protocol.UpdateFlag`."""
    country: str
    """Whose tones are looked for; empty: those of all."""
    bitrate: int
    """Most bits a second of Opus that the peer takes; 0: it did not say."""
    key_out: SrtpKey | None = field(repr=False)
    """Encrypts what we send."""
    key_in: SrtpKey | None = field(repr=False)
    """Decrypts what we receive."""


def encode(stream: Stream) -> tuple[tuple[int, ...], tuple[bytes, ...]]:
    """Fields and strings of the UPDATE for ``stream``. A host that is no address counts as unknown. Raises ValueError
    where only one direction has a key, or one of another length."""
    if (stream.srtp_out is None) != (stream.srtp_in is None):
        raise ValueError("a stream is encrypted in both directions or in none")
    flags = (
        UpdateFlag.SEND * stream.send
        | UpdateFlag.RECEIVE * stream.receive
        | UpdateFlag.INBAND * stream.inband
        | UpdateFlag.MUX * stream.rtcp_mux
        | UpdateFlag.BUSY * stream.busy_tone
        | UpdateFlag.FEC * stream.opus_fec
        | UpdateFlag.SIGNALLED * stream.keys_signalled
    )
    types = (stream.event_type, stream.event_type_in, stream.comfort_noise_type)
    rtcp = stream.rtcp or ("", 0)
    remote = stream.remote or ("", 0)
    fields = (
        remote[1],
        rtcp[1],
        CODECS.index(stream.codec),
        stream.ptime,
        stream.payload_type,
        stream.payload_type if stream.payload_type_in is None else stream.payload_type_in,
        *(NO_TYPE if number is None else number for number in types),
        stream.event_rate,
        stream.event_rate_in,
        flags,
        _COUNTRIES.index(stream.tones) if stream.tones in _COUNTRIES else 0,
        min(stream.opus_bitrate, 0xFFFFFFFF),
    )
    hosts = (_packed(remote[0]), _packed(rtcp[0]), _packed(stream.signalling_host or ""))
    return fields, (*hosts, _key(stream.srtp_out), _key(stream.srtp_in))


def decode(fields: tuple[Any, ...], strings: bytes) -> Terms:
    """What an UPDATE says."""
    port, rtcp_port, codec, ptime, audio, audio_in, event, event_in, noise, rate, rate_in, flags, country, bitrate = (
        fields
    )
    host, rtcp_host, signalling, key_out, key_in = split_strings(strings)
    return Terms(
        host=host if port else b"",
        port=port,
        rtcp_host=rtcp_host if rtcp_port else b"",
        rtcp_port=rtcp_port,
        signalling=signalling,
        codec=codec,
        ptime=ptime,
        audio_type=audio,
        audio_type_in=audio_in,
        event_type=event,
        event_type_in=event_in,
        noise_type=noise,
        event_rate=rate,
        event_rate_in=rate_in,
        flags=flags,
        country=_COUNTRIES[country],
        bitrate=bitrate,
        key_out=_srtp_key(key_out),
        key_in=_srtp_key(key_in),
    )


def _key(key: SrtpKey | None) -> bytes:
    if key is None:
        return b""
    if len(key.key) != KEY_OCTETS:
        raise ValueError("a master key with its salt has 30 octets")
    return bytes((_SUITES.index(key.suite),)) + key.key


def _srtp_key(data: bytes) -> SrtpKey | None:
    return SrtpKey(_SUITES[data[0]], data[1:]) if data else None


@lru_cache(maxsize=4096)  # peers come again and again
def _packed(host: str) -> bytes:
    """An address of either family as its octets; empty for what is none. IPv4 written as IPv6 is IPv4."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return b""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.packed
