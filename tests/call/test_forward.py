"""Forwards: who rings when, what the caller hears, who is connected, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.sip import Answered, Ended, Rejected, Ringing
from tests.kit.house import CALLER, CELL, DESK, HOUSE, SHOP, TRUNK, House, Party
from tests.kit.sip import reply, sdp


def flow(number: str, fields: str, answer: str = "immediately") -> str:
    return f"""
elements:
  start: {{type: start_incoming_call, numbers: ["{number}"], answer: {answer}, next: desk}}
  desk:
    type: forward_call
    {fields}
    branches: {{no_answer: missed, busy: taken, declined: refused, call_not_forwarded: failed}}
  missed: {{type: play, text: missed, next: bye}}
  taken: {{type: play, text: taken, next: bye}}
  refused: {{type: play, text: refused, next: bye}}
  failed: {{type: play, text: failed, next: bye}}
  bye: {{type: hang_up}}
"""


def house_with(tmp_path: Path, fields: str, answer: str = "immediately") -> House:
    text = flow("100", fields, answer)
    if "after: return" in fields:
        text = text.replace("branches: {", "branches: {returned: survey, ").replace(
            "  bye:", "  survey: {type: play, text: survey, next: bye}\n  bye:"
        )
    return House(tmp_path, {"main": text})


PHONE = 'to: "phone:200"\n    timeout: 10s'


def connected(house: House, caller: Party, desk: Party) -> None:
    """The two hear each other."""
    other = house.port.bridged
    assert other is not None
    assert other.streams[-1].remote is not None
    assert other.streams[-1].remote[0] == desk.address[0]
    assert caller.got(Answered)
    assert desk.session.state.value == "confirmed"


def test_a_phone_is_rung_bridged_and_ends_with_the_caller(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert house.port.heard() == ["ringback"]
    desk.ring()
    desk.answer()
    connected(house, caller, desk)
    assert house.port.heard() == []
    caller.hang_up()
    assert desk.got(Ended)[0].cause == "bye"
    house.settled()
    assert house.record.cause == "forwarded"
    (hand_off,) = house.record.hand_offs
    assert hand_off["outcome"] == "forwarded"
    assert hand_off["talk_time"] > 0


def test_the_callee_hanging_up_ends_the_call(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    desk.hang_up()
    assert caller.got(Ended)
    house.settled()
    assert house.record.cause == "forwarded"


def test_the_caller_comes_back_with_after_return(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + "\n    after: return")
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    desk.hang_up()
    assert house.port.heard() == ["survey"]
    assert house.port.bridged is None
    assert not caller.got(Ended)
    house.play_out()
    house.settled()
    assert house.record.hand_offs[0]["outcome"] == "returned"


def test_a_caller_who_is_not_answered_gets_180_and_then_200(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE, "early_media")
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.ring()
    assert {event.status for event in caller.got(Ringing)} <= {180, 183}
    assert not caller.got(Answered)
    desk.answer()
    connected(house, caller, desk)


def test_early_media_of_the_callee_is_heard(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.session.progress(sdp(DESK[0], 4100), house.now)
    house.run(0.2)
    assert house.port.bridged is house.pool.ports[1]
    assert house.port.heard() == []
    house.pool.ports[1].timeout()
    house.run(0.2)
    desk.answer()
    connected(house, caller, desk)
    assert len(house.pool.ports[1].streams) == 1


def test_early_media_ends_with_a_refusal(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.session.progress(sdp(DESK[0], 4100), house.now)
    house.run(0.2)
    desk.refuse(486)
    assert house.port.bridged is None
    assert house.port.heard() == ["taken"]


@pytest.mark.parametrize(
    ("status", "heard", "outcome"),
    [
        (486, "taken", "busy"),
        (600, "taken", "busy"),
        (603, "refused", "declined"),
        (480, "missed", "no_answer"),
        (404, "failed", "failed"),
        (500, "failed", "failed"),
    ],
)
def test_a_refusal_takes_its_branch(tmp_path: Path, status: int, heard: str, outcome: str) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.refuse(status)
    assert house.port.heard() == [heard]
    caller.hang_up()
    house.settled()
    assert house.record.hand_offs[0]["outcome"] == outcome
    assert house.record.hand_offs[0]["sip_code"] == status


def test_a_redirection_is_not_followed(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    _, elsewhere, caller = house.phone("200", DESK), house.party(SHOP), house.party()
    caller.call("100")
    (invite,) = [data for _, _, target, data in house.link.sent if target == DESK]
    redirection = reply(invite, 302, headers=f"Contact: <sip:victim@{SHOP[0]}>\r\n")
    house.link.inject(redirection, DESK, HOUSE)
    house.run(0.5)
    assert house.port.heard() == ["failed"]
    assert elsewhere.calls == []


def test_nobody_answers_in_time(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.ring()
    house.run(9)
    assert house.port.heard() == ["ringback"]
    house.run(1)
    assert house.port.heard() == ["missed"]
    assert desk.got(Ended)[0].cause == "cancel"
    caller.hang_up()
    house.settled()


def test_a_phone_that_is_not_registered_is_no_answer(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    caller = house.party()
    caller.call("100")
    assert house.port.heard() == ["missed"]


def test_a_caller_who_gives_up_cancels_what_rings(tmp_path: Path) -> None:
    house = house_with(tmp_path, 'to: ["phone:200", "phone:201"]')
    desk, shop, caller = house.phone("200", DESK), house.phone("201", SHOP), house.party()
    caller.call("100")
    desk.ring()
    shop.ring()
    caller.hang_up()
    assert desk.got(Ended)[0].cause == shop.got(Ended)[0].cause == "cancel"
    house.settled()
    assert house.record.hand_offs[0]["outcome"] == "abandoned"
    assert house.record.cause == "user_hung_up"


def test_together_the_first_to_answer_has_the_call(tmp_path: Path) -> None:
    house = house_with(tmp_path, 'to: ["phone:200", "phone:201"]')
    desk, shop, caller = house.phone("200", DESK), house.phone("201", SHOP), house.party()
    caller.call("100")
    desk.ring()
    shop.ring()
    shop.answer()
    assert desk.got(Ended)[0].cause == "cancel"
    connected(house, caller, shop)


def test_together_one_refusal_leaves_the_others_ringing_and_the_best_one_counts(tmp_path: Path) -> None:
    house = house_with(tmp_path, 'to: ["phone:200", "phone:201"]\n    timeout: 10s')
    desk, shop, caller = house.phone("200", DESK), house.phone("201", SHOP), house.party()
    caller.call("100")
    shop.ring()
    desk.refuse(486)
    assert house.port.heard() == ["ringback"]
    house.run(11)
    assert house.port.heard() == ["taken"]
    assert shop.got(Ended)


def test_in_turn_each_target_has_its_time(tmp_path: Path) -> None:
    house = house_with(tmp_path, 'to: ["phone:200", "phone:201"]\n    ring: in_turn\n    timeout: 10s')
    desk, shop, caller = house.phone("200", DESK), house.phone("201", SHOP), house.party()
    caller.call("100")
    desk.ring()
    assert shop.calls == []
    house.run(10)
    assert desk.got(Ended)[0].cause == "cancel"
    shop.ring()
    house.run(8)
    shop.answer()
    connected(house, caller, shop)
    house.run(30)
    assert house.port.bridged is not None


def test_in_turn_all_contacts_of_a_phone_ring_together(tmp_path: Path) -> None:
    house = house_with(tmp_path, 'to: ["phone:200", "phone:201"]\n    ring: in_turn\n    timeout: 10s')
    desk, cell, shop = house.phone("200", DESK), house.phone("200", CELL), house.phone("201", SHOP)
    caller = house.party()
    caller.call("100")
    assert len(desk.calls) == len(cell.calls) == 1
    desk.refuse(486)
    assert shop.calls == []
    cell.answer()
    connected(house, caller, cell)
    house.run(20)
    assert shop.calls == []


def test_in_turn_what_cannot_be_called_is_passed_over(tmp_path: Path) -> None:
    house = house_with(tmp_path, 'to: ["sip:x@nowhere.example", "phone:200"]\n    ring: in_turn')
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    connected(house, caller, desk)


def test_a_name_is_resolved(tmp_path: Path) -> None:
    house = house_with(tmp_path, 'to: "sip:x@shop.example"')
    house.names.table["shop.example"] = SHOP[0]
    shop, caller = house.party(SHOP), house.party()
    caller.call("100")
    assert str(shop.calls[0].request.uri) == "sip:x@shop.example"
    shop.answer()
    connected(house, caller, shop)


# What the called party is told and asked


def test_a_whisper_comes_before_the_two_hear_each_other(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + "\n    whisper: {text: support}")
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    assert house.pool.ports[1].heard() == ["support"]
    assert house.port.heard() == ["ringback"]
    assert house.port.bridged is None
    house.pool.ports[1].played()
    house.run(0.2)
    connected(house, caller, desk)


ACCEPTED = 'to: ["phone:200", "phone:201"]\n    timeout: 20s\n    accept_key: "1"\n    whisper: {text: support}'


def test_others_ring_until_the_key_is_pressed(tmp_path: Path) -> None:
    house = house_with(tmp_path, ACCEPTED)
    desk, shop, caller = house.phone("200", DESK), house.phone("201", SHOP), house.party()
    caller.call("100")
    shop.ring()
    desk.answer()
    house.pool.ports[1].played()
    house.run(5)
    assert not shop.got(Ended)
    assert house.port.bridged is None
    house.press("1", house.pool.ports[1])
    assert shop.got(Ended)[0].cause == "cancel"
    assert house.port.bridged is house.pool.ports[1]


def test_whoever_does_not_press_the_key_does_not_stop_the_others(tmp_path: Path) -> None:
    house = house_with(tmp_path, ACCEPTED.replace("20s", "60s"))
    desk, shop, caller = house.phone("200", DESK), house.phone("201", SHOP), house.party()
    caller.call("100")
    shop.ring()
    desk.answer()
    house.pool.ports[1].played()
    house.run(20)
    assert desk.got(Ended)
    assert not shop.got(Ended)
    shop.answer()
    house.press("1", house.pool.ports[2])
    connected(house, caller, shop)


def test_without_the_key_nobody_took_the_call(tmp_path: Path) -> None:
    house = house_with(tmp_path, ACCEPTED.replace('["phone:200", "phone:201"]', '"phone:200"'))
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    house.pool.ports[1].played()
    house.run(16)
    assert house.port.heard() == ["missed"]


def test_the_wait_for_the_key_is_over_when_it_was_pressed(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + '\n    accept_key: "1"')
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    house.press("1", house.pool.ports[1])
    house.run(60)
    connected(house, caller, desk)
    assert not desk.got(Ended)


def test_the_key_counts_by_info_too(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + '\n    accept_key: "1"')
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    desk.session.info("application/dtmf-relay", b"Signal=1\r\nDuration=100\r\n", house.now)
    house.run(0.3)
    connected(house, caller, desk)


def test_music_is_heard_instead_of_the_tone(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + "\n    ringback: music", "early_media")
    house.phone("200", DESK)
    caller = house.party()
    caller.call("100")
    assert house.port.heard() == ["music"]
    assert house.port.plays[house.port.playing or 0][1] == 0
    assert [event.status for event in caller.got(Ringing)] == [183]


def test_a_bridge_has_its_longest_time(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + "\n    max_duration: 60s\n    after: return")
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    house.run(61)
    assert desk.got(Ended)
    assert house.port.heard() == ["survey"]


def test_a_bridge_is_recorded_and_the_recording_ends_with_it(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + "\n    record_call: true\n    after: return")
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert not house.port.running
    desk.answer()
    ((_, options),) = house.port.recordings.values()
    assert options.sides == "both"
    desk.hang_up()
    assert not house.port.running
    assert len(house.books.recordings) == 1


def test_the_recording_of_the_whole_call_outlives_a_bridge(tmp_path: Path) -> None:
    text = flow("100", PHONE + "\n    record_call: true\n    after: return")
    text = text.replace("answer: immediately", "record_call: true")
    text = text.replace("branches: {", "branches: {returned: missed, ")
    house = House(tmp_path, {"main": text})
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    desk.hang_up()
    assert house.port.running
    caller.hang_up()
    house.settled()
    assert len(house.books.recordings) == 1


# What the INVITE says


def test_caller_id_and_headers(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + '\n    from: "+15550100"\n    headers: {X-Reason: "sales"}')
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    request = desk.session.request
    assert request.from_.uri.user == "+15550100"
    assert request.get("X-Reason") == "sales"


def test_without_from_the_caller_is_shown(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert desk.session.request.from_.uri.user == "caller"


def test_a_number_goes_through_the_line_with_its_caller_id(tmp_path: Path) -> None:
    settings = "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10, from: '+15550111'}\n"
    for more, shown in (("", "+15550111"), ('\n    from: "+15550100"', "+15550100")):
        house = House(tmp_path, {"main": flow("100", 'to: "+4940123"' + more)}, settings)
        trunk, caller = house.party(TRUNK), house.party()
        caller.call("100")
        assert trunk.session.request.uri.user == "+4940123"
        assert trunk.session.request.from_.uri.user == shown


def test_a_denied_number_is_not_called(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10}\noutbound_policy: {deny: ['+4990*']}\n"
    house = House(tmp_path, {"main": flow("100", 'to: "+4990123"')}, settings)
    trunk, caller = house.party(TRUNK), house.party()
    caller.call("100")
    assert trunk.calls == []
    assert house.port.heard() == ["failed"]
    assert "4990123" not in caplog.text


def test_a_header_that_cannot_be_sent_fails_the_forward_and_gives_the_port_back(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + '\n    headers: {"X-Note": "one line\\nand another"}')
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert desk.calls == []
    assert house.port.heard() == ["failed"]
    assert house.pool.used == 1


def test_no_port_for_the_second_leg(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    house.pool.limit = 1
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    assert desk.calls == []
    assert house.port.heard() == ["failed"]
    caller.hang_up()
    house.settled()


# Within a bridge


def test_digits_by_info_are_passed_on_both_ways(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    caller.session.info("application/dtmf-relay", b"Signal=7\r\nDuration=100\r\n", house.now)
    desk.session.info("application/dtmf-relay", b"Signal=8\r\nDuration=100\r\n", house.now)
    house.run(0.3)
    assert house.pool.ports[1].digits == "7"
    assert house.port.digits == "8"


def test_either_side_holds_and_resumes(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    for party, port in ((caller, house.port), (desk, house.pool.ports[1])):
        party.session.reinvite(sdp(party.address[0], 4000, "inactive", 2), house.now)
        house.run(0.5)
        assert not port.streams[-1].send
        assert not port.streams[-1].receive
        party.session.reinvite(sdp(party.address[0], 4008, "sendrecv", 3), house.now)
        house.run(0.5)
        assert port.streams[-1].remote == (party.address[0], 4008)
        assert port.streams[-1].send
    connected(house, caller, desk)


def test_a_callee_changes_the_codec(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    offer = sdp(DESK[0], 4100, version=2).replace(b"AVP 0 101", b"AVP 8 101").replace(b"0 PCMU", b"8 PCMA")
    desk.session.reinvite(offer, house.now)
    house.run(0.5)
    assert house.pool.ports[1].streams[-1].codec == "pcma"
    assert house.port.streams[-1].codec == "pcmu"


def test_a_callee_answers_from_another_port_than_its_early_media(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.session.request.remove("Supported")  # what goes reliably cannot change with the answer
    desk.session.progress(sdp(DESK[0], 4100), house.now)
    house.run(0.2)
    desk.answer(port=4200)
    assert house.pool.ports[1].streams[-1].remote == (DESK[0], 4200)
    connected(house, caller, desk)


def test_a_callee_asks_for_our_offer(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    desk.session.reinvite(None, house.now)
    house.run(0.3)
    desk.session.answer_offer(sdp(DESK[0], 4300, version=2), house.now)
    house.run(0.3)
    assert house.pool.ports[1].streams[-1].remote == (DESK[0], 4300)


@pytest.mark.parametrize("how", ["timeout", "lose"])
def test_the_silence_of_the_callee_ends_the_bridge_alone(tmp_path: Path, how: str) -> None:
    house = house_with(tmp_path, PHONE + "\n    after: return")
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.answer()
    getattr(house.pool.ports[1], how)()
    house.run(0.5)
    assert desk.got(Ended)
    assert house.port.heard() == ["survey"]
    assert not caller.got(Ended)


def test_an_answer_without_media_in_common_is_a_failure(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.session.answer(sdp(DESK[0], 4100).replace(b"RTP/AVP 0 101", b"RTP/AVP 18"), house.now)
    house.run(0.5)
    assert desk.got(Ended)
    assert house.port.heard() == ["failed"]
    caller.hang_up()
    house.settled()


def test_the_stack_knows_no_call_afterwards(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE)
    desk, caller = house.phone("200", DESK), house.party(CALLER)
    caller.call("100")
    desk.answer()
    assert house.stack.counts.sessions == 2
    caller.hang_up()
    house.settled()
    assert not caller.got(Rejected)
    assert house.link.lines(HOUSE).count("BYE") == 1


def test_another_phone_of_one_number_is_heard_instead(tmp_path: Path) -> None:
    """A proxy that tries one phone after the other: the sound of the latest counts."""
    house = house_with(tmp_path, 'to: "tel:4711"\n    timeout: 20s')
    proxy, caller = house.party(TRUNK), house.party()
    caller.call("100")
    first = next(data for *_, data in house.link.sent if data.startswith(b"INVITE sip:4711"))
    contact = "Contact: <sip:x@192.0.2.10>\r\n"
    for tag, port in (("one", 5000), ("two", 5002)):
        answer = reply(first, 183, to_tag=tag, headers=contact, body=sdp(TRUNK[0], port))
        house.link.inject(answer, proxy.address, HOUSE)
        house.run(0.2)
        assert house.pool.ports[1].streams[-1].remote == (TRUNK[0], port)
    assert house.port.bridged is house.pool.ports[1]
    caller.hang_up()
    house.settled()


def test_what_an_application_hands_on(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + '\n    user_to_user: "{{ call.headers.user_to_user_text }} + 7 €"')
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100", headers=(("User-to-User", "636173652034;encoding=hex"),))
    value = desk.session.request.get("User-to-User") or ""
    assert bytes.fromhex(value.partition(";")[0]).decode() == "case 4 + 7 €"
    assert value.endswith(";encoding=hex")
    caller.hang_up()
    house.settled()


def test_what_is_too_long_to_be_handed_on_ends_with_a_whole_character(tmp_path: Path) -> None:
    house = house_with(tmp_path, PHONE + f'\n    user_to_user: "{"x" * 127}€ and more"')
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    value = desk.session.request.get("User-to-User") or ""
    assert bytes.fromhex(value.partition(";")[0]).decode() == "x" * 127
    caller.hang_up()
    house.settled()
