"""What stands in a case under `given` and `expect`, as people write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ivr.flow.ports import Cause
from ivr.flow.sim import Given, PastEvent, SpeechModel
from ivr.flow.sim.steps import Moment
from ivr.flow.testing.matching import GAP
from ivr.flow.testing.ranges import AtMost, Range, Within
from ivr.flow.values import DigitsStr, Duration, plain_number, quoted, text_of_digits
from ivr.settings import Calendar

__all__ = [
    "ExpectFields",
    "ExpectedCall",
    "ExpectedContact",
    "ExpectedForward",
    "ExpectedMail",
    "ExpectedPrompt",
    "ExpectedRecording",
    "ExpectedRequest",
    "GivenFields",
]


class _Fields(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )


def _list(value: object) -> object:
    return [value] if isinstance(value, (str, int, float)) else value


def _header_name(name: str) -> str:
    return name.lower().replace("-", "_")


Text = Annotated[str, BeforeValidator(quoted)]
Number = Annotated[str, BeforeValidator(text_of_digits)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_list)]


# Given


class PastEventFields(_Fields):
    """An event from outside that came before."""

    name: Text
    """Of the event."""
    at: Moment
    """When it came."""
    properties: dict[str, Any] = Field(default_factory=dict)
    """JSON values that came with it."""


Lengths = Duration | dict[str, Duration | Literal["missing"]]


_AS_GIVEN = (
    "caller",
    "called",
    "line",
    "time",
    "variables",
    "profile",
    "settings",
    "properties",
    "tags",
    "entry",
    "seed",
    "calendars",
)
"""Fields that the simulator has under the same name."""


class GivenFields(_Fields):
    """The call, the caller and the world around them."""

    caller: Number | None = None
    """The caller's number; empty: withheld."""
    called: DigitsStr | None = None
    """The number called; default: the first one of the flow."""
    line: Text | None = None
    """Line of the call."""
    time: Moment | None = None
    """When it begins."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Other defaults for variables of the flow."""
    profile: dict[str, Any] = Field(default_factory=dict)
    """What is known of the caller."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What flows see as `settings.*`, over what is configured."""
    headers: dict[str, Text] = Field(default_factory=dict)
    """SIP headers of the call."""
    tags: Texts = ()
    """Tags that the call has already."""
    events: tuple[PastEventFields, ...] = ()
    """Events that came before."""
    properties: dict[str, Any] = Field(default_factory=dict)
    """What comes with the event or the contact that begins a flow outside a call."""
    contact: dict[str, Any] = Field(default_factory=dict)
    """The contact for whom the flow runs, with what came along: `{number: "+4930123456", name: Ada}`. It begins at
    `start_from_audience`."""
    entry: Text | None = None
    """Element to begin at."""
    seed: int = 0
    """Another one draws differently."""
    prompts: Lengths | None = None
    """How long prompts last: each the same, or files and URLs by name, `missing` where one cannot be played."""
    http: dict[str, Any] = Field(default_factory=dict)
    """Answers to requests, by element or pattern of the URL."""
    forwards: dict[str, Any] = Field(default_factory=dict)
    """What becomes of forwards, by element or pattern of the target."""
    mails: dict[str, Any] = Field(default_factory=dict)
    """What becomes of mails, by element or pattern of an address."""
    callees: dict[str, Any] = Field(default_factory=dict)
    """Who answers when the flow calls somebody, by element or pattern of the number."""
    recordings: dict[str, Literal["failed"]] = Field(default_factory=dict)
    """Elements whose recordings cannot be written."""
    participants: dict[str, Text] = Field(default_factory=dict)
    """Elements whose flows for others cannot begin, with the word that says why: `no_room`, `do_not_contact`."""
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    """Opening hours, over those that are configured."""

    def over(self, base: GivenFields) -> GivenFields:
        """These over those of the whole file: mappings are merged, the rest takes the place."""
        merged: dict[str, Any] = {}
        for name in base.model_fields_set | self.model_fields_set:
            own, other = getattr(self, name), getattr(base, name)
            if name not in self.model_fields_set:
                merged[name] = other
            elif isinstance(own, Mapping) and isinstance(other, Mapping):
                merged[name] = {**own, **{key: value for key, value in other.items() if key not in own}}
            else:
                merged[name] = own
        return self.model_construct(**merged)

    def call(self) -> Given:
        """As the simulator takes it."""
        wanted = {name: value for name in _AS_GIVEN if (value := getattr(self, name)) is not None}
        headers = {_header_name(name): value for name, value in self.headers.items()}
        events = tuple(PastEvent(event.name, event.at, event.properties) for event in self.events)
        if self.contact:
            wanted["properties"] = {**self.contact, **self.properties}
            wanted["audience"] = True
            if isinstance(number := self.contact.get("number"), str):
                wanted["caller"] = plain_number(number)
        return Given(**wanted, headers=headers, events=tuple(sorted(events, key=lambda event: event.at)))

    def speech(self) -> SpeechModel:
        """How long prompts last."""
        if self.prompts is None:
            return _SPEECH
        if not isinstance(self.prompts, Mapping):
            return SpeechModel(fixed=self.prompts)
        lengths = {name: seconds for name, seconds in self.prompts.items() if not isinstance(seconds, str)}
        missing = frozenset(name for name, seconds in self.prompts.items() if isinstance(seconds, str))
        return SpeechModel(files=lengths, missing=missing)


