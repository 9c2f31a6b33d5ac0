"""From a cover of the synapses by crossbars to units, their trees and a partition."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.mapping import Partition, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import PackedUnrolling


def packed_unrolling(
    network: Network, crossbar_of_synapse: Array, neuron_of_merge: Array, crossbar_of_merge: Array, carries: Array
) -> PackedUnrolling:
    """Give each neuron one unit in every crossbar that holds synapses or merges carries of it.

    Parameters
    ----------
    crossbar_of_synapse : (num_synapses,) int
        Any labels; crossbars are numbered in their order.
    neuron_of_merge, crossbar_of_merge, carries : (num_merges,) int
        How many carries of a neuron are merged in a crossbar; pairs are distinct. Over a neuron they add up to its
        units less one. Zero makes a unit for a neuron without inputs.

    Notes
    -----
    Any in-degrees with that sum form a tree; taking the units by falling in-degree, breadth first, makes it shallow.
    """
    width = 1 + max(int(crossbar_of_synapse.max(initial=0)), int(crossbar_of_merge.max(initial=0)))
    synapse_key = network.post.astype(np.int64) * width + crossbar_of_synapse
    merge_key = np.asarray(neuron_of_merge, dtype=np.int64) * width + crossbar_of_merge
    unit_key, unit_of = np.unique(np.concatenate((synapse_key, merge_key)), return_inverse=True)
    unit_of_synapse, unit_of_merge = unit_of[: len(synapse_key)], unit_of[len(synapse_key) :]
    neuron, crossbar = unit_key // width, unit_key % width
    merged = np.zeros(len(unit_key), dtype=np.int64)
    np.add.at(merged, unit_of_merge, carries)

    breadth_first = np.lexsort((-merged, neuron))
    is_soma = np.ones(len(unit_key), dtype=bool)
    is_soma[1:] = np.diff(neuron[breadth_first]) != 0
    parent = np.full(len(unit_key), -1, dtype=np.int64)
    parent[breadth_first[~is_soma]] = np.repeat(breadth_first, merged[breadth_first])
    return PackedUnrolling(Unrolling(unit_of_synapse, neuron, parent), Partition.from_labels(crossbar))


def packed_levels(
    network: Network,
    place_of_synapse: dict[int, tuple[int, int]],
    units: dict[tuple[int, int, int], tuple[int, int]],
    unit_fan_in: int | None,
    *,
    levelled: bool,
) -> PackedUnrolling:
    """Build the trees of a solution that says how many units a neuron has in each crossbar at each level.

    Parameters
    ----------
    place_of_synapse : dict
        (crossbar, level) of each synapse.
    units : dict
        (neuron, crossbar, level) to the numbers of units and of carries merged in them.
    levelled : bool
        Level ``l`` merges the carries of all units at level ``l + 1``; otherwise all are 0, and any tree will do.
    """
    parts = [
        (u, merged) for u, (count, merged) in sorted(units.items()) for merged in _shares(count, merged, unit_fan_in)
    ]
    by_kind: dict[tuple[int, int, int], list[int]] = {}
    for part, (u, _) in enumerate(parts):
        by_kind.setdefault(u, []).append(part)
    room = [network.num_synapses if unit_fan_in is None else unit_fan_in - merged for _, merged in parts]
    unit_of_synapse = np.empty(network.num_synapses, dtype=np.int64)
    for s, (b, level) in place_of_synapse.items():
        part = next(p for p in by_kind[int(network.post[s]), b, level] if room[p] > 0)
        room[part] -= 1
        unit_of_synapse[s] = part
    parent = np.full(len(parts), -1, dtype=np.int64)
    for i in sorted({u[0] for u in units}):
        # by level, then by falling number of carries: every unit finds a parent before it
        own = sorted(
            (p for p in range(len(parts)) if parts[p][0][0] == i), key=lambda p: (parts[p][0][2], -parts[p][1])
        )
        slots = [p for p in own for _ in range(parts[p][1])]
        assert len(slots) == len(own) - 1
        parent[own[1:]] = slots
    neuron = np.array([u[0] for u, _ in parts], dtype=np.int64)
    crossbar = np.array([u[1] for u, _ in parts], dtype=np.int64)
    return PackedUnrolling(Unrolling(unit_of_synapse, neuron, parent), Partition.from_labels(crossbar))


def _shares(count: int, merged: int, unit_fan_in: int | None) -> list[int]:
    """Share out carries among units at one place, as many as fit to the first ones."""
    most = merged if unit_fan_in is None else unit_fan_in
    shares = []
    for _ in range(count):
        shares.append(min(most, merged))
        merged -= shares[-1]
    return shares
