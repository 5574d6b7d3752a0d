"""What the store knows of calls that are up, and what the next run of the daemon makes of it."""

from __future__ import annotations

import itertools
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.call.unfinished import AGAIN, ALIVE, ROUND, ROUND_MOST, Unfinished, settle
from ivr.feed import Feed
from ivr.store import RUNNING, SEEN, CallRecord, KeptWait, Store
from tests.call.test_live import FLOWS
from tests.kit.house import House

# Calls of a house


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, FLOWS)


def test_a_call_that_is_up_is_known_with_its_way_so_far(house: House) -> None:
    caller = house.party()
    caller.call("100")
    house.run(0.2)
    [known] = house.books.going.values()
    assert (known.called, known.flow, known.cause) == ("100", "menu", None)
    assert known.answered_at is not None
    assert [step["element"] for step in known.path] == ["start", "welcome"]
    house.press("2")
    house.play_out()
    house.run(AGAIN)
    [known] = house.books.going.values()
    assert [step["element"] for step in known.path][-1] == "two"
    [running] = known.details[RUNNING]
    assert (running["kind"], Path(running["path"]).name) == ("voicemail", running["name"])
    caller.hang_up()
    house.settled()
    assert not house.books.going
    assert not {RUNNING, SEEN} & set(house.record.details)


def test_what_the_writer_has_does_not_change_any_more(house: House) -> None:
    house.party().call("101")
    house.run(0.2)
    [known] = house.books.going.values()
    before = repr(known)
    call = next(iter(house.manager.calls.values()))
    call.report.handed_over({"target": "queue:default", "outcome": "closed"})
    call.report.fault("something")
    assert repr(known) == before


def test_what_is_told_after_the_end_is_no_call_that_goes_on(house: House) -> None:
    caller = house.party()
    caller.call("100")
    house.run(0.2)
    call = next(iter(house.manager.calls.values()))
    report = call.report
    caller.hang_up()
    while not house.books.calls:
        house.run(0.1)
    report.tell("recording.ready", {"id": "late"})
    house.run(ROUND + 0.1)
    assert not house.books.going, "the record of the end would be replaced by one without figures"


# Which and when


