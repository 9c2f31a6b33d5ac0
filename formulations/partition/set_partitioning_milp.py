r"""Partition as a choice among clusters, for MILP engines.

Sets        units u; columns (S,k): a set S of units and a crossbar type k that has rows and columns for it
Data        R_k rows, K_k columns, A_k area, N_k count of type k; A most area; C most clusters; s_e spikes of net e
            cost(S,k)  packets    per-tile     sum of s_e over the nets e read in S whose source is not in S
                                  per-synapse  the same, each synapse counted
                       crossbars  1
                       area       A_k
Variables   choose[S,k] = 1  the units S form a cluster on a crossbar of type k
Minimise    sum_(S,k) cost(S,k) choose[S,k]
Subject to  (S1) sum_(S with u),k choose[S,k] = 1                for u  each unit in one cluster
            (S2) sum_(S,k) choose[S,k] <= C                             most clusters
            (S3) sum_S choose[S,k] <= N_k                        for k
            (S4) sum_(S,k) A_k choose[S,k] <= A

Rows and columns are limits on single clusters, so no constraint states them: a cluster that breaks one is no column.
E. Balas, M. Padberg, *Set partitioning: a survey*, SIAM Review 18(4), 1976, doi:10.1137/1018115.

The bound of this model is 90-100 % of the optimum, where the assignment model has 11-44 % and representatives 25-83 %.
But its columns are as many as there are sets within the limits: `build` lists them all for small problems only. With
``clusters`` given, the model is that of a restricted master problem, and its bound holds among those clusters alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations._model import Model, Value, Words
from spinemap_exact.formulations.partition._data import Data
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem

LARGEST = 20_000
"""Clusters up to which the model lists them."""


def build(problem: PartitionProblem, say: Words, clusters: Iterable[Iterable[int]] | None = None) -> SetPartitioning:
    """Build the model over some clusters, each on every type that holds it, or over all.

    Raises
    ------
    InvalidInput
        If none are given and there are more than `LARGEST`.
    """
    data = Data(problem)
    if clusters is None:
        listed = []
        for cluster in every_cluster(data):
            listed.append(cluster)
            if len(listed) > LARGEST:
                raise InvalidInput(
                    f"this model does not cover {problem.num_units} units with more than {LARGEST} clusters within the "
                    "limits: it lists them all; branch-price finds those that matter"
                )
    else:
        listed = list(dict.fromkeys(tuple(sorted(set(cluster))) for cluster in clusters))
    return SetPartitioning(data, say, listed)


def every_cluster(data: Data) -> Iterator[tuple[int, ...]]:
    """All sets of units that fit a crossbar; part of a set that fits does, so sets grow by ever larger units."""
    open_sets: list[tuple[tuple[int, ...], frozenset[int]]] = [((), frozenset())]
    while open_sets:
        cluster, axons = open_sets.pop()
        if cluster:
            yield cluster
        for u in data.units[cluster[-1] + 1 if cluster else 0 :]:
            grown = axons | data.axons[u]
            if data.types_for(len(cluster) + 1, len(grown)):
                open_sets.append(((*cluster, u), grown))


class SetPartitioning(Model[Partition]):
    """See the module docstring."""

    def __init__(self, data: Data, say: Words, clusters: Iterable[tuple[int, ...]]) -> None:
        super().__init__(say)
        self.data, self.problem = data, data.problem
        self.choose = {
            (cluster, k): say.choice(f"choose[{number},{k}]")
            for number, cluster in enumerate(clusters)
            for k in data.types_for(len(cluster), len(frozenset().union(*(data.axons[u] for u in cluster))))
        }
        self.hold_each_unit_once()  # S1
        self.respect_clusters()  # S2
        self.respect_counts()  # S3
        self.respect_area()  # S4
        self.minimise((self.cost(cluster, k), chosen) for (cluster, k), chosen in self.choose.items())

    def cost(self, cluster: tuple[int, ...], kind: int) -> int:
        match self.problem.objective:
            case PartitionObjective.CROSSBARS:
                return 1
            case PartitionObjective.AREA:
                return self.problem.crossbars[kind].area
            case PartitionObjective.PACKETS:
                reads = [e for u in cluster for e in self.data.axons[u] if e not in cluster]
                return sum(self.data.spikes[e] for e in (reads if self.data.per_synapse else set(reads)))

    def hold_each_unit_once(self) -> None:
        holding = {u: [] for u in self.data.units}  # type: ignore[var-annotated]
        for (cluster, _), chosen in self.choose.items():
            for u in cluster:
                holding[u].append(chosen)
        for chosen in holding.values():
            self.say.exactly_one(chosen)

    def respect_clusters(self) -> None:
        self.say.require(self.say.sum(self.choose.values()) <= self.problem.max_clusters)

    def respect_counts(self) -> None:
        for k, crossbar in enumerate(self.problem.crossbars):
            if crossbar.count is not None:
                on_type = self.say.sum(chosen for (_, kind), chosen in self.choose.items() if kind == k)
                self.say.require(on_type <= crossbar.count)

    def respect_area(self) -> None:
        if self.data.max_area is not None:
            area = self.say.sum(self.data.areas[k] * chosen for (_, k), chosen in self.choose.items())
            self.say.require(area <= self.data.max_area)

    def read(self, value: Value) -> Partition:
        chosen = [column for column, variable in self.choose.items() if value(variable)]
        label = {u: c for c, (cluster, _) in enumerate(chosen) for u in cluster}
        return Partition(
            [label[u] for u in self.data.units],  # type: ignore[arg-type]
            [kind for _, kind in chosen],  # type: ignore[arg-type]
        )

    def values(self, solution: Partition) -> Iterable[tuple[object, int]]:
        clusters: dict[int, list[int]] = {}
        for u, c in enumerate(solution.cluster_of_unit.tolist()):
            clusters.setdefault(c, []).append(u)
        used = {(tuple(units), int(solution.crossbar_of_cluster[c])) for c, units in clusters.items()}
        if missing := used - self.choose.keys():
            raise InvalidInput(f"the model has no cluster {list(min(missing)[0])}, which the solution holds")
        for column, chosen in self.choose.items():
            yield chosen, int(column in used)
