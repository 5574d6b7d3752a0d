"""Offer and answer (RFC 3264) for one audio stream and its telephone-events (RFC 4733).

Pure functions over descriptions: who keeps the session passes its id and version in, and the description in force
where an offer is made anew. The same functions serve the first offer and all later ones: a hold, a resume, another
codec or another address are only other outcomes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

from ivr.sip import sdes
from ivr.sip.codecs import (
    PTIME_DEFAULT,
    PTIME_MOST,
    Chosen,
    CodecOrder,
    choose,
    events_text,
    formats_text,
    known_types,
    offered_types,
    packet_time,
)
from ivr.sip.errors import NotAcceptableError
from ivr.sip.sdes import CryptoKey
from ivr.sip.sdp import Attribute, Direction, Media, Origin, Sdp

__all__ = ["Agreed", "Capabilities", "CryptoKey", "agreed", "answer", "offer", "sendable_address"]

_PROTOCOLS: Final = ("RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF")
_RTCP_TYPES: Final = range(64, 96)  # RFC 5761 section 4: on a shared port these look like RTCP

_SEND: Final = ("sendrecv", "sendonly")
_RECEIVE: Final = ("sendrecv", "recvonly")
_IPV4: Final = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What our side can do."""

    codecs: tuple[str, ...] = ("pcmu", "pcma")
    """Of pcmu, pcma, g722 and opus, the preferred one first."""
    order: CodecOrder = "theirs"
    """Whose order decides where a peer offers; in our offers ours stands."""
    dtmf: bool = True
    """Whether telephone-event is offered and taken."""
    ptime: int = 20
    """Milliseconds of sound in a packet that we would like to receive, and send where the peer asks for nothing."""
    srtp: sdes.Srtp = "off"
    """Whether streams are encrypted. Required: a peer that would not is refused, whoever of the two offers."""
    rtcp_mux: bool = False
    """Whether RTCP may share the port of RTP; done where the peer wants it too."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What offer and answer came to: all that the media plane needs."""

    remote_host: str | None
    """Where to send; None where nothing may be sent (hold by 0.0.0.0)."""
    remote_port: int
    """RTP port of the peer."""
    rtcp_host: str | None
    """Where RTCP goes."""
    rtcp_port: int
    """RTCP port of the peer."""
    codec: str
    """pcmu, pcma, g722 or opus, in both directions."""
    payload_type: int
    """Payload type of the codec in what we send."""
    send: bool
    """Whether we may send."""
    receive: bool
    """Whether we will be sent to."""
    event_type: int | None
    """Payload type of telephone-event to send; None: digits go in-band or by INFO."""
    event_type_in: int | None
    """Payload type of telephone-event that we receive."""
    payload_type_in: int
    """Payload type of the codec in what we receive."""
    ptime: int
    """Milliseconds of sound in a packet that we send."""
    held: bool
    """Whether the peer holds us (sendonly, inactive, or 0.0.0.0)."""
    event_rate: int = 8000
    """Clock rate of `event_type`, Hz (RFC 4733 §2.1): that of the codec it stands beside."""
    event_rate_in: int = 8000
    """Clock rate of `event_type_in`."""
    noise_type: int | None = 13
    """Payload type of comfort noise that the peer may send (RFC 3389); None: none."""
    opus_fec: bool = False
    """The peer wants forward error correction in the Opus that it receives."""
    opus_bitrate: int = 0
    """Most bits a second of Opus that it takes; 0: not said."""
    rtcp_mux: bool = False
    """RTP and RTCP share one port (RFC 5761)."""
    crypto_out: CryptoKey | None = None
    """Key of what we send; None: plain RTP."""
    crypto_in: CryptoKey | None = None
    """Key of what we receive; given exactly where `crypto_out` is."""

    @property
    def remote(self) -> tuple[str, int] | None:
        """Where RTP goes, or None."""
        return None if self.remote_host is None else (self.remote_host, self.remote_port)


def sendable_address(host: str) -> bool:
    """Whether media may be sent there: an address of one host, never a broadcast, multicast or unspecified one. A
    name is none: it would have to be resolved, and whoever answers for it could change it."""
    if ":" not in host:
        # 0/8 is "this network", from 224 on stand multicast, reserved addresses and the broadcast.
        return _IPV4.fullmatch(host) is not None and 1 <= int(host.partition(".")[0]) < 224
    try:
        address = IPv6Address(host)
    except ValueError:
        return False
    if address.ipv4_mapped is not None:
        return sendable_address(str(address.ipv4_mapped))
    return not (address.is_multicast or address.is_unspecified)


def _family(host: str) -> str:
    return "IP6" if ":" in host else "IP4"


def _unspecified(host: str) -> bool:
    return host in ("0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0")


def _usable(media: Media, local_host: str) -> bool:
    """Whether the stream is audio over RTP that this socket could serve."""
    if media.kind != "audio" or media.port == 0 or media.protocol.upper() not in _PROTOCOLS:
        return False
    if media.family != _family(local_host):
        return False
    return _unspecified(media.host) or sendable_address(media.host)


