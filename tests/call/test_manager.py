"""Who is let in, what is refused and how, and the end of the daemon."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from ivr.call.live import LiveCall
from ivr.call.runner import FlowRunner
from ivr.sip import Account, Answered, Ended, Rejected
from tests.kit.garbage import counting
from tests.kit.house import DESK, HOUSE, SHOP, TRUNK, House
from tests.kit.sip import request, sdp

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: wait}
  wait: {type: collect, max_digits: 1, wait: 60s, responses: {"9": bye}, branches: {no_match: bye}}
  bye: {type: hang_up}
"""
LINE = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], line: pbx, next: wait}
  wait: {type: collect, max_digits: 1, wait: 60s, responses: {"9": bye}, branches: {no_match: bye}}
  bye: {type: hang_up}
"""
PHONES = "phones:\n  '200': {password: secret-200}\n  '201': {password: secret-201}\n"


def rejections(party: Any) -> list[int]:
    return [event.status for event in party.got(Rejected)]


def test_a_guest_reaches_published_numbers_alone(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW})
    guest = house.party()
    guest.call("100")
    assert guest.got(Answered)
    stranger = house.party(SHOP)
    stranger.call("+4940123")
    assert rejections(stranger) == [401]
    assert len(house.manager.calls) == 1
    house.manager.end_all("system")
    house.settled()


@pytest.mark.parametrize("number", ["+4940123", "200", "112", "tel:112"])
def test_a_guest_never_makes_the_runtime_call_out(tmp_path: Path, number: str) -> None:
    settings = PHONES + "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10}\noutbound_policy: {phones: ['*']}\n"
    house = House(tmp_path, {"main": FLOW}, settings)
    trunk, desk, guest = house.party(TRUNK), house.phone("200", DESK), house.party()
    guest.call(number)
    assert rejections(guest) == [401]
    assert trunk.calls == desk.calls == []
    # Nor by saying that it is a phone, or knowing a wrong password.
    liar = house.party(SHOP)
    liar.call(number, account=Account("200", "guess"))
    assert rejections(liar) == [401]
    assert trunk.calls == desk.calls == []


def test_without_phones_an_unknown_number_is_404(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW}, "{}")
    guest = house.party()
    guest.call("999")
    assert rejections(guest) == [404]
    house.settled()


def test_a_flow_of_a_line_is_for_its_calls_alone(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": LINE})
    trunk, guest = house.party(TRUNK), house.party()
    guest.call("100")
    assert rejections(guest) == [401]
    trunk.call("100")
    assert trunk.got(Answered)
    trunk.hang_up()
    house.settled()
    assert house.record.line == "pbx"


def test_a_phone_proves_itself_and_calls_a_phone(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW})
    desk, shop = house.phone("200", DESK), house.phone("201", SHOP)
    shop.call_as("201", "200")
    assert desk.session.request.from_.uri.user == "201"
    desk.answer()
    assert shop.got(Answered)
    shop.hang_up()
    assert desk.got(Ended)
    house.settled()
    assert house.record.cause == "forwarded"


@pytest.mark.parametrize(
    ("number", "taken"), [("+4940123", True), ("+1900555", False), ("112", True), ("+3312345", False)]
)
def test_what_a_phone_may_dial(tmp_path: Path, number: str, taken: bool, caplog: pytest.LogCaptureFixture) -> None:
    settings = (
        PHONES + "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10}\n"
        "outbound_policy: {phones: ['+49*', '+1*'], deny: ['+1900*', '112']}\n"
    )
    house = House(tmp_path, {"main": FLOW}, settings)
    trunk, shop = house.party(TRUNK), house.phone("201", SHOP)
    shop.call_as("201", number)
    if not taken:
        assert trunk.calls == []
        assert rejections(shop) == [403]
        assert house.services.outbound.refused.total() == 1
        told = next(record.getMessage() for record in caplog.records if record.name == "ivr.call")
        assert told.startswith("a call out by 201 is refused: outbound_policy.")
        assert number not in told
        return
    assert trunk.session.request.uri.user == number
    trunk.answer()
    assert shop.got(Answered)
    trunk.hang_up()
    assert shop.got(Ended)
    house.settled()


# Limits


def refused_with_a_wait(party: Any) -> bool:
    (event,) = party.got(Rejected)
    return event.status == 503 and any(name == "Retry-After" and int(value) > 0 for name, value in event.headers)


def test_more_calls_than_may_be_get_503_and_harm_nobody(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW}, "limits: {calls: 1}\n")
    first, second = house.party(), house.party(SHOP)
    first.call("100")
    second.call("100")
    assert refused_with_a_wait(second)
    assert not first.got(Ended)
    assert house.manager.refused == 1
    first.hang_up()
    third = house.party(DESK)
    third.call("100")
    assert third.got(Answered)
    third.hang_up()
    house.settled()


def test_a_line_has_its_own_limit(tmp_path: Path) -> None:
    settings = "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10, max_calls: 1}\n"
    house = House(tmp_path, {"main": FLOW}, settings)
    trunk, guest = house.party(TRUNK), house.party()
    trunk.call("100")
    trunk.call("100")
    assert refused_with_a_wait(trunk)
    guest.call("100")
    assert guest.got(Answered)


def test_no_port_left_is_503(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW})
    house.pool.limit = 0
    guest = house.party()
    guest.call("100")
    assert refused_with_a_wait(guest)
    house.settled()
    assert house.books.calls == []


def test_one_source_has_its_rate(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW}, "limits: {calls_per_second_per_source: 2}\n")
    guest, other = house.party(), house.party(SHOP)
    for k in range(4):
        text = request(call_id=f"c{k}", branch=f"z9hG4bK{k}", from_=f"<sip:a@x>;tag=t{k}", body=sdp())
        house.link.inject(text, guest.address, HOUSE)
    house.run(0.2)
    assert len(house.manager.calls) == 2
    other.call("100")
    assert other.got(Answered)


def test_a_burst_is_refused_without_memory(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW})
    guest = house.party()
    guest.call("100")
    house.stack.overloaded = True
    before = house.stack.counts
    other = house.party(SHOP)
    other.call("100")
    assert refused_with_a_wait(other)
    assert house.stack.counts.sessions == before.sessions == 1
    guest.hang_up()
    house.stack.overloaded = False
    house.settled()


# Faults and the end


def test_a_call_that_cannot_be_begun_is_refused_and_gives_its_port_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, {"main": FLOW})

    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    guest, other = house.party(), house.party(SHOP)
    with monkeypatch.context() as patched:
        patched.setattr(LiveCall, "begin", broken)
        guest.call("100")
    assert rejections(guest) == [500]
    assert house.pool.used == 0
    other.call("100")
    assert other.got(Answered)
    other.hang_up()
    house.settled()


def test_draining_takes_no_calls_and_waits_for_the_last(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW})
    first, second = house.party(), house.party(SHOP)
    first.call("100")
    house.manager.draining = True
    idle: list[bool] = []
    house.manager.when_idle(lambda: idle.append(True))
    second.call("100")
    assert refused_with_a_wait(second)
    assert idle == []
    first.hang_up()
    assert idle == [True]
    house.settled()


def test_the_last_calls_are_ended(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW})
    guests = [house.party((f"192.0.2.{50 + k}", 5060)) for k in range(3)]
    for guest in guests:
        guest.call("100")
    assert [row["flow"] for row in house.manager.live()] == ["main"] * 3
    assert house.manager.trace("2") is not None
    assert house.manager.trace("none") is None
    house.manager.end_all("system")
    house.settled()
    assert all(guest.got(Ended) for guest in guests)
    assert [record.cause for record in house.books.calls] == ["system"] * 3


def test_a_flow_that_goes_on_without_its_caller_leaves_its_record_when_the_daemon_ends(tmp_path: Path) -> None:
    flow = FLOW.replace("branches: {no_match: bye}", "branches: {no_match: bye, user_hung_up: later}")
    house = House(tmp_path, {"main": flow + "  later: {type: call_api, url: 'https://slow.example/', timeout: 60s}\n"})
    guest = house.party()
    guest.call("100")
    guest.hang_up()
    house.run(10)
    assert house.books.calls == []
    house.manager.write_all()
    house.manager.write_all()
    assert house.record.cause == "user_hung_up"


def test_a_flow_that_waits_when_its_call_is_over_goes_on_elsewhere_after_the_record(tmp_path: Path) -> None:
    flow = FLOW.replace("branches: {no_match: bye}", "branches: {no_match: bye, user_hung_up: later}")
    house = House(tmp_path, {"main": flow + "  later: {type: pause, duration: 1h}\n"})
    told: list[Any] = []

    def keep(machine: Any, report: Any) -> Any:
        told.append((machine.dormant, report.id, len(house.books.calls)))
        return lambda: told.append(len(house.books.calls))

    house.services.keep = keep
    guest = house.party()
    guest.call("100")
    guest.hang_up()
    house.run(10)
    assert told == [(True, house.record.id, 0), 1]
    assert [step["element"] for step in house.record.path] == ["start", "wait", "later"]
    house.settled()


def test_the_log_of_refusals_names_no_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House(tmp_path, {"main": FLOW}, "{}")
    guest = house.party()
    guest.call("+4940123")
    assert caplog.records
    assert "4940123" not in caplog.text


def test_a_call_that_is_over_leaves_nothing_to_the_garbage_collector(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW})
    with counting(FlowRunner) as found:
        caller = house.party()
        caller.call("100")
        house.run(1.0)
        assert len(found()) == 1
        caller.hang_up()
        house.run(60.0)
        assert not found()
