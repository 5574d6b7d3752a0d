from __future__ import annotations

import json
from typing import Any

import pytest

from ivr.center.rules import Center
from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from ivr.center.rules.sticky import KEPT, Sticky
from tests.kit.center import MONDAY, House, of

TEXT = """
phones: {"1": {password: x}, "2": {password: x}}
agents: {anna: {phones: "1", wrap_up: 30s}, ben: {phones: "2"}}
queues: {default: {sticky: ever, callback: {expires: 1h}}}
statuses: {lunch: away}
"""


def restarted(house: House, after: float = 5.0, change: Any = None) -> list[str]:
    """Stop the centre and start it again some seconds later, in another time of its own."""
    kept = json.loads(json.dumps(house.center.snapshot()))
    if change is not None:
        change(kept)
    wall = house.center._floor.wall + after
    house.now = 50.0
    house.center = Center(house.config, house.now, wall)
    sentences = house.center.restore(kept)
    for name in house.config.agents:
        house.tell(told.PhoneState(name, True))
    return sentences


def test_statuses_stickiness_idleness_and_figures_outlive_a_restart() -> None:
    house = House(TEXT)
    house.join("c1", person="p1")
    house.answer("c1")
    house.wait(30)
    house.status("ben", "lunch")
    house.join("c2")
    assert restarted(house) == []
    assert house.center.callers() == []
    agents = house.center.figures()["agents"]
    assert (agents["anna"]["phase"], agents["anna"]["calls_today"]) == ("idle", 1)
    assert (agents["ben"]["status"], agents["ben"]["group"]) == ("lunch", "away")
    assert agents["anna"]["idle_seconds"] == 35.0
    books = house.books("default")
    assert (books["offered"], books["answered"], books["interrupted"]) == (2, 1, 1)
    assert house.center.figures()["queues"]["default"]["today"]["offered"] == 2
    house.status("ben", "available")
    house.join("c3", person="p1")
    assert house.offer_of("c3").why.startswith("spoke to this caller")


def test_the_figures_of_another_day_are_not_those_of_today() -> None:
    house = House(TEXT)
    house.join("c1")
    house.answer("c1")
    restarted(house, 86400)
    assert house.center.figures()["queues"]["default"]["today"]["offered"] == 0
    assert house.books("default")["offered"] == 1
    assert house.center.figures()["agents"]["anna"]["calls_today"] == 0


def test_places_that_were_kept_are_kept_on() -> None:
    house = House(TEXT)
    for name in ("anna", "ben"):
        house.tell(told.AgentBusy(name, "x"))
    for caller in ("c1", "c2", "c3"):
        house.join(caller, priority=9 if caller == "c3" else None)
        house.wait(1)
        house.tell(told.CallbackKept(caller, f"k-{caller}", "+49177"))
    house.leave("c1")
    house.leave("c3")
    assert [each["callback"] for each in house.center.callers()] == ["k-c3", "k-c1", "k-c2"]
    house.log.clear()
    assert restarted(house) == []
    due = of(said.CallbackDue, house.log)
    assert [each.callback for each in due] == ["k-c3", "k-c1"]
    assert [each["callback"] for each in house.center.callers()] == ["k-c3", "k-c1", "k-c2"]
    assert restarted(house) == []  # while they are being called: they wait again, and the attempt counts
    assert [each.attempt for each in of(said.CallbackDue, house.log)] == [1, 1, 2, 2]
    house.tell(told.AgentBusy("anna", "x"))
    restarted(house, 3600)
    assert {each.outcome for each in of(said.CallbackOver, house.log)} == {"expired"}


def test_what_cannot_be_read_is_left_out() -> None:
    def spoil(kept: dict[str, Any]) -> None:
        kept["agents"]["anna"] = "nonsense"
        kept["agents"]["ben"] = {"status": "gone", "group": "away", "idle_since": "x", "missed": None, "earlier": [1]}
        kept["agents"]["nobody"] = {}
        kept["queues"]["default"] = 5
        kept["queues"]["gone"] = {}
        kept["callbacks"] = {"k1": None, "k2": {"queue": "gone", "number": "1"}, "k3": {"queue": "default"}}
        kept["sticky.1"] = {"p": ["anna", "x"], "q": 3}
        kept["sticky.2"] = "x"
        kept["meta"] = {"day": "nonsense"}

    house = House(TEXT)
    sentences = restarted(house, change=spoil)
    assert sorted(sentences) == [
        "2 of the people and the agents they spoke to cannot be read.",
        "The call back k1 cannot be read.",
        "The call back k2 is given up: its queue is in the configuration no more.",
        "The call back k3 cannot be read.",
        "What was kept of the agent anna cannot be read.",
        "What was kept of the queue default cannot be read.",
    ]
    assert (house.group("anna"), house.group("ben")) == ("available", "away")


@pytest.mark.parametrize("kept", [{}, {"agents": None, "queues": [], "callbacks": 1, "meta": 2}])
def test_an_empty_snapshot(kept: Any) -> None:
    house = House(TEXT)
    assert house.center.restore(kept) == []


