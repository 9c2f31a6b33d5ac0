"""The root by a bundle method, with cuts, where clusters are few and large; one crossbar type."""

from __future__ import annotations

import math

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price import _cuts
from spinemap_exact.solvers.partition.branch_price._bundle import Bundle
from spinemap_exact.solvers.partition.branch_price._generation import Generation
from spinemap_exact.solvers.partition.branch_price._graph import Priced, Pricing
from spinemap_exact.solvers.partition.branch_price._node import Node

_LARGE = 14  # units per cluster from which on it pays
_WORTHWHILE = 0.05  # part of the gap that a round of cuts must close to be followed by another


def pays(generation: Generation) -> bool:
    costs = generation.costs
    large = costs.num_units >= _LARGE * costs.mixes.max_clusters
    return costs.packets and costs.num_types == 1 and large


class Ascent:
    """Answers the bundle's questions at the root, and keeps what was proven."""

    def __init__(self, generation: Generation, node: Node) -> None:
        self.generation, self.best, self.node = generation, generation.best, node
        self.costs, self.master, self.scale = generation.costs, generation.master, generation.scale
        left = generation.watch.remaining_s
        self.watch = generation.watch if left is None else generation.watch.part(0.85 * left)
        self.pricing = self._pricing()
        shares = 0.9 * self.scale * self.costs.shares(self.master.clusters)
        self.bundle = Bundle(self.costs.mixes.max_clusters, self.scale, shares, self)

    def _pricing(self) -> Pricing:
        return Pricing(self.costs.instances[0], self.node.branching, self.master.triples)

    def run(self) -> None:
        """Raise the bound of the root; the bundle's clusters and duals are where column generation begins."""
        bundle, best, node, most = self.bundle, self.best, self.node, self.costs.mixes.max_clusters
        bundle.add(self.master.clusters)
        left = self.generation.watch.remaining_s
        quick = self.generation.watch if left is None else self.generation.watch.part(0.1 * left)
        bundle.approach(quick, self._enough)
        for rounds in range(16):
            before = node.bound
            bundle.ascend(self.watch, self._enough)
            if rounds == 0:
                best.round(bundle.clusters, bundle.weight, node.bound, 0.05)
            weak = rounds > 0 and node.bound - before < _WORTHWHILE * best.gap(node.bound)
            if weak or best.closes(node.bound) or self.watch.should_stop():
                break
            known = set(bundle.triples)
            fresh = _cuts.separate(bundle.clusters, most * bundle.weight, len(bundle.duals), known, 12)
            if not fresh:
                break
            self.master.cut(fresh)
            bundle.cut(fresh)
            self.pricing = self._pricing()
        if self.watch.should_stop():  # what is left is too short for better bounds
            best.round(bundle.clusters, bundle.weight, node.bound, 0.3)
        self.generation.centre = np.floor(bundle.duals).astype(np.int64)
        self.master.add((c, 0) for c in bundle.clusters if c)

    @property
    def _enough(self) -> int:
        return math.ceil(self.best.closing * self.scale)

    def guess(self, duals: Array, penalties: Array, hard: bool = False) -> list[frozenset[int]]:
        generation, bundle, n = self.generation, self.bundle, len(duals)
        heavy = [bundle.clusters[int(i)] for i in np.argsort(-bundle.weight)[:12]]
        first = int(generation.random.integers(n))
        alone = [frozenset(((first + i * 7) % n,)) for i in range(12)]
        seeds = [c for c in heavy if c] + alone
        effort = 100 * n if hard else 1500
        return self.pricing.probe(duals, penalties, self.scale, 0, seeds, effort, generation.state)

    def prove(self, duals: Array, penalties: Array, known: int, spoils: float) -> Priced:
        left = self.watch.remaining_s
        part: Watch = self.watch if left is None else self.watch.part(max(2.0, 0.3 * left))
        priced = self.pricing.exact(duals, penalties, self.scale, known, known, part, spoils)
        self.generation.prove(self.node, duals, penalties, [priced.most])
        self.best.report(self.node.bound, note=f"bundle, {len(self.bundle.clusters)} clusters")
        return priced

    def value(self, cluster: frozenset[int], duals: Array, penalties: Array) -> int:
        return self.pricing.value(cluster, duals, penalties, self.scale)

    def cost(self, cluster: frozenset[int]) -> int:
        return self.costs.instances[0].cost(cluster)
