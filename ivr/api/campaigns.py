"""Campaigns over HTTP: audiences as JSON or CSV, what is done with campaigns, how far they are."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from aiohttp import web

from ivr.api.bodies import parse_object
from ivr.api.campaign_models import (
    MAX_PAGE,
    CampaignPage,
    CampaignQuery,
    CampaignShown,
    ContactPage,
    ContactQuery,
    MoreContacts,
    Retry,
    WantedCampaign,
)
from ivr.api.endpoints import Answer, Ask, Endpoint, File, Model, Raw
from ivr.api.faults import refusal
from ivr.api.problems import ProblemError
from ivr.dialer import (
    MAX_AUDIENCE_BYTES,
    AudienceError,
    BadRow,
    CampaignOffice,
    Contact,
    Result,
    Wish,
    read_file,
    read_options,
    read_records,
)
from ivr.store import RESULTS, StoredContact

__all__ = ["CampaignRoutes"]

MAX_JSON_BYTES = 8 * 2**20
"""Of an audience as JSON, which is read as a whole; larger ones come as CSV."""
IN_MEMORY_BYTES = 2**20
"""Of an upload; what is more waits on disk."""
CHUNK = 64 * 1024

OPTIONS = ("speed", "window", "from", "until", "line", "caller_id", "match_agents")
KEYS = ("flow", "name", *OPTIONS, "contacts", "start", "strict")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins with these is worked out by spreadsheets."""
_FIGURE = re.compile(r"[+-]?[\d., ]+", re.ASCII)
TYPES = ("application/json", "text/csv", "application/csv")
"""That an audience may have."""


@dataclass(frozen=True, slots=True)
class _Audience:
    """Contacts of a request, which can be gone through twice."""

    rows: Callable[[], Iterator[Contact | BadRow]]
    strict: bool


