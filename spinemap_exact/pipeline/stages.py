"""The stages one after the other: unroll, partition, place."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from spinemap_exact import heuristics
from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.pipeline.asked import STAGES, stage_problem
from spinemap_exact.pipeline.outcome import MappingRun, Stage
from spinemap_exact.pipeline.solve import certify, solve_problem
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollObjective, UnrollProblem, counting_bounds
from spinemap_exact.result import Limits, Progress, Voucher, Watch, conclude

logger = logging.getLogger(__name__)

_SHARE_OF_TIME = {"unroll": 0.3, "partition": 0.7, "placement": 1.0}  # of what is left when the stage begins
_LEAST_SHARE = 0.05  # of the whole time, so that a stage that overran does not leave the next one empty-handed

Listener = Callable[[str, Progress], None]


@dataclass(frozen=True)
class Choices:
    """Which solver and which warm start each stage uses; what is not named is chosen by size.

    ``solver`` may be ``"none"``: then the warm start is the answer, and nothing is proven.
    """

    solver: Table[str, str] = field(default_factory=dict)
    warm_start: Table[str, str] = field(default_factory=dict)


def map_network(
    network: Network,
    hardware: Hardware,
    *,
    limits: Limits | None = None,
    traffic: Traffic | str = Traffic.PER_TILE,
    choices: Choices | None = None,
    last_stage: str = "placement",
    unroll: bool = True,
    unit_fan_in: int | None = None,
    listen: Listener | None = None,
    stop: threading.Event | None = None,
) -> MappingRun:
    """Map a network onto hardware, stage by stage: unroll, partition, place.

    Parameters
    ----------
    limits : Limits, optional
        The time is for all stages together.
    last_stage : str
        Stop after this stage.
    unroll : bool
        If False, a neuron with more inputs than rows is an error.
    unit_fan_in : int, optional
        Homogeneous units of this fan-in (the published unrolling); see `UnrollProblem`.
    listen : callable, optional
        Called with the name of the stage and its `Progress`.
    stop : threading.Event, optional
        Once set, the best mapping so far is returned.

    Raises
    ------
    InvalidInput
        If unrolling is switched off but needed, or a name is unknown.
    """
    if last_stage not in STAGES:
        raise InvalidInput(f"unknown stage {last_stage!r}; known: {', '.join(STAGES)}")
    run = _Run(network, hardware, limits or Limits(), Traffic(traffic), choices or Choices(), listen, stop)
    if not unroll:
        _require_fit(network, hardware)
    packed = run.unroll(unit_fan_in)
    if packed is None or run.shortage is not None or last_stage == "unroll":
        return run.finish(None)
    unrolling, packing = packed.unrolling, packed.partition
    units = unrolling.unit_network(network)
    clusters = run.partition(units, packing)
    if clusters is None or last_stage == "partition":
        return run.finish(None)
    tiles = run.place(units, clusters)
    return run.finish(None if tiles is None else Mapping(unrolling, clusters, tiles))


def certify_all(run: MappingRun, listen: Listener | None = None, stop: threading.Event | None = None) -> MappingRun:
    """Look thoroughly for evidence of what no stage of a run has a certificate for yet.

    Each stage gets its share of the time that the run left of its limit, and a stated minimum.
    """
    open_stages = [stage.name for stage in run.stages if stage.unverified]
    left = run.limits.time_s
    if left is not None:
        left = max(1e-3, (left - run.runtime_s) / max(1, len(open_stages)))
    stages = []
    for stage in run.stages:
        if stage.unverified:
            watch = Watch(run.limits, partial(listen, stage.name) if listen else None, stop).after(left)
            stage = certify(stage.name, stage.problem, stage.solver, stage.result, watch, thorough=True)
        stages.append(stage)
    return replace(run, stages=tuple(stages))


class _Run:
    """The state of one `map_network`: clock, choices, and the stages so far."""

    def __init__(
        self,
        network: Network,
        hardware: Hardware,
        limits: Limits,
        traffic: Traffic,
        choices: Choices,
        listen: Listener | None,
        stop: threading.Event | None,
    ) -> None:
        self.network, self.hardware, self.traffic, self.choices = network, hardware, traffic, choices
        self.listen, self.stop = listen, stop or threading.Event()
        self.watch = Watch(limits, stop=self.stop)
        self.stages: list[Stage] = []
        self.shortage: str | None = None

    def unroll(self, unit_fan_in: int | None) -> PackedUnrolling | None:
        packed = self._unrolled(unit_fan_in)
        rows, columns = self.hardware.max_rows, max(c.columns for c in self.hardware.crossbars)
        bounds = {f"by counting {k}": b for k, b in counting_bounds(self.network, rows, columns).items()}
        last = self.stages[-1]
        if last.measure == "crossbars" and last.result.dual_bound is not None:
            bounds[f"by {last.result.vouched_by}"] = last.result.dual_bound
        how, least = max(bounds.items(), key=lambda item: item[1])
        tiles = self.hardware.grid.num_tiles
        if least > tiles:
            units = "" if unit_fan_in is None else f" with units of fan-in {unit_fan_in}"
            self.shortage = f"the network needs at least {least} crossbars{units} ({how}), there are {tiles} tiles"
        return packed

    def partition(self, units: Network, packing: Partition) -> Partition | None:
        problem = PartitionProblem(units, self.hardware.crossbars, self.hardware.grid.num_tiles, self.traffic)
        clusters: Partition | None = self._solve("partition", problem, starts=[packing])
        return clusters

    def place(self, units: Network, clusters: Partition) -> Placement | None:
        if not self.hardware.is_uniform:
            raise InvalidInput(
                f"hardware {self.hardware.name!r} has several crossbar types; only --stage unroll and partition "
                "support that"
            )
        problem = placement_problem(units, clusters, self.hardware, self.traffic)
        tiles: Placement | None = self._solve("placement", problem)
        return tiles

    def finish(self, mapping: Mapping | None) -> MappingRun:
        return MappingRun(
            self.network,
            self.hardware,
            self.traffic,
            self.watch.limits,
            tuple(self.stages),
            mapping,
            self.shortage,
            self.watch.elapsed_s,
        )

    def _unrolled(self, unit_fan_in: int | None) -> PackedUnrolling | None:
        problem = stage_problem("unroll", self.network, self.hardware, unit_fan_in=unit_fan_in)
        if problem.objective is UnrollObjective.UNITS:
            return self._identity(problem)
        _ = self.hardware.crossbar  # raises: unrolling packs crossbars of one size
        packed: PackedUnrolling | None = self._solve("unroll", problem)
        return packed

    def _identity(self, problem: UnrollProblem) -> PackedUnrolling:
        """Every neuron fits a crossbar: one unit each, which nothing can undercut."""
        watch = self._stage_watch("unroll")
        unrolling = Unrolling.identity(self.network)
        units = unrolling.unit_network(self.network)
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

    def _solve(self, stage: str, problem: Any, starts: Iterable[Any] = ()) -> Any:
        solver, warm_start = self.choices.solver.get(stage), self.choices.warm_start.get(stage)
        watch = self._stage_watch(stage)
        name, result = solve_problem(problem, watch, solver=solver, warm_start=warm_start, starts=starts)
        logger.info("%s: %s, objective %s, bound %s", stage, result.status, result.objective, result.dual_bound)
        self.stages.append(certify(stage, problem, name, result, watch))
        return result.incumbent

    def _stage_watch(self, stage: str) -> Watch:
        left = self.watch.remaining_s
        limits = self.watch.limits
        if left is not None:
            whole = limits.time_s or left
            limits = replace(limits, time_s=max(_LEAST_SHARE * whole, left * _SHARE_OF_TIME[stage]))
        return Watch(limits, partial(self.listen, stage) if self.listen else None, self.stop)


def _require_fit(network: Network, hardware: Hardware) -> None:
    rows = hardware.max_rows
    wide = np.flatnonzero(network.fan_in > rows)
    if wide.size:
        lost = int((network.fan_in[wide] - rows).sum())
        raise InvalidInput(
            f"neuron {wide[0]} has fan-in {network.fan_in[wide[0]]}, the crossbar has {rows} rows, and unrolling is "
            f"switched off; pruning would lose {lost} synapses of {wide.size} neurons"
        )
