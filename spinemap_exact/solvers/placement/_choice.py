"""Which solver to use for a placement problem."""

from __future__ import annotations

import numpy as np

from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.solvers.placement import rlt1
from spinemap_exact.solvers.placement.grid_dp import obstacle

_TREE_LIKE = 1.9  # flows per cluster
_FEW = 12  # clusters: sets are so few that the dynamic programme is at once through, if all tiles are taken
_PROVABLE = 16  # clusters for which the branch and bound of `rlt1` ends, with any flows and distances
_PROVABLE_TREES = 30  # the same if the flows are nearly a tree
_PROVABLE_MESHES = 25  # the same for `grid-dp` on a mesh


def choose(problem: PlacementProblem) -> str:
    """Name the solver that is likely to prove most.

    All root bounds together would cost more than they tell: `rlt1` proves what is nearly a tree and small problems with
    any distances, or few clusters among empty tiles, `grid-dp` meshes of up to 25 clusters. On larger ones, up to 49
    tiles, no solver ends soon, and `semidefinite` has the best bound. Beyond that all give the incumbent and a simple
    bound.
    """
    if problem.num_tiles > rlt1.MOST_TILES:
        return "rlt1" if obstacle(problem) else "grid-dp"
    clusters = problem.num_clusters
    ends = np.sort(np.stack([problem.flow_from, problem.flow_to]), axis=0)
    flows = np.unique(ends[:, (ends[0] != ends[1]) & (problem.flow > 0)], axis=1).shape[1]
    if clusters > _FEW and flows <= _TREE_LIKE * clusters:
        return "rlt1" if clusters <= _PROVABLE_TREES else "semidefinite"
    if obstacle(problem):
        return "rlt1" if clusters <= _PROVABLE else "semidefinite"
    if problem.num_tiles > clusters and clusters <= _FEW:
        return "rlt1"
    return "grid-dp" if clusters <= _PROVABLE_MESHES else "semidefinite"
