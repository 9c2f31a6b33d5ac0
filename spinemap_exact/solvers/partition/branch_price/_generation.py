"""Column generation: the duals of the master's relaxation, columns that they lack, and the bounds that they prove."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition.branch_price._best import Best
from spinemap_exact.solvers.partition.branch_price._graph import Pricing
from spinemap_exact.solvers.partition.branch_price._master import Relaxed
from spinemap_exact.solvers.partition.branch_price._node import Node, Proof
from spinemap_exact.solvers.partition.branch_price._pricer import as_integers

logger = logging.getLogger(__name__)

_SMOOTH = 0.7  # weight of earlier duals in those that guide the guesses
_EFFORT = 1500  # steps of a guess
_TOLERANCE = 2e-6  # of the relaxation
_MOST_CHARGED = 1 << 48


@dataclass(frozen=True)
class _Turn:
    """A relaxation and its duals as integers: ``charge`` and ``worth`` are for a crossbar of each type.

    A cluster worth more than ``worth`` improves the relaxation.
    """

    relaxed: Relaxed
    duals: Array
    penalties: Array
    charge: list[int]
    worth: list[int]


class Generation:
    """What all nodes share: duals to begin with, seconds that guesses and proofs take, and chance.

    A pricer for each crossbar type comes with the node.
    """

    def __init__(self, best: Best, watch: Watch, random: np.random.Generator) -> None:
        self.best, self.costs, self.master = best, best.costs, best.master
        self.watch, self.random = watch, random
        self.scale = self.costs.scale(best.cutoff)
        self.state = np.array([watch.limits.seed + 88172645463325252], dtype=np.uint64)
        self.centre: Array | None = None
        self.probe_s = self.relax_s = 0.0
        self.proof_s: float | None = None
        self.calls = 0  # of pricers

    def run(self, node: Node, pricers: Sequence[Pricing], alone: bool) -> Relaxed | None:
        """Generate columns until the relaxation of a node lacks none; raise its bound. None if the time ran out."""
        guide, self.centre = self.centre, None
        while not self.watch.should_stop():
            turn = self._turn()
            duals, value = turn.duals, turn.relaxed.value
            guide = duals if guide is None else (_SMOOTH * guide + (1.0 - _SMOOTH) * duals).astype(np.int64)
            if (late_s := self._late_s(node)) is not None:  # better a bound from rough duals than none
                self._price(node, pricers, turn, guide, value, late_s)
                self._report(node, alone)
            # where a proof is nearly as cheap as a guess, guessing harder is a waste
            cheap = self.proof_s is not None and self.proof_s < 2.0 * self.probe_s
            if self._guess(pricers, turn, guide, _EFFORT) or (
                not cheap and self._guess(pricers, turn, duals, 4 * _EFFORT)
            ):
                continue
            # what closes the node, if the relaxation allows it; else all that the relaxation gives
            target = self.best.closing if value > self.best.closing else value * (1 - _TOLERANCE)
            began = self.watch.elapsed_s
            added, complete = self._price(node, pricers, turn, duals, target, self._proof_s(node))
            self.proof_s = self.watch.elapsed_s - began
            self._report(node, alone)
            if self.best.closes(node.bound):
                return turn.relaxed
            if added:
                continue
            if not complete:
                return None if self.watch.should_stop() else turn.relaxed
            if turn.relaxed.artificial > 1e-6 and self.master.raise_artificial():
                continue
            return turn.relaxed
        return None

    def _report(self, node: Node, alone: bool) -> None:
        if alone:
            self.best.report(node.bound)

    def _turn(self) -> _Turn:
        scale, costs = self.scale, self.costs
        began = self.watch.elapsed_s
        relaxed = self.master.solve(central=True)
        self.relax_s = self.watch.elapsed_s - began
        duals, penalties = as_integers(relaxed.duals * scale, relaxed.penalties * scale)
        if not costs.packets:
            duals = np.maximum(duals, 0)
        most = _MOST_CHARGED // costs.mixes.max_clusters
        charge = [math.floor(min(most, max(-most, c * scale))) for c in relaxed.charge.tolist()]
        slack = max(1, int(scale * _TOLERANCE * max(1.0, relaxed.value) / costs.mixes.max_clusters))
        worth = [max(0, c + p * scale) + slack for c, p in zip(charge, costs.price, strict=True)]
        return _Turn(relaxed, duals, penalties, charge, worth)

    def _late_s(self, node: Node) -> float | None:
        """Seconds for a first proof when half of the time has gone without one."""
        left, limit = self.watch.remaining_s, self.watch.limits.time_s
        if node.proof is not None or left is None or limit is None or left > 0.5 * limit:
            return None
        return 0.5 * left

    def _proof_s(self, node: Node) -> float | None:
        """Seconds for a proof: a first one may take long, later ones must leave time for others."""
        left = self.watch.remaining_s
        return left if left is None or node.proof is None else max(2.0, 0.35 * left)

    def _parts(self, time_s: float | None, count: int) -> Iterator[Watch]:
        """So many watches, one after the other, within the time."""
        end = None if time_s is None else self.watch.elapsed_s + time_s
        for i in range(count):
            yield self.watch if end is None else self.watch.part(max(0.0, end - self.watch.elapsed_s) / (count - i))

    def _guess(self, pricers: Sequence[Pricing], turn: _Turn, guide: Array, effort: int) -> int:
        """Add columns that annealing finds by ``guide`` and that the turn's duals find worth it; return how many."""
        master, groups, weights = self.master, pricers[0].groups, turn.relaxed.weights
        support = [int(i) for i in np.argsort(-weights)[:24] if weights[i] > 1e-6]
        seeds = [master.clusters[i] for i in support if not master.barred[i]]
        first = int(self.random.integers(len(groups)))
        # guessing may take as long as the relaxation does
        wanted = min(len(groups), 32 * max(1, min(8, round(self.relax_s / max(self.probe_s, 1e-3)))))
        seeds += [frozenset(groups[(first + i) % len(groups)]) for i in range(wanted)]
        began = self.watch.elapsed_s
        found: dict[frozenset[int], None] = {}
        for pricing in pricers:
            probed = pricing.probe(guide, turn.penalties, self.scale, 0, seeds, effort, self.state)
            found |= dict.fromkeys(probed[:200])
        self.probe_s = (self.watch.elapsed_s - began) * 32 / max(32, wanted)
        value = {c: pricers[0].value(c, turn.duals, turn.penalties, self.scale) for c in found}
        return master.add((c, kind) for c in found for kind, least in enumerate(turn.worth) if value[c] > least)

    def _price(
        self,
        node: Node,
        pricers: Sequence[Pricing],
        turn: _Turn,
        duals: Array,
        target: float,
        time_s: float | None,
    ) -> tuple[int, bool]:
        """Let the pricers prove a bound from duals, up to a target; return columns added, and whether they are done."""
        costs, penalties = self.costs, turn.penalties
        total = int(duals.sum()) - int(penalties.sum()) - target * self.scale
        enough = costs.enough(node.range, total, turn.charge, self.scale, self.best.cutoff)
        most, added, complete = [], 0, True
        parts = self._parts(time_s, len(pricers))
        for kind, (pricing, part) in enumerate(zip(pricers, parts, strict=True)):
            least = turn.worth[kind]
            priced = pricing.exact(duals, penalties, self.scale, enough[kind], least, part)
            clusters = [c for c in priced.clusters if node.branching.allows(c)]
            if duals is not turn.duals:
                clusters = [c for c in clusters if pricing.value(c, turn.duals, penalties, self.scale) > least]
            added += self.master.add((c, kind) for c in clusters)
            most.append(priced.most)
            complete &= priced.complete
            logger.debug("type %d: worth %d at most, by %d nodes of pricing", kind, priced.most, priced.nodes)
        self.prove(node, duals, penalties, most)
        logger.debug("relaxation %.3f bound %d columns %d", turn.relaxed.value, node.bound, len(self.master.clusters))
        return added, complete

    def prove(self, node: Node, duals: Array, penalties: Array, most: Sequence[int]) -> None:
        """Turn what pricing proved into a bound, by integers alone: the best cluster on each type is worth ``most``."""
        self.calls += len(most)
        total = int(duals.sum()) - int(penalties.sum())
        bound = self.costs.least(node.range, total, most, self.scale)
        if bound is None:  # no mix is left
            bound = self.best.cutoff
        if bound > node.bound or node.proof is None:
            node.proof = Proof(tuple(duals.tolist()), tuple(penalties.tolist()), self.scale, max(most), bound)
        node.bound = max(node.bound, bound)
