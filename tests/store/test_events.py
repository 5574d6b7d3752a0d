from __future__ import annotations

from ivr.store import Store

PATIENCE = 20.0


def test_an_event_is_kept_once(store: Store) -> None:
    first, taken = store.events.add("a", "paid", {"amount": 5}, 1.0)
    assert (taken, first.name, first.properties, first.received_at) == ("new", "paid", {"amount": 5}, 1.0)
    assert store.events.add("a", "paid", {"amount": 5}, 2.0) == (first, "known")
    assert store.events.add("a", "paid", {"amount": 6}, 3.0) == (first, "other")
    assert store.events.add("a", "sent", {"amount": 5}, 3.0) == (first, "other")
    assert store.events.last() == first.number


def test_past_events_by_name_time_and_number(store: Store) -> None:
    kept = [store.events.add(str(n), "paid" if n % 2 else "sent", {"n": n}, float(n))[0] for n in range(1, 7)]
    assert [e.properties["n"] for e in store.events.since("paid", 3.0)] == [3, 5]
    assert [e.properties["n"] for e in store.events.since("paid", 0.0, kept[0].number)] == [3, 5]
    assert [e.properties["n"] for e in store.events.after(kept[2].number)] == [4, 5, 6]


def test_numbers_grow_also_when_the_newest_went(store: Store) -> None:
    last = store.events.add("a", "paid", {}, 1.0)[0].number
    assert store.events.prune(2.0, 10) == 1
    assert store.events.last() == 0
    assert store.events.add("b", "paid", {}, 3.0)[0].number == last + 1


def test_old_events_go_by_age_and_by_count(store: Store) -> None:
    for n in range(10):
        store.events.add(str(n), "paid", {}, float(n))
    assert store.events.prune(3.0, 100) == 3
    assert store.events.prune(0.0, 4) == 3
    assert [e.id for e in store.events.since("paid", 0.0)] == ["6", "7", "8", "9"]


def test_inner_events_come_through_the_writer(store: Store) -> None:
    for _ in range(2):
        store.writer.event("c1", "call.ended", {"cause": "network"}, 5.0)
    assert store.writer.flush(PATIENCE)
    assert [e.properties for e in store.events.since("call.ended", 0.0)] == [{"cause": "network"}]
