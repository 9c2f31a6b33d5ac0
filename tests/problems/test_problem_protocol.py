"""Every kind of problem offers the same: what `spinemap_exact.problems.Problem` lists."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import random_problem

from spinemap_exact import registry
from spinemap_exact.pipeline import evidence
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Watch, conclude

MEASURES = {
    "unroll": {"crossbars", "units", "carry spikes"},
    "packing": {"bins"},
    "partition": {"packets", "crossbars", "area"},
    "placement": {"spike-hops", "hop costs", "flow x distance"},
    "mapping": {"energy", "crossbars", "worst latency", "mean latency", "bottleneck"},
}


@pytest.mark.parametrize("kind", registry.KINDS)
def test_what_every_problem_offers(kind):
    for seed in range(20):
        problem = random_problem(kind, seed)
        assert problem.kind == kind
        assert problem.size >= 0
        assert problem.measure.partition(" (")[0] in MEASURES[kind]
        assert len(problem.digest) == 64
        assert problem.why_infeasible() is None or " " in problem.why_infeasible()


def test_sizes_count_what_the_docstring_says():
    assert PackingProblem([1, 2, 3], 4).size == 3
    square = Mesh(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))
    assert PlacementProblem(2, [0], [1], [1], mesh=square).size == 4
    pieces = random_problem("partition", 0)
    assert pieces.size == pieces.network.num_synapses


def test_hops_with_weights_say_so():
    even, uneven = Mesh(np.arange(3), np.zeros(3)), Mesh(np.arange(3), np.zeros(3), hop_x=2)
    assert PlacementProblem(2, [0], [1], [1], mesh=even).measure == "spike-hops"
    assert PlacementProblem(2, [0], [1], [1], mesh=uneven).measure == "hop costs (x 2, y 1)"


def test_packings_can_be_too_large_to_certify():
    """Their size was always 0 to this limit."""
    problem = PackingProblem(np.ones(100_001, dtype=int), 2)
    watch = Watch(Limits())
    result = conclude(problem, np.arange(100_001) // 2, 50_001, engine="test", watch=watch)
    stage = evidence.certify("packing", problem, "test", result, watch)
    assert stage.certificate is None
    assert stage.unverified == "nothing is certified: the problem is too large for the checker"
