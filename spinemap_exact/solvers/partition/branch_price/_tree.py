"""Branch, price and cut: bounds of nodes by column generation, incumbents from the clusters found."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.partition_search import Search, annealed, fewest_clusters, reannealed
from spinemap_exact.mapping import Partition
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price import _cuts
from spinemap_exact.solvers.partition.branch_price._bundle import Bundle
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Instance, Priced, Pricing
from spinemap_exact.solvers.partition.branch_price._master import Master, Relaxed
from spinemap_exact.solvers.partition.branch_price._pricer import as_integers
from spinemap_exact.solvers.partition.branch_price._selection import Selection

logger = logging.getLogger(__name__)

_WORTHWHILE = 0.05  # part of the gap that a round of cuts must close to be followed by another
_SMOOTH = 0.7  # weight of earlier duals in those that guide the guesses
_LARGE = 14  # units per cluster from which on duals are found by a bundle method first
_PATIENCE = 20  # nodes before the clusters in question are listed
_MOST_LISTED = 100_000
_BATCH = 40  # roundings
_SAFE = 1 << 46  # scaled sums of spikes stay below


@dataclass(frozen=True)
class Proof:
    """Why no partition below a node costs less than ``bound``.

    With value(C) = sum of the duals of the units of C - ``scale`` x cost(C) - penalties of the cuts that C meets, no
    cluster that the node allows has a value above ``most``. So over at most K clusters
    ``scale`` x cost >= sum of duals - sum of penalties - K x ``most``; where clusters are counted, value leaves the
    cost out and ``number x most >= sum of duals - sum of penalties``.
    """

    duals: tuple[int, ...]
    penalties: tuple[int, ...]
    scale: int
    most: int
    bound: int


@dataclass(frozen=True)
class Leaf:
    """An end of the tree: a bound, or a contradiction among the decisions (``proof`` None)."""

    branching: Branching
    proof: Proof | None


@dataclass(frozen=True)
class Evidence:
    """Everything that a certificate of the bound is written from."""

    max_clusters: int
    triples: tuple[tuple[int, ...], ...]
    leaves: tuple[Leaf, ...]
    root: Proof | None

    def at_root(self) -> Evidence | None:
        """The same before any branching: a weaker bound, written down in a fraction of the time."""
        return None if self.root is None else replace(self, leaves=(Leaf(Branching(), self.root),))


@dataclass(frozen=True)
class Listing:
    """What a choice among listed clusters began with: the proof of the root that left no others in question."""

    max_clusters: int
    triples: tuple[tuple[int, ...], ...]
    root: Proof

    def at_root(self) -> Evidence:
        """The bound of the root alone, as evidence of a tree that did not branch."""
        return Evidence(self.max_clusters, self.triples, (Leaf(Branching(), self.root),), self.root)


@dataclass(order=True)
class _Node:
    bound: int
    order: int
    branching: Branching = field(compare=False)
    proof: Proof | None = field(compare=False)


class _Oracle:
    """Answers the bundle's questions at one node, and keeps what was proven."""

    bundle: Bundle

    def __init__(self, tree: Tree, node: _Node, pricing: Pricing, watch: Watch) -> None:
        self.tree, self.node, self.pricing, self.watch = tree, node, pricing, watch

    def guess(self, duals: Array, penalties: Array, hard: bool = False) -> list[frozenset[int]]:
        tree, bundle, n = self.tree, self.bundle, len(duals)
        heavy = [bundle.clusters[int(i)] for i in np.argsort(-bundle.weight)[:12]]
        first = int(tree.random.integers(n))
        alone = [frozenset(((first + i * 7) % n,)) for i in range(12)]
        seeds = [c for c in heavy if c] + alone
        effort = 100 * n if hard else 1500
        return self.pricing.probe(duals, penalties, tree.scale, 0, seeds, effort, tree.state)

    def prove(self, duals: Array, penalties: Array, known: int, spoils: float) -> Priced:
        tree, left = self.tree, self.watch.remaining_s
        part = self.watch if left is None else self.watch.part(max(2.0, 0.3 * left))
        priced = self.pricing.exact(duals, penalties, tree.scale, known, known, part, spoils)
        tree.pricing_calls += 1
        tree.prove(self.node, duals, penalties, priced.most)
        bound, clusters = min(self.node.bound, tree.cutoff), len(self.bundle.clusters)
        tree.watch.report(tree.objective, bound, note=f"bundle, {clusters} clusters")
        return priced

    def value(self, cluster: frozenset[int], duals: Array, penalties: Array) -> int:
        return self.pricing.value(cluster, duals, penalties, self.tree.scale)

    def cost(self, cluster: frozenset[int]) -> int:
        return self.tree.instance.cost(cluster)


