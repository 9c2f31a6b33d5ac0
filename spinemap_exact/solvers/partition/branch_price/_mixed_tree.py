"""Branch, price and cut with several crossbar types: a column is a cluster and the type of its crossbar.

Each type has a pricer with its own rows and columns; `Mixes` turns what they prove into a bound. Pairs of units are
branched on, and numbers of crossbars of a type where the area is short. Where all pairs are decided, the crossbars that
serve the clusters with the least area are an assignment, so that a leaf is settled exactly.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.partition_search import annealed
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price import _cuts
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Instance, Pricing
from spinemap_exact.solvers.partition.branch_price._mixed_master import MixedMaster, Relaxed
from spinemap_exact.solvers.partition.branch_price._mixes import Mixes, Range
from spinemap_exact.solvers.partition.branch_price._pricer import as_integers

_WORTHWHILE = 0.05  # part of the gap that a round of cuts must close to be followed by another
_SMOOTH = 0.7  # weight of earlier duals in those that guide the guesses
_CANDIDATES = 6  # pairs whose separation is tried on the relaxation
_SAFE = 1 << 46  # scaled sums of costs stay below


@dataclass(order=True)
class _Node:
    bound: int
    order: int
    branching: Branching = field(compare=False)
    range: Range = field(compare=False)


class MixedTree:
    """The search for one problem with several crossbar types.

    Parameters
    ----------
    goal : PartitionObjective
        What is minimised; where only some partition within the limits is wanted, any that is not packets.
    floor : int
        A bound known before.
    any_will_do : bool
        Stop at the first partition.
    """

    def __init__(
        self,
        problem: PartitionProblem,
        mixes: Mixes,
        goal: PartitionObjective,
        watch: Watch,
        incumbent: Partition | None,
        floor: int,
        any_will_do: bool = False,
    ) -> None:
        self.problem, self.mixes, self.goal, self.watch = problem, mixes, goal, watch
        self.floor, self.any_will_do = floor, any_will_do
        packets = goal is PartitionObjective.PACKETS
        self.instances = [Instance(problem, c.rows, c.columns, packets) for c in problem.crossbars]
        match goal:
            case PartitionObjective.PACKETS:
                self.price, dearest = [0] * len(problem.crossbars), problem.network.synaptic_events
            case PartitionObjective.CROSSBARS:
                self.price, dearest = [1] * len(problem.crossbars), mixes.max_clusters
            case PartitionObjective.AREA:
                self.price = mixes.area.tolist()
                dearest = max(self.price) * mixes.max_clusters
        self.step = math.gcd(*self.instances[0].spikes) or 1 if packets else 1
        self.incumbent = incumbent
        self.objective = None if incumbent is None else self._cost(incumbent)
        self.cutoff = 1 + dearest if self.objective is None else self.objective
        self.scale = 1000
        while self.scale < 10**6 and self.cutoff * self.scale < 10**7:
            self.scale *= 10
        while self.scale > 1 and (1 + dearest) * self.scale > _SAFE:
            self.scale //= 10
        self.too_large = (1 + dearest) * self.scale > _SAFE
        self.master = MixedMaster(self.instances, self.price, mixes, not packets, float(self.cutoff + 1))
        self.state = np.array([watch.limits.seed + 88172645463325252], dtype=np.uint64)
        self.random = np.random.default_rng(watch.limits.seed)
        self.number = itertools.count()
        self.nodes_done = self.pricing_calls = self.attempts = 0
        self.proof_s, self.guess_s = math.inf, 0.0
        self.proven = False
        self.root_bound: int | None = None

    @property
    def _covers(self) -> bool:
        return self.goal is not PartitionObjective.PACKETS

    def _cost(self, partition: Partition) -> int:
        match self.goal:
            case PartitionObjective.PACKETS:
                return self.problem.packets(partition)
            case PartitionObjective.CROSSBARS:
                return partition.num_clusters
            case PartitionObjective.AREA:
                return self.problem.area(partition)

    # --- the tree ------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Search until the tree is empty or the time is up; return the bound.

        Without an incumbent, a bound above every price proves that there is no partition within the limits.
        """
        if self.incumbent is not None:
            self._learn(self.incumbent)
        waiting = [_Node(self.floor, next(self.number), Branching(), self.mixes.everything)]
        while waiting and not self.watch.should_stop() and not (self.any_will_do and self.incumbent is not None):
            node = heapq.heappop(waiting)
            if self._closed(node.bound):
                continue
            for child in self._process(node, alone=not waiting):
                heapq.heappush(waiting, child)
            self.watch.report(
                self.objective,
                None if self.objective is None and not waiting else self._lowest(waiting),
                note=f"{self.nodes_done} nodes, {len(waiting)} open, {len(self.master.columns)} columns",
            )
        return self._lowest(waiting)

    def _closed(self, bound: int) -> bool:
        return bound >= self.cutoff

    def _lowest(self, waiting: Sequence[_Node]) -> int:
        return min([self.cutoff, *(n.bound for n in waiting)])

    def _pricers(self, node: _Node) -> list[Pricing] | None:
        """A pricer for each type; None if units that must lie together fit no crossbar or must lie apart."""
        groups = node.branching.groups(self.problem.num_units)
        if not all(any(instance.feasible(members) for instance in self.instances) for members in groups):
            return None
        triples = self.master.triples
        pricers = [Pricing(instance, node.branching, triples, partial=True) for instance in self.instances]
        return pricers if all(pricing.feasible for pricing in pricers) else None

    def _process(self, node: _Node, alone: bool) -> list[_Node]:
        """Bound one node; return what is left of it."""
        self.nodes_done += 1
        pricers = self._pricers(node)
        if pricers is None:
            return []
        at_root = self.nodes_done == 1
        self.master.restrict(node.branching, node.range)
        rounds, before, relaxed = 0, node.bound, None
        while not self._closed(node.bound):
            relaxed = self._generate(node, pricers, alone)
            if at_root:
                self.root_bound = node.bound
            if self._closed(node.bound) or relaxed is None:
                break
            self._take_if_integral(relaxed)
            if at_root and rounds in (0, 3):
                self._anneal(node.bound)
            gained, before = node.bound - before, node.bound
            weak = rounds > 0 and gained < _WORTHWHILE * (self.cutoff - node.bound)
            if weak or rounds >= (15 if at_root else 2):
                break
            clusters = [cluster for cluster, _ in self.master.columns]
            known = set(self.master.triples)
            fresh = _cuts.separate(clusters, relaxed.weights, self.problem.num_units, known, 12 if at_root else 5)
            if not fresh:
                break
            self.master.cut(fresh)
            pricers = self._pricers(node)
            assert pricers is not None
            rounds += 1
        if self._closed(node.bound):
            return []
        if relaxed is None:  # out of time
            return [node]
        if at_root or self.nodes_done % 20 == 0:
            self._solve_over_columns(4.0 if at_root else 2.0)
        return [] if self._closed(node.bound) else self._branch(node, relaxed)

    # --- bounds --------------------------------------------------------------------------------------------------

    def _generate(self, node: _Node, pricers: Sequence[Pricing], alone: bool) -> Relaxed | None:
        """Column generation; raises ``node.bound``. None if the time ran out."""
        master, scale, watch, guide = self.master, self.scale, self.watch, None
        while not watch.should_stop():
            relaxed = master.solve()
            duals, penalties = as_integers(relaxed.duals * scale, relaxed.penalties * scale)
            if self._covers:
                duals = np.maximum(duals, 0)
            # a cluster above this improves the relaxation; its price is no part of its value
            level = [math.floor(c * scale) + p * scale for c, p in zip(relaxed.charge, self.price, strict=True)]
            slack = max(1, int(scale * 2e-6 * max(1.0, relaxed.value) / self.mixes.max_clusters))
            worth = [max(0, c) + slack for c in level]
            guide = duals if guide is None else (_SMOOTH * guide + (1.0 - _SMOOTH) * duals).astype(np.int64)
            # where a proof is nearly as cheap as a guess, guessing harder is a waste
            cheap = self.proof_s < 2.0 * self.guess_s
            if not self._late() and (
                self._guess(pricers, relaxed, duals, guide, penalties, worth, 1500)
                or (not cheap and self._guess(pricers, relaxed, duals, duals, penalties, worth, 6000))
            ):
                continue
            began = watch.elapsed_s
            # what closes the node, if the relaxation allows it; else all that the relaxation gives
            closing = self.cutoff - self.step + 2e-3
            room = int(max(0.0, relaxed.value - closing) * scale / self.mixes.max_clusters)
            most, added, complete = [], 0, True
            for kind, pricing in enumerate(pricers):
                target = max(0, level[kind] + max(slack, room))
                priced = pricing.exact(duals, penalties, scale, target, worth[kind], self._share(len(pricers) - kind))
                self.pricing_calls += 1
                most.append(priced.most)
                complete &= priced.complete
                added += master.add((c, kind) for c in priced.clusters if node.branching.allows(c))
            self.proof_s = watch.elapsed_s - began
            self._prove(node, duals, penalties, most)
            if alone:
                watch.report(self.objective, min(node.bound, self.cutoff), note=f"{len(master.columns)} columns")
            if self._closed(node.bound):
                return relaxed
            if added:
                continue
            if not complete:
                return None if watch.should_stop() else relaxed
            if relaxed.artificial > 1e-6 and master.raise_artificial():
                continue
            return relaxed
        return None

    def _late(self) -> bool:
        """True if nothing is proven and half of the time has gone: better a bound from rough duals than none."""
        left, limit = self.watch.remaining_s, self.watch.limits.time_s
        return not self.proven and left is not None and limit is not None and left < 0.5 * limit

    def _share(self, pricers: int) -> Watch:
        """Time for one of so many proofs; first ones may take long, later ones must leave time for others."""
        left = self.watch.remaining_s
        if left is None:
            return self.watch
        return self.watch.part((0.35 if self.proven else 0.8) * left / pricers)

    def _guess(
        self,
        pricers: Sequence[Pricing],
        relaxed: Relaxed,
        duals: Array,
        guide: Array,
        penalties: Array,
        worth: Sequence[int],
        effort: int,
    ) -> int:
        """Add columns that annealing finds by ``guide`` and that ``duals`` find worth it; return how many."""
        master, groups = self.master, pricers[0].groups
        support = [int(i) for i in np.argsort(-relaxed.weights)[:24] if relaxed.weights[i] > 1e-6]
        seeds = [master.columns[i][0] for i in support if not master.barred[i]]
        first = int(self.random.integers(len(groups)))
        seeds += [frozenset(groups[(first + i) % len(groups)]) for i in range(min(len(groups), 32))]
        began = self.watch.elapsed_s
        found: set[frozenset[int]] = set()
        for pricing in pricers:
            found.update(pricing.probe(guide, penalties, self.scale, 0, seeds, effort, self.state)[:200])
        self.guess_s = self.watch.elapsed_s - began
        value = {c: pricers[0].value(c, duals, penalties, self.scale) for c in sorted(found, key=sorted)}
        return master.add((c, kind) for c, v in value.items() for kind, least in enumerate(worth) if v > least)

    def _prove(self, node: _Node, duals: Array, penalties: Array, most: Sequence[int]) -> None:
        """Turn what pricing proved into a bound, by integers alone."""
        total = int(duals.sum()) - int(penalties.sum())
        if self._covers:
            bound = self.mixes.least_price(node.range, total, most, self.price)
        else:
            bound = self.mixes.least_packets(node.range, total, most)
            if bound is not None:
                bound = -(-bound // (self.scale * self.step)) * self.step
        node.bound = max(node.bound, self.cutoff if bound is None else bound)
        self.proven = True

    # --- branching -----------------------------------------------------------------------------------------------

    def _branch(self, node: _Node, relaxed: Relaxed) -> list[_Node]:
        if (self.goal is PartitionObjective.AREA or relaxed.area_charge > 1e-6) and (
            sides := self._split_number(node, relaxed, 0.05)
        ):
            return sides
        if (pair := self._pair(node, relaxed)) is not None:
            return self._split(node, pair)
        if self.watch.should_stop():
            return [node]
        return self._split_number(node, relaxed, 1e-4) or self._split_any(node)

    def _split(self, node: _Node, pair: tuple[int, int]) -> list[_Node]:
        known = node.branching
        sides = replace(known, together=(*known.together, pair)), replace(known, apart=(*known.apart, pair))
        return [_Node(node.bound, next(self.number), side, node.range) for side in sides]

    def _split_number(self, node: _Node, relaxed: Relaxed, least: float) -> list[_Node]:
        """Branch on the type whose number of crossbars is furthest from an integer; nothing if all are near one."""
        kinds = [kind for _, kind in self.master.columns[: len(relaxed.weights)]]
        number = np.bincount(kinds, weights=relaxed.weights, minlength=len(self.price))
        kind = int(np.argmax(np.abs(number - np.round(number))))
        if abs(number[kind] - round(number[kind])) <= least:
            return []
        below = math.floor(number[kind])
        sides = node.range.below(kind, below), node.range.above(kind, below + 1)
        return [
            _Node(node.bound, next(self.number), node.branching, side) for side in sides if len(self.mixes.within(side))
        ]

    def _pair(self, node: _Node, relaxed: Relaxed) -> tuple[int, int] | None:
        """The pair of units whose separation moves the relaxation most in both directions."""
        n = self.problem.num_units
        used = np.flatnonzero(relaxed.weights > 1e-6)
        member = np.zeros((len(used), n))
        for i, c in enumerate(used.tolist()):
            member[i, list(self.master.columns[c][0])] = 1.0
        both = np.triu(member.T @ (member * relaxed.weights[used, None]), 1)
        split = np.minimum(both, 1.0 - both)
        split[both <= 1e-6] = 0.0
        pairs = [divmod(int(i), n) for i in np.argsort(-split, axis=None)[:_CANDIDATES]]
        pairs = [(u, v) for u, v in pairs if split[u, v] > 1e-4]
        if len(pairs) < 2:
            return pairs[0] if pairs else None
        best, best_score = None, -1.0
        for pair in pairs:
            gains = []
            for side in self._split(node, pair):
                self.master.restrict(side.branching, side.range)
                gains.append(max(1e-6, min(self.master.solve(central=False).value, self.cutoff) - relaxed.value))
            if (score := min(gains) + 0.1 * max(gains)) > best_score:
                best, best_score = pair, score
            if self.watch.should_stop():
                break
        return best

    def _split_any(self, node: _Node) -> list[_Node]:
        """The relaxation is integral, yet the bound does not meet it: split any undecided pair, or settle the leaf."""
        groups = node.branching.groups(self.problem.num_units)
        group_of = {u: i for i, members in enumerate(groups) for u in members}
        apart = {frozenset((group_of[u], group_of[v])) for u, v in node.branching.apart}
        for i, j in itertools.combinations(range(len(groups)), 2):
            if frozenset((i, j)) not in apart:
                return self._split(node, (groups[i][0], groups[j][0]))
        # one way to cluster is left, and no mix serves it better than the one that `served` finds
        self._offer([frozenset(members) for members in groups])
        return []

    # --- incumbents ----------------------------------------------------------------------------------------------

    def _take_if_integral(self, relaxed: Relaxed) -> None:
        if relaxed.artificial < 1e-6:
            self._offer([self.master.columns[i][0] for i in np.flatnonzero(relaxed.weights > 0.5)])

    def _offer(self, clusters: Sequence[frozenset[int]]) -> None:
        """Take disjoint or overlapping clusters as a partition if they hold all units and improve on the incumbent."""
        held: set[int] = set()
        disjoint = []
        for cluster in clusters:
            if rest := cluster - held:
                disjoint.append(rest)
                held |= rest
        if len(held) == self.problem.num_units and (partition := self.mixes.served(disjoint)) is not None:
            self._take(partition)

    def _take(self, partition: Partition) -> None:
        if self.problem.violations(partition):
            return
        cost = self._cost(partition)
        if self.objective is None or cost < self.objective:
            self.objective, self.incumbent = cost, partition
            self.cutoff = min(self.cutoff, cost)
            self._learn(partition)
            self.watch.offer(partition)
            self.watch.report(cost, note="incumbent from clusters")

    def _learn(self, partition: Partition) -> None:
        """Let the clusters of a partition be columns, on every type that holds them."""
        labels = partition.cluster_of_unit
        clusters = [frozenset(np.flatnonzero(labels == c).tolist()) for c in range(partition.num_clusters)]
        self.master.add(itertools.product(clusters, range(len(self.price))))

    def _anneal(self, enough: int) -> None:
        """Improve the incumbent from outside the clusters known."""
        left = self.watch.remaining_s
        part = self.watch.part(min(5.0 if left is None else 0.05 * left, 4e-3 * self.problem.num_units**2))
        if self.watch.should_stop() or self.goal is not self.problem.objective:
            return
        self.attempts += 1
        found = annealed(self.problem, part, self.incumbent, target=enough, attempt=self.attempts)
        if found is not None:
            self._take(found)

    def _solve_over_columns(self, time_s: float) -> None:
        """The best partition into clusters known so far, by an engine's branch and bound."""
        limit = self.watch.part(time_s).remaining_s
        chosen = self.master.integer(time_s if limit is None else limit)
        if chosen is not None:
            self._offer(chosen)
