"""Our own best: annealing until the time is up; where units are many, from slices and multilevel refinement."""

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

_FEW_UNITS = 400  # up to which annealing from scratch overtakes every start within the first second
_LARGE = 50_000  # synapses; beyond it multilevel goes to its end, and only then clusters are annealed
_SHARE = 0.1


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Return the best partition that any of the methods finds from ``start`` and on their own.

    Ends before its time only where nothing is left to pay, or nothing fits.
    """
    begin = start if start is not None and not problem.violations(start) else None
    best = _better(problem, begin, sequential.run(problem, watch.part()))
    if best is not None:
        watch.offer(best)
    if problem.num_units > _FEW_UNITS:
        begin = best = _levelled(problem, best, watch)
    if best is not None:
        watch.report(objective=problem.cost(best))
    if best is None or not (watch.should_stop() or problem.cost(best) == 0):
        best = _better(problem, best, anneal.run(problem, watch, begin))
    return _grown(problem, watch) if best is None else best


def _levelled(problem: PartitionProblem, best: Partition | None, watch: Watch) -> Partition | None:
    """Multilevel from scratch and from the best there is; clusters grown by published methods where both fail."""
    is_large = problem.network.num_synapses > _LARGE
    for begin in (None,) if best is None else (None, best):
        best = _better(problem, best, multilevel.run(problem, watch.part() if is_large else _share(watch), begin))
        if best is not None:
            watch.offer(best)
    return _grown(problem, watch) if best is None else best


def _grown(problem: PartitionProblem, watch: Watch) -> Partition | None:
    best = None
    for method in (spinecluster_greedy, hedge_overlap, edgemap):
        best = _better(problem, best, method.run(problem, _share(watch)))
    return best


def _share(watch: Watch) -> Watch:
    left = watch.remaining_s
    return watch.part(None if left is None else left * _SHARE)


def _better(problem: PartitionProblem, best: Partition | None, found: Partition | None) -> Partition | None:
    if found is None or (best is not None and problem.cost(best) <= problem.cost(found)):
        return best
    return found
