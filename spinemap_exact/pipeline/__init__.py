"""From a network and hardware to a mapping: the only place where stages are wired.

`asked` says which problem each stage poses, `solve` how one problem is solved, `evidence` what of it is verified and
in which time, `whole` maps a network at once, `front` weighs two goals against each other, `stages` one stage after
the other, `outcome` is what comes of it, `spent` where the time went. `lexicographic` solves one
partition problem for two goals.
"""

from spinemap_exact.pipeline.asked import STAGES, stage_problem
from spinemap_exact.pipeline.evidence import Wanted, certify, solve_and_certify, solve_within
from spinemap_exact.pipeline.front import SECOND_GOALS, Front, FrontPoint, pareto_front
from spinemap_exact.pipeline.lexicographic import AREA_THEN_PACKETS, AreaThenPackets, area_then_packets
from spinemap_exact.pipeline.outcome import Found, MappingRun, Stage
from spinemap_exact.pipeline.solve import NO_SOLVER, solve_problem
from spinemap_exact.pipeline.stages import Choices, certify_all, map_by_stages, require_supported
from spinemap_exact.pipeline.whole import map_network, require_posed

__all__ = [
    "AREA_THEN_PACKETS",
    "NO_SOLVER",
    "SECOND_GOALS",
    "STAGES",
    "AreaThenPackets",
    "Choices",
    "Found",
    "Front",
    "FrontPoint",
    "MappingRun",
    "Stage",
    "Wanted",
    "area_then_packets",
    "certify",
    "certify_all",
    "map_by_stages",
    "map_network",
    "pareto_front",
    "require_posed",
    "require_supported",
    "solve_and_certify",
    "solve_problem",
    "solve_within",
    "stage_problem",
]
