"""A call from INVITE to record: commands in order, digits, prompts, recordings, re-offers, and what goes wrong."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from ivr.call.leg import Leg
from ivr.flow import Machine
from ivr.sip import Answered, Ended, OfferRejected, Rejected, Ringing
from tests.kit.house import CALLER, House
from tests.kit.sip import sdp

MENU = """
description: menu
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: welcome}
  welcome: {type: play, text: welcome, interruptible: true, next: menu}
  menu: {type: collect, max_digits: 1, wait: 5s, responses: {"1": one, "2": two}, branches: {no_match: bye}}
  one: {type: play, text: one, next: bye}
  two: {type: record_voicemail, max_silence: 5s, beep: true, next: bye, branches: {nothing_recorded: bye}}
  bye: {type: hang_up}
"""
SILENT = """
elements:
  start: {type: start_incoming_call, numbers: ["101"], next: wait}
  wait: {type: collect, max_digits: 1, wait: 60s, responses: {"9": bye}, branches: {no_match: bye}}
  bye: {type: hang_up}
"""
RECORDED = """
sensitive: [pin]
variables: {pin: ""}
elements:
  start: {type: start_incoming_call, numbers: ["102"], record_call: true, next: ask}
  ask: {type: collect, max_digits: 4, wait: 5s, save_as: pin, next: wait, branches: {no_match: wait}}
  wait: {type: collect, max_digits: 1, wait: 30s, responses: {"9": bye}, branches: {no_match: bye}}
  bye: {type: hang_up}
"""
EARLY = """
elements:
  start: {type: start_incoming_call, numbers: ["103"], answer: early_media, next: hello}
  hello: {type: play, text: hello, next: take}
  take: {type: answer, next: wait}
  wait: {type: collect, max_digits: 1, wait: 200s, responses: {"9": bye}, branches: {no_match: bye}}
  bye: {type: hang_up}
