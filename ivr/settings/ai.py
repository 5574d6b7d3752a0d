"""AI agents that take over the sound of a call (`ai_agents`): where they are, what they speak, how far they may go."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ivr.settings.applications import LEAST_SECRET
from ivr.settings.connectors import FieldName, HeaderName, Name
from ivr.settings.values import Digits, Duration, HostPort, HostPortField, Network, Secret, Section

__all__ = ["AiAgent", "AiProtocol", "AiReconnect", "AiTool", "AiToolReason", "AiTurns", "AiVariable"]

AiProtocol = Literal["media-streams", "audiosocket", "openai-realtime"]

AiToolReason = Literal["completed", "transfer_requested", "caller_requested_human", "hang_up", "note"]
"""What a tool does: gives the call back for that reason; ends the call; or only keeps its variables."""

MAX_DURATION = 4 * 3600.0
"""Seconds of one conversation; calls last no longer either, unless told to."""
MAX_CONNECT = 30.0
"""Seconds for the connection; nobody listens to music for longer to hear that nobody is there."""
MAX_BUFFER = 600.0
"""Seconds of speech that wait for the caller: 5 MB of memory a call."""
MAX_NAMES = 50
"""Parameters of an agent, tools, variables of a tool."""
MAX_TEXT = 16_000
"""Characters of instructions, and of one parameter."""
MAX_TEXTS = 32_000
"""Characters of all parameters together: servers take messages of 64 KiB."""
KEYS = "0123456789*#ABCD"
OPENAI_URL = "wss://api.openai.com/v1/realtime"

_SCHEMES = {"media-streams": ("wss", "ws"), "openai-realtime": ("wss", "ws"), "audiosocket": ("tcp",)}
_EXAMPLES = {
    "media-streams": "wss://bot.example/ws",
    "openai-realtime": OPENAI_URL,
    "audiosocket": "tcp://bot.example:9092",
}
_REALTIME = (
    *("model", "instructions", "voice", "greeting", "transcribe", "tools"),
    *("interface", "turn_detection", "noise_reduction", "speed"),
)
"""Keys of openai-realtime alone."""
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}", re.ASCII)
_UNSENDABLE = frozenset(
    {"connection", "content-length", "host", "transfer-encoding", "upgrade"}
    | {f"sec-websocket-{name}" for name in ("accept", "extensions", "key", "version")}
)
"""Headers that make up the connection itself."""


def _account(value: str) -> str:
    if not _ACCOUNT.fullmatch(value):
        raise ValueError("not an account: AC and 32 digits of 0-9a-f")
    return value


def _reconnect(value: object) -> object:
    return None if value == "never" else value


def _described(value: object) -> object:
    return {"description": value} if isinstance(value, str) else value


class AiVariable(Section):
    """A value that a tool asks the model for."""

    type: Literal["text", "number", "integer", "boolean"] = "text"
    description: str = ""
    """For the model."""
    values: tuple[Digits, ...] = ()
    """The only ones that a text may have."""
    required: bool = True

    @model_validator(mode="after")
    def _texts_alone(self) -> AiVariable:
        if self.values and self.type != "text":
            raise ValueError("only a text has values to choose from")
        return self


class AiTool(Section):
    """A tool that the model may use."""

    description: str = ""
    """For the model: when to use it."""
    reason: AiToolReason = "completed"
    """Why the flow gets the call back; `hang_up` ends the call; with `note` the conversation goes on."""
    target: str | None = None
    """Whom the caller is to be transferred to; None: the model says, where one of the variables is `target`."""
    variables: dict[
        FieldName, Annotated[AiVariable, BeforeValidator(_described, json_schema_input_type=AiVariable | str)]
    ] = Field(default_factory=dict, max_length=MAX_NAMES)
    """What the model has to give; the flow reads it. A text stands for the description of a text."""


def _usual_tools() -> dict[str, AiTool]:
    summary = {"summary": AiVariable(description="What the caller wants, in one or two sentences", required=False)}
    return {
        "transfer_to_human": AiTool(
            description="Connect the caller with a person; use it when the caller asks for one, or you cannot help",
            reason="caller_requested_human",
            variables=dict(summary),
        ),
        "end_call": AiTool(
            description="Hang up; use it after both sides have said goodbye", reason="hang_up", variables=dict(summary)
        ),
    }


class AiTurns(Section):
    """How the server finds out that the caller speaks, and has said all he wanted."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    """By the sound alone, or by what is said, too."""
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """server_vad: how loud speech is; default: the server's, 0.5."""
    prefix: Annotated[Duration, Field(ge=0, le=5)] | None = None
    """server_vad: sound before it that is heard too; default: the server's, 300 ms."""
    silence: Annotated[Duration, Field(gt=0, le=10)] | None = None
    """server_vad: pause after which it is the agent's turn; default: the server's, 500 ms."""
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    """semantic_vad: how soon the agent answers; default: the server's."""
    interrupt: bool = True
    """A caller who speaks interrupts the agent."""

    @model_validator(mode="after")
    def _of_its_type(self) -> AiTurns:
        if self.type == "server_vad" and self.eagerness is not None:
            raise ValueError("eagerness is for semantic_vad alone")
        if self.type == "semantic_vad" and any(one is not None for one in (self.threshold, self.prefix, self.silence)):
            raise ValueError("threshold, prefix and silence are for server_vad alone")
        return self


