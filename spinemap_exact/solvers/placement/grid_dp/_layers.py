"""One direction of the mesh under multipliers: its cheapest chain of blocks, and the sets on all cheap chains."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.placement.grid_dp import _sets
from spinemap_exact.solvers.placement.grid_dp._blocks import Blocks
from spinemap_exact.solvers.placement.grid_dp._ends import Ends, Layer, Side, layer
from spinemap_exact.solvers.placement.grid_dp._lists import Direction, SetLists, chunks

_SETS_PER_CHUNK = 1 << 12


class Layers:
    """Dynamic programme over sets for one direction, from both ends to the line in the middle.

    Sets are only looked at where a line can end, and only if their cut leaves the chain a chance.

    Parameters
    ----------
    direction : Direction
    blocks : Blocks
        With the sizes of all lines.
    lists : SetLists
        Shared by directions of equal weights.

    Raises
    ------
    TooManyChains, OutOfTime
        From all methods that evaluate chains.
    """

    def __init__(self, direction: Direction, blocks: Blocks, lists: SetLists) -> None:
        self.direction, self.blocks, self.lists = direction, blocks, lists
        self.middle = direction.num_lines // 2
        self.front = Side(direction, self.middle, blocks, lists)
        self.back = Side(direction.reversed(), direction.num_lines - self.middle - 1, blocks, lists)
        m = direction.num_clusters
        # Each boundary behind the line of a cluster counts the linear terms of that cluster.
        towards_end = np.concatenate((np.cumsum(direction.linear[::-1], axis=0)[::-1], np.zeros((1, m), np.int64)))
        self._unary = np.ascontiguousarray(towards_end.T)

    def least(self, charge: Array, guesses: list[Array], cap: int, seed: int = 0) -> tuple[int, Array]:
        """Value and lines of the cheapest chain.

        Parameters
        ----------
        charge : (num_blocks,) int64
            What each block pays.
        guesses : list of (num_clusters,) int64
            Lines of clusters to improve first: the better the value that this finds, the fewer sets are looked at.
        cap : int
            Most sets of one layer.
        """
        upper, line = self._improved(charge, guesses, seed)
        found = self.below(charge, upper - 1, cap)
        if found is None:
            return upper, line
        better = self._cheapest(charge, *found, upper - 1)
        return (upper, line) if better is None else better

    def below(self, charge: Array, threshold: int, cap: int) -> tuple[list[Layer], list[Layer]] | None:
        """Layers of both ends, with every set on a chain of value at most ``threshold``; None if there is none."""
        sides, half = (self.front, self.back), self.blocks.index.half
        ends = Ends(sides, self.direction.is_symmetric, charge, threshold, cap)
        found = [
            [layer(level.masks, level.ahead, half) for level in levels[: side.depth + 1]]
            for side, levels in zip(sides, ends.levels, strict=True)
        ]
        return (found[0], found[1]) if all(len(levels[-1].masks) for levels in found) else None

    def value(self, charge: Array, line: Array) -> int:
        """What the chain given by lines of clusters costs."""
        found: int = _sets.chain_value(
            line, self.direction.num_lines, self.direction.weight, self._unary, charge, *self.blocks.index
        )
        return int(found) + int(self.direction.constant.sum())

    def _improved(self, charge: Array, guesses: list[Array], seed: int) -> tuple[int, Array]:
        random = np.random.default_rng(seed)
        standard = np.repeat(np.arange(self.direction.num_lines), self.direction.sizes)
        best: tuple[int, Array] | None = None
        for start in [*guesses, *(random.permutation(standard) for _ in range(12))]:
            self.lists.look_at_the_clock()
            line = start.copy()
            _sets.swap_lines(
                line, self.direction.num_lines, self.direction.weight, self._unary, charge, *self.blocks.index
            )
            value = self.value(charge, line)
            if best is None or value < best[0]:
                best = value, line
        assert best is not None
        return best

    def _cheapest(self, charge: Array, ahead: list[Layer], behind: list[Layer], limit: int) -> tuple[int, Array] | None:
        """Value and lines of the cheapest chain through layers of either end; None if it is beyond the limit."""
        near, far = ahead[-1], behind[-1]
        least = self.blocks.least(charge, self.direction.sizes[self.middle])
        inside = self.direction.everything & ~far.masks
        room = limit - far.values
        values = np.full(len(inside), _sets.FAR, dtype=np.int64)
        for first, last in chunks(len(inside), _SETS_PER_CHUNK):
            self.lists.look_at_the_clock()
            values[first:last] = _sets.extend(
                inside[first:last], room[first:last], *near, charge, least, *self.blocks.index
            )
        values += far.values
        if not len(values) or (best := int(values.min())) > limit:
            return None
        chosen = int(values.argmin())
        front = self._blocks_of(charge, ahead, int(inside[chosen]))
        back = self._blocks_of(charge, behind[:-1], int(far.masks[chosen]))
        line = np.empty(self.direction.num_clusters, dtype=np.int64)
        for p, block in enumerate(front[::-1] + back):
            line[[i for i in range(len(line)) if block >> i & 1]] = p
        return best, line

    def _blocks_of(self, charge: Array, layers: list[Layer], mask: int) -> list[int]:
        """Blocks of the cheapest chain through the layers to a set, the last one first."""
        blocks = []
        for before in reversed(layers):
            inside = before.masks[before.masks & ~mask == 0]
            values = before.values[before.masks & ~mask == 0]
            best = int((values + charge[_sets.positions(mask ^ inside, *self.blocks.index)]).argmin())
            blocks.append(mask ^ int(inside[best]))
            mask = int(inside[best])
        return blocks
