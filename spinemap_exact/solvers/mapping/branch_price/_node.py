"""Nodes of the tree, and what any multipliers prove of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.branch_price._anchors import Anchors, Multipliers
from spinemap_exact.solvers.mapping.branch_price._instance import SAFE, Cluster, Instance
from spinemap_exact.solvers.mapping.branch_price._local import LocalSearch
from spinemap_exact.solvers.mapping.branch_price._master import Columns, Master, Relaxed
from spinemap_exact.solvers.mapping.branch_price._pricing import Pricing

_SMOOTH = 0.3  # weight of the best multipliers in those that are priced
_TOTAL = 1 << 37  # scaled cost of an incumbent
_EXACTNESS = 0.01  # part of the gap that the prices of all tiles together may be off by
_FROM_POOL, _STARTS = 5, 3  # clusters a tile that are taken at a time, and that a local search starts from


@dataclass(frozen=True, eq=False)
class Proof:
    """Multipliers, the scale of these, and for each tile what no cluster is worth more than (None: there is none)."""

    multipliers: Multipliers
    scale: int
    worths: tuple[int | None, ...]
    value: int


@dataclass(eq=False)
class Node:
    """A node of the tree; ``children`` pairs tiles of ``item`` with nodes, one for each orbit of tiles.

    A leaf has a ``proof``, or none if what is fixed fits no crossbar or nothing is left to decide.
    """

    fixed: Array
    bound: int
    multipliers: Multipliers | None
    numbers: list[int]
    proof: Proof | None = None
    item: int | None = None
    children: list[tuple[int, Node]] = field(default_factory=list)


class Pricer:
    """Prices all tiles of a node for any multipliers; nothing but integers reaches a bound."""

    def __init__(self, instance: Instance, columns: Columns, watch: Watch, cutoff: int) -> None:
        self.instance, self.columns, self.watch = instance, columns, watch
        self.scale = max(1, _TOTAL // max(1, cutoff))
        while self.scale > 1 and self.scale * instance.dearest > SAFE:
            self.scale //= 2
        self.pricing = Pricing(instance)
        self.local = LocalSearch(instance)

    def inherited(self, parent: Multipliers, anchors: Anchors) -> Multipliers:
        """The multipliers of a parent, such that the child's bound is no lower at once.

        Where a reader is fixed now, what its levels were charged in the tile goes back to the source.
        """
        live, pi = anchors.live(parent.rows), parent.pi.copy()
        for (r, _, _), gamma in zip(parent.rows[~live].tolist(), parent.gamma[~live].tolist(), strict=True):
            if anchors.fixed[self.instance.home[r]] < 0:
                pi[self.instance.home[r]] += gamma
        return Multipliers(pi, parent.mu, parent.gamma[live], parent.rows[live])

    def rounded(self, relaxed: Relaxed, master: Master) -> Multipliers:
        most = self.scale * master.anchors.increments(master.rows)
        pi, mu, gamma = (
            np.round(np.clip(np.nan_to_num(x) * self.scale, -SAFE, SAFE)).astype(np.int64)
            for x in (relaxed.pi, relaxed.mu, relaxed.gamma)
        )
        return Multipliers(pi, np.minimum(mu, 0), np.clip(gamma, 0, most), master.rows)

    @staticmethod
    def between(centre: Multipliers, exact: Multipliers) -> Multipliers:
        def mixed(a: Array, b: Array) -> Array:
            return np.round(_SMOOTH * a + (1.0 - _SMOOTH) * b).astype(np.int64)

        later = np.zeros(len(exact.gamma) - len(centre.gamma), dtype=np.int64)  # rows that the centre does not know
        gamma = np.concatenate((centre.gamma, later))
        return Multipliers(
            mixed(centre.pi, exact.pi), mixed(centre.mu, exact.mu), mixed(gamma, exact.gamma), exact.rows
        )

    def guess(self, master: Master, gap: int, multipliers: Multipliers, *, anew: bool) -> list[int]:
        """Return clusters that the relaxation seems to lack: known ones, or if ``anew`` such as local search finds."""
        columns, every = self.columns, np.arange(self.columns.size)
        gain, outside, inside = prices = master.anchors.priced(multipliers, self.scale)
        enough = self.scale * self.instance.tile_cost - multipliers.mu + self._slack(gap)
        surplus = columns.worths(every, gain, outside, inside) - enough
        surplus[~master.allowed(every)] = -np.inf
        if anew:
            return columns.add(self._searched(master, surplus, enough, prices))
        surplus[master.is_known(every)] = -np.inf
        best = np.argsort(-surplus, axis=0, kind="stable")[:_FROM_POOL]
        return list(np.unique(best[np.take_along_axis(surplus, best, axis=0) > 0]).tolist())

    def _searched(
        self, master: Master, surplus: Array, enough: Array, prices: tuple[Array, Array, Array]
    ) -> list[Cluster]:
        """Clusters that local search finds on each tile from the best of those that are allowed there."""
        gain, outside, inside = prices
        starts, found = np.argsort(-surplus, axis=0, kind="stable")[:_STARTS], []
        for t in range(self.instance.num_tiles):
            members = self.columns.member[starts[surplus[starts[:, t], t] > -np.inf, t]]
            decided = master.anchors.decided[:, t]
            found += self.local.improved(members, gain[:, t], outside[:, t], inside, decided, int(enough[t]))
        return found

    def _slack(self, gap: int) -> int:
        """Scaled worth that a tile's clusters may be off by."""
        return max(1, int(max(0.3, _EXACTNESS * gap) * self.scale / self.instance.num_tiles))

    def prove(self, node: Node, anchors: Anchors, cutoff: int, multipliers: Multipliers) -> tuple[Proof, list[int]]:
        """Price all tiles and raise the bound of the node, by integers alone; return the clusters found as well."""
        gain, outside, inside = anchors.priced(multipliers, self.scale)
        decided, slack = anchors.decided, self._slack(cutoff - node.bound)
        used = anchors.on_tile.any(axis=0)
        price = self.scale * self.instance.tile_cost
        worths: list[int | None] = []
        met: dict[tuple[int, bytes, bytes, bytes], int | None] = {}
        clusters: list[Cluster] = []
        for t in range(self.instance.num_tiles):
            enough = int(price - multipliers.mu[t]) + slack
            key = (enough, gain[:, t].tobytes(), outside[:, t].tobytes(), decided[:, t].tobytes())
            if key not in met:
                most, found = self.pricing.best(
                    gain[:, t], outside[:, t], inside, decided[:, t], enough, slack, self.watch
                )
                met[key] = most
                clusters += found
            worths.append(met[key])
        total = int(multipliers.pi.sum()) + int(multipliers.mu.sum())
        impossible = any(w is None for w, fixed in zip(worths, used, strict=True) if fixed)
        for t, worth in enumerate(worths):
            if worth is not None:
                surplus = worth - price + int(multipliers.mu[t])
                total -= surplus if used[t] else max(0, surplus)
        proof = Proof(multipliers, self.scale, tuple(worths), total)
        bound = cutoff if impossible else -(-total // self.scale)
        if node.proof is None or bound > node.bound:
            node.proof = proof
        node.bound = max(node.bound, bound)
        return proof, self.columns.add(clusters)
