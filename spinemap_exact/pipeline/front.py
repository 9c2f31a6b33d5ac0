"""Energy against a second goal: the cheapest mapping within each of several limits, each with its bound."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinemap_exact.bounds import least_worst_latency_ps
from spinemap_exact.errors import InvalidInput
from spinemap_exact.interrupts import stoppable
from spinemap_exact.mapping import Mapping
from spinemap_exact.notebook import data_frame, html_table
from spinemap_exact.pipeline.evidence import Wanted
from spinemap_exact.pipeline.given import HardwareLike, NetworkLike, given
from spinemap_exact.pipeline.outcome import MappingRun
from spinemap_exact.pipeline.whole import map_network
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.problems.unroll import counting_bounds
from spinemap_exact.result import Limits, Progress, Status
from spinemap_exact.units import duration_text, energy_text

SECOND_GOALS = (MappingObjective.CROSSBARS, MappingObjective.WORST_LATENCY)
_MOST_LIMITS = 10
_FIRST_SHARE = 0.2  # of the time, for the mapping without a limit: it says how far limits are worth trying


@dataclass(frozen=True)
class FrontPoint:
    """The cheapest mapping found within one limit on the second goal, and what none within it undercuts.

    ``limit`` is in crossbars or ps; None where only the limits of the whole front hold.
    """

    limit: int | None
    run: MappingRun

    @property
    def energy_fj(self) -> int | None:
        return self.run.stages[0].result.objective

    @property
    def bound_fj(self) -> int | None:
        return self.run.stages[0].result.dual_bound

    def as_json(self) -> dict[str, Any]:
        result, found = self.run.stages[0].result, self.run.evaluation()
        return {
            "limit": self.limit,
            "status": str(result.status),
            "energy_fj": result.objective,
            "crossbars": None if found is None else found.crossbars,
            "latency_worst_ps": None if found is None else found.latency_worst_ps,
            "lower_bound": None
            if result.dual_bound is None
            else {
                "energy_fj": result.dual_bound,
                "energy_gap": result.gap,
                "scope": self.run.scope,
                "vouched_by": None if result.vouched_by is None else result.vouched_by.as_json(),
            },
        }


@dataclass(frozen=True)
class Front:
    """Mappings of which none is better than another in both goals, by falling energy.

    Attributes
    ----------
    second : MappingObjective
        What energy is weighed against: crossbars or worst latency.
    points : tuple of FrontPoint
        Each with a mapping, each cheaper than the one before and worse in the second goal.
    others : tuple of FrontPoint
        Limits within which nothing was found, or nothing better than within a tighter one.
    limits : Limits
    runtime_s : float
    """

    second: MappingObjective
    points: tuple[FrontPoint, ...]
    others: tuple[FrontPoint, ...]
    limits: Limits
    runtime_s: float

    @property
    def status(self) -> Status:
        """OPTIMAL if every limit that was tried is settled."""
        tried = [point.run.status for point in (*self.points, *self.others)]
        if all(status in (Status.OPTIMAL, Status.INFEASIBLE) for status in tried):
            return Status.OPTIMAL if self.points else Status.INFEASIBLE
        return Status.FEASIBLE if self.points else Status.UNKNOWN

    def second_of(self, point: FrontPoint) -> int:
        """Return the second goal of a point of the front: crossbars, or ps."""
        assert point.run.mapping is not None
        return _second(point.run, self.second)

    def as_json(self) -> dict[str, Any]:
        return {
            "goals": [str(MappingObjective.ENERGY), str(self.second)],
            "status": str(self.status),
            "runtime_s": round(self.runtime_s, 3),
            "seed": self.limits.seed,
            "points": [point.as_json() for point in self.points],
            "others": [point.as_json() for point in self.others],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Return the points as text, below a line that names the columns."""
        rows: list[tuple[str, ...]] = [
            ("allowed", "crossbars", "worst latency", "energy", "at least", "gap", "vouched for by")
        ]
        for point in self.points:
            result, found = point.run.stages[0].result, point.run.evaluation()
            assert found is not None
            bound = "-" if result.dual_bound is None else energy_text(result.dual_bound)
            gap = "-" if result.gap is None else f"{100 * result.gap:.1f} %"
            energy, latency = energy_text(found.energy_fj.total), duration_text(found.latency_worst_ps or 0)
            vouched = str(result.vouched_by or "nobody")
            rows.append((self.limit_text(point.limit), f"{found.crossbars:,}", latency, energy, bound, gap, vouched))
        return rows

    def summary(self) -> str:
        """Return a table for people."""
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(c.rjust(w) for c, w in zip(row[:-1], widths, strict=False)) + f"  {row[-1]}" for row in rows]
        within = "so many crossbars" if self.second is MappingObjective.CROSSBARS else "so much latency"
        lines.append(f"No mapping of this network with {within} allowed takes less than what stands under at least.")
        return "\n".join([*(lines if self.points else ["no mapping was found"]), *self._remarks()])

    def __repr__(self) -> str:
        return f"<Front {self.status}: energy against {str(self.second).replace('-', ' ')}, {len(self.points)} points>"

    def _repr_html_(self) -> str:
        return html_table(f"Energy against {str(self.second).replace('-', ' ')}", self.rows(), self._remarks())

    def to_frame(self) -> Any:
        """Return the points as a table of pandas: limit, status, energy_fj, crossbars, latency_worst_ps, bound_fj.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        """
        lines = [{**point.as_json(), "bound_fj": point.bound_fj} for point in self.points]
        columns = ("limit", "status", "energy_fj", "crossbars", "latency_worst_ps", "bound_fj")
        return data_frame({name: [line[name] for line in lines] for name in columns})

    def plot(self) -> Any:
        """Draw what is found and what is possible at least.

        Returns
        -------
        plotly.graph_objects.Figure

        Raises
        ------
        MissingExtra
            If plotly is not installed: the extra ``viz``.
        InvalidInput
            If there is no point.
        """
        from spinemap_exact.report import figure_of_front

        return figure_of_front(self)

    def _remarks(self) -> list[str]:
        """What came of the other limits."""
        impossible = [p for p in self.others if p.run.status is Status.INFEASIBLE]
        missing = [p for p in self.others if p.run.mapping is None and p not in impossible]
        no_better = [p for p in self.others if p.run.mapping is not None]
        said = ((impossible, "proven impossible"), (missing, "nothing found"), (no_better, "nothing cheaper found"))
        return [f"{what}: {', '.join(self.limit_text(p.limit) for p in points)}" for points, what in said if points]

    def limit_text(self, limit: int | None) -> str:
        if limit is None:
            return "any"
        return f"{limit:,}" if self.second is MappingObjective.CROSSBARS else duration_text(limit)


