"""Alternate projections with multipliers on the semidefinite relaxation, in floating point.

All matrices are indexed (cluster, tile, cluster, tile). Clusters without flow fill the empty tiles, so that there are
as many clusters as tiles.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.solvers.placement._symmetry import automorphisms

_RELAXATION = 1.6
_REVIEW = 25  # steps between two looks at the balance of the two residuals


class Splitting:
    """Minimise <C, Y> over Y = R with Y in the simplices of its blocks and R positive semidefinite on the face.

    This is the splitting of Douglas and Rachford: one matrix A carries both the mean of Y and R and the multipliers Z
    of Y = R. A step takes R, the projection of A, then Z = pull (A - R), and Y, the projection of R - (C + Z) / pull.
    Single precision is enough, since `_rounding` believes nothing.

    Parameters
    ----------
    problem : PlacementProblem
    workers : int
        Threads that share the eigenvalue problems of a step.

    Attributes
    ----------
    steps : int
        Taken so far.
    """

    def __init__(self, problem: PlacementProblem, workers: int = 1) -> None:
        n = problem.num_tiles
        self.n, self.steps = n, 0
        self._pool = ThreadPoolExecutor(workers)
        cost = _cost(problem)
        self._unit = float(np.linalg.norm(cost)) / n**2 or 1.0
        self._cost = (cost / self._unit).astype(np.float32)
        bases = symmetric_bases(automorphisms(problem), n)
        self._basis = np.ascontiguousarray(np.hstack(bases), dtype=np.float32)
        self._parts = np.concatenate(([0], np.cumsum([basis.shape[1] for basis in bases]))).tolist()
        self._pull = float(n)  # penalty of the difference between Y and R
        self._y = np.full((n, n, n, n), 1.0 / (n * (n - 1)), dtype=np.float32)
        project_on_simplices(self._y)
        self._next = self._a = self._r = self._y
        self._scale = 0.0
        self._factor = np.zeros((0, n, n), dtype=np.float32)

    def step(self) -> None:
        """Project on the positive semidefinite matrices of the face, then on the simplices."""
        before = self._y
        self._a = self._next
        self._r, cut = self._semidefinite(self._a)
        self._scale = self._pull
        self._factor = np.concatenate(cut) * np.float32(np.sqrt(self._pull))
        y = 2 * self._r
        y -= self._a
        y -= self._cost * np.float32(1 / self._pull)
        project_on_simplices(y)
        apart = y - self._r
        self._next = self._a + np.float32(_RELAXATION) * apart
        self._y = y
        self.steps += 1
        if self.steps % _REVIEW == 0:
            spread = self._a - self._r  # Z / pull
            primal = np.linalg.norm(apart) / np.linalg.norm(y)
            dual = np.linalg.norm(y - before) / np.linalg.norm(spread)
            change = 1.3 if primal > 4 * dual else 1 / 1.3 if dual > 4 * primal else 1.0
            self._pull *= change
            self._next += np.float32(1 / change - 1) * spread  # Z stays as it is

    def multipliers(self) -> tuple[Array, Array, Array]:
        """Return the multipliers of the last step in units of the cost.

        Returns
        -------
        factor : (rank, n, n) float64
            G, where G'G is the multiplier of positive semidefiniteness.
        beside_cluster : (n, n, n) float64
            [i, t, j]: multiplier of "if i lies on t, j lies somewhere".
        beside_tile : (n, n, n) float64
            [i, t, u]: multiplier of "if i lies on t, somebody lies on u".
        """
        # off the face Z is X + X' where X[it,ju] is a function of (i,ju) plus one of (t,ju)
        z = (self._a - self._r).astype(np.float64)
        half = z - 0.5 * (z.mean(axis=3, keepdims=True) + z.mean(axis=2, keepdims=True))
        half += z.mean(axis=(2, 3), keepdims=True)
        constant = half.mean(axis=(0, 1))
        of_cluster, of_tile = half.mean(axis=1) - constant, half.mean(axis=0) - constant
        scale = -2.0 * self._unit * self._scale
        factor = self._factor.astype(np.float64) * np.sqrt(self._unit)
        return factor, scale * of_cluster.transpose(1, 2, 0), scale * of_tile.transpose(1, 2, 0)

    def _semidefinite(self, given: Array) -> tuple[Array, list[Array]]:
        """Return the nearest positive semidefinite matrix on the face, and G: G'G is the part that is cut off."""
        n = self.n
        turned = (given.reshape(-1, n) @ self._basis).reshape(n, n, n, n)

        def project(part: tuple[int, int]) -> Array:
            first, last = part
            k = last - first
            basis = self._basis[:, first:last]
            block = np.matmul(basis.T, turned[..., first:last].reshape(n, n, n * k)).reshape(n, k, n, k)
            flat = _on_face(block, first == 0).reshape(n * k, n * k)
            values, vectors = np.linalg.eigh((flat + flat.T) / 2)
            tiny = 1e-6 * max(1.0, float(np.abs(values).max()))
            kept = vectors[:, values > tiny] * np.sqrt(values[values > tiny])
            lost = vectors[:, values < -tiny] * np.sqrt(-values[values < -tiny])
            turned[..., first:last] = np.matmul(basis, (kept @ kept.T).reshape(n, k, n * k)).reshape(n, n, n, k)
            cut: Array = lost.T.reshape(-1, n, k) @ basis.T
            return cut

        cut = list(self._pool.map(project, pairwise(self._parts)))
        return (turned.reshape(-1, n) @ self._basis.T).reshape(given.shape), cut


