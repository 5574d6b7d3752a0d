"""What a flow sent outside its call, in the trace: entered when it is sent, completed when the answer comes.

An answer may come long after the element that asked for it, or after the call: its entry is completed all the same.
What a replay needs of it is kept (status, the body, headers that are read), unless something sensitive is made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from ivr.flow.ports import MailDone, Request, RequestDone, SendMail

__all__ = ["Exchanges", "shown_document", "shown_url"]

OPEN = 32
"""Exchanges whose end is awaited for the trace; beyond it the oldest stays without."""

URL_IN_TRACE = 300
"""Characters of a URL that the trace keeps."""

BODY_IN_TRACE = 8 * 1024
"""Characters of one answer, as JSON, that the trace keeps: what values are read from is smaller."""

BODIES_IN_TRACE = 64 * 1024
"""Characters of all answers of one call."""

HEADER_IN_TRACE = 500
"""Characters of a header that a value was read from."""

HIDDEN = "(sensitive)"

_SECRET_VALUE = re.compile(
    r"([?&;][^=&;#]*(?:auth|code|credential|key|pass|pin|pwd|secret|session|sig|token)[^=&;#]*=)[^&;#]*", re.IGNORECASE
)
"""A parameter of a query that is called like a secret."""


def shown_url(url: str, secret: bool) -> str:
    """A URL as traces have it: nothing of a secret one, and never a user and password, nor a parameter called so."""
    if secret:
        return HIDDEN
    url = _SECRET_VALUE.sub(r"\1xxxx", url)
    scheme, separator, rest = url.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        rest = host.rpartition("@")[2] + slash + path
        return f"{scheme}://{rest}"[:URL_IN_TRACE]
    return url[:URL_IN_TRACE]


def shown_document(document: str) -> str:
    """A TwiML document, or the URL of one, as traces have it; one that is too long is cut, and so is none any more."""
    return document[:BODY_IN_TRACE] if "<" in document else shown_url(document, False)


class Exchanges:
    """The exchanges of one call that are under way."""

    __slots__ = ("_open", "_room")

    def __init__(self) -> None:
        self._open: dict[int, tuple[dict[str, Any], Collection[str] | None]] = {}
        self._room = BODIES_IN_TRACE

    def sent(
        self, command: Request | SendMail, at: float, details: dict[str, Any], kept: Collection[str] | None = None
    ) -> None:
        """Enter a request or a mail in the details of its step; `at` is in seconds since the call began.

        `kept` names the headers of the answer that are kept with its body; None: nothing of either is.
        """
        entry: dict[str, Any]
        if isinstance(command, Request):
            entry = {"method": command.method, "url": shown_url(command.url, command.secret), "at": at}
            if command.connector is not None:
                entry["connector"] = command.connector
            details.setdefault("requests", []).append(entry)
        else:
            entry = {"at": at}
            if not command.secret:
                entry["subject"] = command.subject
            details.setdefault("mails", []).append(entry)
        if len(self._open) >= OPEN:
            del self._open[next(iter(self._open))]
        secret = command.secret or kept is None
        self._open[command.id] = entry, None if secret else kept

    def done(self, event: RequestDone | MailDone) -> None:
        """Complete the entry of an exchange."""
        found = self._open.pop(event.id, None)
        if found is None:
            return
        entry, kept = found
        if isinstance(event, RequestDone):
            entry["status"] = event.status
            entry["elapsed"] = round(event.elapsed, 3)
            if event.text:
                entry["text"] = event.text
            if kept is not None:
                self._keep(event, entry, kept)
        if event.error is not None:
            entry["error"] = event.error

    def _keep(self, event: RequestDone, entry: dict[str, Any], kept: Collection[str]) -> None:
        """Keep what values are read from."""
        headers = {name: event.headers[name][:HEADER_IN_TRACE] for name in kept if name in event.headers}
        if headers:
            entry["headers"] = headers
        if event.body is None:
            return
        try:
            size = len(json.dumps(event.body))
        except (TypeError, ValueError, RecursionError):
            size = BODY_IN_TRACE + 1
        if size > BODY_IN_TRACE or size > self._room:
            entry["body_cut"] = True
        else:
            self._room -= size
            entry["body"] = event.body

    @property
    def settled(self) -> bool:
        """No answer is awaited."""
        return not self._open
