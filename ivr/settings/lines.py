"""Where calls come from and go to: lines and phones (`lines`, `phones`)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

from ivr.settings.values import Digits, Duration, HostPort, Network, Secret, Section, Unique, split_host_port

__all__ = [
    "CallerId",
    "Codec",
    "Country",
    "DtmfMethod",
    "Flash",
    "Gateway",
    "GatewayProfile",
    "Inband",
    "LineTransport",
    "NumberFormat",
    "Phone",
    "Probe",
    "Quirks",
    "Register",
    "SipLine",
    "SipTrunk",
    "Srtp",
    "off_word",
]

CodecOrder = Literal["theirs", "ours"]
Codec = Literal["pcmu", "pcma", "g722", "opus"]
WIDEBAND = frozenset({"g722", "opus"})
"""Codecs of 16 kHz sound."""
DtmfMethod = Literal["rfc4733", "info", "inband"]


def off_word(value: object) -> object:
    """`off` without quotes is false in YAML 1.1."""
    return "off" if value is False else value


Inband = Annotated[Literal["negotiated", "always", "off"], BeforeValidator(off_word)]
"""When keys are detected in the sound: where telephone-event was not agreed, always, or never."""

LineTransport = Literal["udp", "tcp", "tls", "auto"]
"""`auto` asks the DNS what the peer prefers (NAPTR, RFC 3263)."""
Srtp = Annotated[Literal["off", "optional", "required"], BeforeValidator(off_word)]
"""Encrypted sound: never, where the peer takes it, or no call without."""
NumberFormat = Literal["as_is", "e164", "e164_no_plus", "national"]
"""How numbers are written: as they are, +4930123456, 4930123456, 030123456."""
GatewayProfile = Literal["generic", "grandstream_ht8xx_fxo", "cisco_spa_fxo"]
Flash = Literal["event", "info"]
"""A hook flash as telephone-event 16 (RFC 4733), or by INFO."""

MAX_PROBE_FAILURES = 100
"""More would be hours."""
MIN_EXPIRES, MAX_EXPIRES = 60.0, 86400.0
"""Seconds: registrars refuse less, and more outlives what a NAT remembers."""
MAX_LATE_MEDIA = 5.0
"""Seconds a caller hears nothing before he hangs up."""

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,252}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?")


def _host(value: str) -> str:
    """A name or an address: no URI, no port."""
    if _HOST.fullmatch(value) is None:
        raise ValueError("not a host: a name or an address, without sip: and without a port")
    return value


Host = Annotated[str, AfterValidator(_host)]


def _proxy(value: object) -> object:
    if isinstance(value, str):
        found = split_host_port(value.strip(), 0)
        if found is None or _HOST.fullmatch(found.host) is None:
            raise ValueError("not a host: proxy.example.net or proxy.example.net:5080")
        return found
    return value


def _text_of_one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("a character that cannot be shown")
    return value


def _country(value: str) -> str:
    if value not in SUPPORTED_REGIONS:
        raise ValueError("not a country: two capital letters of ISO 3166, like DE")
    return value


Country = Annotated[str, AfterValidator(_country)]


class Register(Section):
    """Registration of a trunk at its provider."""

    user: Digits
    password: Secret
    auth_user: Digits | None = None
    """Where the name in the digest differs from the account."""
    realm: str | None = None
    """The only realm that the password is used for; otherwise the first one that the registrar names."""
    domain: Host | None = None
    """Of the address that is registered, where it is not `host`."""
    registrars: Annotated[tuple[Host, ...], Unique] | None = None
    """Instead of `host`: tried in turn until one takes the registration."""
    expires: Annotated[Duration, Field(ge=MIN_EXPIRES, le=MAX_EXPIRES)] = 3600.0
    """Asked for; the registrar may grant less."""


class CallerId(Section):
    """How calls through a line say who calls."""

    display: Annotated[str, Field(max_length=64), AfterValidator(_text_of_one_line)] | None = None
    """Name shown beside the line's own number."""
    format: NumberFormat = "as_is"
    """Of the numbers in From and in the headers below; needs `country` where they are not in the form +49 already."""
    identity: Digits | None = None
    """Number of the account that the headers below name; default: the number shown."""
    p_asserted_identity: bool = False
    """Send P-Asserted-Identity (RFC 3325): to peers alone that trust us and keep it to themselves."""
    p_preferred_identity: bool = False
    """Send P-Preferred-Identity (RFC 3325)."""
    remote_party_id: bool = False
    """Send Remote-Party-ID, which older gateways read."""
    privacy: Literal["pass", "always"] = "pass"
    """Whose number is withheld: that of callers who withhold it, or everybody's."""
    diversion: Annotated[Literal["off", "diversion", "history_info", "both"], BeforeValidator(off_word)] = "off"
    """Headers that tell which number a forwarded call was for: Diversion (RFC 5806), History-Info (RFC 7044)."""


