"""Random flows full of hand-offs, with random callers, agents, AI agents, applications, and people who interfere.

@given(handed())
def test_...(scenario): call = play(scenario)

The caller's PIN is :data:`PIN`: flows of these collect it as a sensitive input, and try to tell it to everybody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, get_args

from hypothesis import strategies as st

from ivr.call.moving import document_flow, goal_of, taken_flow
from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.ports import AiReason, Instruction, Moved
from ivr.flow.sim import (
    AgentAnswer,
    AiAnswer,
    ApplicationAnswer,
    Configured,
    ForwardAnswer,
    Given,
    HttpAnswer,
    QueueBook,
    SimulatedCall,
    Stubs,
    Surroundings,
)
from ivr.flow.spoken import Languages
from ivr.settings import Limits, Settings, parse_settings

__all__ = ["PIN", "SETTINGS", "HandedAct", "HandedScenario", "handed", "play", "surroundings"]

PIN = "739182"
DURATION = 240.0173
"""`limits.call_duration`: whatever goes round in circles ends."""

CONFIGURATION = """
phones: {"200": {password: secret-200}}
agents: {anna: {phones: ["200"]}}
queues: {support: {waiting: keys}, calm: {waiting: calm}, plain: {}}
waiting:
  keys:
    greeting: Thank you for calling.
    position: ordinal
    position_every: 10s
    keys: {leave: "0", voicemail: "1", callback: "2"}
    max_wait: 47s
    max_wait_message: Nobody was free.
    announcements: [{text: We are all busy., every: 15s}]
  calm: {music: false, greeting: Please wait., max_wait: 21s, estimate: true}
ai_agents:
  front: {url: "ws://127.0.0.1:1/", filler: One moment.}
  parrot: {url: "ws://127.0.0.1:1/", filler: none}
applications:
  crm: {url: "http://127.0.0.1:1/", secret: secret-of-the-crm, idle: 25s}
  menu: {protocol: twiml, url: "http://127.0.0.1:1/menu", secret: secret-of-the-menu}
