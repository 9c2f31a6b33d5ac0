"""Placement on a mesh: the bound of the lines, followed by a tree over the blocks that hold a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, islice

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field, Preorder
from spinemap_exact.certificate.check.instance import Placement
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.placement.chains import NONE, Chains
from spinemap_exact.certificate.check.placement.charges import Charges, extended
from spinemap_exact.certificate.check.placement.lines import MAX_SCALE, Relaxation, read_multipliers, read_sparse, relax
from spinemap_exact.certificate.check.placement.sets import LARGEST_COST

MAX_WORK = 2 * 10**10  # arcs looked at in all trees: minutes
_POSITIONS = 10**5  # to look for sets of tiles takes as long as to look at so many arcs
_FEW = 64  # to sort one of so many arcs takes as long as to look at all
MAX_EMPTY, MAX_PATTERNS = 8, 200  # empty tiles whose positions are told apart, and sets of them


@dataclass(frozen=True)
class Margins:
    """How many tiles of each column and of each row are empty."""

    columns: tuple[int, ...]
    rows: tuple[int, ...]

    @property
    def are_few(self) -> bool:
        """True if there are empty tiles, but not too many to look at every set of them."""
        if not 0 < sum(self.columns) <= MAX_EMPTY:
            return False
        return next(islice(self.tiles(), MAX_PATTERNS, None), None) is None

    def tiles(self) -> Iterator[list[tuple[int, int]]]:
        """All sets of tiles, as (x, y), with these numbers: column by column, the lowest rows first."""
        begun: list[tuple[list[tuple[int, int]], tuple[int, ...], int]] = [([], self.rows, 0)]
        while begun:
            tiles, rows, x = begun.pop()
            if x < len(self.columns):
                begun += reversed(list(self._filled(tiles, rows, x)))
            elif not any(rows):
                yield tiles

    def _filled(
        self, tiles: list[tuple[int, int]], rows: tuple[int, ...], x: int
    ) -> Iterator[tuple[list[tuple[int, int]], tuple[int, ...], int]]:
        """The ways to choose the tiles of column x, with how many tiles of each row are left."""
        for chosen in combinations([y for y, left in enumerate(rows) if left], self.columns[x]):
            left = tuple(count - (y in chosen) for y, count in enumerate(rows))
            if max(left) < len(self.columns) - x:
                yield tiles + [(x, y) for y in chosen], left, x + 1


def _occupied(chains: Chains, lines: list[int], n: int) -> Chains:
    """The same chains with cluster n + e on line ``lines[e]``."""
    added = np.zeros(len(chains.ends), dtype=np.int64)
    for e, line in enumerate(lines):
        added[line] |= 1 << (n + e)
    masks = chains.blocks[chains.which] | np.repeat(added, np.diff((0, *chains.ends)))
    blocks, which = np.unique(masks, return_inverse=True)
    return replace(chains, blocks=blocks, which=which)


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
    num_clusters : int
        With one more for each empty tile whose position is known.
    through : two arrays of int64, optional
        Cost of the cheapest chain through each arc, where it is known.
    empty : Margins, optional
        Of empty tiles whose position is not known.
    """

    chains: tuple[Chains, Chains]
    weight: tuple[Array, Array]
    total: int
    num_clusters: int
    through: tuple[Array, Array] | None = None
    empty: Margins | None = None

    def charged(self, multipliers: Array) -> Case:
        """The same under other multipliers; those that are not given are zero."""
        charges = Charges.of(self.num_clusters, multipliers)
        x, y = (c.cost + charges.paid(c.blocks)[c.which] for c in self.chains)
        return replace(self, weight=(x, y), total=charges.total, through=None)

    def occupied(self, tiles: list[tuple[int, int]]) -> Case:
        """The same with these tiles empty and a cluster without flow on each of them, which has no multipliers yet."""
        x, y = (_occupied(c, [tile[d] for tile in tiles], self.num_clusters) for d, c in enumerate(self.chains))
        return replace(self, chains=(x, y), num_clusters=self.num_clusters + len(tiles), empty=None)

    @property
    def num_arcs(self) -> int:
        return sum(c.num_arcs for c in self.chains)


