"""Where calls come from and go to: lines and phones (`lines`, `phones`, `outbound_policy`)."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator

from ivr.settings.values import Digits, Duration, Network, Secret, Section, Unique

__all__ = [
    "Codec",
    "DtmfMethod",
    "Gateway",
    "Inband",
    "Line",
    "Modem",
    "OutboundPolicy",
    "Phone",
    "Register",
    "SipTrunk",
    "SoundCard",
]

Codec = Literal["pcmu", "pcma", "g722", "opus"]
DtmfMethod = Literal["rfc4733", "info", "inband"]
Inband = Literal["negotiated", "always", "off"]
"""When keys are detected in the sound: where telephone-event was not agreed, always, or never."""

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


class Register(Section):
    """Registration of a trunk at its provider."""

    user: Digits
    password: Secret
    auth_user: Digits | None = None
    """Where the name in the digest differs from the account."""
    expires: Duration = 3600.0


class SipLine(Section):
    """What trunks and gateways share."""

    host: str
    """Where calls are sent, and whose resolved addresses are this line's."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    match: tuple[Network, ...] = ()
    """Networks whose calls are this line's, besides the addresses of `host`; never challenged."""
    outbound_proxy: str | None = None
    user: Digits | None = None
    """Account that answers challenges (401, 407) to our calls."""
    password: Secret | None = None
    register_: Register | None = Field(default=None, alias="register")
    from_: Digits | None = Field(default=None, alias="from")
    """Caller id shown where the flow names none."""
    called_from: str = "request_uri"
    """Where the called number stands: request_uri, to, p_called_party_id, or a header's name."""
    caller_from: Literal["from", "p_asserted_identity"] = "from"
    codecs: Annotated[tuple[Codec, ...], Unique] | None = None
    """Instead of `media.codecs`."""
    dtmf: Annotated[tuple[DtmfMethod, ...], Unique] | None = None
    """Instead of `media.dtmf`."""
    inband: Inband | None = None
    """Instead of `media.inband`."""
    max_calls: Annotated[int, Field(ge=1)] | None = None

    @field_validator("called_from")
    @classmethod
    def _known_place(cls, value: str) -> str:
        if value in ("request_uri", "to", "p_called_party_id") or _HEADER_NAME.fullmatch(value):
            return value
        raise ValueError("not request_uri, to, p_called_party_id or a header's name")

    def unbuilt(self, name: str) -> list[str]:
        """What this line asks for that the version does not have, as sentences."""
        parts = []
        if self.transport != "udp":
            parts.append(f"lines.{name}: transport {self.transport} is not built yet")
        if self.register_ is not None:
            parts.append(f"lines.{name}: registration is not built yet; calls by address work")
        if self.outbound_proxy is not None:
            parts.append(f"lines.{name}: an outbound proxy is not built yet")
        parts.extend(
            f"lines.{name}: codec {codec} is not built yet" for codec in self.codecs or () if codec in NOT_BUILT_CODECS
        )
        return parts


NOT_BUILT_CODECS = ("g722", "opus")


class SipTrunk(SipLine):
    """A provider or PBX."""

    type: Literal["sip_trunk"]


class Gateway(SipLine):
    """An analog telephone adapter or FXO gateway: a SIP peer with quirks."""

    type: Literal["gateway"]
    profile: str | None = None


class Device(Section):
    """A line on hardware of this machine; accepted in the configuration, not part of this version."""

    what: ClassVar[str]

    def unbuilt(self, name: str) -> list[str]:
        """What this line asks for that the version does not have, as sentences."""
        return [f"lines.{name}: a {self.what} is not built yet"]


class Modem(Device):
    """A USB voice modem on a serial port."""

    what: ClassVar[str] = "modem"
    type: Literal["modem"]
    port: str
    options: dict[str, Any] = Field(default_factory=dict)


class SoundCard(Device):
    """A sound card or USB handset."""

    what: ClassVar[str] = "sound card"
    type: Literal["sound_card"]
    input: str | None = None
    output: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


Line = Annotated[SipTrunk | Gateway | Modem | SoundCard, Field(discriminator="type")]


def _not_empty(password: SecretStr) -> SecretStr:
    if not password.get_secret_value():
        raise ValueError("the password is empty, anybody could register")
    return password


class Phone(Section):
    """A softphone or desk phone that registers here; the key is its user name."""

    password: Annotated[Secret, AfterValidator(_not_empty)]
    name: str = ""
    """Shown to who is called."""


class OutboundPolicy(Section):
    """Who may make this system place calls through lines. Flows may; guests never can."""

    phones: tuple[Digits, ...] = ()
    """Numbers that registered phones may dial through `line`; `*` stands for any end: "+49*". None unless listed."""
    line: str | None = None
    """Line for what phones dial; the first one where it is left out."""
    deny: tuple[Digits, ...] = ()
    """Numbers that nobody dials, flows included."""
    emergency: tuple[Digits, ...] = ("112", "911", "110", "999")
    """Numbers that registered phones may always dial through a line, whatever the rest says."""
