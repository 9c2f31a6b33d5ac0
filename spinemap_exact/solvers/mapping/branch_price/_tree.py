"""Branch and price: items are fixed to tiles, the cheapest open nodes first, as many at a time as there are workers."""

from __future__ import annotations

import heapq
import itertools
import queue
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.branch_price._anchors import Anchors
from spinemap_exact.solvers.mapping.branch_price._best import Best
from spinemap_exact.solvers.mapping.branch_price._climb import Climb
from spinemap_exact.solvers.mapping.branch_price._instance import Cluster, Instance
from spinemap_exact.solvers.mapping.branch_price._master import Columns, Master, Relaxed
from spinemap_exact.solvers.mapping.branch_price._node import Node, Pricer

_SLOW = 60  # nodes of an exact price, on average, from which guesses pay


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
        self.best = Best(instance, watch, incumbent, cutoff)
        self.columns = Columns(instance)
        self.pricers = [Pricer(instance, self.columns, watch, cutoff) for _ in range(watch.limits.workers)]
        self.idle: queue.SimpleQueue[Pricer] = queue.SimpleQueue()
        for pricer in self.pricers:
            self.idle.put(pricer)
        self.number = itertools.count()
        self.nodes_done = 0
        self.root = Node(np.full(instance.num_items, -1, dtype=np.int64), floor, None, [])
        self.root_bound: int | None = None
        self.waiting: list[tuple[int, int, Node]] = []
        self.running: dict[Future[None], Node] = {}
        self.size: Array = np.array([len(members) for members in instance.items])
        self.traffic = self._traffic()

    @property
    def pricing_calls(self) -> int:
        return sum(p.pricing.calls for p in self.pricers)

    def run(self) -> int:
        """Search until the tree is empty or the time is up; return the bound."""
        self._seed()
        self._process(self.root)
        self._done(self.root)
        self.root_bound = self.root.bound
        workers = len(self.pricers)
        if workers == 1:
            for node in self._next(workers):
                self._process(node)
                self._done(node)
        else:
            with ThreadPoolExecutor(workers) as threads:
                self._share(threads, workers)
        return self._lowest()

    def _share(self, threads: ThreadPoolExecutor, workers: int) -> None:
        """Process several nodes at a time: most of it is compiled code and HiGHS, which run beside each other."""
        while True:
            for node in self._next(workers):
                self.running[threads.submit(self._process, node)] = node
            if not self.running:
                return
            for future in wait(self.running, return_when=FIRST_COMPLETED).done:
                node = self.running.pop(future)
                future.result()
                self._done(node)

    def _next(self, workers: int) -> Iterator[Node]:
        """Take nodes that are to be processed, the cheapest first, while fewer than ``workers`` are."""
        while self.waiting and len(self.running) < workers and not self.watch.should_stop():
            bound, _, node = heapq.heappop(self.waiting)
            if bound < self.best.cutoff:
                yield node

    def _done(self, node: Node) -> None:
        """Queue the children of a node, or the node itself if time ran out."""
        self.nodes_done += 1
        left = [child for _, child in node.children] or ([node] if node.bound < self.best.cutoff else [])
        for other in left:
            heapq.heappush(self.waiting, (other.bound, next(self.number), other))
        self._report()

    def _lowest(self) -> int:
        """What no mapping that is not yet looked at undercuts."""
        return min([self.best.cutoff, *(b for b, _, _ in self.waiting), *(n.bound for n in self.running.values())])

    def _report(self) -> None:
        bound, num_open = None, len(self.waiting) + len(self.running)
        if num_open or self.best.tile_of_item is not None:
            bound = self.instance.energy(self._lowest())
            bound = bound if self.apart_fj is None else min(bound, self.apart_fj)
        with self.best.lock:
            self.watch.report(None, bound, f"{self.nodes_done} nodes, {num_open} open")

    def _seed(self) -> None:
        """Begin with the incumbent and with single items."""
        clusters = [frozenset((i,)) for i in range(self.instance.num_items)]
        if self.best.tile_of_item is not None:
            clusters += self._clusters(self.best.tile_of_item)
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
        traffic: Array = instance.reads @ weight + 1e-9
        inner = instance.home >= 0
        np.add.at(traffic, instance.home[inner], (weight * instance.reads.sum(axis=0))[inner])
        traffic *= self.size
        return traffic

    # --- one node ------------------------------------------------------------------------------------------------

    def _process(self, node: Node) -> None:
        """Raise the bound of a node, and branch if that does not close it."""
        if self.watch.should_stop():
            return
        if not self._fits(node.fixed):
            node.bound = self.best.cutoff
            return
        if (node.fixed >= 0).all():
            self.best.offer(node.fixed)
            node.bound = self.best.cutoff
            return
        anchors = Anchors(self.instance, node.fixed)
        master = Master(self.columns, anchors, float(self.best.cutoff))
        master.add(node.numbers)
        if node.multipliers is not None:
            master.add_rows(node.multipliers.rows[anchors.live(node.multipliers.rows)])
        guesses = sum(p.pricing.nodes for p in self.pricers) > _SLOW * self.pricing_calls
        pricer = self.idle.get()
        relaxed = Climb(node, master, pricer, self.best, self.watch, guesses).run()
        self.idle.put(pricer)
        if node.bound < self.best.cutoff and not self.watch.should_stop():
            self._branch(node, master, relaxed)

    def _fits(self, fixed: Array) -> bool:
        return all(self.instance.fits(np.flatnonzero(fixed == t)) for t in np.unique(fixed[fixed >= 0]))

    # --- branching -----------------------------------------------------------------------------------------------

    def _branch(self, node: Node, master: Master, relaxed: Relaxed | None) -> None:
        """Put the item that is undecided and busy on each tile, one of each orbit."""
        free = np.flatnonzero(node.fixed < 0)
        undecided, traffic, numbers = np.ones(len(free)), self.traffic, node.numbers
        if relaxed is not None:
            undecided = np.maximum(0.0, 1.0 - master.shares(relaxed)[free].max(axis=1)) ** 2 + 1e-9
            gap = self.best.cutoff - relaxed.value
            traffic = self._open_traffic(master, relaxed)
            numbers = sorted(set(relaxed.cluster[relaxed.reduced_costs <= gap].tolist()))
        node.item = int(free[np.argmax(undecided * traffic[free])])
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

    def _open_traffic(self, master: Master, relaxed: Relaxed) -> Array:
        """(num_items,) float64: packets of an item to and from other clusters whose way is open, times its units."""
        used = relaxed.weights > 1e-9
        cluster, tile, weights = relaxed.cluster[used], relaxed.tile[used], relaxed.weights[used]
        instance, columns = self.instance, self.columns
        is_open = columns.remote[cluster] & master.anchors.has_levels.T[tile]
        packets = is_open * weights[:, None] * instance.weight.astype(np.float64)
        read = columns.member[cluster].T.astype(np.float64) @ packets
        traffic: Array = (read * instance.reads).sum(axis=1) + 1e-9
        inner = instance.home >= 0
        np.add.at(traffic, instance.home[inner], packets.sum(axis=0)[inner])
        traffic *= self.size
        return traffic
