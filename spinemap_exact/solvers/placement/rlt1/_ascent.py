"""Kernels of the dual ascent: integer assignment, pair slacks, one round of redistribution.

A pair of clusters ``i < p`` on tiles ``j``, ``q`` has the slack ``S[i, p, j, q]``: its cost less the multipliers of the
four assignment constraints that contain it. ``U[i, j, p]`` is the multiplier of "if i lies on j, p lies somewhere",
``V[i, j, q]`` that of "if i lies on j, somebody lies on q". What multipliers take from the slacks they give to the
*leader* ``L[i, j]``.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.assignment import assign
from spinemap_exact.kernels.compiling import kernel

FORBIDDEN = np.int64(1 << 50)
"""Cost of what may not be chosen; an assignment that costs half of it does not exist. Real costs stay below 2^48.

Slacks of pairs that no assignment has may exceed it, and keep growing; they count for no more."""


@kernel(nogil=True)
def slacks(flow, distance, U, V):  # type: ignore[no-untyped-def]
    """Return ``S`` of ``k`` clusters and tiles from their scaled flows, distances and multipliers."""
    k = flow.shape[0]
    S = np.zeros((k, k, k, k), dtype=np.int64)
    for i in range(k):
        for p in range(i + 1, k):
            there, back = flow[i, p], flow[p, i]
            for j in range(k):
                for q in range(k):
                    S[i, p, j, q] = (
                        there * distance[j, q]
                        + back * distance[q, j]
                        - U[i, j, p]
                        - V[i, j, q]
                        - U[p, q, i]
                        - V[p, q, j]
                    )
    return S


@kernel(nogil=True)
def lead(L, alive):  # type: ignore[no-untyped-def]
    """Solve the leader matrix and leave its reduced costs in ``L``; return its value and the tiles chosen."""
    k = L.shape[0]
    u, v, row_of, column_of = np.empty((4, k), dtype=np.int64)
    value = assign(np.where(alive, L, FORBIDDEN), u, v, row_of)
    if value < FORBIDDEN // 2:
        for i in range(k):
            for j in range(k):
                L[i, j] -= u[i] + v[j]
    for j in range(k):
        column_of[row_of[j]] = j
    return value, column_of


@kernel(nogil=True)
def _gather(S, alive, i, j, A, halve):  # type: ignore[no-untyped-def]
    """Copy the slacks of all pairs with ``i`` on ``j`` to ``A``, row and column of ``i`` and ``j`` left out.

    With ``halve``, only half of the slack where the other cluster has its turn after ``i``.
    """
    k = S.shape[0]
    for p in range(k):
        if p == i:
            continue
        a = p - (p > i)
        for q in range(k):
            if q == j:
                continue
            b = q - (q > j)
            if not alive[p, q]:
                A[a, b] = FORBIDDEN
            elif i < p:
                A[a, b] = min(FORBIDDEN, S[i, p, j, q] // 2 if halve else S[i, p, j, q])
            else:
                A[a, b] = min(FORBIDDEN, S[p, i, q, j])


@kernel(nogil=True)
def redistribute(S, L, U, V, alive):  # type: ignore[no-untyped-def]
    """Spread the leaders over their pairs, then let every assignment take back what it can from its pairs."""
    k = L.shape[0]
    if k == 1:
        return
    A = np.empty((k - 1, k - 1), dtype=np.int64)
    u, v, row_of = np.empty((3, k - 1), dtype=np.int64)
    for i in range(k):
        for j in range(k):
            share = L[i, j] // (k - 1)
            if not alive[i, j] or share == 0:
                continue
            L[i, j] -= share * (k - 1)
            for p in range(k):
                if p == i:
                    continue
                U[i, j, p] -= share
                for q in range(k):
                    if i < p:
                        S[i, p, j, q] += share
                    else:
                        S[p, i, q, j] += share
    for i in range(k):
        for j in range(k):
            if not alive[i, j]:
                continue
            _gather(S, alive, i, j, A, True)
            value = assign(A, u, v, row_of)
            if value >= FORBIDDEN // 2:
                alive[i, j] = False
                continue
            L[i, j] += value
            for p in range(k):
                if p != i:
                    U[i, j, p] += u[p - (p > i)]
            for q in range(k):
                if q != j:
                    V[i, j, q] += v[q - (q > j)]
            for p in range(k):
                if p == i:
                    continue
                for q in range(k):
                    if q != j:
                        taken = u[p - (p > i)] + v[q - (q > j)]
                        if i < p:
                            S[i, p, j, q] -= taken
                        else:
                            S[p, i, q, j] -= taken


@kernel(nogil=True)
def probe(S, L, alive):  # type: ignore[no-untyped-def]
    """(k, k) int64: what fixing cluster ``i`` on tile ``j`` adds to the bound."""
    k = L.shape[0]
    gain = np.full((k, k), FORBIDDEN, dtype=np.int64)
    A = np.empty((k - 1, k - 1), dtype=np.int64)
    u, v, row_of = np.empty((3, k - 1), dtype=np.int64)
    for i in range(k):
        for j in range(k):
            if not alive[i, j]:
                continue
            _gather(S, alive, i, j, A, False)
            for p in range(k):
                for q in range(k):
                    if p != i and q != j and alive[p, q]:
                        A[p - (p > i), q - (q > j)] += L[p, q]
            value = np.int64(0)
            if k > 1:
                value = assign(A, u, v, row_of)
            gain[i, j] = min(FORBIDDEN, L[i, j] + value)
    return gain
