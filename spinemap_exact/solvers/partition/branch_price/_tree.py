"""Branch, price and cut: bounds of nodes by column generation, incumbents from the clusters found.

A column is a cluster and the type of its crossbar. Each type has a pricer with its own rows and columns; `Mixes` turns
what they prove into a bound. With one type, a bundle method may raise the root first, and a choice among listed
clusters may end the search.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from spinemap_exact.mapping import Partition
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price import _ascent, _cuts
from spinemap_exact.solvers.partition.branch_price._best import Best
from spinemap_exact.solvers.partition.branch_price._branching import Splitter
from spinemap_exact.solvers.partition.branch_price._costs import Costs
from spinemap_exact.solvers.partition.branch_price._generation import Generation
from spinemap_exact.solvers.partition.branch_price._graph import Branching, Pricing
from spinemap_exact.solvers.partition.branch_price._master import Relaxed
from spinemap_exact.solvers.partition.branch_price._node import Evidence, Leaf, Listing, Node, Proof
from spinemap_exact.solvers.partition.branch_price._selection import Selection

_WORTHWHILE = 0.05  # part of the gap that a round of cuts must close to be followed by another
_PATIENCE = 20  # nodes before the clusters in question are listed
_MOST_LISTED = 100_000


class Tree:
    """The search for one goal over the mixes of a problem.

    Parameters
    ----------
    floor : int
        A bound known before.
    may_list : bool
        A choice among listed clusters, which leaves only what it began with, may end the search.
    any_will_do : bool
        Stop at the first partition.
    """

    def __init__(
        self,
        costs: Costs,
        watch: Watch,
        incumbent: Partition | None,
        floor: int,
        *,
        may_list: bool = True,
        any_will_do: bool = False,
    ) -> None:
        self.costs, self.watch, self.floor = costs, watch, floor
        self.may_list = may_list and costs.packets and costs.num_types == 1
        self.any_will_do = any_will_do
        random = np.random.default_rng(watch.limits.seed)
        self.best = Best(costs, watch, incumbent, random)
        self.master = self.best.master
        self.generation = Generation(self.best, watch, random)
        self.splitter = Splitter(self.best, watch)
        self.nodes_done = 0
        self.leaves: list[Leaf] = []
        self.root_bound: int | None = None
        self.root_proof: Proof | None = None
        self.gap_listed: int | None = None  # the gap at the last attempt to list, successful or not
        self.selection: Selection | None = None

    @property
    def incumbent(self) -> Partition | None:
        return self.best.incumbent

    def run(self) -> int:
        """Search until the tree is empty or the time is up; return the bound.

        Without an incumbent, a bound above every price proves that there is no partition within the limits.
        """
        waiting = [Node(self.floor, 0, Branching(), self.costs.mixes.everything)]
        while waiting and not self.watch.should_stop() and not (self.any_will_do and self.incumbent is not None):
            node = heapq.heappop(waiting)
            if self.best.closes(node.bound):
                self._end(node)
                continue
            if self._worth_listing() and self._select(node.bound):
                waiting.append(node)
                break
            for child in self._process(node, alone=not waiting):
                heapq.heappush(waiting, child)
            bound = None if self.best.objective is None and not waiting else self._lowest(waiting)
            counts = f"{self.nodes_done} nodes, {len(waiting)} open, {len(self.master.clusters)} columns"
            self.best.report(bound, note=counts)
        self.leaves += [Leaf(node.branching, node.proof) for node in waiting]
        selected = self.floor if self.selection is None else self.selection.bound
        return max(selected, self._lowest(waiting))

    @property
    def evidence(self) -> Evidence | Listing | None:
        """Where a selection among listed clusters took over, only what that began with; None with several types."""
        if self.costs.num_types > 1 or not self.nodes_done:
            return None
        most, triples = self.costs.mixes.max_clusters, tuple(self.master.triples)
        if self.selection is not None and self.root_proof is not None:
            return Listing(most, triples, self.root_proof)
        return Evidence(most, triples, tuple(self.leaves), self.root_proof)

    @property
    def details(self) -> dict[str, object]:
        details: dict[str, object] = {
            "nodes": self.nodes_done,
            "clusters": len(self.master.clusters),
            "cuts": len(self.master.triples),
            "pricing_calls": self.generation.calls,
            "root_bound": None if self.root_bound is None else self.costs.unit * self.root_bound,
        }
        if self.costs.num_types > 1:
            details["mixes"] = len(self.costs.mixes.vectors)
        return details

    def _lowest(self, waiting: Sequence[Node]) -> int:
        return min([self.best.cutoff, *(n.bound for n in waiting)])

    def _end(self, node: Node) -> list[Node]:
        """Nothing is left of a node: its bound closes it, or its decisions leave no other partition."""
        self.leaves.append(Leaf(node.branching, node.proof if self.best.closes(node.bound) else None))
        return []

    def _pricers(self, node: Node) -> list[Pricing] | None:
        """A pricer for each type; None if units that must lie together fit no crossbar or must lie apart."""
        groups = node.branching.groups(self.costs.num_units)
        instances, triples = self.costs.instances, self.master.triples
        if not all(any(instance.feasible(members) for instance in instances) for members in groups):
            return None
        pricers = [Pricing(instance, node.branching, triples) for instance in instances]
        return pricers if all(pricing.feasible for pricing in pricers) else None

    def _process(self, node: Node, alone: bool) -> list[Node]:
        """Bound one node; return what is left of it."""
        self.nodes_done += 1
        pricers = self._pricers(node)
        if pricers is None:
            self.leaves.append(Leaf(node.branching, None))
            return []
        at_root = self.nodes_done == 1
        self.master.restrict(node.branching, node.range)
        if at_root and _ascent.pays(self.generation):
            _ascent.Ascent(self.generation, node).run()
            self.root_bound = node.bound
            pricers = self._pricers(node)
        assert pricers is not None
        relaxed = self._bound(node, pricers, alone)
        if at_root:
            self.root_proof = node.proof
        if self.best.closes(node.bound):
            return self._end(node)
        if relaxed is None:  # out of time
            return [node]
        if at_root or self.nodes_done % 20 == 0:
            self.best.choose(4.0 if at_root else 2.0)
            if self.best.closes(node.bound):
                return self._end(node)
        return self.splitter.sides(node, relaxed) or self._end(node)

    def _bound(self, node: Node, pricers: list[Pricing], alone: bool) -> Relaxed | None:
        """Generate columns and cuts in turns, for as long as cuts pay; None if the time ran out."""
        best, at_root = self.best, self.nodes_done == 1
        rounds, before, relaxed = 0, node.bound, None
        while not best.closes(node.bound):
            relaxed = self.generation.run(node, pricers, alone)
            if at_root:
                self.root_bound = node.bound
            if alone:
                best.report(node.bound, note=f"cut round {rounds}")
            if best.closes(node.bound) or relaxed is None:
                break
            if at_root and rounds in (0, 3):
                best.anneal(node.bound)
                if best.closes(node.bound):
                    break
            best.take_if_integral(relaxed)
            gained, before = node.bound - before, node.bound
            weak = rounds > 0 and gained < _WORTHWHILE * best.gap(node.bound)
            if weak or rounds >= (15 if at_root else 2) or not self._cut(relaxed, 12 if at_root else 5):
                break
            pricers = self._pricers(node) or pricers
            rounds += 1
        return relaxed

    def _cut(self, relaxed: Relaxed, most: int) -> bool:
        """Add cuts that the relaxation breaks; False if there is none."""
        clusters, known = self.master.clusters, set(self.master.triples)
        fresh = _cuts.separate(clusters, relaxed.weights, self.costs.num_units, known, most)
        self.master.cut(fresh)
        return bool(fresh)

    # --- the end, where few clusters are in question ---------------------------------------------------------------

    def _worth_listing(self) -> bool:
        proof, limit = self.root_proof, self.watch.limits.time_s
        if not self.may_list or proof is None or self.best.objective is None:
            return False
        waited = self.nodes_done >= _PATIENCE or (limit is not None and self.watch.elapsed_s > 0.2 * limit)
        return waited and (self.gap_listed is None or self.best.gap(proof.bound) < 0.8 * self.gap_listed)

    def _select(self, lowest: int) -> bool:
        """List the clusters that a better partition may hold, and choose among them; False if they are too many."""
        proof, left = self.root_proof, self.watch.remaining_s
        assert proof is not None
        instance, cutoff, step, most = self.costs.instances[0], self.best.cutoff, self.costs.step, proof.most
        duals, penalties = np.array(proof.duals), np.array(proof.penalties, dtype=np.int64)
        triples = self.master.triples[: len(penalties)]
        total = sum(proof.duals) - sum(proof.penalties)
        max_clusters = self.costs.mixes.max_clusters
        # of at most K clusters none is worth more than `most`, so one that is worth less than this costs too much
        least = total - (max_clusters - 1) * most - proof.scale * (cutoff - step)
        part = self.watch if left is None else self.watch.part(0.15 * left)
        pricing = Pricing(instance, Branching(), triples)
        clusters = pricing.above(duals, penalties, proof.scale, least - 1, part, _MOST_LISTED)
        self.gap_listed = self.best.gap(proof.bound)
        self.watch.report(note=f"clusters in question: {'too many' if clusters is None else len(clusters)}")
        if clusters is None:
            return False
        self.selection = Selection(
            instance, clusters, max_clusters, triples, cutoff=cutoff, step=step, scale=proof.scale, bound=lowest
        )
        chosen = self.selection.search(self.watch)
        if chosen is not None:
            self.best.offer(chosen)
        return True
