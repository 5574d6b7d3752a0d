from __future__ import annotations

from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from tests.kit.center import House, configured, of

TEXT = """
phones: {"1": {password: x}, "2": {password: x}}
calendars: {office: {time_zone: UTC, hours: {mon-fri: "08:00-17:00"}}}
agents:
  anna: {phones: "1", queues: [sales]}
queues:
  sales: {hours: office, senders: ["+49301"], callback: {expires: 20h, attempts: 2, retry_after: 60s, max_waiting: 2}}
"""


def kept(house: House, caller: str = "c1", name: str = "k1") -> None:
    """A caller has his place kept, and leaves."""
    assert house.tell(told.CallbackKept(caller, name, "+49177")) == []
    left = house.leave(caller, "callback_scheduled")
    assert of(said.Left, left)[0].outcome == "callback_scheduled"


def busy_house() -> House:
    house = House(TEXT)
    house.tell(told.AgentBusy("anna", "x"))
    for name in ("c1", "c2"):
        house.join(name, "sales")
        house.wait(1)
    return house


def test_a_place_is_kept_and_somebody_called_back_in_his_turn() -> None:
    house = busy_house()
    kept(house)
    assert [(each["state"], each["position"]) for each in house.center.callers()] == [("callback", 1), ("waiting", 2)]
    decided = house.tell(told.AgentFree("anna", "x"))
    (due,) = of(said.CallbackDue, decided)
    assert (due.callback, due.number, due.agent, due.attempt, due.sender) == ("k1", "+49177", "anna", 1, "+49301")
    assert due.until == house.now + 90
    assert of(said.Offer, decided) == []
    assert house.phase("anna") == "reserved"
    house.wait(40)
    house.tell(told.CallbackAnswered("k1"))
    house.wait(60)
    decided = house.join("c1-again", callback="k1", person="+49177")
    assert of(said.CallbackOver, decided) == [said.CallbackOver("k1", "sales", "made", 1)]
    (joined,) = of(said.Joined, decided)
    assert (joined.queue, joined.position) == ("sales", 1)
    (offered,) = of(said.Offer, decided)
    assert (offered.caller, offered.agent, offered.why) == ("c1-again", "anna", "was held for this call back")
    house.answer("c1-again")
    assert of(said.Offer, house.hang_up("c1-again"))[0].caller == "c2"
    books = house.books("sales")
    assert (books["offered"], books["callback_scheduled"], books["callbacks_made"], books["answered"]) == (3, 1, 1, 1)


def test_who_comes_back_is_first_again_when_the_agent_held_does_not_take_him() -> None:
    house = busy_house()
    kept(house)
    house.tell(told.AgentFree("anna", "x"))
    decided = house.join("c1-again", callback="k1")
    assert of(said.Offer, decided)[0].agent == "anna"
    house.fail("c1-again", "declined")
    assert house.ringing("c2") == {"anna"}
    assert house.center.callers()[0]["caller"] == "c1-again"


def test_calling_back_is_tried_again_and_given_up() -> None:
    house = busy_house()
    kept(house)
    house.tell(told.AgentFree("anna", "x"))
    decided = house.tell(told.CallbackFailed("k1", "busy"))
    assert of(said.Offer, decided)[0].caller == "c2"
    house.leave("c2")
    assert of(said.CallbackDue, house.wait(59)) == []
    assert of(said.CallbackDue, house.wait(1.5))[0].attempt == 2
    decided = house.wait(90)
    assert of(said.CallbackOver, decided) == [
        said.CallbackOver("k1", "sales", "failed", 2, "Called 2 times; the last time: no answer in time.")
    ]
    assert house.phase("anna") == "idle"
    assert house.center.callers() == []


