"""Our own best: constructions that differ in their unrolling, then annealing of the whole from the cheapest one."""

from __future__ import annotations

from collections.abc import Iterator

from spinemap_exact.bounds import network_bound
from spinemap_exact.heuristics.mapping import anneal, spike_slices, two_steps
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.result import Watch

_SHARE_OF_CONSTRUCTIONS = 0.3
_MANY_SYNAPSES = 20_000  # beyond which a bound takes seconds


def run(problem: MappingProblem, watch: Watch, start: Mapping | None = None) -> Mapping | None:
    """Return the cheapest mapping that is found."""
    best, least = None, _least(problem)
    for found in _starts(problem, watch, start):
        best = _better(problem, watch, best, found)
        if best is not None and problem.cost(best) == least:
            return best
    return _better(problem, watch, best, anneal.run(problem, watch, best))


def _least(problem: MappingProblem) -> int | None:
    """What no mapping undercuts: who reaches it need not look further."""
    if problem.objective is not MappingObjective.ENERGY or problem.network.num_synapses > _MANY_SYNAPSES:
        return None
    return network_bound(problem.network, problem.hardware, problem.traffic, problem.max_crossbars).energy_fj


def _better(problem: MappingProblem, watch: Watch, best: Mapping | None, found: Mapping | None) -> Mapping | None:
    if found is None or problem.violations(found):
        return best
    if best is not None and problem.cost(best) <= problem.cost(found):
        return best
    watch.offer(found)
    watch.report(objective=problem.cost(found))
    return found


def _starts(problem: MappingProblem, watch: Watch, start: Mapping | None) -> Iterator[Mapping | None]:
    yield start
    left = watch.remaining_s
    share = None if left is None else left * _SHARE_OF_CONSTRUCTIONS / 2
    yield spike_slices.run(problem, watch.part(share, keep=watch.offer))
    yield two_steps.run(problem, watch.part(share, keep=watch.offer))
