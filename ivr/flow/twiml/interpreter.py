"""TwiML documents, run: verb by verb, document by document, until the call is over or goes back to its flow.

    left = yield from converse(Talk(ctx, terms, filler, secret=False), Go(terms.url))

Every verb is done by the element that does the same in a flow. What is not supported is skipped, and said: in the
trace, to the application's status callback, on the feed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ivr.flow.elements.base import CallOver
from ivr.flow.elements.hang_up import ENDINGS
from ivr.flow.ports import (
    ApplicationDone,
    ApplicationTerms,
    Event,
    Forward,
    HangUp,
    JoinQueue,
    OfferApplication,
    Play,
    PromptSpec,
    Record,
    StartAiAgent,
    StopApplication,
)
from ivr.flow.twiml.attributes import unused
from ivr.flow.twiml.beside import start, stop
from ivr.flow.twiml.connect import connect, refer
from ivr.flow.twiml.dial import dial
from ivr.flow.twiml.document import TwimlError, Verb
from ivr.flow.twiml.forms import lasted
from ivr.flow.twiml.input import gather, record
from ivr.flow.twiml.outcome import OVER, Doing, HangsUp, Leaves, Outcome, Over
from ivr.flow.twiml.queueing import enqueue
from ivr.flow.twiml.sound import heard
from ivr.flow.twiml.talk import Asked, Failed, Go, Method, Talk

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["Aside", "Ended", "Placed", "aside", "converse", "run", "terms_of"]

MAX_IN_A_ROW = 20
"""Documents that follow each other without anything being heard or keyed in, or a second going by."""
SWIFT = 1.0
"""Seconds below which a document did nothing for the caller."""
TERMS_GRACE = 10.0
"""Seconds in which it is known what an application is."""
UNSUPPORTED: Mapping[str, str] = {
    "Conference": "conferences are not supported",
    "Leave": "nobody waits in a queue here: Leave stands in documents of a waitUrl",
    "Sms": "messages are not supported: notify in a flow sends them",
    "Message": "messages are not supported: notify in a flow sends them",
    "Pay": "payments are not supported",
    "Prompt": "payments are not supported",
    "Queue": "Queue stands in a Dial",
    "Number": "Number stands in a Dial",
}

_VERBS: Mapping[str, Callable[[Talk, Verb, str, dict[str, Any]], Doing]] = {
    "Gather": gather,
    "Record": record,
    "Dial": dial,
    "Refer": refer,
    "Enqueue": enqueue,
    "Connect": connect,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How the conversation ended."""

    reason: Literal["over", "hung_up", "http_error", "bad_answer", "timeout", "max_duration"]
    """`over`: the caller has left, or somebody else has the call; `hung_up`: the documents have ended it. All others:
    the caller is there, and the application is of no use to him."""
    accepted: bool
    """At least one document was there."""
    cause: Any = None
    """Of the end of the call, where it came from outside."""
    text: str = ""
    """What was wrong."""


Conversation = Generator[float | None, Event | None, Ended]


@dataclass(frozen=True, slots=True)
class Placed:
    """What is known of a call that was asked for over the calls resource."""

    answered_by: str = ""
    """Who has answered; empty: nobody wanted to know."""
    fallback: str | None = None
    """Asked for a document where there is none to be had."""


def run(
    ctx: Session,
    application: str | None,
    document_or_url: str,
    filler: PromptSpec | None = None,
    *,
    method: Method = "POST",
    placed: Placed | None = None,
) -> Conversation:
    """Go on with a call in a document, or in the one that is to be had at a URL: what an AI agent, or a client of the
    calls resource, has left behind, or (`placed`) what a call begins with. `application` is one that speaks TwiML, or
    `ai_agents/NAME`; None: the AI agent that had the call last."""
    if application is None:
        application = f"ai_agents/{ctx.handed.ai.agent}" if ctx.handed.ai is not None else ""
    terms = yield from terms_of(ctx, application)
    if not isinstance(terms, ApplicationTerms):
        return Ended("http_error", False, text=terms)
    if placed is not None:  # how the call fares is told by who placed it
        terms = replace(terms, status_events=(), fallback_url=placed.fallback or terms.fallback_url)
    talk = Talk(ctx, terms, filler, secret=False)
    if placed is not None and placed.answered_by:
        talk.more["AnsweredBy"] = placed.answered_by
    start: Go | Asked | Failed
    start = talk.read(document_or_url, terms.url) if "<" in document_or_url else Go(document_or_url, method)
    ended = yield from converse(talk, start)
    ctx.emit(StopApplication(terms.id))
    return ended


