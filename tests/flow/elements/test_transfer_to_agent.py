"""transfer_to_agent: what is heard in the queue, keys, call back, message, the talk, and every way out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.callback_number import BOOKING_SECONDS
from ivr.flow.elements.transfer_to_agent import TransferToAgentElement
from ivr.flow.ports import (
    AgentAnswered,
    AgentRinging,
    CallEnded,
    DeliverVoicemail,
    HangUp,
    JoinQueue,
    JudgeNumber,
    KeepCallback,
    LeaveQueue,
    Moved,
    Play,
    PlayDone,
    PromptSpec,
    QueueDone,
    QueueJoined,
    QueuePosition,
    StopPlay,
)
from ivr.flow.sim import AgentAnswer
from ivr.flow.sim.queues import Queues
from ivr.flow.spoken.waiting import phrases_of
from ivr.settings import PARTED_FACTS, ROUTE_FACTS, Sound, WaitingStrategy
from tests.kit.flow import Talk, make_flow

STRATEGY: dict[str, Any] = {
    "greeting": "Hello.",
    "announcements": [{"every": "20s", "text": "Please wait."}],
    "keys": {"leave": "0", "voicemail": "1", "callback": "2"},
    "max_wait": "5m",
    "max_wait_message": "Nobody was free.",
}


class Desk(Talk):
    """A call in a queue that the test answers for."""

    @property
    def join(self) -> JoinQueue:
        return self.commands(JoinQueue)[0]  # type: ignore[no-any-return]

    def joined(self, place: int = 1, estimated: float | None = None, /, **strategy: Any) -> Desk:
        found = WaitingStrategy.model_validate({**STRATEGY, **strategy})
        self.send(QueueJoined(self.join.id, "support", place, found, estimated))
        return self

    def done(self, outcome: Any, **more: Any) -> Desk:
        self.send(QueueDone(self.join.id, outcome, "support", **more))
        return self

    def answered(self) -> Desk:
        self.send(AgentAnswered(self.join.id, "anna", 12.0))
        return self

    @property
    def result(self) -> dict[str, Any]:
        return dict(self.machine.result)

    @property
    def playing(self) -> str | None:
        """What the caller hears now."""
        playing = self.call._sound.playing
        return None if playing is None else playing.command.prompts[0].value

    @property
    def left(self) -> list[str]:
        return [command.reason for command in self.commands(LeaveQueue)]


def desk(fields: str = "", answer: str = "", failover: str = "", **options: Any) -> Desk:
    extra = "".join(f"\n    {line}" for line in fields.splitlines())
    chain = f"\n    failover: {failover}" if failover else ""
    returned = ", returned: survey" if "after: return" in fields else ""
    over = ", failed_over: cared" if failover else ""
    call = Desk(
        f"""
variables: {{language: en, pin: "1"}}
sensitive: [pin]
elements:
  start: {{type: start_incoming_call, numbers: ["100"], {answer} next: people}}
  people:
    type: transfer_to_agent
    queue: support{extra}{chain}
    next: after
    branches: {{call_not_forwarded: sorry{over}{returned}, call_ended: gone}}
  sorry: {{type: hang_up}}
  cared: {{type: hang_up}}
  survey: {{type: hang_up}}
  after: {{type: tag, tags: talked}}
  gone: {{type: tag, tags: left}}
""",
        **options,
    )
    call.start()
    # The queue is played by the test.
    call.call._queues.command = None
    for due in call.call._queues._due:
        due[2] = None
    return call


# What the queue is told


def test_the_queue_is_told_everything() -> None:
    call = desk(
        """priority: 7
