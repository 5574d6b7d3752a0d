"""transfer_to_agent against whatever may come, in any order: it always ends, joins once and leaves once, and is silent
afterwards."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.elements.callback_number import BOOKING_SECONDS, PARTING_SECONDS
from ivr.flow.loader import join_flows
from ivr.flow.machine import Machine
from ivr.flow.ports import (
    AgentAnswered,
    AgentRinging,
    CallEnded,
    CallInfo,
    Digit,
    JoinQueue,
    JudgeNumber,
    KeepCallback,
    LeaveQueue,
    NumberJudged,
    Play,
    PlayDone,
    QueueDone,
    QueueJoined,
    QueuePosition,
    Record,
    RecordDone,
    StopPlay,
    StopRecord,
)
from ivr.settings import Sound, WaitingStrategy
from tests.kit.flow import NOON, make_flow

FLOW = make_flow(
    """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: people}
  people:
    type: transfer_to_agent
    queue: support
    max_wait: 2m
    after: return
    failover: [{voicemail: {max_duration: 20s}, prompt: Sorry}]
    branches: {call_not_forwarded: bye, failed_over: bye, returned: bye, call_ended: gone}
    next: gone
  bye: {type: hang_up}
  gone: {type: tag, tags: gone}
"""
)
STRATEGY = WaitingStrategy.model_validate(
    {
        "greeting": "Hello.",
        "announcements": [{"every": "10s", "text": "Wait."}, {"every": "25s", "text": "Still."}],
        "position": "ordinal",
        "estimate": True,
        "keys": {"leave": "0", "voicemail": "1", "callback": "2"},
        "max_wait_message": "Nobody.",
    }
)
LONGEST = 120.0 + BOOKING_SECONDS + PARTING_SECONDS
"""Seconds: who begins to book a call back just before his longest wait is over has left by then."""
OUTCOMES = ["forwarded", "closed", "full", "no_agents", "max_wait", "key_exit", "callback_scheduled", "cancelled"]

EVENTS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 4.0, 11.0, 40.0])),
    st.tuples(st.just("key"), st.sampled_from("0123456789*#")),
    st.tuples(st.just("played"), st.sampled_from(["completed", "failed", "stopped"])),
    st.tuples(st.just("joined"), st.integers(1, 60)),
    st.tuples(st.just("place"), st.integers(1, 60)),
    st.tuples(st.just("rings"), st.none()),
    st.tuples(st.just("answered"), st.none()),
    st.tuples(st.just("done"), st.sampled_from(OUTCOMES)),
    st.tuples(st.just("recorded"), st.sampled_from([0.2, 5.0])),
    st.tuples(st.just("judged"), st.none()),
    st.tuples(st.just("foreign"), st.none()),
)


class Driven:
    """A machine with what it began, as a shell that believes nothing sees it."""

    def __init__(self) -> None:
        call = CallInfo("c", "+4930123456", "100", NOON, line="pbx", short_id=3)
        self.machine = Machine(FLOW, join_flows([FLOW]), call, {})
        self.now = 0.0
        self.joins: list[JoinQueue] = []
        self.leaves: list[LeaveQueue] = []
        self.callbacks: list[KeepCallback] = []
        self.judged: list[NumberJudged] = []
        """What is said of numbers, the last perhaps not yet."""
        self.left_at = 0.0
        """When the last of these came."""
        self.playing: int | None = None
        self.recording: int | None = None
        self.over: QueueDone | None = None
        """What ended the wait, where that was not the caller's side."""
        self.keys: list[str] = []
        self.up = True
        self.machine.start("start", 0.0)
        self.look()

    def look(self) -> None:
        for command in self.machine.commands():
            match command:
                case JoinQueue():
                    self.joins.append(command)
                case LeaveQueue():
                    self.leaves.append(command)
                    self.left_at = self.now
                case KeepCallback():
                    assert self.judged[-1].callable, "promised, and never called"
                    self.callbacks.append(command)
                case JudgeNumber():
                    self.judged.append(NumberJudged(command.id, int(command.number[-1]) % 3 != 2))
                case Play():
                    assert self.up, "nothing is played to who is gone"
                    self.playing = command.id
                case StopPlay():
                    if command.id == self.playing:
                        self.playing = None
                case Record():
                    self.recording = command.id
                case StopRecord():
                    pass
            if type(command).__name__ == "HangUp":
                self.up = False
                self.playing = None

    def tell(self, event: Any) -> None:
        self.machine.receive(event, self.now)
        self.look()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(1000):
            timer = self.machine.next_timer()
            if timer is None or timer > end:
                break
            assert timer >= self.now or timer <= self.now, "a timer is a number"
            before = len(self.machine.steps)
            self.now = max(self.now, timer)
            self.machine.handle_timer(self.now)
            self.look()
            again = self.machine.next_timer()
            assert again is None or again > self.now or len(self.machine.steps) > before, "a busy wake-up"
        else:
            raise AssertionError("it wakes up without end")
        self.now = max(self.now, end)

    def do(self, what: str, value: Any) -> None:
        number = self.joins[0].id if self.joins else 0
        match what:
            case "wait":
                self.pass_time(value)
            case "key":
                self.keys.append(value)
                self.tell(Digit(value, at=self.now))
            case "played" if self.playing is not None:
                number, self.playing = self.playing, None
                self.tell(PlayDone(number, 1.0, value))
            case "joined":
                self.tell(QueueJoined(number, "support", value, STRATEGY, 30.0 * value))
            case "place":
                self.tell(QueuePosition(number, value, 30.0 * value))
            case "rings":
                self.tell(AgentRinging(number, "anna"))
            case "answered":
                self.over = QueueDone(number, "forwarded", "support")
                self.tell(AgentAnswered(number, "anna", 3.0))
            case "done":
                self.over = QueueDone(number, value, "support")
                self.tell(QueueDone(number, value, "support", message=Sound(text="Closed.")))
            case "recorded" if self.recording is not None:
                number, self.recording = self.recording, None
                self.tell(RecordDone(number, "a.wav", value))
            case "judged" if self.judged:
                self.tell(self.judged[-1])
            case "foreign":
                self.tell(QueueDone(9999, "closed"))