def terms_of(ctx: Session, application: str) -> Generator[float | None, Event | None, ApplicationTerms | str]:
    """What is to be known of an application to ask it for documents; a sentence where it has none."""
    number = ctx.next_id()
    ctx.emit(OfferApplication(number, application, {}))
    deadline = ctx.now + TERMS_GRACE
    while True:
        event = yield deadline
        if type(event) is ApplicationTerms and event.id == number:
            return event
        if type(event) is ApplicationDone and event.id == number:
            return event.text or event.outcome
        if event is None:
            return "nobody says what this application is"


def converse(talk: Talk, start: Go | Asked | Failed) -> Conversation:
    """Run documents, from the first one on, until the call is over or there is none to be had."""
    conversation = _Conversation(talk)
    try:
        ended = yield from limited(talk, conversation.run(start), talk.terms.max_duration, conversation.answered)
    except CallOver as over:
        conversation.over()
        ended = Ended("over", conversation.accepted, over.cause)
    if not talk.ctx.up:
        for recording in talk.recordings:  # they are closed when the call is over
            yield from recording.finished()
    return ended


def limited(talk: Talk, running: Conversation, seconds: float | None, stepped: Callable[[], None]) -> Conversation:
    """The same, for at most so long; then what is under way is stopped. What runs beside the call hears all events;
    `stepped` is called after each step."""
    ctx = talk.ctx
    until = math.inf if seconds is None else ctx.now + seconds
    try:
        wake = next(running)
        while True:
            stepped()
            try:
                event = yield (wake if until == math.inf else until if wake is None else min(wake, until))
            except CallOver as over:
                wake = running.throw(over)
                continue
            if ctx.up and ctx.now >= until:
                break
            if event is not None:
                for recording in talk.recordings:
                    recording.seen(event)
            wake = running.send(event)
    except StopIteration as stop:
        ended: Ended = stop.value
        return ended
    finally:
        running.close()
    ctx.stop_all(Play, Record, Forward, JoinQueue, StartAiAgent)
    return Ended("max_duration", True, text="the application had the call for as long as it may")


Aside = HangsUp | Leaves | Failed | None
"""What came of documents that are run beside a call: the party hangs up, leaves its queue; there was no document; None:
they came to their end."""


def aside(talk: Talk, start: Go) -> Generator[float | None, Event | None, Aside]:
    """Run documents that are not the call's own: of who waits in a queue, of who is called and not connected yet."""
    outcome = yield from _Conversation(talk, told=True).documents(start)
    return None if isinstance(outcome, (Go, Over)) else outcome