def test_a_call_that_could_not_be_placed_is_no_attempt() -> None:
    house = House(TEXT.replace("60s", "70s"))
    house.join("c1", "sales")
    kept(house)
    waited = []
    for _ in range(4):
        assert house.phase("anna") == "reserved"
        house.tell(told.CallbackFailed("k1", "no_line", counted=False))
        assert house.phase("anna") == "idle", "nobody is held for nothing"
        waited.append(next(second for second in range(1, 100) if of(said.CallbackDue, house.wait(1.0))))
    assert waited == [30, 60, 70, 70]
    assert [each.attempt for each in house.log if isinstance(each, said.CallbackDue)] == [1] * 5
    house.tell(told.CallbackFailed("k1", "busy"))
    house.wait(71)
    house.tell(told.CallbackFailed("k1", "no_line", counted=False))
    assert of(said.CallbackDue, house.wait(29)) == []
    (due,) = of(said.CallbackDue, house.wait(1.5))
    assert due.attempt == 2
    assert of(said.CallbackOver, house.tell(told.CallbackFailed("k1", "busy")))[0].outcome == "failed"


def test_whoever_is_called_too_long_is_called_no_longer() -> None:
    house = House(TEXT)
    house.join("c1", "sales")
    kept(house)
    assert of(said.CallbackDropped, house.wait(89)) == []
    assert of(said.CallbackDropped, house.wait(1.5)) == [said.CallbackDropped("k1")]
    house.tell(told.CallbackFailed("k1", "cancelled"))
    assert of(said.CallbackDropped, house.wait(61)) == []


def test_a_call_back_waits_for_the_hours_and_expires() -> None:
    house = busy_house()
    kept(house)
    kept(house, "c2", "k2")
    house.wait(9.5 * 3600)
    assert of(said.CallbackDue, house.tell(told.AgentFree("anna", "x"))) == []
    assert of(said.CallbackDue, house.wait(10 * 3600)) == []
    decided = house.wait(3600)
    assert {each.callback: each.outcome for each in of(said.CallbackOver, decided)} == {
        "k1": "expired",
        "k2": "expired",
    }
    longer = House(TEXT.replace("20h", "30h"))
    longer.tell(told.AgentBusy("anna", "x"))
    longer.join("c1", "sales")
    kept(longer)
    longer.wait(9.5 * 3600)
    longer.tell(told.AgentFree("anna", "x"))
    due = of(said.CallbackDue, longer.wait(14.6 * 3600))[0]
    assert abs(due.until - 90 - (1000 + 24 * 3600)) < 1


def test_an_agent_who_answers_before_he_has_left_makes_it_needless() -> None:
    house = House(TEXT)
    house.join("c1", "sales")
    house.tell(told.CallbackKept("c1", "k1", "+49177"))
    decided = house.answer("c1")
    assert of(said.CallbackOver, decided) == [said.CallbackOver("k1", "sales", "answered", 0)]
    assert of(said.Left, house.leave("c1"))[0].outcome == "forwarded"


def test_what_cannot_be_kept() -> None:
    house = busy_house()
    house.join("c3", "sales")

    def why(caller: str, name: str) -> str:
        (over,) = of(said.CallbackOver, house.tell(told.CallbackKept(caller, name, "1")))
        assert over.outcome == "refused"
        return over.text

    assert why("nobody", "k0") == "The caller does not wait."
    house.tell(told.CallbackKept("c1", "k1", "1"))
    assert why("c1", "k2") == "The caller's place is kept already."
    assert why("c2", "k1") == "There is a call back of this name already."
    house.tell(told.CallbackKept("c2", "k2", "1"))
    assert why("c3", "k3") == "The queue sales keeps 2 places already."
    assert house.center.objection(told.CallbackKept("c3", "k3", "1")) is not None


def test_a_call_back_is_cancelled_before_and_after_the_caller_has_left() -> None:
    house = busy_house()
    house.tell(told.CallbackKept("c1", "k1", "1"))
    assert of(said.CallbackOver, house.tell(told.CallbackCancelled("k1")))[0].outcome == "cancelled"
    assert of(said.Left, house.leave("c1"))[0].outcome == "abandoned"
    kept(house, "c2", "k2")
    house.tell(told.AgentFree("anna", "x"))
    assert house.phase("anna") == "reserved"
    assert of(said.CallbackOver, house.tell(told.CallbackCancelled("k2")))[0].outcome == "cancelled"
    assert house.phase("anna") == "idle"
    assert house.center.objection(told.CallbackCancelled("k2")) == "There is no call back k2."


