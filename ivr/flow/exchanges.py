"""What a flow sent outside its call, in the trace: entered when it is sent, completed when the answer comes.

An answer may come long after the element that asked for it, or after the call: its entry is completed all the same.
"""

from __future__ import annotations

from typing import Any

from ivr.flow.ports import MailDone, Request, RequestDone, SendMail

__all__ = ["Exchanges", "shown_url"]

OPEN = 32
"""Exchanges whose end is awaited for the trace; beyond it the oldest stays without."""

URL_IN_TRACE = 300
"""Characters of a URL that the trace keeps."""

HIDDEN = "(sensitive)"


def shown_url(url: str, secret: bool) -> str:
    """A URL as traces have it: nothing of a secret one, and never a user and password."""
    if secret:
        return HIDDEN
    scheme, separator, rest = url.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        rest = host.rpartition("@")[2] + slash + path
        return f"{scheme}://{rest}"[:URL_IN_TRACE]
    return url[:URL_IN_TRACE]


class Exchanges:
    """The exchanges of one call that are under way."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[int, dict[str, Any]] = {}

    def sent(self, command: Request | SendMail, at: float, details: dict[str, Any]) -> None:
        """Enter a request or a mail in the details of its step; `at` is in seconds since the call began."""
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
        self._open[command.id] = entry

    def done(self, event: RequestDone | MailDone) -> None:
        """Complete the entry of an exchange."""
        entry = self._open.pop(event.id, None)
        if entry is None:
            return
        if isinstance(event, RequestDone):
            entry["status"] = event.status
            entry["elapsed"] = round(event.elapsed, 3)
            if event.text:
                entry["text"] = event.text
        if event.error is not None:
            entry["error"] = event.error

    @property
    def settled(self) -> bool:
        """No answer is awaited."""
        return not self._open
