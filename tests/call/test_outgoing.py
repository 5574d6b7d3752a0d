"""Calls that flows place: from the INVITE to the answer or to the cause, in virtual time against real SIP stacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.feed import FeedEvent
from ivr.flow.ports import CAUSES
from ivr.sip import Ended
from media import Answerer, Tone
from tests.call.test_redirects import moved
from tests.kit.house import DESK, SETTINGS, TRUNK, Party
from tests.kit.placing import Placing
from tests.kit.sip import sdp

FLOW = """
elements:
  start: {type: start_from_audience, next: dial}
  dial:
    type: start_outgoing_call
    FIELDS
    branches: {call_answered: hello, no_answer: missed, busy: taken, declined: refused, call_ended: failed}
  hello: {type: play, text: hello, next: bye}
  bye: {type: hang_up}
  missed: {type: tag, tags: [missed]}
  taken: {type: tag, tags: [taken]}
  refused: {type: tag, tags: [refused]}
  failed: {type: tag, tags: [failed]}
"""
NUMBER = "+15550100"


def placing(tmp_path: Path, fields: str = "ring_timeout: 30s", settings: str | None = None) -> Placing:
    text = FLOW.replace("FIELDS", fields)
    if "machine_detection" in fields:
        text = text.replace("call_answered: hello,", "call_answered: hello, voicemail: message,")
        text += "  message: {type: play, text: message, next: bye}\n"
    flows = {"main": text}
    return Placing(tmp_path, flows) if settings is None else Placing(tmp_path, flows, settings)


def dialled(tmp_path: Path, fields: str = "ring_timeout: 30s", settings: str | None = None) -> tuple[Placing, Party]:
    """A call that has reached the line's peer."""
    calls = placing(tmp_path, fields, settings)
    callee = calls.house.party(TRUNK)
    calls.contact("main", number=NUMBER)
    return calls, callee


def test_who_answers_hears_the_flow_and_is_hung_up(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, 'payload: {order: 7}\n    from: "+15550111"')
    assert callee.session.request.uri.user == NUMBER
    callee.ring()
    [row] = calls.house.manager.live()
    assert (row["direction"], row["state"], row["line"]) == ("outbound", "ringing", "pbx")
    callee.answer()
    assert calls.house.manager.live()[0]["state"] == "answered"
    assert calls.house.port.heard() == ["hello"]
    calls.house.play_out()
    calls.settled()
    assert callee.got(Ended)[0].cause == "bye"
    record = calls.record
    assert (record.direction, record.called, record.caller, record.line) == ("outbound", NUMBER, "+15550111", "pbx")
    assert (record.cause, record.sip_status) == ("ended_by_flow", 200)
    assert record.ringing_at is not None
    assert record.answered_at is not None
    assert record.ended_at is not None
    assert record.ringing_at < record.answered_at < record.ended_at
    assert record.quality["packets_in"] == 50
    assert record.details["payload"] == {"order": 7}
    assert calls.path == ["start", "dial", "hello", "bye"]
    [attempt] = calls.attempts
    assert (attempt["attempt"], attempt["outcome"], attempt["line"], attempt["sip_code"]) == (1, "answered", "pbx", 200)
    assert calls.ended[0][1].answered


@pytest.mark.parametrize("when", ["booked", "dialled", "rings", "answered"])
def test_a_flow_that_is_stopped_calls_nobody_any_more(tmp_path: Path, when: str) -> None:
    calls = placing(tmp_path)
    callee = calls.house.party(TRUNK)
    calls.hold_bookings = when == "booked"
    wait = calls.contact("main", number=NUMBER)
    if when == "rings":
        callee.ring()
    elif when == "answered":
        callee.answer()
    calls.stop(wait.id)
    for book in calls.held:
        book()
    calls.house.run(1.0)
    calls.settled()
    ends = {"booked": [], "answered": ["bye"]}.get(when, ["cancel"])
    assert [event.cause for event in callee.got(Ended)] == ends
    assert len(callee.calls) == (when != "booked")
    if when != "answered":
        assert (calls.attempts[0]["status"], calls.path[-1]) == ("cancelled", "failed")


