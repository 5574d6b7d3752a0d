"""The configuration as a whole: every key of ivr.yaml, with its default."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ivr.settings.ai import AiAgent
from ivr.settings.applications import Application
from ivr.settings.calendars import Calendar
from ivr.settings.capture import CaptureSettings
from ivr.settings.center import Agent, DispositionField, Queue, StatusField
from ivr.settings.center_checks import with_default
from ivr.settings.codes import TelephoneCodes
from ivr.settings.connectors import Connector, MailSettings, Name
from ivr.settings.devices import Line, SoundCard
from ivr.settings.dialogs import SessionTimerSettings, TransferSettings
from ivr.settings.lines import (
    WIDEBAND,
    Codec,
    CodecOrder,
    DtmfMethod,
    Inband,
    Phone,
    SipLine,
    Srtp,
)
from ivr.settings.operations import HealthSettings, LogSettings, MetricsSettings
from ivr.settings.outbound import OutboundPolicy
from ivr.settings.routes import Route
from ivr.settings.security import SecuritySettings
from ivr.settings.transports import TlsSettings, read_public_address, stun_server
from ivr.settings.values import (
    Digits,
    Duration,
    HostPort,
    HostPortField,
    LanguageTag,
    Listener,
    ListenerField,
    Network,
    PortRange,
    PortRangeField,
    RelativePath,
    Section,
    Size,
    Unique,
    resolve_path,
)
from ivr.settings.waiting import WaitingStrategy
from ivr.settings.webhooks import Webhook
from ivr.settings.zones import ZoneName, system_zone

__all__ = [
    "HttpSettings",
    "Limits",
    "MediaSettings",
    "Retention",
    "Settings",
    "SipSettings",
    "SpeechSettings",
]

KIBIBYTE = 2**10
MEBIBYTE = 2**20
MAX_AGENTS = 2000
MAX_QUEUES = 500
MAX_ROUTES = 500
"""All are looked at for one call: a millisecond."""
MAX_LANGUAGES = 20
"""Languages among which one is found out: among more, short texts are found to be in any."""
RESERVED_LINES = frozenset({"phones", "guest"})
"""What `line` of a flow's entry calls registered phones, and anybody else."""
SQLITE_PREFIX = "sqlite:///"


DigestAlgorithm = Literal["MD5", "SHA-256", "SHA-512-256"]


class SipSettings(Section):
    """Signalling."""

    listen: Annotated[tuple[ListenerField, ...], Unique] = (Listener("udp", "127.0.0.1", 5060),)
    public_address: Annotated[str, AfterValidator(read_public_address)] | None = None
    """What SDP and Contact say behind NAT; `stun:host` asks that server for it."""
    tls: TlsSettings = TlsSettings()
    trusted: tuple[Network, ...] = ()
    """Networks exempt from rate limits and bans, not from `outbound_policy`."""
    realm: str = "ivr"
    """Shown to phones when they are asked for their password."""
    digest: Annotated[tuple[DigestAlgorithm, ...], Unique] = ("MD5",)
    """Algorithms that phones are asked for, one challenge each, the preferred first. Many phones give up when a
    challenge names one they do not know, so the stronger ones are for installations whose phones all know them."""
    legacy_digest: bool = False
    """Take the digest of phones that know no `qop` (RFC 2069): what they send can be replayed for some minutes."""
    session_timer: SessionTimerSettings = SessionTimerSettings()
    transfers: TransferSettings = TransferSettings()

    @property
    def stun(self) -> HostPort | None:
        """The server that is asked for our public address; None where it is given, or there is none."""
        return stun_server(self.public_address)

    @property
    def given_address(self) -> str | None:
        """The public address where the configuration gives it."""
        return None if self.stun is not None else self.public_address

    @model_validator(mode="after")
    def _has_certificate(self) -> SipSettings:
        for entry in self.listen:
            if entry.transport in ("tls", "wss") and self.tls.certificate is None:
                raise ValueError(f"the listener {entry} needs `tls.certificate`")
        return self


def _workers(value: object) -> object:
    return 0 if value == "auto" else value


