"""One direction of the mesh: all chains of blocks below a threshold as an explicit graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.placement.grid_dp import _blocks, _paths, _sets
from spinemap_exact.solvers.placement.grid_dp._ends import Layer, layer
from spinemap_exact.solvers.placement.grid_dp._layers import Layers
from spinemap_exact.solvers.placement.grid_dp._lists import TooManyChains, chunks

_SETS_PER_CHUNK = 1 << 12


class Chains(NamedTuple):
    """Chains from the empty set to the set of all clusters, as paths of a layered graph.

    Nodes are numbered layer by layer, node 0 is the empty set and the last node the set of all clusters; arcs are
    sorted by the line they fill.

    Parameters
    ----------
    tail, head : (num_arcs,) int32
    cost : (num_arcs,) int64
        Cut at the boundary behind the line.
    block : (num_arcs,) int32
        Which of ``blocks`` fills the line.
    blocks : (num_blocks,) int64
        Bit masks of clusters, distinct.
    arc_ptr : (num_lines + 1,) int64
        First arc of each line.
    num_nodes : int
    """

    tail: Array
    head: Array
    cost: Array
    block: Array
    blocks: Array
    arc_ptr: Array
    num_nodes: int

    @property
    def num_arcs(self) -> int:
        return len(self.tail)

    @property
    def arguments(self) -> tuple[object, ...]:
        """For `_paths.ascend`."""
        return (*self[:5], self.num_nodes)

    def least(self, charge: Array) -> int:
        """Value of the cheapest chain, where ``charge`` is what each block pays on top."""
        return int(_paths.forward(*self[:4], charge, self.num_nodes)[0][-1])

    def cheapest(self, charge: Array) -> list[int]:
        """Blocks of the cheapest chain, line by line."""
        _, last = _paths.forward(*self[:4], charge, self.num_nodes)
        node, blocks = self.num_nodes - 1, []
        while last[node] >= 0:
            blocks.append(int(self.blocks[self.block[last[node]]]))
            node = self.tail[last[node]]
        return blocks[::-1]

    def charges(self, pair: Array, triple: Array) -> Array:
        """What the multipliers, as tables, charge for each block."""
        charges: Array = _blocks.charge_blocks(self.blocks, pair, triple)
        return charges

    def marginals(self, charge: Array) -> Array:
        """(num_arcs,) int64: value of the cheapest chain through each arc."""
        values: Array = _paths.marginals(*self[:4], charge, self.num_nodes)
        return values

    def restricted(self, keep: Array) -> Chains:
        """Chains made of the arcs to ``keep`` only."""
        return Chains(*_paths.restrict(*self, keep))


def extract(layers: Layers, charge: Array, threshold: int, most_sets: int, most_arcs: int) -> Chains | None:
    """Return all chains of value at most ``threshold``, or None if there are none.

    Where the direction has a leader, those that do not have it in front are left out.

    Parameters
    ----------
    charge : (num_blocks,) int64
        What each block pays.
    most_sets, most_arcs : int
        Most sets of one layer, and arcs altogether.

    Raises
    ------
    TooManyChains, OutOfTime
    """
    found = layers.below(charge, threshold, most_sets)
    return None if found is None else _Linker(layers, charge, *found, threshold, most_arcs).link()


class _Linker:
    """Arcs between surviving sets, from the middle outwards, keeping what lies on a chain within the threshold.

    Sets behind the middle are kept as their complements: what is inside, seen from the other end.
    """

    def __init__(
        self, layers: Layers, charge: Array, ahead: list[Layer], behind: list[Layer], threshold: int, cap: int
    ) -> None:
        self.layers, self.charge, self.threshold, self.cap = layers, charge, threshold, cap
        self.direction, self.middle = layers.direction, layers.middle
        self.ahead, self.behind = ahead, behind
        self.arcs: dict[int, tuple[Array, Array]] = {}
        self.room = cap
        if self.direction.leader is not None:
            self._respect_leader(self.direction.leader)

    def link(self) -> Chains | None:
        """Join the two ends, then walk from the middle to either end."""
        near, far = self.ahead[-1], self.behind[-1]
        inside = self.direction.everything & ~far.masks
        tail, head, rest = self._pairs(inside, far.values, near, self.direction.sizes[self.middle])
        if not tail.size:
            return None
        self.arcs[self.middle] = tail, head
        other = np.full(len(far.masks), _sets.FAR, dtype=np.int64)
        block = inside[head] & ~near.masks[tail]
        np.minimum.at(other, head, near.values[tail] + self._charges_of(block))
        for p in range(self.middle, 0, -1):
            size = self.direction.sizes[p - 1]
            tail, head, rest = self._step(p, self.ahead[p], rest, self.ahead[p - 1], size)
            self.arcs[p - 1] = tail, head
        for q in range(len(self.behind) - 1, 0, -1):
            p = self.direction.num_lines - q  # the boundary seen from the front
            head, tail, other = self._step(p, self.behind[q], other, self.behind[q - 1], self.direction.sizes[p])
            self.arcs[p] = tail, head
        return self._assemble()

    def _respect_leader(self, leader: int) -> None:
        half = self.layers.blocks.index.half
        for p in range((self.direction.num_lines + 1) // 2, self.direction.num_lines):
            front = p <= self.middle
            side, at = (self.ahead, p) if front else (self.behind, self.direction.num_lines - p)
            kept = (side[at].masks >> leader) & 1 == int(front)
            side[at] = layer(side[at].masks[kept], side[at].values[kept], half)

    def _step(self, p: int, inner: Layer, rest: Array, outer: Layer, size: int) -> tuple[Array, Array, Array]:
        """Arcs from the sets one layer further out to those of boundary ``p`` that are on a chain."""
        alive = np.flatnonzero(rest < _sets.FAR)
        onward = rest[alive] + self._cuts(p, self._front(p, inner.masks[alive]))
        near, far, rest = self._pairs(inner.masks[alive], onward, outer, size)
        return near, alive[far].astype(np.int32), rest

    def _pairs(self, masks: Array, onward: Array, subsets: Layer, size: int) -> tuple[Array, Array, Array]:
        least = self.layers.blocks.least(self.charge, size)
        tails, heads = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
        rest = np.full(len(subsets.masks), _sets.FAR, dtype=np.int64)
        for first, last in chunks(len(masks), _SETS_PER_CHUNK):
            self.layers.lists.look_at_the_clock()
            tail, head, more = _sets.arcs_between(
                masks,
                onward,
                first,
                last,
                *subsets,
                self.charge,
                least,
                *self.layers.blocks.index,
                self.threshold,
                rest,
                self.room,
            )
            self.room -= more
            if self.room < 0:
                raise TooManyChains(f"more than {self.cap} blocks between boundaries")
            tails.append(tail)
            heads.append(head)
        return np.concatenate(tails), np.concatenate(heads), rest

    def _front(self, p: int, masks: Array) -> Array:
        """Sets in front of boundary ``p``, from either kind."""
        return masks if p <= self.middle else self.direction.everything & ~masks

    def _charges_of(self, blocks: Array) -> Array:
        where: Array = _sets.positions(blocks, *self.layers.blocks.index)
        return self.charge[where]

    def _cuts(self, p: int, masks: Array) -> Array:
        direction = self.direction
        if p in (0, direction.num_lines):
            return np.zeros(len(masks), dtype=np.int64)
        cuts: Array = _sets.cuts(direction.weight, direction.linear[p - 1], direction.constant[p - 1], masks)
        return cuts

    def _assemble(self) -> Chains:
        lines = self.direction.num_lines
        masks = [layer.masks for layer in self.ahead]
        masks += [self.direction.everything & ~layer.masks for layer in reversed(self.behind)]
        used = [_marked(len(masks[0]), self.arcs[0][0])]
        used += [_marked(len(masks[p + 1]), self.arcs[p][1]) for p in range(lines)]
        for p in range(1, lines):
            used[p] &= _marked(len(masks[p]), self.arcs[p][0])
        layer_ptr = np.concatenate(([0], np.cumsum([kept.sum() for kept in used])))
        number = [(np.cumsum(kept) - 1 + layer_ptr[p]).astype(np.int32) for p, kept in enumerate(used)]
        tails, heads, costs, blocks = [], [], [], []
        for p in range(lines):
            tail, head = self.arcs.pop(p)
            keep = used[p][tail] & used[p + 1][head]
            tail, head = tail[keep], head[keep]
            tails.append(number[p][tail])
            heads.append(number[p + 1][head])
            costs.append(self._cuts(p + 1, masks[p + 1])[head])
            blocks.append(masks[p + 1][head] & ~masks[p][tail])
        arc_ptr = np.concatenate(([0], np.cumsum([len(tail) for tail in tails])))
        distinct, block = np.unique(np.concatenate(blocks), return_inverse=True)
        return Chains(
            np.concatenate(tails),
            np.concatenate(heads),
            np.concatenate(costs),
            block.astype(np.int32),
            distinct,
            arc_ptr,
            int(layer_ptr[-1]),
        )


def _marked(size: int, members: Array) -> Array:
    marked = np.zeros(size, dtype=bool)
    marked[members] = True
    return marked
