"""What applications, and AI agents that have left documents behind, are told of calls: events and callbacks, on the way
that webhooks go (:mod:`ivr.webhooks`): in the order of a call, at least once, over a restart, else a dead letter.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

from pydantic import SecretStr

from ivr.flow import ports
from ivr.flow.twiml import FORM, lasted, stamp, with_query
from ivr.outside.signatures import TWILIO_HEADER, form_of, twilio_signature
from ivr.settings import Application, Settings
from ivr.webhooks import Delivery, RetryPolicy, Signer, Target, signed_with

__all__ = ["AI_AGENTS", "APPLICATIONS", "LAST_WORD", "Courier", "Letters", "last_word", "signing_secrets", "spoken"]

log = logging.getLogger("ivr.handoff")

AI_AGENTS = "ai_agents/"
"""Begins the names of AI agents that have left a document behind, also as endpoints of deliveries."""
APPLICATIONS = "applications/"
"""Before the name of an application, of what the courier calls an endpoint."""
LAST_WORD = "last_word"
TIMEOUT = 10.0
"""Seconds for one try."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between tries, doubled each time: who drives a live call is not to wait long."""
TIMES = 100_000
"""Tries: it is the time that counts."""
DELIVER_FOR = 86_400.0
"""Seconds in which callbacks of AI agents are tried."""
CONCURRENCY = 50
"""Requests to one server at once: a quarter of all that deliveries may have."""


class Courier(Protocol):
    """Who delivers (:class:`ivr.webhooks.Courier`)."""

    def open(self, name: str, target: Target, policy: RetryPolicy) -> None:
        """Deliver to an endpoint from now on."""

    def send(
        self,
        endpoint: str,
        id_: str,
        type_: str,
        body: str,
        lane: str = "",
        *,
        url: str | None = None,
        content_type: str = "application/json",
    ) -> bool:
        """Have something delivered; False where there is no room."""

    def waits(self, endpoint: str, lane: str) -> bool:
        """Something of this lane is not delivered yet."""


class Letters:
    """Tells them."""

    def __init__(self, settings: Settings, courier: Courier) -> None:
        self._courier = courier
        self._known: set[str] = set()
        for name, application in settings.applications.items():
            policy = _policy(application.retry.deliver_for)
            self._open(APPLICATIONS + name, _target(application), policy)
        for name, agent in settings.ai_agents.items():
            signer = _unsigned if agent.auth_token is None else _as_twilio(agent.auth_token)
            # Every delivery says itself where it goes.
            self._open(AI_AGENTS + name, Target("http://localhost/", signer, timeout=TIMEOUT), _policy(DELIVER_FOR))

    def _open(self, endpoint: str, target: Target, policy: RetryPolicy) -> None:
        self._known.add(endpoint)
        self._courier.open(endpoint, target, policy)

    @property
    def endpoints(self) -> Mapping[str, str]:
        """What people call them, and what the courier does: `application:crm`, `applications/crm`."""
        return {f"{_kind(name)}:{name.partition('/')[2]}": name for name in sorted(self._known)}

    def event(self, application: str, call_id: str, id_: str, type_: str, body: str) -> None:
        """Tell an application of the protocol `events` something."""
        self._courier.send(APPLICATIONS + application, id_, type_, body, call_id)

    def waits(self, application: str, call_id: str) -> bool:
        """It is still to hear something of a call."""
        return self._courier.waits(APPLICATIONS + application, call_id)

    def callback(self, call_id: str, command: ports.TellApplication, url: str, id_: str = "") -> None:
        """Tell who speaks TwiML something, as a form. `id_` is the same for what may be told twice."""
        name = command.application
        endpoint = name if name.startswith(AI_AGENTS) else APPLICATIONS + name
        if endpoint not in self._known:
            log.warning("%s is not configured: it is told nothing", name[:64])
            return
        form = urlencode({key: str(value) for key, value in command.data.items()})
        id_ = f"{call_id}:{id_ or uuid.uuid4()}"
        if command.method == "POST":
            self._courier.send(endpoint, id_, command.type, form, call_id, url=url, content_type=FORM)
            return
        self._courier.send(endpoint, id_, command.type, "", call_id, url=with_query(url, form), content_type="")


# What is told where the daemon dies with a call


def last_word(command: ports.TellApplication) -> dict[str, Any]:
    """A last word as the record of the call keeps it."""
    return {
        "application": command.application,
        "url": command.url,
        "method": command.method,
        "data": dict(command.data),
        "since": command.since,
    }


def spoken(word: Mapping[str, Any], at: float) -> ports.TellApplication:
    """What is told by a last word of a call that was up until `at` (seconds since the epoch)."""
    since = word["since"]
    data = {**word["data"], **lasted(0.0 if since is None else at - since), "Timestamp": stamp(at)}
    return ports.TellApplication(word["application"], "callback", data, word["url"], word["method"])


def _kind(endpoint: str) -> str:
    return "ai_agent" if endpoint.startswith(AI_AGENTS) else "application"


def _policy(within: float) -> RetryPolicy:
    # Who drives a call must hear of what comes next: what is not wanted holds up nothing.
    return RetryPolicy(FIRST_PAUSE, LONGEST_PAUSE, TIMES, within, unwanted="dead", alone=True, concurrency=CONCURRENCY)


def _target(application: Application) -> Target:
    headers = {name: value.get_secret_value() for name, value in application.headers.items()}
    if application.protocol == "twiml":
        return Target(application.url, _as_twilio(application.secret), headers, TIMEOUT)
    return Target(application.url, signed_with(*signing_secrets(application)), headers, TIMEOUT)


def signing_secrets(application: Application) -> list[str]:
    """What events for it are signed with: its secret, and the one before while that counts too."""
    both = (application.secret, application.previous_secret)
    return [secret.get_secret_value() for secret in both if secret is not None]


def _as_twilio(token: SecretStr) -> Signer:
    """Signs as Twilio does."""

    def signer(delivery: Delivery, url: str, at: int) -> Mapping[str, str]:
        return {TWILIO_HEADER: twilio_signature(token.get_secret_value(), url, form_of(delivery.body.encode()))}

    return signer


def _unsigned(delivery: Delivery, url: str, at: int) -> Mapping[str, str]:
    return {}
