"""From a network and hardware to a mapping: the only place where stages are wired.

`asked` says which problem each stage poses, `solve` how one problem is solved and what of it is verified, `stages` runs
them one after the other, `outcome` is what comes of it.
"""

from spinemap_exact.pipeline.asked import STAGES, placement_problem, stage_problem
from spinemap_exact.pipeline.outcome import MappingRun, Stage
from spinemap_exact.pipeline.solve import NO_SOLVER, certify, solve_problem
from spinemap_exact.pipeline.stages import Choices, certify_all, map_network

__all__ = [
    "NO_SOLVER",
    "STAGES",
    "Choices",
    "MappingRun",
    "Stage",
    "certify",
    "certify_all",
    "map_network",
    "placement_problem",
    "solve_problem",
    "stage_problem",
]
