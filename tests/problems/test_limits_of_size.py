"""Limits of problems at the ends of int64, and far above what a network can use."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact import heuristics, solvers
from spinemap_exact.errors import InvalidInput, InvalidInstance, MissingExtra
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Limits, Watch

# two neurons that read the same three inputs: unrolled in two rows they are two units each
NETWORK = Network.from_synapses([2, 3, 4] * 2, [0, 0, 0, 1, 1, 1], np.ones(5), is_input=np.arange(5) >= 2)
LIMITS = {
    "unroll": ("rows", "columns", "max_depth", "max_crossbars", "max_units"),
    "partition": ("max_clusters", "max_area"),
}
CASES = [(kind, limit) for kind, limits in LIMITS.items() for limit in limits]


def problem(kind: str, limit: str, value: int) -> UnrollProblem | PartitionProblem:
    if kind == "unroll":
        return UnrollProblem(NETWORK, **{"rows": 2, "columns": 2, limit: value})
    return PartitionProblem(NETWORK, (Crossbar(3, 1),), **{"max_clusters": 2, limit: value})


@pytest.mark.parametrize(("kind", "limit"), CASES)
def test_limits_beyond_int64_are_refused(kind: str, limit: str) -> None:
    assert problem(kind, limit, 2**63 - 1)
    for value in (2**63, 10**30):
        with pytest.raises(InvalidInstance, match=f"the limit {value} overflows int64"):
            problem(kind, limit, value)


@pytest.mark.parametrize("value", [2**31, 2**40, 2**63 - 1])
@pytest.mark.parametrize(("kind", "limit"), CASES)
def test_limits_that_nothing_reaches_end_nobody(kind: str, limit: str, value: int) -> None:
    asked = problem(kind, limit, value)
    for family in (heuristics, solvers):
        for name in family.names(kind):
            try:
                family.load(kind, name)(asked, Watch(Limits(time_s=0.05, workers=1)))
            except (InvalidInput, MissingExtra) as refusal:
                assert "\n" not in str(refusal), name


def test_a_depth_that_no_tree_has_limits_nothing() -> None:
    # three axons and a carry of each neuron take five rows, two in each of three crossbars
    asked = problem("unroll", "max_depth", 2**62)
    result = solvers.load("unroll", "cover")(asked, Watch(Limits(time_s=20, workers=1)))
    assert (result.objective, result.dual_bound) == (3, 3)
