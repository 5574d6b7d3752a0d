"""The session timer of a session: what is agreed is armed, refreshed by us or waited for (RFC 4028)."""

from __future__ import annotations

from typing import Final

from ivr.sip.message import Request, Response
from ivr.sip.session_base import SessionBase, SessionState
from ivr.sip.session_timer import SessionTimer, Terms, answer_terms, min_se, response_terms, too_brief
from ivr.sip.transactions import ClientTransaction, ServerTransaction

__all__ = ["SessionRefresh"]

RETRY: Final = 4.0
"""Seconds after which a refresh that met another request, or was refused, is tried again."""

MAX_RAISED: Final = 2
"""Times that a 422 raises the interval of one refresh."""

FATAL: Final = (408, 481)
"""Answers to a refresh that say that the call is gone (§10)."""


class SessionRefresh(SessionBase):
    """Keeps the session alive, or finds out that it is not."""

    __slots__ = ()

    def _timer_terms(self, terms: Terms | None, now: float) -> None:
        """These terms are in force from now on; None takes the timer away."""
        if terms is None:
            self._stop_session_timer()
            return
        timer = self._timer
        if timer is None:
            timer = self._timer = SessionTimer(terms)
        timer.terms = terms
        self._arm_session_timer(timer.refreshed(now))

    def _arm_session_timer(self, when: float) -> None:
        timer = self._timer
        assert timer is not None
        timers = self._stack.layer.timers
        timers.cancel(timer.timer)
        timer.timer = timers.arm(when, self._on_session_timer)

    def _too_brief(self, request: Request, transaction: ServerTransaction, now: float) -> bool:
        """Refuse an interval below ours with 422."""
        policy = self._stack.config.session_timer
        if request.get("Session-Expires") is None or not too_brief(request, policy):
            return False
        self._reply(transaction, 422, now, f"Min-SE: {policy.minimum}\r\n")
        return True

    def _timer_answer(self, request: Request, now: float) -> str:
        """Header lines of our 2xx to an INVITE or UPDATE; what they say holds from now on."""
        policy = self._stack.config.session_timer
        if policy.mode != "request" and self._timer is None and request.get("Session-Expires") is None:
            return ""
        terms, lines = answer_terms(request, policy, self._timer.terms if self._timer is not None else None)
        self._timer_terms(terms, now)
        return lines

    def _timer_answered(self, response: Response, wanted: int, now: float) -> None:
        """The peer's 2xx to our INVITE or UPDATE; `wanted` is what we asked for, seconds."""
        timer = self._timer
        if not wanted and timer is None and response.get("Session-Expires") is None:
            return
        current = timer.terms if timer is not None else None
        self._timer_terms(response_terms(response, self._stack.config.session_timer, wanted, current), now)

    def _timer_line(self) -> str:
        """Header line of our re-INVITE or UPDATE."""
        return self._timer.header() if self._timer is not None else ""

    def _on_session_timer(self, now: float) -> None:
        timer = self._timer
        assert timer is not None
        timer.timer = None
        if self.ended:
            return
        if now >= timer.deadline:
            self._fail("timeout", 408, now)
        elif self.state is not SessionState.CONFIRMED or self._refresh is not None or not self._refresh_now(now):
            self._arm_session_timer(min(now + RETRY, timer.deadline))
        else:
            self._arm_session_timer(timer.deadline)

    def _refresh_now(self, now: float) -> bool:
        """Send a refresh; False where another exchange is under way, which is one itself."""
        timer = self._timer
        assert timer is not None
        if timer.by_invite or self.peer_allows("UPDATE") is not True:
            self._refresh = self._reinvite_as_is(now)
            return self._refresh is not None
        stack = self._stack
        headers = stack.layer.names(self.flow).contact + stack.ability_lines + timer.header()
        self._refresh = self._send("UPDATE", now, headers)
        return True

    def _reinvite_as_is(self, now: float) -> ClientTransaction | None:
        """Send a re-INVITE with the description in force; None while that cannot be."""
        raise NotImplementedError

    def _refresh_answered(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """The final answer to a refresh of ours."""
        self._refresh = None
        status = response.status
        if self.ended or self._timer is None:
            return
        if status < 300:
            assert self.dialog is not None
            self.dialog.refresh(response)
            self._timer_answered(response, self._timer.terms.interval, now)
        else:
            self._refresh_refused(transaction, status, min_se(response), now)

    def _refresh_refused(self, transaction: ClientTransaction, status: int, minimum: int, now: float) -> None:
        timer = self._timer
        if timer is None or self.ended:
            return
        if status in FATAL:
            self._fail("error" if status == 481 else "timeout", status, now)
            return
        timer.failures += 1
        if status == 422 and minimum > timer.terms.interval and timer.failures <= MAX_RAISED:
            timer.terms = Terms(minimum, timer.terms.ours)
        elif status in (405, 501) and transaction.request.method == "UPDATE":
            timer.by_invite = True
        else:
            self._arm_session_timer(min(now + RETRY * timer.failures, timer.deadline))
            return
        if not self._refresh_now(now):
            self._arm_session_timer(min(now + RETRY, timer.deadline))
