"""How long spikes take at least, in any mapping.

As in `bounds.network`, a best mapping has one unit of each neuron on a tile, so that every carry travels. A neuron of
m inputs whose units hold R of them has carries d deep where R^(d + 1) >= m.

The latency summed over all spikes on all synapses is an energy: that of traffic per synapse with the times as prices,
since carries are read once, and waiting is not shared.
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
    depth, reach = 0, rows
    while reach < network.fan_in.max() and rows > 1:
        depth, reach = depth + 1, reach * rows
    near = min(costs.local_ps, crossing)
    external = bool(np.any(network.is_input & (network.fan_out > 0)))
    widest = network.fan_in_of(int(np.argmax(network.fan_in)))
    first = costs.packet_ps if network.is_input[widest].all() else min(near, costs.packet_ps)
    deepest = first + depth * (crossing + costs.synapse_ps)
    return costs.synapse_ps + max(deepest, costs.packet_ps if external else near)
