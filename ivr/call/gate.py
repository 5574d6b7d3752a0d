"""The gate: who is behind a request, whether he must prove it, and what he may reach.

Trunks are known by their address and never challenged. Phones prove themselves by digest. Anybody else is a guest, who
reaches the numbers that flows publish and nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ivr.call.identity import Caller, LineTable, identify, normalise
from ivr.call.rates import SourceRates
from ivr.errors import OverloadedError
from ivr.settings import Settings
from ivr.sip import Challenger, IncomingCall, IncomingRequest, Registrar, Request, Stack, make_response
from ivr.sip.digest import Absent, Failed, Stale, Verified

log = logging.getLogger("ivr.call.gate")


class Gate:
    """Admission of calls and registrations."""

    def __init__(
        self,
        settings: Settings,
        stack: Stack,
        registrar: Registrar,
        challenger: Challenger,
        lines: LineTable,
        published: Callable[[str, str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._stack = stack
        self._registrar = registrar
        self._challenger = challenger
        self._lines = lines
        self._published = published
        self._clock = clock
        self._rates = SourceRates(settings.limits.calls_per_second_per_source, settings.sip.trusted)

    def _password(self, user: str) -> str | None:
        phone = self._settings.phones.get(user)
        return phone.password.get_secret_value() if phone is not None else None

    def _verify(self, request: Request, header: str, now: float) -> Verified | Stale | Failed | Absent:
        return self._challenger.verify(
            request.get_all(header), request.method, str(request.uri), self._password, request.body, now
        )

    def admit(self, event: IncomingCall, now: float) -> Caller | None:
        """The caller of a new call; None when he was challenged and must come again. OverloadedError where his address
        starts too many."""
        request = event.request
        line = self._lines.at(event.flow.remote[0])
        if line is not None:
            return identify(request, line, self._lines.lines, None)
        verdict = self._verify(request, "Authorization", now)
        if isinstance(verdict, Verified):
            return identify(request, None, self._lines.lines, verdict.user)
        if not self._rates.admits(event.flow.remote[0], now):
            raise OverloadedError("too many calls a second from one address")
        guest = identify(request, None, self._lines.lines, None)
        claims_phone = guest.number in self._settings.phones
        if isinstance(verdict, Absent) and not claims_phone and self._published(guest.called, "guest"):
            return guest
        if not self._settings.phones:
            return guest
        self._challenge(event, isinstance(verdict, Stale), now)
        return None

    def _challenge(self, event: IncomingCall, stale: bool, now: float) -> None:
        headers = tuple(("WWW-Authenticate", value) for value in self._challenger.challenge(now, stale=stale))
        event.session.reject(401, now, headers=headers)

    def request(self, event: IncomingRequest) -> None:
        """A request outside a dialog that the stack does not answer itself: REGISTER."""
        now = self._clock()
        request = event.request
        if request.method != "REGISTER":
            self._stack.respond(event.transaction, make_response(request, 405), now)
            return
        if not (request.to.uri.is_sip and request.uri.is_sip):
            self._stack.respond(event.transaction, make_response(request, 400, "Bad Request (not a SIP address)"), now)
            return
        verdict = self._verify(request, "Authorization", now)
        user = normalise(request.to.uri.user or "")
        if not isinstance(verdict, Verified):
            headers = [
                ("WWW-Authenticate", v) for v in self._challenger.challenge(now, stale=isinstance(verdict, Stale))
            ]
            self._stack.respond(event.transaction, make_response(request, 401, headers=headers), now)
            return
        if verdict.user != user:
            self._stack.respond(event.transaction, make_response(request, 403), now)
            return
        self._stack.respond(event.transaction, self._registrar.answer(user, request, event.flow, now), now)