def test_an_agent_who_goes_away_while_he_is_held_lets_the_call_back_go_on() -> None:
    house = busy_house()
    kept(house)
    house.tell(told.AgentFree("anna", "x"))
    house.status("anna", "away")
    decided = house.join("c1-again", callback="k1")
    assert of(said.Offer, decided) == []
    assert of(said.Joined, decided)[0].position == 1
    assert of(said.Offer, house.status("anna", "available"))[0].caller == "c1-again"


def test_who_comes_back_after_it_is_over_joins_as_anybody() -> None:
    house = busy_house()
    kept(house)
    house.tell(told.CallbackCancelled("k1"))
    (joined,) = of(said.Joined, house.join("late", "sales", callback="k1"))
    assert joined.position == 2


def test_nobody_has_somebody_else_called_all_day() -> None:
    house = House("agents: {anna: {phones: ['sip:anna@192.0.2.9']}}")
    house.status("anna", "away")
    for number in range(5):
        house.join(f"c{number}")
        house.tell(told.CallbackKept(f"c{number}", f"k{number}", "+49177"))
    refused = [each.callback for each in house.log if isinstance(each, said.CallbackOver)]
    assert refused == ["k3", "k4"]
    assert "for this number" in str(house.center.objection(told.CallbackKept("c4", "k5", "+49177")))
    assert house.center.objection(told.CallbackKept("c4", "k5", "+49178")) is None


ORDERS = """
phones: {"1": {password: x}}
agents: {anna: {phones: "1", queues: [sales, other]}}
queues:
  sales: {callback: {order: %s, priority: %s}}
  other: {}
"""


def turns(order: str, priority: str) -> list[str]:
    """Whose turn it is, one after the other: c1 wants to be called back and waits no more, c2, c3 and o1 wait on."""
    house = House(ORDERS % (order, priority))
    house.tell(told.AgentBusy("anna", "x"))
    for name, queue, more in (("c1", "sales", 5), ("c2", "sales", 5), ("c3", "sales", 3), ("o1", "other", 2)):
        house.join(name, queue, priority=more)
        house.wait(1)
    kept(house)
    found = []
    decided = house.tell(told.AgentFree("anna", "x"))
    while decided:
        offers, dues = of(said.Offer, decided), of(said.CallbackDue, decided)
        if not offers and not dues:
            break
        if dues:
            found.append("k1")
            decided = house.tell(told.CallbackCancelled("k1"))
        else:
            found.append(offers[0].caller)
            house.answer(offers[0].caller)
            decided = house.hang_up(offers[0].caller)
    return found


def test_a_place_counts_as_the_queue_says() -> None:
    assert turns("arrival", "null") == ["k1", "c2", "c3", "o1"]
    assert turns("arrival", "4") == ["c2", "k1", "c3", "o1"]
    assert turns("arrival", "1") == ["c2", "c3", "o1", "k1"]
    assert turns("after_callers", "null") == ["c2", "c3", "o1", "k1"]
    assert turns("after_callers", "10") == ["c2", "c3", "o1", "k1"]


def test_who_is_back_on_the_line_waits_where_he_waited_whatever_the_order() -> None:
    house = House(ORDERS % ("after_callers", "null"))
    house.tell(told.AgentBusy("anna", "x"))
    house.join("c1", "sales")
    kept(house)
    house.tell(told.AgentFree("anna", "x"))
    house.join("c2", "sales")
    house.tell(told.PhoneState("anna", False))
    (joined,) = of(said.Joined, house.join("c1-again", callback="k1"))
    assert joined.position == 1
    (offered,) = of(said.Offer, house.tell(told.PhoneState("anna", True)))
    assert offered.caller == "c1-again"


def test_another_order_holds_at_once_and_after_a_restart() -> None:
    house = House(ORDERS % ("arrival", "null"))
    house.tell(told.AgentBusy("anna", "x"))
    house.join("c1", "sales")
    house.join("c2", "sales")
    kept(house)
    assert [each["caller"] for each in house.center.callers("sales")] == ["", "c2"]
    house.tell(told.Configured(configured(ORDERS % ("after_callers", "null"))))
    assert [each["caller"] for each in house.center.callers("sales")] == ["c2", ""]
    again = House(ORDERS % ("after_callers", "null"), reachable=False)
    assert again.center.restore(house.center.snapshot()) == []
    again.join("c3", "sales")
    assert [each["caller"] for each in again.center.callers("sales")] == ["c3", ""]
