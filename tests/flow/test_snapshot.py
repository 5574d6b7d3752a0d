"""Flows that are kept while they wait: values, what is restored, and that nobody notices."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.expressions import Record, Sensitive
from ivr.flow.loader import parse_flow
from ivr.flow.packet import AiTalk, Wait
from ivr.flow.ports import UpdateProfile, WaitForEvent
from ivr.flow.snapshot import SnapshotError, decode, encode, read
from ivr.settings import Calendar, Limits
from tests.kit.flow import Talk
from tests.kit.life import Life

BERLIN = ZoneInfo("Europe/Berlin")

# Values

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.sampled_from([UTC, BERLIN, timezone(timedelta(hours=-3))]), allow_imaginary=False)
)
KEYS = st.text(max_size=10) | st.sampled_from(["$sensitive", "$map", "$", "zone"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4).map(Record)
        | inner.map(lambda value: value if isinstance(value, Sensitive) else Sensitive(value))
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Sensitive):
        return same(a.value, b.value)
    return bool(a == b)


@given(VALUES)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert same(decode(json.loads(json.dumps(encode(value), allow_nan=False))), value)


def test_what_json_has_not() -> None:
    assert encode(float("nan")) is encode(float("inf")) is encode(object()) is None
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    assert decode(encode(deep))
    with pytest.raises(SnapshotError):
        decode({"$else": 1})
    with pytest.raises(SnapshotError):
        decode(json.loads("[" * 300 + "]" * 300))


def test_a_secret_is_marked() -> None:
    assert encode({"pin": Sensitive("1234")}) == {"pin": {"$sensitive": "1234"}}


def test_times_keep_their_zone() -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=BERLIN)
    found = decode(encode([at, date(2026, 1, 1), time(9, 30)]))
    assert found == [at, date(2026, 1, 1), time(9, 30)]
    assert found[0].tzinfo is BERLIN


# A flow that waits

FLOW = """
variables: {n: 0, pin: "1234", record: null}
sensitive: [pin]
elements:
  start: {type: start_from_audience, next: tag}
  tag: {type: tag, tags: [b, a], next: sub}
  sub: {type: transfer_to_flow, flow: sub, pass: [n, pin], return_to: back}
  back: {type: set_variable, variables: {record: "{{ result.variables }}"}, next: nap}
  nap: {type: pause, duration: 1d, next: end}
  end: {type: tag, tags: end}
"""
SUB = """
variables: {n: 0, pin: "", got: null}
sensitive: [pin]
elements:
  start: {type: start_from_flow, next: wait}
  wait: {type: wait_for_event, event: go, timeout: 2d, save: {got: value}, next: keep, branches: {timeout: keep}}
  keep: {type: update_profile, fields: {seen: "{{ (profile.seen or 0) + 1 }}"}}
