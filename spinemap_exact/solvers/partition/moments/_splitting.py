"""Alternate projections with multipliers on the relaxation, in floating point.

For each block, a matrix M meets copies of itself: P without negative eigenvalues, Q with the entries that are known,
and two slacks, of G M >= 0 and of G M G' >= 0. One array A holds slack and multiplier of an inequality: the slack is
max(A, 0), the multiplier -pull min(A, 0). The M between them solves a Sylvester equation, and in the eigenvectors of
G'G that is a division: products of all pairs of rows cost no more than a pass through memory.

Indices are scaled so that entries of a good partition are about one. Single precision is enough, since `_rounding`
believes nothing.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.mapping import Partition
from spinemap_exact.solvers.partition.moments._block import Block, Case

_OVER = np.float32(1.8)  # relaxation of the steps
_PULL = 0.7  # penalty of differences, at the start
_REVIEW, _BALANCE, _CHANGE = 10, 2.0, 1.3  # steps between two looks at the residuals, and what follows from them
_EVEN = 0.25  # rows are shorter by this power of the number of rows that share their indices


@kernel(nogil=True, fastmath=True)
def _press(ptr, idx, val, X, A, back, GX):
    """Set A for G X >= 0 and add G'|A| to ``back``; G X is kept in ``GX`` if that has rows."""
    sums = np.empty(X.shape[1], dtype=X.dtype)
    for r in range(len(ptr) - 1):
        sums[:] = 0
        for e in range(ptr[r], ptr[r + 1]):
            for c in range(len(sums)):
                sums[c] += val[e] * X[idx[e], c]
        for c in range(len(sums)):
            a = A[r, c]
            A[r, c] = _OVER * sums[c] + (a if a < 0 else (np.float32(1) - _OVER) * a)
        for e in range(ptr[r], ptr[r + 1]):
            for c in range(len(sums)):
                back[idx[e], c] += val[e] * abs(A[r, c])
        if len(GX):
            GX[r] = sums


@kernel(nogil=True, fastmath=True)
def _add_transposed(ptr, idx, val, X, out):
    """Add G'X to ``out``."""
    for r in range(len(ptr) - 1):
        for e in range(ptr[r], ptr[r + 1]):
            for c in range(X.shape[1]):
                out[idx[e], c] += val[e] * X[r, c]


@dataclass(frozen=True)
class Multipliers:
    """What the steps so far say of one block, for entries that are not scaled.

    Attributes
    ----------
    factor : (size, rank) float64
        V, where V V' is the multiplier of positive semidefiniteness.
    rows : (number of rows, size) float64
        Of G M >= 0, never negative.
    products : (number of rows, number of rows) float64
        Of G M G' >= 0, symmetric, never negative.
    """

    factor: Array
    rows: Array
    products: Array


class Splitting:
    """Minimise the packets over the moments of all blocks together.

    Parameters
    ----------
    case : Case
    blocks : list of Block
    start : Partition
        Tells how large entries are.

    Attributes
    ----------
    steps : int
        Taken so far.
    """

    def __init__(self, case: Case, blocks: list[Block], start: Partition) -> None:
        reads = [s for s, posts in zip(case.spikes, case.posts, strict=True) if posts]
        self.unit = max(1.0, float(np.mean(reads))) if reads else 1.0
        self.case, self.steps, self.pull = case, 0, _PULL
        self.states = [_State(block, start, self.unit) for block in blocks]

    def step(self) -> None:
        for state in self.states:
            state.solve(self.pull)
            state.cut_off()
        self._meet()
        self.steps += 1
        if self.steps % _REVIEW == 0:
            self._review()

    def multipliers(self) -> list[Multipliers]:
        """Return the multipliers of the last step, in packets."""
        return [state.multipliers(self.pull, self.unit) for state in self.states]

    def _meet(self) -> None:
        """Project on the entries that are known: units lie in one cluster, and there are so many clusters at most."""
        n = len(self.case.pres)
        wish, ease = np.ones(n), np.zeros(n)
        for state in self.states:
            state.average()
            np.subtract.at(wish, state.unit_of, state.means[state.index_of])
            np.add.at(ease, state.unit_of, 1 / state.weights[state.index_of])
        shift: Array = wish / ease
        for state in self.states:
            state.means[state.index_of] += shift[state.unit_of] / state.weights[state.index_of]
        excess = sum(state.means[0] for state in self.states) - self.case.clusters
        give = sum(1 / state.weights[0] for state in self.states)
        for state in self.states:
            if excess > 0 and state.block.seed is None:
                state.means[0] -= excess / give / state.weights[0]
            state.fill()

    def _review(self) -> None:
        """Balance what copies differ by and what they move by."""
        apart, moved, size, pulled = np.sum([state.residuals() for state in self.states], axis=0)
        primal, dual = apart / size, moved / pulled
        change = _CHANGE if primal > _BALANCE * dual else 1 / _CHANGE if dual > _BALANCE * primal else 1.0
        if change != 1.0:
            self.pull *= change
            for state in self.states:
                state.rescale(np.float32(1 / change))


