"""The enumerations themselves: known answers by hand, and prices equal to the problems' own."""

import numpy as np
import pytest
from oracle import optimum, random_problem, random_unroll_problem

from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Partition
from spinemap_exact.network import Network
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.problems.unroll import UnrollProblem


def chain_of_three(**options):
    network = Network.from_synapses([0, 1], [1, 2], [5, 3, 9])
    return PartitionProblem(network, (Crossbar(2, 2),), max_clusters=3, **options)


def test_a_chain_is_cut_at_its_quietest_net():
    assert optimum(chain_of_three()) == 3


def test_three_units_on_two_columns_need_two_clusters():
    assert optimum(chain_of_three(objective="crossbars")) == 2
    assert optimum(chain_of_three(objective="area", max_area=7)) is None  # two crossbars of area 4


def test_a_path_of_three_clusters_on_a_line_costs_its_flows():
    mesh = Mesh([0, 1, 2], [0, 0, 0])
    assert optimum(PlacementProblem(3, [0, 2], [1, 1], [4, 7], mesh=mesh)) == 11  # cluster 1 in the middle
    assert (
        optimum(PlacementProblem(3, [0, 2], [1, 1], [4, 7], mesh=mesh, io_tile=0, input_flow=[0, 9, 0])) == 4 * 2 + 7
    )  # cluster 1 at the I/O tile, 2 beside it


def test_six_halves_and_a_third():
    assert optimum(PackingProblem([5, 5, 5, 5, 3], 10)) == 3


def test_one_neuron_of_four_inputs_on_two_rows_is_a_tree_of_three_units():
    network = Network.from_synapses([1, 2, 3, 4], [0] * 4, [1, 2, 3, 4, 5], is_input=np.arange(5) > 0)
    assert optimum(UnrollProblem(network, 2, 2)) == 3  # two rows each: 4 axons + 2 carries
    assert optimum(UnrollProblem(network, 2, 1, objective="units")) == 3
    # the tree carries all of 2 + 3 + 4 + 5 once; the chain carries 2 + 3, then 2 + 3 + 4 = 14, too
    assert optimum(UnrollProblem(network, 2, 1, objective="carry-spikes")) == 14
    assert optimum(UnrollProblem(network, 3, 2)) == 2
    assert optimum(UnrollProblem(network, 2, 2, max_depth=0)) is None


def test_two_neurons_share_axons():
    network = Network.from_synapses([2, 3, 2, 3], [0, 0, 1, 1], [0, 0, 1, 1], is_input=np.arange(4) > 1)
    assert optimum(UnrollProblem(network, 2, 2)) == 1


def test_homogeneous_units_never_need_fewer_crossbars():
    for seed in range(8):
        assert optimum(random_unroll_problem(seed, columns=2, unit_fan_in=2)) >= optimum(
            random_unroll_problem(seed, columns=2)
        )


@pytest.mark.parametrize("seed", range(20))
def test_no_feasible_partition_beats_the_enumeration(seed):
    problem = random_problem("partition", seed)
    rng = np.random.default_rng(seed)
    least = optimum(problem)
    for _ in range(50):
        labels = rng.integers(0, min(problem.max_clusters, 6), size=problem.num_units)
        clusters = len(set(labels.tolist()))
        solution = Partition(
            Partition.from_labels(labels).cluster_of_unit, rng.integers(0, len(problem.crossbars), size=clusters)
        )
        if not problem.violations(solution):
            assert problem.cost(solution) >= least
