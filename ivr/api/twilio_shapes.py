"""Calls and recordings as clients of Twilio's REST interface read them, pages of them, and what pages are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from ivr.flow.twiml import call_sid, recording_sid, stamp
from ivr.flow.values import plain_number
from ivr.store import CALLED_AS, RecordingRecord

__all__ = ["CallFilter", "base_of", "call_shape", "error", "page_of", "recording_shape", "status_of"]

API = "2010-04-01"
MORE = "https://www.twilio.com/docs/errors/"
PAGE, MAX_PAGE = 50, 1_000
"""Calls of one page: where nothing is said, and at most."""
OUTCOMES = {"busy": "busy", "declined": "busy", "no_answer": "no-answer"}
"""Status of calls that were placed and not answered, by the outcome of the last attempt; others are `failed`."""
LIVE = {"waiting": "queued", "dialling": "queued", "ringing": "ringing", "answered": "in-progress"}
BUSY = 486


def base_of(account: str) -> str:
    """Path of an account."""
    return f"/{API}/Accounts/{account}"


def error(status: int, code: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as Twilio's clients read it."""
    body = {"code": code, "message": text, "more_info": f"{MORE}{code}", "status": status}
    return web.json_response(body, status=status, headers=headers)


def status_of(record: Mapping[str, Any]) -> str:
    """CallStatus of a call, as `GET /v1/calls/{id}` shows it."""
    state = str(record.get("state") or "ended")
    if state != "ended":
        return LIVE.get(state, "queued")
    if record.get("answered_at") is not None:
        return "completed"
    if record.get("cause") == "ended_by_api":
        return "canceled"
    if record.get("direction") == "outbound":
        attempts = (record.get("details") or {}).get("attempts") or [{}]
        return OUTCOMES.get(str(attempts[-1].get("outcome")), "failed")
    if record.get("cause") == "user_hung_up":
        return "canceled"
    return "busy" if record.get("sip_status") == BUSY else "no-answer"


def call_shape(record: Mapping[str, Any], account: str) -> dict[str, Any]:
    """A call."""
    sid, over = call_sid(str(record["id"])), str(record.get("state") or "ended") == "ended"
    caller, called = str(record.get("caller") or ""), _called(record)
    started, answered, ended = (record.get(f"{name}_at") for name in ("started", "answered", "ended"))
    base = f"{base_of(account)}/Calls/{sid}"
    duration = None
    if over:
        duration = str(round(ended - answered)) if ended is not None and answered is not None else "0"
    return {
        "sid": sid,
        "account_sid": account,
        "parent_call_sid": None,
        "from": caller,
        "from_formatted": caller,
        "to": called,
        "to_formatted": called,
        "status": status_of(record),
        "direction": "inbound" if record.get("direction") == "inbound" else "outbound-api",
        "start_time": _date(started),
        "end_time": _date(ended),
        "duration": duration,
        "date_created": _date(started),
        "date_updated": _date(ended or answered or started),
        "answered_by": None,
        "annotation": None,
        "api_version": API,
        "caller_name": "",
        "forwarded_from": None,
        "group_sid": None,
        "phone_number_sid": "",
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"{base}.json",
        "subresource_uris": {"recordings": f"{base}/Recordings.json"},
    }


def _called(record: Mapping[str, Any]) -> str:
    """Whom a call was for, as its client asked for it."""
    return str((record.get("details") or {}).get(CALLED_AS) or record.get("called") or "")


def recording_shape(found: RecordingRecord, account: str, secret: str) -> dict[str, Any]:
    """A recording of the account with a secret."""
    sid = recording_sid(found.id, secret)
    return {
        "sid": sid,
        "account_sid": account,
        "call_sid": call_sid(found.call_id),
        "conference_sid": None,
        "duration": str(round(found.seconds or 0.0)),
        "status": "completed" if found.seconds is not None else "in-progress",
        "channels": 1 if found.kind == "voicemail" else 2,
        "source": "RecordVerb" if found.kind == "voicemail" else "DialVerb",
        "start_time": _date(found.started_at),
        "date_created": _date(found.started_at),
        "date_updated": _date(found.started_at),
        "price": None,
        "price_unit": "USD",
        "error_code": None,
        "encryption_details": None,
        "api_version": API,
        "uri": f"{base_of(account)}/Recordings/{sid}.json",
        "media_url": f"{base_of(account)}/Recordings/{sid}",
        "subresource_uris": {},
    }


