"""Branch and price beside the assignment model: whichever proves first ends both, and the better of each counts.

Neither is the faster one throughout: few large clusters and chains of layers suit the assignment model, crossbars that
are short against the network suit set partitioning, and no rule by size tells them apart reliably. The assignment model
proves early what it can prove at all: it gets half of the workers, and a seventh of the time. Branch and price prices
in as many threads as there are workers. If one of them fails, say because the costs are beyond the engine's integers,
the answer of the other is the answer.
"""

from __future__ import annotations

import logging
import threading

from spinemap_exact import solvers
from spinemap_exact.errors import EngineDefect
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.result import Progress, SolveResult, Status, Watch, conclude

logger = logging.getLogger(__name__)

_LONG, _SHORT = "branch-price", "assignment-cpsat"
_LEAST_S, _SHARE = 20.0, 1 / 7  # time of the assignment model, as a part of the limit


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

    def run(name: str) -> None:
        left, workers = watch.remaining_s, watch.limits.workers
        if name == _SHORT:
            left, workers = None if left is None else max(_LEAST_S, _SHARE * left), max(1, workers // 2)

        def relay(progress: Progress) -> None:
            watch.report(progress.objective, progress.dual_bound)

        own = watch.part(left, workers, listen=relay, stop=stop, keep=watch.offer)
        try:
            results[name] = solvers.load("partition", name)(problem, own, warm_start=warm_start)
            if results[name].status in (Status.OPTIMAL, Status.INFEASIBLE):
                stop.set()
        except Exception as defect:
            defects.append(defect)

    threads = [threading.Thread(target=run, args=(name,), name=name) for name in (_LONG, _SHORT)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(0.05)
        if watch.should_stop():
            stop.set()
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
