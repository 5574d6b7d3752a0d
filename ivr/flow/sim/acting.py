"""What the caller and the world do in a simulated call, by hand or by a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from ivr.flow import ports
from ivr.flow.sim.observed import ObservedCall
from ivr.flow.sim.seen import HappeningKind
from ivr.flow.sim.stubs import (
    AgentAnswer,
    AiAnswer,
    Answers,
    ApplicationAnswer,
    CalleeAnswer,
    ForwardAnswer,
    ForwardResult,
    HttpAnswer,
    MailAnswer,
)

__all__ = ["ActingCall"]

KEY_SECONDS = 0.1
"""How long keys are held."""


class ActingCall(ObservedCall):
    """A call in which somebody acts. How time passes in it is in :class:`~ivr.flow.sim.call.SimulatedCall`."""

    __slots__ = ("_asked", "answered_at", "call_info", "ended", "ended_at", "heard", "session_at")

    _asked: bool
    _http_answers: Answers[HttpAnswer]
    _forward_answers: Answers[ForwardAnswer]
    _mail_answers: Answers[MailAnswer]
    _callee_answers: Answers[CalleeAnswer]
    _agent_answers: Answers[AgentAnswer]
    _ai_answers: Answers[AiAnswer]
    _offer_answers: Answers[ApplicationAnswer]

    def wait(self, seconds: float) -> Self:
        """Let time pass."""
        raise NotImplementedError

    def send(self, event: ports.Event) -> None:
        """Tell the flow of an event and carry out what it says."""
        raise NotImplementedError

    def _happens(self, kind: HappeningKind, what: Any) -> None:
        raise NotImplementedError

    def _over(self) -> None:
        raise NotImplementedError

    # What the caller does

    def press(self, keys: str, gap: float = 0.25, source: ports.DigitSource = "rfc4733") -> Self:
        """Press keys, one every `gap` seconds, the first one now."""
        for index, key in enumerate(keys):
            if index:
                self.wait(gap)
            if self.ended:
                break
            self._asked = True
            self._happens("key", key)
            if self._takers.waits_for == "ai_agent":
                self._takers.pressed(key)
            elif not (self._forwards.bridged or self._queues.talking):
                self._dials.pressed()
                self.send(ports.Digit(key, source, self.now, KEY_SECONDS))
        return self

    def speak(self, seconds: float) -> Self:
        """Speak from now on for so long; time does not pass by that."""
        if not self.ended:
            self._happens("speaks", seconds)
            self._sound.speak(seconds)
        return self

    def hang_up(self, cause: ports.Cause = "user_hung_up") -> Self:
        """Hang up, or let the call break off for another cause."""
        if self.ended:
            return self
        self._happens("hung_up", cause)
        self._abandon()
        self._over()
        self.send(ports.CallEnded(cause))
        self._sound.close()
        self._tell_end(cause)
        return self

    def _abandon(self) -> None:
        """The caller is gone: nobody talks to him, and nobody rings for him."""
        self._forwards.abandon()
        self._dials.abandon()
        self._queues.abandon()
        self._takers.abandon()

    def _leave(self) -> None:
        self.hang_up()

    def _key(self, key: str) -> None:
        self.press(key)

    def _connected(self, event: ports.DialAnswered) -> None:
        """Somebody whom the flow called has answered: a session begins."""
        self.ended, self.ended_at = False, None
        self.heard, self.answered_at = True, self.now
        self.session_at = self.now
        self._asked = False
        self.send(event)
        self.call_info = self.machine.call

    # What the world does

    def stub(
        self,
        *answers: HttpAnswer | ForwardAnswer | MailAnswer | CalleeAnswer | AgentAnswer | AiAnswer | ApplicationAnswer,
    ) -> Self:
        """Have these answers given before those of the stubs."""
        self._http_answers.first(answer for answer in answers if isinstance(answer, HttpAnswer))
        self._forward_answers.first(answer for answer in answers if isinstance(answer, ForwardAnswer))
        self._mail_answers.first(answer for answer in answers if isinstance(answer, MailAnswer))
        self._callee_answers.first(answer for answer in answers if isinstance(answer, CalleeAnswer))
        self._agent_answers.first(answer for answer in answers if isinstance(answer, AgentAnswer))
        self._ai_answers.first(answer for answer in answers if isinstance(answer, AiAnswer))
        self._offer_answers.first(answer for answer in answers if isinstance(answer, ApplicationAnswer))
        return self

    def answer_request(
        self,
        status: int = 200,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        error: ports.RequestError | None = None,
    ) -> bool:
        """Answer the oldest HTTP request that waits for it now; False: none does."""
        return self._world.respond(status, body, headers or {}, error)

    def forward_result(self, result: ForwardResult | Literal["left"], sip_code: int | None = None) -> Self:
        """The called party does this now; `left`: hangs up after the talk. A refusal may have another code."""
        self._forwards.result(result, sip_code)
        return self

    def queue_place(self, position: int, estimate: float | None = None) -> bool:
        """The caller's place in the queue changes; False: he is in none."""
        return self._queues.place(position, estimate)

    def agent_result(self, result: str) -> bool:
        """An agent answers (`answered`), the two are done (`left`), or the visit ends otherwise; False: it cannot."""
        return self._queues.result(result)

    def ai_result(self, reason: ports.AiReason | Literal["started"], **told: Any) -> bool:
        """The AI agent has the call (`started`), or gives it back; False: there is none."""
        return self._takers.ai_result(reason, **told)

    def application_result(self, outcome: ports.ApplicationOutcome | Literal["taken"], **told: Any) -> bool:
        """The application has the call (`taken`), or is done with it; False: there is none."""
        return self._takers.application_result(outcome, **told)

    def callee_result(self, answer: CalleeAnswer) -> bool:
        """Who is being called does this now, or that is why it fails; False: nobody is."""
        return self._dials.result(answer, self._confirm_key() if answer.told else None)

    def callee_told(self, answerer: ports.Answerer, confidence: float, reason: str = "") -> None:
        """It is told who has answered, where that does not come by itself."""
        dial = next((command for _, command in reversed(self.log) if isinstance(command, ports.Dial)), None)
        if dial is not None:
            self.dialled[-1].answerer = answerer
            self.send(ports.AnswererFound(dial.id, answerer, confidence, reason=reason))

    def event(self, name: str, properties: Mapping[str, Any] | None = None) -> Self:
        """An event comes from outside."""
        self._happens("event", self._world.event(name, properties or {}))
        return self

    def _confirm_key(self) -> str | None:
        """The key that the element which runs asks who answers for; None: none."""
        confirm = getattr(self.element, "confirm", None)
        return None if confirm is None else "1" if confirm.key == "any" else confirm.key

    def _tell_end(self, cause: ports.Cause) -> None:
        """Flows may wait for the end of a call."""
        call = self.call_info
        talked = 0.0 if self.answered_at is None else self.now - self.answered_at
        self._world.event(
            "call.ended",
            {
                "id": call.id,
                "short_id": call.short_id,
                "direction": call.direction,
                "line": call.line,
                "from": call.from_,
                "to": call.to,
                "flow": self.flow.name,
                "flow_number": self.flow.number or None,
                "cause": cause,
                "answered": self.answered_at is not None,
                "seconds": round(talked, 3),
            },
        )
