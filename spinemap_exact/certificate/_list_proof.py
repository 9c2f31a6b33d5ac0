"""Look for evidence of kind ``listed``: duals leave few clusters in question, and a pricing tree shows that.

What the checker does with the list, it does here first: with the list of the solver's pricer, which is quick, to see
whether the search among the clusters ends in time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any

from spinemap_exact.certificate._cluster_proof import _NODE_STEPS, _ROOT_STEPS, Shares
from spinemap_exact.certificate.check import _instance
from spinemap_exact.certificate.check._clusters import Budget, Case, Goal, Pricing, bits_of
from spinemap_exact.certificate.check._field import Field
from spinemap_exact.certificate.check._listed import MAX_LISTED, Search
from spinemap_exact.errors import CertificateRejected
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition import branch_price

_MOST_NODES = 200_000
_STEPS = 1000  # of listing a node, which are rather taken than another split


class Lists(Shares):
    """Builds the pricing tree; a node is listed where that takes few steps."""

    def __init__(self, pricing: Pricing, above: int, should_stop: Callable[[], bool], most_steps: int = _STEPS) -> None:
        super().__init__(pricing, above, should_stop)
        self.most_steps = most_steps

    def tree(self) -> list[Any] | None:
        """Return the pricing tree in preorder; None if there is no time."""
        entries: list[Any] = []
        open_nodes = [(0, 0, (0, 0))]
        while open_nodes:
            if len(entries) > _MOST_NODES or self.should_stop():
                return None
            inside, outside, prices = open_nodes.pop()
            if not self.pricing.case.fits(inside):
                continue
            outside |= self.pricing.excluded(inside, outside)
            if inside & outside:
                continue
            best, prices, seen = self._bound(inside, outside, prices, _NODE_STEPS if entries else _ROOT_STEPS)
            leaf = self._leaf(best, prices)
            worth, gain = self.pricing.bound(inside, outside, Field(leaf, "leaf"))
            if worth <= self.most:
                entries.append(leaf)
                continue
            if self._is_short(inside, outside, worth, gain):
                entries.append({"list": leaf})
                continue
            more_in, more_out = self.pricing.forced(inside, outside, worth - self.most, gain)
            if more_in.bit_count() + more_out.bit_count() >= 3:
                entries.append(leaf)
                open_nodes.append((inside | more_in, outside | more_out, prices))
                continue
            group = self._branch(inside, outside, seen)
            if group is None:
                return None
            entries.append(group)
            open_nodes += [(inside, outside | 1 << group, prices), (inside | 1 << group, outside, prices)]
        return entries

    def _is_short(self, inside: int, outside: int, bound: int, gain: list[int]) -> bool:
        """Tell whether the checker lists a node in few steps; these are its steps."""
        case, above = self.pricing.case, self.most
        limits = case.instance
        free = [u for u in range(len(gain)) if not (inside | outside) >> u & 1]
        free.sort(key=lambda u: -abs(gain[u]))
        axons = reduce(or_, (case.axons[u] for u in bits_of(inside)), 0)
        open_nodes = [(0, axons, inside.bit_count(), bound)]
        for _ in range(self.most_steps):
            if not open_nodes:
                return True
            k, axons, columns, bound = open_nodes.pop()
            if k == len(free):
                continue
            u = free[k]
            without = bound - max(0, gain[u])
            if without > above:
                open_nodes.append((k + 1, axons, columns, without))
            bound, axons = bound + min(0, gain[u]), axons | case.axons[u]
            if bound > above and columns < limits.max_columns and axons.bit_count() <= limits.max_rows:
                open_nodes.append((k + 1, axons, columns + 1, bound))
        return not open_nodes


def prove(problem: Any, claim: int, left_behind: Any, watch: Watch) -> dict[str, Any] | None:
    """Return evidence for a bound from duals that come near it; None if there is none in time.

    Parameters
    ----------
    left_behind : object
        With ``triples`` and ``root``, which has ``duals``, ``penalties``, ``scale`` and ``most``, a bound on the value
        of every cluster.
    """
    instance = _instance.read(problem)[0]
    assert isinstance(instance, _instance.Partition)
    root = left_behind.root
    goal = Goal.of(instance, claim, root.scale)
    if not goal.scale:
        return None
    charged = [k for k, penalty in enumerate(root.penalties) if penalty]
    triples = [[int(u) for u in left_behind.triples[k]] for k in charged]
    duals, penalties = [int(v) for v in root.duals], [int(root.penalties[k]) for k in charged]
    # of K clusters, K - 2 are worth `most` at most: two others that are worth this cost too much
    need, most = sum(duals) - sum(penalties) - goal.scale * goal.beyond, max(0, root.most)
    above = min(most, (need - 1 - max(0, goal.clusters - 2) * most) // 2)
    case = Case(instance)
    pricing = Pricing(case, case.items(goal.scale, triples, penalties), duals)
    found = branch_price.listed(problem, duals, triples, penalties, goal.scale, above, MAX_LISTED, watch)
    if found is None or not _ends(Search(instance, goal, found, above, need, _Patience(watch.should_stop))):
        return None
    tree = Lists(pricing, above, watch.should_stop).tree()
    if tree is None:
        return None
    shown = {"scale": goal.scale, "triples": triples, "duals": duals, "penalties": penalties, "above": above}
    return {"kind": "listed", **shown, "pricing": tree}


class _Patience(Budget):
    """What the checker allows, as long as there is time."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        super().__init__(Field(None, "evidence"))
        self._should_stop, self._spent = should_stop, 0

    def spend(self, work: int) -> None:
        super().spend(work)
        before, self._spent = self._spent, self._spent + work
        if self._spent >> 16 > before >> 16 and self._should_stop():
            raise CertificateRejected("evidence", "there is no time left")


def _ends(search: Search) -> bool:
    """Tell whether a search ends and finds nothing."""
    try:
        return search.run() is None
    except CertificateRejected:
        return False
