"""Branch and price beside the assignment model: whichever proves first ends both, and the better of each counts.

Neither is the faster one throughout: few large clusters and chains of layers suit the assignment model, crossbars that
are short against the network suit set partitioning, and no rule by size tells them apart reliably. The assignment model
proves early what it can prove at all: it gets half of the workers, and a seventh of the time. Branch and price prices
in as many threads as there are workers. If one of them fails, say because the costs are beyond the engine's integers,
the answer of the other is the answer. Where both are far from a proof after a while, `moments` joins them: it bounds
large clusters whose rows bind.
"""

from __future__ import annotations

import logging
import threading

from spinemap_exact import solvers
from spinemap_exact.errors import EngineDefect
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Progress, SolveResult, Status, Watch, conclude
from spinemap_exact.solvers.partition.moments import obstacle

logger = logging.getLogger(__name__)

LARGE = 100_000
"""Synapses times clusters beyond which the assignment model is not worth its memory."""

_LONG, _SHORT, _LATE = "branch-price", "assignment-cpsat", "moments"
_LEAST_S, _SHARE = 20.0, 1 / 7  # time of the assignment model, as a part of the limit
_WAIT_S, _WAIT, _FAR = 10.0, 0.1, 0.5  # moments join after a part of the limit, if the bound is less than half


def solve(problem: PartitionProblem, watch: Watch, warm_start: Partition | None = None) -> SolveResult[Partition]:
    """Run both; the bound is the larger one, vouched for by who proved it.

    Raises
    ------
    Exception
        What the first raised, if both fail.
    """
    stop = threading.Event()
    results: dict[str, SolveResult[Partition]] = {}
    defects: list[Exception] = []
    best: dict[str, int] = {}

    def run(name: str) -> None:
        left, workers = watch.remaining_s, watch.limits.workers
        if name == _SHORT:
            left, workers = None if left is None else max(_LEAST_S, _SHARE * left), max(1, workers // 2)

        def relay(progress: Progress) -> None:
            if progress.objective is not None:
                best["cost"] = min(progress.objective, best.get("cost", progress.objective))
            if progress.dual_bound is not None:
                best["bound"] = max(progress.dual_bound, best.get("bound", 0))
            watch.report(progress.objective, progress.dual_bound)

        own = watch.part(left, workers, listen=relay, stop=stop, keep=watch.offer)
        try:
            results[name] = solvers.load("partition", name)(problem, own, warm_start=warm_start)
            if results[name].status in (Status.OPTIMAL, Status.INFEASIBLE):
                stop.set()
        except Exception as defect:
            defects.append(defect)

    def begin(name: str) -> threading.Thread:
        thread = threading.Thread(target=run, args=(name,), name=name)
        thread.start()
        return thread

    size = problem.network.num_synapses * min(problem.max_clusters, problem.num_units)
    threads = [begin(name) for name in (_LONG, _SHORT) if name == _LONG or size <= LARGE]
    wait_s = _WAIT_S if watch.remaining_s is None else _WAIT * watch.remaining_s
    late = None if obstacle(problem) else watch.elapsed_s + wait_s
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(0.05)
        if watch.should_stop():
            stop.set()
        elif late is not None and watch.elapsed_s >= late:
            late = None
            if best.get("bound", 0) < _FAR * best.get("cost", 0):
                threads.append(begin(_LATE))
    if not results:
        raise defects[0]
    for defect in defects:
        logger.warning("%s stands alone: %s", *results, defect)
    return _best(problem, watch, list(results.values()))


def _best(problem: PartitionProblem, watch: Watch, results: list[SolveResult[Partition]]) -> SolveResult[Partition]:
    found = [r for r in results if r.objective is not None]
    for result in results:
        if result.status is Status.INFEASIBLE:
            if found:
                raise EngineDefect(f"{result.engine} claims infeasibility, {found[0].engine} found a solution")
            return result
    cheapest = min(found, key=lambda r: r.objective or 0, default=None)
    bounded = [r for r in results if r.dual_bound is not None]
    tightest = max(bounded, key=lambda r: r.dual_bound or 0, default=None)
    return conclude(
        problem,
        None if cheapest is None else cheapest.incumbent,
        None if tightest is None else tightest.dual_bound,
        engine=" beside ".join(r.engine for r in results),
        watch=watch,
        vouched_by=None if tightest is None else tightest.vouched_by,
        formulation=None if tightest is None else tightest.formulation,
        evidence=None if tightest is None else tightest.evidence,
        details={r.engine: r.details for r in results},
    )
