"""Our own best: the quick methods, then annealing and FM in turns from the best of them; multilevel if it is large."""

from __future__ import annotations

from spinemap_exact.heuristics.partition import (
    anneal,
    edgemap,
    fm,
    hedge_overlap,
    kl,
    multilevel,
    sequential,
    spinecluster_greedy,
)
from spinemap_exact.kernels.partition_search import Search
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import Watch

_QUICK = (sequential, spinecluster_greedy, edgemap, hedge_overlap)
_LARGE = 200_000  # synapses; beyond it only what takes time in proportion to them
_SHARE_QUICK, _SHARE_DESCENT = 0.05, 0.1


def run(problem: PartitionProblem, watch: Watch, start: Partition | None = None) -> Partition | None:
    """Return the best partition that any of the methods finds from ``start`` and on their own."""
    best = start if start is not None and not problem.violations(start) else None
    is_large = problem.network.num_synapses > _LARGE
    for method in (sequential,) if is_large else _QUICK:
        best = _better(problem, best, method.run(problem, _share(watch, _SHARE_QUICK)))
        if watch.should_stop() or (best is not None and problem.cost(best) == 0):
            return best
    best = _better(problem, best, multilevel.run(problem, _share(watch, 1.0 if is_large else _SHARE_QUICK)))
    if watch.should_stop() or not Search.fits(problem):
        return best
    if problem.objective is not PartitionObjective.CROSSBARS:
        for method in (kl, fm):
            best = _better(problem, best, method.run(problem, _share(watch, _SHARE_DESCENT), best))
    if not watch.should_stop():
        best = _better(problem, best, anneal.run(problem, watch, best))
    return best


def _share(watch: Watch, share: float) -> Watch:
    left = watch.remaining_s
    return watch.part(None if left is None else left * share)


def _better(problem: PartitionProblem, best: Partition | None, found: Partition | None) -> Partition | None:
    if found is None or (best is not None and problem.cost(best) <= problem.cost(found)):
        return best
    return found
