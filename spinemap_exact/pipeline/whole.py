"""The whole mapping at once: the mapping that is asked for, and a bound that holds for any mapping of the network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from spinemap_exact import heuristics, solvers
from spinemap_exact.hardware import Hardware
from spinemap_exact.interrupts import stoppable
from spinemap_exact.kernels.compiling import not_counted
from spinemap_exact.mapping import Mapping, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.pipeline.evidence import Wanted, solve_and_certify
from spinemap_exact.pipeline.outcome import Found, MappingRun
from spinemap_exact.pipeline.solve import NO_SOLVER
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.result import Limits, Progress, Status, Watch

STAGE = "mapping"


def require_posed(
    network: Network,
    hardware: Hardware,
    *,
    minimise: MappingObjective | str = MappingObjective.ENERGY,
    max_crossbars: int | None = None,
    max_latency_ps: int | None = None,
    unrolling: Unrolling | None = None,
    traffic: Traffic | str = Traffic.PER_TILE,
    solver: str | None = None,
    warm_start: str | None = None,
) -> MappingProblem:
    """Refuse, before anything is solved, what `map_network` could not do; return the problem.

    Raises
    ------
    InvalidInput
        If a limit is below one, or a name is unknown.
    """
    if solver not in (None, NO_SOLVER):
        solvers.load("mapping", solver)
    if warm_start not in (None, NO_SOLVER):
        heuristics.load("mapping", warm_start)
    return MappingProblem(
        network, hardware, Traffic(traffic), MappingObjective(minimise), max_crossbars, max_latency_ps, unrolling
    )


@stoppable
def map_network(
    network: Network,
    hardware: Hardware,
    *,
    minimise: MappingObjective | str = MappingObjective.ENERGY,
    max_crossbars: int | None = None,
    max_latency_ps: int | None = None,
    unrolling: Unrolling | None = None,
    limits: Limits | None = None,
    traffic: Traffic | str = Traffic.PER_TILE,
    solver: str | None = None,
    warm_start: str | None = None,
    starts: Iterable[Mapping] = (),
    wanted: Wanted | None = None,
    listen: Callable[[str, Progress], None] | None = None,
    keep: Callable[[Found], None] | None = None,
    stop: threading.Event | None = None,
) -> MappingRun:
    """Map a network onto hardware, from synapses to tiles, for one goal.

    Unrolling, partition and placement are chosen together; `map_by_stages` solves them one after the other.

    Parameters
    ----------
    minimise : MappingObjective
        Energy of a window, mean or worst latency, crossbars, or the busiest link.
    max_crossbars, max_latency_ps : int, optional
        Limits that the mapping respects.
    unrolling : Unrolling, optional
        Units to be kept: only their partition and placement are chosen, and the bound is one of these units.
    limits : Limits, optional
        The time stands still while kernels are compiled.
    solver, warm_start : str, optional
        Names; by default those that are best for the size.
    starts : iterable of Mapping
        Known mappings; those that break a limit are ignored.
    wanted : Wanted, optional
        How much of the time goes to a certificate.
    listen, keep : callable, optional
        Called with the progress; with what is `Found` whenever that is the best so far.
    stop : threading.Event, optional
        Once set, the best mapping so far is returned.

    Returns
    -------
    MappingRun
        With one stage, ``mapping``, whose bound holds for any mapping of this network onto this hardware, or of the
        given units.

    Raises
    ------
    InvalidInput
        If a limit is below one, or a name is unknown.

    Examples
    --------
    >>> from spinemap_exact.instances import load
    >>> run = map_network(*load("digits-64-32-10"), limits=Limits(time_s=30))  # doctest: +SKIP
    """
    problem = require_posed(
        network, hardware, minimise=minimise, max_crossbars=max_crossbars, max_latency_ps=max_latency_ps,
        unrolling=unrolling, traffic=traffic, solver=solver, warm_start=warm_start,
    )  # fmt: skip
    limits, began = limits or Limits(), time.perf_counter()
    with not_counted(time.perf_counter, everywhere=True) as clock:
        watch = Watch(limits, partial(listen, STAGE) if listen else None, stop, clock)
        stage = solve_and_certify(
            STAGE, problem, watch, wanted or Wanted(), solver=solver, warm_start=warm_start, starts=starts,
            keep=_found(keep),
        )  # fmt: skip
        elapsed_s = watch.elapsed_s
    shortage = stage.result.reason if stage.result.status is Status.INFEASIBLE else None
    run = MappingRun(network, hardware, problem.traffic, limits, (stage,), stage.result.incumbent, shortage, elapsed_s)
    return replace(run, compiling_s=time.perf_counter() - began - elapsed_s, interrupted=watch.stop_requested)


def _found(keep: Callable[[Found], None] | None) -> Callable[[Mapping], None] | None:
    if keep is None:
        return None
    return lambda mapping: keep(Found(mapping.unrolling, mapping.partition, mapping.placement, ()))