class Timers:
    """Time that is set forward."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, then: Callable[[], None]) -> Any:
        entry = (self.now + seconds, then)
        self.waiting.append(entry)
        return entry

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [entry for entry in self.waiting if entry[0] <= until]:
            first = min(due, key=lambda entry: entry[0])
            self.waiting.remove(first)
            self.now = first[0]
            first[1]()
        self.now = until


@dataclass(eq=False)
class Some:
    """A call."""

    number: int
    timers: Timers
    log: list[tuple[float, int]]
    broken: bool = False

    def so_far(self) -> CallRecord | None:
        if self.broken:
            raise ValueError
        return CallRecord(id=str(self.number), short_id=self.number, direction="inbound", started_at=0.0)

    def keep(self, writer: Any, record: CallRecord) -> None:
        self.log.append((self.timers.now, self.number))


class Desk:
    def __init__(self) -> None:
        self.timers = Timers()
        self.log: list[tuple[float, int]] = []
        self.unfinished = Unfinished(None, self.timers.later, lambda: self.timers.now)  # type: ignore[arg-type]

    def call(self, number: int, broken: bool = False) -> Some:
        return Some(number, self.timers, self.log, broken)


def test_changes_of_a_call_are_gathered() -> None:
    desk = Desk()
    call = desk.call(1)
    for _ in range(30):
        desk.unfinished.changed(call)
        desk.timers.run(0.1)
    times = [at for at, _ in desk.log]
    assert times[0] == pytest.approx(100 + ROUND)
    assert all(AGAIN <= b - a <= AGAIN + ROUND + 0.01 for a, b in itertools.pairwise(times))
    assert 2 <= len(times) <= 3


def test_a_call_that_is_soon_over_costs_nothing() -> None:
    desk = Desk()
    call = desk.call(1)
    desk.unfinished.changed(call)
    desk.timers.run(ROUND / 2)
    desk.unfinished.over(call)
    desk.timers.run(10)
    assert not desk.log


def test_many_calls_are_written_by_and_by() -> None:
    desk = Desk()
    for number in range(3 * ROUND_MOST):
        desk.unfinished.changed(desk.call(number))
    desk.timers.run(ROUND)
    assert len(desk.log) == ROUND_MOST
    desk.timers.run(2 * ROUND)
    assert [number for _, number in desk.log] == list(range(3 * ROUND_MOST))


def test_the_newest_record_is_never_old() -> None:
    desk = Desk()
    calls = [desk.call(number) for number in range(3)]
    for call in calls:
        desk.unfinished.changed(call)
    desk.timers.run(60)
    times = [at for at, _ in desk.log]
    assert max(b - a for a, b in itertools.pairwise(times)) <= ALIVE + ROUND
    assert {number for _, number in desk.log[-3:]} == {0, 1, 2}  # by turns
    for call in calls:
        desk.unfinished.over(call)
    desk.timers.run(60)
    assert not desk.timers.waiting


def test_one_that_cannot_be_written_does_not_hold_up_the_others() -> None:
    desk = Desk()
    for number, broken in ((1, True), (2, False)):
        desk.unfinished.changed(desk.call(number, broken))
    desk.timers.run(ROUND)
    assert [number for _, number in desk.log] == [2]


@given(st.lists(st.tuples(st.sampled_from(["changed", "over", "wait"]), st.integers(0, 5)), max_size=60))
def test_in_any_history_a_call_that_is_up_is_written_in_time_and_one_that_is_over_is_not(
    steps: list[tuple[str, int]],
) -> None:
    desk = Desk()
    calls = [desk.call(number) for number in range(6)]
    changed: dict[int, float] = {}
    over: set[int] = set()
    for what, number in [*steps, ("wait", 20)]:
        if what == "wait":
            desk.timers.run(number * 0.3)
        elif what == "over":
            over.add(number)
            changed.pop(number, None)
            desk.unfinished.over(calls[number])
        elif number not in over:
            changed.setdefault(number, desk.timers.now)
            desk.unfinished.changed(calls[number])
        for known, at in list(changed.items()):
            written = [then for then, wrote in desk.log if wrote == known and then >= at]
            if written:
                del changed[known]
            assert written or desk.timers.now <= at + AGAIN + ROUND
        desk.log[:] = [entry for entry in desk.log if entry[1] not in over]
    assert not {number for _, number in desk.log} & over


# The next run


def record(number: int, **changes: Any) -> CallRecord:
    values: dict[str, Any] = {
        "id": f"call-{number}",
        "short_id": number,
        "direction": "inbound",
        "started_at": 1000.0 + number,
        "answered_at": 1001.0 + number,
        "caller": "+15550199",
        "called": "100",
        "flow": "menu",
        "path": [{"element": "start", "type": "start_incoming_call"}],
        "details": {SEEN: 1010.0 + number, "verstat": "x"},
    }
    return CallRecord(**{**values, **changes})


async def settled(url: str) -> tuple[Store, list[tuple[str, str | None, Any]], list[str]]:
    store = Store.open(url)
    feed = Feed(lambda: 2000.0)
    told: list[tuple[str, str | None, Any]] = []
    feed.listen(lambda event: told.append((event.type, event.call, event.data)))
    ended: list[str] = []
    await settle(store, feed, lambda key, summary: ended.append(key))
    assert store.writer.flush(20.0)
    return store, told, ended


async def test_calls_that_were_cut_off_get_their_end_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ivr.db"
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    path.write_bytes(path.read_bytes() + bytes(16001))  # the header does not know of the last second yet
    running = {"id": "r1", "kind": "voicemail", "name": "a.wav", "path": str(path), "started_at": 1012.0}
    lost = {**running, "id": "r2", "path": str(tmp_path / "gone.wav")}
    store = Store.open(url)
    store.writer.call_started(record(1))
    store.writer.call_started(record(2, details={SEEN: 1012.5, RUNNING: [running, lost]}))
    store.writer.call_started(record(3, answered_at=None))
    store.writer.call_ended(record(4, cause="user_hung_up", ended_at=1005.0))
    store.close()

    store, told, ended = await settled(url)
    found = {call.short_id: call for call in store.reader.calls()}
    assert [found[n].cause for n in (1, 2, 3, 4)] == ["system", "system", "system", "user_hung_up"]
    assert found[1].details == {"verstat": "x", "cut_off": {"at": 1013.0}}
    assert found[1].ended_at == 1013.0
    assert found[2].ended_at == 1014.0  # so long something was recorded
    assert [step["element"] for step in found[1].path] == ["start"]
    [recording] = store.reader.recordings("call-2")
    assert (recording.id, recording.seconds, recording.reason) == ("r1", 2.0, "cut_off")
    with wave.open(str(path)) as file:
        assert file.getnframes() == 16000
    assert [(what, call) for what, call, _ in told] == [
        ("call.ended", "call-1"),
        ("recording.ready", "call-2"),
        ("call.ended", "call-2"),
        ("call.ended", "call-3"),
    ]
    assert told[0][2]["seconds"] == 11.0
    assert (told[3][2]["answered"], told[3][2]["cause"]) == (False, "system")
    assert ended == ["call-1", "call-2", "call-3"]
    store.close()

    store, told, ended = await settled(url)
    assert (told, ended) == ([], [])
    store.close()


async def test_who_dies_while_the_ends_are_told_tells_them_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ivr.db"
    store = Store.open(url)
    store.writer.call_started(record(1))
    store.close()
    Store.open(url).close()  # it knew, and did not get to it
    store, told, _ = await settled(url)
    assert [what for what, _, _ in told] == ["call.ended"]
    store.close()


async def test_a_flow_that_goes_on_keeps_its_record_and_gets_its_recording(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ivr.db"
    path = tmp_path / "a.ulaw"
    path.write_bytes(bytes(4000))
    running = {"id": "r1", "kind": "call", "name": "a.ulaw", "path": str(path), "started_at": 1012.0}
    store = Store.open(url)
    store.writer.call_completed(record(1, direction="outbound", details={SEEN: 1.0, RUNNING: [running], "payload": {}}))
    wait = KeptWait(
        id="w", call_id="call-1", node="local", flow="menu", version=1, snapshot={}, events=[], after_event=0,
        wake_at=None, created_at=1.0, last_step_at=1.0,
    )  # fmt: skip
    store.waits.change([wait], [])
    store.close()
    store, told, ended = await settled(url)
    [kept] = store.reader.calls()
    assert (kept.cause, kept.details) == (None, {"payload": {}})
    assert [row.seconds for row in store.reader.recordings("call-1")] == [0.5]
    assert [what for what, _, _ in told] == ["recording.ready"]
    assert ended == []
    store.close()


async def test_a_recording_that_was_booked_is_not_booked_again(tmp_path: Path) -> None:
    from ivr.store import RecordingRecord

    url = f"sqlite:///{tmp_path}/ivr.db"
    running = {"id": "r1", "kind": "call", "name": "a.ulaw", "path": str(tmp_path / "a"), "started_at": 1012.0}
    store = Store.open(url)
    store.writer.call_started(record(1, details={SEEN: 1.0, RUNNING: [running]}))
    store.writer.recording(RecordingRecord(**running, call_id="call-1", seconds=3.0, reason="stopped"))
    store.close()
    store, told, _ = await settled(url)
    assert [row.reason for row in store.reader.recordings("call-1")] == ["stopped"]
    assert [what for what, _, _ in told] == ["call.ended"]
    store.close()


async def test_a_recording_that_another_release_has_begun_keeps_nobody_from_starting(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ivr.db"
    running = {"id": "r1", "kind": "call", "name": "a.ulaw", "path": str(tmp_path / "a"), "begun": 1012.0}
    store = Store.open(url)
    store.writer.call_started(record(1, details={SEEN: 1.0, RUNNING: [running]}))
    store.close()
    store, told, ended = await settled(url)
    assert ([what for what, _, _ in told], ended) == (["call.ended"], ["call-1"])
    store.close()
