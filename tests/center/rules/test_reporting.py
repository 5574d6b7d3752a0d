from __future__ import annotations

import json

from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from ivr.center.rules.figures import HISTORY, INTERVAL
from tests.kit.center import MONDAY, House, of

TEXT = """
phones: {"1": {password: x}, "2": {password: x}, "3": {password: x}}
agents:
  anna: {name: Anna Berg, phones: "1", queues: [sales], channels: {chat: 2}}
  ben: {phones: "2", queues: [sales], wrap_up: 30s}
  carla: {phones: "3"}
queues: {sales: {name: Sales, service_level: {answer_within: 10s, percent: 90}}}
routes: [{name: vip, when: [{fact: tags, contains: vip}], queue: sales, priority: 8}]
"""


def test_figures_of_now() -> None:
    house = House(TEXT)
    house.status("ben", "away")
    house.tell(told.AgentOccupied("anna", "chat", 2))
    house.join("c1", "sales")
    house.wait(12)
    house.answer("c1")
    house.wait(3)
    house.join("c2", "sales")
    house.wait(5)
    figures = json.loads(json.dumps(house.center.figures()))
    queue = figures["queues"]["sales"]
    assert (queue["name"], queue["waiting"], queue["ringing"], queue["talking"]) == ("Sales", 1, 0, 1)
    assert queue["longest_wait"] == 5.0
    assert queue["target"] == {"answer_within": 10.0, "percent": 90.0}
    assert queue["agents"] == {
        "all": 2,
        "logged_in": 2,
        "available": 1,
        "free": 0,
        "ringing": 0,
        "in_call": 1,
        "wrapping": 0,
        "reserved": 0,
        "on_other_call": 0,
    }
    assert queue["today"]["service_level"] == 0.0
    assert queue["today"]["mean_wait_seconds"] == 12.0
    anna = figures["agents"]["anna"]
    assert (anna["name"], anna["phase"], anna["caller"], anna["queue"]) == ("Anna Berg", "in_call", "c1", "sales")
    assert (anna["workload"], anna["full_capacity"]) == (100.0, True)
    assert (figures["agents"]["ben"]["why_not"], figures["agents"]["carla"]["free"]) == ("He is away.", True)
    assert house.center.free_agents("default") == 1
    assert house.center.free_agents("sales") == house.center.free_agents("nope") == 0


def test_intervals_are_quarters_of_an_hour_by_the_clock() -> None:
    house = House(TEXT, wall=MONDAY + 60)
    house.join("c1", "sales")
    house.answer("c1")
    house.wait(100)
    house.hang_up("c1")
    (over,) = of(said.IntervalOver, house.wait(INTERVAL))
    assert (over.start, over.seconds) == (MONDAY + 60, INTERVAL - 60)
    assert over.queues.keys() == {"sales"}
    assert (over.queues["sales"]["offered"], over.queues["sales"]["talk_seconds"]) == (1, 100)
    assert over.agents["anna"]["talking_seconds"] == 100
    assert over.agents["ben"]["ready_seconds"] == INTERVAL - 60
    (second,) = of(said.IntervalOver, house.wait(INTERVAL))
    assert (second.start, second.seconds, second.queues) == (MONDAY + INTERVAL, INTERVAL, {})
    assert [each["start"] for each in house.center.intervals(MONDAY + 100)] == [
        MONDAY + INTERVAL,
        MONDAY + 2 * INTERVAL,
    ]
    house.wait((HISTORY + 10) * INTERVAL)
    assert len(house.center.intervals()) == HISTORY + 1
    assert house.center.figures()["queues"]["sales"]["today"]["offered"] == 0
    assert house.books("sales")["offered"] == 1


def test_a_clock_that_is_set_ends_the_interval() -> None:
    house = House(TEXT)
    house.wait(100)
    assert of(said.IntervalOver, house.tell(told.ClockSet(MONDAY + 103))) == []
    (over,) = of(said.IntervalOver, house.tell(told.ClockSet(MONDAY - 7000)))
    assert over.seconds == 100
    (over,) = of(said.IntervalOver, house.wait(700))
    assert (over.start, over.seconds) == (MONDAY - 7000, 700)