class _Conversation:
    """The way through the documents of one call."""

    def __init__(self, talk: Talk, *, told: bool = False) -> None:
        """`told`: nobody hears from here how the call fares."""
        self._talk = talk
        talk.aside = aside
        self.accepted = False
        self._told_answer = told
        self._unused: set[tuple[str, str]] = set()
        """Attributes of which was said that they are of no use: documents come again and again."""

    def run(self, start: Go | Asked | Failed) -> Conversation:
        talk, ctx = self._talk, self._talk.ctx
        talk.status("initiated", "queued" if not ctx.answered else "in-progress")
        if not ctx.answered:
            talk.status("ringing", "ringing")
        outcome = yield from self.documents(start)
        if isinstance(outcome, Failed):
            return Ended(outcome.reason, self.accepted, text=outcome.text)
        return self._end(outcome)

    def documents(self, start: Go | Asked | Failed) -> Generator[float | None, Event | None, Outcome | Failed]:
        """Run documents, one after another, until one says what is to be done in the end."""
        talk, ctx = self._talk, self._talk.ctx
        way = start
        in_a_row = 0
        while True:
            found = (yield from talk.fetch(way)) if isinstance(way, Go) else way
            if isinstance(found, Failed):
                talk.notice(found.code, found.text)
                return found
            self.accepted = True
            begun, inputs = ctx.now, ctx.inputs
            outcome = yield from self._document(found)
            if isinstance(outcome, Go):
                idle = ctx.inputs == inputs and ctx.now - begun < SWIFT
                in_a_row = in_a_row + 1 if idle else 0
                if in_a_row < MAX_IN_A_ROW:
                    way = outcome
                    continue
                talk.notice(12200, "documents lead from one to the other and nothing is heard")
                return Failed("bad_answer", 12200, "redirects without end")
            return outcome

    def _end(self, outcome: Outcome) -> Ended:
        ctx = self._talk.ctx
        self.over()
        if isinstance(outcome, Over) or not ctx.up:
            return Ended("over", True, ctx.cause)
        end = outcome if isinstance(outcome, HangsUp) else HangsUp()
        ctx.cause = "transferred"
        ctx.emit(HangUp("transferred", end.sip_status, end.reason))
        return Ended("hung_up", True)

    def answered(self) -> None:
        """Say that the call is answered, when it is: verbs answer, and go on for minutes then."""
        if self._talk.ctx.answered and not self._told_answer:
            self._told_answer = True
            self._talk.status("answered", "in-progress")

    def over(self) -> None:
        """The call, or the application's part of it, is over."""
        talk, ctx = self._talk, self._talk.ctx
        status = "completed" if ctx.answered else "no-answer"
        talk.status("completed", status, lasted(ctx.now - ctx.session_at))

    def _document(self, found: Asked) -> Generator[float | None, Event | None, Outcome]:
        ctx = self._talk.ctx
        for verb in found.verbs:
            entry: dict[str, Any] = {"verb": verb.name[:40], "at": ctx.offset(ctx.now)}
            ctx.enter("twiml", entry)
            for left in unused(verb):
                place = left.verb, left.name
                if place not in self._unused:
                    self._unused.add(place)
                    self._talk.notice(left.code, left.text, left.verb)
            try:
                outcome = yield from self._verb(verb, found.url, entry)
            except TwimlError as error:
                self._talk.notice(error.code, str(error), verb.name[:40])
                continue
            self.answered()
            if outcome is not None:
                return outcome
            if not ctx.up:
                return OVER
        return None

    def _verb(self, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
        talk, ctx = self._talk, self._talk.ctx
        if talk.verbs is not None and verb.name not in talk.verbs:
            entry["error"] = "this verb does not stand in such a document"
            talk.notice(12200, entry["error"], verb.name[:40])
            return None
        match verb.name:
            case "Leave" if talk.verbs is not None:
                return Leaves()
            case "Say" | "Play" | "Pause":
                if verb.name != "Pause":
                    ctx.answer()
                yield from heard(talk, verb, base, entry)
                return None
            case "Start":
                start(talk, verb, base)
                return None
            case "Stop":
                stop(talk, verb)
                return None
            case "Redirect":
                return talk.way(Verb("Redirect", {**verb.attributes, "action": verb.text}), base, {})
            case "Hangup":
                return HangsUp()
            case "Reject":
                status, reason = ENDINGS["busy" if verb.get("reason").strip().lower() == "busy" else "rejected"]
                return HangsUp(status, reason)
        doing = _VERBS.get(verb.name)
        if doing is None:
            why = UNSUPPORTED.get(verb.name, "this verb is not supported")
            entry["error"] = why
            talk.notice(12200, why, verb.name[:40])
            return None
        return (yield from doing(talk, verb, base, entry))
