"""The simulator and the live desk of agents go the same ways: random flows with queues and chains, random callers and a
random agent, over real stacks, in virtual time."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.feed import FeedEvent
from ivr.flow import FlowSet, parse_flow
from ivr.flow.ports import NumberJudged
from ivr.flow.sim import MONDAY_NOON, AgentAnswer, Given, QueueBook, SimulatedCall, SpeechModel, Stubs, Surroundings
from ivr.settings import Limits
from tests.flow.sim.test_as_live import CALLER, DURATION, ONE_WAY, brief, close
from tests.kit.flows_random import Act, live_through
from tests.kit.house import DESK, Party
from tests.kit.queue_house import QueueHouse
from tests.kit.sip import sdp
from tests.kit.timed import TimedPool, TimedPort, TimedSounds

SPEECH = SpeechModel()
EXAMPLES = int(os.environ.get("IVR_EXAMPLES", "40"))
"""Calls that are compared; ten thousand take some twenty minutes."""
AGENT = {"anna": "200, wrap_up: 0, queues: [first, second]"}
MORE = f"""
limits: {{call_duration: {DURATION:g}}}
queues:
  default: {{}}
  first: {{waiting: keys, ring_timeout: 100s}}
  second: {{waiting: brief, ring_timeout: 100s}}
waiting:
  keys:
    greeting: Thank you for calling.
    position: ordinal
    keys: {{leave: "0", voicemail: "1", callback: "2"}}
    max_wait: 31s
    max_wait_message: Nobody was free.
  brief: {{music: false, greeting: Please wait., max_wait: 13s}}
