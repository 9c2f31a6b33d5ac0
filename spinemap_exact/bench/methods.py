"""Methods by name: solvers, heuristics, published pairs, a user's function, a user's mapping."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact import heuristics, solvers
from spinemap_exact.bench.suite import Case
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_json
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.pipeline import map_by_stages, solve_problem
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import placement_problem
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import SolveResult, Watch

# Published tool chains: a partition and a placement heuristic.
PAIRS = {
    "spinemap": ("kl", "spineplacer-pso"),
    "pacman": ("sequential", "sequential"),
    "sneap": ("sneap", "sneap"),
    "truenorth": ("sequential", "truenorth"),
}
BEST_EFFORT = "best-effort"
ALIASES = {"spinecluster-kl": "kl"}
EXACT = "exact"  # every stage by the solver that its size suggests
_UNROLLING = "row-slices"
_SHARE_OF_PARTITION = 0.6
# Few packets need not mean few hops, so best-effort places several partitions and prices the mappings. The first three
# are those of the published pairs; seeds make the others differ.
_CANDIDATES = ("kl", "sneap", "sequential", *("best-effort", "kl") * 3)

Answer = Any  # a solution, None, a SolveResult, or a MappingRun


@dataclass(frozen=True)
class Method:
    """What is run: a name, and a file if the name stands for a mapping that exists already."""

    name: str
    file: str | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable():
            raise InvalidInput(f"a method needs a name without control characters, not {self.name!r}")

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
        return self.is_of_user or _plain(self.name) in names(case.kind) or _stages(self.name, case.kind) is not None

    @property
    def is_of_user(self) -> bool:
        """True of a function that does not belong to this package."""
        return self.file is None and ":" in self.name

    def path(self, case: Case) -> Path:
        assert self.file is not None
        return Path(self.file.replace("{case}", case.name))

    def identity(self, case: Case) -> str:
        """Name, and what else a run depends on: the content of a mapping."""
        if self.file is None:
            return self.name
        return f"{self.name}={hashlib.sha256(self.path(case).read_bytes()).hexdigest()}"

    def answer(self, case: Case, watch: Watch) -> Answer:
        """Ask for a solution."""
        if self.file is not None:
            return _read_solution(self.path(case), case)
        if self.is_of_user:
            return load_function(self.name)(case.problem, watch)
        if case.kind == "mapping":
            return _mapped(case.problem, self.name, watch)
        name = _plain(self.name)
        if name == EXACT:
            return solve_problem(case.problem, watch)[1]
        if name in heuristics.names(case.kind):
            return heuristics.load(case.kind, name)(case.problem, watch)
        return solve_problem(case.problem, watch, solver=name)[1]


def names(kind: str) -> tuple[str, ...]:
    """All methods for one kind of problem."""
    if kind == "mapping":
        return (*PAIRS, BEST_EFFORT, EXACT)
    return (*heuristics.names(kind), *solvers.names(kind), EXACT)


def load_function(name: str) -> Callable[..., Any]:
    """Import ``module:function`` or ``FILE.py:function``, a heuristic ``run(problem, watch, start=None)``."""
    place, _, attribute = name.rpartition(":")
    try:
        if place.endswith(".py"):
            spec = importlib.util.spec_from_file_location(f"_bench_{Path(place).stem}", place)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            if "" not in sys.path:
                sys.path.insert(0, "")
            module = importlib.import_module(place)
        function: Callable[..., Any] = getattr(module, attribute)
    except (ImportError, OSError, AttributeError) as defect:
        raise InvalidInput(f"cannot load the heuristic {name!r}: {defect}") from defect
    return function


def _plain(name: str) -> str:
    return ALIASES.get(name, name)


def _stages(name: str, kind: str) -> tuple[str, str] | None:
    """Partition and placement heuristic of a mapping method: a published pair, or ``A+B``."""
    if kind != "mapping" or name in (EXACT, BEST_EFFORT):
        return None
    pair = PAIRS.get(name) or tuple(_plain(part) for part in name.split("+"))
    if len(pair) != 2 or pair[0] not in heuristics.names("partition") or pair[1] not in heuristics.names("placement"):
        return None
    return pair[0], pair[1]


def _mapped(problem: MappingProblem, name: str, watch: Watch) -> Answer:
    network, hardware, traffic = problem.network, problem.hardware, problem.traffic
    if name == EXACT:
        return map_by_stages(network, hardware, limits=watch.limits, traffic=traffic)
    crossbar = hardware.crossbar
    unrolling = Unrolling.identity(network)
    if network.fan_in.max() > crossbar.rows:
        packed = heuristics.load("unroll", _UNROLLING)(UnrollProblem(network, crossbar.rows, crossbar.columns), watch)
        if packed is None:
            return None
        unrolling = packed.unrolling
    if name == BEST_EFFORT:
        return _least_energy(problem, unrolling, watch)
    stages = _stages(name, "mapping")
    assert stages is not None
    return _chained(problem, unrolling, stages, watch)


def _least_energy(problem: MappingProblem, unrolling: Unrolling, watch: Watch) -> Mapping | None:
    """Place several partitions, each in an equal share of the time that is left, and return the best mapping."""
    best: Mapping | None = None
    for number, partition in enumerate(_CANDIDATES):
        left = watch.remaining_s
        share = None if left is None else left / (len(_CANDIDATES) - number)
        part = watch.part(share, seed=(watch.limits.seed * len(_CANDIDATES) + number) % 2**31)
        found = _chained(problem, unrolling, (partition, BEST_EFFORT), part)
        if found is not None and (best is None or problem.cost(found) < problem.cost(best)):
            best = found
            watch.report(objective=problem.cost(best))
        if best is not None and watch.should_stop():
            break
    return best


def _chained(problem: MappingProblem, unrolling: Unrolling, stages: tuple[str, str], watch: Watch) -> Mapping | None:
    units = unrolling.unit_network(problem.network)
    hardware, traffic = problem.hardware, problem.traffic
    problem_of_units = PartitionProblem(units, hardware.crossbars, hardware.grid.num_tiles, traffic)
    left = watch.remaining_s
    share = watch.part(None if left is None else left * _SHARE_OF_PARTITION)
    clusters = heuristics.load("partition", stages[0])(problem_of_units, share)
    if clusters is None:
        return None
    tiles = heuristics.load("placement", stages[1])(placement_problem(units, clusters, hardware, traffic), watch.part())
    return None if tiles is None else Mapping(unrolling, clusters, tiles)


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
