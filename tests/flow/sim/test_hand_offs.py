"""Hand-offs of simulated calls: stubs, steps, what they leave behind, and transcripts."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.sim import AgentAnswer, AiAnswer, ApplicationAnswer, QueueBook, Stubs, Surroundings, parse_script, tell
from ivr.flow.sim.report import data
from ivr.settings import AiAgent, Queue, WaitingKeys, WaitingStrategy
from tests.flow.sim.kit import call

DESK = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: people}
  people: {type: transfer_to_agent, queue: support, after: return, branches: {returned: bye, call_not_forwarded: sorry}}
  sorry: {type: hang_up, prompt: Sorry.}
  bye: {type: hang_up}
"""
BOT = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bot}
  bot: {type: transfer_to_ai_agent, agent: front, next: bye}
  bye: {type: hang_up}
"""
APPLICATION = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: web}
  web: {type: transfer_to_voice_application, application: crm, branches: {returned: bye, call_not_transferred: bye}}
  bye: {type: hang_up}
"""
STRATEGY = WaitingStrategy.model_validate(
    {"greeting": "Hello.", "keys": {"leave": "0"}, "max_wait": "1m", "position": "ordinal"}
)
AROUND = Surroundings(
    QueueBook({"support": Queue(waiting="calm"), "night": Queue()}, {"calm": STRATEGY}),
    {"front": AiAgent(url="wss://bot.example/", filler="One moment.")},
)


def test_without_a_stub_an_agent_answers_and_leaves() -> None:
    found = call(DESK, surroundings=AROUND).start().run()
    [visit] = found.queued
    assert (visit.queue, visit.outcome, visit.agent, visit.waited, visit.talk_time) == (
        "support",
        "forwarded",
        "agent",
        5.0,
        30.0,
    )
    assert found.path[-1] == "bye"
    assert found.said[0].text == "Hello."
    assert [line.text for line in tell(found) if line.who == "world"] == [
        "asks for an agent of support",
        "agent answers after 5.0 s in the queue support",
        "after 30.0 s of talk with agent: forwarded",
    ]


@pytest.mark.parametrize("result", ["closed", "full", "no_agents", "error"])
def test_callers_who_may_not_wait(result: Any) -> None:
    found = call(DESK, stubs=Stubs(agents=(AgentAnswer("support", result),)), surroundings=AROUND).start().run()
    assert found.queued[0].outcome == result
    assert found.path[-1] == "sorry"


def test_places_change_and_nobody_answers() -> None:
    stubs = Stubs(agents=(AgentAnswer("people", "waits", position=3, positions=((20.0, 2, None),)),))
    found = call(DESK, stubs=stubs, surroundings=AROUND).start().run()
    assert found.queued[0].positions == [3, 2]
    assert (found.queued[0].outcome, found.queued[0].waited) == ("max_wait", 60.0)
    assert [said.text for said in found.said if said.kind == "text"] == [
        "Hello.",
        "You are third in line.",
        "You are second in line.",
        "Sorry.",
    ]


def test_steps_of_a_script() -> None:
    steps = [{"agent": "support", "result": "waits"}, {"position": 4, "after": "5s"}, {"at": "people", "press": "0"}]
    found = parse_script(steps).run(call(DESK, surroundings=AROUND))
    assert found.unused_steps == ()
    assert (found.queued[0].outcome, found.queued[0].positions) == ("key_exit", [1, 4])


@pytest.mark.parametrize(("answers", "kept"), [(False, ""), ([False, True], "0301234"), (True, "+15550199")])
def test_callers_are_called_back_where_they_can_be(answers: Any, kept: str) -> None:
    book = QueueBook({"support": Queue(waiting="keys")}, {"keys": WaitingStrategy(keys=WaitingKeys(callback="2"))})
    steps = [
        {"agent": "support", "result": "waits", "callable": answers},
        {"at": "people", "press": "2", "after": "5s"},
        *(
            [{"press": "1"}]
            if answers is True
            else [{"after": "4s", "press": "0301234#"}, {"after": "4s", "press": "1"}]
        ),
        {"after": "40s", "hang_up": True},
    ]
    found = parse_script(steps).run(call(DESK, surroundings=Surroundings(book)))
    assert found.queued[0].callback == kept
    assert found.queued[0].outcome == ("callback_scheduled" if kept else "abandoned")


