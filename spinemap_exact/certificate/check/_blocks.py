"""Placement on a mesh: the bound of the lines, followed by a tree over the blocks that hold a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check import _chains
from spinemap_exact.certificate.check._chains import Chains
from spinemap_exact.certificate.check._charges import Charges
from spinemap_exact.certificate.check._field import Field, Preorder
from spinemap_exact.certificate.check._instance import Placement
from spinemap_exact.certificate.check._lines import MAX_SCALE, Relaxation, relax
from spinemap_exact.certificate.check._sets import LARGEST_COST, NEVER

MAX_WORK = 4 * 10**9  # arcs looked at: minutes
_ROUNDS = 3


@dataclass(frozen=True)
class Case:
    """The chains that are left in both directions, and the multipliers in force.

    ``paid`` is what the multipliers charge each block of either direction.
    """

    chains: tuple[Chains, Chains]
    charges: Charges
    paid: tuple[Array, Array]

    @classmethod
    def charged(cls, chains: tuple[Chains, Chains], charges: Charges) -> Case:
        x, y = chains
        return cls(chains, charges, (charges.paid(x.blocks), charges.paid(y.blocks)))

    def only(self, x: Chains, y: Chains) -> Case:
        """The same with chains made of some of the arcs: what a block pays stays what it was."""
        place = [np.searchsorted(c.blocks, left.blocks) for c, left in zip(self.chains, (x, y), strict=True)]
        return Case((x, y), self.charges, (self.paid[0][place[0]], self.paid[1][place[1]]))

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
    work = MAX_WORK
    try:
        root = extract(relaxation, multipliers, limit, fields["floor"])
    except _chains.TooManyArcs:
        evidence.rejected("more chains are left at the root than the checker can hold")
    open_cases = [root] if root else []
    while open_cases:
        case = open_cases.pop()
        work -= (2 * _ROUNDS + 1) * case.num_arcs + 1000
        if work < 0:
            evidence.rejected("the tree takes longer than the checker allows")
        left = reduce(case, limit)
        if left is None:
            continue
        entry = tree.take()
        if isinstance(entry.value, dict) and "branch" in entry.value:
            branch = entry.table("branch")["branch"]
            direction, cluster = branch.integers(2, 0, max(1, relaxation.sets.n - 1))
            if direction > 1 or cluster >= relaxation.sets.n:
                branch.rejected("no direction or no cluster of that number")
            open_cases += list(reversed(children(left, direction, cluster)))
        else:
            others = relaxation.read(entry.table("multipliers")["multipliers"])
            open_cases.append(Case.charged(left.chains, Charges.of(relaxation.sets.n, others)))
    tree.finish()
    return claim


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
        x = x.only(x.through(np.zeros(len(x.blocks), dtype=np.int64)) <= limit // 2)
    through = x.through(charges.paid(x.blocks))
    least = int(through.min(initial=NEVER))
    if lowest is None and least == NEVER:
        return None
    y = _led(relaxation, 1, relaxation.line(1, charges).below(max(most - least, -1 if lowest is None else lowest - 1)))
    if lowest is not None and int(y.through(charges.paid(y.blocks)).min(initial=NEVER)) < lowest:
        floor.rejected("a chain costs less")
    return Case.charged((x, y), charges) if x.num_arcs and y.num_arcs else None


def _led(relaxation: Relaxation, direction: int, chains: Chains) -> Chains:
    """Chains that have the leader on the first half of the lines, if reflection allows to ask for that."""
    if not relaxation.reflects(direction):
        return chains
    line = np.repeat(np.arange(len(chains.ends)), np.diff((0, *chains.ends)))
    behind = chains.blocks >> relaxation.leader & 1 == 1
    return chains.only((2 * line < len(chains.ends)) | ~behind[chains.which])


def reduce(case: Case, limit: int) -> Case | None:
    """Delete arcs that no placement within the limit can use; None if no chain is left."""
    for _ in range(_ROUNDS):
        x, y = case.chains
        if not (x.num_arcs and y.num_arcs):
            return None
        by_x, by_y = x.through(case.paid[0]), y.through(case.paid[1])
        slack = limit + case.charges.total - int(by_x.min()) - int(by_y.min())
        if slack < 0:
            return None
        before = case.num_arcs
        case = case.only(x.only(by_x <= int(by_x.min()) + slack), y.only(by_y <= int(by_y.min()) + slack))
        if 10 * case.num_arcs > 9 * before:
            break
    return case


def children(case: Case, direction: int, cluster: int) -> list[Case]:
    """One case for each block that can hold the cluster."""
    mine, other = case.chains[direction], case.chains[1 - direction]
    holds = mine.blocks >> cluster & 1 == 1
    cases = []
    for block in mine.blocks[holds]:
        common = other.blocks & block
        own = mine.only((~holds | (mine.blocks == block))[mine.which])
        across = other.only((common & (common - 1) == 0)[other.which])
        cases.append(case.only(across, own) if direction else case.only(own, across))
    return cases
