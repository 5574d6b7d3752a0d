from __future__ import annotations

import random
import time
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ivr.webhooks.outbox import Delivery, Outbox, RetryPolicy
from ivr.webhooks.retrying import Failure, backoff, verdict

DOWN = Failure("no connection")


def delivery(number: int, lane: str = "a", at: float = 0.0, body: str = "{}") -> Delivery:
    return Delivery(str(number), lane, "call.ended", body, at)


def outbox(**policy: float) -> Outbox:
    return Outbox(RetryPolicy(**policy), lambda: 0.5)  # type: ignore[arg-type]


def ids(found: list[Delivery]) -> list[str]:
    return [one.id for one in found]


def test_a_lane_goes_one_after_another_and_lanes_do_not_wait_for_each_other() -> None:
    box = outbox()
    for number, lane in enumerate(["a", "a", "b", "a"]):
        assert box.put(delivery(number, lane), 0.0)
    first = box.due(0.0)
    assert ids(first) == ["0", "2"]
    assert box.due(0.0) == []
    box.delivered(first[0], 0.1)
    assert ids(box.due(0.1)) == ["1"]
    assert len(box) == 3


def test_a_lane_waits_until_all_of_it_is_delivered_or_given_up() -> None:
    box = outbox(times=1)
    assert not box.waits("a")
    box.put(delivery(1), 0.0)
    (one,) = box.due(0.0)
    assert box.waits("a") and not box.waits("b")
    box.put(delivery(2), 0.0)
    box.delivered(one, 0.1)
    (two,) = box.due(0.1)
    assert box.waits("a")
    assert box.failed(two, DOWN, 0.2) == "dead"
    assert not box.waits("a")


def test_not_more_at_once_than_may_be() -> None:
    box = outbox(concurrency=2)
    for number in range(5):
        box.put(delivery(number, str(number)), 0.0)
    first = box.due(0.0)
    assert len(first) == 2
    box.delivered(first[0], 0.0)
    assert len(box.due(0.0)) == 1


@pytest.mark.parametrize("failure", [verdict(500), verdict(503, "3600"), DOWN])
def test_where_each_lane_is_alone_what_fails_holds_up_no_other(failure: Failure) -> None:
    box = outbox(first=0.5, longest=30.0, times=1000, alone=True, concurrency=50)
    for number in range(200):
        box.put(delivery(number, f"broken{number}"), 0.0)
    delays, tries = [], 0
    for tick in range(6000):
        now = tick / 20
        if tick % 20 == 0:
            box.put(delivery(1000 + tick, f"lane{tick}", now), now)
        for one in box.due(now):
            if one.lane.startswith("broken"):
                tries += 1
                assert box.failed(one, failure, now) == "again"
            else:
                delays.append(now - one.made_at)
                box.delivered(one, now)
        assert (box.next_timer() or now) <= now + 37  # `longest` and a fifth, whatever was asked for
    assert len(delays) == 300
    assert max(delays) < 0.5
    assert tries < 200 * (7 + 300 / 24)


def test_an_endpoint_that_is_down_is_tried_by_one_at_a_time_and_less_and_less_often() -> None:
    box = outbox(first=1.0, longest=600.0)
    for number in range(10):
        box.put(delivery(number, str(number)), 0.0)
    for one in box.due(0.0):
        assert box.failed(one, DOWN, 0.0) == "again"
    assert box.troubled and box.due(0.5) == []
    now, tries = 0.0, []
    while len(tries) < 12:
        now = box.next_timer() or 0.0
        found = box.due(now)
        assert len(found) <= 1
        for one in found:
            tries.append(now)
            box.failed(one, DOWN, now)
    gaps = [after - before for before, after in pairwise(tries)]
    assert gaps == sorted(gaps) and max(gaps) == 60.0
    now = box.next_timer() or 0.0
    (one,) = box.due(now)
    box.delivered(one, now)
    assert not box.troubled
    assert len(box.due(now + 600.0)) == 4


def test_one_that_is_refused_holds_up_its_own_lane_alone() -> None:
    box = outbox(first=10.0)
    for number, lane in enumerate(["a", "a", "b", "b"]):
        box.put(delivery(number, lane), 0.0)
    first, second = box.due(0.0)
    box.failed(first, Failure("422", refused=True), 0.0)
    box.delivered(second, 0.0)
    assert ids(box.due(0.0)) == ["3"]
    assert box.next_timer() == 10.0
    assert ids(box.due(10.0)) == ["0"]


