"""From a network and hardware to a mapping: the only place where stages are wired.

`asked` says which problem each stage poses, `solve` how one problem is solved and what of it is verified, `stages` runs
them one after the other, `outcome` is what comes of it. `lexicographic` solves one partition problem for two goals.
"""

from spinemap_exact.pipeline.asked import STAGES, stage_problem
from spinemap_exact.pipeline.lexicographic import AREA_THEN_PACKETS, AreaThenPackets, area_then_packets
from spinemap_exact.pipeline.outcome import MappingRun, Stage
from spinemap_exact.pipeline.solve import NO_SOLVER, certify, solve_problem
from spinemap_exact.pipeline.stages import Choices, certify_all, map_network

__all__ = [
    "AREA_THEN_PACKETS",
    "NO_SOLVER",
    "STAGES",
    "AreaThenPackets",
    "Choices",
    "MappingRun",
    "Stage",
    "area_then_packets",
    "certify",
    "certify_all",
    "map_network",
    "solve_problem",
    "stage_problem",
]