def test_who_is_in_the_queues() -> None:
    house = House(TEXT)
    house.join("c1", facts={"tags": ["vip"]})
    house.join("c2", "sales")
    house.answer("c2")
    house.join("c3", "sales")
    house.wait(4)
    found = {each["caller"]: each for each in json.loads(json.dumps(house.center.callers("sales")))}
    assert (found["c1"]["state"], found["c1"]["position"], found["c1"]["agents"]) == ("ringing", 1, ["anna"])
    assert (found["c1"]["route"], found["c1"]["priority"], found["c1"]["waited"]) == ("vip", 8, 4.0)
    assert (found["c2"]["state"], found["c2"]["position"], found["c2"]["agents"]) == ("talking", None, ["ben"])
    assert (found["c3"]["state"], found["c3"]["position"]) == ("waiting", 2)
    assert house.center.callers("default") == []


def test_between_events_time_goes_on_for_who_asks() -> None:
    house = House(TEXT)
    house.status("anna", "away")
    house.join("c1", "sales")
    house.answer("c1")
    house.hang_up("c1")
    house.join("c2", "sales")
    before = house.center.next_timer()
    asked = house.center.at(house.now + 3)
    assert asked.callers("sales")[0]["waited"] == asked.figures()["queues"]["sales"]["longest_wait"] == 3.0
    agents = asked.figures()["agents"]
    ben, anna = agents["ben"], agents["anna"]
    assert (ben["since_seconds"], ben["wrap_up_left"], ben["today"]["wrapping_seconds"]) == (3.0, 27.0, 3.0)
    assert (anna["since_seconds"], anna["today"]["away_seconds"]) == (3.0, 3.0)
    assert asked.intervals()[-1]["seconds"] == 3.0
    assert (asked.next_timer(), asked.decisions()) == (before, [])
    assert house.center.at(house.now).callers("sales")[0]["waited"] == 3.0  # it never goes back
    assert house.phase("ben") == "wrapping"
    house.wait(30)
    assert house.phase("ben") == "ringing"


def test_why_a_call_goes_where_it_goes() -> None:
    house = House(TEXT)
    house.wait(60)
    house.status("ben", "away")
    found = house.center.explain({"tags": ["vip"]})
    assert (found.queue, found.priority, found.outcome, found.order) == ("sales", 8, "waits", "longest_idle")
    assert found.why == "The rule vip matches: All its conditions hold."
    assert [(each.agent, each.rank, each.score, each.why) for each in found.agents] == [
        ("anna", 1, 60.0, "He is idle for longest."),
        ("ben", None, None, "He is away."),
    ]
    plain = house.center.explain({})
    assert (plain.queue, plain.why) == ("default", "No rule matches, so it is default.")
    assert [each.agent for each in plain.agents] == ["anna", "carla", "ben"]
    assert plain.agents[1].why == "He is free; somebody else is idle for longest."
    named = house.center.explain({}, queue="sales", priority=2)
    assert (named.routes, named.why, named.priority) == ((), "The flow names it.", 2)
    nowhere = house.center.explain({}, queue="nope")
    assert (nowhere.outcome, nowhere.text) == ("error", "There is no queue nope.")
    assert json.loads(json.dumps(plain.json()))["routes"][0]["conditions"][0]["held"] is False
    house.status("anna", "unavailable")
    house.status("ben", "unavailable")
    assert house.center.explain({}, queue="sales").outcome == "no_agents"


def test_why_somebody_who_waits_is_where_he_is() -> None:
    house = House(TEXT)
    house.join("c1", facts={"tags": ["vip"]})
    house.fail("c1", "declined")
    found = house.center.explain_caller("c1")
    assert found is not None
    assert (found.why, found.text) == ("The rule vip matches: All its conditions hold.", "Rung for him: ben.")
    assert [(each.agent, each.rank) for each in found.agents] == [("anna", 1), ("ben", None)]
    assert found.agents[0].why.startswith("He was offered this call and did not take it")
    house.answer("c1")
    found = house.center.explain_caller("c1")
    assert found is not None
    assert found.text == "He talks to ben."
    assert house.center.explain_caller("nobody") is None
    house.join("c2", facts={"tags": ["secret-tag"]}, secret=True)
    found = house.center.explain_caller("c2")
    assert found is not None
    assert "secret-tag" not in json.dumps(found.json())
