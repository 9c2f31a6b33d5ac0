"""Lower bounds from the network alone, by counting and by Huffman's code.

`trees` bounds what one neuron costs, `network` the energy of any mapping of all of them, `latency` how long spikes
take.
"""

from spinemap_exact.bounds.codes import carries_of_axons, huffman_carries
from spinemap_exact.bounds.latency import (
    hops_as_energies,
    latencies_as_energies,
    least_total_latency_ps,
    least_worst_latency_ps,
)
from spinemap_exact.bounds.network import NetworkBound, Prices, least_idle_cells, network_bound, network_bounds
from spinemap_exact.bounds.trees import PricedTree

__all__ = [
    "NetworkBound",
    "PricedTree",
    "Prices",
    "carries_of_axons",
    "hops_as_energies",
    "huffman_carries",
    "latencies_as_energies",
    "least_idle_cells",
    "least_total_latency_ps",
    "least_worst_latency_ps",
    "network_bound",
    "network_bounds",
]
