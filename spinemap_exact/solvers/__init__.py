"""Algorithms that return an incumbent and a bound.

A solver is a function ``solve(problem, watch, warm_start=None) -> SolveResult``. Our own algorithms are the files and
folders ``solvers/<problem kind>/<name>``; every file ``formulations/<problem kind>/<name>_cpsat.py`` gives the solver
``<name>-cpsat``, every ``<name>_milp.py`` gives ``<name>-cbc``, ``<name>-highs`` and ``<name>-scip``.
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
    modelled = []
    for model in registry.names(formulations, kind):
        stem, _, paradigm = model.rpartition("-")
        modelled += [f"{stem}-{engine}" for engine in _ENGINES[paradigm]]
    return (*registry.names(sys.modules[__name__], kind), *modelled)


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
    if name not in names(kind):
        raise InvalidInput(unknown(f"{kind} solver", name, names(kind)))
    stem, _, engine = name.rpartition("-")
    paradigm = next(p for p, engines in _ENGINES.items() if engine in engines)
    formulation = registry.load(formulations, kind, f"{stem}-{paradigm}")
    runner = import_module(f"spinemap_exact.solvers.{paradigm}")
    return partial(runner.solve, formulation, engine=engine)
