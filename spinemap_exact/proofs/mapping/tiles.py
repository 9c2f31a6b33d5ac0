"""Write what the branch and price of given units on tiles found as evidence that the checker accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spinemap_exact.certificate.check.field import LARGEST, Field
from spinemap_exact.certificate.check.instance import Mapping, read
from spinemap_exact.certificate.check.mapping.on_tiles import Case, Chip, Values
from spinemap_exact.certificate.check.mapping.sources import MAX_TILES, Units
from spinemap_exact.certificate.check.partition.clusters import Case as Grouping
from spinemap_exact.proofs.partition import conflicts
from spinemap_exact.proofs.partition.clusters import Shares
from spinemap_exact.solvers.mapping import branch_price

Evidence = dict[str, Any]
_FINE, _MOST_FINER = 50, 1000


def counted(problem: Any, should_stop: Callable[[], bool]) -> Evidence | None:
    """Return evidence of what all sources cost, each by itself; None where the checker has too much to count."""
    chip = read(problem).instance
    assert isinstance(chip, Mapping)
    if chip.objective != "energy" or len(chip.crossbars) > 1 or chip.width * chip.height > MAX_TILES:
        return None
    found = conflicts.prove_for(_units(problem).problem, should_stop)
    return None if found is None else {"kind": "sources", "cliques": found["cliques"]}


def prove(
    problem: Any, claim: int, found: branch_price.Evidence, cliques: list[list[int]], should_stop: Callable[[], bool]
) -> Evidence | None:
    """Return evidence for a bound from the tree of a search; None if it takes too long, or the tree proves less."""
    units = _units(problem)
    together = [pair for whole in found.classes for pair in zip(whole.units, whole.units[1:], strict=False)]
    chip = Chip(units, Grouping(units.problem, tuple(together)))
    steps = -((units.constant - claim) // units.step)
    writer = _Writer(chip, steps, should_stop)
    if not writer.node(found.root):
        return None
    return {
        "kind": "clusters-on-tiles",
        "cliques": cliques,
        "classes": [list(whole.units) for whole in found.classes],
        "tree": writer.entries,
    }


def _units(problem: Any) -> Units:
    instance = read(problem).instance
    assert isinstance(instance, Mapping)
    return Units.of(instance, Field(None, "units"))


class _Writer:
    """Appends the entries of a tree in preorder; a node whose own values reach the claim needs no children."""

    def __init__(self, chip: Chip, steps: int, should_stop: Callable[[], bool]) -> None:
        self.chip, self.steps, self.should_stop = chip, steps, should_stop
        self.entries: list[Evidence] = []

    def node(self, node: Any) -> bool:
        """True if the node was written."""
        case = Case(self.chip, node.fixed.tolist())
        if case.is_empty or -1 not in case.fixed:
            return True
        if node.proof is not None and self._reaches(node.proof):
            entry = self._leaf(case, node.proof)
            if entry is not None:
                self.entries.append(entry)
                return True
        if node.item is None or self.should_stop():
            return False
        self.entries.append({"group": node.item, "tiles": [t for t, _ in node.children]})
        return all(self.node(child) for _, child in node.children)

    def _reaches(self, proof: Any) -> bool:
        return None not in proof.worths and bool(proof.value > proof.scale * (self.steps - 1))

    def _leaf(self, case: Case, proof: Any) -> Evidence | None:
        """Pricing trees for all tiles; what the values prove beyond the claim makes each of them easier."""
        finer, tiles = self._finer(case, proof), len(case.held)
        scale, values = finer * proof.scale, self._values(case, proof.multipliers, finer)
        gains, surcharges = case.worths(values, scale), case.surcharges(values)
        price = scale * self.chip.tile_cost
        spare = (finer * proof.value - scale * (self.steps - 1) - 1) // tiles
        known: list[tuple[Any, ...]] = []
        pricing_of_tile: list[Any] = []
        for t, worth in enumerate(proof.worths):
            pricing = case.pricing(t, gains[t], surcharges[t], scale)
            decided = case.held[t], case.placed & ~case.held[t]
            known.append((pricing, decided, values.mu[t]))
            if (first := known.index(known[-1])) < t:
                pricing_of_tile.append(first)
                continue
            most = spare + (finer * worth if case.held[t] else max(finer * worth, price - values.mu[t]))
            tree = Shares(pricing, most, self.should_stop, decided).tree()
            if tree is None:
                return None
            pricing_of_tile.append({"worth": most, "tree": tree})
        far = [number for (r, t, d), value in values.far.items() for number in (r, t, d, value)]
        return {"scale": scale, "pi": values.pi, "mu": values.mu, "far": far, "pricing": pricing_of_tile}

    def _finer(self, case: Case, proof: Any) -> int:
        """A factor of all values, where what is to spare is no more than what rounding takes in a pricing tree."""
        limits = self.chip.units.chip
        rounding = len(case.held) * (limits.max_rows + limits.max_columns + self.chip.num_groups)
        spare = proof.value - proof.scale * (self.steps - 1)
        known = proof.multipliers
        largest = max(int(abs(x).max(initial=0)) for x in (known.pi, known.mu, known.gamma))
        largest = max(largest, *(abs(worth) for worth in proof.worths), self.chip.tile_cost * proof.scale, 1)
        return min(_MOST_FINER, LARGEST // (2 * largest)) if spare < _FINE * rounding else 1

    def _values(self, case: Case, multipliers: Any, finer: int) -> Values:
        far = {
            (r, t, d): finer * gamma
            for (r, t, d), gamma in zip(multipliers.rows.tolist(), multipliers.gamma.tolist(), strict=True)
            if gamma and case.has_levels(r, t)
        }
        return Values((finer * multipliers.pi).tolist(), (finer * multipliers.mu).tolist(), far)
