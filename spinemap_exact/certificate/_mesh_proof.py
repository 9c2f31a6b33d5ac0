"""Look for multipliers and a tree of blocks that the checker accepts: placement on a mesh.

The checker's own deletion is used, so that what closes a case here closes it there.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from spinemap_exact.certificate.check import _blocks, _instance, _lines
from spinemap_exact.certificate.check._blocks import Case, Split
from spinemap_exact.certificate.check._chains import TooManyArcs
from spinemap_exact.certificate.check._charges import Charges, lengths
from spinemap_exact.certificate.check._field import Field
from spinemap_exact.certificate.check._lines import relax
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


def prove(problem: Any, claim: int, should_stop: Callable[[], bool], start: list[int] | None = None) -> Evidence | None:
    """Return evidence that no placement costs less than the claim; None if none was found in time.

    Parameters
    ----------
    start : list of int, optional
        Multipliers to begin with, as in the certificate.
    """
    instance = _instance.read(problem)[0]
    assert isinstance(instance, _instance.Placement)
    n = instance.num_clusters
    both = start or [0] * lengths(n)[1]
    try:
        found = [_Search(instance, SCALE, claim, should_stop).run(both)]
        if n <= _SMALL:  # coarse multipliers, or none of triples, may give the shorter proof
            coarse = _Search(instance, 1, claim, should_stop).run([value // SCALE for value in both])
            found += [coarse, _Search(instance, SCALE, claim, should_stop).run(both[: lengths(n)[0]])]
    except (CertificateRejected, TooManyArcs):
        return None
    return min((evidence for evidence in found if evidence), key=_length, default=None)


def _length(evidence: Evidence) -> int:
    return len(zlib.compress(json.dumps(evidence).encode()))


class _Search:
    def __init__(self, instance: _instance.Placement, scale: int, claim: int, should_stop: Callable[[], bool]) -> None:
        self.relaxation, self.should_stop = relax(instance, Field({}, "evidence"), scale), should_stop
        self.limit = _blocks.below(self.relaxation, claim)
        self.n = self.relaxation.sets.n

    def run(self, start: list[int]) -> Evidence | None:
        found, root = self._root(start)
        if root is None:
            return self._lines(found["multipliers"]) or found
        entries: list[Evidence] = found["tree"]
        open_cases: list[tuple[Case | tuple[Split, int], list[int], bool]] = [(root, found["multipliers"], True)]
        while open_cases:
            if self.should_stop() or len(entries) > _MAX_ENTRIES:
                return None
            case, multipliers, fresh = open_cases.pop()
            case = case if isinstance(case, Case) else case[0].child(case[1])
            left = _blocks.reduce(case, self.limit)
            if left is None:
                continue
            if fresh:
                better = ascend(self.n, left, self.limit, _NODE_STEPS, _NODE_LENGTH, multipliers)
                changed = Case.charged(left.chains, Charges.of(self.n, better))
                after = _blocks.reduce(changed, self.limit)
                if after is None or after.num_arcs < _WORTH * left.num_arcs:
                    entries.append({"multipliers": better})
                    open_cases.append((changed, better, False))
                    continue
            choice = _fewest_blocks(left, self.n)
            if choice is None:  # all blocks are certain, and without multipliers chains cost what their placement does
                if not any(multipliers):
                    return None  # a placement below the claim
                none = [0] * lengths(self.n)[0]
                entries.append({"multipliers": none})
                open_cases.append((Case.charged(left.chains, Charges.of(self.n, none)), none, False))
                continue
            direction, cluster = choice
            entries.append({"branch": [direction, cluster]})
            split = Split(left, self.limit, direction, cluster)
            open_cases += [((split, block), multipliers, True) for block in reversed(range(split.num_cases))]
        return found

    def _root(self, start: list[int]) -> tuple[Evidence, Case | None]:
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
            found = {"kind": "blocks", "scale": self.relaxation.scale, "multipliers": best, "floor": floor, "tree": []}
            root = _blocks.extract(self.relaxation, best, self.limit, Field(floor, "floor"))
            left = root and _blocks.reduce(root, self.limit)
            attempts -= 1
            if not left or not attempts:
                return found, left
            better = ascend(self.n, left, self.limit, _ROOT_STEPS, _ROOT_LENGTH, best)
            if better == best or left.num_arcs < _FEW_ARCS:
                return found, left
            best = better

    def _lines(self, multipliers: list[int]) -> Evidence | None:
        """The same without blocks, if symmetry was of no use."""
        evidence = {"kind": "lines", "scale": self.relaxation.scale, "multipliers": multipliers}
        proven = _lines.prove(self.relaxation.instance, Field(evidence, "evidence"), None)
        return evidence if proven * self.relaxation.scale > self.limit else None


def ascend(n: int, case: Case, limit: int, steps: int, length: float, start: list[int]) -> list[int]:
    """Return better multipliers for the chains of a case."""
    x, y = (
        (*(a.astype(np.int32) for a in (c.tail, c.head)), c.cost, c.which.astype(np.int32), c.blocks, c.num_nodes)
        for c in case.chains
    )
    begin = np.array(start, dtype=np.int64)
    _, best, _ = _paths.ascend(n, *x, *y, begin, limit + 1, steps, length, _PATIENCE)
    found: list[int] = best.tolist()
    return found


def _fewest_blocks(case: Case, n: int) -> tuple[int, int] | None:
    """Direction and cluster whose block has the fewest possibilities, but not one; None where nothing is open.

    A block that is certain still forbids others in the other direction, unless that was done before.
    """
    options = []
    for direction, chains in enumerate(case.chains):
        blocks, across = chains.blocks, case.chains[1 - direction].blocks
        for i in range(n):
            holding = blocks[blocks >> i & 1 == 1]
            common = across & holding[0]
            if len(holding) > 1 or (common & (common - 1)).any():
                options.append((len(holding), direction, i))
    if not options:
        return None
    _, direction, cluster = min(options)
    return direction, cluster
