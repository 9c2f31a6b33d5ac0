"""The vectorised evaluator against plain loops that walk every packet and every spike."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from spinemap_exact.evaluator import evaluate
from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.units import picoseconds


def random_case(seed, spikes=9, cost=50):
    """A small network with inputs, self loops and unrolled neurons, mapped at random: feasible or not."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    is_input = rng.random(n) < 0.25
    is_input[0] = False
    dense = (rng.random((n, n)) < rng.uniform(0.1, 0.7)) & ~is_input[None, :]
    pre, post = np.nonzero(dense)
    network = Network.from_synapses(pre, post, rng.integers(0, spikes, n), is_input=is_input)

    neurons = np.flatnonzero(~is_input)
    neuron_of_unit = np.concatenate((neurons, rng.choice(neurons, rng.integers(0, 5))))
    parent = np.full(neuron_of_unit.size, -1)
    for u in range(neurons.size, neuron_of_unit.size):  # hang each further unit below an earlier one of its neuron
        parent[u] = rng.choice(np.flatnonzero(neuron_of_unit[:u] == neuron_of_unit[u]))
    unit = [rng.choice(np.flatnonzero(neuron_of_unit == i)) for i in network.post]
    unrolling = Unrolling(np.array(unit, dtype=int), neuron_of_unit, parent)

    width, height = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    partition = Partition.from_labels(rng.integers(0, 4, neuron_of_unit.size))
    placement = Placement(rng.integers(0, width * height, partition.num_clusters))
    costs = rng.integers(0, cost, 11).tolist()
    hardware = Hardware(
        "random",
        TileGrid(width, height, io_tile=int(rng.integers(width * height)) if rng.random() < 0.5 else None),
        (Crossbar(int(rng.integers(1, 7)), int(rng.integers(1, 6))),),
        CostModel(*costs),
    )
    return network, hardware, Mapping(unrolling, partition, placement)


def oracle(network, hardware, mapping, traffic):
    """Every figure once more: one spike, one packet, one hop at a time, in Python integers."""
    un, grid, costs = mapping.unrolling, hardware.grid, hardware.costs
    cluster = mapping.partition.cluster_of_unit.tolist()
    tile = mapping.placement.tile_of_cluster.tolist()
    soma = {int(un.neuron_of_unit[u]): u for u in range(un.num_units) if un.parent_of_unit[u] < 0}

    synapses = []  # (source, target unit, spikes); a source is ("unit", u) or ("input", i)
    for s in range(network.num_synapses):
        i = int(network.pre[s])
        source = ("input", i) if network.is_input[i] else ("unit", soma[i])
        synapses.append((source, int(un.unit_of_synapse[s]), int(network.spikes[i])))
    carried = {}

    def carry_spikes(u):
        if u not in carried:
            below = [v for v in range(un.num_units) if un.parent_of_unit[v] == u]
            carried[u] = sum(k for _, target, k in synapses if target == u) + sum(map(carry_spikes, below))
        return carried[u]

    carries = [
        (("unit", u), int(un.parent_of_unit[u]), carry_spikes(u))
        for u in range(un.num_units)
        if un.parent_of_unit[u] >= 0
    ]
    edges = synapses + carries

    def home(source):
        return cluster[source[1]] if source[0] == "unit" else None

    def walk(source, target_tile):
        """Directed links of the XY way from a source, or None where it enters beside the mesh."""
        start = grid.io_tile if home(source) is None else tile[home(source)]
        if start is None:
            return None
        x, y = start % grid.width, start // grid.width
        links = []
        while x != target_tile % grid.width:
            step = 1 if x < target_tile % grid.width else -1
            links.append(("east" if step > 0 else "west", y, min(x, x + step)))
            x += step
        while y != target_tile // grid.width:
            step = 1 if y < target_tile // grid.width else -1
            links.append(("south" if step > 0 else "north", min(y, y + step), x))
            y += step
        return links

    sends = []  # (source, reading cluster, packets)
    if traffic == "per-tile":
        sends = [(s, c, k) for s, c, k in {(s, cluster[u], k) for s, u, k in edges}]
    else:
        sends = [(s, cluster[u], k) for s, u, k in edges]
    energy = dict.fromkeys(("hop", "packet", "local", "synapse", "idle"), 0)
    packets = local = hops = 0
    load = {}
    for source, c, k in sends:
        if home(source) == c:
            local += k
            energy["local"] += k * costs.local_fj
            continue
        packets += k
        energy["packet"] += k * costs.packet_fj
        for link in walk(source, tile[c]) or ():
            hops += k
            energy["hop"] += k * (costs.hop_x_fj if link[0] in ("east", "west") else costs.hop_y_fj)
            load[link] = load.get(link, 0) + k
    energy["synapse"] = sum(k for _, _, k in edges) * costs.synapse_fj
    for c in range(len(tile)):
        cells = hardware.crossbar.rows * hardware.crossbar.columns
        used = sum(cluster[u] == c for _, u, _ in edges)
        energy["idle"] += max(0, cells - used) * costs.idle_cell_fj

    def way_ps(source, unit):
        if home(source) == cluster[unit]:
            return costs.local_ps + costs.synapse_ps
        links = walk(source, tile[cluster[unit]]) or ()
        along_x = sum(link[0] in ("east", "west") for link in links)
        along_y = len(links) - along_x
        return costs.packet_ps + along_x * costs.hop_x_ps + along_y * costs.hop_y_ps + costs.synapse_ps

    def to_soma_ps(unit):
        parent = int(un.parent_of_unit[unit])
        return 0 if parent < 0 else way_ps(("unit", unit), parent) + to_soma_ps(parent)

    ways = [(k, way_ps(s, u) + to_soma_ps(u)) for s, u, k in synapses]
    arrivals = sum(k for k, _ in ways)
    return {
        "energy": energy,
        "packets": packets,
        "local": local,
        "hops": hops,
        "load": {link: k for link, k in load.items() if k},
        "worst": max((w for _, w in ways), default=None),
        "mean": Fraction(sum(k * w for k, w in ways), arrivals) if arrivals else None,
        "cells": len(edges),
    }