ENDS = {
    "not registered": "network",
    "busy": "network",
    "declined": "network",
    "no answer": "network",
    "no response": "network",
    "never sent": "system",
    "stopped": "ended_by_flow",
    "hung up by a program": "ended_by_api",
    "a stop of the daemon": "system",
    "a fault": "system",
    "the callee hangs up": "user_hung_up",
    "the flow hangs up": "ended_by_flow",
}
"""Causes by what happens."""


def _happens(what: str, calls: Placing, callee: Party) -> None:
    match what:
        case "busy":
            callee.refuse(486)
        case "declined":
            callee.refuse(603)
        case "no answer":
            callee.ring()
            calls.house.run(31.0)
        case "no response":
            calls.house.run(40.0)
        case "stopped":
            callee.ring()
            calls.stop(next(iter(calls.running)))
        case "hung up by a program":
            calls.house.manager.end_all("ended_by_api")
        case "a stop of the daemon":
            calls.house.manager.end_all("system")
        case "a fault":
            for call in list(calls.house.manager.calls.values()):
                call.fail()
        case "the callee hangs up":
            callee.answer()
            callee.hang_up()
        case "the flow hangs up":
            callee.answer()
            calls.house.play_out()


@pytest.mark.parametrize("what", ENDS)
def test_every_call_that_ends_has_a_cause(tmp_path: Path, what: str) -> None:
    fields = {"not registered": "to: phone:200\n    validity: 1s", "never sent": "line: nowhere\n    validity: 1s"}
    calls = placing(tmp_path, fields.get(what, "ring_timeout: 30s\n    validity: 1s"))
    told: list[FeedEvent] = []
    calls.house.services.feed.listen(told.append)
    callee = calls.house.party(TRUNK)
    calls.contact("main", number=NUMBER)
    _happens(what, calls, callee)
    calls.settled()
    began = [event.call for event in told if event.type == "call.started"]
    ended = [(event.call, event.data["cause"]) for event in told if event.type == "call.ended"]
    assert began
    assert ended == [(call, ENDS[what]) for call in began]
    assert ENDS[what] in CAUSES


def test_the_callee_hangs_up(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path)
    callee.answer()
    callee.hang_up()
    calls.settled()
    assert calls.record.cause == "user_hung_up"


@pytest.mark.parametrize(
    ("status", "tag", "kind", "word"),
    [
        (486, "taken", "known", "busy"),
        (600, "taken", "known", "busy"),
        (603, "refused", "known", "declined"),
        (607, "refused", "final", "unwanted"),
        (480, "missed", "known", "unavailable"),
        (404, "failed", "final", "unknown_number"),
        (503, "failed", "known", "congestion"),
        (499, "failed", "unexplained", "refused_request"),
        (302, "failed", "final", "moved"),
    ],
)
def test_refusals_take_their_branch(tmp_path: Path, status: int, tag: str, kind: str, word: str) -> None:
    calls, callee = dialled(tmp_path, "validity: 1s")
    callee.refuse(status)
    calls.settled()
    assert calls.path[-1] == tag
    attempt = calls.attempts[-1]
    assert (attempt["kind"], attempt["status"], attempt["sip_code"]) == (kind, word, status)
    assert calls.record.sip_status == status


def test_the_cause_of_the_network_counts(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path)
    callee.refuse(500, headers=(("Reason", 'Q.850;cause=17;text="User busy"'),))
    calls.settled()
    assert calls.path[-1] == "taken"


def test_ringing_for_ever_is_cancelled(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, "ring_timeout: 10s")
    callee.ring()
    calls.house.run(11)
    assert callee.got(Ended)[0].cause == "cancel"
    calls.settled()
    assert calls.path[-1] == "missed"
    assert calls.attempts[0]["status"] == "no_answer"


