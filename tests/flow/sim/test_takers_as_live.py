"""The simulator and live calls go the same ways where AI agents and applications take callers over: random flows with
chains, random callers and scripted answers, over real stacks and the desk of applications, in virtual time."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.flow import FlowSet, parse_flow, ports
from ivr.flow.sim import (
    MONDAY_NOON,
    AiAnswer,
    ApplicationAnswer,
    Given,
    QueueBook,
    SimulatedCall,
    SpeechModel,
    Stubs,
    Surroundings,
)
from ivr.flow.sim.takers import UNTAKEN
from ivr.handoff.applications import ApplicationDesk
from ivr.handoff.letters import Letters
from ivr.settings import Limits
from tests.flow.sim.test_as_live import CALLER, DURATION, ONE_WAY, brief, close, do
from tests.handoff.test_applications import Post
from tests.kit.carrier import Carrier
from tests.kit.flows_random import Act, live_through
from tests.kit.house import SETTINGS, House, Party
from tests.kit.timed import TimedPool, TimedSounds

SPEECH = SpeechModel()
EXAMPLES = int(os.environ.get("IVR_EXAMPLES", "60"))
"""Calls that are compared; a thousand take some three minutes."""
IDLE, ANSWER = 21.0, 4.0
"""Seconds that the application may be silent, and until it must accept."""
MORE = f"""
limits: {{call_duration: {DURATION:g}}}
ai_agents:
  front: {{url: "ws://127.0.0.1:1/", filler: One moment., human_key: "0"}}
  parrot: {{url: "ws://127.0.0.1:1/", filler: none}}
applications:
  crm: {{url: "https://app.test/", secret: 0123456789abcdef, idle: {IDLE:g}, timeout: {ANSWER:g}, retry: never}}
