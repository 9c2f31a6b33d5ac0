"""Simulated annealing of synapses, units and crossbars at once with exact increments and soft limits.

Objectives: energy; mean latency; fewest crossbars, by energy within ever fewer of them; worst latency, by mean latency
within ever tighter limits. The bottleneck is not supported.

S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, Optimization by Simulated Annealing, 1983, doi:10.1126/science.220.4598.671.
"""

from __future__ import annotations

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.heuristics.mapping._opening import opening
from spinemap_exact.heuristics.mapping._search import Search
from spinemap_exact.kernels.mapping_moves import EXCHANGE_CROSSBARS
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.result import Watch

_FIRST_TRIALS = 100_000
_ROUNDS_A_LENGTH = 2  # anneals before they become twice as long
_ROUNDS = 6  # where there is no time limit
_HOT, _WARM, _COLD = 2.0, 0.3, 0.02  # temperatures, in mean prices of the spikes of a source


def run(problem: MappingProblem, watch: Watch, start: Mapping | None = None) -> Mapping | None:
    """Anneal from ``start``, or from units packed into few crossbars; None if nothing within the limits was met.

    Raises
    ------
    InvalidInput
        If the objective is the bottleneck.
    """
    if problem.objective is MappingObjective.BOTTLENECK:
        raise InvalidInput("annealing of mappings does not know the busiest link; choose another objective")
    if start is not None and problem.violations(start):
        start = None
    if not Search.fits(problem):
        return start
    best, goal = start, None if start is None else problem.cost(start)
    while True:
        found = _annealed(problem, watch, best, goal)
        if found is None or (best is not None and problem.cost(found) >= problem.cost(best)):
            return best
        best, goal = found, problem.cost(found)
        if problem.objective in (MappingObjective.ENERGY, MappingObjective.MEAN_LATENCY) or watch.should_stop():
            return best


def _annealed(problem: MappingProblem, watch: Watch, start: Mapping | None, goal: int | None) -> Mapping | None:
    """Anneal energy or latency, below ``goal`` where the problem counts crossbars or the slowest spike."""
    crossbars, delay = problem.most_crossbars, problem.max_latency_ps
    steps = problem.objective in (MappingObjective.CROSSBARS, MappingObjective.WORST_LATENCY)
    if steps and goal is not None:
        if problem.objective is MappingObjective.CROSSBARS:
            crossbars = goal - 1
        else:
            delay = goal - 1
    search = Search(problem, crossbars, delay)
    random = np.random.default_rng(watch.limits.seed)
    if start is None:
        search.load(*opening(problem, watch), np.arange(search.slots))
        search.anneal(watch, random, 100 * search.slots, (1.0, 0.01), only=(EXCHANGE_CROSSBARS,))
    else:
        search.load_mapping(start)
    begin = search.now.place.copy(), search.now.parent.copy(), search.now.site.copy()
    trials = _FIRST_TRIALS
    done = 0
    while not (watch.should_stop() or (watch.remaining_s is None and done >= _ROUNDS)):
        if done % 2 == 0 or search.found < 0:
            search.set(*begin)
            better = search.anneal(watch, random, trials, (_HOT, _COLD))
        else:
            search.restart()
            better = search.anneal(watch, random, trials, (_WARM, _COLD))
        if better:
            watch.report(search.found + search.constant, note="annealing")
            if steps and goal is not None:
                break
        done += 1
        if done % _ROUNDS_A_LENGTH == 0:
            trials *= 2
    return None if search.found < 0 else search.mapping()
