"""The calls that a Dial places, as their status callbacks and the action of the Dial tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ivr.flow.ports import Event, ForwardAnswered, ForwardDone, ForwardRinging
from ivr.flow.twiml.document import TwimlError, Verb

if TYPE_CHECKING:
    from ivr.flow.twiml.talk import Talk

__all__ = ["CALL_STATUSES", "Legs", "Target"]

CALL_STATUSES = {
    "returned": "completed",
    "call_forwarded": "completed",
    "busy": "busy",
    "no_answer": "no-answer",
    "declined": "busy",
    "call_not_forwarded": "failed",
}
"""DialCallStatus of the branches of a forward."""
CALL_EVENTS = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}
"""CallStatus of what happens to a call on its way; that of its end says how it ended."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a Dial calls."""

    to: str
    """As targets of forwards."""
    noun: Verb
    sid: str
    """CallSid of that call."""
    keys: str = ""
    """Sent when it answers."""
    screen: str = ""
    """URL of the document that it hears then; empty: none."""
    screen_method: Literal["GET", "POST"] = "POST"

    @property
    def number(self) -> str:
        """As parameters show it."""
        scheme, _, rest = self.to.partition(":")
        return rest if scheme == "tel" else f"client:{rest}" if scheme == "phone" else self.to

    def params(self, talk: Talk) -> dict[str, str]:
        """What requests about that call say of it."""
        return {"CallSid": self.sid, "ParentCallSid": talk.sid, "To": self.number, "Called": self.number}


class Legs:
    """Those of one Dial."""

    def __init__(self, talk: Talk, targets: Sequence[Target], base: str, *, in_turn: bool) -> None:
        self._talk = talk
        self._targets = {target.to: target for target in targets}
        self._base = base
        self._told: dict[str, set[str]] = {target.to: set() for target in targets}
        self._last = targets[0]
        """Who answered, else who rang last."""
        self._answered_at: float | None = None
        self._done: ForwardDone | None = None
        for target in targets[: 1 if in_turn else None]:
            self._tell(target, "initiated")

    def seen(self, event: Event) -> None:
        """An event of the forward."""
        if isinstance(event, (ForwardRinging, ForwardAnswered)):
            target = self._targets.get(event.target, self._last)
            self._tell(target, "initiated")
            if type(event) is ForwardRinging:
                if self._answered_at is None:
                    self._last = target
                    self._tell(target, "ringing")
                return
            self._last, self._answered_at = target, self._talk.ctx.now
            self._tell(target, "answered")
        elif type(event) is ForwardDone:
            self._done = event
            self._last = self._targets.get(event.target, self._last)

    def over(self, status: str) -> None:
        """The forward is over, with this status."""
        answered, up = self._answered_at is not None, self._talk.ctx.up
        for target in self._targets.values():
            if "initiated" not in self._told[target.to]:
                continue  # its turn never came
            if target is self._last:
                own = "completed" if answered else status if up else "canceled"
                self._tell(target, "completed", own, self._end())
            else:
                self._tell(
                    target, "completed", "canceled" if answered or not up else "no-answer", {"CallDuration": "0"}
                )

    def _end(self) -> dict[str, str]:
        seconds = 0.0 if self._answered_at is None else self._talk.ctx.now - self._answered_at
        code = (
            {} if self._done is None or self._done.sip_code is None else {"SipResponseCode": str(self._done.sip_code)}
        )
        return {"CallDuration": str(round(seconds)), **code}

    def params(self, branch: str, answered_for: float) -> dict[str, str]:
        """Parameters of the action."""
        answered = self._answered_at is not None
        status = "completed" if answered else CALL_STATUSES.get(branch, "failed")
        if not answered and not self._talk.ctx.up:
            status = "canceled"
        found = {
            "DialCallSid": self._last.sid,
            "DialCallStatus": status,
            "DialBridged": "true" if answered else "false",
        }
        if answered:
            found["DialCallDuration"] = str(round(answered_for))
        if self._done is not None and self._done.sip_code is not None:
            found["DialSipResponseCode"] = str(self._done.sip_code)
        return found

    def _tell(
        self, target: Target, event: str, status: str | None = None, more: Mapping[str, str] | None = None
    ) -> None:
        if event in self._told[target.to]:
            return
        self._told[target.to].add(event)
        talk, noun = self._talk, target.noun
        url, wanted = noun.get("statusCallback"), noun.get("statusCallbackEvent", "completed").split()
        if not url or not (event in wanted or "completed" in wanted):
            return
        params = {
            **target.params(talk),
            "Direction": "outbound-dial",
            "CallbackSource": "call-progress-events",
            **(more or {}),
        }
        try:
            where = talk.resolve(self._base, url)
        except TwimlError as error:
            talk.notice(error.code, str(error), noun.name)
            return
        method: Literal["GET", "POST"] = "GET" if noun.get("statusCallbackMethod").upper() == "GET" else "POST"
        over = event == "completed"
        if event in wanted:
            talk.tell(where, method, params, status=status or CALL_EVENTS[event], key=target.sid if over else "")
        if not over and "completed" in wanted:
            answered = target is self._last and self._answered_at is not None
            talk.promise(where, method, params, key=target.sid, seconds=0.0 if answered else None)
