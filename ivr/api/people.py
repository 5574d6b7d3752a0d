"""People over HTTP: who must not be called, and what is known of whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ivr.api.bodies import member, read_object
from ivr.api.guard import Guard
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
HIDDEN = "xxxx"
"""In place of a field that must stand in no report."""


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

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Where they are, and who may use them."""
        return [
            web.get("/v1/do-not-contact", guard("people", self.listed)),
            web.post("/v1/do-not-contact", guard("people", self.block)),
            web.get("/v1/do-not-contact/{number}", guard("people", self.check)),
            web.delete("/v1/do-not-contact/{number}", guard("people", self.unblock)),
            web.get("/v1/profiles/{number}", guard("people", self.profile)),
            web.patch("/v1/profiles/{number}", guard("people", self.change)),
            web.delete("/v1/profiles/{number}", guard("people", self.forget)),
        ]

    # Who must not be called

    async def listed(self, request: web.Request) -> web.Response:
        """The list, by number: `?limit=100&after=NUMBER`."""
        text = request.query.get("limit", str(PAGE))
        if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= MAX_PAGE):
            raise ProblemError(422, f"limit: from 1 to {MAX_PAGE}")
        limit, after = int(text), request.query.get("after", "")
        found = await asyncio.to_thread(self._store.people.do_not_contact, after, limit)
        rest = {"next": found[-1].number} if len(found) == limit else {}
        return web.json_response({"numbers": [_entry(entry) for entry in found], **rest})

    async def block(self, request: web.Request) -> web.Response:
        """Put numbers on the list: `{"number": "+15550100", "reason": "asked"}`, or `numbers` with up to 1000."""
        body = await read_object(request, ("number", "numbers", "reason"))
        reason = member(body, "reason", str) if "reason" in body else ""
        if len(reason) > MAX_REASON:
            raise ProblemError(422, f"reason: at most {MAX_REASON} characters")
        given: Any = body.get("numbers", [])
        if "number" in body:
            given = [member(body, "number", str)]
        if not isinstance(given, list) or not given or len(given) > MAX_PAGE:
            raise ProblemError(422, f"number is missing, or numbers: a list of 1 to {MAX_PAGE} texts")
        numbers = [one_form(_plain(number), self._country) for number in given]
        new = await asyncio.to_thread(self._store.people.block, numbers, reason, self._wall())
        return web.json_response({"new": new, "known": len(set(numbers)) - new}, status=201 if new else 200)

    async def check(self, request: web.Request) -> web.Response:
        """Where a number stands on the list; 404 where it does not."""
        entry = await asyncio.to_thread(self._store.people.entry, *self._forms(request))
        if entry is None:
            raise ProblemError(404, "this number is not on the list")
        return web.json_response(_entry(entry))

    async def unblock(self, request: web.Request) -> web.Response:
        """Take a number off the list; 404 where it is not there."""
        number, *forms = self._forms(request)
        if not await asyncio.to_thread(self._store.people.unblock, number, self._wall(), *forms):
            raise ProblemError(404, "this number is not on the list")
        return web.Response(status=204)

    def _forms(self, request: web.Request) -> tuple[str, ...]:
        return spellings(_number(request), self._country)

    # What is known of whom

    async def profile(self, request: web.Request) -> web.Response:
        """What is known of a number; 404 where nothing is."""
        return await self._shown(_number(request))

    async def change(self, request: web.Request) -> web.Response:
        """Change fields, null takes one away: `{"fields": {"name": "Anna"}, "sensitive": ["pin"]}`."""
        number = _number(request)
        body = await read_object(request, ("fields", "sensitive"))
        fields = member(body, "fields", dict)
        sensitive = body.get("sensitive", [])
        if not isinstance(sensitive, list) or not set(map(str, sensitive)) <= fields.keys():
            raise ProblemError(422, "sensitive must be a list of names of fields")
        if any(not name or len(name) > MAX_NUMBER for name in fields):
            raise ProblemError(422, f"fields: names of 1 to {MAX_NUMBER} characters")
        self._update(ports.UpdateProfile(number, fields, frozenset(sensitive)))
        await self._written()
        return await self._shown(number, known=True)

    async def forget(self, request: web.Request) -> web.Response:
        """Forget all that is known of a number; 404 where nothing is."""
        number = _number(request)
        await self._written()
        profile = await asyncio.to_thread(self._store.people.profile, number)
        if not profile.fields:
            raise ProblemError(404, "nothing is known of this number")
        # By way of those who read profiles now: to them the change counts before the store has it.
        self._update(ports.UpdateProfile(number, dict.fromkeys(profile.fields), frozenset()))
        await self._written()
        await asyncio.to_thread(self._store.people.forget, number)
        return web.Response(status=204)

    async def _written(self) -> None:
        if not await asyncio.to_thread(self._store.writer.flush, WRITE_SECONDS):
            raise StoreError("the store cannot be written now")

    async def _shown(self, number: str, *, known: bool = False) -> web.Response:
        profile: Profile = await asyncio.to_thread(self._store.people.profile, number)
        if not (profile.fields or known):
            raise ProblemError(404, "nothing is known of this number")
        fields = {name: HIDDEN if name in profile.sensitive else value for name, value in profile.fields.items()}
        return web.json_response({"number": number, "fields": fields, "sensitive": sorted(profile.sensitive)})


def _entry(entry: Blocked) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in Blocked.__slots__}


def _number(request: web.Request) -> str:
    return _plain(request.match_info["number"])


def _plain(number: Any) -> str:
    if not isinstance(number, str) or not 0 < len(number) <= MAX_NUMBER:
        raise ProblemError(422, f"a number is text of at most {MAX_NUMBER} characters")
    return plain_number(number.strip())
