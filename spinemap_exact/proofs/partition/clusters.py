"""Look for pricing trees that the checker accepts: duals of a partition problem are given, shares are found here.

The best shares for given prices of rows and columns are a maximum flow: what a group gains flows to the items that it
reads, as far as those cost, and from an item to its owner.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.instance import Partition, read
from spinemap_exact.certificate.check.partition.clusters import Case, Goal, Pricing
from spinemap_exact.certificate.check.witness import cluster_packets
from spinemap_exact.kernels.compiling import kernel
from spinemap_exact.result import SolveResult, Watch
from spinemap_exact.solvers.partition import branch_price
from spinemap_exact.solvers.partition.branch_price import Evidence, Leaf, Proof

_ROOT_STEPS, _NODE_STEPS = 24, 6
_CLOSE = 0.02  # of what is missing: what another step may win at least
_MODEL = 12  # evaluations that the model of the two prices remembers
_MOST_NODES = 100_000


@kernel
def _max_flow(first, arc_at, head, capacity, source, sink, level, cursor, queue, path):
    """Dinic's algorithm; arc ``a`` and its reverse ``a ^ 1`` hold residual capacities. Return the value."""
    total = 0
    while True:
        level[:] = -1
        level[source] = 0
        queue[0] = source
        done, size = 0, 1
        while done < size:
            v = queue[done]
            done += 1
            for i in range(first[v], first[v + 1]):
                a = arc_at[i]
                if capacity[a] > 0 and level[head[a]] < 0:
                    level[head[a]] = level[v] + 1
                    queue[size] = head[a]
                    size += 1
        if level[sink] < 0:
            return total
        cursor[:] = first[:-1]
        length, v = 0, source
        while True:
            if v == sink:
                flow = capacity[path[0]]
                for i in range(length):
                    flow = min(flow, capacity[path[i]])
                for i in range(length):
                    capacity[path[i]] -= flow
                    capacity[path[i] ^ 1] += flow
                total += flow
                length, v = 0, source
                continue
            moved = False
            while cursor[v] < first[v + 1]:
                a = arc_at[cursor[v]]
                if capacity[a] > 0 and level[head[a]] == level[v] + 1:
                    path[length] = a
                    length += 1
                    v = head[a]
                    moved = True
                    break
                cursor[v] += 1
            if not moved:
                if length == 0:
                    break
                length -= 1
                v = head[path[length] ^ 1]
                cursor[v] += 1
    return total


