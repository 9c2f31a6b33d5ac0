"""Simulated annealing of synapses, units and crossbars at once with exact increments and soft limits.

Objectives: energy; mean latency; fewest crossbars, by energy within ever fewer of them; worst latency, by mean latency
within ever tighter limits; the busiest link, by the hops of all packets and then by its load alone, tiles exchanged.

S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, Optimization by Simulated Annealing, 1983, doi:10.1126/science.220.4598.671.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinemap_exact.bounds import hops_as_energies
from spinemap_exact.heuristics.mapping._links import relieved
from spinemap_exact.heuristics.mapping._opening import opening
from spinemap_exact.heuristics.mapping._search import Search
from spinemap_exact.kernels.mapping_moves import EXCHANGE_CROSSBARS
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.result import Watch

_FIRST_TRIALS = 100_000
_ROUNDS_A_LENGTH = 2  # anneals before they become twice as long
_ROUNDS = 6  # where there is no time limit
_TRIALS_A_SLOT, _SETTLING = 100, (1.0, 0.01)  # where only crossbars are exchanged, to begin with
_SHARE_OF_HOPS = 0.5  # of the time for the bottleneck
_BY_LIMITS = (MappingObjective.CROSSBARS, MappingObjective.WORST_LATENCY)
_HOT, _WARM, _COLD = 0.5, 0.2, 0.005  # temperatures, in mean prices of the spikes of a source


def run(problem: MappingProblem, watch: Watch, start: Mapping | None = None) -> Mapping | None:
    """Anneal from ``start``, or from units packed into few crossbars; None if nothing within the limits was met."""
    if problem.objective is MappingObjective.BOTTLENECK:
        return _unburdened(problem, watch, start)
    if start is not None and problem.violations(start):
        start = None
    if not Search.fits(problem):
        return start
    best = start
    while (limits := _limits(problem, best)) is not None:
        found = _annealed(problem, watch, best, *limits)
        if found is None or (best is not None and problem.cost(found) >= problem.cost(best)):
            break
        best = found
        if problem.objective not in _BY_LIMITS or watch.should_stop():
            break
    return best


def _unburdened(problem: MappingProblem, watch: Watch, start: Mapping | None) -> Mapping | None:
    """Few hops first, then tiles that spread them over the links; from the start, too, if that is better."""
    hops = replace(problem, hardware=hops_as_energies(problem.hardware), objective=MappingObjective.ENERGY)
    left = watch.remaining_s
    fewest = run(hops, watch.part(None if left is None else _SHARE_OF_HOPS * left), start)
    starts = [mapping for mapping in (fewest, start) if mapping is not None and not problem.violations(mapping)]
    best = start if start in starts else None
    for k, mapping in enumerate(starts):
        left = watch.remaining_s
        found = relieved(problem, watch.part(None if left is None else left / (len(starts) - k)), mapping)
        if best is None or problem.cost(found) < problem.cost(best):
            best = found
            watch.offer(best)
            watch.report(objective=problem.cost(best))
    return best


def _limits(problem: MappingProblem, best: Mapping | None) -> tuple[int, int | None] | None:
    """Most crossbars and longest delay, below those of ``best`` where they are what counts; None if nothing is left."""
    crossbars, delay = problem.most_crossbars, problem.max_latency_ps
    if best is not None and problem.objective is MappingObjective.CROSSBARS:
        crossbars = problem.cost(best) - 1
    if best is not None and problem.objective is MappingObjective.WORST_LATENCY:
        delay = problem.cost(best) - 1
    return None if crossbars < 1 or (delay is not None and delay < 0) else (crossbars, delay)


def _annealed(
    problem: MappingProblem, watch: Watch, start: Mapping | None, crossbars: int, delay: int | None
) -> Mapping | None:
    """Anneal energy or latency within these limits; where a tighter one is what counts, the first mapping will do."""
    search = Search(problem, crossbars, delay)
    random = np.random.default_rng(watch.limits.seed)
    if start is None:
        search.load(*opening(problem, watch), np.arange(search.slots))
        search.anneal(watch, random, _TRIALS_A_SLOT * search.slots, _SETTLING, only=(EXCHANGE_CROSSBARS,))
    else:
        search.load_mapping(start)
    is_enough = start is not None and problem.objective in _BY_LIMITS
    begin = search.now.place.copy(), search.now.parent.copy(), search.now.site.copy()
    trials, done = _FIRST_TRIALS, 0
    while not (watch.should_stop() or (watch.remaining_s is None and done == _ROUNDS)):
        if done % 2 == 0 and search.found >= 0:  # a good start comes first
            search.restart()
            better = search.anneal(watch, random, trials, (_WARM, _COLD))
        else:
            search.set(*begin)
            better = search.anneal(watch, random, trials, (_HOT, _COLD))
        if better:
            mapping = search.mapping()
            watch.offer(mapping)
            watch.report(problem.cost(mapping), note="annealing")
        if better and is_enough:
            break
        done += 1
        if done % _ROUNDS_A_LENGTH == 0:
            trials *= 2
    return None if search.found < 0 else search.mapping()
