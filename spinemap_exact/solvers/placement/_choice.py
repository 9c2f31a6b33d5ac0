"""Which solver to use for a placement problem."""

from __future__ import annotations

import numpy as np

from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.solvers.placement import rlt1
from spinemap_exact.solvers.placement.grid_dp import obstacle

_TREE_LIKE = 1.9  # flows per cluster
_FEW = 12  # clusters whose sets are so few that the dynamic programme is at once through, whatever the flows


def choose(problem: PlacementProblem) -> str:
    """Name the solver that is likely to prove most.

    Both root bounds together would cost more than they tell: `grid-dp` is the stronger one on full meshes of up to 31
    clusters unless the flows are nearly a tree, and `rlt1` works for any distances between up to 49 tiles. Beyond that
    both give the incumbent and a simple bound.
    """
    if problem.num_tiles > rlt1.MOST_TILES:
        return "rlt1" if obstacle(problem) else "grid-dp"
    ends = np.sort(np.stack([problem.flow_from, problem.flow_to]), axis=0)
    flows = np.unique(ends[:, (ends[0] != ends[1]) & (problem.flow > 0)], axis=1).shape[1]
    tree_like = problem.num_clusters > _FEW and flows <= _TREE_LIKE * problem.num_clusters
    return "rlt1" if tree_like or obstacle(problem) else "grid-dp"