"""
FLOWS = {"menu": MENU, "silent": SILENT, "recorded": RECORDED, "early": EARLY}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, FLOWS)


def test_a_call_hears_presses_and_is_hung_up(house: House) -> None:
    caller = house.party()
    caller.call("100")
    assert len(caller.got(Answered)) == 1
    assert house.port.heard() == ["welcome"]
    house.press("1")
    assert house.port.heard() == ["one"]
    house.play_out()
    house.settled()
    assert caller.got(Ended)[0].cause == "bye"
    record = house.record
    assert (record.cause, record.sip_status, record.flow, record.line) == ("ended_by_flow", 200, "menu", None)
    assert [step["element"] for step in record.path] == ["start", "welcome", "menu", "one", "bye"]
    assert record.quality["packets_in"] == 50


def test_the_caller_hangs_up_in_a_prompt(house: House) -> None:
    caller = house.party()
    caller.call("100")
    caller.hang_up()
    house.settled()
    assert house.record.cause == "user_hung_up"


def test_a_digit_by_info_counts_once_beside_an_event(house: House) -> None:
    caller = house.party()
    caller.call("101")
    caller.session.info("application/dtmf-relay", b"Signal=4\r\nDuration=100\r\n", house.now)
    house.port.press("4", house.now)
    house.run(0.3)
    house.press("9")
    house.settled()
    assert [item["digits"] for item in house.record.digits] == ["4"]


def test_digits_by_info_are_left_out_where_they_are_not_listed(tmp_path: Path) -> None:
    house = House(tmp_path, FLOWS, "media: {dtmf: [rfc4733]}\n")
    caller = house.party()
    caller.call("101")
    caller.session.info("application/dtmf-relay", b"Signal=9\r\nDuration=100\r\n", house.now)
    house.run(1)
    assert house.manager.calls


def test_a_message_is_kept_when_the_caller_hangs_up(house: House) -> None:
    caller = house.party()
    caller.call("100")
    house.press("2")
    assert house.port.heard() == ["beep"]
    assert not house.port.running
    house.play_out()
    assert house.port.running
    caller.hang_up()
    house.settled()
    (kept,) = house.books.recordings
    assert kept.call_id == house.record.id
    assert Path(kept.path).exists()
    assert house.record.path[-1]["branch"] == "user_hung_up"


def test_a_message_that_is_too_short_leaves_neither_file_nor_row(house: House) -> None:
    caller = house.party()
    caller.call("100")
    house.press("2")
    house.play_out()
    (path, _), *_ = house.port.recordings.values()
    house.port.recorded("silence", 5.4)
    house.settled()
    assert house.books.recordings == []
    assert not path.exists()


def test_a_hang_up_during_the_beep_ends_the_recording_that_was_not_begun(house: House) -> None:
    caller = house.party()
    caller.call("100")
    house.press("2")
    caller.hang_up()
    house.settled()
    assert house.books.recordings == []
    assert house.record.cause == "user_hung_up"


def test_names_of_recordings_are_unique_among_calls_in_progress(house: House) -> None:
    paths = set()
    for k in range(3):
        caller = house.party((f"192.0.2.{50 + k}", 5060))
        caller.call("102")
        ((path, options),) = house.pool.ports[k].recordings.values()
        assert options.sides == "both"
        paths.add(path)
    assert len(paths) == 3
    assert {path.parent for path in paths} == {house.settings.recordings}


def test_the_recording_of_the_call_pauses_for_what_is_sensitive(house: House) -> None:
    caller = house.party()
    caller.call("102")
    assert house.port.paused == house.port.running != set()
    house.press("1234")
    house.run(4)
    assert house.port.paused == set()
    assert house.port.running
    caller.hang_up()
    house.settled()
    assert len(house.books.recordings) == 1
    assert "1234" not in str(house.record)


def test_a_recording_that_cannot_be_written_does_not_end_the_call(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caller = house.party()
    caller.call("100")
    house.press("2")
    house.play_out()
    ((path, _),) = house.port.recordings.values()
    house.port.recorded("failed", 0.0, f"[Errno 28] No space left on device: '{path}'")
    house.run(0.2)
    house.settled()
    assert house.record.cause == "ended_by_flow"
    assert house.books.recordings == []
    assert "No space left" in caplog.text
    assert path.name not in caplog.text


def test_a_prompt_that_is_made_first_is_played_then(house: House) -> None:
    house.sounds.slow.add("one")
    caller = house.party()
    caller.call("100")
    house.press("1")
    assert house.port.heard() == ["one"]
    caller.hang_up()
    house.settled()


def test_a_prompt_that_cannot_be_made_is_left_out(house: House) -> None:
    house.sounds.missing.add("one")
    caller = house.party()
    caller.call("100")
    house.press("1")
    house.settled()
    assert house.record.cause == "ended_by_flow"


# Offer and answer


def test_hold_and_resume(house: House) -> None:
    caller = house.party()
    caller.call("101")
    caller.session.reinvite(sdp(CALLER[0], 4000, "sendonly", 2), house.now)
    house.run(0.5)
    assert not house.port.streams[-1].send
    assert house.port.streams[-1].receive
    caller.session.reinvite(sdp(CALLER[0], 4002, "sendrecv", 3), house.now)
    house.run(0.5)
    assert house.port.streams[-1].send
    assert house.port.streams[-1].remote == (CALLER[0], 4002)


def test_an_offer_that_cannot_be_met_is_refused_and_the_call_goes_on(house: House) -> None:
    caller = house.party()
    caller.call("101")
    before = len(house.port.streams)
    caller.session.reinvite(sdp(CALLER[0], 4000).replace(b"RTP/AVP 0 101", b"RTP/AVP 18"), house.now)
    house.run(0.5)
    assert [event.status for event in caller.got(OfferRejected)] == [488]
    assert len(house.port.streams) == before
    assert house.manager.calls


def test_a_call_without_media_in_common_gets_488(house: House) -> None:
    caller = house.party()
    caller.call("101", sdp=sdp(CALLER[0], 4000).replace(b"RTP/AVP 0 101", b"RTP/AVP 18"))
    house.settled()
    assert [event.status for event in caller.got(Rejected)] == [488]
    assert house.record.sip_status == 488
    assert house.record.cause == "network"


def test_an_invite_without_an_offer_is_answered_with_ours(house: House) -> None:
    caller = house.party()
    caller.call("101", sdp=None)
    (answered,) = caller.got(Answered)
    assert answered.wants_answer
    assert house.port.streams == []
    caller.session.answer_offer(sdp(CALLER[0], 4000), house.now)
    house.run(0.5)
    assert house.port.streams[-1].remote == (CALLER[0], 4000)
    caller.hang_up()
    house.settled()


def test_early_media_then_the_answer(house: House) -> None:
    caller = house.party()
    caller.call("103")
    assert [event.status for event in caller.got(Ringing)] == [183]
    assert caller.got(Ringing)[0].sdp is not None
    assert caller.got(Answered) == []
    house.port.timeout()
    house.run(0.2)
    house.play_out()
    house.run(0.5)
    assert len(caller.got(Answered)) == 1
    # The silence of before begins to count anew, and now it ends the call.
    assert len(house.port.streams) == 2
    house.port.timeout()
    house.settled()
    assert house.record.cause == "media_timeout"


def test_a_call_that_is_given_up_while_it_rings(house: House) -> None:
    caller = house.party()
    caller.call("103")
    caller.hang_up()
    house.settled()
    assert house.record.cause == "user_hung_up"
    assert house.record.sip_status == 487
    assert house.record.answered_at is None


# What goes wrong


def test_a_worker_that_dies_ends_its_calls_alone(house: House) -> None:
    caller, other = house.party(), house.party(("192.0.2.50", 5060))
    caller.call("102")
    other.call("101")
    house.port.lose()
    house.run(0.5)
    assert len(house.manager.calls) == 1
    assert caller.got(Ended)
    assert not other.got(Ended)
    house.run(5)
    assert house.record.cause == "system"
    other.hang_up()
    house.settled()


def test_a_flow_that_breaks_ends_one_call(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, other = house.party(), house.party(("192.0.2.50", 5060))
    caller.call("101")
    other.call("101")
    first = next(iter(house.manager.calls.values())).machine
    receive = Machine.receive

    def broken(machine: Machine, event: Any, now: float) -> None:
        if machine is first:
            raise RuntimeError("broken")
        receive(machine, event, now)

    monkeypatch.setattr(Machine, "receive", broken)
    caller.session.info("application/dtmf-relay", b"Signal=4\r\nDuration=100\r\n", house.now)
    house.run(5)
    assert caller.got(Ended)
    assert not other.got(Ended)
    assert house.record.cause == "system"
    other.hang_up()
    house.run(80)
    assert house.pool.used == 0


def test_neither_digits_nor_numbers_are_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caller = house.party()
    caller.call("102")
    house.press("4711")
    caller.hang_up()
    house.settled()
    assert caplog.records
    for text in ("4711", "102", "caller"):
        assert text not in " ".join(record.getMessage().split("call ")[-1] for record in caplog.records)


def test_an_event_that_cannot_be_handled_ends_the_call_and_its_flow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the flow does after the end is seen to, though no other event comes."""
    text = SILENT.replace("no_match: bye}", "no_match: bye, call_ended: late}").replace(
        "  bye:", "  late: {type: pause, duration: 3s, next: bye}\n  bye:"
    )
    house = House(tmp_path, {"silent": text})
    caller = house.party()
    caller.call("101")
    monkeypatch.setattr(Leg, "peer_offers", lambda *_: 1 / 0)
    caller.session.reinvite(sdp(version=2), house.now)
    house.settled()
    assert caller.got(Ended)
    assert house.record.cause == "system"
    assert house.record.path[-1]["element"] == "late"  # and goes on without its caller


