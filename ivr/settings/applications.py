"""Voice applications (`applications`): web servers that take calls over from flows and drive them."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ivr.settings.connectors import HeaderName
from ivr.settings.values import Digits, Duration, Secret, Section

__all__ = ["LEAST_SECRET", "Application", "ApplicationRetry", "StatusEvent"]

StatusEvent = Literal["initiated", "ringing", "answered", "completed"]

MAX_TIMEOUT = 60.0
"""Seconds for one answer; a caller who hears nothing for longer is gone."""
MAX_IDLE = 3600.0
"""Seconds in which an application that has a call may be silent."""
MAX_DURATION = 4 * 3600.0
MAX_HEADERS = 50
LEAST_SECRET = 16
"""Characters: a key that can be guessed signs nothing."""

_ACCOUNT = re.compile(r"AC[0-9a-f]{32}", re.ASCII)


def _account(value: str) -> str:
    if not _ACCOUNT.fullmatch(value):
        raise ValueError("not an account: AC and 32 digits of 0-9a-f")
    return value


def _usable_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.fragment or not value.isprintable() or " " in value:
        raise ValueError("not a URL: like https://app.example/calls")
    if parts.username is not None:
        raise ValueError("no secrets in the URL: requests are signed, and headers may be added")
    return value


WebUrl = Annotated[str, AfterValidator(_usable_url)]
"""Address of a web server, which requests go to."""


def _retry(value: object) -> object:
    return {"times": 0} if value == "never" else value


class ApplicationRetry(Section):
    """How often a request that failed is sent again: no connection, no answer in time, a status of 500 and more."""

    times: Annotated[int, Field(ge=0, le=10)] = 1
    """Further tries of what a caller waits for (an offer, a document), within `timeout`."""
    first: Annotated[Duration, Field(gt=0, le=60)] = 0.5
    """Before the second try; doubled with each one."""
    deliver_for: Annotated[Duration, Field(ge=0, le=86_400)] = 86_400.0
    """events after the offer, and status callbacks: for how long what is not delivered is tried; then it is a dead
    letter."""


class Application(Section):
    """A voice application."""

    protocol: Literal["events", "twiml"] = "events"
    """`events`: signed events go to `url`, and the application drives the call over HTTP. `twiml`: `url` answers with
    TwiML, requests are signed as Twilio signs them."""
    url: WebUrl
    """Private addresses must stand in `http.allow`."""
    secret: Secret
    """Signs what is sent: the key of HMAC-SHA256, with twiml the account's auth token. With twiml it also lets the
    application use `/2010-04-01`, as user `account`."""
    previous_secret: Secret | None = None
    """events: signs as well, while the application goes over from this one to `secret`."""
    account: Annotated[str, AfterValidator(_account)] | None = None
    """twiml: AccountSid that the application is told; default: one made of the name."""
    method: Literal["POST", "GET"] = "POST"
    """twiml: how the first document is asked for."""
    fallback_url: WebUrl | None = None
    """twiml: asked for a document where `url`, or what it leads to, gives none that can be used."""
    status_callback: WebUrl | None = None
    """twiml: hears how the call fares."""
    status_events: tuple[StatusEvent, ...] = ("completed",)
    """twiml: what `status_callback` hears of."""
    headers: dict[HeaderName, Secret] = Field(default_factory=dict, max_length=MAX_HEADERS)
    """Sent with each request to the host of `url`."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] = 10.0
    """events: for accepting or rejecting a call. twiml: for one document."""
    idle: Annotated[Duration, Field(gt=0, le=MAX_IDLE)] = 60.0
    """events: how long an application that has a call may ask for nothing; then the flow takes the call back."""
    max_duration: Annotated[Duration, Field(gt=0, le=MAX_DURATION)] | None = None
    """How long it may have a call; then the flow takes the call back."""
    retry: Annotated[
        ApplicationRetry,
        BeforeValidator(_retry, json_schema_input_type=ApplicationRetry | Literal["never"]),
    ] = ApplicationRetry()
    from_: Annotated[Digits | None, Field(alias="from")] = None
    """twiml: caller id of the calls that it places, where it names none; default: the caller's own."""

    def account_sid(self, name: str) -> str:
        """AccountSid of the application of this name."""
        return self.account or f"AC{hashlib.sha256(f'applications/{name}'.encode()).hexdigest()[:32]}"

    @model_validator(mode="after")
    def _whole(self) -> Application:
        if self.protocol != "twiml":
            for name in ("account", "method", "fallback_url", "status_callback", "status_events", "from_"):
                if name in self.model_fields_set:
                    raise ValueError(f"{name.rstrip('_')} is for twiml alone")
        elif "idle" in self.model_fields_set:
            raise ValueError("idle is for events alone: a document says itself what follows")
        secrets = {"secret": self.secret, "previous_secret": self.previous_secret or self.secret}
        for name, secret in secrets.items():
            if len(secret.get_secret_value()) < LEAST_SECRET:
                raise ValueError(f"{name}: at least {LEAST_SECRET} characters, like those of `openssl rand -hex 32`")
        if self.previous_secret is not None and self.protocol != "events":
            raise ValueError("previous_secret: with twiml there is one signature, of `secret`")
        for value in (*self.headers.values(), *secrets.values()):
            if any(ord(sign) < 32 or ord(sign) == 127 for sign in value.get_secret_value()):
                raise ValueError("a header or the secret has line breaks in it")
        return self