"""


def waiting() -> Life:
    return Life(FLOW, {"sub": SUB}, properties={"x": 1}, profile={"seen": 1}).start()


def test_everything_comes_back() -> None:
    life = waiting()
    before = life.machine
    assert before.dormant and before.element == "wait"
    snapshot = life.keep()
    life.restart(snapshot)
    after = life.machine
    assert after.dormant and after.element == "wait"
    assert after.variables == before.variables
    assert after.variables["pin"] == Sensitive("1234")
    assert after.tags == ["b", "a"]
    assert after.wake_at == before.wake_at
    assert after.path() == before.path()
    assert [(wait.id, wait.event) for wait in after.waits] == [(1, "go")]
    life.event("go", {"value": 7}, after=3600).run()
    assert life.path == ["start", "tag", "sub", "start", "wait", "keep", "back", "nap", "end"]
    assert life.variables["record"] == Sensitive({"n": 0, "pin": "1234", "got": 7})
    assert life.commands(UpdateProfile)[0].changes == {"seen": 2}
    assert life.wall == datetime(2026, 3, 3, 13, tzinfo=UTC)


def test_what_the_next_hand_off_is_told_comes_back() -> None:
    life = waiting()
    handed = life.machine._ctx.handed
    handed.waited(Wait("support", 12.0, "max_wait"))
    handed.ai = AiTalk("bot", "completed", summary="Done", transcript=({"role": "user", "text": "Hello"},))
    snapshot = life.keep()
    life.restart(snapshot)
    assert life.machine._ctx.handed is not handed
    assert life.machine._ctx.handed.data() == handed.data()
    del snapshot["handed"]  # kept before there were hand-offs
    life.restart(snapshot)
    assert life.machine._ctx.handed.waits == []


def test_what_the_store_wants_to_know_stands_in_it() -> None:
    snapshot = waiting().keep()
    assert (snapshot["flow"], snapshot["element"], snapshot["type"]) == ("sub", "wait", "wait_for_event")
    assert snapshot["waits"] == [{"id": 1, "event": "go", "since": None}]
    assert snapshot["wake_at"] == datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp()
    assert snapshot["call"]["from_"] == "+15550199"
    assert snapshot["variables"]["pin"] == {"$sensitive": "1234"}


def test_what_came_while_nobody_was_there_is_asked_for() -> None:
    life = waiting()
    life.restart()
    life._carry_out()
    assert [wait.since for wait in life.commands(WaitForEvent)] == [None, datetime(2026, 3, 2, 12, tzinfo=UTC)]


def test_a_restart_that_comes_late_goes_on_at_once() -> None:
    life = waiting()
    snapshot = life.keep()
    life.pass_to(datetime(2026, 3, 20, 12, tzinfo=UTC))
    life.restart(snapshot)
    life._carry_out()
    assert life.path[-1] == "nap"
    assert life.branches[4] == "timeout"
    assert life.machine.wake_at == datetime(2026, 3, 21, 12, tzinfo=UTC)


def test_the_zone_is_that_of_the_clock_on_the_wall() -> None:
    life = Life(
        """
elements:
  start: {type: start_from_audience, next: nap}
  nap: {type: pause, duration: 1h, next: until}
  until: {type: pause, until: {at: "09:00"}, next: end}
  end: {type: tag, tags: "{{ str(now) }}"}
""",
        wall="2026-03-28T12:00:00+01:00",
    ).start()
    life.zone = BERLIN
    life.wall = life.wall.astimezone(BERLIN)
    life.restart().run()
    assert life.machine.tags == ["2026-03-29T09:00:00+02:00"]


def test_a_clock_that_was_set_back_makes_no_harm() -> None:
    life = waiting()
    snapshot = life.keep()
    life.wall -= timedelta(hours=1)
    life.restart(snapshot)
    assert life.machine.wake_at == datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert life.run().path[-1] == "end"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("wait:", "await:", "the flow sub has no wait_for_event wait any more"),
        ("wait: {type: wait_for_event", "wait: {type: pause, duration: 1s} \n  a: {type: wait_for_event",
         "the flow sub has no wait_for_event wait any more"),
    ],
)  # fmt: skip
def test_an_element_that_is_no_more_is_a_clear_fault(old: str, new: str, fault: str) -> None:
    life = waiting()
    text = SUB.replace(old, new).replace("next: wait}", "next: keep}")
    life.restart(flow=parse_flow(text, "sub"))
    assert life.machine.finished
    assert life.machine.fault == fault


def test_a_caller_of_a_subroutine_that_is_no_more_is_a_clear_fault() -> None:
    life = waiting()
    snapshot = life.keep()
    snapshot["frames"][0]["element"] = "gone"
    life.restart(snapshot)
    assert life.machine.fault == "the flow main has no element gone any more"
    snapshot["frames"][0]["flow"] = "other"
    life.restart(snapshot)
    assert life.machine.fault == "the flow other has no element gone any more"
    life.restart(life.snapshots[0], flow=life.flows["main"])
    assert life.machine.finished


def test_another_flow_is_a_clear_fault() -> None:
    life = waiting()
    life.restart(flow=life.flows["main"])
    assert life.machine.fault == "the flow sub has no wait_for_event wait any more"


@pytest.mark.parametrize("key", ["flow", "call", "variables", "steps", "counters", "kept", "cause", "frames", "ids"])
def test_what_cannot_be_read_is_refused(key: str) -> None:
    snapshot = waiting().keep()
    for wrong in ({**snapshot, key: [["nonsense"]]}, {name: value for name, value in snapshot.items() if name != key}):
        if key == "flow" and key in wrong:
            continue
        with pytest.raises(SnapshotError):
            read(wrong)
    with pytest.raises(SnapshotError, match="format 0"):
        read({**snapshot, "format": 0})


def test_only_who_waits_without_a_caller_can_be_kept() -> None:
    life = waiting().run()
    with pytest.raises(SnapshotError):
        life.machine.snapshot()
    talk = Talk(
        """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: wait}
  wait: {type: pause, duration: 1h, hold_music: true, next: bye}
  bye: {type: hang_up}
