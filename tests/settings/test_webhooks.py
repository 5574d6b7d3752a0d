from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.settings import Webhook, parse_settings

SECRET = "0123456789abcdef"


def webhook(**fields: Any) -> Webhook:
    return Webhook.model_validate({"url": "https://crm.example/hook", "secret": SECRET, **fields})


def test_defaults() -> None:
    crm = webhook()
    assert (crm.events, crm.timeout, crm.concurrency, crm.retry.times) == (("*",), 10.0, 4, 20)
    assert SECRET not in repr(crm)


@pytest.mark.parametrize(
    ("pattern", "event", "wanted"),
    [
        ("*", "call.ended", True),
        ("call.*", "call.ended", True),
        ("call.*", "callback.kept", False),
        ("call.ended", "call.ended", True),
        ("call.ended", "call.ended.twice", False),
        ("call.*", "recording.ready", False),
    ],
)
def test_what_goes_where(pattern: str, event: str, wanted: bool) -> None:
    assert webhook(events=[pattern]).wants(event) is wanted


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "crm.example"}, "not a URL"),
        ({"url": "ftp://crm.example/"}, "not a URL"),
        ({"url": "https://me:word@crm.example/"}, "no secrets in the URL"),
        ({"secret": "short"}, "at least 16"),
        ({"events": []}, "at least 1"),
        ({"events": ["Call.*"]}, "not a pattern"),
        ({"events": ["call*"]}, "not a pattern"),
        ({"events": ["*.ended"]}, "not a pattern"),
        ({"headers": {"X-Key": "a\nb"}}, "line breaks"),
        ({"retry": {"first": "1m", "longest": "1s"}}, "shorter than first"),
        ({"queue": 0}, "greater than or equal"),
        ({"event": ["*"]}, "Extra inputs"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        webhook(**fields)


def test_in_the_file() -> None:
    text = f"webhooks: {{crm: {{url: 'https://crm.example/hook', secret: '{SECRET}', events: ['call.*']}}}}"
    assert parse_settings(text, None, {}).webhooks["crm"].wants("call.started")
