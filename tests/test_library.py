"""The records of the library: every number has a certificate, and only a better certificate changes a number."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spinemap_exact import instances
from spinemap_exact.certificate import format as certificates
from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.instances import FOLDER, library, read_library
from spinemap_exact.instances.records import LARGEST_FILE, certificate_of, problem_of, refresh
from spinemap_exact.io.mapping_file import read_mapping

RECORDED = [(entry, stage) for entry in library() for stage in entry.best]
SUITE = """\
# a comment that stays
[[core_graph]]
name = "bend"
family = "small"
file = "bend.csv"
mesh = "2x2"
optimum = 11
origin = "by hand"
description = "three cores in a row"

[[core_graph]]
name = "other"
family = "small"
file = "other.csv"
mesh = "2x2"
optimum = 1
origin = "by hand"
description = "two cores"
"""
# 0 -> 1 carries 5 and 1 -> 2 carries 6. One hop each is possible, 11 in all; with 0 and 1 on a diagonal it is 16.
STRAIGHT, DETOUR = [0, 1, 3], [0, 3, 1]


@pytest.mark.parametrize(("entry", "stage"), RECORDED, ids=lambda v: getattr(v, "name", v))
def test_every_number_has_a_certificate_that_the_checker_accepts(entry, stage):
    best = entry.best[stage]
    problem = problem_of(entry, stage)
    assert problem.digest == best.problem
    claim = certificates.read(certificate_of(entry, stage))
    proven = check(problem, claim)
    assert proven.upper == best.objective
    if best.trust == "verified":
        assert proven.lower == best.bound


def test_small_instances_are_all_recorded():
    for entry in library():
        if entry.family == "small":
            assert entry.best.keys() == set(entry.stages), entry.name
            assert all(best.bound is not None for best in entry.best.values())


@pytest.mark.parametrize("name", instances.names())
def test_references_are_mappings_of_their_instance(name):
    instance = instances.instances()[name]
    if instance.reference.exists():
        network, hardware = instance.load()
        assert read_mapping(instance.reference, network, hardware).violations(network, hardware) == []


def test_what_ships_stays_small():
    files = [p for p in FOLDER.rglob("*") if p.is_file() and p.stat().st_size > LARGEST_FILE]
    assert not files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "bend.csv").write_text("source,target,weight\n0,1,5\n1,2,6\n")
    (tmp_path / "other.csv").write_text("source,target,weight\n0,1,1\n")
    return tmp_path


def write(path: Path, *, tiles, upper, lower=0, evidence=None, instance=None) -> Path:
    folder = path.parent
    digest = instance or problem_of(read_library(folder / "suite.toml").core_graphs["bend"], "placement").digest
    evidence = evidence or {"kind": "counting", "argument": "zero"}
    claim = Certificate("placement", digest, lower, upper, False, {"tile_of_cluster": tiles}, evidence)
    certificates.write(path, claim)
    return path


def best(folder: Path):
    return read_library(folder / "suite.toml").core_graphs["bend"].best["placement"]


def test_only_better_numbers_are_taken(folder):
    exhaustive = {"kind": "exhaustive"}
    detour = write(folder / "detour.certificate", tiles=DETOUR, upper=16)
    proof = write(folder / "proof.certificate", tiles=DETOUR, upper=16, lower=11, evidence=exhaustive)
    straight = write(folder / "straight.certificate", tiles=STRAIGHT, upper=11)
    steps = [
        (detour, True, (16, "hand", 0, "counting")),
        (detour, False, (16, "hand", 0, "counting")),
        (proof, True, (16, "hand", 11, "exhaustive")),
        (detour, False, (16, "hand", 11, "exhaustive")),
        (straight, True, (11, "hand", 11, "exhaustive")),  # its own bound is weaker: the stronger one stays
        (proof, False, (11, "hand", 11, "exhaustive")),
    ]
    for path, improved, known in steps:
        (news,) = refresh([path], folder, "hand")
        now = best(folder)
        assert (news.improved, (now.objective, now.found_by, now.bound, now.proven_by)) == (improved, known)
        assert now.trust == "verified" and now.measure == "spike-hops"
    kept = certificates.read(folder / "certificates" / "bend.placement.certificate")
    assert (kept.lower, kept.upper) == (11, 11)
    text = (folder / "suite.toml").read_text()
    assert text.startswith("# a comment that stays") and text.count("best.placement") == 1
    assert read_library(folder / "suite.toml").core_graphs["other"].best == {}


def test_an_attested_bound_gives_way_to_a_verified_one_that_is_no_weaker(folder):
    problem = problem_of(read_library(folder / "suite.toml").core_graphs["bend"], "placement").digest
    line = f'best.placement = {{ problem = "{problem}", measure = "spike-hops", bound = 11, trust = "attested" }}\n'
    (folder / "suite.toml").write_text(
        SUITE.replace('\n[[core_graph]]\nname = "other"', line + '\n[[core_graph]]\nname = "other"')
    )
    list(refresh([write(folder / "weak.certificate", tiles=STRAIGHT, upper=11)], folder))
    assert (best(folder).bound, best(folder).trust) == (11, "attested")
    proof = write(folder / "p.certificate", tiles=STRAIGHT, upper=11, lower=11, evidence={"kind": "exhaustive"})
    list(refresh([proof], folder))
    assert (best(folder).bound, best(folder).trust) == (11, "verified")


def test_an_attested_bound_above_a_solution_is_forgotten(folder):
    problem = problem_of(read_library(folder / "suite.toml").core_graphs["bend"], "placement").digest
    line = f'best.placement = {{ problem = "{problem}", measure = "spike-hops", bound = 12, trust = "attested" }}\n'
    (folder / "suite.toml").write_text(
        SUITE.replace('\n[[core_graph]]\nname = "other"', line + '\n[[core_graph]]\nname = "other"')
    )
    list(refresh([write(folder / "straight.certificate", tiles=STRAIGHT, upper=11)], folder))
    assert (best(folder).objective, best(folder).bound, best(folder).trust) == (11, 0, "verified")


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ({"tiles": STRAIGHT, "upper": 10}, "rejected"),
        ({"tiles": STRAIGHT, "upper": 11, "lower": 12, "evidence": {"kind": "exhaustive"}}, "rejected"),
        ({"tiles": STRAIGHT, "upper": 11, "instance": "0" * 64}, "not in the library"),
    ],
)
def test_false_certificates_change_nothing(folder, claim, text):
    path = write(folder / "false.certificate", **claim)
    before = (folder / "suite.toml").read_text()
    (news,) = refresh([path], folder)
    assert not news.improved and text in news.text
    assert (folder / "suite.toml").read_text() == before and not (folder / "certificates").exists()


def run(*args):
    command = [sys.executable, "-m", "spinemap_exact", "instances", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_library_is_printed_as_a_table():
    done = run("--family", "small")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("mwd")]
    assert line.split()[:6] == ["mwd", "small", "placement", "spike-hops", "1", "120"]
    assert "verified" in line and "digits-64-100-10 " not in done.stdout


def test_one_instance_is_told_in_full():
    done = run("mwd", "--json")
    (facts,) = json.loads(done.stdout)
    assert facts["stages"]["placement"]["objective"] == facts["stages"]["placement"]["bound"] == 1120
    assert Path(facts["stages"]["placement"]["certificate"]).exists()
    assert "origin: Bertozzi" in run("mwd").stdout


def test_an_unknown_instance_is_named():
    done = run("nowhere")
    assert done.returncode == 2 and "unknown instance 'nowhere'; known: digits-64-32-10" in done.stderr
