"""The contact centre: who takes calls and where callers wait (`agents`, `queues`, `statuses`, `dispositions`).

agents:
  anna: {name: Anna Berg, phones: ["200"], queues: [sales], skills: {german: 9}, wrap_up: 20s}
queues:
  sales: {order: by_skill, hours: office, waiting: calm, service_level: {answer_within: 20s, percent: 80}}
statuses: {lunch: away, training: busy}
dispositions: {sold: Sold, call_again: {name: Call again, code: "2"}}
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from ivr.settings.connectors import Name
from ivr.settings.lines import off_word
from ivr.settings.routes import Priority, SkillLevel
from ivr.settings.values import Digits, Duration, Secret, Section
from ivr.settings.waiting import SoundField, WaitingStrategy

__all__ = [
    "DEFAULT_QUEUE",
    "STATUS_GROUPS",
    "Agent",
    "AskDisposition",
    "Callbacks",
    "Disposition",
    "Queue",
    "QueueOrder",
    "ServiceLevel",
    "Status",
    "StatusGroup",
    "StickyTime",
    "VoicemailBox",
]

DEFAULT_QUEUE = "default"
"""The queue that is always there, has all agents, and takes what no route matched."""
STATUS_GROUPS = ("available", "busy", "away", "unavailable")
"""Each is a status of its own, too."""

MAX_PHONES = 10
"""Of one agent: all of them ring."""
MAX_LENGTH = 10_000
"""Callers of one queue."""
MAX_WRAP_UP = 3600.0
"""Seconds."""
MAX_DURATION = 30 * 86400.0
"""Seconds that a call back may be kept."""

_CODE = re.compile(r"\d{1,12}", re.ASCII)
_KEYS = re.compile(r"[0-9*#]{1,4}", re.ASCII)
_MAIL = re.compile(r"[^\s<>@,;:\"\\]+@[^\s<>@,;:\"\\]+")
_TEL = re.compile(r"tel:\+?\d{2,20}", re.ASCII)
_SENDER = re.compile(r"\+?\d{2,20}", re.ASCII)
_SIP = re.compile(r"sips?:[^\s<>\"]{1,200}", re.ASCII)
_USER = re.compile(r"[^\s<>\"@:;/]{1,64}", re.ASCII)

StatusGroup = Literal["available", "busy", "away", "unavailable"]
"""`available` gets new calls; `busy` and `away` only calls that are transferred to the agent; `unavailable`: none, he
is logged out."""

QueueOrder = Literal["longest_idle", "weighted", "round_robin", "ring_all", "fewest_calls", "by_skill"]
"""Which free agent gets the next caller: see docs/assignment.md."""

StickyTime = Annotated[Literal["off", "30d", "60d", "1y", "ever"], BeforeValidator(off_word)]
"""How long ago the agent may have spoken to a caller to be asked first."""


def _code(value: str) -> str:
    if not _CODE.fullmatch(value):
        raise ValueError("not a code: 1 to 12 digits")
    return value


def _keys(value: str) -> str:
    if not _KEYS.fullmatch(value):
        raise ValueError("not keys to press: 1 to 4 of 0 to 9, * and #")
    return value


def _mail(value: str) -> str:
    if not _MAIL.fullmatch(value):
        raise ValueError("not an address: like anna@example.com")
    return value


def _phone(value: str) -> str:
    value = re.sub(r"(?<=\d)[ ./-](?=\d)", "", value) if value.startswith("tel:") else value
    kind = _TEL if value.startswith("tel:") else _SIP if value.startswith(("sip:", "sips:")) else _USER
    if not kind.fullmatch(value):
        raise ValueError('not a phone: a user of `phones` ("200"), tel:+4930123456 or sip:anna@host')
    return value


def _sender(value: str) -> str:
    value = re.sub(r"(?<=\d)[ ./-](?=\d)", "", value)
    if not _SENDER.fullmatch(value):
        raise ValueError("not a number that calls can show: +4930123456")
    return value


def _one_or_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _grouped(value: object) -> object:
    return {"group": value} if isinstance(value, str) else value


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Code = Annotated[Digits, AfterValidator(_code)]
Mail = Annotated[str, AfterValidator(_mail)]
Mails = Annotated[tuple[Mail, ...], BeforeValidator(_one_or_several, json_schema_input_type=str | tuple[str, ...])]
Phones = Annotated[
    tuple[Annotated[Digits, AfterValidator(_phone)], ...],
    Field(max_length=MAX_PHONES),
    BeforeValidator(_one_or_several, json_schema_input_type=str | tuple[str, ...]),
]


class Status(Section):
    """A status of your own; `lunch: away` stands for `lunch: {group: away}`."""

    group: StatusGroup
    """What it means for calls."""
    name: str = ""
    """Spoken; default: the key."""
    code: Code | None = None
    """By which agents choose it on the telephone."""


StatusField = Annotated[Status, BeforeValidator(_grouped, json_schema_input_type=StatusGroup | Status)]


class Disposition(Section):
    """How a conversation ended, as agents say at wrap-up; `sold: Sold` stands for `sold: {name: Sold}`."""

    name: str = ""
    """Shown; default: the key."""
    code: Code | None = None
    """By which agents choose it on the telephone."""
    queues: tuple[Name, ...] = ()
    """Queues whose calls it is for; all where it is left out."""

    def fits(self, queue: str) -> bool:
        """Whether it is for the calls of a queue (empty: for calls that came by no queue)."""
        return not self.queues or queue in self.queues


DispositionField = Annotated[Disposition, BeforeValidator(_named, json_schema_input_type=str | Disposition)]


class Agent(Section):
    """Somebody who takes calls; the key is how flows and commands name him (`agent:anna`)."""

    name: str = ""
    """Shown; default: the key."""
    title: str = ""
    """What he is."""
    phones: Phones = ()
    """What rings, all at once: users of `phones`, `tel:+4930123456`, `sip:anna@host`."""
    queues: tuple[Name, ...] = ()
    """Queues he serves, besides `default` and those of all."""
    skills: dict[Name, SkillLevel] = Field(default_factory=dict)
    """What he can, each with a level from 1 to 10, 10 is best."""
    wrap_up: Annotated[Duration, Field(le=MAX_WRAP_UP)] = 0.0
    """Seconds after a call in which he writes down what must be; the queue may say otherwise."""
    wrapup_blocks_calls: bool = True
    """Whether he gets no new calls meanwhile."""
    missed_calls: Annotated[int, Field(ge=0, le=100)] = 1
    """Calls in a row that he does not answer, after which he is `away`; 0: never."""
    inactivity: Annotated[Duration, Field(ge=10)] | None = 900.0
    """With no phone that can be reached, and no console, for so long he is logged out (`unavailable`); null: never."""
    enabled: bool = True
    """One who is not is as if he were not there."""
    first_status: Literal["available", "unavailable"] = "available"
    """Until he has chosen one himself."""
    email: Mail | None = None
    """Where messages for him go."""
    code: Annotated[Secret, WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,12}$"})] | None = None
    """By which he logs in and out on any telephone: digits, his alone."""
    channels: dict[Name, Annotated[int, Field(ge=1, le=1000)]] = Field(default_factory=dict)
    """How much he takes at once on channels besides voice (`chat: 4`), for the order `weighted`."""


def _asked(value: object) -> object:
    return {} if value is True else None if value is False else value


class AskDisposition(Section):
    """How agents of a queue give the disposition on their own leg of a call; `true` stands for `{}`."""

    after_call: bool = True
    """When the caller has hung up the agent stays on his phone, and is asked."""
    keys: Annotated[Digits, AfterValidator(_keys)] | None = None
    """What the agent presses in a conversation to end it for the caller, and be asked."""


class ServiceLevel(Section):
    """What is aimed at."""

    answer_within: Annotated[Duration, Field(gt=0)] = 20.0
    """Seconds."""
    percent: Annotated[float, Field(gt=0, le=100)] = 80.0
    """Of the calls offered."""


class VoicemailBox(Section):
    """Where messages of callers go."""

    email: Annotated[Mails, Field(min_length=1, max_length=20)]
    """Addresses."""


class Callbacks(Section):
    """Callers who are called back and keep their place."""

    order: Literal["arrival", "after_callers"] = "arrival"
    """When it is their turn: `arrival`: as if they had stayed on the line; `after_callers`: when nobody
    waits on the line whom the agent could take."""
    priority: Priority | None = None
    """Of the place, 1 to 10; None: that of the call."""
    expires: Annotated[Duration, Field(ge=60, le=MAX_DURATION)] = 8 * 3600.0
    """Seconds; one that did not come about by then is given up."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 2
    """How often the caller is called."""
    retry_after: Annotated[Duration, Field(ge=10, le=86400)] = 300.0
    """Seconds between."""
    max_waiting: Annotated[int, Field(ge=0, le=MAX_LENGTH)] = 200
    """Kept at the same time; 0: none are taken."""


