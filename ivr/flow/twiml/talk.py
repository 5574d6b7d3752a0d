"""A conversation with an application that speaks TwiML: its requests, their parameters, what it is told on the side."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urljoin, urlsplit

from ivr.flow.elements.call_api import exchange
from ivr.flow.elements.http_fields import Retry
from ivr.flow.ports import ApplicationTerms, Event, PromptSpec, Request, RequestDone, TellApplication
from ivr.flow.twiml.document import TwimlError, Verb, parse
from ivr.flow.twiml.forms import FORM, with_query
from ivr.flow.twiml.sids import call_sid, named_sid, recording_sid

if TYPE_CHECKING:
    from ivr.flow.session import Session
    from ivr.flow.twiml.recorded import Recording

__all__ = ["API_VERSION", "Asked", "Failed", "Go", "Method", "Talk"]

API_VERSION = "2010-04-01"
MAX_URL = 4_000
"""Characters of a URL that a document names."""
MAX_NOTICES = 50
"""Things that one call tells the application are not supported, or went wrong."""

Method = Literal["GET", "POST"]
Wait = Generator[float | None, Event | None, Any]


@dataclass(frozen=True, slots=True)
class Go:
    """Another document is to be asked for."""

    url: str
    """Absolute."""
    method: Method = "POST"
    params: Mapping[str, str] = field(default_factory=dict)
    """Besides those of every request."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A document and where it came from."""

    verbs: tuple[Verb, ...]
    url: str
    """Where what it names begins."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No document was to be had."""

    reason: Literal["http_error", "bad_answer", "timeout"]
    code: int
    """Twilio's number for it."""
    text: str
    """A sentence, for trace and log."""