@stoppable
def pareto_front(
    network: NetworkLike,
    hardware: HardwareLike | None,
    second: MappingObjective | str,
    *,
    max_crossbars: int | None = None,
    max_latency_ps: int | None = None,
    limits: Limits | None = None,
    traffic: Traffic | str = Traffic.PER_TILE,
    wanted: Wanted | None = None,
    listen: Callable[[str, Progress], None] | None = None,
    keep: Callable[[FrontPoint], None] | None = None,
    stop: threading.Event | None = None,
) -> Front:
    """Weigh energy against crossbars or worst latency.

    The network is mapped without a limit on the second goal, and then within limits from the least that counting
    allows up to what that mapping takes, ten at most. Every mapping found is a start for the looser limits.

    Parameters
    ----------
    network, hardware
        As for `map_network`; None is the hardware of an instance that ships.
    second : MappingObjective or str
        ``"crossbars"`` or ``"worst-latency"``.
    max_crossbars, max_latency_ps : int, optional
        Limits on all mappings of the front.
    limits : Limits, optional
        The time is shared by all mappings.
    wanted, listen, stop
        As of `map_network`.
    keep : callable, optional
        Called with each point that has a mapping.

    Returns
    -------
    Front

    Raises
    ------
    WrongType
        If something is not of a type that can be used.
    InvalidInput
        If the second goal is neither of the two, or a limit is below one.

    Examples
    --------
    >>> from spinemap_exact import Limits, pareto_front
    >>> front = pareto_front("layered-16-24-8", None, "crossbars", limits=Limits(time_s=3, workers=1))
    >>> all(point.run.mapping is not None for point in front.points)
    True
    """
    network, hardware, _ = given(network, hardware, limits)
    second = MappingObjective(second)
    if second not in SECOND_GOALS:
        raise InvalidInput(f"energy is weighed against {' or '.join(SECOND_GOALS)}, not against {second}")
    limits, began = limits or Limits(), time.perf_counter()
    spent, found = 0.0, list[Mapping]()

    def point(limit: int | None, share: float) -> FrontPoint:
        nonlocal spent
        of_crossbars = second is MappingObjective.CROSSBARS and limit is not None
        of_latency = second is MappingObjective.WORST_LATENCY and limit is not None
        left_s = None if limits.time_s is None else max(1e-3, share * (limits.time_s - spent))
        run = map_network(
            network, hardware, max_crossbars=limit if of_crossbars else max_crossbars,
            max_latency_ps=limit if of_latency else max_latency_ps, limits=replace(limits, time_s=left_s),
            traffic=traffic, wanted=wanted, listen=listen, starts=found, stop=stop,
        )  # fmt: skip
        spent += run.runtime_s
        made = FrontPoint(limit, run)
        if run.mapping is not None:
            found.append(run.mapping)
            if keep is not None:
                keep(made)
        return made

    free = point(None, _FIRST_SHARE)
    tried = [free]
    if free.run.mapping is not None:
        tight = _limits_to_try(MappingProblem(network, hardware, Traffic(traffic)), second, _second(free.run, second))
        for k, limit in enumerate(tight):
            if stop is not None and stop.is_set():
                break
            tried.insert(-1, point(limit, 1 / (len(tight) + 1 - k)))
        if len(tried) == len(tight) + 1 and not (stop is not None and stop.is_set()):
            tried[-1] = point(None, 1.0)
    points, others = _sorted_out(tried, second)
    return Front(second, points, others, limits, time.perf_counter() - began)