@given(st.lists(EVENTS, max_size=40), st.sampled_from(["user_hung_up", "network"]))
def test_whatever_comes_it_ends_in_good_order(events: list[tuple[str, Any]], cause: Any) -> None:
    driven = Driven()
    for what, value in events:
        driven.do(what, value)
        if driven.machine.finished:
            break
        assert driven.leaves or driven.over is not None or driven.now <= LONGEST, "no end of waiting"
    assert len(driven.joins) == 1
    if not driven.machine.finished:
        driven.up = False
        driven.playing = None
        driven.tell(CallEnded(cause))
    if driven.recording is not None:
        driven.do("recorded", 5.0)
    driven.pass_time(1000.0)
    machine = driven.machine
    assert machine.finished
    assert machine.fault is None
    step = machine.steps[1]
    assert step.branch in ("call_forwarded", "call_not_forwarded", "failed_over", "returned", "call_ended")
    assert driven.playing is None, "something is heard after the end"
    assert len(machine._ctx.handed.waits) == 1
    assert len(driven.leaves) <= 2
    assert len({leave.reason for leave in driven.leaves} - {"cancelled"}) <= 1
    assert len(driven.callbacks) <= 1
    traced = [key["key"] for key in step.details.get("keys", ())]
    rest = iter(driven.keys)
    assert all(key in rest for key in traced), "a key counts twice, or out of turn"


@given(
    st.integers(0, 119),
    st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.sampled_from([0.1, 2.0, 7.0, 30.0])),
            st.tuples(st.just("key"), st.sampled_from("2345678912*#")),
            st.tuples(st.just("played"), st.just("completed")),
            st.tuples(st.just("judged"), st.none()),
        ),
        max_size=60,
    ),
)
def test_who_books_a_call_back_is_neither_thrown_out_in_the_middle_nor_kept_for_ever(
    waited: int, events: list[tuple[str, Any]]
) -> None:
    driven = Driven()
    driven.do("joined", 3)
    driven.pass_time(float(waited))
    driven.do("key", "2")
    for what, value in events:
        driven.do(what, value)
        if driven.leaves:
            break
    else:
        driven.pass_time(LONGEST)
    assert [leave.reason for leave in driven.leaves] in (["callback_scheduled"], ["max_wait"], ["key_exit"])
    reason = driven.leaves[0].reason
    assert (reason == "callback_scheduled") == (len(driven.callbacks) == 1)
    if reason == "max_wait":
        assert driven.left_at >= 120.0
    assert driven.left_at <= LONGEST + 0.01


@given(st.lists(st.sampled_from("013456789*#"), max_size=30))
def test_keys_without_a_meaning_change_nothing(keys: list[str]) -> None:
    driven = Driven()
    driven.do("joined", 3)
    meaningless = [key for key in keys if key not in "012"]
    for key in meaningless:
        driven.do("key", key)
    assert driven.leaves == []
    driven.do("key", "0")
    assert [leave.reason for leave in driven.leaves] == ["key_exit"]
    assert not driven.machine._ctx.keys
