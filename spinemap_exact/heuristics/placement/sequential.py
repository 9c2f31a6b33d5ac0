"""Clusters in order of creation on tiles in radial order, as the PACMAN tool chain places them."""

from __future__ import annotations

from spinemap_exact.kernels.tabu import radial_order
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch


def run(problem: PlacementProblem, watch: Watch, start: Placement | None = None) -> Placement | None:
    """Place cluster ``c`` on the ``c``-th nearest tile to tile (0, 0).

    References
    ----------
    F. Galluppi et al., A hierachical configuration system for a massively parallel neural hardware platform, Computing
    Frontiers 2012, doi:10.1145/2212908.2212934.
    """
    return Placement(radial_order(problem)[: problem.num_clusters])
