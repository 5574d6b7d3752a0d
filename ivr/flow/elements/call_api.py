"""call_api: ask another system over HTTP."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Exposure, Run, element
from ivr.flow.elements.http_fields import (
    CONTENT_TYPE,
    MAX_HEADERS,
    MAX_SAVED,
    Body,
    HeaderName,
    JsonPathField,
    Retry,
    SendableHeader,
    UnsendableError,
    body_bytes,
    header_text,
    url_text,
)
from ivr.flow.elements.waiting import Filler, Meanwhile, filler_spec
from ivr.flow.expressions import ExpressionError
from ivr.flow.ports import Event, PromptSpec, Request, RequestDone
from ivr.flow.values import Duration, TextTemplate, VariableName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["CallApiElement", "branch_of", "exchange", "longest", "set_answer"]

MAX_TIMEOUT = 120.0
"""Seconds for one answer; no caller waits longer, and what takes longer reports by an event."""

ANSWER_GRACE = 5.0
"""Seconds over the timeout after which an answer counts as lost."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@element("call_api")
class CallApiElement(Element):
    """Sends an HTTP request and keeps values of the answer. With `wait: false` the flow goes on at once and the answer
    stands in the trace alone. Results: `status` (of the answer, null where none came), `body`, `headers`, `error`
    (`refused`, `timeout`, `network`, `too_large`, `bad_answer`, or null), `elapsed`, `tries`."""

    BRANCHES = (
        BranchSpec("success", "The answer is 2XX; with `wait: false` always.", success=True),
        BranchSpec("client_error", "The answer is 4XX.", "error"),
        BranchSpec("server_error", "The answer is 5XX.", "error"),
        BranchSpec("error", "No usable answer came."),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    NEEDS_CALL = False
    RESULTS = ("status", "body", "headers", "error", "elapsed", "tries")
    TARGETS: ClassVar[Mapping[str, str]] = {"connector": "connectors"}
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {"url": "url", "headers": "sent", "body": "sent"}

    type: Literal["call_api"] = "call_api"
    connector: Annotated[str, Field(min_length=1)] | None = None
    """Connector of the configuration that gives base URL, credentials and further headers."""
    method: Method | None = None
    """Default: GET, or POST where there is a body."""
    url: TextTemplate | None = None
    """Where to; with a connector what follows its base URL."""
    headers: dict[SendableHeader, TextTemplate] = Field(default_factory=dict, max_length=MAX_HEADERS)
    """Further headers."""
    body: Body = None
    """A mapping or list goes as JSON, as a form where the header content-type says so; text goes as it is."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] = 10.0
    """For one try, redirects included."""
    wait: bool = True
    """Wait for the answer."""
    filler: Filler = "music"
    """What the caller hears meanwhile, from the second second on: `music`, `none`, or a prompt that is repeated."""
    save: dict[VariableName, JsonPathField] = Field(default_factory=dict, max_length=MAX_SAVED)
    """Variable to a JSONPath in the answer; a list, an object or nothing there gives null."""
    save_headers: dict[VariableName, HeaderName] = Field(default_factory=dict, max_length=MAX_SAVED)
    """Variable to the name of a header of the answer."""
    retry: Retry | None = None
    """Send it again where it fails."""

    @model_validator(mode="after")
    def _consistent(self) -> CallApiElement:
        if self.url is None and self.connector is None:
            raise ValueError("needs a url or a connector")
        start = "" if self.url is None else self.url.words if self.url.fixed else self.url.source
        absolute = start.lower().startswith(("http://", "https://"))
        if self.connector is not None and absolute:
            raise ValueError("with a connector the url begins after its base URL: a path and query")
        if self.connector is None and not absolute and not start.lstrip().startswith("{{"):
            raise ValueError("the url must begin with http:// or https://, or name a connector")
        if absolute and "@" in start.partition("//")[2].partition("/")[0]:
            raise ValueError("no user and password in the url: a connector keeps them out of flows")
        if self.method == "GET" and self.body is not None:
            raise ValueError("a GET has no body: put the values into the url")
        if not self.wait:
            for name in ("save", "save_headers", "retry"):
                if getattr(self, name):
                    raise ValueError(f"{name} needs the answer: leave out wait: false")
        return self

    def sets(self) -> tuple[str, ...]:
        return (*self.save, *self.save_headers)

    def silent_wait(self) -> float:
        return longest(self.timeout, self.retry) if self.filler == "none" and self.wait else 0.0

    def run(self, ctx: Session) -> Run:
        try:
            template = self._request(ctx)
        except (UnsendableError, ExpressionError) as error:
            ctx.note(f"call_api: {error}")
            return self._result(ctx, RequestDone(0, error="refused", text=str(error)), 0, secret=False)
        if not self.wait:
            ctx.send(template)
            set_answer(ctx, None, 1, hidden=False)
            return "success"
        done, tries = yield from exchange(ctx, template, self.retry, filler_spec(ctx, self.filler))
        return self._result(ctx, done, tries, template.secret)

    def _request(self, ctx: Session) -> Request:
        url, secret = ("", False) if self.url is None else url_text(ctx, self.url)
        headers: dict[str, str] = {}
        for name, template in self.headers.items():
            headers[name.lower()], sensitive = header_text(ctx, template)
            secret = secret or sensitive
        body: bytes | None = None
        if self.body is not None:
            body, content_type, sensitive = body_bytes(ctx, self.body, headers.get(CONTENT_TYPE))
            secret = secret or sensitive
            if content_type is not None:
                headers[CONTENT_TYPE] = content_type
        method = self.method or ("GET" if self.body is None else "POST")
        return Request(ctx.next_id(), method, url, headers, body, self.timeout, self.connector, secret)

    def _result(self, ctx: Session, done: RequestDone, tries: int, secret: bool) -> str:
        for name, path in self.save.items():
            ctx.set_variable(name, path.value(done.body))
        for name, header in self.save_headers.items():
            ctx.set_variable(name, done.headers.get(header.lower()))
        hidden = secret or any(ctx.is_sensitive(name) for name in self.sets())
        set_answer(ctx, done, tries, hidden)
        return branch_of(done)


def set_answer(
    ctx: Session, done: RequestDone | None, tries: int, hidden: bool, results: Mapping[str, Any] | None = None
) -> None:
    """Give the following elements the answer (None: it is not waited for) as their `result`, and `results` with it.

    What came is sensitive where `hidden`.
    """
    found = done or RequestDone(0)
    result: dict[str, Any] = {
        "status": found.status,
        "body": found.body,
        "headers": dict(found.headers),
        "error": found.error,
        "elapsed": round(found.elapsed, 3),
        "tries": tries,
        **(results or {}),
    }
    if done is not None:
        ctx.details.update(status=done.status, tries=tries)
        if done.error is not None:
            ctx.details["error"] = done.error
    ctx.set_result(result, sensitive=("body", "headers", *(results or {})) if hidden else ())


def longest(timeout: float, retry: Retry | None) -> float:
    """Seconds that a request takes at most, with all its tries."""
    if retry is None:
        return timeout
    return timeout * (1 + retry.times) + sum(retry.pause(tries) for tries in range(1, retry.times + 1))


def branch_of(done: RequestDone) -> str:
    """The branch of an answer."""
    status = done.status
    if status is not None and 400 <= status < 600:
        return "client_error" if status < 500 else "server_error"
    return "success" if done.error is None and status is not None and 200 <= status < 300 else "error"


def exchange(
    ctx: Session, request: Request, retry: Retry | None, spec: PromptSpec | None
) -> Generator[float | None, Event | None, tuple[RequestDone, int]]:
    """Send a request, again where `retry` says so, until it is answered for good: the answer and the number of tries.

    The caller hears `spec` meanwhile.
    """
    meanwhile = Meanwhile(ctx, spec)
    tries = 1
    while True:
        done = yield from _one(ctx, request, meanwhile)
        if retry is None or tries > retry.times or not _failed(done, retry):
            meanwhile.stop()
            return done, tries
        yield from meanwhile.wait(ctx.now + retry.pause(tries))
        request = replace(request, id=ctx.next_id())
        tries += 1


def _one(ctx: Session, request: Request, meanwhile: Meanwhile) -> Generator[float | None, Event | None, RequestDone]:
    ctx.send(request)

    def answers(event: Event) -> bool:
        return type(event) is RequestDone and event.id == request.id

    event = yield from meanwhile.wait(ctx.now + request.timeout + ANSWER_GRACE, answers)
    if isinstance(event, RequestDone):
        return event
    ctx.note("the outcome of a request was never reported", "error")
    return RequestDone(request.id, error="timeout", text="lost")


def _failed(done: RequestDone, retry: Retry) -> bool:
    if done.status is not None:
        return "5xx" in retry.after and 500 <= done.status < 600
    return "network" in retry.after and done.error in ("network", "timeout", "bad_answer")
