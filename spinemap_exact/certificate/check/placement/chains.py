"""All chains of one direction that are cheap enough, as an explicit graph: from sets on the first lines to sets with
one line more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.placement.charges import Charges
from spinemap_exact.certificate.check.placement.ends import Arcs
from spinemap_exact.certificate.check.placement.levels import Levels
from spinemap_exact.certificate.check.placement.listing import Listing
from spinemap_exact.certificate.check.placement.sets import Direction, Sets

NONE = 2**61  # at least this is what a chain costs that does not exist
_FEW = 4
_GROWTH, _STEPS = 64, 2**11  # a limit grows by such parts: of itself, and of what any chain costs at most


@dataclass(frozen=True)
class Chains:
    """Arcs sorted by line; a chain is a path from node 0 to the last node.

    Attributes
    ----------
    tail, head : (num_arcs,) int64
        Nodes: sets of clusters on the first lines.
    which : (num_arcs,) int64
        The block on the line, as a position in ``blocks``.
    cost : (num_arcs,) int64
        Without multipliers.
    blocks : (num_blocks,) int64
        Distinct bit masks, ascending.
    ends : tuple of int
        Where the arcs of each line end.
    num_nodes : int
    """

    tail: Array
    head: Array
    which: Array
    cost: Array
    blocks: Array
    ends: tuple[int, ...]
    num_nodes: int

    @property
    def num_arcs(self) -> int:
        return len(self.tail)

    def some(self, left: Array) -> Chains:
        """Chains made of some of the arcs, given by ascending positions, among all nodes and blocks."""
        ends = tuple(np.searchsorted(left, self.ends).tolist())
        tail, head, which, cost = self.tail[left], self.head[left], self.which[left], self.cost[left]
        return Chains(tail, head, which, cost, self.blocks, ends, self.num_nodes)

    def only(self, left: Array) -> Chains:
        """The same; nodes and blocks that are in no arc any more are forgotten."""
        chains = self.some(left)
        tail, head, num_nodes = chains.tail, chains.head, self.num_nodes
        if num_nodes > _FEW * len(left) + 2:
            nodes, place = _distinct(np.concatenate((tail, head, [0, num_nodes - 1])), num_nodes)
            tail, head, num_nodes = place[: len(left)], place[len(left) : -2], len(nodes)
        blocks, which = _distinct(chains.which, len(self.blocks))
        return Chains(tail, head, which, chains.cost, self.blocks[blocks], chains.ends, num_nodes)

    def through(self, weight: Array) -> Array:
        """(num_arcs,): cost of the cheapest chain through each arc, at least `NONE` where there is none.

        ``weight`` is what each arc costs, multipliers included.
        """
        front = np.full(self.num_nodes, NONE, dtype=np.int64)
        back = front.copy()
        front[0] = back[-1] = 0
        lines = [slice(start, end) for start, end in zip((0, *self.ends), self.ends, strict=False)]
        for arcs in lines:
            np.minimum.at(front, self.head[arcs], front[self.tail[arcs]] + weight[arcs])
        for arcs in reversed(lines):
            np.minimum.at(back, self.tail[arcs], back[self.head[arcs]] + weight[arcs])
        # NONE is 2^61 and chains cost less than 2^60, so two NONE and what follows them fit
        found: Array = front[self.tail] + weight + back[self.head]
        return found


def _distinct(values: Array, size: int) -> tuple[Array, Array]:
    """Distinct values below a size, ascending, and which of them each value is."""
    if _FEW * len(values) < size:
        return np.unique(values, return_inverse=True)
    seen = np.zeros(size, dtype=bool)
    seen[values] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[values]


class Line:
    """One direction with its multipliers: the least chain, and all chains up to a cost."""

    def __init__(self, direction: Direction, sets: Sets, charges: Charges) -> None:
        self.direction, self.sets, self.charges = direction, sets, charges

    def least(self) -> int:
        """Cost of the cheapest chain: the limit grows until there is one.

        Raises
        ------
        CertificateRejected
        """
        listing, most = Listing(), -1
        while True:
            levels = Levels(self.direction, self.sets, self.charges, most, listing)
            if levels.least <= most:
                return levels.least
            most = max(levels.floor, most + 1 + max(most // _GROWTH, levels.ceiling // _STEPS))

    def below(self, most: int, listing: Listing | None = None) -> Chains:
        """Return all arcs on chains that cost at most ``most``, multipliers included.

        Raises
        ------
        CertificateRejected
        """
        most = max(-1, most)  # no chain costs less than nothing
        return self._numbered(Levels(self.direction, self.sets, self.charges, most, listing or Listing()).arcs())

    def _numbered(self, arcs: list[Arcs]) -> Chains:
        """Number the sets line by line, and the blocks."""
        direction, sets = self.direction, self.sets
        size, lines = sets.full + 1, len(arcs)
        keys = [line * size + tail for line, (tail, _) in enumerate(arcs)]
        keys += [(line + 1) * size + head for line, (_, head) in enumerate(arcs)]
        nodes = np.unique(np.concatenate([*keys, [0, lines * size + sets.full]]))
        tail, head = (np.searchsorted(nodes, np.concatenate(k)) for k in (keys[:lines], keys[lines:]))
        filled = [t ^ h for t, h in arcs]
        blocks, which = np.unique(np.concatenate(filled), return_inverse=True)
        cost = direction.hop * sets.cut(np.concatenate([h for _, h in arcs]))
        away = np.repeat(direction.away, [len(t) for t, _ in arcs])
        cost += direction.hop * away * sets.entering(blocks)[which]
        ends = tuple(int(end) for end in np.cumsum([len(t) for t, _ in arcs]))
        return Chains(tail, head, which, cost, blocks, ends, len(nodes))
