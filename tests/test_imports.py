"""Which module may import which: a module imports from its own row or from earlier ones."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "spinemap_exact"
FOLDERS = {PACKAGE: ROOT / PACKAGE, **{f"{PACKAGE}.{n}": ROOT / n for n in ("formulations", "instances")}}

# Earlier rows first. An entry stands for the module and all that lies below it, unless a longer entry fits.
ROWS = (
    ("errors", "files", "units", "arrays", "choice", "in_memory", "interrupts", "notebook", "registry"),
    ("network", "hardware"),
    ("mapping",),
    ("certificate",),
    ("problems", "result", "in_time"),
    ("evaluator", "energy_bound", "io", "kernels", "bounds"),
    ("problems.mapping",),
    ("formulations", "heuristics"),
    ("solvers",),
    ("proofs",),
    ("instances", "pipeline"),
    ("bench", "report"),
    ("cli", "__main__", ""),
)
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}
UPWARDS = {("pipeline.outcome", "report"), ("pipeline.front", "report")}  # `plot` and `save` import it when called
ENGINES = {"ortools", "pulp", "highspy", "pyscipopt"}
ISLAND = "certificate"  # the format and the checker: they share nothing with what they judge
ISLAND_MAY_IMPORT = {"errors", "arrays", "hardware"}


def modules() -> dict[str, Path]:
    """Dotted name below the package, and file, of every module."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            dotted = ".".join((package, *parts)).removesuffix(".__init__")
            found[dotted.removeprefix(PACKAGE).removeprefix(".")] = path
    return found


MODULES = modules()


def imports(module: str) -> Iterator[str]:
    """Absolute names of the modules that ``module`` imports anywhere, functions included."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module} imports relatively: write the full name"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule.removeprefix(f"{PACKAGE}.") in MODULES else node.module


def own_imports(module: str) -> set[str]:
    names = {name for name in imports(module) if name.split(".")[0] == PACKAGE}
    return {name.removeprefix(PACKAGE).removeprefix(".") for name in names}


def entry(module: str) -> str | None:
    """The entry of `ROWS` that a module belongs to; None if there is none."""
    parts = module.split(".")
    candidates = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in candidates if name in ROW_OF), None)


def on_the_island(module: str) -> bool:
    return module == ISLAND or module.startswith(f"{ISLAND}.")


def test_the_modules_are_found():
    assert {"", "network", "formulations", "instances", "problems.unroll"} <= MODULES.keys()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_modules_import_from_their_own_row_or_earlier_ones(module):
    own = entry(module)
    assert own is not None, f"{module} has no row: give it one"
    later = {n for n in own_imports(module) if ROW_OF[entry(n) or ""] > ROW_OF[own] and (module, n) not in UPWARDS}
    assert not later, f"{module} imports {sorted(later)} from later rows"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_formulations_and_solvers_import_engines(module):
    if module.split(".")[0] not in ("formulations", "solvers"):
        assert not ENGINES & {name.split(".")[0] for name in imports(module)}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_heuristics_and_solvers_do_not_import_each_other(module):
    other = {"heuristics": "solvers", "solvers": "heuristics"}.get(module.split(".")[0])
    assert not {name for name in own_imports(module) if name.split(".")[0] == other}


def test_the_checker_is_an_island():
    """It takes numbers as NumPy's arrays, and of this package no more than what names an error and hashes an array."""
    island = [module for module in MODULES if on_the_island(module)]
    assert len(island) > 30
    for module in island:
        foreign = {name for name in own_imports(module) - ISLAND_MAY_IMPORT if not on_the_island(name)}
        assert not foreign, f"{module} imports {sorted(foreign)}"
        roots = {name.split(".")[0] for name in imports(module)} - set(sys.stdlib_module_names)
        assert roots <= {"numpy", PACKAGE}, module
