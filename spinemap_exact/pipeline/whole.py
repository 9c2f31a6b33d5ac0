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
from spinemap_exact.pipeline.given import HardwareLike, NetworkLike, given
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
    network: NetworkLike,
    hardware: HardwareLike | None = None,
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
    network : Network, str or path
        A network, a file in any format that `read_network` knows, or the name of an instance that ships.
    hardware : Hardware, str or path, optional
        Hardware, the name of a preset, or a TOML file. Instances bring their own.
    minimise : MappingObjective or str
        ``"energy"`` of a window, ``"mean-latency"``, ``"worst-latency"``, ``"crossbars"``, or ``"bottleneck"``, the
        busiest link.
    max_crossbars, max_latency_ps : int, optional
        Limits that the mapping respects; a picosecond is 10^-12 s.
    unrolling : Unrolling, optional
        Units to be kept: only their partition and placement are chosen, and the bound is one of these units.
    limits : Limits, optional
        Seconds, worker processes and seed; by default 60 s, two and zero. The time stands still while kernels are
        compiled.
    traffic : Traffic or str
        What a spike sends: a packet to each remote tile that reads it (``"per-tile"``), or one for each synapse that
        crosses tiles (``"per-synapse"``).
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
    WrongType
        If something is not of a type that can be used; the text says what is expected.
    InvalidInput
        If a limit is below one, a name is unknown, or a file cannot be read.

    Examples
    --------
    Three neurons in a row, two columns a crossbar, one unit of energy a packet and one a hop. Whoever stands alone,
    either the first sends its 2 spikes, or the second its 5, over one hop:

    >>> from spinemap_exact import Crossbar, Hardware, Limits, Network, TileGrid, map_network
    >>> network = Network.from_synapses(pre=[0, 1], post=[1, 2], spikes=[2, 5, 0])
    >>> chip = Hardware("chip", TileGrid(2, 1), Crossbar(rows=4, columns=2))
    >>> run = map_network(network, chip, limits=Limits(time_s=3, workers=1))
    >>> run.evaluation().energy_fj.total  # 2 packets and 2 hops
    4
    """
    network, hardware, notes = given(network, hardware, limits)
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
    compiling_s = time.perf_counter() - began - elapsed_s
    return replace(run, compiling_s=compiling_s, notes=notes, interrupted=watch.stop_requested)


def _found(keep: Callable[[Found], None] | None) -> Callable[[Mapping], None] | None:
    if keep is None:
        return None
    return lambda mapping: keep(Found(mapping.unrolling, mapping.partition, mapping.placement, ()))
