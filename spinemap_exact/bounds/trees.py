r"""The cheapest tree of units of one neuron: Huffman's code, with prices for rows and reads that are shared.

A neuron reads axons of w_1 >= ... >= w_m spikes. Its units form a tree; a unit at depth d passes every spike below it
on d times. Each carry costs ``carry`` a spike, a crossbar has R rows, and a carry takes a row of its own where it
enters.

**Without prices** the least sum of spikes on carries is that of the R-ary Huffman code (D. A. Huffman 1952,
doi:10.1109/JRPROC.1952.273898): leaves are axons, inner nodes units with at most R children.

**With prices.** The neurons of a crossbar share the rows of axons, but not those of carries. Let a crossbar merge Q
carries; then it has at most R - Q rows for axons, and its units merge Q carries together. So let a unit that merges q
>= 1 carries choose B >= q, read at most R - B axons, and pay q / B of ``merging[k]`` for each axon k, or 1 /
``sharers`` of it where B is larger than the number of neurons that can share. A unit that merges none reads R axons
and pays ``idle[k]`` / ``sharers``. A carry pays ``row``. In any mapping B = Q is such a choice; then the units that
read k in one crossbar pay at most merging[k] + idle[k] together. The least over all trees, `least`, bounds what they
pay.

**Order.** Let merging fall and idle rise as spikes fall, and merging and what each pays of idle together no faster
than ``carry`` times the spikes. Then exchanging two axons shows: busier axons take the slots of less depth, and at
one depth those of units that merge nothing, then those of the largest B / q. So units take the axons in order, each
as many as it has rows for, or fewer: quiet axons may be cheaper where carries are merged, although a unit that merges
none has rows left. A dynamic programme over (axons placed, units open at this depth, units open at the next) finds the
least. Where more units are open than needed and one, only the depth of what is left is counted, which bounds it from
below.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.bounds.codes import huffman_carries
from spinemap_exact.kernels.tree_table import fill
from spinemap_exact.units import INT64_MAX

SCALE = 1 << 10
"""Costs are multiplied by it before shares are rounded down."""

_MOST_STATES = 3_000_000
_NEVER = INT64_MAX // 2
_NEXT_DEPTH = 0


@dataclass(frozen=True)
class Unit:
    """A unit of a tree: it reads the axons ``first ... stop - 1`` in falling order of spikes.

    ``share`` is the B of the module, None for a unit that merges no carry.
    """

    depth: int
    first: int
    stop: int
    merged: int
    share: int | None


@dataclass(frozen=True, eq=False)
class PricedTree:
    """The cheapest tree of one neuron; see the module.

    Parameters
    ----------
    weights : (num_axons,) tuple of int
        Spikes of the axons, falling.
    rows : int
    carry : int
        Cost of a spike on a carry.
    merging : (num_axons,) tuple of int
        What a crossbar pays that reads the axon in units that merge carries.
    idle : (num_axons,) tuple of int, optional
        What a crossbar pays that reads it in units that do not.
    row : int
        What a carry pays for its row.
    sharers : int
        Most neurons that can share a row: the columns, or the most readers of an axon.

    Raises
    ------
    ValueError
        If spikes or charges are not in order.
    """

    weights: tuple[int, ...]
    rows: int
    carry: int
    merging: tuple[int, ...]
    sharers: int
    idle: tuple[int, ...] = ()
    row: int = 0

    def __post_init__(self) -> None:
        idle = self.idle or (0,) * self.num_axons
        object.__setattr__(self, "idle", idle)
        lists = zip(self.weights, self.merging, idle, strict=True)
        for (w, e, free), (w2, e2, free2) in itertools.pairwise(lists):
            steep = self.sharers * (e - e2) + free2 - free > self.sharers * self.carry * (w - w2)
            if w < w2 or e < e2 or free > free2 or steep:
                raise ValueError(f"charges {e}, {free} and {e2}, {free2} of axons with {w} and {w2} spikes")

    @property
    def num_axons(self) -> int:
        return len(self.weights)

    @property
    def is_whole(self) -> bool:
        """One unit holds all axons."""
        return self.num_axons <= self.rows

    @cached_property
    def least(self) -> int:
        """Lower bound on the cost of any tree: the least but for shares, which are rounded down."""
        if self.is_whole:  # or there is a carry
            return min(sum(self.idle) // self.sharers, self.row)
        if not self.is_small or not (self.row or any(self.merging)):
            return self.carry * huffman_carries(self.weights, self.rows)
        table, beyond = self._filled
        return min(int(table[:, :, -1].min()), beyond) // SCALE

    @property
    def _most_open(self) -> int:
        return -(-self.num_axons // self.rows) + 1

    @property
    def steps(self) -> int:
        """Steps of the dynamic programme, about."""
        return self.num_axons * self._most_open**2 * self.rows

    @property
    def is_small(self) -> bool:
        """Trees are compared one by one: the table fits the memory, and no entry overflows."""
        spikes, merging, idle = self._sums
        deepest = int(spikes[-1]) * self.carry * SCALE * self.num_axons
        charged = (int(merging[-1]) + self.row * SCALE) * self.num_axons + int(idle[-1])
        return self.num_axons * (self._most_open + 1) ** 2 <= _MOST_STATES and deepest + charged < _NEVER // 2

    @cached_property
    def _sums(self) -> tuple[Array, Array, Array]:
        """Three of (num_axons + 1,) object: spikes, and charges times `SCALE`, of the busiest axons."""
        sums = [
            np.concatenate(([0], np.cumsum(np.array(v, dtype=object)))) for v in (self.weights, self.merging, self.idle)
        ]
        return sums[0], sums[1] * SCALE, sums[2] * SCALE

    @cached_property
    def _filled(self) -> tuple[Array, int]:
        """Table (open here, open below, axons placed), and the least where more units are open than are counted.

        An entry is the least cost of all axons that are placed, and of the depth of the others.
        """
        wide = self._most_open
        table = np.full((wide + 1, wide + 1, self.num_axons + 1), _NEVER)
        table[1, 0, 0] = 0
        spikes, merging, idle = (np.array(v, dtype=np.int64) for v in self._sums)
        beyond = fill(table, spikes, merging, idle, self.rows, self.sharers, self.carry * SCALE, self.row * SCALE)
        return table, int(beyond)

    def units(self) -> list[Unit]:
        """Return the units of a cheapest tree, the soma unit first, parents before their children.

        Raises
        ------
        ValueError
            If the tree is not small.
        """
        if self.is_whole:
            return [Unit(0, 0, self.num_axons, 0, None)]
        if not self.is_small:
            raise ValueError(f"{self.num_axons} axons are too many, or their spikes, for a table of trees")
        return _Walk(self).units()


class _Walk:
    """Follow a table back from its end."""

    def __init__(self, tree: PricedTree) -> None:
        self.tree, self.table = tree, tree._filled[0]

    def units(self) -> list[Unit]:
        m = self.tree.num_axons
        a, b = np.unravel_index(int(np.argmin(self.table[:, :, m])), self.table.shape[:2])
        steps, state = [], (int(a), int(b), m)
        while state != (1, 0, 0):
            before, merged, share = self._step(*state)
            steps.append((before[2], state[2], merged, share))
            state = before
        depth, units = 0, []
        for first, stop, merged, share in reversed(steps):
            if share == _NEXT_DEPTH:
                depth += 1
            else:
                units.append(Unit(depth, first, stop, merged, share))
        return units

    def _step(self, a: int, b: int, j: int) -> tuple[tuple[int, int, int], int, int | None]:
        """The state before, carries merged, and the share, or that all units of a depth were done."""
        tree, table = self.tree, self.table
        spikes, merging, idle = tree._sums
        m, rows, wide, value = tree.num_axons, tree.rows, tree._most_open, table[a, b, j]
        if b == 0 and a > 0 and j < m and table[0, a, j] + tree.carry * SCALE * (spikes[m] - spikes[j]) == value:
            return (0, a, j), 0, _NEXT_DEPTH
        for i in range(max(0, j - rows), j + 1):
            if i < j and a + 1 <= wide and table[a + 1, b, i] + (idle[j] - idle[i]) // tree.sharers == value:
                return (a + 1, b, i), 0, None
            share, charge = rows - (j - i), merging[j] - merging[i]
            for q in range(1 + (i == j), min(b, share) + 1 if j < m else 0):
                part = charge // tree.sharers if share > tree.sharers else charge * q // share
                if a + 1 + b - q <= wide and table[a + 1, b - q, i] + part + q * tree.row * SCALE == value:
                    return (a + 1, b - q, i), q, share
        raise AssertionError("every state but the first has one before it")