"""


@dataclass(frozen=True)
class Visit:
    """What the agent does with the caller of one visit."""

    after: float | None
    """Seconds until she answers; None: she does not."""
    talk: float
    leaves: str


@dataclass(frozen=True)
class Scene:
    seed: int
    flow: str
    visits: tuple[Visit, ...]
    acts: tuple[Act, ...]


def _people(rng: Random, to: list[str]) -> dict[str, Any]:
    after = rng.choice(["hang_up", "return"])
    chain: list[dict[str, Any]] = []
    for _ in range(rng.choice([0, 0, 1, 2])):
        kind = rng.choice(["queue", "callback", "voicemail"])
        value: Any = rng.choice(["first", "second"]) if kind != "voicemail" else {"max_silence": "2.3s"}
        member = {kind: value} | ({"timeout": rng.choice([3.9, 8.1])} if rng.random() < 0.5 else {})
        chain.append(member | ({"prompt": "One moment."} if rng.random() < 0.5 else {}))
    branches = {"call_not_forwarded": rng.choice(to)} | ({"returned": rng.choice(to)} if after == "return" else {})
    found: dict[str, Any] = {"type": "transfer_to_agent", "queue": rng.choice(["first", "second"]), "after": after}
    if chain:
        found["failover"] = chain
        branches["failed_over"] = rng.choice(to)
    if rng.randint(0, 3) == 0:
        found["max_wait"] = rng.choice([4.4, 17.7])
    if rng.randint(0, 4) == 0:
        found["max_duration"] = 3.3
    return {**found, "branches": branches}


def scene(seed: int) -> Scene:
    rng = Random(seed)
    names = ["e1", "e2", "e3"]
    to = [*names, "bye", "bye"]
    elements: dict[str, Any] = {
        "start": {"type": "start_incoming_call", "numbers": ["100"], "next": "e1"},
        **{name: _people(rng, to) for name in names},
        "bye": {"type": "play", "text": "Goodbye then."},
    }
    visits = tuple(
        Visit(rng.choice([None, None, 1.6, 5.2, 11.4]), rng.choice([1.3, 6.6]), rng.choice(["called", "caller"]))
        for _ in range(12)
    )
    acts: list[Act] = []
    at = 0.5
    for _ in range(rng.randint(0, 8)):
        at += rng.uniform(0.4, 7.0)
        kind: Any = rng.choice(["press", "press", "speak"])
        acts.append(Act(at, kind, rng.choice("0122159#") if kind == "press" else rng.uniform(0.4, 4.0)))
    if rng.random() < 0.5:
        acts.append(Act(at + rng.uniform(0.1, 9.0), "hang_up"))
    return Scene(seed, json.dumps({"elements": elements}), visits, tuple(acts))


def simulated(one: Scene, house: QueueHouse) -> tuple[list[dict[str, Any]], str | None]:
    flows = FlowSet({"main": parse_flow(one.flow, "main")})
    book = QueueBook(house.settings.queues, house.settings.waiting)
    stubs = Stubs(
        agents=tuple(
            AgentAnswer("*", "waits", times=1)
            if visit.after is None
            else AgentAnswer("*", "answered", visit.after, "anna", visit.talk, visit.leaves, times=1)  # type: ignore[arg-type]
            for visit in one.visits
        )
    )
    limits = Limits(call_duration=DURATION)
    around = Surroundings(book)
    call = SimulatedCall(
        flows["main"], flows, Given(caller=CALLER), stubs, limits=limits, speech=SPEECH, surroundings=around
    ).start()
    assert live_through(call, one.acts).finished
    return call.machine.path(), call.cause


class Anna:
    """The agent, by her phone."""

    def __init__(self, house: QueueHouse, phone: Party, caller: Party, visits: tuple[Visit, ...]) -> None:
        self.house, self.phone, self.caller = house, phone, caller
        self.visits = list(visits)
        self.visit = Visit(None, 0.0, "called")
        self.joined = 0.0
        phone.on_call = self.rings
        house.services.feed.listen(self.told)

    def told(self, event: FeedEvent) -> None:
        if event.type == "queue.joined":
            self.visit, self.joined = self.visits.pop(0), self.house.now

    def rings(self, session: Any) -> None:
        house, visit = self.house, self.visit
        session.ring(house.now)
        if visit.after is not None:
            house.link.at(self.joined + visit.after - ONE_WAY, lambda: self.takes(session, visit))

    def takes(self, session: Any, visit: Visit) -> None:
        if session.ended:
            return
        house = self.house
        session.answer(sdp(self.phone.address[0], 4100), house.now)
        leaver = session if visit.leaves == "called" else self.caller.session
        house.link.at(house.now + visit.talk, lambda: self.leaves(session, leaver))

    def leaves(self, session: Any, leaver: Any) -> None:
        if not session.ended and not leaver.ended:
            leaver.hangup(self.house.now)


def live(one: Scene, folder: Path) -> tuple[list[dict[str, Any]], str | None, QueueHouse]:
    sounds = TimedSounds(SPEECH)
    house = QueueHouse(
        folder, {"main": one.flow}, AGENT, more=MORE, media=lambda link: (TimedPool(link, sounds), sounds)
    )
    house.services.wall = lambda: MONDAY_NOON.timestamp() + house.now  # type: ignore[method-assign]
    house.desk.callbacks = cast(Any, SimpleNamespace(of_call=lambda call: None, kept=lambda *told: None))
    # Which numbers may be called is not the simulator's to know: all, unless a case says otherwise.
    house.desk.judge_number = lambda call, command: house.link.after(  # type: ignore[method-assign]
        0.0, lambda: call.feed(NumberJudged(command.id, True))
    )
    caller, phone = house.party(), house.phone("200", DESK)
    Anna(house, phone, caller, one.visits)
    began = house.now + ONE_WAY
    for act in one.acts:
        early = ONE_WAY if act.kind == "hang_up" else 0.0
        house.link.at(began + act.at - early, lambda act=act: _do(house, caller, act))
    caller.call("100")
    house.run(2 * DURATION)
    record = house.books.calls[0]
    return record.path, record.cause, house


def _do(house: QueueHouse, caller: Party, act: Act) -> None:
    port = house.pool.ports[0]
    assert isinstance(port, TimedPort)
    if act.kind == "hang_up":
        if not caller.session.ended:
            caller.session.hangup(house.now)
    elif not port.released:
        if act.kind == "press":
            port.press(act.value, house.now)
        else:
            port.speak(act.value)


TOLD = ("outcome", "reason", "waited", "talk_time", "agent", "taken_by", "key", "queue", "tried", "status")
"""What a step says of itself that must be the same; what the queue says meanwhile is the desk's."""


def _told(step: dict[str, Any]) -> dict[str, Any]:
    return {name: step.get(name) for name in TOLD}


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**64 - 1).map(scene))
def test_simulator_and_live_desk_go_the_same_way(one: Scene) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found, live_cause, house = live(one, Path(folder))
    expected, cause = simulated(one, house)
    assert (brief(found), live_cause) == (brief(expected), cause)
    for theirs, ours in zip(found, expected, strict=True):
        assert close(_told(ours), _told(theirs)), (ours, theirs)
