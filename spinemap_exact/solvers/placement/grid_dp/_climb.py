"""Better multipliers for a pair of directions whose chains are too many to be listed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.placement.grid_dp import _paths
from spinemap_exact.solvers.placement.grid_dp._blocks import Blocks, constant, gains
from spinemap_exact.solvers.placement.grid_dp._chains import Chains, extract
from spinemap_exact.solvers.placement.grid_dp._layers import Layers
from spinemap_exact.solvers.placement.grid_dp._lists import TooManyChains

_MODEL_SETS = 4_000_000
_MODEL_STEPS, _MODEL_LENGTH, _PATIENCE = 60, 0.3, 12
_HALVINGS = 3


class Climb:
    """An ascent on models: the chains that are nearly the cheapest under the best multipliers so far.

    On a model a step takes milliseconds, but its value is only an estimate, since other chains may have become cheaper.
    Full dynamic programmes then say what the multipliers are worth. The bound is concave in the multipliers: where they
    disappoint, half the way is tried.

    Parameters
    ----------
    x, y : Layers
    alike : bool
        True if both directions have the same chains.
    blocks : Blocks
    start : (num_multipliers,) int64
    target : int
        Bound that ends the ascent.
    cap : int
        Most sets.
    model_arcs : int
        Most arcs of a model.
    least_gain : float
        The climb is exhausted once it gains less than this part of the way to the target.
    offer : callable
        Takes lines of clusters in both directions that form a placement.

    Attributes
    ----------
    bound : int or None
        Reached by ``multipliers``.
    reach : int
        How much more than the cheapest one the chains of the model cost.
    exhausted : bool
    """

    def __init__(
        self,
        x: Layers,
        y: Layers,
        alike: bool,
        blocks: Blocks,
        start: Array,
        target: int,
        cap: int,
        model_arcs: int,
        least_gain: float,
        offer: Callable[[Array, Array], None],
    ) -> None:
        self.sides, self.alike, self.blocks, self.cap, self.offer = (x, y), alike, blocks, cap, offer
        self.target, self.model_arcs, self.least_gain = target, model_arcs, least_gain
        self.exhausted = False
        self.bound: int | None = None
        self.multipliers = start
        self._values: tuple[int, int] = (0, 0)
        self._guesses: tuple[list[Array], list[Array]] = ([], [])
        self._evaluate(start)
        self.reach = max(8, (target - self._known()) // 4)

    def advance(self) -> None:
        """One model, one ascent on it, and full dynamic programmes until the bound is better."""
        before = self._known()
        x, y = self._models()
        _, candidate, _ = _paths.ascend(
            self.blocks.num_clusters,
            *x.arguments,
            *y.arguments,
            self.multipliers,
            min(self.target, before + self.reach),  # beyond its reach, a model misses too many chains
            _MODEL_STEPS,
            _MODEL_LENGTH,
            _PATIENCE,
        )
        for _ in range(_HALVINGS):
            self._evaluate(candidate)
            if self._known() > before:
                break
            candidate = (candidate + self.multipliers) // 2
        gain = self._known() - before
        self.exhausted = self._known() >= self.target or gain < self.least_gain * (self.target - before)

    def _known(self) -> int:
        assert self.bound is not None
        return self.bound

    def _models(self) -> tuple[Chains, Chains]:
        charge = self.blocks.charges(self.multipliers)
        while True:
            try:
                found: list[Chains] = []
                for side, value in zip(self.sides, self._values, strict=True):
                    if found and self.alike:
                        found *= 2
                        break
                    chains = extract(side, charge, value + self.reach, _MODEL_SETS, self.model_arcs)
                    assert chains is not None
                    found.append(chains)
            except TooManyChains:
                if self.reach == 0:
                    raise
                self.reach = self.reach * 2 // 3
                continue
            if sum(chains.num_arcs for chains in found) < self.model_arcs // 4:
                self.reach = min(self.reach * 5 // 4, max(8, self.target))  # no chain of use lies further away
            return found[0], found[1]

    def _evaluate(self, multipliers: Array) -> None:
        """Full dynamic programmes in both directions; better multipliers are kept."""
        charge = self.blocks.charges(multipliers)
        x, y = self.sides
        x_value, x_line = x.least(charge, self._guesses[0], self.cap)
        y_value, y_line = (x_value, x_line) if self.alike else y.least(charge, self._guesses[1], self.cap)
        for known, line in zip(self._guesses, (x_line, y_line), strict=True):
            known.append(line)
            del known[:-8]
        if gains(x_line, y_line, np.empty(len(multipliers), dtype=np.int64)):
            self.offer(x_line, y_line)
        bound = x_value + y_value - constant(multipliers, self.blocks.num_clusters)
        if self.bound is None or bound > self.bound:
            self.bound, self.multipliers, self._values = bound, multipliers, (x_value, y_value)