def test_an_answer_that_crosses_the_cancel_is_hung_up(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, "ring_timeout: 10s")
    callee.ring()
    # 5 ms before the time is up: the answer takes 10 ms, and meets the CANCEL on its way.
    due = calls.attempt_began + 10 - 0.005
    calls.house.link.at(due, lambda: callee.session.answer(sdp(TRUNK[0], 4100), due))
    calls.house.run(due - calls.house.now)
    calls.settled()
    assert calls.path[-1] == "missed"
    assert [event.cause for event in callee.got(Ended)] == ["bye"]


def test_nobody_says_anything(tmp_path: Path) -> None:
    calls = placing(tmp_path, "ring_timeout: 40s")
    calls.contact("main", number=NUMBER)
    calls.settled()
    assert calls.path[-1] == "failed"
    assert calls.attempts[0]["status"] == "no_response"


def test_early_media_is_heard_and_recorded(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, "record_call: true")
    callee.session.progress(sdp(TRUNK[0], 4100), calls.house.now)
    calls.house.run(0.2)
    port = calls.house.port
    assert port.streams[-1].remote == (TRUNK[0], 4100)
    assert port.streams[-1].busy_tone
    assert len(port.recordings) == 1
    callee.answer()
    assert len(port.recordings) == 1
    calls.house.play_out()
    calls.settled()
    assert len(calls.house.books.recordings) == 1


def test_a_busy_tone_before_the_answer_counts_where_it_is_heard(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path)
    callee.session.progress(sdp(TRUNK[0], 4100), calls.house.now)
    calls.house.run(0.2)
    port = calls.house.port
    port.say(Tone(port, "busy", calls.house.now))  # type: ignore[arg-type]
    calls.settled()
    assert calls.path[-1] == "taken"
    assert calls.attempts[0]["status"] == "busy_tone"


def test_early_media_that_is_ignored(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, "early_media: ignored\n    record_call: true")
    callee.session.progress(sdp(TRUNK[0], 4100), calls.house.now)
    calls.house.run(0.2)
    port = calls.house.port
    assert not port.streams
    assert not port.recordings
    callee.answer()
    assert port.heard() == ["hello"]
    assert len(port.recordings) == 1
    calls.house.play_out()
    calls.settled()


def test_a_recording_of_early_media_alone_is_kept(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, "record_call: true")
    callee.session.progress(sdp(TRUNK[0], 4100), calls.house.now)
    calls.house.run(0.2)
    callee.refuse(486)
    calls.settled()
    assert calls.path[-1] == "taken"
    assert len(calls.house.books.recordings) == 1


def test_a_message_is_recorded_after_early_media(tmp_path: Path) -> None:
    text = FLOW.replace("FIELDS", "record_call: true").replace("type: play, text: hello", "type: record_voicemail")
    text = text.replace("next: bye}", "branches: {nothing_recorded: bye}, next: bye}", 1)
    calls = Placing(tmp_path, {"main": text})
    callee = calls.house.party(TRUNK)
    calls.contact("main", number=NUMBER)
    callee.session.progress(sdp(TRUNK[0], 4100), calls.house.now)
    calls.house.run(0.2)
    callee.answer()
    calls.house.play_out()  # the beep
    voicemail = max(calls.house.port.recordings)
    calls.house.port.recorded("silence", 8.0, record_id=voicemail)
    calls.settled()
    assert calls.path == ["start", "dial", "hello", "bye"]
    assert {row.kind for row in calls.house.books.recordings} == {"voicemail", "call"}


def test_early_media_of_one_and_the_answer_of_another(tmp_path: Path) -> None:
    settings = "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10, redirects: true}"
    calls, callee = dialled(tmp_path, "record_call: true", settings)
    callee.session.progress(sdp(TRUNK[0], 4100), calls.house.now)
    calls.house.run(0.2)
    moved(callee, "<sip:+15550199@192.0.2.10>")
    callee.answer()
    first, second = calls.house.pool.ports
    assert (len(first.recordings), len(second.recordings)) == (1, 1)
    second.played()
    calls.settled()
    assert len(calls.house.books.recordings) == 2