@proves("blocks", Placement)
def prove(instance: Placement, evidence: Field, claim: int | None) -> int:
    """Show that no placement costs less than the claim, and return the claim.

    Let Z be the largest cost below the claim. A placement of cost Z or less gives a chain in each direction with
    chain x + chain y - total <= Z for any multipliers (see `lines.prove`; total is what blocks pay at most), so each
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
    root = extract(relaxation, multipliers, limit, fields["floor"])
    if root is None:
        tree.finish()
    else:
        Walk(relaxation, limit, []).close(root, tree)
    return claim


class Walk:
    """Closes cases as the entries of trees say, or rejects them.

    Parameters
    ----------
    shared : list of Field
        Multipliers that entries refer to by number.
    work : int
        Arcs that may be looked at; what takes time besides counts as so many arcs.
    """

    def __init__(self, relaxation: Relaxation, limit: int, shared: list[Field], work: int = MAX_WORK) -> None:
        self.relaxation, self.limit, self.shared, self.budget = relaxation, limit, shared, Budget(work)

    def close(self, root: Case, tree: Preorder) -> None:
        open_cases: list[Callable[[], Case | None]] = [lambda: root]
        while open_cases:
            case = open_cases.pop()()
            if case is None:
                continue
            self.budget.spend(3 * case.num_arcs + 1000)
            left = reduce(case, self.limit)
            if left is not None:
                entry = tree.take()
                self.budget.spend(_POSITIONS if left.empty is not None else left.num_clusters**3)
                following = self._next(left, entry)
                self.budget.spend(len(following) * left.num_arcs)
                open_cases += reversed(following)
        tree.finish()

    def _next(self, left: Case, entry: Field) -> Sequence[Callable[[], Case | None]]:
        """Cases that follow."""
        named = entry.value.keys() if isinstance(entry.value, dict) else ()
        if "branch" in named:
            branch = entry.table("branch")["branch"]
            direction, cluster = branch.integers(2, 0, max(1, left.num_clusters - 1))
            if direction > 1 or cluster >= left.num_clusters:
                branch.rejected("no direction or no cluster of that number")
            split = Split(left, self.limit, direction, cluster)
            return [partial(split.child, block) for block in range(split.num_cases)]
        if "positions" in named:
            if entry.table("positions")["positions"].value is not True:
                entry.malformed("positions are told apart by true")
            if left.empty is None or not left.empty.are_few:
                entry.rejected("the positions of empty tiles are known, or too many")
            return [partial(left.occupied, tiles) for tiles in left.empty.tiles()]
        if "shared" in named:
            number = entry.table("shared")["shared"].integer(0, len(self.shared) - 1)
            own = self.relaxation.sets.n
            multipliers = extended(read_sparse(self.shared[number], own), own, left.num_clusters)
        elif "sparse" in named:
            multipliers = read_sparse(entry.table("sparse")["sparse"], left.num_clusters)
        else:
            multipliers = read_multipliers(entry.table("multipliers")["multipliers"], left.num_clusters)
        return [partial(left.charged, multipliers)]


def below(relaxation: Relaxation, claim: int) -> int:
    """Largest cost of a placement below the claim, scaled."""
    return (claim - 1) // relaxation.grain * relaxation.grain * relaxation.scale


def extract(relaxation: Relaxation, multipliers: Array, limit: int, floor: Field) -> Case | None:
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
        x = relaxation.line(0, Charges.of(relaxation.sets.n, np.zeros_like(multipliers))).below(limit // 2)
    else:
        floor.malformed("null, but columns and rows differ")
    x = led(relaxation, 0, x)
    if relaxation.exchanges:
        x = x.only(np.flatnonzero(x.through(x.cost) <= limit // 2))
    least = int(x.through(x.cost + charges.paid(x.blocks)[x.which]).min(initial=NONE))
    if lowest is None and least >= NONE:
        return None
    y = led(relaxation, 1, relaxation.line(1, charges).below(max(most - least, -1 if lowest is None else lowest - 1)))
    root = Case((x, y), (x.cost, y.cost), 0, relaxation.sets.n).charged(multipliers)
    if lowest is not None and int(y.through(root.weight[1]).min(initial=NONE)) < lowest:
        floor.rejected("a chain costs less")
    return root


def led(relaxation: Relaxation, direction: int, chains: Chains) -> Chains:
    """Chains that have the leader on the first half of the lines, if reflection allows to ask for that."""
    if not relaxation.reflects(direction):
        return chains
    line = np.repeat(np.arange(len(chains.ends)), np.diff((0, *chains.ends)))
    behind = chains.blocks >> relaxation.leader & 1 == 1
    return chains.only(np.flatnonzero((2 * line < len(chains.ends)) | ~behind[chains.which]))


def reduce(case: Case | None, limit: int) -> Case | None:
    """Delete arcs that no placement within the limit can use; None if no chain is left, or was none before.

    Once is enough: an arc that stays lies on a chain that costs no more than is allowed, and so does each arc of that
    chain, so that all of it stays and costs what it did.
    """
    if case is None or not all(c.num_arcs for c in case.chains):
        return None
    x, y = case.through or (c.through(weight) for c, weight in zip(case.chains, case.weight, strict=True))
    slack = limit + case.total - int(x.min()) - int(y.min())
    if slack < 0:
        return None
    left = [np.flatnonzero(by <= int(by.min()) + slack) for by in (x, y)]
    chains = case.chains[0].only(left[0]), case.chains[1].only(left[1])
    weight = case.weight[0][left[0]], case.weight[1][left[1]]
    return replace(case, chains=chains, weight=weight, through=(x[left[0]], y[left[1]]))


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
        self._through = case.through
        self._order = [np.argsort(through) for through in case.through]
        self._sorted = [through[order] for through, order in zip(case.through, self._order, strict=True)]
        self._least = np.full(len(mine.blocks), NONE, dtype=np.int64)
        np.minimum.at(self._least, mine.which, case.through[direction])

    @property
    def num_cases(self) -> int:
        return len(self._held)

    def child(self, number: int) -> Case | None:
        """The case of one of the blocks, in ascending order; None if what is known of its chains closes it."""
        block, d = self._held[number], self.direction
        mine, other = self.case.chains[d], self.case.chains[1 - d]
        across = self._below(1 - d, self.most - int(self._least[block]))
        common = other.blocks & mine.blocks[block]
        across = across[(common & (common - 1) == 0)[other.which[across]]]
        other, other_weight = other.some(across), self.case.weight[1 - d][across]
        beside = other.through(other_weight)
        least = int(beside.min(initial=NONE))
        if int(self._least[block]) + least > self.most:
            return None
        others = self._holds.copy()
        others[block] = False
        own = self._below(d, self.most - least)
        own = own[~others[mine.which[own]]]
        # most cases are closed soon: not worth forgetting nodes and blocks before
        mine, weight = mine.some(own), self.case.weight[d][own]
        sides = (mine, weight, mine.through(weight)), (other, other_weight, beside)
        chains, weights, through = zip(*(sides if d == 0 else sides[::-1]), strict=True)
        return replace(self.case, chains=chains, weight=weights, through=through)

    def _below(self, direction: int, most: int) -> Array:
        """Arcs on chains that cost no more than that, ascending."""
        count = int(np.searchsorted(self._sorted[direction], most, side="right"))
        if _FEW * count > len(self._sorted[direction]):
            return np.flatnonzero(self._through[direction] <= most)
        return np.sort(self._order[direction][:count])
