"""The model that counts identical neurons and axons: agreement with enumeration, and layers where counting is all."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from spinemap_exact import solvers
from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations.unroll import classes_cpsat
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Limits, SolveResult, Watch


def solve(problem: UnrollProblem) -> SolveResult:
    return solvers.load("unroll", "classes-cpsat")(problem, Watch(Limits(time_s=60, workers=1)))


def layers(*sizes: int) -> Network:
    """Dense layers; the first is external."""
    ends = np.cumsum([0, *sizes]).tolist()
    blocks = [np.mgrid[ends[n] : ends[n + 1], ends[n + 1] : ends[n + 2]].reshape(2, -1) for n in range(len(sizes) - 1)]
    pre, post = np.concatenate(blocks, axis=1)
    return Network.from_synapses(pre, post, np.ones(ends[-1], dtype=int), is_input=np.arange(ends[-1]) < sizes[0])


@pytest.mark.parametrize("seed", range(18))
def test_agrees_with_enumeration_where_neurons_and_axons_are_alike(seed):
    """Four neurons of two kinds read two kinds of inputs, and some of each other."""
    rng = np.random.default_rng([seed, 31])
    kinds = rng.random((2, 3)) < 0.7  # what a kind of neuron reads: two kinds of inputs, and the first neurons
    of_axon = np.concatenate([rng.integers(2, size=3), [2]])
    of_neuron = rng.integers(2, size=3)
    pre, post = np.nonzero(kinds[of_neuron][:, of_axon].T)
    axon = np.array([3, 4, 5, 0])
    network = Network.from_synapses(axon[pre], post, np.ones(6, dtype=int), is_input=np.arange(6) >= 3)
    problem = UnrollProblem(network, rows=int(rng.integers(2, 4)), columns=int(rng.integers(1, 4)))

    result = solve(problem)

    best = oracle.optimum(problem)
    assert (result.objective, result.dual_bound) == (best, best)


@pytest.mark.parametrize(
    ("sizes", "rows", "crossbars"),
    [
        ((784, 10), 128, 7),  # 784 axons, and 6 carries each of 10 neurons: 6.6 crossbars of 128 rows
        ((400, 30, 10), 128, 5),  # 430 axons, and 3 carries each of 30 neurons: 4.1
        ((64, 32, 10), 32, 5),  # 96 axons, and 2 carries each of 32 neurons: 5.0, all rows
    ],
)
def test_dense_layers_are_closed_by_counts(sizes, rows, crossbars):
    result = solve(UnrollProblem(layers(*sizes), rows, rows))

    assert (result.objective, result.dual_bound) == (crossbars, crossbars)


def test_rows_that_are_enough_in_number_but_lie_apart():
    """40 axons and 2 carries each of 12 neurons are 64 rows, those of four crossbars of 16.

    Then no axon has a second row: every crossbar with an axon holds all 12 neurons. They have three units each, so
    that only three crossbars hold anything: 48 rows.
    """
    result = solve(UnrollProblem(layers(40, 12), 16, 16))

    assert (result.objective, result.dual_bound) == (5, 5)


def test_too_many_sets_of_crossbars_are_refused():
    problem = UnrollProblem(layers(784, 10), 128, 128)

    with pytest.raises(InvalidInput, match="does not cover 1 classes of axons and 1 of neurons on 20 crossbars"):
        classes_cpsat.build(problem, CpSat(), 20)


def test_a_bound_survives_a_model_that_has_become_too_large(monkeypatch):
    """As above, four crossbars are refuted; five have 3^5 + 5 * 2^5 = 403 terms, and only 200 are allowed."""
    monkeypatch.setattr(classes_cpsat, "LARGEST", 200)

    result = solve(UnrollProblem(layers(40, 12), 16, 16))

    assert (result.objective, result.dual_bound) == (None, 5)
