"""The bench: nothing lost, nothing twice, whoever is killed; what is not allowed is not scored."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from spinemap_exact import heuristics
from spinemap_exact.bench import read_runs, read_suite, run_suite
from spinemap_exact.bench.executors import DaskExecutor, ProcessExecutor, slurm_job_script
from spinemap_exact.bench.line import is_late
from spinemap_exact.bench.methods import PAIRS, Method, names
from spinemap_exact.bench.store import Store
from spinemap_exact.bench.suite import CLAIMED, VERIFIED, Case
from spinemap_exact.bench.task import Task, execute
from spinemap_exact.bounds import network_bound
from spinemap_exact.certificate import format as certificates
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import CertificateRejected, InvalidInput, MissingExtra
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.instances import FOLDER
from spinemap_exact.instances.generators import random_sparse
from spinemap_exact.mapping import Unrolling
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.result import Limits

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
USER = f"{HERE / 'methods_of_a_user.py'}:"
QUICK = Limits(time_s=0.2, workers=1)


class InThisProcess:
    """An executor without processes, for speed."""

    def run(self, tasks):
        return map(execute, tasks)


@pytest.fixture
def suite(tmp_path):
    """Two partition problems of four units, a placement, and a mapping."""
    ring = {"num_neurons": 4, "num_inputs": 0, "rows": 2, "columns": 2, "spikes": [1, 2, 3, 4]}
    (tmp_path / "ring.json").write_text(json.dumps(ring | {"fan_in": [[3], [0], [1], [2]]}))
    (tmp_path / "pairs.json").write_text(json.dumps(ring | {"fan_in": [[1], [0], [3], [2]]}))
    traffic = [[0, 1, 5], [1, 2, 6]]
    (tmp_path / "line.json").write_text(json.dumps({"width": 3, "height": 1, "clusters": 3, "traffic": traffic}))
    path = tmp_path / "suite.toml"
    path.write_text(
        """
        [[case]]
        name = "ring"
        problem = "partition"
        file = "ring.json"
        family = "small"
        best = {objective = 4, bound = 4, trust = "verified"}
        [[case]]
        name = "pairs"
        problem = "partition"
        file = "pairs.json"
        [[case]]
        name = "line"
        problem = "placement"
        file = "line.json"
        [[case]]
        name = "net"
        problem = "mapping"
        generate = {kind = "layered", sizes = [4, 6, 2], seed = 1}
        hardware = "generic-16x16"
        """
    )
    return path


def test_every_pair_that_fits_runs_once(suite, tmp_path):
    out = tmp_path / "runs.jsonl"
    methods = ["sequential", "edgemap", "spinemap"]
    tally = run_suite(read_suite(suite), methods, range(2), QUICK, out, InThisProcess())
    runs = read_runs(out)
    # sequential: 2 partitions and 1 placement; edgemap: 2 partitions; spinemap: 1 mapping; two seeds each
    assert tally.planned == tally.written == len(runs) == 12
    assert {(r["case"], r["method"]) for r in runs} == {
        ("ring", "sequential"), ("pairs", "sequential"), ("line", "sequential"),
        ("ring", "edgemap"), ("pairs", "edgemap"), ("net", "spinemap"),
    }  # fmt: skip
    line = runs[0]
    assert line["status"] == "FEASIBLE" and line["objective"] is not None and line["dual_bound"] is None
    assert line["versions"]["python"] and line["cpu"] and line["limits"]["time_s"] == 0.2


def test_finished_runs_are_not_repeated(suite, tmp_path):
    out = tmp_path / "runs.jsonl"
    cases = read_suite(suite)
    run_suite(cases, ["sequential"], range(2), QUICK, out, InThisProcess())
    before = out.read_bytes()
    tally = run_suite(cases, ["sequential"], range(2), QUICK, out, InThisProcess())
    assert (tally.written, tally.skipped, out.read_bytes()) == (0, 6, before)
    run_suite(cases, ["sequential"], range(3), QUICK, out, InThisProcess())
    assert len(read_runs(out)) == 9


def test_a_torn_last_line_is_cut_off_and_done_again(suite, tmp_path):
    out = tmp_path / "runs.jsonl"
    cases = read_suite(suite)
    run_suite(cases, ["sequential"], range(2), QUICK, out, InThisProcess())
    out.write_bytes(out.read_bytes()[:-20])
    assert len(read_runs(out)) == 5
    tally = run_suite(cases, ["sequential"], range(2), QUICK, out, InThisProcess())
    assert (tally.skipped, tally.written, len(read_runs(out))) == (5, 1, 6)


RUN = {"key": "a", "case": "c", "problem": "placement", "digest": "d", "method": "m", "seed": 0, "status": "FEASIBLE"}
RUN |= {"objective": 7, "dual_bound": 5, "trust": "attested"}
LINE = json.dumps(RUN)


def test_damage_elsewhere_is_an_error(tmp_path):
    out = tmp_path / "runs.jsonl"
    out.write_text(f"{LINE}\nnonsense\n")
    with pytest.raises(InvalidInput, match="line 2: not a run"):
        Store(out)
    out.write_text(f"{LINE}\n{LINE}\n")
    with pytest.raises(InvalidInput, match="line 2: the run a is listed twice"):
        read_runs(out)
    failed = json.dumps(RUN | {"status": "FAILED", "objective": None, "dual_bound": None, "trust": None})
    out.write_text(f"{LINE}\n{failed}\n")
    with pytest.raises(InvalidInput, match="line 2: the run a is listed twice"):  # what succeeded stays
        read_runs(out)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digest": None}, "digest is None, not text"),
        ({"problem": "sudoku"}, "problem is 'sudoku', not one of unroll, .* mapping"),
        ({"problem": ["placement"]}, "problem is"),
        ({"seed": "<script>alert(1)</script>"}, "seed is '<scr"),
        ({"seed": True}, "seed is True, not an integer"),
        ({"seed": -1}, "seed is -1"),
        ({"objective": 7.0}, "objective is 7.0"),
        ({"objective": 2**63}, "objective is 9"),
        ({"objective": float("nan")}, "objective is nan"),
        ({"runtime_s": float("inf")}, "runtime_s is inf"),
        ({"runtime_s": float("nan")}, "runtime_s is nan"),
        ({"case": "a\x1b[2J"}, "case is 'a.x1b"),
        ({"method": "\ud800"}, "method is"),
        ({"trust": "verified"}, "trust is 'verified', not null or 'attested'"),
        ({"trust": None}, "a bound and who vouches for it come together"),
        ({"dual_bound": 8}, "the bound 8 exceeds the objective 7"),
        ({"status": "OPTIMAL"}, "the status OPTIMAL does not go with objective 7 and bound 5"),
        ({"status": "FEASIBLE", "objective": None}, "the status FEASIBLE does not go without an objective"),
        ({"trace": [[0.1, 7]]}, "trace is"),
        ({"stages": {"partition": {}}}, "stages is"),
        ({"picture": {"width": 10**9, "height": 10**9}}, "picture is"),
        ({"versions": {"numpy": 2}}, "versions is"),
        ({"cpu": 5}, "cpu is 5"),
        ({"error": 5}, "error is 5, not text"),
        ({"limits": {"time_s": "long"}}, "limits is"),
    ],
    ids=str,
)
def test_a_foreign_line_is_refused_with_its_file_and_number(tmp_path, change, message):
    out = tmp_path / "runs.jsonl"
    out.write_text(f"{LINE}\n{json.dumps(RUN | {'key': 'b'} | change)}\n")
    with pytest.raises(InvalidInput, match=f"runs.jsonl, line 2: {message}") as refused:
        read_runs(out)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("missing", RUN)
def test_a_line_that_lacks_a_field_is_refused(tmp_path, missing):
    out = tmp_path / "runs.jsonl"
    out.write_text(json.dumps({k: v for k, v in RUN.items() if k != missing}) + "\n")
    with pytest.raises(InvalidInput, match=f"line 1: not a run: {missing} is missing"):
        read_runs(out)


@pytest.mark.parametrize("line", ["[]", "5", '{"seed": ' + "9" * 5000 + "}", "[" * 100_000, b"\xff\xfe"])
def test_what_is_no_run_at_all(tmp_path, line):
    out = tmp_path / "runs.jsonl"
    out.write_bytes((line if isinstance(line, bytes) else line.encode()) + b"\n")
    with pytest.raises(InvalidInput, match=r"line 1: .*not a run"):
        read_runs(out)


def test_what_the_bench_writes_can_be_read(suite, tmp_path):
    out = tmp_path / "runs.jsonl"
    run_suite(read_suite(suite)[3:], ["exact", "stages", "pacman"], [0], QUICK, out, InThisProcess())
    assert [run["status"] for run in read_runs(out)] == ["OPTIMAL", "FEASIBLE", "FEASIBLE"]


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("boasts", "'me' can only attest a bound"),
        ("borrows", "claims a verified bound; yours can only attest one"),
        ("overstates", "the bound 900 exceeds the objective 10 of the same run"),
    ],
)
def test_a_users_function_cannot_verify(suite, method, message):
    line = execute(Task(read_suite(suite)[0], Method(USER + method), QUICK))
    assert (line["status"], line["dual_bound"], line["trust"]) == ("FAILED", None, None)
    assert message in line["error"]


def test_what_a_suite_says_is_claimed_until_its_certificate_is_accepted(suite, tmp_path):
    ring = read_suite(suite)[0]
    assert ring.trust == CLAIMED  # whatever word it has for it itself
    stated = 'trust = "verified"'
    suite.write_text(suite.read_text().replace(stated, f'{stated}, certificate = "ring.certificate"'))
    for lower, trust in ((4, VERIFIED), (3, CLAIMED)):
        evidence = {"kind": "exhaustive"}
        certificate = Certificate("partition", ring.problem.digest, lower, None, False, None, evidence)
        certificates.write(tmp_path / "ring.certificate", certificate)
        assert read_suite(suite)[0].trust == trust
    certificates.write(tmp_path / "ring.certificate", replace(certificate, lower=5))
    with pytest.raises(CertificateRejected):
        _ = read_suite(suite)[0].trust


@pytest.mark.parametrize(
    ("best", "message"),
    [
        ("{objective = 4, bound = 5}", "the bound 5 exceeds the objective 4"),
        ("{bound = 4.0}", "bound is 4.0, not an integer"),
        ("{bound = true}", "bound is True, not an integer"),
        ("{objective = -1}", "objective is -1"),
        ('{by = "\\u001b[2J"}', "by is"),
        ('{problem = "d"}', "speaks of another problem"),
        ("5", "best is 5, not a table"),
    ],
)
def test_what_no_suite_can_claim(suite, best, message):
    old = '{objective = 4, bound = 4, trust = "verified"}'
    suite.write_text(suite.read_text().replace(old, best))
    with pytest.raises(InvalidInput, match=f"case 'ring': .*{message}"):
        read_suite(suite)


def test_two_benches_do_not_share_a_file(tmp_path):
    with Store(tmp_path / "runs.jsonl"), pytest.raises(InvalidInput, match="another bench is writing"):
        Store(tmp_path / "runs.jsonl")


def test_a_result_brings_bound_and_trust(suite):
    line = execute(Task(read_suite(suite)[0], Method(USER + "counts"), QUICK))
    assert (line["status"], line["objective"], line["dual_bound"], line["trust"]) == ("FEASIBLE", 10, 3, "attested")


def test_two_steps_keep_the_mapping_with_the_least_energy(monkeypatch):
    problem = MappingProblem(random_sparse(24, 60, seed=3), Hardware("small", TileGrid(3, 3), (Crossbar(12, 4),)))
    endless = Limits(time_s=None, workers=1)

    def energy(method):
        return execute(Task(Case("net", problem), Method(method), endless))["objective"]

    energies = {partition: energy(f"{partition}+best-effort") for partition in ("sequential", "kl")}
    assert energies["kl"] < energies["sequential"]
    for candidates in (list(energies), list(energies)[::-1]):
        monkeypatch.setattr("spinemap_exact.heuristics.mapping.two_steps._PARTITIONS", candidates)
        assert energy("two-steps") < energies["sequential"]


def test_a_bound_of_the_whole_mapping_enters_the_run_and_bounds_of_stages_do_not(suite):
    net = read_suite(suite)[3]
    exact, stages = (execute(Task(net, Method(name), QUICK)) for name in ("exact", "stages"))
    least = network_bound(net.problem.network, net.problem.hardware).energy_fj
    # 8 neurons and 10 axons fit one crossbar: packets from outside and local reads, which no mapping avoids
    assert (exact["status"], exact["objective"], exact["dual_bound"]) == ("OPTIMAL", least, least)
    assert exact["trust"] == "attested"
    assert (stages["status"], stages["dual_bound"], stages["trust"]) == ("FEASIBLE", None, None)
    assert list(stages["stages"]) == ["unroll", "partition", "placement"]


def test_a_mapping_of_given_units_keeps_them(suite):
    problem = read_suite(suite)[3].problem
    given = replace(problem, unrolling=Unrolling.identity(problem.network))
    line = execute(Task(Case("net", given), Method("exact"), QUICK))
    assert (line["objective"] is not None, line.get("error")) == (True, None)


@pytest.mark.parametrize("method", [*PAIRS, *heuristics.names("mapping"), "kl+tabu"])
def test_every_way_to_map_a_network_is_a_method(suite, method):
    net = read_suite(suite)[3]
    assert method in names("mapping") or "+" in method
    assert Method(method).applies_to(net)


@pytest.mark.parametrize("method", ["kl+kl", "kl", "a+b+c", "branch-price"])
def test_what_maps_no_network_is_no_method(suite, method):
    assert not Method(method).applies_to(read_suite(suite)[3])


def test_a_users_function_competes(suite):
    line = execute(Task(read_suite(suite)[0], Method(USER + "alone"), QUICK))
    assert (line["status"], line["objective"]) == ("FEASIBLE", 10)  # every spike leaves its cluster: 1 + 2 + 3 + 4


def test_a_method_that_raises_is_reported(suite):
    line = execute(Task(read_suite(suite)[0], Method(USER + "raises"), QUICK))
    assert line["status"] == "FAILED" and "out of ideas" in line["error"]


@pytest.mark.parametrize("method", ["crowded", "cooks_the_books", "moves_the_goal"])
def test_what_breaks_a_limit_is_rejected_whatever_it_says_of_itself(suite, method):
    """Four units do not fit two columns, on a problem and in a solution that the method has not held."""
    line = execute(Task(read_suite(suite)[0], Method(USER + method), QUICK))
    assert (line["status"], line["objective"], line["error"]) == (
        "REJECTED", None, "cluster 0 needs 4 rows, its crossbar has 2"
    )  # fmt: skip


def test_a_wrong_type_is_told_what_is_wanted(suite):
    line = execute(Task(read_suite(suite)[0], Method(USER + "names_labels"), QUICK))
    wanted = (
        "a heuristic for partition problems returns a Partition, as Partition.from_labels(cluster_of_unit) makes it"
    )
    assert line["status"] == "FAILED" and f"returned a list; {wanted}, or None" in line["error"]


def test_no_run_has_had_less_than_it_returned(suite):
    line = execute(Task(read_suite(suite)[0], Method(USER + "reports_too_much"), QUICK))
    assert (line["objective"], line["trace"]) == (10, [])


def test_a_run_beyond_its_limit_is_flagged(suite):
    late, quick = (execute(Task(read_suite(suite)[0], Method(USER + name), QUICK)) for name in ("oversleeps", "alone"))
    assert (late["status"], late["objective"], is_late(late), is_late(quick)) == ("FEASIBLE", 10, True, False)


def timed(taken_s, limit_s=10.0, **more):
    return {**RUN, "runtime_s": taken_s, "cpu_s": 99.0, "limits": {"time_s": limit_s}, **more}


def test_the_limit_leaves_a_tenth_and_a_second_to_come_to_an_end():
    assert [is_late(timed(s)) for s in (12.0, 12.001)] == [False, True]  # 10 + 1 + 1
    assert not is_late(timed(1e6, None)) and not is_late(RUN)
    assert is_late(timed(1.0, clock="cpu"))


SOURCE = "def run(problem, watch):\n    raise RuntimeError('{}')\n"


def test_an_edited_function_runs_again(suite, tmp_path):
    """The same command after an edit is another run, and without one it is not."""
    file, out, cases = tmp_path / "mine.py", tmp_path / "runs.jsonl", read_suite(suite)[:1]
    good = "from spinemap_exact.mapping import Partition\ndef run(problem, watch):\n    return Partition({})\n"
    for labels, written in (([0, 1, 2, 3], 1), ([0, 1, 2, 3], 0), ([0, 0, 1, 1], 1)):
        file.write_text(good.format(labels))
        tally = run_suite(cases, [f"{file}:run"], [0], QUICK, out, InThisProcess())
        assert tally.written == written
    # all spikes cross; then neurons 3 (4 spikes) and 1 (2 spikes)
    assert [run["objective"] for run in read_runs(out)] == [10, 6]


def test_what_failed_is_run_again_and_the_last_run_counts(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("SPINEMAP_TEST_MARK", str(tmp_path / "mark"))
    out, cases = tmp_path / "runs.jsonl", read_suite(suite)[:1]
    for tries, status in enumerate(("FAILED", "FAILED", "FEASIBLE", "FEASIBLE"), start=1):
        if tries == 3:
            (tmp_path / "mark").touch()
        tally = run_suite(cases, [USER + "needs_a_mark"], [0], QUICK, out, InThisProcess())
        assert tally.written == (tries < 4)
        assert [run["status"] for run in read_runs(out)] == [status]
    assert count(out) == 3


def test_a_function_edited_during_its_bench_fails(suite, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(SOURCE.format("before"))
    method = Method(f"{file}:run")
    file.write_text(SOURCE.format("after"))
    line = execute(Task(read_suite(suite)[0], method, QUICK))
    assert line["status"] == "FAILED" and "has changed since this bench began" in line["error"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def run(:", "SyntaxError: invalid syntax"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit('usage')", "SystemExit: usage"),
        ("def runs(problem, watch): pass", "unknown function 'run'; did you mean 'runs'?"),
        ("run = 3", "unknown function 'run'"),
        ("def run(problem): pass", "too many positional arguments): a heuristic is a function run(problem, watch)"),
        ("def run(problem, watch, favour): pass", "missing a required argument: 'favour'"),
    ],
)
def test_a_function_that_cannot_be_asked_stops_before_anything_runs(suite, tmp_path, text, message):
    (tmp_path / "mine.py").write_text(text + "\n")
    with pytest.raises(InvalidInput, match=re.escape(message)):
        run_suite(
            read_suite(suite),
            ["sequential", f"{tmp_path / 'mine.py'}:run"],
            [0],
            QUICK,
            tmp_path / "out",
            InThisProcess(),
        )
    assert not (tmp_path / "out").exists()


def test_a_file_imports_what_lies_beside_it(suite, tmp_path):
    (tmp_path / "beside_mine.py").write_text("from spinemap_exact.mapping import Partition\n")
    (tmp_path / "mine.py").write_text("import beside_mine as b\ndef run(p, w):\n    return b.Partition([0, 1, 2, 3])\n")
    assert execute(Task(read_suite(suite)[0], Method(f"{tmp_path / 'mine.py'}:run"), QUICK))["objective"] == 10


def test_the_function_in_the_documentation_runs(suite, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "bench.md").read_text(), flags=re.DOTALL)
    (tmp_path / "mine.py").write_text(code)
    line = execute(Task(read_suite(suite)[2], Method(f"{tmp_path / 'mine.py'}:run"), QUICK))
    assert (line["status"], line["objective"]) == ("FEASIBLE", 11)  # three clusters in a row: 5 + 6


def test_the_example_that_ships_finds_placements(tmp_path):
    example = f"{ROOT / 'examples' / 'my_heuristic.py'}:run"
    (mwd,) = (case for case in read_suite(FOLDER / "suite.toml") if case.name == "mwd")
    line = execute(Task(mwd, Method(example), Limits(time_s=10.0, workers=1)))
    # 1120 is proven optimal; a random placement of MWD costs more than twice that
    assert line["status"] == "FEASIBLE" and 1120 <= line["objective"] < 2240


def test_a_given_mapping_is_priced_once_and_again_when_it_changes(suite, tmp_path):
    cases, out = read_suite(suite), tmp_path / "runs.jsonl"
    file = tmp_path / "mine-ring.json"
    file.write_text("[0, 0, 1, 1]")
    mine = Method.of_mapping(f"mine={tmp_path}/mine-{{case}}.json")
    run_suite(cases, [mine], range(5), QUICK, out, InThisProcess())
    # units 0 and 1 read 3 and 0; units 2 and 3 read 1 and 2: neurons 3 (4 spikes) and 1 (2 spikes) cross
    assert [(r["method"], r["case"], r["objective"]) for r in read_runs(out)] == [("mine", "ring", 6)]
    file.write_text("[0, 1, 1, 0]")
    run_suite(cases, [mine], range(5), QUICK, out, InThisProcess())
    assert [r["objective"] for r in read_runs(out)] == [6, 4]  # neurons 0 (1 spike) and 2 (3 spikes) cross


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[case]]\nname = "a"\nproblem = "mapping"\ninstance = "nowhere"', "unknown instance 'nowhere'"),
        ('[[case]]\nname = "a"\nproblem = "partition"\nfile = "missing.json"', "missing.json"),
        ('[[case]]\nname = "a"\nproblem = "sudoku"', "unknown problem 'sudoku'"),
        ('[[case]]\nname = "a"\nproblem = "mapping"\nhardware = "loihi"', "no instance, network or generator"),
        ('[[case]]\nname = "a"\nproblem = "qap"\nfile = "x"\ncolour = 3', "unknown entry 'colour'"),
        ('[[case]]\nproblem = "mapping"', "case 1 has no name"),
        ("", "lists no case"),
        ("[[case", "Expected ']]'"),
        ("case = 5", "case is not a list of tables"),
        ("x = " + "9" * 5000, "a number of thousands of digits"),
        ("x = " + "[" * 5000, "nested too deeply"),
        ('[[case]]\nname = "a\\u001b"\nproblem = "mapping"', "control characters"),
        ('[[case]]\nname = "a"\nproblem = "qap"\nfile = 5', "file is 5, not text"),
        ('[[case]]\nname = "a"\nproblem = "partition"\nfile = "x"\nclusters = 4.5', "clusters is 4.5, not an integer"),
        ('[[instance]]\nname = "a"\ncolour = 3', "not described as it should be"),
    ],
)
def test_a_bad_suite_stops_before_anything_runs(tmp_path, text, message):
    (tmp_path / "suite.toml").write_text(text)
    with pytest.raises(InvalidInput, match=message.replace("[", r"\[")):
        read_suite(tmp_path / "suite.toml")


def test_a_name_may_stand_once(suite):
    suite.write_text(suite.read_text().replace('"pairs"', '"ring"'))
    with pytest.raises(InvalidInput, match="lists 'ring' twice"):
        read_suite(suite)


def test_an_unknown_method_stops_before_anything_runs(suite, tmp_path):
    with pytest.raises(InvalidInput, match="'magic' applies to no case"):
        run_suite(read_suite(suite), ["sequential", "magic"], [0], QUICK, tmp_path / "runs.jsonl", InThisProcess())
    assert not (tmp_path / "runs.jsonl").exists()


def test_the_suite_that_ships_is_a_suite():
    cases = read_suite(FOLDER / "suite.toml")
    assert {"digits-64-32-10", "mwd"} <= {case.name for case in cases}


def test_whole_mappings_of_the_suite_that_ships_have_a_bound_and_a_best_energy():
    """As in the README: at least 4.857 uJ, which evidence of 1 kB proves, and 5.143 uJ are reached."""
    (whole,) = (case for case in read_suite(FOLDER / "suite.toml") if case.name == "digits-64-32-10")
    assert (whole.kind, whole.trust, whole.best["measure"]) == ("mapping", VERIFIED, "energy")
    assert whole.best["bound"] >= 4_856_000_000 and whole.best["objective"] <= 5_144_000_000


# --- processes ---------------------------------------------------------------------------------------------------


def test_workers_that_cannot_begin_end_the_bench(suite, tmp_path):
    """Workers import the script that started them: what fails there fails for every run, and is not tried again."""
    script, out = tmp_path / "script.py", tmp_path / "runs.jsonl"
    script.write_text(
        "if __name__ == '__mp_main__':\n"
        "    raise ImportError('half an installation')\n"
        "from spinemap_exact.bench import read_suite, run_suite\n"
        "from spinemap_exact.result import Limits\n"
        "if __name__ == '__main__':\n"
        f"    run_suite(read_suite({str(suite)!r}), ['kl'], [0], Limits(0.2, 1), {str(out)!r})\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False)
    assert done.stderr.count("ImportError: half an installation") == 1
    assert "left with status 1 before it could begin" in done.stderr
    assert read_runs(out) == []


def test_a_worker_that_dies_is_tried_again_and_reported(suite, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("SPINEMAP_TEST_MARK", str(tmp_path / "mark"))
    monkeypatch.setattr("multiprocessing.forkserver._forkserver", type(forkserver())())  # one that sees the variable
    out = tmp_path / "runs.jsonl"
    cases = read_suite(suite)[:1]
    methods = [USER + "dies_once", USER + "dies", "sequential"]
    tally = run_suite(cases, methods, [0], QUICK, out, ProcessExecutor(jobs=2))
    runs = {r["method"].rpartition(":")[2]: r for r in read_runs(out)}
    assert (runs["dies_once"]["status"], runs["dies_once"]["attempts"]) == ("FEASIBLE", 2)
    assert (runs["dies"]["status"], runs["dies"]["attempts"]) == ("CRASHED", 3)
    assert runs["dies"]["error"] == "the worker died of signal 9"
    assert runs["sequential"]["attempts"] == 1
    assert (tally.written, tally.retried, tally.without_answer) == (3, 2, 1)
    assert "died of signal 9; tried again" in caplog.text


def forkserver():
    from multiprocessing.forkserver import _forkserver

    return _forkserver


DRIVER = """
import sys
from spinemap_exact.bench import read_suite, run_suite
from spinemap_exact.bench.executors import ProcessExecutor
from spinemap_exact.result import Limits
if __name__ == "__main__":
    suite, out, seeds, method = sys.argv[1:]
    run_suite(read_suite(suite)[:2], [method], range(int(seeds)), Limits(1.0, 1), out, ProcessExecutor(jobs=2))
