"""Random flows that load, and random callers and called parties, for tests that compare engines.

@given(scenarios())
def test_...(scenario): ...
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from hypothesis import strategies as st

from ivr.flow.sim import ForwardAnswer, HttpAnswer, SimulatedCall

__all__ = ["Act", "Scenario", "flows", "live_through", "scenario", "scenarios"]

TEXTS = ("Hello.", "For sales press 1.", "We are closed today, please call again tomorrow.", "Yes")
PHONES = ("phone:200", "phone:201")


@dataclass(frozen=True)
class Act:
    """Something that the caller does, or that comes from outside."""

    at: float
    """Seconds since the call began."""
    kind: Literal["press", "speak", "event", "hang_up"]
    value: Any = None
    """The key, seconds, or the name of an event that comes from outside."""


@dataclass(frozen=True)
class Scenario:
    """A call: its flows, its caller, and how the phones take their calls."""

    seed: int
    """Makes all of it."""
    flows: dict[str, str]
    """YAML by name; `main` has number 100."""
    acts: tuple[Act, ...]
    """In order of time."""
    phones: dict[str, tuple[ForwardAnswer, ...]] = field(default_factory=dict)
    """Each phone's answers to one call after the other."""
    requests: tuple[HttpAnswer, ...] = ()
    """Answers to one HTTP request after the other."""
    courtesy: str | None = None
    """`limits.courtesy`."""


# Flows


def _prompt(rng: Random) -> dict[str, Any]:
    return {"text": rng.choice(TEXTS), **({"rate": 1.5} if _flip(rng) else {})}


def _flip(rng: Random) -> bool:
    return rng.random() < 0.5


def _some(rng: Random, fields: dict[str, Any]) -> dict[str, Any]:
    """Some of the fields."""
    return {name: value for name, value in fields.items() if _flip(rng)}


