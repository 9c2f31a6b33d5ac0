"""Mixes: how many crossbars of each type a partition uses, and what any duals prove over all of them.

Counts, the number of clusters and the area allow a small number of mixes, which are listed; one type alone has a mix
for each number. What a type's best cluster is worth then bounds every partition by the best mix, in integers: no duals
of counts and area are needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem

_MOST = 300_000


@dataclass(frozen=True)
class Range:
    """How many crossbars of each type a node of the tree allows: from ``low`` to ``high``."""

    low: tuple[int, ...]
    high: tuple[int, ...]

    def below(self, kind: int, most: int) -> Range:
        return Range(self.low, (*self.high[:kind], most, *self.high[kind + 1 :]))

    def above(self, kind: int, least: int) -> Range:
        return Range((*self.low[:kind], least, *self.low[kind + 1 :]), self.high)


@dataclass(frozen=True)
class Limits:
    """Linear limits on a mix: ``low <= use @ mix <= high``, (num_limits, num_types) float and (num_limits,) lists.

    Of the number of crossbars; with several types also of those of each, and at last of the area.
    """

    use: Array
    low: list[float]
    high: list[float]


class Mixes:
    """All mixes of crossbars within the limits of a problem that have columns and rows enough.

    Attributes
    ----------
    vectors : (num_mixes, num_types) int64
    too_many : bool
        There are more than can be listed, and ``vectors`` holds none.
    """

    def __init__(self, problem: PartitionProblem, max_clusters: int) -> None:
        self.problem, self.max_clusters = problem, max_clusters
        self.area: Array = np.array([c.area for c in problem.crossbars], dtype=np.int64)
        self.tops = tuple(self._top(c) for c in problem.crossbars)
        self.too_many = False
        vectors: Array = np.zeros((1, 0), dtype=np.int64)
        for top in self.tops:
            steps = np.tile(np.arange(top + 1), len(vectors))
            vectors = np.column_stack((np.repeat(vectors, top + 1, axis=0), steps))
            allowed = vectors.sum(axis=1) <= max_clusters
            if problem.max_area is not None:
                allowed &= vectors @ self.area[: vectors.shape[1]] <= problem.max_area
            vectors = vectors[allowed]
            if len(vectors) > _MOST and len(self.tops) > 1:
                self.too_many, vectors = True, np.zeros((0, len(self.tops)), dtype=np.int64)
                break
        else:
            for room, need in self._needs():
                vectors = vectors[vectors @ room >= need]
        self.vectors = vectors

    def _top(self, crossbar: Crossbar) -> int:
        """Crossbars of a type that may be used at most."""
        top = self.max_clusters if crossbar.count is None else min(crossbar.count, self.max_clusters)
        return top if self.problem.max_area is None else max(0, min(top, self.problem.max_area // crossbar.area))

    def _needs(self) -> Iterable[tuple[Array, int]]:
        """What a crossbar of each type has, and what all together need: rows, and columns for units of many axons."""
        network, n = self.problem.network, self.problem.num_units
        rows = np.array([c.rows for c in self.problem.crossbars], dtype=np.int64)
        columns = np.array([c.columns for c in self.problem.crossbars], dtype=np.int64)
        yield rows, int((network.fan_out > 0).sum())
        for few in (-1, *sorted(set(rows.tolist()))):
            yield np.where(rows > few, columns, 0), int((network.fan_in[:n] > few).sum())

    @cached_property
    def everything(self) -> Range:
        return Range((0,) * len(self.tops), self.tops)

    @cached_property
    def limits(self) -> Limits:
        types, most, area = len(self.tops), float(self.max_clusters), self.problem.max_area
        if types == 1:
            return Limits(np.ones((1, 1)), [-math.inf], [most])
        use = np.vstack((np.ones(types), np.eye(types), self.area))
        highest = [*map(float, self.tops), math.inf if area is None else float(area)]
        return Limits(use, [-math.inf, *[0.0] * types, -math.inf], [most, *highest])

    def prices(self, goal: PartitionObjective) -> Array:
        """(num_types,) int64: what a crossbar of each type costs, whatever it holds."""
        match goal:
            case PartitionObjective.PACKETS:
                return np.zeros_like(self.area)
            case PartitionObjective.CROSSBARS:
                return np.ones_like(self.area)
            case PartitionObjective.AREA:
                return self.area

    def fewest(self, goal: PartitionObjective) -> int:
        """Price of the cheapest mix, where there is one."""
        return int((self.vectors @ self.prices(goal)).min())

    def within(self, node: Range) -> Array:
        """(num_left, num_types) int64: the mixes that a node allows."""
        if node == self.everything:
            return self.vectors
        inside = (self.vectors >= np.array(node.low)) & (self.vectors <= np.array(node.high))
        return self.vectors[inside.all(axis=1)]

    def least_packets(self, node: Range, total: int, most: Sequence[int]) -> int | None:
        """Bound the packets, in the units of the duals; None if no mix is allowed.

        A partition with k_t crossbars of type t costs the sum of all duals less the values of its clusters, so at least
        total - sum of k_t x most_t.
        """
        mixes = self.within(node)
        return None if not len(mixes) else total - int((mixes @ np.array(most, dtype=np.int64)).max())

    def least_price(self, node: Range, total: int, most: Sequence[int], price: Sequence[int]) -> int | None:
        """Bound a sum of fixed prices per crossbar; None if no mix is allowed.

        The clusters of a partition hold all units, so the mix has sum of k_t x most_t >= total: the cheapest that does.
        """
        mixes = self.within(node)
        mixes = mixes[mixes @ np.array(most, dtype=np.int64) >= total]
        return None if not len(mixes) else int((mixes @ np.array(price, dtype=np.int64)).min())

    def served(self, clusters: Sequence[frozenset[int]]) -> Partition | None:
        """Give every cluster a crossbar that holds it such that the area is least; None if counts do not allow it.

        An assignment problem: a minimum-cost flow in integers, unless the smallest crossbar for each is within counts.
        """
        if len(clusters) > self.max_clusters:
            return None
        crossbars, network = self.problem.crossbars, self.problem.network
        axons = [len({k for u in cluster for k in network.fan_in_of(u).tolist()}) for cluster in clusters]
        fitting = [
            [t for t, c in enumerate(crossbars) if len(cluster) <= c.columns and read <= c.rows]
            for cluster, read in zip(clusters, axons, strict=True)
        ]
        if not all(fitting):
            return None
        chosen = [min(types, key=lambda t: crossbars[t].area) for types in fitting]
        if any(chosen.count(t) > top for t, top in enumerate(self.tops)):
            graph = nx.DiGraph()
            graph.add_node("all", demand=len(clusters))
            for t, top in enumerate(self.tops):
                graph.add_edge(("type", t), "all", capacity=top, weight=0)
            for c, types in enumerate(fitting):
                graph.add_node(c, demand=-1)
                for t in types:
                    graph.add_edge(c, ("type", t), capacity=1, weight=crossbars[t].area)
            try:
                flow = nx.min_cost_flow(graph)
            except nx.NetworkXUnfeasible:
                return None
            chosen = [next(t for t in types if flow[c]["type", t]) for c, types in enumerate(fitting)]
        labels = np.zeros(self.problem.num_units, dtype=np.int64)
        for c, cluster in enumerate(clusters):
            labels[list(cluster)] = c
        return Partition(labels, np.array(chosen, dtype=np.int32))


def undominated(problem: PartitionProblem, max_clusters: int) -> list[int]:
    """Types without which something may be lost: no other holds as much, of which there are enough, at no more area."""
    area_matters = problem.max_area is not None or problem.objective is PartitionObjective.AREA
    kept: list[int] = []
    for t, c in enumerate(problem.crossbars):
        for s, other in enumerate(problem.crossbars):
            enough = other.count is None or other.count >= max_clusters
            holds = other.rows >= c.rows and other.columns >= c.columns and enough
            dear = area_matters and other.area > c.area
            same = (other.rows, other.columns) == (c.rows, c.columns) and (other.area == c.area or not area_matters)
            first = s < t or not (same and (c.count is None or c.count >= max_clusters))
            if s != t and holds and not dear and first:
                break
        else:
            kept.append(t)
    return kept
