"""What stands in a case under `given` and `expect`, as people write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ivr.flow.ports import Cause
from ivr.flow.sim import Given, PastEvent, SpeechModel
from ivr.flow.sim.steps import Moment
from ivr.flow.testing.expected import (
    Calls,
    Contacts,
    Fields,
    Forwards,
    HandOffs,
    Mails,
    Number,
    Prompts,
    Recordings,
    Requests,
    Text,
    Texts,
)
from ivr.flow.testing.ranges import AtMost, Range, Within
from ivr.flow.values import DigitsStr, Duration, plain_number, text_of_digits
from ivr.settings import Calendar

__all__ = ["ExpectFields", "GivenFields"]


def _header_name(name: str) -> str:
    return name.lower().replace("-", "_")


# Given


class PastEventFields(Fields):
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


class GivenFields(Fields):
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
    agents: dict[str, Any] = Field(default_factory=dict)
    """What becomes of callers in queues, by element or pattern of the queue."""
    ai_agents: dict[str, Any] = Field(default_factory=dict)
    """What AI agents do, by element or pattern of their name."""
    applications: dict[str, Any] = Field(default_factory=dict)
    """What voice applications do, by element or pattern of their name."""
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


def _visits(value: object) -> object:
    if isinstance(value, (list, tuple, str)):
        return dict.fromkeys(map(text_of_digits, [value] if isinstance(value, str) else value))
    return value


class ExpectFields(Fields):
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
    hand_offs: HandOffs | None = None
    """All hand-offs to agents, AI agents and applications: to whom; `...` for anything in between."""
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
