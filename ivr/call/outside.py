"""What running flows may ask of the world outside their call, and who does it for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from ivr.flow import ports
from ivr.store import KeptWait

__all__ = ["Outside"]


class Outside(Protocol):
    """HTTP, mail, profiles and events for flows. Nothing here blocks; what takes time is run by the object's own tasks,
    goes on when the call ends, and says that it is over exactly once, never from inside the method itself."""

    def request(self, command: ports.Request, done: Callable[[ports.RequestDone], None]) -> None:
        """Send an HTTP request."""

    def mail(self, command: ports.SendMail, done: Callable[[ports.MailDone], None]) -> None:
        """Send a mail."""

    def read_profile(self, number: str, then: Callable[[Mapping[str, Any]], None]) -> None:
        """Call `then` with what is known of a number, soon and whatever happens; secret values are wrapped."""

    def update_profile(self, command: ports.UpdateProfile) -> None:
        """Keep changes to a profile."""

    def do_not_contact(self, command: ports.DoNotContact) -> None:
        """Change the do-not-contact list."""

    def reserve_dial(self, command: ports.ReserveDial, wait: KeptWait | None = None) -> datetime:
        """When the next call of a pace may go: not before `earliest`, and it counts from now on. `wait` is the row of
        the flow that asks, where it has one."""

    def prepare_dial(self, command: ports.Dial, wait: KeptWait | None = None) -> ports.Dial | ports.DialDone:
        """A call that is about to be placed, as its campaign wants it; or why the campaign has no call placed now."""

    def start_contact(self, command: ports.StartContact, done: Callable[[ports.ContactStarted], None]) -> None:
        """Let a flow run for somebody else."""

    def may_contact(self, number: str, then: Callable[[bool], None]) -> None:
        """Call `then`, soon and whatever happens, with whether a number may be called: it is on no do-not-contact
        list. Where that cannot be told it may not."""

    def wait_for(
        self, command: ports.WaitForEvent, arrived: Callable[[ports.EventArrived], None]
    ) -> Callable[[], None]:
        """Call `arrived` for every such event until the function that is returned is called."""
