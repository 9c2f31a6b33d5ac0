"""Which solver to use for a placement problem."""

from __future__ import annotations

import numpy as np

from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.solvers.placement import rlt1
from spinemap_exact.solvers.placement.grid_dp import obstacle

_TREE_LIKE = 1.9  # flows per cluster
_FEW = 12  # clusters whose sets are so few that the dynamic programme is at once through, whatever the flows
_PROVABLE = 16  # clusters for which the branch and bound of `rlt1` ends, with any flows and distances


def choose(problem: PlacementProblem) -> str:
    """Name the solver that is likely to prove most.

    All root bounds together would cost more than they tell: `grid-dp` is the strongest on full meshes of up to 31
    clusters unless the flows are nearly a tree; `rlt1` proves small problems with any distances; on larger ones, up to
    49 tiles, `semidefinite` has the best bound. Beyond that all give the incumbent and a simple bound.
    """
    if problem.num_tiles > rlt1.MOST_TILES:
        return "rlt1" if obstacle(problem) else "grid-dp"
    ends = np.sort(np.stack([problem.flow_from, problem.flow_to]), axis=0)
    flows = np.unique(ends[:, (ends[0] != ends[1]) & (problem.flow > 0)], axis=1).shape[1]
    tree_like = problem.num_clusters > _FEW and flows <= _TREE_LIKE * problem.num_clusters
    if obstacle(problem):
        return "rlt1" if tree_like or problem.num_clusters <= _PROVABLE else "semidefinite"
    return "rlt1" if tree_like else "grid-dp"
