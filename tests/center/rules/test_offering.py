from __future__ import annotations

import pytest

from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from tests.kit.center import House, of

TWO = """
phones: {"1": {password: x}, "2": {password: x}, "3": {password: x}}
agents:
  anna: {phones: "1"}
  ben: {phones: "2"}
"""


def test_a_caller_is_offered_to_who_is_idle_for_longest() -> None:
    house = House(TWO)
    house.join("c1")
    assert house.ringing("c1") == {"anna"}
    decided = house.answer("c1")
    assert of(said.Connect, decided) == [said.Connect(1, "c1", "anna", "default", 0.0)]
    house.wait(30)
    house.join("c2")
    assert house.ringing("c2") == {"ben"}
    house.answer("c2")
    house.hang_up("c1")
    house.wait(10)
    house.hang_up("c2")
    house.wait(10)
    house.join("c3")
    assert house.ringing("c3") == {"anna"}
    assert house.offer_of("c3").why == "is idle for longest"


def test_who_waits_is_served_by_priority_then_arrival() -> None:
    house = House(TWO)
    for name in ("c1", "c2"):
        house.join(name)
        house.answer(name)
    house.join("low", priority=2)
    house.wait(1)
    house.join("first")
    house.wait(1)
    house.join("second")
    house.wait(1)
    house.join("urgent", priority=10)
    assert [each["caller"] for each in house.center.callers() if each["position"]] == [
        "urgent",
        "first",
        "second",
        "low",
    ]
    served = []
    for _ in range(4):
        talking = house.center.callers()[-1]["caller"]
        ringing = of(said.Offer, house.hang_up(talking))
        served.append(ringing[0].caller)
        house.answer(served[-1])
    assert served == ["urgent", "first", "second", "low"]


def test_a_lease_ends_by_itself_and_the_call_goes_to_another() -> None:
    house = House(TWO)
    house.join("c1")
    decided = house.wait(20)
    assert of(said.Withdraw, decided) == [said.Withdraw(1, "c1", "anna", "no_answer")]
    assert of(said.Missed, decided)[0].in_a_row == 1
    assert house.group("anna") == "away"
    assert house.ringing("c1") == {"ben"}
    house.wait(20)
    assert house.group("ben") == "away"
    assert house.ringing("c1") == set()
    decided = house.status("ben", "available")
    assert of(said.Offer, decided) == []  # he did not take it a moment ago
    decided = house.status("anna", "available")
    assert of(said.Offer, decided)[0].agent == "anna"
    late = house.tell(told.OfferAnswered(1))
    assert of(said.Withdraw, late) == [said.Withdraw(1, "", "", "over")]


def test_a_declined_call_goes_to_others_first_and_comes_again_after_a_while() -> None:
    house = House(TWO)
    house.join("c1")
    decided = house.fail("c1", "declined")
    assert of(said.Missed, decided)[0].reason == "declined"
    assert house.group("anna") == "available"
    assert house.ringing("c1") == {"ben"}
    assert of(said.Offer, house.fail("c1", "declined")) == []
    assert of(said.Offer, house.wait(9.9)) == []
    assert [each.agent for each in of(said.Offer, house.wait(0.2))] == ["anna"]


def test_who_declined_gets_the_next_caller() -> None:
    house = House(TWO)
    house.status("ben", "away")
    house.join("c1")
    house.join("c2")
    decided = house.fail("c1", "declined")
    assert [(each.caller, each.agent) for each in of(said.Offer, decided)] == [("c2", "anna")]


@pytest.mark.parametrize("reason", ["busy", "unreachable", "error"])
def test_a_phone_that_cannot_be_rung_is_left_alone_for_some_seconds(reason: told.OfferFault) -> None:
    house = House(TWO)
    house.join("c1")
    house.fail("c1", reason)
    assert house.group("anna") == "available"
    house.answer("c1", "ben")
    assert of(said.Offer, house.join("c2")) == []
    assert of(said.Offer, house.wait(14.9)) == []
    assert [each.agent for each in of(said.Offer, house.wait(0.2))] == ["anna"]


