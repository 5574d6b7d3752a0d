"""A leg: one SIP session together with the media port that sounds for it.

The leg owns offer and answer (RFC 3264): whatever side starts a round, the port hears of the outcome through
:meth:`Leg.apply`, which arms RTP latching anew for that round.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from ivr.errors import IvrError
from ivr.lines import NO_QUIRKS, Profile
from ivr.sip import Sdp, Session, SessionState, negotiate
from ivr.sip.bodies import FLASH, key_body
from ivr.sip.errors import SdpError
from ivr.sip.negotiate import Agreed, Capabilities, CryptoKey
from ivr.sip.sdes import FRESH_OCTETS
from media import Codec, CryptoSuite, Port, SrtpKey, Stream

_CODECS: dict[str, Codec] = {"pcmu": "pcmu", "pcma": "pcma", "g722": "g722", "opus": "opus"}
_SUITES: dict[str, CryptoSuite] = {
    "AES_CM_128_HMAC_SHA1_80": "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32": "AES_CM_128_HMAC_SHA1_32",
}


def _srtp(key: CryptoKey | None) -> SrtpKey | None:
    return None if key is None else SrtpKey(_SUITES[key.suite], key.key)


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """What a line allows in a media description."""

    capabilities: Capabilities
    """Codecs in order of preference, telephone-event, packet time."""
    inband: str
    """``negotiated``: detect tones where telephone-event was not agreed; ``always``; ``off``."""
    advertise: Callable[[str], str]
    """Peer's address -> our media address as SDP says it (public address, or the interface towards the peer)."""
    info: bool = True
    """Digits by INFO count."""
    keys: tuple[str, ...] = ("rfc4733", "info", "inband")
    """Ways in which keys are sent, the preferred first."""
    profile: Profile = NO_QUIRKS
    """Quirks of the line's gateway."""
    tones: str = ""
    """Country whose call progress tones are looked for, where the profile wants that; empty: those of all."""
    full_duplex: bool = True
    """It hears while it sounds; False: it cannot be bridged."""
    early_media: bool = True
    """A caller can be heard and hear before the answer."""

    def preferring(self, terms: Agreed | None) -> Capabilities:
        """Capabilities with the codec of another leg first, so that a bridge need not transcode."""
        codecs = self.capabilities.codecs
        if terms is None or terms.codec not in codecs or codecs[0] == terms.codec:
            return self.capabilities
        ordered = (terms.codec, *(codec for codec in codecs if codec != terms.codec))
        return replace(self.capabilities, codecs=ordered)


def refusal(error: IvrError) -> int:
    """The status that tells a peer why its description is refused: 488, or 400 where it is malformed."""
    return error.status if isinstance(error, SdpError) else error.sip_status


