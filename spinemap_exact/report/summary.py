"""What runs amount to: gaps to the best bound, per method and per case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from spinemap_exact.bench.line import is_late, seconds
from spinemap_exact.bench.store import Run
from spinemap_exact.bench.suite import VERIFIED, Case
from spinemap_exact.errors import InvalidInput
from spinemap_exact.result import relative_gap

CaseLine = tuple[str, tuple[int | None, int | None], list[float | None]]
PROBLEMS = ("mapping", "unroll", "packing", "partition", "placement")


@dataclass(frozen=True)
class Known:
    """The best objective and bound of one problem, from the runs and from the suite."""

    objective: int | None
    bound: int | None
    trust: str | None

    @property
    def is_proven(self) -> bool:
        return self.objective is not None and self.objective == self.bound


@dataclass(frozen=True)
class Row:
    """One method on all cases of one kind of problem, over all seeds.

    ``gaps`` are to the best bound, ``excess`` is to the best objective; runs without an answer, and those that took
    longer than their limit, are counted apart.
    """

    problem: str
    method: str
    runs: int
    gaps: tuple[float, ...]
    excess: tuple[float, ...]
    unanswered: int
    rejected: int
    crashed: int
    late: int
    proven: int
    median_time_s: float | None

    @property
    def median_gap(self) -> float | None:
        return median(self.gaps) if self.gaps else None

    @property
    def worst_gap(self) -> float | None:
        return max(self.gaps, default=None)

    @property
    def median_excess(self) -> float | None:
        return median(self.excess) if self.excess else None

    @property
    def worst_excess(self) -> float | None:
        return max(self.excess, default=None)


@dataclass(frozen=True)
class Summary:
    """Runs, what is known about their problems, and a row per problem kind and method."""

    runs: tuple[Run, ...]
    known: dict[str, Known]
    rows: tuple[Row, ...]

    def problems(self) -> list[str]:
        """Kinds of problems that occur, in a fixed order."""
        return [p for p in PROBLEMS if any(row.problem == p for row in self.rows)]

    def methods(self, problem: str) -> list[str]:
        """Methods for one kind of problem, the best first."""
        return [row.method for row in self.rows if row.problem == problem]

    def gap(self, run: Run) -> float | None:
        """Gap of a run to the best bound of its problem; None if it was late."""
        return relative_gap(None if is_late(run) else run["objective"], self.known[run["digest"]].bound)

    def excess(self, run: Run) -> float | None:
        """By what share a run exceeds the best objective of its problem; None if it was late."""
        best = self.known[run["digest"]].objective
        if run["objective"] is None or best is None or is_late(run):
            return None
        return (int(run["objective"]) - best) / max(1, best)

    def table_of_cases(self, problem: str) -> tuple[list[str], list[CaseLine]]:
        """Header and lines: case, best objective and bound, and the median gap of each method in percent."""
        methods = self.methods(problem)
        lines: list[CaseLine] = []
        for case, runs in sorted(_grouped((r for r in self.runs if r["problem"] == problem), "case").items()):
            known = self.known[runs[0]["digest"]]
            gaps: list[float | None] = []
            for method in methods:
                found = [g for r in runs if r["method"] == method and (g := self.gap(r)) is not None]
                gaps.append(100 * median(found) if found else None)
            lines.append((case, (known.objective, known.bound), gaps))
        return ["case", "best objective", "bound", *methods], lines


def summarise(runs: Sequence[Run], cases: Iterable[Case] = ()) -> Summary:
    """Sum up runs; ``cases`` bring the bounds that a suite records.

    Raises
    ------
    InvalidInput
        If somebody claims a bound above what somebody else has found.
    """
    recorded = {case.problem.digest: case for case in cases}
    known = {digest: _known(own, recorded.get(digest)) for digest, own in _grouped(runs, "digest").items()}
    summary = Summary(tuple(runs), known, ())
    rows = [
        _row(summary, problem, method, own)
        for problem, of_problem in _grouped(runs, "problem").items()
        for method, own in _grouped(of_problem, "method").items()
    ]
    rows.sort(key=lambda r: (PROBLEMS.index(r.problem), *_rank(r), r.method))
    return Summary(tuple(runs), known, tuple(rows))


def _known(runs: Sequence[Run], recorded: Case | None) -> Known:
    """Return the least objective and the largest bound; of equal bounds the one that is vouched for best."""
    objectives = [_Claim(r["objective"], "", _author(r)) for r in runs if r["objective"] is not None]
    bounds = [_Claim(r["dual_bound"], str(r["trust"]), _author(r)) for r in runs if r["dual_bound"] is not None]
    if recorded is not None and recorded.best.get("objective") is not None:
        objectives.append(_Claim(recorded.best["objective"], "", "the suite"))
    if recorded is not None and recorded.trust is not None:
        bounds.append(_Claim(recorded.best["bound"], recorded.trust, "the suite"))
    least = min(objectives, key=lambda claim: claim.value, default=None)
    bound = max(bounds, key=lambda claim: (claim.value, claim.trust == VERIFIED), default=None)
    if least is not None and bound is not None and bound.value > least.value:
        raise InvalidInput(
            f"case {runs[0]['case']}: the bound {bound.value} of {bound.by} exceeds the objective {least.value} of "
            f"{least.by}; one of them is wrong"
        )
    objective = None if least is None else least.value
    return Known(objective, *((None, None) if bound is None else (bound.value, bound.trust)))


@dataclass(frozen=True)
class _Claim:
    """An objective or a bound, and who says so."""

    value: int
    trust: str
    by: str


def _author(run: Run) -> str:
    return f"{run['method']} (seed {run['seed']})"


def _row(summary: Summary, problem: str, method: str, runs: Sequence[Run]) -> Row:
    times = [t for r in runs if (t := seconds(r)) is not None and r["objective"] is not None]
    return Row(
        problem=problem,
        method=method,
        runs=len(runs),
        gaps=tuple(g for r in runs if (g := summary.gap(r)) is not None),
        excess=tuple(e for r in runs if (e := summary.excess(r)) is not None),
        unanswered=sum(r["status"] in ("UNKNOWN", "INFEASIBLE") for r in runs),
        rejected=sum(r["status"] == "REJECTED" for r in runs),
        crashed=sum(r["status"] in ("CRASHED", "FAILED") for r in runs),
        late=sum(map(is_late, runs)),
        proven=sum(r["status"] == "OPTIMAL" and not is_late(r) for r in runs),
        median_time_s=median(times) if times else None,
    )


def _rank(row: Row) -> tuple[float, float]:
    """Median distances to bound and best objective, where a run without an answer is as far away as can be."""
    far = float("inf")
    gap, excess = (median([*found, *[far] * (row.runs - len(found))]) for found in (row.gaps, row.excess))
    return gap, excess


def _grouped(runs: Iterable[Run], key: str) -> dict[str, list[Run]]:
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run[key]].append(run)
    return dict(groups)
