"""Unrollings, partitions and placements: what they derive, what they refuse, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemap_exact.errors import InvalidInstance
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network

# ---------------------------------------------------------------------------------------------------------- unrolling


def star(spikes, target_spikes=1):
    """External inputs that all feed the one neuron, which comes last."""
    sources = len(spikes)
    return Network.from_synapses(
        range(sources),
        [sources] * sources,
        [*spikes, target_spikes],
        is_input=np.arange(sources + 1) < sources,
    )


def chain(sources):
    """The fan-in-two chain of a star: unit 0 reads two axons, each further one an axon and a carry."""
    units = sources - 1
    return Unrolling([0, *range(units)], [sources] * units, [*range(1, units), -1])


def test_carries_of_a_chain_are_prefix_sums():
    spikes = [3, 1, 4, 1, 5, 9]
    units = chain(6).unit_network(star(spikes, target_spikes=2))
    # unit k carries the spikes of sources 0 ... k + 1; the last one is the neuron and fires its own 2
    assert units.spikes[:5].tolist() == [4, 8, 9, 14, 2]
    assert units.spikes[5:].tolist() == spikes
    assert units.is_input.tolist() == [False] * 5 + [True] * 6
    assert units.fan_in.tolist() == [2] * 5 + [0] * 6
    assert [units.fan_in_of(u).tolist() for u in range(5)] == [[5, 6], [0, 7], [1, 8], [2, 9], [3, 10]]


def test_depth_counts_the_carries_to_the_soma():
    assert chain(6).depth_of_unit.tolist() == [4, 3, 2, 1, 0]
    tree = Unrolling([0, 1, 2, 3], [4] * 5, [4, 4, 3, 4, -1])
    assert tree.depth_of_unit.tolist() == [1, 1, 2, 1, 0]
    assert (tree.num_units, tree.num_carries) == (5, 4)


@pytest.mark.parametrize("units", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 1000])
def test_chains_of_any_length_have_a_depth(units):
    unrolling = Unrolling([], [0] * units, [*range(1, units), -1])
    assert unrolling.depth_of_unit.tolist() == list(range(units))[::-1]


@st.composite
def unrolled(draw):
    """A random network and a random unrolling of it: any tree, units in any order."""
    inputs, neurons = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    total = inputs + neurons
    pairs = draw(
        st.lists(st.tuples(st.integers(0, total - 1), st.integers(inputs, total - 1)), unique=True, max_size=12)
    )
    network = Network.from_synapses(
        [p for p, _ in pairs],
        [q for _, q in pairs],
        draw(st.lists(st.integers(0, 20), min_size=total, max_size=total)),
        is_input=np.arange(total) < inputs,
    )
    neuron_of_unit, parent_of_unit = [], []
    for i in range(inputs, total):
        first = len(neuron_of_unit)
        for k in range(draw(st.integers(1, 4))):
            neuron_of_unit.append(i)
            parent_of_unit.append(-1 if k == 0 else first + draw(st.integers(0, k - 1)))
    order = draw(st.permutations(range(len(neuron_of_unit))))  # new id of each unit
    shuffled_neuron, shuffled_parent = [0] * len(order), [0] * len(order)
    for u, new in enumerate(order):
        shuffled_neuron[new] = neuron_of_unit[u]
        shuffled_parent[new] = -1 if parent_of_unit[u] < 0 else order[parent_of_unit[u]]
    unit_of_synapse = [
        draw(st.sampled_from([u for u, i in enumerate(shuffled_neuron) if i == post])) for post in network.post.tolist()
    ]
    return network, Unrolling(unit_of_synapse, shuffled_neuron, shuffled_parent)


@given(unrolled())
@settings(max_examples=200)
def test_unit_networks_agree_with_plain_loops(case):
    network, unrolling = case
    parent, neuron = unrolling.parent_of_unit.tolist(), unrolling.neuron_of_unit.tolist()
    inputs = [i for i in range(network.num_neurons) if network.is_input[i]]
    units = len(parent)

    def entering(u):
        own = sum(
            int(network.spikes[network.pre[s]])
            for s in range(network.num_synapses)
            if unrolling.unit_of_synapse[s] == u
        )
        return own + sum(entering(child) for child in range(units) if parent[child] == u)

    def depth(u):
        return 0 if parent[u] < 0 else 1 + depth(parent[u])

    def source(i):
        if network.is_input[i]:
            return units + inputs.index(i)
        return next(u for u in range(units) if neuron[u] == i and parent[u] < 0)

    assert not unrolling.violations(network)
    result = unrolling.unit_network(network)
    assert unrolling.depth_of_unit.tolist() == [depth(u) for u in range(units)]
    carries = [entering(u) if parent[u] >= 0 else int(network.spikes[neuron[u]]) for u in range(units)]
    assert result.spikes.tolist() == carries + [int(network.spikes[i]) for i in inputs]
    expected = {(source(network.pre[s]), int(unrolling.unit_of_synapse[s])) for s in range(network.num_synapses)}
    expected |= {(u, parent[u]) for u in range(units) if parent[u] >= 0}
    assert set(zip(result.pre.tolist(), result.post.tolist(), strict=True)) == expected
    assert result.is_input.tolist() == [False] * units + [True] * len(inputs)


def test_no_unrolling_leaves_the_network_alone():
    network = Network.from_synapses([2, 2, 0], [0, 1, 1], [1, 2, 3], is_input=np.array([False, False, True]))
    assert Unrolling.identity(network).unit_network(network) is network


def test_inputs_move_behind_the_units():
    network = star([4, 6], target_spikes=9)
    units = Unrolling.identity(network).unit_network(network)
    assert units.spikes.tolist() == [9, 4, 6]
    assert units.is_input.tolist() == [False, True, True]
    assert units.fan_in_of(0).tolist() == [1, 2]


def test_weights_follow_their_synapses_and_carries_weigh_one():
    network = Network.from_synapses(
        [0, 1, 2], [3, 3, 3], [1, 1, 1, 1], is_input=np.array([1, 1, 1, 0], dtype=bool), weights=np.array([7.0, 8, 9])
    )
    units = chain(3).unit_network(network)
    weight = {(int(p), int(q)): float(w) for p, q, w in zip(units.pre, units.post, units.weights, strict=True)}
    assert weight == {(2, 0): 7, (3, 0): 8, (4, 1): 9, (0, 1): 1}


def test_carry_spikes_fit_int64():
    # a chain of k units hands the first axon's spikes on k - 1 times
    network = star([2**61, 0, 0, 0])
    assert Unrolling.identity(network).unit_network(network).num_units == 1
    with pytest.raises(InvalidInstance, match="overflow int64"):
        chain(4 + 4).unit_network(star([2**61] + [0] * 7))


@pytest.mark.parametrize(
    ("unit_of_synapse", "neuron_of_unit", "parent_of_unit", "message"),
    [
        ([0], [1], [0], "carries of unit 0 run in a circle"),
        ([0], [1, 1, 1], [-1, 2, 1], "carries of unit 1 run in a circle"),
        ([0], [1, 1], [-1, 2], r"parent 2 lies outside 0 \.\.\. 1"),
        ([0], [1, 1], [-1, -2], r"parent -2 lies outside 0 \.\.\. 1"),
        ([1], [1], [-1], r"unit of a synapse 1 lies outside 0 \.\.\. 0"),
        ([-1], [1], [-1], r"unit of a synapse -1 lies outside 0 \.\.\. 0"),
        ([0], [1, 2], [-1, 0], "unit 1 sends its carry to a unit of another neuron"),
        ([0], [1, 1], [-1], "2 units, but 1 parents"),
    ],
)
def test_what_is_no_forest_is_refused(unit_of_synapse, neuron_of_unit, parent_of_unit, message):
    with pytest.raises(InvalidInstance, match=message):
        Unrolling(unit_of_synapse, neuron_of_unit, parent_of_unit)


@pytest.mark.parametrize(
    ("unrolling", "message"),
    [
        (Unrolling([0], [2], [-1]), "covers 1 synapses; the network has 2"),
        (Unrolling([0, 0], [3], [-1]), "unit 0 belongs to neuron 3, which does not exist"),
        (Unrolling([0, 0], [-1], [-1]), "unit 0 belongs to neuron -1, which does not exist"),
        (Unrolling([0, 1], [2, 1], [-1, -1]), "synapse 1 -> 2 ends at unit 1 of neuron 1"),
        (Unrolling([0, 1], [2, 2], [-1, -1]), "neuron 2 has 2 soma units instead of 1"),
        (Unrolling([0, 0], [2, 0], [-1, -1]), "external input 0 has 1 soma units instead of 0"),
    ],
)
def test_what_is_no_unrolling_of_this_network(unrolling, message):
    network = star([1, 1])
    assert any(message in found for found in unrolling.violations(network))
    with pytest.raises(InvalidInstance):
        unrolling.unit_network(network)


# ---------------------------------------------------------------------------------------------------------- partition

# Units 0, 1, 2 and the inputs 3, 4: 0 is read by 1 and 2, 1 by itself, 3 by 0 and 1, 4 by nobody
UNITS = Network.from_synapses(
    [0, 0, 1, 3, 3], [1, 2, 1, 0, 1], [5, 6, 7, 8, 9], is_input=np.array([0, 0, 0, 1, 1], dtype=bool)
)


def test_reads_are_the_rows_of_the_crossbars():
    reads = Partition([0, 0, 1]).reads(UNITS)
    entries = zip(reads.source, reads.cluster, reads.synapses, reads.home, reads.is_local, strict=True)
    assert [tuple(int(v) for v in entry) for entry in entries] == [
        (0, 0, 1, 0, 1),  # unit 0 is read at home by unit 1
        (0, 1, 1, 0, 0),  # and by unit 2 next door
        (1, 0, 1, 0, 1),  # unit 1 by itself: a row as well
        (3, 0, 2, -1, 0),  # input 3 twice in cluster 0: one row
    ]


@given(unrolled(), st.data())
def test_reads_agree_with_plain_loops(case, data):
    network, unrolling = case
    units = unrolling.unit_network(network)
    inside = st.integers(0, 3)
    partition = Partition.from_labels(
        data.draw(st.lists(inside, min_size=unrolling.num_units, max_size=unrolling.num_units))
    )
    home = partition.cluster_of_unit.tolist()
    expected = {}
    for p, q in zip(units.pre.tolist(), units.post.tolist(), strict=True):
        expected[p, home[q]] = expected.get((p, home[q]), 0) + 1
    reads = partition.reads(units)
    found = dict(zip(zip(reads.source.tolist(), reads.cluster.tolist(), strict=True), reads.synapses, strict=True))
    assert found == expected
    assert list(found) == sorted(found)
    assert reads.home.tolist() == [home[p] if p < len(home) else -1 for p, _ in found]


# Partition([0, 0, 1]) needs 3 rows and 2 columns in cluster 0, 1 row and 1 column in cluster 1
@pytest.mark.parametrize(
    ("rows", "columns", "tiles", "expected"),
    [
        (3, 2, 2, []),
        (4, 3, 3, []),
        (2, 2, 2, ["cluster 0 needs 3 rows, its crossbar has 2"]),
        (3, 1, 2, ["cluster 0 needs 2 columns, its crossbar has 1"]),
        (3, 2, 1, ["2 clusters, 1 tiles"]),
        (2, 1, 1, ["2 clusters, 1 tiles", "cluster 0 needs 3 rows, its crossbar has 2",
                   "cluster 0 needs 2 columns, its crossbar has 1"]),
    ],
)  # fmt: skip
def test_the_capacities_of_crossbars_bind_exactly(rows, columns, tiles, expected):
    assert Partition([0, 0, 1]).violations(UNITS, (Crossbar(rows, columns),), tiles) == expected


def test_each_cluster_keeps_to_the_crossbar_it_asks_for():
    crossbars = Crossbar(3, 2, count=1), Crossbar(1, 1, count=1)
    assert not Partition([0, 0, 1], [0, 1]).violations(UNITS, crossbars, 2)
    assert Partition([0, 0, 1], [1, 0]).violations(UNITS, crossbars, 2) == [
        "cluster 0 needs 3 rows, its crossbar has 1",
        "cluster 0 needs 2 columns, its crossbar has 1",
    ]
    assert Partition([0, 0, 1], [0, 0]).violations(UNITS, crossbars, 2) == [
        "2 clusters ask for 1 crossbars of type 3x2"
    ]
    assert "outside 0 ... 1" in Partition([0, 0, 1], [0, 2]).violations(UNITS, crossbars, 2)[0]


def test_a_partition_covers_all_units_and_no_inputs():
    assert Partition([0, 0]).violations(UNITS, (Crossbar(9, 9),), 9) == [
        "the partition covers 2 units; the network has 3"
    ]
    assert Partition([0, 0, 0, 0]).violations(UNITS, (Crossbar(9, 9),), 9)


@pytest.mark.parametrize(
    ("clusters", "types", "message"),
    [
        ([0, -1], None, "cluster -1 is negative"),
        ([0, 2, 0], None, "cluster 1 holds no unit"),
        ([0, 1], [0], "2 clusters, but 1 crossbar types"),
    ],
)
def test_what_is_no_partition_is_refused(clusters, types, message):
    with pytest.raises(InvalidInstance, match=message):
        Partition(clusters, types)


def test_any_labels_make_a_partition():
    partition = Partition.from_labels([7, -3, 7, 100])
    assert partition.cluster_of_unit.tolist() == [1, 0, 1, 2]
    assert (partition.num_clusters, partition.columns_used.tolist()) == (3, [1, 2, 1])


# ---------------------------------------------------------------------------------------------------------- placement


@pytest.mark.parametrize(
    ("tiles", "expected"),
    [
        ([0, 3], []),
        ([3, 3], ["tile 3 holds 2 clusters"]),
        ([0, 4], ["cluster 1 lies on tile 4 of 4"]),
        ([-1, 0], ["cluster 0 lies on tile -1 of 4"]),
        ([0], ["the placement covers 1 clusters of 2"]),
    ],
)
def test_clusters_lie_on_distinct_tiles(tiles, expected):
    assert Placement(tiles).violations(num_clusters=2, num_tiles=4) == expected


def test_a_mapping_gathers_what_its_parts_break():
    network = star([1, 1, 1, 1])
    hardware = Hardware("chip", TileGrid(2, 1), (Crossbar(4, 2),))  # units 1 and 2 read two axons and two carries
    spread = Mapping(chain(4), Partition([0, 1, 1]), Placement([1, 0]))
    assert not spread.violations(network, hardware)
    crammed = Mapping(chain(4), Partition([0, 0, 0]), Placement([2]))
    assert crammed.violations(network, hardware) == [
        "cluster 0 needs 6 rows, its crossbar has 4",  # four axons and two carries
        "cluster 0 needs 3 columns, its crossbar has 2",
        "cluster 0 lies on tile 2 of 2",
    ]
    foreign = Mapping(chain(3), Partition([0, 0]), Placement([0]))
    assert foreign.violations(network, hardware) == ["the unrolling covers 3 synapses; the network has 4"]


# ---------------------------------------------------------------------------------------------------------- identity


def test_digests_are_what_they_were():
    # written down, so that certificates of earlier versions stay valid
    assert chain(3).digest == "1c8ac252573d43081837df3aadbe9fbfa655cd201ae335d4278f48c76c2ad931"
    assert Partition([0, 0, 1]).digest == "ec1597f552b3ad21cac34cfa3e041a4dbd49659846bdf4b3f3609e56a8b328d0"
    assert Placement([0, 3]).digest == "e78a04fcc44fc84358ee5d90f845f38293bd5ef7e0671e18b41c38030af0fa8d"


def test_digests_tell_apart():
    unrollings = chain(3), chain(4), Unrolling([0, 1, 0], [3, 3], [1, -1]), Unrolling([0, 0, 1], [3, 3], [-1, 0])
    partitions = Partition([0, 0, 1]), Partition([1, 1, 0]), Partition([0, 0, 1], [0, 1])
    placements = Placement([0, 3]), Placement([3, 0]), Placement([0])
    for group in (unrollings, partitions, placements):
        assert len({thing.digest for thing in group}) == len(group)


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (chain(3), "unit_of_synapse"),
        (chain(3), "neuron_of_unit"),
        (chain(3), "parent_of_unit"),
        (Partition([0, 1]), "cluster_of_unit"),
        (Partition([0, 1]), "crossbar_of_cluster"),
        (Placement([0, 1]), "tile_of_cluster"),
    ],
)
def test_arrays_are_read_only(thing, name):
    assert getattr(thing, name).dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        getattr(thing, name)[0] = 1
