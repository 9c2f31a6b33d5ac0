"""Evidence ``trees``: prices of spikes and rows, with which the cheapest trees of units bound any mapping.

Why it is a bound is written in ``docs/certificates.md``, section *Trees*; here everything is derived again from the
instance. Shares of a price are rounded down to 1 / 1024 of its unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Mapping
from spinemap_exact.certificate.check.kinds import proves

_FINE = 1024
_MOST_STEPS = 60_000_000


@dataclass(frozen=True)
class _Prices:
    """Prices in the unit of the objective: what a spike and a row are charged."""

    read: list[int]
    merging: list[int]
    row: int


@dataclass(frozen=True)
class _Costs:
    """What the objective charges: energy as it is; latency as the energy of traffic per synapse; loads by hops."""

    packet: int
    hop: int
    local: int
    synapse: int
    idle: int
    per_synapse: bool

    @property
    def remote(self) -> int:
        return self.packet + self.hop

    @property
    def carry(self) -> int:
        return self.remote + self.synapse


@proves("trees", Mapping)
def prove(instance: Mapping, evidence: Field, claim: int | None) -> int | None:
    """Return the bound that the prices prove."""
    fields = evidence.table("kind", "price", "merging", "row")
    costs = _costs(instance, evidence)
    nets, n = instance.nets, instance.nets.num_neurons
    row = fields["row"].integer(0)
    prices = _Prices(fields["price"].integers(n, 0), fields["merging"].integers(n, 0, row), row)
    for k, price in enumerate(prices.read):
        dearest = costs.packet if nets.is_input[k] else costs.remote
        if price > dearest or (costs.per_synapse and price):
            evidence.rejected(f"price {price} of axon {k} is above what a read costs, or reads are not shared")
    total = sum(_rest(instance, costs, prices, k) for k in range(n))
    total += costs.synapse * sum(nets.spikes[k] * len(nets.posts[k]) for k in range(n))
    total += costs.idle * idle_cells(instance) - row * instance.max_rows * instance.most_crossbars
    total = max(0, total + _neurons(instance, costs, prices, evidence))
    return -(-total // max(1, _links(instance))) if instance.objective == "bottleneck" else total


def _links(instance: Mapping) -> int:
    """Directed links of the mesh: one of them has the mean load of all, or more."""
    w, h = instance.width, instance.height
    return 2 * ((w - 1) * h + w * (h - 1))


def _costs(instance: Mapping, evidence: Field) -> _Costs:
    is_meshed = instance.width * instance.height > 1
    if instance.objective == "bottleneck":  # of hops, which load the links
        return _Costs(0, int(is_meshed), 0, 0, 0, instance.traffic == "per-synapse")
    if instance.objective not in ("energy", "mean-latency"):
        evidence.rejected(f"trees say nothing about the objective {instance.objective}")
    cost = instance.fj if instance.objective == "energy" else instance.ps
    hops = [cost["hop_x"]] * (instance.width > 1) + [cost["hop_y"]] * (instance.height > 1)
    idle = cost["idle_cell"] if instance.objective == "energy" else 0
    per_synapse = instance.objective != "energy" or instance.traffic == "per-synapse"
    return _Costs(cost["packet"], min(hops, default=0), cost["local"], cost["synapse"], idle, per_synapse)


def _rest(instance: Mapping, costs: _Costs, prices: _Prices, k: int) -> int:
    """What the reads of an axon cost at least beyond its price where units merge carries."""
    posts, columns = instance.nets.posts[k], instance.max_columns
    if not posts:
        return 0
    spikes, readers = instance.nets.spikes[k], len(posts)
    outside = costs.packet if instance.nets.is_input[k] else costs.remote
    others = readers - (k in posts)
    if costs.per_synapse:
        near = 0 if instance.nets.is_input[k] else min(readers, columns - 1 + readers - others)
        return spikes * ((readers - near) * outside + near * min(outside, costs.local))
    left = outside - prices.read[k]
    away = left * -(-readers // columns)
    if instance.nets.is_input[k]:
        return spikes * away
    home = left * -(-(others + 1) // columns) - outside + costs.local
    return spikes * min(away, home)


def idle_cells(instance: Mapping) -> int:
    """Carries take no more cells of a crossbar than it has rows without an axon."""
    nets, rows, columns = instance.nets, instance.max_rows, instance.max_columns
    fan_in = [len(p) for p, is_input in zip(nets.pres, nets.is_input, strict=True) if not is_input]
    units = [max(1, -((1 - f) // (rows - 1))) if rows > 1 else 1 for f in fan_in]
    carries, axons = sum(units) - len(units), sum(bool(p) for p in nets.posts)
    used = max(
        -(-sum(units) // columns), -(-(axons + carries) // rows), -(-(sum(fan_in) + carries) // (rows * columns))
    )
    least = min(c.rows * (c.columns - 1) for c in instance.crossbars)
    return max(0, used * least - sum(fan_in) + axons)


def _neurons(instance: Mapping, costs: _Costs, prices: _Prices, evidence: Field) -> int:
    """What the carries and the shares of all neurons cost at least; those that read the same axons cost the same."""
    nets, rows = instance.nets, instance.max_rows
    sharers = [max(1, min(instance.max_columns, len(p))) for p in nets.posts]
    known: dict[tuple[int, ...], int] = {}
    total, budget = 0, Budget(_MOST_STEPS, f"trees of the neurons take more than {_MOST_STEPS} steps")
    for i, axons in enumerate(nets.pres):
        if nets.is_input[i]:
            continue
        if len(axons) <= rows or rows == 1:
            total += min(sum((prices.row - prices.merging[k]) // sharers[k] for k in axons), prices.row)
            continue
        key = tuple(axons)
        if key not in known:
            tree = _Tree(instance, costs, prices, axons, max(sharers[k] for k in axons), evidence)
            budget.spend(tree.steps)
            known[key] = tree.least()
        total += known[key]
    return total


class _Tree:
    """The cheapest tree of one neuron: which axons its units read, and how deep they lie."""

    def __init__(
        self, instance: Mapping, costs: _Costs, prices: _Prices, axons: list[int], sharers: int, evidence: Field
    ) -> None:
        spikes = instance.nets.spikes
        falling = sorted(axons, key=lambda k: -spikes[k])
        read = min(prices.read[k] for k in axons)
        self.rows, self.sharers, self.carry, self.row = instance.max_rows, sharers, costs.carry, prices.row
        self.spikes = [spikes[k] for k in falling]
        self.merging = [read * spikes[k] + prices.merging[k] for k in falling]
        self.idle = [prices.row - prices.merging[k] for k in falling]
        for (a, b), (e, f), (x, y) in zip(*map(pairwise, (self.spikes, self.merging, self.idle)), strict=True):
            if e < f or x > y or sharers * (e - f) + y - x > sharers * self.carry * (a - b):
                evidence.rejected(f"charges of axons with {a} and {b} spikes are not in the order that trees need")

    @property
    def needed(self) -> int:
        """Units that hold all axons, and one."""
        return -(-len(self.spikes) // self.rows) + 1

    @property
    def steps(self) -> int:
        return len(self.spikes) * self.needed**2 * self.rows

    def least(self) -> int:
        """Least cost, level by level: states are axons placed and units open here and below."""
        m, needed = len(self.spikes), self.needed
        weight, merging, idle = ([0], [0], [0])
        for sums, values in ((weight, self.spikes), (merging, self.merging), (idle, self.idle)):
            for value in values:
                sums.append(sums[-1] + value)
        cost = {(0, 1, 0): 0}
        done: list[int] = []
        for j in range(m):
            for n in range(1, needed + 1):
                for a in range(n + 1):
                    if (j, a, n - a) not in cost:
                        continue
                    value = cost.pop((j, a, n - a))
                    if a == 0:  # all units of this depth are done: what is left lies one deeper
                        deeper = value + _FINE * self.carry * (weight[m] - weight[j])
                        cost[j, n, 0] = min(deeper, cost.get((j, n, 0), deeper))
                        continue
                    for stop in range(j + 1, min(m, j + self.rows) + 1):
                        leaf = value + _FINE * (idle[stop] - idle[j]) // self.sharers
                        cost[stop, a - 1, n - a] = min(leaf, cost.get((stop, a - 1, n - a), leaf))
                    for here in range(j, min(m, j + self.rows)):
                        self._merge(cost, done, (j, a, n - a), here, value, (weight, merging))
        return min([*done, *(v for (j, _, _), v in cost.items() if j == m)]) // _FINE

    def _merge(
        self,
        cost: dict[tuple[int, int, int], int],
        done: list[int],
        state: tuple[int, int, int],
        here: int,
        value: int,
        sums: tuple[list[int], list[int]],
    ) -> None:
        """A unit that reads the axons up to ``here`` and merges one carry or more."""
        (j, a, b), (weight, merging) = state, sums
        m, share = len(self.spikes), self.rows - (here - j)
        charge = _FINE * (merging[here] - merging[j])
        enough = -(-(m - here) // self.rows) + 1
        for q in range(2 if here == j else 1, share + 1):
            part = charge // self.sharers if share > self.sharers else charge * q // share
            paid = value + part + q * self.row * _FINE
            if a - 1 + b + q > enough:  # more units than needed: only the depth of what is left is counted
                left = weight[m] - weight[min(m, here + (a - 1) * self.rows)]
                done.append(paid + _FINE * self.carry * left)
                return
            to = (here, a - 1, b + q)
            cost[to] = min(paid, cost.get(to, paid))
