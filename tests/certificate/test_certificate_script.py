"""The checker alone: in a process where nothing but numpy and the standard library can be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from certificate_cases import claim
from oracle import optimum, random_problem

from spinemap_exact.certificate import format

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_certificate"
ALONE = """
import runpy, sys
class NothingElse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("numpy", "spinemap_exact"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, NothingElse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(*arguments):
    command = [sys.executable, "-c", ALONE, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(("surplus", "status", "says"), [(0, 0, "accepted"), (1, 1, "rejected: lower")])
def test_the_checker_runs_with_numpy_only(tmp_path, surplus, status, says):
    problem = random_problem("placement", 2)
    best = optimum(problem)
    format.write_instance(tmp_path / "instance.json", problem)
    format.write(tmp_path / "certificate.json", claim(problem, best + surplus, {"kind": "exhaustive"}))

    done = run(tmp_path / "instance.json", tmp_path / "certificate.json")

    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.startswith(says)


def test_what_is_no_certificate(tmp_path):
    problem = random_problem("placement", 2)
    format.write_instance(tmp_path / "instance.json", problem)
    done = run(tmp_path / "instance.json", tmp_path / "instance.json")
    assert (done.returncode, done.stdout.split(":")[0]) == (2, "malformed")
