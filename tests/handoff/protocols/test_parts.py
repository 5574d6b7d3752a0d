"""Small pure parts: budget, laws, silence, and what was heard of what was said."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ivr.handoff.protocols.backlog import Backlog
from ivr.handoff.protocols.budget import (
    BURST_MESSAGES,
    BURST_OCTETS,
    FLOOD_SECONDS,
    MESSAGES_PER_SECOND,
    OCTETS_PER_SECOND,
    Budget,
)
from ivr.handoff.protocols.laws import linear_of_ulaw, loud_samples, samples_of_ulaw, ulaw_of_linear, ulaw_of_samples
from ivr.handoff.protocols.silence import Silence
from ivr.handoff.protocols.spoken import TAGS, Spoken
from ivr.handoff.protocols.talk import MAX_VALUES, MAX_VALUES_TEXT, KeptValues, bounded_text, bounded_values

QUIET = b"\xff" * 160
LOUD = bytes((ulaw_of_linear(9_000), ulaw_of_linear(-9_000))) * 80


# Budget


def test_a_burst_is_free_and_what_follows_waits() -> None:
    budget = Budget(0.0)
    assert budget.spend(BURST_MESSAGES, 0, 0.0) == 0.0
    assert budget.spend(MESSAGES_PER_SECOND, 0, 0.0) == 1.0
    assert budget.spend(0, 0, 1.0) == 0.0
    assert budget.spend(0, BURST_OCTETS + OCTETS_PER_SECOND, 1.0) == 1.0


def test_real_time_never_waits() -> None:
    budget = Budget(0.0)
    assert not any(budget.spend(1, 700, number * 0.02) for number in range(50_000))


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 100_000), st.floats(0, 1)), max_size=100))
def test_no_more_comes_than_is_allowed(steps: list[tuple[int, int, float]]) -> None:
    budget, now, messages, octets = Budget(0.0), 0.0, 0, 0
    for some, size, passed in steps:
        wait = budget.spend(some, size, now)
        messages, octets, now = messages + some, octets + size, now + max(wait, passed)
        assert messages <= BURST_MESSAGES + now * MESSAGES_PER_SECOND + 200
        assert octets <= BURST_OCTETS + now * OCTETS_PER_SECOND + 100_000


def test_who_floods_for_long_is_known() -> None:
    budget, now = Budget(0.0), 0.0
    while now < FLOOD_SECONDS + 20:
        now += budget.spend(1_000, 0, now)
        if budget.floods(now):
            break
    assert FLOOD_SECONDS <= now < FLOOD_SECONDS + 15
    calm = Budget(0.0)
    calm.spend(BURST_MESSAGES + 1, 0, 0.0)
    calm.spend(0, 0, 5.0)
    assert not calm.floods(1000.0)


# Laws


def test_every_octet_comes_back() -> None:
    for octet in range(256):
        assert ulaw_of_linear(linear_of_ulaw(octet)) == (0xFF if octet == 0x7F else octet)


@given(st.integers(-32768, 32767))
def test_a_sample_is_near_what_it_was(sample: int) -> None:
    assert abs(linear_of_ulaw(ulaw_of_linear(sample)) - sample) <= max(8, abs(sample) / 16)


def test_half_a_sample_is_left_out() -> None:
    assert ulaw_of_samples(samples_of_ulaw(LOUD) + b"\x01") == LOUD


def test_loudness_is_the_same_in_both_encodings() -> None:
    for frame in (QUIET, LOUD, QUIET[:80] + LOUD[:80]):
        assert loud_samples(frame, False) == loud_samples(samples_of_ulaw(frame), True)


# Silence


def test_a_voice_ends_silence_and_a_click_does_not() -> None:
    silence = Silence("ulaw", 0.0)
    for number in range(50):
        silence.heard(LOUD if number in (10, 11) else QUIET, number * 0.02)
    assert silence.seconds(0.0, 1.0) == 1.0
    for number in range(3):
        silence.heard(LOUD, 1.0 + number * 0.02)
    assert silence.seconds(0.0, 2.04) == 1.0
    silence.pressed(2.04)
    assert silence.seconds(0.0, 3.04) == 1.0
    assert silence.seconds(3.0, 3.04) < 0.05


def test_samples_count_like_octets() -> None:
    silence = Silence("slin16", 0.0)
    for number in range(3):
        silence.heard(samples_of_ulaw(LOUD), 1.0 + number * 0.02)
    assert silence.seconds(0.0, 2.04) == 1.0


# Spoken


def test_what_was_heard_is_what_does_not_wait() -> None:
    spoken = Spoken()
    spoken.say("a", 8_000, 8_000)
    spoken.say("b", 8_000, 12_000)
    assert spoken.cut(10_000) == {"a": 0.75, "b": 0.0}
    assert spoken.cut(0) == {}
    assert spoken.seconds == 0.75, "what was dropped was not spoken"


def test_an_item_that_was_heard_whole_is_not_cut() -> None:
    spoken = Spoken()
    spoken.say("a", 8_000, 8_000)
    spoken.say("b", 4_000, 4_000)
    spoken.say("b", 4_000, 6_000)
    assert spoken.cut(5_600) == {"b": 0.3}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4_000), st.integers(0, 8_000)), max_size=100))
def test_nothing_is_heard_that_was_not_said(steps: list[tuple[int, int, int]]) -> None:
    spoken, queued, said = Spoken(), 0, dict[str, int]()
    for tag, samples, heard in steps:
        queued = max(0, queued - heard) + samples
        said[str(tag)] = said.get(str(tag), 0) + samples
        spoken.say(str(tag), samples, queued)
    cut = spoken.cut(queued)
    assert all(seconds * 8_000 <= said[tag] for tag, seconds in cut.items())
    assert bool(cut) == bool(queued)
    assert len(spoken._heard) <= TAGS


# Backlog


class Stream:
    """A sender that speaks as it sends, and a caller who hears 20 ms in 20 ms."""

    def __init__(self, queued: int, phase: float = 0.0) -> None:
        """`phase`: seconds from the making of a packet to the next message."""
        self.backlog = Backlog(False)
        self.now = 0.0
        self.queued = queued
        self.phase = phase

    def second(self, frame: bytes = QUIET, per_second: int = 50) -> int:
        """So many frames in a second; how many were left out."""
        left_out = 0
        for _ in range(per_second):
            if self.backlog.surplus(frame, round(self.queued + 160 - self.phase * 8_000), self.now):
                left_out += 1
            else:
                self.queued += len(frame)
            self.now += 1 / per_second
            self.queued = max(0, self.queued - 8_000 // per_second)
        return left_out


def test_what_has_piled_up_is_left_out_where_it_is_quiet() -> None:
    stream = Stream(800, 0.018)
    assert sum(stream.second() for _ in range(4)) == 4
    assert stream.queued == 160 and stream.backlog.left_out == 0.08


def test_the_last_frame_is_left_out_where_it_comes_early_enough_without() -> None:
    early = Stream(160, 0.015)
    assert sum(early.second() for _ in range(6)) == 1 and early.queued == 0
    late = Stream(160, 0.017)  # shortly before the next is made: it would miss that now and then
    assert sum(late.second() for _ in range(30)) == 0 and late.queued == 160


def test_the_last_frame_is_left_out_ever_more_seldom() -> None:
    stream, at = Stream(160, 0.013), list[int]()
    for second in range(200):
        if stream.second():
            at.append(second)
            stream.queued = 160  # a hold-up: it is there again
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert len(at) >= 4 and all(later > 1.5 * earlier for earlier, later in pairwise(pauses[:4]))


def test_a_voice_is_left_whole_for_some_time() -> None:
    stream = Stream(800, 0.018)
    found = [stream.second(LOUD) for _ in range(6)]
    assert found[:2] == [0, 0] and sum(found) == 4


def test_who_sends_faster_than_it_speaks_is_let_be() -> None:
    stream = Stream(80_000)
    assert sum(stream.second(per_second=100) for _ in range(5)) == 0
    stream = Stream(80_000)
    assert sum(stream.second(QUIET * 8) for _ in range(5)) == 0


def test_a_hold_up_that_comes_again_is_waited_for() -> None:
    stream = Stream(0)
    for _ in range(20):
        stream.second(per_second=50)
        stream.queued = 0  # a gap: everything was heard
    assert stream.backlog.left_out == 0.0


@given(st.lists(st.tuples(st.binary(max_size=600), st.integers(0, 20_000), st.floats(0, 1)), max_size=200))
def test_no_more_is_left_out_than_waits(steps: list[tuple[bytes, int, float]]) -> None:
    backlog, now = Backlog(True), 0.0
    for payload, queued, passed in steps:
        now += passed
        if backlog.surplus(payload, queued, now):
            assert payload and backlog.left_out > 0


# Values


def test_values_that_come_one_after_another_are_bounded_together() -> None:
    kept = KeptValues()
    for number in range(10 * MAX_VALUES):
        kept.add(bounded_values({f"v{number}": "x"}))
    assert list(kept.values) == [f"v{number}" for number in range(MAX_VALUES)]
    kept.add({"v0": "y" * 100, "new": 1})
    assert kept.values["v0"] == "y" * 100 and "new" not in kept.values
    for number in range(MAX_VALUES):
        kept.add(bounded_values({f"v{number}": "z" * 10_000}))
    assert len(json.dumps(kept.values)) < MAX_VALUES_TEXT + 10 * MAX_VALUES
    kept.add({"v0": ""})
    assert kept.values["v0"] == ""


def test_what_cannot_be_sent_or_stored_does_not_come_back() -> None:
    given = json.loads(
        '{"a": ["x\\ud800", "\\ud83d\\ude00"], "b\\udfff": 1, "c": NaN, "d": {"e\\ud800": Infinity}, "f": 2}'
    )
    assert bounded_values(given) == {"a": ["x?", "\U0001f600"], "f": 2}
    assert bounded_text("x\ud800") == "x?"
