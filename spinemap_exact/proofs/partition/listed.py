"""Look for evidence of kind ``listed``: duals leave few clusters in question, and a pricing tree shows that.

What the checker does with the list, it does here first: with the list of the solver's pricer, which is quick, to see
whether the search among the clusters ends in time.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.instance import Partition, read
from spinemap_exact.certificate.check.partition.clusters import MAX_WORK, Case, Goal, Pricing, bits_of
from spinemap_exact.certificate.check.partition.listed import MAX_LISTED, Search
from spinemap_exact.errors import CertificateRejected
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.proofs.partition.clusters import Evaluation, Shares
from spinemap_exact.result import Watch
from spinemap_exact.solvers.partition import branch_price
from spinemap_exact.solvers.partition.branch_price import Evidence, Listing

_STEPS = 1000  # of listing a node, which are rather taken than another split


class Lists(Shares):
    """Builds the pricing tree; a node is listed where that takes few steps."""

    def __init__(self, pricing: Pricing, above: int, should_stop: Callable[[], bool], most_steps: int) -> None:
        super().__init__(pricing, above, should_stop)
        self.most_steps = most_steps
        self.axons = np.array(
            [[mask >> k & 1 for k in range(len(pricing.case.instance.nets.posts))] for mask in pricing.case.axons], bool
        )

    def _is_listed(self, inside: int, outside: int, best: Evaluation) -> bool:
        """Tell whether the checker lists a node in few steps."""
        limits, gain = self.pricing.case.instance, np.array(best.gain, dtype=np.int64)
        free = np.array([u for u in range(len(gain)) if not (inside | outside) >> u & 1], dtype=np.int64)
        if not len(free):
            return True
        free = free[np.argsort(-np.abs(gain[free]), kind="stable")]
        axons = self.axons[list(bits_of(inside))].any(axis=0)
        slack = best.bound - self.most
        return bool(
            _steps(
                gain[free], self.axons[free], axons, inside.bit_count(), slack, limits.max_rows, limits.max_columns,
                self.most_steps,
            )
        )  # fmt: skip


@kernel
def _steps(gain, reads, axons, columns, slack, max_rows, max_columns, most):
    """Walk as `listed.Lister` does; tell whether that ends within ``most`` steps."""
    size, num_axons = reads.shape
    has = np.zeros((size + 1, num_axons), dtype=np.bool_)
    has[0] = axons
    left = np.zeros(size + 1, dtype=np.int64)
    held = np.zeros(size + 1, dtype=np.int64)
    tried = np.zeros(size + 1, dtype=np.int64)
    left[0], held[0] = slack, columns
    k, steps = 0, 1
    while k >= 0:
        if k == size or tried[k] == 2:
            k -= 1
            continue
        side = tried[k]
        tried[k] += 1
        if side == 0:  # inside
            left[k + 1] = left[k] + min(0, gain[k])
            if left[k + 1] <= 0 or held[k] == max_columns:
                continue
            rows = 0
            for a in range(num_axons):
                has[k + 1, a] = has[k, a] or reads[k, a]
                rows += has[k + 1, a]
            if rows > max_rows:
                continue
            held[k + 1] = held[k] + 1
        else:
            left[k + 1] = left[k] - max(0, gain[k])
            if left[k + 1] <= 0:
                continue
            has[k + 1] = has[k]
            held[k + 1] = held[k]
        steps += 1
        if steps > most:
            return False
        k += 1
        if k < size:
            tried[k] = 0
    return True


def prove(
    problem: Any, claim: int, left_behind: Evidence | Listing, watch: Watch, most_steps: int = _STEPS
) -> dict[str, Any] | None:
    """Return evidence for a bound from duals that come near it; None if there is none in time.

    Parameters
    ----------
    left_behind : Evidence or Listing
        With the proof of its root.
    most_steps : int
        Nodes that are listed in at most so many steps are not split further.
    """
    known = read(problem)
    instance = known.instance
    assert isinstance(instance, Partition)
    root = left_behind.root
    if root is None:
        return None
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
    cuts = [tuple(triple) for triple in triples]
    found = branch_price.listed(known.problem, duals, cuts, penalties, goal.scale, above, MAX_LISTED, watch)
    budget = Budget(MAX_WORK, should_stop=watch.should_stop)
    if found is None or not _ends(Search(instance, goal, found, above, need, budget)):
        return None
    tree = Lists(pricing, above, watch.should_stop, most_steps).tree()
    if tree is None:
        return None
    shown = {"scale": goal.scale, "triples": triples, "duals": duals, "penalties": penalties, "above": above}
    return {"kind": "listed", **shown, "pricing": tree}


def _ends(search: Search) -> bool:
    """Tell whether a search ends and finds nothing."""
    try:
        return search.run() is None
    except CertificateRejected:
        return False