def _date(at: float | None) -> str | None:
    """As clients parse it."""
    return None if at is None else stamp(at)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls, and which page of them."""

    to: str = ""
    from_: str = ""
    status: str = ""
    parent: bool = False
    """Calls that another one has placed: none is in the list, they are parts of that one."""
    since: float | None = None
    """Begun at or after, seconds since the epoch."""
    until: float | None = None
    """Begun before."""
    ended_since: float | None = None
    ended_until: float | None = None
    size: int = PAGE
    page: int = 0
    before: int | None = None
    """Short id of the last call of the page before."""
    query: tuple[tuple[str, str], ...] = ()
    """What was asked, without the page."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> CallFilter:
        """What a query asks for; ValueError, as a sentence, where it cannot be."""
        since, until = _span(query, "StartTime")
        ended_since, ended_until = _span(query, "EndTime")
        return cls(
            plain_number(query.get("To", "").strip()),
            plain_number(query.get("From", "").strip()),
            query.get("Status", "").strip(),
            "ParentCallSid" in query,
            since,
            until,
            ended_since,
            ended_until,
            _whole(query, "PageSize", PAGE, 1, MAX_PAGE),
            _whole(query, "Page", 0, 0, 2**31),
            _whole(query, "PageToken", 1, 1, 2**62) if query.get("PageToken") else None,
            tuple((name, value) for name, value in query.items() if name not in ("Page", "PageToken")),
        )

    @property
    def number(self) -> str:
        """What records have as the number of whom `to` names; empty: of nobody alone."""
        return "" if ":" in self.to else self.to

    def takes(self, record: Mapping[str, Any]) -> bool:
        """Whether a call is one of them."""
        started, ended = record.get("started_at") or 0.0, record.get("ended_at")
        return (
            not self.parent
            and (not self.to or _called(record) == self.to)
            and (not self.from_ or record.get("caller") == self.from_)
            and (self.since is None or started >= self.since)
            and (self.until is None or started < self.until)
            and (self.ended_since is None or (ended is not None and ended >= self.ended_since))
            and (self.ended_until is None or (ended is not None and ended < self.ended_until))
            and (self.before is None or int(record.get("short_id") or 0) < self.before)
            and (not self.status or status_of(record) == self.status)
        )


def _whole(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20) or int(text) < least:
        raise ValueError(f"{name} is no number from {least} on")
    return min(int(text), most)


def _span(query: Mapping[str, str], name: str) -> tuple[float | None, float | None]:
    """A time as `name` (that day), `name>` (from then on), `name<` (until then)."""
    day = _moment(query, name)
    since, until = _moment(query, f"{name}>"), _moment(query, f"{name}<")
    if day is not None:
        begin = day.replace(hour=0, minute=0, second=0, microsecond=0)
        return begin.timestamp(), (begin + timedelta(days=1)).timestamp()
    return (None if since is None else since.timestamp()), (None if until is None else until.timestamp())


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        found + timedelta(days=1)  # the end of that day
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is no time like 2026-03-01 or 2026-03-01T08:00:00Z") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def page_of(
    key: str, rows: Sequence[Mapping[str, Any]], path: str, wanted: CallFilter, token: int | None
) -> dict[str, Any]:
    """A page; `token` leads to the next one, None: there is none."""
    first = wanted.page * wanted.size

    def uri(page: int, more: Iterable[tuple[str, str]] = ()) -> str:
        return f"{path}?{urlencode([*wanted.query, ('Page', str(page)), *more])}"

    return {
        key: list(rows),
        "page": wanted.page,
        "page_size": wanted.size,
        "start": first,
        "end": first + max(len(rows) - 1, 0),
        "uri": uri(wanted.page),
        "first_page_uri": uri(0),
        "previous_page_uri": None,
        "next_page_uri": None if token is None else uri(wanted.page + 1, [("PageToken", str(token))]),
    }
