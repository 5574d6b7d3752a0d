"""What the trace of a call tells of its hand-offs: who took it, why it came back, how long that took."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.flow.sim import AgentAnswer, AiAnswer, ApplicationAnswer, ForwardAnswer, HttpAnswer, SimulatedCall, Stubs
from tests.flow.sim.kit import call

CHAIN = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bot}
  bot:
    type: transfer_to_ai_agent
    agent: front
    failover:
      - {queue: support, timeout: 20s, prompt: Please hold the line.}
      - {voicemail: {max_silence: 3s}}
    branches: {failed_over: bye, not_started: bye}
    next: bye
  bye: {type: hang_up}
"""

EACH = """
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: it}}
  it: {{{fields}, next: bye}}
  bye: {{type: hang_up}}
"""
PEOPLE = "type: transfer_to_agent, queue: support, after: return, branches: {call_not_forwarded: bye}"
AGENT = EACH.format(fields=PEOPLE)
BOT = EACH.format(fields="type: transfer_to_ai_agent, agent: front")
WEB = EACH.format(fields="type: transfer_to_voice_application, application: crm")


def _step(found: SimulatedCall, element: str) -> dict[str, Any]:
    return next(step.details for step in found.steps if step.element == element)


def test_what_a_member_of_a_chain_waited_for_is_its_own() -> None:
    stubs = Stubs(ai_agents=(AiAnswer("front", "not_started"),), agents=(AgentAnswer("support", "waits"),))
    found = call(CHAIN, stubs=stubs).start()
    while not found.recording:
        assert found.advance()
    found.speak(4.0).run()
    bot = _step(found, "bot")
    assert {timer["for"] for timer in bot["timers"]} == {"an agent"}
    assert [(tried["kind"], tried["reason"]) for tried in bot["failover"]] == [
        ("queue", "max_wait"),
        ("voicemail", "silence"),
    ]
    assert bot["failover"][0]["waited"] == 20.0
    queue, message = (tried["at"] for tried in bot["failover"])
    assert queue < message == queue + 20.0
    assert (bot["reason"], bot["waited"], bot["taken_by"]) == ("not_started", 0.5, "voicemail")


def test_who_took_a_call_in_a_chain_stands_in_the_step() -> None:
    stubs = Stubs(ai_agents=(AiAnswer("front", "not_started"),), agents=(AgentAnswer("support", agent="anna"),))
    found = call(CHAIN, stubs=stubs).start().run()
    assert _step(found, "bot")["taken_by"] == "anna"


@pytest.mark.parametrize(
    ("flow", "stubs", "told"),
    [
        (AGENT, Stubs(agents=(AgentAnswer("support", after=12.0, agent="anna"),)), ("forwarded", 12.0, "anna")),
        (AGENT, Stubs(agents=(AgentAnswer("support", "closed"),)), ("closed", 0.0, None)),
        (BOT, Stubs(ai_agents=(AiAnswer("front", connects=2.0),)), ("completed", 2.0, "front")),
        (BOT, Stubs(ai_agents=(AiAnswer("front", "not_started", connects=3.0),)), ("not_started", 3.0, None)),
        (WEB, Stubs(applications=(ApplicationAnswer("crm", after=1.5),)), ("released", 1.5, "crm")),
        (WEB, Stubs(applications=(ApplicationAnswer("crm", "rejected", after=1.0),)), ("rejected", 1.0, None)),
    ],
)
def test_every_hand_off_tells_the_same_three_things(flow: str, stubs: Stubs, told: tuple[Any, ...]) -> None:
    details = _step(call(flow, stubs=stubs).start().run(), "it")
    assert (details["reason"], details["waited"], details.get("taken_by")) == told


@pytest.mark.parametrize("flow", [AGENT, BOT, WEB])
@pytest.mark.parametrize(
    ("cause", "reason"), [("user_hung_up", "caller_left"), ("ended_by_api", "call_ended"), ("network", "call_ended")]
)
def test_a_caller_who_leaves_while_he_waits_is_told_as_such(flow: str, cause: Any, reason: str) -> None:
    stubs = Stubs(
        agents=(AgentAnswer("support", "waits"),),
        ai_agents=(AiAnswer("front", connects=9.0),),
        applications=(ApplicationAnswer("crm", after=9.0),),
    )
    found = call(flow, stubs=stubs).start().wait(4.0)
    found.hang_up(cause)
    details = _step(found.run(), "it")
    assert (details["reason"], details["waited"], "taken_by" in details) == (reason, 4.0, False)


def test_the_query_of_a_stream_is_in_no_trace_and_no_packet() -> None:
    document = '<Response><Connect><Stream url="wss://bot.test/ws?pass=geheim"/></Connect><Enqueue>support</Enqueue></Response>'
    answer = HttpAnswer("*", body=document, headers={"content-type": "text/xml"})
    stubs = Stubs(http=(answer,), applications=(ApplicationAnswer("crm", url="https://app.test/voice"),))
    found = call(WEB, stubs=stubs).start().run()
    assert found.queued[0].packet["ai"]["agent"] == "wss://bot.test/ws"
    told = [(step.element, {**step.details, "requests": None}) for step in found.steps]
    assert "geheim" not in str(told)
    assert "geheim" not in str(found.queued[0].packet)


def test_a_forward_in_a_chain_is_what_was_waited_for() -> None:
    flow = EACH.format(
        fields="type: transfer_to_agent, queue: support, branches: {call_not_forwarded: bye, failed_over: bye}, "
        "failover: [{forward: {to: phone:200, ring: in_turn}, timeout: 8s}]"
    ).replace(", next: bye}\n  bye", "}\n  bye")
    stubs = Stubs(agents=(AgentAnswer("support", "full"),), forwards=(ForwardAnswer("*", "no_answer"),))
    [member] = _step(call(flow, stubs=stubs).start().run(), "it")["failover"]
    assert (member["kind"], member["outcome"]) == ("forward", "no_answer")