def _attributes(chosen: Chosen, listed: str, ptime: int, direction: Direction) -> list[Attribute]:
    attributes = formats_text([(chosen.codec, chosen.payload_type)])
    if chosen.event_type is not None:
        attributes += events_text(chosen.event_type, chosen.event_rate, listed)
    return [*attributes, *_end(ptime, direction)]


def _end(ptime: int, direction: Direction) -> list[Attribute]:
    return [("ptime", str(ptime)), ("maxptime", str(PTIME_MOST)), (direction, None)]


def _shares_port(media: Media, chosen: Chosen) -> bool:
    """Whether RTP and RTCP of a stream could share a port, and its writer wants them to."""
    types = (chosen.payload_type, chosen.event_type)
    return media.get("rtcp-mux") is not None and not any(number in _RTCP_TYPES for number in types)


def _direction(send: bool, receive: bool) -> Direction:
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def _agree(
    media: Media,
    chosen: Chosen,
    ours: Direction,
    ptime: int,
    *,
    payload_type_in: int,
    event_type_in: int | None,
    rtcp_mux: bool,
    crypto_out: CryptoKey | None,
    crypto_in: CryptoKey | None,
) -> Agreed:
    nowhere = _unspecified(media.host)
    theirs = media.direction
    host = None if nowhere else media.host
    rtcp_host, rtcp_port = host, min(media.port + 1, 65535)
    if (rtcp := media.rtcp) is not None:
        rtcp_port = rtcp[0]
        # Reports go nowhere but to the host of the sound: a third party named there would be flooded in our name.
    return Agreed(
        remote_host=host,
        remote_port=media.port,
        rtcp_host=rtcp_host,
        rtcp_port=rtcp_port,
        codec=chosen.codec,
        payload_type=chosen.payload_type,
        send=not nowhere and ours in _SEND and theirs in _RECEIVE,
        receive=ours in _RECEIVE and theirs in _SEND,
        event_type=chosen.event_type,
        event_type_in=event_type_in,
        payload_type_in=payload_type_in,
        ptime=packet_time(media, ptime),
        held=nowhere or theirs not in _RECEIVE,
        event_rate=chosen.event_rate,
        event_rate_in=chosen.event_rate,
        noise_type=chosen.noise_type,
        opus_fec=chosen.fec,
        opus_bitrate=chosen.bitrate,
        rtcp_mux=rtcp_mux,
        crypto_out=crypto_out,
        crypto_in=crypto_in,
    )


def _refused(media: Media) -> Media:
    # Port 0, the rest repeated (RFC 3264 §6); attributes mean nothing then.
    return Media(media.kind, 0, media.protocol, media.formats)


def answer(
    offer: Sdp,
    caps: Capabilities,
    local_host: str,
    local_port: int,
    *,
    session_id: int,
    version: int,
    hold: bool = False,
    previous: Agreed | None = None,
    fresh: bytes = b"",
) -> tuple[Sdp, Agreed]:
    """Answer an offer: the first audio stream with a codec in common is taken, where we encrypt one with keys before
    others; all others are refused with port 0, in order. `hold` asks the peer not to send. `previous` is what is in
    force in a session that goes on, `fresh` chance for a key (`sdes.FRESH_OCTETS`; of no use where SRTP is off).
    Raises NotAcceptableError (488) when no stream can be taken."""
    streams: list[Media] = []
    outcome: Agreed | None = None
    taken, chosen = None, None
    for media in sdes.prefers_secure(caps.srtp, offer.media):
        if _usable(media, local_host) and sdes.accepts_stream(caps.srtp, media):
            chosen = choose(media, caps.codecs, caps.dtmf, caps.order)
            if chosen is not None:
                taken = media
                break
    for media in offer.media:
        if media is not taken or chosen is None:
            streams.append(_refused(media))
            continue
        theirs = media.direction
        ours = _direction(theirs in _RECEIVE and not _unspecified(media.host), theirs in _SEND and not hold)
        listed = media.fmtp(chosen.event_type) if chosen.event_type is not None else None
        fmtp = "0-16" if listed is not None and "16" in listed else "0-15"
        formats = [str(chosen.payload_type)]
        if chosen.event_type is not None:
            formats.append(str(chosen.event_type))
        attributes = _attributes(chosen, fmtp, caps.ptime, ours)
        mux = caps.rtcp_mux and _shares_port(media, chosen)
        if mux:
            attributes.append(("rtcp-mux", None))
        keys = sdes.taken(media, caps.srtp, fresh, _keys_kept(previous, media))
        if keys is not None:
            attributes.append(sdes.attribute(keys[0].tag, keys[1]))
        streams.append(Media("audio", local_port, media.protocol, formats, attributes=attributes))
        outcome = _agree(
            media,
            chosen,
            ours,
            caps.ptime,
            payload_type_in=chosen.payload_type,
            event_type_in=chosen.event_type,
            rtcp_mux=mux,
            crypto_out=None if keys is None else keys[1],
            crypto_in=None if keys is None else keys[0].key,
        )
    if outcome is None:
        raise NotAcceptableError("no audio stream in the offer that can be served")
    return _describe(streams, local_host, session_id, version, offer.time), outcome


