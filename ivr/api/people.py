"""People over HTTP: who must not be called, and what is known of whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from ivr.api.endpoints import Answer, Ask, Endpoint, Model, Query
from ivr.api.faults import refusal
from ivr.api.problems import ProblemError
from ivr.errors import StoreError
from ivr.flow import ports
from ivr.flow.values import plain_number
from ivr.lines import one_form, spellings
from ivr.store import Blocked, Profile, Store

__all__ = ["PeopleRoutes"]

PAGE, MAX_PAGE = 100, 1000
"""Numbers of one answer or request: as asked for by default, and at most."""
MAX_NUMBER = 256
MAX_REASON = 1000
WRITE_SECONDS = 5.0
"""Until a change must be safe in the store, else it is answered that it cannot be written now."""
LONG = f"A number has at most {MAX_NUMBER} characters."
HIDDEN = "xxxx"
"""In place of a field that must stand in no report."""


Number = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NUMBER)]
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NUMBER)]


class NumberPage(Query):
    """A page of the list."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = PAGE
    """How many."""
    after: str = ""
    """Goes on after a page; its `next`."""


class BlockedNumber(Model):
    """A number on the do-not-contact list."""

    number: str
    reason: str
    added_at: float
    """Seconds since the epoch."""


class BlockedNumbers(Model):
    """Numbers on the list."""

    numbers: list[BlockedNumber]
    next: str | None = None
    """Where there may be more: `after` of the next page."""


class NewBlocked(Model):
    """Who must not be called: one `number`, or `numbers`."""

    number: Number | None = None
    numbers: Annotated[list[Number], Field(min_length=1, max_length=MAX_PAGE)] | None = None
    reason: Annotated[str, Field(max_length=MAX_REASON)] = ""

    @model_validator(mode="after")
    def _somebody(self) -> NewBlocked:
        if self.number is None and self.numbers is None:
            raise ValueError(f"number is missing, or numbers: a list of 1 to {MAX_PAGE} texts")
        return self


class BlockedCount(Model):
    """What became of the numbers."""

    new: int
    known: int
    """On the list already."""


class ProfileShown(Model):
    """What is known of a number."""

    number: str
    fields: dict[str, Any]
    """Sensitive ones as `xxxx`."""
    sensitive: list[str]
    """Names of those."""


class ProfileChange(Model):
    """What changes."""

    fields: dict[FieldName, Any]
    """null takes a field away."""
    sensitive: list[str] | None = None
    """Which of them must stand in no report."""


class PeopleRoutes:
    """Handlers. Everything here is personal data: a token is needed on this machine, too."""

    def __init__(
        self,
        store: Store,
        update: Callable[[ports.UpdateProfile], None],
        wall: Callable[[], float] = time.time,
        country: str | None = None,
    ) -> None:
        """`update` changes a profile for who reads it from now on; `country` is that of numbers without a country
        code."""
        self._store = store
        self._country = country
        self._update = update
        self._wall = wall

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        all_, one, profile = "/v1/do-not-contact", "/v1/do-not-contact/{number}", "/v1/profiles/{number}"
        off = {404: "The number is not on the list.", 422: LONG}
        unknown = {404: "Nothing is known of the number.", 422: LONG}
        counts: dict[int, type[Model]] = {201: BlockedCount, 200: BlockedCount}
        shown: dict[int, type[Model]] = {200: ProfileShown}
        return [
            Endpoint("GET", all_, "people", self.listed, query=NumberPage, answers={200: BlockedNumbers}),
            Endpoint("POST", all_, "people", self.block, body=NewBlocked, answers=counts),
            Endpoint("GET", one, "people", self.check, answers={200: BlockedNumber}, problems=off),
            Endpoint("DELETE", one, "people", self.unblock, problems=off),
            Endpoint("GET", profile, "people", self.profile, answers=shown, problems=unknown),
            Endpoint("PATCH", profile, "people", self.change, body=ProfileChange, answers=shown),
            Endpoint("DELETE", profile, "people", self.forget, problems=unknown),
        ]

    # Who must not be called

    async def listed(self, ask: Ask[None, NumberPage]) -> dict[str, Any]:
        """List numbers that must not be called, by number."""
        limit = ask.query.limit
        found = await asyncio.to_thread(self._store.people.do_not_contact, ask.query.after, limit)
        rest = {"next": found[-1].number} if len(found) == limit else {}
        return {"numbers": [_entry(entry) for entry in found], **rest}

    async def block(self, ask: Ask[NewBlocked, None]) -> Answer:
        """Put numbers on the do-not-contact list.

        201 where one of them is new there, else 200.
        """
        body = ask.body
        given = [body.number] if body.number is not None else body.numbers or []
        numbers = [one_form(plain_number(number), self._country) for number in given]
        new = await asyncio.to_thread(self._store.people.block, numbers, body.reason, self._wall())
        return Answer({"new": new, "known": len(set(numbers)) - new}, 201 if new else 200)

    async def check(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show where a number stands on the do-not-contact list."""
        entry = await asyncio.to_thread(self._store.people.entry, *self._forms(ask))
        if entry is None:
            raise ProblemError(404, "this number is not on the list")
        return _entry(entry)

    async def unblock(self, ask: Ask[None, None]) -> None:
        """Take a number off the do-not-contact list."""
        number, *forms = self._forms(ask)
        if not await asyncio.to_thread(self._store.people.unblock, number, self._wall(), *forms):
            raise ProblemError(404, "this number is not on the list")

    def _forms(self, ask: Ask[Any, None]) -> tuple[str, ...]:
        return spellings(_number(ask), self._country)

    # What is known of whom

    async def profile(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show what is known of a number."""
        return await self._shown(_number(ask))

    async def change(self, ask: Ask[ProfileChange, None]) -> dict[str, Any]:
        """Change what is known of a number.

        Flows hear of it (`profile.changed`).
        """
        number, fields, sensitive = _number(ask), ask.body.fields, ask.body.sensitive or []
        if not set(sensitive) <= fields.keys():
            raise refusal("sensitive", "names of fields alone")
        self._update(ports.UpdateProfile(number, fields, frozenset(sensitive)))
        await self._written()
        return await self._shown(number, known=True)

    async def forget(self, ask: Ask[None, None]) -> None:
        """Forget all that is known of a number."""
        number = _number(ask)
        await self._written()
        profile = await asyncio.to_thread(self._store.people.profile, number)
        if not profile.fields:
            raise ProblemError(404, "nothing is known of this number")
        # By way of those who read profiles now: to them the change counts before the store has it.
        self._update(ports.UpdateProfile(number, dict.fromkeys(profile.fields), frozenset()))
        await self._written()
        await asyncio.to_thread(self._store.people.forget, number)

    async def _written(self) -> None:
        if not await asyncio.to_thread(self._store.writer.flush, WRITE_SECONDS):
            raise StoreError("the store cannot be written now")

    async def _shown(self, number: str, *, known: bool = False) -> dict[str, Any]:
        profile: Profile = await asyncio.to_thread(self._store.people.profile, number)
        if not (profile.fields or known):
            raise ProblemError(404, "nothing is known of this number")
        fields = {name: HIDDEN if name in profile.sensitive else value for name, value in profile.fields.items()}
        return {"number": number, "fields": fields, "sensitive": sorted(profile.sensitive)}


def _entry(entry: Blocked) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in Blocked.__slots__}


def _number(ask: Ask[Any, Any]) -> str:
    number = ask.path["number"]
    if len(number) > MAX_NUMBER:
        raise ProblemError(422, LONG)
    return plain_number(number.strip())
