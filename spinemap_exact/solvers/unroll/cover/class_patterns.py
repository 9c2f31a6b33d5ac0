r"""A lower bound from crossbar patterns of classes: identical neurons and identical axons are counted.

What a crossbar holds of a dense layer is told by counts. Let x_d axons of each class d, y_j columns of each type j of
neurons and q_j carries of them be in a crossbar, sum x + sum q <= R and sum y <= N. A type is a class c of neurons,
n_c of them with fan-in f, split by how many units they have: a *lean* neuron has t = ceil((f - 1)/(R - 1)) units, which
is the least, a *rich* one more. With l_c lean neurons, over all crossbars p of a solution

    sum_p x_dp y_jp        >= |d| n_j          every synapse of d and j              multiplier pi_dj >= 0
    sum_p q_jp - y_jp      >= -n_j             carries                               mu_j >= 0
    sum_p y_jp             =  t l_c            units of lean neurons                 nu_j free
    sum_p y_jp             >= (t + 1)(n_c - l_c)     of rich ones                    nu_j >= 0
    sum_p x_dp             >= |d| ceil(m_d/N)  rows of an axon with m_d readers      rho_d >= 0

with n_j = l_c or n_c - l_c. The t units of a lean neuron read f axons in t crossbars, at most R in any of them: each of
its crossbars holds f - R (t - 1) of its axons or more, so that few rows are left for carries there. That is what makes
carries dear: most must be merged away from the axons, which takes a unit and a carry more.

As in `patterns`, the worth V of the best pattern under any multipliers proves a bound, the least value of the
right-hand sides over 0 <= l_c <= n_c divided by V, here in integers again. For a given set of types and number of
carries the worth is bilinear in x and y, so columns at the limits suffice: none, one (a carry needs a column) or all
of a type, and one type that takes what is left.
"""

from __future__ import annotations

import logging
from itertools import product
from math import prod
from typing import Any

import highspy
import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.kernels.counting import fewest_units
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.result import Watch

logger = logging.getLogger(__name__)

FINEST = 10**10
"""Integers that stand for one crossbar, at most; fewer where the sums would overflow."""
MOST_CHOICES = 20_000
"""Choices of columns that are tried in each pricing."""
KEPT = 20
DEAR = 3.0  # price of what no pattern provides yet: a pattern that provides one of it costs 1


