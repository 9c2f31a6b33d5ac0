"""Baselines and constructive heuristics of unrolling."""

from __future__ import annotations

import numpy as np
import pytest

import spinemap_exact.heuristics as heuristics
from spinemap_exact.errors import InvalidInstance
from spinemap_exact.heuristics.unroll._clusters import by_shared_axons
from spinemap_exact.heuristics.unroll._first_fit import first_fit
from spinemap_exact.heuristics.unroll._pruning import prune
from spinemap_exact.heuristics.unroll.chain import chain
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Limits, Watch


def star(fan_in: int, spikes: list[int] | None = None) -> Network:
    """Neuron 0 fed by external inputs 1 ... fan_in."""
    pre = np.arange(1, fan_in + 1)
    return Network.from_synapses(pre, 0 * pre, spikes or [1] * (fan_in + 1), is_input=np.arange(fan_in + 1) > 0)


def random_network(seed: int, neurons: int, axons: int, density: float) -> Network:
    rng = np.random.default_rng(seed)
    pre, post = np.nonzero(rng.random((axons, neurons)) < density)
    return Network.from_synapses(
        pre + neurons, post, np.ones(neurons + axons, dtype=int), is_input=np.arange(neurons + axons) >= neurons
    )


def run(name: str, problem: UnrollProblem) -> PackedUnrolling | None:
    time_s = 60 if name == "row-slices" else 1  # it ends by itself
    return heuristics.load("unroll", name)(problem, Watch(Limits(time_s=time_s)))


def test_published_chain():
    """u1 = f(n1, n2), u_i = f(u_{i-1}, n_{i+1}); carries count prefix sums."""
    network = star(5, spikes=[9, 1, 2, 4, 8, 16])

    unrolling = chain(network, 2)

    assert unrolling.parent_of_unit.tolist() == [1, 2, 3, -1]  # 5 - 1 units
    assert unrolling.unit_of_synapse.tolist() == [0, 0, 1, 2, 3]
    # 1 + 2, then + 4, then + 8; the soma unit keeps the spikes of the neuron
    assert unrolling.unit_network(network).spikes[:4].tolist() == [3, 7, 15, 9]


@pytest.mark.parametrize("unit_fan_in", [2, 3, 4, 7])
@pytest.mark.parametrize("fan_in", range(1, 16))
def test_chain_fills_all_units_but_the_last(unit_fan_in, fan_in):
    network = star(fan_in)

    unrolling = chain(network, unit_fan_in)

    read = unrolling.unit_network(network).fan_in[: unrolling.num_units].tolist()
    assert not unrolling.violations(network)
    assert sum(read) == fan_in + unrolling.num_units - 1
    assert all(r == unit_fan_in for r in read[:-1])
    assert 1 <= read[-1] <= unit_fan_in


@pytest.mark.parametrize("unit_fan_in", [2, 3, 4, 7])
@pytest.mark.parametrize("fan_in", range(1, 16))
def test_even_chain_reads_about_as_much_everywhere(unit_fan_in, fan_in):
    network = star(fan_in)

    unrolling = chain(network, unit_fan_in, even=True)
    inputs = unrolling.unit_network(network).fan_in[: unrolling.num_units]

    assert unrolling.violations(network) == []
    assert unrolling.num_units == chain(network, unit_fan_in).num_units
    assert inputs.max() <= unit_fan_in
    assert inputs.max() - inputs.min() <= 1


def test_even_chains_leave_rows_for_carries():
    """16 axons feed two neurons, 7 rows: chains of 7, 6 and 3 axons, or of 6, 5 and 5, each but the first with a carry.

    Full chains: 7 rows for both, 6 + 1 for either, 3 + 2 for both. Even ones: 6 rows for both, 5 + 2 for both, twice.
    """
    pre, post = np.divmod(np.arange(32), 2)
    network = Network.from_synapses(pre + 2, post, np.ones(18, dtype=int), is_input=np.arange(18) >= 2)
    problem = UnrollProblem(network, 7, 4)

    assert [problem.cost(run(name, problem)) for name in ("chain", "even-chain")] == [4, 3]


