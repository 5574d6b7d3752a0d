"""What is asked of live calls, and what is answered: the models of :mod:`ivr.api.control`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ivr.api.endpoints import Model
from ivr.call.moving import Target

__all__ = [
    "Collect",
    "Digits",
    "Done",
    "Moved",
    "Play",
    "Record",
    "Reject",
    "Release",
    "Say",
    "Stop",
    "Take",
    "Transfer",
]

MAX_IDLE = 3600.0
TARGETS: tuple[Target, ...] = ("to", "queue", "flow", "ai_agent", "application")

Seconds = Annotated[float, Field(gt=0, le=4 * 3600)]
Some = Annotated[float, Field(ge=0, le=4 * 3600)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Short = Annotated[str, Field(min_length=1, max_length=256)]
Keys = Annotated[str, Field(pattern=r"^[0-9*#A-D]*$", max_length=16)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Variables = Annotated[dict[Variable, Any], Field(max_length=50)]


class Moved(Model):
    """Where a call is now."""

    id: str
    """Of the call."""
    flow: str
    """Flow that it goes on in; `(moved)` and `(taken)` are made for it."""
    element: str | None
    """Element that runs; null: the flow is over already."""


class Done(Model):
    """An instruction that is carried out, or waits for its turn."""

    id: str
    """Of the call."""
    instruction: int
    """Its number, as events have it."""
    result: dict[str, Any] | None = None
    """What came of it; null: it is not done yet."""


class Transfer(Model):
    """Where a live call is to go: exactly one of `to`, `queue`, `flow`, `ai_agent`, `application`."""

    to: Short | None = None
    """A number, `phone:200`, `agent:anna`, `tel:…`, `sip:…`: called, and bridged with the caller."""
    queue: Name | None = None
    """Queue of agents."""
    flow: Name | None = None
    """Flow that has a start_from_flow."""
    ai_agent: Name | None = None
    """AI agent of the configuration."""
    application: Name | None = None
    """Voice application of the configuration."""
    otherwise: Name | None = None
    """Flow that gets the call where nobody takes it, with a start_from_flow; by default the element that has it now
    begins again with it."""
    variables: Variables = Field(default_factory=dict)
    """With `flow`: values of variables there."""
    timeout: Annotated[float, Field(gt=0, le=600)] | None = None
    """With `to`: seconds of ringing."""
    from_: Annotated[str | None, Field(alias="from", pattern=r"^[0-9A-Za-z+*#._-]{1,64}$")] = None
    """With `to`: caller id shown."""
    line: Name | None = None
    """With `to`: line that a number goes out through."""
    priority: Annotated[int, Field(ge=1, le=10)] | None = None
    """With `queue`: higher first."""
    parameters: Variables = Field(default_factory=dict)
    """With `ai_agent`: custom parameters."""
    custom_data: Variables = Field(default_factory=dict)
    """With `application`: key-values for it."""

    @model_validator(mode="after")
    def _one_target(self) -> Transfer:
        given = [name for name in TARGETS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("name exactly one of to, queue, flow, ai_agent, application")
        for field, target in _ONLY_WITH.items():
            if field in self.model_fields_set and target != given[0]:
                raise ValueError(f"{field.rstrip('_')} goes with {target} alone")
        return self

    @property
    def target(self) -> Target:
        """Which one it is."""
        return next(name for name in TARGETS if getattr(self, name) is not None)

    def fields(self) -> dict[str, Any]:
        """Further fields of the element that sees to it."""
        found = {name: getattr(self, name) for name in ("timeout", "line", "priority", "parameters", "custom_data")}
        return {name: value for name, value in {**found, "from": self.from_}.items() if value not in (None, {})}


_ONLY_WITH: Mapping[str, Target] = {
    "variables": "flow",
    "timeout": "to",
    "from_": "to",
    "line": "to",
    "priority": "queue",
    "parameters": "ai_agent",
    "custom_data": "application",
}


class Take(Model):
    """How a call is held that is taken from its flow."""

    idle: Annotated[float, Field(gt=0, le=MAX_IDLE)] = 300.0
    """Seconds in which something must be asked for; then the call goes to `back`."""
    filler: Literal["music", "none"] = "none"
    """What the caller hears while nothing is asked for."""
    back: Name | None = None
    """Flow that gets the call then, with a start_from_flow; by default the element that had it begins again with it."""


class Release(Model):
    """Where a call goes that is given back."""

    flow: Name | None = None
    """Flow with a start_from_flow. A voice application leaves it out: the flow goes on that offered the call."""
    variables: Variables = Field(default_factory=dict)
    """Values of variables there; of a voice application `result.variables`."""


class Reject(Model):
    """Why a voice application does not take a call."""

    reason: Annotated[str, Field(max_length=200)] = ""
    """For the trace."""


class _Waiting(Model):
    wait: bool = False
    """Answer when it is done, with the result; otherwise at once."""


class Voice(Model):
    """Which voice speaks."""

    gender: Literal["female", "male"] | None = None
    name: Short | None = None
    engine: Short | None = None


class Prompt(Model):
    """Something that is heard: a text, or a file of the prompts folder, or a URL."""

    text: Text | None = None
    file: Short | None = None
    url: Annotated[str, Field(max_length=2000)] | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    """Of the text."""
    voice: Voice | None = None
    rate: Annotated[float, Field(ge=0.5, le=2.5)] | None = None


class Play(_Waiting):
    """A sound: `file` or `url`."""

    file: Short | None = None
    """In the prompts folder."""
    url: Annotated[str, Field(max_length=2000)] | None = None
    """Fetched over HTTP."""
    loop: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Times."""
    pause: Annotated[float, Field(ge=0, le=5)] | None = None
    """Seconds of silence first."""
    interruptible: bool | None = None
    """A key stops it, and counts for the collect that follows."""

    @model_validator(mode="after")
    def _one(self) -> Play:
        if (self.file is None) == (self.url is None):
            raise ValueError("exactly one of file, url")
        return self


