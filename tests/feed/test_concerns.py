"""Whom events concern."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ivr.feed import NOBODY, Concern, Concerns
from ivr.feed import concerns as module


def told(concerns: Concerns, type_: str, call: str | None = "c", **data: Any) -> tuple[set[str], str]:
    found = concerns.note(type_, data, call)
    return set(found.agents), found.queue


def test_a_call_through_a_queue() -> None:
    book = Concerns()
    assert told(book, "call.started") == (set(), "")
    assert told(book, "queue.joined", queue="sales") == (set(), "sales")
    assert told(book, "agent.status", agent="anna", phase="ringing", queue="sales") == ({"anna"}, "sales")
    assert told(book, "agent.offered", agent="anna", queue="sales") == ({"anna"}, "sales")
    assert told(book, "agent.missed", agent="anna", queue="sales") == ({"anna"}, "sales")
    assert told(book, "call.element") == (set(), "sales")
    assert told(book, "agent.offered", agent="ben", queue="sales") == ({"ben"}, "sales")
    assert told(book, "agent.answered", agent="ben", queue="sales") == ({"ben"}, "sales")
    assert told(book, "queue.left", agent="ben", queue="sales") == ({"ben"}, "sales")
    assert told(book, "agent.status", agent="ben", phase="wrapping", queue="sales") == ({"ben"}, "sales")
    assert told(book, "call.ended") == ({"ben"}, "")
    assert told(book, "recording.ready") == ({"ben"}, "")


def test_who_was_rung_in_vain_has_the_call_no_more() -> None:
    book = Concerns()
    for agent in ("anna", "ben"):
        told(book, "agent.offered", agent=agent, queue="sales")
        told(book, "agent.status", agent=agent, phase="ringing", queue="sales")
    told(book, "agent.answered", agent="ben", queue="sales")
    assert told(book, "agent.status", None, agent="anna", phase="idle") == ({"anna"}, "")
    assert book.of_call("c") == Concern(frozenset({"ben"}), "")
    told(book, "agent.status", None, agent="ben", phase="idle")
    assert book.of_call("c").agents == {"ben"}  # he has talked to the caller


def test_ai_agents_are_no_agents_and_a_forward_to_an_agent_is_his_call() -> None:
    book = Concerns()
    assert told(book, "ai.started", agent="anna") == (set(), "")
    assert told(book, "call.forwarded", target="agent:anna") == ({"anna"}, "")
    assert told(book, "callback.due", None, queue="sales") == (set(), "sales")


def test_calls_that_are_over_are_forgotten_in_time() -> None:
    book = Concerns()
    for number in range(module.ENDED_KEPT + 1):
        told(book, "queue.joined", str(number), queue="sales")
        told(book, "call.ended", str(number))
    assert (book.of_call("0"), book.of_call("1").queue) == (NOBODY, "sales")


EVENTS = st.tuples(
    st.sampled_from(("queue.joined", "queue.left", "agent.offered", "agent.answered", "agent.missed", "agent.status",
                     "call.ended", "call.element")),
    st.sampled_from((None, "c", "d")),
    st.sampled_from(("anna", "ben")),
    st.sampled_from(("idle", "ringing", "in_call", "wrapping")),
)  # fmt: skip


@given(st.lists(EVENTS, max_size=60))
def test_nothing_is_left_of_calls_that_are_over(events: list[tuple[str, str | None, str, str]]) -> None:
    book = Concerns()
    for type_, call, agent, phase in events:
        book.note(type_, {"agent": agent, "phase": phase, "queue": "sales"}, call)
    for call in ("c", "d"):
        book.note("call.ended", {}, call)
    assert not book._places
