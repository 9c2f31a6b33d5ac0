"""Tables and pictures of what a bench found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from spinemap_exact.bench.store import Run
from spinemap_exact.bench.suite import Case
from spinemap_exact.errors import InvalidInput
from spinemap_exact.report.figure import figure_of_front, figure_of_run
from spinemap_exact.report.front import html_of_front
from spinemap_exact.report.interactive import interactive
from spinemap_exact.report.page import html
from spinemap_exact.report.run_files import save_run
from spinemap_exact.report.run_page import html_of_run
from spinemap_exact.report.summary import Summary, summarise
from spinemap_exact.report.tables import csv_text, markdown, profiles_csv

__all__ = [
    "Summary",
    "csv_text",
    "figure_of_front",
    "figure_of_run",
    "html",
    "html_of_front",
    "html_of_run",
    "markdown",
    "save_run",
    "summarise",
    "write_report",
]


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