def test_only_what_has_changed_needs_keeping() -> None:
    house = House(TEXT)
    house.center.changed()
    assert house.center.changed() == frozenset()
    house.status("anna", "away")
    assert house.center.changed() == {"agents", "meta"}
    house.join("c1", person="p1")
    assert house.center.changed() == {"agents", "queues", "meta"}, "ben is rung"
    house.join("c2")
    assert house.center.changed() == {"queues", "meta"}
    house.answer("c1")
    changed = house.center.changed()
    assert changed - {"agents", "queues", "meta"} == {key for key in changed if key.startswith("sticky.")}
    assert len(changed) == 4
    kept = house.center.snapshot(changed)
    assert kept.keys() == changed


def test_an_offer_is_kept_for_queue_and_agent_alike() -> None:
    house = House(TEXT)
    kept = json.loads(json.dumps(house.center.snapshot()))
    house.center.changed()
    house.join("c1")
    kept |= json.loads(json.dumps(house.center.snapshot(house.center.changed())))
    assert sum(each["today"].get("rings", 0) for each in kept["agents"].values()) == 1
    assert sum(each["today"].get("rings", 0) for each in kept["queues"].values()) == 1


def test_people_are_remembered_up_to_a_bound() -> None:
    sticky = Sticky()
    for number in range(KEPT + 10):
        sticky.remember(f"p{number}", "anna", float(number))
    assert sticky.agent("p5", "ever", 0.0) is None
    assert sticky.agent("p10", "ever", 20.0) == ("anna", 10.0)
    assert sticky.agent("p10", "30d", 31 * 86400.0) is None
    assert sticky.agent("", "ever", 0.0) is None
    assert sticky.agent("p10", "off", 0.0) is None
    again = Sticky()
    assert again.restore(sticky.json(sticky.keys())) == 0
    assert again.agent("p10", "ever", 20.0) == ("anna", 10.0)


def test_places_of_the_same_moment_keep_their_order() -> None:
    house = House(TEXT)
    for name in ("anna", "ben"):
        house.tell(told.AgentBusy(name, "x"))
    for caller in ("c1", "c2", "c3"):
        house.join(caller)
    for caller in ("c3", "c1", "c2"):
        house.tell(told.CallbackKept(caller, f"k-{caller}", "+49177"))
        house.leave(caller)
    restarted(house)
    assert [each["callback"] for each in house.center.callers()] == ["k-c1", "k-c2", "k-c3"]


def test_places_of_the_same_moment_keep_their_order_in_queues_of_different_orders() -> None:
    later = "queues: {sales: {all: true, callback: {order: after_callers}}, default: {}}"
    house = House(TEXT.replace("queues: {default: {sticky: ever, callback: {expires: 1h}}}", later))
    for agent in ("anna", "ben"):
        house.tell(told.AgentBusy(agent, "x"))
    for caller, queue in (("c1", "sales"), ("c2", "default")):
        house.join(caller, queue=queue)
    for caller in ("c1", "c2"):
        house.tell(told.CallbackKept(caller, f"k-{caller}", "+4930"))
        house.tell(told.CallerLeft(caller, "callback_scheduled"))
    restarted(house)
    entries = house.center._floor.callbacks
    assert entries["k-c1"].seq < entries["k-c2"].seq, "c1 came first, wherever his place stands now"


def test_reports_have_the_quarter_of_an_hour_in_which_the_centre_went_down() -> None:
    house = House(TEXT)
    house.join("c1")
    house.answer("c1")
    house.status("ben", "lunch")
    house.wait(30)
    house.join("c2")
    began = house.center.intervals()[-1]["start"]
    restarted(house, 5)
    (over, now) = house.center.intervals()
    assert (over["start"], over["seconds"]) == (began, 30.0) and now["start"] > began
    queue = over["queues"]["default"]
    assert [queue[name] for name in ("offered", "answered", "interrupted")] == [2, 1, 1]
    assert over["agents"]["anna"]["answered"] == 1 and now["queues"] == {}
    assert house.books("default")["offered"] == 2


def test_wrapping_up_goes_on_and_a_disposition_can_be_given() -> None:
    text = """
phones: {"1": {password: x}, "2": {password: x}}
agents: {anna: {phones: "1", wrap_up: 60s}, ben: {phones: "2"}}
dispositions: {sold: Sold, late: {name: Late, queues: [other]}}
queues: {other: {}}
"""
    house = House(text)
    house.join("c1")
    house.answer("c1")
    house.hang_up("c1")
    house.wait(20)
    assert house.phase("anna") == "wrapping"
    again = House(text, wall=MONDAY + 20)
    assert again.center.restore(house.center.snapshot()) == []
    again.tell(told.PhoneState("anna", True))
    assert again.center.figures()["agents"]["anna"]["wrap_up_left"] == 40.0
    assert again.center.dispositions("anna") == ["sold"] and again.center.dispositions("ben") is None
    (disposed,) = of(said.Disposed, again.tell(told.Disposition("anna", "sold")))
    assert (disposed.caller, disposed.queue) == ("c1", "default")
    assert again.phase("anna") == "idle"
    later = House(text, wall=MONDAY + 90)
    later.center.restore(house.center.snapshot())
    assert later.phase("anna") == "idle" and later.center.dispositions("anna") == ["sold"]
    for rubbish in ({"until": "x"}, {"until": 1e300, "began": -1e300}, []):
        kept = house.center.snapshot()
        kept["agents"]["anna"]["wrap"] = rubbish
        House(text).center.restore(kept)