def _play(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    interruptible = _flip(rng)
    loop: Any = rng.choice([1, 1, 2, "forever"] if interruptible else [1, 2])
    sound = {"voicemail": "message"} if rng.randint(0, 5) == 0 else _prompt(rng)
    return {
        "type": "play",
        **sound,
        "interruptible": interruptible,
        "loop": loop,
        "pause": rng.choice([0, 0, 0.7]),
        "next": rng.choice(to),
    }


def _collect(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    more = _some(
        rng,
        {
            "attempts": rng.randint(1, 3),
            "retry_prompt": _prompt(rng),
            "invalid_prompt": _prompt(rng),
            "type_ahead": _flip(rng),
            "wait": rng.choice([1.3, 2.6, 5]),
            "wait_between": rng.choice([0.9, 2.1]),
            "terminator": rng.choice(["none", "*", "#"]),
        },
    )
    branches = _some(rng, {"no_input": rng.choice(to), "no_match": rng.choice(to)})
    if _flip(rng):
        keys = rng.sample(["1", "2", "12", "3", "111"], rng.randint(1, 3))
        return {"type": "collect", "responses": {key: rng.choice(to) for key in keys}, "branches": branches, **more}
    digits = _some(rng, {"min_digits": rng.randint(1, 2), "pattern": "[12]+"})
    saved = _some(rng, {"save_as": "input"})
    return {
        "type": "collect",
        "max_digits": rng.randint(2, 4),
        "next": rng.choice(to),
        "branches": branches,
        **digits,
        **saved,
        **more,
    }


def _branch(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    asked = rng.choice(
        [
            'input == "12"',
            'input == ""',
            "count > 2",
            "count < 3",
            "result.status == 'collected'",
            "result.talk_time > 3",
            "result.status == 200",
            "profile.seen",
            "'vip' in call.tags",
            "zzz",
        ]
    )
    return {"type": "branch", "conditions": [{"when": asked, "to": rng.choice(to)}], "next": rng.choice(to)}


def _set_variable(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    value = rng.choice(["{{ count + 1 }}", "{{ count + 1 }}", "{{ count * 2 }}", 3])
    return {"type": "set_variable", "variables": {"count": value}, "next": rng.choice(to)}


def _split(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    weights = rng.choice([(1, 1), (90, 10), (0, 1)])
    ways = dict(zip(("left", "right"), weights, strict=True))
    return {"type": "split", "ways": ways, "branches": {"left": rng.choice(to), "right": rng.choice(to)}}


def _keep(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    kind = rng.choice(["tag", "untag", "profile", "list"])
    if kind == "profile":
        return {"type": "update_profile", "fields": {"seen": _flip(rng)}, "next": rng.choice(to)}
    if kind == "list":
        return {"type": "do_not_contact", "action": "add", "next": rng.choice(to)}
    return {"type": kind, "tags": ["vip"], "next": rng.choice(to)}


def _call_api(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    more = _some(
        rng,
        {
            "retry": {"times": rng.randint(1, 2), "wait": "0.8s"},
            "filler": _prompt(rng),
            "timeout": 3,
            "save": {"count": "$.n"},
            "branches": {"client_error": rng.choice(to), "user_hung_up": "gone"},
        },
    )
    if rng.randint(0, 3) == 0:
        more = {"wait": False}
    return {"type": "call_api", "url": "https://x.example/{{ count }}", "next": rng.choice(to), **more}


def _wait_for_event(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    music: Any = rng.choice([False, True, {"text": TEXTS[0]}])
    return {
        "type": "wait_for_event",
        "event": "paid",
        "include_past": rng.choice([False, True, "4s"]),
        "timeout": rng.choice([2.9, 8, 30]),
        "hold_music": music,
        "next": rng.choice(to),
        "branches": _some(rng, {"timeout": rng.choice(to), "user_hung_up": "gone"}),
    }


def _record(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    more = _some(
        rng,
        {
            "max_duration": rng.choice([4.2, 9]),
            "max_silence": rng.choice([0, 1.7]),
            "escape_digits": rng.choice(["", "#", "12"]),
            "beep": False,
            "min_duration": rng.choice([0, 0.6]),
            "save_as": "message",
        },
    )
    branches = _some(rng, {"nothing_recorded": rng.choice(to), "user_hung_up": "gone"})
    return {"type": "record_voicemail", "next": rng.choice(to), "branches": branches, **more}


def _listen(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    return {"type": "play", "voicemail": "message", "interruptible": _flip(rng), "next": rng.choice(to)}


def _forward(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    targets = rng.sample(PHONES, rng.randint(1, 2))
    after = rng.choice(["hang_up", "return"])
    more = _some(
        rng,
        {
            "ring": rng.choice(["together", "in_turn"]),
            "whisper": _prompt(rng),
            "accept_key": "5",
            "max_duration": rng.choice([2.3, 6]),
            "ringback": "music",
        },
    )
    names = ["no_answer", "busy", "declined", "call_not_forwarded"] + (["returned"] if after == "return" else [])
    branches = _some(rng, {name: rng.choice(to) for name in names} | {"call_ended": "gone"})
    return {
        "type": "forward_call",
        "to": targets,
        "timeout": rng.choice([3, 7, 20]),
        "after": after,
        "branches": branches,
        **_some(rng, {"next": "gone"}),
        **more,
    }


def _pause(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    music: Any = rng.choice([False, True, {"text": TEXTS[0]}])
    return {"type": "pause", "duration": rng.choice([0.8, 3, 11]), "hold_music": music, "next": rng.choice(to)}


def _hang_up(rng: Random, _: Sequence[str]) -> dict[str, Any]:
    cause = rng.choice(["normal", "busy"])
    return {"type": "hang_up", "cause": cause, "next": "gone", **_some(rng, {"prompt": _prompt(rng)})}


def _sub(rng: Random, to: Sequence[str]) -> dict[str, Any]:
    back = _some(rng, {"return_to": rng.choice(to)})
    return {
        "type": "transfer_to_flow",
        "flow": rng.choice(["sub", "sub", "main"]),
        "pass": ["count"],
        **back,
    }


KINDS = (
    _play,
    _play,
    _collect,
    _collect,
    _collect,
    _branch,
    _set_variable,
    _split,
    _keep,
    _call_api,
    _wait_for_event,
    _record,
    _forward,
    _pause,
    _hang_up,
    _sub,
)


THEMES: dict[str, tuple[Any, ...]] = {
    "any": (None, None),
    "menu": (_play, _collect),
    "record": (_record, _listen),
    "forward": (_forward, _forward),
    "http": (_call_api, _branch),
    "events": (_wait_for_event, _wait_for_event),
}
"""What the first two elements of a flow are, so that things that seldom meet do."""


def _elements(rng: Random, theme: str) -> dict[str, Any]:
    """Elements beside the entry, of which any may lead to any. Few types in one flow meet each other more often."""
    kinds = rng.choices(KINDS, k=rng.randint(1, 4))
    names = [f"e{number}" for number in range(1, rng.randint(2, 7) + 1)]
    makers = [*THEMES[theme], *(None for _ in names)]
    found = {name: (maker or rng.choice(kinds))(rng, names) for name, maker in zip(names, makers, strict=False)}
    if theme != "any" and found["e1"].get("next", "gone") != "gone":
        found["e1"]["next"] = "e2"
    for element in found.values():
        if element["type"] in ("play", "collect") and rng.randint(0, 3) == 0:
            element.setdefault("branches", {})["user_hung_up"] = "gone"
        if "next" in element and rng.randint(0, 19) == 0:
            del element["next"]
    return {**found, "gone": {"type": "set_variable", "variables": {"count": "{{ count + 100 }}"}}}


def flows(rng: Random, theme: str = "any") -> dict[str, str]:
    """A flow `main` for number 100 and a flow `sub`, both as YAML."""
    answer = rng.choice(["immediately", "immediately", {"after": 1.1}, "early_media"])
    variables = {"count": 0, "input": "", "message": ""}
    main, sub = _elements(rng, theme), _elements(rng, "any")
    start = {"type": "start_incoming_call", "numbers": ["100"], "answer": answer, "next": "e1"}
    again = {"type": "start_from_flow", "next": rng.choice(list(main)[:-1])}
    entry = {"type": "start_from_flow", "next": "e1"}
    texts = {
        "main": {"variables": variables, "elements": {"start": start, "again": again, **main}},
        "sub": {"variables": variables, "elements": {"start": entry, **sub}},
    }
    return {name: json.dumps(text) for name, text in texts.items()}


# Callers and called parties


KINDS_OF_ACTS = {
    "any": ["press", "press", "speak", "event"],
    "record": ["speak", "speak", "press"],
    "events": ["event", "press"],
}


def _acts(rng: Random, theme: str) -> tuple[Act, ...]:
    acts = []
    at = 0.5
    kinds = KINDS_OF_ACTS.get(theme, ["press"])
    for _ in range(rng.randint(0, 12)):
        at += rng.uniform(0.1, 8.0)
        kind = rng.choice(kinds)
        value: Any = "paid"
        if kind == "press":
            value = rng.choice("11122335#*")
        elif kind == "speak":
            value = rng.uniform(0.2, 6.0)
        acts.append(Act(at, kind, value))
    if _flip(rng):
        acts.append(Act(at + rng.uniform(0.1, 12.0), "hang_up"))
    return tuple(acts)


def _answers(rng: Random, target: str) -> tuple[ForwardAnswer, ...]:
    def answer() -> ForwardAnswer:
        result = rng.choice(["answered", "answered", "answered", "no_answer", "busy", "declined", "failed"])
        after = rng.choice([None, 0.6, 2.2, 5.4])
        talk = rng.choice([1.9, 4.7, 12.3])
        leaves = rng.choice(["called", "called", "caller"])
        return ForwardAnswer(target, result, after, talk, leaves, rng.randint(0, 3) > 0, times=1)

    return tuple(answer() for _ in range(rng.randint(0, 3)))


def _http(rng: Random) -> HttpAnswer:
    return HttpAnswer(
        status=rng.choice([200, 200, 404, 500]),
        body=rng.choice([{}, {"n": 1}, {"n": [1]}, "text"]),
        after=rng.choice([0.3, 1.1, 3.7, 12.0]),
        error=rng.choice([None, None, None, "network"]),
        times=1,
    )


def scenario(seed: int, flows_of_it: dict[str, str] | None = None) -> Scenario:
    """Everything together, with random flows or others that have the number 100: the same for the same seed."""
    rng = Random(seed)
    theme = rng.choice([*THEMES])
    phones = {target: _answers(rng, target) for target in PHONES}
    courtesy = rng.choice([None, "I am sorry, this takes too long."])
    requests = tuple(_http(rng) for _ in range(rng.randint(0, 4)))
    return Scenario(seed, flows_of_it or flows(rng, theme), _acts(rng, theme), phones, requests, courtesy)


def scenarios(flows_of_them: dict[str, str] | None = None) -> st.SearchStrategy[Scenario]:
    """Scenarios by their seeds: choices by hypothesis itself are small ones, in which little meets."""
    return st.integers(0, 2**64 - 1).map(lambda seed: scenario(seed, flows_of_them))


def live_through(call: SimulatedCall, acts: Sequence[Act]) -> SimulatedCall:
    """A simulated call up to its end, with what the caller does and what comes from outside in between."""
    for act in acts:
        call.run(until=act.at)
        match act.kind:
            case "press":
                call.press(act.value)
            case "speak":
                call.speak(act.value)
            case "event":
                call.event(act.value)
            case "hang_up":
                call.hang_up()
    return call.run()
