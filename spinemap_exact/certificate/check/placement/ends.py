"""Sets at the borders from one end of a direction to the middle, with bounds on what chains through them pay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil, comb

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.placement.charges import Charges
from spinemap_exact.certificate.check.placement.listing import Listing
from spinemap_exact.certificate.check.placement.sets import NEVER, Direction, Sets
from spinemap_exact.certificate.check.placement.subsets import Least, Subsets

_MOST_IN_TABLE, _MOST_BLOCKS = 2**25, 2**22  # sets of one size in a table; blocks of one size, or of a smaller one
_CHARGES_PER_LINK = 8  # so many multipliers are looked up in the time of one pair of sets
_CHUNK = 2**12  # sets looked at together: what belongs to them stays near the processor
Arcs = tuple[Array, Array]  # sets before a line and after it


@dataclass(frozen=True)
class Level:
    """Sets in front of one border.

    Attributes
    ----------
    masks : (num_sets,) int64
        Ascending.
    border : (num_sets,) int64
        What the cut costs.
    ahead, beyond : (num_sets,) int64
        At most what any chain through the set pays in front, border included, and at most what one within the limit
        pays behind.
    exact : (num_sets,) bool
        True where some chain pays just that in front.
    """

    masks: Array
    border: Array
    ahead: Array
    beyond: Array
    exact: Array

    def only(self, left: Array) -> Level:
        return Level(*(part[left] for part in (self.masks, self.border, self.ahead, self.beyond, self.exact)))


class End:
    """The borders from one end of a direction to the middle.

    Attributes
    ----------
    levels : list of Level
        For 0, 1, ... lines.
    """

    def __init__(self, direction: Direction, sets: Sets, charges: Charges, most: int, listing: Listing) -> None:
        self.direction, self.sets, self.charges, self.most, self.listing = direction, sets, charges, most, listing
        zero = np.zeros(1, dtype=np.int64)
        self.levels = [Level(zero, zero, zero, zero, zero == 0)]

    def least_block(self, line: int) -> int:
        """At most what any block pays on a line: for the smallest inputs, as many as it has at least."""
        size = min((size for _, size in self.direction.moves(self.sets.n, line)), default=0)
        return self.direction.hop * self.direction.away[line] * int(np.sort(self.sets.inputs)[:size].sum())

    def paid(self, line: int, blocks: Array) -> Array:
        """What blocks pay on a line: their multipliers, and for their inputs."""
        size = self.direction.room[line]
        self.listing.spend(links=len(blocks) * (comb(size, 2) + comb(size, 3)) // _CHARGES_PER_LINK)
        paid = self.charges.paid(blocks)
        if self.direction.away[line]:
            paid = paid + self.direction.hop * self.direction.away[line] * self.sets.entering(blocks)
        return paid

    def least_border(self, b: int) -> int:
        """At most what any cut costs at border b."""
        cuts = self.sets.least_cuts
        return self.direction.hop * min((cuts[t] for t in self.direction.sizes(self.sets.n, b)), default=0)

    def inside(self, b: int) -> Callable[[Array], Array]:
        """Return a function from sets to at most what any subset of each at border b pays in front."""
        if b == 0:
            return np.zeros_like
        level = self.levels[b]
        return Least(self.sets.n, self.most).add(level.masks, level.ahead).of_subsets()

    def bound(self, b: int, masks: Array, inside: Callable[[Array], Array]) -> Array:
        """At most what sets pay up to the line in front of border b, given what their subsets pay up to the one before.

        On the first line, that is what they pay.
        """
        return self.paid(0, masks) if b == 1 else inside(masks) + self.least_block(b - 1)

    def settle(self, b: int, share: float) -> None:
        """Find what sets at a border pay in front, given that of the border before: a share of those that are open."""
        level, line = self.levels[b], b - 1
        left = np.flatnonzero(~level.exact)
        chosen = left[np.argsort(level.ahead[left])[: ceil(share * left.size)]]
        moves, n = self.direction.moves(self.sets.n, line), self.sets.n
        # blocks of a size are made from those of smaller sizes, of which there may be more
        blocks = max((comb(n, min(size, n // 2)) for _, size in moves), default=0)
        fit = blocks <= _MOST_BLOCKS and all(comb(n, t - size) <= _MOST_IN_TABLE for t, size in moves)
        ahead, exact = level.ahead.copy(), level.exact.copy()
        ahead[chosen] = (self._by_splits if fit else self._by_pairs)(line, level.only(chosen))
        exact[chosen] = True
        self.levels[b] = replace(level, ahead=ahead, exact=exact).only(ahead + level.beyond <= self.most)

    def _by_splits(self, line: int, level: Level) -> Array:
        sets, before, ahead = self.sets, self.levels[line], np.full(len(level.masks), NEVER, dtype=np.int64)
        size_of, size_before = sets.size(level.masks), sets.size(before.masks)
        for t, size in self.direction.moves(sets.n, line):
            mine, known = np.flatnonzero(size_of == t), size_before == t - size
            self.listing.spend(links=mine.size * comb(t, size))
            table = np.full(comb(sets.n, t - size), NEVER, dtype=np.int64)
            table[sets.number(before.masks[known], t - size)] = before.ahead[known]
            paid = self.paid(line, sets.of_size(size))
            for start in range(0, mine.size, _CHUNK):
                chosen = mine[start : start + _CHUNK]
                best = ahead[chosen]
                for rest, last in sets.splits(level.masks[chosen], t, size):
                    np.minimum(best, table[rest] + paid[last], out=best)
                ahead[chosen] = best
        return ahead + level.border

    def _by_pairs(self, line: int, level: Level) -> Array:
        before, ahead = self.levels[line], np.full(len(level.masks), NEVER, dtype=np.int64)
        for listed, which, paid in self.joined(line, level.masks, self.most - level.border - level.beyond):
            np.minimum.at(ahead, which, before.ahead[listed] + paid)
        return ahead + level.border

    def ascend(self, first: int) -> None:
        """Drop sets by what is in front of the sets at the border before, from one border to the middle."""
        for b in range(first + 1, len(self.levels)):
            level = self.levels[b]
            ahead = np.maximum(level.ahead, self.bound(b, level.masks, self.inside(b - 1)) + level.border)
            self.levels[b] = replace(level, ahead=ahead).only(ahead + level.beyond <= self.most)

    def behind(self, b: int, beyond: Array) -> None:
        """Drop sets at a border by what is paid at least behind it."""
        level = self.levels[b]
        beyond = np.maximum(level.beyond, beyond)
        self.levels[b] = replace(level, beyond=beyond).only(level.ahead + beyond <= self.most)

    def joined(self, line: int, after: Array, spare: Array) -> Iterator[tuple[Array, Array, Array]]:
        """Ways across a line: sets before it and after it, by position, and what the block between them pays.

        What is paid up to the line and on it is no more than what each set after it has to spare.
        """
        room, before = self.direction.room[line], self.levels[line]
        subsets = Subsets(self.sets.n, before.masks, before.ahead, self.most)
        for which, listed in subsets.inside(after, spare - self.least_block(line), self.listing):
            blocks = after[which] ^ before.masks[listed]
            paid = self.paid(line, blocks)
            good = np.flatnonzero((before.ahead[listed] + paid <= spare[which]) & (self.sets.size(blocks) <= room))
            yield listed[good], which[good], paid[good]

    def unwound(self, beyond: Array) -> list[Arcs]:
        """Arcs on each line up to the middle, given what is paid at least behind each set at the last border."""
        found: list[Arcs] = []
        for line in reversed(range(len(self.levels) - 1)):
            level = replace(self.levels[line + 1], beyond=beyond)
            level = level.only(level.ahead + beyond <= self.most)
            onward, before = level.border + level.beyond, self.levels[line]
            parts, beyond = [np.zeros((2, 0), dtype=np.int64)], np.full(len(before.masks), NEVER, dtype=np.int64)
            for listed, which, paid in self.joined(line, level.masks, self.most - onward):
                self.listing.spend(arcs=len(listed))
                parts.append(np.stack((before.masks[listed], level.masks[which])))
                np.minimum.at(beyond, listed, paid + onward[which])
            tail, head = np.concatenate(parts, axis=1)
            found.append((tail, head))
        return found[::-1]

    @property
    def least(self) -> int:
        """At most what any chain pays up to the last of the levels."""
        return int(self.levels[-1].ahead.min(initial=NEVER))
