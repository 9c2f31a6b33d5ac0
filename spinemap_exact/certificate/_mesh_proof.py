"""Look for multipliers and a tree of blocks that the checker accepts: placement on a mesh.

The checker's own deletion is used, so that what closes a case here closes it there.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check import _blocks, _instance
from spinemap_exact.certificate.check._blocks import Case
from spinemap_exact.certificate.check._chains import Chains, TooManyArcs
from spinemap_exact.certificate.check._charges import Charges, lengths, triples_of
from spinemap_exact.certificate.check._field import Field
from spinemap_exact.certificate.check._lines import relax
from spinemap_exact.errors import CertificateRejected

SCALE = 8
_ROOT_STEPS, _NODE_STEPS = 60, 20
_WORTH = 0.7  # multipliers are written down if they leave less than this share of the arcs
_MAX_ENTRIES = 200_000
_SMALL = 16  # clusters


def prove(
    problem: Any, claim: int, should_stop: Callable[[], bool], start: list[int] | None = None
) -> dict[str, Any] | None:
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


def _length(evidence: dict[str, Any]) -> int:
    return len(zlib.compress(json.dumps(evidence).encode()))


class _Search:
    def __init__(self, instance: _instance.Placement, scale: int, claim: int, should_stop: Callable[[], bool]) -> None:
        self.relaxation, self.should_stop = relax(instance, Field({}, "evidence"), scale), should_stop
        self.limit = _blocks.below(self.relaxation, claim)

    def run(self, start: list[int]) -> dict[str, Any] | None:
        best = self._ascend_at_root(start)
        if best is None:
            return None
        entries: list[dict[str, Any]] = []
        root = _blocks.extract(self.relaxation, best, self.limit)
        if root is None:
            return {"kind": "lines", "scale": self.relaxation.scale, "multipliers": best}
        open_cases = [(root, best, True)]
        while open_cases:
            if self.should_stop() or len(entries) > _MAX_ENTRIES:
                return None
            case, multipliers, fresh = open_cases.pop()
            left = _blocks.reduce(case, self.limit)
            if left is None:
                continue
            if fresh:
                better = ascend(left, self.limit, _NODE_STEPS, multipliers)
                changed = Case(left.chains, Charges.of(self.relaxation.sets.n, better))
                after = _blocks.reduce(changed, self.limit)
                if after is None or after.num_arcs < _WORTH * left.num_arcs:
                    entries.append({"multipliers": better})
                    open_cases.append((changed, better, False))
                    continue
            choice = _fewest_blocks(left, self.relaxation.sets.n)
            if choice is None:  # all blocks are certain, and without multipliers chains cost what their placement does
                if not any(multipliers):
                    return None  # a placement below the claim
                none = [0] * lengths(self.relaxation.sets.n)[0]
                entries.append({"multipliers": none})
                open_cases.append((Case(left.chains, Charges.of(self.relaxation.sets.n, none)), none, False))
                continue
            direction, cluster = choice
            entries.append({"branch": [direction, cluster]})
            open_cases += [(child, multipliers, True) for child in reversed(_blocks.children(left, direction, cluster))]
        return {"kind": "blocks", "scale": self.relaxation.scale, "multipliers": best, "tree": entries}

    def _ascend_at_root(self, start: list[int]) -> list[int] | None:
        """Improve the multipliers on all chains that matter, and again on those that matter then."""
        best = start
        for _ in range(4):
            if self.should_stop():
                return None
            root = _blocks.extract(self.relaxation, best, self.limit)
            left = root and _blocks.reduce(root, self.limit)
            if not left:
                return best
            better = ascend(left, self.limit, _ROOT_STEPS, best)
            if better == best or left.num_arcs < 20_000:
                return better
            best = better
        return best


def ascend(case: Case, limit: int, steps: int, start: list[int]) -> list[int]:
    """Return better multipliers: subgradient steps of Polyak's length towards the limit."""
    n = len(case.charges.pair) - 1
    weight, best, best_value = np.array(start, dtype=float), start, None
    direction, length = np.zeros_like(weight), 1.0
    for step in range(steps):
        rounded = np.rint(weight).astype(np.int64).tolist()
        charges = Charges.of(n, rounded)
        value, together = -charges.total, np.zeros_like(weight)
        for chains in case.chains:
            through = chains.through(charges.paid(chains.blocks))
            least = int(through.min())
            value += least
            together += _put_together(chains, through == least, n, len(weight))
        if best_value is None or value > best_value:
            best_value, best = value, rounded
        elif step % 5 == 4:
            length *= 0.7
        if value > limit:
            break
        excess = together - _most_together(n, len(weight))
        gradient = np.where((excess > 0) | (weight > 0), excess, 0)
        direction = 0.3 * gradient + 0.7 * direction if step else gradient
        norm = float((direction * direction).sum())
        if norm == 0:
            break
        weight = np.maximum(0, weight + length * (limit + 1 - value) / norm * direction)
    return best


def _put_together(chains: Chains, tight: Array, n: int, length: int) -> Array:
    """(length,): how often one cheapest chain puts each pair, and each triple, together."""
    next_arc = {int(chains.tail[a]): a for a in np.flatnonzero(tight)}
    same = np.zeros((n, n))
    node = 0
    while node in next_arc:
        arc = next_arc[node]
        members = (int(chains.blocks[chains.which[arc]]) >> np.arange(n)) & 1
        same += np.outer(members, members)
        node = int(chains.head[arc])
    pairs = same[np.tril_indices(n, -1)]
    if len(pairs) == length:
        return pairs
    i, j, k = triples_of(n)
    return np.concatenate((pairs, np.minimum(same[i, j] + same[i, k] + same[j, k], 2)))


def _most_together(n: int, length: int) -> Array:
    """(length,): how often a placement puts them together, both directions counted."""
    return np.where(np.arange(length) < lengths(n)[0], 1, 2)


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
