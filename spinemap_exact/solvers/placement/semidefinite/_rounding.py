"""From floating multipliers to a bound by integer arithmetic."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.solvers.placement.rlt1 import _ascent

_SCALE_BITS = 11  # of the factor; costs are scaled by twice as many
_COST_BITS = 46  # of all scaled costs together; `_ascent` allows 48
_EXACT_BITS = 52  # integers of so many bits are exact in floating point, also in sums of any order
_ROUNDS = 3


class Rounding:
    """Bound a problem by any factor and multipliers, however inexact they are.

    Parameters
    ----------
    problem : PlacementProblem
    """

    def __init__(self, problem: PlacementProblem) -> None:
        n, m = problem.num_tiles, problem.num_clusters
        self.flow = np.zeros((n, n), dtype=np.int64)
        self.flow[:m, :m] = problem.flow_matrix
        self.distances = np.ascontiguousarray(problem.distances)
        self.linear = np.zeros((n, n), dtype=np.int64)
        self.linear[:m] = problem.linear
        self.linear += np.outer(self.flow.diagonal(), self.distances.diagonal())
        np.fill_diagonal(self.flow, 0)
        total = int(self.distances.max()) * int(self.flow.sum()) + int(self.linear.max(axis=1).sum())
        self.bits = max(0, min(_SCALE_BITS, (_COST_BITS - total.bit_length()) // 2))

    def bound(self, factor: Array, beside_cluster: Array, beside_tile: Array) -> int:
        """No placement costs less than this.

        Parameters
        ----------
        factor : (rank, n, n) float64
        beside_cluster, beside_tile : (n, n, n) float64
            See `Splitting.multipliers`.
        """
        scale, gram = self._gram(factor)
        n = len(self.flow)
        U, V = (_whole(multipliers * scale) for multipliers in (beside_cluster, beside_tile))
        i = np.arange(n)
        U[i, :, i] = 0
        V[:, i, i] = 0
        S = _ascent.slacks(scale * self.flow, self.distances, U, V)
        S -= 2 * gram.transpose(0, 2, 1, 3)
        own = gram[i[:, None], i[None, :], i[:, None], i[None, :]]
        L = scale * self.linear - own + U.sum(axis=2) + V.sum(axis=2)
        alive = np.ones((n, n), dtype=bool)
        total = 0
        for _ in range(_ROUNDS):  # the first leaves no slack negative
            _ascent.redistribute(S, L, U, V, alive)
            value, _ = _ascent.lead(L, alive)
            if value >= _ascent.FORBIDDEN // 2 or not alive.all():
                return 0  # multipliers so large that the ascent takes what they cost for forbidden
            total += int(value)
        return -(-total // scale)

    def _gram(self, factor: Array) -> tuple[int, Array]:
        """Return a scale and G'G, integer, for an integer G close to the factor times the root of the scale."""
        n = len(self.flow)
        for bits in range(self.bits, -1, -1):
            whole = np.rint(factor.reshape(-1, n * n) * 2.0**bits)
            # no partial sum of a scalar product exceeds the product of the norms
            if (whole**2).sum(axis=0).max(initial=0.0) < 2.0**_EXACT_BITS:
                return 4**bits, (whole.T @ whole).astype(np.int64).reshape(n, n, n, n)
        return 1, np.zeros((n, n, n, n), dtype=np.int64)


def _whole(values: Array) -> Array:
    """Integers close to the values, small enough to be added up: any multipliers bound, none may overflow."""
    largest = 2.0**_COST_BITS
    whole: Array = np.rint(np.clip(np.nan_to_num(values), -largest, largest)).astype(np.int64)
    return whole
