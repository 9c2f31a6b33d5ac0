r"""A lower bound for networks of any size: how many synapses fit where so many axons meet so many neurons.

A crossbar of x axons and y neurons holds at most e(x, y) synapses, and R - x carries. Over all crossbars p of a
solution

    sum_p e(x_p, y_p)   >= S      synapses                                          multiplier pi >= 0
    sum_p R - x_p - y_p >= -n     carries: one fewer than the units of each neuron  mu >= 0
    sum_p y_p           >= T      fewest units                                      nu >= 0
    sum_p x_p           >= A      rows: an axon of d readers has ceil(d/N) at least rho >= 0

so (pi S - mu n + nu T + rho A) / V crossbars are needed if no x <= R, y <= N are worth more than V. The multipliers
come from the linear relaxation; the bound is computed with integers.

e(x, y) is the least of x y, of the y largest min(fan-in, x), of the x largest min(fan-out, y), and of what overlaps
allow: let d_k of the y neurons read axon k. The sum of d_k^2 counts pairs of synapses at the same axon, so it is e plus
the axons that the neurons have in common, pair by pair, W at most; and e^2 <= x sum d_k^2 (Cauchy), so that
e <= (x + sqrt(x^2 + 4 x W)) / 2. The same holds with axons and neurons exchanged. In a sparse network few neurons have
many axons in common, and a crossbar holds much less than its cells.
"""

from __future__ import annotations

import logging
from typing import Any

import highspy
import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.kernels.counting import fewest_units
from spinemap_exact.problems.unroll import UnrollProblem

logger = logging.getLogger(__name__)

MOST_STEPS = 2_000_000_000
"""Pairs of synapses at one axon or one neuron up to which overlaps are counted: seconds."""
FINEST = 10**9
DEAR = 3.0  # price of what no shape provides: a shape that provides one of it costs 1
KEPT = 10


def fits(problem: UnrollProblem) -> bool:
    """True if the overlaps can be counted in seconds."""
    network = problem.network
    pairs = float((network.fan_in.astype(np.float64) ** 2).sum() + (network.fan_out.astype(np.float64) ** 2).sum())
    return network.num_synapses > 0 and pairs + 2.0 * network.num_neurons**2 <= MOST_STEPS


