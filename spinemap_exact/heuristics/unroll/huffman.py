"""Trees with the fewest spikes on carries, packed first-fit: each neuron by Huffman's code, of limited depth if asked.

No other units of a neuron carry fewer spikes; how many crossbars they take is left to the packing.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.bounds import carries_of_axons
from spinemap_exact.heuristics.unroll._first_fit import first_fit
from spinemap_exact.mapping import Unrolling
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem
from spinemap_exact.result import Watch


def run(problem: UnrollProblem, watch: Watch, start: PackedUnrolling | None = None) -> PackedUnrolling | None:
    """Return the trees in crossbars; None if a limit of the problem forbids that."""
    unrolling = _unrolling(problem)
    if unrolling is None:
        return None
    units = unrolling.unit_network(problem.network)
    packed = PackedUnrolling(unrolling, first_fit(units, problem.rows, problem.columns))
    return None if problem.violations(packed) else packed


def _unrolling(problem: UnrollProblem) -> Unrolling | None:
    """A code for each neuron; None if one is too wide for the depth that is allowed."""
    network, fan_in = problem.network, problem.unit_fan_in or problem.rows
    unit_of_synapse = np.empty(network.num_synapses, dtype=np.int64)
    neuron_of_unit: list[int] = []
    parent_of_unit: list[int] = []
    order, ptr = network.fanin_synapse, network.fanin_ptr.tolist()
    for i in problem.neurons.tolist():
        synapses = order[ptr[i] : ptr[i + 1]]
        spikes = network.spikes[network.pre[synapses]].tolist()
        carries = carries_of_axons(spikes, fan_in, problem.max_depth)
        if carries is None:
            return None
        units, parents = _tree(carries, spikes, fan_in)
        base = len(parent_of_unit)
        unit_of_synapse[synapses] = np.array(units, dtype=np.int64) + base
        parent_of_unit += [-1 if parent < 0 else parent + base for parent in parents]
        neuron_of_unit += [i] * len(parents)
    return Unrolling(unit_of_synapse, np.array(neuron_of_unit), np.array(parent_of_unit))


def _tree(carries: list[int], spikes: list[int], fan_in: int) -> tuple[list[int], list[int]]:
    """Return the unit of each axon and the parent of each unit, given how often each axon is carried.

    Level by level from the deepest: what is read there and the carries from below, ``fan_in`` to a unit.
    """
    unit, parents = [-1] * len(carries), list[int]()
    below: list[int] = []
    for depth in range(max(carries, default=0), -1, -1):
        read = sorted((a for a, c in enumerate(carries) if c == depth), key=lambda axon: (spikes[axon], axon))
        inputs = [(False, axon) for axon in read] + [(True, child) for child in below]
        below = []
        for k in range(0, max(1, len(inputs)), fan_in):
            for is_carry, what in inputs[k : k + fan_in]:
                if is_carry:
                    parents[what] = len(parents)
                else:
                    unit[what] = len(parents)
            below.append(len(parents))
            parents.append(-1)
    return unit, parents