class Probe(Section):
    """OPTIONS sent to a line's peer to know whether it is there."""

    every: Annotated[Duration, Field(ge=1.0, le=3600.0)] = 30.0
    """Between two; a quarter of it while it is not known whether the peer is there."""
    down_after: Annotated[int, Field(ge=1, le=MAX_PROBE_FAILURES)] = 2
    """Probes without an answer after which the line counts as down."""
    up_after: Annotated[int, Field(ge=1, le=MAX_PROBE_FAILURES)] = 1
    """Answers after which it counts as up again."""


class SipLine(Section):
    """What trunks and gateways share."""

    host: Host
    """Where calls are sent, and whose resolved addresses are this line's."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    transport: LineTransport = "udp"
    stream_ok: bool = False
    """Send requests above 1300 bytes by TCP (RFC 3261 section 18.1.1), by UDP where that is refused."""
    match: tuple[Network, ...] = ()
    """Networks whose calls are this line's, besides the addresses of `host`; never challenged."""
    outbound_proxy: Annotated[HostPort, BeforeValidator(_proxy, json_schema_input_type=str)] | None = None
    """`host` or `host:port` that all requests of the line are sent to instead of `host`."""
    user: Digits | None = None
    """Account that answers challenges (401, 407) to our calls; default: that of `register`."""
    password: Secret | None = None
    realm: str | None = None
    """The only realm that the password is used for; otherwise the first one that the peer names."""
    register_: Register | None = Field(default=None, alias="register")
    probe: Probe | None = None
    """Ask the peer by OPTIONS whether it is there."""
    failover: tuple[Digits, ...] = ()
    """Lines that take the calls, in this order, while this one cannot (503, time-out, no registration)."""
    from_: Digits | None = Field(default=None, alias="from")
    """Caller id shown where the flow names none."""
    caller_id: CallerId = CallerId()
    country: Country | None = None
    """Of numbers without an international prefix: national ones become +49… before they are compared."""
    dial_format: NumberFormat = "as_is"
    """Of the number that is called."""
    called_from: str = "request_uri"
    """Where the called number stands: request_uri, to, p_called_party_id, or a header's name."""
    caller_from: Literal["from", "p_asserted_identity"] = "from"
    codecs: Annotated[tuple[Codec, ...], Unique] | None = None
    """Instead of `media.codecs`."""
    codec_order: CodecOrder | None = None
    """Instead of `media.codec_order`."""
    dtmf: Annotated[tuple[DtmfMethod, ...], Unique] | None = None
    """Instead of `media.dtmf`."""
    inband: Inband | None = None
    """Instead of `media.inband`."""
    srtp: Srtp | None = None
    """Instead of `media.srtp`."""
    ptime: Annotated[int, Field(ge=10, le=60, multiple_of=10)] | None = None
    """Instead of `media.ptime`."""
    max_calls: Annotated[int, Field(ge=1)] | None = None
    """At the same time, both directions together."""
    calls_per_second: Annotated[int, Field(ge=1)] | None = None
    """New calls, each direction by itself."""
    redirects: bool = False
    """Follow what the peer answers to our calls by 300, 301 or 302: the number it names is called through this line."""

    @property
    def full_duplex(self) -> bool:
        """Always: RTP goes both ways at once."""
        return True

    @field_validator("called_from")
    @classmethod
    def _known_place(cls, value: str) -> str:
        if value in ("request_uri", "to", "p_called_party_id") or _HEADER_NAME.fullmatch(value):
            return value
        raise ValueError("not request_uri, to, p_called_party_id or a header's name")

    @model_validator(mode="after")
    def _account_is_whole(self) -> SipLine:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        return self

    @model_validator(mode="after")
    def _formats_have_a_country(self) -> SipLine:
        if self.country is None:
            for key, form in (("dial_format", self.dial_format), ("caller_id.format", self.caller_id.format)):
                if form == "national":
                    raise ValueError(f"{key} is national, of which country is not said: `country`, like DE")
        return self


class SipTrunk(SipLine):
    """A provider or PBX."""

    type: Literal["sip_trunk"]


class Quirks(Section):
    """What a gateway does otherwise than its profile says; a key left out leaves the profile as it is."""

    late_media: Annotated[Duration, Field(ge=0.0, le=MAX_LATE_MEDIA)] | None = None
    """The first prompt waits for sound of the gateway, at most so long."""
    busy_tone: bool | None = None
    """A busy tone heard in the call is the caller's hang-up."""
    flash: Flash | None = None
    """How a hook flash is sent."""


class Gateway(SipLine):
    """An analog telephone adapter or FXO gateway: a SIP peer with quirks."""

    type: Literal["gateway"]
    profile: GatewayProfile = "generic"
    """Which device it is."""
    quirks: Quirks = Quirks()


def _not_empty(password: SecretStr) -> SecretStr:
    if not password.get_secret_value():
        raise ValueError("the password is empty, anybody could register")
    return password


class Phone(Section):
    """A softphone or desk phone that registers here; the key is its user name."""

    password: Annotated[Secret, AfterValidator(_not_empty)]
    name: str = ""
    """Shown to who is called."""
    hot_desk: bool | None = None
    """Agents may log in there with their codes, whose phone it is not: its owner has it back when he logs in. None:
    only where it stands in no agent's settings."""
