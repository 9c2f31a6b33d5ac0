"""How long spikes take at least, and how busy a link is at least, in any mapping.

As in `bounds.network`, a best mapping has one unit of each neuron on a tile, so that every carry travels. A neuron of
m inputs whose units hold R of them has carries d deep where R^(d + 1) >= m.

The latency summed over all spikes on all synapses is an energy: that of traffic per synapse with the times as prices,
since carries are read once, and waiting is not shared.

The hops of all packets are an energy, too: that of a chip on which nothing costs but a hop. They load the links of the
mesh, of which one has the mean load or more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinemap_exact.bounds.network import network_bound
from spinemap_exact.hardware import Hardware
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import Traffic


def latencies_as_energies(hardware: Hardware) -> Hardware:
    """Return the chip on which energy per synapse counts the picoseconds of all spikes together."""
    costs = hardware.costs
    return replace(
        hardware,
        costs=replace(
            costs,
            packet_fj=costs.packet_ps,
            hop_x_fj=costs.hop_x_ps,
            hop_y_fj=costs.hop_y_ps,
            local_fj=costs.local_ps,
            synapse_fj=costs.synapse_ps,
            idle_cell_fj=0,
        ),
    )


def hops_as_energies(hardware: Hardware) -> Hardware:
    """Return the chip on which the energy in fJ is the number of hops of all packets."""
    costs = replace(
        hardware.costs, packet_fj=0, hop_x_fj=1, hop_y_fj=1, local_fj=0, synapse_fj=0, idle_cell_fj=0
    )  # fmt: skip
    return replace(hardware, costs=costs)


def least_total_latency_ps(network: Network, hardware: Hardware) -> int:
    """Lower bound on the latency of all spikes on all synapses together, in ps."""
    return network_bound(network, latencies_as_energies(hardware), Traffic.PER_SYNAPSE).energy_fj


def least_worst_latency_ps(network: Network, hardware: Hardware) -> int | None:
    """Lower bound on the latency of the slowest spike, in ps; None without synapses."""
    if network.num_synapses == 0:
        return None
    costs, grid, rows = hardware.costs, hardware.grid, hardware.max_rows
    hops = [costs.hop_x_ps] * (grid.width > 1) + [costs.hop_y_ps] * (grid.height > 1)
    crossing = costs.packet_ps + min(hops, default=0)
    way = np.where(network.is_input, costs.packet_ps, min(costs.local_ps, crossing))[network.pre]
    first = np.full(network.num_neurons, way.max())  # of the axon that lies deepest, whichever that is
    np.minimum.at(first, network.post, way)
    slowest = int(way.max())
    for depth in range(1, _depth(int(network.fan_in.max()), rows) + 1):  # R^depth axons lie higher, but no more
        wide = network.fan_in > rows**depth
        slowest = max(slowest, int(first[wide].max()) + depth * (crossing + costs.synapse_ps))
    return slowest + costs.synapse_ps


def _depth(axons: int, rows: int) -> int:
    """Carries between the deepest axon of a neuron and its soma unit, at least."""
    depth, reach = 0, rows
    while reach < axons and rows > 1:
        depth, reach = depth + 1, reach * rows
    return depth
