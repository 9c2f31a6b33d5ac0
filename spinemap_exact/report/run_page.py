"""One mapping as a page."""

from __future__ import annotations

from spinemap_exact.bench.task import pictured, stages_of
from spinemap_exact.pipeline import MappingRun
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.report.page import html_of_mapping


def html_of_run(run: MappingRun, name: str) -> str:
    """Return one page about one mapping: its stages, and pictures of the mesh, its traffic and its energy."""
    line = {"case": name, "stages": stages_of(run), "lower_bound": run.lower_bound_json()}
    if run.mapping is not None:
        line |= pictured(MappingProblem(run.network, run.hardware, run.traffic), run.mapping, run.evaluation())
    return html_of_mapping(line, f"{name} on {run.hardware.name}")
