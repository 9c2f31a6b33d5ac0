"""Does any mapping undercut the bound? All of them are tried on tiny networks."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from spinemap_exact.energy_bound import bound
from spinemap_exact.evaluator import evaluate
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.instances import instances
from spinemap_exact.io.mapping_file import read_mapping
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import Traffic


def labellings(n: int, most: int):
    """All ways to number clusters in the order of their first unit."""

    def extend(labels):
        if len(labels) == n:
            yield labels
            return
        for label in range(min(most, max(labels, default=-1) + 2)):
            yield from extend([*labels, label])

    return extend([])


def evaluations(network, hardware, unrolling, traffic):
    """Evaluate every mapping within the limits."""
    found = []
    for labels in labellings(unrolling.num_units, hardware.grid.num_tiles):
        clusters = Partition(np.array(labels))
        if clusters.violations(unrolling.unit_network(network), hardware.crossbars, hardware.grid.num_tiles):
            continue
        for tiles in permutations(range(hardware.grid.num_tiles), clusters.num_clusters):
            mapping = Mapping(unrolling, clusters, Placement(np.array(tiles)))
            found.append(evaluate(network, hardware, mapping, traffic))
    assert all(e.violations == () for e in found)
    return found


def random_case(seed: int, spikes: int = 9, cost: int = 8):
    """Four units at most, up to two inputs, on two to four tiles; every second one is unrolled."""
    rng = np.random.default_rng(seed)
    unrolled = seed % 2 == 1
    neurons, inputs = (2, 2) if unrolled else (int(rng.integers(2, 5)), int(rng.integers(0, 3)))
    n = neurons + inputs
    pairs = [(a, b) for a in range(n) for b in range(neurons) if rng.random() < (0.9 if unrolled else 0.6)]
    pre, post = np.array(pairs or [(0, 0)]).T
    network = Network.from_synapses(pre, post, rng.integers(0, spikes, n), is_input=np.arange(n) >= neurons)
    unrolling = chain_of_two(network) if unrolled else Unrolling.identity(network)
    width, height = [(2, 2), (3, 1), (1, 3), (2, 1)][rng.integers(4)]
    grid = TileGrid(width, height, io_tile=int(rng.integers(width * height)) if rng.random() < 0.5 else None)
    rows = max(2, int(unrolling.unit_network(network).fan_in.max())) + int(rng.integers(0, 3))
    names = CostModel.__dataclass_fields__
    costs = CostModel(**{name: int(rng.integers(0, cost)) for name in names})
    return network, Hardware("tiny", grid, (Crossbar(rows, int(rng.integers(1, 4))),), costs), unrolling


def chain_of_two(network: Network) -> Unrolling:
    """Neurons of three inputs or more get a second unit for the inputs from the third on."""
    from spinemap_exact import heuristics
    from spinemap_exact.problems.unroll import UnrollProblem
    from spinemap_exact.result import Limits, Watch

    rows = max(2, int(network.fan_in.max()) - 1)
    packed = heuristics.load("unroll", "chain")(UnrollProblem(network, rows, rows), Watch(Limits(time_s=None)))
    return packed.unrolling


@pytest.mark.parametrize("magnitudes", [(9, 8), (2**54, 2**62)])
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("traffic", list(Traffic))
def test_no_mapping_undercuts_the_bound(seed, traffic, magnitudes):
    """Also with 2^54 spikes and costs of 2^62, whose products only Python's integers hold."""
    stays_below_all_mappings(seed, traffic, *magnitudes)


@pytest.mark.slow
@pytest.mark.parametrize("traffic", list(Traffic))
def test_no_mapping_undercuts_the_bound_in_hundreds_of_cases(traffic):
    for seed in range(40, 400):
        stays_below_all_mappings(seed, traffic)


def stays_below_all_mappings(seed, traffic, *magnitudes):
    network, hardware, unrolling = random_case(seed, *magnitudes)
    found = evaluations(network, hardware, unrolling, traffic)
    if not found:
        return
    best = {"packets": min(e.packets for e in found), "crossbars": min(e.crossbars for e in found)}
    for known in ({}, best):
        lower = bound(network, hardware, unrolling, traffic, **known)
        assert lower.energy_fj <= min(e.energy_fj.total for e in found)
        if lower.latency_worst_ps is not None:
            assert lower.latency_worst_ps <= min(e.latency_worst_ps for e in found)
        if lower.latency_mean_ps is not None:
            assert lower.latency_mean_ps <= min(e.latency_mean_ps for e in found)


