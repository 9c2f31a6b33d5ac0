"""The stages one after the other: unroll, partition, place."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from spinemap_exact import heuristics
from spinemap_exact.errors import InvalidInput, unknown
from spinemap_exact.hardware import Hardware
from spinemap_exact.interrupts import stoppable
from spinemap_exact.kernels.compiling import not_counted
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.pipeline.asked import STAGES, neurons_fit, stage_problem
from spinemap_exact.pipeline.evidence import Wanted, certify, solve_and_certify
from spinemap_exact.pipeline.given import HardwareLike, NetworkLike, given
from spinemap_exact.pipeline.outcome import Found, MappingRun, Stage
from spinemap_exact.pipeline.spent import CHECK
from spinemap_exact.problems.mapping import MappingProblem, shown_crossbars
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollObjective, UnrollProblem
from spinemap_exact.result import Limits, Progress, Voucher, Watch, conclude

logger = logging.getLogger(__name__)

_SHARE_OF_TIME = {"unroll": 0.3, "partition": 0.7, "placement": 1.0}  # of what is left when the stage begins
_LEAST_SHARE = 0.05  # of the whole time, so that a stage that overran does not leave the next one empty-handed

Listener = Callable[[str, Progress], None]
Keeper = Callable[[Found], None]


@dataclass(frozen=True)
class Choices:
    """Which solver and which warm start each stage of `map_by_stages` uses; what is not named is chosen by size.

    Parameters
    ----------
    solver, warm_start : dict of str to str
        Names by stage (``unroll``, ``partition``, ``placement``), as ``spinemap-exact bench --list`` tells them. A
        solver may be ``"none"``: then the warm start is the answer, and nothing is proven.

    Examples
    --------
    >>> Choices(solver={"partition": "race", "placement": "none"}).solver["partition"]
    'race'
    """

    solver: Table[str, str] = field(default_factory=dict)
    warm_start: Table[str, str] = field(default_factory=dict)


@stoppable
def map_by_stages(
    network: NetworkLike,
    hardware: HardwareLike | None = None,
    *,
    limits: Limits | None = None,
    traffic: Traffic | str = Traffic.PER_TILE,
    choices: Choices | None = None,
    last_stage: str = "placement",
    unroll: bool = True,
    unit_fan_in: int | None = None,
    unroll_objective: UnrollObjective | str = UnrollObjective.CROSSBARS,
    wanted: Wanted | None = None,
    listen: Listener | None = None,
    keep: Keeper | None = None,
    stop: threading.Event | None = None,
) -> MappingRun:
    """Map a network onto hardware, stage by stage: unroll, partition, place.

    Parameters
    ----------
    network, hardware
        As for `map_network`.
    limits : Limits, optional
        The time is for all stages together; it stands still while kernels are compiled.
    last_stage : str
        Stop after this stage.
    unroll : bool
        If False, a neuron with more inputs than rows is an error.
    unit_fan_in : int, optional
        Homogeneous units of this fan-in (the published unrolling); see `UnrollProblem`.
    unroll_objective : UnrollObjective
        Few crossbars, few units, or few spikes on carries.
    wanted : Wanted, optional
        If certificates are wanted, what `certify_all` needs of the limit is left to it.
    listen : callable, optional
        Called with the name of the stage and its `Progress`.
    keep : callable, optional
        Called with what is `Found` whenever that is the best so far, and when a stage is done.
    stop : threading.Event, optional
        Once set, the best mapping so far is returned.

    Returns
    -------
    MappingRun
        With a stage for each step; the bound of a stage holds given the stages above it.

    Raises
    ------
    WrongType
        If something is not of a type that can be used.
    InvalidInput
        If unrolling is switched off but needed, or a name is unknown.

    Examples
    --------
    >>> from spinemap_exact import Choices, Limits, map_by_stages
    >>> choices = Choices(solver={"placement": "none"})
    >>> run = map_by_stages("layered-16-24-8", choices=choices, limits=Limits(time_s=3, workers=1))
    >>> [stage.name for stage in run.stages]
    ['unroll', 'partition', 'placement']
    """
    network, hardware, notes = given(network, hardware, limits)
    require_supported(network, hardware, last_stage, unroll=unroll, unit_fan_in=unit_fan_in)
    asked = _Asked(
        network, hardware, Traffic(traffic), choices or Choices(), limits or Limits(), wanted or Wanted(), unit_fan_in,
        UnrollObjective(unroll_objective),
    )  # fmt: skip
    with not_counted(time.perf_counter, everywhere=True) as clock:
        return replace(_map(_Run(asked, clock, listen, keep, stop), last_stage), notes=notes)


def _map(run: _Run, last_stage: str) -> MappingRun:
    network = run.asked.network
    run.count_crossbars()
    if run.shortage is not None and last_stage != "unroll":
        return run.finish(None)
    packed = run.unroll()
    if packed is None or run.shortage is not None or last_stage == "unroll":
        return run.finish(None)
    unrolling, packing = packed.unrolling, packed.partition
    units = unrolling.unit_network(network)
    clusters = run.partition(unrolling, units, packing)
    if clusters is None or last_stage == "partition":
        return run.finish(None)
    tiles = run.place(unrolling, units, clusters)
    return run.finish(None if tiles is None else Mapping(unrolling, clusters, tiles))


@stoppable
def certify_all(
    run: MappingRun, wanted: Wanted, listen: Listener | None = None, *, stop: threading.Event | None = None
) -> MappingRun:
    """Look thoroughly for evidence of what no stage of a run has a certificate for yet.

    Open stages share what the run left of its limit, and the seconds beyond it that are wanted. After a request to stop
    nothing is looked for.
    """
    left_s = run.limits.time_s
    if left_s is not None:
        left_s = max(1e-3, left_s - run.runtime_s + (wanted.beyond_s or 0.0))
    began, open_stages = time.perf_counter(), sum(bool(stage.unverified) for stage in run.stages)
    stages: list[Stage] = []
    with not_counted(time.perf_counter, everywhere=True) as clock:
        whole = Watch(replace(run.limits, time_s=left_s), stop=stop, clock=clock)
        for stage in run.stages:
            if stage.unverified and not whole.stop_requested:
                limits = whole.part(None if left_s is None else (whole.remaining_s or 0.0) / open_stages).limits
                watch = Watch(limits, partial(listen, stage.name) if listen else None, stop, clock)
                stage = _certified_again(stage, watch)
                open_stages -= 1
            stages.append(stage)
        elapsed_s = whole.elapsed_s
    compiling_s = run.compiling_s + time.perf_counter() - began - elapsed_s
    return replace(run, stages=tuple(stages), runtime_s=run.runtime_s + elapsed_s, compiling_s=compiling_s)


def _certified_again(stage: Stage, watch: Watch) -> Stage:
    """Look thoroughly for what a first look has not found; keep what it has."""
    again = certify(stage.name, stage.problem, stage.solver, stage.result, watch, thorough=True)
    spent_s = {**stage.spent_s, CHECK: stage.spent_s.get(CHECK, 0.0) + again.spent_s.get(CHECK, 0.0)}
    best = again if again.certificate is not None else stage
    return replace(best, spent_s=spent_s)


def require_supported(
    network: Network,
    hardware: Hardware,
    last_stage: str = "placement",
    *,
    unroll: bool = True,
    unit_fan_in: int | None = None,
) -> None:
    """Refuse, before anything is solved, what no stage could do.

    Raises
    ------
    InvalidInput
        If the stage is unknown, unrolling is switched off but needed, or a stage needs crossbars of one size.
    """
    if last_stage not in STAGES:
        raise InvalidInput(unknown("stage", last_stage, STAGES))
    if not unroll:
        _require_fit(network, hardware)
    if last_stage == "placement" and not hardware.is_uniform:
        raise InvalidInput(
            f"hardware {hardware.name!r} has several crossbar types; only --stage unroll and partition support that"
        )
    if last_stage != "unroll" and network.fan_in.max() > 1 == hardware.max_rows:
        return  # counting will say that no mapping exists
    if stage_problem("unroll", network, hardware, unit_fan_in=unit_fan_in).objective is not UnrollObjective.UNITS:
        _ = hardware.crossbar  # raises: unrolling packs crossbars of one size


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a `map_by_stages` was asked for."""

    network: Network
    hardware: Hardware
    traffic: Traffic
    choices: Choices
    limits: Limits
    wanted: Wanted
    unit_fan_in: int | None
    unroll_objective: UnrollObjective

    @property
    def to_solve(self) -> Limits:
        """What certificates leave of the limits."""
        if self.limits.time_s is None or not self.wanted.certificate:
            return self.limits
        left_s = self.limits.time_s - self.wanted.reserve_s(self.limits.time_s)
        return replace(self.limits, time_s=left_s)


