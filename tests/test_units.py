from __future__ import annotations

import pytest

from ivr.units import parse_duration, parse_share, parse_size


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


@pytest.mark.parametrize(("value", "share"), [("10%", 0.1), (" 2.5 % ", 0.025), ("100%", 1.0), ("0.001%", 0.00001)])
def test_shares(value: object, share: float) -> None:
    assert parse_share(value) == pytest.approx(share)


@pytest.mark.parametrize("value", ["0%", "101%", "10", 10, 0.1, "%", "-1%", "1e1%", None, True])
def test_what_is_no_share(value: object) -> None:
    with pytest.raises(ValueError, match="not a share: more than 0% and at most 100%"):
        parse_share(value)
