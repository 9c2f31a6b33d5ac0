"""All chains of one direction that are cheap enough, as an explicit graph: from sets on the first lines to sets with
one line more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import comb

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check._charges import Charges
from spinemap_exact.certificate.check._sets import NEVER, Direction, Front, Sets
from spinemap_exact.certificate.check._sieve import Sieve, sieves

MAX_ARCS = 4 * 10**6
MAX_LINKS = 3 * 10**9  # pairs of sets looked at across the middle line: a minute
NONE = 2**61  # at least this is what a chain costs that does not exist
_CHUNK = 2**12
_MOST_PARTIAL = 2**21  # pairs of sets held together
_FEW = 4
Arcs = tuple[Array, Array]  # sets before a line and after it; or sets and what they cost beyond


class TooManyArcs(Exception):
    """The chains below the limit do not fit into the memory or time allowed."""


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
    """One direction with its multipliers: the least chain, and all chains up to a cost.

    Both ends are walked to the middle and joined there: at a border if the number of lines is even, else across the
    line in the middle. What a set costs *beyond* is what the cheapest chain through it pays behind its border.
    """

    def __init__(self, direction: Direction, sets: Sets, charges: Charges) -> None:
        self.direction, self.sets = direction, sets
        self.front = Front(direction, sets, charges)
        same = direction == direction.reversed()
        self.back = self.front if same else Front(direction.reversed(), sets, charges)

    def least(self) -> int:
        """Cost of the cheapest chain."""
        for end in (self.front, self.back):
            end.fill()
        if self.direction.num_lines % 2 == 0:
            front, back = self.front.costs[-1], self.back.costs[-1]
            # complements of ascending sets descend; both ends count the border
            return min(int((front[t] + back[q][::-1] - self._border(t)).min()) for t, q in self._joints())
        best, budget = NEVER, Budget()
        for s, q in self._joints():
            ahead, behind = self.front.costs[-1][s], self.back.costs[-1][q]
            order, low = np.argsort(ahead), int(behind.min())
            for start in range(0, len(order), _CHUNK):  # the cheapest first: the rest cannot do better some time
                chosen = order[start : start + _CHUNK]
                if int(ahead[chosen[0]]) + low >= best:
                    break
                budget.spend(links=len(chosen) * comb(self.sets.n - s, q))
                best = min(best, *(int(cost.min()) for _, _, cost in self._across(s, q, chosen)))
        return best

    def below(self, most: int, budget: Budget | None = None) -> Chains:
        """Return all arcs on chains that cost at most ``most``, multipliers included.

        Raises
        ------
        TooManyArcs
        """
        full, budget = self.sets.full, budget or Budget()
        most = max(-1, most)  # no chain costs less than nothing
        ahead, behind = sieves(self.front, self.back, most)
        self.front.fill(ahead.numbers)
        self.back.fill(behind.numbers)
        if self.direction.num_lines % 2 == 0:
            middle: list[Arcs] = []
            front, back = self._kept_at_the_border(most, ahead)
        else:
            links = [(*_EMPTY, _EMPTY[0]), *self._links(most, ahead, budget)]
            tail, head, cost = (np.concatenate(part) for part in zip(*links, strict=True))
            middle = [(tail, head)]
            front = _cheapest(tail, cost - self.front.value(tail))
            back = _cheapest(full ^ head, cost - self.back.value(full ^ head))
        before = _unwind(self.front, *front, most, budget)
        after = [(full ^ s, full ^ p) for p, s in reversed(_unwind(self.back, *back, most, budget))]
        return self._numbered([*before, *middle, *after])

    def _joints(self) -> Iterator[tuple[int, int]]:
        """Sizes of a set in front of the middle and of one behind it that leave to the line in the middle, if there is
        one, what it has room for."""
        n, middle = self.sets.n, self.direction.num_lines // 2
        room = self.direction.room[middle] if self.direction.num_lines % 2 else 0
        for s, q in product(self.direction.sizes(n, middle), self.direction.reversed().sizes(n, middle)):
            if 0 <= n - s - q <= room:
                yield s, q

    def _border(self, t: int) -> Array:
        """What sets of a size in front of the middle pay at the border behind them."""
        paid: Array = self.direction.hop * self.sets.cut_of_size(t)
        return paid

    def _kept_at_the_border(self, most: int, ahead: Sieve) -> tuple[Arcs, Arcs]:
        """Sets in front of the middle and behind it that are cheap enough, with what they cost beyond."""
        masks, whole = [_EMPTY[0]], [_EMPTY[0]]
        for t, q in self._joints():
            k = ahead.numbers[t]
            cost = self.front.costs[-1][t][k] + self.back.costs[-1][q][::-1][k] - self._border(t)[k]
            masks.append(self.sets.of_size(t)[k[cost <= most]])
            whole.append(cost[cost <= most])
        front, cost = np.concatenate(masks), np.concatenate(whole)
        back = self.sets.full ^ front
        return (front, cost - self.front.value(front)), (back, cost - self.back.value(back))

    def _across(self, s: int, q: int, chosen: Array) -> Iterator[tuple[Array, Array, Array]]:
        """For some sets of size s in front of the middle line: those of size q behind it, by number, and the cost."""
        sets, ahead, behind = self.sets, self.front.costs[-1][s][chosen], self.back.costs[-1][q]
        paid, masks = self.front.paid(self.direction.num_lines // 2, sets.n - s - q), sets.of_size(s)[chosen]
        for block, rest in sets.splits(sets.full ^ masks, sets.n - s, q):
            yield masks, rest, ahead + paid[block] + behind[rest]

    def _links(self, most: int, ahead: Sieve, budget: Budget) -> Iterator[tuple[Array, Array, Array]]:
        """Sets before and after the middle line, and the cost of the cheapest chain through both."""
        full, room = self.sets.full, self.direction.num_lines // 2
        tails: dict[int, list[Array]] = {}
        for s, q in self._joints():
            numbers = ahead.numbers[s]
            kept = numbers[self.front.costs[-1][s][numbers] + ahead.beyond[s] <= most]
            ways, size = comb(self.sets.n - s, q), self.sets.n - s - q
            paid = self.front.paid(room, size)
            if q not in tails:
                tails[q] = _tails(self.sets, q, self.back.costs[-1][q], most)
            chunk = max(1, _MOST_PARTIAL // ways)
            for start in range(0, len(kept), chunk):
                chosen = kept[start : start + chunk]
                masks, spent = self.sets.of_size(s)[chosen], self.front.costs[-1][s][chosen]
                which, rest = _joined(masks, most - int(paid.min()) - spent, tails[q], budget)
                cost = spent[which] + paid[self.sets.number(full ^ masks[which] ^ rest, size)] + tails[q][-1][rest]
                near = np.flatnonzero(cost <= most)
                budget.spend(arcs=near.size)
                yield masks[which[near]], full ^ rest[near], cost[near]

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


def _tails(sets: Sets, size: int, costs: Array, most: int) -> list[Array]:
    """For c = 0, 1, ...: by what a set holds of the clusters 0 ... c, the least cost of such a set of one size.

    Costs beyond ``most`` are not told apart, and no other set costs less than that.
    """
    beyond = min(most + 1, NEVER)
    table = np.full(1 << sets.n, beyond, dtype=np.int32 if beyond < 2**30 else np.int64)
    table[sets.of_size(size)] = np.minimum(costs, beyond)
    tails = [table]
    for _ in range(sets.n - 1):
        tails.append(tails[-1].reshape(2, -1).min(axis=0))
    return tails[::-1]


def _joined(masks: Array, spare: Array, tails: list[Array], budget: Budget) -> tuple[Array, Array]:
    """Pairs of a set and another one without common members, which costs no more than the first one has to spare.

    The second set is built cluster by cluster, and given up where no set that begins like it is cheap enough.

    Returns
    -------
    which, rest : (num_pairs,) int64
        The first set by its position, the second one by its mask.
    """
    which, rest = np.arange(len(masks)), np.zeros(len(masks), dtype=np.int64)
    for c, least in enumerate(tails):
        free = np.flatnonzero(masks[which] >> c & 1 == 0)
        which, rest = np.concatenate((which, which[free])), np.concatenate((rest, rest[free] | 1 << c))
        budget.spend(links=len(rest))
        left = np.flatnonzero(least[rest] <= spare[which])
        which, rest = which[left], rest[left]
    return which, rest


_EMPTY = (np.zeros(0, dtype=np.int64),) * 2


class Budget:
    """What may still be looked at and kept; whoever spends more raises `TooManyArcs`.

    Parameters
    ----------
    graphs : int
        How often as many arcs as one graph may have are allowed, if each graph is kept `apart` from those before.
    """

    def __init__(self, graphs: int = 1) -> None:
        self._links, self._arcs, self._all_arcs = MAX_LINKS, MAX_ARCS, graphs * MAX_ARCS

    def apart(self) -> None:
        """Begin another graph, while those before are not kept."""
        self._arcs = MAX_ARCS

    def spend(self, links: int = 0, arcs: int = 0) -> None:
        self._links -= links
        self._arcs -= arcs
        self._all_arcs -= arcs
        if min(self._links, self._arcs, self._all_arcs) < 0:
            raise TooManyArcs


def _unwind(front: Front, masks: Array, beyond: Array, most: int, budget: Budget) -> list[Arcs]:
    """Arcs from the first line to the middle on chains through given sets that cost at most ``most``, line by line."""
    found: list[Arcs] = []
    for line in reversed(range(len(front.costs) - 1)):
        steps = [(*_EMPTY, _EMPTY[0]), *_backwards(front, line, masks, beyond, most, budget)]
        before, after, cost = (np.concatenate(part) for part in zip(*steps, strict=True))
        found.append((before, after))
        masks, beyond = _cheapest(before, cost)
    return found[::-1]


def _backwards(
    front: Front, line: int, masks: Array, beyond: Array, most: int, budget: Budget
) -> Iterator[tuple[Array, Array, Array]]:
    """Sets before a line and after it, and what is paid from the line on."""
    sets, hop = front.sets, front.direction.hop
    size_of = sets.size(masks)
    for t, block in front.direction.moves(sets.n, line):
        mine = np.flatnonzero(size_of == t)
        if not mine.size or t - block not in front.costs[line]:
            continue
        budget.spend(links=mine.size * comb(t, block))
        costs, paid = front.costs[line][t - block], front.paid(line, block)
        onward = beyond[mine] + hop * sets.cut(masks[mine])
        for start in range(0, mine.size, _CHUNK):
            here, there = masks[mine[start : start + _CHUNK]], onward[start : start + _CHUNK]
            for rest, last in sets.splits(here, t, block):
                cost = paid[last] + there
                if (near := np.flatnonzero(costs[rest] + cost <= most)).size:
                    budget.spend(arcs=near.size)
                    yield sets.of_size(t - block)[rest[near]], here[near], cost[near]


def _cheapest(masks: Array, cost: Array) -> Arcs:
    """Distinct sets, and the least cost of each."""
    distinct, which = np.unique(masks, return_inverse=True)
    least = np.full(len(distinct), NEVER, dtype=np.int64)
    np.minimum.at(least, which, cost)
    return distinct, least