class CampaignRoutes:
    """Handlers."""

    def __init__(self, office: CampaignOffice) -> None:
        self._office = office

    def endpoints(self) -> list[Endpoint]:
        """What can be asked: what shows numbers needs a token on this machine, too."""
        scope, all_, one = "campaigns", "/v1/campaigns", r"/v1/campaigns/{id:\d{1,15}}"
        shown: dict[int, type[Model]] = {200: CampaignShown}
        none, busy = {404: "There is no such campaign."}, {409: "Its state does not allow it."}
        wrong = none | busy
        made: dict[int, type[Model]] = {201: CampaignShown, 200: CampaignShown}
        page: dict[int, Any] = {200: (ContactPage, File("text/csv", "All of them as a file."))}
        return [
            Endpoint(
                "GET", all_, scope, self.all, query=CampaignQuery, answers={200: CampaignPage}, local=True
            ),
            Endpoint(
                "POST", all_, scope, self.make, body=Raw(TYPES, WantedCampaign), answers=made, idempotent="own",
                problems={422: "There is no such flow, or no contact, or more is wrong."},
            ),
            Endpoint("GET", one, scope, self.show, answers=shown, problems=none, local=True),
            Endpoint("DELETE", one, scope, self.delete, problems=none | {409: "It runs: cancel it first."}),
            Endpoint("POST", one + "/start", scope, self.start, answers=shown, problems=wrong),
            Endpoint("POST", one + "/resume", scope, self.start, answers=shown, problems=wrong),
            Endpoint("POST", one + "/pause", scope, self.pause, answers=shown, problems=wrong),
            Endpoint("POST", one + "/cancel", scope, self.cancel, answers=shown, problems=wrong),
            Endpoint(
                "POST", one + "/retry", scope, self.retry, body=Retry, optional=True, answers=shown, problems=wrong
            ),
            Endpoint("GET", one + "/contacts", scope, self.contacts, query=ContactQuery, answers=page, problems=none),
            Endpoint(
                "POST", one + "/contacts", scope, self.add, body=Raw(TYPES, MoreContacts), answers=shown,
                problems=wrong, idempotent="natural",
            ),
        ]  # fmt: skip

    # Looking

    async def all(self, ask: Ask[None, CampaignQuery]) -> dict[str, Any]:
        """List campaigns, newest first, with their figures."""
        limit = ask.query.limit
        found = await self._office.page(limit, ask.query.before)
        rest = {"next": found[-1]["id"]} if len(found) == limit else {}
        return {"campaigns": found, **rest}

    async def show(self, ask: Ask[None, None]) -> Answer:
        """Show a campaign with its figures."""
        return await self._shown(_id(ask))

    async def contacts(self, ask: Ask[None, ContactQuery]) -> web.StreamResponse | dict[str, Any]:
        """List contacts of a campaign.

        With `format=csv`, or the header `Accept: text/csv`, all of them come as a file.
        """
        key, query = _id(ask), ask.query
        _one_of("result", query.result, RESULTS)
        await self._office.get(key)
        if query.format == "csv" or "text/csv" in ask.request.headers.get("Accept", ""):
            return await self._export(ask.request, key, query.state, query.result)
        found = await self._office.contacts(key, query.limit, query.after, query.state, query.result)
        rest = {"next": found[-1].id} if len(found) == query.limit else {}
        return {"contacts": [_contact(contact) for contact in found], **rest}

    async def _export(
        self, request: web.Request, key: int, state: str | None, result: str | None
    ) -> web.StreamResponse:
        """All of them, page by page; the columns are those of the first page."""
        page = await self._office.contacts(key, MAX_PAGE, 0, state, result)
        names = list(dict.fromkeys(name for contact in page for name in contact.variables))
        answer = web.StreamResponse(headers={"Content-Type": "text/csv; charset=utf-8"})
        answer.headers["Content-Disposition"] = f'attachment; filename="campaign-{key}.csv"'
        await answer.prepare(request)
        await answer.write(_csv([["number", *map(_safe, names), "state", "result", "attempts", "changed_at"]]))
        while page:
            await answer.write(_csv([_row(contact, names) for contact in page]))
            page = await self._office.contacts(key, MAX_PAGE, page[-1].id, state, result)
        await answer.write_eof()
        return answer

    # Making

    async def make(self, ask: Ask[None, None]) -> Answer:
        """Make a campaign.

        Its contacts come as JSON, or as CSV; then the rest stands in the query. 201, or 200 where the same request has
        made it.
        """
        request, key = ask.request, ask.key
        with _spooled() as file:
            await _receive(request, file)
            values, audience = await _read(request, file, KEYS)
            flow = values.get("flow")
            if not isinstance(flow, str):
                raise ProblemError(422, "flow is missing" if flow is None else "flow must be text")
            name = values.get("name", "")
            if not isinstance(name, str) or len(name) > 128:
                raise ProblemError(422, "name must be text of at most 128 characters")
            options = read_options({name: values[name] for name in OPTIONS if values.get(name) is not None})
            begin = _flag(values, "start", audience is not None)
            campaign, fresh = await self._office.make(Wish(flow=flow, name=name, options=options, key=key))
            if not fresh and campaign.state != "draft":
                return await self._shown(campaign.id)
            loaded: dict[str, Any] = {}
            if audience is not None:
                try:
                    result = await self._load(campaign.id, audience)
                    if not (result.new or result.duplicates):
                        raise ProblemError(422, "the audience has no contacts", faults=_faults(result))
                except (ProblemError, AudienceError):
                    if fresh:
                        await self._office.delete(campaign.id)
                    raise
                loaded = {"loaded": _loaded(result)}
        if begin:
            await self._office.start(campaign.id)
        return await self._shown(campaign.id, 201 if fresh else 200, **loaded)

    async def add(self, ask: Ask[None, None]) -> Answer:
        """Add contacts to a campaign, as JSON or CSV."""
        request, key = ask.request, _id(ask)
        with _spooled() as file:
            await _receive(request, file)
            _, audience = await _read(request, file, ("contacts", "strict"))
            if audience is None:
                raise ProblemError(422, "contacts is missing")
            result = await self._load(key, audience)
        return await self._shown(key, loaded=_loaded(result))

    async def _load(self, key: int, audience: _Audience) -> Result:
        result = await self._office.load(key, audience.rows if audience.strict else None, audience.rows)
        if audience.strict and result.bad:
            raise ProblemError(422, f"{result.bad} rows are no contacts: nobody was added", faults=_faults(result))
        return result

    # Doing

    async def start(self, ask: Ask[None, None]) -> Answer:
        """Begin a campaign, or go on with it."""
        return await self._shown((await self._office.start(_id(ask))).id)

    async def pause(self, ask: Ask[None, None]) -> Answer:
        """Make no new calls of a campaign for now."""
        return await self._shown((await self._office.pause(_id(ask))).id)

    async def cancel(self, ask: Ask[None, None]) -> Answer:
        """Make no new calls of a campaign for ever."""
        return await self._shown((await self._office.cancel(_id(ask))).id)

    async def retry(self, ask: Ask[Retry, None]) -> Answer:
        """Call contacts of a campaign again."""
        campaign, count = await self._office.retry(_id(ask), ask.body.results)
        return await self._shown(campaign.id, put_back=count)

    async def delete(self, ask: Ask[None, None]) -> None:
        """Forget a campaign that is over, with its contacts."""
        await self._office.delete(_id(ask))

    async def _shown(self, key: int, status: int = 200, **more: Any) -> Answer:
        return Answer({**await self._office.shown(await self._office.get(key)), **more}, status)