"""
BOTS, WEB = ("front", "parrot"), ("crm",)


@dataclass(frozen=True)
class Scene:
    seed: int
    flow: str
    bots: tuple[AiAnswer, ...]
    web: tuple[ApplicationAnswer, ...]
    acts: tuple[Act, ...]


def _element(rng: Random, to: list[str]) -> dict[str, Any]:
    kind = rng.choice(["ai", "ai", "web", "web", "play"])
    if kind == "play":
        return {"type": "play", "text": "Some words are said here.", "next": rng.choice(to)}
    chain: list[dict[str, Any]] = []
    for _ in range(rng.choice([0, 0, 1, 2])):
        member = {"ai_agent": rng.choice(BOTS)} if rng.random() < 0.5 else {"application": rng.choice(WEB)}
        chain.append(member | ({"timeout": rng.choice([3.9, 8.1])} if rng.random() < 0.5 else {}))
        if rng.random() < 0.3:
            chain[-1]["prompt"] = "One moment."
    branches = {"failed_over": rng.choice(to)} if chain else {}
    more: dict[str, Any] = {"failover": chain} if chain else {}
    if kind == "ai":
        if rng.randint(0, 3) == 0:
            more["max_duration"] = rng.choice([2.7, 7.5])
        branches |= {name: rng.choice(to) for name in get_args(ports.AiReason) if rng.randint(0, 3) == 0}
        found = {"type": "transfer_to_ai_agent", "agent": rng.choice(BOTS), "next": rng.choice(to)}
        return found | more | {"branches": branches}
    branches |= {"returned": rng.choice(to), "call_not_transferred": rng.choice(to)}
    found = {"type": "transfer_to_voice_application", "application": "crm"}
    if rng.random() < 0.4:
        found["filler"] = rng.choice(["none", "Please wait."])
    return found | more | {"branches": branches}


def _bot(rng: Random) -> AiAnswer:
    return AiAnswer(
        "*",
        rng.choice(get_args(ports.AiReason)),
        rng.choice([0.3, 2.4]),
        rng.choice([0.2, 1.3]),
        rng.choice([2.1, 6.3]),
        "sales",
        "Wants something.",
        ({"role": "user", "text": "hello"},),
        {"wish": "more"},
        hangs_up=rng.randint(0, 9) == 0,
        caller_leaves=rng.randint(0, 9) == 0,
        times=1,
    )


def _web(rng: Random) -> ApplicationAnswer:
    result = rng.choice(["accepted", "accepted", "accepted", "rejected", "timeout", "http_error", "bad_answer"])
    after = ANSWER if result == "timeout" else rng.choice([0.2, 2.9])
    idle = rng.randint(0, 5) == 0
    leaves = rng.randint(0, 7) == 0 and not idle
    talk = IDLE if idle else rng.choice([1.3, 9.7])
    ends: Any = "idle" if idle else "accepted"
    return ApplicationAnswer("*", result, after, talk, leaves, {} if idle else {"x": 1}, ends, times=1)


def scene(seed: int) -> Scene:
    rng = Random(seed)
    names = ["e1", "e2", "e3"]
    to = [*names, "bye", "bye"]
    elements: dict[str, Any] = {
        "start": {"type": "start_incoming_call", "numbers": ["100"], "next": "e1"},
        **{name: _element(rng, to) for name in names},
        "bye": {"type": "play", "text": "Goodbye then."},
    }
    acts: list[Act] = []
    at = 0.5
    for _ in range(rng.randint(0, 6)):
        at += rng.uniform(0.4, 7.0)
        acts.append(Act(at, "press", rng.choice("0012#")))
    if rng.random() < 0.5:
        acts.append(Act(at + rng.uniform(0.1, 9.0), "hang_up"))
    bots, web = (tuple(make(rng) for _ in range(40)) for make in (_bot, _web))
    return Scene(seed, json.dumps({"elements": elements}), bots, web, tuple(acts))


def simulated(one: Scene, house: House) -> tuple[list[dict[str, Any]], str | None]:
    flows = FlowSet({"main": parse_flow(one.flow, "main")})
    around = Surroundings(QueueBook({}, {}), house.settings.ai_agents, house.settings.applications)
    stubs = Stubs(ai_agents=one.bots, applications=one.web)
    limits = Limits(call_duration=DURATION)
    call = SimulatedCall(
        flows["main"], flows, Given(caller=CALLER), stubs, limits=limits, speech=SPEECH, surroundings=around
    ).start()
    assert live_through(call, one.acts).finished
    return call.machine.path(), call.cause


class Bots:
    """AI agents that do as the answers say (:class:`ivr.call.desks.AiDesk`)."""

    def __init__(self, house: House, caller: Party, answers: tuple[AiAnswer, ...]) -> None:
        self.house, self.caller = house, caller
        self.answers = list(answers)
        self.call: Any = None
        self.command: ports.StartAiAgent | None = None
        self.answer = AiAnswer()
        self.taken_at: float | None = None

    def start(self, call: Any, command: ports.StartAiAgent) -> None:
        answer, link = self.answers.pop(0), self.house.link
        self.call, self.command, self.answer, self.taken_at = call, command, answer, None
        filler = self.house.settings.ai_agents[command.agent].filler
        link.after(0.0, partial(self._tell, command, ports.AiAgentConnecting(command.id, filler)))
        if answer.reason in UNTAKEN:
            link.after(answer.connects, partial(self._done, command, answer.reason))
            return
        longest = command.max_duration
        talk = answer.talk if longest is None else min(longest, answer.talk)
        link.after(answer.connects, partial(self._started, command))
        link.after(
            answer.connects + min(answer.speaks, talk), partial(self._tell, command, ports.AiAgentSpoke(command.id))
        )
        if talk < answer.talk:
            link.after(answer.connects + talk, partial(self._done, command, "max_duration", whole=False))
        elif answer.caller_leaves:
            link.after(answer.connects + talk - ONE_WAY, partial(self._hang_up, command))
        else:
            link.after(answer.connects + talk, partial(self._done, command, answer.reason))

    def _tell(self, command: ports.StartAiAgent, event: Any) -> None:
        if self.command is command:
            self.call.feed(event)

    def _started(self, command: ports.StartAiAgent) -> None:
        if self.command is command:
            self.taken_at = self.house.now
            self.call.feed(ports.AiAgentStarted(command.id))

    def _hang_up(self, command: ports.StartAiAgent) -> None:
        if self.command is command and not self.caller.session.ended:
            self.caller.session.hangup(self.house.now)

    def _done(self, command: ports.StartAiAgent, reason: ports.AiReason, *, whole: bool = True) -> None:
        """`whole`: it gives the call back by itself, with all that the answer says."""
        if self.command is not command:
            return
        told: dict[str, Any] = {}
        if reason != "caller_requested_human" or whole:
            told = {"summary": self.answer.summary, "transcript": self.answer.transcript}
            told["variables"] = self.answer.variables
            if whole:
                told |= {"target": self.answer.target, "end_call": self.answer.hangs_up}
        talked = 0.0 if self.taken_at is None else self.house.now - self.taken_at
        call, self.command = self.call, None
        call.feed(ports.AiAgentDone(command.id, reason, talk_time=talked, **told))

    def stop(self, call: Any, command: ports.StopAiAgent) -> None:
        if self.command is not None and self.command.id == command.id:
            talked = 0.0 if self.taken_at is None else self.house.now - self.taken_at
            self.command = None
            done = ports.AiAgentDone(command.id, "completed", talk_time=talked)
            self.house.link.after(0.0, partial(call.feed, done))

    def pressed(self, call: Any, digit: str) -> bool:
        command = self.command
        if command is None or self.taken_at is None:
            return False
        if digit == self.house.settings.ai_agents[command.agent].human_key:
            self._done(command, "caller_requested_human", whole=False)
        return True

    def agent_of(self, call: Any) -> str | None:
        return None if self.command is None or self.taken_at is None else self.command.agent

    def on_media(self, call: Any, event: Any) -> None:
        """Nobody listens."""

    def end_call(self, call: Any, *, twiml: str | None = None, url: str | None = None) -> bool:
        return False

    def gone(self, call: Any) -> None:
        self.command = None


BODIES: dict[str, tuple[int, Any]] = {
    "accepted": (200, {"accept": True}),
    "rejected": (200, {"accept": False}),
    "http_error": (404, None),
    "bad_answer": (200, "<html>"),
}


class Web:
    """The application: answers offers, and gives calls back, as the answers say."""

    def __init__(self, house: House, caller: Party, answers: tuple[ApplicationAnswer, ...]) -> None:
        self.house, self.caller = house, caller
        self.answers = list(answers)
        letters = Letters(house.settings, Carrier(Post()))
        self.desk = ApplicationDesk(house.settings, self, letters, house.services, house.services.wall)

    def request(self, command: ports.Request, done: Any) -> None:
        answer = self.answers.pop(0)
        offer = json.loads(command.body or b"")["id"]
        if answer.result != "timeout":
            status, body = BODIES[answer.result]
            reply = ports.RequestDone(0, status, {}, body)
            self.house.link.after(answer.after, partial(self._answered, answer, offer, done, reply))

    def _answered(self, answer: ApplicationAnswer, offer: str, done: Any, reply: ports.RequestDone) -> None:
        done(reply)
        if answer.result == "accepted" and answer.ends == "accepted":
            early = ONE_WAY if answer.caller_leaves else 0.0
            self.house.link.after(answer.talk - early, partial(self._over, answer, offer))

    def _over(self, answer: ApplicationAnswer, offer: str) -> None:
        name, number, _ = offer.rsplit(":", 2)
        held = self.desk._held.get(name)
        if held is None or str(held.command.id) != number:
            return
        if not answer.caller_leaves:
            self.desk.release(name, answer.variables)
        elif not self.caller.session.ended:
            self.caller.session.hangup(self.house.now)


def live(one: Scene, folder: Path) -> tuple[list[dict[str, Any]], str | None, House]:
    sounds = TimedSounds(SPEECH)
    house = House(folder, {"main": one.flow}, SETTINGS + MORE, lambda link: (TimedPool(link, sounds), sounds))
    house.services.wall = lambda: MONDAY_NOON.timestamp() + house.now  # type: ignore[method-assign]
    house.outside.read_profile = lambda number, then: house.link.after(0.0, partial(then, {}))  # type: ignore[method-assign]
    caller = house.party()
    house.services.desks.ai = Bots(house, caller, one.bots)
    house.services.desks.applications = Web(house, caller, one.web).desk
    began = house.now + ONE_WAY
    for act in one.acts:
        early = ONE_WAY if act.kind == "hang_up" else 0.0
        house.link.at(began + act.at - early, partial(do, house, caller, act))
    caller.call("100")
    house.run(2 * DURATION)
    [record] = house.books.calls
    return record.path, record.cause, house


TOLD = (
    "outcome", "reason", "waited", "talk_time", "agent", "application", "tried", "status", "variables", "target",
    "summary", "hung_up", "caller_left", "failover",
)  # fmt: skip
"""What a step says of itself that must be the same."""


def _told(step: dict[str, Any]) -> dict[str, Any]:
    told = {name: step.get(name) for name in TOLD}
    # Why an answer is of no use is said in words, which the simulator has no need of.
    members = [{name: value for name, value in one.items() if name != "text"} for one in step.get("failover") or ()]
    return {**told, "failover": members}


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**64 - 1).map(scene))
def test_simulator_and_live_calls_go_the_same_way(one: Scene) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found, live_cause, house = live(one, Path(folder))
    expected, cause = simulated(one, house)
    assert (brief(found), live_cause) == (brief(expected), cause)
    for theirs, ours in zip(found, expected, strict=True):
        assert close(_told(ours), _told(theirs)), (ours, theirs)