def test_the_bound_is_met_where_counting_is_all_there_is():
    """One source of 5 spikes feeds 4 readers; a crossbar holds one unit, the mesh is a line of 5 tiles."""
    network = Network.from_synapses([0] * 4, [1, 2, 3, 4], [5, 0, 0, 0, 0])
    costs = CostModel(packet_fj=10, hop_x_fj=3, local_fj=7, synapse_fj=2, idle_cell_fj=1, packet_ps=4, hop_x_ps=6)
    hardware = Hardware("line", TileGrid(5, 1), (Crossbar(2, 1),), costs)
    unrolling = Unrolling.identity(network)
    lower = bound(network, hardware, unrolling)
    found = evaluations(network, hardware, unrolling, Traffic.PER_TILE)
    # 4 packets a spike; from the middle 1 + 1 + 2 + 2 hops; 4 events a spike; 5 crossbars of 2 cells hold 4 synapses
    assert lower.energy_fj == 5 * (4 * 10 + 6 * 3 + 4 * 2) + 6 == min(e.energy_fj.total for e in found)
    # all 20 spikes leave: a packet and a hop at least
    assert lower.latency_mean_ps == Fraction(4 + 6)
    assert lower.latency_worst_ps == 4 + 6


def test_local_reads_that_cost_more_than_a_packet_are_not_counted_as_unavoidable():
    """Two units of 3 spikes read each other; apart they pay 2 x 3 x (1 + 1), together 2 x 3 x 50."""
    network = Network.from_synapses([0, 1], [1, 0], [3, 3])
    costs = CostModel(packet_fj=1, hop_x_fj=1, local_fj=50, idle_cell_fj=0)
    hardware = Hardware("pair", TileGrid(2, 1), (Crossbar(2, 2),), costs)
    assert bound(network, hardware, Unrolling.identity(network)).energy_fj == 12


def fork(readers_share: int, **costs: int):
    """Unit 0 of 5 spikes feeds units 1 and 2, which read two silent inputs each, some of them shared; 4 rows."""
    own = [3, 4, 5, 6]
    second = own[2 - readers_share : 4 - readers_share]
    pairs = [(0, 1), (0, 2), *((k, 1) for k in own[:2]), *((k, 2) for k in second)]
    pre, post = np.array(pairs).T
    network = Network.from_synapses(pre, post, [5, 0, 0, 0, 0, 0, 0], is_input=np.arange(7) > 2)
    hardware = Hardware("row", TileGrid(3, 1), (Crossbar(4, 3),), CostModel(packet_fj=10, hop_x_fj=3, **costs))
    return network, hardware, Unrolling.identity(network)


@pytest.mark.parametrize(("readers_share", "energy"), [(0, 5 * 13), (1, 0)])
def test_readers_that_do_not_fit_together_are_counted(readers_share, energy):
    """Together they read 5 sources, one more than there are rows; with one of them shared, 4."""
    network, hardware, unrolling = fork(readers_share)
    assert bound(network, hardware, unrolling).energy_fj == energy
    assert min(e.energy_fj.total for e in evaluations(network, hardware, unrolling, Traffic.PER_TILE)) == energy


@pytest.mark.parametrize(("local_fj", "energy"), [(12, 5 * (12 + 13)), (13, 5 * 26), (14, 5 * 26)])
def test_the_cheaper_of_a_local_read_and_a_packet_is_counted(local_fj, energy):
    """Two readers that do not fit together: one of them is read locally, or both get a packet over a hop of 13 fJ."""
    network, hardware, unrolling = fork(0, local_fj=local_fj)
    assert bound(network, hardware, unrolling).energy_fj == energy
    assert min(e.energy_fj.total for e in evaluations(network, hardware, unrolling, Traffic.PER_TILE)) == energy


@pytest.mark.parametrize(
    ("name", "energy"), [("digits-64-32-10-64x64", 406_113_800), ("digits-64-100-10-64x64", 4_218_128_800)]
)
def test_counting_alone_proves_reference_mappings_of_full_crossbars(name, energy):
    entry = instances()[name]
    network, hardware = entry.load()
    reference = read_mapping(entry.reference, network, hardware)
    assert evaluate(network, hardware, reference).energy_fj.total == energy
    assert bound(network, hardware, reference.unrolling).energy_fj == energy
