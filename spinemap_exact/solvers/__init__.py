"""Algorithms that return an incumbent and a bound.

A solver is a function ``solve(problem, watch, warm_start=None) -> SolveResult``. Our own algorithms are the files and
folders ``solvers/<problem kind>/<name>``. Every file ``formulations/<problem kind>/<model>.py`` gives the solvers
``<model>-cpsat``, ``<model>-cbc``, ``<model>-highs`` and ``<model>-scip``; a model that is for one kind of engine alone
says so in the name of its file, ``<model>_cpsat.py`` or ``<model>_milp.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import spinemap_exact.formulations as formulations
from spinemap_exact import registry
from spinemap_exact.errors import InvalidInput, unknown
from spinemap_exact.result import SolveResult

Solver = Callable[..., SolveResult[Any]]

_ENGINES = {"cpsat": ("cpsat",), "milp": ("cbc", "highs", "scip")}


def names(kind: str) -> tuple[str, ...]:
    """Names of all solvers for one kind of problem, our own first."""
    return (*registry.names(sys.modules[__name__], kind), *modelled(kind))


def load(kind: str, name: str) -> Solver:
    """Return one solver, importing only what it needs.

    Raises
    ------
    InvalidInput
        If there is none of that name.
    """
    if name in registry.names(sys.modules[__name__], kind):
        solver: Solver = registry.load(sys.modules[__name__], kind, name).solve
        return solver
    by_name = modelled(kind)
    if name not in by_name:
        raise InvalidInput(unknown(f"{kind} solver", name, names(kind)))
    file, paradigm = by_name[name]
    runner = import_module(f"spinemap_exact.solvers.{paradigm}")
    return partial(runner.solve, registry.load(formulations, kind, file), engine=name.rpartition("-")[2])


def modelled(kind: str) -> dict[str, tuple[str, str]]:
    """Solvers by formulations: the file of the model, and which of the runners hears it."""
    found: dict[str, tuple[str, str]] = {}
    for file in registry.names(formulations, kind):
        stem, _, alone = file.rpartition("-")
        paradigms, model = ((alone,), stem) if alone in _ENGINES else (tuple(_ENGINES), file)
        for paradigm in paradigms:
            found |= {f"{model}-{engine}": (file, paradigm) for engine in _ENGINES[paradigm]}
    return found
