"""The verbs `bench` and `report` through a real process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def run(*args):
    command = [sys.executable, "-m", "spinemap_exact", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def suite(tmp_path):
    traffic = {"width": 2, "height": 2, "clusters": 3, "traffic": [[0, 1, 5], [1, 2, 6]]}
    (tmp_path / "bend.json").write_text(json.dumps(traffic))
    path = tmp_path / "suite.toml"
    path.write_text('[[case]]\nname = "bend"\nproblem = "placement"\nfile = "bend.json"\nbest = {bound = 11}\n')
    return path


def test_bench_then_report(suite, tmp_path):
    out = tmp_path / "runs.jsonl"
    command = ["bench", suite, "--method", "truenorth", "--seeds", 2, "--time-limit", 1, "--out", out, "--jobs", 1]
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "2 runs written, 0 were there already" in done.stdout
    assert "2/2  bend  truenorth  seed 1  FEASIBLE  11" in done.stderr
    assert json.loads(run(*command, "--json").stdout)["skipped"] == 2
    done = run("report", out, "--suite", suite, "--out", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert "| truenorth | 2 | 0.00 % |" in done.stdout
    assert (tmp_path / "report" / "report.html").exists()


def test_a_report_on_shipped_problems_knows_their_bounds(tmp_path):
    out = tmp_path / "runs.jsonl"
    done = run("bench", "--case", "mwd", "--method", "truenorth", "--seeds", 1, "--out", out, "--jobs", 1)
    assert done.returncode == 0, done.stderr

    done = run("report", out, "--out", tmp_path / "report")

    # the published optimum of MWD on a 4x4 mesh, certified in the library
    assert "| mwd | 1120 | 1120 |" in done.stdout, done.stderr


def test_a_function_of_a_user_is_bounded_from_below(suite, tmp_path):
    """What the documentation promises: a file, two commands, and a gap to a bound."""
    (tmp_path / "mine.py").write_text(
        "from spinemap_exact.mapping import Placement\n"
        "def run(problem, watch):\n"
        "    return Placement(range(problem.num_clusters))\n"
    )
    out = tmp_path / "runs.jsonl"
    done = run("bench", suite, "--method", f"{tmp_path / 'mine.py'}:run", "--seeds", 1, "--out", out, "--jobs", 1)
    assert done.returncode == 0 and f"spinemap-exact report {out}" in done.stdout, done.stderr
    # 0 and 1 are neighbours, 2 lies below 0 and two hops from 1: 5 + 2 * 6 = 17, and 11 is the bound of the suite
    assert "| bend | 17 | 11 | 35.29 |" in run("report", out, "--suite", suite, "--out", tmp_path / "report").stdout


def test_methods_and_cases_are_listed(suite):
    done = run("bench", suite, "--list")
    assert "spinemap" in done.stdout and "hilbert-force" in done.stdout
    assert "bend" in done.stdout and "11" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "magic", "--out", "x"], "the method 'magic' applies to no case"),
        (["--out", "x"], "name at least one --method"),
        (["--method", "truenorth"], "say where the runs go"),
        (["--method", "true-north", "--out", "x"], "to no case of the suite; did you mean 'truenorth'? Known: "),
        (["--method", "mine.py:run", "--out", "x"], "cannot load the heuristics in 'mine.py': FileNotFoundError"),
        (["--case", "bent", "--list"], "unknown case 'bent'; did you mean 'bend'? Known: bend"),
        (["--family", "tiny", "--list"], "unknown family 'tiny'; there is none"),
        (["--mapping", "mine", "--out", "x"], "a mapping is given as name=FILE"),
    ],
)
def test_mistakes_are_told_in_one_sentence(suite, options, message):
    done = run("bench", suite, *options)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_a_dry_run_counts(suite):
    assert run("bench", suite, "--method", "truenorth", "--dry-run").stdout.strip() == "5 runs"


def test_a_suite_with_a_missing_instance_stops_before_anything_runs(tmp_path):
    path, out = tmp_path / "suite.toml", tmp_path / "runs.jsonl"
    there = '[[case]]\nname = "a"\nproblem = "mapping"\ninstance = "small-world-32"\n'
    path.write_text(there + '[[case]]\nname = "b"\nproblem = "mapping"\ninstance = "small-world"\n')
    done = run("bench", path, "--method", "pacman", "--out", out)
    assert done.returncode == 2 and not out.exists()
    assert "case 'b': unknown instance 'small-world'; did you mean 'small-world-" in done.stderr
