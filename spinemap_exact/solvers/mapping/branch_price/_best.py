"""The best mapping of a tree, and how relaxations are rounded to others."""

from __future__ import annotations

import threading

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.branch_price._instance import Instance
from spinemap_exact.solvers.mapping.branch_price._master import Columns, Relaxed


class Best:
    """What all threads of a search improve on.

    Attributes
    ----------
    tile_of_item : (num_items,) int64 or None
    cutoff : int
        Costs of interest, in steps, are below.
    """

    def __init__(self, instance: Instance, watch: Watch, tile_of_item: Array | None, cutoff: int) -> None:
        self.instance, self.watch = instance, watch
        self.tile_of_item, self.cutoff = tile_of_item, cutoff
        self.lock = threading.Lock()

    def offer(self, tile_of_item: Array) -> None:
        """Take a mapping that is feasible and costs less."""
        problem, mapping = self.instance.problem, self.instance.mapping(tile_of_item)
        if problem.violations(mapping):
            return
        cost = problem.cost(mapping)
        steps = self.instance.steps(cost)
        with self.lock:
            if steps < self.cutoff:
                self.cutoff, self.tile_of_item = steps, tile_of_item.copy()
                self.watch.report(cost, note="incumbent from clusters")

    def offer_rounded(self, columns: Columns, relaxed: Relaxed, shares: Array) -> None:
        """Take the heaviest disjoint clusters on tiles of their own; what is left goes where most of it lies."""
        tile_of_item = np.full(self.instance.num_items, -1, dtype=np.int64)
        taken: set[int] = set()
        for j in np.argsort(-relaxed.weights, kind="stable").tolist():
            if relaxed.weights[j] < 1e-6:
                break
            members, tile = columns.member[relaxed.cluster[j]], int(relaxed.tile[j])
            if tile not in taken and (tile_of_item[members] < 0).all():
                tile_of_item[members] = tile
                taken.add(tile)
        for i in np.flatnonzero(tile_of_item < 0).tolist():
            for t in np.argsort(-shares[i], kind="stable").tolist():
                if self.instance.fits([*np.flatnonzero(tile_of_item == t).tolist(), i]):
                    tile_of_item[i] = t
                    break
            else:
                return
        self.offer(tile_of_item)
