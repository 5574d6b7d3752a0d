"""transfer_to_ai_agent: filler, reasons, what it found out, and every way out."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.ports import (
    AiAgentConnecting,
    AiAgentDone,
    AiAgentSpoke,
    AiAgentStarted,
    AiAgentTold,
    HangUp,
    JoinQueue,
    Play,
    StartAiAgent,
    StopAiAgent,
    StopPlay,
)
from tests.kit.flow import Talk

REASONS = [
    "completed",
    "transfer_requested",
    "caller_requested_human",
    "no_input_timeout",
    "max_duration",
    "not_started",
    "endpoint_error",
    "endpoint_closed",
]


def bot(fields: str = "", branches: str = "", answer: str = "", **options: Any) -> Talk:
    """A call with an AI agent that the test answers for."""
    extra = "".join(f"\n    {line}" for line in fields.splitlines())
    call = Talk(
        f"""
variables: {{order: "", mood: "", pin: "1"}}
sensitive: [pin]
shareable: [order]
elements:
  start: {{type: start_incoming_call, numbers: ["100"], {answer} next: helper}}
  helper:
    type: transfer_to_ai_agent
    agent: front{extra}
    next: back
    branches: {{user_hung_up: gone, call_ended: over{branches}}}
  back: {{type: transfer_to_agent, queue: support, branches: {{call_not_forwarded: bye}}}}
  people: {{type: hang_up}}
  cared: {{type: hang_up}}
  bye: {{type: hang_up}}
  gone: {{type: tag, tags: left}}
  over: {{type: tag, tags: over}}
""",
        **options,
    )
    call.start()
    call.call._takers.command = None
    for due in call.call._takers._due:
        due[2] = None
    return call


def command(call: Talk) -> StartAiAgent:
    return call.commands(StartAiAgent)[0]  # type: ignore[no-any-return]


def done(call: Talk, reason: Any, **more: Any) -> Talk:
    return call.send(AiAgentDone(command(call).id, reason, **more))


def test_the_command_says_everything() -> None:
    call = bot(
        """parameters: {language: en, code: "{{ pin }}", many: "{{ [1, 2] }}"}
metadata: {secret: "{{ pin }}"}
connect_timeout: 3s
max_duration: 2m
record: true
origin: Desk"""
    )
    found = command(call)
    assert (found.agent, found.connect_timeout, found.max_duration, found.record_name) == (
        "front",
        3.0,
        120.0,
        "ai-agent-7",
    )
    assert found.parameters == {"language": "en", "code": "1", "many": [1, 2]}
    assert found.secret
    assert (found.packet["origin"], found.packet["metadata"]) == ("Desk", {"secret": "xxxx"})


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_takes_its_branch_else_returned(reason: str) -> None:
    assert done(bot(), reason).path == ["start", "helper", "back"]
    named = done(bot(branches=f", {reason}: people"), reason)
    assert named.path == ["start", "helper", "people"]
    assert named.branches[1] == reason


def test_what_it_found_out_is_kept_and_told_to_the_next() -> None:
    call = bot("save: {order: order_number, mood: mood}")
    done(
        call,
        "completed",
        summary="Wants a refund.",
        target="billing",
        transcript=({"role": "user", "text": "Hello"},),
        variables={"order_number": "4711", "x": 1},
        talk_time=12.0,
    )
    assert (call.machine.variables["order"], call.machine.variables["mood"]) == ("4711", None)
    result = dict(call.machine.result)
    assert result["reason"] == "completed"
    packet = call.commands(JoinQueue)[0].packet
    assert packet["variables"] == {"order": "4711"}
    assert packet["ai"] == {
        "agent": "front",
        "reason": "completed",
        "target": "billing",
        "summary": "Wants a refund.",
        "transcript": [{"role": "user", "text": "Hello"}],
    }


def test_results() -> None:
    call = bot(branches=", completed: people")
    done(call, "completed", summary="S", target="T", variables={"a": 1}, talk_time=2.0, text="X")
    result = call.machine.result
    assert {name: result[name] for name in ("status", "reason", "summary", "target", "talk_time", "text")} == {
        "status": "completed",
        "reason": "completed",
        "summary": "S",
        "target": "T",
        "talk_time": 2.0,
        "text": "X",
    }
    assert dict(result["variables"]) == {"a": 1}


def test_what_becomes_secret_stands_in_no_trace() -> None:
    call = bot("save: {pin: code}", branches=", completed: people")
    done(call, "completed", summary="The PIN is 4711", variables={"code": "4711"})
    assert "4711" not in str(call.machine.path())
    assert call.machine._ctx.variable("pin") == "4711"


# What is heard


def test_music_fills_the_time_until_it_speaks() -> None:
    call = bot().wait(0.5)
    assert call.said == []
    call.wait(1.0)
    assert call.said == ["music"]
    call.send(AiAgentStarted(command(call).id))
    assert call.commands(StopPlay) == []
    call.send(AiAgentSpoke(command(call).id))
    assert len(call.commands(StopPlay)) == 1
    call.wait(60.0)
    assert call.said == ["music"]


def test_who_speaks_at_once_is_not_announced_by_a_scrap_of_music() -> None:
    call = bot().wait(0.5)
    call.send(AiAgentStarted(command(call).id)).send(AiAgentSpoke(command(call).id)).wait(30.0)
    assert call.commands(Play) == []


def test_the_configured_filler_unless_the_flow_says_something_else() -> None:
    call = bot()
    call.send(AiAgentConnecting(command(call).id, "One moment.")).wait(2.0)
    assert call.said == ["One moment."]
    call = bot("filler: {text: Hold on.}")
    call.send(AiAgentConnecting(command(call).id, "One moment.")).wait(2.0)
    assert call.said == ["Hold on."]
    call = bot("filler: none")
    call.wait(5.0)
    assert call.said == []


def test_the_filler_comes_again_while_a_lost_connection_is_made_anew() -> None:
    call = bot().wait(2.0)
    number = command(call).id
    call.send(AiAgentStarted(number)).send(AiAgentSpoke(number)).wait(5.0)
    call.send(AiAgentConnecting(number)).wait(2.0)
    assert call.said == ["music", "music"]
    call.send(AiAgentSpoke(number))
    assert len(call.commands(StopPlay)) == 2


def test_an_ai_agent_answers_a_call_in_early_media_once_it_is_connected() -> None:
    call = bot(answer="answer: early_media,")
    assert "Answer" not in call.names
    call.send(AiAgentStarted(command(call).id))
    assert "Answer" in call.names
    call = bot(answer="answer: early_media,")
    done(call, "not_started")
    assert "Answer" not in call.names


# Ways out


def test_an_ai_agent_that_hangs_up_ends_the_call() -> None:
    call = done(bot(), "completed", end_call=True)
    assert call.path[-1] == "over"
    assert call.machine.cause == "ended_by_api"
    assert call.commands(HangUp)[0].cause == "ended_by_api"


@pytest.mark.parametrize(("cause", "last"), [("user_hung_up", "gone"), ("network", "over")])
def test_the_caller_leaves(cause: Any, last: str) -> None:
    call = bot().wait(2.0)
    call.send(AiAgentStarted(command(call).id)).wait(5.0)
    call.hang_up(cause)
    assert call.path[-1] == last
    assert call.commands(StopAiAgent) == [StopAiAgent(command(call).id)]
    assert call.details("helper")["talk_time"] == 5.0


def test_what_is_known_of_a_talk_that_is_cut_off_is_told_to_who_comes_next() -> None:
    call = bot()
    turns = ({"role": "user", "text": "A refund"},)
    call.send(AiAgentTold(command(call).id, "Wants a refund", turns))
    call.hang_up()
    ai = call.machine._ctx.handed.ai
    assert ai is not None and (ai.agent, ai.reason, ai.summary, ai.transcript) == (
        "front",
        "caller_left",
        "Wants a refund",
        turns,
    )


def test_an_ai_agent_of_which_nothing_is_heard() -> None:
    call = bot("max_duration: 1m", branches=", endpoint_error: people")
    call.wait(200.0)
    assert call.path[-1] == "people"
    assert call.commands(StopAiAgent)


def test_a_name_without_a_value_is_not_started() -> None:
    call = Talk(
        """
