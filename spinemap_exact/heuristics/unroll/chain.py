"""The published unrolling: chains of units with a fixed fan-in, packed greedily.

A neuron with m inputs becomes ceil((m - 1)/(F - 1)) units: the first reads F axons, each further one the carry of the
unit before it and F - 1 axons; the last unit is the neuron itself. Inputs are taken in ascending order.

A. Balaji et al., *Enabling Resource-Aware Mapping of Spiking Neural Networks via Spatial Decomposition*, IEEE Embedded
Systems Letters 2020, arXiv:2009.09298, for F = 2.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.errors import InvalidInstance
from spinemap_exact.heuristics.unroll._first_fit import first_fit
from spinemap_exact.mapping import Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem, homogeneous_units
from spinemap_exact.result import Watch


def run(problem: UnrollProblem, watch: Watch, start: PackedUnrolling | None = None) -> PackedUnrolling | None:
    """Unroll into chains of units as wide as allowed (by default the rows of a crossbar) and pack first-fit."""
    return packed_chain(problem, problem.unit_fan_in or problem.rows)


def packed_chain(problem: UnrollProblem, unit_fan_in: int, *, even: bool = False) -> PackedUnrolling | None:
    """Chain and pack first-fit; None if a limit of the problem forbids the result."""
    if unit_fan_in < 2 and problem.network.fan_in.max() < 2:
        unrolling = Unrolling.identity(problem.network)  # a crossbar of one row, and nothing to unroll
    else:
        unrolling = chain(problem.network, unit_fan_in, even=even)
    units = unrolling.unit_network(problem.network)
    packed = PackedUnrolling(unrolling, first_fit(units, problem.rows, problem.columns))
    return None if problem.violations(packed) else packed


def chain(network: Network, unit_fan_in: int, *, even: bool = False) -> Unrolling:
    """Unroll every neuron with more than ``unit_fan_in`` inputs into a chain; units follow neurons, then the chain.

    Each unit reads as many inputs as it may and the last one the rest, or all of them about as many if ``even``.

    Raises
    ------
    InvalidInstance
        If units read fewer than two inputs.
    """
    if unit_fan_in < 2:
        raise InvalidInstance(f"units of fan-in {unit_fan_in} cannot form a chain: a carry and an axon make two")
    units_of_neuron = np.where(network.is_input, 0, homogeneous_units(network.fan_in, unit_fan_in))
    first_unit = np.cumsum(units_of_neuron) - units_of_neuron
    neuron_of_unit = np.repeat(np.arange(network.num_neurons), units_of_neuron)

    order = network.fanin_synapse
    post = network.post[order]
    position = np.arange(network.num_synapses) - network.fanin_ptr[post]
    step = np.where(position < unit_fan_in, 0, (position - 1) // (unit_fan_in - 1))
    if even:  # t units read m - 1 inputs besides a first one or a carry each
        others = np.maximum(1, network.fan_in[post] - 1)
        step = np.maximum(0, (position * units_of_neuron[post] - 1) // others)
    unit_of_synapse = np.empty(network.num_synapses, dtype=np.int64)
    unit_of_synapse[order] = first_unit[post] + step

    parent = np.arange(1, len(neuron_of_unit) + 1)
    parent[(first_unit + units_of_neuron - 1)[~network.is_input]] = -1
    return Unrolling(unit_of_synapse, neuron_of_unit, parent)
