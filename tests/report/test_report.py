"""The report: gaps to the bound, what is missing counted apart, one page that needs nothing else."""

from __future__ import annotations

import csv
import io
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from spinemap_exact.bench.methods import Method
from spinemap_exact.bench.suite import CLAIMED, Case
from spinemap_exact.bench.task import Task, execute
from spinemap_exact.errors import InvalidInput, MissingExtra
from spinemap_exact.hardware import read_hardware
from spinemap_exact.instances.generators import layered
from spinemap_exact.mapping import Unrolling
from spinemap_exact.pipeline import map_by_stages
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.report import csv_text, html, html_of_run, markdown, profiles_csv, summarise, write_report
from spinemap_exact.report.page import html_of_mapping
from spinemap_exact.report.profiles import cactus, performance
from spinemap_exact.result import Limits


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


def test_what_is_not_scored_is_told_with_its_reason():
    for text in (markdown(summarise(RUNS)), page_of(RUNS).replace("<td>", "| ")):
        assert "tile 3 holds 2 clusters" in text and "the worker died of signal 9" in text
    assert "| a | pso | 1 | REJECTED | tile 3 holds 2 clusters |" in markdown(summarise(RUNS))
    assert "not scored" not in markdown(summarise(BY_HAND))


def test_methods_that_answer_rank_before_those_that_do_not():
    assert summarise(RUNS).methods("placement") == ["exact", "tabu", "pso"]


def test_bounds_of_the_suite_count():
    class Problem:
        kind, digest = "placement", "digest of b"

    case = Case("b", Problem(), best={"objective": 45, "bound": 40, "trust": "verified"})
    summary = summarise(RUNS, [case])
    known = summary.known["digest of b"]
    assert (known.objective, known.bound, known.trust, known.is_proven) == (45, 40, CLAIMED, False)
    assert 0.2 in row(summary, "tabu").gaps  # (50 - 40) / 50


def test_a_bound_above_an_objective_stops_the_report():
    """At the objective it is a proof, one above somebody is wrong."""
    assert summarise([line("tabu", 80), line("liar", 90, bound=80)]).known["digest of a"].is_proven
    said = "case a: the bound 81 of liar (seed 0) exceeds the objective 80 of tabu (seed 0); one of them is wrong"
    with pytest.raises(InvalidInput, match=re.escape(said)):
        summarise([line("tabu", 80), line("liar", 90, bound=81)])

    class Problem:
        kind, digest = "placement", "digest of a"

    with pytest.raises(InvalidInput, match=r"the bound 81 of liar \(seed 0\) exceeds the objective 80 of the suite"):
        summarise([line("liar", 90, bound=81)], [Case("a", Problem(), best={"objective": 80})])