class MediaSettings(Section):
    """Sound."""

    ports: PortRangeField = PortRange(20002, 29999)
    workers: Annotated[
        int, BeforeValidator(_workers, json_schema_input_type=int | Literal["auto"]), Field(ge=0, le=64)
    ] = 0
    """Processes that carry the sound; 0 (`auto`) takes one for each core but the first, at least one."""
    codecs: Annotated[tuple[Codec, ...], Unique] = ("pcmu", "pcma")
    """In the order preferred. g722 and opus are wideband; opus needs the extra of that name."""
    codec_order: CodecOrder = "theirs"
    """Which codec is taken where a peer offers several: the first of its list, or of ours."""
    dtmf: Annotated[tuple[DtmfMethod, ...], Unique] = ("rfc4733", "info", "inband")
    """Methods accepted; the first one that can be used sends."""
    inband: Inband = "negotiated"
    """Whether keys are detected in the sound where telephone-event was agreed (`always`) or not."""
    srtp: Srtp = "off"
    """Whether sound is encrypted (SRTP, keys by SDES)."""
    ptime: Annotated[int, Field(ge=10, le=60, multiple_of=10)] = 20
    """Milliseconds of sound in a packet, where the peer asks for no others."""
    timeout: Duration = 30.0
    """A call without RTP and RTCP for so long ends."""


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("not a base URL: like https://ivr.example")
    return value.rstrip("/")


class HttpSettings(Section):
    """The HTTP interface, and where flows may send requests."""

    listen: HostPortField = HostPort("127.0.0.1", 8080)
    allow: tuple[str, ...] = ()
    """Private hosts (`pbx.example`, `10.0.0.5:8080`) and networks that flows may reach; public ones always are."""
    answer_bytes: Annotated[Size, Field(ge=1, le=MEBIBYTE)] = 256 * KIBIBYTE
    """Of an answer to a flow, unpacked. JSON of a mebibyte takes 20 ms to read, and no packet is sent meanwhile."""
    public_url: Annotated[str, AfterValidator(_base_url)] | None = None
    """How others reach this interface, where they are told: by a proxy, under a name. Default: `listen`."""
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 50.0
    """Of one token, or of one address without one, in the long run; programs of this machine are not limited."""
    burst: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Requests that it may send at once after a pause."""


class SpeechSettings(Section):
    """Text to speech."""

    engine: Literal["pyttsx3", "espeak-ng", "command"] = "pyttsx3"
    """Who speaks; `command` runs a program of yours."""
    language: str = "en"
    """Where neither the prompt nor the flow says otherwise."""
    languages: Annotated[tuple[LanguageTag, ...], Field(max_length=MAX_LANGUAGES)] = ()
    """Further ones that texts may be in: a text that does not say its language is taken to be in one of these."""
    voice: str | None = None
    command: tuple[str, ...] = ()
    """Program and arguments of the engine `command`: text on standard input, WAV on standard output."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further settings of the engine."""

    @model_validator(mode="after")
    def _has_command(self) -> SpeechSettings:
        if self.engine == "command" and not self.command:
            raise ValueError("the engine command needs `command`: a program and its arguments")
        return self


class Retention(Section):
    """How long recordings and records stay. Nothing is deleted unless a bound is given."""

    recordings_age: Duration | None = None
    """Older recordings are deleted."""
    recordings_size: Size | None = None
    """The oldest are deleted until all take no more than this."""
    records_age: Duration | None = None
    """Older records of calls are deleted."""
    records: Annotated[int, Field(ge=1)] | None = None
    """The oldest records of calls are deleted until no more than so many are left."""
    traces_age: Duration | None = None
    """Older records of calls lose the way through the flow, keys, and what other systems answered."""


