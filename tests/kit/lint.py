"""The world that the examples of the linter live in."""

from __future__ import annotations

from ivr.flow.lint import Finding, World, check_flow, check_flows
from ivr.flow.loader import parse_flow
from ivr.flow.sim import QueueBook
from ivr.settings import Queue, WaitingKeys, WaitingStrategy

WORLD = World(
    prompt_exists=lambda name: name == "welcome.wav",
    lines={"pbx", "modem"},
    phones={"200", "201"},
    agents={"anna"},
    sections={
        "calendars": {"office"},
        "connectors": {"crm"},
        "queues": {"support", "calm", "keys", "empty", "default"},
        "waiting": {"calm", "keys"},
        "ai_agents": {"front"},
        "applications": {"crm"},
    },
    settings={"company", "pbx"},
    half_duplex={"modem"},
    queues=QueueBook(
        {
            "support": Queue(),
            "calm": Queue(waiting="calm"),
            "keys": Queue(waiting="keys"),
            "empty": Queue(waiting="calm"),
        },
        {"calm": WaitingStrategy(max_wait=60.0), "keys": WaitingStrategy(keys=WaitingKeys(leave="0"))},
    ),
    staffed={"support", "calm", "keys", "default"},
)

SUBROUTINE = """
variables: {name: friend}
elements:
  start: {type: start_from_flow, next: hello}
  hello: {type: play, text: "Hello {{ name }}."}
"""


def lint(text: str, world: World = WORLD) -> list[Finding]:
    """Findings of one flow, which a flow named subroutine stands beside."""
    flows = [parse_flow(text, "example"), parse_flow(SUBROUTINE, "subroutine")]
    return check_flows(flows, world)["example"]


def alone(text: str, world: World = WORLD) -> list[Finding]:
    """Findings of one flow of which it is not known what stands beside it."""
    return check_flow(parse_flow(text, "example"), world)


def codes(text: str, world: World = WORLD) -> list[str]:
    """Codes of the findings but F002, which stands beside many."""
    return [finding.code for finding in lint(text, world) if finding.code != "F002"]
