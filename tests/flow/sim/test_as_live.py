"""The simulator and the live engine go the same ways: random flows, callers and phones, over real stacks."""

from __future__ import annotations

import itertools
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

from ivr.flow import FlowSet, parse_flow
from ivr.flow.ports import PromptSpec
from ivr.flow.sim import MONDAY_NOON, ForwardAnswer, Given, SimulatedCall, SpeechModel, Stubs
from ivr.flow.sim.forwards import ACCEPT_SECONDS, ANSWER_SECONDS, DEFAULT, REFUSAL_SECONDS
from ivr.settings import Limits
from tests.kit.flows_random import Act, Scenario, live_through, scenarios
from tests.kit.house import CELL, DESK, SETTINGS, House, Party
from tests.kit.sip import sdp
from tests.kit.timed import TimedOutside, TimedPool, TimedPort, TimedSounds

SPEECH = SpeechModel()
DURATION = 60.0173
"""`limits.call_duration` here: loops with input in them end, and nothing else ends at that very moment."""
ONE_WAY = 0.01
"""Seconds that a packet takes on the link."""
CLOSE = 0.06
"""Seconds that the two may differ in time: a few packets one after the other."""
EXAMPLES = int(os.environ.get("IVR_EXAMPLES", "100"))
"""Calls that are compared; ten thousand take a quarter of an hour."""
CALLER = "caller"
"""Who calls, as the stack of the tests says."""
FRONT_DESK = {
    path.stem: path.read_text()
    for path in (Path(__file__).resolve().parents[3] / "config" / "flows").glob("*.yaml")
    if not path.name.endswith(".test.yaml")
}
STATUS = {"busy": 486, "declined": 603, "failed": 503, "no_answer": 480}


# The simulator


def simulated(scenario: Scenario) -> tuple[list[dict[str, Any]], str | None]:
    flows = FlowSet({name: parse_flow(text, name) for name, text in scenario.flows.items()})
    stubs = Stubs(http=scenario.requests, forwards=tuple(itertools.chain(*scenario.phones.values())))
    options: dict[str, Any] = {"limits": Limits(call_duration=DURATION, courtesy=scenario.courtesy), "speech": SPEECH}
    if scenario.courtesy:
        options["courtesy"] = PromptSpec("text", scenario.courtesy)
    found = flows.find("100")
    assert found is not None
    call = SimulatedCall(found[0], flows, Given(caller=CALLER), stubs, **options).start()
    assert live_through(call, scenario.acts).finished
    return call.machine.path(), call.cause


# The live engine


def live(scenario: Scenario, folder: Path) -> tuple[list[dict[str, Any]], str | None]:
    sounds = TimedSounds(SPEECH)
    courtesy = f", courtesy: {scenario.courtesy!r}" if scenario.courtesy else ""
    house = House(
        folder,
        dict(scenario.flows),
        f"{SETTINGS}\nlimits: {{call_duration: {DURATION:g}{courtesy}}}",
        lambda link: (TimedPool(link, sounds), sounds),
    )
    house.services.wall = lambda: MONDAY_NOON.timestamp() + house.now  # type: ignore[method-assign]
    house.outside = house.services.outside = TimedOutside(house.link, scenario.requests)
    phones = {"phone:200": house.phone("200", DESK), "phone:201": house.phone("201", CELL)}
    caller = house.party()
    for target, party in phones.items():
        Phone(house, party, caller, target, list(scenario.phones.get(target, ())))
    began = house.now + ONE_WAY
    for act in scenario.acts:
        early = ONE_WAY if act.kind == "hang_up" else 0.0
        house.link.at(began + act.at - early, lambda act=act: do(house, caller, act))
    caller.call("100")
    house.run(4 * DURATION)
    [record] = house.books.calls
    return record.path, record.cause


def do(house: House, caller: Party, act: Act) -> None:
    port = house.pool.ports[0]
    assert isinstance(port, TimedPort)
    if act.kind == "hang_up":
        if not caller.session.ended:
            caller.session.hangup(house.now)
    elif act.kind == "event":
        assert isinstance(house.outside, TimedOutside)
        house.outside.event(act.value, datetime.fromtimestamp(house.services.wall(), UTC))
    elif not port.released:
        if act.kind == "press":
            port.press(act.value, house.now)
        else:
            port.speak(act.value)