"""
    ).start()
    assert not talk.machine.dormant
    with pytest.raises(SnapshotError):
        talk.machine.snapshot()


def test_a_flow_that_goes_on_after_its_call() -> None:
    talk = Talk(
        """
variables: {paid: null}
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: hello}
  hello: {type: play, text: Hello, next: bye}
  bye: {type: hang_up, next: wait}
  wait: {type: wait_for_event, event: paid, save: {paid: amount}, timeout: 3d, next: tag, branches: {timeout: tag}}
  tag: {type: tag, tags: "{{ paid }} {{ call.from }}"}
"""
    ).start()
    talk.wait(5.0)
    assert talk.machine.dormant and talk.machine.settled
    life = Life(talk.call.flow)
    life.wall = life.wall + timedelta(seconds=5)
    life.restart({**json.loads(json.dumps(talk.machine.snapshot())), "heard": 0})
    assert life.machine.cause == "ended_by_flow"
    life.event("paid", {"amount": 12}, after=86400).run()
    assert life.path == ["start", "hello", "bye", "wait", "tag"]
    assert life.machine.tags == ["12 +15550199"]


def test_it_ends_after_a_year_with_no_step() -> None:
    flow = """
elements:
  start: {type: start_from_audience, next: wait}
  wait: {type: wait_for_event, event: never, next: tag}
  tag: {type: tag, tags: x}
"""
    for kept in (False, True):
        life = Life(flow, kept=lambda number, kept=kept: kept).run()
        assert life.machine.fault == "limits.flow_idle is reached: no step for so long"
        assert life.wall == datetime(2027, 3, 2, 12, tzinfo=UTC)
        assert life.path == ["start", "wait"]
        assert not life.machine.waits
    life = Life(flow).start()
    snapshot = life.keep()
    life.pass_to(datetime(2027, 3, 2, 12, tzinfo=UTC))
    assert life.restart(snapshot).machine.fault == "limits.flow_idle is reached: no step for so long"
    life = Life(flow, limits=Limits(flow_idle=60)).run()
    assert life.wall == datetime(2026, 3, 2, 12, 1, tzinfo=UTC)


def test_it_goes_round_for_years_and_its_way_is_bounded() -> None:
    life = Life(
        """
variables: {n: 0}
elements:
  start: {type: start_from_audience, next: morning}
  morning: {type: pause, until: {at: "09:00"}, next: count}
  count: {type: set_variable, variables: {n: "{{ n + 1 }}"}, next: enough}
  enough: {type: branch, conditions: [{when: n >= 700, to: end}], next: morning}
  end: {type: tag, tags: end}
""",
        kept=lambda number: number % 50 == 0,
    ).run()
    assert life.machine.tags == ["end"]
    assert life.variables["n"] == 700
    assert len(life.machine.steps) <= 1000
    assert all(len(snapshot["steps"]) <= 200 for snapshot in life.snapshots)


def test_what_runs_in_circles_ends_without_a_caller_too() -> None:
    life = Life(
        """
elements:
  start: {type: start_from_audience, next: nap}
  nap: {type: pause, duration: 5s, next: again}
  again: {type: tag, tags: x, next: nap}