class _Run:
    """The state of one `map_by_stages`: clock, and the stages so far."""

    def __init__(
        self,
        asked: _Asked,
        clock: Callable[[], float],
        listen: Listener | None,
        keep: Keeper | None,
        stop: threading.Event | None,
    ) -> None:
        self.asked, self.hardware = asked, asked.hardware
        self.listen, self.keep, self.stop = listen, keep, stop or threading.Event()
        self.clock, self.began = clock, time.perf_counter()
        self.watch = Watch(asked.to_solve, stop=self.stop, clock=clock)
        self.stages: list[Stage] = []
        self.shortage: str | None = None

    def count_crossbars(self) -> None:
        """Compare what any mapping needs with the crossbars that there are."""
        self.shortage = MappingProblem(self.asked.network, self.hardware).why_infeasible()

    def unroll(self) -> PackedUnrolling | None:
        packed = self._unrolled()
        last = self.stages[-1]
        if last.measure == "crossbars" and last.result.dual_bound is not None:
            self._compare({f"by {last.result.vouched_by}": last.result.dual_bound})
        if packed is not None:
            self._keep_packed(packed)
        return packed

    def partition(self, unrolling: Unrolling, units: Network, packing: Partition) -> Partition | None:
        problem = PartitionProblem(units, self.hardware.crossbars, self.hardware.grid.num_tiles, self.asked.traffic)
        keep = partial(self._keep, unrolling)
        clusters: Partition | None = self._solve("partition", problem, keep, starts=[packing])
        if clusters is not None:
            keep(clusters)
        return clusters

    def place(self, unrolling: Unrolling, units: Network, clusters: Partition) -> Placement | None:
        problem = placement_problem(units, clusters, self.hardware, self.asked.traffic)
        keep = partial(self._keep, unrolling, clusters)
        tiles: Placement | None = self._solve("placement", problem, keep)
        if tiles is not None:
            keep(tiles)
        return tiles

    def finish(self, mapping: Mapping | None) -> MappingRun:
        asked, elapsed_s = self.asked, self.watch.elapsed_s
        return MappingRun(
            asked.network,
            asked.hardware,
            asked.traffic,
            asked.limits,
            tuple(self.stages),
            mapping,
            self.shortage,
            elapsed_s,
            time.perf_counter() - self.began - elapsed_s,
            interrupted=self.stop.is_set(),
        )

    def _compare(self, bounds: dict[str, int]) -> None:
        how, least = max(bounds.items(), key=lambda item: item[1])
        if least > self.hardware.num_crossbars and self.shortage is None:
            fan_in = self.asked.unit_fan_in
            units = "" if fan_in is None else f" with units of fan-in {fan_in}"
            self.shortage = (
                f"the network needs at least {least} crossbars{units} ({how}), {shown_crossbars(self.hardware)}"
            )

    def _keep(self, unrolling: Unrolling, clusters: Partition, tiles: Placement | None = None) -> None:
        if self.keep is not None:
            self.keep(Found(unrolling, clusters, tiles, tuple(self.stages)))

    def _keep_packed(self, packed: PackedUnrolling) -> None:
        self._keep(packed.unrolling, packed.partition)

    def _unrolled(self) -> PackedUnrolling | None:
        asked = self.asked
        problem = stage_problem(
            "unroll",
            asked.network,
            self.hardware,
            unit_fan_in=asked.unit_fan_in,
            unroll_objective=asked.unroll_objective,
        )
        if asked.unit_fan_in is None and neurons_fit(asked.network, self.hardware):
            return self._identity(problem)
        packed: PackedUnrolling | None = self._solve("unroll", problem, self._keep_packed)
        return packed

    def _identity(self, problem: UnrollProblem) -> PackedUnrolling:
        """Every neuron fits a crossbar: one unit each, which nothing can undercut."""
        watch = self._stage_watch("unroll")
        unrolling = Unrolling.identity(self.asked.network)
        units = unrolling.unit_network(self.asked.network)
        roomy = PartitionProblem(units, (problem.crossbar,), max(1, units.num_units))
        packing = heuristics.load("partition", "sequential")(roomy, watch)
        result = conclude(
            problem,
            PackedUnrolling(unrolling, packing),
            units.num_units,
            engine="identity",
            watch=watch,
            vouched_by=Voucher("attested", "a unit for each neuron"),
        )
        self.stages.append(certify("unroll", problem, "identity", result, watch))
        return PackedUnrolling(unrolling, packing)

    def _solve(self, stage: str, problem: Any, keep: Callable[[Any], None], starts: Iterable[Any] = ()) -> Any:
        choices = self.asked.choices
        solved = solve_and_certify(
            stage,
            problem,
            self._stage_watch(stage),
            Wanted(),
            solver=choices.solver.get(stage),
            warm_start=choices.warm_start.get(stage),
            starts=starts,
            keep=keep,
        )
        result = solved.result
        logger.info("%s: %s, objective %s, bound %s", stage, result.status, result.objective, result.dual_bound)
        self.stages.append(solved)
        return result.incumbent

    def _stage_watch(self, stage: str) -> Watch:
        left = self.watch.remaining_s
        limits = self.watch.limits
        if left is not None:
            whole = limits.time_s or left
            limits = replace(limits, time_s=max(_LEAST_SHARE * whole, left * _SHARE_OF_TIME[stage]))
        return Watch(limits, partial(self.listen, stage) if self.listen else None, self.stop, self.clock)


def _require_fit(network: Network, hardware: Hardware) -> None:
    rows = hardware.max_rows
    wide = np.flatnonzero(network.fan_in > rows)
    if wide.size:
        lost = int((network.fan_in[wide] - rows).sum())
        raise InvalidInput(
            f"neuron {wide[0]} has fan-in {network.fan_in[wide[0]]}, the crossbar has {rows} rows, and unrolling is "
            f"switched off; pruning would lose {lost} synapses of {wide.size} neurons"
        )
