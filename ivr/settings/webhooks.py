"""Where what happens is told (`webhooks`): web servers that get events as they come."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from ivr.settings.applications import LEAST_SECRET, WebUrl
from ivr.settings.connectors import HeaderName
from ivr.settings.values import Duration, Secret, Section

__all__ = ["Webhook", "WebhookRetry"]

MAX_TIMEOUT = 60.0
"""Seconds for one answer, of which nothing but the status counts."""
MAX_HEADERS = 50
MAX_PATTERNS = 50

_PATTERN = re.compile(r"\*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?", re.ASCII)


def _pattern(value: str) -> str:
    if not _PATTERN.fullmatch(value):
        raise ValueError("not a pattern of events: call.ended, call.* or *")
    return value


class WebhookRetry(Section):
    """How often an event that was not taken is sent again: any answer but 2xx, none in time, no connection."""

    first: Annotated[Duration, Field(gt=0, le=600)] = 1.0
    """Before the second try; doubled with each one, and a little more or less by chance."""
    longest: Annotated[Duration, Field(gt=0, le=86_400)] = 600.0
    """Between two tries."""
    times: Annotated[int, Field(ge=1, le=1000)] = 20
    """Tries, after which an event goes to the dead letters."""
    within: Annotated[Duration, Field(gt=0, le=30 * 86_400)] = 86_400.0
    """An event that could not be delivered for so long goes there, too."""

    @model_validator(mode="after")
    def _grows(self) -> WebhookRetry:
        if self.longest < self.first:
            raise ValueError("longest is shorter than first")
        return self


class Webhook(Section):
    """A web server that hears of events."""

    url: WebUrl
    """Private addresses must stand in `http.allow`."""
    secret: Secret
    """Signs what is sent: the key of HMAC-SHA256."""
    previous_secret: Secret | None = None
    """Signs it as well, while who receives it goes over from this one to `secret`."""
    enabled: bool = True
    """false: what happens is not told; what waits from before stays until it is enabled again."""
    events: Annotated[
        tuple[Annotated[str, AfterValidator(_pattern)], ...], Field(min_length=1, max_length=MAX_PATTERNS)
    ] = ("*",)
    """Which: `call.ended`, `call.*`, `*`."""
    headers: dict[HeaderName, Secret] = Field(default_factory=dict, max_length=MAX_HEADERS)
    """Sent with each event."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] = 10.0
    """Until the status of the answer is there."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    """Requests at the same time; those of one call go one after another in any case."""
    queue: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Events that wait; those that come when so many do are lost, and counted."""
    retry: WebhookRetry = WebhookRetry()

    def wants(self, event: str) -> bool:
        """Whether events of this type go here."""
        return any(
            pattern in ("*", event) or (pattern.endswith(".*") and event.startswith(pattern[:-1]))
            for pattern in self.events
        )

    @model_validator(mode="after")
    def _sendable(self) -> Webhook:
        for name, secret in (("secret", self.secret), ("previous_secret", self.previous_secret)):
            if secret is not None and len(secret.get_secret_value()) < LEAST_SECRET:
                raise ValueError(f"{name}: at least {LEAST_SECRET} characters, like those of `openssl rand -hex 32`")
        for value in self.headers.values():
            if any(ord(sign) < 32 or ord(sign) == 127 for sign in value.get_secret_value()):
                raise ValueError("a header's value has line breaks in it")
        return self