class Talk:
    """What is said to one application about one call."""

    def __init__(self, ctx: Session, terms: ApplicationTerms, filler: PromptSpec | None, *, secret: bool) -> None:
        """`filler` is heard while a document is awaited; `secret`: what callers key in stands in no trace."""
        self.ctx = ctx
        self.terms = terms
        self.secret = secret
        self._filler = filler
        self._notices = 0
        self._told: dict[str, int] = {}
        """Callbacks so far, by the CallSid that they are about."""
        self.sid = call_sid(ctx.call.id)
        self.more: dict[str, str] = {}
        """Parameters that every request of this conversation has besides, or says otherwise."""
        self.recordings: list[Recording] = []
        """Of the whole call, that its documents have started."""
        self.verbs: frozenset[str] | None = None
        """Those that may stand in its documents; None: all."""
        self.look: Callable[[], Generator[float | None, Event | None, None]] | None = None
        """Renews `more` before each request; None: nothing in it changes."""
        self.aside: Callable[[Talk, Go], Generator[float | None, Event | None, Any]]
        """Runs documents beside the call, for verbs that need some: :func:`ivr.flow.twiml.interpreter.aside`."""

    # Parameters

    def common(self, status: str | None = None) -> dict[str, str]:
        """Parameters of every request; `status` is the CallStatus, by default what the call is in."""
        call = self.ctx.call
        called = self.ctx.called_as or call.to
        found = {
            "CallSid": self.sid,
            "AccountSid": self.terms.account,
            "From": call.from_,
            "To": called,
            "Caller": call.from_,
            "Called": called,
            "CallStatus": status or ("in-progress" if self.ctx.answered else "ringing"),
            "ApiVersion": API_VERSION,
            "Direction": "inbound" if call.direction == "inbound" else "outbound-api",
        }
        if call.display:
            found["CallerName"] = call.display
        forwarded = str(call.headers.get("diversion", ""))
        if forwarded:
            found["ForwardedFrom"] = forwarded.partition("sip:")[2].partition("@")[0] or forwarded[:100]
        return found | self.more

    def recording(self, key: str, path: str, seconds: float) -> dict[str, str]:
        """Parameters that name a recording."""
        sid = recording_sid(key, self.terms.secret) if key else named_sid("RE", self.ctx.call.id, path)
        where = f"{self.terms.base_url}/{API_VERSION}/Accounts/{self.terms.account}/Recordings/{sid}"
        return {"RecordingUrl": where, "RecordingSid": sid, "RecordingDuration": str(round(seconds))}

    def resolve(self, base: str, url: str) -> str:
        """A URL of a document, which may be relative; TwimlError where it is none."""
        url = url.strip()
        try:
            found = urljoin(base, url) if url else base
            parts = urlsplit(found)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or len(found) > MAX_URL or not found.isprintable():
            raise TwimlError(f"not a URL that a document can lead to: {url[:100]!r}", 11100)
        return found

    def way(self, verb: Verb, base: str, params: Mapping[str, str], *, action: str = "action") -> Go:
        """Where an action leads; without one to the document itself."""
        method: Method = "GET" if verb.get("method", "POST").strip().upper() == "GET" else "POST"
        return Go(self.resolve(base, verb.get(action)), method, params)

    # Documents

    def fetch(self, way: Go) -> Generator[float | None, Event | None, Asked | Failed]:
        """Ask for a document, and where there is none to be had, for the one to fall back to."""
        found = yield from self._fetch(way)
        fallback = self.terms.fallback_url
        if isinstance(found, Asked) or fallback is None or way.url == fallback:
            return found
        self.notice(found.code, found.text)
        params = {**way.params, "ErrorCode": str(found.code), "ErrorUrl": way.url}
        return (yield from self._fetch(Go(fallback, "POST", params)))

    def _fetch(self, way: Go) -> Generator[float | None, Event | None, Asked | Failed]:
        ctx, terms = self.ctx, self.terms
        if self.look is not None:
            yield from self.look()
        params = {**self.common(), **way.params}
        retry = None
        if terms.tries:
            retry = Retry(times=min(terms.tries, 10), wait=terms.retry_first)
        request = self._request(way.url, way.method, params)
        done, _ = yield from exchange(ctx, request, retry, self._filler if ctx.answered or ctx.early else None)
        return self._read(done, way.url)

    def _request(self, url: str, method: Method, params: Mapping[str, str]) -> Request:
        form = urlencode(params)
        number, timeout, name = self.ctx.next_id(), self.terms.timeout, self.terms.name
        if method == "GET":
            return Request(
                number, "GET", with_query(url, form), {}, None, timeout, application=name, secret=self.secret
            )
        headers, body = {"content-type": FORM}, form.encode()
        return Request(number, "POST", url, headers, body, timeout, application=name, secret=self.secret)

    def _read(self, done: RequestDone, url: str) -> Asked | Failed:
        if done.error == "timeout":
            return Failed("timeout", 11205, done.text or "no answer in time")
        if done.status is not None and not 200 <= done.status < 300:
            return Failed("http_error", 11200, f"the answer has status {done.status}")
        if done.error in ("bad_answer", "too_large"):
            return Failed("bad_answer", 11750 if done.error == "too_large" else 12100, done.text)
        if done.error is not None or done.status is None:
            return Failed("http_error", 11200, done.text or "no answer")
        if done.body is None and (done.status == 204 or done.headers.get("content-length") == "0"):
            return Asked((), url)
        if not isinstance(done.body, str):
            return Failed("bad_answer", 12300, "the answer is no TwiML: its content type is not text/xml")
        return self.read(done.body, url)

    def read(self, text: str, url: str) -> Asked | Failed:
        """A document that is there already."""
        try:
            return Asked(parse(text), url)
        except TwimlError as error:
            return Failed("bad_answer", error.code, str(error))

    # On the side

    def tell(
        self, url: str, method: Method, params: Mapping[str, str], *, status: str | None = None, key: str = ""
    ) -> None:
        """Tell the application something, in order, without waiting for it; `key` as in :meth:`promise`."""
        data = self._stamped(status, params)
        self._told[data["CallSid"]] = int(data["SequenceNumber"]) + 1
        self.ctx.emit(TellApplication(self.terms.name, "callback", data, url, method, secret=self.secret, key=key))

    def promise(
        self, url: str, method: Method, params: Mapping[str, str], *, key: str, seconds: float | None = None
    ) -> None:
        """What the application hears where the daemon dies, and nobody tells something of this `key`: that what it is
        about is over. `seconds` since it was answered; None: it is not."""
        data = self._stamped("failed" if seconds is None else "completed", params)
        since = None if seconds is None else self.ctx.wall_time().timestamp() - seconds
        told = TellApplication(
            self.terms.name, "last_word", data, url, method, secret=self.secret, key=key, since=since
        )
        self.ctx.emit(told)

    def _stamped(self, status: str | None, params: Mapping[str, str]) -> dict[str, str]:
        found = {**self.common(status), **params, "Timestamp": format_datetime(self.ctx.wall_time())}
        return found | {"SequenceNumber": str(self._told.get(found["CallSid"], 0))}

    def status(self, event: str, status: str, params: Mapping[str, str] | None = None) -> None:
        """The call fares so: for who wants to hear of it."""
        url, ctx, key = self.terms.status_callback, self.ctx, f"status-{self.terms.id}"
        if url is None:
            return
        found = {"CallbackSource": "call-progress-events", **(params or {})}
        if event in self.terms.status_events:
            self.tell(url, "POST", found, status=status, key=key if event == "completed" else "")
        if event != "completed" and "completed" in self.terms.status_events:
            self.promise(url, "POST", found, key=key, seconds=ctx.now - ctx.session_at if ctx.answered else None)

    def notice(self, code: int, text: str, verb: str = "") -> None:
        """Something in a document is not supported, or does not hold: said in the trace, to the application (its status
        callback) and to the feed. The call goes on."""
        if self._notices >= MAX_NOTICES:
            return
        self._notices += 1
        self.ctx.note(f"twiml{f' <{verb}>' if verb else ''}: {text}")
        data: dict[str, Any] = {"ErrorCode": str(code), "ErrorMessage": text, "Level": "WARNING"}
        if verb:
            data["Verb"] = verb
        told = {**self.common(), **data, "CallbackSource": "error"}
        self.ctx.emit(TellApplication(self.terms.name, "error", told))
