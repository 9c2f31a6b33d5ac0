"""Write down what the level-1 reformulation did: multipliers and splits, from the trail of its tree.

The checker's own steps are taken, so that what closes a case here closes it there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.field import LARGEST, Field
from spinemap_exact.certificate.check.instance import Placement, read
from spinemap_exact.certificate.check.placement import pairs
from spinemap_exact.certificate.check.placement.pairs import Case, Cell, Square
from spinemap_exact.errors import CertificateRejected
from spinemap_exact.solvers.placement.rlt1 import Trail, Visit


def prove(problem: Any, claim: int, trail: Trail, should_stop: Callable[[], bool]) -> dict[str, Any] | None:
    """Return evidence that no placement costs less than the claim; None if the trail does not lead there in time.

    Parameters
    ----------
    trail : Trail
        Of the solver's tree.
    """
    instance = read(problem).instance
    assert isinstance(instance, Placement)
    try:
        square = pairs.enlarge(instance, Field({}, "evidence"), trail.scale)
        tree = _Walk(square, claim, trail, should_stop).run()
    except CertificateRejected:
        return None
    if tree is None:
        return None
    symmetries = [image.tolist() for image in trail.symmetries if (np.diff(image) != 1).any()]
    return {"kind": "pairs", "scale": trail.scale, "symmetries": symmetries, "tree": tree}


class _Walk:
    def __init__(self, square: Square, claim: int, trail: Trail, should_stop: Callable[[], bool]) -> None:
        self.square, self.trail, self.should_stop = square, trail, should_stop
        self.limit = square.limit(claim)
        self.entries: list[dict[str, Any]] = []

    def run(self) -> list[dict[str, Any]] | None:
        """Return the entries of the tree in preorder."""
        open_cases: list[tuple[Case, Cell | None]] = [(pairs.root(self.square), None)]
        while open_cases:
            if self.should_stop():
                return None
            case, cell = open_cases.pop()
            case = case if cell is None else case.child(self.square, *cell)
            left = pairs.tighten(self.square, case, self.limit)
            if left is None:
                continue
            visit = self.trail.visits.get(frozenset(case.placed))
            if visit is None:
                return None
            left = self._with_multipliers(left, visit)
            left = pairs.tighten(self.square, left, self.limit)
            if left is None:
                continue
            if visit.branch is None:
                return None
            left = pairs.probe(self.square, left, self.limit)
            cells = self._cells(left, visit.branch, visit.cells)
            self.entries.append({"branch": list(visit.branch), "cells": [number for cell in cells for number in cell]})
            open_cases += [(left, cell) for cell in reversed(cells)]
        return self.entries

    def _with_multipliers(self, case: Case, visit: Visit) -> Case:
        """Move on to the multipliers of a visit, as far as they matter."""
        alive = case.alive[..., None]
        change = [np.where(alive, new - old, 0) for new, old in ((visit.U, case.rows), (visit.V, case.columns))]
        if not any(c.any() for c in change):
            return case
        self.entries.append(dict(zip(("rows", "columns"), (c.ravel().tolist() for c in change), strict=True)))
        rows, columns = case.rows + change[0], case.columns + change[1]
        if max(int(np.abs(array).max(initial=0)) for array in (*change, rows, columns)) >= LARGEST:
            raise CertificateRejected("evidence", "multipliers beyond what a certificate may hold")
        return replace(case, rows=rows, columns=columns)

    def _cells(self, case: Case, branch: tuple[int, int], looked_at: tuple[Cell, ...]) -> list[Cell]:
        """The cells that were looked at, as far as they are needed, and any that would be missing."""
        standing_in = pairs.classes(self.square, case, self._symmetries)
        settled = pairs.ruled_out(case, standing_in)
        chosen = []
        for cell in (*looked_at, *pairs.line(case, *branch)):
            if standing_in[cell] not in settled:
                settled.add(standing_in[cell])
                chosen.append(cell)
        return chosen

    @property
    def _symmetries(self) -> list[Array]:
        return list(self.trail.symmetries)