@pytest.mark.parametrize(("policy", "tries"), [({"times": 3}, 3), ({"within": 100.0}, 7)])
def test_it_is_given_up_after_so_many_tries_or_so_long(policy: dict[str, float], tries: int) -> None:
    box = outbox(first=1.0, **policy)
    box.put(delivery(0), 0.0)
    box.put(delivery(1), 0.0)
    now = 0.0
    for count in range(1, tries + 1):
        (one,) = box.due(now)
        assert box.failed(one, Failure("500", refused=True), now) == ("dead" if count == tries else "again")
        now = box.next_timer() or now
    assert ids(box.due(now)) == ["1"]


def test_it_leaves_an_endpoint_alone_as_long_as_that_asks_for_but_not_for_ever() -> None:
    box = outbox()
    box.put(delivery(0), 0.0)
    failure = verdict(503, "99999999")
    assert failure is not None
    box.failed(box.due(0.0)[0], failure, 0.0)
    assert box.due(3599.0) == []
    assert ids(box.due(3600.0)) == ["0"]


def test_nothing_is_tried_while_it_is_paused_and_what_comes_waits() -> None:
    box = outbox()
    box.paused = True
    for number, lane in enumerate("ab"):
        assert box.put(delivery(number, lane), 0.0)
    assert (box.due(0.0), box.next_timer(), len(box)) == ([], None, 2)
    box.paused = False
    assert ids(box.due(1.0)) == ["0", "1"]


@pytest.mark.parametrize(
    ("status", "refused", "told"),
    [(200, None, ""), (204, None, ""), (302, False, "redirects"), (400, True, "400"), (404, False, "404"),
     (410, False, "410"), (422, True, "422"), (503, False, "503")],
)  # fmt: skip
def test_what_an_answer_means(status: int, refused: bool | None, told: str) -> None:
    failure = verdict(status, "Tue, 01 Jan 2030")
    assert (failure.refused if failure else None) is refused
    assert failure is None or (told in failure.problem and failure.retry_after is None)


def test_waits_double_up_to_the_longest_and_differ_by_chance() -> None:
    assert [backoff(count, 1.0, 10.0, lambda: 0.5) for count in (1, 2, 3, 4, 5, 5000)] == [1, 2, 4, 8, 10, 10]
    assert backoff(1, 1.0, 10.0, lambda: 0.0) == pytest.approx(0.8)
    assert backoff(1, 1.0, 10.0, lambda: 1.0) == pytest.approx(1.2)


def test_there_is_room_for_so_many_and_so_much() -> None:
    box = outbox(queue=2)
    assert [box.put(delivery(number), 0.0) for number in range(3)] == [True, True, False]
    box = outbox(bytes=10)
    assert [box.put(delivery(number, body="x" * 8), 0.0) for number in range(2)] == [True, False]
    assert outbox(bytes=10).put(delivery(0, body="x" * 100), 0.0)


def test_one_that_was_broken_off_counts_as_not_tried() -> None:
    box = outbox()
    box.put(delivery(0), 0.0)
    (one,) = box.due(0.0)
    box.let_go(one, 0.0)
    assert (one.attempts, box.due(0.0)) == (0, [one])


def test_a_server_that_is_down_holds_up_no_other() -> None:
    box = outbox(concurrency=1)
    for number, url in enumerate(["https://down.test/a", "https://down.test/b", "https://up.test/", "https://[bad"]):
        one = delivery(number, str(number))
        one.url = url
        assert box.put(one, 0.0)
    first = box.due(0.0)
    assert ids(first) == ["0", "2", "3"]
    box.failed(first[0], DOWN, 0.0)
    assert box.troubled and box.due(0.0) == []
    box.delivered(first[1], 0.0)
    more = delivery(9, "9")
    more.url = "https://up.test/else"
    box.put(more, 0.0)
    assert ids(box.due(0.0)) == ["9"]
    box.delivered(more, 0.0)
    assert box.next_timer() == 1.0
    assert ids(box.due(1.0)) == ["1"]


