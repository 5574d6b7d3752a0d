"""Calls that clients of Twilio's REST interface ask for: what their forms mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast, get_args
from urllib.parse import urlsplit

from ivr.api.twilio_accounts import Account
from ivr.call.contacts import Wanted
from ivr.flow.values import plain_number
from ivr.handoff.callstatus import StatusWish
from ivr.settings import StatusEvent

__all__ = ["MAX_DOCUMENT", "FormError", "document_of", "wanted_call"]

MAX_DOCUMENT = 64 * 1024
MAX_URL = 4_000
MAX_RINGING, RINGING = 180.0, 60.0
"""Seconds, at most and where nothing is said."""
VALIDITY = 1.0
"""Seconds in which a call that failed by a fault of ours is tried again: who asks for one call gets one."""

_NUMBER = re.compile(r"\+?[0-9*#]{1,40}", re.ASCII)
_SIP = re.compile(r"sips?:[^\s<>\"{}]{1,250}", re.ASCII)
_CLIENT = re.compile(r"client:([A-Za-z0-9._@+-]{1,64})", re.ASCII)
_FROM = re.compile(r"[0-9A-Za-z+*#._-]{1,64}", re.ASCII)
_KEYS = re.compile(r"[0-9*#A-Dw]{1,32}", re.ASCII)


class FormError(Exception):
    """A form does not hold. The text is a sentence; `code` is Twilio's number for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Placement:
    """A call that is asked for, and who hears how it fares."""

    call: Wanted
    status: StatusWish | None
    called_as: str
    """Whom, as clients know them: a number, `sip:…`, `client:200`."""


def document_of(form: Mapping[str, str]) -> tuple[str, Literal["GET", "POST"]]:
    """The document that a form names, or its URL, and how that is asked for. Empty: it names none."""
    twiml, url = form.get("Twiml", ""), form.get("Url", "").strip()
    if twiml:
        if len(twiml) > MAX_DOCUMENT or "<" not in twiml:
            raise FormError(12100, "Twiml is no document of at most 64 KiB")
        return twiml, "POST"
    if url and not _is_url(url):
        raise FormError(21205, "Url is no URL")
    return url, _method(form, "Method")


def wanted_call(form: Mapping[str, str], account: Account, events: tuple[str, ...]) -> Placement:
    """What a form asks for; `events` are all values of StatusCallbackEvent. FormError."""
    document, method = document_of(form)
    if not document:
        raise FormError(21205, "Url or Twiml is needed: applications have no Sid here")
    fallback = form.get("FallbackUrl", "").strip()
    if fallback and not _is_url(fallback):
        raise FormError(21205, "FallbackUrl is no URL")
    detection = _detection(form)
    fields: dict[str, Any] = {"ring_timeout": _timeout(form), "validity": VALIDITY}
    if caller := plain_number(form.get("From", "").strip()):
        if not _FROM.fullmatch(caller):
            raise FormError(21212, "From is no number or name of at most 64 characters")
        fields["from"] = caller
    if detection != "off":
        fields["machine_detection"] = detection
    if form.get("Record", "").strip().lower() == "true":
        fields["record_call"] = True
    run: dict[str, Any] = {"application": account.name, "method": method, "detection": detection, "placed": True}
    if fallback:
        run["fallback"] = fallback
    target, called_as = _target(form)
    if ":" in called_as:  # records have the number or the user alone
        run["to"] = called_as
    if keys := form.get("SendDigits", "").strip().replace("W", "ww"):
        if not _KEYS.fullmatch(keys):
            raise FormError(21218, "SendDigits: up to 32 of 0-9 * # A-D, w and W")
        run["keys"] = keys
    wanted = Wanted(target, properties={"document": document}, fields=fields, document=run)
    status = _status(form, account, wanted, events, called_as)
    return Placement(wanted if status is None else replace(wanted, status=asdict(status)), status, called_as)


def _target(form: Mapping[str, str]) -> tuple[str, str]:
    """Whom a form wants called: as targets of calls, and as clients know them."""
    text = form.get("To", "").strip()
    if not text:
        raise FormError(21201, "To is needed")
    if client := _CLIENT.fullmatch(text):
        return f"phone:{client[1]}", text
    if _SIP.fullmatch(text):
        return text, text
    number = plain_number(text)
    if not _NUMBER.fullmatch(number):
        raise FormError(21211, "To is no number, SIP address or client")
    return number, number


def _status(
    form: Mapping[str, str], account: Account, wanted: Wanted, events: tuple[str, ...], called_as: str
) -> StatusWish | None:
    url = form.get("StatusCallback", "").strip()
    if not url:
        return None
    if not _is_url(url):
        raise FormError(21609, "StatusCallback is no URL")
    named = tuple(name for text in events for name in text.split()) or ("completed",)
    known = get_args(StatusEvent)
    if bad := next((name for name in named if name not in known), None):
        raise FormError(21626, f"StatusCallbackEvent: {bad[:40]!r} is none of {', '.join(known)}")
    return StatusWish(
        account.name,
        account.sid,
        url,
        _method(form, "StatusCallbackMethod"),
        cast("tuple[StatusEvent, ...]", named),
        str(wanted.fields.get("from", "")),
        called_as,
    )


def _detection(form: Mapping[str, str]) -> Literal["off", "fast", "beep"]:
    match form.get("MachineDetection", "").strip():
        case "":
            return "off"
        case "Enable" | "true":
            return "fast"
        case "DetectMessageEnd":
            return "beep"
    raise FormError(21220, "MachineDetection is Enable or DetectMessageEnd")


def _timeout(form: Mapping[str, str]) -> float:
    text = form.get("Timeout", "").strip()
    if not text:
        return RINGING
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < 1:
        raise FormError(21218, "Timeout is a whole number of seconds")
    return min(float(text), MAX_RINGING)


def _method(form: Mapping[str, str], name: str) -> Literal["GET", "POST"]:
    text = form.get(name, "POST").strip().upper()
    if text not in ("GET", "POST"):
        raise FormError(21403, f"{name} is GET or POST")
    return "GET" if text == "GET" else "POST"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    return usable and len(text) <= MAX_URL and text.isprintable() and " " not in text
