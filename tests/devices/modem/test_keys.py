"""One key for each press, however a chip reports it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.devices.modem.protocol.keys import KEYS, KeyFilter


def pressed(codes: list[tuple[str, float]]) -> str:
    keys = KeyFilter()
    return "".join(key for code, now in codes if (key := keys.feed(code, now)) is not None)


@pytest.mark.parametrize(
    ("codes", "keys"),
    [
        ([("5", 0.0)], "5"),
        ([("5", 0.0), ("5", 0.07), ("5", 0.14), ("5", 0.21)], "5"),  # held, repeated every 70 ms
        ([("5", 0.0), ("5", 0.2)], "55"),  # pressed twice
        ([("5", 0.0), ("6", 0.05)], "56"),
        ([("/", 0.0), ("5", 0.0), ("5", 0.5), ("~", 1.0)], "5"),  # held for a second, with edges
        ([("/", 0.0), ("5", 0.0), ("~", 0.04), ("/", 0.08), ("5", 0.08), ("~", 0.12)], "55"),  # a fast dialler
        ([("/", 0.0), ("5", 0.0), ("/", 0.2), ("5", 0.2), ("~", 0.3)], "55"),  # the first end is lost
        ([("5", 0.0), ("~", 0.04), ("5", 0.06)], "55"),
        ([("q", 0.0), ("b", 0.1), ("R", 0.2)], ""),
    ],
)
def test_presses(codes: list[tuple[str, float]], keys: str) -> None:
    assert pressed(codes) == keys


@given(st.text(sorted(KEYS), max_size=12), st.sampled_from(["frames", "repeats", "once"]), st.integers(1, 6))
def test_every_way_of_telling_tells_the_same(keys: str, way: str, held: int) -> None:
    codes, now = [], 0.0
    for key in keys:
        now += 0.2
        if way == "frames":
            codes.append(("/", now))
        for _ in range(1 if way == "once" else held):
            codes.append((key, now))
            now += 0.07 if way == "repeats" else 0.3 if way == "frames" else 0.0
        if way == "frames":
            codes.append(("~", now))
    assert pressed(codes) == keys