origin: "Case {{ language }}"
tags: [vip]
sticky: 60d
waiting: calm
metadata: {order: "12", secret: "{{ pin }}"}
whisper: A caller.
record_call: true
max_duration: 1h
headers: {X-Case: "7"}"""
    )
    join = call.join
    assert (join.queue, join.priority, join.sticky, join.strategy, join.origin) == (
        "support",
        7,
        "60d",
        "calm",
        "Case en",
    )
    assert (join.record_name, join.max_duration, join.headers) == ("agent-7", 3600.0, {"X-Case": "7"})
    assert join.whisper == PromptSpec("text", "A caller.", "en")
    assert join.secret
    assert join.facts.keys() == {*ROUTE_FACTS, *PARTED_FACTS}
    assert join.facts["metadata"] == {"order": "12", "secret": "1"}
    assert join.packet["metadata"] == {"order": "12", "secret": "xxxx"}
    assert join.facts["tags"] == join.packet["tags"] == ["vip"]
    assert "pin" not in join.facts["variables"]
    assert join.packet["origin"] == "Case en"


def test_without_a_queue_the_routes_decide() -> None:
    call = Talk('elements: {start: {type: start_incoming_call, numbers: ["1"], next: x}, x: {type: transfer_to_agent}}')
    assert call.start().commands(JoinQueue)[0].queue is None


@pytest.mark.parametrize("value", ["0", "11", "2.5", "true", "high"])
def test_a_priority_is_from_1_to_10(value: str) -> None:
    with pytest.raises(ValidationError):
        TransferToAgentElement.model_validate(
            {"type": "transfer_to_agent", "priority": {"true": True, "2.5": 2.5}.get(value, value)}
        )


def test_a_priority_that_has_no_value_is_left_out() -> None:
    call = desk('priority: "{{ len(language) * 50 }}"')
    assert call.join.priority is None
    assert any("priority" in note for note in call.notes)


# What is heard


def test_greeting_then_music_then_announcements_with_music_between() -> None:
    call = desk().joined()
    assert call.playing == "Hello."
    call.wait(2.5)
    assert call.playing == "music"
    call.wait(18.0)
    assert call.playing == "Please wait."
    call.wait(2.0)
    assert call.playing == "music"
    call.wait(20.0)
    assert call.said.count("Please wait.") == 2


def test_music_loops_and_nothing_wakes_up_in_between() -> None:
    call = desk().joined(greeting=None, announcements=[], max_wait=None)
    [play] = call.commands(Play)
    assert (play.prompts[0].value, play.loop) == ("music", 0)
    assert call.machine._deadline is None


def test_without_music_there_is_silence_between_announcements() -> None:
    call = desk().joined(music=False).wait(30.0)
    assert call.said == ["Hello.", "Please wait."]


def test_music_of_its_own() -> None:
    assert desk().joined(greeting=None, music={"file": "hold.wav"}).said == ["hold.wav"]


def test_music_that_cannot_be_played_is_not_tried_for_ever() -> None:
    call = desk().joined(greeting=None, announcements=[])
    call.send(PlayDone(call.commands(Play)[0].id, 0.0, "failed"))
    call.wait(100.0)
    assert len(call.commands(Play)) == 1
    assert call.notes


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("ordinal", ["You are fourth in line.", "You are second in line.", "You are next in line."]),
        (
            "cardinal",
            ["There are three callers before you.", "There is one caller before you.", "You are next in line."],
        ),
    ],
)
def test_the_place_is_said_when_it_changes(form: str, words: list[str]) -> None:
    call = desk().joined(4, greeting=None, announcements=[], position=form)
    call.wait(10.0)
    call.send(QueuePosition(call.join.id, 3)).wait(5.0)
    call.send(QueuePosition(call.join.id, 2)).wait(60.0)
    call.send(QueuePosition(call.join.id, 1)).wait(60.0)
    assert [text for text in call.said if text != "music"] == words


def test_the_adaptive_form_says_good_news_alone_and_rounds() -> None:
    call = desk().joined(70, greeting=None, announcements=[], position="adaptive", max_wait=None)
    for position in (70, 62, 45, 48, 22, 18, 6, 7, 4, 5, 3):
        call.send(QueuePosition(call.join.id, position)).wait(40.0)
    assert [text for text in call.said if text != "music"] == [
        "There are about fifty callers before you.",
        "There are about thirty callers before you.",
        "There are about twenty callers before you.",
        "There are about five callers before you.",
        "You are fourth in line.",
        "You are third in line.",
    ]


def test_the_likely_wait_is_said_in_rounded_words_in_the_callers_language() -> None:
    call = Desk(
        """