def test_chain_leaves_narrow_neurons_whole():
    assert chain(star(16), 16).num_units == 1
    assert chain(star(17), 16).num_units == 2


def test_units_of_one_input_are_refused():
    with pytest.raises(InvalidInstance, match="units of fan-in 1 cannot form a chain"):
        chain(star(3), 1)


def plain_first_fit(units: Network, rows: int, columns: int) -> list[int]:
    crossbars: list[tuple[set[int], int]] = []
    chosen = []
    for u in range(units.num_units):
        axons = set(units.fan_in_of(u).tolist())
        fitting = (b for b, (held, used) in enumerate(crossbars) if used < columns and len(held | axons) <= rows)
        b = next(fitting, len(crossbars))
        if b == len(crossbars):
            crossbars.append((set(), 0))
        crossbars[b] = (crossbars[b][0] | axons, crossbars[b][1] + 1)
        chosen.append(b)
    return chosen


@pytest.mark.parametrize("seed", range(40))
def test_first_fit_is_first_fit(seed):
    network = random_network(seed, neurons=12, axons=9, density=0.1 * (seed % 10))
    rows = 3 + seed % 4
    units = chain(network, 2 + seed % 2).unit_network(network)

    assert first_fit(units, rows, 2 + seed % 5).cluster_of_unit.tolist() == plain_first_fit(units, rows, 2 + seed % 5)


def test_pruning_counts_what_is_lost():
    pruned, lost = prune(star(10), rows=7)

    assert (lost, pruned.fan_in_of(0).tolist()) == (3, [1, 2, 3, 4, 5, 6, 7])
    assert prune(star(7), rows=7)[1] == 0


@pytest.mark.parametrize("name", heuristics.names("unroll"))
@pytest.mark.parametrize("seed", range(6))
def test_heuristics_keep_every_limit(name, seed):
    problem = UnrollProblem(random_network(seed, neurons=14, axons=30, density=0.5), rows=8, columns=5)

    packed = run(name, problem)

    assert packed is not None
    assert problem.violations(packed) == []


def test_slices_of_a_dense_layer():
    """784 inputs to 10 neurons: 7 slices of 128 rows hold all axons, and the 112 spare rows the 60 carries."""
    pre, post = np.divmod(np.arange(7840), 10)
    network = Network.from_synapses(pre + 10, post, np.ones(794, dtype=int), is_input=np.arange(794) >= 10)
    problem = UnrollProblem(network, 128, 128)

    packed = run("row-slices", problem)

    assert packed is not None
    assert problem.cost(packed) == 7


def test_neurons_without_inputs_still_take_a_column():
    network = Network.from_synapses([3], [0], [1, 1, 1, 1], is_input=np.arange(4) == 3)
    problem = UnrollProblem(network, rows=2, columns=2)

    for name in heuristics.names("unroll"):
        packed = run(name, problem)
        assert packed is not None
        assert problem.cost(packed) == 2  # three neurons, two columns


def test_copies_of_the_last_slice_take_the_carries():
    """20 axons to 9 neurons on 8x9: slices of 8, 8 and 4 axons; a copy of the last holds 4 axons and 2 x 2 carries.

    Two full slices and five copies for 9 neurons make 7 crossbars; equal slices with combiners need more.
    """
    pre, post = np.divmod(np.arange(180), 9)
    network = Network.from_synapses(pre + 9, post, np.ones(29, dtype=int), is_input=np.arange(29) >= 9)

    packed = run("row-slices", UnrollProblem(network, rows=8, columns=9))

    assert packed is not None
    assert packed.partition.num_clusters <= 7


def repeated(seed: int, neurons: int = 30, axons: int = 60) -> Network:
    """Four kinds of axons and three of neurons: classes of many members, some wide, some narrow, some idle."""
    rng = np.random.default_rng(seed)
    kinds = rng.random((4, 3)) < 0.6
    matrix = kinds[np.ix_(rng.integers(4, size=axons), rng.integers(3, size=neurons))]
    pre, post = np.nonzero(matrix)
    return Network.from_synapses(
        pre + neurons, post, np.ones(neurons + axons, dtype=int), is_input=np.arange(neurons + axons) >= neurons
    )