def test_a_call_that_cannot_even_be_ended_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, FLOWS)
    caller = house.party()
    caller.call("101")
    (live,) = house.manager.calls.values()
    monkeypatch.setattr(Leg, "peer_offers", lambda *_: 1 / 0)
    monkeypatch.setattr(live._answering, "hang_up", lambda *_: 1 / 0)
    caller.session.reinvite(sdp(version=2), house.now)
    house.settled()
    assert caller.got(Ended)
    assert house.record.cause == "system"


def test_early_media_for_a_caller_without_an_offer(house: House) -> None:
    """Ours goes with a reliable 183, his answer comes with the PRACK."""
    caller = house.party()
    asked: list[Ringing] = []

    def on_event(event: object) -> None:
        if isinstance(event, Ringing) and event.wants_answer:
            asked.append(event)
            event.session.answer_offer(sdp(CALLER[0], 4900), house.now)

    caller.end.on_event = on_event
    caller.call("103", sdp=None)
    assert asked and house.port.heard() == ["hello"]
    assert house.port.streams[-1].remote == (CALLER[0], 4900)
    house.play_out()
    assert [event.wants_answer for event in caller.got(Answered)] == [False]
    caller.hang_up()
    house.settled()


def test_a_caller_that_vanishes_is_found_out(tmp_path: Path) -> None:
    """No BYE, and sound that goes on as if somebody were there: the session timer ends the call."""
    text = SILENT.replace("wait: 60s", "wait: 600s")
    house = House(tmp_path, {"silent": text}, "sip: {session_timer: {expires: 90, mode: request}}\n")
    caller = house.party()
    caller.call("101")
    house.link.impairment.drop = lambda data, _: True
    house.run(58)
    assert house.manager.calls
    house.run(20)
    assert not house.manager.calls
    house.run(40)
    assert house.record.cause == "network"
    assert house.pool.used == 0 and house.stack.counts.sessions == 0
