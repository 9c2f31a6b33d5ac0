"""Tables as Markdown and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from spinemap_exact.bench.line import is_late, lateness
from spinemap_exact.report.profiles import cactus, performance
from spinemap_exact.report.summary import Row, Summary
from spinemap_exact.units import energy_text, last_line, printable

_FORMULA = ("=", "+", "-", "@")

METHOD_COLUMNS = (
    "method",
    "runs",
    "gap to bound, median",
    "gap to bound, worst",
    "above best, median",
    "above best, worst",
    "proven",
    "no answer",
    "rejected",
    "crashed",
    "beyond the limit",
    "median time",
)


def method_cells(row: Row) -> list[str]:
    """One line of the table of methods."""
    return [
        row.method,
        str(row.runs),
        percent(row.median_gap),
        percent(row.worst_gap),
        percent(row.median_excess),
        percent(row.worst_excess),
        *(str(n) if n else "" for n in (row.proven, row.unanswered, row.rejected, row.crashed, row.late)),
        "-" if row.median_time_s is None else f"{row.median_time_s:.2f} s",
    ]


def table_of_methods(summary: Summary, problem: str) -> tuple[list[str], list[list[str]]]:
    """Header and lines for one kind of problem; columns that say nothing about any method are left out."""
    lines = [method_cells(row) for row in summary.rows if row.problem == problem]
    told = [k for k in range(len(METHOD_COLUMNS)) if any(line[k] not in ("", "-") for line in lines)]
    return [METHOD_COLUMNS[k] for k in told], [[line[k] for k in told] for line in lines]


def table_of_unscored(summary: Summary, problem: str) -> tuple[list[str], list[list[str]]]:
    """Header and lines: runs that were rejected, broke down or took too long, and why."""
    return ["case", "method", "seed", "status", "why"], [
        [r["case"], r["method"], str(r["seed"]), r["status"], last_line(r["error"]) if r.get("error") else lateness(r)]
        for r in summary.runs
        if r["problem"] == problem and (r.get("error") or is_late(r))
    ]


def table_of_cases(summary: Summary, problem: str) -> tuple[list[str], list[list[str]]]:
    """Header and lines: case, best objective, bound, and the median gap of each method in percent."""
    header, lines = summary.table_of_cases(problem)
    return header, [
        [case, *(amount(problem, value) for value in known), *("-" if gap is None else f"{gap:.2f}" for gap in gaps)]
        for case, known, gaps in lines
    ]


def amount(problem: str, value: int | None) -> str:
    """Write an objective or a bound: that of a mapping is an energy."""
    if value is None:
        return "-"
    return energy_text(value) if problem == "mapping" else str(value)


def vouched(summary: Summary, problem: str) -> str:
    """Say who stands behind the bounds of one kind of problem."""
    known = {summary.known[run["digest"]] for run in summary.runs if run["problem"] == problem}
    trusts = sorted({k.trust for k in known if k.trust})
    return f"bounds are {' or '.join(trusts)}" if trusts else "no bound is known"


def markdown(summary: Summary) -> str:
    """All tables: methods, cases, and what was not scored, for every kind of problem."""
    parts = []
    for problem in summary.problems():
        parts.append(f"## {problem}: methods\n\n" + _table(*table_of_methods(summary, problem)))
        header, cells = table_of_cases(summary, problem)
        title = f"## {problem}: median gap to the bound by case, in percent; {vouched(summary, problem)}"
        parts.append(f"{title}\n\n" + _table(header, cells))
        header, cells = table_of_unscored(summary, problem)
        if cells:
            parts.append(f"## {problem}: not scored\n\n" + _table(header, cells))
    return "\n\n".join(parts) + "\n"


def csv_text(summary: Summary) -> str:
    """One line a run: what a spreadsheet wants."""
    fields = ("case", "family", "problem", "method", "seed", "status", "objective", "dual_bound", "trust")
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [*fields, "best_objective", "best_bound", "gap", "above_best", "runtime_s", "cpu_s", "late", "error"]
    )
    for run in summary.runs:
        known = summary.known[run["digest"]]
        measured = [known.objective, known.bound, summary.gap(run), summary.excess(run)]
        times = [run.get("runtime_s"), run.get("cpu_s"), "late" if is_late(run) else "", run.get("error")]
        writer.writerow(map(_spreadsheet, (*(run.get(f) for f in fields), *measured, *times)))
    return file.getvalue()


def profiles_csv(summary: Summary) -> str:
    """One line a point of the curves: ``cactus`` (seconds, runs) and ``performance`` (times the best, percent)."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["problem", "method", "curve", "x", "y"])
    for problem in summary.problems():
        for method in summary.methods(problem):
            for name, curve in (("cactus", cactus), ("performance", performance)):
                points = curve(summary, problem, method)
                writer.writerows([problem, _spreadsheet(method), name, f"{x:.6g}", f"{y:.6g}"] for x, y in points)
    return file.getvalue()


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _spreadsheet(value: Any) -> Any:
    """Return what a cell may hold: text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *(["---:"] * (len(header) - 1))]
    return "\n".join("| " + " | ".join(map(_markdown, row)) + " |" for row in (header, rule, *rows))


def _markdown(cell: str) -> str:
    """Escape what would end a cell, or begin a tag or a link."""
    return re.sub(r"[\\|<\[]", r"\\\g<0>", cell)
