"""Mapping without unrolling: inputs beyond the rows of a crossbar are dropped."""

from __future__ import annotations

import numpy as np

from spinemap_exact.network import Network


def prune(network: Network, rows: int) -> tuple[Network, int]:
    """Keep the first ``rows`` inputs of every neuron.

    Returns
    -------
    pruned : Network
    lost : int
        Synapses dropped.
    """
    order = network.fanin_synapse
    position = np.arange(network.num_synapses) - network.fanin_ptr[network.post[order]]
    keep = np.sort(order[position < rows])
    pruned = Network.from_synapses(
        network.pre[keep],
        network.post[keep],
        network.spikes,
        is_input=network.is_input,
        weights=None if network.weights is None else network.weights[keep],
        populations=network.populations,
        window_s=network.window_s,
        spikes_assumed=network.spikes_assumed,
    )
    return pruned, network.num_synapses - len(keep)
