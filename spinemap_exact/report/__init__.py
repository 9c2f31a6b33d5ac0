"""Tables and pictures of what a bench found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from spinemap_exact.bench.store import Run
from spinemap_exact.bench.suite import Case
from spinemap_exact.bench.task import pictured, stages_of
from spinemap_exact.errors import InvalidInput
from spinemap_exact.pipeline import MappingRun
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.report.front import html_of_front
from spinemap_exact.report.interactive import interactive
from spinemap_exact.report.page import html, html_of_mapping
from spinemap_exact.report.summary import Summary, summarise
from spinemap_exact.report.tables import csv_text, markdown, profiles_csv

__all__ = ["Summary", "csv_text", "html", "html_of_front", "html_of_run", "markdown", "summarise", "write_report"]


def write_report(
    runs: Sequence[Run],
    folder: str | Path,
    cases: Iterable[Case] = (),
    title: str = "Bench of mapping methods",
    *,
    is_interactive: bool = False,
) -> list[Path]:
    """Write ``report.html``, ``report.md``, ``runs.csv`` and ``profiles.csv``; return their paths.

    ``is_interactive`` adds ``interactive.html``, which needs the extra ``viz``.

    Raises
    ------
    InvalidInput
        If there are no runs, or the folder cannot be written.
    MissingExtra
        If interactive plots are asked for and plotly is not installed.
    """
    if not runs:
        raise InvalidInput("there are no runs to report")
    summary = summarise(runs, cases)
    texts = {
        "report.html": html(summary, title),
        "report.md": markdown(summary),
        "runs.csv": csv_text(summary),
        "profiles.csv": profiles_csv(summary),
    }
    if is_interactive:
        texts["interactive.html"] = interactive(summary, title)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as defect:
        raise InvalidInput(f"cannot write to {folder}: {defect.strerror or defect}") from defect
    return [folder / name for name in texts]


def html_of_run(run: MappingRun, name: str) -> str:
    """Return one page about one mapping: its stages, and pictures of the mesh, its traffic and its energy."""
    line = {"case": name, "stages": stages_of(run), "lower_bound": run.lower_bound_json()}
    if run.mapping is not None:
        line |= pictured(MappingProblem(run.network, run.hardware, run.traffic), run.mapping, run.evaluation())
    return html_of_mapping(line, f"{name} on {run.hardware.name}")
