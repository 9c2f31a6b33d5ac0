"""Algorithms that return an incumbent and prove nothing.

A heuristic is a file ``heuristics/<problem kind>/<name>.py`` with a function ``run(problem, watch, start=None)`` that
returns a solution, or None if it found none that is feasible. It obeys the watch and draws every random number from
``watch.limits.seed``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from spinemap_exact import registry

Heuristic = Callable[..., Any]


def names(kind: str) -> tuple[str, ...]:
    """Names of all heuristics for one kind of problem, sorted."""
    return registry.names(sys.modules[__name__], kind)


def load(kind: str, name: str) -> Heuristic:
    """Return one heuristic, importing only what it needs."""
    heuristic: Heuristic = registry.load(sys.modules[__name__], kind, name).run
    return heuristic