@pytest.mark.parametrize("rows", [2, 7, 16, 64])
@pytest.mark.parametrize("seed", range(8))
def test_slices_of_classes_keep_every_limit(rows, seed):
    problem = UnrollProblem(repeated(seed), rows, columns=1 + 4 * (seed % 3))

    packed = run("row-slices", problem)

    assert packed is not None
    assert problem.violations(packed) == []


def test_narrow_neurons_are_cut_where_that_pays():
    """200 neurons of 50 inputs each, at random among 200 axons, on 128x128: whole ones share too few rows.

    Cut in two groups they have 2 x 200 axons and a carry for each neuron: 600 rows, and little more in six crossbars.
    """
    rng = np.random.default_rng(0)
    pre = np.concatenate([rng.choice(200, 50, replace=False) for _ in range(200)])
    network = Network.from_synapses(
        pre + 200, np.repeat(np.arange(200), 50), np.ones(400, dtype=int), is_input=np.arange(400) >= 200
    )

    packed = run("row-slices", UnrollProblem(network, 128, 128))

    assert packed is not None
    assert packed.partition.num_clusters <= 6


def test_split_combiners_fill_their_crossbars():
    """15 axons to 4 neurons on 5x4: three full slices, then a combiner of 3 rows for each neuron.

    Whole combiners take a crossbar each. Split ones: the second neuron merges 2 carries beside the first combiner and
    the rest, 2 rows, beside the third: 3 crossbars. Counting asks for 15 + 4 x 3 rows: 6 crossbars.
    """
    pre, post = np.divmod(np.arange(60), 4)
    network = Network.from_synapses(pre + 4, post, np.ones(19, dtype=int), is_input=np.arange(19) >= 4)

    packed = run("row-slices", UnrollProblem(network, 5, 4))

    assert packed is not None
    assert packed.partition.num_clusters == 6


def test_neurons_that_share_axons_are_grouped():
    """Windows of 4x4 on a field of 12x12, taken in groups of 9: side by side they read 4x12 axons, as a block fewer."""
    row, column = np.divmod(np.arange(81), 9)
    window = (row * 12 + column)[:, None] + (np.arange(4)[:, None] * 12 + np.arange(4)).ravel()
    network = Network.from_synapses(
        window.ravel() + 81, np.repeat(np.arange(81), 16), np.ones(225, dtype=int), is_input=np.arange(225) >= 81
    )
    classes = UnrollProblem(network, rows=36, columns=9).classes  # each neuron is one of its own

    order = by_shared_axons(classes, np.arange(81), 9)

    assert sorted(order.tolist()) == list(range(81))
    groups = [{k for i in order[n : n + 9] for k in network.fan_in_of(int(i)).tolist()} for n in range(0, 81, 9)]
    assert sum(map(len, groups)) < 0.9 * 9 * 4 * 12


def test_whole_neurons_leave_columns_to_those_that_share_no_rows():
    """40 neurons read the same 8 axons, 8 neurons 4 axons each of their own; crossbars of 16 rows and 12 columns.

    Four crossbars: 10 columns of the first kind and 2 of the second in each, 8 + 2 x 4 rows. First-fit alone fills 3
    and a third of the crossbars with the first kind and needs a fifth for the second.
    """
    pre = np.concatenate([np.tile(np.arange(8), 40), 8 + np.arange(32)])
    post = np.concatenate([np.repeat(np.arange(40), 8), 40 + np.repeat(np.arange(8), 4)])
    network = Network.from_synapses(pre + 48, post, np.ones(88, dtype=int), is_input=np.arange(88) >= 48)

    packed = run("row-slices", UnrollProblem(network, rows=16, columns=12))

    assert packed is not None
    assert packed.partition.num_clusters == 4
