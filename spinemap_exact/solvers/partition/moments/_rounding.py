"""From floating multipliers to a bound by integer arithmetic, and to what proves it.

Any multipliers bound. With a scale of 4^bits, integer V, L1 >= 0 and L2 >= 0, cost C and the rows G of a block,

    S = scale C - V V' - sym(G' L1) - G' L2 G

is no more than scale C in any cluster of the block, and a sum over entries bounds it from below: units lie in one
cluster altogether, and no entry of a unit is larger than the unit's own share. All is kept twice, to avoid halves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.partition.moments._block import Block, Case
from spinemap_exact.solvers.partition.moments._splitting import Multipliers

_EXACT = 2.0**49  # integers up to 2^53 are exact in floating point, sums of a few of these are, too
_BITS, _FEWER, _MOST_TRIALS = 14, 3, 8  # where a source costs one; fewer may do, more are tried
_LOSS = 0.002  # of the bound, that coarser multipliers may cost


@dataclass(frozen=True, eq=False)
class Frame:
    """What a block adds up: masks of its entries and its rows, once for all bounds."""

    case: Case
    block: Block
    cost: Array  # twice
    G: Array  # (rows, size) float64
    tied: Array  # (units, sources) bool: an entry that is the unit's share
    possible: Array  # (size, size) bool: two things that a cluster may hold both

    @classmethod
    def of(cls, case: Case, block: Block) -> Frame:
        m, first = block.size, 1 + len(block.units)
        G = np.zeros((len(block.rows), m))
        for r, row in enumerate(block.rows):
            for index, coefficient in row:
                G[r, index] = coefficient
        tied = np.zeros((first - 1, m - first), dtype=bool)
        for u, i in enumerate(block.units):
            tied[u, [x - first for x in block.reads(i)]] = True
        possible = np.ones((m, m), dtype=bool)
        for a, b in block.forbidden():
            possible[a, b] = possible[b, a] = False
        return cls(case, block, block.cost().astype(np.float64), G, tied, possible)

    def left(self, found: Multipliers, scale: float = 1.0) -> Array:
        """Twice S; exact if all is integer and small enough."""
        one = self.G.T @ found.rows
        two = self.G.T @ (found.products @ self.G)
        left: Array = scale * self.cost - 2 * found.factor @ found.factor.T - one - one.T - 2 * two
        return left

    def is_exact(self, found: Multipliers, scale: float) -> bool:
        """Tell whether no sum of absolute values within `left` leaves the integers of floating point."""
        G, V = np.abs(self.G), np.abs(found.factor)
        one, two = G.T @ found.rows, G.T @ (found.products @ G)
        most = scale * np.abs(self.cost).max(initial=0) + 2 * (V**2).sum(axis=1).max(initial=0)
        return bool(most + 2 * one.max(initial=0) + 2 * two.max(initial=0) < _EXACT)


def total(frames: list[Frame], left: list[Array]) -> float:
    """Twice what the packets are at least, in the scale of what is ``left``; exact for integers."""
    case, alone = frames[0].case, len(frames) == 1
    n, K = len(case.pres), case.clusters
    share, rest = np.full(n, np.inf), 0.0
    theta = max((max(0.0, -S[0, 0]) for f, S in zip(frames, left, strict=True) if f.block.seed is None), default=0.0)
    for frame, S in zip(frames, left, strict=True):
        block, first = frame.block, 1 + len(frame.block.units)
        units, sources = slice(1, first), slice(first, block.size)
        negative = np.where(frame.possible, np.minimum(S, 0), 0)
        np.fill_diagonal(negative, 0)
        own = S.diagonal() + 2 * S[0]
        d = own[sources] + negative[sources, sources].sum(axis=1)
        c = own[units] + negative[units, units].sum(axis=1)
        c += 2 * np.where(frame.tied, S[units, sources], negative[units, sources]).sum(axis=1)
        share[block.units] = np.minimum(share[block.units], c)
        if block.seed is not None:
            share[block.seed] = min(share[block.seed], S[0, 0] + theta + np.minimum(d, 0).sum())
            continue
        readers = np.array([len(block.readers[k]) for k in block.sources], dtype=np.float64)
        fewest = np.ceil(readers / case.columns) if alone else 0.0
        rest += np.where(d > 0, d * fewest, d * np.minimum(readers, K)).sum()
        rest += max(0.0, S[0, 0]) * (-(-n // case.columns) if alone else 0)
    return float(share.sum() + rest - theta * K)


def evidence(
    frames: list[Frame], found: list[Multipliers], wanted: int, unit: float
) -> tuple[int, dict[str, Any]] | None:
    """Return a bound and what proves it, with about as few bits as keep nearly the bound that is wanted.

    ``unit`` is what a source costs on average: the more, the fewer bits are needed.
    """
    best: tuple[int, dict[str, Any]] | None = None
    first = max(2, round(_BITS - np.log2(unit) / 2) - _FEWER)
    for bits in range(first, first + _MOST_TRIALS):
        whole = [_rounded(multipliers, bits) for multipliers in found]
        scale = 4.0**bits
        if not all(f.is_exact(w, scale) for f, w in zip(frames, whole, strict=True)):
            break
        value = int(total(frames, [f.left(w, scale) for f, w in zip(frames, whole, strict=True)]))
        proven = -(-value // (2 * 4**bits))
        if best is None or proven > best[0]:
            best = proven, {"kind": "moments", "bits": bits, "blocks": list(map(_table, frames, whole))}
        if proven >= wanted - max(_LOSS * wanted, 0):
            break
    return best


def _rounded(found: Multipliers, bits: int) -> Multipliers:
    # single precision is not symmetric to the last bit, and `total` looks at one half of S
    above = np.triu(np.rint(found.products * 4.0**bits))
    products = above + np.triu(above, 1).T
    return Multipliers(np.rint(found.factor * 2.0**bits), np.rint(found.rows * 4.0**bits), products)


def _table(frame: Frame, whole: Multipliers) -> dict[str, Any]:
    kept = np.abs(whole.factor).any(axis=0)
    return {
        "seed": frame.block.seed,
        "factor": whole.factor[:, kept].astype(np.int64).tolist(),
        "rows": _sparse(whole.rows),
        "products": _sparse(np.triu(whole.products)),
    }


def _sparse(values: Array) -> list[list[int]]:
    """Rows, columns and values of what is not zero."""
    rows, columns = np.nonzero(values)
    return [rows.tolist(), columns.tolist(), values[rows, columns].astype(np.int64).tolist()]
