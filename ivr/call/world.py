"""The world outside as a running daemon has it: HTTP and mail, profiles and lists in the store, events."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from ivr.call.events import PROFILE_CHANGED, EventHub
from ivr.call.profiles import ProfileBook
from ivr.flow import ports
from ivr.flow.model import plain_number
from ivr.store import KeptWait, Store
from ivr.store.people import number_key

__all__ = ["Mails", "Requests", "World"]


Reserve = Callable[[ports.ReserveDial, KeptWait | None], datetime]
Begin = Callable[[ports.StartContact, Callable[[ports.ContactStarted], None]], None]
Prepare = Callable[[ports.Dial, KeptWait | None], ports.Dial | ports.DialDone]


class Requests(Protocol):
    """Who sends HTTP requests."""

    def request(self, command: ports.Request, done: Callable[[ports.RequestDone], None]) -> None:
        """Send one; see :class:`ivr.call.outside.Outside`."""


class Mails(Protocol):
    """Who sends mails."""

    def mail(self, command: ports.SendMail, done: Callable[[ports.MailDone], None]) -> None:
        """Send one; see :class:`ivr.call.outside.Outside`."""


class World:
    """All of :class:`ivr.call.outside.Outside`."""

    def __init__(
        self,
        store: Store,
        requests: Requests,
        mails: Mails,
        profiles: ProfileBook,
        events: EventHub,
        wall: Callable[[], float],
    ) -> None:
        self._store = store
        self._requests = requests
        self._mails = mails
        self._profiles = profiles
        self._events = events
        self._wall = wall
        self.reserve: Reserve = lambda command, wait: command.earliest
        """Keeps the paces of calls; without one they go at once."""
        self.prepare: Prepare = lambda command, wait: command
        """Says what campaigns change of calls."""
        self.permitted: Callable[[str, Callable[[bool], None]], None] = lambda number, then: then(True)
        """Reads the do-not-contact list."""
        self.begin: Begin = lambda command, done: done(ports.ContactStarted(command.id, "failed"))
        """Lets flows run for somebody."""
        self.block: Callable[[str, str | None], None] = self._block
        """Changes it: a number goes on it, or off it without a reason."""

    def reserve_dial(self, command: ports.ReserveDial, wait: KeptWait | None = None) -> datetime:
        return self.reserve(command, wait)

    def prepare_dial(self, command: ports.Dial, wait: KeptWait | None = None) -> ports.Dial | ports.DialDone:
        return self.prepare(command, wait)

    def start_contact(self, command: ports.StartContact, done: Callable[[ports.ContactStarted], None]) -> None:
        self.begin(command, done)

    def may_contact(self, number: str, then: Callable[[bool], None]) -> None:
        self.permitted(number, then)

    def request(self, command: ports.Request, done: Callable[[ports.RequestDone], None]) -> None:
        self._requests.request(command, done)

    def mail(self, command: ports.SendMail, done: Callable[[ports.MailDone], None]) -> None:
        self._mails.mail(command, done)

    def read_profile(self, number: str, then: Callable[[Mapping[str, Any]], None]) -> None:
        self._profiles.read(plain_number(number), then)

    def update_profile(self, command: ports.UpdateProfile) -> None:
        number = number_key(plain_number(command.number))
        self._profiles.change(command, number, self._wall())
        shown = {name: value for name, value in command.changes.items() if name not in command.sensitive}
        properties = {"number": number, "changed": sorted(command.changes), "fields": shown}
        self._events.happened(str(uuid.uuid4()), PROFILE_CHANGED, properties)

    def do_not_contact(self, command: ports.DoNotContact) -> None:
        self.block(command.number, command.reason if command.action == "add" else None)

    def _block(self, number: str, reason: str | None) -> None:
        self._store.writer.do_not_contact(plain_number(number), self._wall(), reason)

    def wait_for(
        self, command: ports.WaitForEvent, arrived: Callable[[ports.EventArrived], None]
    ) -> Callable[[], None]:
        return self._events.wait_for(command, arrived)
