"""Fronts of two goals, against every mapping of tiny networks, and by the command line."""

from __future__ import annotations

import csv
import json
import threading
from dataclasses import replace

import pytest
from oracle import optimum, random_free_mapping_problem

from spinemap_exact.cli import main
from spinemap_exact.errors import InvalidInput
from spinemap_exact.instances import load
from spinemap_exact.pipeline import Front, pareto_front
from spinemap_exact.problems.mapping import MappingObjective
from spinemap_exact.result import Limits, Status

QUICK = Limits(1.0, 1)


def front_of(problem, second: str, **options) -> Front:
    limits = {"max_crossbars": problem.max_crossbars, "limits": QUICK, "traffic": problem.traffic}
    return pareto_front(problem.network, problem.hardware, second, **limits | options)


@pytest.mark.parametrize("seed", range(6))
def test_no_mapping_lies_below_the_bounds_of_a_front(seed):
    problem = random_free_mapping_problem(seed, MappingObjective.ENERGY)
    front = front_of(problem, "crossbars")
    for point in (*front.points, *front.others):
        most = problem.max_crossbars if point.limit is None else point.limit
        least = optimum(replace(problem, max_crossbars=most))
        if least is None:
            assert point.energy_fj is None
            continue
        assert (point.bound_fj or 0) <= least <= (point.energy_fj or least)
        assert point.run.status is not Status.INFEASIBLE


@pytest.mark.parametrize(("name", "second"), [("digits-64-32-10", "crossbars"), ("layered-16-24-8", "worst-latency")])
def test_points_rise_in_one_goal_and_fall_in_the_other(name, second):
    front = pareto_front(*load(name), second, limits=Limits(4, 1))
    energies = [point.energy_fj for point in front.points]
    others = [front.second_of(point) for point in front.points]
    assert len(front.points) > 1
    assert energies == sorted(set(energies), reverse=True)
    assert others == sorted(set(others))
    for point in front.points:
        assert point.limit is None or front.second_of(point) <= point.limit
        assert point.run.mapping.violations(point.run.network, point.run.hardware) == []


def test_a_stopped_front_has_what_was_found():
    stop = threading.Event()
    kept = []

    def keep(point):
        kept.append(point)
        stop.set()

    front = pareto_front(*load("layered-16-24-8"), "crossbars", limits=Limits(5, 1), keep=keep, stop=stop)
    assert front.points == tuple(kept)
    assert front.points[0].limit is None


def test_energy_is_weighed_against_two_goals_only():
    with pytest.raises(InvalidInput, match="crossbars or worst-latency, not against mean-latency"):
        pareto_front(*load("layered-16-24-8"), "mean-latency")


def test_the_folder_of_a_front_is_read_back(tmp_path, capsys):
    out = tmp_path / "front"
    asked = ["map", "layered-16-24-8", "--pareto", "energy", "crossbars", "--time-limit", "2", "--workers", "1"]
    assert main([*asked, "--out", str(out), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    lines = list(csv.DictReader((out / "front.csv").open()))
    assert told["goals"] == ["energy", "crossbars"]
    assert [int(line["energy_fj"]) for line in lines] == [point["energy_fj"] for point in told["points"]]
    assert "<svg" in (out / "front.html").read_text()
    for line in lines:
        assert main(["evaluate", "layered-16-24-8", str(out / line["mapping"]), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["energy_fj"]["total"], found["crossbars"]) == (int(line["energy_fj"]), int(line["crossbars"]))
        limit = ["--max-crossbars", line["limit"]] if line["limit"] else []
        checked = ["check", "layered-16-24-8", str(out / line["certificate"]), "--mapping", str(out / line["mapping"])]
        assert main([*checked, *limit, "--json"]) == 0
        verified = json.loads(capsys.readouterr().out)["lower"]
        assert verified <= int(line["bound_fj"])
        assert (verified == int(line["bound_fj"])) == line["vouched_by"].startswith("verified")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pareto", "energy", "energy"], "not energy against energy"),
        (["--pareto", "crossbars", "worst-latency"], "not crossbars against worst-latency"),
        (["--pareto", "energy", "crossbars", "--minimise", "energy"], "leave out --minimise"),
        (["--pareto", "energy", "crossbars", "--units", "reference"], "leave out --units"),
        (["--pareto", "energy", "crossbars", "--stages"], "choose one"),
        (["--pareto", "energy", "crossbars", "--solver", "none"], "leave out --solver"),
    ],
)
def test_what_speaks_against_a_front_is_said(options, said, capsys):
    assert main(["map", "random-40", *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
