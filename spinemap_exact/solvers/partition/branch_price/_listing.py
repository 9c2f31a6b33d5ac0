"""All clusters that a better partition can hold, listed once: then a node is priced by looking at each of them.

Let duals bound a partition from below, and let a cluster have a value so far under the best one's that any partition
with it costs as much as the incumbent. Such clusters are out; where the bound is near the incumbent, few are left.

R. Baldacci, N. Christofides, A. Mingozzi, An exact algorithm for the vehicle routing problem based on the set
partitioning formulation with additional cuts, 2008, doi:10.1007/s10107-007-0178-5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Instance, Priced

_HARVEST = 100


class Listing:
    """The clusters, with their costs and the cuts that they meet."""

    def __init__(self, instance: Instance, clusters: Sequence[frozenset[int]]) -> None:
        self.clusters = list(clusters)
        self.known = set(self.clusters)
        self.member = np.zeros((len(self.clusters), instance.num_units))  # exact: sums stay below 2**53
        for i, cluster in enumerate(self.clusters):
            self.member[i, list(cluster)] = 1.0
        self.cost = np.array([instance.cost(c) for c in self.clusters], dtype=np.int64)
        self.meets = np.zeros((len(self.clusters), 0))

    def met_by(self, triples: Sequence[tuple[int, ...]]) -> Array:
        """(clusters, triples) float: 1 where two units of a triple are held; triples only ever join at the end."""
        fresh = [self.member[:, list(t)].sum(axis=1) >= 2 for t in triples[self.meets.shape[1] :]]
        if fresh:
            self.meets = np.hstack((self.meets, np.stack(fresh, axis=1)))
        return self.meets[:, : len(triples)]


class Listed:
    """Prices the listed clusters that one node of the tree allows, in place of `Pricing`.

    ``alive`` marks those still in question.
    """

    def __init__(
        self, listing: Listing, alive: Array | None, branching: Branching, triples: Sequence[tuple[int, ...]]
    ) -> None:
        self.listing = listing
        member = listing.member
        self.alive = np.ones(len(member), dtype=bool) if alive is None else alive.copy()
        for u, v in branching.together:
            self.alive &= member[:, u] == member[:, v]
        for u, v in branching.apart:
            self.alive &= member[:, u] + member[:, v] < 2
        self.meets = listing.met_by(triples)

    def values(self, duals: Array, penalties: Array, scale: int) -> Array:
        worth = self.listing.member @ duals - self.meets @ penalties
        values: Array = worth.astype(np.int64) - scale * self.listing.cost
        return values

    def exact(
        self,
        duals: Array,
        penalties: Array,
        scale: int,
        proof_to: int,
        report_above: int,
        watch: Watch,
        enough: float = math.inf,
    ) -> Priced:
        """Bound the value of every cluster that is still in question."""
        values = self.values(duals, penalties, scale)
        values[~self.alive] = np.iinfo(np.int64).min
        most = int(values.max(initial=0))
        best = np.argsort(-values, kind="stable")[:_HARVEST]
        found = [self.listing.clusters[i] for i in best.tolist() if values[i] > report_above]
        return Priced(max(0, most), True, found, 0)

    def drop(self, duals: Array, penalties: Array, scale: int, least: int) -> None:
        """Let go of clusters that are worth less than ``least``."""
        self.alive &= self.values(duals, penalties, scale) >= least
