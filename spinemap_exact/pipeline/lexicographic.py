"""Least area first, then the fewest packets within that area: two partition problems, one after the other.

D. Pohl et al., DATE 2025, arXiv:2503.02033, order their goals like this.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from spinemap_exact.interrupts import stoppable
from spinemap_exact.kernels.compiling import not_counted
from spinemap_exact.mapping import Partition
from spinemap_exact.pipeline.evidence import Wanted, solve_and_certify
from spinemap_exact.pipeline.outcome import Stage
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import Limits, Progress, Status, Watch

AREA_THEN_PACKETS = "area-then-packets"
_SHARE_OF_AREA = 0.5  # of the time, at most


@dataclass(frozen=True)
class AreaThenPackets:
    """The stages ``area`` and ``packets``; the second is missing where the first found nothing.

    The bound on packets holds for partitions within the area found. If that is not proven least, a partition of less
    area may send any number.
    """

    stages: tuple[Stage, ...]
    limits: Limits
    runtime_s: float

    @property
    def status(self) -> Status:
        """OPTIMAL only if the area is proven least and the packets are proven fewest within it."""
        found = [stage.result.status for stage in self.stages]
        if len(found) == 1 or found[-1] is Status.UNKNOWN:
            return found[-1]
        return Status.OPTIMAL if set(found) == {Status.OPTIMAL} else Status.FEASIBLE

    @property
    def incumbent(self) -> Partition | None:
        incumbent: Partition | None = self.stages[-1].result.incumbent
        return incumbent

    def as_json(self) -> dict[str, Any]:
        """Return objective and bound of the last stage, the status of both, and each stage."""
        return {
            **self.stages[-1].as_json(),
            "status": str(self.status),
            "runtime_s": round(self.runtime_s, 3),
            "scope": "area, then packets within the area found; objective and bound are those of the last stage",
            "stages": {s.name: {**s.as_json(), "digest": s.problem.digest} for s in self.stages},
        }


@stoppable
def area_then_packets(
    problem: PartitionProblem,
    *,
    limits: Limits | None = None,
    solver: str | None = None,
    warm_start: str | None = None,
    wanted: Wanted | None = None,
    listen: Callable[[str, Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> AreaThenPackets:
    """Minimise the area of a partition, then its packets with the area found as a limit.

    Parameters
    ----------
    problem : PartitionProblem
        Its own objective does not matter.
    limits : Limits, optional
        The time is for both stages; the first takes half of it at most. It stands still while kernels are compiled.
    solver, warm_start : str, optional
        Names, for both stages; chosen by size where not given.
    wanted : Wanted, optional
        How long evidence of the bounds is looked for.
    listen : callable, optional
        Called with the name of the stage and its `Progress`.
    stop : threading.Event, optional
        Once set, the best partition so far is returned.
    """
    limits = limits or Limits()
    with not_counted(time.perf_counter, everywhere=True) as clock:
        whole = Watch(limits, stop=stop, clock=clock)

        def run(name: str, asked: PartitionProblem, share: float, starts: tuple[Partition, ...]) -> Stage:
            left = whole.remaining_s
            part = replace(limits, time_s=None if left is None else max(1e-3, share * left))
            watch = Watch(part, partial(listen, name) if listen else None, stop, clock)
            return solve_and_certify(
                name, asked, watch, wanted or Wanted(), solver=solver, warm_start=warm_start, starts=starts
            )

        area = run("area", replace(problem, objective=PartitionObjective.AREA), _SHARE_OF_AREA, ())
        stages = [area]
        if area.result.incumbent is not None:
            within = replace(problem, objective=PartitionObjective.PACKETS, max_area=area.result.objective)
            stages.append(run("packets", within, 1.0, (area.result.incumbent,)))
        return AreaThenPackets(tuple(stages), limits, whole.elapsed_s)