class Say(_Waiting):
    """A text that is spoken."""

    text: Text
    language: Annotated[str, Field(max_length=35)] | None = None
    """Of the text; default: as the configuration says."""
    voice: Voice | None = None
    rate: Annotated[float, Field(ge=0.5, le=2.5)] | None = None
    """Factor of the speed."""
    loop: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Times."""
    pause: Annotated[float, Field(ge=0, le=5)] | None = None
    """Seconds of silence first."""
    interruptible: bool | None = None
    """A key stops it, and counts for the collect that follows."""


class Collect(_Waiting):
    """Keys of the caller, as the element collect takes them."""

    prompt: Prompt | Text | None = None
    """Heard first; a key stops it and counts."""
    min_digits: Annotated[int, Field(ge=1, le=64)] | None = None
    max_digits: Annotated[int, Field(ge=1, le=64)] | None = None
    terminator: Annotated[str, Field(pattern=r"^([0-9*#A-D]|none)$")] | None = None
    wait_first: Some | None = None
    """Seconds to the first key."""
    wait_between: Some | None = None
    """Seconds between keys."""
    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    retry_prompt: Prompt | Text | None = None
    """After silence, and after a wrong input where `invalid_prompt` is not there."""
    invalid_prompt: Prompt | Text | None = None
    pattern: Annotated[str, Field(max_length=200)] | None = None
    """Regular expression that the whole input must match."""
    reporting: Literal["show", "masked", "hide"] | None = None
    """How the input stands in records, traces, logs, and in the result."""
    type_ahead: bool | None = None
    """Keep keys pressed before."""


class Record(_Waiting):
    """`call`: both sides from now on, in any state; `message`: what the caller says, as record_voicemail does."""

    what: Literal["call", "message"] = "call"
    action: Literal["start", "stop"] = "start"
    """Of the recording of the whole call."""
    name: Short | None = None
    """Wish for the file's name."""
    max_duration: Seconds | None = None
    max_silence: Some | None = None
    """Seconds of silence that end the message; 0: none does."""
    escape_digits: Keys | None = None
    """Keys of which each ends the message."""
    beep: bool | None = None
    min_duration: Some | None = None
    """A shorter message is deleted."""

    @model_validator(mode="after")
    def _of_one_kind(self) -> Record:
        of_messages = self.model_fields_set & {"max_duration", "max_silence", "escape_digits", "beep", "min_duration"}
        if self.what == "call" and of_messages:
            raise ValueError(f"{min(of_messages)} goes with what: message alone")
        if self.what == "message" and self.action == "stop":
            raise ValueError("a message is ended by /stop")
        return self


class Stop(Model):
    """What is stopped: what runs, and with `all` what waits for its turn."""

    all: bool = True


class Digits(_Waiting):
    """Keys that are sent to the caller's side."""

    digits: Annotated[str, Field(pattern=r"^[0-9*#A-Dw]{1,64}$")]
    """`w` is half a second of silence."""