""",
        kept=lambda number: True,
    ).run()
    assert life.machine.fault == "limits.visits_without_input is reached at element nap"


def test_a_subroutine_without_a_caller_comes_back() -> None:
    """The call was over before: its end does not break the subroutine off."""
    life = waiting().run()
    assert [step.branch for step in life.machine.steps if step.element == "sub"] == ["transferred"]
    assert "back" in life.path


# Random flows, kept at random waits

OFFICE = Calendar.model_validate({"time_zone": "Europe/Berlin", "hours": {"mon-fri": ["09:00-12:00", "13:00-17:00"]}})


@st.composite
def flows(draw: st.DrawFn) -> tuple[str, str]:
    size = draw(st.integers(2, 7))
    names = [f"e{number}" for number in range(size)]

    def target() -> str:
        return draw(st.sampled_from([*names, "end"]))

    def element(inner: bool) -> str:
        kind = draw(
            st.sampled_from(["pause", "until", "date", "event", "event", "set", "branch", "hours", "tag", "sub"])
        )
        if kind == "pause":
            return f"type: pause, duration: {draw(st.sampled_from(['1s', '90s', '3h', '2d', '40d']))}, next: {target()}"
        if kind == "until":
            day = draw(st.sampled_from(["", "weekday: mon, ", "weekday: [tue, sat-sun], "]))
            return f'type: pause, until: {{{day}at: "02:30", time_zone: Europe/Berlin}}, next: {target()}'
        if kind == "date":
            offset = draw(st.sampled_from(["", "before: 1d, ", "after: 26h, ", "every_year: true, ", "timeout: 5d, "]))
            day = draw(st.sampled_from(["2026-03-05", "2026-03-29", "1990-12-24", "{{ got }}"]))
            other = f"branches: {{no_date: {target()}}}"
            return f'type: wait_for_date, date: "{day}", {offset}next: {target()}, {other}'
        if kind == "event":
            asked = draw(st.sampled_from(["", "conditions: [{property: n, at_least: 2}], ", "include_past: 1h, "]))
            limit = draw(st.sampled_from(["timeout: 1h, ", "timeout: 10d, "]))
            other = f"branches: {{timeout: {target()}}}"
            return f"type: wait_for_event, event: go, {asked}{limit}save: {{got: n}}, next: {target()}, {other}"
        if kind == "set":
            return f'type: set_variable, variables: {{n: "{{{{ n + 1 }}}}"}}, next: {target()}'
        if kind == "branch":
            return (
                f'type: branch, conditions: [{{value: "{{{{ got }}}}", at_least: 3, to: {target()}}}], next: {target()}'
            )
        if kind == "hours":
            return f"type: hours, calendar: office, branches: {{open: {target()}, closed: {target()}}}"
        if kind == "sub" and not inner:
            return f"type: transfer_to_flow, flow: sub, pass: [n], return_to: {target()}"
        return f'type: tag, tags: "{{{{ n }}}} {{{{ got }}}}", next: {target()}'

    def flow(start: str, inner: bool) -> str:
        lines = "".join(f"  {name}: {{{element(inner)}}}\n" for name in names)
        return (
            "variables: {n: 0, got: null}\nsensitive: [got]\nelements:\n"
            f"  start: {{type: {start}, next: e0}}\n{lines}"
            '  end: {type: update_profile, fields: {n: "{{ n }}", at: "{{ str(now) }}"}}\n'
        )

    return flow("start_from_audience", False), flow("start_from_flow", True)


@settings(max_examples=60, deadline=None)
@given(
    flows(),
    st.lists(st.tuples(st.integers(0, 20 * 86400), st.integers(0, 5)), max_size=8),
    st.sets(st.integers(1, 40)),
    st.booleans(),
)
def test_a_flow_that_is_kept_takes_the_way_of_one_that_is_not(
    texts: tuple[str, str], events: list[tuple[int, int]], kept: set[int], always: bool
) -> None:
    main, sub = (parse_flow(text, name) for text, name in zip(texts, ("main", "sub"), strict=True))

    def live(keeps: bool) -> Life:
        life = Life(
            main,
            {"sub": texts[1]},
            wall=datetime(2026, 3, 2, 12, tzinfo=BERLIN),
            calendars={"office": OFFICE},
            limits=Limits(steps_per_call=150),
            kept=lambda number: keeps and (always or number in kept),
        )
        for after, number in events:
            life.event("go", {"n": number}, float(after))
        return life.run(until=400 * 86400.0, turns=300)

    assert sub.elements
    through, with_stops = live(False), live(True)
    assert with_stops.path == through.path[-len(with_stops.path) :]
    assert with_stops.branches == through.branches[-len(with_stops.path) :]
    assert with_stops.machine.tags == through.machine.tags
    assert with_stops.machine.variables == through.machine.variables
    assert with_stops.machine.fault == through.machine.fault
    assert with_stops.commands(UpdateProfile) == through.commands(UpdateProfile)
    assert abs(with_stops.wall - through.wall) < timedelta(milliseconds=1)