def test_an_unregistered_phone_is_not_rung_and_one_that_goes_is_withdrawn() -> None:
    house = House(TWO)
    house.tell(told.PhoneState("anna", False))
    house.join("c1")
    assert house.ringing("c1") == {"ben"}
    decided = house.tell(told.PhoneState("ben", False))
    assert of(said.Withdraw, decided)[0].reason == "unreachable"
    assert of(said.Missed, house.log) == []
    assert [each.agent for each in of(said.Offer, house.tell(told.PhoneState("anna", True)))] == ["anna"]


def test_a_caller_who_hangs_up_at_the_moment_of_the_answer() -> None:
    house = House(TWO)
    house.join("c1")
    offer = house.offer_of("c1").offer
    decided = house.leave("c1")
    assert of(said.Withdraw, decided) == [said.Withdraw(offer, "c1", "anna", "caller_left")]
    assert of(said.Left, decided)[0].outcome == "abandoned"
    assert of(said.Connect, house.tell(told.OfferAnswered(offer))) == []
    assert house.phase("anna") == "idle"

    house.join("c2")  # the other way round
    house.answer("c2")
    decided = house.leave("c2")
    assert of(said.Left, decided)[0].outcome == "forwarded"
    assert house.tell(told.CallOver(house.offer_of("c2").offer)) == []
    assert house.books("default")["offered"] == 2
    assert (house.books("default")["answered"], house.books("default")["abandoned"]) == (1, 1)


def test_an_agent_disabled_while_ringing() -> None:
    house = House(TWO)
    house.join("c1")
    config = House(TWO.replace('anna: {phones: "1"}', 'anna: {phones: "1", enabled: false}')).config
    decided = house.tell(told.Configured(config))
    assert of(said.Withdraw, decided)[0].reason == "disabled"
    assert house.ringing("c1") == {"ben"}


def test_an_agent_on_a_call_of_his_own_is_busy() -> None:
    house = House(TWO)
    house.tell(told.AgentBusy("ben", "own-1"))
    house.join("c1")
    assert house.ringing("c1") == {"anna"}
    decided = house.tell(told.AgentBusy("anna", "own-2"))
    assert of(said.Withdraw, decided)[0].reason == "agent_busy"
    assert house.phase("anna") == "on_other_call"
    assert house.center.unavailable("anna") == "The agent anna is on another call."
    decided = house.tell(told.AgentFree("ben", "own-1"))
    assert [each.agent for each in of(said.Offer, decided)] == ["ben"]


def test_all_are_rung_and_the_first_gets_it() -> None:
    house = House(TWO + "queues: {default: {order: ring_all}}\n")
    house.join("c1")
    assert house.ringing("c1") == {"anna", "ben"}
    decided = house.answer("c1", "ben")
    kinds = [type(each).__name__ for each in decided if not isinstance(each, said.StatusChanged)]
    assert kinds == ["Withdraw", "Connect"]
    assert of(said.Withdraw, decided)[0].reason == "answered_elsewhere"
    assert of(said.Missed, decided) == []
    house.join("c2")
    assert house.ringing("c2") == {"anna"}


def test_one_of_all_declines_and_the_others_go_on_ringing() -> None:
    house = House(TWO + '  carla: {phones: "3"}\nqueues: {default: {order: ring_all}}\n')
    house.tell(told.AgentBusy("carla", "x"))
    house.join("c1")
    house.fail("c1", "declined", "anna")
    assert house.ringing("c1") == {"ben"}
    house.tell(told.AgentFree("carla", "x"))
    assert house.ringing("c1") == {"ben", "carla"}
    house.wait(10.5)
    assert house.ringing("c1") == {"ben", "carla", "anna"}
    house.answer("c1", "carla")
    assert house.phase("anna") == house.phase("ben") == "idle"