def test_a_machine_is_told(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, "machine_detection: beep")
    callee.answer()
    port, house = calls.house.port, calls.house
    assert port.finding == "beep"
    port.say(Answerer(port, "machine", 0.9, house.now, False, None, "words"))  # type: ignore[arg-type]
    house.run(0.2)
    assert port.heard() == []
    port.say(Answerer(port, "machine", 0.9, house.now, True, house.now, "beep"))  # type: ignore[arg-type]
    house.run(0.2)
    assert port.heard() == ["message"]
    house.play_out()
    calls.settled()
    assert calls.attempts[0]["answerer"] == "machine"


def test_a_key_tells_a_person_and_ends_the_search(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, "machine_detection: beep")
    callee.answer()
    port, house = calls.house.port, calls.house
    port.say(Answerer(port, "machine", 0.9, house.now, False, None, "words"))  # type: ignore[arg-type]
    house.press("1")
    assert port.finding is None
    port.say(Answerer(port, "machine", 0.9, house.now, True, house.now, "beep"))  # type: ignore[arg-type]
    house.run(0.2)
    assert port.heard() == ["hello"]
    house.play_out()
    calls.settled()
    assert calls.path == ["start", "dial", "hello", "bye"]
    assert (calls.attempts[0]["answerer"], calls.attempts[0]["told_by"]) == ("human", "key")


def test_a_line_that_cannot_take_calls_now_is_followed_by_the_next(tmp_path: Path) -> None:
    settings = """
lines:
  pbx: {type: sip_trunk, host: 192.0.2.10, failover: [other]}
  other: {type: sip_trunk, host: 192.0.2.20}
"""
    calls, callee = dialled(tmp_path, settings=settings)
    second = calls.house.party(DESK)
    callee.refuse(503, headers=(("Retry-After", "30"),))
    second.answer()
    calls.house.play_out()
    calls.settled()
    assert calls.record.line == "other"
    assert len(calls.attempts) == 1


def test_a_busy_callee_is_tried_again(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path, "retry: {min_minutes: 1, max_minutes: 1, times: 1}")
    callee.refuse(486)
    calls.house.run(61)
    assert len(callee.calls) == 2
    callee.answer()
    calls.house.pool.ports[-1].played()
    calls.settled()
    assert [attempt["outcome"] for attempt in calls.attempts] == ["busy", "answered"]
    assert calls.record.sip_status == 200


def test_who_is_called_is_booked_before_the_invite_leaves(tmp_path: Path) -> None:
    calls = placing(tmp_path)
    callee = calls.house.party(TRUNK)
    calls.hold_bookings = True
    calls.contact("main", number=NUMBER)
    assert [wait.snapshot["dialled"] for wait in calls.booked] == [1]
    assert not callee.calls
    calls.held.pop()()
    calls.house.run(0.2)
    assert len(callee.calls) == 1


def test_a_flow_whose_process_died_while_it_dialled_calls_nobody_again(tmp_path: Path) -> None:
    calls = placing(tmp_path)
    callee = calls.house.party(TRUNK)
    calls.hold_bookings = True
    wait = calls.contact("main", number=NUMBER)
    calls.running.clear()
    calls.wake(calls.rows[wait.id])
    calls.house.run(1.0)
    assert not callee.calls
    calls.settled()
    assert calls.attempts[0]["status"] == "interrupted"
    assert calls.path[-1] == "failed"