class AiReconnect(Section):
    """Whether a connection that was lost is made anew, while the caller hears the filler again."""

    times: Annotated[int, Field(ge=1, le=20)] = 3
    """Tries."""
    within: Annotated[Duration, Field(gt=0, le=3600)] = 60.0
    """Tries that are longer ago count no more."""


class AiAgent(Section):
    """An AI voice agent: an endpoint that gets the caller's sound and sends what he is to hear."""

    protocol: AiProtocol = "media-streams"
    dialect: Literal["twilio", "telnyx", "plivo", "exotel"] = "twilio"
    """media-streams: whose endpoint it was made for."""
    url: str = ""
    """`wss://` or `ws://`; with audiosocket `tcp://host:port`. Private addresses must stand in `http.allow`."""
    listen: HostPortField | None = None
    """audiosocket, instead of `url`: Asterisk connects here and names the call by its UUID."""
    peers: tuple[Network, ...] = ()
    """audiosocket with `listen`: who may connect; default: this machine alone."""
    headers: dict[HeaderName, Secret] = Field(default_factory=dict, max_length=MAX_NAMES)
    """Sent when the connection is made."""
    parameters: dict[Name, Any] = Field(default_factory=dict, max_length=MAX_NAMES)
    """Custom parameters; those of the flow are added."""
    account: Annotated[str, AfterValidator(_account)] | None = None
    """AccountSid that the bot is told; default: one made of the name."""
    auth_token: Secret | None = None
    """Lets the bot end and redirect its calls by `/2010-04-01`, as user `account`; None: it may not."""
    connect_timeout: Annotated[Duration, Field(gt=0, le=MAX_CONNECT)] = 5.0
    """Until it must be connected and has taken the call."""
    max_duration: Annotated[Duration, Field(gt=0, le=MAX_DURATION)] = 3600.0
    """Of the conversation; then the flow goes on with `max_duration`."""
    no_input_timeout: Annotated[Duration, Field(gt=0, le=MAX_DURATION)] | None = 60.0
    """Silence of the caller, while the agent is silent too, after which the flow goes on; None: never."""
    silence_timeout: Annotated[Duration, Field(gt=0, le=MAX_DURATION)] | None = 120.0
    """Time in which nothing at all comes from the agent after which it counts as dead (`endpoint_error`); None: never.
    Pings are answered by its library: they say nothing of the bot."""
    human_key: Digits | None = None
    """Key with which the caller asks for a person: the flow goes on with `caller_requested_human`. All others, and this
    one where it is None, go to the agent."""
    filler: str = "music"
    """What the caller hears until the agent speaks, where the flow says nothing else: `music`, `none`, or a text."""
    reconnect: Annotated[
        AiReconnect | None, BeforeValidator(_reconnect, json_schema_input_type=AiReconnect | Literal["never"] | None)
    ] = None
    """`never`, or how often."""
    buffer: Annotated[Duration, Field(ge=1, le=MAX_BUFFER)] = 60.0
    """Speech that may wait to be heard; what comes beyond it is dropped."""
    model: str = "gpt-realtime"
    """openai-realtime: the model."""
    instructions: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    """openai-realtime: what it is to do."""
    voice: str | None = None
    """openai-realtime: default is the model's."""
    greeting: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    """openai-realtime: what the agent begins with, as an instruction; None: it waits for the caller."""
    transcribe: str | None = None
    """openai-realtime: model that writes down what the caller says, for the transcript; None: it is not written."""
    interface: Literal["current", "beta"] = "current"
    """openai-realtime: which of its two shapes the server takes."""
    turn_detection: AiTurns = AiTurns()
    """openai-realtime: when it is whose turn."""
    noise_reduction: Literal["near_field", "far_field"] | None = None
    """openai-realtime: for a headset, or for a room; None: none."""
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = None
    """openai-realtime: of the voice; default: 1."""
    tools: dict[Name, AiTool] = Field(default_factory=_usual_tools, max_length=MAX_NAMES)
    """openai-realtime: default are `transfer_to_human` and `end_call`."""

    def account_sid(self, name: str) -> str:
        """AccountSid of the agent of this name."""
        return self.account or f"AC{hashlib.sha256(f'ai_agents/{name}'.encode()).hexdigest()[:32]}"

    @model_validator(mode="before")
    @classmethod
    def _usual_url(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("protocol") == "openai-realtime" and not data.get("url"):
            return {**data, "url": OPENAI_URL}
        return data

    @model_validator(mode="after")
    def _whole(self) -> AiAgent:
        if self.listen is not None:
            self._served(self.listen)
        else:
            _check_url(self.url, self.protocol)
            if self.peers:
                raise ValueError("peers goes with listen")
        if self.protocol != "openai-realtime":
            for name in _REALTIME:
                if name in self.model_fields_set:
                    raise ValueError(f"{name} is for openai-realtime alone")
        if self.protocol != "media-streams" and "dialect" in self.model_fields_set:
            raise ValueError("dialect is for media-streams alone")
        if self.protocol == "audiosocket" and self.headers:
            raise ValueError("audiosocket has no headers")
        if self.human_key is not None and self.human_key not in KEYS:
            raise ValueError(f"human_key: one of {KEYS}")
        if self.interface == "beta" and self.noise_reduction is not None:
            raise ValueError("the beta has no noise_reduction")
        for header, value in self.headers.items():
            if header.lower() in _UNSENDABLE:
                raise ValueError(f"the header {header} belongs to the connection itself")
            if any(ord(sign) < 32 or ord(sign) == 127 for sign in value.get_secret_value()):
                raise ValueError("a header's value has line breaks in it")
        if self.auth_token is not None and len(self.auth_token.get_secret_value()) < LEAST_SECRET:
            raise ValueError(f"auth_token: at least {LEAST_SECRET} characters, like those of `openssl rand -hex 32`")
        self._sendable()
        return self

    def _served(self, listen: HostPort) -> None:
        if self.protocol != "audiosocket":
            raise ValueError("listen is for audiosocket alone")
        if self.url:
            raise ValueError("either url or listen")
        try:
            own = ipaddress.ip_address(listen.host).is_loopback
        except ValueError:
            own = listen.host == "localhost"
        if not own and not self.peers:
            raise ValueError(
                "AudioSocket knows no passwords, so only this machine may connect, like 127.0.0.1:9092, or who is"
                " named in peers"
            )

    def _sendable(self) -> None:
        total = 0
        for name, value in self.parameters.items():
            try:
                length = len(value if isinstance(value, str) else json.dumps(value))
            except (TypeError, ValueError):
                raise ValueError(f"the parameter {name} is nothing that JSON can say") from None
            total += length
            if length > MAX_TEXT:
                raise ValueError(f"the parameter {name} is longer than {MAX_TEXT} characters")
        if total > MAX_TEXTS:
            raise ValueError(f"the parameters are longer than {MAX_TEXTS} characters together")


def _check_url(url: str, protocol: AiProtocol) -> None:
    if not url:
        raise ValueError("needs url" if protocol != "audiosocket" else "needs url or listen")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES[protocol] and bool(parts.hostname) and parts.port != 0
        usable = usable and (protocol != "audiosocket" or (parts.port is not None and parts.path in ("", "/")))
    except ValueError:
        usable = False
    if not usable or parts.fragment or not url.isprintable() or " " in url:
        raise ValueError(f"not a URL of {protocol}: like {_EXAMPLES[protocol]}")
    if parts.username is not None:
        raise ValueError("no secrets in the URL: use headers")
