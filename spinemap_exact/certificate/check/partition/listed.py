"""Partition: a partition that is cheap enough consists of few clusters that can be listed, and of one other at most."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Partition
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.partition.clusters import MAX_SCALE, MAX_WORK, Case, Goal, Pricing, bits_of, walk
from spinemap_exact.certificate.check.witness import cluster_packets

MAX_LISTED = 200_000  # clusters
MAX_ENTRIES = 10**8  # of the table of listed clusters and units, a byte each
_STEP = 5  # shares that are looked at in the time of one step of listing
_AT_ONCE = 20  # entries of arrays looked at in the time of one share


@proves("listed", Partition)
def prove(instance: Partition, evidence: Field, claim: int | None) -> int | None:
    """Show that no partition sends fewer packets than the claim, and return the claim.

    For any values pi of the units and penalties sigma >= 0 of triples of units, let a cluster C be worth
    pi(C) - scale x cost(C) - (sigma of the triples of which C holds two units). Two clusters cannot both hold two units
    of a triple, so the worths in a partition add up to T - scale x its cost or more, T = sum pi - sum sigma. If it
    costs less than the claim, they add up to `need` = T - scale x (largest cost below the claim) at least.

    1. A pricing tree (`clusters.walk`) leaves no cluster worth more than ``above`` but those in nodes that it lists,
       which are enumerated here (`_Lister`). Then no cluster is worth more than m, the largest of 0, ``above`` and what
       was listed.
    2. With two clusters that are not listed, the worths of K clusters add up to 2 above + (K - 2) m at most. That must
       be less than `need`, so that a partition cheaper than the claim has one cluster at most that is not listed.
    3. All partitions into listed clusters, and one other at most, are tried (`_Search`), as far as their worths, that
       of the other being ``above`` at most, may add up to `need`.
    """
    fields = evidence.table("kind", "scale", "triples", "duals", "penalties", "above", "pricing")
    goal = Goal.of(instance, claim, fields["scale"].integer(1, MAX_SCALE))
    if claim is None or not goal.scale:
        evidence.rejected("a list of clusters bounds packets, nothing else")
    last = instance.num_units - 1
    triples = [triple.integers(3, 0, last) for triple in fields["triples"].items()]
    if any(len(set(triple)) < 3 for triple in triples):
        fields["triples"].rejected("a triple names a unit twice")
    duals = fields["duals"].integers(instance.num_units)
    penalties = fields["penalties"].integers(len(triples), low=0)
    above = fields["above"].integer()
    budget, case = Budget(MAX_WORK), Case(instance)
    pricing = Pricing(case, case.items(goal.scale, triples, penalties), duals)
    budget.spend(10 * pricing.num_shares)
    lister = Lister(pricing, goal.scale, list(zip(triples, penalties, strict=True)), above, budget)
    walk(pricing, above, fields["pricing"], budget, lister.enumerate)
    need = sum(duals) - sum(penalties) - goal.scale * goal.beyond
    most = max(0, above, *lister.found.values())
    if goal.clusters > 1 and 2 * above + (goal.clusters - 2) * most >= need:
        fields["above"].rejected(f"a cheaper partition may hold two clusters worth {above}, which is not listed")
    if cheaper := Search(instance, goal, lister.found, above, need, budget).run():
        evidence.rejected(f"a partition costs less than the claim: {[list(bits_of(c)) for c in cheaper]}")
    return claim


@dataclass
class Lister:
    """Finds the clusters of a node that are worth more than ``above``; keeps them as bit masks, with their worth."""

    pricing: Pricing
    scale: int
    triples: list[tuple[list[int], int]]
    above: int
    budget: Budget
    found: dict[int, int] = field(default_factory=dict)

    @cached_property
    def charged(self) -> list[tuple[int, int]]:
        """Triples with a penalty, as bit masks."""
        return [(sum(1 << u for u in triple), penalty) for triple, penalty in self.triples if penalty]

    def enumerate(self, inside: int, outside: int, leaf: Field) -> None:
        """Decide one unit after another, as long as the gains that the leaf gives add up to more than the limit.

        They bound the worth of every cluster that agrees with what is decided (`Pricing.bound`).
        """
        bound, gain = self.pricing.bound(inside, outside, leaf)
        case, limits = self.pricing.case, self.pricing.case.instance
        free = [u for u in range(len(gain)) if not (inside | outside) >> u & 1]
        free.sort(key=lambda u: -abs(gain[u]))
        axons = reduce(or_, (case.axons[u] for u in bits_of(inside)), 0)
        open_nodes = [(0, inside, axons, inside.bit_count(), bound)] if bound > self.above else []
        while open_nodes:
            k, members, axons, columns, bound = open_nodes.pop()
            self.budget.spend(_STEP)
            if k == len(free):
                self._keep(members, leaf)
                continue
            u = free[k]
            without = bound - max(0, gain[u])
            if without > self.above:
                open_nodes.append((k + 1, members, axons, columns, without))
            bound, axons = bound + min(0, gain[u]), axons | case.axons[u]
            if bound > self.above and columns < limits.max_columns and axons.bit_count() <= limits.max_rows:
                open_nodes.append((k + 1, members | 1 << u, axons, columns + 1, bound))

    def _keep(self, members: int, leaf: Field) -> None:
        """Put a cluster on the list if it is worth that much."""
        units = set(bits_of(members))
        self.budget.spend(_STEP * len(units) + len(self.triples))
        worth = sum(self.pricing.duals[u] for u in units)
        worth -= self.scale * cluster_packets(self.pricing.case.instance, units)
        if worth > self.above:  # most are not, even without penalties
            worth -= sum(penalty for triple, penalty in self.charged if (members & triple).bit_count() > 1)
        if units and worth > self.above:
            self.found[members] = worth
            if len(self.found) > min(MAX_LISTED, MAX_ENTRIES // len(self.pricing.duals)):
                leaf.rejected("the list is longer than the checker allows")


@dataclass(frozen=True)
class _Start:
    """Clusters chosen so far.

    Attributes
    ----------
    chosen : tuple of int
        Listed clusters.
    other : int
        Units that lie in the one cluster that is not listed; 0 if there is none as yet.
    worth : int
        Most that all of these are worth together.
    usable : array of int
        Listed clusters, by falling worth, that may still be chosen, but for those that ``chosen[-1]`` or the
        unit ``fresh``, if not None, rule out.
    """

    chosen: tuple[int, ...]
    other: int
    worth: int
    usable: Array
    fresh: int | None = None


class Search:
    """Looks for partitions into listed clusters, and one other at most, that are cheaper than the claim."""

    def __init__(
        self, instance: Partition, goal: Goal, listed: dict[int, int], above: int, need: int, budget: Budget
    ) -> None:
        self.instance, self.goal, self.above, self.need, self.budget = instance, goal, above, need, budget
        self.case, self.all_units = Case(instance), (1 << instance.num_units) - 1
        self.clusters = sorted(listed, key=lambda members: (-listed[members], members))
        self.worth = [listed[members] for members in self.clusters]
        self.units = [list(bits_of(members)) for members in self.clusters]
        self.held = np.zeros((len(listed), instance.num_units), dtype=bool)
        for i, units in enumerate(self.units):
            self.held[i, units] = True

    def run(self) -> list[int] | None:
        """Return a partition that is cheaper than the claim, as bit masks; None if there is none."""
        open_starts = [_Start((), 0, 0, np.arange(len(self.clusters)))]
        while open_starts:
            start = open_starts.pop()
            usable = self._usable(start)
            covered = reduce(or_, (self.clusters[i] for i in start.chosen), start.other)
            self.budget.spend(20 + len(usable) * self.instance.num_units // _AT_ONCE)
            if covered == self.all_units:
                partition = [self.clusters[i] for i in start.chosen] + [start.other] * (start.other > 0)
                if self._is_cheaper(partition):
                    return partition
                continue
            open_starts += self._next(start, usable, covered)
        return None

    def _usable(self, start: _Start) -> Array:
        """The clusters that share no unit with any that are chosen."""
        self.budget.spend(len(start.usable) // _AT_ONCE)
        usable = start.usable
        if start.fresh is not None:
            usable = usable[~self.held[usable, start.fresh]]
        elif start.chosen:
            units = self.units[start.chosen[-1]]
            self.budget.spend(len(usable) * len(units) // _AT_ONCE)
            usable = usable[~self.held[usable][:, units].any(axis=1)]
        return usable

    def _next(self, start: _Start, usable: Array, covered: int) -> list[_Start]:
        """Decide on a unit that few usable clusters hold: its cluster is one of these, or the other one."""
        left = self.goal.clusters - len(start.chosen) - (start.other > 0)
        if left == 0:
            usable = usable[:0]
        if self._may_reach(start, usable, left) < self.need:
            return []
        missing = list(bits_of(self.all_units & ~covered))
        times = self.held[usable][:, missing].sum(axis=0)
        u = missing[int(np.argmin(times))]
        found = []
        if left > 0 or start.other:
            other, worth = start.other | 1 << u, start.worth + (0 if start.other else self.above)
            if self.case.fits(other):
                found.append(_Start(start.chosen, other, worth, usable, u))
        enough = self.need - start.worth - (left - 1) * max(0, self.above, *self.worth[:1])
        for i in usable[self.held[usable, u]].tolist():
            if self.worth[i] < enough:
                break  # they are in order
            found.append(_Start((*start.chosen, i), start.other, start.worth + self.worth[i], usable))
        self.budget.spend(_STEP * len(found))
        return found

    def _may_reach(self, start: _Start, usable: Array, left: int) -> int:
        """Most that all clusters can be worth together if units are missing."""
        best = max(0, self.worth[usable[0]]) if len(usable) else 0
        if start.other:
            return start.worth + left * best
        if left == 0:
            return self.need - 1
        with_other = self.above + (left - 1) * best
        listed = max(self.worth[usable[0]], left * best) if len(usable) else with_other
        return start.worth + max(with_other, listed)

    def _is_cheaper(self, partition: list[int]) -> bool:
        """Tell whether the cost, which is a multiple of the grain, is below the claim."""
        cost = sum(cluster_packets(self.instance, set(bits_of(members))) for members in partition)
        self.budget.spend(_STEP * self.instance.num_units)
        return cost <= self.goal.beyond
