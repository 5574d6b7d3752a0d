"""Calls with hand-offs, run again from their records: the same flow goes the same way."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.flow.loader import load_folder, parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.replay import read_record, replay
from ivr.flow.sim import AgentAnswer, Given, HttpAnswer, SimulatedCall, SpeechModel, Stubs, configured
from ivr.flow.testing import load_cases, run_case
from ivr.settings import load_settings
from tests.kit.handoffs_random import surroundings
from tests.kit.records import record_of

EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples"
SETTINGS = load_settings(EXAMPLES / "ivr.yaml", {}, need_secrets=False)
FLOWS = load_folder(SETTINGS.flows, SETTINGS)
SURROUNDINGS = configured(SETTINGS)
CASES = [
    case
    for name in ("support-desk", "ai-front-desk", "menu-application", "number-desk", "chat-desk")
    for case in load_cases(EXAMPLES / "flows" / f"{name}.test.yaml")
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.flow}: {case.name}")
def test_every_case_goes_the_same_way_again(case: object) -> None:
    flow = FLOWS[case.flow]  # type: ignore[attr-defined]
    call = run_case(case, flow, FLOWS, SURROUNDINGS).call  # type: ignore[arg-type]
    record = record_of(call)
    recorded = read_record(record, ZoneInfo("UTC"))
    found = replay(recorded, flow, FLOWS, SURROUNDINGS)
    assert found.divergence is None, found.divergence
    assert list(found.path) == call.path


LOST = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: people}
  people:
    type: transfer_to_agent
    queue: support
    after: return
    branches: {call_not_forwarded: sorry, returned: bye}
  sorry: {type: play, text: Sorry, next: bye}
  bye: {type: hang_up}
"""
CHAIN = LOST.replace(
    "queue: support", "queue: support\n    failover: [{queue: calm, timeout: 9s}, {ai_agent: front}]"
).replace("returned: bye", "returned: bye, failed_over: bye")
WEB = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: app}
  app: {type: transfer_to_voice_application, application: menu, branches: {call_not_transferred: bye, returned: bye}}
  bye: {type: hang_up}
"""
ENQUEUE = HttpAnswer("*", 200, "<Response><Enqueue>support</Enqueue></Response>", {"content-type": "text/xml"}, 0.3)


def agent(result: str, talk: float = 7.0, leaves: str = "lost", after: float = 4.0) -> AgentAnswer:
    return AgentAnswer("*", result, after, "anna", talk, leaves, 2, times=1)  # type: ignore[arg-type]


THEN = {
    "somebody else": agent("answered", 12.0, "called"),
    "the caller leaves": agent("answered", 12.0, "caller"),
    "lost again": agent("answered", 3.0),
    "nobody": agent("waits"),
    "closed": agent("closed"),
}
"""What comes of the second visit."""


@pytest.mark.parametrize("text", [LOST, CHAIN, WEB], ids=["element", "chain", "document"])
@pytest.mark.parametrize("then", THEN)
@pytest.mark.parametrize("leaves_at", [None, 9.0, 12.5], ids=["stays", "in the talk", "in the second wait"])
def test_who_waits_again_because_his_agent_was_lost(text: str, then: str, leaves_at: float | None) -> None:
    stubs = Stubs(http=(ENQUEUE,), agents=(agent("answered"), THEN[then], agent("answered", 5.0, "called")))
    flows = FlowSet({"main": parse_flow(text, "main")})
    call = SimulatedCall(flows["main"], flows, Given(), stubs, **surroundings())
    call.start()
    if leaves_at is not None:
        call.run(until=leaves_at)
        call.hang_up()
    call.run()
    recorded = read_record(record_of(call), ZoneInfo("UTC"))
    found = replay(recorded, flows["main"], flows, surroundings())
    assert found.divergence is None, (found.divergence, found.path)
    assert list(found.path) == call.path
    if text is WEB and call.steps[-1].details["twiml"]:
        assert [verb["verb"] for verb in call.steps[-1].details["twiml"]] == ["Enqueue"]
    if leaves_at != 9.0:
        assert "agent_lost" in repr([step.details for step in call.steps])


WAITING = (
    '<Enqueue action="/queued" waitUrl="/wait">support</Enqueue>',
    '<Say loop="2">Please wait</Say><Gather numDigits="1" timeout="3" action="/key"/>',
    "<Say>Key</Say>",
    "<Say>Still waiting</Say><Pause length='2'/>",
    "<Say>Long wait</Say><Pause length='30'/>",
    "<Say>Goodbye</Say>",
)
LEAVING = (*WAITING[:2], "<Leave/>", WAITING[-1])
AGAIN = (WAITING[0], *['<Say loop="2">Please wait</Say>'] * 4, WAITING[-1])
"""As often as that is heard until an agent is there, if it lasts as long as it did."""


@pytest.mark.parametrize(
    ("documents", "result", "speech"),
    [(WAITING, "answered", 0.5), (WAITING, "answered", 2.5), (LEAVING, "waits", 0.5), (AGAIN, "answered", 2.5)],
    ids=["an agent", "slow speech", "the caller leaves the queue", "the same again and again"],
)
def test_documents_of_a_wait_are_answered_as_they_were(documents: tuple[str, ...], result: str, speech: float) -> None:
    kind = {"content-type": "text/xml"}
    http = tuple(HttpAnswer("*", 200, f"<Response>{body}</Response>", kind, 0.3, times=1) for body in documents)
    stubs = Stubs(http=http, agents=(AgentAnswer("*", result, 20.0, "anna", 5.0, "called"),))  # type: ignore[arg-type]
    flows = FlowSet({"main": parse_flow(WEB, "main")})
    call = SimulatedCall(
        flows["main"], flows, Given(), stubs, **{**surroundings(), "speech": SpeechModel(fixed=speech)}
    )
    call.start()
    call.run(until=2.0 * speech + 2.0)
    call.press("1")
    call.run()
    found = replay(read_record(record_of(call), ZoneInfo("UTC")), flows["main"], flows, surroundings())
    assert found.divergence is None, (found.divergence, found.notes)
    assert list(found.path) == call.path
    assert call.said[-1].text == "Goodbye"
