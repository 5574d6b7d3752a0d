"""The part of Twilio's REST interface that bots and applications need: calls and their recordings.

An account (:mod:`ivr.api.twilio_accounts`) changes the calls that it has at the moment, and those that it has placed;
it sees those that it had, too, and no others. Errors have the shape that Twilio's clients read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from ivr.api.control import CallControl
from ivr.api.endpoints import Ask, Endpoint, File, Raw
from ivr.api.guard import Guard
from ivr.api.placing import CallPlacer
from ivr.api.recordings import KINDS, file_of
from ivr.api.tracing import asks_as
from ivr.api.twilio_accounts import Account, Accounts, belongs, named
from ivr.api.twilio_placing import FormError, document_of, wanted_call
from ivr.api.twilio_shapes import CallFilter, call_shape, error, page_of, recording_shape
from ivr.call.desks import Desks
from ivr.call.moving import document_flow
from ivr.errors import IvrError
from ivr.flow.twiml import call_id, recording_id
from ivr.handoff.callstatus import CallStatuses
from ivr.settings import Settings
from ivr.store import CallRecord, RecordingRecord

__all__ = ["Records", "TwilioRoutes"]

BASE = "/2010-04-01/Accounts/{account:AC[0-9a-f]{32}}"
FORM = ("application/x-www-form-urlencoded",)
SUFFIXES = (".wav", ".json")
READ, CHANGE, PLACE = "calls:read", "calls:control", "calls"
"""Scopes of tokens."""
SCANNED, ROWS = 5_000, 100
"""Records that one page is looked for in, and of those that name an account how many are read at once."""
TOO_MANY = 20429
"""Twilio's number for what there is no room for now."""


class Records(Protocol):
    """Who knows calls that are over, and recordings (:class:`ivr.store.RecordReader`). Every method blocks."""

    def far_below(
        self, before: int | None, among: int, *, since: float | None = None, until: float | None = None
    ) -> int | None:
        """The lowest short id of so many calls of a time, the newest below one; None where there are not as many."""

    def calls_naming(
        self,
        names: Iterable[tuple[str, str]],
        *,
        limit: int,
        before: int | None = None,
        least: int | None = None,
        since: float | None = None,
        until: float | None = None,
        caller: str | None = None,
        called: str | None = None,
    ) -> list[CallRecord]:
        """Calls that are over in which one of these pairs of key and text stands, newest first."""

    def recordings(self, call_id: str | None = None) -> list[RecordingRecord]:
        """Recordings of a call."""

    def recording(self, name: str) -> RecordingRecord | None:
        """The recording of an id."""


