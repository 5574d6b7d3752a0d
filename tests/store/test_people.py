from __future__ import annotations

import json
from pathlib import Path

from ivr.store import Profile, Store
from ivr.store.people import MAX_PROFILE_FIELDS

PATIENCE = 20.0


def test_changes_to_a_profile_add_up(store: Store) -> None:
    store.writer.profile("+1555", {"name": "Anna", "visits": 1, "old": True}, [], 1.0)
    store.writer.profile("+1555", {"visits": 2, "old": None, "tags": ["a"]}, [], 2.0)
    store.writer.profile("+1666", {"name": "Bert"}, [], 3.0)
    assert store.writer.flush(PATIENCE)
    assert store.people.profile("+1555").fields == {"name": "Anna", "visits": 2, "tags": ["a"]}
    assert store.people.profile("+1666").fields == {"name": "Bert"}
    assert store.people.profile("+1777") == Profile()


def test_a_profile_is_bounded(store: Store) -> None:
    store.writer.profile("+1555", {f"f{n}": n for n in range(MAX_PROFILE_FIELDS + 50)}, [], 1.0)
    assert store.writer.profile("+1555", {"f0": "kept up to date", "more": 1}, [], 2.0).wait(PATIENCE)
    profile = store.people.profile("+1555").fields
    assert len(profile) == MAX_PROFILE_FIELDS
    assert profile["f0"] == "kept up to date"


def test_the_do_not_contact_list(store: Store) -> None:
    store.writer.do_not_contact("+1555", 1.0, "asked for it")
    store.writer.do_not_contact("+1666", 2.0, "")
    store.writer.do_not_contact("+1555", 3.0, "again")
    store.writer.do_not_contact("+1666", 4.0, None)
    assert store.writer.flush(PATIENCE)
    assert [(b.number, b.reason, b.added_at) for b in store.people.do_not_contact()] == [("+1555", "again", 3.0)]
    assert store.people.blocked("+1555")
    assert not store.people.blocked("+1666")


def test_changes_wait_in_the_spill_file_too(url: str, tmp_path: Path) -> None:
    Store.open(url).close()
    changes = [
        {"kind": "profile", "row": {"number": "+1", "changes": {"a": 1, "b": 2}, "sensitive": [], "at": 1.0}},
        {"kind": "profile", "row": {"number": "+1", "changes": {"b": None}, "sensitive": [], "at": 2.0}},
        {"kind": "blocked", "row": {"number": "+1", "reason": "", "at": 1.0}},
    ]
    (tmp_path / "ivr.spill.jsonl").write_text("\n".join(json.dumps(change) for change in changes))
    store = Store.open(url)
    assert store.people.profile("+1").fields == {"a": 1}
    assert store.people.blocked("+1")
    store.close()


def test_a_change_that_cannot_be_kept_takes_no_others_along(store: Store) -> None:
    store.writer.profile("+1", {"a": object()}, [], 1.0)
    store.writer.profile("+2", {"a": 2}, [], 1.0)
    assert store.writer.flush(PATIENCE)
    assert (store.people.profile("+1").fields, store.people.profile("+2").fields) == ({}, {"a": 2})
    assert store.writer.rejected == 1


def test_a_field_stays_sensitive_until_it_gets_another_value(store: Store) -> None:
    store.writer.profile("+1", {"pin": "1234", "name": "Anna"}, ["pin"], 1.0)
    assert store.writer.flush(PATIENCE)
    assert store.people.profile("+1") == Profile({"pin": "1234", "name": "Anna"}, frozenset({"pin"}))
    store.writer.profile("+1", {"pin": "none"}, [], 2.0)
    assert store.writer.flush(PATIENCE)
    assert store.people.profile("+1").sensitive == frozenset()


def test_a_late_change_of_the_list_does_not_replace_a_newer_entry(store: Store) -> None:
    store.writer.do_not_contact("+1", 5.0, "newer")
    store.writer.do_not_contact("+1", 4.0, None)
    store.writer.do_not_contact("+1", 3.0, "older")
    assert store.writer.flush(PATIENCE)
    assert [(b.reason, b.added_at) for b in store.people.do_not_contact()] == [("newer", 5.0)]
    store.writer.do_not_contact("odd\udcff\0", 6.0, "")
    assert store.writer.flush(PATIENCE)
    assert store.people.blocked("odd\udcff\0")


def test_a_late_addition_does_not_bring_back_what_was_removed(store: Store) -> None:
    store.writer.do_not_contact("+1", 5.0, None)
    store.writer.do_not_contact("+1", 4.0, "came late")
    assert store.writer.flush(PATIENCE)
    assert not store.people.blocked("+1")
    assert store.people.changed_at("+1") == (False, 5.0)
    store.writer.do_not_contact("+1", 6.0, "asked again")
    assert store.writer.flush(PATIENCE)
    assert store.people.changed_at("+1") == (True, 6.0)
    assert store.people.changed_at("+2") == (False, 0.0)


def test_many_numbers_go_on_the_list_at_once(store: Store) -> None:
    numbers = [f"+1{n:07}" for n in range(1200)]
    assert store.people.block([*numbers, numbers[0]], "imported", 1.0) == 1200
    assert store.people.block(numbers[:3], "again", 2.0) == 0
    assert store.people.unblock(numbers[0], 3.0)
    assert not store.people.unblock(numbers[0], 4.0)
    assert store.people.block(numbers[:2], "back", 5.0) == 1
    entry = store.people.entry(numbers[0])
    assert entry is not None
    assert (entry.reason, entry.added_at) == ("back", 5.0)
    page = store.people.do_not_contact(after=numbers[1], limit=2)
    assert [entry.number for entry in page] == numbers[2:4]


def test_a_profile_is_forgotten(store: Store) -> None:
    store.writer.profile("+1", {"a": 1}, [], 1.0).wait(PATIENCE)
    assert store.people.forget("+1")
    assert not store.people.forget("+1")
    assert store.people.profile("+1") == Profile()
