"""What a run of the stages came to, for people and machines."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact import energy_bound
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import InvalidInput
from spinemap_exact.evaluator import Evaluation, evaluate
from spinemap_exact.hardware import Hardware
from spinemap_exact.io.mapping_table import unit_table
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.notebook import data_frame, html_table
from spinemap_exact.pipeline.spent import CHECK, SOLVE, WARM_START
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.problems.unroll import UnrollObjective, UnrollProblem
from spinemap_exact.result import Limits, SolveResult, Status, relative_gap
from spinemap_exact.units import duration_text, energy_text

BY_STAGES = "stage by stage; objective and bound are those of the last stage"
ANY_MAPPING, THESE_UNITS = "any mapping of this network", "these units"

_SPENT = (WARM_START, SOLVE, CHECK)
_NOTEWORTHY_S = 0.05
_LARGE = 100_000  # synapses or tiles: for a million of them the bound of given units takes a second
# where counting rules every mapping out, no stage is solved
_COUNTED = {
    "objective": None,
    "dual_bound": None,
    "gap": None,
    "vouched_by": {"trust": "attested", "by": "counting"},
}


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
        return str(self.problem.measure)

    def shown(self, value: int | None) -> str:
        """Write an objective or a bound for people: energies and times with their units."""
        return shown_value(self.problem, value)

    @property
    def proof(self) -> Certificate | None:
        """The certificate, where it is worth keeping: one that lacks the bound proves no more than zero."""
        return None if self.unverified and self.certificate and not self.certificate.lower else self.certificate

    @property
    def headline(self) -> str:
        """Objective, bound and gap in a line."""
        r = self.result
        if r.status is Status.INFEASIBLE:
            return f"{self.name} infeasible as asked"
        found = f"{self.measure} {self.shown(r.objective)}"
        if r.dual_bound is None:
            return f"{found}, no bound"
        gap = "" if r.gap is None else f", gap {100 * r.gap:.1f} %"
        return f"{found}, at least {self.shown(r.dual_bound)}{gap}"

    def __repr__(self) -> str:
        return f"<Stage {self.name}: {self.headline}; {self.result.vouched_by or 'nobody vouches'}>"

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
    ``notes`` are what was merged, dropped or assumed when the network was read, if it was.

    Examples
    --------
    >>> from spinemap_exact import Limits, map_network
    >>> run = map_network("layered-16-24-8", limits=Limits(time_s=3, workers=1))
    >>> stage = run.stage("mapping").result
    >>> stage.dual_bound <= stage.objective == run.evaluation().energy_fj.total
    True
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
    notes: tuple[str, ...] = ()
    interrupted: bool = False

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
        return self._evaluation

    @cached_property
    def _evaluation(self) -> Evaluation | None:
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
        """What no partition and no placement of the units of this mapping undercuts.

        None while there is no mapping, and where something large was interrupted: it takes seconds.
        """
        return self._lower_bound

    @property
    def _is_large(self) -> bool:
        return max(self.network.num_synapses, self.hardware.grid.num_tiles) > _LARGE

    @cached_property
    def _lower_bound(self) -> energy_bound.Bound | None:
        if self.mapping is None or (self.interrupted and self._is_large):
            return None
        known = {}
        for stage in self.stages:
            match stage.problem:
                case PartitionProblem(objective=PartitionObjective.PACKETS):
                    known["packets"] = stage.result.dual_bound or 0
                case UnrollProblem(objective=UnrollObjective.CROSSBARS):
                    known["crossbars"] = stage.result.dual_bound or 0
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
        if whole is None or whole.dual_bound is None:
            return units
        vouched_by = None if whole.vouched_by is None else whole.vouched_by.as_json()
        # what holds for any mapping holds for one of these units
        if units is not None and whole.dual_bound >= units["energy_fj"]:
            units = {**units, "energy_fj": whole.dual_bound, "energy_gap": whole.gap, "vouched_by": vouched_by}
        wholes = [stage.problem for stage in self.stages if isinstance(stage.problem, MappingProblem)]
        if any(problem.unrolling is not None for problem in wholes):
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

    def __repr__(self) -> str:
        return f"<MappingRun {self.headline}>"

    def _repr_html_(self) -> str:
        return html_table(f"Mapping: {self.headline}", self.rows(), self._remarks())

    @property
    def headline(self) -> str:
        """Status, objectives and bounds in a line."""
        if self.shortage is not None:
            return f"{self.status}: {self.shortage}"
        order = "" if self.is_whole else ", stage by stage"
        assumed = "; one spike each assumed" if self.network.spikes_assumed else ""
        return f"{self.status}{order}: {'; '.join(stage.headline for stage in self.stages)}{assumed}"

    def rows(self) -> list[tuple[str, ...]]:
        """Return the stages as text, below a line that names the columns."""
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
        return rows

    def summary(self) -> str:
        """Return a table for people: per stage objective, bound, gap, and who vouches."""
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        right = {2, 3, 4, 7, 8, 9}
        lines = [
            "  ".join(
                c.rjust(w) if k in right else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        return "\n".join(line.rstrip() for line in (*lines, *self._remarks()))

    def costs(self) -> str:
        """Return for people what a window costs on this mapping, and at least on any; empty while there is none."""
        evaluation, bound = self.evaluation(), self.lower_bound_json()
        return "" if evaluation is None or bound is None else f"{evaluation.summary()}\n{_at_least(bound)}"

    def save(self, folder: str | Path, *, name: str = "network", force: bool = False) -> Path:
        """Write what `map --out` writes: mapping, certificates, evaluation, result, summary and ``report.html``.

        Parameters
        ----------
        folder : str or path
            Made if it is not there.
        name : str
            What the report calls the network.
        force : bool
            Clear what another run has left there.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InvalidInput
            If the folder cannot be written, or holds another run and ``force`` is not given.
        """
        from spinemap_exact.report import save_run

        return save_run(self, folder, name=name, force=force)

    def to_frame(self) -> Any:
        """Return the mapping as a table of pandas, a line for each unit.

        Returns
        -------
        pandas.DataFrame
            With the columns of ``mapping.csv``: unit (the index), neuron, name, population, parent, cluster, tile, x,
            y, column, rows and sources.

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        InvalidInput
            If there is no mapping.
        """
        if self.mapping is None:
            raise InvalidInput(f"there is no mapping to list: {self.headline}")
        return data_frame(unit_table(self.mapping, self.network, self.hardware)).set_index("unit")

    def plot(self) -> Any:
        """Draw the mesh with its clusters, and the packets on every link.

        Returns
        -------
        plotly.graph_objects.Figure

        Raises
        ------
        MissingExtra
            If plotly is not installed: the extra ``viz``.
        InvalidInput
            If there is no mapping.
        """
        from spinemap_exact.report import figure_of_run

        return figure_of_run(self)

    def _remarks(self) -> list[str]:
        """What a table of the stages does not tell."""
        lines = [
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
        return [*lines, *(f"note: {note}" for note in self.notes)]

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


def _at_least(bound: dict[str, Any]) -> str:
    """A line for each bound on the energy, and what it holds for."""
    mean, units = bound.get("latency_mean_ps"), bound.get("these_units")
    latency = "" if mean is None else f", mean latency {duration_text(mean)}"
    gap = "" if bound["energy_gap"] is None else f" (gap {100 * bound['energy_gap']:.1f} %)"
    line = f"at least     {energy_text(bound['energy_fj'])} a window{gap}{latency}: {bound['scope']}"
    if units is None or units["energy_fj"] == bound["energy_fj"]:
        return line
    return f"{line}\n{_at_least(units)}"
