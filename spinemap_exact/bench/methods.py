"""Methods by name: solvers, heuristics, published pairs, a user's function, a user's mapping."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact import heuristics, solvers
from spinemap_exact.bench.functions import Function, function_of, load_function
from spinemap_exact.bench.suite import Case
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_json
from spinemap_exact.heuristics.mapping import two_steps
from spinemap_exact.mapping import Partition, Placement
from spinemap_exact.pipeline import map_by_stages, solve_problem
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.result import SolveResult, Watch

# Published tool chains: a partition and a placement heuristic.
PAIRS = {
    "spinemap": ("kl", "spineplacer-pso"),
    "pacman": ("sequential", "sequential"),
    "sneap": ("sneap", "sneap"),
    "truenorth": ("sequential", "truenorth"),
}
ALIASES = {"spinecluster-kl": "kl"}
EXACT = "exact"  # by the solver that the size suggests, a whole mapping at once
STAGES = "stages"  # of a mapping: one after the other, each by the solver that its size suggests

Answer = Any  # a solution, None, a SolveResult, or a MappingRun


@dataclass(frozen=True)
class Method:
    """What is run.

    Attributes
    ----------
    name : str
        Of a heuristic or solver, or ``module:function`` or ``FILE.py:function`` of a user.
    file : str, optional
        Of a mapping that exists already; the name stands for it.
    source : str, optional
        Digest of the file of a user's function, which is loaded here to see that it can be.

    Raises
    ------
    InvalidInput
        If a name cannot be printed, or a function cannot be loaded.
    """

    name: str
    file: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable():
            raise InvalidInput(f"a method needs a name without control characters, not {self.name!r}")
        if self.is_of_user and self.source is None:
            object.__setattr__(self, "source", load_function(self.name).source)

    @classmethod
    def of_mapping(cls, text: str) -> Method:
        """Read ``name=FILE``; ``{case}`` in FILE stands for the name of the case."""
        name, equals, file = text.partition("=")
        if not equals or not file:
            raise InvalidInput(f"a mapping is given as name=FILE, not {text!r}")
        return cls(name, file)

    def applies_to(self, case: Case) -> bool:
        """True if this method can be asked for an answer to the case."""
        if self.file is not None:
            return self.path(case).exists()
        return self.is_of_user or _plain(self.name) in names(case.kind) or _pair(self.name, case.kind) is not None

    @property
    def is_of_user(self) -> bool:
        """True of a function that does not belong to this package."""
        return self.file is None and ":" in self.name

    def path(self, case: Case) -> Path:
        assert self.file is not None
        return Path(self.file.replace("{case}", case.name))

    def identity(self, case: Case) -> str:
        """Name, and what else a run depends on: the content of a mapping, the file of a function."""
        if self.file is None:
            return self.name if self.source is None else f"{self.name}={self.source}"
        return f"{self.name}={hashlib.sha256(self.path(case).read_bytes()).hexdigest()}"

    def load(self) -> Function:
        """Return the function of a user, as it stood when the bench began."""
        assert self.source is not None
        return function_of(self.name, self.source)

    def answer(self, case: Case, watch: Watch) -> Answer:
        """Ask for a solution."""
        if self.file is not None:
            return _read_solution(self.path(case), case)
        if self.is_of_user:
            return self.load()(case.problem, watch)
        name = _plain(self.name)
        if name == EXACT:
            return solve_problem(case.problem, watch)[1]
        if name in heuristics.names(case.kind):
            return heuristics.load(case.kind, name)(case.problem, watch)
        if case.kind == "mapping":
            return _mapped(case.problem, name, watch)
        return solve_problem(case.problem, watch, solver=name)[1]


def names(kind: str) -> tuple[str, ...]:
    """All methods for one kind of problem."""
    if kind == "mapping":
        return (*PAIRS, *heuristics.names(kind), STAGES, EXACT)
    return (*heuristics.names(kind), *solvers.names(kind), EXACT)


def _plain(name: str) -> str:
    return ALIASES.get(name, name)


def _pair(name: str, kind: str) -> tuple[str, str] | None:
    """Partition and placement heuristic of a mapping method: a published pair, or ``A+B``."""
    if kind != "mapping":
        return None
    pair = PAIRS.get(name) or tuple(_plain(part) for part in name.split("+"))
    if len(pair) != 2 or pair[0] not in heuristics.names("partition") or pair[1] not in heuristics.names("placement"):
        return None
    return pair[0], pair[1]


def _mapped(problem: MappingProblem, name: str, watch: Watch) -> Answer:
    if name == STAGES:
        return map_by_stages(problem.network, problem.hardware, limits=watch.limits, traffic=problem.traffic)
    pair, unrolling = _pair(name, "mapping"), two_steps.units(problem, watch)
    assert pair is not None
    return None if unrolling is None else two_steps.chained(problem, unrolling, pair, watch)


def _read_solution(path: Path, case: Case) -> Answer:
    if case.kind == "mapping":
        from spinemap_exact.io.mapping_file import read_mapping

        return read_mapping(path, case.problem.network, case.problem.hardware)
    keys = {"partition": "cluster_of_unit", "placement": "tile_of_cluster"}
    if case.kind not in keys:
        raise InvalidInput(f"no file format is known for solutions of {case.kind} problems")
    content = read_json(path)
    labels = content.get(keys[case.kind]) if isinstance(content, dict) else content
    if not isinstance(labels, list):
        raise InvalidInput(f"{path} has no list {keys[case.kind]!r}")
    return Partition.from_labels(np.array(labels)) if case.kind == "partition" else Placement(np.array(labels))


def is_result(answer: Answer) -> bool:
    return isinstance(answer, SolveResult)
