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