def bound_by_shapes(problem: UnrollProblem) -> tuple[int, dict[str, Any]]:
    """Return a lower bound on the crossbars and its evidence."""
    most = densest(problem)
    x, y = (each.ravel() for each in np.mgrid[0 : problem.rows + 1, 1 : problem.columns + 1])
    gives = np.stack([most[x, y], problem.rows - x - y, y, x])
    needs = np.array(
        [
            problem.network.num_synapses,
            -len(problem.neurons),
            int(fewest_units(problem).sum()),
            int((-(-problem.network.fan_out // problem.columns)).sum()),
        ]
    )
    scale = int(min(FINEST, 2**60 / (4 * DEAR * max(np.abs(needs).max(), problem.rows * (problem.columns + 1)))))
    best, evidence = 0, {"kind": "shapes", "bound": 0}
    lp = _empty_program(needs)
    for _ in range(200):
        lp.run()
        duals = np.clip(np.array(lp.getSolution().row_dual), 0, DEAR)
        multipliers = np.rint(duals * scale).astype(np.int64)
        worth = multipliers @ gives
        top = max(1, int(worth.max()))
        bound = -(-int(multipliers @ needs) // top)
        if bound > best:
            names = ("pi", "mu", "nu", "rho")
            best = bound
            evidence = {"kind": "shapes", "bound": bound, "worth": top}
            evidence |= dict(zip(names, multipliers.tolist(), strict=True))
        better = np.flatnonzero(worth > scale + scale // 10**6)
        if better.size == 0:
            break
        for shape in better[np.argsort(-worth[better], kind="stable")][:KEPT]:
            column = gives[:, shape].astype(np.float64)
            lp.addCol(1.0, 0.0, highspy.kHighsInf, 4, np.arange(4, dtype=np.int32), column)
    logger.info("shapes: at least %d crossbars", best)
    return best, evidence


def densest(problem: UnrollProblem) -> Array:
    """(rows + 1, columns + 1) int64: no more synapses than this lie between so many axons and so many neurons."""
    network, rows, columns = problem.network, problem.rows, problem.columns
    x, y = np.arange(rows + 1)[:, None], np.arange(columns + 1)[None, :]
    most: Array = np.minimum(x * y, _largest(network.fan_in, rows, columns))
    most = np.minimum(most, _largest(network.fan_out, columns, rows).T)
    common = _common_axons(network.fanin_ptr, network.fanin_idx, network.fanout_ptr, network.fanout_idx, columns)
    shared = _common_axons(network.fanout_ptr, network.fanout_idx, network.fanin_ptr, network.fanin_idx, rows)
    most = np.minimum(most, _by_overlap(x, _pairs(common)[None, :]))
    most = np.minimum(most, _by_overlap(y, _pairs(shared)[:, None]))
    return most


def _largest(degree: Array, width: int, count: int) -> Array:
    """(width + 1, count + 1) int64: sum of the ``count`` largest min(degree, width)."""
    top = np.sort(degree)[::-1][:count]
    table = np.zeros((width + 1, count + 1), dtype=np.int64)
    np.cumsum(np.minimum(top, np.arange(width + 1)[:, None]), axis=1, out=table[:, 1 : len(top) + 1])
    table[:, len(top) + 1 :] = table[:, len(top)][:, None]
    return table


def _pairs(common: Array) -> Array:
    """From the largest overlaps of each neuron, the largest sum over ordered pairs among 0, 1, 2, ... neurons."""
    most = common.shape[1] + 1
    pairs = np.zeros(most + 1, dtype=np.int64)
    with_others = np.cumsum(common, axis=1)
    for y in range(2, most + 1):
        # each of y neurons has the y - 1 others at best beside those that have most in common with it
        column = with_others[:, y - 2]
        pairs[y] = column.sum() if len(column) <= y else np.partition(column, len(column) - y)[-y:].sum()
    return pairs


def _by_overlap(count: Array, pairs: Array) -> Array:
    """Largest e with e^2 <= count (e + pairs); a little more where the square root is rounded."""
    bound: Array = np.floor((count + np.sqrt(count * count + 4.0 * count * pairs)) / 2 + 1e-6).astype(np.int64)
    return bound


def _empty_program(needs: Array) -> highspy.Highs:
    lp = highspy.Highs()
    lp.setOptionValue("output_flag", False)
    lp.setOptionValue("threads", 1)
    for need in needs.tolist():
        lp.addRow(float(need), highspy.kHighsInf, 0, [], [])
    for row in range(len(needs)):
        lp.addCol(DEAR, 0.0, highspy.kHighsInf, 1, [row], [1.0])
    return lp


@kernel
def _common_axons(ptr: Array, idx: Array, back_ptr: Array, back_idx: Array, most: int) -> Array:
    """(neurons, most - 1) int32: the axons a neuron has in common with others, largest numbers first."""
    neurons = len(ptr) - 1
    top = np.zeros((neurons, most - 1), np.int32)
    common = np.zeros(neurons, np.int32)
    met = np.empty(neurons, np.int64)
    widest = 0
    for i in range(neurons):
        widest = max(widest, ptr[i + 1] - ptr[i])
    frequency = np.zeros(widest + 1, np.int64)
    for i in range(neurons):
        num_met = 0
        for p in range(ptr[i], ptr[i + 1]):
            k = idx[p]
            for q in range(back_ptr[k], back_ptr[k + 1]):
                j = back_idx[q]
                if j != i:
                    if common[j] == 0:
                        met[num_met] = j
                        num_met += 1
                    common[j] += 1
        for m in range(num_met):
            frequency[common[met[m]]] += 1
            common[met[m]] = 0
        place = 0
        for value in range(ptr[i + 1] - ptr[i], 0, -1):
            for _ in range(min(frequency[value], most - 1 - place)):
                top[i, place] = value
                place += 1
            frequency[value] = 0
    return top
