r"""A lower bound from crossbar patterns, by column generation.

A pattern is what one crossbar may hold: columns for a set C of at most N neurons, rows for a set Y of axons, and q_i
carries of neurons i in C in the rows that are left, |Y| + sum q_i <= R. Crossbars of a solution are patterns p with

    sum_p [(k,i) in Y_p x C_p]  >= 1      every synapse (k,i)     multiplier pi_ki >= 0
    sum_p q_ip - [i in C_p]     >= -1     carries of neuron i     multiplier mu_i  >= 0
    sum_p [i in C_p] - z_ip     >= t_i    units of neuron i       multiplier nu_i  >= 0

where z_ip = max(0, q_ip - (t_i - 1)): a neuron of c_i units has c_i - 1 carries, so those beyond t_i - 1 in any
crossbar are c_i - t_i at most. For any multipliers, if no pattern is worth more than V = max_p of its left-hand sides
weighted, then at least (sum pi - sum mu + sum t nu) / V crossbars are needed. The multipliers come from the linear
relaxation and are rounded to integers; the worth of the best pattern is then found in integers: for given columns C
each of the R rows takes the best of what is left, an axon k (worth sum_(i in C) pi_ki), one of the first t_i - 1
carries of i in C (worth mu_i, like an axon that only i reads), or a further carry (max_(i in C) mu_i - nu_i).

P. C. Gilmore, R. E. Gomory, *A Linear Programming Approach to the Cutting-Stock Problem*, Operations Research 9(6),
1961, doi:10.1287/opre.9.6.849; A. A. Farley, *A Note on Bounding a Class of Linear Programming Problems, Including
Cutting Stock Problems*, Operations Research 38(5), 1990, doi:10.1287/opre.38.5.922.
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
from spinemap_exact.result import Watch

logger = logging.getLogger(__name__)

SCALE = 1_000_000
MOST_NEURONS = 16
"""Sets of columns are enumerated: this many neurons have 65,536, priced in a fraction of a second."""
CHEAP_NEURONS = 14
"""Up to here enumeration is faster than guessing."""
GUESSES = 8
"""Rounds of guessing between two enumerations."""
KEPT = 30
SMOOTHING = 0.5  # towards the best multipliers so far: P. Wentges, doi:10.1111/1475-3995.00051


class PatternBound:
    """The restricted linear program and the best multipliers so far."""

    @staticmethod
    def fits(problem: UnrollProblem) -> bool:
        """True if there are few enough neurons to enumerate the columns of a crossbar."""
        return len(problem.neurons) <= MOST_NEURONS and problem.network.num_synapses > 0

    def __init__(self, problem: UnrollProblem) -> None:
        self.problem = problem
        network = problem.network
        self.axons = np.unique(network.pre)
        neuron = np.searchsorted(problem.neurons, network.post)
        axon = np.searchsorted(self.axons, network.pre)
        self.synapse = np.full((len(problem.neurons), len(self.axons)), -1, dtype=np.int64)
        self.synapse[neuron, axon] = np.arange(network.num_synapses)
        self.place = neuron, axon
        self.fewest = fewest_units(problem)[problem.neurons]
        self.owner = np.repeat(np.arange(len(self.fewest)), self.fewest - 1)
        self.evidence: dict[str, Any] = {}
        self.best: float | None = None
        self._lp = self._start()

    def raise_to(self, goal: int | None, watch: Watch) -> int | None:
        """Return the best bound proven, stopping early once it reaches ``goal``; None before the first."""
        bound: int | None = None
        best = np.zeros(self._size, dtype=np.int64)
        since_exact = 0
        while not watch.should_stop():
            self._lp.run()
            value = self._lp.getInfo().objective_function_value
            if self.best is not None and np.ceil(value - 1e-6) <= np.ceil(self.best - 1e-9):
                break  # the relaxation itself proves no more
            duals = np.maximum(0, np.floor(np.array(self._lp.getSolution().row_dual) * SCALE)).astype(np.int64)
            smoothed = duals if self.best is None else (SMOOTHING * duals + (1 - SMOOTHING) * best).astype(np.int64)
            guess = len(self.fewest) > CHEAP_NEURONS and since_exact < GUESSES
            added = sum(self._add(duals, chosen) for chosen in self._guess(duals)) if guess else 0
            since_exact += 1
            if added:
                continue
            since_exact = 0
            for multipliers in (smoothed, duals):
                worth, columns = self._price(multipliers)
                numerator = self._numerator(multipliers)
                if self.best is None or numerator / worth > self.best:
                    self.best, best = numerator / worth, multipliers
                    bound = -(-numerator // worth)
                    self._keep(multipliers, worth, bound)
                    watch.report(dual_bound=bound)
                added += sum(self._add(multipliers, chosen) for chosen in columns)
                if added or watch.should_stop():
                    break
            if not added or (goal is not None and bound is not None and bound >= goal):
                break
        logger.info("patterns: relaxation at least %s", self.best)
        return bound

    @property
    def _size(self) -> int:
        return self.problem.network.num_synapses + 2 * len(self.fewest)

    def _split(self, multipliers: Array) -> tuple[Array, Array, Array]:
        """Return the multipliers as pi (neurons, axons), mu, nu."""
        synapses, neurons = self.problem.network.num_synapses, len(self.fewest)
        pi = np.zeros(self.synapse.shape, dtype=np.int64)
        pi[self.place] = multipliers[:synapses]
        return pi, multipliers[synapses : synapses + neurons], multipliers[synapses + neurons :]

    def _rows(self, multipliers: Array) -> tuple[Array, Array, Array]:
        """Return what axons and first carries are worth to each neuron, further carries, and the price of columns."""
        pi, mu, nu = self._split(multipliers)
        owner = self.owner
        carries = np.zeros((len(mu), len(owner)), dtype=np.int64)
        carries[owner, np.arange(len(owner))] = mu[owner]
        return np.hstack((pi, carries)), np.maximum(0, mu - nu), mu - nu

    def _numerator(self, multipliers: Array) -> int:
        pi, mu, nu = self._split(multipliers)
        return int(pi.sum() - mu.sum() + (self.fewest * nu).sum())

    def _price(self, multipliers: Array) -> tuple[int, Array]:
        """Return the exact worth of the best pattern, and the columns of the best ones found on the way."""
        worth, columns = _best_patterns(*self._rows(multipliers), self.problem.rows, self.problem.columns, KEPT)
        return max(1, int(worth.max())), columns[np.argsort(-worth, kind="stable")]

    def _guess(self, multipliers: Array) -> Array:
        """Return columns of patterns that are worth more than they cost, without enumeration."""
        worth, columns = _good_patterns(*self._rows(multipliers), self.problem.rows, self.problem.columns)
        good: Array = columns[worth > SCALE + SCALE // 1000]
        return good

    def _keep(self, multipliers: Array, worth: int, bound: int) -> None:
        pi, mu, nu = self._split(multipliers)
        self.evidence = {
            "kind": "patterns",
            "bound": bound,
            "pi": pi[self.place].tolist(),  # in the order of the synapses
            "mu": mu.tolist(),  # in the order of the neurons, external inputs left out
            "nu": nu.tolist(),
            "worth": worth,
        }

    def _start(self) -> highspy.Highs:
        """Every row can be bought at a price that no pattern asks."""
        lp = highspy.Highs()
        lp.setOptionValue("output_flag", False)
        lp.setOptionValue("threads", 1)
        sides = np.concatenate((np.ones(self.problem.network.num_synapses), -np.ones(len(self.fewest)), self.fewest))
        for side in sides.tolist():
            lp.addRow(side, highspy.kHighsInf, 0, [], [])
        for row in range(len(sides)):
            lp.addCol(3.0, 0.0, highspy.kHighsInf, 1, [row], [1.0])
        self._known: set[bytes] = set()
        return lp

    def _add(self, multipliers: Array, chosen: Array) -> int:
        """Add the best pattern with the given columns; return how many are new."""
        columns = np.flatnonzero(chosen)
        if columns.size == 0:
            return 0
        value, further, _ = self._rows(multipliers)
        worth = value[columns].sum(axis=0)
        merger = columns[np.argmax(further[columns])]
        order = np.argsort(-worth, kind="stable")[: self.problem.rows]
        taken = np.sort(order[worth[order] > further[merger]])
        rows = taken[taken < len(self.axons)]
        carries = np.bincount(self.owner[taken[len(rows) :] - len(self.axons)], minlength=len(self.fewest))
        if further[merger] > 0:
            carries[merger] += self.problem.rows - len(taken)
        key = np.concatenate((columns, [-1], rows, [-1], carries)).tobytes()
        if key in self._known:
            return 0
        self._known.add(key)
        held = self.synapse[np.ix_(columns, rows)].ravel()
        held = held[held >= 0]
        synapses, neurons = self.problem.network.num_synapses, len(self.fewest)
        balance = carries[columns] - 1
        units = 1 - np.maximum(0, carries - self.fewest + 1)[columns]
        index = np.concatenate((held, synapses + columns, synapses + neurons + columns))
        entry = np.concatenate((np.ones(len(held)), balance, units))
        index, entry = index[entry != 0].astype(np.int32), entry[entry != 0].astype(np.float64)
        self._lp.addCol(1.0, 0.0, highspy.kHighsInf, len(index), index, entry)
        return 1


@kernel
def _best_patterns(pi: Array, mu: Array, price: Array, rows: int, columns: int, kept: int) -> tuple[Array, Array]:
    """Enumerate sets of columns, depth first; return the worth and columns of the ``kept`` best.

    A branch ends where all it could add is worth too little: another neuron adds at most its ``rows`` best axons.
    Where a branch is cut, a carry counts with the largest multiplier of all neurons.
    """
    neurons, axons = pi.shape
    gain = np.empty(neurons, np.int64)
    for i in range(neurons):
        ranked = np.sort(pi[i])
        gain[i] = ranked[max(0, axons - rows) :].sum() - price[i]
    order = np.argsort(-gain)
    later = np.zeros(neurons + 1, np.int64)
    for d in range(neurons - 1, -1, -1):
        later[d] = later[d + 1] + max(0, gain[order[d]])
    best = np.zeros(kept, np.int64)
    best_columns = np.zeros((kept, neurons), np.bool_)
    worst = 0
    dearest = mu.max()
    weight = np.zeros((neurons + 1, axons), np.int64)
    paid = np.zeros(neurons + 1, np.int64)
    carry = np.zeros(neurons + 1, np.int64)
    reach = np.full(neurons + 1, rows * dearest, np.int64)
    chosen = np.zeros(neurons, np.bool_)
    count = 0
    stage = np.zeros(neurons + 1, np.int8)
    depth = 0
    while depth >= 0:
        if depth == neurons or stage[depth] == 2:
            if depth < neurons:
                stage[depth] = 0
            depth -= 1
            if depth >= 0 and stage[depth] == 1:
                chosen[order[depth]] = False
                count -= 1
            continue
        i = order[depth]
        below = depth + 1
        if stage[depth] == 0:
            stage[depth] = 1
            if count < columns:
                chosen[i] = True
                count += 1
                weight[below] = weight[depth] + pi[i]
                paid[below] = paid[depth] + price[i]
                carry[below] = max(carry[depth], mu[i])
                ranked = np.sort(weight[below])
                worth, most = -paid[below], -paid[below]
                for r in range(rows):
                    w = ranked[axons - 1 - r] if r < axons else 0
                    worth += max(w, carry[below])
                    most += max(w, dearest)
                reach[below] = most
                if worth > best[worst]:
                    best[worst] = worth
                    best_columns[worst] = chosen
                    worst = int(np.argmin(best))
                if most + later[below] > best[worst]:
                    depth = below
                    if depth < neurons:
                        stage[depth] = 0
                    continue
                chosen[i] = False
                count -= 1
        stage[depth] = 2
        weight[below] = weight[depth]
        paid[below] = paid[depth]
        carry[below] = carry[depth]
        reach[below] = reach[depth]
        if reach[below] + later[below] > best[worst]:
            depth = below
            if depth < neurons:
                stage[depth] = 0
    return best, best_columns


@kernel
def _good_patterns(pi: Array, mu: Array, price: Array, rows: int, columns: int) -> tuple[Array, Array]:
    """From each neuron alone, add or drop the best neuron while that helps; return worth and columns."""
    neurons, axons = pi.shape
    best = np.zeros(neurons, np.int64)
    best_columns = np.zeros((neurons, neurons), np.bool_)
    for start in range(neurons):
        chosen = best_columns[start]
        toggled = start
        while toggled >= 0:
            chosen[toggled] = not chosen[toggled]
            toggled = -1
            count = chosen.sum()
            for i in range(-1, neurons):  # -1: as it is
                if i >= 0:
                    chosen[i] = not chosen[i]
                if chosen.sum() <= columns and chosen.any():
                    worth, carry = 0, 0
                    weight = np.zeros(axons, np.int64)
                    for j in range(neurons):
                        if chosen[j]:
                            weight += pi[j]
                            worth -= price[j]
                            carry = max(carry, mu[j])
                    ranked = np.sort(weight)
                    for r in range(rows):
                        worth += max(ranked[axons - 1 - r] if r < axons else 0, carry)
                    if (i < 0 and count == 1) or worth > best[start]:
                        best[start] = worth
                        toggled = i
                if i >= 0:
                    chosen[i] = not chosen[i]
    return best, best_columns