class Limits(Section):
    """Bounds that keep one call, flow or caller from taking the system from the others."""

    drain_timeout: Duration = 30.0
    """After SIGTERM, calls in progress may go on for so long."""
    agent_probe: Annotated[Duration, Field(ge=1, le=3600)] = 15.0
    """Between the questions (OPTIONS) whether an agent's phone is still there."""
    elements_per_flow: Annotated[int, Field(ge=1)] = 100
    """More make a flow that nobody can read: split it."""
    steps_per_call: Annotated[int, Field(ge=1)] = 1000
    visits_without_input: Annotated[int, Field(ge=1)] = 10
    """Visits of one element with no input from the caller in between."""
    call_duration: Duration = 4 * 3600.0
    flow_idle: Duration = 365 * 86400.0
    """A flow that waits outside a call ends after so long with no step."""
    courtesy: str | None = None
    """Said before a limit ends a call; without it the call just ends."""
    text_characters: Annotated[int, Field(ge=1)] = 1000
    """Of one spoken text."""
    audio_file_bytes: Size = 4 * MEBIBYTE
    audio_seconds: Duration = 600.0
    """Of one prompt: 10 minutes are 9.6 MB in the cache."""
    prompt_cache_bytes: Size = 512 * MEBIBYTE
    """On disk; the least recently used go first."""
    calls: Annotated[int, Field(ge=1)] = 4000
    """At the same time; beyond it new ones get 503 with Retry-After."""
    calls_per_second_per_source: Annotated[int, Field(ge=1)] = 50
    """From one address outside `sip.trusted`, lines and registered phones."""
    calls_per_phone: Annotated[int, Field(ge=1)] | None = None
    """Calls that one registered phone makes at the same time; a further one gets 486."""
    calls_per_caller: Annotated[int, Field(ge=1)] | None = None
    """Of one caller's number at the same time, whichever line it comes by; a further one gets 486."""
    calls_per_flow: Annotated[int, Field(ge=1)] | None = None
    """In one flow at the same time, unless its start says another `max_calls`; a further one gets 486."""
    connections: Annotated[int, Field(ge=1)] = 4000
    """TCP, TLS and WebSocket connections of peers; of the silent ones the oldest makes room."""
    connections_per_source: Annotated[int, Field(ge=1)] = 100
    """From one address outside `sip.trusted`."""
    registrations: Annotated[int, Field(ge=1)] = 10_000
    contacts_per_phone: Annotated[int, Field(ge=1)] = 10
    forward_targets: Annotated[int, Field(ge=1)] = 20
    """Of one forward_call."""
    events_kept: Duration = 7 * 86400.0
    """Events from outside stay so long for flows that ask for past ones."""
    events: Annotated[int, Field(ge=1)] = 100_000
    """Kept at the same time; the oldest go first."""
    campaign_calls: Annotated[int, Field(ge=1)] = 400
    """Contacts of all campaigns that are called or talked to at the same time: others are to find room, too."""
    waiting_flows: Annotated[int, Field(ge=1)] = 100_000
    """Flows that wait or run without a caller; beyond it new ones end at once."""


