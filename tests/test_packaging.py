"""What a wheel holds: one top-level name, every module, every data file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INSIDE = {"spinemap_exact": "spinemap_exact", **{n: f"spinemap_exact/{n}" for n in ("formulations", "instances")}}
DATA = {".toml", ".npz", ".nir", ".csv", ".typed"}


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> set[str]:
    """Names of the files in a wheel built from a copy of the sources, without a network."""
    sources = tmp_path_factory.mktemp("sources")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    for folder in INSIDE:
        shutil.copytree(ROOT / folder, sources / folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check", str(sources)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (sources / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_only_top_level_name_is_the_package(content):
    names = {name.split("/")[0] for name in content}
    assert {name for name in names if not name.endswith(".dist-info")} == {"spinemap_exact"}
    assert len(names) == 2


@pytest.mark.parametrize("folder", INSIDE)
def test_every_module_and_data_file_is_inside(content, folder):
    files = [p for p in (ROOT / folder).rglob("*") if p.is_file() and (p.suffix == ".py" or p.suffix in DATA)]
    assert files
    expected = {f"{INSIDE[folder]}/{p.relative_to(ROOT / folder).as_posix()}" for p in files}
    assert not expected - content, "list the sub-package, or the kind of file, in pyproject.toml"


def test_nothing_else_is_inside(content):
    stray = {n for n in content if "/tests/" in n or "__pycache__" in n or n.endswith((".pyc", ".pt"))}
    assert not stray


def test_sub_packages_are_listed_once_and_exist():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert len(packages) == len(set(packages))
    for package in packages:
        first, *rest = package.split(".")
        folder = ROOT / first / Path(*rest)
        if rest and rest[0] in INSIDE:
            folder = ROOT / Path(*rest)
        assert (folder / "__init__.py").exists(), package
