"""The best content of a crossbar, by the minimum cut of the partition solver."""
# mypy: allow-untyped-calls

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.contents._instance import Content, Instance, Values
from spinemap_exact.solvers.partition.branch_price import _pricer as pricer
from spinemap_exact.solvers.partition.branch_price._pool import Pool

_HARVEST = 100


class Pricing:
    """Units to decide are soma units, neurons that are whole here, and axons, each of which has a node for its row.

    A soma unit takes a row for a carry, which a whole neuron spares; that one needs all its axons. A soma unit loses
    the value of a synapse whose axon is out; per synapse, the lesser of that and the way if the source is not at home.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        m, a = instance.num_neurons, instance.num_axons
        whole, axon, row = m, 2 * m, 2 * m + a
        self.num_units, self.num_nodes = row, row + a
        neurons, axons, pre, post = np.arange(m), np.arange(a), instance.pre, instance.post
        is_fed = np.bincount(post, minlength=m) > 0
        inner = np.flatnonzero(instance.home >= 0)
        self.way = (instance.outside - instance.inside)[inner]
        looped = instance.home[pre] == post
        self.sources = np.flatnonzero((instance.home[pre] >= 0) & ~looped) if instance.per_synapse else pre[:0]
        ends = [
            (post, axon + pre),
            (post[self.sources], instance.home[pre[self.sources]]),
            (row + inner, instance.home[inner]),
            (whole + post, axon + pre),
            (whole + post, row + pre),
            (whole + neurons, neurons),
            (axon + axons, row + axons),
        ]
        self.start = np.cumsum([0, *(len(tail) for tail, _ in ends)])
        self._arcs(*(np.concatenate(side) for side in zip(*ends, strict=True)))
        partner = np.full(self.num_units, -1, dtype=np.int64)
        partner[neurons[is_fed]], partner[whole + neurons[is_fed]] = whole + neurons[is_fed], neurons[is_fed]
        weight = (np.arange(self.num_units) < m).astype(np.int64)
        shape = (self.num_units, a, weight, instance.rows, instance.columns, partner)
        none, start = np.zeros(0, dtype=np.int64), np.zeros(self.num_units + 1, dtype=np.int64)
        cuts = (start, none, np.zeros(1, dtype=np.int64), none, none, none)
        self.closure = pricer.Closure(shape, self.graph, (start, none), cuts)
        self.pool = Pool(self.num_units, self.num_nodes, len(self.graph[1]), 0, _HARVEST)

    def _arcs(self, tail: Array, head: Array) -> None:
        """The graph of the pricer: arcs sorted by tail, each with its reverse."""
        tails, heads = np.concatenate((tail, head)), np.concatenate((head, tail))
        order = np.lexsort((heads, tails))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        back = np.empty_like(order)
        back[place] = np.roll(place, len(tail))
        first = np.concatenate(([0], np.cumsum(np.bincount(tails, minlength=self.num_nodes))))
        self.graph = (first.astype(np.int64), heads[order], back)
        self.place = place[: len(tail)]

    def best(
        self, values: Values, known: int, watch: Watch, enough: float = np.inf, nodes: float = np.inf
    ) -> tuple[int, bool, Array]:
        """Bound the worth of every content, by ``known`` at least, and find some that are worth more.

        Parameters
        ----------
        enough : float
            A worth above ends the search.
        nodes : float
            Of the pricer's tree, about, after which the search ends.

        Returns
        -------
        most : int
        complete : bool
            Nothing was left open.
        found : (num_found, num_units) bool
            The best first.
        """
        pool, m = self.pool, self.instance.num_neurons
        self._root(values)
        score = np.ones(self.num_units, dtype=np.int64)
        score[:m] += np.abs(values.neurons)
        score[2 * m :] += values.axons
        np.add.at(score, 2 * m + self.instance.pre, values.synapses)
        top = int(max(1, np.abs(values.neurons).max(initial=0), values.axons.max(initial=0)))
        asked = pricer.Asked(score, np.zeros(0, dtype=np.int64), top, np.array([known, known, 0]))
        chunk, done = 16, False
        while not (done or watch.should_stop() or pool.counters[2] > enough or pool.counters[1] >= nodes):
            began = watch.elapsed_s
            done = pricer.explore(chunk, self.closure, asked, pool.memory)
            chunk = min(4096, 2 * chunk) if watch.elapsed_s - began < 0.1 else max(1, chunk // 2)
        left = pool.open
        frontier = int(pool.scalar[left[0], pricer.BOUND]) if len(left) else known
        found = np.argsort(-pool.found_value[: pool.counters[0]], kind="stable")
        return max(known, frontier, int(pool.counters[2])), not len(left), pool.found[found]

    def _root(self, values: Values) -> None:
        """Put the whole problem into the first slot of the pool."""
        instance, pool, m, scale = self.instance, self.pool, self.instance.num_neurons, values.scale
        lost, way = values.synapses, scale * self.way
        from_afar = np.minimum(lost, scale * (instance.outside - instance.inside)[instance.pre])[self.sources]
        kept = lost.copy()
        kept[self.sources] -= from_afar
        capacity = np.full(self.start[-1], pricer.INF)
        for part, amount in enumerate((kept, from_afar, np.zeros_like(way) if instance.per_synapse else way)):
            capacity[self.start[part] : self.start[part + 1]] = amount
        pool.capacity[0] = 0
        pool.capacity[0, self.place] = capacity
        pool.excess[0] = 0
        pool.excess[0, :m] = values.neurons
        pool.excess[0, 2 * m : self.num_units] = values.axons
        pool.excess[0, self.num_units :] = 0 if instance.per_synapse else -scale * instance.inside
        pool.status[0] = pricer.FREE
        pool.scalar[:] = 0
        pool.scalar[0, pricer.OPEN] = 1
        pool.scalar[0, pricer.BOUND] = pricer.bound_of(self.closure, pool.first)
        pool.counters[:] = 0

    def content(self, chosen: Array, duals: Array) -> Content:
        """Somas and axons of a set found, with those synapses that are worth to be served."""
        instance, m = self.instance, self.instance.num_neurons
        somas, whole, axons = chosen[:m], chosen[m : 2 * m], chosen[2 * m :]
        price = np.where(somas[instance.post], 0, instance.scale * instance.carry)
        served = axons[instance.pre] & (whole[instance.post] | (duals[m:] > price))
        return frozenset(np.flatnonzero(np.concatenate((somas, served))).tolist())
