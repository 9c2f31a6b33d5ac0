"""A bound on any mapping by what a crossbar may hold, for networks whose neurons mostly fit one.

**Contents.** As in `bounds.network`, some best mapping has one unit of each neuron on a tile, idle cells apart, so that
every carry travels. A crossbar holds some soma units and reads some axons. Reads cost what they cost at home, or from
the nearest tile. A synapse that is not served by the soma unit costs a carry of its spikes at least. If a neuron has
such synapses, its soma unit takes a row for a carry, beside the axons.

**Values.** Let g_i be any values of neurons, b_ki those of synapses, from 0 to what a carry of them costs, and a_k >= 0
those of axons that somebody reads. A crossbar with the soma units H and the axons Q is worth

    sum over i in H of (g_i - sum of b_ki over k not in Q)  +  sum over k in Q of (a_k - cost of the read).

If no crossbar that fits is worth more than V >= 0, then any mapping in at most B crossbars costs at least

    sum of g  +  sum of a  -  B V.

For let the crossbars of a mapping be worth W together. Each neuron has one soma unit, and each axon is read somewhere,
so W >= sum of g + sum of a - (b_ki of all synapses that no soma unit serves) - reads, and carries cost as much as these
b_ki or more. A value beyond a carry is never lost, since the synapse could as well be served elsewhere.

Per synapse, a read is paid by each synapse: what it costs at home for certain. A synapse that is served with its soma
unit costs the way beside, if the soma unit of its source is elsewhere, and one that is not costs b_ki: the lesser of
the two is lost in either case.

The values are found by a bundle method, guided by contents that the exact pricer finds on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.mapping import Mapping
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.result import SolveResult, Voucher, Watch, conclude
from spinemap_exact.solvers.mapping import priced_trees
from spinemap_exact.solvers.mapping.contents._instance import Content, Instance, Values
from spinemap_exact.solvers.mapping.contents._pricing import Pricing
from spinemap_exact.solvers.partition.branch_price._bundle import Bundle
from spinemap_exact.solvers.partition.branch_price._graph import Priced
from spinemap_exact.solvers.partition.branch_price._pricer import as_integers

ENGINE = "contents"
_GUESS, _HARD_GUESS = 200, 2000  # nodes of the pricer's tree
_SHARE_OF_GUESSES = 0.4
_UNITS = 40  # found contents that the bundle is told of


@dataclass(frozen=True)
class Evidence:
    """Values, and what no content is worth more than."""

    values: Values
    most: int
    bound_fj: int


def solve(problem: MappingProblem, watch: Watch, warm_start: Mapping | None = None) -> SolveResult[Mapping]:
    """Return the warm start, and the bound of contents or that of priced trees, whichever is larger.

    Raises
    ------
    InvalidInput
        If the objective is not energy.
    """
    if problem.objective is not MappingObjective.ENERGY:
        raise InvalidInput(f"contents do not cover the objective {problem.objective}")
    trees = priced_trees.solve(problem, watch, warm_start)
    search = Search(problem, watch, trees.incumbent, trees.dual_bound or 0)
    if trees.objective is None or trees.objective > search.bound:
        search.run()
    by_contents = search.evidence is not None
    evidence: list[Any] = [trees.evidence] + ([search.evidence] if by_contents else [])
    return conclude(
        problem, trees.incumbent, search.bound, engine=ENGINE, watch=watch, evidence=evidence,
        vouched_by=Voucher("attested", ENGINE if by_contents else "priced trees"), details=search.details,
    )  # fmt: skip


class _Bundle(Bundle):
    """No synapse is worth less than nothing, since no mapping need serve it twice."""

    oracle: Search

    def _candidate(self) -> tuple[Array, Array, float]:
        duals, penalties, _ = super()._candidate()
        somas = self.oracle.instance.num_neurons
        duals[somas:] = np.maximum(duals[somas:], 0.0)
        value = self.member @ duals - self.cost
        return duals, penalties, float(duals.sum() - self.max_clusters * max(0.0, value.max()))


class Search:
    """The best bound so far, and its evidence where contents prove it; answers what the bundle asks."""

    def __init__(self, problem: MappingProblem, watch: Watch, start: Mapping | None, floor: int) -> None:
        self.watch, self.start, self.bound = watch, start, floor
        self.most_fj = None if start is None else problem.cost(start)
        self.instance = Instance(problem)
        self.evidence: Evidence | None = None
        self.pricing_calls = 0
        self.last: tuple[Array, Priced] | None = None

    @property
    def details(self) -> dict[str, Any]:
        return {"pricing_calls": self.pricing_calls}

    def run(self) -> None:
        """Raise the bound until it meets the mapping that is known, or time is up."""
        instance, watch = self.instance, self.watch
        if instance.too_large or not instance.num_synapses:
            return
        self.pricing = Pricing(instance)
        start = [] if self.start is None else instance.contents(self.start)
        bundle = _Bundle(instance.most_crossbars, instance.scale, self._fair_shares(start), self)
        bundle.add(start)
        enough = np.iinfo(np.int64).max if self.most_fj is None else instance.scale * (self.most_fj - instance.constant)
        left = watch.remaining_s
        bundle.approach(watch.part(None if left is None else _SHARE_OF_GUESSES * left), enough)
        bundle.ascend(watch, enough)

    def _fair_shares(self, contents: list[Content]) -> Array:
        """Duals near the cost of a mapping: reads shared by the synapses served, and carries; else any."""
        instance, m = self.instance, self.instance.num_neurons
        if not contents:
            contents = [frozenset(range(instance.num_elements))]
        duals = np.zeros(instance.num_elements)
        for content in contents:
            chosen = np.zeros(instance.num_elements, dtype=bool)
            chosen[list(content)] = True
            somas, served = chosen[:m], np.flatnonzero(chosen[m:])
            pre = instance.pre[served]
            sharers = np.ones(len(pre)) if instance.per_synapse else np.bincount(pre)[pre]
            at_home = (instance.home[pre] >= 0) & somas[instance.home[pre]]
            duals[m + served] += np.where(at_home, instance.inside[pre], instance.outside[pre]) / sharers
            duals[m + served] += np.where(somas[instance.post[served]], 0, instance.carry[served])
        return instance.scale * duals

    def guess(self, duals: Array, penalties: Array, hard: bool = False) -> list[Content]:
        return self._price(duals, 0, np.inf, _HARD_GUESS if hard else _GUESS).clusters

    def prove(self, duals: Array, penalties: Array, known: int, spoils: float) -> Priced:
        return self._price(duals, known, spoils, np.inf)

    def value(self, cluster: Content, duals: Array, penalties: Array) -> int:
        return int(duals[list(cluster)].sum()) - self.instance.scale * self.instance.cost(cluster)

    def cost(self, cluster: Content) -> int:
        return self.instance.cost(cluster)

    def _price(self, duals: Array, known: int, spoils: float, nodes: float) -> Priced:
        """Price contents; whatever is proven on the way raises the bound. What was priced just before is known."""
        duals, _ = as_integers(duals, duals[:0])
        if self.last is not None and np.array_equal(duals, self.last[0]):
            return replace(self.last[1], most=max(known, self.last[1].most))
        self.pricing_calls += 1
        values = self.instance.values(duals)
        most, complete, found = self.pricing.best(values, known, self.watch, spoils, nodes)
        self._note(Evidence(values, most, self.instance.bound(values, most)))
        priced = Priced(most, complete, [self.pricing.content(chosen, duals) for chosen in found[:_UNITS]], 0)
        self.last = (duals, priced) if complete else None
        return priced

    def _note(self, evidence: Evidence) -> None:
        if evidence.bound_fj > self.bound:
            self.evidence = evidence
            self.bound = evidence.bound_fj
            self.watch.report(self.most_fj, self.bound, note=ENGINE)
