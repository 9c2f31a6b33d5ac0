"""Simulated annealing of a whole mapping: the innermost loop of the search.

Limits are soft, and what they cost rises while a state breaks them and falls while it does not.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from spinemap_exact.kernels.compiling import inner, kernel
from spinemap_exact.kernels.mapping_delays import all_late
from spinemap_exact.kernels.mapping_moves import propose, take_back
from spinemap_exact.kernels.mapping_state import LATE, PRICE
from spinemap_exact.kernels.mapping_steps import beyond
from spinemap_exact.kernels.partition_annealing import below

_BLOCK = 32  # proposals at one temperature
_RAISE, _LOWER = 0.035, 0.015  # in balance where three states in ten are within the limits


@inner
def _keep(now, best):
    for s in range(len(now.place)):
        best[0][s] = now.place[s]
    for i in range(len(now.parent)):
        for t in range(len(now.site)):
            best[1][i, t] = now.parent[i, t]
    for t in range(len(now.site)):
        best[2][t] = now.site[t]


@kernel(bare=True)
def anneal(net, chip, now, log, rates, heat, penalty, trials, random, given, best, found):
    """Anneal while heat falls geometrically between its two values; return the price of ``best``.

    Parameters
    ----------
    rates : (moves,) int64
        Running sums of how often each move is proposed.
    penalty : (4,) float64
        Price of breaking limits: the least; the highest; the one now, which is left there for the next call; and how
        fast it changes. Too fast, and it freezes a state beyond the limits before the others have made room.
    best : tuple of arrays
        Slots of synapses, parents of units and sites of slots of the best state met at the end of a block of proposals.
    found : int
        Price of what ``best`` holds, -1 if nothing.
    """
    blocks = max(1, trials // _BLOCK)
    temperature, fine = heat[0], penalty[2]
    cooling = (heat[1] / heat[0]) ** (1.0 / blocks)
    excess = beyond(chip, now)
    recount = given and chip.max_delay >= 0
    for _ in range(blocks):
        temperature *= cooling
        fine = min(max(fine * np.exp(penalty[3] * (_RAISE if excess > 0 else -_LOWER)), penalty[0]), penalty[1])
        for _ in range(_BLOCK):
            draw, move = below(random, rates[-1]), 0
            while rates[move] <= draw:
                move += 1
            price, late = now.totals[PRICE], now.totals[LATE]
            propose(net, chip, now, log, random, move, given)
            if log[0, 0] == 0:
                continue
            if recount:
                now.totals[LATE] = all_late(net, chip, now)
            new_excess = beyond(chip, now)
            worse = now.totals[PRICE] - price + fine * (new_excess - excess)
            if worse > 0 and (
                worse > 25.0 * temperature
                or np.exp(-worse / temperature) * 1073741824.0 < np.float64(below(random, 1073741824))
            ):
                take_back(net, chip, now, log)
                now.totals[LATE] = late
                continue
            excess = new_excess
        if excess == 0 and (found < 0 or now.totals[PRICE] < found):
            found = now.totals[PRICE]
            _keep(now, best)
    penalty[2] = fine
    return found
