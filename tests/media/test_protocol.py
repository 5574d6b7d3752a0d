"""Records on their way between pool and workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.protocol import MAX_PACKET, Command, Event, batches, pack, records, split_strings


def test_records_of_a_packet_come_back_in_order() -> None:
    packet = (
        pack(Command.PLAY, 7, 3, 1, 0, 250, 2, 0, strings=(b"\0\0\0\0/a", b""))
        + pack(Command.RELEASE, 7, 3)
        + pack(Event.DIGIT, 1, 2, ord("#"), 0, 1, 12.5, 0.25, 9)
    )
    found = [(kind, row, generation, fields) for kind, row, generation, fields, _ in records(packet)]
    assert found == [
        (Command.PLAY, 7, 3, (1, 0, 250, 2, 0)),
        (Command.RELEASE, 7, 3, ()),
        (Event.DIGIT, 1, 2, (ord("#"), 0, 1, 12.5, 0.25, 9)),
    ]
    assert [split_strings(rest) for *_, rest in records(packet)] == [[b"\0\0\0\0/a", b""], [], []]


@given(st.lists(st.binary(min_size=1, max_size=9000), max_size=40))
def test_batches_keep_all_records_whole_and_in_order(waiting: list[bytes]) -> None:
    packets = batches(waiting)
    assert b"".join(packets) == b"".join(waiting)
    assert all(len(packet) <= MAX_PACKET for packet in packets)
    assert batches([]) == []


def test_what_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="4096"):
        pack(Command.RECORD, 0, 0, 1, 0, 0, 0, 0, strings=(b"x" * 4097,))
    with pytest.raises(ValueError, match="too much"):
        pack(Command.PLAY, 0, 0, 1, 1, 0, 20, 0, strings=(b"x" * 4000,) * 20)