def test_a_stopping_daemon_leaves_contacts_in_the_store(tmp_path: Path) -> None:
    calls = placing(tmp_path)
    callee = calls.house.party(TRUNK)
    calls.house.manager.draining = True
    wait = calls.contact("main", number=NUMBER)
    assert not calls.running
    assert "dialled" not in calls.rows[wait.id].snapshot
    calls.house.manager.draining = False
    calls.wake(calls.rows[wait.id])
    calls.house.run(0.5)
    callee.answer()
    calls.house.play_out()
    calls.settled()
    assert calls.record.cause == "ended_by_flow"


def test_a_daemon_that_stops_while_a_call_is_booked_takes_the_booking_back(tmp_path: Path) -> None:
    calls = placing(tmp_path)
    callee = calls.house.party(TRUNK)
    calls.hold_bookings = True
    wait = calls.contact("main", number=NUMBER)
    calls.house.manager.draining = True
    calls.held.pop()()
    calls.house.run(0.2)
    assert not callee.calls
    assert "dialled" not in calls.rows[wait.id].snapshot


def test_a_list_that_is_read_too_late_has_nobody_called(tmp_path: Path) -> None:
    calls = placing(tmp_path, "validity: 1s")
    callee = calls.house.party(TRUNK)
    asked: list[Any] = []
    calls.house.outside.may_contact = lambda number, then: asked.append(then)  # type: ignore[method-assign]
    calls.contact("main", number=NUMBER)
    calls.house.run(300)  # the flow has given up
    assert calls.path[-1] == "failed"
    for then in asked:
        then(True)
    calls.house.run(1)
    assert not callee.calls


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ('lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10}\noutbound_policy: {deny: ["+1*"]}', "not_permitted"),
        ("phones: {}", "no_line"),
        ("lines:\n  pbx: {type: sip_trunk, host: nowhere.example}", "unreachable"),
    ],
)
def test_calls_that_cannot_be_placed(tmp_path: Path, settings: str, word: str) -> None:
    calls = placing(tmp_path, "validity: 1s", settings)
    calls.contact("main", number=NUMBER)
    calls.settled()
    assert calls.path[-1] == "failed"
    assert calls.attempts[0]["status"] == word


def test_a_host_that_no_listener_reaches_is_unreachable(tmp_path: Path) -> None:
    calls = placing(tmp_path, "validity: 1s", "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10}")
    calls.house.no_way.add("udp")
    calls.contact("main", number=NUMBER)
    calls.settled()
    assert calls.attempts[0]["status"] == "unreachable"


@pytest.mark.parametrize(
    ("limit", "own"),
    [
        ("limits: {calls: 1}", ""),
        ("outbound_policy: {total: {calls: 1}}", ""),
        ("outbound_policy: {per_line: {calls: 1}}", ""),
        ("", ", max_calls: 1"),
    ],
)
def test_one_call_more_than_a_limit_allows(tmp_path: Path, limit: str, own: str) -> None:
    settings = f"lines:\n  pbx: {{type: sip_trunk, host: 192.0.2.10{own}}}\n{limit}"
    calls, callee = dialled(tmp_path, "validity: 1s", settings)
    second = calls.contact("main", number="+15550101")
    calls.house.run(30)
    record = calls.records[second.call_id]
    assert {attempt["status"] for attempt in record.details["attempts"]} == {"limit"}
    assert record.path[-1]["element"] == "failed"
    callee.answer()
    calls.house.play_out()
    calls.settled()


def test_who_is_on_the_list_is_not_called(tmp_path: Path) -> None:
    calls = placing(tmp_path)
    callee = calls.house.party(TRUNK)
    calls.house.outside.blocked.add(NUMBER)
    calls.contact("main", number=NUMBER)
    calls.settled()
    assert not callee.calls
    assert calls.attempts[0]["status"] == "do_not_contact"