class ClassPatternBound:
    """The restricted linear program over counts and the best bound so far."""

    @staticmethod
    def fits(problem: UnrollProblem) -> bool:
        """True if there are few enough classes of neurons to try their columns."""
        classes = problem.classes
        if problem.network.num_synapses == 0 or classes.num_neuron_classes > 8 or problem.rows < 2:
            return False
        options = [min(3, 1 + size) ** 2 for size in np.minimum(classes.neurons_in, problem.columns).tolist()]
        return int(prod(options)) * 2 * len(options) <= MOST_CHOICES

    def __init__(self, problem: UnrollProblem) -> None:
        self.problem = problem
        classes, network = problem.classes, problem.network
        first = classes.neuron_idx[classes.neuron_ptr[:-1]]
        self.neurons, self.axons = classes.neurons_in, classes.axons_in
        self.fan_in, self.fewest = network.fan_in[first], fewest_units(problem)[first]
        self.reads = np.zeros((classes.num_neuron_classes, classes.num_axon_classes), dtype=bool)
        for c in range(classes.num_neuron_classes):
            self.reads[c, classes.reads_of(c)] = True
        self.axon_rows = self.axons * -(-(self.neurons @ self.reads) // problem.columns)
        # lean types first, then rich ones
        self.type_reads = np.vstack([self.reads, self.reads])
        own = np.maximum(0, self.fan_in - problem.rows * (self.fewest - 1))
        self.own_axons = np.concatenate([own, np.zeros_like(own)])
        self.columns = self._columns()
        self.best: float | None = None
        self.evidence: dict[str, Any] = {}
        self._lp = self._start()

    def raise_to(self, goal: int | None, watch: Watch) -> int | None:
        """Return the best bound proven, stopping early once it reaches ``goal``; None before the first."""
        bound: int | None = None
        while not watch.should_stop():
            self._lp.run()
            duals = np.array(self._lp.getSolution().row_dual)
            duals = np.clip(duals, np.where(self.free, -DEAR, 0), DEAR)
            multipliers = np.rint(duals * self.scale).astype(np.int64)
            pi, mu, nu, rho = self._split(multipliers)
            worth, rows, carries, carrier = _worth(
                self.columns, pi, rho, mu, mu - nu, self.axons, self.type_reads, self.own_axons, self.problem.rows
            )
            most = max(1, int(worth.max()))
            value = self._least_value(pi, mu, nu, rho)
            if self.best is None or value / most > self.best:
                self.best, bound = value / most, max(0, -(-value // most))
                self.evidence = {
                    "kind": "class-patterns",
                    "bound": bound,
                    **{name: m.tolist() for name, m in (("pi", pi), ("mu", mu), ("nu", nu), ("rho", rho))},
                    "worth": most,
                }
                watch.report(dual_bound=bound)
            if goal is not None and bound is not None and bound >= goal:
                break
            good = np.flatnonzero(worth > self.scale + self.scale // 10**6)
            if good.size == 0:
                break
            for choice in good[np.argsort(-worth[good], kind="stable")][:KEPT]:
                self._add(self.columns[choice], rows[choice], carries[choice], carrier[choice])
        logger.info("class patterns: relaxation at least %s", self.best)
        return bound

    def _columns(self) -> Array:
        """Numbers of columns of each type, at the limits."""
        most = self.problem.columns
        sizes = np.minimum(np.tile(self.neurons, 2), most).tolist()
        choices = set()
        for columns in product(*(sorted({0, 1, size}) for size in sizes)):
            used = sum(columns)
            if 0 < used <= most:
                choices.add(columns)
            for j, size in enumerate(sizes):
                rest = most - used + columns[j]
                if 0 < rest <= size:
                    choices.add((*columns[:j], rest, *columns[j + 1 :]))
        return np.array(sorted(choices), dtype=np.int64)

    def _split(self, multipliers: Array) -> tuple[Array, Array, Array, Array]:
        """Return pi (types, classes of axons), mu, nu (types) and rho (classes of axons)."""
        types, axons = self.type_reads.shape
        ends = np.cumsum([types * axons, types, types])
        pi, mu, nu, rho = np.split(multipliers, ends)
        return pi.reshape(types, axons) * self.type_reads, mu, nu, rho

    def _least_value(self, pi: Array, mu: Array, nu: Array, rho: Array) -> int:
        """Return the right-hand sides weighted, for the least favourable numbers of lean neurons."""
        cells = (pi * self.axons).sum(axis=1)
        least = int((self.axon_rows * rho).sum())
        classes = len(self.neurons)
        for c, size in enumerate(self.neurons.tolist()):
            lean, rich = c, classes + c
            units = int(self.fewest[c])
            # linear in the number of lean neurons: all or none of them
            least += size * min(
                int(cells[lean]) - int(mu[lean]) + units * int(nu[lean]),
                int(cells[rich]) - int(mu[rich]) + (units + 1) * int(nu[rich]),
            )
        return least

    def _start(self) -> highspy.Highs:
        """Rows for no lean neurons, a column for each class that makes them lean, and prices for what is missing."""
        lp = highspy.Highs()
        lp.setOptionValue("output_flag", False)
        lp.setOptionValue("threads", 1)
        classes, (types, axons) = len(self.neurons), self.type_reads.shape
        lean = np.arange(types) < classes
        count = np.where(lean, 0, np.tile(self.neurons, 2))
        units = np.tile(self.fewest, 2) + ~lean
        sides = np.concatenate(
            [(self.type_reads * self.axons * count[:, None]).ravel(), -count, units * count, self.axon_rows]
        ).astype(np.float64)
        terms = float(np.abs(sides).sum()) + 4 * types * self.problem.rows * (self.problem.columns + 1)
        self.scale = min(FINEST, int(2**60 / (2 * DEAR * terms)))
        self.free = np.zeros(len(sides), dtype=bool)
        self.free[types * axons + types : types * axons + types + classes] = True
        for side, exact in zip(sides.tolist(), self.free.tolist(), strict=True):
            lp.addRow(side, side if exact else highspy.kHighsInf, 0, [], [])
        for c, size in enumerate(self.neurons.tolist()):
            change = np.zeros(len(sides))
            for j, sign in ((c, -1), (classes + c, 1)):
                change[j * axons : (j + 1) * axons] = sign * self.axons * self.type_reads[j]
                change[types * axons + j] = -sign
                change[types * (axons + 1) + j] = sign * units[j]
            index = np.flatnonzero(change).astype(np.int32)
            lp.addCol(0.0, 0.0, float(size), len(index), index, change[index])
        for row in range(len(sides)):
            for way in (1.0, -1.0):
                lp.addCol(DEAR, 0.0, highspy.kHighsInf, 1, [row], [way])
        return lp

    def _add(self, columns: Array, rows: Array, carries: int, carrier: int) -> None:
        balance = -columns
        balance[carrier] += carries
        held = np.concatenate([(columns[:, None] * rows * self.type_reads).ravel(), balance, columns, rows])
        index = np.flatnonzero(held).astype(np.int32)
        self._lp.addCol(1.0, 0.0, highspy.kHighsInf, len(index), index, held[index].astype(np.float64))


@kernel
def _worth(
    choices: Array,
    pi: Array,
    rho: Array,
    mu: Array,
    price: Array,
    axons: Array,
    reads: Array,
    own_axons: Array,
    num_rows: int,
) -> tuple[Array, Array, Array, Array]:
    """Return for each choice of columns the worth of its best pattern, its rows, its carries and the type of these.

    Rows that the lean types ask for are filled first, then all others with what is worth most. Where lean types read
    some axons in common, only the demand of one of them is kept, which can only raise the worth.
    """
    num_choices, types = choices.shape
    classes = len(axons)
    worth = np.zeros(num_choices, np.int64)
    rows = np.zeros((num_choices, classes), np.int64)
    carries = np.zeros(num_choices, np.int64)
    carrier = np.zeros(num_choices, np.int64)
    for n in range(num_choices):
        value = rho.copy()
        k = -1
        for j in range(types):
            y = choices[n, j]
            if y > 0:
                value += y * pi[j]
                worth[n] -= y * price[j]
                if k < 0 or mu[j] > mu[k]:
                    k = j
        order = np.argsort(-value)
        left = num_rows
        demanded = np.zeros(classes, np.bool_)
        for j in range(types):
            if choices[n, j] == 0 or own_axons[j] == 0 or (demanded & reads[j]).any():
                continue
            demanded |= reads[j]
            due = own_axons[j]
            for d in order:
                if reads[j, d] and due > 0:
                    taken = min(due, axons[d])
                    rows[n, d] += taken
                    due -= taken
                    left -= taken
        if left < 0:  # so many lean types do not fit a crossbar
            worth[n] = -1
            rows[n] = 0
            continue
        for d in order:
            taken = min(left, axons[d] - rows[n, d])
            if value[d] > mu[k] and taken > 0:
                rows[n, d] += taken
                left -= taken
        carries[n], carrier[n] = left, k
        worth[n] += mu[k] * left
        for d in range(classes):
            worth[n] += value[d] * rows[n, d]
    return worth, rows, carries, carrier