def test_what_nobody_wants_is_given_up_at_once_where_the_policy_says_so() -> None:
    for unwanted, end in (("again", "again"), ("dead", "dead")):
        box = outbox(unwanted=unwanted)  # type: ignore[arg-type]
        box.put(delivery(0), 0.0)
        (one,) = box.due(0.0)
        assert box.failed(one, verdict(404) or DOWN, 0.0) == end
        assert box.troubled is (end == "again")
    assert [getattr(verdict(status), "unwanted", None) for status in (200, 302, 408, 410, 425, 429, 500)] == [
        None, True, False, True, False, False, False,
    ]  # fmt: skip


def _lane(one: Delivery) -> str:
    """What it goes in order with."""
    return f"{one.url} {one.lane}"


class Deliveries(RuleBasedStateMachine):
    """Whatever the endpoint does: order in each lane, bounds, and nothing lost."""

    @initialize(concurrency=st.integers(1, 4), times=st.integers(1, 5), queue=st.integers(1, 12))
    def begin(self, concurrency: int, times: int, queue: int) -> None:
        policy = RetryPolicy(concurrency=concurrency, times=times, queue=queue, within=10_000.0)
        self.box = Outbox(policy, random.Random(1).random)
        self.now = 0.0
        self.made = 0
        self.sent: list[Delivery] = []
        self.taken: dict[str, list[int]] = defaultdict(list)
        self.over: dict[str, list[int]] = defaultdict(list)

    @rule(lane=st.sampled_from("abc"), server=st.sampled_from([None, "https://a.test/x", "https://b.test/y"]))
    def put(self, lane: str, server: str | None) -> None:
        room = len(self.box) < self.box.policy.queue
        one = delivery(self.made, lane, self.now)
        one.url = server
        assert self.box.put(one, self.now) is room
        if room:
            self.taken[_lane(one)].append(self.made)
        self.made += 1

    @rule(seconds=st.floats(0.0, 700.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def send(self) -> None:
        self.sent.extend(self.box.due(self.now))

    @precondition(lambda self: bool(self.sent))
    @rule(data=st.data(), how=st.sampled_from(["ok", "refused", "down", "broken off"]))
    def answer(self, data: st.DataObject, how: str) -> None:
        one = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
        if how == "broken off":
            self.box.let_go(one, self.now)
            return
        if how == "ok":
            self.box.delivered(one, self.now)
        elif self.box.failed(one, Failure("no", refused=how == "refused"), self.now) == "again":
            return
        self.over[_lane(one)].append(int(one.id))

    @invariant()
    def bounds_and_order(self) -> None:
        if not hasattr(self, "box"):
            return
        for server in {one.url for one in self.sent}:
            assert len([one for one in self.sent if one.url == server]) <= self.box.policy.concurrency
        assert len({_lane(one) for one in self.sent}) == len(self.sent)
        left = defaultdict(list)
        for one in self.box.waiting():
            left[_lane(one)].append(int(one.id))
        for lane, numbers in self.taken.items():
            assert self.over[lane] + left[lane] == numbers
        assert len(self.box) == sum(map(len, left.values()))

    def teardown(self) -> None:
        """Once the endpoint takes everything, everything is delivered."""
        if not hasattr(self, "box"):
            return
        for one in self.sent:
            self.box.delivered(one, self.now)
        for _ in range(200):
            when = self.box.next_timer()
            self.now = self.now if when is None else max(self.now, when)
            for one in self.box.due(self.now):
                self.box.delivered(one, self.now)
        assert len(self.box) == 0 and self.box.next_timer() is None


TestDeliveries = Deliveries.TestCase


def test_looking_at_many_lanes_that_rest_costs_nothing() -> None:
    box = outbox(queue=10_000)
    for number in range(10_000):
        assert box.put(delivery(number, str(number)), 0.0)
    begun = time.process_time()
    while found := box.due(0.0):
        box.next_timer()
        for one in found:
            assert box.failed(one, Failure("status 422", refused=True), 0.0) == "again"
    assert time.process_time() - begun < 2.0  # each look at each of them took fifteen seconds
    assert box.next_timer() == 1.0
    assert len(box.due(1.0)) == box.policy.concurrency