"""
SETTINGS: Settings = parse_settings(CONFIGURATION, None, {})
QUEUES, BOTS, WEB = ("support", "calm", "plain"), ("front", "parrot"), ("crm", "menu")
MEANT = "{{ pin }}"

DOCUMENTS = (
    "<Hangup/>",
    "<Say>Hello</Say>",
    '<Gather numDigits="1" timeout="4"><Say>Press</Say></Gather><Say>Nothing</Say>',
    '<Record maxLength="9" timeout="2"/>',
    "<Enqueue>support</Enqueue><Say>Back</Say>",
    '<Dial timeout="8">phone:200</Dial><Say>Nobody</Say>',
    '<Connect><Stream name="parrot"/></Connect><Say>Back</Say>',
    '<Pause length="3"/><Redirect>/menu</Redirect>',
    '<Enqueue waitUrl="/wait">support</Enqueue><Say>Back</Say>',
    "<Play>https://app.invalid/music.wav</Play><Leave/>",
    '<Dial record="record-from-answer" timeout="8"><Client url="/screen">200</Client></Dial><Say>Nobody</Say>',
    '<Start><Stream name="on" url="wss://bot.invalid/ws"/></Start><Say>Heard</Say><Stop><Stream name="on"/></Stop>',
    "no document",
)


@dataclass(frozen=True)
class HandedAct:
    """Something that happens to the call."""

    at: float
    kind: str
    """`press`, `speak`, `hang_up`, `ask` (an instruction from outside) or `move`."""
    value: Any = None


@dataclass(frozen=True)
class HandedScenario:
    """A call with hand-offs."""

    seed: int
    flows: dict[str, str]
    stubs: Stubs
    acts: tuple[HandedAct, ...]


def _flip(rng: Random) -> bool:
    return rng.random() < 0.5


def _told(rng: Random) -> dict[str, Any]:
    """What an element says to the other side: now and then what it must not."""
    found: dict[str, Any] = {}
    if rng.randint(0, 3) == 0:
        found["metadata"] = {"told": rng.choice([MEANT, "{{ copy }}", "harmless"])}
    if rng.randint(0, 3) == 0:
        found["origin"] = f"About {MEANT}"
    return found


def _chain(rng: Random) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = []
    for _ in range(rng.choice([0, 0, 1, 2, 3])):
        kind = rng.choice(["ai_agent", "queue", "voicemail", "callback", "application", "forward"])
        value: Any = {
            "ai_agent": rng.choice(BOTS),
            "queue": rng.choice(QUEUES),
            "voicemail": {"max_silence": "2s"},
            "callback": rng.choice(QUEUES),
            "application": rng.choice(WEB),
            "forward": "phone:200",
        }[kind]
        member = {kind: value}
        if _flip(rng):
            member["timeout"] = rng.choice([4.2, 9.3, 26])
        if _flip(rng):
            member["prompt"] = "Please hold the line."
        members.append(member)
    return members


def _element(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    kind = rng.choice(["agent", "agent", "ai", "ai", "web", "play", "forward", "sub"])
    if kind == "play":
        return {"type": "play", "text": "Some words are said here.", "next": rng.choice(to)}
    if kind == "sub":
        return {"type": "transfer_to_flow", "flow": "sub", "return_to": rng.choice(to), "pass": ["pin"]}
    if kind == "forward":
        branches = {"call_not_forwarded": rng.choice(to)}
        return {"type": "forward_call", "to": "phone:200", "timeout": 9, "branches": branches}
    chain = _chain(rng)
    found: dict[str, Any] = {"failover": chain} if chain else {}
    branches = {"failed_over": rng.choice(to)} if chain else {}
    if kind == "agent":
        after = rng.choice(["hang_up", "return"])
        found |= {
            "type": "transfer_to_agent",
            "queue": rng.choice([*QUEUES, *QUEUES, "nowhere", MEANT]),
            "after": after,
        }
        branches |= {"call_not_forwarded": rng.choice(to)} | ({"returned": rng.choice(to)} if after == "return" else {})
        if rng.randint(0, 3) == 0:
            found["max_wait"] = rng.choice([5, 33])
        if rng.randint(0, 5) == 0:
            found["callback_first"] = True
        return found | _told(rng) | {"branches": branches}
    if kind == "ai":
        found |= {"type": "transfer_to_ai_agent", "agent": rng.choice([*BOTS, "nobody", MEANT]), "next": rng.choice(to)}
        branches |= {name: rng.choice(to) for name in get_args(AiReason) if rng.randint(0, 4) == 0}
        if rng.randint(0, 4) == 0:
            found |= {"max_duration": 7.5}
        return found | _told(rng) | {"branches": branches, "save": ["wish"]}
    found |= {"type": "transfer_to_voice_application", "application": rng.choice([*WEB, *WEB, "none"])}
    if rng.randint(0, 3) == 0:
        found["custom_data"] = {"pin": MEANT}
    branches |= {"returned": rng.choice(to), "call_not_transferred": rng.choice(to)}
    return found | {"branches": branches}


def _flow(rng: Random) -> dict[str, str]:
    names = [f"e{number}" for number in range(1, rng.randint(1, 5) + 1)]
    to = [*names, "bye", "bye"]
    elements = {
        "start": {"type": "start_incoming_call", "numbers": ["100"], "next": "pin"},
        "pin": {
            "type": "collect",
            "max_digits": len(PIN),
            "save_as": "pin",
            "reporting": rng.choice(["masked", "hide"]),
            "wait": 3,
            "next": "keep",
            "branches": {"no_input": "keep", "no_match": "keep"},
        },
        "keep": {"type": "set_variable", "variables": {"copy": MEANT}, "next": "e1"},
        **{name: _element(rng, to) for name in names},
        "bye": {"type": "hang_up"},
    }
    main = {
        "variables": {"pin": "", "copy": "", "wish": "", "shared": "yes"},
        "sensitive": ["pin"],
        "shareable": ["copy", "shared", "wish"],
        "elements": elements,
    }
    sub = {
        "variables": {"pin": ""},
        "shareable": ["pin"],
        "elements": {
            "start": {"type": "start_from_flow", "next": "people"},
            "people": {"type": "transfer_to_agent", "queue": "calm", "branches": {"call_not_forwarded": "end"}},
            "end": {"type": "play", "text": "The end."},
        },
    }
    return {"main": json.dumps(main), "sub": json.dumps(sub)}


def _stubs(rng: Random) -> Stubs:
    def agent() -> AgentAnswer:
        result = rng.choice(["answered", "answered", "waits", "waits", "closed", "full", "no_agents", "error"])
        positions = tuple((after, rng.randint(1, 3), None) for after in (4.0, 9.5) if _flip(rng))
        leaves = rng.choice(["called", "called", "caller", "lost"])
        after, talk = rng.choice([0.7, 6.1, 18.3]), rng.choice([2.2, 14.4])
        return AgentAnswer("*", result, after, "anna", talk, leaves, rng.randint(1, 4), None, positions, times=1)

    def bot() -> AiAnswer:
        twiml = rng.choice([None] * 5 + [f"<Response>{rng.choice(DOCUMENTS)}</Response>", "https://bot.invalid/next"])
        return AiAnswer(
            "*",
            rng.choice(get_args(AiReason)) if twiml is None else "completed",
            rng.choice([0.3, 4.4]),
            rng.choice([0.2, 3.3]),
            rng.choice([1.1, 12.3]),
            "sales",
            "Wants something.",
            ({"role": "user", "text": "hello"},),
            {"wish": "more"},
            hangs_up=rng.randint(0, 9) == 0,
            caller_leaves=rng.randint(0, 9) == 0,
            twiml=twiml,
            times=1,
        )

    def web() -> ApplicationAnswer:
        result = rng.choice(["accepted", "accepted", "accepted", "rejected", "timeout", "http_error", "bad_answer"])
        talk, ends = rng.choice([1.3, 17.7, 70.1]), rng.choice(["accepted", "accepted", "idle", "max_duration"])
        leaves = rng.randint(0, 9) == 0
        return ApplicationAnswer("crm", result, rng.choice([0.2, 3.9]), talk, leaves, {"x": 1}, ends, times=1)

    def page() -> HttpAnswer:
        body = f"<Response>{rng.choice(DOCUMENTS)}</Response>"
        status, after = rng.choice([200, 200, 200, 404]), rng.choice([0.2, 1.7])
        return HttpAnswer("*", status, body, {"content-type": "text/xml"}, after, times=1)

    def phone() -> ForwardAnswer:
        result = rng.choice(["answered", "answered", "no_answer", "busy", "declined"])
        return ForwardAnswer("*", result, rng.choice([None, 2.2]), rng.choice([1.9, 8.8]), times=1)

    return Stubs(
        http=tuple(page() for _ in range(6)),
        forwards=tuple(phone() for _ in range(3)),
        agents=tuple(agent() for _ in range(4)),
        ai_agents=tuple(bot() for _ in range(4)),
        applications=tuple(web() for _ in range(4)),
    )


ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("say", {"text": "Hello from outside."}),
    ("collect", {"max_digits": 2, "prompt": "Two keys.", "wait": 3}),
    ("record", {"max_duration": 5, "max_silence": 2}),
    ("stop", {}),
    ("answer", {}),
    ("start_recording", {}),
    ("send_digits", {"digits": "1"}),
)


def _acts(rng: Random) -> tuple[HandedAct, ...]:
    acts = [HandedAct(0.5 + 0.2 * index, "press", key) for index, key in enumerate(PIN)] if _flip(rng) else []
    at = 3.0
    for _ in range(rng.randint(0, 9)):
        at += rng.uniform(0.1, 9.0)
        kind = rng.choice(["press", "press", "speak", "ask", "ask", "move"])
        value: Any = rng.choice("012012345#*")
        if kind == "speak":
            value = rng.uniform(0.3, 5.0)
        elif kind == "ask":
            value = rng.choice(ASKED)
        elif kind == "move":
            value = rng.choice(["sub", "queue", "ai_agent", "application", "to", "taken", "document"])
            value += rng.choice(["", "/sub"])
        acts.append(HandedAct(at, kind, value))
    if _flip(rng):
        acts.append(HandedAct(at + rng.uniform(0.0, 20.0), "hang_up"))
    return tuple(acts)


def scenario(seed: int) -> HandedScenario:
    """The same for the same seed."""
    rng = Random(seed)
    return HandedScenario(seed, _flow(rng), _stubs(rng), _acts(rng))


def handed() -> st.SearchStrategy[HandedScenario]:
    """Scenarios by their seeds."""
    return st.integers(0, 2**64 - 1).map(scenario)


def surroundings() -> Configured:
    """What these calls know of the world."""
    book = QueueBook(SETTINGS.queues, SETTINGS.waiting)
    return Configured(
        limits=Limits(call_duration=DURATION),
        settings={},
        courtesy=None,
        languages=Languages(),
        calendars={},
        surroundings=Surroundings(book, SETTINGS.ai_agents, SETTINGS.applications),
    )


def begun(scenario: HandedScenario) -> tuple[SimulatedCall, FlowSet]:
    """The call, before it begins, and the flows of its folder."""
    flows = FlowSet({name: parse_flow(text, name) for name, text in scenario.flows.items()})
    return SimulatedCall(flows["main"], flows, Given(), scenario.stubs, **surroundings()), flows


def do(call: SimulatedCall, act: HandedAct, flows: FlowSet, number: int) -> None:
    """One act."""
    if call.finished:
        return
    if act.kind == "press":
        call.press(act.value)
    elif act.kind == "speak":
        call.speak(act.value)
    elif act.kind == "hang_up":
        call.hang_up()
    elif act.kind == "ask":
        verb, fields = act.value
        call.send(Instruction(number, verb, fields))
    elif not call.ended:
        goal = _goal(act.value, flows)
        call.send(Moved(goal.flow, goal.entry, "test", goal.variables))


def _goal(wanted: str, flows: FlowSet) -> Any:
    target, _, rest = wanted.partition("/")
    otherwise = rest or None
    if target == "sub":
        return goal_of("flow", "sub", flows, SETTINGS)
    if target == "taken":
        return taken_flow("test", 8.0, "music", otherwise)
    if target == "document":
        return document_flow("menu", "<Response><Say>Elsewhere</Say><Enqueue>calm</Enqueue></Response>")
    value = {"queue": "support", "ai_agent": "front", "application": "crm", "to": "phone:200"}[target]
    return goal_of(target, value, flows, SETTINGS, otherwise=otherwise)  # type: ignore[arg-type]


def play(scenario: HandedScenario, until: float | None = None) -> tuple[SimulatedCall, FlowSet]:
    """The whole call; with `until` the caller hangs up then, whatever happens."""
    call, flows = begun(scenario)
    call.start()
    for number, act in enumerate(scenario.acts, 1):
        if until is not None and act.at >= until:
            break
        call.run(until=act.at)
        do(call, act, flows, number)
    if until is not None:
        call.run(until=until)
        if not call.ended:
            call.hang_up()
    return call.run(), flows