def test_names_and_errors_stay_text_in_every_file(mapped):
    """A tag, a formula, a link, a terminal escape: in a name, and in what a method said when it failed."""
    bad = ["<script>x</script>", "=1+1", "+1", "-1", "@x", "[a](http://b)"]
    runs = [line(name, 80 + k, k, case=name) for k, name in enumerate(bad)]
    runs += [line(name, None, 9, status="FAILED", error=f"x\n{name}\x1b[2J") for name in bad]
    runs.append({**mapped, "case": bad[0], "seed": bad[0]})
    summary = summarise(runs)
    page, cells = html(summary, bad[0]), list(csv.reader(io.StringIO(csv_text(summary) + profiles_csv(summary))))
    ET.fromstring(page[page.index("<body>") : page.index("</html>")])
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not [cell for row in cells for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert "'=1+1" in {cell for row in cells for cell in row}
    text = markdown(summary)
    assert "\x1b" not in text + csv_text(summary) + page
    assert r"| \<script>x\</script> |" in text and r"\[a](http://b)" in text


def test_tables_hold_every_method_and_case():
    text = markdown(summarise(RUNS))
    assert "| tabu | 3 | 15.62 % | 25.00 % | 0.00 % | 25.00 % |" in text
    assert "| a | 80 | 75 | 6.25 | 15.62 | 50.00 |" in text  # medians of exact, tabu, pso
    rows = list(csv.DictReader(io.StringIO(csv_text(summarise(RUNS)))))
    assert len(rows) == len(RUNS)
    assert rows[4]["error"] == "tile 3 holds 2 clusters" and rows[4]["gap"] == ""


def test_time_is_that_of_the_clock_of_the_limit():
    summary = summarise([line("tabu", 80), line("pso", 90, clock="cpu")])
    assert (row(summary, "tabu").median_time_s, row(summary, "pso").median_time_s) == (1.5, 1.0)


# Two cases, two methods, two seeds, worked out by hand. Bounds: 80 in case a (of the suite), 50 in case b (of a run).
#   case  method  objectives   gap to the bound           above the best (a: 80, b: 50)   seconds until found
#   a     x       100, 90      20/100, 10/90              20/80, 10/80                    2, 4
#   a     y       80, -        0, -                       0, -                            8, -
#   b     x       50, 60       0, 10/60                   0, 10/50                        1, 3
#   b     y       75, 75       25/75, 25/75               25/50, 25/50                    5, 6
def timed(method, objective, seed, case, seconds, **more):
    return line(method, objective, seed, case=case, runtime_s=9.0, trace=[[seconds, objective, None]], **more)


BY_HAND = [
    timed("x", 100, 0, "a", 2),
    timed("x", 90, 1, "a", 4),
    timed("y", 80, 0, "a", 8),
    timed("y", None, 1, "a", 10, status="UNKNOWN"),
    timed("x", 50, 0, "b", 1, bound=50, status="OPTIMAL"),
    timed("x", 60, 1, "b", 3),
    timed("y", 75, 0, "b", 5),
    timed("y", 75, 1, "b", 6),
]


@pytest.fixture(scope="module")
def by_hand():
    class Problem:
        kind, digest = "placement", "digest of a"

    return summarise(BY_HAND, [Case("a", Problem(), best={"objective": 85, "bound": 80, "trust": "verified"})])


def test_the_table_of_methods_by_hand(by_hand):
    x, y = row(by_hand, "x"), row(by_hand, "y")
    assert x.median_gap == pytest.approx((1 / 9 + 1 / 6) / 2) and x.worst_gap == 1 / 5
    assert y.median_gap == pytest.approx(1 / 3) and y.worst_gap == pytest.approx(1 / 3)
    assert x.median_excess == pytest.approx((1 / 8 + 1 / 5) / 2) and x.worst_excess == 1 / 4
    assert (y.median_excess, y.worst_excess) == (1 / 2, 1 / 2)
    assert (x.runs, x.proven, x.unanswered, y.runs, y.proven, y.unanswered) == (4, 1, 0, 4, 0, 1)
    # columns without an entry (rejected, crashed) are left out; 1/9 and 1/6 have the mean 13.89 %
    assert "| method | runs | gap to bound, median | gap to bound, worst | above best, median |" in markdown(by_hand)
    assert "| x | 4 | 13.89 % | 20.00 % | 16.25 % | 25.00 % | 1 |  | 9.00 s |" in markdown(by_hand)
    assert "| y | 4 | 33.33 % | 33.33 % | 50.00 % | 50.00 % |  | 1 | 9.00 s |" in markdown(by_hand)
    # medians of x: (20 + 11.11) / 2 and (0 + 16.67) / 2; of y in case a only the run with an answer counts
    assert "| a | 80 | 80 | 15.56 | 0.00 |" in markdown(by_hand)
    assert "| b | 50 | 50 | 8.33 | 33.33 |" in markdown(by_hand)


def test_the_curves_by_hand(by_hand):
    # one run each comes within 1 % of the best: x in case b after 1 s, y in case a after 8 s
    assert cactus(by_hand, "placement", "x") == [(1.0, 1.0)]
    assert cactus(by_hand, "placement", "y") == [(8.0, 1.0)]
    # shares of four runs each, of which y has only three with an answer
    assert performance(by_hand, "placement", "x") == [(1.0, 25.0), (1.125, 50.0), (1.2, 75.0), (1.25, 100.0)]
    assert performance(by_hand, "placement", "y") == [(1.0, 25.0), (1.5, 50.0), (1.5, 75.0)]
    assert profiles_csv(by_hand).splitlines()[:3] == [
        "problem,method,curve,x,y",
        "placement,x,cactus,1,1",
        "placement,x,performance,1,25",
    ]


def test_the_spreadsheet_by_hand(by_hand):
    rows = list(csv.DictReader(io.StringIO(csv_text(by_hand))))
    told = [(r["method"], r["seed"], r["status"], r["best_bound"], r["gap"], r["above_best"]) for r in rows]
    assert told[0] == ("x", "0", "FEASIBLE", "80", "0.2", "0.25")
    assert told[3] == ("y", "1", "UNKNOWN", "80", "", "")


@pytest.fixture(scope="module")
def mapped():
    network = layered([8, 40, 10], seed=1)
    network = Unrolling.identity(network).unit_network(network)
    problem = MappingProblem(network, read_hardware("generic-16x16"))
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


def test_a_mapping_has_a_page_of_its_own():
    network = layered([8, 40, 10], seed=1)
    run = map_by_stages(network, read_hardware("generic-16x16"), limits=Limits(2.0, 1))
    page = html_of_run(run, "net <1>")
    ET.fromstring(page[page.index("<body>") : page.index("</html>")])
    for text in ("net &lt;1&gt; on generic-16x16", "mesh of", "Energy by term", "vouched for by", "partition"):
        assert text in page
    assert "traffic is assumed" not in page


def test_assumed_traffic_is_said():
    network = replace(layered([8, 12, 10], seed=1), spikes_assumed=True)
    run = map_by_stages(network, read_hardware("generic-16x16"), limits=Limits(2.0, 1))
    assert "traffic is assumed: one spike for every neuron" in html_of_run(run, "net")
    assert run.evaluation().as_json()["spikes_assumed"] is True


def whole(measure, objective, bound, arrivals):
    stage = {"measure": measure, "objective": objective, "dual_bound": bound, "arrivals": arrivals}
    stage |= {
        "vouched_by": "attested (trees)",
        "runtime_s": 1.0,
        "trace": [[0.1, 2 * objective, 0], [0.5, objective, bound]],
    }
    return html_of_mapping({"case": "net", "stages": {"mapping": stage}}, "net")


@pytest.mark.parametrize(
    ("measure", "amounts", "axis"),
    [
        ("energy", ["5.143 uJ", "4.857 uJ"], "energy, uJ"),
        ("worst latency", ["5.143 ms", "4.857 ms"], "worst latency, ms"),
        # the sum over 1000 spikes, of which the mean is told
        ("mean latency", ["5.143 us", "4.857 us"], "mean latency, us"),
        ("packets", ["5,143,000,000", "4,857,000,000"], "packets"),
    ],
)
def test_amounts_have_the_units_that_they_have_elsewhere(measure, amounts, axis):
    page = whole(measure, 5_143_000_000, 4_857_000_000, 1000)
    assert all(f"<td>{amount}</td>" in page for amount in amounts) and f">{axis}</text>" in page


def test_energies_of_whole_mappings_have_units_in_tables():
    runs = [line("x", 5_143_000_000, problem="mapping", bound=4_857_000_000)]
    assert "| a | 5.143 uJ | 4.857 uJ | 5.56 |" in markdown(summarise(runs))


def test_a_late_run_is_flagged_and_not_ranked():
    """It may hold the best objective known, and enters no gap, no rank and no curve."""
    late = line("slow", 70, runtime_s=12.5, limits={"time_s": 10.0})
    in_time = line("quick", 80, bound=60, runtime_s=12.0, limits={"time_s": 10.0})
    summary = summarise([late, in_time])
    slow = row(summary, "slow")
    assert (slow.late, slow.gaps, slow.excess, row(summary, "quick").late) == (1, (), (), 0)
    assert summary.known["digest of a"].objective == 70 and summary.methods("placement") == ["quick", "slow"]
    assert cactus(summary, "placement", "slow") == performance(summary, "placement", "slow") == []
    text = markdown(summary)
    assert "beyond the limit" in text and "| a | slow | 0 | FEASIBLE | took 12.5 s of 10 s: not ranked |" in text
    assert [r["late"] for r in csv.DictReader(io.StringIO(csv_text(summary)))] == ["late", ""]


def test_light_dark_and_print_are_provided_for():
    page = page_of(RUNS)
    assert "prefers-color-scheme:dark" in page and "@media print" in page


def test_nothing_to_report_is_an_error(tmp_path):
    with pytest.raises(InvalidInput, match="no runs to report"):
        write_report([], tmp_path)
    write_report(RUNS, tmp_path / "new")
    assert {f.name for f in (tmp_path / "new").iterdir()} == {
        "report.html",
        "report.md",
        "runs.csv",
        "profiles.csv",
    }


def test_interactive_plots_are_an_extra(tmp_path):
    pytest.importorskip("plotly")
    write_report(RUNS, tmp_path, is_interactive=True)
    page = (tmp_path / "interactive.html").read_text()
    assert "tabu" in page and not re.search(r"<script[^>]*src=", page)  # plotly itself is inside


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(MissingExtra, match=r"pip install 'spinemap-exact\[viz\]'"):
        write_report(RUNS, tmp_path, is_interactive=True)
