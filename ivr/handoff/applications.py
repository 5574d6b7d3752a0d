"""Voice applications: calls are offered to them, controlled by them over HTTP, and come back with a reason
(:class:`ivr.call.desks.ApplicationDesk`).

    events   offer (signed, with a token for this call) -> accepted or rejected, in the answer or by a request
             -> instructions over HTTP, each result an event -> the end of the call, or the call goes back
    twiml    the flow is told the terms, and asks for documents itself
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import SecretStr

from ivr.call.report import summary_of
from ivr.flow import ports
from ivr.handoff.letters import AI_AGENTS, LAST_WORD, Letters, last_word, signing_secrets, spoken
from ivr.settings import Application, Settings
from ivr.store import CallRecord, CallToken, call_token
from ivr.webhooks import SIGNATURE_HEADER, sign

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall

__all__ = ["ApplicationDesk", "Post", "Timers"]

log = logging.getLogger("ivr.handoff")

RESULTS = {
    "play": "play.finished",
    "say": "say.finished",
    "collect": "digits.collected",
    "record": "message.recorded",
    "answer": "call.answered",
    "stop": "stop.done",
    "send_digits": "digits.sent",
    "start_recording": "recording.started",
    "stop_recording": "recording.stopped",
    "hang_up": "call.hung_up",
}
"""Events that tell of what came of an instruction."""
ENDED = "call.ended"
HELD = "held"
"""Key of the last word to an application of the protocol `events` that has, or is offered, the call."""
TURN = 0.02
"""Seconds between looks whether the application has heard how it had this call before."""
TURNS = 50
"""Looks: a second, which a caller hardly notices. An application that is slow to hear of the past is asked then."""


class Post(Protocol):
    """Sends requests (:class:`ivr.outside.HttpClient`)."""

    def request(self, command: ports.Request, done: Callable[[ports.RequestDone], None]) -> None:
        """Send one; `done` is called once, later."""


class Timers(Protocol):
    """Time."""

    def call_later(self, seconds: float, then: Callable[[], None]) -> Any:
        """Call `then` later; what is returned can be cancelled."""


@dataclass(slots=True)
class _Held:
    """A call that is offered to an application, or that it has."""

    call: FlowCall
    name: str
    """Id of the call."""
    short_id: int
    command: ports.OfferApplication
    application: Application
    token: CallToken | None = None
    text: str = ""
    """The token as the application shows it."""
    state: Literal["offered", "held", "documents"] = "offered"
    timer: Any = None
    tries: int = 0
    events: int = 0
    """Number of the newest event, of all that the application heard of the call; the offer has the first."""


class ApplicationDesk:
    """All calls that are offered to applications, or that they have."""

    def __init__(
        self,
        settings: Settings,
        post: Post,
        letters: Letters,
        timers: Timers,
        wall: Callable[[], float],
    ) -> None:
        """`post` sends offers, which callers wait for; `letters` tells all else. `wall` is seconds since the epoch."""
        self._letters = letters
        self._applications = settings.applications
        self._ai_agents = settings.ai_agents
        self._post = post
        self._timers = timers
        self._wall = wall
        self._held: dict[str, _Held] = {}
        self._lent: dict[str, tuple[int, str, SecretStr]] = {}
        """Calls in documents that an AI agent has left behind: the offer's number, account and auth token."""
        self._tokens: dict[str, CallToken] = {}
        self._numbers: dict[str, dict[str, int]] = {}
        """Of calls that are up, the newest events that applications were sent when they had them before."""
        self.base_url = settings.http.public_url or f"http://{settings.http.listen}"
        """Where others reach the HTTP interface."""

    def __len__(self) -> int:
        return len(self._held)

    # What flows ask (ApplicationDesk)

    def offer(self, call: FlowCall, command: ports.OfferApplication) -> None:
        name = command.application
        if name.startswith(AI_AGENTS):
            self._lend(call, command, name)
            return
        application = self._applications.get(name)
        if application is None:
            call.feed(ports.ApplicationDone(command.id, "http_error", f"there is no application {name[:64]}"))
            return
        self._forget(call.report.id)
        held = _Held(call, call.report.id, call.report.short_id, command, application)
        self._held[call.report.id] = held
        call.report.tell("application.offered", {"application": name, "protocol": application.protocol})
        if application.protocol == "twiml":
            held.state = "documents"
            call.feed(self._terms(command, name, application))
            return
        held.token, held.text = call_token(f"application {name}", call.report.id, self._wall())
        self._tokens[held.token.id] = held.token
        held.events = self._numbers.get(held.name, {}).get(name, -1) + 1
        self._promise(held)
        self._offer_in_turn(held, TURNS)

    def _terms(self, command: ports.OfferApplication, name: str, application: Application) -> ports.ApplicationTerms:
        return ports.ApplicationTerms(
            id=command.id,
            name=name,
            account=application.account_sid(name),
            url=application.url,
            base_url=self.base_url,
            secret=application.secret.get_secret_value(),
            method=application.method,
            fallback_url=application.fallback_url,
            status_callback=application.status_callback,
            status_events=application.status_events,
            timeout=command.timeout or application.timeout,
            tries=application.retry.times,
            retry_first=application.retry.first,
            caller_id=application.from_,
            max_duration=application.max_duration,
        )

    def _lend(self, call: FlowCall, command: ports.OfferApplication, name: str) -> None:
        """An AI agent has left a document behind."""
        own = name.removeprefix(AI_AGENTS)
        agent = self._ai_agents.get(own)
        if agent is None:
            # Of a stream that an application named: its documents are the application's.
            found = self._held.get(call.report.id)
            if found is not None and found.state == "documents":
                terms = self._terms(command, found.command.application, found.application)
                call.feed(terms)
            else:
                call.feed(ports.ApplicationDone(command.id, "http_error", f"there is no AI agent {own[:64]}"))
            return
        secret = "" if agent.auth_token is None else agent.auth_token.get_secret_value()
        account = agent.account_sid(own)
        if agent.auth_token is not None:
            self._lent[call.report.id] = command.id, account, agent.auth_token
        call.feed(ports.ApplicationTerms(command.id, name, account, "http://localhost/", self.base_url, secret))

    def stop(self, call: FlowCall, command: ports.StopApplication) -> None:
        lent = self._lent.get(call.report.id)
        if lent is not None and lent[0] == command.id:
            del self._lent[call.report.id]
        held = self._held.get(call.report.id)
        if held is not None and held.command.id == command.id:
            self._event(held, "call.taken_back", {"reason": command.reason})
            self._forget(call.report.id)

    def tell(self, call: FlowCall, command: ports.TellApplication) -> None:
        application = self._applications.get(command.application)
        if command.type == "error":
            call.report.tell("application.error", {"application": command.application, "error": _error(command.data)})
        url = command.url or (application.status_callback if application is not None else None)
        if url is None:
            return
        if command.type == LAST_WORD:
            call.report.promise(command.key, last_word(command))
            return
        call.report.last_words.pop(command.key, None)
        self._letters.callback(call.report.id, command, url, command.key)

    def cut_off(self, record: CallRecord, words: Mapping[str, Any], at: float) -> None:
        """An earlier run has died with a call, which was up until `at` (since the epoch): say its last words."""
        for key, word in words.items():
            if key != HELD:
                command = spoken(word, at)
                self._letters.callback(record.id, command, command.url or "", key)
            elif word["application"] in self._applications:
                body = _told(record.id, record.short_id, word, ENDED, summary_of(record), at)
                self._letters.event(word["application"], record.id, body["id"], ENDED, _json(body))

    def instructed(self, call: FlowCall, verb: str, done: ports.InstructionDone) -> None:
        held = self._held.get(call.report.id)
        if held is not None and held.state == "held":
            self._event(held, RESULTS.get(verb, verb), {"instruction": done.id, **done.result, "error": done.error})

    def credentials(self, call: FlowCall) -> tuple[str, SecretStr] | None:
        lent = self._lent.get(call.report.id)
        if lent is not None:
            return lent[1:]
        held = self._held.get(call.report.id)
        if held is None or held.state != "documents":
            return None
        return held.application.account_sid(held.command.application), held.application.secret

    def gone(self, call: FlowCall) -> None:
        name = call.report.id
        self._lent.pop(name, None)
        held = self._held.get(name)
        if held is not None:
            self._event(held, ENDED, call.report.summary())
            self._forget(name)
        self._numbers.pop(name, None)

    # What applications ask

    def token(self, key: str) -> CallToken | None:
        """The token of a call by its id, while its application may use it."""
        return self._tokens.get(key)

    def accept(self, call: str) -> bool:
        """The application takes the call; False: it is not offered to one, or no more."""
        held = self._held.get(call)
        if held is None or held.state != "offered":
            return False
        held.state = "held"
        _cancel(held)
        application, name = held.application, held.command.application
        held.call.report.tell("application.accepted", {"application": name})
        self._event(held, "call.accepted", {"idle": application.idle, "max_duration": application.max_duration})
        held.call.feed(ports.ApplicationAccepted(held.command.id, application.idle, application.max_duration))
        return True

    def reject(self, call: str, reason: str) -> bool:
        """It does not."""
        held = self._held.get(call)
        if held is None or held.state != "offered":
            return False
        self._refuse(held, "rejected", reason)
        return True

    def release(self, call: str, variables: Mapping[str, Any]) -> bool:
        """It gives the call back to the flow."""
        held = self._held.get(call)
        if held is None or held.state != "held":
            return False
        self._event(held, "call.released", {})
        self._forget(call)
        held.call.report.tell("application.released", {"application": held.command.application})
        held.call.feed(ports.ApplicationDone(held.command.id, "accepted", variables=variables))
        return True

    # Offers

    def _offer_in_turn(self, held: _Held, turns: int) -> None:
        """Offer the call behind what the application is still to hear of it: that it was taken back, say."""
        if turns and self._letters.waits(held.command.application, held.name):
            held.timer = self._timers.call_later(TURN, lambda: self._offer_in_turn(held, turns - 1))
        else:
            self._offer(held)

    def _offer(self, held: _Held) -> None:
        command, name = held.command, held.name
        seconds = command.timeout or held.application.timeout
        held.timer = self._timers.call_later(seconds, lambda: self._refuse(held, "timeout", "no answer in time"))
        data = {
            "packet": dict(command.packet),
            "custom_data": dict(command.custom_data),
            "control": {"url": f"{self.base_url}/v1/calls/{name}", "token": held.text, "timeout": seconds},
        }
        body = _told(name, held.short_id, self._word(held), "call.offered", data, self._wall())
        self._send_offer(held, seconds, _json(body).encode())

    def _send_offer(self, held: _Held, seconds: float, body: bytes) -> None:
        if self._held.get(held.name) is held and held.state == "offered":
            request = self._request(held, body, seconds)
            self._post.request(request, lambda answer: self._answered(held, answer, seconds, body))

    def _answered(self, held: _Held, answer: ports.RequestDone, seconds: float, body: bytes) -> None:
        if self._held.get(held.name) is not held or held.state != "offered":
            return
        failed = answer.status is None or answer.status >= 500
        transient = failed and answer.error in (None, "network", "bad_answer")
        if transient and held.tries < held.application.retry.times:
            held.tries += 1
            pause = held.application.retry.first * 2 ** (held.tries - 1)
            self._timers.call_later(pause, lambda: self._send_offer(held, seconds, body))
            return
        if answer.error == "timeout":
            self._refuse(held, "timeout", answer.text)
        elif answer.status is not None and not 200 <= answer.status < 300:
            # Whatever its body is: what an error page looks like is nobody's trouble.
            self._refuse(held, "http_error", f"the answer has status {answer.status}")
        elif answer.error in ("bad_answer", "too_large"):
            self._refuse(held, "bad_answer", answer.text)
        elif failed or answer.error is not None:
            self._refuse(held, "http_error", answer.text or "no answer")
        else:
            self._judge(held, answer.body)

    def _judge(self, held: _Held, body: Any) -> None:
        """The body of the answer to an offer: `{"accept": true}`, `{"accept": false, "reason": …}`, or nothing yet."""
        if body is None or body == "" or body == {}:
            return
        accept = body.get("accept") if isinstance(body, dict) else None
        if accept is True:
            self.accept(held.name)
        elif accept is False:
            reason = body.get("reason")
            self._refuse(held, "rejected", reason[:200] if isinstance(reason, str) else "")
        else:
            self._refuse(held, "bad_answer", 'the answer is not {"accept": true} or {"accept": false}')

    def _refuse(self, held: _Held, outcome: ports.ApplicationOutcome, text: str) -> None:
        if self._held.get(held.name) is not held or held.state != "offered":
            return
        if outcome == "timeout":
            self._event(held, "offer.expired", {})
        self._forget(held.name)
        name = held.command.application
        held.call.report.tell("application.rejected", {"application": name, "reason": outcome, "text": text[:200]})
        held.call.feed(ports.ApplicationDone(held.command.id, outcome, text))

    def _forget(self, call: str) -> None:
        held = self._held.pop(call, None)
        if held is not None:
            _cancel(held)
            held.call.report.last_words.pop(HELD, None)
            if held.token is not None:
                self._tokens.pop(held.token.id, None)
                self._numbers.setdefault(call, {})[held.command.application] = held.events

    # Events

    def _event(self, held: _Held, what: str, data: Mapping[str, Any]) -> None:
        if held.application.protocol != "events":
            return
        held.events += 1
        body = _told(held.name, held.short_id, self._word(held), what, data, self._wall())
        self._letters.event(held.command.application, held.name, body["id"], what, _json(body))
        self._promise(held)

    def _promise(self, held: _Held) -> None:
        """Where the daemon dies with the call, the application hears of its end."""
        held.call.report.promise(HELD, {**self._word(held), "events": held.events + 1})

    @staticmethod
    def _word(held: _Held) -> dict[str, Any]:
        return {"application": held.command.application, "offer": held.command.id, "events": held.events}

    def _request(self, held: _Held, body: bytes, timeout: float) -> ports.Request:
        """An offer as it is sent: signed anew each time."""
        application = held.application
        headers = {header.lower(): value.get_secret_value() for header, value in application.headers.items()}
        headers |= {
            "content-type": "application/json",
            SIGNATURE_HEADER.lower(): sign(signing_secrets(application), body, int(self._wall())),
        }
        return ports.Request(0, "POST", application.url, headers, body, timeout, secret=held.command.secret)


def _told(
    call_id: str, short_id: int, word: Mapping[str, Any], what: str, data: Mapping[str, Any], at: float
) -> dict[str, Any]:
    """An event; `word` has its application, the number of the offer, and its own. The end of a call is known by its
    name: what is told of it after the death of the daemon, which had not kept the newest numbers, is no other event."""
    number = word["events"]
    return {
        "id": f"{call_id}:{word['offer']}:{'ended' if what == ENDED else number}",
        "type": what,
        "sequence": number,
        "at": at,
        "application": word["application"],
        "call": {"id": call_id, "short_id": short_id},
        "data": data,
    }


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, default=str)


def _cancel(held: _Held) -> None:
    if held.timer is not None:
        held.timer.cancel()
        held.timer = None


def _error(data: Mapping[str, Any]) -> str:
    return str(data.get("ErrorMessage", ""))[:200]
