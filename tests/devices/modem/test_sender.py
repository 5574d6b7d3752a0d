"""Sound for a modem: a lead, no more, and silence that makes room."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ivr.devices.modem.protocol.formats import SampleFormat
from ivr.devices.modem.protocol.sender import FIRST_LEAD, HANGOVER, Sender
from tests.kit.modem.office import tone

FORMAT = SampleFormat("AT+VSM=128,8000", "u8", 8000)
SILENCE = np.zeros(160, np.int16)
LOUD = tone(1000, 0.02)


def seconds(data: bytes) -> float:
    return len(data.replace(b"\x10\x10", b"\x10")) / 8000


def test_the_modem_is_given_a_lead_and_kept_ahead() -> None:
    sender = Sender(FORMAT, 0.0)
    sender.begin(0.0)
    given_ = seconds(sender.due(0.0))
    assert given_ >= FIRST_LEAD
    for tick in range(1, 500):
        now = tick * 0.02
        sender.put(LOUD, now, keep_silence=True)
        given_ += seconds(sender.due(now))
        assert 0.0 < given_ - now < FIRST_LEAD + 0.1
    assert sender.left_out == 0


def test_silence_is_filled_in_for_frames_that_do_not_come() -> None:
    sender = Sender(FORMAT, 0.0)
    sender.begin(0.0)
    given_, now = seconds(sender.due(0.0)), 0.0
    while now < 2.0:
        at = sender.next_at()
        assert at is not None
        now = max(now, at)
        given_ += seconds(sender.due(now))
        assert given_ > now
    assert sender.filled_in > 50


@given(st.lists(st.booleans(), max_size=60))
def test_something_is_due_at_the_moment_that_is_named(frames: list[bool]) -> None:
    sender = Sender(FORMAT, 0.0)
    sender.begin(0.1)
    now = 0.1
    sender.due(now)
    for frame in frames:
        if frame:
            sender.put(LOUD, now, keep_silence=True)
            sender.put(LOUD, now, keep_silence=True)
        at = sender.next_at()
        assert at is not None
        now = max(now, at)
        assert sender.due(now)


def test_what_waited_is_worked_off_in_the_pauses() -> None:
    sender = Sender(FORMAT, 0.0)
    for tick in range(50):  # the modem is still hearing
        sender.put(LOUD, tick * 0.02, keep_silence=False)
    assert sender.waiting == 1.0
    sender.begin(1.0)
    for tick in range(50, 150):
        now = tick * 0.02
        sender.put(SILENCE, now, keep_silence=True)
        sender.due(now)
    assert sender.waiting < 0.25
    assert sender.left_out >= 30


def test_silence_alone_is_no_reason_to_sound() -> None:
    sender = Sender(FORMAT, 10.0)
    sender.put(SILENCE, 10.0, keep_silence=False)
    assert not sender.wants(10.0)
    assert sender.waiting == 0.0
    sender.put(LOUD, 10.02, keep_silence=False)
    assert sender.wants(10.02)
    sender.begin(10.02)
    sender.due(10.02)
    assert sender.wants(10.02 + HANGOVER - 0.01)
    assert not sender.wants(10.02 + HANGOVER + 0.01)


def test_the_lead_grows_with_each_underrun_to_a_limit() -> None:
    sender = Sender(FORMAT, 0.0)
    sender.begin(0.0)
    leads = []
    for tick in range(30):
        sender.due(float(tick))
        sender.underrun(float(tick))
        leads.append(sender.lead)
    assert leads[0] > FIRST_LEAD
    assert leads == sorted(leads)
    assert leads[-1] <= 0.24


def test_sound_that_nobody_takes_is_lost_from_its_beginning() -> None:
    sender = Sender(FORMAT, 0.0)
    for tick in range(1000):
        sender.put(LOUD, tick * 0.02, keep_silence=True)
    assert sender.waiting <= 8.0


@given(st.lists(st.tuples(st.sampled_from(["put", "due", "underrun", "begin", "end"]), st.floats(0, 0.5))))
def test_never_more_than_a_moment_ahead(steps: list[tuple[str, float]]) -> None:
    sender, now, began = Sender(FORMAT, 0.0), 0.0, None
    for what, later in steps:
        now += later
        if what == "put":
            sender.put(LOUD, now, keep_silence=True)
        elif what == "due":
            sent = seconds(sender.due(now))
            assert began is not None or not sent
            assert sent < 0.4
        elif what == "underrun":
            sender.underrun(now)
        elif what == "begin":
            sender.begin(now)
            began = now
        else:
            sender.end()
            began = None
