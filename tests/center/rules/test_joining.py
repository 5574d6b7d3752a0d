from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from ivr.settings import Sound
from tests.kit.center import MONDAY, House, of

TEXT = """
phones: {"1": {password: x}, "2": {password: x}}
calendars:
  office:
    time_zone: Europe/Berlin
    hours: {mon-fri: "09:00-17:00"}
    holidays: [{from: 2026-01-06, name: Epiphany}]
waiting: {calm: {greeting: Please wait., position: ordinal}, brisk: {music: false}}
agents:
  anna: {phones: "1", queues: [sales, short, empty, ready]}
  ben: {phones: "2"}
queues:
  sales: {hours: office, away: We are closed., waiting: calm}
  short: {max_length: 2}
  anybody: {join_when_empty: always}
  empty: {}
  ready: {join_when_empty: available}
  inline: {all: true, waiting: {greeting: Hello}}
routes:
  - {name: buyers, when: [{fact: tags, contains: buyer}], queue: sales, priority: 9}
"""


def refused(decisions: list[said.Decision]) -> said.Refused:
    """The refusal, alone."""
    (found,) = decisions
    assert isinstance(found, said.Refused)
    return found


def test_what_a_caller_is_told_who_joins() -> None:
    house = House(TEXT)
    house.tell(told.AgentBusy("anna", "x"))
    house.tell(told.AgentBusy("ben", "x"))
    (joined,) = of(said.Joined, house.join("c1", facts={"tags": ["buyer"]}))
    assert (joined.queue, joined.position, joined.priority, joined.route) == ("sales", 1, 9, "buyers")
    assert joined.estimate is None
    assert joined.strategy.greeting == Sound(text="Please wait.")
    (joined,) = of(said.Joined, house.join("c2", "sales", strategy="brisk"))
    assert (joined.position, joined.priority, joined.route, joined.strategy.music) == (2, 5, "", False)
    (joined,) = of(said.Joined, house.join("c3", "sales", strategy="none", priority=99))
    assert (joined.position, joined.priority) == (1, 10)
    (joined,) = of(said.Joined, house.join("c4"))
    assert joined.queue == "default"
    (joined,) = of(said.Joined, house.join("c5", "inline"))
    assert joined.strategy.greeting == Sound(text="Hello")


def test_a_queue_that_is_not_there_and_a_name_that_is() -> None:
    house = House(TEXT)
    assert refused(house.join("c1", "nope")) == said.Refused("c1", "", "error", "There is no queue nope.")
    house.join("c1")
    assert refused(house.join("c1")).text == "There is a caller of this name already."


def test_hours_and_holidays() -> None:
    house = House(TEXT)
    assert of(said.Joined, house.join("c1", "sales"))  # Monday 09:00 in Berlin
    house.wait(8 * 3600)
    found = refused(house.join("c2", "sales"))
    assert (found.outcome, found.away) == ("closed", Sound(text="We are closed."))
    assert found.text == "It is closed by the calendar office; it opens 2026-01-07 09:00."
    house.wait(15 * 3600)
    assert refused(house.join("c3", "sales")).text.startswith("It is a holiday (Epiphany) by the calendar office")
    house.wait(25 * 3600)
    assert of(said.Joined, house.join("c4", "sales"))


