"""Requests and mails in the trace."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.exchanges import BODIES_IN_TRACE, BODY_IN_TRACE, HIDDEN, OPEN, Exchanges, shown_url
from ivr.flow.ports import MailDone, Request, RequestDone, SendMail


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://crm.example/a?id=7", "https://crm.example/a?id=7"),
        ("https://anna:secret@crm.example/a", "https://crm.example/a"),
        ("https://crm.example/a?token=abc&id=7", "https://crm.example/a?token=xxxx&id=7"),
        ("https://crm.example/a?id=7&API_KEY=abc#top", "https://crm.example/a?id=7&API_KEY=xxxx#top"),
        ("https://crm.example/a?pin=1;id=7", "https://crm.example/a?pin=xxxx;id=7"),
        ("customers?signature=abc", "customers?signature=xxxx"),
        ("https://crm.example/token=abc", "https://crm.example/token=abc"),
        ("/x" * 500, "/x" * 150),
    ],
)
def test_urls_show_no_secrets(url: str, shown: str) -> None:
    assert shown_url(url, False) == shown
    assert shown_url(url, True) == HIDDEN


def entry(done: RequestDone, kept: Any = (), **fields: Any) -> dict[str, Any]:
    exchanges, details = Exchanges(), dict[str, Any]()
    exchanges.sent(Request(1, "GET", "https://crm.example/", **fields), 2.0, details, kept)
    assert not exchanges.settled
    exchanges.done(done)
    assert exchanges.settled
    found: dict[str, Any] = details["requests"][0]
    return found


def test_an_answer_is_kept_for_a_replay() -> None:
    done = RequestDone(1, 200, {"x-id": "7", "set-cookie": "c"}, {"a": [1, "ä"]}, elapsed=0.1234)
    assert entry(done, ["x-id", "x-none"]) == {
        "method": "GET",
        "url": "https://crm.example/",
        "at": 2.0,
        "status": 200,
        "elapsed": 0.123,
        "headers": {"x-id": "7"},
        "body": {"a": [1, "ä"]},
    }


def test_what_is_secret_is_not() -> None:
    done = RequestDone(1, 200, {"x-id": "7"}, {"a": 1})
    assert {"body", "headers"}.isdisjoint(entry(done, ["x-id"], secret=True))
    assert {"body", "headers"}.isdisjoint(entry(done, None))


def test_a_failure_tells_why() -> None:
    found = entry(RequestDone(1, error="timeout", text="no answer in 10 s"))
    assert (found["status"], found["error"], found["text"]) == (None, "timeout", "no answer in 10 s")


def test_answers_are_bounded() -> None:
    assert entry(RequestDone(1, 200, {}, "x" * BODY_IN_TRACE))["body_cut"]
    exchanges, details = Exchanges(), dict[str, Any]()
    for number in range(20):
        exchanges.sent(Request(number, "GET", "https://crm.example/"), 0.0, details, ())
        exchanges.done(RequestDone(number, 200, {}, "x" * (BODY_IN_TRACE - 10)))
    kept = [found for found in details["requests"] if "body" in found]
    assert len(kept) == BODIES_IN_TRACE // BODY_IN_TRACE
    assert all(found["body_cut"] for found in details["requests"] if found not in kept)


def test_mails() -> None:
    exchanges, details = Exchanges(), dict[str, Any]()
    exchanges.sent(SendMail(1, ("a@b.example",), "Hello", "text"), 1.0, details)
    exchanges.sent(SendMail(2, ("a@b.example",), "Hello", "text", secret=True), 1.0, details)
    exchanges.done(MailDone(1, "refused"))
    exchanges.done(MailDone(3))
    assert details["mails"] == [{"at": 1.0, "subject": "Hello", "error": "refused"}, {"at": 1.0}]


def test_few_wait_for_their_answer() -> None:
    exchanges, details = Exchanges(), dict[str, Any]()
    for number in range(OPEN + 1):
        exchanges.sent(Request(number, "GET", "https://crm.example/"), 0.0, details, ())
    exchanges.done(RequestDone(0, 200))
    assert "status" not in details["requests"][0]