_SPEECH = SpeechModel()


# Expect


def _prompt(value: object) -> object:
    return {"text": value} if isinstance(value, (str, int, float)) else value


def _with_gaps(value: object) -> object:
    """A list in which the gap may stand."""
    return [value] if isinstance(value, (str, Mapping)) else value


class ExpectedPrompt(_Fields):
    """Something that is said."""

    text: Text = "*"
    """The text, or the name of a file; `*` stands for anything."""
    at: Text | None = None
    """Element that says it."""
    language: Text | None = None
    """Of the text."""
    heard: Annotated[Range, AtMost] | None = None
    """Seconds that the caller heard of it."""


class ExpectedRequest(_Fields):
    """An HTTP request that is sent."""

    at: Text | None = None
    """Element that sends it."""
    method: Text | None = None
    """GET, POST..."""
    url: Text | None = None
    """`*` stands for anything."""
    connector: Text | None = None
    """Name of the connector."""
    headers: dict[str, Text] = Field(default_factory=dict)
    """Some of its headers."""
    body: Any = None
    """Some keys of its JSON or form, or its text; `*` stands for anything."""
    status: int | None = None
    """Of the answer."""


class ExpectedMail(_Fields):
    """A mail that is sent."""

    at: Text | None = None
    """Element that sends it."""
    to: Text | None = None
    """One of the addresses."""
    subject: Text | None = None
    """`*` stands for anything."""
    text: Text | None = None
    """`*` stands for anything."""


class ExpectedForward(_Fields):
    """A forward that is tried."""

    at: Text | None = None
    """Element that forwards."""
    to: Text | None = None
    """One of the targets."""
    result: Literal["forwarded", "returned", "no_answer", "busy", "declined", "failed", "abandoned"] | None = None
    """What became of it."""


class ExpectedCall(_Fields):
    """An attempt to call somebody."""

    at: Text | None = None
    """Element that calls."""
    to: Text | None = None
    """The number; `*` stands for anything."""
    attempt: int | None = None
    """Which one of the element, from 1."""
    time: Moment | None = None
    """When, to the second."""
    line: Text | None = None
    """Line that the flow asks for."""
    result: Literal["answered", "no_answer", "busy", "declined", "failed", "cancelled"] | None = None
    """What became of it."""
    answerer: Literal["human", "machine", "unknown"] | None = None
    """Who was told to have answered."""


class ExpectedContact(_Fields):
    """A flow that is begun for somebody else."""

    at: Text | None = None
    """Element that begins it."""
    flow: Text | None = None
    """Name of the flow."""
    number: Text | None = None
    """For whom; `*` stands for anything."""
    properties: dict[str, Any] | None = None
    """Some of what it gets."""


class ExpectedRecording(_Fields):
    """A recording of the caller that is kept."""

    at: Text | None = None
    """Element that records."""
    name: Text | None = None
    """`*` stands for anything."""
    duration: Annotated[Range, Within] | None = None
    """How long it is."""


def _forward(value: object) -> object:
    return {"to": value} if isinstance(value, (str, int, float)) and value != GAP else value