@pytest.mark.parametrize(
    ("at", "open_"),
    [
        ("2026-03-27T08:00", True),  # Friday 09:00 in winter time
        ("2026-03-30T07:00", True),  # Monday after the clocks went forward
        ("2026-03-30T06:59", False),
        ("2026-10-23T07:00", True),
        ("2026-10-26T07:59", False),  # Monday after they went back
        ("2026-10-26T08:00", True),
    ],
)
def test_hours_follow_the_clocks(at: str, open_: bool) -> None:
    house = House(TEXT, wall=datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
    assert bool(of(said.Joined, house.join("c1", "sales"))) == open_


def test_a_clock_that_is_set_opens_and_closes() -> None:
    house = House(TEXT)
    assert of(said.Joined, house.join("c1", "sales"))
    house.tell(told.ClockSet(MONDAY + 9 * 3600))
    assert refused(house.join("c2", "sales")).outcome == "closed"
    house.tell(told.ClockSet(MONDAY))
    assert of(said.Joined, house.join("c3", "sales"))
    house.tell(told.ClockSet(1e300))  # no date
    house.join("c4", "sales")


def test_a_queue_that_is_full() -> None:
    house = House(TEXT)
    house.tell(told.AgentBusy("anna", "x"))
    house.join("c1", "short")
    house.join("c2", "short")
    assert refused(house.join("c3", "short")).text == "2 callers wait in the queue short already."
    house.leave("c1")
    assert of(said.Joined, house.join("c3", "short"))


def test_all_queues_together_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.center.rules.joining.MAX_CALLERS", 2)
    house = House(TEXT)
    for name in ("anna", "ben"):
        house.tell(told.AgentBusy(name, "x"))
    house.join("c1", "sales")
    house.join("c2")
    assert refused(house.join("c3")).outcome == "full"


def test_who_may_join_when_nobody_is_there() -> None:
    house = House(TEXT)
    assert of(said.Joined, house.join("c0", "ready"))
    house.leave("c0")
    house.status("anna", "away")
    assert of(said.Joined, house.join("c1", "empty"))
    assert refused(house.join("c2", "ready")).text == "No agent of the queue ready is available."
    house.status("anna", "unavailable")
    assert refused(house.join("c3", "empty")).text == "No agent of the queue empty is logged in."
    assert of(said.Joined, house.join("c4", "anybody"))


@pytest.mark.parametrize("reason", ["abandoned", "max_wait", "key_exit", "cancelled", "error"])
def test_why_somebody_left_is_counted(reason: told.LeaveReason) -> None:
    house = House(TEXT)
    house.tell(told.AgentBusy("anna", "x"))
    house.join("c1", "sales")
    house.wait(12)
    assert house.leave("c1", reason) == [said.Left("c1", "sales", reason, 12.0)]
    assert house.leave("c1", reason) == []
    books = house.books("sales")
    assert (books["offered"], books[reason], books["wait_left_seconds"]) == (1, 1, 12.0)


def test_positions_are_told_when_they_have_changed_and_not_too_often() -> None:
    house = House(TEXT)
    house.tell(told.AgentBusy("anna", "x"))
    for number in range(5):
        house.join(f"c{number}", "sales")
    house.wait(60)
    house.log.clear()
    house.leave("c1")
    told_now = of(said.Position, house.wait(0))
    assert told_now == [said.Position(f"c{place}", place, None) for place in (2, 3, 4)]
    house.leave("c3")
    house.leave("c0")
    assert of(said.Position, house.wait(4.9)) == []
    assert of(said.Position, house.wait(0.1)) == [said.Position("c2", 1, None), said.Position("c4", 2, None)]
    assert of(said.Position, house.wait(3600)) == []


def test_a_long_queue_is_told_in_parts() -> None:
    house = House(TEXT)
    house.tell(told.AgentBusy("anna", "x"))
    for number in range(450):
        house.join(f"c{number}", "sales")
    house.wait(60)
    house.leave("c0")
    first = of(said.Position, house.tell(told.Tick()))
    assert len(first) == 200
    assert len(of(said.Position, house.wait(1))) == 249


def test_the_wait_is_estimated_from_the_last_conversations() -> None:
    house = House(TEXT.replace("queues: [sales, short, empty, ready]", "queues: [sales], wrap_up: 20s"))
    house.status("ben", "away")
    for number in range(3):
        (joined,) = of(said.Joined, house.join(f"c{number}", "sales"))
        assert joined.estimate is None
        house.answer(f"c{number}")
        house.wait(100)
        house.hang_up(f"c{number}")
        house.wait(20)
    house.join("d0", "sales")
    house.answer("d0")
    (joined,) = of(said.Joined, house.join("d1", "sales"))
    assert joined.estimate == 120
    (joined,) = of(said.Joined, house.join("d2", "sales"))
    assert joined.estimate == 240
    house.join("e0")  # another queue of the same agent: she is there for half of the time
    house.wait(6)
    (joined,) = of(said.Joined, house.join("d3", "sales"))
    assert joined.estimate == 720
    house.status("anna", "away")
    house.wait(6)
    assert house.center.figures()["queues"]["sales"]["estimate"] is None
    assert of(said.Position, house.log)[-1].estimate is None
