r"""Partition as an assignment model.

Sets        units u; nets e with source src(e) and post-synaptic units Post(e); clusters c; crossbar types k
Data        s_e spikes of net e; R_k rows, K_k columns, A_k area, N_k count of type k;
            A most area
Variables   assign[u,c] = 1  unit u lies in cluster c
            type[c,k]   = 1  cluster c is used, with a crossbar of type k
            enter[e,c]  = 1  net e feeds a unit in cluster c: it occupies a row there
            ship[e,c]        packets that one spike of net e sends to cluster c
Minimise    packets    sum_e s_e sum_c ship[e,c]
            crossbars  sum_c,k type[c,k]
            area       sum_c,k A_k type[c,k]
Subject to  (P1) sum_c assign[u,c] = 1                                    for u      each unit in one cluster
            (P2) sum_u assign[u,c] <= sum_k K_k type[c,k]                 for c      columns
            (P3) sum_e enter[e,c] <= sum_k R_k type[c,k]                  for c      rows: one axon a net
            (P4) assign[u,c] <= enter[e,c]                                for e, c, u in Post(e)
            (P5) sum_k type[c,k] <= 1                                     for c
            (P6) sum_c type[c,k] <= N_k                                   for k
            (P7) sum_c,k A_k type[c,k] <= A
            (P8) per-tile     ship[e,c] >= enter[e,c] - assign[src(e),c]          for e, c
                 per-synapse  ship[e,c] >= sum_(u in Post(e)) assign[u,c]
                              unless assign[src(e),c]                             for e, c
            (P9) assign[u,c] = 0                                          for u < c  clusters have no names
            (P10) assign[u,c] <= sum_(v < u) assign[v,c-1]                for 0 < c <= u

An external input has no cluster: its assign[src(e),c] is 0. (P4) and (P8) bound enter and ship from below only. That
suffices: (P3) and the objective push them down, and `read` looks at assign and type alone; for the same reason MILP
engines need not hear that they are integers. (P9) and (P10) number the clusters by their lowest unit, so every
partition appears once.

The bound of this model is weak, 11-44 % of the optimum on networks of interest; it is the plain reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spinemap_exact.formulations._model import Value, Words
from spinemap_exact.formulations.partition._data import canonical, packed
from spinemap_exact.formulations.partition._model import ClusterModel
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem


def build(problem: PartitionProblem, say: Words) -> Assignment:
    return Assignment(problem, say)


class Assignment(ClusterModel):
    """See the module docstring."""

    def __init__(self, problem: PartitionProblem, say: Words) -> None:
        super().__init__(problem, say)
        data, self.clusters = self.data, self.data.clusters
        self.assign = {(u, c): say.choice(f"assign[{u},{c}]") for u in data.units for c in self.clusters}
        self.make_types()
        self.make_nets((e, c) for e in data.nets for c in self.clusters)
        self.assign_each_unit_once()  # P1
        self.respect_columns()  # P2
        self.respect_rows()  # P3
        self.enter_where_assigned()  # P4
        self.choose_one_type()  # P5
        self.respect_counts()  # P6
        self.respect_area()  # P7
        self.ship_unless_at_home()  # P8
        self.number_clusters_by_lowest_unit()  # P9, P10
        self.minimise_cost(self.type.values())

    def lies(self, u: int, c: int) -> Any:
        return self.assign.get((u, c))

    def assign_each_unit_once(self) -> None:
        for u in self.data.units:
            self.say.exactly_one(self.assign[u, c] for c in self.clusters)

    def enter_where_assigned(self) -> None:
        for e in self.data.nets:
            for u in self.data.post[e]:
                for c in self.clusters:
                    self.say.implies(self.assign[u, c], self.enter[e, c])

    def choose_one_type(self) -> None:
        for c in self.clusters:
            self.say.at_most_one(self.type[c, k] for k in self.data.kinds)

    def number_clusters_by_lowest_unit(self) -> None:
        for (u, c), assigned in self.assign.items():
            if u < c:
                self.say.require(assigned == 0)
            elif c > 0:
                self.say.require(assigned <= self.say.sum(self.assign[v, c - 1] for v in range(u)))

    def read(self, value: Value) -> Partition:
        return packed(
            [next(c for c in self.clusters if value(self.assign[u, c])) for u in self.data.units],
            {c: k for (c, k), used in self.type.items() if value(used)},
        )

    def values(self, solution: Partition) -> Iterable[tuple[Any, int]]:
        cluster_of_unit, kind = canonical(solution)
        yield from ((assigned, int(cluster_of_unit[u] == c)) for (u, c), assigned in self.assign.items())
        yield from self.values_at(cluster_of_unit, kind)
