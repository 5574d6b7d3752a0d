"""Call backs: when the centre says so somebody is called, and what becomes of the call comes back to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.call.contacts import Wanted
from ivr.call.solo import SoloOutcome
from ivr.call.starts import new_wait
from ivr.center.callbacks import KIND, Callbacks
from ivr.center.rules import decisions as told
from ivr.center.rules import events as happened
from ivr.errors import OverloadedError
from ivr.feed import Feed, FeedEvent
from ivr.flow.ports import KeepCallback, PromptSpec
from ivr.settings import parse_settings
from ivr.store import Store
from tests.kit.desks import TestDesk

CONFIG = """
phones: {"200": {password: a}}
agents: {anna: {phones: ["200"], queues: [sales], first_status: unavailable}}
queues: {sales: {join_when_empty: always, senders: ["+4930555"], callback: {attempts: 2, retry_after: 60s}}}
"""


SAID = "Dies ist der Rückruf."


class Center:
    """Rules, call backs, and who places calls: notes them, and says what the test wants."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.desk = TestDesk(parse_settings(CONFIG, folder / "ivr.yaml", {}), store)
        self.feed = Feed(lambda: 0.0)
        self.told: list[FeedEvent] = []
        self.feed.listen(self.told.append)
        self.placed: list[tuple[Wanted, str]] = []
        self.refusal: Exception | None = None
        self.meanwhile: Callable[[], None] | None = None
        """Happens while a call is being placed."""
        self.later: list[Coroutine[Any, Any, None]] | None = None
        """Work that has not begun; None: it is done at once."""
        self.stopped: list[str] = []
        self.callbacks = self.restarted()

    def restarted(self) -> Callbacks:
        return Callbacks(self.desk, self.place, self.stop, self.spawn, self.desk.keep, lambda: self.desk.now, self.feed)

    async def place(self, wanted: Wanted, key: str | None) -> tuple[str, str]:
        if self.refusal is not None:
            raise self.refusal
        self.placed.append((wanted, key or ""))
        if self.meanwhile is not None:
            self.meanwhile()
        return f"call-{len(self.placed)}", "new"

    def stop(self, call: str) -> None:
        self.stopped.append(call)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self.later is None:
            asyncio.run(work)
        else:
            self.later.append(work)

    def ask(self, caller: str = "c1", *, guest: bool = False) -> None:
        """A caller wants to be called back, and hangs up."""
        self.desk.join(caller, "sales")
        self.desk.receive(happened.CallbackKept(caller, f"b-{caller}", "+4930123456"))
        command = KeepCallback(1, "+4930123456", PromptSpec("text", SAID, "de"), "de")
        self.callbacks.kept(f"b-{caller}", command, "sales", "Support desk", guest, caller)
        self.desk.receive(happened.CallerLeft(caller, "callback_scheduled"))

    def log_in(self) -> None:
        self.desk.receive(happened.AgentStatus("anna", "available"))

    def over(self, call: str, **attempt: Any) -> None:
        """The flow of a call is over."""
        self.callbacks.over(new_wait(call, "local", 0.0), SoloOutcome([attempt] if attempt else []))

    def feeds(self) -> list[str]:
        return [event.type for event in self.told if event.type.startswith("callback.")]

    @property
    def due(self) -> told.CallbackDue:
        found: told.CallbackDue = self.desk.last(told.CallbackDue)
        return found


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield Center(tmp_path, store)
    store.close()


def test_the_person_is_called_when_an_agent_is_there_and_joins_at_the_kept_place(center: Center) -> None:
    center.ask()
    assert not center.placed
    center.log_in()
    ((wanted, key),) = center.placed
    assert (wanted.to, wanted.queue, wanted.say, wanted.guest) == ("+4930123456", "sales", SAID, None)
    assert wanted.properties == {"language": "de", "origin": "Support desk"}
    assert wanted.fields["from"] == "+4930555" and 10 <= wanted.fields["ring_timeout"] <= 40
    assert wanted.fields["validity"] <= 1, "whether there is another attempt is for the centre to say"
    assert key == "callback b-c1 1"
    center.feed.tell("call.answered", {}, "call-1")
    assert center.callbacks.of_call("call-1") == "b-c1" and center.callbacks.of_call("other") is None
    center.desk.receive(happened.CallerJoined("call-1", {}, "sales", callback="b-c1"))
    assert center.desk.last(told.Offer).agent == "anna"
    assert center.desk.talk() == "anna"
    center.over("call-1", outcome="answered")
    assert center.feeds() == ["callback.kept", "callback.due", "callback.made"]
    kept = next(event for event in center.told if event.type == "callback.kept")
    assert (kept.call, kept.data) == ("c1", {"callback": "b-c1", "queue": "sales", "attempt": 0})
    assert center.stopped == []
    center.desk.write()
    assert KIND not in center.desk.store.center.load("local")
    assert "4930123456" not in str(center.told)


def test_who_does_not_answer_is_called_again_and_then_no_more(center: Center) -> None:
    center.ask()
    center.log_in()
    center.over("call-1", outcome="no_answer", status="no_answer")
    assert len(center.placed) == 1
    center.desk.pass_time(61.0)
    assert center.placed[1][1] == "callback b-c1 2"
    center.over("call-2", outcome="busy", status="busy")
    assert center.desk.last(told.CallbackOver).outcome == "failed"
    assert center.feeds()[-1] == "callback.failed" and len(center.placed) == 2


