"""The report: gaps to the bound, what is missing counted apart, one page that needs nothing else."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET

import pytest

from spinemap_exact.bench.methods import Method
from spinemap_exact.bench.suite import Case, MappingProblem
from spinemap_exact.bench.task import Task, execute
from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import read_hardware
from spinemap_exact.instances.generators import layered
from spinemap_exact.mapping import Unrolling
from spinemap_exact.report import csv_text, html, markdown, summarise, write_report


def line(method, objective, seed=0, *, case="a", bound=None, status="FEASIBLE", **more):
    return {
        "key": f"{case}{method}{seed}",
        "case": case,
        "family": "",
        "problem": "placement",
        "digest": f"digest of {case}",
        "method": method,
        "seed": seed,
        "status": status,
        "objective": objective,
        "dual_bound": bound,
        "trust": None if bound is None else "attested",
        "runtime_s": 1.5,
        "cpu_s": 1.0,
        "attempts": 1,
        "trace": [[0.5, objective, None], [1.0, objective, bound]],
        **more,
    }


RUNS = [
    line("exact", 80, bound=75),
    line("tabu", 80),
    line("tabu", 100, 1),
    line("pso", 150),
    line("pso", None, 1, status="REJECTED", error="tile 3 holds 2 clusters"),
    line("pso", None, 2, status="UNKNOWN"),
    line("pso", None, 3, status="CRASHED", error="the worker died of signal 9"),
    line("tabu", 50, case="b"),
]


def row(summary, method):
    return next(r for r in summary.rows if r.method == method)


def test_gaps_are_to_the_best_bound_of_any_run():
    summary = summarise(RUNS)
    # case a: bound 75 by exact; tabu (80 - 75) / 80 and (100 - 75) / 100; case b has no bound and no gap
    assert row(summary, "tabu").gaps == (5 / 80, 25 / 100)
    assert row(summary, "tabu").worst_gap == 0.25
    # best objectives are 80 and 50
    assert row(summary, "tabu").excess == (0.0, 0.25, 0.0)


def test_runs_without_an_answer_are_counted_apart():
    pso = row(summarise(RUNS), "pso")
    assert (pso.runs, pso.rejected, pso.unanswered, pso.crashed, len(pso.gaps)) == (4, 1, 1, 1, 1)


def test_methods_that_answer_rank_before_those_that_do_not():
    assert summarise(RUNS).methods("placement") == ["exact", "tabu", "pso"]


def test_bounds_of_the_suite_count():
    class Problem:
        kind, digest = "placement", "digest of b"

    case = Case("b", Problem(), best={"objective": 45, "bound": 40, "trust": "verified"})
    summary = summarise(RUNS, [case])
    known = summary.known["digest of b"]
    assert (known.objective, known.bound, known.trust, known.is_proven) == (45, 40, "verified", False)
    assert 0.2 in row(summary, "tabu").gaps  # (50 - 40) / 50


def test_tables_hold_every_method_and_case():
    text = markdown(summarise(RUNS))
    assert "| tabu | 3 | 15.62 % | 25.00 % | 0.00 % | 25.00 % |" in text
    assert "| a | 80 | 75 | 6.25 | 15.62 | 50.00 |" in text  # medians of exact, tabu, pso
    rows = list(csv.DictReader(io.StringIO(csv_text(summarise(RUNS)))))
    assert len(rows) == len(RUNS)
    assert rows[4]["error"] == "tile 3 holds 2 clusters" and rows[4]["gap"] == ""


@pytest.fixture(scope="module")
def mapped():
    network = layered([8, 40, 10], seed=1)
    network = Unrolling.identity(network).unit_network(network)
    problem = MappingProblem(network, read_hardware("generic-16x16"))
    from spinemap_exact.result import Limits

    return execute(Task(Case("net <1>", problem), Method("spinemap"), Limits(1.0, 1)))


def page_of(runs):
    return html(summarise(runs), "A & B")


def test_the_page_stands_alone_and_is_well_formed(mapped):
    page = page_of([*RUNS, mapped])
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://", page)
    body = page[page.index("<body>") : page.index("</html>")]
    ET.fromstring(body)  # every tag closed, every value quoted
    assert "A &amp; B" in page and "net &lt;1&gt;" in page


def test_the_page_draws_mesh_matrix_occupancy_energy_and_trace(mapped):
    assert mapped["status"] == "FEASIBLE", mapped
    page = page_of([*RUNS, mapped])
    for text in ("mesh of", "traffic between", "occupancy of the crossbars", "Energy by term", "Bound and incumbent"):
        assert text in page


def test_twenty_mappings_stay_below_a_megabyte(mapped):
    runs = [{**mapped, "case": f"net {k}", "key": str(k)} for k in range(20)]
    assert len(page_of(runs).encode()) < 1_000_000


def test_light_dark_and_print_are_provided_for():
    page = page_of(RUNS)
    assert "prefers-color-scheme:dark" in page and "@media print" in page


def test_nothing_to_report_is_an_error(tmp_path):
    with pytest.raises(InvalidInput, match="no runs to report"):
        write_report([], tmp_path)
    write_report(RUNS, tmp_path / "new")
    assert {f.name for f in (tmp_path / "new").iterdir()} == {"report.html", "report.md", "runs.csv"}
