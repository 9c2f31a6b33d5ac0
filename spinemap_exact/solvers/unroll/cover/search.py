"""Close the gap between covers found by annealing and lower bounds, from cheap to expensive.

1. Counting bounds, raised by the argument about crossbars that hold all neurons of a dense block, and by the linear
   relaxation over what crossbars hold: of each class of identical neurons and axons where there are few classes, else
   of synapses between so many axons and so many neurons.
2. Counts of identical neurons and axons in decision form, where there are few classes and crossbars (CP-SAT).
3. Annealing, one crossbar less at a time.
4. The linear relaxation over all crossbar patterns, where there are few enough neurons to enumerate the columns of one.
5. The cover model in decision form, one crossbar more at a time (CP-SAT).

Depth limits and homogeneous units use 1 and 5, the later goals of a lexicographic order the model alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from operator import mul
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from spinemap_exact.bounds import carries_of_axons
from spinemap_exact.formulations._cpsat import CpSat
from spinemap_exact.formulations.unroll import classes_cpsat
from spinemap_exact.kernels.counting import counting_bounds, fewest_units
from spinemap_exact.kernels.cover_annealing import SynapseCover
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollObjective, UnrollProblem
from spinemap_exact.result import SolveResult, Status, Watch, conclude
from spinemap_exact.solvers import cpsat
from spinemap_exact.solvers.unroll.cover import full_crossbars, shapes
from spinemap_exact.solvers.unroll.cover import model as tree_model
from spinemap_exact.solvers.unroll.cover.class_patterns import ClassPatternBound
from spinemap_exact.solvers.unroll.cover.patterns import PatternBound

logger = logging.getLogger(__name__)

NAME = "cover"
LARGEST_MODEL = 60_000
"""Synapses times crossbars up to which the model is built."""
LARGEST_ANNEALED = 500_000
"""Synapses up to which annealing may empty a crossbar within minutes."""


def solve(
    problem: UnrollProblem, watch: Watch, warm_start: PackedUnrolling | None = None
) -> SolveResult[PackedUnrolling]:
    """Minimise crossbars, units or carry spikes; the evidence of the bound is kept."""
    least, evidence = _least_crossbars(problem)
    if reason := _impossible(problem, least):
        return conclude(
            problem, None, None, engine=NAME, watch=watch, infeasible=True, reason=reason, evidence=evidence
        )
    state = _State(problem, watch, warm_start)
    if problem.objective is not UnrollObjective.CROSSBARS:
        state.minimise()
    elif not state.closed:
        state.bound_by_classes()
        if problem.unit_fan_in is None and problem.max_depth is None and problem.max_units is None:
            state.decide_by_counts()
            state.anneal()
            state.bound_by_patterns()
        state.decide()
    return state.conclude()


def _least_crossbars(problem: UnrollProblem) -> tuple[int, dict[str, Any]]:
    """Return the bound on the crossbars that needs no search, with its evidence."""
    counts = counting_bounds(problem)
    bound, evidence = full_crossbars.raise_bound(problem, max(counts.values()))
    return bound, evidence or {"kind": "counting", **counts}


def _impossible(problem: UnrollProblem, least: int) -> str:
    """Say which limit no unrolling can keep, whatever the search; empty if none. ``least`` crossbars are needed."""
    fewest = fewest_units(problem)
    width = problem.unit_fan_in or problem.rows
    if problem.max_depth is not None:
        slots = width ** (min(problem.max_depth, 62) + 1)  # 2^63 are enough for any fan-in
        for i in np.flatnonzero(problem.network.fan_in > slots)[:1]:
            return (
                f"neuron {i} has fan-in {problem.network.fan_in[i]}; "
                f"{problem.max_depth} carries in a row reach {slots} inputs"
            )
    if problem.max_units is not None and fewest.sum() > problem.max_units:
        return f"{fewest.sum()} units are needed, {problem.max_units} are allowed"
    if problem.max_crossbars is not None and least > problem.max_crossbars:
        return f"{least} crossbars are needed, {problem.max_crossbars} are allowed"
    return ""


@dataclass
class _State:
    """Incumbent, bound and evidence of one solve."""

    problem: UnrollProblem
    watch: Watch
    incumbent: PackedUnrolling | None
    bound: int = 0
    evidence: dict[str, Any] = field(default_factory=dict)
    infeasible: bool = False
    formulation: str | None = None

    def __post_init__(self) -> None:
        problem = self.problem
        match problem.objective:
            case UnrollObjective.CROSSBARS:
                self.raise_bound(*_least_crossbars(self.problem))
            case UnrollObjective.UNITS:
                units = int(fewest_units(problem).sum())
                self.raise_bound(units, {"kind": "units", "units": units})
            case UnrollObjective.CARRY_SPIKES:
                least = least_carry_spikes(problem)
                self.raise_bound(least, {"kind": "counting", "argument": "codes"})
        if self.incumbent is not None:
            self.watch.report(objective=problem.cost(self.incumbent))

    @property
    def closed(self) -> bool:
        return self.incumbent is not None and self.problem.cost(self.incumbent) <= self.bound

    @property
    def _goal(self) -> int | None:
        """A bound that would end the search."""
        return None if self.incumbent is None else self.problem.cost(self.incumbent)

    def raise_bound(self, bound: int, evidence: dict[str, Any]) -> None:
        if bound > self.bound or not self.evidence:
            self.bound, self.evidence = bound, evidence
            self.watch.report(dual_bound=bound)

    def anneal(self) -> None:
        """Look for covers with fewer crossbars, from one below the incumbent or one above the bound."""
        if not 0 < self.problem.network.num_synapses <= LARGEST_ANNEALED:
            return
        cover = SynapseCover(self.problem)
        rng = np.random.default_rng(self.watch.limits.seed)
        effort = max(2_000_000, 1_000 * self.problem.network.num_synapses)
        attempts = 0
        while not self.closed and not self.watch.should_stop():
            crossbars = self._next_crossbars()
            if self.incumbent is None or (attempts % 2 == 0 and self.problem.network.num_synapses <= 20_000):
                place = cover.random(crossbars, rng)
            else:
                place = cover.without(self.incumbent, int(rng.integers(crossbars + 1)), rng)
            found = cover.anneal(place, crossbars, self._part(0.3), effort << (attempts // 2))
            if found is not None and not self.problem.violations(found):
                self.incumbent, attempts = found, 0
                self.watch.offer(found)
                self.watch.report(objective=self.problem.cost(found), note="annealing")
                continue
            attempts += 1
            if attempts == 4:
                return

    def _next_crossbars(self) -> int:
        if self.incumbent is not None:
            return self.problem.cost(self.incumbent) - 1
        return self._most_crossbars()

    def _most_crossbars(self) -> int:
        """A crossbar for each unit, unless there may be fewer."""
        most = int(fewest_units(self.problem).sum())
        return most if self.problem.max_crossbars is None else min(most, self.problem.max_crossbars)

    def bound_by_classes(self) -> None:
        """Raise the bound by what crossbars hold of dense blocks, or of a sparse network.

        One unit of a neuron in each crossbar is enough for that, unless units are homogeneous.
        """
        if self.problem.unit_fan_in is not None:
            return
        if ClassPatternBound.fits(self.problem):
            patterns = ClassPatternBound(self.problem)
            bound = patterns.raise_to(self._goal, self._part(0.3))
            if bound is not None:
                self.raise_bound(bound, patterns.evidence)
        elif shapes.fits(self.problem) and not PatternBound.fits(self.problem):
            self.raise_bound(*shapes.bound_by_shapes(self.problem))

    def decide_by_counts(self) -> None:
        """Ask for as many crossbars as the bound, then one more, and so on, with identical neurons and axons counted.

        Each number is a problem of its own: what fails or is given up there says nothing of the next.
        """
        watch = self._part(0.3)
        most = self._most_crossbars()
        while not self.closed and self.bound < most and not watch.should_stop():
            if not ClassPatternBound.fits(self.problem) or not classes_cpsat.fits(self.problem, self.bound):
                return
            level = self.bound
            limited = replace(self.problem, max_crossbars=level)
            model = SimpleNamespace(
                __name__=classes_cpsat.__name__, levels=lambda p: [p.max_crossbars], build=classes_cpsat.build
            )
            result = cpsat.solve(cast(Any, model), limited, watch)
            if result.status is Status.UNKNOWN:
                return
            self.formulation = "classes"
            if result.incumbent is not None:
                self.incumbent = result.incumbent
                self.watch.report(objective=self.problem.cost(result.incumbent), note="counts")
            else:
                self.raise_bound(level + 1, {"kind": "attested", "by": result.engine})

    def bound_by_patterns(self) -> None:
        """Raise the bound by the linear relaxation over crossbar patterns."""
        if self.closed or self.watch.should_stop() or not PatternBound.fits(self.problem):
            return
        patterns = PatternBound(self.problem)
        bound = patterns.raise_to(self._goal, self._part(0.8))
        if bound is not None:
            self.raise_bound(bound, patterns.evidence)

    def decide(self) -> None:
        """Ask the model for a solution with as many crossbars as the bound, then one more, and so on."""
        most = self._most_crossbars()
        if self.closed or self.watch.should_stop():
            return
        if self.problem.network.num_synapses * self.bound > LARGEST_MODEL:
            return
        before = self.bound
        model = SimpleNamespace(__name__=tree_model.__name__, levels=lambda _: range(before, most + 1), build=_decision)
        result = cpsat.solve(cast(Any, model), self.problem, self.watch, self.incumbent)
        self._take(result)

    def minimise(self) -> None:
        if self.closed or self.watch.should_stop():
            return
        crossbars = self.problem.max_crossbars or int(fewest_units(self.problem).sum())
        if self.problem.network.num_synapses * crossbars <= LARGEST_MODEL:
            self._take(cpsat.solve(tree_model, self.problem, self.watch, self.incumbent))

    def _take(self, result: SolveResult[PackedUnrolling]) -> None:
        self.formulation = "tree"
        self.incumbent = result.incumbent
        self.infeasible = result.status is Status.INFEASIBLE
        if result.dual_bound is not None and result.dual_bound > self.bound:
            self.raise_bound(result.dual_bound, {"kind": "attested", "by": result.engine})

    def _part(self, share: float) -> Watch:
        left = self.watch.remaining_s
        return self.watch.part(None if left is None else share * left)

    def conclude(self) -> SolveResult[PackedUnrolling]:
        return conclude(
            self.problem,
            self.incumbent,
            None if self.infeasible else self.bound,
            engine=NAME,
            watch=self.watch,
            infeasible=self.infeasible,
            formulation=self.formulation,
            evidence=None if self.infeasible else self.evidence,
        )


def _decision(problem: UnrollProblem, say: CpSat, crossbars: int) -> tree_model.Tree:
    """Return the model without its objective: is there any solution with so many crossbars?"""
    model = tree_model.build(replace(problem, max_crossbars=crossbars), say)
    say.proto.clear_objective()
    model.terms, model.constant = [], crossbars
    return model


def least_carry_spikes(problem: UnrollProblem) -> int:
    """Fewest spikes on carries of all neurons, each by its own code; 0 where no tree of the depth allowed exists."""
    network, width = problem.network, problem.unit_fan_in or problem.rows
    total = 0
    for i in problem.neurons[network.fan_in[problem.neurons] > width].tolist():
        spikes = network.spikes[network.fan_in_of(i)].tolist()
        carries = carries_of_axons(spikes, width, problem.max_depth)
        total += sum(map(mul, spikes, carries or ()))
    return total
