"""Takes what applications are told, and keeps it beside the offers that they are sent."""

from __future__ import annotations

from typing import Protocol

from ivr.flow import ports
from ivr.webhooks import Delivery, RetryPolicy, Target

AT = 1_000
"""When all is sent, seconds since the epoch."""


class _Sent(Protocol):
    sent: list[ports.Request]


class Carrier:
    """Delivers at once (:class:`ivr.handoff.letters.Courier`)."""

    def __init__(self, post: _Sent) -> None:
        self._post = post
        self.targets: dict[str, Target] = {}
        self.policies: dict[str, RetryPolicy] = {}
        self.ids: list[str] = []
        self.taken: list[tuple[Target, Delivery]] = []
        self.slow = False
        """Something is under way for ever."""

    def open(self, name: str, target: Target, policy: RetryPolicy) -> None:
        self.targets[name], self.policies[name] = target, policy

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
        target = self.targets[endpoint]
        delivery = Delivery(id_, lane, type_, body, AT, url, content_type)
        where = url or target.url
        headers = {name.lower(): value for name, value in target.signer(delivery, where, AT).items()}
        self.ids.append(id_)
        self.taken.append((target, delivery))
        self._post.sent.append(
            ports.Request(0, "POST" if content_type else "GET", where, headers, body.encode() or None, 10.0)
        )
        return True

    def waits(self, endpoint: str, lane: str) -> bool:
        return self.slow
