"""Look for multipliers and a tree of blocks that the checker accepts: placement on a mesh.

The checker's own deletion is used, so that what closes a case here closes it there.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Placement, read
from spinemap_exact.certificate.check.placement import blocks, lines, profiles
from spinemap_exact.certificate.check.placement.blocks import Case, Split
from spinemap_exact.certificate.check.placement.charges import Charges, extended, lengths
from spinemap_exact.certificate.check.placement.lines import relax
from spinemap_exact.errors import CertificateRejected
from spinemap_exact.solvers.placement.grid_dp import _paths

Evidence = dict[str, Any]
SCALE = 8
_ROOT_STEPS, _NODE_STEPS = 300, 25
_ROOT_LENGTH, _NODE_LENGTH, _PATIENCE = 0.5, 0.2, 12
_ROOTS, _LARGE, _FEW_ARCS = 4, 20, 20_000
_WORTH = 0.7  # multipliers are written down if they leave less than this share of the arcs
_MAX_ENTRIES = 200_000
_SMALL = 16  # clusters
_FEW_LEFT, _FEW_BRANCHES = 2000, 60  # arcs of a case that is closed by branches alone, if so many are enough
_TRIALS = 8  # multipliers of other pairs of profiles


def prove(problem: Any, claim: int, should_stop: Callable[[], bool], start: list[int] | None = None) -> Evidence | None:
    """Return evidence that no placement costs less than the claim; None if none was found in time.

    Parameters
    ----------
    start : list of int, optional
        Multipliers to begin with, as in the certificate.
    """
    instance = read(problem).instance
    assert isinstance(instance, Placement)
    n = instance.num_clusters
    both = np.array(start or [0] * lengths(n)[1], dtype=np.int64)
    found: list[Evidence | None] = []
    try:
        if profiles.applies(instance):
            found.append(_Search(instance, SCALE, claim, should_stop).profiles(both))
            if found[0] and n > _SMALL:
                return found[0]
        found.append(_Search(instance, SCALE, claim, should_stop).run(both))
        if n <= _SMALL:  # coarse multipliers, or none of triples, may give the shorter proof
            coarse = _Search(instance, 1, claim, should_stop).run(both // SCALE)
            found += [coarse, _Search(instance, SCALE, claim, should_stop).run(both[: lengths(n)[0]])]
    except CertificateRejected:
        return None
    return min((evidence for evidence in found if evidence), key=_length, default=None)


def _length(evidence: Evidence) -> int:
    return len(zlib.compress(json.dumps(evidence).encode()))


class _Search:
    def __init__(self, instance: Placement, scale: int, claim: int, should_stop: Callable[[], bool]) -> None:
        self.relaxation, self.should_stop = relax(instance, Field({}, "evidence"), scale), should_stop
        self.limit = blocks.below(self.relaxation, claim)
        self.n = self.relaxation.sets.n

    def run(self, start: Array) -> Evidence | None:
        found, root = self._root(start)
        if root is None:
            return self._lines(found["multipliers"]) or found
        multipliers = np.array(found["multipliers"], dtype=np.int64)
        return found if self._grow(root, multipliers, found["tree"]) else None

    def profiles(self, start: Array) -> Evidence | None:
        """Return evidence by pairs of profiles, where there are empty tiles."""
        shared, pairs = [start] if start.any() else [], []
        for pair in profiles.open_pairs(self.relaxation, Field({}, "evidence"), self.limit):
            tree: list[Evidence] = []
            if not self._pair(pair.case, shared, tree):
                return None
            pairs.append({"columns": list(pair.columns), "rows": list(pair.rows), "tree": tree})
        known = [_sparse(multipliers) for multipliers in shared]
        return {"kind": "profiles", "scale": self.relaxation.scale, "shared": known, "pairs": pairs}

    def _pair(self, root: Case, shared: list[Array], entries: list[Evidence]) -> bool:
        """Close a pair of profiles by what others have, or by multipliers of its own and a tree for each position."""
        left = blocks.reduce(root, self.limit)
        if left is None:
            return True
        start = np.zeros(lengths(self.n)[1], dtype=np.int64)
        for number in reversed(range(max(0, len(shared) - _TRIALS), len(shared))):
            after = blocks.reduce(left.charged(shared[number]), self.limit)
            if after is None or after.num_arcs < _WORTH * left.num_arcs:
                entries.append({"shared": number})
                if after is None:
                    return True
                left, start = after, shared[number]
        better = ascend(left, self.limit, _ROOT_STEPS, _ROOT_LENGTH, start)
        shared.append(better)
        entries.append({"shared": len(shared) - 1})
        left = blocks.reduce(left.charged(better), self.limit)
        if left is None:
            return True
        if left.empty is None or not left.empty.are_few:
            return self._grow(left, better, entries)
        entries.append({"positions": True})
        for tiles in left.empty.tiles():
            case = left.occupied(tiles)
            if not self._grow(case, extended(better, self.n, case.num_clusters), entries):
                return False
        return True

    def _grow(self, root: Case, start: Array, entries: list[Evidence]) -> bool:
        """Close a case by multipliers and branches; False if time is up, or a placement is found below the claim."""
        open_cases: list[tuple[Callable[[], Case | None], Array, bool]] = [(lambda: root, start, True)]
        while open_cases:
            if self.should_stop() or len(entries) > _MAX_ENTRIES:
                return False
            case, multipliers, fresh = open_cases.pop()
            left = blocks.reduce(case(), self.limit)
            if left is None:
                continue
            if fresh and (few := self._branches(left)) is not None:
                entries += few
                continue
            if fresh:
                better = ascend(left, self.limit, _NODE_STEPS, _NODE_LENGTH, multipliers)
                changed = left.charged(better)
                after = blocks.reduce(changed, self.limit)
                if after is None or after.num_arcs < _WORTH * left.num_arcs:
                    entries.append(_entry(better))
                    open_cases.append((partial(_itself, changed), better, False))
                    continue
            choice = _fewest_blocks(left)
            if choice is None:  # all blocks are certain, and without multipliers chains cost what their placement does
                if not multipliers.any():
                    return False  # a placement below the claim
                none = np.zeros_like(multipliers)
                entries.append(_entry(none))
                open_cases.append((partial(left.charged, none), none, False))
                continue
            entries.append({"branch": list(choice)})
            split = Split(left, self.limit, *choice)
            following = [(partial(split.child, block), multipliers, True) for block in range(split.num_cases)]
            open_cases += reversed(following)
        return True

    def _branches(self, left: Case) -> list[Evidence] | None:
        """A few branches that close a reduced case without other multipliers, which take more room; None if not."""
        if left.num_arcs > _FEW_LEFT:
            return None
        entries: list[Evidence] = []
        open_cases: list[Callable[[], Case | None]] = [partial(_itself, left)]
        while open_cases:
            case = blocks.reduce(open_cases.pop()(), self.limit)
            if case is None:
                continue
            choice = _fewest_blocks(case)
            if choice is None or len(entries) == _FEW_BRANCHES:
                return None
            entries.append({"branch": list(choice)})
            split = Split(case, self.limit, *choice)
            open_cases += [partial(split.child, block) for block in reversed(range(split.num_cases))]
        return entries

    def _root(self, start: Array) -> tuple[Evidence, Case | None]:
        """Improve the multipliers on all chains that matter, and again on those that matter then.

        Returns
        -------
        evidence
            Without the entries of its tree.
        case
            The chains that are left at the root; None if there are none.
        """
        best, attempts = start, _ROOTS if self.n <= _LARGE else 1
        while True:
            floor = None if self.relaxation.exchanges else self.relaxation.line(1, Charges.of(self.n, best)).least()
            found = {"kind": "blocks", "scale": self.relaxation.scale, "multipliers": best.tolist(), "floor": floor}
            found["tree"] = []
            root = blocks.extract(self.relaxation, best, self.limit, Field(floor, "floor"))
            left = root and blocks.reduce(root, self.limit)
            attempts -= 1
            if not left or not attempts:
                return found, left
            better = ascend(left, self.limit, _ROOT_STEPS, _ROOT_LENGTH, best)
            if np.array_equal(better, best) or left.num_arcs < _FEW_ARCS:
                return found, left
            best = better

    def _lines(self, multipliers: list[int]) -> Evidence | None:
        """The same without blocks, if symmetry was of no use."""
        evidence = {"kind": "lines", "scale": self.relaxation.scale, "multipliers": multipliers}
        proven = lines.prove(self.relaxation.instance, Field(evidence, "evidence"), None)
        return evidence if proven * self.relaxation.scale > self.limit else None


def ascend(case: Case, limit: int, steps: int, length: float, start: Array) -> Array:
    """Return better multipliers for the chains of a case."""
    x, y = (
        (*(a.astype(np.int32) for a in (c.tail, c.head)), c.cost, c.which.astype(np.int32), c.blocks, c.num_nodes)
        for c in case.chains
    )
    _, best, _ = _paths.ascend(case.num_clusters, *x, *y, start, limit + 1, steps, length, _PATIENCE)
    found: Array = best
    return found


def _sparse(multipliers: Array) -> list[int]:
    """Multipliers that are not zero, each behind its number."""
    numbers = np.flatnonzero(multipliers)
    listed: list[int] = np.stack((numbers, multipliers[numbers]), axis=1).ravel().tolist()
    return listed


def _entry(multipliers: Array) -> Evidence:
    """How multipliers stand in a tree."""
    listed = _sparse(multipliers)
    return {"sparse": listed} if len(listed) < len(multipliers) else {"multipliers": multipliers.tolist()}


def _itself(case: Case) -> Case:
    return case


def _fewest_blocks(case: Case) -> tuple[int, int] | None:
    """Direction and cluster whose block has the fewest possibilities, but not one; None where nothing is open.

    A block that is certain still forbids others in the other direction, unless that was done before.
    """
    options = []
    for direction, chains in enumerate(case.chains):
        across = case.chains[1 - direction].blocks
        holds = chains.blocks[:, None] >> np.arange(case.num_clusters) & 1
        count = holds.sum(axis=0)
        for block in {int(b) for b in holds[:, count == 1].argmax(axis=0)}:
            common = across & chains.blocks[block]
            if (common & (common - 1)).any():
                return direction, int(np.flatnonzero((holds[block] == 1) & (count == 1))[0])
        if (count > 1).any():
            cluster = int(np.where(count > 1, count, len(holds) + 1).argmin())
            options.append((int(count[cluster]), direction, cluster))
    if not options:
        return None
    _, direction, cluster = min(options)
    return direction, cluster