class _State:
    """One block: its matrix, the copies of it, and their multipliers; all entries are scaled."""

    def __init__(self, block: Block, start: Partition, unit: float) -> None:
        self.block, m, first = block, block.size, 1 + len(block.units)
        vectors = _vectors(block, start)
        clusters, sums = max(1.0, float(len(vectors))), vectors.sum(axis=0)
        self.scale = np.maximum(sums, 1.0) ** -0.5
        self.scale[0], self.scale[1:first] = clusters**-0.5, 1.0
        product = np.outer(self.scale, self.scale)
        self.cost = (block.cost() / (2 * unit) / product).astype(np.float32)
        self._rows(first)
        M = 0.5 * vectors.T @ vectors + 0.5 * np.outer(sums, sums) / clusters
        self.M = (M * product).astype(np.float32)
        self.P, self.Q = self.M.copy(), self.M.copy()
        self.UP, self.UQ = np.zeros_like(self.M), np.zeros_like(self.M)
        GM = self._times(self.M)
        self.A1, self.A2 = np.maximum(GM, 0), np.maximum(self._times(np.ascontiguousarray(GM.T)), 0)
        self._known(first, product)
        self._pull_back()
        self.lost = np.zeros((m, 0), dtype=np.float32)
        self.moved = 0.0

    def _rows(self, first: int) -> None:
        """Rows in the scaled indices, short where many rows share them, and the eigenvectors of G'G."""
        rows, m = self.block.rows, self.block.size
        self.ptr = np.cumsum([0, *map(len, rows)])
        self.idx = np.array([index for row in rows for index, _ in row], dtype=np.int64)
        value = np.array([c for row in rows for _, c in row], dtype=np.float64) / self.scale[self.idx]
        row_of = np.repeat(np.arange(len(rows)), np.diff(self.ptr))
        shared = np.bincount(self.idx, minlength=m)[self.idx]
        mean = np.bincount(row_of, shared) / np.diff(self.ptr)
        self.norms = np.bincount(row_of, value**2) ** -0.5 * mean**-_EVEN
        self.val = (value * self.norms[row_of]).astype(np.float32)
        H, G = np.zeros((m, m)), np.zeros((len(rows), m))
        G[row_of, self.idx] = self.val
        np.matmul(G.T, G, out=H)
        h, E = np.linalg.eigh(H)
        self.E = E.astype(np.float32)
        self.divisor = (2 + (h[:, None] + h) / 2 + h[:, None] * h).astype(np.float32)

    def _known(self, first: int, product: Array) -> None:
        """Entries that are the same number, and how large others may be."""
        block, m = self.block, self.block.size
        pairs = [(x, x, index) for index, x in ((u, u) for u in range(1, first))]
        for index, i in enumerate(block.units, 1):
            pairs += [(0, index, index), *((x, index, index) for x in block.reads(i))]
        for x in range(first, m):
            pairs += [(x, x, x), (0, x, x)]
        self.a, self.b, self.same_as = np.array([(0, 0, 0), *pairs], dtype=np.int64).T
        self.size_of = product[self.a, self.b]
        self.share_of = np.where(self.a == self.b, 1, 2) * self.size_of
        self.weights = np.bincount(self.same_as, self.share_of * self.size_of, minlength=m)
        most = np.full((m, m), np.inf)
        most[1:first, 1:] = most[1:, 1:first] = 1.0
        for a, b in block.forbidden():
            most[a, b] = most[b, a] = 0.0
        self.most = (most * product).astype(np.float32)
        members = [*block.units] if block.seed is None else [block.seed, *block.units]
        self.unit_of = np.array(members, dtype=np.int64)
        self.index_of = np.array([block.of_unit[i] for i in members], dtype=np.int64)

    def _times(self, X: Array) -> Array:
        G = np.zeros((len(self.ptr) - 1, len(X)), dtype=np.float32)
        G[np.repeat(np.arange(len(G)), np.diff(self.ptr)), self.idx] = self.val
        return G @ X

    def _transposed(self, X: Array) -> Array:
        out = np.zeros((self.block.size, X.shape[1]), dtype=np.float32)
        _add_transposed(self.ptr, self.idx, self.val, X, out)
        return out

    def _pull_back(self) -> None:
        """G'|A1|, made symmetric, and G'|A2|G."""
        one, two = self._transposed(np.abs(self.A1)), self._transposed(np.abs(self.A2))
        self.back = (one + one.T) / 2 + self._transposed(np.ascontiguousarray(two.T))

    def solve(self, pull: float) -> None:
        """Set M between the copies, then the slacks of the inequalities and their multipliers."""
        m, g = self.block.size, len(self.A1)
        given = self.P - self.UP + self.Q - self.UQ + self.back - self.cost / np.float32(pull)
        M = self.E @ (self.E.T @ given @ self.E / self.divisor) @ self.E.T
        self.M = (M + M.T) / 2
        one, two = np.zeros((m, m), dtype=np.float32), np.zeros((m, g), dtype=np.float32)
        GM = np.empty((g, m), dtype=np.float32)
        _press(self.ptr, self.idx, self.val, self.M, self.A1, one, GM)
        _press(self.ptr, self.idx, self.val, np.ascontiguousarray(GM.T), self.A2, two, GM[:0])
        self.back = (one + one.T) / 2 + self._transposed(np.ascontiguousarray(two.T))

    def cut_off(self) -> None:
        """Project on the positive semidefinite matrices."""
        A = _OVER * self.M + (1 - _OVER) * self.P + self.UP
        values, vectors = np.linalg.eigh((A + A.T) / 2)
        kept = vectors[:, values > 0] * np.sqrt(values[values > 0])
        self.lost = vectors[:, values < 0] * np.sqrt(-values[values < 0])
        P = kept @ kept.T
        self.moved = float(np.linalg.norm(P - self.P))
        self.P, self.UP = P, A - P

    def average(self) -> None:
        """Take the mean of entries that are the same number, in their true size."""
        self.A = _OVER * self.M + (1 - _OVER) * self.Q + self.UQ
        sums = np.bincount(self.same_as, self.share_of * self.A[self.a, self.b], minlength=self.block.size)
        self.means: Array = sums / self.weights

    def fill(self) -> None:
        """Write the means, never negative, and keep all other entries within their limits."""
        Q = np.clip(self.A, 0, self.most)
        Q[self.a, self.b] = Q[self.b, self.a] = np.maximum(self.means, 0)[self.same_as] * self.size_of
        self.moved += float(np.linalg.norm(Q - self.Q))
        self.Q, self.UQ = Q, self.A - Q

    def residuals(self) -> tuple[float, float, float, float]:
        """Sizes of what copies differ by, of what they moved by, of the matrix, and of the multipliers."""
        norm = np.linalg.norm
        apart = norm(self.M - self.P) + norm(self.M - self.Q)
        return float(apart), self.moved, float(norm(self.M)), float(norm(self.UP) + norm(self.UQ))

    def rescale(self, factor: np.float32) -> None:
        """Keep the multipliers as they are while the pull changes."""
        self.UP *= factor
        self.UQ *= factor
        for A in (self.A1, self.A2):
            A *= np.where(A < 0, factor, np.float32(1))
        self._pull_back()

    def multipliers(self, pull: float, unit: float) -> Multipliers:
        factor = self.lost.astype(np.float64) * self.scale[:, None] * (pull * unit) ** 0.5
        rows = np.maximum(-self.A1, 0).astype(np.float64) * np.outer(self.norms, self.scale) * pull * unit
        products = np.maximum(-self.A2, 0).astype(np.float64) * np.outer(self.norms, self.norms) * pull * unit
        return Multipliers(factor, rows, products)


def _vectors(block: Block, start: Partition) -> Array:
    """(clusters, size) float64: the clusters of a partition that belong to a block."""
    cluster_of, found = start.cluster_of_unit.tolist(), []
    for c in range(start.num_clusters):
        units = {i for i, at in enumerate(cluster_of) if at == c}
        if block.seed is not None and block.seed not in units:
            continue
        v = np.zeros(block.size)
        v[0] = 1
        for i in units & {*block.units}:
            v[[block.of_unit[i], *block.reads(i)]] = 1
        found.append(v)
    return np.array(found).reshape(-1, block.size)