variables: {who: ""}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: helper}
  helper: {type: transfer_to_ai_agent, agent: "{{ who }}", next: bye}
  bye: {type: hang_up}
"""
    ).start()
    assert call.path[-1] == "bye"
    assert call.machine.steps[1].branch == "not_started"


def test_events_of_other_talks_are_passed_over() -> None:
    call = bot()
    call.send(AiAgentDone(99, "completed"))
    assert call.machine.element == "helper"


# Failover


@pytest.mark.parametrize("reason", ["not_started", "endpoint_error", "endpoint_closed"])
def test_what_is_tried_next_where_it_is_of_no_use(reason: str) -> None:
    call = bot("failover: [{queue: support}]", branches=", failed_over: cared")
    done(call, reason)
    call.wait(0.5)
    assert call.commands(JoinQueue)[0].packet["ai"]["reason"] == reason
    call.call.agent_result("answered")
    call.wait(3.0)
    call.call.agent_result("left")
    assert call.machine.cause == "forwarded"
    assert call.branches[1] == "call_forwarded"


def test_a_reason_of_the_conversation_goes_not_through_the_chain() -> None:
    call = done(bot("failover: [{queue: support}]", branches=", transfer_requested: people"), "transfer_requested")
    assert call.path[-1] == "people"
    assert call.commands(JoinQueue) == []


def test_another_ai_agent_of_the_chain() -> None:
    call = bot("failover: [{ai_agent: second, timeout: 2s}]", branches=", failed_over: cared")
    done(call, "endpoint_error")
    second = call.commands(StartAiAgent)[1]
    assert (second.agent, second.connect_timeout) == ("second", 2.0)
    call.wait(0.1)
    call.call.ai_result("completed", summary="Done")
    assert call.path[-1] == "cared"
    assert call.machine.result["failover"] == "ai_agent"
    assert call.machine.result["summary"] == "Done"


def test_nobody_of_the_chain_takes_it_so_the_reason_is_that_of_the_first() -> None:
    call = bot("failover: [{queue: support}]", branches=", endpoint_error: people")
    done(call, "endpoint_error")
    call.wait(0.1)
    call.call.agent_result("no_agents")
    assert call.path[-1] == "people"
    assert call.machine.result["tried"] == [{"kind": "queue", "reason": "no_agents"}]


# Documents that it leaves behind


def test_it_leaves_a_document_behind() -> None:
    call = bot(branches=", completed: people")
    done(call, "completed", twiml="<Response><Say>Goodbye.</Say><Hangup/></Response>")
    call.wait(10.0)
    assert call.said == ["Goodbye."]
    assert call.path[-1] == "over"


def test_the_key_of_the_call_goes_where_it_is_sent_and_is_shown_nowhere() -> None:
    call = bot('parameters: {uuid: "{{ call.key }}"}\nmetadata: {key: "{{ call.key }}"}')
    found = command(call)
    assert len(found.parameters["uuid"]) == 36 and found.secret
    assert found.packet["metadata"] == {"key": "xxxx"}
    assert found.parameters["uuid"] not in str(done(call, "completed").details("helper"))