class Tree:
    """The search for one problem with one crossbar type."""

    def __init__(
        self,
        instance: Instance,
        max_clusters: int,
        watch: Watch,
        incumbent: Partition | None,
        floor: int,
        may_list: bool = True,
    ) -> None:
        self.instance = instance
        self.may_list = may_list
        self.max_clusters = max_clusters
        self.watch = watch
        self.incumbent = incumbent
        self.objective: int | None = None if incumbent is None else instance.price(incumbent)
        self.floor = floor
        self.step = math.gcd(*instance.spikes) or 1 if instance.packets else 1
        # no partition costs as much as this
        dearest = 1 + (instance.problem.network.synaptic_events if instance.packets else max_clusters)
        self.cutoff = dearest if self.objective is None else self.objective
        self.scale = 1000
        while self.scale < 10**6 and self.cutoff * self.scale < 10**7:
            self.scale *= 10
        while self.scale > 1 and dearest * self.scale > _SAFE:
            self.scale //= 10
        self.too_large = dearest * self.scale > _SAFE
        self.master = Master(instance, max_clusters, float(self.cutoff + 1))
        self.state = np.array([watch.limits.seed + 88172645463325252], dtype=np.uint64)
        self.random = np.random.default_rng(watch.limits.seed)
        self.probe_s = 0.0
        self.relax_s = 0.0
        self.proof_s: float | None = None
        self.nodes_done = 0
        self.attempts = 0
        self.pricing_calls = 0
        self.leaves: list[Leaf] = []
        self.number = itertools.count()
        self.root_bound: int | None = None
        self.centre: Array | None = None
        self.root_proof: Proof | None = None
        self.gap_listed: int | None = None  # the gap at the last attempt to list, successful or not
        self.selection: Selection | None = None

    # --- the tree ------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Search until the tree is empty or the time is up; return the bound."""
        if self.incumbent is not None:
            labels = self.incumbent.cluster_of_unit
            self.master.add(frozenset(np.flatnonzero(labels == c).tolist()) for c in range(self.incumbent.num_clusters))
        waiting = [_Node(self.floor, next(self.number), Branching(), None)]
        while waiting and not self.watch.should_stop():
            node = heapq.heappop(waiting)
            if self._closed(node.bound):
                self.leaves.append(Leaf(node.branching, node.proof))
                continue
            if self._worth_listing() and self._select(self._lowest([node])):
                waiting.append(node)
                break
            for child in self._process(node, alone=not waiting):
                heapq.heappush(waiting, child)
            self._report(waiting)
        self.leaves += [Leaf(node.branching, node.proof) for node in waiting]
        selected = self.floor if self.selection is None else self.selection.bound
        return max(selected, self._lowest(waiting))

    @property
    def evidence(self) -> Evidence | Listing:
        """Where a selection among listed clusters took over, only what that began with."""
        if self.selection is not None and self.root_proof is not None:
            return Listing(self.max_clusters, tuple(self.master.triples), self.root_proof)
        return Evidence(self.max_clusters, tuple(self.master.triples), tuple(self.leaves), self.root_proof)

    def _closed(self, bound: int) -> bool:
        return bound >= self.cutoff

    def _lowest(self, waiting: Sequence[_Node]) -> int:
        return min([self.cutoff, *(n.bound for n in waiting)])

    def _report(self, waiting: Sequence[_Node]) -> None:
        self.watch.report(
            self.objective,
            None if self.objective is None and not waiting else self._lowest(waiting),
            note=f"{self.nodes_done} nodes, {len(waiting)} open, {len(self.master.clusters)} clusters",
        )

    def _process(self, node: _Node, alone: bool) -> list[_Node]:
        """Bound one node; return what is left of it."""
        self.nodes_done += 1
        pricing = Pricing(self.instance, node.branching, self.master.triples)
        if not pricing.feasible:
            self.leaves.append(Leaf(node.branching, None))
            return []
        at_root = not (node.branching.together or node.branching.apart)
        self.master.restrict(node.branching)
        if at_root and self.instance.packets and self.instance.num_units >= _LARGE * self.max_clusters:
            self._ascend(node, pricing)
            pricing = Pricing(self.instance, node.branching, self.master.triples)
        rounds, before, relaxed = 0, node.bound, None
        while not self._closed(node.bound):
            relaxed = self._generate(node, pricing, alone)
            if at_root:
                self.root_bound = node.bound
            if alone:
                self.watch.report(self.objective, min(node.bound, self.cutoff), note=f"cut round {rounds}")
            if self._closed(node.bound) or relaxed is None:
                break
            if at_root and rounds in (0, 3):
                self._anneal(node.bound)
                if self._closed(node.bound):
                    break
            self._take_if_integral(relaxed)
            gained, before = node.bound - before, node.bound
            weak = rounds > 0 and gained < _WORTHWHILE * (self.cutoff - node.bound)
            if weak or rounds >= (15 if at_root else 2):
                break
            fresh = _cuts.separate(
                self.master.clusters,
                relaxed.weights,
                self.instance.num_units,
                set(self.master.triples),
                12 if at_root else 5,
            )
            if not fresh:
                break
            self.master.cut(fresh)
            pricing = Pricing(self.instance, node.branching, self.master.triples)
            rounds += 1
        if at_root:
            self.root_proof = node.proof
        if self._closed(node.bound):
            self.leaves.append(Leaf(node.branching, node.proof))
            return []
        if relaxed is None:  # out of time
            return [node]
        if at_root or self.nodes_done % 20 == 0:
            self._solve_over_clusters(4.0 if at_root else 2.0)
            if self._closed(node.bound):
                self.leaves.append(Leaf(node.branching, node.proof))
                return []
        pair = self._branch_pair(node, relaxed)
        if pair is None:
            return [node] if self.watch.should_stop() else self._unbranchable(node)
        decisions = node.branching
        return [
            _Node(node.bound, next(self.number), replace(decisions, together=(*decisions.together, pair)), node.proof),
            _Node(node.bound, next(self.number), replace(decisions, apart=(*decisions.apart, pair)), node.proof),
        ]

    def _unbranchable(self, node: _Node) -> list[_Node]:
        """The relaxation is integral, yet the bound does not meet it by rounding: split off any undecided pair."""
        n, known = self.instance.num_units, node.branching
        groups = known.groups(n)
        group_of = {u: i for i, members in enumerate(groups) for u in members}
        apart = {frozenset((group_of[u], group_of[v])) for u, v in known.apart}
        for i, j in itertools.combinations(range(len(groups)), 2):
            if frozenset((i, j)) not in apart:
                pair = (groups[i][0], groups[j][0])
                return [
                    _Node(node.bound, next(self.number), replace(known, together=(*known.together, pair)), node.proof),
                    _Node(node.bound, next(self.number), replace(known, apart=(*known.apart, pair)), node.proof),
                ]
        # everything is decided: one partition is left, and it is feasible only if it was offered
        self._offer([frozenset(members) for members in groups])
        self.leaves.append(Leaf(known, node.proof if self._closed(node.bound) else None))
        return []

    # --- bounds --------------------------------------------------------------------------------------------------

    def _ascend(self, node: _Node, pricing: Pricing) -> None:
        """Raise the bound of the root by a bundle method, with cuts; its clusters and duals are where columns begin."""
        left = self.watch.remaining_s
        part = self.watch if left is None else self.watch.part(0.85 * left)
        oracle = _Oracle(self, node, pricing, part)
        bundle = oracle.bundle = Bundle(self.max_clusters, self.scale, self._fair_shares(), oracle)
        bundle.add(self.master.clusters)
        enough = math.ceil((self.cutoff - self.step + 2e-3) * self.scale)
        bundle.approach(self.watch if left is None else self.watch.part(0.1 * left), enough)
        for rounds in range(16):
            before = node.bound
            bundle.ascend(part, enough)
            if rounds == 0:
                self._round(bundle.clusters, bundle.weight, node.bound, 0.05)
                enough = math.ceil((self.cutoff - self.step + 2e-3) * self.scale)
            weak = rounds > 0 and node.bound - before < _WORTHWHILE * (self.cutoff - node.bound)
            if weak or self._closed(node.bound) or part.should_stop():
                break
            fresh = _cuts.separate(
                bundle.clusters, self.max_clusters * bundle.weight, len(bundle.duals), set(bundle.triples), 12
            )
            if not fresh:
                break
            self.master.cut(fresh)
            bundle.cut(fresh)
            oracle.pricing = Pricing(self.instance, node.branching, self.master.triples)
        if part.should_stop():  # what is left is too short for better bounds
            self._round(bundle.clusters, bundle.weight, node.bound, 0.3)
        self.centre = np.floor(bundle.duals).astype(np.int64)
        self.master.add(c for c in bundle.clusters if c)
        self.root_bound = node.bound

    def _fair_shares(self) -> Array:
        """Duals near the cost of the incumbent: each packet shared by its readers in a cluster."""
        duals: Array = np.zeros(self.instance.num_units)
        for cluster in self.master.clusters:
            readers = defaultdict(list)
            for u in cluster:
                for k in self.instance.pre[u]:
                    if k not in cluster:
                        readers[k].append(u)
            for k, units in readers.items():
                duals[units] += 0.9 * self.scale * self.instance.spikes[k] / len(units)
        return duals

    def _generate(self, node: _Node, pricing: Pricing, alone: bool) -> Relaxed | None:
        """Column generation; raises ``node.bound``. None if the time ran out."""
        master, scale, watch = self.master, self.scale, self.watch
        per_cluster = 0 if self.instance.packets else scale  # value leaves the cost of a counted cluster out
        tolerance = 2e-6
        effort = 1500
        guide = self.centre
        self.centre = None
        while not watch.should_stop():
            began = watch.elapsed_s
            relaxed = master.solve(central=True)
            self.relax_s = watch.elapsed_s - began
            duals, penalties = as_integers(relaxed.duals * scale, relaxed.penalties * scale)
            if not self.instance.packets:
                duals = np.maximum(duals, 0)
            charge = int(relaxed.charge * scale) + per_cluster
            worth = charge + max(1, int(scale * tolerance * max(1.0, relaxed.value) / self.max_clusters))
            # where a proof is nearly as cheap as a guess, guessing harder is a waste
            cheap = self.proof_s is not None and self.proof_s < 2.0 * self.probe_s
            guide = duals if guide is None else (_SMOOTH * guide + (1.0 - _SMOOTH) * duals).astype(np.int64)
            if (late_s := self._late(node)) is not None:  # better a bound from rough duals than none
                rough = pricing.exact(
                    guide, penalties, scale, self._proof_to(guide, penalties, relaxed.value), worth, watch.part(late_s)
                )
                self.pricing_calls += 1
                self.prove(node, guide, penalties, rough.most)
                master.add(c for c in rough.clusters if pricing.value(c, duals, penalties, scale) > worth)
                if alone:
                    watch.report(self.objective, min(node.bound, self.cutoff))
            if self._improve(pricing, relaxed, duals, guide, penalties, worth, effort) or (
                not cheap and self._improve(pricing, relaxed, duals, duals, penalties, worth, 4 * effort)
            ):
                continue
            began = watch.elapsed_s
            # what closes the node, if the relaxation allows it; else all that the relaxation gives
            closing = self.cutoff - self.step + 2e-3
            target = closing if relaxed.value > closing else relaxed.value * (1 - tolerance)
            priced = pricing.exact(
                duals, penalties, scale, self._proof_to(duals, penalties, target), worth, self._pricing_watch(node)
            )
            self.proof_s = watch.elapsed_s - began
            self.pricing_calls += 1
            self.prove(node, duals, penalties, priced.most)
            added = master.add(c for c in priced.clusters if node.branching.allows(c))
            logger.debug(
                "relaxation %.3f bound %d clusters %d pricing nodes %d complete %s",
                relaxed.value,
                node.bound,
                len(master.clusters),
                priced.nodes,
                priced.complete,
            )
            if alone:
                watch.report(self.objective, min(node.bound, self.cutoff))
            if self._closed(node.bound):
                return relaxed
            if added and priced.complete:
                continue
            if not priced.complete:
                if added:
                    continue
                return None if watch.should_stop() else relaxed
            if relaxed.artificial > 1e-6 and master.raise_artificial():
                continue
            return relaxed
        return None

    def _late(self, node: _Node) -> float | None:
        """Seconds for a first proof when half of the time has gone without one."""
        left, limit = self.watch.remaining_s, self.watch.limits.time_s
        if node.proof is not None or left is None or limit is None or left > 0.5 * limit:
            return None
        return 0.5 * left

    def _pricing_watch(self, node: _Node) -> Watch:
        """A first proof may take long, later ones must leave time for others."""
        left = self.watch.remaining_s
        if left is None:
            return self.watch
        return self.watch.part(left if node.proof is None else max(2.0, 0.35 * left))

    def _improve(
        self, pricing: Pricing, relaxed: Relaxed, duals: Array, guide: Array, penalties: Array, worth: int, effort: int
    ) -> int:
        """Add clusters that annealing finds by ``guide`` and that ``duals`` find worth it; return how many."""
        master = self.master
        support = [int(i) for i in np.argsort(-relaxed.weights)[:24] if relaxed.weights[i] > 1e-6]
        seeds = [master.clusters[i] for i in support if not master.barred[i]]
        first = int(self.random.integers(len(pricing.groups)))
        # guessing may take as long as the relaxation does
        wanted = min(len(pricing.groups), 32 * max(1, min(8, round(self.relax_s / max(self.probe_s, 1e-3)))))
        seeds += [frozenset(pricing.groups[(first + i) % len(pricing.groups)]) for i in range(wanted)]
        began = self.watch.elapsed_s
        found = pricing.probe(guide, penalties, self.scale, 0, seeds, effort, self.state)
        self.probe_s = (self.watch.elapsed_s - began) * 32 / max(32, wanted)
        return master.add(c for c in found[:200] if pricing.value(c, duals, penalties, self.scale) > worth)

    def _proof_to(self, duals: Array, penalties: Array, target: float) -> int:
        total = int(duals.sum()) - int(penalties.sum())
        if self.instance.packets:
            return math.floor((total - target * self.scale) / self.max_clusters)
        return math.floor(total / target) if target > 0 else 0

    def prove(self, node: _Node, duals: Array, penalties: Array, most: int) -> None:
        """Turn what pricing proved into a bound, by integers alone."""
        total = int(duals.sum()) - int(penalties.sum())
        if self.instance.packets:
            bound = -((self.max_clusters * most - total) // self.scale)
            bound = -(-bound // self.step) * self.step
        else:
            bound = -(-total // most) if most > 0 else self.floor
        if bound > node.bound or node.proof is None:
            node.proof = Proof(tuple(duals.tolist()), tuple(penalties.tolist()), self.scale, most, bound)
        node.bound = max(node.bound, bound)

    # --- the end, where few clusters are in question ---------------------------------------------------------------

    def _worth_listing(self) -> bool:
        proof, limit = self.root_proof, self.watch.limits.time_s
        if not self.may_list or proof is None or self.objective is None or not self.instance.packets:
            return False
        waited = self.nodes_done >= _PATIENCE or (limit is not None and self.watch.elapsed_s > 0.2 * limit)
        return waited and (self.gap_listed is None or self.cutoff - proof.bound < 0.8 * self.gap_listed)

    def _select(self, lowest: int) -> bool:
        """List the clusters that a better partition may hold, and choose among them; False if they are too many."""
        proof, left = self.root_proof, self.watch.remaining_s
        assert proof is not None
        duals, penalties = np.array(proof.duals), np.array(proof.penalties, dtype=np.int64)
        triples = self.master.triples[: len(penalties)]
        total = sum(proof.duals) - sum(proof.penalties)
        # of at most K clusters none is worth more than `most`, so one that is worth less than this costs too much
        least = total - (self.max_clusters - 1) * proof.most - proof.scale * (self.cutoff - self.step)
        part = self.watch if left is None else self.watch.part(0.15 * left)
        pricing = Pricing(self.instance, Branching(), triples)
        clusters = pricing.above(duals, penalties, proof.scale, least - 1, part, _MOST_LISTED)
        self.gap_listed = self.cutoff - proof.bound
        self.watch.report(note=f"clusters in question: {'too many' if clusters is None else len(clusters)}")
        if clusters is None:
            return False
        self.selection = selection = Selection(
            self.instance, clusters, self.max_clusters, triples, self.cutoff, self.step, proof.scale, lowest
        )
        chosen = selection.search(self.watch)
        if chosen is not None:
            self._offer(chosen)
        return True

    # --- branching -----------------------------------------------------------------------------------------------

    def _branch_pair(self, node: _Node, relaxed: Relaxed) -> tuple[int, int] | None:
        """The pair of units whose separation moves the relaxation most in both directions."""
        n = self.instance.num_units
        used = np.flatnonzero(relaxed.weights > 1e-6)
        member = np.zeros((len(used), n))
        for i, c in enumerate(used.tolist()):
            member[i, list(self.master.clusters[c])] = 1.0
        both = np.triu(member.T @ (member * relaxed.weights[used, None]), 1)
        split = np.minimum(both, 1.0 - both)
        split[both <= 1e-6] = 0.0
        candidates = [divmod(int(i), n) for i in np.argsort(-split, axis=None)[:8]]
        candidates = [(u, v) for u, v in candidates if split[u, v] > 1e-4]
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        best, best_score = None, -1.0
        for pair in candidates:
            gains = []
            for kind in ("together", "apart"):
                decisions = replace(node.branching, **{kind: (*getattr(node.branching, kind), pair)})
                self.master.restrict(decisions)
                value = self.master.solve().value
                gains.append(max(1e-6, min(value, float(self.cutoff)) - relaxed.value))
            score = min(gains) + 0.1 * max(gains)
            if score > best_score:
                best, best_score = pair, score
            if self.watch.should_stop():
                break
        return best

    # --- incumbents ----------------------------------------------------------------------------------------------

    def _take_if_integral(self, relaxed: Relaxed) -> None:
        if relaxed.artificial < 1e-6:
            chosen = [self.master.clusters[i] for i in np.flatnonzero(relaxed.weights > 0.5)]
            self._offer(chosen)

    def _offer(self, clusters: Sequence[frozenset[int]]) -> None:
        """Take disjoint or overlapping clusters as a partition if they cover all units and improve on the incumbent."""
        n = self.instance.num_units
        labels = np.full(n, -1, dtype=np.int64)
        for c, cluster in enumerate(clusters):
            for u in cluster:
                if labels[u] < 0:
                    labels[u] = c
        if n == 0 or labels.min() < 0:
            return
        partition = Partition.from_labels(labels)
        if self.instance.problem.violations(partition):
            return
        cost = self.instance.price(partition)
        if self.objective is None or cost < self.objective:
            self.objective, self.incumbent = cost, partition
            self.cutoff = min(self.cutoff, cost)
            self.watch.offer(partition)
            self.watch.report(cost, note="incumbent from clusters")

    def _anneal(self, enough: int) -> None:
        """Improve the incumbent from outside the clusters known; its own clusters join them."""
        left = self.watch.remaining_s
        # a count of clusters is proven by rounding up at the root more often than not: what is missing is a packing
        share = 0.05 if self.instance.packets else 0.3
        part = self.watch.part(min(5.0 if left is None else share * left, 4e-3 * self.instance.num_units**2))
        if self.watch.should_stop():
            return
        self.attempts += 1
        problem = self.instance.problem
        if self.instance.packets:
            found = annealed(problem, part, self.incumbent, target=enough, attempt=self.attempts)
        else:
            found = fewest_clusters(problem, part, self.incumbent, target=enough, attempt=self.attempts)
        if found is not None:
            self._take(found)

    def _round(self, clusters: Sequence[frozenset[int]], weights: Array, enough: int, time_share: float) -> None:
        """Draw clusters by weight, put units left over with those they are weighted with, and anneal a little.

        The best of a batch is annealed for longer, some clusters at a time.
        """
        problem, n, random = self.instance.problem, self.instance.num_units, self.random
        search = Search(problem)
        used = np.flatnonzero(weights > 1e-6)
        member = np.zeros((len(used), n))
        for i, c in enumerate(used.tolist()):
            member[i, list(clusters[c])] = 1.0
        both = member.T @ (member * weights[used, None])
        left = self.watch.remaining_s
        part = self.watch.part(4e-3 * n**2 if left is None else min(time_share * left, 4e-3 * n**2))
        met: list[Array] = []
        while not part.should_stop() and not self._closed(enough):
            if len(met) == _BATCH:
                best = min(met, key=lambda labels: self.instance.price(search.partition(labels)))
                self._take(search.partition(reannealed(problem, search, best, part, random, 50_000 * n, enough)))
                met.clear()
            labels = np.full(n, -1, dtype=np.int64)
            slot = 0
            for i in np.argsort(-np.log(weights[used]) - random.gumbel(size=len(used))).tolist():
                fresh = (member[i] > 0) & (labels < 0)
                if slot < len(search.slots) and 2 * fresh.sum() >= member[i].sum() > 0:
                    labels[fresh] = slot
                    slot += 1
            for u in np.flatnonzero(labels < 0).tolist():
                share = np.bincount(labels[labels >= 0], weights=both[u, labels >= 0], minlength=len(search.slots))
                labels[u] = int(np.argmax(share + 1e-9 * random.random(len(share))))
            search.set(labels)
            if search.anneal(part, random, 100_000, 0.1):
                met.append(search.best.copy())
                self._take(search.partition(search.best))

    def _take(self, partition: Partition) -> None:
        """Keep a partition that improves on the incumbent, and its clusters."""
        if self.instance.price(partition) >= self.cutoff:
            return
        labels = partition.cluster_of_unit
        clusters = [frozenset(np.flatnonzero(labels == c).tolist()) for c in range(partition.num_clusters)]
        self.master.add(clusters)
        self._offer(clusters)

    def _solve_over_clusters(self, time_s: float) -> None:
        """The best partition into clusters known so far, by an engine's branch and bound."""
        self.master.restrict(Branching())
        limit = self.watch.part(time_s).remaining_s
        chosen = self.master.integer(time_s if limit is None else limit)
        if chosen is not None:
            self._offer(chosen)