"""


@pytest.mark.parametrize("seeds", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_a_bench_killed_twice_ends_with_every_run_once(suite, tmp_path, seeds):
    driver, out = tmp_path / "driver.py", tmp_path / "runs.jsonl"
    driver.write_text(DRIVER)
    command = [sys.executable, str(driver), str(suite), str(out), str(seeds), USER + "takes_a_while"]
    for share in (0.2, 0.6):
        bench = subprocess.Popen(command)
        while bench.poll() is None and count(out) < share * 2 * seeds:
            time.sleep(0.01)
        os.kill(bench.pid, signal.SIGKILL)
        bench.wait()
    assert 0 < count(out) < 2 * seeds
    subprocess.run(command, check=True)
    runs = read_runs(out)
    assert len(runs) == 2 * seeds == len({(r["case"], r["seed"]) for r in runs})


def count(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


# --- clusters ----------------------------------------------------------------------------------------------------

needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="the extra dask is not installed")


@needs_dask
@pytest.mark.slow
def test_a_dask_worker_that_is_killed_costs_no_run(suite, tmp_path, caplog):
    out = tmp_path / "runs.jsonl"
    executor = DaskExecutor(jobs=2)
    victim = []

    def kill_one(line, done, planned):
        if done == 20:
            pid = executor.client.run(os.getpid)
            victim.append(next(iter(pid.values())))
            os.kill(victim[0], signal.SIGKILL)

    tally = run_suite(read_suite(suite)[:2], ["sequential"], range(100), QUICK, out, executor, kill_one)
    runs = read_runs(out)
    assert victim and tally.written == len(runs) == 200 == len({(r["case"], r["seed"]) for r in runs})
    assert all(r["status"] == "FEASIBLE" for r in runs)


@pytest.mark.skipif(find_spec("dask_jobqueue") is None, reason="the extra dask is not installed")
@pytest.mark.slow
def test_the_slurm_job_script_is_shown():
    script = slurm_job_script({"queue": "short", "walltime": "00:10:00", "memory": "2GB"})
    assert "#SBATCH -p short" in script and "#SBATCH -t 00:10:00" in script


@pytest.mark.skipif(find_spec("distributed") is not None, reason="dask is installed")
def test_without_dask_one_sentence_names_the_extra():
    with pytest.raises(MissingExtra, match=r"pip install 'spinemap-exact\[dask\]'"):
        DaskExecutor()
