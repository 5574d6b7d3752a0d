"""The world outside a simulated call: HTTP, mail, profiles, the do-not-contact list, events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ivr.flow.model import plain_number
from ivr.flow.ports import (
    DoNotContact,
    Event,
    EventArrived,
    MailDone,
    Request,
    RequestDone,
    RequestError,
    SendMail,
    UpdateProfile,
    WaitForEvent,
)
from ivr.flow.sim.agenda import Agenda, Due, cancel
from ivr.flow.sim.given import PastEvent
from ivr.flow.sim.seen import HIDDEN, Change, HappeningKind, LoggedEvent, SentMail, SentRequest, Waited
from ivr.flow.sim.stubs import Answers, HttpAnswer, MailAnswer

__all__ = ["SimulatedWorld"]

HTTP_DEFAULT = HttpAnswer()
MAIL_DEFAULT = MailAnswer()


@dataclass(slots=True)
class _Open:
    """What waits for an answer."""

    number: int
    sent: Any
    due: Due | None


class SimulatedWorld:
    """What one call asks for, and what it gets."""

    __slots__ = (
        "_agenda",
        "_delivered",
        "_feed",
        "_happens",
        "_http",
        "_mail",
        "_manual",
        "_open_mails",
        "_open_requests",
        "_waiting",
        "_wall",
        "changes",
        "dnc",
        "events",
        "mails",
        "requests",
        "waits",
    )

    def __init__(
        self,
        agenda: Agenda,
        feed: Callable[[Event], None],
        wall: Callable[[], datetime],
        http: Answers[HttpAnswer],
        mail: Answers[MailAnswer],
        delivered: Callable[[object], None],
        happens: Callable[[HappeningKind, Any], None],
        past: tuple[PastEvent, ...],
        manual: bool,
    ) -> None:
        """`wall` tells the time of day; `delivered` gets each answer that took effect, `happens` what happens."""
        self._agenda = agenda
        self._feed = feed
        self._wall = wall
        self._http = http
        self._mail = mail
        self._delivered = delivered
        self._happens = happens
        self._manual = manual
        self._open_requests: dict[int, _Open] = {}
        self._open_mails: dict[int, _Open] = {}
        self._waiting: dict[int, tuple[WaitForEvent, Waited]] = {}
        self.requests: list[SentRequest] = []
        self.mails: list[SentMail] = []
        self.changes: list[Change] = []
        self.dnc: list[Change] = []
        self.waits: list[Waited] = []
        self.events = [LoggedEvent(event.at, event.name, event.properties) for event in past]

    # HTTP

    def request(self, command: Request, element: str) -> SentRequest:
        """Send a request."""
        sent = SentRequest(
            self._agenda.now,
            element,
            command.method,
            command.url,
            dict(command.headers),
            command.body,
            command.connector,
            command.secret,
        )
        self.requests.append(sent)
        entry = self._open_requests[command.id] = _Open(command.id, sent, None)
        names = (element, command.url, f"{command.method} {command.url}", command.connector or "")
        answer = self._http.take(*names)
        if answer is None:
            if self._manual:
                return sent
            answer = HTTP_DEFAULT
        if answer.after >= command.timeout:
            entry.due = self._agenda.later(command.timeout, self._timed_out, (entry, answer, command.timeout))
        else:
            entry.due = self._agenda.later(answer.after, self._answer, (entry, answer))
        return sent

    def _answer(self, what: tuple[_Open, HttpAnswer]) -> None:
        entry, answer = what
        self._delivered(answer)
        self.respond(answer.status, answer.body, answer.headers, answer.error, entry)

    def _timed_out(self, what: tuple[_Open, HttpAnswer, float]) -> None:
        entry, answer, _ = what
        self._delivered(answer)
        self.respond(None, None, {}, "timeout", entry)

    def respond(
        self,
        status: int | None,
        body: Any,
        headers: Mapping[str, str],
        error: RequestError | None,
        entry: _Open | None = None,
    ) -> bool:
        """Answer a request, the oldest one that waits where none is named; False: none waits."""
        entry = entry or next(iter(self._open_requests.values()), None)
        if entry is None:
            return False
        del self._open_requests[entry.number]
        cancel(entry.due)
        sent: SentRequest = entry.sent
        elapsed = self._agenda.now - sent.at
        sent.status, sent.error = (status, None) if error is None else (None, error)
        self._happens("request_done", sent)
        if error is not None:
            self._feed(RequestDone(entry.number, None, {}, None, error, error, elapsed))
        else:
            self._feed(RequestDone(entry.number, status, headers, body, None, "", elapsed))
        return True

    @property
    def requesting(self) -> bool:
        """An answer is waited for."""
        return bool(self._open_requests)

    # Mail

    def mail(self, command: SendMail, element: str) -> SentMail:
        """Send a mail."""
        sent = SentMail(self._agenda.now, element, command.to, command.subject, command.text, command.secret)
        self.mails.append(sent)
        entry = self._open_mails[command.id] = _Open(command.id, sent, None)
        answer = self._mail.take(element, *command.to)
        if answer is None:
            if self._manual:
                return sent
            answer = MAIL_DEFAULT
        entry.due = self._agenda.later(answer.after, self._mailed, (entry, answer))
        return sent

    def _mailed(self, what: tuple[_Open, MailAnswer]) -> None:
        entry, answer = what
        self._delivered(answer)
        del self._open_mails[entry.number]
        entry.sent.error = answer.error
        self._happens("mail_done", entry.sent)
        self._feed(MailDone(entry.number, answer.error))

    @property
    def mailing(self) -> bool:
        """It is not known yet whether a mail was handed over."""
        return bool(self._open_mails)

    @property
    def busy(self) -> bool:
        """Some answer is yet to come."""
        return bool(self._open_requests or self._open_mails)

    # Profiles and the do-not-contact list

    def update_profile(self, command: UpdateProfile, element: str) -> Change:
        """Keep changes to a profile."""
        changes = {name: HIDDEN if name in command.sensitive else value for name, value in command.changes.items()}
        change = Change(self._agenda.now, element, "update", command.number, changes)
        self.changes.append(change)
        shown = {name: value for name, value in command.changes.items() if name not in command.sensitive}
        properties = {"number": plain_number(command.number), "changed": sorted(command.changes), "fields": shown}
        self.event("profile.changed", properties)
        return change

    def do_not_contact(self, command: DoNotContact, element: str) -> Change:
        """Change the do-not-contact list."""
        reason = {"reason": command.reason} if command.reason else {}
        change = Change(self._agenda.now, element, command.action, command.number, reason)
        self.dnc.append(change)
        return change

    # Events

    def wait_for(self, command: WaitForEvent, element: str) -> Waited:
        """Tell the flow of events of that name."""
        waited = Waited(self._agenda.now, element, command.event)
        self.waits.append(waited)
        self._waiting[command.id] = command, waited
        since = command.since
        if since is not None:
            for event in self.events:
                if event.name == command.event and event.at >= since:
                    self._agenda.later(0.0, self._tell, (command.id, event))
        return waited

    def stop_waiting(self, number: int) -> None:
        """The flow waits no more; a wait that is over is ignored."""
        found = self._waiting.pop(number, None)
        if found is not None:
            found[1].until = self._agenda.now

    def _tell(self, what: tuple[int, LoggedEvent]) -> None:
        number, event = what
        if number in self._waiting:
            event.taken = True
            self._feed(EventArrived(number, event.name, event.properties, event.at))

    def event(self, name: str, properties: Mapping[str, Any]) -> LoggedEvent:
        """An event comes from outside, or from the runtime itself; waits to come may ask for past ones."""
        event = LoggedEvent(self._wall(), name, properties)
        self.events.append(event)
        for number, (command, _) in list(self._waiting.items()):
            if command.event == name:
                self._agenda.later(0.0, self._tell, (number, event))
        return event

    @property
    def awaited(self) -> list[str]:
        """Names of the events that are waited for."""
        return [command.event for command, _ in self._waiting.values()]
