"""The gate: who is behind a request, whether he must prove it, and what he may reach.

Trunks are known by their address and never challenged. Phones prove themselves by digest. Anybody else is a guest, who
reaches the numbers that flows publish and nothing more. What looks like guessing or scanning is told to the guard.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ivr.call.blocking import CallerBlock
from ivr.call.capacity import Capacity
from ivr.call.identity import Caller, LineTable, identify, normalise
from ivr.call.rates import SourceRates
from ivr.errors import OverloadedError
from ivr.guard import SourceGuard
from ivr.net.hops import DEFAULT_PORTS
from ivr.settings import Settings
from ivr.sip import Challenger, IncomingCall, IncomingRequest, Registrar, Request, Session, Stack, make_response
from ivr.sip.challenger import Absent, Failed, Stale, Verdict, Verified
from ivr.sip.events import Flow

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
        guard: SourceGuard,
    ) -> None:
        self._settings = settings
        self._stack = stack
        self._registrar = registrar
        self._challenger = challenger
        self._lines = lines
        self._published = published
        self._clock = clock
        self._guard = guard
        self._rates = SourceRates(settings.limits.calls_per_second_per_source, settings.sip.trusted)
        self._block = CallerBlock(settings.security.blocked_callers, settings.security.block_anonymous)
        self._bind = settings.security.bind_nonces
        self.capacity = Capacity(settings.limits)
        self.blocked = 0
        """Calls refused for who called."""
        self._up: dict[Session, str] = {}
        """Addresses of the calls that stand."""

    # Passwords

    def _password(self, user: str) -> str | None:
        phone = self._settings.phones.get(user)
        return phone.password.get_secret_value() if phone is not None else None

    def _verify(self, request: Request, flow: Flow, now: float) -> Verdict:
        """Judge the credentials of a request, and tell the guard. Somebody barred is treated as nobody: by the same
        steps, with the same answer."""
        host = flow.remote[0]
        verdict = self._challenger.verify(
            request.get_all("Authorization"),
            request.method,
            str(request.uri),
            lambda user: self._password(user) if self._guard.may_prove(host, user, now) else None,
            request.body,
            now,
            host if self._bind else "",
        )
        if isinstance(verdict, Verified):
            self._guard.proved(host, verdict.user, now)
        elif isinstance(verdict, Failed):
            proven = flow.reliable or (verdict.proven and self._bind)
            self._guard.auth_failed(host, verdict.user, now, proven=proven)
        return verdict

    def _challenges(self, flow: Flow, verdict: Verdict, now: float) -> list[tuple[str, str]]:
        source = flow.remote[0] if self._bind else ""
        values = self._challenger.challenge(now, stale=isinstance(verdict, Stale), source=source)
        return [("WWW-Authenticate", value) for value in values]

    # Calls

    def admit(self, event: IncomingCall, now: float) -> Caller | None:
        """The caller of a new call; None when he was answered: challenged, so that he must come again, or refused for
        who he is. OverloadedError and BusyError where he has too many calls."""
        request, host = event.request, event.flow.remote[0]
        via = request.top_via
        line = self._lines.end_at(event.flow.remote)
        if line is None:
            line = self._lines.at(host, request.uri.user, via.port or DEFAULT_PORTS.get(via.transport.lower()))
        if line is not None:
            caller = identify(request, line, self._lines.lines, None)
        else:
            verdict = self._verify(request, event.flow, now)
            if isinstance(verdict, Verified):
                caller = identify(request, None, self._lines.lines, verdict.user)
                self.capacity.phone(event.session, verdict.user)
                return caller
            guest = self._guest(event, verdict, now)
            if guest is None:
                return None
            caller = guest
        if self._block.blocks(caller.number, request.from_.uri.user):
            self.blocked += 1
            log.info("a call from %s is refused: its caller is blocked", host)
            event.session.reject(self._settings.security.blocked_status, now)
            return None
        self.capacity.caller(event.session, caller.number)
        return caller

    def _guest(self, event: IncomingCall, verdict: Verdict, now: float) -> Caller | None:
        """A caller who is nobody known; None when he was challenged."""
        host = event.flow.remote[0]
        if not self._rates.admits(host, now):
            raise OverloadedError("too many calls a second from one address")
        guest = identify(event.request, None, self._lines.lines, None)
        claims_phone = guest.number in self._settings.phones
        if isinstance(verdict, Absent) and not claims_phone and self._published(guest.called, "guest"):
            if not self._guard.admit_call(event.session, host, now):
                raise OverloadedError("too many calls that nobody acknowledges")
            return guest
        if not self._settings.phones:
            return guest
        if isinstance(verdict, Absent):
            self._guard.note(host, "unknown_number", now, proven=event.flow.reliable)
        event.session.reject(401, now, headers=tuple(self._challenges(event.flow, verdict, now)))
        return None

    def unserved(self, event: IncomingCall, now: float) -> None:
        """Nobody has the number that was called."""
        self._guard.note(event.flow.remote[0], "unknown_number", now, proven=event.flow.reliable)

    def confirmed(self, session: Session, now: float) -> None:
        """The caller has acknowledged our answer: he is at his address, and the call stands."""
        self._guard.acknowledged(session, now)
        host = session.flow.remote[0]
        if session not in self._up and session.direction == "inbound":
            self._up[session] = host
            self._guard.call_up(host)

    def over(self, session: Session) -> None:
        """A call is over, or was not taken."""
        self.capacity.free(session)
        self._guard.call_left(session)
        host = self._up.pop(session, None)
        if host is not None:
            self._guard.call_over(host)

    # Registrations

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
        verdict = self._verify(request, event.flow, now)
        user = normalise(request.to.uri.user or "")
        if not isinstance(verdict, Verified):
            if isinstance(verdict, Absent):
                self._guard.note(event.flow.remote[0], "probe", now, proven=event.flow.reliable)
            headers = self._challenges(event.flow, verdict, now)
            self._stack.respond(event.transaction, make_response(request, 401, headers=headers), now)
            return
        if verdict.user != user:
            self._stack.respond(event.transaction, make_response(request, 403), now)
            return
        self._stack.respond(event.transaction, self._registrar.answer(user, request, event.flow, now), now)