@pytest.mark.parametrize("traffic", ["per-tile", "per-synapse"])
@pytest.mark.parametrize(("spikes", "cost"), ((9, 50), (9, 2**63), (2**54, 50), (2**54, 2**63)))
@pytest.mark.parametrize("block", range(10))
def test_equals_plain_loops(traffic, spikes, cost, block):
    """Also with costs as large as any, and with 2^54 spikes of up to 8 neurons on up to 100 synapses and carries."""
    for seed in range(50 * block, 50 * block + 50):
        network, hardware, mapping = random_case(seed, spikes, cost)

        ours = evaluate(network, hardware, mapping, traffic)
        expected = oracle(network, hardware, mapping, traffic)

        load = {
            (name, y, x): int(k)
            for name in ("east", "west", "south", "north")
            for (y, x), k in np.ndenumerate(getattr(ours.links, name))
            if k
        }
        assert {
            "energy": vars(ours.energy_fj),
            "packets": ours.packets,
            "local": ours.local_reads,
            "hops": ours.spike_hops,
            "load": load,
            "worst": ours.latency_worst_ps,
            "mean": ours.latency_mean_ps,
            "cells": ours.cells_used,
        } == expected, seed
        assert ours.links.total == ours.spike_hops
        assert ours.links.maximum == max(expected["load"].values(), default=0)


def test_a_chain_of_three_tiles_by_hand():
    """Input -> neuron 0 on tile 0 -> neuron 1 on tile 2 of a 3 x 1 mesh; Loihi-like hops."""
    network = Network.from_synapses([2, 0], [0, 1], [5, 0, 7], is_input=[False, False, True])
    hardware = Hardware("line", TileGrid(3, 1), (Crossbar(4, 2),), CostModel(packet_fj=10, hop_x_fj=3, hop_y_fj=4))
    mapping = Mapping(Unrolling.identity(network), Partition([0, 1]), Placement([0, 2]))

    result = evaluate(network, hardware, mapping)

    # the input sends 7 packets that enter beside the mesh, neuron 0 sends 5 over two hops of 3 fJ
    assert (result.packets, result.spike_hops, result.energy_fj.total) == (12, 10, 12 * 10 + 10 * 3)
    assert result.links.east.tolist() == [[5, 5]]
    # two crossbars of 8 cells hold one synapse each and one of their two columns
    assert (result.cell_utilisation, result.column_utilisation) == (Fraction(1, 8), Fraction(1, 2))
    assert result.violations == ()


def test_carries_deepen_the_latency():
    """Four inputs of one neuron in a chain of three units of two inputs, each on its own tile."""
    network = Network.from_synapses([1, 2, 3, 4], [0] * 4, [0, 1, 1, 1, 1], is_input=[False] + [True] * 4)
    unrolling = Unrolling([0, 0, 1, 2], [0, 0, 0], [1, 2, -1])
    hardware = Hardware("line", TileGrid(3, 1), (Crossbar(2, 1),), CostModel(packet_ps=100, hop_x_ps=1))
    result = evaluate(network, hardware, Mapping(unrolling, Partition([0, 1, 2]), Placement([0, 1, 2])))

    # inputs of the first unit: 100 to enter, then two carries of 100 + 1 hop; the others save one carry each
    assert result.latency_worst_ps == 302
    assert result.latency_mean_ps == Fraction(302 + 302 + 201 + 100, 4)
    assert (result.tree_depth, result.carries, result.synaptic_events) == (2, 2, 4 + 2 + 3)


def test_idle_cells_are_counted_beyond_int64():
    """Energies are Python integers: 10^18 fJ a packet times 100 packets is more than int64 holds."""
    network = Network.from_synapses([0], [1], [100, 0])
    hardware = Hardware("two", TileGrid(2, 1), (Crossbar(1, 1),), CostModel(packet_fj=10**18))
    result = evaluate(network, hardware, Mapping(Unrolling.identity(network), Partition([0, 1]), Placement([0, 1])))
    assert result.energy_fj.packet == 10**20


def test_latencies_of_months_do_not_wrap():
    """Packet and hop take 5 * 10^18 ps each, together more than 2^63."""
    network = Network.from_synapses([0], [1], [1, 0])
    costs = CostModel(packet_ps=picoseconds("5000000 s"), hop_x_ps=picoseconds("5000000 s"))
    hardware = Hardware("slow", TileGrid(2, 1), (Crossbar(1, 1),), costs)
    result = evaluate(network, hardware, Mapping(Unrolling.identity(network), Partition([0, 1]), Placement([0, 1])))
    assert (result.latency_worst_ps, result.latency_mean_ps) == (10**19, 10**19)


def test_loads_of_all_links_are_summed_beyond_int64():
    """2^62 packets over three links."""
    network = Network.from_synapses([0], [1], [2**62, 0])
    hardware = Hardware("line", TileGrid(4, 1), (Crossbar(1, 1),))
    result = evaluate(network, hardware, Mapping(Unrolling.identity(network), Partition([0, 1]), Placement([0, 3])))
    assert (result.links.total, result.spike_hops, result.links.maximum) == (3 * 2**62, 3 * 2**62, 2**62)
