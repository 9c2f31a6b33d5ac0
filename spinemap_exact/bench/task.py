"""One run: a method on a problem with a seed, and the line that is written about it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import resource
import subprocess
import time
import traceback
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.bench.answers import taken_over
from spinemap_exact.bench.line import defect
from spinemap_exact.bench.methods import EXACT, Method, is_result
from spinemap_exact.bench.store import Run
from spinemap_exact.bench.suite import Case
from spinemap_exact.errors import InvalidInput
from spinemap_exact.evaluator import Evaluation, evaluate
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.instances.generators import random_sparse
from spinemap_exact.kernels.compiling import not_counted
from spinemap_exact.mapping import Mapping, Unrolling
from spinemap_exact.pipeline import MappingRun
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Progress, Watch

_MOST_PICTURED = 256  # clusters; a larger traffic matrix is no picture
_MOST_TILES = 10_000  # no picture either
_LONGEST_TRACE = 200
_WARM_UP_S, _WARM_UPS = 0.5, 6
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True, eq=False)
class Task:
    """What one line is about.

    Attributes
    ----------
    clock : str
        ``"wall"``, or ``"cpu"``: the time limit counts the processor time of the process that runs it, so that runs on
        a machine that others use can be compared. Only for methods that stay in one thread of one process.
    """

    case: Case
    method: Method
    limits: Limits
    clock: str = "wall"

    @property
    def key(self) -> str:
        """Identity of the run: problem, method, seed and limits."""
        parts = [self.case.problem.digest, self.method.identity(self.case), *vars(self.limits).values()]
        if self.clock != "wall":
            parts.append(self.clock)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]

    def describe(self) -> Run:
        """What is known before the run."""
        return {
            "key": self.key,
            "case": self.case.name,
            "family": self.case.family,
            "problem": self.case.kind,
            "digest": self.case.problem.digest,
            "method": self.method.name,
            "seed": self.limits.seed,
            "limits": vars(self.limits),
            "clock": self.clock,
        }

    def failed(self, status: str, error: str, attempts: int) -> Run:
        """Return the line of a run without an answer."""
        return {
            **self.describe(),
            "status": status,
            "objective": None,
            "dual_bound": None,
            "trust": None,
            "error": error,
            "attempts": attempts,
        }


def execute(task: Task) -> Run:
    """Run a task in this process.

    A solution that breaks a limit is not scored: status ``REJECTED``, with the limit. A method that raises gives
    ``FAILED``. Compiling kernels costs a method none of its time, whenever it happens, and neither does importing a
    function or pricing what it returns. The first run of a method in a process is preceded by one on a tiny problem, so
    that reading kernels from their cache costs it nothing either.
    """
    _warm_up(task.method, task.case.kind)
    # what a user's function does to the problem it is given changes nothing about how its answer is judged
    problem = deepcopy(task.case.problem) if task.method.is_of_user else task.case.problem
    with not_counted(time.perf_counter) as wall, not_counted(_cpu_s) as cpu, not_counted(CLOCKS[task.clock]) as clock:
        watch = Watch(task.limits, clock=clock)
        begun = wall(), cpu()
        try:
            answer = task.method.answer(task.case, watch)
        except Exception as defect:
            answer = defect
        spent = {"runtime_s": round(wall() - begun[0], 4), "cpu_s": round(cpu() - begun[1], 4)}
    return {**_line(task, problem, answer, watch), **spent, "attempts": 1, **environment()}


def _line(task: Task, problem: Any, answer: Any, watch: Watch) -> Run:
    try:
        if isinstance(answer, Exception):
            raise answer
        return _judged(task, problem, answer, watch)
    except InvalidInput as defect:
        return task.failed("FAILED", str(defect), 1)
    except Exception:
        return task.failed("FAILED", traceback.format_exc(limit=-3), 1)


@cache
def _warm_up(method: Method, kind: str) -> None:
    with contextlib.suppress(Exception):  # what is wrong with a method shows in its runs
        if method.is_of_user:
            method.load()
        is_ours = not method.is_of_user and method.file is None and method.name != EXACT
        tiny = _tiny_problem(kind) if is_ours else None
        if tiny is None:
            return
        for _ in range(_WARM_UPS):  # importing may take the time of the first, and then nothing is compiled
            begun = time.process_time()
            with not_counted(time.process_time) as clock:
                method.answer(Case("warm-up", tiny), Watch(Limits(time_s=_WARM_UP_S, workers=1), clock=clock))
            if time.process_time() - begun < 2 * _WARM_UP_S:
                break


def _tiny_problem(kind: str) -> Any:
    """Something of the kind that every method walks through; None where nothing is known to be worth it."""
    network = random_sparse(12, 40, seed=1)
    units = Unrolling.identity(network).unit_network(network)
    match kind:
        case "partition":
            return PartitionProblem(units, (Crossbar(12, 4),), 4)
        case "placement":
            flow = np.triu(np.arange(36).reshape(6, 6) % 7, 1)
            return PlacementProblem.from_matrices(flow, mesh=Mesh.of_grid(TileGrid(3, 3)))
        case "mapping":
            return MappingProblem(network, Hardware("tiny", TileGrid(3, 3), (Crossbar(12, 4),)))
    return None


def _judged(task: Task, problem: Any, answer: Any, watch: Watch) -> Run:
    line = {**task.describe(), "status": "UNKNOWN", "objective": None, "dual_bound": None, "trust": None}
    trace = watch.trace
    solution = answer
    _require_modesty(task.method, answer)
    if is_result(answer):
        solution, trace = answer.incumbent, answer.trace
        line |= {"status": str(answer.status), "dual_bound": answer.dual_bound, "engine": answer.engine}
        line["trust"] = None if answer.vouched_by is None else answer.vouched_by.trust
    if isinstance(answer, MappingRun):
        solution, line["stages"] = answer.mapping, stages_of(answer)
        line["lower_bound"] = answer.lower_bound_json()
    if solution is not None:
        solution = taken_over(solution, task.case.kind, task.method.name)
        if broken := problem.violations(solution):
            return {**line, "status": "REJECTED", "dual_bound": None, "trust": None, "error": broken[0]}
        line["objective"] = problem.cost(solution)
        if line["status"] == "UNKNOWN":
            line["status"] = "FEASIBLE"
        if isinstance(problem, MappingProblem):
            line |= pictured(problem, solution)
    if task.method.is_of_user:  # it cannot have had less than what it returns
        trace = [p for p in trace if None in (p.objective, line["objective"]) or p.objective >= line["objective"]]
    line["trace"] = _shortened(trace)
    if flaw := defect(line):  # a result of another problem, or numbers that are none
        raise InvalidInput(f"the answer of {task.method.name!r} cannot be written: {flaw}")
    return line


def _require_modesty(method: Method, answer: Any) -> None:
    """Refuse what a function of a user calls verified: it may speak of another problem than the one that was asked."""
    results = [stage.result for stage in answer.stages] if isinstance(answer, MappingRun) else [answer]
    vouchers = [result.vouched_by for result in results if is_result(result) and result.vouched_by is not None]
    if method.is_of_user and any(voucher.trust == "verified" for voucher in vouchers):
        raise InvalidInput(f"the method {method.name!r} claims a verified bound; yours can only attest one")


def _shortened(trace: Sequence[Progress]) -> list[list[float | int | None]]:
    step = max(1, len(trace) // _LONGEST_TRACE)
    kept = [*trace[::step], *trace[-1:]] if trace else []
    return [[round(p.time_s, 3), p.objective, p.dual_bound] for p in kept]


def stages_of(run: MappingRun) -> Run:
    """What each stage of a mapping found and proved, and when."""
    return {
        stage.name: {
            "solver": stage.solver,
            "measure": stage.measure,
            "arrivals": max(1, getattr(stage.problem, "arrivals", 1)),  # what a mean latency is an average of
            "objective": stage.result.objective,
            "dual_bound": stage.result.dual_bound,
            "vouched_by": None if stage.result.vouched_by is None else str(stage.result.vouched_by),
            "runtime_s": round(stage.result.runtime_s, 3),
            "trace": _shortened(stage.result.trace),
        }
        for stage in run.stages
    }


def pictured(problem: MappingProblem, mapping: Mapping, found: Evaluation | None = None) -> Run:
    """What a report draws: evaluation, link loads, occupancy, traffic between clusters."""
    found = found or evaluate(problem.network, problem.hardware, mapping, problem.traffic)
    units = mapping.unrolling.unit_network(problem.network)
    reads = mapping.partition.reads(units)
    clusters = mapping.partition.num_clusters
    picture: Run = {
        "width": problem.hardware.grid.width,
        "height": problem.hardware.grid.height,
        "io_tile": problem.hardware.grid.io_tile,
        "rows": problem.hardware.max_rows,
        "columns": max(c.columns for c in problem.hardware.crossbars),
        "tile_of_cluster": mapping.placement.tile_of_cluster.tolist(),
        "columns_used": mapping.partition.columns_used.tolist(),
        "rows_used": [int((reads.cluster == c).sum()) for c in range(clusters)],
        "links": found.links.as_json(_MOST_TILES),
    }
    if clusters <= _MOST_PICTURED:
        traffic: dict[tuple[int, int], int] = {}
        for source, home, there in zip(reads.source.tolist(), reads.home.tolist(), reads.cluster.tolist(), strict=True):
            if home != there:
                traffic[home, there] = traffic.get((home, there), 0) + int(units.spikes[source])
        picture["traffic"] = [[a, b, packets] for (a, b), packets in sorted(traffic.items()) if packets]
    return {"evaluation": found.as_json(), "picture": picture}


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@cache
def environment() -> Run:
    """Versions, revision and processor."""
    versions = {"python": platform.python_version()}
    for package in ("spinemap-exact", "numpy", "numba", "ortools", "highspy", "mtkahypar", "pymetis"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"versions": versions, "revision": _revision(), "cpu": _cpu_name()}


def _revision() -> str | None:
    """Commit of the sources; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
