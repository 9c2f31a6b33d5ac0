"""The bound of one node: clusters and rows of levels are added until neither helps.

Where exact prices take long, known clusters and local search come first, and rows before proofs: most of the relaxation
stands before the first exact price. Elsewhere exact prices are as quick as guesses, and their proofs lead.
"""

from __future__ import annotations

import logging

from spinemap_exact.result import Watch
from spinemap_exact.solvers.mapping.branch_price._anchors import Multipliers
from spinemap_exact.solvers.mapping.branch_price._best import Best
from spinemap_exact.solvers.mapping.branch_price._master import Master, Relaxed
from spinemap_exact.solvers.mapping.branch_price._node import Node, Pricer

logger = logging.getLogger(__name__)

_MOST_ROWS = 60  # rows of levels that a round adds
_PATIENCE = 1  # rounds of rows that may gain little
_WORTHWHILE = 0.1  # part of the gap that later rounds must close
_CLOSE = 0.03  # part of the gap within which the relaxation counts as solved
_STALLED = 0.01  # part of the gap that guesses must lower the relaxation by, or proofs take over


class Climb:
    """One node on its way up."""

    def __init__(self, node: Node, master: Master, pricer: Pricer, best: Best, watch: Watch, guesses: bool) -> None:
        self.node, self.master, self.pricer, self.best, self.watch = node, master, pricer, best, watch
        self.guesses = guesses
        self.centre: Multipliers | None = None
        self.value = node.bound * pricer.scale  # what the centre proves
        if node.multipliers is not None:
            self.centre = pricer.inherited(node.multipliers, master.anchors)
        self.rounds, self.before = 0, float(node.bound)
        self.wants_rows = True
        self.guessed_from: float | None = None  # value of the relaxation when guesses were last made
        self.searched = False

    @property
    def is_over(self) -> bool:
        return self.node.bound >= self.best.cutoff or self.watch.should_stop()

    def run(self) -> Relaxed | None:
        """Return the last relaxation; None if the node is closed, time ran out or HiGHS gave up."""
        while not self.is_over:
            relaxed = self.master.solve(self.watch)
            if relaxed is None:
                logger.debug("HiGHS has no optimum at a node of %d fixed items", (self.node.fixed >= 0).sum())
                return None
            exact, goal = self.pricer.rounded(relaxed, self.master), self._goal(relaxed)
            added = self._guess(relaxed, exact) if self.guesses else self._prove(exact, goal)
            if added and (self.guesses or self.value < goal):
                continue
            if self._add_rows(relaxed):
                continue
            if self.guesses:
                added, self.guessed_from = self._prove(exact, goal), None
            if not added or self.value >= goal:
                return None if self.is_over else relaxed
        return None

    def _goal(self, relaxed: Relaxed) -> float:
        """Scaled value that is close enough, where the relaxation cannot close the node anyway."""
        left = self.best.cutoff - 1 - relaxed.value
        return self.pricer.scale * (relaxed.value - max(0.3, _CLOSE * left if left > 0 else 0.0))

    def _guess(self, relaxed: Relaxed, exact: Multipliers) -> int:
        """Add known clusters; where these hardly help, search for others, but not twice in a row."""
        gap = self.best.cutoff - self.node.bound
        stalled = self.guessed_from is not None and relaxed.value > self.guessed_from - _STALLED * gap
        if stalled and self.searched:
            return 0
        self.guessed_from, self.searched, added = relaxed.value, stalled, 0
        if not stalled:
            added = self.master.add(self.pricer.guess(self.master, gap, exact, anew=False))
        if not added:
            self.searched = True
            added = self.master.add(self.pricer.guess(self.master, gap, exact, anew=True))
        return added

    def _prove(self, exact: Multipliers, goal: float) -> int:
        """Price exactly: between the best multipliers and those of the relaxation, then at the latter."""
        if self.centre is not None:
            added = self._prove_at(self.pricer.between(self.centre, exact))
            if added or self.value >= goal:
                return added
        return self._prove_at(exact)

    def _prove_at(self, multipliers: Multipliers) -> int:
        proof, numbers = self.pricer.prove(self.node, self.master.anchors, self.best.cutoff, multipliers)
        if self.centre is None or proof.value > self.value:
            self.centre, self.value = multipliers, proof.value
        self.node.multipliers = self.centre
        return self.master.add(numbers)

    def _add_rows(self, relaxed: Relaxed) -> bool:
        """Add rows that the relaxation breaks, as long as this raises it enough; round it to a mapping as well."""
        if not self.wants_rows or self.is_over:
            return False
        shares = self.master.shares(relaxed)
        self.best.offer_rounded(self.master.columns, relaxed, shares)
        rows = self.master.violated(relaxed, shares, _MOST_ROWS)
        gained, self.before, self.rounds = relaxed.value - self.before, relaxed.value, self.rounds + 1
        enough = self.rounds <= _PATIENCE or gained >= _WORTHWHILE * (self.best.cutoff - relaxed.value)
        self.wants_rows = len(rows) > 0 and enough
        if self.wants_rows:
            self.master.add_rows(rows)
            self.guessed_from = None
        return self.wants_rows