class Leg:
    """One party of a call: signalling in :attr:`session`, sound in :attr:`port`."""

    __slots__ = (
        "_by_info",
        "_host",
        "_local",
        "_peer",
        "_sdp_id",
        "_version",
        "agreed",
        "holding",
        "policy",
        "port",
        "session",
    )

    def __init__(self, session: Session | None, port: Port, policy: MediaPolicy, peer: str, sdp_id: int) -> None:
        """`peer` is the address that signalling comes from, empty while it is not known: `retarget` tells it."""
        self.session = session
        self.port = port
        self.policy = policy
        self.agreed: Agreed | None = None
        self.holding = False
        """Our descriptions ask the party not to send: it is held by us."""
        self._by_info: bool | None = None
        """Whether keys go to the party by INFO; None before anything is agreed."""
        self._host = policy.advertise(peer) if peer else ""
        self._peer = peer
        self._sdp_id = sdp_id
        self._version = 0
        self._local: Sdp | None = None

    def retarget(self, policy: MediaPolicy, peer: str) -> None:
        """The call goes to this peer (now), by a line with this policy; nothing is agreed yet."""
        self.policy = policy
        self._host = policy.advertise(peer)
        self._peer = peer
        self._local = self.agreed = None

    @property
    def host(self) -> str:
        """Our media address as the peer is told it; empty while the peer is not known."""
        return self._host

    def answer(self, remote: Sdp) -> bytes:
        """Our answer to an offer; the port is set to what it agrees. Raises ``NotAcceptable`` (488)."""
        self._version += 1
        local, terms = negotiate.answer(
            remote,
            self.policy.capabilities,
            self._host,
            self.port.local[1],
            session_id=self._sdp_id,
            version=self._version,
            hold=self.holding,
            previous=self.agreed,
            fresh=os.urandom(FRESH_OCTETS),
        )
        self._local = local
        self.apply(terms)
        return local.encode()

    def offer(self, capabilities: Capabilities | None = None) -> bytes:
        """Our offer, with the codecs of the line unless `capabilities` reorders them."""
        self._version += 1
        self._local = negotiate.offer(
            capabilities or self.policy.capabilities,
            self._host,
            self.port.local[1],
            session_id=self._sdp_id,
            version=self._version,
            hold=self.holding,
            previous=self._local,
            fresh=os.urandom(FRESH_OCTETS),
        )
        return self._local.encode()

    def answered(self, remote: Sdp) -> None:
        """Take the peer's answer to our description in force; the same again changes nothing (183, then 200)."""
        if self._local is not None:
            terms = negotiate.agreed(self._local, remote)
            if terms != self.agreed:
                self.apply(terms)

    def peer_offers(self, remote: Sdp | None, now: float) -> None:
        """The peer wants other media (re-INVITE, UPDATE: hold, resume, codec, address), or wants our offer."""
        if self.session is None:
            return
        if remote is None:
            self.session.answer_offer(self.offer(), now)
            return
        try:
            local = self.answer(remote)
        except IvrError as error:
            self.session.reject_offer(refusal(error), now)
        else:
            self.session.answer_offer(local, now)

    def send_keys(self, keys: str, now: float) -> None:
        """Send keys to the party; a hook flash (``!``) the way its gateway takes it."""
        session = self.session
        if keys == FLASH and self.policy.profile.flash == "info" and session is not None:
            if session.state is SessionState.CONFIRMED:
                session.info("application/hook-flash", b"signal=hf\r\n", now)
        elif self._by_info and session is not None and not session.ended:
            for key in keys:
                session.info(*key_body(key), now)
        else:
            self.port.send_digits(keys)

    def pass_key(self, key: str, now: float, *, sounded: bool) -> None:
        """Send on a key of the other party of a bridge; one that it sent in its sound path (`sounded`) goes by itself,
        unless this party takes keys by INFO."""
        if self._by_info or not sounded:
            self.send_keys(key, now)

    def refuses_info(self) -> None:
        """The party has refused a key by INFO: from now on they go in the sound path."""
        if self._by_info and self.agreed is not None:
            self.policy = replace(self.policy, keys=tuple(way for way in self.policy.keys if way != "info"))
            self.apply(self.agreed)

    def _keys_go_by_info(self, terms: Agreed) -> bool:
        """The first way of keys that can be used is INFO. Beside tones, which everybody hears, only a party counts for
        which it is known that it reads INFO: others answer 200 and do nothing."""
        ways, session = self.policy.keys, self.session
        if "info" not in ways or session is None or session.peer_allows("INFO") is False:
            return False
        before = ways[: ways.index("info")]
        if "inband" in before or ("rfc4733" in before and terms.event_type is not None):
            return False
        return session.reads_keys or ("inband" not in ways and terms.event_type is None)

    def apply(self, terms: Agreed) -> None:
        """Set the port to what was agreed."""
        self.agreed = terms
        self._by_info = self._keys_go_by_info(terms)
        inband = self.policy.inband == "always" or (self.policy.inband == "negotiated" and terms.event_type_in is None)
        self.port.update(
            Stream(
                remote=None if terms.remote_host is None else (terms.remote_host, terms.remote_port),
                codec=_CODECS[terms.codec],
                payload_type=terms.payload_type,
                payload_type_in=terms.payload_type_in,
                event_type=terms.event_type,
                event_type_in=terms.event_type_in,
                send=terms.send,
                receive=terms.receive,
                inband=inband,
                ptime=terms.ptime,
                rtcp=None if terms.rtcp_host is None else (terms.rtcp_host, terms.rtcp_port),
                signalling_host=self._peer,
                event_rate=terms.event_rate,
                event_rate_in=terms.event_rate_in,
                comfort_noise_type=terms.noise_type,
                opus_fec=terms.opus_fec,
                opus_bitrate=terms.opus_bitrate,
                busy_tone=self.policy.profile.busy_tone,
                tones=self.policy.tones,
                keys_signalled=self._by_info,
                rtcp_mux=terms.rtcp_mux,
                srtp_out=_srtp(terms.crypto_out),
                srtp_in=_srtp(terms.crypto_in),
            )
        )
