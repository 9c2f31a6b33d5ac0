"""Sets at the borders of one direction that chains of at most a given cost go through, found from both ends at once.

The sets at a border are listed by their cut. What a chain through a set pays in front of the border, and what it pays
behind it, is bounded from below by what is known of the sets at the next border on either side; where both bounds
together are too much, no chain within the limit goes through the set, and it is dropped. The costs in front become
exact border by border, from both ends to the middle.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.placement.charges import Charges
from spinemap_exact.certificate.check.placement.ends import Arcs, End, Level
from spinemap_exact.certificate.check.placement.listing import Listing
from spinemap_exact.certificate.check.placement.sets import NEVER, Direction, Sets
from spinemap_exact.certificate.check.placement.subsets import Least

MAX_SETS = 2**24  # listed at one border: with their bounds half a gigabyte
_SHARES = 0.1, 0.4, 1.0  # of sets whose costs are not known yet: the cheapest first, which may rule others out
_SETS_PER_LINK = 8  # so many sets are passed in the time of one pair


class Levels:
    """Both ends of a direction, each with a level for every border up to the middle.

    If the number of lines is even, both ends have the border in the middle; else a line lies between them.

    Raises
    ------
    CertificateRejected
    """

    def __init__(self, direction: Direction, sets: Sets, charges: Charges, most: int, listing: Listing) -> None:
        self.direction, self.sets, self.charges, self.most, self.listing = direction, sets, charges, most, listing
        self.middle, self.odd = direction.num_lines // 2, direction.num_lines % 2 == 1
        ways = [direction] if direction == direction.reversed() else [direction, direction.reversed()]
        self.ends = [End(way, sets, charges, most, listing) for way in ways]
        self.front, self.back = self.ends[0], self.ends[-1]
        self._both = [(end, self.ends[-1 - e]) for e, end in enumerate(self.ends)]
        listing.spend(links=(direction.num_lines << sets.n) // _SETS_PER_LINK)
        for b in range(1, self.middle + 1):
            for end, level in zip(self.ends, self._listed(b), strict=True):
                end.levels.append(level)
        self._meet()
        for b in range(2, self.middle + 1):
            self._descend(b - 1)
            for share in _SHARES if b == self.middle else _SHARES[-1:]:
                for end in self.ends:
                    end.settle(b, share)
                    end.ascend(b)
                self._meet()

    def _between(self, b: int) -> int:
        """At most what any chain pays between border b and the same border seen from the other end."""
        lines, last = range(b, self.direction.num_lines - b), self.direction.num_lines - b
        return sum(self.front.least_block(line) for line in lines) + sum(
            self.front.least_border(q) for q in range(b + 1, last)
        )

    def _listed(self, b: int) -> list[Level]:
        """For each end, the sets at a border that chains within the limit may go through, as far as is known so far.

        Beside a set lies one without common members, at the same border from the other end; in the middle, its
        complement.
        """
        full, shared = self.sets.full, b == self.middle and not self.odd
        inside = [end.inside(b - 1) for end in self.ends]
        if shared:
            beside, between = inside, [other.least_block(b - 1) for _, other in self._both]
        else:
            beside, between = [], [self._between(b)] * len(self.ends)
            for (end, other), least in zip(self._both, inside, strict=True):
                known = Least(self.sets.n, self.most)
                for masks, border in self._cheap(end, other, b):
                    known.add(masks, end.bound(b, masks, least) + border)
                beside.append(known.of_subsets())
        found = []
        for e, (end, other) in enumerate(self._both):
            parts, count = [np.zeros((4, 0), dtype=np.int64)], 0
            for masks, border in self._cheap(end, other, b):
                ahead = end.bound(b, masks, inside[e]) + border
                beyond = beside[-1 - e](full ^ masks) + between[e]
                left = ahead + beyond <= self.most
                parts.append(np.stack((masks, border, ahead, beyond))[:, left])
                count += parts[-1].shape[1]
                if count > MAX_SETS:
                    self.listing.refuse()
            listed = np.concatenate(parts, axis=1)
            masks, border, ahead, beyond = listed[:, np.argsort(listed[0])]
            found.append(Level(masks, border, ahead, beyond, np.full(count, b == 1)))
        return found

    def _cheap(self, end: End, other: End, b: int) -> Iterator[tuple[Array, Array]]:
        """Sets at a border, and what the cut costs, where that alone leaves chains within the limit."""
        ends = end.least + end.least_block(b - 1) + other.least + other.least_block(b - 1)
        if b < self.middle or self.odd:
            ends += self._between(b) + other.least_border(b)
        sizes, hop = end.direction.sizes(self.sets.n, b), end.direction.hop
        for masks, border in self.sets.cheap(sizes, hop, max(-1, self.most - ends)):
            self.listing.spend(links=len(masks))
            yield masks, border

    def _meet(self) -> None:
        """Drop sets at the last borders by what the other end knows of what is behind them."""
        beyond = [self._behind_the_middle(end, other) for end, other in self._both]
        for end, behind in zip(self.ends, beyond, strict=True):
            end.behind(self.middle, behind)

    def _descend(self, last: int) -> None:
        """Drop sets by what follows the sets at the next border, from the middle to a border."""
        full = self.sets.full
        for end in self.ends:
            for b in range(self.middle - 1, last - 1, -1):
                after = end.levels[b + 1]
                least = Least(self.sets.n, self.most).add(full ^ after.masks, after.border + after.beyond).of_subsets()
                end.behind(b, least(full ^ end.levels[b].masks) + end.least_block(b))

    def _behind_the_middle(self, end: End, other: End) -> Array:
        """At most what follows each set at the last border of an end."""
        level, full = end.levels[-1], self.sets.full
        if self.odd:
            beyond: Array = other.inside(self.middle)(full ^ level.masks) + end.least_block(self.middle)
            return beyond
        beyond = np.full(len(level.masks), NEVER, dtype=np.int64)
        there = other.levels[-1]
        at = np.searchsorted(there.masks, full ^ level.masks)
        found = np.flatnonzero(at < len(there.masks))
        found = found[there.masks[at[found]] == full ^ level.masks[found]]
        beyond[found] = there.ahead[at[found]] - level.border[found]
        return beyond

    @property
    def floor(self) -> int:
        """At most what any chain pays."""
        return self._between(0)

    @property
    def ceiling(self) -> int:
        """At least what any chain pays."""
        direction, sets = self.direction, self.sets
        crossing = (direction.num_lines - 1) * int(sets.flow.sum()) + max(direction.away) * int(sets.inputs.sum())
        return direction.hop * crossing + self.charges.total

    @property
    def least(self) -> int:
        """What the cheapest chain pays, if that is within the limit; else something beyond it."""
        whole = self._across()[2] if self.odd else self.front.levels[-1].ahead + self.front.levels[-1].beyond
        return int(whole.min(initial=NEVER))

    def arcs(self) -> list[Arcs]:
        """For each line, all arcs on chains within the limit.

        Raises
        ------
        CertificateRejected
        """
        front, back, full = self.front.levels[-1], self.back.levels[-1], self.sets.full
        across: list[Arcs] = []
        behind = front.beyond, back.beyond
        if self.odd:
            tail, head, whole = self._across()
            across = [(front.masks[tail], full ^ back.masks[head])]
            behind = _cheapest(front, tail, whole) - front.ahead, _cheapest(back, head, whole) - back.ahead
        before = self.front.unwound(behind[0])
        after = before if self.front is self.back else self.back.unwound(behind[1])
        return [*before, *across, *((full ^ head, full ^ tail) for tail, head in reversed(after))]

    def _across(self) -> tuple[Array, Array, Array]:
        """Ways across the line in the middle: a set in front and one behind, by position, and what the chain pays."""
        front, back, full = self.front.levels[-1], self.back.levels[-1], self.sets.full
        parts = [np.zeros((3, 0), dtype=np.int64)]
        for tail, head, paid in self.front.joined(self.middle, full ^ back.masks, self.most - back.ahead):
            self.listing.spend(arcs=len(tail))
            parts.append(np.stack((tail, head, front.ahead[tail] + paid + back.ahead[head])))
        tail, head, whole = np.concatenate(parts, axis=1)
        return tail, head, whole


def _cheapest(level: Level, which: Array, costs: Array) -> Array:
    """For each set of a level, the least of the costs that are its own."""
    least = np.full(len(level.masks), NEVER, dtype=np.int64)
    np.minimum.at(least, which, costs)
    return least
