"""What is said of campaigns over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from ivr.api.endpoints import Model, Query
from ivr.store.contacts import ContactState

__all__ = [
    "MAX_PAGE",
    "CampaignPage",
    "CampaignQuery",
    "CampaignShown",
    "ContactPage",
    "ContactQuery",
    "MoreContacts",
    "Retry",
    "WantedCampaign",
]

PAGE, MAX_PAGE = 100, 1000
"""Campaigns or contacts of one answer: as asked for by default, and at most."""


class CampaignQuery(Query):
    """A page of campaigns."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = PAGE
    """How many."""
    before: Annotated[int | None, Field(ge=0, lt=10**15)] = None
    """Goes on after a page; its `next`."""


class ContactQuery(Query):
    """Which contacts."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = PAGE
    """How many."""
    after: Annotated[int, Field(ge=0, lt=10**15)] = 0
    """Goes on after a page; its `next`."""
    state: ContactState | None = None
    """Those in this state."""
    result: str | None = None
    """Those with this result."""
    format: Literal["json", "csv"] = "json"
    """`csv`: all of them, as a file."""


class AudienceContact(Model):
    """Somebody to call."""

    number: str
    variables: dict[str, Any] = Field(default_factory=dict)


class MoreContacts(Model):
    """Contacts to add."""

    contacts: list[AudienceContact]
    strict: bool = False
    """Nobody is added where one row is bad."""


class WantedCampaign(Model):
    """A campaign that somebody asks for."""

    flow: str
    """Flow that calls the contacts."""
    name: Annotated[str, Field(max_length=128)] = ""
    """For people; default: the flow's."""
    speed: str | dict[str, Any] | None = None
    """`30/minute`, or `{"calls": 30, "per": "minute"}`, instead of the flow's."""
    window: str | dict[str, Any] | None = None
    """`mon-fri 09:00-17:00 Europe/Berlin`, or an object as in flows; the flow's holds as well."""
    from_: Annotated[str | float | None, Field(alias="from")] = None
    """Nobody is called before."""
    until: str | float | None = None
    """Nobody is called after."""
    line: str | None = None
    """Instead of the flow's."""
    caller_id: str | None = None
    """Instead of the flow's."""
    contacts: list[AudienceContact] | None = None
    start: bool | None = None
    """Begin at once; default: where contacts are given."""
    strict: bool = False
    """Nobody is added where one row is bad."""


class Retry(Model):
    """Whom to call again."""

    results: list[str] = Field(default_factory=list)
    """Contacts with these results; default: those whose calls were interrupted."""


class Loaded(Model):
    """What became of the rows of an audience."""

    rows: int
    new: int
    duplicates: int
    do_not_contact: int
    bad_rows: int
    faults: list[str]
    """What is wrong with the first bad rows."""


class CampaignShown(Model):
    """A campaign with its figures."""

    model_config = ConfigDict(extra="allow")

    id: int
    name: str
    flow: str
    state: str
    """`draft`, `running`, `paused`, `finished`, `cancelled`."""
    node: str
    """Process that runs it."""
    options: dict[str, Any]
    """What it has instead of its flow's."""
    created_at: float
    started_at: float | None
    ended_at: float | None
    contacts: int
    duplicates: int
    bad_rows: int
    states: dict[str, int]
    """Contacts by state."""
    results: dict[str, int]
    """Contacts that are done, by result."""
    attempts: int
    """Calls made."""
    eta: float | None
    """When it may be over, seconds since the epoch."""
    loaded: Loaded | None = None
    """What became of the rows that came with the request."""
    put_back: int | None = None
    """Contacts that are called again."""


class CampaignPage(Model):
    """Campaigns, newest first."""

    campaigns: list[CampaignShown]
    next: int | None = None
    """Where there may be more: `before` of the next page."""


class ContactShown(Model):
    """A contact of a campaign."""

    id: int
    number: str
    variables: dict[str, Any]
    state: str
    result: str | None
    attempts: int
    """Calls made."""
    changed_at: float


class ContactPage(Model):
    """Contacts, in the order in which they came."""

    contacts: list[ContactShown]
    next: int | None = None
    """Where there may be more: `after` of the next page."""
