"""The part of Twilio's REST interface that bots and applications need: the calls that they have, and their recordings.

An account is one of `applications` that speaks TwiML, or one of `ai_agents` with an auth token; it reaches the calls
that it has at the moment, and no others. Errors have the shape that Twilio's clients read.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Protocol

from aiohttp import web

from ivr.api.control import CallControl
from ivr.api.endpoints import Ask, Endpoint, File, Raw
from ivr.api.recordings import KINDS, file_of
from ivr.call.desks import Desks
from ivr.call.flowcall import FlowCall
from ivr.call.moving import NoGoalError, document_flow
from ivr.flow.twiml import call_id, call_sid, recording_id
from ivr.settings import Settings
from ivr.store import RecordingRecord

__all__ = ["Recordings", "TwilioRoutes"]

BASE = "/2010-04-01/Accounts/{account:AC[0-9a-f]{32}}"
FORM = ("application/x-www-form-urlencoded",)
MAX_DOCUMENT = 64 * 1024
MAX_URL = 4_000
SUFFIXES = (".wav", ".json")
MORE = "https://www.twilio.com/docs/errors/"


class Recordings(Protocol):
    """Who knows recordings."""

    def __call__(self, name: str) -> RecordingRecord | None:
        """The recording of an id; blocks."""


@dataclass(frozen=True, slots=True)
class _Account:
    """Who may ask."""

    sid: str
    name: str
    """As `application` of requests: `shop`, `ai_agents/parrot`."""
    secret: str


class TwilioRoutes:
    """Handlers."""

    def __init__(self, calls: CallControl, desks: Desks, settings: Settings, recordings: Recordings) -> None:
        self._calls = calls
        self._desks = desks
        self._folder = settings.recordings
        self._recordings = recordings
        self._accounts: dict[str, list[_Account]] = {}
        """Several may have one AccountSid, each with a secret of his own or with the same one."""
        for account in _accounts(settings):
            self._accounts.setdefault(account.sid, []).append(account)

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        call = BASE + "/Calls/{sid:CA[0-9a-f]{32}}.json"
        recording = BASE + "/Recordings/{sid:RE[0-9a-f]{32}}{suffix:(?:\\.[a-z0-9]+)?}"
        shape = File("application/json", "The call, or the error, as Twilio's clients read it.")
        told = {200: shape, 400: shape, 401: shape, 404: shape}
        names = {
            "account": "AccountSid of an application or AI agent.",
            "sid": "CallSid or RecordingSid.",
            "suffix": "`.wav`, `.json` or nothing.",
        }
        return [
            Endpoint("GET", call, None, self.show, answers=told, parameters=names),
            Endpoint("POST", call, None, self.change, body=Raw(FORM), answers=told, parameters=names),
            Endpoint(
                "GET",
                recording,
                None,
                self.recording,
                answers={200: File("audio/wav"), 404: shape},
                parameters=names,
            ),
        ]

    async def show(self, ask: Ask[None, None]) -> web.Response:
        """A call of an account.

        HTTP Basic, AccountSid and auth token."""
        accounts = self._shown(ask)
        if not accounts:
            return _refused()
        found = self._call(ask, accounts)
        return _missing(ask) if found is None else web.json_response(_resource(*found))

    async def change(self, ask: Ask[None, None]) -> web.Response:
        """End a call of an account, or put a document in its place.

        HTTP Basic, AccountSid and auth token. The form has `Status=completed`, or `Url` (and `Method`), or `Twiml`."""
        accounts = self._shown(ask)
        if not accounts:
            return _refused()
        try:
            form = await ask.request.post()
        except (LookupError, ValueError):
            return _error(400, 20001, "The body is no form: its characters cannot be read")
        values = {name: value for name, value in form.items() if isinstance(value, str)}
        found = self._call(ask, accounts)
        if found is None:
            return _missing(ask)
        call, account = found
        shown = _resource(call, account)
        status, url, twiml = values.get("Status", ""), values.get("Url", ""), values.get("Twiml", "")
        if status:
            if status not in ("completed", "canceled"):
                return _error(400, 21211, "Status is completed or canceled")
            if not self._desks.ai.end_call(call):
                self._calls.instruct(call.report.id, "hang_up", {})
            return web.json_response({**shown, "status": "completed"})
        document = twiml or url
        if not document:
            return _error(400, 21218, "Status, Url or Twiml is needed")
        if len(document) > (MAX_DOCUMENT if twiml else MAX_URL) or (not twiml and "://" not in url):
            return _error(400, 21205, "Url is no URL" if not twiml else "Twiml is too long")
        if not self._desks.ai.end_call(call, twiml=twiml or None, url=None if twiml else url):
            goal = document_flow(account.name, document)
            self._calls.move(call.report.id, goal.flow, goal.entry, account.name, goal.variables)
        return web.json_response(shown)

    async def recording(self, ask: Ask[None, None]) -> web.StreamResponse:
        """A recording that an application was told of.

        Its name is known to who was told it, and cannot be guessed: no password is asked for, as at Twilio."""
        sid, suffix = ask.path["sid"], ask.path["suffix"]
        if suffix not in ("", *SUFFIXES):
            return _missing(ask)
        found = await asyncio.to_thread(self._recording, ask.path["account"], sid)
        if found is None or found.deleted_at is not None:
            return _missing(ask)
        if suffix == ".json":
            return web.json_response(
                {
                    "sid": sid,
                    "account_sid": ask.path["account"],
                    "call_sid": call_sid(found.call_id),
                    "duration": str(round(found.seconds or 0.0)),
                    "status": "completed",
                    "channels": 1 if found.kind == "voicemail" else 2,
                    "date_created": formatdate(found.started_at),
                    "uri": ask.request.path,
                }
            )
        path = await asyncio.to_thread(file_of, found, self._folder)
        if path is None:
            return _missing(ask)
        headers = {"Content-Type": KINDS.get(path.suffix, "audio/basic"), "X-Content-Type-Options": "nosniff"}
        return web.FileResponse(path, headers=headers)

    # Who asks for what

    def _recording(self, account: str, sid: str) -> RecordingRecord | None:
        secrets = {one.secret for one in self._accounts.get(account, ())}
        return next(filter(None, (self._recordings(recording_id(sid, secret)) for secret in secrets)), None)

    def _shown(self, ask: Ask[Any, None]) -> list[_Account]:
        """Those of an AccountSid whose secret is shown."""
        kind, _, text = ask.request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return []
        try:
            user, _, word = base64.b64decode(text.strip(), validate=True).decode().partition(":")
        except (ValueError, binascii.Error):
            return []
        sid, given = ask.path["account"], _hash(word)
        # As long for an account that is not there as for one that is.
        known = self._accounts.get(sid) or [_Account("", "", "none")]
        same = [account for account in known if hmac.compare_digest(given, _hash(account.secret))]
        return [account for account in same if user == account.sid == sid]

    def _call(self, ask: Ask[Any, None], accounts: Sequence[_Account]) -> tuple[FlowCall, _Account] | None:
        """The call, and which of these has it now; None where none has."""
        name = call_id(ask.path["sid"])
        try:
            call = self._calls.find(name) if name is not None else None
        except NoGoalError:
            return None
        if call is None:
            return None
        agent, had = self._desks.ai.agent_of(call), self._desks.applications.credentials(call)
        for account in accounts:
            if agent is not None and account.name == f"ai_agents/{agent}":
                return call, account
            if had is not None and (had[0], had[1].get_secret_value()) == (account.sid, account.secret):
                return call, account
        return None


def _accounts(settings: Settings) -> list[_Account]:
    found = [
        _Account(application.account_sid(name), name, application.secret.get_secret_value())
        for name, application in settings.applications.items()
        if application.protocol == "twiml"
    ]
    found += [
        _Account(agent.account_sid(name), f"ai_agents/{name}", agent.auth_token.get_secret_value())
        for name, agent in settings.ai_agents.items()
        if agent.auth_token is not None
    ]
    return found


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _resource(call: FlowCall, account: _Account) -> dict[str, Any]:
    info, sid = call.machine.call, call_sid(call.report.id)
    inbound = info.direction == "inbound"
    started = formatdate(info.started_at.timestamp())
    return {
        "sid": sid,
        "account_sid": account.sid,
        "parent_call_sid": None,
        "from": info.from_,
        "from_formatted": info.from_,
        "to": info.to,
        "to_formatted": info.to,
        "status": "in-progress" if call.report.progress() == "answered" else "ringing",
        "direction": "inbound" if inbound else "outbound-api",
        "start_time": started,
        "end_time": None,
        "duration": None,
        "date_created": started,
        "date_updated": started,
        "answered_by": None,
        "api_version": "2010-04-01",
        "caller_name": "",
        "forwarded_from": None,
        "group_sid": None,
        "phone_number_sid": "",
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"/2010-04-01/Accounts/{account.sid}/Calls/{sid}.json",
        "subresource_uris": {},
    }


def _refused() -> web.Response:
    headers = {"WWW-Authenticate": 'Basic realm="ivr"'}
    return _error(401, 20003, "Authenticate: AccountSid and auth token", headers)


def _missing(ask: Ask[Any, None]) -> web.Response:
    return _error(404, 20404, f"The requested resource {ask.request.path} was not found")


def _error(status: int, code: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"code": code, "message": text, "more_info": f"{MORE}{code}", "status": status}
    return web.json_response(body, status=status, headers=headers)
