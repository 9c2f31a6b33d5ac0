"""Robust tabu search on the placement of all clusters: our own best."""

from __future__ import annotations

from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch


def run(problem: PlacementProblem, watch: Watch, start: Placement | None = None) -> Placement | None:
    """Walk from swap to swap, first from ``start``, then from random placements."""
    return tabu.search(problem, watch, start)
