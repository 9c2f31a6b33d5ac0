"""Branch and price over clusters on tiles: given units are partitioned and placed at once, for the least energy.

A column puts a cluster on a tile. Its cost takes every packet from elsewhere to come from the nearest tile, or from
where its source is fixed; rows of distance levels, found where they are violated, charge the rest. They are as strong
as flows from tile to tile, since what one source sends to one tile is served from the nearest first. Any integer
multipliers bound every mapping (`_anchors`), so floats only guide. Items are fixed to tiles, one of each orbit of the
mesh's symmetries. Units of equal inputs that hardly any good mapping takes apart are one item on trial, and what taking
them apart costs at least bounds the other mappings (`_classes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinemap_exact import energy_bound
from spinemap_exact.errors import InvalidInput
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.result import SolveResult, Watch, conclude
from spinemap_exact.solvers.mapping.branch_price._classes import Whole, classes, grouped
from spinemap_exact.solvers.mapping.branch_price._instance import Instance, too_large
from spinemap_exact.solvers.mapping.branch_price._node import Node
from spinemap_exact.solvers.mapping.branch_price._tree import Tree

ENGINE = "branch-price"
_LIKELY = 0.5  # part of the gap that taking a class apart must cost for a trial


@dataclass(frozen=True)
class Evidence:
    """Everything that a certificate of the bound is written from.

    Mappings that take one of the ``classes`` apart cost at least what it says; ``root`` is the tree of those that take
    none apart, over ``items``, with costs in units of ``step`` beyond ``constant``.
    """

    items: tuple[tuple[int, ...], ...]
    classes: tuple[Whole, ...]
    root: Node
    step: int
    constant: int


def solve(problem: MappingProblem, watch: Watch, warm_start: Mapping | None = None) -> SolveResult[Mapping]:
    """Map given units with the least energy, or as far as the time allows, with a bound that holds in either case.

    Raises
    ------
    InvalidInput
        If the problem is not that of given units, energy and one crossbar type, or limits crossbars or latency.
    """
    _refuse(problem)
    search = _Search(problem, watch, warm_start)
    if not search.too_large:
        search.run()
    return conclude(
        problem,
        search.best,
        None if search.infeasible else search.bound,
        engine=ENGINE,
        watch=watch,
        infeasible=search.infeasible,
        reason="too large to price" if search.too_large else "",
        evidence=search.evidence,
        details=search.details,
    )


class _Search:
    """What is known of a problem, and the trees that raise it."""

    def __init__(self, problem: MappingProblem, watch: Watch, start: Mapping | None) -> None:
        self.problem, self.watch = problem, watch
        self.best = start if start is not None and not problem.violations(start) else None
        assert problem.unrolling is not None
        if problem.unrolling.num_units == 0:
            self.best = Instance(problem).mapping(np.zeros(0, dtype=np.int64))
        self.bound = self.counted = energy_bound.bound(
            problem.network, problem.hardware, problem.unrolling, problem.traffic
        ).energy_fj
        self.infeasible = False
        self.evidence: Evidence | None = None
        self.details: dict[str, Any] = {"nodes": 0, "root_bound": None, "pricing_calls": 0}
        watch.report(self.energy, self.bound, note="counting")
        self.too_large = too_large(problem)

    @property
    def energy(self) -> int | None:
        """Of the best mapping, in fJ."""
        return None if self.best is None else self.problem.cost(self.best)

    @property
    def open(self) -> bool:
        return (self.energy is None or self.bound < self.energy) and not self.watch.should_stop()

    def run(self) -> None:
        """Search with classes that are likely whole, which finds good mappings soon; then with those that are."""
        if not self.open:
            return
        if self.energy is None:
            self._grow([])
            return
        known = classes(self.problem)
        likely = [c for c in known if c.apart_fj >= self.counted + _LIKELY * (self.energy - self.counted)]
        self._grow(likely)
        sure = [c for c in known if c.apart_fj >= self.energy]
        if self.open and sure != likely:
            self._grow(sure)

    def _grow(self, whole: list[Whole]) -> None:
        """Search the mappings that take none of some classes apart; the others cost what those say at least."""
        instance = Instance(self.problem, grouped(self.problem.unrolling.num_units, whole))  # type: ignore[union-attr]
        incumbent = None if self.best is None else instance.tile_of_item(self.best)
        cutoff = instance.dearest if self.energy is None else instance.steps(self.energy)
        apart = min((c.apart_fj for c in whole), default=None)
        tree = Tree(instance, self.watch, incumbent, cutoff, instance.steps(self.counted), apart)
        reached = tree.run()
        if tree.best.tile_of_item is not None:
            self.best = min(
                (m for m in (instance.mapping(tree.best.tile_of_item), self.best) if m is not None),
                key=self.problem.cost,
            )
        self.infeasible = self.best is None and reached >= tree.best.cutoff
        bound = instance.energy(reached) if apart is None else min(instance.energy(reached), apart)
        if bound > self.bound or self.evidence is None:
            self.evidence = Evidence(tuple(instance.items), tuple(whole), tree.root, instance.step, instance.constant)
        if self.energy is not None:
            bound = min(bound, self.energy)
        self.bound = max(self.bound, bound)
        self.details["nodes"] += tree.nodes_done
        self.details["pricing_calls"] += tree.pricing_calls
        if self.details["root_bound"] is None and tree.root_bound is not None:
            self.details["root_bound"] = instance.energy(tree.root_bound)


def _refuse(problem: MappingProblem) -> None:
    if problem.unrolling is None:
        raise InvalidInput("branch-price does not cover unrolling: give it units")
    if problem.objective is not MappingObjective.ENERGY:
        raise InvalidInput(f"branch-price does not cover the objective {problem.objective}")
    if not problem.hardware.is_uniform:
        raise InvalidInput("branch-price does not cover several crossbar types")
    if problem.max_crossbars is not None or problem.max_latency_ps is not None:
        raise InvalidInput("branch-price does not cover limits on crossbars or latency")
