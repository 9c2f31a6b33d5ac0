"""From a network and hardware to a mapping: the only place where stages are wired."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from spinemap_exact import heuristics, solvers
from spinemap_exact.arrays import Array
from spinemap_exact.certificate import write
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import InvalidInput
from spinemap_exact.evaluator import Evaluation, evaluate
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollObjective, UnrollProblem, counting_bounds
from spinemap_exact.result import Limits, Progress, SolveResult, Status, Voucher, Watch, conclude

logger = logging.getLogger(__name__)

STAGES = ("unroll", "partition", "placement")
NO_SOLVER = "none"

# What is tried for a warm start where nobody asks for one, cheapest first; the best is kept.
_WARM_STARTS = {
    "unroll": ("row-slices", "chain"),
    "packing": ("best-fit",),
    "partition": ("sequential", "anneal"),
    "placement": ("sequential", "tabu"),
}
# Beyond these sizes (synapses, items or tiles) only one pass of slicing is made.
_LARGE = {"unroll": 1_000_000, "partition": 200_000, "placement": 1_500}
_FOR_LARGE = ("sequential",)
_LARGE_TO_CHECK = 200_000  # synapses, items or tiles: the checker walks them in plain loops
_CHECK_TIME_S = 5.0
_SHARE_OF_TIME = {"unroll": 0.3, "partition": 0.7, "placement": 1.0}  # of what is left when the stage begins
_WARM_SHARE = 0.15  # of the stage, at most; small problems get less

Listener = Callable[[str, Progress], None]


@dataclass(frozen=True)
class Stage:
    """One solved stage: what was asked, by which solver, and what came of it.

    ``certificate`` claims what the checker verified; None where there was nothing to verify or it was not tried.
    """

    name: str
    problem: Any
    solver: str
    result: SolveResult[Any]
    certificate: Certificate | None = None

    @property
    def measure(self) -> str:
        """What the objective counts."""
        problem = self.problem
        if isinstance(problem, PlacementProblem):
            mesh = problem.mesh
            even = mesh is None or mesh.hop_x == mesh.hop_y == 1
            return "spike-hops" if even else f"spike-hops (x: {mesh.hop_x}, y: {mesh.hop_y})"  # type: ignore[union-attr]
        return str(getattr(problem, "objective", "bins")).replace("-", " ")

    def as_json(self) -> dict[str, Any]:
        return {"solver": self.solver, "measure": self.measure, **self.result.as_json()}


@dataclass(frozen=True)
class MappingRun:
    """A mapping with the evidence for each stage that led to it.

    ``mapping`` is None unless every stage found a solution. ``shortage`` names the resource that is proven too scarce
    for any mapping; a stage that is infeasible given the stages above it proves nothing about other unrollings.
    """

    network: Network
    hardware: Hardware
    traffic: Traffic
    limits: Limits
    stages: tuple[Stage, ...]
    mapping: Mapping | None
    shortage: str | None = None
    runtime_s: float = 0.0

    @property
    def status(self) -> Status:
        """OPTIMAL only if every stage is; that is optimal stage by stage, not overall."""
        if self.shortage is not None:
            return Status.INFEASIBLE
        found = {stage.result.status for stage in self.stages}
        if not all(status.has_solution for status in found):
            return Status.UNKNOWN
        return Status.OPTIMAL if found == {Status.OPTIMAL} else Status.FEASIBLE

    def stage(self, name: str) -> Stage:
        """Return one stage.

        Raises
        ------
        InvalidInput
            If it was not run.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise InvalidInput(f"stage {name!r} was not run; there are: {', '.join(s.name for s in self.stages)}")

    def certificate(self, name: str) -> Certificate | None:
        """Return what the checker verified of one stage; None if nothing."""
        return self.stage(name).certificate

    def evaluation(self) -> Evaluation | None:
        """Price the mapping; None while there is none."""
        return None if self.mapping is None else evaluate(self.network, self.hardware, self.mapping, self.traffic)

    def summary(self) -> str:
        """Return a table for people: per stage objective, bound, gap, and who vouches."""
        rows = [("stage", "measure", "objective", "dual bound", "gap", "stopped by", "vouched for by", "time")]
        for stage in self.stages:
            r = stage.result
            rows.append(
                (
                    stage.name,
                    stage.measure,
                    _number(r.objective),
                    _number(r.dual_bound),
                    "-" if r.gap is None else f"{100 * r.gap:.1f} %",
                    "infeasible as asked" if r.status is Status.INFEASIBLE else r.reason,
                    str(r.vouched_by or "nobody"),
                    f"{r.runtime_s:.1f} s",
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        right = {2, 3, 4, 7}
        lines = [
            "  ".join(
                c.rjust(w) if k in right else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        lines += [
            f"{s.name}: {s.result.reason}" + ("" if self.shortage else " (given the stages above; another may fit)")
            for s in self.stages
            if s.result.status is Status.INFEASIBLE
        ]
        if self.shortage:
            lines.append(f"proven infeasible: {self.shortage}")
        if self.mapping is not None and len(self.stages) > 1:
            lines.append("Each bound is for its stage, given the stages above it: optimal stage by stage is not")
            lines.append("optimal overall.")
        return "\n".join(line.rstrip() for line in lines)

    def as_json(self) -> dict[str, Any]:
        last = self.stages[-1].result.as_json()
        evaluation = self.evaluation()
        return {
            **{k: last[k] for k in ("objective", "dual_bound", "gap", "vouched_by")},
            "status": str(self.status),
            "scope": "stage by stage; objective and bound are those of the last stage",
            "runtime_s": round(self.runtime_s, 3),
            "solver": self.stages[-1].solver,
            "seed": self.limits.seed,
            "traffic": str(self.traffic),
            "network_digest": self.network.digest,
            "hardware": self.hardware.name,
            "hardware_digest": self.hardware.digest,
            "shortage": self.shortage,
            "spikes_assumed": self.network.spikes_assumed,
            "stages": {stage.name: stage.as_json() for stage in self.stages},
            "evaluation": None if evaluation is None else evaluation.as_json(),
        }


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


def solve_problem(
    problem: Any,
    watch: Watch,
    *,
    solver: str | None = None,
    warm_start: str | None = None,
    starts: Iterable[Any] = (),
) -> tuple[str, SolveResult[Any]]:
    """Solve one problem: warm starts first, then the solver.

    Parameters
    ----------
    solver, warm_start : str, optional
        Names; chosen by the size of the problem where not given. ``"none"`` switches either off.
    starts : iterable
        Known solutions; those that break a limit are ignored.

    Returns
    -------
    solver : str
        Name of the solver used.
    result : SolveResult
    """
    why = problem.why_infeasible() if hasattr(problem, "why_infeasible") else None
    if why is not None:
        voucher = Voucher("attested", "counting")
        return "counting", conclude(
            problem, None, None, engine="counting", watch=watch, infeasible=True, vouched_by=voucher, reason=why
        )
    start, author = _warm_start(problem, watch, warm_start, starts)
    if start is not None and problem.cost(start) == 0:
        return author, conclude(
            problem, start, 0, engine=author, watch=watch, vouched_by=Voucher("attested", "no cost is negative")
        )
    name = solver or _default_solver(problem)
    if name == NO_SOLVER:
        return author, conclude(problem, start, None, engine=author, watch=watch, reason="no solver asked for")
    watch.report(note=f"solver {name}")
    result = solvers.load(problem.kind, name)(problem, watch, warm_start=start)
    if (
        start is not None
        and result.status is not Status.INFEASIBLE
        and (result.objective is None or problem.cost(start) < result.objective)
    ):
        bound = result.dual_bound
        result = conclude(
            problem, start, bound, engine=result.engine, watch=watch, vouched_by=result.vouched_by,
            formulation=result.formulation, evidence=result.evidence, details=result.details,
        )  # fmt: skip
    return name, result


def certify(name: str, problem: Any, solver: str, result: SolveResult[Any], watch: Watch) -> Stage:
    """Have the checker verify what can be verified, and let the result say so.

    A verified bound replaces a weaker attested one; a stronger attested one stays what it is.
    """
    if _size(problem) > _LARGE_TO_CHECK:
        return Stage(name, problem, solver, result)
    watch.report(note="checking")
    certificate = write.certificate(problem, result, watch.part(_CHECK_TIME_S))
    if certificate is None:
        return Stage(name, problem, solver, result)
    claimed = certificate.lower
    if certificate.infeasible:
        voucher = Voucher("verified", str((certificate.evidence or {}).get("kind")))
        result = replace(result, vouched_by=voucher)
    elif claimed is not None and (result.dual_bound is None or claimed >= result.dual_bound) and claimed > 0:
        voucher = Voucher("verified", str((certificate.evidence or {}).get("kind")))
        status = Status.OPTIMAL if claimed == result.objective else result.status
        reason = "proof" if status is Status.OPTIMAL else result.reason
        result = replace(result, status=status, dual_bound=claimed, vouched_by=voucher, reason=reason)
    return Stage(name, problem, solver, result, certificate)


def placement_problem(units: Network, partition: Partition, hardware: Hardware, traffic: Traffic) -> PlacementProblem:
    """Return the placement problem that a partition leaves: packets between clusters, on the mesh.

    Distances weigh hops by their energy, divided by the common divisor: one per hop on an even mesh.
    """
    reads = partition.reads(units)
    packets = units.spikes[reads.source]
    if traffic is Traffic.PER_SYNAPSE:
        packets = packets * reads.synapses
    between = (reads.home >= 0) & ~reads.is_local
    clusters = partition.num_clusters
    pair, flow = _summed(reads.home[between] * clusters + reads.cluster[between], packets[between])
    grid, costs = hardware.grid, hardware.costs
    divisor = math.gcd(costs.hop_x_fj, costs.hop_y_fj)
    hop_x, hop_y = (costs.hop_x_fj // divisor, costs.hop_y_fj // divisor) if divisor else (1, 1)
    input_flow = None
    if grid.io_tile is not None:
        external = reads.home < 0
        input_flow = np.zeros(clusters, dtype=np.int64)
        np.add.at(input_flow, reads.cluster[external], packets[external])
    return PlacementProblem(
        clusters,
        pair // clusters,
        pair % clusters,
        flow,
        mesh=Mesh.of_grid(grid, hop_x, hop_y),
        io_tile=grid.io_tile,
        input_flow=input_flow,
    )


def stage_problem(
    name: str,
    network: Network,
    hardware: Hardware,
    mapping: Mapping | None = None,
    traffic: Traffic | str = Traffic.PER_TILE,
    *,
    unit_fan_in: int | None = None,
) -> Any:
    """Return the problem that a stage of `map_network` solved, given the stages above it in ``mapping``.

    Raises
    ------
    InvalidInput
        If the stage is unknown, or needs a mapping and there is none.
    """
    if name == "unroll":
        crossbar = max(hardware.crossbars, key=lambda c: c.rows)
        fits = unit_fan_in is None and network.fan_in.max() <= crossbar.rows
        objective = UnrollObjective.UNITS if fits else UnrollObjective.CROSSBARS
        return UnrollProblem(network, crossbar.rows, crossbar.columns, unit_fan_in, objective=objective)
    if mapping is None:
        raise InvalidInput(f"the {name} stage is asked given the stages above it: a mapping is needed")
    units = mapping.unrolling.unit_network(network)
    if name == "partition":
        return PartitionProblem(units, hardware.crossbars, hardware.grid.num_tiles, Traffic(traffic))
    if name == "placement":
        return placement_problem(units, mapping.partition, hardware, Traffic(traffic))
    raise InvalidInput(f"unknown stage {name!r}; known: {', '.join(STAGES)}")


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
            self.shortage = f"the network needs at least {least} crossbars ({how}), there are {tiles} tiles"
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
            limits = replace(limits, time_s=max(0.05, left * _SHARE_OF_TIME[stage]))
        return Watch(limits, partial(self.listen, stage) if self.listen else None, self.stop)


def _warm_start(problem: Any, watch: Watch, asked: str | None, starts: Iterable[Any]) -> tuple[Any, str]:
    """Return the best feasible start and who found it."""
    best, author = None, NO_SOLVER
    for start in starts:
        if not problem.violations(start) and (best is None or problem.cost(start) < problem.cost(best)):
            best, author = start, "given"
    if asked == NO_SOLVER:
        return best, author
    names = (asked,) if asked else _default_warm_starts(problem)
    share = None if asked else _warm_time_s(problem, watch.limits.time_s)
    for name in names:
        watch.report(note=f"warm start {name}")
        found = heuristics.load(problem.kind, name)(problem, watch.part(share), best)
        if found is None or problem.violations(found):
            continue
        if best is None or problem.cost(found) < problem.cost(best):
            best, author = found, name
            watch.report(objective=problem.cost(found))
    return best, author


def _default_warm_starts(problem: Any) -> tuple[str, ...]:
    known = heuristics.names(problem.kind)
    names = tuple(name for name in _WARM_STARTS[problem.kind] if name in known)
    return _FOR_LARGE if _size(problem) > _LARGE.get(problem.kind, math.inf) else names


def _warm_time_s(problem: Any, time_s: float | None) -> float:
    """Seconds for one warm start: enough for many restarts, little beside the solve."""
    enough = 0.1 * problem.num_tiles if isinstance(problem, PlacementProblem) else 0.02 * _num_items(problem)
    return max(0.5, enough) if time_s is None else min(max(0.5, enough), _WARM_SHARE * time_s)


def _num_items(problem: Any) -> int:
    return int(problem.network.num_units) if hasattr(problem, "network") else int(problem.num_items)


def _default_solver(problem: Any) -> str:
    """Ask the kind's own rule, ``solvers/<kind>/_choice.py``."""
    if find_spec(f"spinemap_exact.solvers.{problem.kind}._choice") is None:
        return (*solvers.names(problem.kind), NO_SOLVER)[0]
    chosen: str = import_module(f"spinemap_exact.solvers.{problem.kind}._choice").choose(problem)
    return chosen


def _size(problem: Any) -> int:
    if isinstance(problem, PlacementProblem):
        return problem.num_tiles
    return int(problem.network.num_synapses) if hasattr(problem, "network") else 0


def _require_fit(network: Network, hardware: Hardware) -> None:
    rows = hardware.max_rows
    wide = np.flatnonzero(network.fan_in > rows)
    if wide.size:
        lost = int((network.fan_in[wide] - rows).sum())
        raise InvalidInput(
            f"neuron {wide[0]} has fan-in {network.fan_in[wide[0]]}, the crossbar has {rows} rows, and unrolling is "
            f"switched off; pruning would lose {lost} synapses of {wide.size} neurons"
        )


def _summed(keys: Array, values: Array) -> tuple[Array, Array]:
    """Distinct keys, ascending, with the sums of their values."""
    distinct, position = np.unique(keys, return_inverse=True)
    total = np.zeros(distinct.size, dtype=np.int64)
    np.add.at(total, position.ravel(), values)
    return distinct, total


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}".replace(",", " ")
