"""Neurons, axons and synapses as arrays, what reads and carries cost at least, and the values that bound mappings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.bounds import least_idle_cells
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import Traffic

Content = frozenset[int]
"""What a crossbar holds: soma units of neurons, and after those the synapses served, by their number + num_neurons."""

_SAFE = 1 << 46  # all costs together stay below
_TOTAL, _FINEST = 1 << 36, 10**9  # what they are scaled to, and by at most
_MOST_ENTRIES = 3 * 10**7  # of a path in the tree of the pricer


@dataclass(frozen=True, eq=False)
class Values:
    """What proves a bound, in fJ / ``scale``; see the package.

    Attributes
    ----------
    neurons : (num_neurons,) int64
        Of a soma unit with all synapses of its neuron.
    synapses : (num_synapses,) int64
        What it loses for each that is served elsewhere: from 0 to what the carry costs.
    axons : (num_axons,) int64
        Of an axon that is read; not negative.
    """

    neurons: Array
    synapses: Array
    axons: Array
    scale: int

    @property
    def total(self) -> int:
        return int(self.neurons.sum()) + int(self.axons.sum())


class Instance:
    """A network on a chip. Neurons and axons are numbered among those that have a soma, or readers.

    Attributes
    ----------
    pre, post : (num_synapses,) int64
        Axon and neuron of each synapse.
    home : (num_axons,) int64
        Neuron of each axon; -1 for external inputs.
    carry : (num_synapses,) int64
        Least energy of a carry of the synapse's spikes, in fJ.
    inside, outside : (num_axons,) int64
        Least energy of a read in the crossbar of the soma unit, and elsewhere: of all spikes, in fJ. Per synapse, what
        every read costs is left out.
    constant : int
        What every mapping costs beside, in fJ.
    """

    def __init__(self, problem: MappingProblem) -> None:
        network, hardware = problem.network, problem.hardware
        costs, grid = hardware.costs, hardware.grid
        self.problem, self.most_crossbars = problem, problem.most_crossbars
        self.per_synapse = problem.traffic is Traffic.PER_SYNAPSE
        self.rows, self.columns = hardware.max_rows, max(c.columns for c in hardware.crossbars)
        neurons, self.axon_ids = np.flatnonzero(~network.is_input), np.flatnonzero(network.fan_out)
        self.neuron_of, axon_of = (np.full(network.num_neurons, -1, dtype=np.int64) for _ in range(2))
        self.neuron_of[neurons], axon_of[self.axon_ids] = np.arange(len(neurons)), np.arange(len(self.axon_ids))
        self.num_neurons, self.num_axons, self.num_synapses = len(neurons), len(self.axon_ids), network.num_synapses
        self.pre, self.post = axon_of[network.pre], self.neuron_of[network.post]
        self.home = self.neuron_of[self.axon_ids]
        hops = [costs.hop_x_fj] * (grid.width > 1) + [costs.hop_y_fj] * (grid.height > 1)
        remote = costs.packet_fj + min(hops, default=0)
        spikes = network.spikes.astype(object)
        away = np.where(self.home < 0, *(np.array(v, dtype=object) for v in (costs.packet_fj, remote)))
        outside: Array = spikes[self.axon_ids] * away
        inside = np.where(self.home < 0, outside, np.minimum(outside, spikes[self.axon_ids] * costs.local_fj))
        self.constant: int = network.synaptic_events * costs.synapse_fj
        self.constant += least_idle_cells(network, hardware) * costs.idle_cell_fj
        if self.per_synapse:
            self.constant += int(inside[self.pre].sum())
            inside, outside = inside - inside, outside - inside
        carry = spikes[network.pre] * (remote + costs.synapse_fj)
        total = int(outside[self.pre].sum() + carry.sum())
        arcs = 6 * self.num_synapses + 4 * (self.num_neurons + self.num_axons)
        self.too_large = total > _SAFE or (2 * self.num_neurons + self.num_axons) * arcs > _MOST_ENTRIES
        self.scale = min(_FINEST, max(1, _TOTAL // max(1, total)))
        if not self.too_large:
            self.inside, self.outside, self.carry = (v.astype(np.int64) for v in (inside, outside, carry))

    @property
    def num_elements(self) -> int:
        """Somas and synapses: what a content consists of."""
        return self.num_neurons + self.num_synapses

    def cost(self, content: Iterable[int]) -> int:
        """Energy of the reads of a content, and of the carries that leave it, in fJ."""
        chosen = np.zeros(self.num_elements, dtype=bool)
        chosen[list(content)] = True
        somas, served = chosen[: self.num_neurons], np.flatnonzero(chosen[self.num_neurons :])
        read = self.pre[served] if self.per_synapse else np.unique(self.pre[served])
        at_home = (self.home[read] >= 0) & somas[self.home[read]]
        carried = served[~somas[self.post[served]]]
        return int(np.where(at_home, self.inside[read], self.outside[read]).sum() + self.carry[carried].sum())

    def contents(self, mapping: Mapping) -> list[Content]:
        """What the crossbars of a mapping hold."""
        unrolling, cluster = mapping.unrolling, mapping.partition.cluster_of_unit
        soma = np.flatnonzero(unrolling.parent_of_unit < 0)
        held: list[set[int]] = [set() for _ in range(mapping.partition.num_clusters)]
        for u, i in zip(soma.tolist(), self.neuron_of[unrolling.neuron_of_unit[soma]].tolist(), strict=True):
            held[cluster[u]].add(i)
        for e, c in enumerate(cluster[unrolling.unit_of_synapse].tolist()):
            held[c].add(self.num_neurons + e)
        return [frozenset(content) for content in held]

    def values(self, duals: Array) -> Values:
        """Return the values that duals of soma units and of synapses amount to.

        A synapse is worth what serving it somewhere is. Up to the cost of a carry that is lost where its neuron ends;
        what is beyond is worth reading its axon.
        """
        somas, synapses = duals[: self.num_neurons], np.maximum(duals[self.num_neurons :], 0)
        lost = np.minimum(synapses, self.scale * self.carry)
        neurons, axons = somas.copy(), np.zeros(self.num_axons, dtype=np.int64)
        np.add.at(neurons, self.post, lost)
        np.add.at(axons, self.pre, synapses - lost)
        return Values(neurons, lost, axons, self.scale)

    def bound(self, values: Values, most: int) -> int:
        """Energy of any mapping at least, in fJ, if no content is worth more than ``most``."""
        return self.constant - (self.most_crossbars * max(0, most) - values.total) // values.scale