def _keys_kept(previous: Agreed | None, media: Media) -> tuple[CryptoKey, CryptoKey] | None:
    """Keys in force, where the peer has not moved: another address may be another party, which knows nothing of how
    often the packet numbers of before went round."""
    if previous is None or previous.crypto_out is None or previous.crypto_in is None:
        return None
    moved = not _unspecified(media.host) and (media.host, media.port) != (previous.remote_host, previous.remote_port)
    return None if moved else (previous.crypto_out, previous.crypto_in)


def offer(
    caps: Capabilities,
    local_host: str,
    local_port: int,
    *,
    session_id: int,
    version: int,
    hold: bool = False,
    previous: Sdp | None = None,
    fresh: bytes = b"",
) -> Sdp:
    """Offer one audio stream with all our codecs. `previous` is our description in force in a session that goes on:
    its streams keep their places, payload types their meaning (RFC 3264 §8), and keys their value. `fresh` is chance
    for keys (`sdes.FRESH_OCTETS`). Where SRTP is optional the stream is one of RTP/AVP with keys, which all take."""
    direction: Direction = "sendonly" if hold else "sendrecv"
    streams: list[Media] = []
    place = 0
    protocol = "RTP/SAVP" if caps.srtp == "required" else "RTP/AVP"
    in_force: Media | None = None
    if previous is not None:
        streams = [_refused(media) for media in previous.media]
        for index, media in enumerate(previous.media):
            if media.kind == "audio" and media.port:
                place, in_force = index, media
                if sdes.secure_protocol(media) or caps.srtp != "required":
                    protocol = media.protocol
                break
    payload, events = known_types(caps.codecs, caps.dtmf, in_force)
    formats = [str(number) for number in (*payload.values(), *events.values())]
    attributes = formats_text(payload.items())
    for rate, number in events.items():
        attributes += events_text(number, rate, "0-16")
    attributes += _end(caps.ptime, direction)
    if caps.rtcp_mux:
        attributes.append(("rtcp-mux", None))
    attributes += sdes.offers(caps.srtp, in_force, fresh)
    stream = Media("audio", local_port, protocol, formats, attributes=attributes)
    streams[place : place + 1] = [stream]
    return _describe(streams, local_host, session_id, version, previous.time if previous is not None else "0 0")


def agreed(local_offer: Sdp, remote_answer: Sdp) -> Agreed:
    """What an answer to our offer came to. Raises NotAcceptableError where it refuses our stream, agrees to a codec
    that was not offered, or would leave a stream in clear that we offered encrypted only."""
    for place, ours in enumerate(local_offer.media):
        if ours.kind != "audio" or ours.port == 0:
            continue
        theirs = remote_answer.media[place] if place < len(remote_answer.media) else None
        local = local_offer.host or ours.host
        if theirs is None or not _usable(theirs, local):
            raise NotAcceptableError("the answer refuses our audio stream")
        types, events = offered_types(ours)
        chosen = choose(theirs, tuple(types), bool(events))
        if chosen is None:
            raise NotAcceptableError("no codec of our offer in the answer")
        crypto_out, crypto_in = _keys_agreed(ours, theirs)
        return _agree(
            theirs,
            chosen,
            ours.direction,
            ours.ptime or PTIME_DEFAULT,
            payload_type_in=types[chosen.codec],
            event_type_in=None if chosen.event_type is None else events.get(chosen.event_rate),
            rtcp_mux=ours.get("rtcp-mux") is not None and _shares_port(theirs, chosen),
            crypto_out=crypto_out,
            crypto_in=crypto_in,
        )
    raise NotAcceptableError("we offered no audio stream")


def _keys_agreed(ours: Media, theirs: Media) -> tuple[CryptoKey | None, CryptoKey | None]:
    """Our key and theirs: the answer names the one of our lines that it takes by its tag (RFC 4568 §7.1.3)."""
    lines = {crypto.tag: crypto.key for crypto in sdes.offered(ours)}
    for crypto in sdes.offered(theirs):
        out = lines.get(crypto.tag)
        if out is not None and out.suite == crypto.key.suite:
            return out, crypto.key
    if sdes.secure_protocol(ours) or sdes.secure_protocol(theirs) or (lines and theirs.get("crypto") is not None):
        raise NotAcceptableError("the answer has no key that fits our offer")
    return None, None


def _describe(streams: list[Media], local_host: str, session_id: int, version: int, time: str) -> Sdp:
    family = _family(local_host)
    for media in streams:
        media.family, media.host = family, local_host
    origin = Origin("-", str(session_id), str(version), family, local_host)
    return Sdp(origin, streams, family=family, host=local_host, time=time)
