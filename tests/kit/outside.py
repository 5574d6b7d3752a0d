"""A world outside that keeps what flows ask of it, and answers as a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ivr.flow import ports
from ivr.store import KeptWait


class FakeOutside:
    """What was asked, in order; requests and mails are answered by :meth:`answer`, waits by :meth:`publish`."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.reads: list[tuple[str, Callable[[Mapping[str, Any]], None]]] = []
        """Profiles that are asked for; call the second to answer."""
        self.blocked: set[str] = set()
        """Numbers that must not be called."""
        self._open: dict[int, Callable[[Any], None]] = {}
        self._waits: dict[int, tuple[ports.WaitForEvent, Callable[[ports.EventArrived], None]]] = {}

    def request(self, command: ports.Request, done: Callable[[ports.RequestDone], None]) -> None:
        self.asked.append(command)
        self._open[command.id] = done

    def mail(self, command: ports.SendMail, done: Callable[[ports.MailDone], None]) -> None:
        self.asked.append(command)
        self._open[command.id] = done

    def read_profile(self, number: str, then: Callable[[Mapping[str, Any]], None]) -> None:
        self.reads.append((number, then))

    def update_profile(self, command: ports.UpdateProfile) -> None:
        self.asked.append(command)

    def do_not_contact(self, command: ports.DoNotContact) -> None:
        self.asked.append(command)

    def reserve_dial(self, command: ports.ReserveDial, wait: KeptWait | None = None) -> datetime:
        self.asked.append(command)
        return command.earliest

    def prepare_dial(self, command: ports.Dial, wait: KeptWait | None = None) -> ports.Dial | ports.DialDone:
        return command

    def start_contact(self, command: ports.StartContact, done: Callable[[ports.ContactStarted], None]) -> None:
        self.asked.append(command)
        self._open[command.id] = done

    def may_contact(self, number: str, then: Callable[[bool], None]) -> None:
        then(number not in self.blocked)

    def wait_for(
        self, command: ports.WaitForEvent, arrived: Callable[[ports.EventArrived], None]
    ) -> Callable[[], None]:
        self.asked.append(command)
        self._waits[command.id] = command, arrived
        return lambda: self._waits.pop(command.id) and None

    @property
    def waiting(self) -> list[str]:
        """Names of the events that flows wait for."""
        return [command.event for command, _ in self._waits.values()]

    def answer(self, done: ports.RequestDone | ports.MailDone | ports.ContactStarted) -> None:
        """Answer a request or a mail."""
        self._open.pop(done.id)(done)

    def publish(self, event: ports.EventArrived) -> None:
        """Hand an event to the wait that its id names."""
        self._waits[event.id][1](event)