def _second(run: MappingRun, second: MappingObjective) -> int:
    found = run.evaluation()
    assert found is not None
    return found.crossbars if second is MappingObjective.CROSSBARS else found.latency_worst_ps or 0


def _limits_to_try(problem: MappingProblem, second: MappingObjective, most: int) -> list[int]:
    """Ascending limits below ``most``, evenly spread."""
    network, hardware = problem.network, problem.hardware
    if second is MappingObjective.CROSSBARS:
        columns = max(crossbar.columns for crossbar in hardware.crossbars)
        least = max(1, *counting_bounds(network, hardware.max_rows, columns).values())
    else:
        least = max(1, least_worst_latency_ps(network, hardware) or 0)
    count = min(_MOST_LIMITS, max(0, most - least))
    return sorted({least + math.floor(step) for step in np.arange(count) * (most - least) / max(1, count)})


def _sorted_out(
    tried: list[FrontPoint], second: MappingObjective
) -> tuple[tuple[FrontPoint, ...], tuple[FrontPoint, ...]]:
    """Split into the front, each point cheaper than those within tighter limits, and the rest."""
    points: list[FrontPoint] = []
    others: list[FrontPoint] = []
    for point in tried:  # from tight to loose
        energy = point.energy_fj
        if energy is None or (points and energy >= (points[-1].energy_fj or 0)):
            others.append(point)
            continue
        while points and _second(points[-1].run, second) >= _second(point.run, second):
            others.append(points.pop())
        points.append(point)
    return tuple(points), tuple(others)
