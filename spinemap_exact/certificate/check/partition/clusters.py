"""Partition: every objective is a sum over clusters, so bounds come from what a single cluster can be worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from math import gcd
from operator import or_
from typing import Any, Protocol

from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field, Preorder
from spinemap_exact.certificate.check.instance import Partition
from spinemap_exact.certificate.check.kinds import proves

MAX_SCALE = 10**9
MAX_WORK = 4 * 10**8  # shares and groups looked at: minutes


@dataclass(frozen=True)
class Item:
    """What a cluster pays once if it holds a reader and not the owner; an axon takes a row as well.

    The penalty of a triple spread over three groups is due only where a reader has ``company``: another one. A row may
    be ``spared`` by the owner.
    """

    price: int
    row: bool
    owner: int | None
    readers: tuple[int, ...]
    company: bool = False
    spared: bool = False


class Grouped(Protocol):
    """What is decided about a cluster, group by group: the units of each, the axons that it reads, and its foes.

    ``instance`` has ``max_rows`` and ``max_columns``.
    """

    @property
    def instance(self) -> Any: ...
    @property
    def groups(self) -> list[list[int]]: ...
    @property
    def axons(self) -> list[int]: ...
    @property
    def foes(self) -> list[int]: ...
    def fits(self, cluster: int, /) -> bool: ...


@dataclass(frozen=True)
class Case:
    """Pairs of units that lie together, or apart."""

    instance: Partition
    together: tuple[tuple[int, int], ...] = ()
    apart: tuple[tuple[int, int], ...] = ()

    @cached_property
    def group_of(self) -> list[int]:
        """Number of the group of each unit; groups are numbered by their lowest unit."""
        root = list(range(self.instance.num_units))
        for u, v in self.together:
            a, b = sorted((root[u], root[v]))
            root = [a if r == b else r for r in root]
        number = {r: g for g, r in enumerate(sorted(set(root)))}
        return [number[r] for r in root]

    @cached_property
    def groups(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in range(max(self.group_of, default=-1) + 1)]
        for u, g in enumerate(self.group_of):
            found[g].append(u)
        return found

    @cached_property
    def axons(self) -> list[int]:
        """Sources that each group reads, as a bit mask."""
        return [reduce(or_, (1 << k for u in units for k in self.instance.nets.pres[u]), 0) for units in self.groups]

    @cached_property
    def foes(self) -> list[int]:
        """Groups that each group lies apart from, as a bit mask."""
        found = [0] * len(self.groups)
        for u, v in self.apart:
            found[self.group_of[u]] |= 1 << self.group_of[v]
            found[self.group_of[v]] |= 1 << self.group_of[u]
        return found

    @property
    def is_empty(self) -> bool:
        """True if no partition is like this: a group lies apart from itself, or fits into no crossbar."""
        return any(not self.fits(1 << g) for g in range(len(self.groups)))

    def fits(self, cluster: int) -> bool:
        """Tell whether some groups, as a bit mask, may share a cluster."""
        members = list(bits_of(cluster))
        rows = reduce(or_, (self.axons[g] for g in members), 0).bit_count()
        columns = sum(len(self.groups[g]) for g in members)
        strife = any(self.foes[g] & cluster for g in members)
        return not strife and rows <= self.instance.max_rows and columns <= self.instance.max_columns

    def items(self, scale: int, triples: list[list[int]], penalties: list[int]) -> list[Item]:
        """Return all that a cluster pays, times the scale; ``scale`` is 0 where clusters are counted."""
        instance, items = self.instance, []
        for k, posts in enumerate(instance.nets.posts):
            if not posts:
                continue
            price = instance.nets.spikes[k] * scale
            owner = None if instance.nets.is_input[k] else self.group_of[k]
            reading = [self.group_of[u] for u in posts]
            readers = tuple(sorted(set(reading)))
            if instance.traffic == "per-tile":
                items.append(Item(price, True, owner, readers))
                continue
            items.append(Item(0, True, None, readers))
            items += [Item(price * reading.count(g), False, owner, (g,)) for g in readers if g != owner and price]
        for triple, penalty in zip(triples, penalties, strict=True):
            holders = [self.group_of[u] for u in triple]
            twice = tuple(sorted({g for g in holders if holders.count(g) > 1}))
            items.append(Item(penalty, False, None, twice or tuple(sorted(holders)), company=not twice))
        return items


@proves("clusters", Partition)
def prove(instance: Partition, evidence: Field, claim: int | None) -> int | None:
    """Show that no partition costs less than the claim, or that there is none, and return the claim.

    A case is closed if it is empty, or by duals: any values pi of the units, and penalties sigma >= 0 of triples of
    units. Two clusters cannot both hold two units of a triple. So if no cluster C of the case has
    pi(C) - cost(C) - (sigma of the triples of which C holds two) above ``most`` >= 0, then K clusters cost at least
    sum pi - sum sigma - K most; and where clusters are counted (cost 0), at least (sum pi - sum sigma) / most of them
    are there. ``most`` is chosen here: the largest with which the claim follows. The pricing tree has to show that no
    cluster is worth more (see `_price`).

    Otherwise the next entry splits the case by a pair of units: ``{"pair": [u, v]}``, together first, then apart.
    Crossbars of several types count as if each had the most rows and the most columns.
    """
    fields = evidence.table("kind", "scale", "triples", "tree")
    goal = Goal.of(instance, claim, fields["scale"].integer(1, MAX_SCALE))
    last = instance.num_units - 1
    triples = [triple.integers(3, 0, last) for triple in fields["triples"].items()]
    if any(len(set(triple)) < 3 for triple in triples):
        fields["triples"].rejected("a triple names a unit twice")
    budget = Budget(MAX_WORK)
    tree = Preorder(fields["tree"])
    open_cases = [Case(instance)]
    while open_cases:
        case = open_cases.pop()
        budget.spend(10 * instance.num_units + len(case.together) * instance.num_units)
        if case.is_empty:
            continue
        entry = tree.take()
        if isinstance(entry.value, dict) and "pair" in entry.value:
            u, v = entry.table("pair")["pair"].integers(2, 0, last)
            open_cases.append(Case(instance, case.together, (*case.apart, (u, v))))
            open_cases.append(Case(instance, (*case.together, (u, v)), case.apart))
        else:
            _close(case, entry, goal, triples, budget)
    tree.finish()
    return claim


@dataclass(frozen=True)
class Goal:
    """What a case has to prove: a cost, or a number of clusters.

    Attributes
    ----------
    clusters : int
        The most that any partition may use.
    scale : int
        Of the duals; prices are multiplied by it. Zero where clusters are counted.
    beyond : int
        The largest cost, or the largest number of clusters, below what is to be proven.
    """

    clusters: int
    scale: int
    beyond: int

    @classmethod
    def of(cls, instance: Partition, claim: int | None, scale: int) -> Goal:
        least_area = min(c.area for c in instance.crossbars)
        clusters = min(instance.max_clusters, instance.num_units)
        if all(c.count is not None for c in instance.crossbars):
            clusters = min(clusters, sum(c.count or 0 for c in instance.crossbars))
        if instance.max_area is not None:
            clusters = min(clusters, instance.max_area // least_area)
        if claim is None:
            return cls(clusters, 0, clusters)  # more clusters than there may be
        if instance.objective == "packets":
            grain = gcd(*instance.nets.spikes) or 1  # every partition costs a multiple
            return cls(clusters, scale, (claim - 1) // grain * grain)
        return cls(clusters, 0, -(-claim // (least_area if instance.objective == "area" else 1)) - 1)

    def most(self, total: int) -> int:
        """Most that a cluster may be worth if duals of this total are to prove the goal; may be negative."""
        if self.scale:
            return (total - self.scale * self.beyond - 1) // max(1, self.clusters)
        return (total - 1) // self.beyond if self.beyond > 0 else total - 1


def _close(case: Case, entry: Field, goal: Goal, triples: list[list[int]], budget: Budget) -> None:
    """Check that duals and a pricing tree close a case."""
    fields = entry.table("duals", "penalties", "pricing")
    duals = fields["duals"].integers(case.instance.num_units)
    penalties = fields["penalties"].integers(len(triples), low=0)
    most = goal.most(sum(duals) - sum(penalties))
    if most < 0:
        entry.rejected("the duals do not add up to the claim")
    pricing = Pricing(case, case.items(goal.scale, triples, penalties), [sum(duals[u] for u in g) for g in case.groups])
    budget.spend(10 * pricing.num_shares)
    walk(pricing, most, fields["pricing"], budget)


def walk(
    pricing: Pricing,
    most: int,
    tree: Field,
    budget: Budget,
    at_list: Callable[[int, int, Field], None] | None = None,
    start: tuple[int, int] = (0, 0),
) -> None:
    """Check that a pricing tree leaves no cluster of a worth above ``most``, but those that are listed.

    ``start`` has the groups that every cluster holds, and those that none does.

    With ``at_list``, an entry ``{"list": leaf}`` ends a node, and what the node may hold is handed over: groups inside
    and groups outside, as bit masks, and the numbers of the leaf.
    """
    case, entries = pricing.case, Preorder(tree)
    open_nodes = [(*start, True)]  # groups inside and groups outside, as bit masks; whether more are inside than before
    while open_nodes:
        inside, outside, grown = open_nodes.pop()
        budget.spend(len(case.groups) + 10)
        if grown:
            if not case.fits(inside):
                continue
            outside |= pricing.excluded(inside, outside)
        if inside & outside:
            continue
        leaf = entries.take()
        if isinstance(leaf.value, int):
            group = leaf.integer(0, len(case.groups) - 1)
            if (inside | outside) >> group & 1:
                leaf.rejected(f"group {group} is decided already")
            open_nodes += [(inside, outside | 1 << group, False), (inside | 1 << group, outside, True)]
            continue
        budget.spend(pricing.num_shares)
        if at_list is not None and isinstance(leaf.value, dict):
            at_list(inside, outside, leaf.table("list")["list"])
            continue
        worth, gain = pricing.bound(inside, outside, leaf)
        if worth <= most:
            continue
        more_inside, more_outside = pricing.forced(inside, outside, worth - most, gain)
        if not more_inside | more_outside:
            leaf.rejected(f"a cluster may be worth {worth}, the claim allows {most}")
        open_nodes.append((inside | more_inside, outside | more_outside, more_inside > 0))
    entries.finish()


@dataclass(frozen=True)
class Pricing:
    """What a cluster of groups may be worth at most: its duals less its cost."""

    case: Grouped
    items: list[Item]
    duals: list[int]

    @cached_property
    def shares(self) -> list[tuple[int, int]]:
        """(item, reader), numbered in this order by the leaves of the tree."""
        return [(e, g) for e, item in enumerate(self.items) for g in item.readers]

    @property
    def num_shares(self) -> int:
        return len(self.shares) + len(self.items)

    def excluded(self, inside: int, outside: int) -> int:
        """Groups, of those not outside yet, that do not fit beside those inside."""
        case, members = self.case, list(bits_of(inside))
        axons = reduce(or_, (case.axons[g] for g in members), 0)
        foes = reduce(or_, (case.foes[g] for g in members), 0)
        rows, room = case.instance.max_rows, case.instance.max_columns - sum(len(case.groups[g]) for g in members)
        found = foes & ~inside
        for g in bits_of(((1 << len(case.groups)) - 1) & ~(inside | outside | found)):
            if len(case.groups[g]) > room or (axons | case.axons[g]).bit_count() > rows:
                found |= 1 << g
        return found

    def forced(self, inside: int, outside: int, excess: int, gain: list[int]) -> tuple[int, int]:
        """Groups whose other decision loses all the excess of the bound: they are decided, in and out."""
        free = list(bits_of(((1 << len(gain)) - 1) & ~(inside | outside)))
        return sum(1 << g for g in free if gain[g] >= excess), sum(1 << g for g in free if -gain[g] >= excess)

    def bound(self, inside: int, outside: int, leaf: Field) -> tuple[int, list[int]]:
        """Bound the worth of clusters that hold ``inside`` and nothing of ``outside``, from the leaf's numbers.

        Returns the bound and what each group adds to it.

        The leaf gives prices mu >= 0 for a row and for a column, and shares v[e, g] >= 0 of item e that reader g pays.
        An item costs price_e if a reader is in the cluster and its owner is not, and mu_row if it takes a row. For any
        0 <= q_e <= price_e, if the shares v[e, g] of all readers that are not outside add up to mu_row + q_e at most,

            cost of e  >=  (mu_row + q_e) [a reader inside] - q_e [owner inside]
                       >=  sum of v[e, g] over readers inside - q_e [owner inside].

        The least such q_e is taken; without an owner, or with the owner outside, it costs nothing. So a group gains its
        duals, minus mu_column for each unit, minus its shares, plus the q_e it owns; groups inside gain just that, free
        ones that or nothing. Rows and columns, R and N at most, give back mu_row R + mu_column N.
        A penalty that needs company is paid by a reader beside which another reader is inside for certain. Where the
        owner spares the row, q_e is all that is paid.
        """
        numbers = leaf.integers(low=0)
        if len(numbers) % 2:
            leaf.malformed("not two prices followed by pairs of share and amount")
        if len(numbers) < 2:
            leaf.malformed("a leaf starts with the prices of a row and of a column")
        row, column = numbers[:2]
        case, shares, items = self.case, self.shares, self.items
        gain = [d - column * len(units) for d, units in zip(self.duals, case.groups, strict=True)]
        paid: dict[int, int] = {}
        for which, amount in zip(numbers[2::2], numbers[3::2], strict=True):
            if which >= len(shares):
                leaf.rejected(f"there is no share {which}")
            e, g = shares[which]
            if outside >> g & 1:
                continue
            if items[e].company and not any(inside >> other & 1 for other in items[e].readers if other != g):
                leaf.rejected(f"group {g} need not pay the penalty of item {e}")
            paid[e] = paid.get(e, 0) + amount
            gain[g] -= amount
        for e, amount in paid.items():
            item = items[e]
            above = amount - row if item.row else amount
            if above > item.price:
                leaf.rejected(f"the shares of item {e} exceed what it costs")
            above = amount if item.spared else above
            if above > 0 and item.owner is not None and not outside >> item.owner & 1:
                gain[item.owner] += above
        worth = row * case.instance.max_rows + column * case.instance.max_columns
        for g, value in enumerate(gain):
            if inside >> g & 1 or (value > 0 and not outside >> g & 1):
                worth += value
        return worth, gain


def bits_of(mask: int) -> Iterator[int]:
    """The groups of a set, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
