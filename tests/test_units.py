from __future__ import annotations

import pytest

from ivr.units import parse_duration, parse_size


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (3, 3.0),
        (0.5, 0.5),
        ("20", 20.0),
        ("250ms", 0.25),
        ("20s", 20.0),
        ("5m", 300.0),
        ("48h", 172800.0),
        ("1d", 86400.0),
    ],
)
def test_durations(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize("value", [-1, "-1s", "3 weeks", "", None, True, float("inf"), float("nan"), "1e9", "٣s", [3]])
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="not a duration: seconds, or a number with ms"):
        parse_duration(value)


@pytest.mark.parametrize(("value", "size"), [(7, 7), ("4MB", 4_000_000), ("10 GiB", 10 * 2**30), ("1.5kB", 1500)])
def test_sizes(value: object, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize("value", [-1, "4 M", "MB", None, True, 1.5])
def test_what_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="not a size: bytes, or a number with kB"):
        parse_size(value)