def _cost(problem: PlacementProblem) -> Array:
    """(n, n, n, n) float64, symmetric: cost of each product, linear terms on the diagonal."""
    n, m = problem.num_tiles, problem.num_clusters
    flow = np.zeros((n, n))
    flow[:m, :m] = problem.flow_matrix
    distance = problem.distances.astype(np.float64)
    alone = np.zeros((n, n))
    alone[:m] = problem.linear
    alone += np.outer(flow.diagonal(), distance.diagonal())
    np.fill_diagonal(flow, 0)
    cost: Array = np.einsum("ij,tu->itju", flow, distance)
    cost += cost.transpose(2, 3, 0, 1)
    cost /= 2
    i, t = np.indices((n, n))
    cost[i, t, i, t] = alone
    return cost


def symmetric_bases(group: Array, n: int) -> list[Array]:
    """Return orthonormal bases of functions on tiles: no matrix that the group leaves alone has entries between two.

    Such a matrix commutes with any combination of the permutations, hence leaves its eigenspaces alone; those of a
    random one are as small as any. The first vector of the first basis is constant.

    References
    ----------
    K. Murota, Y. Kanno, M. Kojima, S. Kojima, Japan J. Indust. Appl. Math. 27 (2010), doi:10.1007/s13160-010-0006-9.
    """
    combination = np.zeros((n, n))
    for image, share in zip(group, np.random.default_rng(0).random(len(group)), strict=True):
        combination[np.arange(n), image] += share
    values, vectors = np.linalg.eigh(combination + combination.T)
    # all shares are positive, so that the constant belongs to the largest eigenvalue
    ends = np.flatnonzero(np.diff(values) > 1e-6 * values[-1]) + 1
    bases = np.split(vectors, ends, axis=1)[::-1]
    constant = np.full((n, 1), n**-0.5)
    rotated, _ = np.linalg.qr(np.hstack((constant, bases[0])))
    bases[0] = np.hstack((constant, rotated[:, 1 : bases[0].shape[1]]))
    return bases


def _on_face(block: Array, has_constant: bool) -> Array:
    """Project on what assignment constraints leave: sums over clusters vanish, but for the constant tile function.

    Of that one, only the sum over clusters is left.
    """
    for axis in (0, 2):
        mean = block.mean(axis=axis, keepdims=True)
        if has_constant:
            free = (slice(None),) * (axis + 1)
            block[(*free, slice(1, None))] -= mean[(*free, slice(1, None))]
            block[(*free, slice(0, 1))] = mean[(*free, slice(0, 1))]
        else:
            block -= mean
    return block


@kernel(nogil=True)
def project_on_simplices(y):  # type: ignore[no-untyped-def]
    """Replace every block of a pair of clusters by the nearest with sum one, nothing negative, and zeros where due.

    ``y`` is symmetric before and after. The threshold is that of C. Michelot, J. Optim. Theory Appl. 50 (1986).
    """
    n = y.shape[0]
    for i in range(n):
        threshold, count = -np.inf, n + 1
        while True:
            total, above = 0.0, 0
            for t in range(n):
                if y[i, t, i, t] > threshold:
                    total += y[i, t, i, t]
                    above += 1
            if above == 0 or above >= count:  # fewer each time, but for rounding, which might go on for ever
                break
            threshold, count = (total - 1.0) / above, above
        for t in range(n):
            value = max(0.0, y[i, t, i, t] - threshold)
            y[i, t, i, :] = 0.0
            y[i, t, i, t] = value
        for j in range(i + 1, n):
            threshold, count = -np.inf, n * n + 1
            while True:
                total, above = 0.0, 0
                for t in range(n):
                    for u in range(n):
                        if t != u and y[i, t, j, u] > threshold:
                            total += y[i, t, j, u]
                            above += 1
                if above == 0 or above >= count:
                    break
                threshold, count = (total - 1.0) / above, above
            for t in range(n):
                for u in range(n):
                    value = max(0.0, y[i, t, j, u] - threshold) if t != u else 0.0
                    y[i, t, j, u] = y[j, u, i, t] = value
