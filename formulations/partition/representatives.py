r"""Partition by representatives.

Sets        units u, v, w; nets e with source src(e) and post-synaptic units Post(e); crossbar types k
Data        s_e spikes of net e; R_k rows, K_k columns, A_k area, N_k count of type k; A most area; C most clusters
Variables   with[w,u] = 1   w <= u; unit u lies in the cluster whose lowest unit is w; with[w,w] = 1 if there is one
            type[w,k] = 1   the cluster of w has a crossbar of type k
            enter[e,w] = 1  net e feeds a unit in the cluster of w: it occupies a row there
            ship[e,w]       packets that one spike of net e sends to the cluster of w
Minimise    packets    sum_e s_e sum_w ship[e,w]
            crossbars  sum_w with[w,w]
            area       sum_w,k A_k type[w,k]
Subject to  (R1) sum_(w <= u) with[w,u] = 1                        for u          each unit in one cluster
            (R2) with[w,u] <= with[w,w]                            for w < u      only with a representative
            (R3) sum_w with[w,w] <= C                                             most clusters
            (R4) sum_k type[w,k] = with[w,w]                       for w
            (R5) sum_u with[w,u] <= sum_k K_k type[w,k]            for w          columns
            (R6) sum_e enter[e,w] <= sum_k R_k type[w,k]           for w          rows: one axon a net
            (R7) with[w,u] <= enter[e,w] <= with[w,w]              for e, w, u in Post(e)
            (R8) sum_w type[w,k] <= N_k                            for k
            (R9) sum_w,k A_k type[w,k] <= A
            (R10) per-tile     ship[e,w] >= enter[e,w] - with[w,src(e)]                      for e, w
                  per-synapse  ship[e,w] >= sum_(u in Post(e)) with[w,u] unless with[w,src(e)]     for e, w

with[w,u] is 0 for w > u, and with[w,src(e)] for an external input. As in the assignment model (R7) and (R10) bound
enter and ship from below only. The asymmetric representatives of M. Campelo, V. A. Campos, R. C. Correa, *On the
asymmetric representatives formulation for the vertex coloring problem*, Discrete Applied Mathematics 156(7), 2008:
clusters have no names to permute, and the bound, 25-83 % of the optimum, is above that of the assignment model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Value, Words
from spinemap_exact.formulations.partition._data import packed, represented
from spinemap_exact.formulations.partition._model import ClusterModel
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem


def build(problem: PartitionProblem, say: Words) -> Representatives:
    return Representatives(problem, say)


class Representatives(ClusterModel):
    """See the module docstring; a cluster is named by its lowest unit."""

    def __init__(self, problem: PartitionProblem, say: Words) -> None:
        super().__init__(problem, say)
        data, self.clusters = self.data, self.data.units
        self.together = {(w, u): say.choice(f"with[{w},{u}]") for w in self.clusters for u in data.units[w:]}
        self.make_types()
        self.make_nets((e, w) for e in data.nets for w in self.clusters if w <= max(data.post[e]))
        self.assign_each_unit_once()  # R1
        self.follow_a_representative()  # R2
        self.respect_clusters()  # R3
        self.choose_one_type()  # R4
        self.respect_columns()  # R5
        self.respect_rows()  # R6
        self.enter_where_assigned()  # R7
        self.respect_counts()  # R8
        self.respect_area()  # R9
        self.ship_unless_at_home()  # R10
        self.minimise_cost(self.together[w, w] for w in self.clusters)

    def lies(self, u: int, c: int) -> Any:
        return self.together.get((c, u))

    def assign_each_unit_once(self) -> None:
        for u in self.data.units:
            self.say.exactly_one(self.together[w, u] for w in range(u + 1))

    def follow_a_representative(self) -> None:
        for (w, u), together in self.together.items():
            if w < u:
                self.say.implies(together, self.together[w, w])

    def respect_clusters(self) -> None:
        self.say.require(self.say.sum(self.together[w, w] for w in self.clusters) <= self.problem.max_clusters)

    def choose_one_type(self) -> None:
        for w in self.clusters:
            self.say.require(self.say.sum(self.type[w, k] for k in self.data.kinds) == self.together[w, w])

    def enter_where_assigned(self) -> None:
        for (e, w), enter in self.enter.items():
            self.say.implies(enter, self.together[w, w])
            for together in self.members(w, self.data.post[e]):
                self.say.implies(together, enter)

    def read(self, value: Value) -> Partition:
        return packed(
            [next(w for w in range(u + 1) if value(self.together[w, u])) for u in self.data.units],
            {w: k for (w, k), used in self.type.items() if value(used)},
        )

    def values(self, solution: Partition) -> Iterable[tuple[Any, int]]:
        lowest, kind = represented(solution)
        yield from ((together, int(lowest[u] == w)) for (w, u), together in self.together.items())
        yield from self.values_at(lowest, kind)
