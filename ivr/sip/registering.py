"""Registration of a trunk at its provider: the client's side of REGISTER (RFC 3261 §10.2, RFC 5626 §4.5).

Pure: what happened and the time go in, `outputs` says what to do: look the registrar up, send a request. Places are the
hops of all registrars, in the order in which they are tried; the one that worked last goes first.

    start -> FindPlaces -> found -> SendRegister -> response 401 -> SendRegister -> response 200 -> (refresh) -> ...
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ivr.sip.account import Account, challenges_of, with_credentials
from ivr.sip.headers import parse_number, quote
from ivr.sip.layer import Tokens
from ivr.sip.message import Response
from ivr.sip.outgoing import OutgoingRequest
from ivr.sip.registering_rules import (
    BASE,
    CAP,
    any_stale,
    back_off,
    challenge_answered,
    granted_by,
    refresh_after,
    retry_after,
)
from ivr.sip.uri import Uri

__all__ = ["FindPlaces", "Place", "RegisterState", "Registering", "RegisteringConfig", "SendRegister"]

REFUSED_BASE: Final = 60.0
"""Base-time after a refusal that time will hardly mend (wrong password, no such account): who tries often is banned."""
REFUSED_CAP: Final = 1800.0
MAX_ANSWERS: Final = 2
"""Challenges answered in one round at one place."""
MAX_EXPIRES: Final = 86400
"""Seconds asked for at most, whatever Min-Expires says."""
STOP_WAIT: Final = 2.0
"""Seconds for the answer to the last request, which takes the registration back."""


@dataclass(frozen=True, slots=True)
class RegisteringConfig:
    """What is registered."""

    aor: Uri
    """Address of record: From and To."""
    registrar: Uri
    """Request-URI: the domain, without a user."""
    account: Account
    expires: int = 3600
    """Seconds asked for."""
    instance: str | None = None
    """`urn:uuid:…` of this installation (RFC 5626 §4.1): a restart takes the place of the registration before."""
    headers: str = ""
    """Further header lines."""
    routes: tuple[str, ...] = ()
    """Route set (an outbound proxy): values with `<>`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request can be sent to."""

    name: str
    """For the log, and to be recognised when the places are found again."""
    contact: str
    """URI that calls are to come to, as our end of the way there is called."""


@dataclass(frozen=True, slots=True)
class FindPlaces:
    """Look the registrars up and tell by `found`."""


@dataclass(frozen=True, slots=True)
class SendRegister:
    """Send a request; its outcome comes by `response` or `failed` with the same number."""

    number: int
    place: Place
    request: OutgoingRequest


Output = FindPlaces | SendRegister


class RegisterState(Enum):
    """What the machine waits for."""

    IDLE = "idle"
    FINDING = "finding"
    TRYING = "trying"
    REGISTERED = "registered"
    """For the next refresh."""
    WAITING = "waiting"
    """For the next try after a failure."""
    STOPPING = "stopping"
    STOPPED = "stopped"


class Registering:
    """One registration."""

    __slots__ = (
        "_answers",
        "_briefed",
        "_call_id",
        "_challenge",
        "_config",
        "_cseq",
        "_expires",
        "_failures",
        "_fraction",
        "_left",
        "_nc",
        "_number",
        "_place",
        "_places",
        "_retry_after",
        "_shaky",
        "_tag",
        "_timer",
        "_tokens",
        "_until",
        "_used",
        "granted",
        "outputs",
        "reason",
        "state",
    )

    def __init__(self, config: RegisteringConfig, tokens: Tokens, fraction: Callable[[], float]) -> None:
        """`fraction` gives chance from 0 to 1."""
        self._config = config
        self._tokens = tokens
        self._fraction = fraction
        self.outputs: deque[Output] = deque()
        """What is to be done; the shell empties it."""
        self.state = RegisterState.IDLE
        self.reason = "not registered yet"
        """Why it is not registered; empty while it is."""
        self.granted = 0.0
        """Seconds of the last grant."""
        self._until: float | None = None
        self._timer: float | None = None
        self._places: Sequence[Place] = ()
        self._place = 0
        self._left = 0
        self._number = 0
        self._call_id = tokens.take(32)
        self._tag = tokens.take()
        self._cseq = 0
        self._expires = config.expires
        self._failures = 0
        self._retry_after = 0.0
        self._answers: list[bool] = []
        self._used: OutgoingRequest | None = None
        self._challenge: tuple[bool, str, str] | None = None
        self._nc = 0
        self._shaky = False
        self._briefed = False

    # What is asked of it

    def registered(self, now: float) -> bool:
        """Whether calls can come now."""
        return self._until is not None and now < self._until

    def next_timer(self) -> float | None:
        """When `timer` is to be called; None: not before something else happens."""
        times = [time for time in (self._timer, self._until) if time is not None]
        return min(times, default=None)

    # What happened

    def start(self, now: float) -> None:
        """Begin."""
        if self.state is RegisterState.IDLE:
            self._begin()

    def found(self, places: Sequence[Place], now: float) -> None:
        """The places to be tried."""
        if self.state is not RegisterState.FINDING:
            return
        last = self._places[self._place].name if self._places else None
        self._places = tuple(places)
        self._place = next((n for n, place in enumerate(places) if place.name == last), 0)
        self._left = len(places)
        self._retry_after = 0.0
        self._briefed = False
        if not places:
            self._wait("the registrar has no address", now)
            return
        self._try_place(now)

    def response(self, number: int, response: Response, now: float) -> None:
        """A response to the request of this number."""
        status = response.status
        if number != self._number or status < 200 or self._used is None:
            return
        used, self._used = self._used, None
        if self.state is RegisterState.STOPPING:
            if status not in (401, 407) or not self._answer(used, response, now):
                self._stopped()
            return
        if self.state is not RegisterState.TRYING:
            return
        if status < 300:
            self._accepted(response, now)
        elif status in (401, 407):
            if not self._answer(used, response, now):
                self._challenge = None
                self._refused(self._why_unanswered(), now)
        elif status == 423:
            self._too_brief(response, now)
        elif status == 408 or 500 <= status < 600:
            if status == 503:
                self._retry_after = max(self._retry_after, retry_after(response))
            self._next_place(f"{status} {response.reason}", now)
        else:
            # A redirection is not followed: the password is for the registrars of the configuration.
            self._refused(f"{status} {response.reason}", now)

    def failed(self, number: int, status: int, now: float) -> None:
        """The request of this number got no response (408), or could not be sent (503)."""
        if number != self._number or self._used is None:
            return
        self._used = None
        if self.state is RegisterState.STOPPING:
            self._stopped()
        elif self.state is RegisterState.TRYING:
            self._next_place("no answer" if status == 408 else "no connection", now)

    def timer(self, now: float) -> None:
        """Do what is due."""
        if self._until is not None and now >= self._until:
            self._until = None
            self.reason = self.reason or "the registration ran out"
        if self._timer is None or now < self._timer:
            return
        self._timer = None
        if self.state in (RegisterState.REGISTERED, RegisterState.WAITING):
            self._begin()
        elif self.state is RegisterState.STOPPING:
            self._stopped()

    def lost(self, now: float) -> None:
        """The connection to the registrar is gone: calls cannot come until it is made anew (RFC 5626 §4.4.1)."""
        if self.state is RegisterState.REGISTERED:
            self._shaky = True
            self._timer = now + self._fraction()

    def hurry(self, now: float) -> None:
        """The peer gave a sign of life: do not wait for the end of the back-off."""
        if self.state is RegisterState.WAITING and self._timer is not None:
            self._timer = min(self._timer, now + self._fraction())

    def stop(self, now: float) -> None:
        """Take the registration back."""
        if self.state is RegisterState.STOPPED:
            return
        registered = self._until is not None or self.state is RegisterState.TRYING
        if not registered or not self._places:
            self._stopped()
            return
        self.state = RegisterState.STOPPING
        self._timer = now + STOP_WAIT
        self._answers = []
        self._send(0)

    # How it goes on

    def _begin(self) -> None:
        self.state = RegisterState.FINDING
        self.outputs.append(FindPlaces())

    def _try_place(self, now: float) -> None:
        self.state = RegisterState.TRYING
        self._answers = []
        self._send(self._expires)

    def _send(self, expires: int, credentials: str = "") -> None:
        config, place = self._config, self._places[self._place]
        self._cseq += 1
        self._number += 1
        instance = f";+sip.instance={quote(f'<{config.instance}>')}" if config.instance is not None else ""
        request = OutgoingRequest(
            "REGISTER",
            str(config.registrar),
            f"<{config.aor}>;tag={self._tag}",
            f"<{config.aor}>",
            self._call_id,
            self._cseq,
            config.routes,
            f"Contact: <{place.contact}>{instance};expires={expires}\r\nExpires: {expires}\r\nSupported: path\r\n"
            + config.headers,
        )
        request.credentials = credentials or self._known_credentials(request, place)
        self._used = request
        self.outputs.append(SendRegister(self._number, place, request))

    def _known_credentials(self, request: OutgoingRequest, place: Place) -> str:
        """Credentials with the nonce that the same place took last (RFC 7616 §3.6): one round trip less."""
        if self._challenge is None or self._challenge[1] != place.name:
            return ""
        proxy, _, text = self._challenge
        self._nc += 1
        value = self._authorize([text], proxy, request, self._nc)
        return "" if value is None else with_credentials(request, proxy, value)

    def _authorize(self, challenges: Sequence[str], proxy: bool, request: OutgoingRequest, nc: int) -> str | None:
        return self._config.account.answer(
            challenges,
            proxy=proxy,
            method=request.method,
            uri=request.uri,
            body=b"",
            cnonce=self._tokens.take(16),
            nc=nc,
        )

    def _answer(self, used: OutgoingRequest, response: Response, now: float) -> bool:
        """Send the request again with credentials; False where that makes no sense."""
        proxy, challenges = challenges_of(response)
        if len(self._answers) >= MAX_ANSWERS or (proxy in self._answers and not any_stale(challenges)):
            return False
        value = self._authorize(challenges, proxy, used, 1)
        if value is None:
            return False
        self._answers.append(proxy)
        answered = challenge_answered(challenges, value)
        self._challenge = None
        if answered is not None and not any(kind is not proxy for kind in self._answers):
            self._challenge, self._nc = (proxy, self._places[self._place].name, answered), 1
        self._send(0 if self.state is RegisterState.STOPPING else self._expires, with_credentials(used, proxy, value))
        return True

    def _why_unanswered(self) -> str:
        if self._answers:
            return "the password is refused"
        strange = self._config.account.strange
        return "a challenge that cannot be answered" if strange is None else f"a challenge for another realm: {strange}"

    def _accepted(self, response: Response, now: float) -> None:
        granted = granted_by(response, self._places[self._place].contact, self._expires)
        if granted <= 0:
            self._next_place("the registrar keeps nothing", now)
            return
        self.state = RegisterState.REGISTERED
        self.reason = ""
        self.granted = float(granted)
        self._failures = 0
        self._shaky = False
        self._until = now + granted
        self._timer = now + refresh_after(float(granted), self._fraction())

    def _too_brief(self, response: Response, now: float) -> None:
        least = parse_number(response.get("Min-Expires") or "")
        if self._briefed or least is None or not self._expires < least <= MAX_EXPIRES:
            self._refused("423 without a time that can be asked for", now)
            return
        self._briefed = True
        self._expires = least
        self._try_place(now)

    def _next_place(self, reason: str, now: float) -> None:
        self._left -= 1
        if self._left > 0:
            self._place = (self._place + 1) % len(self._places)
            self._try_place(now)
        else:
            self._wait(reason, now)

    def _refused(self, reason: str, now: float) -> None:
        self._wait(reason, now, REFUSED_BASE, REFUSED_CAP)

    def _wait(self, reason: str, now: float, base: float = BASE, cap: float = CAP) -> None:
        self.state = RegisterState.WAITING
        self.reason = reason
        if self._shaky:
            self._until = None
        delay = max(back_off(self._failures, self._fraction(), base, cap), self._retry_after)
        self._failures += 1
        self._timer = now + delay

    def _stopped(self) -> None:
        self.state = RegisterState.STOPPED
        self.reason = "stopped"
        self._until = self._timer = None
