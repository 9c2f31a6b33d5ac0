"""What a run of the stages came to, for people and machines."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spinemap_exact import energy_bound
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import InvalidInput
from spinemap_exact.evaluator import Evaluation, evaluate
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.pipeline.spent import CHECK, SOLVE, WARM_START
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import PartitionObjective, Traffic
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.problems.unroll import UnrollObjective
from spinemap_exact.result import Limits, SolveResult, Status, relative_gap
from spinemap_exact.units import duration_text, energy_text

BY_STAGES = "stage by stage; objective and bound are those of the last stage"
ANY_MAPPING, THESE_UNITS = "any mapping of this network", "these units"

_SPENT = (WARM_START, SOLVE, CHECK)
_NOTEWORTHY_S = 0.05
# where counting rules every mapping out, no stage is solved
_COUNTED = {
    "objective": None,
    "dual_bound": None,
    "gap": None,
    "vouched_by": {"trust": "attested", "by": "counting"},
}


def measure_of(problem: Any) -> str:
    """Say what the objective of a problem counts."""
    if isinstance(problem, PlacementProblem):
        mesh = problem.mesh
        if mesh is None:
            return "flow x distance"
        # a spike-hop is one packet over one link; where directions cost differently, the sum is of their costs
        return "spike-hops" if mesh.hop_x == mesh.hop_y == 1 else f"hop costs (x {mesh.hop_x}, y {mesh.hop_y})"
    return str(getattr(problem, "objective", "bins")).replace("-", " ")


def shown_value(problem: Any, value: int | None) -> str:
    """Write an objective or a bound of a problem for people: energies and times with their units."""
    if value is None:
        return "-"
    match getattr(problem, "objective", None):
        case MappingObjective.ENERGY:
            return energy_text(value)
        case MappingObjective.WORST_LATENCY:
            return duration_text(value)
        case MappingObjective.MEAN_LATENCY:
            return duration_text(value / max(1, problem.arrivals))
    return f"{value:,}".replace(",", " ")


@dataclass(frozen=True)
class Stage:
    """One solved stage: what was asked, by which solver, and what came of it.

    ``certificate`` claims what the checker verified; None where there was nothing to verify or it was not tried.
    ``unverified`` says in a sentence why the bound of the result lacks one; empty where it does not. ``spent_s`` is
    where the time of the limit went: warm start, solve, check.
    """

    name: str
    problem: Any
    solver: str
    result: SolveResult[Any]
    certificate: Certificate | None = None
    unverified: str = ""
    spent_s: Table[str, float] = field(default_factory=dict)

    @property
    def measure(self) -> str:
        """What the objective counts."""
        return measure_of(self.problem)

    def shown(self, value: int | None) -> str:
        """Write an objective or a bound for people: energies and times with their units."""
        return shown_value(self.problem, value)

    def as_json(self) -> dict[str, Any]:
        spent_s = {what: round(s, 3) for what, s in self.spent_s.items()}
        return {"solver": self.solver, "measure": self.measure, **self.result.as_json(), "spent_s": spent_s}


@dataclass(frozen=True)
class Found:
    """The best so far of a run that goes on, and the stages that are done."""

    unrolling: Unrolling
    partition: Partition
    placement: Placement | None
    stages: tuple[Stage, ...]

    def mapping(self, hardware: Hardware) -> Mapping | None:
        """Return a mapping, with clusters on tiles in order while nothing better is known; None if that is none."""
        clusters = self.partition.num_clusters
        if self.placement is None and (clusters > hardware.grid.num_tiles or not hardware.is_uniform):
            return None
        return Mapping(self.unrolling, self.partition, self.placement or Placement(np.arange(clusters)))


@dataclass(frozen=True)
class MappingRun:
    """A mapping with the evidence for each stage that led to it.

    ``mapping`` is None unless every stage found a solution. ``shortage`` names the resource that is proven too scarce
    for any mapping; a stage that is infeasible given the stages above it proves nothing about other unrollings.
    ``runtime_s`` is by the clock of the limit, which stands still for the ``compiling_s`` seconds of compiling kernels.
    """

    network: Network
    hardware: Hardware
    traffic: Traffic
    limits: Limits
    stages: tuple[Stage, ...]
    mapping: Mapping | None
    shortage: str | None = None
    runtime_s: float = 0.0
    compiling_s: float = 0.0

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

    @property
    def is_whole(self) -> bool:
        """The mapping was asked for at once, and its bound holds for any mapping of the network."""
        return any(isinstance(stage.problem, MappingProblem) for stage in self.stages)

    @property
    def scope(self) -> str:
        """What the bound of a mapping that was asked for at once holds for."""
        problem = next(stage.problem for stage in self.stages if isinstance(stage.problem, MappingProblem))
        most = problem.max_crossbars
        limit = "" if most is None else f" in at most {most} crossbars"
        return (ANY_MAPPING if problem.unrolling is None else f"any mapping of {THESE_UNITS}") + limit

    def lower_bound(self) -> energy_bound.Bound | None:
        """What no partition and no placement of the units of this mapping undercuts; None while there is none."""
        if self.mapping is None:
            return None
        known = {}
        for stage in self.stages:
            bound, objective = stage.result.dual_bound or 0, getattr(stage.problem, "objective", None)
            if stage.name == "partition" and objective is PartitionObjective.PACKETS:
                known["packets"] = bound
            if stage.name == "unroll" and objective is UnrollObjective.CROSSBARS:
                known["crossbars"] = bound
        return energy_bound.bound(self.network, self.hardware, self.mapping.unrolling, self.traffic, **known)

    def lower_bound_json(self) -> dict[str, Any] | None:
        """Return the bound of the network for a machine to read, and beside it that of these units.

        Of a run stage by stage there is only the latter.
        """
        units = self._bound_of_units()
        whole = None
        for stage in self.stages:
            if isinstance(stage.problem, MappingProblem) and stage.problem.objective is MappingObjective.ENERGY:
                whole = stage.result
        if units is None or whole is None or whole.dual_bound is None:
            return units
        vouched_by = None if whole.vouched_by is None else whole.vouched_by.as_json()
        if whole.dual_bound >= units["energy_fj"]:  # what holds for any mapping holds for one of these units
            units = {**units, "energy_fj": whole.dual_bound, "energy_gap": whole.gap, "vouched_by": vouched_by}
        if any(getattr(stage.problem, "unrolling", None) is not None for stage in self.stages):
            return units
        return {
            "scope": self.scope,
            "energy_fj": whole.dual_bound,
            "energy_gap": whole.gap,
            "vouched_by": vouched_by,
            "these_units": units,
        }

    def _bound_of_units(self) -> dict[str, Any] | None:
        bound, evaluation = self.lower_bound(), self.evaluation()
        if bound is None or evaluation is None:
            return None
        mean = bound.latency_mean_ps
        return {
            "scope": THESE_UNITS,
            "energy_fj": bound.energy_fj,
            "energy_gap": relative_gap(evaluation.energy_fj.total, bound.energy_fj),
            "latency_worst_ps": bound.latency_worst_ps,
            "latency_mean_ps": None if mean is None else float(mean),
            "vouched_by": {"trust": "attested", "by": "counting and the bounds of the stages"},
        }

    def summary(self) -> str:
        """Return a table for people: per stage objective, bound, gap, and who vouches."""
        rows: list[tuple[str, ...]] = [
            ("stage", "measure", "objective", "dual bound", "gap", "stopped by", "vouched for by", *_SPENT)
        ]
        for stage in self.stages:
            r = stage.result
            rows.append(
                (
                    stage.name,
                    stage.measure,
                    stage.shown(r.objective),
                    stage.shown(r.dual_bound),
                    "-" if r.gap is None else f"{100 * r.gap:.1f} %",
                    "infeasible as asked" if r.status is Status.INFEASIBLE else r.reason,
                    str(r.vouched_by or "nobody"),
                    *(f"{stage.spent_s[what]:.1f} s" if what in stage.spent_s else "-" for what in _SPENT),
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        right = {2, 3, 4, 7, 8, 9}
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
        if self.compiling_s >= _NOTEWORTHY_S:
            lines.append(f"besides, {self.compiling_s:.1f} s went to compiling kernels (once, they are kept)")
        if self.shortage:
            lines.append(f"proven infeasible: {self.shortage}")
        if self.mapping is not None and self.is_whole and self.stages[-1].result.dual_bound is not None:
            lines.append(f"The bound holds for {self.scope} onto this hardware.")
        elif self.mapping is not None and len(self.stages) > 1:
            lines.append("Each bound is for its stage, given the stages above it: optimal stage by stage is not")
            lines.append("optimal overall.")
        return "\n".join(line.rstrip() for line in lines)

    def as_json(self) -> dict[str, Any]:
        last = self.stages[-1].result.as_json() if self.stages else _COUNTED
        evaluation = self.evaluation()
        return {
            **{k: last[k] for k in ("objective", "dual_bound", "gap", "vouched_by")},
            "status": str(self.status),
            "scope": self.scope if self.is_whole else BY_STAGES,
            "runtime_s": round(self.runtime_s, 3),
            "compiling_s": round(self.compiling_s, 3),
            "solver": self.stages[-1].solver if self.stages else "counting",
            "seed": self.limits.seed,
            "traffic": str(self.traffic),
            "network_digest": self.network.digest,
            "hardware": self.hardware.name,
            "hardware_digest": self.hardware.digest,
            "shortage": self.shortage,
            "spikes_assumed": self.network.spikes_assumed,
            "stages": {stage.name: stage.as_json() for stage in self.stages},
            "evaluation": None if evaluation is None else evaluation.as_json(),
            "lower_bound": self.lower_bound_json(),
        }
