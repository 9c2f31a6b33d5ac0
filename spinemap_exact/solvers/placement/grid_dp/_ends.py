"""The sets that cheap chains of one direction go through, found from both ends at once."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.placement.grid_dp import _sets
from spinemap_exact.solvers.placement.grid_dp._blocks import Blocks
from spinemap_exact.solvers.placement.grid_dp._lists import Direction, SetLists, TooManyChains, chunks

_IN_TABLE, _LEFT_OUT = 16, 8  # clusters of which tables speak: so many, or all but a few
_SHARES = 0.1, 0.4, 1.0  # of the sets whose values are not known: the cheapest first, which may rule others out
_SETS_PER_CHUNK = 1 << 16


class Level(NamedTuple):
    """Sets in front of one boundary, seen from one end.

    Parameters
    ----------
    masks, cuts : (num_sets,) int64
    ahead, beyond : (num_sets,) int64
        At most what any chain pays up to and with the boundary, and at most what a cheap one pays behind it.
    exact : (num_sets,) bool
        True where some chain pays just that.
    """

    masks: Array
    cuts: Array
    ahead: Array
    beyond: Array
    exact: Array

    def only(self, keep: Array) -> Level:
        return Level(*(part[keep] for part in self))


class Side:
    """One end of a direction: its first ``depth`` lines."""

    def __init__(self, direction: Direction, depth: int, blocks: Blocks, lists: SetLists) -> None:
        self.direction, self.depth, self.blocks, self.lists = direction, depth, blocks, lists
        self.filled = np.cumsum((0, *direction.sizes)).tolist()

    def least_block(self, charge: Array, line: int) -> int:
        return self.blocks.least(charge, self.direction.sizes[line])

    def least_cut(self, p: int) -> int:
        return self.lists.least(self.filled[p], *self._terms(p))

    def least_between(self, charge: Array, p: int, end: int) -> int:
        """At most what any chain pays on the lines from ``p`` up to ``end`` and at the boundaries between them."""
        cuts = sum(self.least_cut(q) for q in range(p + 1, end))
        return cuts + sum(self.least_block(charge, line) for line in range(p, end))

    def upto(self, p: int, limit: int) -> Iterator[tuple[Array, Array]]:
        return self.lists.upto(self.filled[p], *self._terms(p), limit)

    def _terms(self, p: int) -> tuple[Array, int]:
        return self.direction.linear[p - 1], int(self.direction.constant[p - 1])


class Ends:
    """All sets on chains of value at most ``threshold``, and few others; with their values from the end that is nearer.

    The sets at each boundary are listed from the ends to the middle, by their cuts and by lower bounds: a set costs at
    least its cut and what its cheapest subset costs at the boundary before, and beside it lies, seen from the other
    end, a set without common members. Bounds run back from the middle; then the values are computed, boundary by
    boundary, of the sets that are left.

    Parameters
    ----------
    sides : two Side
        The second one is no deeper.
    alike : bool
        True if both have the same sets at the same boundaries.
    cap : int
        Most sets at one boundary.

    Attributes
    ----------
    levels : list of list of Level
        For each side, by boundary; the same list twice if both are alike.

    Raises
    ------
    TooManyChains, OutOfTime
    """

    def __init__(self, sides: tuple[Side, Side], alike: bool, charge: Array, threshold: int, cap: int) -> None:
        self._active = (0,) if alike else (0, 1)
        self.sides, self.charge, self.threshold, self.cap = sides, charge, threshold, cap
        self.num_lines, self.everything = sides[0].direction.num_lines, sides[0].direction.everything
        m = sides[0].direction.num_clusters
        self._entries = 1 << min(m, max(_IN_TABLE, m - _LEFT_OUT))
        zero = np.zeros(1, dtype=np.int64)
        self.levels = [[Level(zero, zero, zero, zero, zero == 0)] for _ in self._active]
        self.levels = [self.levels[0], self.levels[-1]]
        depth = sides[0].depth
        for p in range(1, depth + 1):
            for s, level in self._listed(p):
                self.levels[s].append(level)
        self._meet()
        for p in range(2, depth + 1):
            self._descend(p - 1)
            for share in _SHARES if p == depth else _SHARES[-1:]:
                for s in self._active:
                    if p <= sides[s].depth:
                        self._settle(s, p, share)
                self._meet()

    def _listed(self, p: int) -> list[tuple[int, Level]]:
        """The sets at a boundary, of each side that has it."""
        here = [s for s in self._active if p <= self.sides[s].depth]
        inside = {s: self._subsets(s, p - 1) for s in here}
        last = self.sides[-1].depth
        if p > last:
            return [(s, self._level(s, p, inside[s], self._subsets(1 - s, last))) for s in here]
        beside = {}
        for s in here:
            table = self._table()
            for masks, cuts in self._cheap(s, p):
                _sets.lower(table, masks, self._ahead(s, p, masks, cuts, inside[s]))
            _sets.spread(table)
            beside[s] = table
        return [(s, self._level(s, p, inside[s], beside.get(1 - s, beside[s]))) for s in here]

    def _level(self, s: int, p: int, inside: Array, beside: Array) -> Level:
        parts, count = [np.zeros((4, 0), dtype=np.int64)], 0
        between = self._between(s, p, min(p, self.sides[1 - s].depth))
        for masks, cuts in self._cheap(s, p):
            ahead = self._ahead(s, p, masks, cuts, inside)
            beyond = _sets.looked_up(self.everything ^ masks, np.zeros_like(masks), beside, between)
            keep = ahead + beyond <= self.threshold
            parts.append(np.stack((masks[keep], cuts[keep], ahead[keep], beyond[keep])))
            count += parts[-1].shape[1]
            if count > self.cap:
                raise TooManyChains(f"more than {self.cap} sets of {self.sides[s].filled[p]} clusters")
        masks, cuts, ahead, beyond = np.concatenate(parts, axis=1)
        return Level(masks, cuts, ahead, beyond, np.full(count, p == 1))

    def _cheap(self, s: int, p: int) -> Iterator[tuple[Array, Array]]:
        """Sets at a boundary with cuts that leave chains within the threshold, and perhaps some more."""
        side, o = self.sides[s], 1 - s
        other, q = self.sides[o], min(p, self.sides[o].depth)
        rest = int(self.levels[s][p - 1].ahead.min(initial=_sets.FAR)) + side.least_block(self.charge, p - 1)
        if len(self.levels[o]) > q:
            rest += int(self.levels[o][q].ahead.min(initial=_sets.FAR))
        else:
            rest += int(self.levels[o][q - 1].ahead.min(initial=_sets.FAR))
            rest += other.least_block(self.charge, q - 1) + other.least_cut(q)
        return side.upto(p, self.threshold - rest - self._between(s, p, q))

    def _ahead(self, s: int, p: int, masks: Array, cuts: Array, inside: Array) -> Array:
        """At most what chains pay up to sets at a boundary; on the first line, what they pay."""
        side = self.sides[s]
        if p == 1:
            first: Array = cuts + self.charge[_sets.positions(masks, *side.blocks.index)]
            return first
        bounds: Array = _sets.looked_up(masks, cuts, inside, side.least_block(self.charge, p - 1))
        return bounds

    def _between(self, s: int, p: int, q: int) -> int:
        """At most what any chain pays between boundary ``p`` of one side and ``q`` of the other side."""
        return self.sides[s].least_between(self.charge, p, self.num_lines - q)

    def _table(self) -> Array:
        return np.full(self._entries, _sets.FAR, dtype=np.int64)

    def _subsets(self, s: int, p: int) -> Array:
        """By the first clusters of a set, the least value of its subsets at a boundary."""
        table, level = self._table(), self.levels[s][p]
        _sets.lower(table, level.masks, level.ahead)
        _sets.spread(table)
        return table

    def _meet(self) -> None:
        """Bound what follows the sets at the last boundaries: across the line in the middle."""
        tables = [self._subsets(s, side.depth) for s, side in enumerate(self.sides)]
        for s, side in enumerate(self.sides):
            self._follow(s, side.depth, tables[1 - s], self._between(s, side.depth, self.sides[1 - s].depth))

    def _descend(self, first: int) -> None:
        """Bound what follows the sets at boundaries before the last ones, by the sets at the next."""
        for s in self._active:
            side = self.sides[s]
            for p in range(side.depth - 1, first - 1, -1):
                after, table = self.levels[s][p + 1], self._table()
                _sets.lower(table, self.everything ^ after.masks, after.cuts + after.beyond)
                _sets.spread(table)
                self._follow(s, p, table, side.least_block(self.charge, p))

    def _follow(self, s: int, p: int, table: Array, more: int) -> None:
        level = self.levels[s][p]
        beyond = _sets.looked_up(self.everything ^ level.masks, np.zeros_like(level.masks), table, more)
        beyond = np.maximum(beyond, level.beyond)
        self.levels[s][p] = level._replace(beyond=beyond).only(level.ahead + beyond <= self.threshold)

    def _settle(self, s: int, p: int, share: float) -> None:
        """Compute values at a boundary, of a share of the sets without; then bound those at the next ones again."""
        side, level, before = self.sides[s], self.levels[s][p], self.levels[s][p - 1]
        left = np.flatnonzero(~level.exact)
        chosen = left[np.argsort(level.ahead[left])[: ceil(share * len(left))]]
        chosen.sort()
        subsets = layer(before.masks, before.ahead, side.blocks.index.half)
        ahead, exact = level.ahead.copy(), level.exact.copy()
        exact[chosen] = True
        for first, last in chunks(len(chosen), _SETS_PER_CHUNK):
            side.lists.look_at_the_clock()
            some = chosen[first:last]
            room = self.threshold - level.cuts[some] - level.beyond[some]
            least = side.least_block(self.charge, p - 1)
            ahead[some] = level.cuts[some] + _sets.extend(
                level.masks[some], room, *subsets, self.charge, least, *side.blocks.index
            )
        self.levels[s][p] = level._replace(ahead=ahead, exact=exact).only(ahead + level.beyond <= self.threshold)
        for after in range(p + 1, side.depth + 1):
            level = self.levels[s][after]
            inside = self._subsets(s, after - 1)
            ahead = np.maximum(level.ahead, self._ahead(s, after, level.masks, level.cuts, inside))
            self.levels[s][after] = level._replace(ahead=ahead).only(ahead + level.beyond <= self.threshold)


class Layer(NamedTuple):
    """Sets in front of one boundary, grouped by their lower halves and sorted by value in each group.

    Parameters
    ----------
    masks : (num_sets,) int64
    values : (num_sets,) int64
        Of the cheapest chain up to and with the boundary.
    first : (2^half + 1,) int64
        Where the sets of each lower half start.
    floor : int
        Least value.
    """

    masks: Array
    values: Array
    first: Array
    floor: int


def layer(masks: Array, values: Array, half: int) -> Layer:
    """Group sets by their lower halves, and sort them by value there."""
    cheapest = np.argsort(values, kind="stable")
    order, first = _sets.grouped(masks[cheapest], half)
    order = cheapest[order]
    floor = int(values.min()) if len(values) else int(_sets.FAR)
    return Layer(masks[order], values[order], first, floor)
