"""Clusters in order of creation on tiles in radial order, as the PACMAN tool chain places them."""

from __future__ import annotations

import numpy as np

from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch


def run(problem: PlacementProblem, watch: Watch, start: Placement | None = None) -> Placement | None:
    """Place cluster ``c`` on the ``c``-th nearest tile to tile (0, 0); None if the tiles do not suffice.

    References
    ----------
    F. Galluppi et al., A hierachical configuration system for a massively parallel neural hardware platform, Computing
    Frontiers 2012, doi:10.1145/2212908.2212934.
    """
    if problem.num_clusters > problem.num_tiles:
        return None
    if problem.mesh is not None:
        nearest = np.lexsort((problem.mesh.x, problem.mesh.x + problem.mesh.y))
    else:
        nearest = np.argsort(problem.distances[0], kind="stable")
    return Placement(nearest[: problem.num_clusters])
