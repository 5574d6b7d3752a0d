from __future__ import annotations

import pytest

from ivr.center.rules.scoring import at_full_capacity, scores, workload


def rounded(values: list[float]) -> list[float]:
    return [round(value, 4) for value in values]


def test_the_worked_example_by_workload() -> None:
    assert rounded(scores([(20, 10), (35, 200), (48, 300)])) == [0.5167, 0.6190, 0.7083]


def test_the_worked_example_by_capacity() -> None:
    loads = [workload(channels) for channels in ([(5, 10), (4, 20)], [(1, 5), (5, 10)], [(15, 20), (1, 5)])]
    assert loads == [35, 35, 47.5]
    assert rounded(scores(list(zip(loads, [10, 200, 300], strict=True)))) == [0.5167, 0.8333, 0.8684]


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([], []),
        ([(0, 0)], [1.0]),
        ([(0, 10), (0, 20)], [0.75, 1.0]),
        ([(0, 10), (50, 20)], [0.75, 0.5]),
        ([(10, 0), (20, 0)], [1.0, 0.75]),
        ([(0, 0), (0, 0)], [1.0, 1.0]),
    ],
)
def test_a_ratio_with_a_zero_is_one_for_the_best(candidates: list[tuple[float, float]], expected: list[float]) -> None:
    assert scores(candidates) == expected


def test_full_capacity_adds_up_what_the_workload_takes_the_mean_of() -> None:
    channels = [(5, 10), (8, 20)]
    assert workload(channels) == 45
    assert at_full_capacity(channels)
    assert not at_full_capacity([(5, 10), (7, 20)])
    assert workload([]) == 0
    assert not at_full_capacity([])
