"""Placement on a mesh: the bound of the lines, followed by a tree over the blocks that hold a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check import _chains
from spinemap_exact.certificate.check._chains import NONE, Chains
from spinemap_exact.certificate.check._charges import Charges
from spinemap_exact.certificate.check._field import Field, Preorder
from spinemap_exact.certificate.check._instance import Placement
from spinemap_exact.certificate.check._lines import MAX_SCALE, Relaxation, relax
from spinemap_exact.certificate.check._sets import LARGEST_COST

MAX_WORK = 4 * 10**9  # arcs looked at: minutes


@dataclass(frozen=True)
class Case:
    """The chains that are left in both directions, under some multipliers.

    Attributes
    ----------
    chains : chains x and chains y
    weight : two arrays of int64
        What each arc costs, multipliers included.
    total : int
        What all blocks of both directions together pay at most.
    through : two arrays of int64, optional
        Cost of the cheapest chain through each arc, once the case is reduced.
    """

    chains: tuple[Chains, Chains]
    weight: tuple[Array, Array]
    total: int
    through: tuple[Array, Array] | None = None

    @classmethod
    def charged(cls, chains: tuple[Chains, Chains], charges: Charges) -> Case:
        x, y = (c.cost + charges.paid(c.blocks)[c.which] for c in chains)
        return cls(chains, (x, y), charges.total)

    @property
    def num_arcs(self) -> int:
        return sum(c.num_arcs for c in self.chains)


def prove(instance: Placement, evidence: Field, claim: int | None) -> int:
    """Show that no placement costs less than the claim, and return the claim.

    Let Z be the largest cost below the claim. A placement of cost Z or less gives a chain in each direction with
    chain x + chain y - total <= Z for any multipliers (see `_lines.prove`; total is what blocks pay at most), so each
    of its arcs lies on a chain that costs at most Z + total - (the least chain of the other direction). All other arcs
    may be deleted, again and again, and with other multipliers too. Where no chain is left, the case is closed.

    A case may be split by the block that holds a cluster in one direction: exactly one does, and in the other
    direction no block then shares two clusters with it. A case is closed, or the next entry of the tree says how to go
    on: ``{"multipliers": [...]}`` or ``{"branch": [direction, cluster]}``, whose cases follow in ascending order of
    the block as a binary number.
    """
    fields = evidence.table("kind", "scale", "multipliers", "floor", "tree")
    if claim is None:
        evidence.rejected("on a mesh with enough tiles something is always feasible")
    relaxation = relax(instance, evidence, fields["scale"].integer(1, MAX_SCALE))
    multipliers = relaxation.read(fields["multipliers"])
    limit = below(relaxation, claim)
    if limit > LARGEST_COST:
        evidence.rejected("no placement costs as much as the claim says")
    tree = Preorder(fields["tree"])
    try:
        root = extract(relaxation, multipliers, limit, fields["floor"])
    except _chains.TooManyArcs:
        evidence.rejected("more chains are left at the root than the checker can hold")
    if root is not None:
        follow(relaxation, root, limit, tree)
    tree.finish()
    return claim


def follow(relaxation: Relaxation, root: Case, limit: int, tree: Preorder) -> None:
    """Close a case as the entries of the tree say, or reject."""
    work = MAX_WORK
    open_cases: list[Case | tuple[Split, int]] = [root]
    while open_cases:
        case = open_cases.pop()
        if not isinstance(case, Case):
            work -= case[0].case.num_arcs
            case = case[0].child(case[1])
        work -= 3 * case.num_arcs + 1000
        if work < 0:
            tree.rejected("the tree takes longer than the checker allows")
        left = reduce(case, limit)
        if left is None:
            continue
        entry = tree.take()
        if isinstance(entry.value, dict) and "branch" in entry.value:
            branch = entry.table("branch")["branch"]
            direction, cluster = branch.integers(2, 0, max(1, relaxation.sets.n - 1))
            if direction > 1 or cluster >= relaxation.sets.n:
                branch.rejected("no direction or no cluster of that number")
            split = Split(left, limit, direction, cluster)
            open_cases += [(split, block) for block in reversed(range(split.num_cases))]
        else:
            others = relaxation.read(entry.table("multipliers")["multipliers"])
            open_cases.append(Case.charged(left.chains, Charges.of(relaxation.sets.n, others)))


def below(relaxation: Relaxation, claim: int) -> int:
    """Largest cost of a placement below the claim, scaled."""
    return (claim - 1) // relaxation.grain * relaxation.grain * relaxation.scale


def extract(relaxation: Relaxation, multipliers: list[int], limit: int, floor: Field) -> Case | None:
    """Return all chains that a placement within the limit can have, up to symmetry; None if there are none.

    If columns and rows may be exchanged, the columns shall cost no more than the rows, hence half of the limit at most.
    That or the floor, of which it is verified that no chain y costs less, says which chains x matter; the least of
    these says which chains y do. Where a direction may be reflected, the leader shall lie on the first half of its
    lines; an exchange comes first, since reflections leave the costs of both directions alone.
    """
    charges = Charges.of(relaxation.sets.n, multipliers)
    most, lowest = limit + charges.total, None if floor.is_null else floor.integer(0)
    if lowest is not None:
        x = relaxation.line(0, charges).below(most - lowest)
    elif relaxation.exchanges:
        x = relaxation.line(0, Charges.of(relaxation.sets.n, [0] * len(multipliers))).below(limit // 2)
    else:
        floor.malformed("null, but columns and rows differ")
    x = _led(relaxation, 0, x)
    if relaxation.exchanges:
        x = x.only(np.flatnonzero(x.through(x.cost) <= limit // 2))
    least = int(x.through(x.cost + charges.paid(x.blocks)[x.which]).min(initial=NONE))
    if lowest is None and least >= NONE:
        return None
    y = _led(relaxation, 1, relaxation.line(1, charges).below(max(most - least, -1 if lowest is None else lowest - 1)))
    root = Case.charged((x, y), charges)
    if lowest is not None and int(y.through(root.weight[1]).min(initial=NONE)) < lowest:
        floor.rejected("a chain costs less")
    return root


def _led(relaxation: Relaxation, direction: int, chains: Chains) -> Chains:
    """Chains that have the leader on the first half of the lines, if reflection allows to ask for that."""
    if not relaxation.reflects(direction):
        return chains
    line = np.repeat(np.arange(len(chains.ends)), np.diff((0, *chains.ends)))
    behind = chains.blocks >> relaxation.leader & 1 == 1
    return chains.only(np.flatnonzero((2 * line < len(chains.ends)) | ~behind[chains.which]))


def reduce(case: Case, limit: int) -> Case | None:
    """Delete arcs that no placement within the limit can use; None if no chain is left.

    Once is enough: an arc that stays lies on a chain that costs no more than is allowed, and so does each arc of that
    chain, so that all of it stays and costs what it did.
    """
    if not all(c.num_arcs for c in case.chains):
        return None
    x, y = (c.through(weight) for c, weight in zip(case.chains, case.weight, strict=True))
    slack = limit + case.total - int(x.min()) - int(y.min())
    if slack < 0:
        return None
    return _part(case, (x, y), [np.flatnonzero(by <= int(by.min()) + slack) for by in (x, y)])


def _part(case: Case, through: tuple[Array, Array] | None, left: list[Array]) -> Case:
    """Some of the arcs of both directions, by ascending positions."""
    x, y = (c.only(k) for c, k in zip(case.chains, left, strict=True))
    weight = case.weight[0][left[0]], case.weight[1][left[1]]
    by = None if through is None else (through[0][left[0]], through[1][left[1]])
    return Case((x, y), weight, case.total, by)


class Split:
    """A reduced case, split by the block that holds a cluster in one direction.

    In the case of a block B, each chain of this direction goes through an arc of B, and the cheapest one costs what the
    cheapest of these arcs says. Arcs that are not on any chain cheap enough beside that are left out at once: they
    would be deleted anyway, since chains do not get cheaper where arcs go.
    """

    def __init__(self, case: Case, limit: int, direction: int, cluster: int) -> None:
        assert case.through is not None
        self.case, self.direction, self.most = case, direction, limit + case.total
        mine = case.chains[direction]
        self._holds = mine.blocks >> cluster & 1 == 1
        self._held = np.flatnonzero(self._holds)
        self._order = [np.argsort(through) for through in case.through]
        self._sorted = [through[order] for through, order in zip(case.through, self._order, strict=True)]
        self._least = np.full(len(mine.blocks), NONE, dtype=np.int64)
        np.minimum.at(self._least, mine.which, case.through[direction])

    @property
    def num_cases(self) -> int:
        return len(self._held)

    def child(self, number: int) -> Case:
        """The case of one of the blocks, in ascending order."""
        block = self._held[number]
        d, (mine, other) = self.direction, (self.case.chains[self.direction], self.case.chains[1 - self.direction])
        across = self._below(1 - d, self.most - int(self._least[block]))
        common = other.blocks & mine.blocks[block]
        across = across[(common & (common - 1) == 0)[other.which[across]]]
        least = int(self.case.through[1 - d][across].min(initial=NONE)) if self.case.through else NONE
        own = self._below(d, self.most - least)
        others = self._holds.copy()
        others[block] = False
        own = own[~others[mine.which[own]]]
        return _part(self.case, None, [across, own] if d else [own, across])

    def _below(self, direction: int, most: int) -> Array:
        """Arcs on chains that cost no more than that, ascending."""
        return np.sort(self._order[direction][: np.searchsorted(self._sorted[direction], most, side="right")])
