from __future__ import annotations

from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from tests.kit.center import House, of

TEXT = """
phones: {"1": {password: x}, "2": {password: x}}
agents:
  anna: {phones: "1", missed_calls: 2, inactivity: 60s}
  ben: {phones: "2", first_status: unavailable, missed_calls: 0, inactivity: null}
statuses: {lunch: away, training: busy, extra: available}
dispositions: {sold: Sold, other: {name: Other, queues: [q]}}
queues: {q: {}}
"""


def test_statuses_belong_to_groups() -> None:
    house = House(TEXT)
    assert house.group("ben") == "unavailable"
    assert of(said.StatusChanged, house.status("anna", "lunch")) == [
        said.StatusChanged("anna", "lunch", "away", "idle", reason="chosen", by="anna")
    ]
    assert house.status("anna", "lunch") == []
    assert of(said.Offer, house.join("c1")) == []
    assert house.center.unavailable("anna") is None
    assert house.center.unavailable("ben") == "The agent ben is not logged in."
    assert house.center.unavailable("nobody") == "There is no agent nobody."
    assert of(said.Offer, house.status("anna", "extra"))[0].agent == "anna"
    assert house.status("anna", "nonsense") == house.status("nobody", "away") == []
    assert house.center.objection(told.AgentStatus("anna", "nonsense")) == "There is no status nonsense."
    assert house.center.objection(told.AgentStatus("nobody", "away")) == "There is no agent nobody."
    assert house.center.objection(told.AgentStatus("anna", "lunch")) is None


def test_a_status_that_gets_no_calls_stops_the_phone() -> None:
    house = House(TEXT)
    house.join("c1")
    decided = house.status("anna", "training")
    assert of(said.Withdraw, decided)[0].reason == "agent_status"
    assert of(said.Missed, decided) == []
    house.status("anna", "available")
    house.answer("c1")
    assert of(said.Withdraw, house.status("anna", "away")) == []
    assert house.phase("anna") == "in_call"


def test_so_many_calls_in_a_row_not_answered() -> None:
    house = House(TEXT)
    house.status("ben", "available")
    house.join("c1")
    assert of(said.Missed, house.wait(20))[0].in_a_row == 1
    assert house.group("anna") == "available"
    house.answer("c1", "ben")
    house.join("c2")
    house.answer("c2", "anna")  # the count begins anew
    house.hang_up("c2")
    house.join("c3")
    house.wait(20)
    assert house.group("anna") == "available"
    changed = of(said.StatusChanged, house.wait(31))
    assert [(each.status, each.reason) for each in changed if each.reason] == [("away", "missed_calls")]
    house.hang_up("c1")
    for _ in range(5):  # ben is never sent away
        house.wait(30)
    assert house.group("ben") == "available"


def test_who_is_not_there_is_logged_out() -> None:
    house = House(TEXT)
    house.tell(told.PhoneState("anna", False))
    house.wait(50)
    house.tell(told.ConsoleState("anna", True))
    house.wait(100)
    assert house.group("anna") == "available"
    house.tell(told.ConsoleState("anna", False))
    house.wait(59)
    assert house.group("anna") == "available"
    changed = of(said.StatusChanged, house.wait(1))
    assert [(each.status, each.reason) for each in changed] == [("unavailable", "inactive")]
    house.tell(told.PhoneState("anna", True))
    assert house.group("anna") == "unavailable"


def test_nobody_is_logged_out_in_a_call() -> None:
    house = House(TEXT)
    house.join("c1")
    house.answer("c1")
    house.tell(told.PhoneState("anna", False))
    house.wait(300)
    assert house.group("anna") == "available"
    house.hang_up("c1")
    house.wait(61)
    assert house.group("anna") == "unavailable"


def test_dispositions() -> None:
    house = House(TEXT)
    said_why = house.center.objection
    assert said_why(told.Disposition("anna", "sold")) == "anna has had no conversation."
    house.join("c1")
    house.answer("c1")
    assert said_why(told.Disposition("nobody", "sold")) == "There is no agent nobody."
    assert said_why(told.Disposition("anna", "none")) == "There is no disposition none."
    assert said_why(told.Disposition("anna", "other")) == (
        "The disposition other is not for calls of the queue default."
    )
    assert house.tell(told.Disposition("anna", "other")) == []
    assert len(of(said.Disposed, house.tell(told.Disposition("anna", "sold")))) == 1
    assert house.phase("anna") == "in_call"
    assert said_why(told.WrapUpDone("anna")) == "anna is not wrapping up."
    assert said_why(told.WrapUpDone("nobody")) == "There is no agent nobody."


def test_events_of_nobody_are_harmless() -> None:
    house = House(TEXT)
    for event in (
        told.PhoneState("nobody", True),
        told.ConsoleState("nobody", True),
        told.AgentBusy("nobody", "x"),
        told.AgentFree("nobody", "x"),
        told.AgentFree("anna", "x"),
        told.AgentOccupied("nobody", "chat", 1),
        told.AgentOccupied("anna", "chat", 1),
        told.WrapUpDone("nobody"),
        told.WrapUpDone("anna"),
        told.Disposition("nobody", "sold"),
        told.CallerLeft("nobody"),
        told.CallOver(99),
        told.OfferFailed(99, "declined"),
        told.OfferPickedUp(99),
        told.CallbackAnswered("none"),
        told.CallbackFailed("none"),
        told.CallbackCancelled("none"),
    ):
        assert house.tell(event) == []


def test_where_an_agents_time_went() -> None:
    house = House(TEXT)
    house.wait(100)
    house.join("c1")
    house.wait(5)
    house.answer("c1")
    house.wait(50)
    house.hang_up("c1")
    house.wait(45)
    house.status("anna", "lunch")
    house.wait(30)
    found = house.center.figures()["agents"]["anna"]["total"]
    assert {name: value for name, value in found.items() if name.endswith("_seconds") and value} == {
        "ready_seconds": 145,
        "ringing_seconds": 5,
        "talking_seconds": 50,
        "away_seconds": 30,
        "mean_handle_seconds": 50,
    }
    assert found["occupancy"] == round(50 / 195, 4)
