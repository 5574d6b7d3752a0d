"""Random flows that load, and random callers and called parties, for tests that compare engines.

@given(scenarios())
def test_...(scenario): ...
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import strategies as st

from ivr.flow.sim import ForwardAnswer, HttpAnswer

__all__ = ["Act", "Scenario", "flows", "scenarios"]

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


def _prompt(draw: Any) -> dict[str, Any]:
    return {"text": draw(st.sampled_from(TEXTS)), **({"rate": 1.5} if draw(st.booleans()) else {})}


def _some(draw: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """Some of the fields."""
    return {name: value for name, value in fields.items() if draw(st.booleans())}


def _play(draw: Any, to: Any) -> dict[str, Any]:
    interruptible = draw(st.booleans())
    loop: Any = draw(st.sampled_from([1, 1, 2, "forever"] if interruptible else [1, 2]))
    sound = {"voicemail": "message"} if draw(st.integers(0, 5)) == 0 else _prompt(draw)
    return {
        "type": "play",
        **sound,
        "interruptible": interruptible,
        "loop": loop,
        "pause": draw(st.sampled_from([0, 0, 0.7])),
        "next": draw(to),
    }


def _collect(draw: Any, to: Any) -> dict[str, Any]:
    more = _some(
        draw,
        {
            "attempts": draw(st.integers(1, 3)),
            "retry_prompt": _prompt(draw),
            "invalid_prompt": _prompt(draw),
            "type_ahead": draw(st.booleans()),
            "wait": draw(st.sampled_from([1.3, 2.6, 5])),
            "wait_between": draw(st.sampled_from([0.9, 2.1])),
            "terminator": draw(st.sampled_from(["none", "*", "#"])),
        },
    )
    branches = _some(draw, {"no_input": draw(to), "no_match": draw(to)})
    if draw(st.booleans()):
        keys = draw(st.lists(st.sampled_from(["1", "2", "12", "3", "111"]), min_size=1, max_size=3, unique=True))
        return {"type": "collect", "responses": {key: draw(to) for key in keys}, "branches": branches, **more}
    digits = _some(draw, {"min_digits": draw(st.integers(1, 2)), "pattern": "[12]+"})
    saved = _some(draw, {"save_as": "input"})
    return {
        "type": "collect",
        "max_digits": draw(st.integers(2, 4)),
        "next": draw(to),
        "branches": branches,
        **digits,
        **saved,
        **more,
    }


def _branch(draw: Any, to: Any) -> dict[str, Any]:
    asked = draw(
        st.sampled_from(
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
    )
    return {"type": "branch", "conditions": [{"when": asked, "to": draw(to)}], "next": draw(to)}


def _set_variable(draw: Any, to: Any) -> dict[str, Any]:
    value = draw(st.sampled_from(["{{ count + 1 }}", "{{ count + 1 }}", "{{ count * 2 }}", 3]))
    return {"type": "set_variable", "variables": {"count": value}, "next": draw(to)}


def _split(draw: Any, to: Any) -> dict[str, Any]:
    weights = draw(st.sampled_from([(1, 1), (90, 10), (0, 1)]))
    ways = dict(zip(("left", "right"), weights, strict=True))
    return {"type": "split", "ways": ways, "branches": {"left": draw(to), "right": draw(to)}}


def _keep(draw: Any, to: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["tag", "untag", "profile", "list"]))
    if kind == "profile":
        return {"type": "update_profile", "fields": {"seen": draw(st.booleans())}, "next": draw(to)}
    if kind == "list":
        return {"type": "do_not_contact", "action": "add", "next": draw(to)}
    return {"type": kind, "tags": ["vip"], "next": draw(to)}


def _call_api(draw: Any, to: Any) -> dict[str, Any]:
    more = _some(
        draw,
        {
            "retry": {"times": draw(st.integers(1, 2)), "wait": "0.8s"},
            "filler": _prompt(draw),
            "timeout": 3,
            "save": {"count": "$.n"},
            "branches": {"client_error": draw(to), "user_hung_up": "gone"},
        },
    )
    if draw(st.integers(0, 3)) == 0:
        more = {"wait": False}
    return {"type": "call_api", "url": "https://x.example/{{ count }}", "next": draw(to), **more}


def _wait_for_event(draw: Any, to: Any) -> dict[str, Any]:
    music: Any = draw(st.sampled_from([False, True, {"text": TEXTS[0]}]))
    return {
        "type": "wait_for_event",
        "event": "paid",
        "include_past": draw(st.booleans()),
        "timeout": draw(st.sampled_from([2.9, 8, 30])),
        "hold_music": music,
        "next": draw(to),
        "branches": _some(draw, {"timeout": draw(to), "user_hung_up": "gone"}),
    }


def _record(draw: Any, to: Any) -> dict[str, Any]:
    more = _some(
        draw,
        {
            "max_duration": draw(st.sampled_from([4.2, 9])),
            "max_silence": draw(st.sampled_from([0, 1.7])),
            "escape_digits": draw(st.sampled_from(["", "#", "12"])),
            "beep": False,
            "min_duration": draw(st.sampled_from([0, 0.6])),
            "save_as": "message",
        },
    )
    branches = _some(draw, {"nothing_recorded": draw(to), "user_hung_up": "gone"})
    return {"type": "record_voicemail", "next": draw(to), "branches": branches, **more}


def _forward(draw: Any, to: Any) -> dict[str, Any]:
    targets = draw(st.lists(st.sampled_from(PHONES), min_size=1, max_size=2, unique=True))
    after = draw(st.sampled_from(["hang_up", "return"]))
    more = _some(
        draw,
        {
            "ring": draw(st.sampled_from(["together", "in_turn"])),
            "whisper": _prompt(draw),
            "accept_key": "5",
            "max_duration": draw(st.sampled_from([2.3, 6])),
            "ringback": "music",
        },
    )
    names = ["no_answer", "busy", "declined", "call_not_forwarded"] + (["returned"] if after == "return" else [])
    branches = _some(draw, {name: draw(to) for name in names} | {"call_ended": "gone"})
    return {
        "type": "forward_call",
        "to": targets,
        "timeout": draw(st.sampled_from([3, 7, 20])),
        "after": after,
        "branches": branches,
        **_some(draw, {"next": "gone"}),
        **more,
    }


def _pause(draw: Any, to: Any) -> dict[str, Any]:
    music: Any = draw(st.sampled_from([False, True, {"text": TEXTS[0]}]))
    return {"type": "pause", "duration": draw(st.sampled_from([0.8, 3, 11])), "hold_music": music, "next": draw(to)}


def _hang_up(draw: Any, _: Any) -> dict[str, Any]:
    cause = draw(st.sampled_from(["normal", "busy"]))
    return {"type": "hang_up", "cause": cause, "next": "gone", **_some(draw, {"prompt": _prompt(draw)})}


def _sub(draw: Any, to: Any) -> dict[str, Any]:
    back = _some(draw, {"return_to": draw(to)})
    return {
        "type": "transfer_to_flow",
        "flow": draw(st.sampled_from(["sub", "sub", "main"])),
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


def _elements(draw: Any) -> dict[str, Any]:
    """Elements beside the entry, of which any may lead to any."""
    names = [f"e{number}" for number in range(1, draw(st.integers(2, 7)) + 1)]
    to = st.sampled_from(names)
    found = {name: draw(st.sampled_from(KINDS))(draw, to) for name in names}
    for element in found.values():
        if element["type"] in ("play", "collect") and draw(st.integers(0, 3)) == 0:
            element.setdefault("branches", {})["user_hung_up"] = "gone"
        if "next" in element and draw(st.integers(0, 19)) == 0:
            del element["next"]
    return {**found, "gone": {"type": "set_variable", "variables": {"count": "{{ count + 100 }}"}}}


@st.composite
def flows(draw: Any) -> dict[str, str]:
    """A flow `main` for number 100 and a flow `sub`, both as YAML."""
    answer = draw(st.sampled_from(["immediately", "immediately", {"after": 1.1}, "early_media"]))
    variables = {"count": 0, "input": "", "message": ""}
    main = _elements(draw)
    start = {"type": "start_incoming_call", "numbers": ["100"], "answer": answer, "next": "e1"}
    again = {"type": "start_from_flow", "next": draw(st.sampled_from(list(main)[:-1]))}
    texts = {
        "main": {"variables": variables, "elements": {"start": start, "again": again, **main}},
        "sub": {
            "variables": variables,
            "elements": {"start": {"type": "start_from_flow", "next": "e1"}, **_elements(draw)},
        },
    }
    return {name: json.dumps(text) for name, text in texts.items()}


FLOWS = flows()


# Callers and called parties


@st.composite
def _acts(draw: Any) -> tuple[Act, ...]:
    acts = []
    at = 0.5
    for _ in range(draw(st.integers(0, 12))):
        at += draw(st.integers(1, 40)) * 0.2 + 0.0371
        kind = draw(st.sampled_from(["press"] * 6 + ["speak", "event"]))
        value: Any = "paid"
        if kind == "press":
            value = draw(st.sampled_from("11122335#*"))
        elif kind == "speak":
            value = draw(st.integers(1, 30)) * 0.2
        acts.append(Act(round(at, 4), kind, value))
    if draw(st.booleans()):
        acts.append(Act(round(at + draw(st.integers(1, 60)) * 0.2 + 0.0113, 4), "hang_up"))
    return tuple(acts)


@st.composite
def _answers(draw: Any, target: str) -> tuple[ForwardAnswer, ...]:
    def answer() -> ForwardAnswer:
        result = draw(st.sampled_from(["answered", "answered", "answered", "no_answer", "busy", "declined", "failed"]))
        after = draw(st.sampled_from([None, 0.6, 2.2, 5.4]))
        talk = draw(st.sampled_from([1.9, 4.7, 12.3]))
        leaves = draw(st.sampled_from(["called", "called", "caller"]))
        return ForwardAnswer(target, result, after, talk, leaves, draw(st.integers(0, 3)) > 0, times=1)

    return tuple(answer() for _ in range(draw(st.integers(0, 3))))


@st.composite
def _http(draw: Any) -> HttpAnswer:
    return HttpAnswer(
        status=draw(st.sampled_from([200, 200, 404, 500])),
        body=draw(st.sampled_from([{}, {"n": 1}, {"n": [1]}, "text"])),
        after=draw(st.sampled_from([0.3, 1.1, 3.7, 12.0])),
        error=draw(st.sampled_from([None, None, None, "network"])),
        times=1,
    )


@st.composite
def scenarios(draw: Any, flows: st.SearchStrategy[dict[str, str]] = FLOWS) -> Scenario:
    """Everything together, with random flows or others that have the number 100."""
    phones = {target: draw(_answers(target)) for target in PHONES}
    courtesy = draw(st.sampled_from([None, "I am sorry, this takes too long."]))
    requests = tuple(draw(st.lists(_http(), max_size=4)))
    return Scenario(draw(flows), draw(_acts()), phones, requests, courtesy)