def test_a_phone_with_two_contacts_rings_at_both(tmp_path: Path) -> None:
    calls = placing(tmp_path, 'to: "phone:200"')
    desk, cell = calls.house.phone("200", DESK), calls.house.phone("200", ("192.0.2.21", 5060))
    calls.contact("main", number=NUMBER)
    desk.ring()
    cell.answer()
    assert desk.got(Ended)[0].cause == "cancel"
    calls.house.run(0.2)
    ports: list[Any] = [port for port in calls.house.pool.ports if not port.released]
    assert len(ports) == 1
    assert ports[0].heard() == ["hello"]
    ports[0].played()
    calls.settled()


def test_the_daemon_ends_a_call(tmp_path: Path) -> None:
    calls, callee = dialled(tmp_path)
    callee.answer()
    calls.house.manager.end_all("system")
    calls.settled()
    assert calls.record.cause == "system"


@pytest.mark.parametrize(
    ("own", "fields", "shown"),
    [
        ("", "ring_timeout: 30s", "anonymous"),
        (", register: {user: '4711', password: x}", "ring_timeout: 30s", "4711"),
        (", from: '+4940100', register: {user: '4711', password: x}", "ring_timeout: 30s", "+4940100"),
        (", from: '+4940100'", 'from: "+4940101"', "+4940101"),
    ],
)
def test_who_calls(tmp_path: Path, own: str, fields: str, shown: str) -> None:
    calls, callee = dialled(tmp_path, fields, f"lines:\n  pbx: {{type: sip_trunk, host: 192.0.2.10{own}}}")
    assert callee.session.request.from_.uri.user == shown
    callee.refuse(486)
    calls.settled()
    assert calls.record.caller == (None if shown == "anonymous" else shown)


def test_a_redirection_is_followed_where_the_line_may_send_calls_elsewhere(tmp_path: Path) -> None:
    settings = "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10, redirects: true}"
    calls, callee = dialled(tmp_path, settings=settings)
    moved(callee, "<sip:+15550199@192.0.2.10>")
    assert [session.request.uri.user for session in callee.calls] == [NUMBER, "+15550199"]
    callee.answer()
    calls.house.pool.ports[-1].played()
    calls.settled()
    assert calls.record.cause == "ended_by_flow"


def test_an_emergency_call_has_room(tmp_path: Path) -> None:
    settings = """
lines:
  pbx: {type: sip_trunk, host: 192.0.2.10}
limits: {calls: 1}
outbound_policy: {total: {calls: 1}, emergency: ["112"]}
"""
    calls, callee = dialled(tmp_path, settings=settings)
    callee.answer()
    calls.contact("main", number="112")
    assert [session.request.uri.user for session in callee.calls] == [NUMBER, "112"]
    assert calls.house.services.outbound.emergencies == 1
    callee.answer()
    for port in calls.house.pool.ports:
        port.played()
    calls.settled()


@pytest.mark.parametrize(
    ("hosts", "called"),
    [("[]", False), ("[192.0.2.31]", False), ("[192.0.2.0/24]", True), ('["192.0.2.30:5060"]', True)],
)
def test_an_address_from_outside_leads_to_no_private_host_that_is_not_allowed(
    tmp_path: Path, hosts: str, called: bool
) -> None:
    settings = f"{SETTINGS}outbound_policy: {{hosts: {hosts}}}\n"
    text = FLOW.replace("FIELDS", 'to: "{{ address }}"')
    calls = Placing(tmp_path, {"main": f"variables: {{address: 'sip:anna@192.0.2.30'}}\n{text}"}, settings)
    shop = calls.house.party(("192.0.2.30", 5060))
    calls.contact("main", number=NUMBER)
    calls.house.run(0.5)
    assert bool(shop.calls) is called
    assert calls.house.services.outbound.refused["hosts"] == (not called)


def test_an_address_is_called_as_it_is(tmp_path: Path) -> None:
    calls = placing(tmp_path, 'to: "sip:anna@192.0.2.30"')
    shop = calls.house.party(("192.0.2.30", 5060))
    calls.contact("main", number=NUMBER)
    shop.answer()
    calls.house.play_out()
    calls.settled()
    assert (calls.record.called, calls.record.line) == ("anna", None)
