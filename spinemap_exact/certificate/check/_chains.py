"""All chains of one direction that are cheap enough, as an explicit graph: from sets on the first lines to sets with
one line more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check._sets import NEVER, Direction, Sets, members, prefix_costs

MAX_ARCS = 4 * 10**6


class TooManyArcs(Exception):
    """The chains below the limit do not fit into the memory allowed."""


@dataclass(frozen=True)
class Chains:
    """Arcs sorted by line; a chain is a path from node 0 to the last node.

    Attributes
    ----------
    tail, head : (num_arcs,) int64
        Nodes: sets of clusters on the first lines.
    block : (num_arcs,) int64
        The clusters on the line, as a bit mask.
    cost : (num_arcs,) int64
        Without multipliers.
    ends : tuple of int
        Where the arcs of each line end.
    num_nodes : int
    """

    tail: Array
    head: Array
    block: Array
    cost: Array
    ends: tuple[int, ...]
    num_nodes: int

    def only(self, keep: Array) -> Chains:
        """Chains made of some of the arcs."""
        kept = np.concatenate(([0], np.cumsum(keep)))
        ends = tuple(int(kept[end]) for end in self.ends)
        return replace(
            self, tail=self.tail[keep], head=self.head[keep], block=self.block[keep], cost=self.cost[keep], ends=ends
        )

    def through(self, penalty_of_arc: Array) -> Array:
        """(num_arcs,): cost of the cheapest chain through each arc, at least `NEVER` where there is none."""
        weight = self.cost + penalty_of_arc
        lines = list(zip((0, *self.ends), self.ends, strict=False))
        front = np.full(self.num_nodes, NEVER, dtype=np.int64)
        back = front.copy()
        front[0] = back[-1] = 0
        for start, end in lines:
            arcs = slice(start, end)
            np.minimum.at(front, self.head[arcs], np.minimum(front[self.tail[arcs]] + weight[arcs], NEVER))
        for start, end in reversed(lines):
            arcs = slice(start, end)
            np.minimum.at(back, self.tail[arcs], np.minimum(back[self.head[arcs]] + weight[arcs], NEVER))
        # NEVER is 2^62 and costs stay below 2^60, so a sum with one NEVER fits; two of them are kept apart
        there = np.minimum(front[self.tail] + weight, NEVER)
        found: Array = np.where(there == NEVER, NEVER, there + back[self.head])
        return found


def extract(direction: Direction, sets: Sets, penalty: Array, most: int) -> Chains:
    """Return all arcs on chains that cost at most ``most``, penalties included.

    Raises
    ------
    TooManyArcs
    """
    n, full = sets.n, (1 << sets.n) - 1
    front = prefix_costs(direction, sets, penalty)
    back = prefix_costs(direction.reversed(), sets, penalty)
    border = direction.hop * sets.cut
    found, total = [], 0
    for line in range(direction.num_lines):
        entering = direction.hop * direction.away[line] * sets.entering
        before = front[line] + border
        behind = back[direction.num_lines - line - 1][full - np.arange(full + 1)] + border
        arcs = [(np.zeros(0, np.int64),) * 3]
        for t, s in product(direction.sizes(n, line + 1), direction.sizes(n, line)):
            if not 0 <= t - s <= direction.room[line]:
                continue
            for arc in _arcs(before, penalty + entering, behind, sets.of_size(t), t - s, most):
                arcs.append(arc)
                total += len(arc[0])
                if total > MAX_ARCS:  # before they fill the memory
                    raise TooManyArcs
        tail, head, block = (np.concatenate(part) for part in zip(*arcs, strict=True))
        found.append((tail, head, block, border[head] + entering[block]))
    return _number(found, full)


def _arcs(
    before: Array, block: Array, behind: Array, targets: Array, size: int, most: int
) -> Iterator[tuple[Array, Array, Array]]:
    """Sets, sets with one block more, and blocks, wherever a chain through them costs at most ``most``."""
    targets = targets[behind[targets] <= most]
    bits = members(targets)
    left = most - behind[targets]
    for chosen in combinations(range(len(bits)), size):
        last = np.zeros_like(targets)
        for k in chosen:
            last |= bits[k]
        keep = np.minimum(before[targets ^ last], NEVER) + block[last] <= left
        if keep.any():
            yield targets[keep] ^ last[keep], targets[keep], last[keep]


def _number(found: list[tuple[Array, Array, Array, Array]], full: int) -> Chains:
    """Number the sets line by line."""
    size = full + 1
    keys = [line * size + tail for line, (tail, _, _, _) in enumerate(found)]
    keys += [(line + 1) * size + head for line, (_, head, _, _) in enumerate(found)]
    nodes = np.unique(np.concatenate([*keys, [0, len(found) * size + full]]))
    lines = len(found)
    tail = np.searchsorted(nodes, np.concatenate(keys[:lines]))
    head = np.searchsorted(nodes, np.concatenate(keys[lines:]))
    ends = tuple(int(e) for e in np.cumsum([len(tail) for tail, _, _, _ in found]))
    return Chains(
        tail,
        head,
        np.concatenate([b for _, _, b, _ in found]),
        np.concatenate([c for *_, c in found]),
        ends,
        len(nodes),
    )
