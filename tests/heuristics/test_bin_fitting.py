"""Best and first fit decreasing: by hand, and within their guarantees on tiny instances."""

from __future__ import annotations

import oracle
import pytest

from spinemap_exact import heuristics
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.result import Limits, Watch


def run(name: str, problem: PackingProblem) -> list[int]:
    packing = heuristics.load("packing", name)(problem, Watch(Limits()))
    assert problem.violations(packing) == []
    return packing.tolist()


@pytest.mark.parametrize("name", heuristics.names("packing"))
@pytest.mark.parametrize("seed", range(30))
def test_packings_stay_within_the_guarantee(name, seed):
    problem = oracle.random_packing_problem(seed)

    bins = len(set(run(name, problem)))

    optimum = oracle.optimum(problem)
    assert optimum <= bins <= 11 * optimum / 9 + 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("best-fit", [0, 1, 1, 1]),
        ("first-fit", [0, 1, 1, 0]),
    ],
)
def test_where_both_differ(name, expected):
    """60 opens a bin; 45 does not fit and opens the next, 41 joins it. They leave 40 and 14, and 10 fits both."""
    assert run(name, PackingProblem([60, 45, 41, 10], 100)) == expected


@pytest.mark.parametrize("name", heuristics.names("packing"))
def test_items_of_the_size_of_the_bin_stand_alone(name):
    assert run(name, PackingProblem([4, 4, 4], 4)) == [0, 1, 2]


@pytest.mark.parametrize("name", heuristics.names("packing"))
def test_one_item(name):
    assert run(name, PackingProblem([1], 4)) == [0]
