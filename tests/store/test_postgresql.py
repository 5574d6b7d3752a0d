"""The same store in PostgreSQL: a server of its own, in a folder of the test."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.errors import StoreError
from ivr.store import (
    CallRecord,
    KeptWait,
    NewCampaign,
    Profile,
    StateChange,
    Store,
    Version,
    book_result,
    drop_row,
    new_token,
)
from tests.kit.needs import may_skip

FOLDERS = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")
PATIENCE = 20.0
PG_CTL = shutil.which("pg_ctl", path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))

pytestmark = [
    pytest.mark.skipif(may_skip(PG_CTL), reason="PostgreSQL is not installed: apt-get install postgresql"),
    pytest.mark.skipif(
        may_skip(importlib.util.find_spec("psycopg")), reason="psycopg is not installed: pip install 'ivr[postgresql]'"
    ),
]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a database on a Unix socket, whose path must be short; it runs as `nobody` where the tests run as root."""
    assert PG_CTL is not None
    folder = Path(tempfile.mkdtemp(prefix="ivr-pg-"))
    as_user: list[str] = []
    if os.getuid() == 0:
        shutil.chown(folder, "nobody")
        as_user = ["setpriv", "--reuid=nobody", "--clear-groups"]
    tools, data = Path(PG_CTL).resolve().parent, str(folder / "data")
    control = [*as_user, str(tools / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log")]
    try:
        _run(*as_user, str(tools / "initdb"), "-D", data, "-U", "ivr", "-A", "trust")
        _run(*control, "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "start")
        try:
            yield f"postgresql+psycopg://ivr@/postgres?host={folder}"
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def store(server: str, tmp_path: Path) -> Iterator[Store]:
    store = Store.open(server, tmp_path)
    yield store
    store.close()


def test_records(store: Store, make_call: Callable[..., CallRecord]) -> None:
    store.writer.call_ended(make_call(1))
    store.writer.call_completed(make_call(1, path=[{"element": "later"}], cause="system"))
    store.writer.call_completed(make_call(2))
    assert store.writer.flush(PATIENCE)
    calls = {call.short_id: call for call in store.reader.calls()}
    assert (calls[1].path, calls[1].cause) == ([{"element": "later"}], "user_hung_up")
    assert calls[2] == make_call(2)


def test_records_that_leave(store: Store, make_call: Callable[..., CallRecord]) -> None:
    for number in (11, 12, 13):
        store.writer.call_ended(make_call(number, started_at=float(number)))
    assert store.writer.flush(PATIENCE)
    assert store.aging.forget_calls(12.0, None) == 1
    assert store.aging.forget_ways(13.0) == 1
    assert store.aging.forget_calls(None, 1) >= 1
    assert [call.short_id for call in store.reader.calls()][:1] == [13]


def test_versions(store: Store) -> None:
    new = [Version("desk", number, f"h{number}", "text ü", 1.0, author="anna") for number in (1, 2)]
    store.versions.apply(new, [StateChange("desk", 1, 2, 0.1)], 5.0)
    state = store.versions.states()["desk"]
    assert (state.active, state.candidate, state.share, state.newest, state.newest_hash) == (1, 2, 0.1, 2, "h2")
    with pytest.raises(StoreError, match="duplicate key"):
        store.versions.apply(new[1:], [StateChange("desk", 2)], 6.0)
    assert store.versions.states()["desk"].active == 1
    store.versions.apply((), [StateChange("desk", 2, withdrawn=1)], 7.0)
    assert [v.activated_at for v in store.versions.versions("desk")] == [None, 7.0]


def test_people(store: Store) -> None:
    store.writer.profile("+1", {"a": 1, "pin": "1234"}, ["pin"], 1.0)
    store.writer.profile("+1", {"a": None, "b": [2]}, [], 2.0)
    store.writer.do_not_contact("+1", 1.0, "asked")
    assert store.writer.flush(PATIENCE)
    assert store.people.profile("+1") == Profile({"pin": "1234", "b": [2]}, frozenset({"pin"}))
    assert store.people.blocked("+1")


def test_events_and_waits(store: Store) -> None:
    wait = KeptWait(
        id="w", call_id="c", node="local", flow="ship", version=1, snapshot={"a": 1}, events=["paid"],
        after_event=0, wake_at=None, created_at=1.0, last_step_at=1.0,
    )  # fmt: skip
    first, taken = store.events.add("e1", "paid", {"n": 1}, 1.0, [wait])
    assert (taken, first.properties) == ("new", {"n": 1})
    assert store.events.add("e1", "paid", {"n": 1}, 2.0, [wait])[1] == "known"
    second, _ = store.events.add("e2", "paid", {"n": 2}, 3.0)
    assert [event.id for event in store.events.after(first.number)] == ["e2"]
    assert [event.id for event in store.events.since("paid", 0.0)] == ["e1", "e2"]
    assert store.waits.take(["w"], 1.0) == [wait]
    assert store.waits.take(["w"], 1.0) == []
    assert [found.id for found in store.waits.begin("local")] == ["w"]
    assert store.waits.take(["w"], 1.0) == [wait]
    store.waits.change([], ["w"])
    assert store.waits.count() == 0
    assert store.events.prune(2.0, 10) == 1
    assert store.events.last() == second.number


def test_tokens(store: Store) -> None:
    token, _ = new_token("crm", ["events"], 1.0)
    store.tokens.add(token)
    assert store.tokens.get(token.id) == token
    assert store.tokens.remove("crm") == 1


def test_campaigns(store: Store) -> None:
    campaign, _ = store.campaigns.add(NewCampaign(name="spring", flow="survey", node="local", key="k"), 1.0)
    assert store.campaigns.add(NewCampaign(name="spring", flow="survey", node="local", key="k"), 2.0)[1] is False
    store.people.block(["+83"], "asked", 1.0)
    rows = [("+81", {"name": "Änna"}), ("+82", {}), ("+81", {}), ("+83", {})]
    loaded = store.contacts.load(campaign.id, rows, 2, 1.0)
    assert (loaded.new, loaded.duplicates, loaded.blocked) == (3, 1, 1)
    assert store.campaigns.move(campaign.id, "running", ("draft",), 2.0) is not None
    first, second = store.contacts.waiting(campaign.id, 10)
    flows = {
        contact.id: KeptWait(
            id=f"row-{contact.id}", call_id=f"call-{contact.id}", node="local", flow="survey", version=1,
            snapshot={"start": {}}, events=[], after_event=0, wake_at=None, created_at=1.0, last_step_at=1.0,
        )
        for contact in (first, second)
    }  # fmt: skip
    assert store.contacts.claim({first.id: flows[first.id]}, 3.0).taken == {first.id}
    assert store.contacts.claim(flows, 3.0).taken == {second.id}
    store.contacts.put_off({first.id: 9.0})
    wait = flows[first.id]
    store.waits.change((), [wait.id], [flows[second.id]], [lambda c: book_result(c, first.id, wait.id, "busy", 2, 4.0)])
    store.waits.change((), [flows[second.id].id], (), [lambda c: drop_row(c, flows[second.id].id, 4.0)])
    assert store.contacts.recover("local", 5.0) == 1
    figures = store.campaigns.figures(campaign.id)
    assert figures.results == {"busy": 1, "interrupted": 1, "do_not_contact": 1}
    assert figures.attempts == 2
    assert store.campaigns.again(campaign.id, ["interrupted"], 6.0) == 1
    assert store.campaigns.move(campaign.id, "finished", ("running",), 6.0) is None
    assert store.campaigns.end_waiting(campaign.id, "cancelled", 6.0) == 1
    assert store.campaigns.move(campaign.id, "finished", ("running",), 7.0) is not None
    assert [contact.result for contact in store.contacts.page(campaign.id, 10, state="done")] == [
        "busy",
        "cancelled",
        "do_not_contact",
    ]
    assert store.campaigns.forget(8.0) == 1
    assert store.campaigns.page(10) == []


def test_the_list_with_tombstones(store: Store) -> None:
    assert store.people.block(["+71", "+72", "+71"], "asked", 1.0) == 2
    assert store.people.unblock("+71", 2.0)
    store.writer.do_not_contact("+71", 1.5, "late")
    assert store.writer.flush(PATIENCE)
    assert store.people.changed_at("+71") == (False, 2.0)
    assert store.people.block(["+71"], "again", 3.0) == 1
    assert [entry.number for entry in store.people.do_not_contact("+7", 2)] == ["+71", "+72"]


def test_paces(store: Store) -> None:
    for at in (1_772_000_000_000_000, 5, 5):
        store.writer.paced("a", at)
    assert store.writer.flush(PATIENCE)
    assert store.paces.all() == {"a": [5, 1_772_000_000_000_000]}
    store.writer.pace_over("a", 6)
    assert store.writer.flush(PATIENCE)
    assert store.paces.all() == {"a": [1_772_000_000_000_000]}
