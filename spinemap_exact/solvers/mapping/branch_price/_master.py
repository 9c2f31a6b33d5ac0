"""The linear relaxation of one node: clusters on tiles, so that each item lies in one, with rows of distance levels."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import highspy
import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.branch_price._anchors import Anchors
from spinemap_exact.solvers.mapping.branch_price._instance import Cluster, Instance

_PATIENCE_S, _SLICE_S = 10.0, 0.5
_TOTAL = 1e5  # HiGHS cycles on costs of 1e10


class Columns:
    """Clusters known so far, as tables: what they hold, what they read from outside, what they read inside."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.lock = threading.Lock()
        self.number: dict[Cluster, int] = {}
        self.member: Array = np.zeros((0, instance.num_items), dtype=bool)
        self.remote: Array = np.zeros((0, instance.num_reads), dtype=bool)
        self.local: Array = np.zeros((0, instance.num_reads), dtype=bool)

    def add(self, clusters: Iterable[Cluster]) -> list[int]:
        """Return the numbers of clusters; new ones get some."""
        with self.lock:
            return self._add(list(dict.fromkeys(clusters)))

    def _add(self, clusters: list[Cluster]) -> list[int]:
        fresh = [c for c in clusters if c not in self.number]
        if fresh:
            instance = self.instance
            member = np.zeros((len(fresh), instance.num_items), dtype=bool)
            for row, cluster in zip(member, fresh, strict=True):
                row[list(cluster)] = True
            read = member.astype(np.float32) @ instance.reads.astype(np.float32) > 0
            at_home = (instance.home >= 0) & member[:, np.maximum(instance.home, 0)]
            self.number.update({c: len(self.member) + j for j, c in enumerate(fresh)})
            self.member = np.vstack((self.member, member))
            self.remote = np.vstack((self.remote, read & ~at_home))
            self.local = np.vstack((self.local, read & at_home))
        return [self.number[c] for c in clusters]

    @property
    def size(self) -> int:
        """Number of clusters of which all tables know; another thread may be adding more."""
        return len(self.local)

    def worths(self, numbers: Array, gain: Array, outside: Array, inside: Array) -> Array:
        """(len(numbers), num_tiles) float64: gains of items less prices of reads."""
        gained = self.member[numbers].astype(np.float64) @ gain
        paid = self.remote[numbers].astype(np.float64) @ outside
        worth: Array = gained - paid - (self.local[numbers].astype(np.float64) @ inside)[:, None]
        return worth


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A solution of the relaxation, in steps: floats that guide, and prove nothing.

    Columns that came later than the solution are not in it: ``cluster`` and ``tile`` name those that are.
    """

    value: float
    pi: Array
    mu: Array
    gamma: Array
    cluster: Array
    tile: Array
    weights: Array
    reduced_costs: Array


class Master:
    """Column ``j`` is cluster ``cluster[j]`` on tile ``tile[j]``."""

    def __init__(self, columns: Columns, anchors: Anchors, dearest: float) -> None:
        self.columns, self.anchors, self.instance = columns, anchors, anchors.instance
        self.factor = _TOTAL / max(1.0, dearest)
        self.lp = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off")):
            self.lp.setOptionValue(option, value)
        n, tiles = self.instance.num_items, self.instance.num_tiles
        self.base = n + tiles  # rows before those of levels
        none, start = np.array([], dtype=np.int32), np.zeros(self.base, dtype=np.int32)
        lower = np.concatenate((np.ones(n), np.full(tiles, -highspy.kHighsInf)))
        self.lp.addRows(self.base, lower, np.ones(self.base), 0, start, none, np.array([]))
        big = _TOTAL
        self.lp.addCols(
            n, np.full(n, big), np.zeros(n), np.full(n, highspy.kHighsInf), n,
            np.arange(n, dtype=np.int32), np.arange(n, dtype=np.int32), np.ones(n),
        )  # fmt: skip
        self.rows: Array = np.zeros((0, 3), dtype=np.int64)
        self.place: list[int] = list(range(n))  # where the artificials, then the level variables stand
        self.cluster: Array = np.zeros(0, dtype=np.int64)
        self.tile: Array = np.zeros(0, dtype=np.int64)
        self.position: Array = np.zeros(0, dtype=np.int64)
        self.known: set[int] = set()
        self.num_columns = n
        fixed = anchors.fixed
        self.on_tile = anchors.on_tile.astype(np.float64)
        self.is_fixed = (fixed >= 0).astype(np.float64)

    def allowed(self, numbers: Array) -> Array:
        """(len(numbers), num_tiles) bool: clusters that hold what is fixed to the tile and nothing fixed elsewhere."""
        member = self.columns.member[numbers].astype(np.float64)
        here = member @ self.on_tile
        fit: Array = (here == self.on_tile.sum(axis=0)) & (here == (member @ self.is_fixed)[:, None])
        return fit

    def costs(self, numbers: Array) -> Array:
        """(len(numbers), num_tiles) float64: costs in steps."""
        a = self.anchors
        return float(self.instance.tile_cost) - self.columns.worths(numbers, -a.at_home, a.outside, a.inside)

    def is_known(self, numbers: Array) -> Array:
        """(len(numbers),) bool: clusters that were added."""
        return np.isin(numbers, np.fromiter(self.known, dtype=np.int64, count=len(self.known)))

    def add(self, numbers: Iterable[int]) -> int:
        """Put clusters on all tiles that allow them; return how many clusters are new."""
        fresh = np.array([j for j in dict.fromkeys(numbers) if j not in self.known], dtype=np.int64)
        if not len(fresh):
            return 0
        self.known.update(fresh.tolist())
        which, tile = np.nonzero(self.allowed(fresh))
        if not len(which):
            return 0
        cost = self.costs(fresh)[which, tile] * self.factor
        numbers = fresh[which]
        table = np.hstack((self.columns.member[numbers], np.eye(self.instance.num_tiles, dtype=bool)[tile]))
        table = np.hstack((table.astype(np.float64), self._in_rows(self.rows, numbers, tile)))
        row, column = np.nonzero(table)
        starts = np.searchsorted(row, np.arange(len(which))).astype(np.int32)
        size = len(which)
        self.lp.addCols(
            size, cost, np.zeros(size), np.full(size, highspy.kHighsInf), len(row),
            starts, column.astype(np.int32), table[row, column],
        )  # fmt: skip
        self.cluster = np.concatenate((self.cluster, numbers))
        self.tile = np.concatenate((self.tile, tile))
        self.position = np.concatenate((self.position, self.num_columns + np.arange(size)))
        self.num_columns += size
        self.lp.setOptionValue("simplex_strategy", 4)  # primal after columns
        return len(fresh)

    def _in_rows(self, rows: Array, numbers: Array, tile: Array) -> Array:
        """(columns, rows): +1 where a column has the source in the ball of a row, -1 where it reads it from outside."""
        if not len(rows):
            return np.zeros((len(numbers), 0))
        balls = np.array([self.instance.balls[t][d] for t, d in rows[:, 1:].tolist()], dtype=bool)
        held = self.columns.member[np.ix_(numbers, self.instance.home[rows[:, 0]])] & balls.T[tile]
        read = self.columns.remote[np.ix_(numbers, rows[:, 0])] & (tile[:, None] == rows[:, 1])
        table: Array = held.astype(np.float64) - read
        return table

    def add_rows(self, rows: Array) -> None:
        """What reads a source in a tile from farther than a level pays the next increment."""
        if not len(rows):
            return
        table = self._in_rows(rows, self.cluster, self.tile)
        cost = self.anchors.increments(rows) * self.factor
        size, none = len(rows), np.zeros(len(rows))
        endless = np.full(size, highspy.kHighsInf)
        row, met = np.nonzero(table.T)
        starts = np.searchsorted(row, np.arange(size)).astype(np.int32)
        self.lp.addRows(size, none, endless, len(row), starts, self.position[met].astype(np.int32), table[met, row])
        own = np.arange(size, dtype=np.int32)
        own_row = (self.base + len(self.rows) + own).astype(np.int32)
        self.lp.addCols(size, cost, none, endless, size, own, own_row, np.ones(size))
        self.num_columns += size
        self.rows = np.vstack((self.rows, rows))
        self.lp.setOptionValue("simplex_strategy", 1)  # dual after rows

    def solve(self, watch: Watch) -> Relaxed | None:
        """None if HiGHS has no optimum, or none in time."""
        limit = self.lp.getRunTime() + _PATIENCE_S
        while not watch.should_stop():  # in slices, each from the basis of the one before
            self.lp.setOptionValue("time_limit", min(limit, self.lp.getRunTime() + _SLICE_S))
            self.lp.run()
            out_of_time = self.lp.getModelStatus() == highspy.HighsModelStatus.kTimeLimit
            if not out_of_time or self.lp.getRunTime() >= limit:
                break
        if self.lp.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self.lp.getSolution()
        dual = np.array(solution.row_dual) / self.factor
        value = np.array(solution.col_value)
        n = self.instance.num_items
        return Relaxed(
            value=float(self.lp.getInfo().objective_function_value) / self.factor,
            pi=dual[:n],
            mu=np.minimum(0.0, dual[n : self.base]),
            gamma=np.maximum(0.0, dual[self.base :]),
            cluster=self.cluster,
            tile=self.tile,
            weights=value[self.position],
            reduced_costs=np.array(solution.col_dual)[self.position] / self.factor,
        )

    def shares(self, relaxed: Relaxed) -> Array:
        """(num_items, num_tiles): how much of an item lies where."""
        x: Array = np.zeros((self.instance.num_items, self.instance.num_tiles))
        for t in range(self.instance.num_tiles):
            here = relaxed.tile == t
            x[:, t] = relaxed.weights[here] @ self.columns.member[relaxed.cluster[here]]
        return x

    def violated(self, relaxed: Relaxed, x: Array, most: int) -> Array:
        """(some, 3) int64: rows of levels that the solution breaks, those that cost most first."""
        instance, has = self.instance, self.anchors.has_levels
        known = set(map(tuple, self.rows.tolist()))
        found = []
        for t in range(instance.num_tiles):
            here = relaxed.tile == t
            read = relaxed.weights[here] @ self.columns.remote[relaxed.cluster[here]]
            in_question = np.flatnonzero(has[:, t] & (read > 1e-6))
            for d in range(len(instance.levels[t]) - 1):
                step = (instance.levels[t][d + 1] - instance.levels[t][d]) / instance.step
                near = x[instance.home[in_question]] @ instance.balls[t][d]
                lack = (read[in_question] - near) * instance.weight[in_question].astype(np.float64) * step
                found += [
                    (float(lack[j]), (int(r), t, d))
                    for j, r in enumerate(in_question)
                    if lack[j] > 1e-6 * max(1.0, relaxed.value) / max(1, len(in_question)) and (r, t, d) not in known
                ]
        found.sort(key=lambda entry: -entry[0])
        return np.array([row for _, row in found[:most]], dtype=np.int64).reshape(-1, 3)