# Requests


@contextmanager
def _spooled() -> Iterator[IO[bytes]]:
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        yield file


def _is_csv(request: web.Request) -> bool:
    return request.content_type in ("text/csv", "application/csv")


async def _receive(request: web.Request, file: IO[bytes]) -> None:
    """The body, on disk if it is large."""
    limit, size = MAX_AUDIENCE_BYTES if _is_csv(request) else MAX_JSON_BYTES, 0
    async for chunk in request.content.iter_chunked(CHUNK):
        size += len(chunk)
        if size > limit:
            raise ProblemError(413, f"the body is too large: at most {limit // 2**20} MiB")
        file.write(chunk)
    file.seek(0)


async def _read(
    request: web.Request, file: IO[bytes], keys: Collection[str]
) -> tuple[Mapping[str, Any], _Audience | None]:
    """What a request says, and its contacts."""
    if _is_csv(request):
        values: dict[str, Any] = dict(request.query)
        if unknown := sorted(values.keys() - set(keys) - {"contacts"}):
            raise ProblemError(422, f"unknown parameter {unknown[0][:50]!r}, expected {', '.join(keys)}")

        def rows() -> Iterator[Contact | BadRow]:
            file.seek(0)
            # Closing the text would close the file, which may be gone through again.
            return read_file(io.BufferedReader(_Kept(file)), request.charset)

        return values, _Audience(rows, _flag(values, "strict", False))
    values = await asyncio.to_thread(lambda: parse_object(file.read(), keys))
    records = values.get("contacts")
    if records is None:
        return values, None
    if not isinstance(records, list):
        raise ProblemError(422, "contacts must be a list of objects")
    return values, _Audience(lambda: read_records(records), _flag(values, "strict", False))


class _Kept(io.RawIOBase):
    """A file that stays open when its reader is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _flag(values: Mapping[str, Any], name: str, default: bool) -> bool:
    value = values.get(name, default)
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ProblemError(422, f"{name} must be true or false")


def _id(ask: Ask[Any, Any]) -> int:
    return int(ask.path["id"])


def _one_of(name: str, text: str | None, words: Collection[str]) -> None:
    if text is not None and text not in words:
        raise refusal(name, "not one of the values allowed", found=text[:50], expected=", ".join(words))


# Answers


def _loaded(result: Result) -> dict[str, Any]:
    return {
        "rows": result.rows,
        "new": result.new,
        "duplicates": result.duplicates,
        "do_not_contact": result.blocked,
        "bad_rows": result.bad,
        "faults": _faults(result),
    }


def _faults(result: Result) -> list[str]:
    return [str(fault) for fault in result.faults]


def _contact(contact: StoredContact) -> dict[str, Any]:
    names = ("id", "number", "variables", "state", "result", "attempts", "changed_at")
    return {name: getattr(contact, name) for name in names}


def _row(contact: StoredContact, names: list[str]) -> list[Any]:
    values = [contact.variables.get(name, "") for name in names]
    shown = [_safe(json.dumps(value) if isinstance(value, (dict, list)) else value) for value in values]
    return [contact.number, *shown, contact.state, contact.result or "", contact.attempts, contact.changed_at]


def _safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: what contacts brought with them is nobody's program."""
    if isinstance(value, str) and value[:1] in FORMULA and not _FIGURE.fullmatch(value):
        return f"'{value}"
    return value


def _csv(rows: list[list[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