def test_a_place_that_changes_where_nobody_waits_is_never_done() -> None:
    found = parse_script([{"position": 4}]).run(call(BOT))
    assert len(found.unused_steps) == 1


def test_the_caller_leaves_the_talk() -> None:
    found = parse_script([{"agent": "people", "then": "hang_up", "talk": "7s"}]).run(call(DESK, surroundings=AROUND))
    assert (found.queued[0].talk_time, found.cause) == (7.0, "forwarded")


def test_a_queue_that_does_not_exist() -> None:
    found = call(DESK.replace("queue: support", "queue: nowhere"), surroundings=AROUND).start().run()
    assert found.queued[0].outcome == "error"


def test_routes_say_where_callers_wait_for_whom_no_queue_is_named() -> None:
    book = QueueBook(AROUND.queues.queues, {}, lambda facts, now: "night" if facts["to"] == "100" else None)
    found = call(DESK.replace("queue: support, ", ""), surroundings=Surroundings(book)).start().run()
    assert found.queued[0].queue == "night"
    found = call(DESK.replace("queue: support, ", "")).start().run()
    assert found.queued[0].queue == "default"


def test_an_ai_agent_with_the_configured_filler() -> None:
    stubs = Stubs(ai_agents=(AiAnswer("front", "completed", connects=2.0, summary="S"),))
    found = call(BOT, stubs=stubs, surroundings=AROUND).start().run()
    [talk] = found.handed_over
    assert (talk.kind, talk.to, talk.reason, talk.taken_at, talk.talk_time) == (
        "ai_agent",
        "front",
        "completed",
        2.0,
        20.0,
    )
    assert [said.text for said in found.said] == ["One moment."]
    assert found.machine.result["summary"] == "S"


def test_keys_go_to_the_ai_agent() -> None:
    found = call(BOT, surroundings=AROUND).start().wait(5.0).press("1").run()
    assert found.machine._ctx.inputs == 1  # the talk itself
    assert found.path[-1] == "bye"


def test_a_key_asks_the_ai_agent_for_a_person() -> None:
    agents = {"front": AiAgent(url="ws://bot.example/", human_key="0")}
    around = Surroundings(AROUND.queues, agents, AROUND.applications)
    found = call(BOT, surroundings=around).start().wait(5.0).press("1").press("0")
    assert found.handed_over[0].reason == "caller_requested_human"
    assert found.path[-1] == "bye"


def test_an_ai_agent_that_does_not_exist_is_not_started() -> None:
    found = call(BOT.replace("front", "nobody"), surroundings=AROUND).start().run()
    assert found.handed_over[0].reason == "not_started"


def test_the_flow_limits_a_talk() -> None:
    found = call(BOT.replace("agent: front", "agent: front, max_duration: 3s"), surroundings=AROUND).start().run()
    assert (found.handed_over[0].reason, found.handed_over[0].talk_time) == ("max_duration", 3.0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ApplicationAnswer(), "released"),
        (ApplicationAnswer(result="rejected"), "rejected"),
        (ApplicationAnswer(caller_leaves=True), "caller_left"),
    ],
)
def test_applications(answer: ApplicationAnswer, reason: str) -> None:
    found = call(APPLICATION, stubs=Stubs(applications=(answer,))).start().run()
    assert found.handed_over[0].reason == reason
    assert found.finished


def test_an_application_that_speaks_twiml_is_asked_for_documents() -> None:
    stubs = Stubs(applications=(ApplicationAnswer(url="https://app.example/voice"),))
    found = call(APPLICATION, stubs=stubs).start().run()
    assert [request.url for request in found.requests] == ["https://app.example/voice"]


def test_everything_is_plain_data() -> None:
    found = parse_script([{"agent": "support"}]).run(call(DESK, surroundings=AROUND))
    assert data(found)["queued"][0]["packet"]["version"] == 1


def test_by_hand() -> None:
    found = call(DESK, stubs=Stubs(manual=True), surroundings=AROUND).start().wait(0.0)
    assert found.waiting is not None
    assert (found.waiting.kind, found.queue_keys) == ("agent", {"0": "leave"})
    assert not found.agent_result("left")
    assert found.agent_result("answered")
    assert found.queue_keys == {}
    found.wait(4.0)
    assert found.agent_result("left")
    assert found.path[-1] == "bye"
    assert not found.agent_result("answered")
    assert not found.ai_result("completed")
    assert not found.application_result("taken")
    assert not found.queue_place(2)