class Settings(Section):
    """ivr.yaml, loaded and checked. Every key has a default: an empty file is a valid configuration."""

    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    flows: RelativePath = Path("flows")
    time_zone: ZoneName | None = None
    """Of `now` in flows, and of times of day that name none; default: that of the system."""
    watch_flows: bool = False
    """Take up the flows folder when it has changed, without a signal; it is looked at every two seconds."""
    prompts: RelativePath = Path("prompts")
    recordings: RelativePath = Path("var/recordings")
    cache: RelativePath = Path("var/cache")
    """Converted prompts; may be deleted while the daemon is stopped."""
    store: str = "sqlite:///var/ivr.db"
    """URL of the database; a relative path of SQLite starts at the file's folder."""
    http: HttpSettings = HttpSettings()
    speech: SpeechSettings = SpeechSettings()
    lines: dict[Digits, Line] = Field(default_factory=dict)
    phones: dict[Digits, Phone] = Field(default_factory=dict)
    agents: dict[Name, Agent] = Field(default_factory=dict, max_length=MAX_AGENTS)
    """Who takes calls."""
    queues: dict[Name, Queue] = Field(default_factory=dict, max_length=MAX_QUEUES)
    """Where callers wait; `default` is always among them."""
    waiting: dict[Name, WaitingStrategy] = Field(default_factory=dict)
    """What callers hear meanwhile, by name."""
    statuses: dict[Name, StatusField] = Field(default_factory=dict)
    """Of agents, besides available, busy, away and unavailable."""
    dispositions: dict[Name, DispositionField] = Field(default_factory=dict)
    """How conversations end, as agents say at wrap-up."""
    telephone_codes: TelephoneCodes = TelephoneCodes()
    """What agents dial to log in and out, to pause, to say how a conversation ended."""
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    """Hours and holidays by name, for the element hours."""
    ai_agents: dict[Name, AiAgent] = Field(default_factory=dict)
    """AI voice agents by name, for transfer_to_ai_agent."""
    applications: dict[Name, Application] = Field(default_factory=dict)
    """Voice applications by name, for transfer_to_voice_application."""
    connectors: dict[Name, Connector] = Field(default_factory=dict)
    """Other systems that flows use by name."""
    mail: MailSettings | None = None
    """Where mails of flows go; None: notify by e-mail fails."""
    webhooks: dict[Name, Webhook] = Field(default_factory=dict)
    """Web servers that are told what happens."""
    routes: Annotated[tuple[Route, ...], Field(max_length=MAX_ROUTES)] = ()
    """Which queue a call goes to; the first that matches wins."""
    outbound_policy: OutboundPolicy = OutboundPolicy()
    settings: dict[str, Any] = Field(default_factory=dict)
    """What flows see as settings.*."""
    security: SecuritySettings = SecuritySettings()
    """Against floods, guesses and scans, and unwanted callers."""
    user: str | None = None
    """Whom a daemon that root starts becomes once it has its ports."""
    group: str | None = None
    """The group then; default: that of the user."""
    retention: Retention = Retention()
    capture: CaptureSettings = CaptureSettings()
    """SIP messages kept for who looks for a fault, and copies for a capture server."""
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    health: HealthSettings = HealthSettings()
    limits: Limits = Limits()

    _source: Path | None = PrivateAttr(default=None)

    _system_zone: tzinfo | None = PrivateAttr(default=None)

    @property
    def zone(self) -> tzinfo:
        """Time zone of flows."""
        if self.time_zone is not None:
            return ZoneInfo(self.time_zone)
        return self._system_zone or system_zone({})

    @property
    def country(self) -> str | None:
        """Country of numbers without a country code: that of the outbound policy, else the one that all lines with a
        country have."""
        of_lines = {line.country for line in self.lines.values() if line.country is not None}
        return self.outbound_policy.country or (of_lines.pop() if len(of_lines) == 1 else None)

    @property
    def source(self) -> Path | None:
        """The file these settings come from; None for the built-in defaults."""
        return self._source

    @property
    def token_file(self) -> Path:
        """Where a running daemon leaves a token for the command line of this machine."""
        return self.cache.parent / "api.token"

    @field_validator("lines")
    @classmethod
    def _names_of_lines(cls, lines: dict[str, Line]) -> dict[str, Line]:
        for name in RESERVED_LINES & lines.keys():
            raise ValueError(f"no line can be called {name}, which names calls that come by none: another name")
        return lines

    @field_validator("queues")
    @classmethod
    def _default_queue(cls, queues: dict[str, Queue]) -> dict[str, Queue]:
        return with_default(queues)

    @field_validator("outbound_policy")
    @classmethod
    def _policy_names_what_is_there(cls, policy: OutboundPolicy, info: ValidationInfo) -> OutboundPolicy:
        if policy.hours is not None and policy.hours not in info.data.get("calendars", {}):
            raise ValueError(f"hours: there is no calendar {policy.hours}")
        if policy.emergency_line is not None and policy.emergency_line not in info.data.get("lines", {}):
            raise ValueError(f"emergency_line: there is no line {policy.emergency_line}")
        if policy.international == "deny" and policy.country is None:
            raise ValueError("international: deny needs `country`: others than which one")
        return policy

    @field_validator("store")
    @classmethod
    def _absolute_store(cls, value: str, info: ValidationInfo) -> str:
        if "://" not in value:
            raise ValueError("not a database URL: like sqlite:///var/ivr.db")
        path = value.removeprefix(SQLITE_PREFIX)
        if path == value or path == ":memory:" or not path:
            return value
        return f"{SQLITE_PREFIX}{resolve_path(path, (info.context or {}).get('base', Path()))}"

    @property
    def wideband(self) -> bool:
        """Whether any call may be wideband: sounds are kept at 16 kHz too then."""
        lines = (line.codecs or () for line in self.lines.values() if isinstance(line, SipLine))
        if any(line.wideband for line in self.lines.values() if isinstance(line, SoundCard)):
            return True
        return any(not WIDEBAND.isdisjoint(codecs) for codecs in (self.media.codecs, *lines))
