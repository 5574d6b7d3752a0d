"""Steps of a script: what the caller and the world do in a simulated call, as people write it in YAML.

    - {at: welcome, press: "1"}             # as soon as that element is reached
    - {press: "4711#"}                      # when the call next waits for keys
    - {forward: sales, result: busy}        # how the world answers, whenever it is asked
    - {callee: remind, result: machine}     # who answers when the flow calls somebody, attempt by attempt
    - {agent: support, after: 40s}          # how long the caller waits in a queue, and for whom
    - {hang_up_after: 5s}                   # after the step before it

Steps of the caller happen one after the other. Answers of the world are there from the beginning, in the order written;
a step after one of them waits until that answer was given. After the last step the caller says and does nothing.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ivr.flow.patterns import KEYS
from ivr.flow.ports import FailureKind, RequestError
from ivr.flow.sim.handed_steps import AgentStep, AiAgentStep, ApplicationStep, PlaceStep
from ivr.flow.sim.step import Step
from ivr.flow.sim.stubs import CalleeAnswer, CalleeResult, ForwardAnswer, ForwardResult, HttpAnswer, MailAnswer
from ivr.flow.values import Duration, text_of_digits

__all__ = [
    "STEPS",
    "AgentStep",
    "AiAgentStep",
    "ApplicationStep",
    "CalleeStep",
    "EventStep",
    "ForwardStep",
    "HangUpAfterStep",
    "HangUpStep",
    "HttpStep",
    "MailStep",
    "Moment",
    "PlaceStep",
    "PressStep",
    "SilenceStep",
    "SpeakStep",
    "Step",
    "UntilStep",
    "WaitStep",
]


def _keys(value: object) -> str:
    keys = text_of_digits(value)
    if not keys or any(key not in KEYS for key in keys):
        raise ValueError(f"keys are of {KEYS}")
    return keys


def _moment(value: object) -> object:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError('not a time: like "2026-03-02T10:00:00+01:00"') from None
    if isinstance(value, date) and not (isinstance(value, datetime) and value.tzinfo is not None):
        raise ValueError('a time needs its zone: like "2026-03-02T10:00:00+01:00"')
    return value


def _or_true(value: object) -> object:
    if value is True or (isinstance(value, str) and value):
        return value
    raise ValueError("an element, or true")


Keys = Annotated[str, BeforeValidator(_keys)]
Where = Annotated[str | Literal[True], BeforeValidator(_or_true)]
"""An element, or `true`: wherever the call is."""
Moment = Annotated[datetime, BeforeValidator(_moment)]
"""Date, time and zone."""


class PressStep(Step):
    """The caller presses keys."""

    KIND = "press"

    at: str | None = None
    """As soon as this element (`flow/element` in another flow) is reached; without it when the call next waits for
    keys."""
    press: Keys
    """One after the other."""
    after: Duration = 0.0
    """So long after that."""
    gap: Duration = 0.25
    """From key to key."""


class SilenceStep(Step):
    """The caller lets the time for an input run out."""

    KIND = "silence"

    silence: Where
    """Element, or `true` for the next that asks for keys."""


class WaitStep(Step):
    """Time passes."""

    KIND = "wait"

    wait: Duration
    """Seconds."""


class HangUpAfterStep(Step):
    """The caller hangs up so long after the step before."""

    KIND = "hang_up_after"

    hang_up_after: Duration
    """Seconds."""


class HangUpStep(Step):
    """The caller hangs up."""

    KIND = "hang_up"

    hang_up: Where
    """As soon as this element is reached; `true`: at once."""
    after: Duration = 0.0
    """So long after that."""


class SpeakStep(Step):
    """The caller speaks when he is next recorded."""

    KIND = "speak"

    at: str | None = None
    """In this element."""
    speak: Duration
    """Seconds."""


class EventStep(Step):
    """An event comes from outside."""

    KIND = "event"

    at: str | None = None
    """As soon as this element is reached."""
    event: str
    """Its name."""
    properties: dict[str, Any] = Field(default_factory=dict)
    """JSON values that come with it."""
    after: Duration | None = None
    """So long after the step before; without `at` and `after`: when the flow waits for such an event."""


class UntilStep(Step):
    """Time passes until a moment."""

    KIND = "until"

    until: Moment
    """Date, time and zone."""


class ForwardStep(Step):
    """What becomes of a forward."""

    KIND = "forward"

    forward: str
    """Element, or a pattern of a target."""
    result: ForwardResult = "answered"
    """What the called party does."""
    after: Duration | None = None
    """Seconds until that."""
    talk: Duration = 30.0
    """Seconds the two talk."""
    then: Literal["returned", "hang_up"] = "returned"
    """`returned`: the called party leaves then. `hang_up`: the caller does."""
    accepts: bool = True
    """The called party presses the key where one is asked for."""

    @property
    def answer(self) -> ForwardAnswer:
        """For the stubs."""
        leaves: Literal["called", "caller"] = "called" if self.then == "returned" else "caller"
        return ForwardAnswer(self.forward, self.result, self.after, self.talk, leaves, self.accepts, times=1)


class CalleeStep(Step):
    """Who answers when the flow calls somebody, or why nobody does."""

    KIND = "callee"

    callee: str
    """Element, or a pattern of the number."""
    result: CalleeResult = "human"
    """`human`, `machine`, `unknown` (answers, and nobody knows who), `no_answer`, `busy`, `declined`, `failed`."""
    after: Duration | None = None
    """Seconds until that."""
    greeting: Duration = 6.0
    """Seconds that a machine speaks before its beep."""
    beep: bool = True
    """The machine has a beep."""
    accepts: bool = True
    """A person presses the key where one is asked for."""
    hangs_up: Duration | None = None
    """Seconds after the answer at which the one called hangs up."""
    kind: FailureKind = "known"
    """After `failed`: `known` is retried, `unexplained` within the validity, `final` never."""
    sip_code: Annotated[int, Field(ge=300, le=699)] | None = None
    """Status of the refusal."""
    status: str | None = None
    """What became of it in a word: `unknown_number`, `do_not_contact`."""
    line: str = ""
    """Line that the call goes by."""

    @property
    def answer(self) -> CalleeAnswer:
        """For the stubs."""
        return CalleeAnswer(
            self.callee,
            self.result,
            self.after,
            self.greeting,
            self.beep,
            self.accepts,
            self.hangs_up,
            self.kind,
            self.sip_code,
            self.status,
            self.line,
            times=1,
        )


class HttpStep(Step):
    """What an HTTP request gets."""

    KIND = "http"

    http: str
    """Element, or a pattern of the URL or of `METHOD URL`."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """Status of the answer."""
    body: Any = Field(default_factory=dict)
    """JSON value or text."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Of the answer."""
    after: Duration = 0.2
    """Seconds until it is there."""
    error: RequestError | None = None
    """No answer, but this."""

    @property
    def answer(self) -> HttpAnswer:
        """For the stubs."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        return HttpAnswer(self.http, self.status, self.body, headers, self.after, self.error, times=1)


class MailStep(Step):
    """What becomes of a mail."""

    KIND = "mail"

    mail: str
    """Element, or a pattern of an address."""
    error: str | None = None
    """Why it is not handed over."""
    after: Duration = 0.2
    """Seconds until that is known."""

    @property
    def answer(self) -> MailAnswer:
        """For the stubs."""
        return MailAnswer(self.mail, self.error, self.after, times=1)


STEPS: dict[str, type[Step]] = {
    "press": PressStep,
    "silence": SilenceStep,
    "wait": WaitStep,
    "hang_up_after": HangUpAfterStep,
    "hang_up": HangUpStep,
    "speak": SpeakStep,
    "forward": ForwardStep,
    "callee": CalleeStep,
    "http": HttpStep,
    "mail": MailStep,
    "event": EventStep,
    "until": UntilStep,
    "agent": AgentStep,
    "position": PlaceStep,
    "ai_agent": AiAgentStep,
    "application": ApplicationStep,
}
"""What a step does, by the field that tells it."""
