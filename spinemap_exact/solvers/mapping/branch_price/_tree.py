"""Branch and price: items are fixed to tiles, the cheapest open node first."""

from __future__ import annotations

import heapq
import itertools
import logging
from dataclasses import replace

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.branch_price._anchors import Anchors
from spinemap_exact.solvers.mapping.branch_price._instance import Cluster, Instance
from spinemap_exact.solvers.mapping.branch_price._master import Columns, Master, Relaxed
from spinemap_exact.solvers.mapping.branch_price._node import Node, Pricer

logger = logging.getLogger(__name__)

_MOST_ROWS = 60  # rows of levels that a round adds
_PATIENCE = 1  # rounds of rows that may gain little
_WORTHWHILE = 0.1  # part of the gap that later rounds must close
_CLOSE = 0.03  # part of the gap within which the relaxation counts as solved


class Tree:
    """The search for given items.

    Parameters
    ----------
    incumbent : (num_items,) int64, optional
        Tile of each item.
    cutoff : int
        Costs of interest, in steps, are below.
    floor : int
        Bound known, in steps.
    apart_fj : int, optional
        Energy at least of mappings that the items leave out, for reports.
    """

    def __init__(
        self,
        instance: Instance,
        watch: Watch,
        incumbent: Array | None,
        cutoff: int,
        floor: int,
        apart_fj: int | None = None,
    ) -> None:
        self.apart_fj = apart_fj
        self.instance, self.watch = instance, watch
        self.cutoff, self.floor = cutoff, floor
        self.incumbent = incumbent
        self.columns = Columns(instance)
        self.pricer = Pricer(instance, self.columns, watch, cutoff)
        self.number = itertools.count()
        self.nodes_done = 0
        self.root = Node(np.full(instance.num_items, -1, dtype=np.int64), floor, None, [])
        self.root_bound: int | None = None
        self.traffic = self._traffic()

    def run(self) -> int:
        """Search until the tree is empty or the time is up; return the bound."""
        self._seed()
        waiting: list[tuple[int, int, Node]] = [(self.root.bound, next(self.number), self.root)]
        while waiting and not self.watch.should_stop():
            bound, _, node = heapq.heappop(waiting)
            if bound < self.cutoff:
                if self._glimpse(node) > bound:
                    heapq.heappush(waiting, (node.bound, next(self.number), node))
                    continue
                self._process(node)
                if node is self.root:
                    self.root_bound = node.bound
                if self.watch.should_stop() and not node.children and node.bound < self.cutoff:
                    heapq.heappush(waiting, (node.bound, next(self.number), node))
                for _, child in node.children:
                    heapq.heappush(waiting, (child.bound, next(self.number), child))
            self._report(min([self.cutoff, *(b for b, _, _ in waiting)]), len(waiting))
        return min([self.cutoff, *(b for b, _, _ in waiting)])

    def _report(self, lowest: int, num_open: int) -> None:
        bound = None
        if num_open or self.incumbent is not None:
            bound = self.instance.energy(lowest)
            bound = bound if self.apart_fj is None else min(bound, self.apart_fj)
        self.watch.report(None, bound, f"{self.nodes_done} nodes, {num_open} open")

    def _seed(self) -> None:
        """Begin with the incumbent and with single items."""
        clusters = [frozenset((i,)) for i in range(self.instance.num_items)]
        if self.incumbent is not None:
            clusters += self._clusters(self.incumbent)
        self.root.numbers = self.columns.add(clusters)

    @staticmethod
    def _clusters(tile_of_item: Array) -> list[Cluster]:
        return [frozenset(np.flatnonzero(tile_of_item == t).tolist()) for t in np.unique(tile_of_item)]

    def _traffic(self) -> Array:
        """(num_items,) float64: spikes that an item sends and reads, times its units; inputs where their way counts."""
        instance = self.instance
        weight = instance.weight.astype(np.float64)
        if instance.problem.hardware.grid.io_tile is None:
            weight = np.where(instance.home >= 0, weight, 0.0)
        size = np.array([len(members) for members in instance.items])
        traffic: Array = instance.reads @ weight + 1e-9
        inner = instance.home >= 0
        np.add.at(traffic, instance.home[inner], (weight * instance.reads.sum(axis=0))[inner])
        traffic *= size
        return traffic

    # --- one node ------------------------------------------------------------------------------------------------

    def _glimpse(self, node: Node) -> int:
        """Bound a node by its parent's multipliers: it waits for its turn, or is closed at once."""
        if node.multipliers is not None and node.proof is None and self._fits(node.fixed):
            anchors = Anchors(self.instance, node.fixed)
            _, numbers = self.pricer.prove(node, anchors, self.cutoff, self.pricer.inherited(node.multipliers, anchors))
            node.numbers = [*node.numbers, *numbers]
        return node.bound

    def _process(self, node: Node) -> None:
        """Raise the bound of a node, and branch if that does not close it."""
        self.nodes_done += 1
        if not self._fits(node.fixed):
            node.bound = self.cutoff
            return
        if (node.fixed >= 0).all():
            self._offer(node.fixed)
            node.bound = self.cutoff
            return
        anchors = Anchors(self.instance, node.fixed)
        master = Master(self.columns, anchors, float(self.cutoff))
        master.add(node.numbers)
        if node.multipliers is not None:
            master.add_rows(node.multipliers.rows[anchors.live(node.multipliers.rows)])
        relaxed = self._climb(node, anchors, master)
        if not self._closed(node) and not self.watch.should_stop():
            self._branch(node, master, relaxed)

    def _fits(self, fixed: Array) -> bool:
        return all(self.instance.fits(np.flatnonzero(fixed == t)) for t in np.unique(fixed[fixed >= 0]))

    def _climb(self, node: Node, anchors: Anchors, master: Master) -> Relaxed | None:
        """Generate columns and rows until neither helps; None if the node is closed, time ran out or HiGHS gave up."""
        centre, rounds, before = node.proof, 0, node.bound
        while not self._closed(node) and not self.watch.should_stop():
            relaxed = master.solve(self.watch)
            if relaxed is None:
                logger.debug("HiGHS has no optimum at a node of %d fixed items", (anchors.fixed >= 0).sum())
                return None
            exact, slack = self.pricer.rounded(relaxed, master), self._slack(relaxed)
            goal, added = relaxed.value * self.pricer.scale - slack, 0
            if centre is not None:
                proof, numbers = self.pricer.prove(
                    node, anchors, self.cutoff, self.pricer.between(centre.multipliers, exact)
                )
                centre, added = max(centre, proof, key=lambda p: p.value), master.add(numbers)
            if centre is None or (not added and centre.value < goal):
                proof, numbers = self.pricer.prove(node, anchors, self.cutoff, exact)
                centre = proof if centre is None else max(centre, proof, key=lambda p: p.value)
                added = master.add(numbers)
            if added and centre.value < goal:
                continue
            if self._closed(node) or self.watch.should_stop():
                break
            node.multipliers = centre.multipliers
            shares = master.shares(relaxed)
            self._round(relaxed, shares)
            rows = master.violated(relaxed, shares, _MOST_ROWS)
            gained, before, rounds = node.bound - before, node.bound, rounds + 1
            if not len(rows) or (rounds > _PATIENCE and gained < _WORTHWHILE * (self.cutoff - node.bound)):
                return relaxed
            master.add_rows(rows)
            known = centre.multipliers
            gamma = np.concatenate((known.gamma, np.zeros(len(rows), dtype=np.int64)))
            centre = replace(centre, multipliers=replace(known, gamma=gamma, rows=master.rows))
        return None

    def _closed(self, node: Node) -> bool:
        return node.bound >= self.cutoff

    def _slack(self, relaxed: Relaxed) -> float:
        """Scaled cost that is not worth another round, where the relaxation cannot close the node anyway."""
        left = self.cutoff - 1 - relaxed.value
        return self.pricer.scale * max(0.3, _CLOSE * left if left > 0 else 0.0)

    # --- branching -----------------------------------------------------------------------------------------------

    def _branch(self, node: Node, master: Master, relaxed: Relaxed | None) -> None:
        """Put the item that is undecided and busy on each tile, one of each orbit."""
        free = np.flatnonzero(node.fixed < 0)
        undecided = np.ones(len(free))
        numbers = node.numbers
        if relaxed is not None:
            undecided = np.maximum(0.0, 1.0 - master.shares(relaxed)[free].max(axis=1)) ** 2 + 1e-9
            gap = self.cutoff - relaxed.value
            numbers = sorted(set(relaxed.cluster[relaxed.reduced_costs <= gap].tolist()))
        node.item = int(free[np.argmax(undecided * self.traffic[free])])
        taken = set(node.fixed[node.fixed >= 0].tolist())
        group = [p for p in self.instance.automorphisms if all(p[t] == t for t in taken)]
        seen: set[int] = set()
        for t in range(self.instance.num_tiles):
            if t in seen:
                continue
            seen |= {p[t] for p in group}
            fixed = node.fixed.copy()
            fixed[node.item] = t
            node.children.append((t, Node(fixed, node.bound, node.multipliers, numbers)))

    # --- incumbents ----------------------------------------------------------------------------------------------

    def _round(self, relaxed: Relaxed, shares: Array) -> None:
        """Take the heaviest disjoint clusters on tiles of their own; what is left goes where most of it lies."""
        tile_of_item = np.full(self.instance.num_items, -1, dtype=np.int64)
        taken: set[int] = set()
        for j in np.argsort(-relaxed.weights, kind="stable").tolist():
            if relaxed.weights[j] < 1e-6:
                break
            members, tile = self.columns.member[relaxed.cluster[j]], int(relaxed.tile[j])
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
        self._offer(tile_of_item)

    def _offer(self, tile_of_item: Array) -> None:
        """Take a mapping that improves on the incumbent."""
        problem, mapping = self.instance.problem, self.instance.mapping(tile_of_item)
        if problem.violations(mapping):
            return
        cost = problem.cost(mapping)
        steps = self.instance.steps(cost)
        if steps < self.cutoff:
            self.cutoff, self.incumbent = steps, tile_of_item.copy()
            self.watch.report(cost, note="incumbent from clusters")
