"""The scripts that people start: syntax, help, and what they say when something is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test", "scripts/_environment", ".ci/run"])
def test_shell_scripts_parse(script):
    assert subprocess.run(["bash", "-n", str(ROOT / script)]).returncode == 0


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test", "scripts/typecheck", ".ci/run"])
def test_scripts_can_be_started(script):
    assert os.access(ROOT / script, os.X_OK)


def test_the_training_script_explains_itself_without_its_extra(tmp_path):
    for package in ("torch", "snntorch"):
        (tmp_path / f"{package}.py").write_text(f"raise ImportError(name={package!r})")
    command = [sys.executable, str(ROOT / "scripts" / "train_digits.py"), "--help"]
    said = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert said.returncode == 1
    assert "Input -> Linear -> LIF -> Linear -> LIF -> Output" in said.stderr
    assert said.stderr.endswith("This needs the package snntorch: pip install -e '.[train]'\n")


def test_scripts_name_the_python_they_need(tmp_path):
    # a PATH with the shell's own tools, but no Python
    for tool in ("bash", "dirname", "cat", "cksum"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}" if Path(f"/usr/bin/{tool}").exists() else f"/bin/{tool}")
    command = ["bash", "-c", "source scripts/_environment; find_python"]
    said = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert said.returncode == 1
    assert said.stderr == "Python 3.11 or newer with venv and pip is needed; none is on the PATH\n"
