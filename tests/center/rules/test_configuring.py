from __future__ import annotations

from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from tests.kit.center import House, configured, of

PHONES = 'phones: {"1": {password: x}, "2": {password: x}, "3": {password: x}}\n'
TEXT = PHONES + (
    'agents: {anna: {phones: "1", queues: [sales]}, ben: {phones: "2", queues: [sales]}}\n'
    "queues: {sales: {}, help: {join_when_empty: always}}\nstatuses: {lunch: away}\n"
)
NO_SALES = PHONES + 'agents: {anna: {phones: "1"}, ben: {phones: "2"}}\nqueues: {help: {}}\nstatuses: {lunch: busy}\n'


def busy_house() -> House:
    house = House(TEXT)
    for name in ("anna", "ben"):
        house.tell(told.AgentBusy(name, "x"))
    return house


def test_a_queue_with_calls_in_it_is_kept_until_they_are_served() -> None:
    house = busy_house()
    house.join("c1", "sales")
    config = configured(NO_SALES)
    assert house.center.losses(config) == ["The queue sales cannot go: 1 wait in it."]
    assert house.center.losses(house.config) == []
    decided = house.tell(told.Configured(config))
    assert of(said.Notice, decided) == [said.Notice("The queue sales is kept until nobody is in it: 1 wait in it")]
    assert house.center.figures()["queues"]["sales"]["leaving"]
    assert house.join("c2", "sales") == [said.Refused("c2", "", "error", "There is no queue sales.")]
    house.tell(told.AgentFree("anna", "x"))
    house.answer("c1")
    assert house.center.losses(config) == ["The queue sales cannot go: 1 talk to its agents."]
    assert "sales" in house.center.figures()["queues"]
    house.hang_up("c1")
    assert "sales" not in house.center.figures()["queues"]
    assert house.center.figures()["agents"]["anna"]["queues"] == ["default"]
    assert of(said.Offer, house.join("c3"))


def test_a_queue_that_goes_and_whose_agents_go_is_served_by_all() -> None:
    house = busy_house()
    house.join("c1", "sales")
    house.tell(told.Configured(configured(PHONES + 'agents: {carla: {phones: "3"}}\n')))
    assert "anna" not in house.center.figures()["agents"]
    assert of(said.Offer, house.tell(told.PhoneState("carla", True)))[0].caller == "c1"


def test_a_queue_that_comes_back_is_the_same_queue() -> None:
    house = busy_house()
    house.join("c1", "sales")
    house.tell(told.Configured(configured(NO_SALES)))
    house.tell(told.Configured(house.config))
    assert not house.center.figures()["queues"]["sales"]["leaving"]
    assert of(said.Joined, house.join("c2", "sales"))[0].position == 2


def test_an_agent_who_is_gone_finishes_his_call() -> None:
    house = House(TEXT)
    house.join("c1", "sales")
    house.answer("c1")
    house.tell(told.Configured(configured(PHONES + 'agents: {ben: {phones: "2"}}\n')))
    agents = house.center.figures()["agents"]
    assert (agents["anna"]["phase"], agents["anna"]["enabled"]) == ("in_call", False)
    assert of(said.Left, house.hang_up("c1"))[0].agent == "anna"
    assert house.center.figures()["agents"].keys() == {"ben"}
    assert house.status("anna", "available") == []
    assert house.wait(1000) is not None


def test_new_agents_and_new_orders_hold_at_once() -> None:
    house = busy_house()
    house.join("c1", "sales")
    house.wait(1)
    house.join("c2", "sales", priority=9)
    more = TEXT.replace("ben: {", 'carla: {phones: "3", queues: [sales]}, ben: {').replace(
        "sales: {}", "sales: {order: ring_all}"
    )
    house.tell(told.Configured(configured(more)))
    assert of(said.Offer, house.tell(told.PhoneState("carla", True)))[0].caller == "c2"
    assert of(said.Offer, house.tell(told.AgentFree("ben", "x")))[0].caller == "c2"  # all ring for the first
    house.tell(told.Configured(house.config))
    assert house.ringing("c2") == {"ben"}
    assert house.ringing("c1") == set()


def test_a_free_agent_who_gets_another_queue_gets_its_callers() -> None:
    house = House(TEXT)
    for name in ("anna", "ben"):
        house.status(name, "away")
    house.join("c1", "help")
    house.status("ben", "available")
    assert house.ringing("c1") == set()
    config = configured(TEXT.replace('"2", queues: [sales]', '"2", queues: [sales, help]'))
    assert [each.agent for each in of(said.Offer, house.tell(told.Configured(config)))] == ["ben"]


def test_what_a_reload_has_taken_and_brings_back_is_as_it_was() -> None:
    house = House(TEXT)
    house.join("c1", "sales")
    house.answer("c1")
    house.wait(30)
    house.hang_up("c1")
    (taken,) = {each.agent for each in of(said.Offer, house.log)}
    house.wait(120)
    house.status(taken, "busy")
    before = house.center.figures()
    house.tell(told.Configured(configured("queues: {}")))
    assert house.center.figures()["agents"] == {} and "sales" not in house.center.figures()["queues"]
    assert house.center.intervals()[-1]["queues"]["sales"]["answered"] == 1
    house.wait(60)
    house.tell(told.Configured(configured(TEXT)))
    house.tell(told.PhoneState(taken, True))
    after = house.center.figures()
    assert after["queues"]["sales"]["today"] == before["queues"]["sales"]["today"]
    assert after["queues"]["sales"]["total"] == before["queues"]["sales"]["total"]
    for name in ("status", "group", "calls_today", "today", "total"):
        assert after["agents"][taken][name] == before["agents"][taken][name]
    assert house.center.intervals()[-1]["agents"][taken]["answered"] == 1
    house.wait(86400)
    assert house.center.figures()["queues"]["sales"]["today"]["answered"] == 0


def test_skills_that_are_needed_from_now_on() -> None:
    house = busy_house()
    house.join("c1", "sales")
    house.tell(told.Configured(configured(TEXT.replace("sales: {}", "sales: {order: by_skill, skills: {german: 1}}"))))
    assert of(said.Offer, house.tell(told.AgentFree("anna", "x"))) == []
    assert of(said.Offer, house.tell(told.Configured(house.config)))[0].caller == "c1"


def test_a_status_that_means_something_else_or_is_gone() -> None:
    house = House(TEXT)
    house.status("anna", "lunch")
    house.tell(told.Configured(configured(NO_SALES)))
    assert (house.center.figures()["agents"]["anna"]["status"], house.group("anna")) == ("lunch", "busy")
    changed = of(said.StatusChanged, house.tell(told.Configured(configured(PHONES + 'agents: {anna: {phones: "1"}}'))))
    assert [(each.status, each.reason) for each in changed] == [("busy", "configured")]


def test_who_waits_is_found_an_agent_whose_order_changed_while_one_rings() -> None:
    house = House(TEXT)
    house.join("c1", "sales")
    assert len(house.ringing("c1")) == 1
    all_ring = configured(TEXT.replace("sales: {}", "sales: {order: ring_all}"))
    house.tell(told.Configured(all_ring))
    assert house.ringing("c1") == {"anna", "ben"}
    house.tell(told.Configured(house.config))
    assert house.ringing("c1") == {"anna", "ben"}
    house.answer("c1", "ben")
    assert house.phase("anna") == "idle"