@pytest.mark.parametrize("word", ["do_not_contact", "not_permitted", "no_number"])
def test_who_must_not_be_called_is_not_called_again(center: Center, word: str) -> None:
    center.ask()
    center.log_in()
    center.over("call-1", outcome="failed", status=word)
    assert center.desk.last(told.CallbackOver).outcome == "cancelled"
    center.desk.pass_time(600.0)
    assert len(center.placed) == 1


def test_a_call_that_cannot_be_placed_is_tried_again(center: Center) -> None:
    center.ask()
    center.refusal = OverloadedError("limits.calls is reached")
    center.log_in()
    center.refusal = None
    center.desk.pass_time(31.0)
    assert len(center.placed) == 1
    assert center.due.attempt == 1


@pytest.mark.parametrize(
    "attempt",
    [
        {"outcome": "failed", "kind": "unexplained", "status": "no_line"},
        {"outcome": "failed", "kind": "unexplained", "status": "limit"},
        {"outcome": "no_answer", "kind": "known", "status": "not_registered"},
        {"outcome": "failed", "kind": "known", "status": "unreachable"},
        {},
    ],
    ids=lambda attempt: attempt.get("status", "none"),
)
def test_an_attempt_that_reached_no_telephone_is_put_off_and_not_counted(
    center: Center, attempt: dict[str, str]
) -> None:
    center.ask()
    center.log_in()
    for number in (1, 2, 3):
        center.over(f"call-{number}", **attempt)
        assert center.desk.center.figures()["agents"]["anna"]["phase"] == "idle"
        center.desk.pass_time(61.0)
    assert [key for _, key in center.placed] == [f"callback b-c1 {number}" for number in (1, 2, 3, 4)]
    assert center.due.attempt == 1
    center.over("call-4", **{**attempt, "status": "declined", "kind": "known", "ringing_at": 1.0})
    center.desk.pass_time(61.0)
    assert center.due.attempt == 2


def test_a_call_that_is_cancelled_while_it_is_placed_or_rings_ends(center: Center) -> None:
    for caller, answers in (("c1", False), ("c2", False), ("c3", True)):
        center.ask(caller)
        cancelled = happened.CallbackCancelled(f"b-{caller}")
        if caller == "c1":
            center.meanwhile = lambda cancelled=cancelled: center.desk.receive(cancelled)
        center.log_in()
        center.meanwhile = None
        call = f"call-{len(center.placed)}"
        if answers:
            center.feed.tell("call.answered", {}, call)
        if caller != "c1":
            center.desk.receive(cancelled)
        assert (call in center.stopped) is not answers, "who has answered goes on, and waits like anybody"
        assert center.callbacks.of_call(call) is None
        center.over(call, outcome="failed", status="cancelled")
        center.desk.receive(happened.AgentStatus("anna", "away"))
    assert center.feeds().count("callback.due") == 2
    assert not vars(center.callbacks)["_kept"]
    assert not vars(center.callbacks)["_calls"]


def test_a_turn_that_is_over_before_the_call_is_placed_calls_nobody(center: Center) -> None:
    center.later = []
    center.ask()
    center.log_in()
    center.desk.receive(happened.CallbackCancelled("b-c1"))
    (work,) = center.later
    asyncio.run(work)
    assert not center.placed
    assert not vars(center.callbacks)["_kept"]


def test_whoever_is_called_too_long_is_called_no_longer(center: Center) -> None:
    center.ask()
    center.log_in()
    center.desk.pass_time(91.0)
    assert center.stopped == ["call-1"]
    center.over("call-1", outcome="failed", status="cancelled", kind="known")
    center.desk.pass_time(61.0)
    assert [key for _, key in center.placed] == ["callback b-c1 1", "callback b-c1 2"]
    assert center.due.attempt == 2


def test_who_hangs_up_before_an_agent_is_there_is_called_again(center: Center) -> None:
    center.ask()
    center.log_in()
    center.feed.tell("call.answered", {}, "call-1")
    center.over("call-1", outcome="answered")
    center.desk.pass_time(61.0)
    assert len(center.placed) == 2


def test_a_guest_is_called_as_guests_may_be(center: Center) -> None:
    center.ask(guest=True)
    center.log_in()
    assert center.placed[0][0].guest == ""


def test_a_restart_calls_nobody_twice_and_forgets_nobody(center: Center) -> None:
    center.ask()
    center.log_in()
    center.desk.write()
    rows = center.desk.store.center.load("local")[KIND]
    known = {"say": SAID, "language": "de", "origin": "Support desk"}
    row = {**known, "guest": False, "calls": 1, "call": "call-1"}
    assert rows == {"b-c1": row}
    center.callbacks.close()
    center.desk.listeners.clear()
    again = center.restarted()
    center.desk.keep(KIND, "b-lost", row)
    again.restore({**rows, "b-lost": {**row, "call": "call-7"}})
    assert center.stopped == ["call-1", "call-7"], (
        "what was about to be called is not; the centre says again when it is time"
    )
    assert again.of_call("call-1") is None
    center.desk.write()
    rows = center.desk.store.center.load("local")[KIND]
    assert rows == {"b-c1": {**row, "call": ""}}, "a crash came before the centre knew of the other one"