class Phone:
    """A registered phone that takes its calls as the answers say, to the hundredth."""

    def __init__(self, house: House, party: Party, caller: Party, target: str, answers: list[ForwardAnswer]) -> None:
        self.house = house
        self.party = party
        self.caller = caller
        self.target = target
        self.answers = answers
        party.on_call = self.on_call

    def on_call(self, session: Any) -> None:
        house = self.house
        answer = self.answers.pop(0) if self.answers else DEFAULT
        called = house.now - ONE_WAY
        session.ring(house.now)
        if answer.result == "answered":
            after = ANSWER_SECONDS if answer.after is None else answer.after
            house.link.at(called + after - ONE_WAY, lambda: self.take(session, answer))
        elif answer.result != "no_answer" or answer.after is not None:
            after = REFUSAL_SECONDS if answer.after is None else answer.after
            house.link.at(called + after - ONE_WAY, lambda: self.refuse(session, STATUS[answer.result]))

    def refuse(self, session: Any, status: int) -> None:
        if not session.ended:
            session.reject(status, self.house.now)

    def take(self, session: Any, answer: ForwardAnswer) -> None:
        house = self.house
        if session.ended:
            return
        session.answer(sdp(self.party.address[0], 4100), house.now)
        answered = house.now + ONE_WAY
        port = next(port for port in house.pool.ports if port.local[1] == session.remote_sdp.media[0].port)
        # What is said to the phone is on its port as soon as the answer is there.
        house.link.at(answered + 0.001, lambda: self.listen(session, answer, port, answered))

    def listen(self, session: Any, answer: ForwardAnswer, port: Any, answered: float) -> None:
        house = self.house
        call = next(iter(house.manager.calls.values()), None)
        if call is None or call._forward is None:
            return
        command = call._forward.command
        whisper = 0.0 if command.whisper is None else SPEECH.seconds(command.whisper) or 0.0
        connected = answered + whisper
        if command.accept_key is not None:
            if not answer.accepts:
                return
            connected += ACCEPT_SECONDS
            house.link.at(connected, lambda: port.press(command.accept_key, house.now))
        leaver = session if answer.leaves == "called" else self.caller.session
        house.link.at(connected + answer.talk - ONE_WAY, lambda: self.leave(session, leaver))

    def leave(self, session: Any, leaver: Any) -> None:
        if not session.ended and not leaver.ended:
            leaver.hangup(self.house.now)


# The same


OF_ONE_ONLY = {"recording", "ringing_at", "duration"}
"""What differs by nature: names of files, when a phone says that it rings, how long a key is held."""


def brief(path: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(step["flow"], step["element"], step["branch"]) for step in path]


def close(ours: Any, theirs: Any) -> bool:
    """The same, but for a few packets one after the other."""
    if isinstance(ours, float) and isinstance(theirs, float):
        return abs(ours - theirs) <= CLOSE
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = ours.keys() | theirs.keys()
        return all(close(ours.get(name), theirs.get(name)) for name in names - OF_ONE_ONLY)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(close, ours, theirs))
    if isinstance(ours, str) and isinstance(theirs, str) and ours.endswith(".wav"):
        return theirs.endswith(".wav")
    return bool(ours == theirs)


def since_the_start(path: list[dict[str, Any]]) -> list[dict[str, Any]]:
    began = path[0]["entered_at"]
    return [{**step, "entered_at": step["entered_at"] - began, "left_at": step["left_at"] - began} for step in path]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenarios())
def test_simulator_and_live_engine_go_the_same_way(scenario: Scenario) -> None:
    compare(scenario)


@settings(max_examples=max(1, EXAMPLES // 3), deadline=None, suppress_health_check=list(HealthCheck))
@given(scenarios(FRONT_DESK))
def test_so_they_do_with_the_example_front_desk(scenario: Scenario) -> None:
    compare(scenario)


def compare(scenario: Scenario) -> None:
    expected, cause = simulated(scenario)
    with tempfile.TemporaryDirectory() as folder:
        found, live_cause = live(scenario, Path(folder))
    assert (brief(found), live_cause) == (brief(expected), cause)
    for theirs, ours in zip(since_the_start(found), since_the_start(expected), strict=True):
        assert close(ours, theirs), (ours, theirs)
