from __future__ import annotations

import time
from typing import Any

import pytest

from ivr.store import KeptWait, NewCampaign, Store
from ivr.store.contacts import book_result

NOW = 1_772_000_000.0
NUMBERS = [("+15550100", {"name": "Anna"}), ("+15550101", {"name": "Bert"}), ("+15550100", {"name": "Anna again"})]


def wait(name: str) -> KeptWait:
    return KeptWait(
        id=name,
        call_id=f"call-{name}",
        node="local",
        flow="survey",
        version=1,
        snapshot={"start": {}},
        events=[],
        after_event=0,
        wake_at=None,
        created_at=NOW,
        last_step_at=NOW,
    )


def made(store: Store, contacts: Any = NUMBERS, state: Any = "running") -> int:
    campaign, new = store.campaigns.add(NewCampaign(name="spring", flow="survey", node="local"), NOW)
    assert new
    store.contacts.load(campaign.id, contacts, 0, NOW)
    if state != "draft":
        assert store.campaigns.move(campaign.id, state, ("draft",), NOW) is not None
    return campaign.id


def test_a_number_that_comes_twice_is_one_contact(store: Store) -> None:
    key = made(store)
    loaded = store.contacts.load(key, [("+15550101", {}), ("+15550102", {})], 3, NOW)
    assert (loaded.new, loaded.duplicates) == (1, 1)
    campaign = store.campaigns.get(key)
    assert campaign is not None
    assert (campaign.duplicates, campaign.bad) == (2, 3)
    assert [(c.number, c.variables) for c in store.contacts.waiting(key, 10)] == [
        ("+15550100", {"name": "Anna"}),
        ("+15550101", {"name": "Bert"}),
        ("+15550102", {}),
    ]


def test_the_same_request_makes_no_second_campaign(store: Store) -> None:
    new = NewCampaign(name="spring", flow="survey", node="local", key="k-1")
    first, fresh = store.campaigns.add(new, NOW)
    again, also = store.campaigns.add(new, NOW + 1)
    assert (first, fresh, also) == (again, True, False)


def test_a_claim_and_the_rows_of_its_flows_are_one(store: Store) -> None:
    key = made(store)
    first, second = store.contacts.waiting(key, 10)
    claimed = store.contacts.claim({first.id: wait("a"), 999: wait("b")}, NOW)
    assert (set(claimed.taken), set(claimed.blocked)) == ({first.id}, set())
    assert store.contacts.claim({first.id: wait("c")}, NOW).taken == set(), "nobody is claimed twice"
    assert [w.id for w in store.waits.begin("local")] == ["a"]
    assert store.contacts.waiting(key, 10) == [second]
    assert store.contacts.running(key) == {"a": first.id}


@pytest.mark.parametrize("state", ["draft", "paused", "cancelled"])
def test_nobody_is_claimed_while_the_campaign_does_not_run(store: Store, state: str) -> None:
    key = made(store, state=state)
    contact = store.contacts.waiting(key, 1)[0]
    assert store.contacts.claim({contact.id: wait("a")}, NOW).taken == set()


def test_numbers_on_the_list_are_done_when_they_come_and_before_they_are_called(store: Store) -> None:
    store.people.block(["+15550100"], "asked", NOW)
    key = made(store)
    (bert,) = store.contacts.waiting(key, 10)
    store.people.block(["+15550101"], "asked", NOW)
    claimed = store.contacts.claim({bert.id: wait("a")}, NOW)
    assert (set(claimed.taken), set(claimed.blocked)) == (set(), {bert.id})
    assert store.campaigns.figures(key).results == {"do_not_contact": 2}


def test_a_result_is_written_with_the_end_of_the_flow_and_once(store: Store) -> None:
    key = made(store)
    contact = store.contacts.waiting(key, 1)[0]
    store.contacts.claim({contact.id: wait("a")}, NOW)
    for result, attempts in (("busy", 2), ("answered", 1)):
        with store.waits._begin() as connection:
            book_result(connection, contact.id, "a", result, attempts, NOW + 5)
    figures = store.campaigns.figures(key)
    assert (figures.states, figures.results) == ({"waiting": 1, "running": 0, "done": 1}, {"busy": 1})
    assert (figures.contacts, figures.attempts) == (2, 2)


def test_whoever_runs_without_a_flow_is_interrupted_and_can_be_put_back(store: Store) -> None:
    key = made(store)
    first, second = store.contacts.waiting(key, 10)
    store.contacts.claim({first.id: wait("a"), second.id: wait("b")}, NOW)
    store.waits.change((), ["a"])
    assert store.contacts.recover("other", NOW) == 0
    assert store.contacts.recover("local", NOW) == 1
    assert [c.id for c in store.contacts.page(key, 10, result="interrupted")] == [first.id]
    assert store.campaigns.again(key, ["interrupted"], NOW) == 1
    assert [c.id for c in store.contacts.waiting(key, 10)] == [first.id]


def test_states(store: Store) -> None:
    key = made(store)
    table = store.campaigns
    assert table.move(key, "finished", ("running",), NOW) is None, "contacts wait"
    paused = table.move(key, "paused", ("running",), NOW)
    assert paused is not None
    assert (paused.state, paused.started_at, paused.ended_at) == ("paused", NOW, None)
    assert table.move(key, "paused", ("running",), NOW) is None
    assert [c.id for c in table.of_node("local", ("paused",))] == [key]
    assert table.end_waiting(key, "cancelled", NOW) == 2
    ended = table.move(key, "cancelled", ("running", "paused"), NOW + 9)
    assert ended is not None
    assert ended.ended_at == NOW + 9
    assert table.figures(key).results == {"cancelled": 2}
    table.delete(key)
    assert table.get(key) is None
    assert store.contacts.page(key, 10) == []


def test_campaigns_leave_by_age_once_they_are_over(store: Store) -> None:
    over, fresh, running = made(store), made(store), made(store)
    for key, at in ((over, NOW), (fresh, NOW + 100)):
        store.campaigns.end_waiting(key, "cancelled", NOW)
        store.campaigns.move(key, "cancelled", ("running",), at)
    assert store.campaigns.forget(NOW + 50) == 1
    assert [campaign.id for campaign in store.campaigns.page(10)] == [running, fresh]
    assert store.contacts.page(over, 10) == []


def test_pages(store: Store) -> None:
    keys = [made(store) for _ in range(3)]
    assert [c.id for c in store.campaigns.page(2)] == keys[:0:-1]
    assert [c.id for c in store.campaigns.page(2, keys[1])] == keys[:1]
    first, second = store.contacts.page(keys[0], 10)
    assert store.contacts.page(keys[0], 10, first.id) == [second]
    assert store.contacts.page(keys[0], 10, state="running") == []


def test_what_was_given_out_is_known_after_a_restart(store: Store) -> None:
    for at in (5, 3, 5):
        store.writer.paced("a", at)
    store.writer.paced("b", 9)
    assert store.writer.flush(20.0)
    assert store.paces.all() == {"a": [3, 5], "b": [9]}
    store.writer.pace_over("a", 5)
    assert store.writer.flush(20.0)
    assert store.paces.all() == {"a": [5], "b": [9]}


def test_a_hundred_thousand_contacts_are_loaded_and_counted_quickly(store: Store) -> None:
    key = made(store, ())
    begun = time.process_time()
    for first in range(0, 100_000, 2000):
        store.contacts.load(key, [(f"+49{first + n:09}", {"name": "x"}) for n in range(2000)], 0, NOW)
    assert store.campaigns.figures(key).contacts == 100_000
    assert time.process_time() - begun < 10.0
