"""Whether agents' phones can be rung: they are registered, and answer OPTIONS (RFC 3261 §11).

A softphone that was killed stays registered for up to an hour; without questions every caller would wait for it. A
phone that never answered such a question is not judged by it: there are some that do not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ivr.errors import IvrError
from ivr.lines import ANSWER_WAIT, NOBODY_THERE, Ground, Pulse, options
from ivr.sip import Binding, Registrar, Response
from ivr.sip.outgoing import OutgoingRequest
from ivr.sip.transactions import ClientTransaction

if TYPE_CHECKING:
    from ivr.call.targets import Destination

__all__ = ["Reach"]

log = logging.getLogger("ivr.center")

FIRST_AFTER: Final = 1.0
"""Seconds from a registration to the first question: many phones are not ready at once."""
DOWN_AFTER: Final = 2
"""Questions in a row that nobody answers."""
AGAIN_AFTER: Final = 1.0
"""Seconds from one that nobody answered to the next, while it may have been lost on the way."""
BACK_OFF: Final = 5.0
"""Seconds from the second to the third, then twice as many each time."""
MAX_BACK_OFF: Final = 120.0
"""Seconds; a phone that comes back registers, and is asked at once then."""
EXPIRY_GRACE: Final = 0.05
"""Seconds after which a binding that runs out is looked at."""

Place = tuple[str, str, int]
"""Contact, host and port that it is reached at."""


class _Contact:
    """One contact of a phone, asked again and again (TransactionUser)."""

    __slots__ = (
        "_asked_at",
        "_failures",
        "_open",
        "_proven",
        "_pulse",
        "_reach",
        "_timer",
        "_user",
        "answered_at",
        "binding",
    )

    def __init__(self, reach: Reach, user: str, binding: Binding) -> None:
        self._reach = reach
        self._user = user
        self.binding = binding
        self._pulse = Pulse(DOWN_AFTER, 1)
        self._proven = False
        """It has answered a question before."""
        self._failures = 0
        self._open: OutgoingRequest | None = None
        self._asked_at = 0.0
        self.answered_at: float | None = None
        """When it last answered a question; None: it never has."""
        self._timer: Any = None
        self._arm(FIRST_AFTER)

    @property
    def answers(self) -> bool:
        """Whether nothing says that nobody is there."""
        return self._pulse.alive is not False or not self._proven

    def registered(self, binding: Binding) -> None:
        """It has registered again: a sign of life."""
        if binding.updated != self.binding.updated and self._pulse.alive is False:
            self._pulse = Pulse(DOWN_AFTER, 1)
            self._failures = 0
            self._open = None
            self._arm(FIRST_AFTER)
        self.binding = binding

    def ask(self) -> None:
        """Ask now, unless that is under way."""
        if self._open is not None:
            return
        ground = self._reach.ground
        now = self._asked_at = ground.loop.time()
        self._arm(ANSWER_WAIT)
        try:
            flow = self.binding.path
            request = self._open = options(ground, self.binding.contact.uri, flow)
            ground.stack.layer.request(request, flow, self, now)
        except IvrError:
            self._missed()
        ground.sockets.flush()

    def stop(self) -> None:
        """Ask no more."""
        self._open = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = self._reach.ground.loop
        self._timer = loop.call_at(loop.time() + seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._open is not None:
            self._missed()
        else:
            self.ask()

    def _missed(self) -> None:
        self._open = None
        before = self.answers
        self._pulse.missed()
        if self._pulse.alive is not False:
            self._arm(AGAIN_AFTER)
        else:
            self._arm(min(BACK_OFF * 2**self._failures, MAX_BACK_OFF))
            self._failures = min(self._failures + 1, 10)
        if before and not self.answers:
            log.info("a phone of an agent does not answer any more: %s", self._user)
            self._reach.seen(self._user)

    # TransactionUser

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """An answer; only one to what was asked last counts."""
        if transaction.request is not self._open or response.status < 200:
            return
        if response.status in NOBODY_THERE:
            self._missed()
            return
        self._open = None
        before = self.answers
        self._proven = True
        self.answered_at = now
        self._failures = 0
        self._pulse.answered(now - self._asked_at)
        self._arm(self._reach.every * (0.9 + 0.2 * self._reach.ground.fraction()))
        if not before:
            log.info("a phone of an agent answers again: %s", self._user)
            self._reach.seen(self._user)

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        """It could not be sent."""
        if transaction.request is self._open:
            self._missed()


class Reach:
    """Phones of agents, by user. `changed` is called for one that can be rung now, or cannot any more."""

    def __init__(self, ground: Ground, registrar: Registrar, changed: Callable[[str], None], every: float) -> None:
        """`every`: seconds between the questions to a phone that answers."""
        self.ground = ground
        self.every = every
        self._registrar = registrar
        self._changed = changed
        self._contacts: dict[str, dict[Place, _Contact]] = {}
        self._reachable: dict[str, bool] = {}
        self._expiries: dict[str, Any] = {}
        self._to_look_at: set[str] = set()

    def watch(self, users: Iterable[str]) -> None:
        """These are the phones of agents from now on."""
        wanted = set(users)
        for user in self._contacts.keys() - wanted:
            self._forget(user)
        for user in wanted - self._contacts.keys():
            self._contacts[user] = {}
            self._reachable[user] = False
            self._look(user)

    def registered(self, user: str) -> None:
        """The bindings of a phone have changed; seen to in the next turn, for whoever changed them is not done yet."""
        if user in self._contacts and user not in self._to_look_at:
            self._to_look_at.add(user)
            self.ground.loop.call_at(self.ground.loop.time(), partial(self._look, user))

    def answers(self, user: str, binding: Binding) -> bool:
        """Whether nothing says that nobody is there at a contact."""
        contact = self._contacts.get(user, {}).get(_place(binding))
        return contact is None or contact.answers

    def reachable(self, user: str) -> bool:
        """Whether a watched phone can be rung."""
        return self._reachable.get(user, False)

    def doubt(self, user: str) -> None:
        """A call was not heard by a phone: ask it at once."""
        for contact in self._contacts.get(user, {}).values():
            contact.ask()

    def ask(self, destination: Destination) -> None:
        """Ask a phone that was called at a contact whether it is there."""
        contact = self._at(destination)
        if contact is not None:
            contact.ask()

    def answered_since(self, destination: Destination, at: float) -> bool | None:
        """Whether it has answered since then; None: it never does, or is not registered there any more."""
        contact = self._at(destination)
        if contact is None or contact.answered_at is None:
            return None
        return contact.answered_at >= at

    def _at(self, destination: Destination) -> _Contact | None:
        if destination.phone is None or destination.flow is None:
            return None
        place = str(destination.uri), *destination.flow.remote
        return self._contacts.get(destination.phone, {}).get(place)

    def seen(self, user: str) -> None:
        """What is known of a contact has changed."""
        reachable = any(contact.answers for contact in self._contacts[user].values())
        if reachable is not self._reachable[user]:
            self._reachable[user] = reachable
            self._changed(user)

    def stop(self) -> None:
        """Ask no more."""
        for user in list(self._contacts):
            self._forget(user)

    def _look(self, user: str) -> None:
        self._to_look_at.discard(user)
        known = self._contacts.get(user)
        if known is None:
            return
        bindings = {_place(binding): binding for binding in self._registrar.lookup(user, self.ground.loop.time())}
        for place in known.keys() - bindings.keys():
            known.pop(place).stop()
        for place, binding in bindings.items():
            if place in known:
                known[place].registered(binding)
            else:
                known[place] = _Contact(self, user, binding)
        self._await_expiry(user, min((binding.expires_at for binding in bindings.values()), default=None))
        self.seen(user)

    def _await_expiry(self, user: str, when: float | None) -> None:
        if (timer := self._expiries.pop(user, None)) is not None:
            timer.cancel()
        if when is not None:
            self._expiries[user] = self.ground.loop.call_at(when + EXPIRY_GRACE, partial(self._look, user))

    def _forget(self, user: str) -> None:
        self._await_expiry(user, None)
        for contact in self._contacts.pop(user).values():
            contact.stop()
        self._reachable.pop(user, None)


def _place(binding: Binding) -> Place:
    host, port = binding.flow.remote
    return str(binding.contact.uri), host, port
