"""Nodes of the tree, and what any multipliers prove of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.branch_price._anchors import Anchors, Multipliers
from spinemap_exact.solvers.mapping.branch_price._instance import SAFE, Cluster, Instance
from spinemap_exact.solvers.mapping.branch_price._master import Columns, Master, Relaxed
from spinemap_exact.solvers.mapping.branch_price._pricing import Pricing

_SMOOTH = 0.6  # weight of the best multipliers in those that are priced
_TOTAL = 1 << 37  # scaled cost of an incumbent
_EXACTNESS = 0.01  # part of the gap that the prices of all tiles together may be off by


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

        return Multipliers(
            mixed(centre.pi, exact.pi), mixed(centre.mu, exact.mu), mixed(centre.gamma, exact.gamma), exact.rows
        )

    def prove(self, node: Node, anchors: Anchors, cutoff: int, multipliers: Multipliers) -> tuple[Proof, list[int]]:
        """Price all tiles and raise the bound of the node, by integers alone; return the clusters found as well."""
        gain, outside, inside = anchors.priced(multipliers, self.scale)
        decided = np.where(anchors.on_tile, 1, np.where(anchors.fixed[:, None] >= 0, -1, 0)).astype(np.int8)
        used = anchors.on_tile.any(axis=0)
        gap = max(0.3, _EXACTNESS * (cutoff - node.bound))
        slack = max(1, int(gap * self.scale / self.instance.num_tiles))
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