class TwilioRoutes:
    """Handlers."""

    def __init__(
        self,
        calls: CallControl,
        desks: Desks,
        settings: Settings,
        records: Records,
        *,
        kept: Callable[[str], Awaitable[Mapping[str, Any] | None]],
        placer: CallPlacer,
        statuses: CallStatuses,
        guard: Guard | None = None,
    ) -> None:
        """`kept` finds a call that is not up, by its id; `statuses` tells how calls fare that are placed; `guard` knows
        the tokens that may stand for passwords."""
        self._calls = calls
        self._desks = desks
        self._folder = settings.recordings
        self._records = records
        self._kept = kept
        self._placer = placer
        self._statuses = statuses
        self._accounts = Accounts(settings, guard)
        self._scan = asyncio.Lock()
        """One list is made at a time: calls go on beside it."""

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        calls, call = f"{BASE}/Calls.json", BASE + "/Calls/{sid:CA[0-9a-f]{32}}.json"
        recordings = BASE + "/Calls/{sid:CA[0-9a-f]{32}}/Recordings.json"
        recording = BASE + "/Recordings/{sid:RE[0-9a-f]{32}}{suffix:(?:\\.[a-z0-9]+)?}"
        shape = File("application/json", "What was asked for, or the error, as Twilio's clients read it.")
        told = {200: shape, 400: shape, 401: shape, 404: shape}
        names = {
            "account": "AccountSid of an application or AI agent.",
            "sid": "CallSid or RecordingSid.",
            "suffix": "`.wav`, `.json` or nothing.",
        }
        placed = {201: shape, 400: shape, 401: shape, 429: shape}

        def get(path: str, handler: Any, answers: Any) -> Endpoint:
            return Endpoint("GET", path, None, handler, answers=answers, parameters=names)

        return [
            Endpoint("POST", calls, None, self.create, body=Raw(FORM), answers=placed, parameters=names),
            get(calls, self.all, {200: shape, 400: shape, 401: shape}),
            get(call, self.show, told),
            Endpoint("POST", call, None, self.change, body=Raw(FORM), answers=told, parameters=names),
            get(recordings, self.of_call, told),
            get(recording, self.recording, {200: File("audio/wav"), 404: shape}),
        ]

    # Calls

    async def create(self, ask: Ask[None, None]) -> web.Response:
        """Have somebody called, and run a document when he answers.

        HTTP Basic: AccountSid, and its auth token or an API token with the scope `calls`. The form has `To`, `Url`
        (with `Method`, `FallbackUrl`) or `Twiml`, and may have `From`, `Timeout` (60), `SendDigits`, `Record`,
        `MachineDetection` (`Enable`, `DetectMessageEnd`), `StatusCallback`, `StatusCallbackEvent`,
        `StatusCallbackMethod`. The do-not-contact list, `outbound_policy` and the limits hold."""
        accounts = await self._shown(ask, PLACE)
        if not accounts:
            return _refused()
        account = accounts[0]
        try:
            form, events = await _form(ask)
            wanted = wanted_call(form, account, events)
        except FormError as fault:
            return error(400, fault.code, str(fault))
        try:
            name, _ = await self._placer.place(wanted.call)
        except IvrError as fault:
            if fault.retryable:
                return error(429, TOO_MANY, str(fault))
            return error(400, 21218, str(fault))
        if wanted.status is not None:
            self._statuses.watch(name, wanted.status)
        asked = {"id": name, "state": "waiting", "called": wanted.called_as, "caller": wanted.call.fields.get("from")}
        found = self._calls.trace(name) or await self._kept(name) or {}
        return web.json_response(call_shape({"direction": "outbound", **found, **asked}, account.sid), status=201)

    async def all(self, ask: Ask[None, None]) -> web.Response:
        """List the calls of an account, the newest first, in pages.

        HTTP Basic. The query may have `To`, `From`, `Status`, `StartTime`, `EndTime` (also with `<` and `>` behind
        the name), `PageSize` (50)."""
        accounts = await self._shown(ask, READ)
        if not accounts:
            return _refused()
        try:
            wanted = CallFilter.of(ask.request.query)
        except ValueError as fault:
            return error(400, 20001, str(fault))

        def ours(record: Mapping[str, Any]) -> bool:
            return wanted.takes(record) and any(belongs(record, account) for account in accounts)

        live = [found for row in self._calls.live() if (found := self._calls.trace(row["id"])) is not None]
        up = {str(record["id"]) for record in live}
        async with self._scan:
            over, looked_to = await asyncio.to_thread(self._over, wanted, accounts, ours, up)
        rows = sorted([*filter(ours, live), *over], key=lambda record: int(record["short_id"]), reverse=True)
        page, sid = rows[: wanted.size], accounts[0].sid
        token = int(page[-1]["short_id"]) if len(rows) > wanted.size else looked_to
        shown = [call_shape(record, sid) for record in page]
        return web.json_response(page_of("calls", shown, ask.request.path, wanted, token))

    def _over(
        self,
        wanted: CallFilter,
        accounts: Sequence[Account],
        ours: Callable[[Mapping[str, Any]], bool],
        up: set[str],
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Calls that are over, one more than a page has; and where to look further where that many records had none."""
        found: list[dict[str, Any]] = []
        names = [name for account in accounts for name in named(account)]
        before, times = wanted.before, {"since": wanted.since, "until": wanted.until}
        least = self._records.far_below(before, SCANNED, since=wanted.since, until=wanted.until)
        while True:
            rows = self._records.calls_naming(
                names, limit=ROWS, before=before, least=least, caller=wanted.from_ or None,
                called=wanted.number or None, **times,
            )  # fmt: skip
            records = ({**_fields(row), "state": "ended"} for row in rows)
            found += [record for record in records if record["id"] not in up and ours(record)]
            if len(found) > wanted.size:
                return found[: wanted.size + 1], None
            if len(rows) < ROWS:
                return found, least
            before = rows[-1].short_id

    async def show(self, ask: Ask[None, None]) -> web.Response:
        """A call of an account, in progress or over.

        HTTP Basic."""
        accounts = await self._shown(ask, READ)
        if not accounts:
            return _refused()
        found = await self._seen(ask, accounts)
        return _missing(ask) if found is None else web.json_response(call_shape(found[0], found[1].sid))

    async def change(self, ask: Ask[None, None]) -> web.Response:
        """End a call of an account, or put a document in its place.

        HTTP Basic. The form has `Status=completed` (or `canceled`), or `Url` (and `Method`), or `Twiml`."""
        accounts = await self._shown(ask, CHANGE)
        if not accounts:
            return _refused()
        try:
            form, _ = await _form(ask)
            document, method = document_of(form)
        except FormError as fault:
            return error(400, fault.code, str(fault))
        found = await self._had(ask, accounts)
        if found is None:
            return _missing(ask)
        record, account = found
        shown = call_shape(record, account.sid)
        status = form.get("Status", "")
        if status:
            if status not in ("completed", "canceled"):
                return error(400, 21211, "Status is completed or canceled")
            call = self._calls.find(record["id"])
            if not self._desks.ai.end_call(call):
                self._calls.instruct(call.report.id, "hang_up", {})
            ended = "completed" if record["state"] == "answered" else "canceled"
            return web.json_response({**shown, "status": ended})
        if not document:
            return error(400, 21218, "Status, Url or Twiml is needed")
        call = self._calls.find(record["id"])
        is_document = "<" in document
        if not self._desks.ai.end_call(
            call, twiml=document if is_document else None, url=None if is_document else document
        ):
            goal = document_flow(account.name, document, method)
            try:
                self._calls.move(call.report.id, goal.flow, goal.entry, account.name, goal.variables)
            except IvrError as fault:  # nobody has answered yet
                return error(400, 21220, str(fault))
        return web.json_response(shown)

    # Recordings

    async def of_call(self, ask: Ask[None, None]) -> web.Response:
        """Recordings of a call of an account.

        HTTP Basic."""
        accounts = await self._shown(ask, READ)
        if not accounts:
            return _refused()
        found = await self._seen(ask, accounts)
        if found is None:
            return _missing(ask)
        record, account = found
        rows = await asyncio.to_thread(self._records.recordings, record["id"])
        shown = [recording_shape(row, account.sid, account.secret) for row in rows if row.deleted_at is None]
        return web.json_response(page_of("recordings", shown, ask.request.path, CallFilter(), None))

    async def recording(self, ask: Ask[None, None]) -> web.StreamResponse:
        """A recording that an application was told of.

        Its name is known to who was told it, and cannot be guessed: no password is asked for, as at Twilio."""
        sid, suffix, account = ask.path["sid"], ask.path["suffix"], ask.path["account"]
        if suffix not in ("", *SUFFIXES):
            return _missing(ask)
        found = await asyncio.to_thread(self._recording, account, sid)
        if found is None or found[0].deleted_at is not None:
            return _missing(ask)
        if suffix == ".json":
            return web.json_response(recording_shape(found[0], account, found[1]))
        path = await asyncio.to_thread(file_of, found[0], self._folder)
        if path is None:
            return _missing(ask)
        headers = {"Content-Type": KINDS.get(path.suffix, "audio/basic"), "X-Content-Type-Options": "nosniff"}
        return web.FileResponse(path, headers=headers)

    def _recording(self, account: str, sid: str) -> tuple[RecordingRecord, str] | None:
        for secret in {one.secret for one in self._accounts.of(account)}:
            found = self._records.recording(recording_id(sid, secret))
            if found is not None:
                return found, secret
        return None

    # Who asks for what

    async def _shown(self, ask: Ask[Any, None], scope: str) -> list[Account]:
        """Accounts of whoever asks; empty: he may not."""
        header = ask.request.headers.get("Authorization", "")
        found = await self._accounts.shown(header, ask.path["account"], scope)
        if found:
            asks_as(ask.request, f"the account of {' and '.join(one.name for one in found)}")
        return found

    async def _seen(self, ask: Ask[Any, None], accounts: Sequence[Account]) -> tuple[Mapping[str, Any], Account] | None:
        """A call that one of these has, has placed, or had."""
        found = await self._had(ask, accounts)
        name = call_id(ask.path["sid"])
        if found is not None or name is None:
            return found
        record = self._calls.trace(name) or await self._kept(name)
        account = next((one for one in accounts if record is not None and belongs(record, one)), None)
        return None if record is None or account is None else (record, account)

    async def _had(self, ask: Ask[Any, None], accounts: Sequence[Account]) -> tuple[Mapping[str, Any], Account] | None:
        """A call in progress that one of these has now, or has placed, and which one."""
        name = call_id(ask.path["sid"])
        record = None if name is None else self._calls.trace(name)
        if record is None:
            return None
        call = self._calls.find(record["id"])
        agent, had = self._desks.ai.agent_of(call), self._desks.applications.credentials(call)
        for account in accounts:
            if agent is not None and account.name == f"ai_agents/{agent}":
                return record, account
            if had is not None and (had[0], had[1].get_secret_value()) == (account.sid, account.secret):
                return record, account
            if record["details"].get("application") == account.name:
                return record, account
        return None


async def _form(ask: Ask[Any, None]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The form of a request, and all values of StatusCallbackEvent in it. FormError."""
    try:
        form = await ask.request.post()
    except (LookupError, ValueError):
        raise FormError(20001, "The body is no form: its characters cannot be read") from None
    values = {name: value for name, value in form.items() if isinstance(value, str)}
    events = form.getall("StatusCallbackEvent", [])
    return values, tuple(value for value in events if isinstance(value, str))


def _fields(record: CallRecord) -> dict[str, Any]:
    """The fields of a record, not copied: most records are looked at and left."""
    return {name: getattr(record, name) for name in CallRecord.__slots__}


def _refused() -> web.Response:
    headers = {"WWW-Authenticate": 'Basic realm="ivr"'}
    return error(401, 20003, "Authenticate: AccountSid and auth token", headers)


def _missing(ask: Ask[Any, None]) -> web.Response:
    return error(404, 20404, f"The requested resource {ask.request.path} was not found")