variables: {language: de}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: people}
  people: {type: transfer_to_agent, queue: support, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
    )
    call.start()
    call.joined(3, 400.0, greeting=None, announcements=[], position="ordinal", estimate=True)
    assert call.said == ["Sie sind an dritter Stelle. Die Wartezeit beträgt etwa zehn Minuten."]
    assert call.commands(Play)[0].prompts[0].language == "de"


def test_an_agent_who_answers_in_the_greeting_ends_all_sound() -> None:
    call = desk().joined().wait(1.0).answered()  # type: ignore[attr-defined]
    assert call.playing is None
    assert [type(command).__name__ for _, command in call.log][-1] == "StopPlay"
    call.wait(100.0)
    assert call.playing is None


# Ways out


def test_an_agent_answers_and_leaves() -> None:
    call = desk().joined(3)
    call.wait(12.0)
    call.send(AgentRinging(call.join.id, "anna"))
    call.answered().wait(30.0)
    call.done("forwarded", talk_time=30.0, waited=12.0)
    assert call.path == ["start", "people", "after"]
    assert call.machine.cause == "forwarded"
    assert (call.result["agent"], call.result["talk_time"], call.result["waited"]) == ("anna", 30.0, 12.0)
    details = call.details("people")
    assert details["offers"] == [{"agent": "anna", "at": 12.0}]
    assert details["positions"] == [{"position": 3, "at": 0.0}]
    assert call.left == []
    assert call.machine._ctx.handed.waits[0].outcome == "forwarded"


def test_the_caller_comes_back_when_the_agent_leaves() -> None:
    call = desk("after: return").joined().answered()
    call.done("forwarded", talk_time=3.0)
    assert call.path[-1] == "survey"


def test_the_caller_hangs_up_in_the_talk() -> None:
    call = desk().joined().answered()
    call.wait(7.0)
    call.hang_up()
    assert call.path == ["start", "people", "after"]
    assert call.machine.cause == "forwarded"
    assert call.result["talk_time"] == 7.0


@pytest.mark.parametrize("outcome", ["closed", "full", "no_agents", "error"])
def test_a_caller_who_may_not_wait(outcome: str) -> None:
    call = desk().done(outcome)
    assert call.path == ["start", "people", "sorry"]
    assert call.result["reason"] == outcome
    assert call.left == []


def test_the_away_message_is_heard_first() -> None:
    call = desk().done("closed", message=Sound(text="We are closed."))
    assert call.playing == "We are closed."
    assert call.path[-1] == "people"
    call.wait(2.0)
    assert call.path[-1] == "sorry"


def test_the_longest_wait_ends_with_its_message() -> None:
    call = desk().joined()
    call.wait(300.0)
    assert call.left == ["max_wait"]
    call.done("max_wait", waited=300.0)
    assert call.playing == "Nobody was free."
    call.wait(2.0)
    assert call.path[-1] == "sorry"
    assert call.result["reason"] == "max_wait"


def test_the_element_can_shorten_the_wait() -> None:
    call = desk("max_wait: 10s").joined().wait(10.0)
    assert call.left == ["max_wait"]  # type: ignore[attr-defined]


def test_an_agent_who_is_quicker_than_the_longest_wait_has_the_call() -> None:
    call = desk().joined()
    call.wait(300.0)
    call.answered().wait(5.0)
    call.done("forwarded", talk_time=5.0)
    assert call.path[-1] == "after"


def test_the_key_to_leave() -> None:
    call = desk().joined()
    call.press("9").press("0")
    assert call.left == ["key_exit"]
    call.done("key_exit")
    assert (call.result["reason"], call.result["key"]) == ("key_exit", "leave")
    assert [key["key"] for key in call.details("people")["keys"]] == ["0"]


def test_keys_pressed_before_count_not() -> None:
    call = Desk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: Hello, interruptible: true, next: people}
  people: {type: transfer_to_agent, queue: support, branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
    )
    call.start()
    call.press("0")
    call.joined()
    assert call.left == []


