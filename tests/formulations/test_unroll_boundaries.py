"""Each constraint of the unrolling and packing models below, at and above its limit."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact import solvers
from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations.unroll._tree import PackedTrees
from spinemap_exact.network import Network
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Limits, Watch

PACKING = list(solvers.modelled("packing"))


def dense(inputs: int, neurons: int) -> Network:
    """Every input feeds every neuron."""
    pre, post = np.meshgrid(neurons + np.arange(inputs), np.arange(neurons))
    count = inputs + neurons
    return Network.from_synapses(pre.ravel(), post.ravel(), np.ones(count), is_input=np.arange(count) >= neurons)


@pytest.fixture(params=["cover-cpsat", "classes-cpsat"])
def cover(request):
    """The fewest crossbars by one of the models."""

    def fewest(network: Network, rows: int, columns: int, **options) -> int | None:
        problem = UnrollProblem(network, rows, columns, **options)
        return solvers.load("unroll", request.param)(problem, Watch(Limits(time_s=60, workers=1))).objective

    return fewest


@pytest.mark.parametrize(("rows", "expected"), [(3, 2), (4, 1), (5, 1)])
def test_rows_are_shared_by_neurons(cover, rows, expected):
    # with three rows: two slices of the four axons and a row for the one carry, 4 + 1 rows in two crossbars of three
    assert cover(dense(4, 1), rows, 2) == expected
    # two neurons share four rows
    assert rows == 3 or cover(dense(4, 2), rows, 2) == expected


@pytest.mark.parametrize("options", [{}, {"max_crossbars": 1}, {"max_units": 1}])
def test_inputs_alone_need_no_crossbar(cover, options):
    assert cover(dense(2, 0), 2, 2, **options) == 0


@pytest.mark.parametrize(("columns", "expected"), [(1, 3), (2, 2), (3, 1), (4, 1)])
def test_columns(cover, columns, expected):
    assert cover(dense(2, 3), 2, columns) == expected


@pytest.mark.parametrize(("rows", "inputs", "expected"), [(2, 3, 2), (2, 4, 3), (3, 5, 2), (3, 6, 3)])
def test_a_carry_takes_a_row(cover, rows, inputs, expected):
    # one neuron: n units of so many rows read n * rows = inputs + (n - 1) carries at most
    assert cover(dense(inputs, 1), rows, 9) == expected


@pytest.mark.parametrize(("crossbars", "expected"), [(1, None), (2, 2), (3, 2)])
def test_most_crossbars(cover, crossbars, expected):
    assert cover(dense(3, 1), 2, 2, max_crossbars=crossbars) == expected


@pytest.mark.parametrize(("units", "expected"), [(1, None), (2, 2), (3, 2)])
def test_most_units(cover, units, expected):
    assert cover(dense(3, 1), 2, 2, max_units=units) == expected


def test_neurons_without_inputs_take_a_column(cover):
    assert cover(Network.from_synapses([], [], [1, 1, 1]), 2, 2) == 2


@pytest.mark.parametrize("options", [{"max_depth": 1}, {"unit_fan_in": 2}, {"objective": "units"}])
def test_what_the_model_does_not_cover_is_refused(cover, options):
    with pytest.raises(InvalidInput, match="does not cover"):
        cover(dense(3, 1), 2, 2, **options)


def test_units_that_only_pass_on_are_left_out():
    problem = UnrollProblem(dense(2, 1), 2, 2)
    trees = PackedTrees(problem)
    # crossbar 7 reads both axons; 8 reads its carry and nothing else; 9 reads nothing at all; 6 reads two carries
    trees.add(0, {6: 2, 7: 0, 8: 1, 9: 0}, {1: 7, 2: 7})
    packed = trees.packed()
    assert packed.unrolling.num_units == 1
    assert problem.violations(packed) == []


def test_the_unit_with_most_carries_is_the_soma_unit():
    problem = UnrollProblem(dense(4, 1), 2, 2)
    trees = PackedTrees(problem)
    trees.add(0, {0: 0, 1: 0, 2: 2}, {1: 0, 2: 0, 3: 1, 4: 1})
    unrolling = trees.packed().unrolling
    assert unrolling.parent_of_unit.tolist() == [-1, 0, 0]
    assert problem.violations(trees.packed()) == []


@pytest.mark.parametrize("name", PACKING)
@pytest.mark.parametrize(("capacity", "expected"), [(5, 4), (6, 3), (7, 3), (8, 2), (9, 2)])
def test_capacity(name, capacity, expected):
    # 5 + 3, 4 + 2 + 2 fill two bins of eight; 5, 4 + 2, 3 + 2 three of six; at five 5, 4, 3 + 2, 2
    if name.endswith("-scip"):
        pytest.importorskip("pyscipopt")
    problem = PackingProblem([5, 4, 3, 2, 2], capacity)
    result = solvers.load("packing", name)(problem, Watch(Limits(time_s=60, workers=1)))
    assert (result.objective, result.dual_bound) == (expected, expected)
