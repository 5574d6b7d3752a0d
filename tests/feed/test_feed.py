from __future__ import annotations

import logging

import pytest

from ivr.feed import Feed, FeedEvent


def feed(kept: int = 3) -> Feed:
    return Feed(lambda: 1_772_000_000.1234, kept)


def test_everybody_hears_in_order_and_the_newest_are_remembered() -> None:
    told, heard = feed(), []
    stop = told.listen(heard.append)
    for number in range(5):
        told.tell("call.started", {"n": number}, "c")
    stop()
    last = told.tell("call.ended", {})
    assert [event.number for event in heard] == [1, 2, 3, 4, 5]
    assert told.since(3) == [heard[3], heard[4], last]
    assert told.since(2) is None
    assert told.since(7) is None
    assert told.since(6) == []


def test_a_listener_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    told, heard = feed(), []

    def fail(event: FeedEvent) -> None:
        raise RuntimeError("no")

    told.listen(fail)
    told.listen(heard.append)
    with caplog.at_level(logging.ERROR):
        told.tell("a.b", {})
    assert len(heard) == 1 and "a listener of the feed failed" in caplog.text


def test_ids_name_the_run() -> None:
    told = feed()
    event = told.tell("call.started", {"short_id": 7}, "c")
    assert told.shown(event) == {
        "id": f"{told.run}-1", "type": "call.started", "at": 1_772_000_000.123, "call": "c", "data": {"short_id": 7}
    }  # fmt: skip
    assert told.number_of(told.id_of(event)) == 1
    for other in ("", "1", "-1", "abc-1", f"{told.run}-", f"{told.run}-x", f"{told.run}-{'9' * 20}"):
        assert told.number_of(other) is None


def test_large_events_are_remembered_as_far_as_there_is_room() -> None:
    told = feed(100_000)
    for number in range(1000):
        told.tell("agent.offered", {"packet": {"text": "x" * 64_000}, "n": number}, "c")
    kept = told.since(told.oldest - 1)
    assert kept is not None and kept[-1].number == 1000
    assert 16 * 2**20 - 65_000 < sum(event.size for event in kept) <= 16 * 2**20
    assert told.since(told.oldest - 2) is None