def test_a_message_for_the_queue() -> None:
    call = desk().joined()
    call.press("1")
    assert call.left == ["key_exit"]
    call.done("key_exit", waited=3.0)
    call.wait(2.0)
    call.speak(8.0)
    call.wait(6.0)
    [message] = call.commands(DeliverVoicemail)
    assert (message.queue, message.seconds, message.caller) == ("support", 8.0, "+15550199")
    assert call.result["recording"] == message.recording
    assert (call.result["reason"], call.result["key"], call.path[-1]) == ("key_exit", "voicemail", "sorry")


def test_a_message_of_a_caller_who_hangs_up_is_kept() -> None:
    call = desk().joined()
    call.press("1")
    call.done("key_exit").wait(3.0)
    call.call.speak(5.0)
    call.wait(5.0)
    call.hang_up()
    assert len(call.commands(DeliverVoicemail)) == 1
    assert call.path[-1] == "gone"


def test_the_call_back_to_the_callers_number() -> None:
    call = desk().joined()
    call.press("2")
    assert call.playing == (
        "We will call you back on plus 1 5, 5 5 0, 1 9 9. If that is right, press 1. For another number, press 2."
    )
    call.press("1")
    say = PromptSpec("text", phrases_of("en").words.called_back, "en")
    assert call.commands(KeepCallback) == [KeepCallback(call.join.id, "+15550199", say, "en")]
    assert call.left == ["callback_scheduled"]
    call.done("callback_scheduled", callback="c7")
    call.wait(2.0)
    assert (call.result["number"], call.result["callback"]) == ("+15550199", "c7")
    assert call.said[-1].startswith("Thank you.")
    assert call.path[-1] == "sorry"


def test_the_call_back_to_another_number() -> None:
    call = desk().joined()
    call.press("2").wait(2.5).press("2").wait(2.5).press("0301234#").wait(2.5).press("1")
    assert [command.number for command in call.commands(KeepCallback)] == ["0301234"]


def test_a_caller_who_wants_no_call_back_after_all_keeps_his_place() -> None:
    call = desk().joined()
    call.press("2").wait(30.0)
    assert call.commands(KeepCallback) == call.commands(LeaveQueue) == []
    assert "You keep your place in line." in call.said
    assert call.playing == "music"
    assert call.machine.element == "people"


def test_who_books_a_call_back_is_not_thrown_out_by_the_longest_wait() -> None:
    call = desk().joined()
    call.wait(299.0).press("2").wait(6.0)
    assert call.left == []
    call.press("1")
    assert [command.number for command in call.commands(KeepCallback)] == ["+15550199"]
    assert call.left == ["callback_scheduled"]


def test_the_longest_wait_is_over_at_once_when_no_call_back_was_booked() -> None:
    call = desk().joined()
    call.wait(299.0).press("2").wait(30.0)
    assert call.left == ["max_wait"]
    assert call.said[-1] != "music", "it is not begun again before"
    call.done("max_wait")
    call.wait(2.0)
    assert call.said[-1] == "Nobody was free."
    assert call.result["reason"] == "max_wait"


def test_asking_for_a_number_has_an_end() -> None:
    call = desk().joined()
    call.wait(250.0).press("2").wait(1.0).press("2")
    for _ in range(100):  # a key every two seconds, and no number is ever complete
        if not call.left:
            call.press("7*" if "Please key in" in (call.playing or "") else "7").wait(2.0)
    assert call.commands(KeepCallback) == []
    assert call.left == ["max_wait"]
    assert call.now <= 250.0 + BOOKING_SECONDS + 25.0


def test_keys_pressed_ahead_begin_no_booking_after_the_longest_wait() -> None:
    call = desk().joined()
    call.wait(299.0).press("2").wait(15.0).press("2222")
    call.wait(30.0)
    assert call.left == ["max_wait"]


def test_a_caller_without_a_number_is_asked_for_one() -> None:
    call = desk()
    call.call.machine._ctx.call = type(call.call.call_info)("c", "", "100", call.call.call_info.started_at, short_id=7)
    call.joined()
    call.press("2")
    assert call.playing is not None
    assert call.playing.startswith("Please key in the number")


