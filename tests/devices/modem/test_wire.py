"""What a modem says is cut up the same in whatever pieces it comes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.devices.modem.protocol.wire import MAX_LINE, Code, Item, Line, Mode, Samples, StreamEnd, Wire, shield


def whole(items: list[Item]) -> list[Item]:
    """Items with neighbouring samples joined: where sound is cut means nothing."""
    joined: list[Item] = []
    for item in items:
        if isinstance(item, Samples) and joined and isinstance(joined[-1], Samples):
            joined[-1] = Samples(joined[-1].data + item.data)
        else:
            joined.append(item)
    return joined


def fed(data: bytes, cuts: list[int], mode: Mode, leaving: bool = False, awaited: Mode = Mode.COMMAND) -> list[Item]:
    wire = Wire()
    wire.enter(mode)
    wire.leaving, wire.awaited = leaving, awaited
    items: list[Item] = []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        items += wire.feed(data[start:end])
    return whole(items)


def test_lines_codes_and_noise_of_command_state() -> None:
    data = b"\r\nOK\r\n\x10R\r\n\r\nNMBR = 5551234\r\n\x00\x07"
    assert fed(data, [], Mode.COMMAND) == [Line("OK"), Code("R"), Line("NMBR = 5551234")]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    wire = Wire()
    assert wire.feed(b"x" * 100_000) == []
    (line,) = wire.feed(b"\r\n")
    assert isinstance(line, Line)
    assert len(line.text) == MAX_LINE


@pytest.mark.parametrize(
    ("data", "items"),
    [
        (b"ab\x10\x10cd", [Samples(b"ab\x10cd")]),
        (b"\x10\x1a", [Samples(b"\x10\x10")]),
        (b"ab\x10/\x105\x10~cd", [Samples(b"ab"), Code("/"), Code("5"), Code("~"), Samples(b"cd")]),
        (b"ab\x10\x03\r\nOK\r\n", [Samples(b"ab"), StreamEnd(), Line("OK")]),
    ],
)
def test_shields(data: bytes, items: list[Item]) -> None:
    assert fed(data, [], Mode.RECEIVE) == items


def test_sound_begins_right_behind_connect() -> None:
    data = b"\r\nCONNECT\r\n\n\rab"
    assert fed(data, [], Mode.COMMAND, awaited=Mode.DUPLEX) == [Line("CONNECT"), Samples(b"\n\rab")]


def test_a_lost_end_is_known_by_the_result_behind_it() -> None:
    assert fed(b"abc\r\nOK\r\n", [], Mode.RECEIVE, leaving=True) == [Samples(b"abc"), StreamEnd(), Line("OK")]
    assert fed(b"abc\r\nOK\r\n", [], Mode.RECEIVE) == [Samples(b"abc\r\nOK\r\n")]


OCTETS = st.sampled_from(list(b"\x10\x03\x1a\r\nOKab/~5R"))


@given(st.lists(OCTETS, max_size=60).map(bytes), st.lists(st.integers(0, 60)), st.sampled_from(Mode))
def test_pieces_mean_the_same_as_the_whole(data: bytes, cuts: list[int], mode: Mode) -> None:
    assert fed(data, cuts, mode) == fed(data, [], mode)


@given(st.binary(max_size=200), st.lists(st.integers(0, 400)))
def test_what_is_shielded_is_heard_as_it_was(sound: bytes, cuts: list[int]) -> None:
    data = b"\r\nCONNECT\r\n" + shield(sound) + b"\x10\x03\r\nOK\r\n"
    expected: list[Item] = [Line("CONNECT"), Samples(sound), StreamEnd(), Line("OK")]
    items = fed(data, cuts, Mode.COMMAND, awaited=Mode.RECEIVE)
    assert items == [item for item in expected if item != Samples(b"")]


@given(st.lists(st.sampled_from([b"ab", b"\x10\x10", b"\x10\x1a", b"\x10b"])), st.lists(st.integers(0, 100)))
def test_a_lost_end_is_found_in_any_pieces(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts) + b"\r\nOK\r\n\r\nRING\r\n"
    items = fed(data, cuts, Mode.DUPLEX, leaving=True)
    assert items[-3:] == [StreamEnd(), Line("OK"), Line("RING")]