@kernel
def _best_prices(size, value, rows, columns, max_rows, max_columns, top):
    """Minimise the largest of the model's planes over two prices up to ``top``: it is least where two lines meet.

    The lines are those on which two planes are equal, and the four sides.
    """
    lines = np.zeros((size * (size - 1) // 2 + 4, 3))  # x r + y c = z
    lines[0, 0] = lines[1, 0] = lines[2, 1] = lines[3, 1] = 1.0
    lines[1, 2] = lines[3, 2] = top
    n = 4
    for i in range(size):
        for j in range(i):
            lines[n, 0], lines[n, 1] = rows[j] - rows[i], columns[j] - columns[i]
            lines[n, 2] = value[j] - value[i]
            n += 1
    best_r, best_c, best = 0.0, 0.0, 1e300
    for i in range(n):
        for j in range(i):
            area = lines[i, 0] * lines[j, 1] - lines[j, 0] * lines[i, 1]
            if area == 0.0:
                continue
            r = (lines[i, 2] * lines[j, 1] - lines[j, 2] * lines[i, 1]) / area
            c = (lines[i, 0] * lines[j, 2] - lines[j, 0] * lines[i, 2]) / area
            if not (-0.5 <= r <= top + 0.5 and -0.5 <= c <= top + 0.5):
                continue
            r, c = min(max(r, 0.0), top), min(max(c, 0.0), top)
            at = -1e300
            for k in range(size):
                at = max(at, value[k] + r * (max_rows - rows[k]) + c * (max_columns - columns[k]))
            if at < best:
                best, best_r, best_c = at, r, c
    return best_r, best_c, best


@dataclass
class Evaluation:
    """The bound of one node for one pair of prices, and the set that attains it but for what limits are worth."""

    prices: tuple[int, int]
    bound: int
    gain: list[int]
    shares: Array
    members: int
    rows: int
    columns: int
    limits: tuple[int, int]

    @property
    def value(self) -> int:
        """Of the set, without the prices."""
        (row, column), (rows, columns) = self.prices, self.limits
        return self.bound - row * (rows - self.rows) - column * (columns - self.columns)


class Flow:
    """The flow network of one case; capacities change with node and prices, arcs do not."""

    def __init__(self, pricing: Pricing) -> None:
        case, items = pricing.case, pricing.items
        self.pricing = pricing
        self.num_groups, self.num_items = len(pricing.duals), len(items)
        self.source, self.sink = self.num_groups + self.num_items, self.num_groups + self.num_items + 1
        self.duals = np.array(pricing.duals, dtype=np.int64)
        self.weight = np.array([len(units) for units in case.groups], dtype=np.int64)
        self.price = np.array([item.price for item in items], dtype=np.int64)
        self.takes_row = np.array([item.row for item in items], dtype=np.int64)
        self.spared = np.array([item.spared for item in items], dtype=bool)
        self.owner = np.array([-1 if item.owner is None else item.owner for item in items], dtype=np.int64)
        self.share_item = np.array([e for e, _ in pricing.shares], dtype=np.int64)
        self.share_group = np.array([g for _, g in pricing.shares], dtype=np.int64)
        needy = [(i, e, g) for i, (e, g) in enumerate(pricing.shares) if items[e].company]
        self.needy = np.array([i for i, _, _ in needy], dtype=np.int64)
        others = [[other for other in items[e].readers if other != g] for _, e, g in needy]
        self.company = np.array(others, dtype=np.int64).reshape(-1, 2)
        groups, items_at = np.arange(self.num_groups), self.num_groups + np.arange(self.num_items)
        owned = np.where(self.owner >= 0, self.owner, self.sink)
        tail = [np.full(self.num_groups, self.source), groups, self.share_group, items_at, items_at]
        head = [groups, np.full(self.num_groups, self.sink), self.num_groups + self.share_item,
                np.full(self.num_items, self.sink), owned]  # fmt: skip
        self.start = np.cumsum([0, *map(len, tail)])
        self._arcs(np.concatenate(tail), np.concatenate(head))
        self.large = int(np.abs(self.duals).sum() + self.price.sum()) + 1

    def _arcs(self, tail: Array, head: Array) -> None:
        self.head = np.empty(2 * len(tail), dtype=np.int64)
        self.head[0::2], self.head[1::2] = head, tail
        leaving = np.empty_like(self.head)
        leaving[0::2], leaving[1::2] = tail, head
        self.arc_at = np.argsort(leaving, kind="stable")
        nodes = self.sink + 1
        self.first = np.concatenate(([0], np.cumsum(np.bincount(leaving, minlength=nodes))))
        self.work = tuple(np.empty(size, dtype=np.int64) for size in (nodes, nodes, nodes, nodes + 1))

    def evaluate(self, inside: int, outside: int, row: int, column: int) -> Evaluation:
        """Find the best shares for given prices."""
        case = self.pricing.case
        is_in = np.array([inside >> g & 1 for g in range(self.num_groups)], dtype=bool)
        is_out = np.array([outside >> g & 1 for g in range(self.num_groups)], dtype=bool)
        gain = self.duals - column * self.weight
        large = self.large + (row + column) * (self.num_items + self.num_groups)
        forward = np.zeros(self.start[-1], dtype=np.int64)
        part = [forward[a:b] for a, b in zip(self.start, self.start[1:], strict=False)]
        part[0][:] = np.where(is_out, 0, np.where(is_in, large, np.maximum(gain, 0)))
        part[1][:] = np.where(is_out | is_in, 0, np.maximum(-gain, 0))
        part[2][:] = np.where(is_out[self.share_group], 0, large)
        part[2][self.needy[~is_in[self.company].any(axis=1)]] = 0
        gone = (self.owner < 0) | is_out[self.owner]
        price, spared = self.price + row * self.spared, self.spared & ~gone
        part[3][:] = np.where(spared, 0, self.takes_row * row) + np.where(gone, self.price, 0)
        part[4][:] = np.where(gone, 0, price)
        capacity = np.zeros(2 * len(forward), dtype=np.int64)
        capacity[0::2] = forward
        _max_flow(self.first, self.arc_at, self.head, capacity, self.source, self.sink, *self.work)
        shares = capacity[1 + 2 * self.start[2] : 1 + 2 * self.start[3] : 2]
        reached = self.work[0] >= 0
        chosen = is_in | (reached[: self.num_groups] & ~is_out)
        is_paid = (self.takes_row == 1) & ~(spared & chosen[self.owner])
        rows = int((reached[self.num_groups : self.source] & is_paid).sum())
        limits = case.instance.max_rows, case.instance.max_columns
        bound, gain = self.settle(is_in, is_out, (row, column), shares)
        members = sum(1 << int(g) for g in np.flatnonzero(chosen))
        columns = int(self.weight[chosen].sum())
        return Evaluation((row, column), bound, gain.tolist(), shares, members, rows, columns, limits)

    def settle(self, is_in: Array, is_out: Array, prices: tuple[int, int], shares: Array) -> tuple[int, Array]:
        """Return the bound of a node and the gains of groups by the numbers of a leaf, as the checker has them."""
        row, column = prices
        gone = (self.owner < 0) | is_out[self.owner]
        paid = np.zeros(self.num_items, dtype=np.int64)
        gain = self.duals - column * self.weight
        np.add.at(paid, self.share_item, shares)
        np.add.at(gain, self.share_group, -shares)
        free = np.where(self.spared, 0, row * self.takes_row)
        np.add.at(gain, self.owner[~gone], np.maximum(paid - free, 0)[~gone])
        limits = self.pricing.case.instance
        bound = row * limits.max_rows + column * limits.max_columns + int(gain[is_in].sum())
        return bound + int(np.maximum(gain[~is_in & ~is_out], 0).sum()), gain

    def rounded(self, inside: int, outside: int, evaluation: Evaluation, most: int) -> Evaluation:
        """The same with shares cut to multiples of a power of ten, as large as keeps the bound to ``most``."""
        is_in = np.array([inside >> g & 1 for g in range(self.num_groups)], dtype=bool)
        is_out = np.array([outside >> g & 1 for g in range(self.num_groups)], dtype=bool)
        grain = 10 ** max(0, len(str(int(evaluation.shares.max(initial=0)))) - 1)
        while grain > 1:
            shares = evaluation.shares // grain * grain
            bound, gain = self.settle(is_in, is_out, evaluation.prices, shares)
            if bound <= most:
                return replace(evaluation, bound=bound, gain=gain.tolist(), shares=shares)
            grain //= 10
        return evaluation


class Shares:
    """Builds the pricing tree of one case."""

    def __init__(
        self, pricing: Pricing, most: int, should_stop: Callable[[], bool], start: tuple[int, int] = (0, 0)
    ) -> None:
        self.pricing, self.most, self.should_stop, self.start = pricing, most, should_stop, start
        self.flow = Flow(pricing)
        self.top = float(max(1, int(np.abs(self.flow.duals).max(initial=1))))
        instance = pricing.case.instance
        self.limits = (instance.max_rows, instance.max_columns)

    def tree(self) -> list[Any] | None:
        """Return the pricing tree in preorder; None if a cluster is worth too much or there is no time."""
        entries: list[Any] = []
        open_nodes: list[tuple[int, int, list[Evaluation]]] = [(*self.start, [])]
        while open_nodes:
            if len(entries) > _MOST_NODES or (len(open_nodes) % 8 == 1 and self.should_stop()):
                return None
            inside, outside, seen = open_nodes.pop()
            if not self.pricing.case.fits(inside):
                continue
            outside |= self.pricing.excluded(inside, outside)
            if inside & outside:
                continue
            best, seen = self._bound(inside, outside, seen, _NODE_STEPS if entries else _ROOT_STEPS)
            if best.bound <= self.most:
                entries.append(self._leaf(self.flow.rounded(inside, outside, best, self.most)))
                continue
            leaf = self._leaf(best)
            if self._is_listed(inside, outside, best):
                entries.append({"list": leaf})
                continue
            more_in, more_out = self.pricing.forced(inside, outside, best.bound - self.most, best.gain)
            if more_in.bit_count() + more_out.bit_count() >= 3:
                entries.append(leaf)
                open_nodes.append((inside | more_in, outside | more_out, seen))
                continue
            group = self._branch(inside, outside, seen)
            if group is None:
                return None
            entries.append(group)
            open_nodes += [(inside, outside | 1 << group, seen), (inside | 1 << group, outside, seen)]
        return entries

    def _is_listed(self, inside: int, outside: int, best: Evaluation) -> bool:
        """Tell whether a node is to be listed; here none is."""
        return False

    def _bound(
        self, inside: int, outside: int, seen: list[Evaluation], steps: int
    ) -> tuple[Evaluation, list[Evaluation]]:
        """Kelley's cutting planes on the two prices; returns the best evaluation, and the ones that a child may use.

        Sets that the parent met and that agree with the node's decisions are the first planes.
        """
        if (inside | outside).bit_count() == self.flow.num_groups:
            return self.flow.evaluate(inside, outside, 0, 0), []  # exact, where prices of others would not be
        prices = seen[0].prices if seen else (0, 0)
        seen = [e for e in seen if not (inside & ~e.members or outside & e.members)][: _MODEL // 2]
        value, rows, columns = np.zeros(_MODEL), np.zeros(_MODEL), np.zeros(_MODEL)
        for i, e in enumerate(seen):
            value[i], rows[i], columns[i] = e.value, e.rows, e.columns
        best, tried = None, set()
        for size in range(len(seen), len(seen) + steps):
            found = self.flow.evaluate(inside, outside, *prices)
            tried.add(prices)
            seen = [found, *seen]
            if best is None or found.bound < best.bound:
                best = found
            if found.bound <= self.most:
                break
            i = size % _MODEL
            value[i], rows[i], columns[i] = found.value, found.rows, found.columns
            r, c, least = _best_prices(min(size + 1, _MODEL), value, rows, columns, *self.limits, self.top)
            prices = round(r), round(c)
            if prices in tried or best.bound - least < _CLOSE * (best.bound - self.most):
                break
        assert best is not None
        return best, [best, *(e for e in seen if e is not best)]

    def _leaf(self, evaluation: Evaluation) -> list[int]:
        used = np.flatnonzero(evaluation.shares)
        pairs = np.stack((used, evaluation.shares[used]), axis=1).ravel()
        return [*evaluation.prices, *pairs.tolist()]

    def _branch(self, inside: int, outside: int, seen: list[Evaluation]) -> int | None:
        """A group on which the evaluations differ, with large duals and many new rows."""
        case = self.pricing.case
        axons = 0
        for g in range(self.flow.num_groups):
            if inside >> g & 1:
                axons |= case.axons[g]
        free = [g for g in range(self.flow.num_groups) if not (inside | outside) >> g & 1]
        differ = [g for g in free if 0 < sum(e.members >> g & 1 for e in seen) < len(seen)]
        return max(
            differ or free,
            key=lambda g: max(0, self.pricing.duals[g]) * (1 + (case.axons[g] & ~axons).bit_count()),
            default=None,
        )


def prove(
    problem: Any, claim: int | None, left_behind: Evidence, should_stop: Callable[[], bool]
) -> dict[str, Any] | None:
    """Return evidence for a bound, or for infeasibility (``claim`` None), from the leaves of a branch-and-price tree.

    Parameters
    ----------
    left_behind : Evidence
        The proof of a leaf is None where the decisions leave one partition at most.
    """
    instance = read(problem).instance
    assert isinstance(instance, Partition)
    triples = [[int(u) for u in triple] for triple in left_behind.triples]
    proofs = [leaf.proof for leaf in left_behind.leaves if leaf.proof is not None]
    scale = proofs[0].scale if proofs else 1
    if any(proof.scale != scale for proof in proofs):
        return None
    goal = Goal.of(instance, claim, scale)
    entries: list[dict[str, Any]] = []
    open_cases = [(Case(instance), [_Leaf.of(leaf) for leaf in left_behind.leaves])]
    while open_cases:
        case, leaves = open_cases.pop()
        if case.is_empty:
            continue
        if len(leaves) == 1 and not leaves[0].decisions:
            duals, penalties = leaves[0].values(case, goal)
            penalties += [0] * (len(triples) - len(penalties))  # cuts that came later
            entry = close(case, goal, triples, duals, penalties, should_stop)
            if entry is None:
                return None
            entries.append(entry)
            continue
        pair = _common_pair(leaves)
        if pair is None:
            return None
        entries.append({"pair": list(pair)})
        sides = [[leaf.without(pair) for leaf in leaves if leaf.decisions[pair] is side] for side in (True, False)]
        open_cases.append((Case(instance, case.together, (*case.apart, pair)), sides[1]))
        open_cases.append((Case(instance, (*case.together, pair), case.apart), sides[0]))
    return {"kind": "clusters", "scale": scale, "triples": triples, "tree": entries}


def search(problem: Any, result: SolveResult[Any], watch: Watch) -> tuple[int | None, Evidence | None]:
    """Branch from the best partition known; return the bound that the time suffices for, and what `prove` asks for.

    For bounds of solvers that leave nothing behind: a choice among listed clusters, and models given to engines.
    """
    again = branch_price.solve(problem, watch, result.incumbent, may_list=False)
    return again.dual_bound, again.evidence if isinstance(again.evidence, Evidence) else None


@dataclass(frozen=True)
class _Leaf:
    """A leaf of the solver's tree: its decisions that are still to be made (True: together), and its proof."""

    decisions: dict[tuple[int, int], bool]
    proof: Proof | None

    @classmethod
    def of(cls, leaf: Leaf) -> _Leaf:
        together = {(int(u), int(v)): True for u, v in leaf.branching.together}
        return cls(together | {(int(u), int(v)): False for u, v in leaf.branching.apart}, leaf.proof)

    def values(self, case: Case, goal: Goal) -> tuple[list[int], list[int]]:
        """Duals and penalties; where every pair is decided, the cost of each group is its dual."""
        if self.proof is not None:
            return [int(v) for v in self.proof.duals], [int(v) for v in self.proof.penalties]
        duals = [0] * case.instance.num_units
        for units in case.groups:
            duals[units[0]] = goal.scale * cluster_packets(case.instance, set(units)) if goal.scale else 1
        return duals, []

    def without(self, pair: tuple[int, int]) -> _Leaf:
        return _Leaf({p: side for p, side in self.decisions.items() if p != pair}, self.proof)


def _common_pair(leaves: list[_Leaf]) -> tuple[int, int] | None:
    """A pair that all leaves decide, some together and some apart."""
    for pair in leaves[0].decisions if leaves else ():
        if len({leaf.decisions.get(pair) for leaf in leaves} & {True, False}) == 2 and all(
            pair in leaf.decisions for leaf in leaves
        ):
            return pair
    return None


def close(
    case: Case, goal: Goal, triples: list[list[int]], duals: list[int], penalties: list[int], stop: Callable[[], bool]
) -> dict[str, Any] | None:
    """Return the entry that closes a case by duals; None if they do not, or not in time."""
    most = goal.most(sum(duals) - sum(penalties))
    if most < 0:
        return None
    values = [sum(duals[u] for u in units) for units in case.groups]
    pricing = Pricing(case, case.items(goal.scale, triples, penalties), values)
    tree = Shares(pricing, most, stop).tree()
    return None if tree is None else {"duals": duals, "penalties": penalties, "pricing": tree}
