"""Our own best: slices, multilevel, then annealing until the time is up; published methods where these fail."""

from __future__ import annotations

from spinemap_exact.heuristics.partition import (
    anneal,
    edgemap,
    hedge_overlap,
    multilevel,
    sequential,
    spinecluster_greedy,
)
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Watch

_LARGE = 50_000  # synapses; beyond it multilevel goes to its end, and only then clusters are annealed
_SHARE = 0.1


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Return the best partition that any of the methods finds from ``start`` and on their own.

    Ends before its time only where nothing is left to pay, or nothing fits.
    """
    best = start if start is not None and not problem.violations(start) else None
    is_large = problem.network.num_synapses > _LARGE
    best = _better(problem, best, sequential.run(problem, watch.part()))
    for begin in (None,) if best is None else (None, best):
        best = _better(problem, best, multilevel.run(problem, watch.part() if is_large else _share(watch), begin))
    if best is None:
        for method in (spinecluster_greedy, hedge_overlap, edgemap):
            best = _better(problem, best, method.run(problem, _share(watch)))
    if best is not None:
        watch.report(objective=problem.cost(best))
    if watch.should_stop() or (best is not None and problem.cost(best) == 0):
        return best
    return _better(problem, best, anneal.run(problem, watch, best))


def _share(watch: Watch) -> Watch:
    left = watch.remaining_s
    return watch.part(None if left is None else left * _SHARE)


def _better(problem: PartitionProblem, best: Partition | None, found: Partition | None) -> Partition | None:
    if found is None or (best is not None and problem.cost(best) <= problem.cost(found)):
        return best
    return found
