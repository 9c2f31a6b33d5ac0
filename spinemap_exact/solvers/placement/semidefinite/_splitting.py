"""Alternate projections with multipliers on the semidefinite relaxation, in floating point.

All matrices are indexed (cluster, tile, cluster, tile). Clusters without flow fill the empty tiles, so that there are
as many clusters as tiles.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from spinemap_exact.arrays import Array
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.solvers.placement._symmetry import automorphisms

_RELAXATION = 1.6
_REVIEW = 25  # steps between two looks at the balance of the two residuals


class Splitting:
    """Minimise <C, Y> over Y = R with Y in the simplices of its blocks and R positive semidefinite on the face.

    Step by step, R and Y are projections of each other's last value, moved by the multipliers Z of Y = R.

    Parameters
    ----------
    problem : PlacementProblem

    Attributes
    ----------
    steps : int
        Taken so far.
    """

    def __init__(self, problem: PlacementProblem) -> None:
        n = problem.num_tiles
        self.n, self.steps = n, 0
        cost = _cost(problem)
        self._unit = float(np.linalg.norm(cost)) / n**2 or 1.0
        self._cost = cost / self._unit
        self._bases = symmetric_bases(automorphisms(problem), n)
        self._pull = n / 2  # penalty of the difference between Y and R
        self._y = np.full((n, n, n, n), 1.0 / (n * (n - 1)))
        project_on_simplices(self._y)
        self._r = self._y
        self._z = np.zeros_like(self._y)
        self._factor = np.zeros((0, n, n))

    def step(self) -> None:
        """Project on the positive semidefinite matrices of the face, move the multipliers, project on the simplices."""
        mixed = self._y if not self.steps else _RELAXATION * self._y + (1 - _RELAXATION) * self._r
        self._r, cut = self._semidefinite(mixed + self._z / self._pull)
        self._factor = np.concatenate(cut) * np.sqrt(self._pull)
        self._z = self._z + self._pull * (mixed - self._r)
        before = self._y
        self._y = self._r - (self._cost + self._z) / self._pull
        project_on_simplices(self._y)
        self.steps += 1
        if self.steps % _REVIEW == 0:
            primal = np.linalg.norm(self._y - self._r) / np.linalg.norm(self._y)
            dual = self._pull * np.linalg.norm(self._y - before) / np.linalg.norm(self._z)
            self._pull *= 1.3 if primal > 4 * dual else 1 / 1.3 if dual > 4 * primal else 1.0

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
        z = self._z
        half = z - 0.5 * (z.mean(axis=3, keepdims=True) + z.mean(axis=2, keepdims=True))
        half += z.mean(axis=(2, 3), keepdims=True)
        constant = half.mean(axis=(0, 1))
        of_cluster, of_tile = half.mean(axis=1) - constant, half.mean(axis=0) - constant
        scale = -2.0 * self._unit
        return (
            self._factor * np.sqrt(self._unit),
            scale * of_cluster.transpose(1, 2, 0),
            scale * of_tile.transpose(1, 2, 0),
        )

    def _semidefinite(self, given: Array) -> tuple[Array, list[Array]]:
        """Return the nearest positive semidefinite matrix on the face, and G: G'G is the part that is cut off."""
        n = self.n
        nearest, cut = np.zeros_like(given), []
        for first, basis in enumerate(self._bases):
            k = basis.shape[1]
            block = (given.reshape(-1, n) @ basis).reshape(n, n, n * k)
            block = np.matmul(basis.T, block).reshape(n, k, n, k)
            flat = _on_face(block, first == 0).reshape(n * k, n * k)
            values, vectors = np.linalg.eigh((flat + flat.T) / 2)
            tiny = 1e-12 * max(1.0, float(np.abs(values).max()))
            kept = vectors[:, values > tiny] * np.sqrt(values[values > tiny])
            lost = vectors[:, values < -tiny] * np.sqrt(-values[values < -tiny])
            cut.append(lost.T.reshape(-1, n, k) @ basis.T)
            back = np.matmul(basis, (kept @ kept.T).reshape(n, k, n * k)).reshape(-1, k) @ basis.T
            nearest += back.reshape(given.shape)
        return nearest, cut


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
    """Return bases of the functions on tiles that commuting mirror images keep or negate:
    one, orthonormal, for each pattern of signs.

    A matrix that no mirror image changes has no entries between different bases. The first vector of the first basis
    is constant.
    """
    mirrors: list[Array] = []
    patterns = [np.eye(n)]
    for image in group[1:]:
        matrix = np.eye(n)[image]
        if (image[image] == np.arange(n)).all() and all((image[m] == m[image]).all() for m in mirrors):
            split = [p @ (np.eye(n) + sign * matrix) / 2 for p in patterns for sign in (1, -1)]
            if all(np.abs(p).max() > 0.1 for p in split[:2]):
                mirrors.append(image)
                patterns = [p for p in split if np.abs(p).max() > 1e-9]
    bases = []
    for pattern in patterns:
        values, vectors = np.linalg.eigh(pattern)
        bases.append(np.ascontiguousarray(vectors[:, values > 0.5]))
    constant = np.full((n, 1), n**-0.5)
    rotated, _ = np.linalg.qr(np.hstack((constant, bases[0])))
    bases[0] = np.ascontiguousarray(np.hstack((constant, rotated[:, 1 : bases[0].shape[1]])))
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


@njit(cache=True, nogil=True)
def project_on_simplices(y):  # type: ignore[no-untyped-def]
    """Replace every block of a pair of clusters by the nearest with sum one, nothing negative, and zeros where due.

    ``y`` is symmetric before and after. The threshold is that of C. Michelot, J. Optim. Theory Appl. 50 (1986).
    """
    n = y.shape[0]
    for i in range(n):
        threshold, count = -np.inf, 0
        while True:
            total, above = 0.0, 0
            for t in range(n):
                if y[i, t, i, t] > threshold:
                    total += y[i, t, i, t]
                    above += 1
            threshold = (total - 1.0) / above
            if above == count:
                break
            count = above
        for t in range(n):
            value = max(0.0, y[i, t, i, t] - threshold)
            y[i, t, i, :] = 0.0
            y[i, t, i, t] = value
        for j in range(i + 1, n):
            threshold, count = -np.inf, 0
            while True:
                total, above = 0.0, 0
                for t in range(n):
                    for u in range(n):
                        if t != u and y[i, t, j, u] > threshold:
                            total += y[i, t, j, u]
                            above += 1
                threshold = (total - 1.0) / above
                if above == count:
                    break
                count = above
            for t in range(n):
                for u in range(n):
                    value = max(0.0, y[i, t, j, u] - threshold) if t != u else 0.0
                    y[i, t, j, u] = y[j, u, i, t] = value
