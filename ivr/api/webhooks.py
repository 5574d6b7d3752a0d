"""Webhooks, and what applications are told, over HTTP: how they fare, and what could not be delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ivr.api.endpoints import Answer, Ask, Endpoint, Model, Query
from ivr.api.problems import ProblemError
from ivr.store import KeptDelivery
from ivr.webhooks import PREFIX, Courier, Webhooks

__all__ = ["WebhookRoutes"]

NONE = "there is no such webhook"
PAGE, MAX_PAGE = 100, 1000
"""Dead letters of one answer: as asked for by default, and at most."""


class WebhookState(Model):
    """How a webhook fares, or what a voice application is told."""

    name: str
    """Of the webhook; `application:NAME`, `ai_agent:NAME`: events and callbacks of that one."""
    waiting: int
    """Events that are not delivered yet."""
    oldest: float | None
    """When the oldest of them happened, seconds since the epoch."""
    enabled: bool
    """As ivr.yaml says; false: what happens is not told."""
    paused: bool
    """Nothing is tried; what happens waits."""
    troubled: bool
    """The last try found it unable to serve."""
    problem: str
    """Why the last try failed; empty: it did not."""
    delivered: int
    """Since the start of the daemon."""
    failed: int
    """Tries, since the start."""
    lost: int
    """Events for which there was no room, since the start."""
    dead: int
    """Events that were given up, and are kept."""


class WebhookStates(Model):
    """All webhooks, in the order of the configuration, then applications, and AI agents that were told anything."""

    webhooks: list[WebhookState]


class DeadLetters(Query):
    """Which dead letters."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = PAGE
    """How many."""
    after: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Goes on after a page; its `next`."""


class DeadLetter(Model):
    """An event that was given up."""

    number: int
    id: str
    """Of the event."""
    type: str
    call: str | None
    """Call that it is about."""
    made_at: float
    """When it happened, seconds since the epoch."""
    dead_at: float
    """When it was given up."""
    attempts: int
    problem: str
    """Why the last try failed."""


class DeadLetterPage(Model):
    """Dead letters, the oldest first."""

    dead: list[DeadLetter]
    next: int | None = None
    """Where there may be more: `after` of the next page."""


class Chosen(Model):
    """Which dead letters."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_PAGE)] | None = None
    """Of the events; default: all."""


class Revived(Model):
    """What is tried again."""

    count: int


class Forgotten(Model):
    """What is deleted."""

    count: int


class Sent(Model):
    """An event that is on its way."""

    id: str


class Paused(Model):
    """Whether anything is tried."""

    name: str
    paused: bool


class WebhookRoutes:
    """Handlers."""

    def __init__(self, webhooks: Webhooks, courier: Courier, others: Mapping[str, str] | None = None) -> None:
        """`others` are endpoints of the courier that are no webhooks, by the names that people know."""
        self._webhooks = webhooks
        self._others = dict(others or {})
        self._courier = courier

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        scope, one = "webhooks", "/v1/webhooks/{name}"
        none = {404: "There is no such webhook."}
        return [
            Endpoint("GET", "/v1/webhooks", scope, self.all, answers={200: WebhookStates}, local=True),
            Endpoint("POST", f"{one}/test", scope, self.test, answers={202: Sent}, problems=none),
            Endpoint("POST", f"{one}/pause", scope, self.pause, answers={200: Paused}, problems=none),
            Endpoint(
                "POST", f"{one}/resume", scope, self.resume, answers={200: Paused},
                problems={**none, 409: "It is not enabled in ivr.yaml."},
            ),
            Endpoint(
                "GET", f"{one}/dead", scope, self.dead, query=DeadLetters, answers={200: DeadLetterPage}, problems=none
            ),
            Endpoint(
                "POST", f"{one}/dead/retry", scope, self.retry, body=Chosen, optional=True, answers={200: Revived},
                problems=none,
            ),
            Endpoint(
                "POST", f"{one}/dead/delete", scope, self.delete, body=Chosen, optional=True,
                answers={200: Forgotten}, problems=none,
            ),
        ]  # fmt: skip

    async def all(self, _: Ask[None, None]) -> dict[str, Any]:
        """List webhooks with how they fare."""
        dead = await self._courier.dead_counts()
        states = {state.name: state for state in self._courier.states()}
        shown = []
        hooks = {name: PREFIX + name for name in self._webhooks.names}
        for name, endpoint in (hooks | self._others).items():
            state = states[endpoint]
            counts = state.counts
            if name.startswith("ai_agent:") and not (state.waiting or counts.delivered or dead.get(endpoint)):
                continue  # few leave documents behind
            shown.append(
                {
                    "name": name,
                    "waiting": state.waiting,
                    "oldest": state.oldest,
                    "enabled": name in self._others or self._webhooks.is_enabled(name),
                    "paused": state.paused,
                    "troubled": state.troubled,
                    "problem": state.problem,
                    "delivered": counts.delivered,
                    "failed": counts.failed,
                    "lost": counts.lost,
                    "dead": dead.get(endpoint, 0),
                }
            )
        return {"webhooks": shown}

    async def test(self, ask: Ask[None, None]) -> Answer:
        """Send an event `webhook.test` to a webhook, whatever it wants to hear of."""
        if ask.path["name"] not in self._webhooks.names:
            raise ProblemError(404, NONE)
        return Answer({"id": self._webhooks.test(ask.path["name"])}, 202)

    async def pause(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Send nothing more to a webhook, until it is resumed or the daemon starts anew.

        What happens meanwhile waits, as far as there is room.
        """
        self._courier.pause(self._endpoint(ask), True)
        return {"name": ask.path["name"], "paused": True}

    async def resume(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Send a webhook what waits, and what happens from now on."""
        endpoint = self._endpoint(ask)
        if not (ask.path["name"] in self._others or self._webhooks.is_enabled(ask.path["name"])):
            raise ProblemError(409, "this webhook is not enabled in ivr.yaml")
        self._courier.pause(endpoint, False)
        return {"name": ask.path["name"], "paused": False}

    async def dead(self, ask: Ask[None, DeadLetters]) -> dict[str, Any]:
        """List events that could not be delivered to a webhook."""
        limit = ask.query.limit
        found = await self._courier.dead(self._endpoint(ask), limit, ask.query.after)
        rest = {"next": found[-1].number} if len(found) == limit else {}
        return {"dead": [_shown(letter) for letter in found], **rest}

    async def retry(self, ask: Ask[Chosen, None]) -> dict[str, Any]:
        """Try again to deliver what was given up."""
        return {"count": await self._courier.revive(self._endpoint(ask), ask.body.ids)}

    async def delete(self, ask: Ask[Chosen, None]) -> dict[str, Any]:
        """Delete what was given up."""
        return {"count": await self._courier.forget(self._endpoint(ask), ask.body.ids)}

    def _endpoint(self, ask: Ask[Any, Any]) -> str:
        name = ask.path["name"]
        if name in self._others:
            return self._others[name]
        if name not in self._webhooks.names:
            raise ProblemError(404, NONE)
        return PREFIX + name


def _shown(letter: KeptDelivery) -> dict[str, Any]:
    return {
        "number": letter.number,
        "id": letter.id,
        "type": letter.type,
        "call": letter.lane or None,
        "made_at": letter.made_at,
        "dead_at": letter.dead_at,
        "attempts": letter.attempts,
        "problem": letter.problem or "",
    }