def test_two_queues_share_agents_with_different_orders() -> None:
    house = House(
        """
phones: {"1": {password: x}, "2": {password: x}}
agents:
  anna: {phones: "1", queues: [a, b]}
  ben: {phones: "2", queues: [a, b]}
queues: {a: {order: ring_all}, b: {order: round_robin}}
"""
    )
    house.join("one", "a")
    assert house.ringing("one") == {"anna", "ben"}
    house.wait(1)
    house.join("two", "b", priority=9)
    assert house.ringing("two") == set()
    house.answer("one", "ben")
    assert house.ringing("two") == {"anna"}
    house.answer("two")
    house.wait(1)
    house.join("three", "b")
    house.wait(1)
    house.join("four", "a")
    decided = house.hang_up("one")
    assert [(each.caller, each.agent) for each in of(said.Offer, decided)] == [("three", "ben")]
    decided = house.hang_up("two")
    assert [(each.caller, each.agent) for each in of(said.Offer, decided)] == [("four", "anna")]


def test_the_lease_is_prolonged_for_who_has_picked_up() -> None:
    house = House(TWO)
    house.join("c1")
    house.wait(19)
    house.tell(told.OfferPickedUp(house.offer_of("c1").offer))
    assert of(said.Withdraw, house.wait(10)) == []
    assert len(of(said.Connect, house.answer("c1"))) == 1


def test_wrapping_up_blocks_calls_and_ends_early() -> None:
    text = TWO.replace('ben: {phones: "2"}', 'ben: {phones: "2", enabled: false}') + "dispositions: {sold: Sold}\n"
    house = House(text.replace('anna: {phones: "1"}', 'anna: {phones: "1", wrap_up: 30s}'))
    for number in range(3):
        house.join(f"c{number}")
    house.answer("c0")
    house.wait(60)
    house.hang_up("c0")
    assert house.phase("anna") == "wrapping"
    assert house.ringing("c1") == set()
    assert of(said.Offer, house.wait(29.9)) == []
    assert [each.caller for each in of(said.Offer, house.wait(0.2))] == ["c1"]
    house.answer("c1")
    house.hang_up("c1")
    assert [each.caller for each in of(said.Offer, house.tell(told.WrapUpDone("anna")))] == ["c2"]
    house.answer("c2")
    house.hang_up("c2")
    decided = house.tell(told.Disposition("anna", "sold", "anna"))
    assert of(said.Disposed, decided) == [said.Disposed("anna", "c2", "default", 3, "sold", "anna")]
    assert house.phase("anna") == "idle"
    books = house.books("default")
    assert (books["handled"], books["talk_seconds"], round(books["wrap_seconds"])) == (3, 60, 30)


def test_wrapping_up_need_not_block_calls() -> None:
    text = TWO.replace('ben: {phones: "2"}', 'ben: {phones: "2", enabled: false}')
    house = House(text.replace('anna: {phones: "1"}', 'anna: {phones: "1", wrap_up: 30s, wrapup_blocks_calls: false}'))
    house.join("c1")
    house.join("c2")
    house.answer("c1")
    assert [each.caller for each in of(said.Offer, house.hang_up("c1"))] == ["c2"]
    house.wait(5)
    house.answer("c2")
    house.wait(100)
    assert house.phase("anna") == "in_call"
    assert house.books("default")["wrap_seconds"] == 5


def test_wrapping_up_that_ends_after_the_log_out() -> None:
    text = TWO.replace('ben: {phones: "2"}', 'ben: {phones: "2", enabled: false}')
    house = House(text.replace('anna: {phones: "1"}', 'anna: {phones: "1", wrap_up: 30s}'))
    house.join("c1")
    house.join("c2")
    house.answer("c1")
    house.hang_up("c1")
    house.status("anna", "unavailable")
    assert of(said.Offer, house.wait(100)) == []
    assert (house.group("anna"), house.phase("anna")) == ("unavailable", "idle")


def test_the_queue_may_say_how_long_wrapping_up_takes() -> None:
    house = House(TWO + "queues: {q: {all: true, wrap_up: 5s}}\n")
    house.join("c1", "q")
    house.answer("c1")
    house.hang_up("c1")
    assert house.phase("anna") == "wrapping"
    house.wait(5)
    assert house.phase("anna") == "idle"
