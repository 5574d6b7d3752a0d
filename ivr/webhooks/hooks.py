"""Webhooks: events of the feed that go where the configuration says."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ivr.feed import Feed, FeedEvent
from ivr.settings import Webhook
from ivr.webhooks.courier import Courier
from ivr.webhooks.outbox import RetryPolicy
from ivr.webhooks.sender import Target, signed_with

__all__ = ["PREFIX", "Webhooks"]

PREFIX = "webhooks/"
"""Before the name of a webhook, of what the courier calls an endpoint."""
TEST = "webhook.test"


class Webhooks:
    """Listens to the feed for all webhooks."""

    def __init__(self, webhooks: Mapping[str, Webhook], feed: Feed, courier: Courier) -> None:
        self._webhooks = webhooks
        self._feed = feed
        self._courier = courier
        self._wanted: dict[str, tuple[str, ...]] = {}
        """By type of event: endpoints that it goes to."""
        for name, webhook in webhooks.items():
            courier.open(PREFIX + name, _target(webhook), _policy(webhook), paused=not webhook.enabled)
        self._stop = feed.listen(self._heard) if webhooks else None

    @property
    def names(self) -> list[str]:
        """Of the configuration."""
        return list(self._webhooks)

    def is_enabled(self, name: str) -> bool:
        """Whether it is told anything, as the configuration says."""
        return self._webhooks[name].enabled

    def close(self) -> None:
        """Hear no more."""
        if self._stop is not None:
            self._stop()

    def test(self, name: str) -> str:
        """Send an event of the type `webhook.test` to a webhook, whatever it wants to hear of; its id."""
        event = self._feed.tell(TEST, {"webhook": name})
        if TEST not in self._wanted or PREFIX + name not in self._wanted[TEST]:
            self._send(event, (PREFIX + name,))
        return self._feed.id_of(event)

    def _heard(self, event: FeedEvent) -> None:
        endpoints = self._wanted.get(event.type)
        if endpoints is None:
            endpoints = tuple(
                PREFIX + name
                for name, webhook in self._webhooks.items()
                if webhook.enabled and webhook.wants(event.type)
            )
            self._wanted[event.type] = endpoints
        if endpoints:
            self._send(event, endpoints)

    def _send(self, event: FeedEvent, endpoints: tuple[str, ...]) -> None:
        body = json.dumps(self._feed.shown(event), separators=(",", ":"))
        id_ = self._feed.id_of(event)
        for endpoint in endpoints:
            self._courier.send(endpoint, id_, event.type, body, _lane(event, id_))


def _lane(event: FeedEvent, id_: str) -> str:
    """What it goes in order with: events of its call; of none, those of its agent, campaign or call back."""
    if event.call:
        return event.call
    kind = event.type.partition(".")[0]
    subject = event.data.get(kind)
    return f"{kind}/{subject}" if isinstance(subject, str) else id_


def _target(webhook: Webhook) -> Target:
    headers = {name: value.get_secret_value() for name, value in webhook.headers.items()}
    secrets = [secret.get_secret_value() for secret in (webhook.secret, webhook.previous_secret) if secret is not None]
    return Target(webhook.url, signed_with(*secrets), headers, webhook.timeout)


def _policy(webhook: Webhook) -> RetryPolicy:
    retry = webhook.retry
    return RetryPolicy(
        retry.first, retry.longest, retry.times, retry.within, concurrency=webhook.concurrency, queue=webhook.queue
    )
