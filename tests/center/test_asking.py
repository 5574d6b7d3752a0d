"""Agents give the disposition by keys on the call itself, once the caller has left: real rules, desk and signalling."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.center.rules.offering import ASKED_SECONDS
from ivr.sip import Ended
from tests.center.test_codes import Center
from tests.kit.house import CELL, DESK, Party

QUESTION = "What was the result? For Sold, press 1."


class Asking(Center):
    """Anna at 200 is asked; a caller talks to her."""

    def __init__(self, folder: Path, asks: str = "true", wrap_up: str = "60s", more: str = "", flow: str = "") -> None:
        super().__init__(folder, more, queue=f"{{ask_disposition: {asks}, wrap_up: {wrap_up}}}", flow=flow)
        self.anna = self.phone("200", DESK)
        self.caller = self.talk()

    def talk(self) -> Party:
        caller = self.party(CELL)
        caller.call("100")
        self.anna.answer()
        self.run(5.0)
        assert self.agent("anna")["phase"] == "in_call"
        return caller

    def asked(self) -> list[str]:
        """What she hears now."""
        return self.agent_port.heard()

    @property
    def agent_port(self):  # type: ignore[no-untyped-def]
        return next(port for port in reversed(self.pool.ports) if not port.released)

    def key(self, key: str) -> None:
        self.press(key, self.agent_port)
        self.run(0.1)

    def hears_out(self) -> None:
        self.agent_port.played()
        self.run(0.5)

    def phase(self) -> str:
        return str(self.agent("anna")["phase"])

    def given(self) -> list[dict[str, object]]:
        return self.of("agent.disposed") or [dict(one) for one in self.disposed]


@pytest.fixture
def asking(tmp_path: Path) -> Asking:
    return Asking(tmp_path)


def test_the_agent_is_asked_when_the_caller_has_hung_up(asking: Asking) -> None:
    asking.caller.hang_up()
    assert asking.asked() == [QUESTION]
    assert not asking.anna.got(Ended), "the agent's phone is not hung up on"
    assert asking.phase() == "wrapping"
    assert asking.agent("anna")["why_not"] == "He is asked for a disposition."
    asking.key("1")
    assert asking.asked() == ["Sold: this is noted."]
    assert asking.disposed == [("anna", "default", "sold")]
    assert asking.phase() == "wrapping", "her phone is not free yet"
    asking.hears_out()
    assert asking.anna.got(Ended) and asking.phase() == "idle"
    asking.settled_calls(1)


def test_a_wrong_code_and_silence_are_asked_again_and_then_no_more(asking: Asking) -> None:
    asking.caller.hang_up()
    asking.key("7")
    assert asking.asked() == [f"There is no result with this code. {QUESTION}"]
    asking.hears_out()
    asking.run(8.0)
    assert asking.asked() == ["Enter the digits, then press the hash key."]
    asking.hears_out()
    asking.run(8.5)
    assert asking.anna.got(Ended)
    assert not asking.disposed and asking.phase() == "wrapping", "she has her wrap-up, and may dial the code"
    asking.run(60.0)
    assert asking.phase() == "idle"
    asking.settled()


def test_who_hangs_up_wraps_up_as_long_as_ever(asking: Asking) -> None:
    asking.caller.hang_up()
    asking.anna.calls[-1].hangup(asking.now)
    asking.run(0.5)
    assert asking.phase() == "wrapping" and asking.agent("anna")["wrap_up_left"] > 55
    assert asking.dial(asking.anna, "200", "*161") == "Sold: this is noted."
    asking.run(1.0)
    assert asking.phase() == "idle" and len(asking.disposed) == 1
    asking.settled()


def test_without_wrap_up_the_next_caller_waits_until_the_phone_is_free(tmp_path: Path) -> None:
    asking = Asking(tmp_path, wrap_up="0s")
    asking.caller.hang_up()
    other = asking.party(("192.0.2.77", 5060))
    other.call("100")
    assert len(asking.anna.calls) == 1, "nobody rings while she is asked"
    asking.anna.calls[0].hangup(asking.now)
    asking.run(0.5)
    assert len(asking.anna.calls) == 2
    other.hang_up()
    asking.settled()


def test_the_agent_ends_the_conversation_by_keys(tmp_path: Path) -> None:
    asking = Asking(tmp_path, asks='{after_call: false, keys: "**"}')
    port = asking.pool.ports[-1]
    for key in "*1*":
        asking.press(key, port)
    asking.run(0.1)
    assert asking.phase() == "in_call"
    asking.press("*", port)
    asking.run(0.5)
    assert asking.asked() == [QUESTION]
    assert asking.caller.got(Ended), "his flow went on, and was over"
    asking.key("1")
    asking.hears_out()
    assert asking.disposed == [("anna", "default", "sold")]
    record = asking.books.calls[0]
    assert record.hand_offs[0]["outcome"] == "forwarded" and record.hand_offs[0]["talk_time"] >= 5.0
    asking.talk().hang_up()
    assert len(asking.anna.got(Ended)) == 2, "nobody is asked after the call"
    asking.settled()


def test_a_phone_that_is_lost_while_its_agent_is_asked(asking: Asking) -> None:
    asking.caller.hang_up()
    asking.agent_port.lose()
    asking.run(0.5)
    assert asking.phase() == "wrapping" and not asking.agent("anna")["why_not"].startswith("He is asked")
    asking.settled()


def test_nobody_is_asked_for_ever(asking: Asking) -> None:
    asking.caller.hang_up()
    asking.run(ASKED_SECONDS + 1.0)  # the question never ends: no sound comes to its end
    assert asking.anna.got(Ended)
    asking.settled()


def test_agents_are_not_asked_where_there_is_nothing_to_say(tmp_path: Path) -> None:
    asking = Asking(tmp_path, more="")
    asking.roster.reload(asking.settings.model_copy(update={"dispositions": {}}), lambda merged: [])
    asking.caller.hang_up()
    assert asking.anna.got(Ended)
    asking.settled()


def test_the_agent_is_deleted_while_he_is_asked(asking: Asking) -> None:
    asking.caller.hang_up()
    agents = {"ben": asking.settings.agents["ben"]}
    asking.roster.reload(asking.settings.model_copy(update={"agents": agents}), lambda merged: [])
    asking.key("1")
    asking.hears_out()
    asking.run(0.5)
    assert asking.anna.got(Ended)
    assert "anna" not in asking.desk.center.figures()["agents"]
    asking.settled()


def test_the_daemon_stops_meanwhile(asking: Asking) -> None:
    asking.caller.hang_up()
    asking.desk.close()
    asking.desk.stop()
    asking.run(0.5)
    assert asking.anna.got(Ended)


def test_nobody_is_asked_while_the_daemon_stops(asking: Asking) -> None:
    asking.desk.close()
    asking.caller.hang_up()
    assert asking.anna.got(Ended)
    asking.settled()


def test_the_caller_comes_first_when_his_flow_takes_him_back(tmp_path: Path) -> None:
    asking = Asking(tmp_path)
    (call,) = asking.manager.calls.values()
    call.end("ended_by_api")
    asking.run(0.5)
    assert asking.asked() == [QUESTION] and asking.caller.got(Ended)
    asking.key("1")
    asking.hears_out()
    asking.settled_calls(1)


GOES_ON = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: transfer_to_agent, after: return, branches: {returned: thanks, call_not_forwarded: bye}}
  thanks: {type: play, text: "Thank you.", next: bye}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize("during", [True, False])
def test_the_record_of_a_call_that_goes_on_has_the_disposition(tmp_path: Path, during: bool) -> None:
    asking = Asking(tmp_path, asks='{keys: "#"}', flow=GOES_ON)
    caller_port, port = asking.pool.ports[-2:]
    if during:
        asking.office.dispose("anna", "sold", "anna")
    asking.press("#", port)
    asking.run(0.1)
    if not during:
        asking.key("1")
    asking.anna.calls[-1].hangup(asking.now)
    asking.run(0.5)
    assert caller_port.heard() == ["Thank you."] and not asking.books.calls
    caller_port.played()
    asking.run(0.5)
    assert asking.books.calls[0].hand_offs[0]["disposition"] == "sold"
    asking.settled()


def test_a_question_that_fails_at_once_holds_nobody(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no sound")

    monkeypatch.setattr("ivr.center.asking.Playback.play", fail)
    asking.caller.hang_up()
    asking.run(1.0)
    assert asking.anna.got(Ended)
    assert asking.agent("anna")["why_not"] != "He is asked for a disposition."
    asking.run(61.0)
    asking.settled_calls(1)