def test_no_call_back_is_promised_to_a_number_that_cannot_be_called() -> None:
    call = desk().joined()
    call.call._queues._answer = AgentAnswer(callable=(False, False, True))
    call.press("2")
    assert call.playing is not None
    assert call.playing.startswith("Please key in the number"), "his own cannot be called"
    call.wait(2.5).press("999#")
    assert call.playing == "We cannot call that number."
    call.wait(2.5).press("0301234#").wait(2.5).press("1")
    assert [command.number for command in call.commands(JudgeNumber)] == ["+15550199", "999", "0301234"]
    assert [command.number for command in call.commands(KeepCallback)] == ["0301234"]
    assert [each["callable"] for each in call.details("people")["numbers"]] == [False, False, True]


def test_a_caller_without_a_number_that_can_be_called_keeps_his_place() -> None:
    call = desk().joined()
    call.call._queues._answer = AgentAnswer(callable=(False,))
    call.press("2")
    for number in ("999#", "112#", "0301234#"):
        call.wait(2.5).press(number)
    call.wait(5.0)
    assert call.commands(KeepCallback) == call.commands(LeaveQueue) == []
    assert call.said.count("We cannot call that number.") == 3
    assert "You keep your place in line." in call.said
    assert call.playing == "music"


def test_an_agent_may_answer_while_it_is_judged_whether_a_number_can_be_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Queues, "judge", lambda self, command: None)
    call = desk().joined()
    call.press("2").wait(1.0)
    call.answered()
    call.wait(4.0)
    call.done("forwarded", talk_time=4.0)
    assert call.path[-1] == "after"


def test_a_number_of_which_nothing_is_ever_said_is_not_promised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Queues, "judge", lambda self, command: None)
    call = desk().joined()
    call.press("2").wait(6.0)
    assert "Please key in the number that we are to call, and then press the pound key." in call.said
    assert call.notes == ["it was never said whether a number can be called back"]


def test_an_agent_may_answer_while_the_number_is_asked_for() -> None:
    call = desk().joined()
    call.press("2").wait(1.0)
    call.answered()
    assert call.playing is None
    call.wait(4.0)
    call.done("forwarded", talk_time=4.0)
    assert call.path[-1] == "after"
    assert call.commands(KeepCallback) == []


def test_a_call_back_that_cannot_be_kept() -> None:
    call = desk().joined()
    call.press("21")
    call.done("error", text="no room")
    call.wait(2.0)
    assert call.said[-1] == "We are sorry, we cannot call you back."
    assert call.result["reason"] == "error"


def test_asking_for_the_number_at_once() -> None:
    call = desk("callback_first: true").joined()
    call.wait(0.1)
    assert call.playing is not None
    assert call.playing.startswith("We will call you back")
    call.press("1")
    call.done("callback_scheduled", callback="c1")
    call.wait(2.0)
    assert call.result["reason"] == "callback_scheduled"


@pytest.mark.parametrize("when", ["joining", "greeting", "music", "asking", "leaving"])
@pytest.mark.parametrize("cause", ["user_hung_up", "network"])
def test_a_caller_who_hangs_up_is_accounted_for(when: str, cause: Any) -> None:
    call = desk()
    if when != "joining":
        call.joined()
    if when == "music":
        call.wait(5.0)
    elif when == "asking":
        call.press("2")
    elif when == "leaving":
        call.press("0")
    call.hang_up(cause)
    assert call.path == ["start", "people", "gone"]
    assert call.machine._ctx.handed.waits[0].outcome == "abandoned"
    assert call.details("people")["outcome"] == "abandoned"
    assert call.machine.finished


def test_a_queue_that_says_nothing_costs_the_caller_ten_seconds() -> None:
    call = desk()
    call.wait(10.0)
    assert call.path[-1] == "sorry"
    assert call.machine.result["reason"] == "error"
    assert call.commands(LeaveQueue)


def test_a_queue_that_does_not_let_go() -> None:
    call = desk().joined()
    call.press("0").wait(5.0)
    assert call.path[-1] == "sorry"
    assert call.result["reason"] == "key_exit"


def test_events_of_other_visits_are_passed_over() -> None:
    call = desk().joined()
    call.send(QueueDone(99, "closed")).send(AgentAnswered(99, "x"))
    assert call.machine.element == "people"