class Queue(Section):
    """Where callers wait. Its agents are those who name it in their `queues`."""

    name: str = ""
    """Shown; default: the key."""
    all: bool = False
    """Every agent serves it."""
    order: QueueOrder = "longest_idle"
    """Which free agent gets the next caller."""
    skills: dict[Name, SkillLevel] = Field(default_factory=dict)
    """Skills that agents need for its callers, each with the least level, where the order is `by_skill`."""
    sticky: StickyTime = "off"
    """The agent who last spoke to a caller, not longer ago than this, is asked first."""
    hours: Name | None = None
    """Calendar with its hours and holidays; None: always open."""
    away: SoundField | None = None
    """Heard by who calls while it is closed."""
    waiting: Name | WaitingStrategy = WaitingStrategy()
    """What callers hear and may press: name of a strategy, or one written here."""
    service_level: ServiceLevel = ServiceLevel()
    senders: tuple[Annotated[Digits, AfterValidator(_sender)], ...] = ()
    """Numbers that calls of this queue may show; the first where nothing else is said: call backs, and what its agents
    dial on their phones."""
    max_length: Annotated[int, Field(ge=0, le=MAX_LENGTH)] | None = None
    """Callers who may wait; None: as many as there is room for."""
    join_when_empty: Literal["always", "logged_in", "available"] = "logged_in"
    """Who may begin to wait: everybody; while an agent is logged in; while one is available or on a call."""
    ring_timeout: Annotated[Duration, Field(ge=3, le=300)] = 20.0
    """Seconds an agent's phone rings."""
    wrap_up: Annotated[Duration, Field(le=MAX_WRAP_UP)] | None = None
    """Seconds after its calls; None: as the agent has it."""
    ask_disposition: Annotated[
        AskDisposition | None, BeforeValidator(_asked, json_schema_input_type=bool | AskDisposition | None)
    ] = None
    """Agents give the disposition by keys on the call itself; None: they dial a telephone code, or use a console."""
    voicemail: VoicemailBox | None = None
    """Where messages go that callers leave; None: they are kept as recordings alone."""
    callback: Callbacks = Callbacks()
