"""What a node is split by: the number of crossbars of a type, or a pair of units."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np

from spinemap_exact.problems.partition import PartitionObjective
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price._best import Best
from spinemap_exact.solvers.partition.branch_price._master import Relaxed
from spinemap_exact.solvers.partition.branch_price._node import Node

_CANDIDATES = 8  # pairs whose separation is tried on the relaxation


class Splitter:
    """Splits nodes, and numbers the sides in the order of their making."""

    def __init__(self, best: Best, watch: Watch) -> None:
        self.best, self.costs, self.master, self.watch = best, best.costs, best.master, watch
        self.number = itertools.count(1)

    def sides(self, node: Node, relaxed: Relaxed) -> list[Node]:
        """Return what is left of a node; nothing where it has one way to cluster, which is offered."""
        by_area = self.costs.goal is PartitionObjective.AREA or relaxed.area_charge > 1e-6
        if by_area and (sides := self._by_number(node, relaxed, 0.05)):
            return sides
        if (pair := self._pair(node, relaxed)) is not None:
            return self._by_pair(node, pair)
        if self.watch.should_stop():
            return [node]
        return self._by_number(node, relaxed, 1e-4) or self._by_any_pair(node)

    def _by_pair(self, node: Node, pair: tuple[int, int]) -> list[Node]:
        known = node.branching
        decided = replace(known, together=(*known.together, pair)), replace(known, apart=(*known.apart, pair))
        return [replace(node, order=next(self.number), branching=branching) for branching in decided]

    def _by_number(self, node: Node, relaxed: Relaxed, least: float) -> list[Node]:
        """Branch on the type whose number of crossbars is furthest from an integer; nothing if all are near one."""
        if self.costs.num_types == 1:
            return []
        kinds = self.master.kinds[: len(relaxed.weights)]
        number = np.bincount(kinds, weights=relaxed.weights, minlength=self.costs.num_types)
        kind = int(np.argmax(np.abs(number - np.round(number))))
        if abs(number[kind] - round(number[kind])) <= least:
            return []
        below = math.floor(number[kind])
        sides = node.range.below(kind, below), node.range.above(kind, below + 1)
        return [
            replace(node, order=next(self.number), range=side) for side in sides if len(self.costs.mixes.within(side))
        ]

    def _pair(self, node: Node, relaxed: Relaxed) -> tuple[int, int] | None:
        """The pair of units whose separation moves the relaxation most in both directions."""
        n = self.costs.num_units
        used = np.flatnonzero(relaxed.weights > 1e-6)
        member = np.zeros((len(used), n))
        for i, c in enumerate(used.tolist()):
            member[i, list(self.master.clusters[c])] = 1.0
        both = np.triu(member.T @ (member * relaxed.weights[used, None]), 1)
        split = np.minimum(both, 1.0 - both)
        split[both <= 1e-6] = 0.0
        pairs = [divmod(int(i), n) for i in np.argsort(-split, axis=None)[:_CANDIDATES]]
        pairs = [(u, v) for u, v in pairs if split[u, v] > 1e-4]
        if len(pairs) < 2:
            return pairs[0] if pairs else None
        best, best_score = None, -1.0
        for pair in pairs:
            gains = self._gains(node, pair, relaxed.value)
            if (score := min(gains) + 0.1 * max(gains)) > best_score:
                best, best_score = pair, score
            if self.watch.should_stop():
                break
        return best

    def _gains(self, node: Node, pair: tuple[int, int], value: float) -> list[float]:
        """What the relaxation gains on either side of a pair."""
        gains = []
        for side in self._by_pair(node, pair):
            self.master.restrict(side.branching, side.range)
            gains.append(max(1e-6, min(self.master.solve().value, float(self.best.cutoff)) - value))
        return gains

    def _by_any_pair(self, node: Node) -> list[Node]:
        """The relaxation is integral, yet the bound does not meet it: split any undecided pair, or settle the leaf."""
        groups = node.branching.groups(self.costs.num_units)
        group_of = {u: i for i, members in enumerate(groups) for u in members}
        apart = {frozenset((group_of[u], group_of[v])) for u, v in node.branching.apart}
        for i, j in itertools.combinations(range(len(groups)), 2):
            if frozenset((i, j)) not in apart:
                return self._by_pair(node, (groups[i][0], groups[j][0]))
        # one way to cluster is left, and no mix serves it better than the one that `served` finds
        self.best.offer([frozenset(members) for members in groups])
        return []
