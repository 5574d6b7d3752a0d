from __future__ import annotations

from typing import Any

from ivr.feed import Feed
from ivr.settings import parse_settings
from ivr.webhooks import Webhooks

TEXT = "webhooks: {crm: {url: 'https://crm.example/', secret: 0123456789abcdef0123456789abcdef}}\n"


class Post:
    """A courier that notes what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def open(self, *_: Any, **__: Any) -> None:
        pass

    def send(self, endpoint: str, id_: str, type_: str, body: str, lane: str) -> None:
        self.sent.append((endpoint, type_, lane))


def test_an_event_that_is_refused_holds_up_what_is_about_the_same_alone(tmp_path: Any) -> None:
    feed, post = Feed(lambda: 1_772_000_000.0), Post()
    hooks = Webhooks(parse_settings(TEXT, tmp_path / "ivr.yaml", {}).webhooks, feed, post)  # type: ignore[arg-type]
    feed.tell("call.started", {}, "c1")
    feed.tell("agent.offered", {"agent": "anna"}, "c1")
    feed.tell("agent.status", {"agent": "anna"})
    feed.tell("agent.status", {"agent": "ben"})
    feed.tell("campaign.ended", {"campaign": "recall"})
    feed.tell("callback.expired", {"callback": "k9"})
    hooks.test("crm")
    lanes = [lane for _, _, lane in post.sent]
    assert lanes == ["c1", "c1", "agent/anna", "agent/ben", "campaign/recall", "callback/k9", "webhook/crm"]
    hooks.close()
