"""What a case expects of single things that happen: prompts, requests, mails, hand-offs, calls, recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ivr.flow.sim.steps import Moment
from ivr.flow.testing.matching import GAP
from ivr.flow.testing.ranges import AtMost, Range, Within
from ivr.flow.values import quoted, text_of_digits

__all__ = [
    "Calls",
    "Contacts",
    "ExpectedCall",
    "ExpectedContact",
    "ExpectedForward",
    "ExpectedHandOff",
    "ExpectedMail",
    "ExpectedPrompt",
    "ExpectedRecording",
    "ExpectedRequest",
    "Fields",
    "Forwards",
    "HandOffs",
    "Mails",
    "Number",
    "Prompts",
    "Recordings",
    "Requests",
    "Text",
    "Texts",
]


class Fields(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )


def _list(value: object) -> object:
    return [value] if isinstance(value, (str, int, float)) else value


Text = Annotated[str, BeforeValidator(quoted)]
Number = Annotated[str, BeforeValidator(text_of_digits)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_list)]


def _prompt(value: object) -> object:
    return {"text": value} if isinstance(value, (str, int, float)) else value


def _with_gaps(value: object) -> object:
    """A list in which the gap may stand."""
    return [value] if isinstance(value, (str, Mapping)) else value


class ExpectedPrompt(Fields):
    """Something that is said."""

    text: Text = "*"
    """The text, or the name of a file; `*` stands for anything."""
    at: Text | None = None
    """Element that says it."""
    language: Text | None = None
    """Of the text."""
    heard: Annotated[Range, AtMost] | None = None
    """Seconds that the caller heard of it."""


class ExpectedRequest(Fields):
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


class ExpectedMail(Fields):
    """A mail that is sent."""

    at: Text | None = None
    """Element that sends it."""
    to: Text | None = None
    """One of the addresses."""
    subject: Text | None = None
    """`*` stands for anything."""
    text: Text | None = None
    """`*` stands for anything."""


class ExpectedForward(Fields):
    """A forward that is tried."""

    at: Text | None = None
    """Element that forwards."""
    to: Text | None = None
    """One of the targets."""
    result: Literal["forwarded", "returned", "no_answer", "busy", "declined", "failed", "abandoned"] | None = None
    """What became of it."""


class ExpectedHandOff(Fields):
    """A hand-off to an agent, an AI agent or an application."""

    at: Text | None = None
    """Element that hands the call over."""
    to: Text | None = None
    """Queue, AI agent or application; `*` stands for anything."""
    result: Text | None = None
    """How it went: `forwarded`, `max_wait`, `closed`, `completed`, `released`, `abandoned`, `caller_left`…"""
    agent: Text | None = None
    """Who took the call."""
    priority: int | None = None
    """Of a visit of a queue."""
    waited: Annotated[Range, Within] | None = None
    """Seconds in a queue."""
    packet: dict[str, Any] | None = None
    """Some of what the other side is told; `*` stands for anything."""
    parameters: dict[str, Any] | None = None
    """Some of what an AI agent or an application gets besides."""
    callback: Text | None = None
    """Number that is to be called back."""


class ExpectedCall(Fields):
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


class ExpectedContact(Fields):
    """A flow that is begun for somebody else."""

    at: Text | None = None
    """Element that begins it."""
    flow: Text | None = None
    """Name of the flow."""
    number: Text | None = None
    """For whom; `*` stands for anything."""
    properties: dict[str, Any] | None = None
    """Some of what it gets."""


class ExpectedRecording(Fields):
    """A recording of the caller that is kept."""

    at: Text | None = None
    """Element that records."""
    name: Text | None = None
    """`*` stands for anything."""
    duration: Annotated[Range, Within] | None = None
    """How long it is."""


def _forward(value: object) -> object:
    return {"to": value} if isinstance(value, (str, int, float)) and value != GAP else value


def _hand_off(value: object) -> object:
    """To whom stands for the whole of it."""
    return {"to": value} if isinstance(value, str) and value != GAP else value


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
HandOffs = Annotated[
    tuple[Annotated[ExpectedHandOff | Gap, BeforeValidator(_hand_off)], ...], BeforeValidator(_with_gaps)
]
Recordings = Annotated[tuple[ExpectedRecording | Gap, ...], BeforeValidator(_with_gaps)]
Prompts = Annotated[tuple[Annotated[ExpectedPrompt, BeforeValidator(_prompt)], ...], BeforeValidator(_with_gaps)]