def test_a_call_that_is_moved_out_of_the_queue_remembers_its_wait() -> None:
    call = desk().joined()
    call.wait(20.0)
    other = make_flow("elements: {start: {type: start_from_flow, next: bye}, bye: {type: hang_up}}", "other")
    call.send(Moved(other, "start", "api"))
    assert call.left == ["cancelled"]
    assert [(wait.queue, wait.seconds, wait.outcome) for wait in call.machine._ctx.handed.waits] == [
        ("support", 20.0, "cancelled")
    ]


def test_places_that_would_not_be_said_in_other_words_fill_no_trace() -> None:
    call = desk().joined(3, 100.0)
    for seconds in (101.0, 99.0, 102.0, 20.0, 21.0):
        call.send(QueuePosition(call.join.id, 3, seconds))
    assert [place["estimate"] for place in call.details("people")["positions"]] == [100.0, 20.0]


# Early media


def test_an_agent_answers_a_call_in_early_media() -> None:
    call = desk(answer="answer: early_media,").joined()
    assert "Answer" not in call.names
    call.answered()
    assert "Answer" in call.names


# Failover


def test_what_is_tried_next() -> None:
    call = desk(failover='[{forward: "phone:200", timeout: 9s}, {voicemail: true, prompt: Sorry}]').done("closed")
    call.wait(0.5)
    call.call.forward_result("busy")
    call.wait(2.0)
    call.speak(4.0)
    call.wait(10.0)
    assert call.path[-1] == "cared"
    assert call.result["reason"] == "closed"
    assert call.result["failover"] == "voicemail"
    assert call.result["tried"] == [
        {"kind": "forward", "reason": "busy"},
        {"kind": "voicemail", "reason": "voicemail_recorded"},
    ]
    assert call.result["recording"]
    assert [(one.queue, one.seconds) for one in call.commands(DeliverVoicemail)] == [("support", 4.0)]
    assert call.call.forwards[0].targets == ("phone:200",)


def test_a_member_takes_the_call_over() -> None:
    call = desk(failover='[{forward: "phone:200"}]').done("full")
    call.wait(0.5)
    call.call.forward_result("answered")
    call.wait(1.0)
    call.call.forward_result("left")
    assert call.path[-1] == "after"
    assert call.machine.cause == "forwarded"


def test_nobody_of_the_chain_takes_it() -> None:
    call = desk(failover='[{forward: "phone:200"}]').done("full")
    call.wait(0.5)
    call.call.forward_result("declined")
    assert call.path[-1] == "sorry"
    assert call.result["failover"] == ""
    assert call.result["tried"] == [{"kind": "forward", "reason": "declined"}]


def test_a_caller_who_leaves_by_key_goes_not_through_the_chain() -> None:
    call = desk(failover="[{voicemail: true}]").joined()
    call.press("0")
    call.done("key_exit")
    assert call.path[-1] == "sorry"


def test_the_caller_hangs_up_in_a_member() -> None:
    call = desk(failover='[{forward: "phone:200"}]').done("full")
    call.wait(0.5)
    call.hang_up()
    assert call.path[-1] == "gone"


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ("[{}]", "exactly one of"),
        ("[{queue: a, voicemail: true}]", "exactly one of"),
        ("[{queue: a, timeout: 0}]", "greater than 0"),
        ("[{forward: a, timeout: 2h}]", "600"),
        ("[{queue: {queue: a, failover: []}}]", "no place"),
        ("[{queue: {queue: a, max_wait: 1m}, timeout: 1m}]", "leave out one of them"),
        ("[{voicemail: {colour: red}}]", "colour"),
        ("[{nobody: a}]", "exactly one of"),
    ],
)
def test_a_chain_that_makes_no_sense(chain: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        desk(failover=chain)


def test_the_end_of_the_call_is_no_news_after_the_end() -> None:
    call = desk().done("closed")
    call.finish()
    call.send(CallEnded("user_hung_up"))
    assert [type(command) for command in call.commands(HangUp)] == [HangUp]
    assert call.commands(StopPlay) == []