def _request(value: object) -> object:
    if isinstance(value, str) and value != GAP:
        method, _, url = value.partition(" ")
        return {"method": method, "url": url} if url else {"url": method}
    return value


def _call(value: object) -> object:
    """What became of an attempt stands for the whole of it."""
    return {"result": value} if isinstance(value, str) and value != GAP else value


def _contact(value: object) -> object:
    return {"number": value} if isinstance(value, (str, int, float)) and value != GAP else value


Gap = Literal["..."]
Calls = Annotated[tuple[Annotated[ExpectedCall | Gap, BeforeValidator(_call)], ...], BeforeValidator(_with_gaps)]
Contacts = Annotated[
    tuple[Annotated[ExpectedContact | Gap, BeforeValidator(_contact)], ...], BeforeValidator(_with_gaps)
]
Requests = Annotated[
    tuple[Annotated[ExpectedRequest | Gap, BeforeValidator(_request)], ...], BeforeValidator(_with_gaps)
]
Mails = Annotated[tuple[Annotated[ExpectedMail | Gap, BeforeValidator(_forward)], ...], BeforeValidator(_with_gaps)]
Forwards = Annotated[
    tuple[Annotated[ExpectedForward | Gap, BeforeValidator(_forward)], ...], BeforeValidator(_with_gaps)
]
Recordings = Annotated[tuple[ExpectedRecording | Gap, ...], BeforeValidator(_with_gaps)]
Prompts = Annotated[tuple[Annotated[ExpectedPrompt, BeforeValidator(_prompt)], ...], BeforeValidator(_with_gaps)]


def _visits(value: object) -> object:
    if isinstance(value, (list, tuple, str)):
        return dict.fromkeys(map(text_of_digits, [value] if isinstance(value, str) else value))
    return value


class ExpectFields(_Fields):
    """What must have happened. What is left out is not looked at."""

    path: Texts | None = None
    """Every element in its order; `...` for anything in between. `flow/element` names the flow too."""
    visits: Annotated[dict[str, Annotated[int, Field(ge=0)] | None], BeforeValidator(_visits)] | None = None
    """Elements that are reached, and how often (None: at least once)."""
    not_visited: Texts = ()
    """Elements that are not reached."""
    branches: dict[str, Number | tuple[Number, ...]] = Field(default_factory=dict)
    """Branch that an element is left by the last time, or a list of all of them."""
    said: Prompts = ()
    """Prompts that the caller hears, in this order, others in between."""
    said_exactly: Prompts | None = None
    """All prompts that he hears."""
    not_said: Prompts = ()
    """Prompts that he does not hear."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Values at the end."""
    results: dict[str, Any] = Field(default_factory=dict)
    """Values of `result` at the end: of the last element that gives results."""
    tags: Texts | None = None
    """All tags at the end, in any order."""
    profile: dict[str, Any] = Field(default_factory=dict)
    """Fields of the profile at the end; null: there is none."""
    do_not_contact: Literal["added", "removed", False] | None = None
    """What became of the caller on the do-not-contact list; false: nothing."""
    requests: Requests | None = None
    """All HTTP requests; `...` for anything in between."""
    mails: Mails | None = None
    """All mails; `...` for anything in between."""
    forwards: Forwards | None = None
    """All forwards; `...` for anything in between."""
    calls: Calls | None = None
    """All attempts to call somebody: what became of them; `...` for anything in between."""
    contacts: Contacts | None = None
    """All flows that are begun for others: their numbers; `...` for anything in between."""
    recordings: Recordings | None = None
    """All recordings of the caller that are kept; `...` for anything in between."""
    ended_by: Cause | None = None
    """Why the call ended."""
    duration: Annotated[Range, Within] | None = None
    """How long the call lasted."""
    within: dict[str, Annotated[Range, AtMost]] = Field(default_factory=dict)
    """Elements, and the time after which they are reached first."""
    lost: bool | None = None
    """The flow hangs the caller up by a branch that it names nothing for, or it does not."""
    dead_air: Annotated[Range, AtMost] | None = None
    """The longest time in which the caller hears nothing and nothing is asked of him."""
    notes: Texts | None = None
    """Warnings in the log, in this order, others in between; an empty list: none."""
    fault: Text | None = None
    """The flow breaks in this way; without it a flow that breaks fails the case."""
