"""Whole mappings of tiny networks, tried out from the definitions alone: every unrolling, partition and placement.

An instance is a table with ``network`` (as in an instance file), ``width``, ``height``, ``io_tile``, ``tiles`` (rows
and columns of the crossbar on each tile), ``fj`` and ``ps`` (prices by name), ``traffic`` and, if the crossbars are
limited, ``max_crossbars``. `laid_out` makes such a table of an instance file.

At most one unit of a neuron is put on a tile. Two of them can be merged: the rows are there, a column and the row of a
carry become free, and what was sent locally is no longer sent. Only idle cells may become more, by the cell of that
carry; so with a price for idle cells the optimum found is one of a feasible mapping, but need not be the least. Units
of a single input are tried: an axon read nearby anyway, and passed on, may save hops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from typing import Any

from enumerate_stages import Table, TooLarge, synapses_of

_MOST_STEPS = 300_000
MEASURES = ("energy", "worst", "mean")
_MEASURE_OF = {"energy": "energy", "worst-latency": "worst", "mean-latency": "mean"}


def laid_out(file: Table) -> Table:
    """Return what an instance file of a mapping says, with types of crossbars handed out to the tiles in order."""
    chip, costs = file["hardware"], file["hardware"]["costs"]
    width, height, io_tile = chip["grid"]
    tiles = [[rows, columns] for rows, columns, _, count in chip["crossbars"] for _ in range(count or width * height)]
    prices = {unit: {k[:-3]: v for k, v in costs.items() if k.endswith(unit)} for unit in ("fj", "ps")}
    rest = {key: file[key] for key in ("network", "traffic", "max_crossbars")}
    return {**rest, **prices, "width": width, "height": height, "io_tile": io_tile, "tiles": tiles}


def best_of_file(file: Table) -> int | None:
    """Least of the objective of an instance file, latency as its sum over all spikes; None if nothing is feasible."""
    measure = _MEASURE_OF.get(file["objective"])
    if measure is None or file["max_latency_ps"] is not None or file["unrolling"] is not None:
        raise TooLarge
    return _total(file, best_mapping(laid_out(file), measure))


def price_of_file(file: Table, mapping: Table) -> int | None:
    """Price a mapping by the objective of an instance file; limits are not looked at."""
    return _total(file, price_mapping(laid_out(file), mapping, _MEASURE_OF[file["objective"]]))


def _total(file: Table, value: int | Fraction | None) -> int | None:
    if file["objective"] != "mean-latency" or value is None:
        return value
    network = file["network"]
    return int(value * sum(network["spikes"][k] for k, _ in synapses_of(network)))


def price_mapping(instance: Table, mapping: Table, measure: str = "energy") -> int | Fraction | None:
    """Price any mapping, given as in a mapping file with all its entries; limits are not looked at.

    ``mean`` is None where no spike arrives, ``worst`` where there is no synapse.
    """
    network, synapses = instance["network"], synapses_of(instance["network"])
    owner, parent = mapping["neuron_of_unit"], mapping["parent_of_unit"]
    unit_of, tile_of = mapping["unit_of_synapse"], mapping["tile_of_cluster"]
    units = range(len(owner))
    tile = [tile_of[c] for c in mapping["cluster_of_unit"]]
    soma = {owner[u]: u for u in units if parent[u] < 0}
    home = [tile[soma[i]] if i in soma else None for i in range(len(network["spikes"]))]
    carried = [sum(network["spikes"][k] for (k, _), u in zip(synapses, unit_of, strict=True) if v == u) for v in units]
    for v in sorted(units, key=lambda v: -_depth(v, parent)):
        if parent[v] >= 0:
            carried[parent[v]] += carried[v]
    reads = [
        (home[k], ("neuron", k), network["spikes"][k], tile[u]) for (k, _), u in zip(synapses, unit_of, strict=True)
    ]
    reads += [(tile[v], ("carry", v), carried[v], tile[parent[v]]) for v in units if parent[v] >= 0]
    if measure == "energy":
        return _energy(instance, reads, set(tile))
    ways = []
    for (k, _), u in zip(synapses, unit_of, strict=True):
        way = _way_ps(instance, home[k], tile[u])
        while parent[u] >= 0:
            way += _way_ps(instance, tile[u], tile[parent[u]])
            u = parent[u]
        ways.append((network["spikes"][k], way))
    return _latency(ways, measure)


def best_mapping(instance: Table, measure: str = "energy") -> int | Fraction | None:
    """Least energy (fJ), worst or mean latency (ps) of any mapping; None if none is feasible or nothing is measured."""
    network, tiles = instance["network"], range(len(instance["tiles"]))
    neurons = [i for i, is_input in enumerate(network["is_input"]) if not is_input]
    options = {(i, t): _distinct(instance, _options(instance, i, t), measure) for i in neurons for t in tiles}
    searches = []
    for somas in product(tiles, repeat=len(neurons)):
        home: list[int | None] = [None] * len(network["spikes"])
        for i, t in zip(neurons, somas, strict=True):
            home[i] = t
        searches.append(_Search(instance, home, [options[i, t] for i, t in zip(neurons, somas, strict=True)], measure))
    best: list[int | Fraction] = []
    budget = [_MOST_STEPS]
    for search in sorted(searches, key=lambda search: search.least[0]):
        search.run(best, budget)
    if best and measure == "mean":
        total = sum(network["spikes"][k] for k, _ in synapses_of(network))
        return Fraction(best[-1], total) if total else None
    return None if measure == "worst" and not synapses_of(network) else min(best, default=None)


@dataclass(frozen=True)
class _Option:
    """One way to unroll a neuron: where its units lie, what they read, and which carries they send."""

    tiles: frozenset[int]
    reads: tuple[tuple[int, int], ...]  # (axon, tile) of each synapse
    carries_into: tuple[int, ...]  # of each tile
    carries_fj: int
    after_ps: tuple[int, ...]  # of each synapse: from its unit to the soma unit


def _options(instance: Table, neuron: int, soma: int) -> Iterator[_Option]:
    """All trees of units on tiles. A unit that reads no axon merges two carries or more: one goes straight instead."""
    axons = [pre for pre, post in synapses_of(instance["network"]) if post == neuron]
    spikes, tiles = instance["network"]["spikes"], range(len(instance["tiles"]))
    for served in product(tiles, repeat=len(axons)):
        free = [t for t in tiles if t != soma and t not in served]
        for extra in (set(c) for k in range(len(free) + 1) for c in combinations(free, k)):
            used = {soma, *served, *extra}
            senders = sorted(used - {soma})
            for parents in product(sorted(used), repeat=len(senders)):
                above = dict(zip(senders, parents, strict=True))
                paths = {t: _climb(t, above, soma) for t in used}
                if None in paths.values() or any(parents.count(t) < 2 for t in extra):
                    continue
                load = dict.fromkeys(senders, 0)
                for k, s in zip(axons, served, strict=True):
                    for t in paths[s] or ():
                        load[t] += spikes[k]
                sent = [(a, ("carry", a), load[a], above[a]) for a in senders]
                steps = {t: sum(_way_ps(instance, a, above[a]) for a in paths[t] or ()) for t in used}
                reads, after = tuple(zip(axons, served, strict=True)), tuple(steps[s] for s in served)
                yield _Option(
                    frozenset(used),
                    reads,
                    tuple(parents.count(t) for t in tiles),
                    _energy(instance, sent, set()),
                    after,
                )


def _distinct(instance: Table, options: Iterator[_Option], measure: str) -> list[_Option]:
    """Those that fit by themselves, the cheapest where only the price differs, the cheapest first."""
    found: dict[Any, _Option] = {}
    for option in sorted(options, key=lambda option: option.carries_fj):
        later = option.after_ps if measure != "energy" else None
        fits = all(
            len({k for k, t in option.reads if t == tile}) + option.carries_into[tile] <= rows
            for tile, (rows, _) in enumerate(instance["tiles"])
        )
        if fits:
            found.setdefault((option.tiles, option.reads, option.carries_into, later), option)
    return list(found.values())


def _climb(tile: int, above: dict[int, int], soma: int) -> list[int] | None:
    """Tiles that send a carry on the way to the soma; None if there is no end."""
    path: list[int] = []
    while tile != soma:
        if tile in path:
            return None
        path.append(tile)
        tile = above[tile]
    return path


class _Search:
    """All choices of an option for each neuron, given where the somas lie; nothing costs less than nothing."""

    def __init__(self, instance: Table, home: list[int | None], options: list[list[_Option]], measure: str) -> None:
        self.instance, self.options, self.measure = instance, options, measure
        spikes, tiles = instance["network"]["spikes"], range(len(instance["tiles"]))
        self.axon_fj = [
            [_energy(instance, [(h, ("", k), spikes[k], t)], set()) for t in tiles] for k, h in enumerate(home)
        ]
        self.event_fj = [count * instance["fj"]["synapse"] for count in spikes]
        self.way_ps = [[_way_ps(instance, h, t) for t in tiles] for h in home]
        self.least: list[int] = [0] * (len(options) + 1)  # what the neurons from here on cost in the best case
        if measure != "energy" or instance["traffic"] == "per-synapse":
            for i in reversed(range(len(options))):
                alone = [self._more(option, set()) for option in options[i]]
                self.least[i] = self._plus(min(alone, default=0), self.least[i + 1])

    def run(self, best: list[int | Fraction], budget: list[int]) -> None:
        """Lower the best found so far."""
        self.best, self.budget = best, budget
        self._choose([], set(), 0)

    def _choose(self, chosen: list[_Option], read: set[tuple[int, int]], cost: int) -> None:
        n = len(chosen)
        if n == len(self.options):
            cost += self._idle_fj(chosen) if self.measure == "energy" else 0
        if self.best and self._plus(cost, self.least[n]) >= self.best[-1]:
            return
        if n == len(self.options):
            self.best.append(cost)
            return
        for option in self.options[n]:
            self.budget[0] -= 1
            if self.budget[0] < 0:
                raise TooLarge
            then = self._plus(cost, self._more(option, read))
            if (not self.best or self._plus(then, self.least[n + 1]) < self.best[-1]) and self._fits([*chosen, option]):
                self._choose([*chosen, option], read | set(option.reads), then)

    def _plus(self, cost: int, more: int) -> int:
        return max(cost, more) if self.measure == "worst" else cost + more

    def _more(self, option: _Option, read: set[tuple[int, int]]) -> int:
        """What a neuron adds; the mean counts as its sum."""
        if self.measure == "energy":
            per_tile = self.instance["traffic"] == "per-tile"
            shared = [k_t for k_t in option.reads if per_tile and k_t in read]
            axons = sum(self.axon_fj[k][t] for k, t in option.reads)
            return option.carries_fj + axons - sum(self.axon_fj[k][t] - self.event_fj[k] for k, t in shared)
        ways = [self.way_ps[k][t] + after for (k, t), after in zip(option.reads, option.after_ps, strict=True)]
        if self.measure == "worst":
            return max(ways, default=0)
        spikes = self.instance["network"]["spikes"]
        return sum(spikes[k] * way for (k, _), way in zip(option.reads, ways, strict=True))

    def _fits(self, chosen: list[_Option]) -> bool:
        for t, (rows, columns) in enumerate(self.instance["tiles"]):
            axons = {k for option in chosen for k, served in option.reads if served == t}
            carries = sum(option.carries_into[t] for option in chosen)
            if len(axons) + carries > rows or sum(t in option.tiles for option in chosen) > columns:
                return False
        used = frozenset().union(*(option.tiles for option in chosen))
        return len(used) <= (self.instance.get("max_crossbars") or len(used))

    def _idle_fj(self, chosen: list[_Option]) -> int:
        used = frozenset().union(*(option.tiles for option in chosen))
        cells = sum(rows * columns for t, (rows, columns) in enumerate(self.instance["tiles"]) if t in used)
        cells -= sum(len(option.reads) + sum(option.carries_into) for option in chosen)
        return int(self.instance["fj"]["idle_cell"] * cells)


def _energy(instance: Table, reads: list, used: set[int]) -> int:
    """Sum of what is read: (tile of the source or None, name of the source, spikes, tile that reads)."""
    fj, per_tile = instance["fj"], instance["traffic"] == "per-tile"
    total, seen = 0, set()
    for source, name, spikes, tile in reads:
        total += spikes * fj["synapse"]
        if per_tile and (name, tile) in seen:
            continue
        seen.add((name, tile))
        if source == tile:
            total += spikes * fj["local"]
        else:
            dx, dy = _hops(instance, source, tile)
            total += spikes * (fj["packet"] + dx * fj["hop_x"] + dy * fj["hop_y"])
    for t in used:
        rows, columns = instance["tiles"][t]
        total += fj["idle_cell"] * (rows * columns - sum(tile == t for _, _, _, tile in reads))
    return total


def _way_ps(instance: Table, source: int | None, tile: int) -> int:
    ps = instance["ps"]
    if source == tile:
        return int(ps["local"] + ps["synapse"])
    dx, dy = _hops(instance, source, tile)
    return int(ps["packet"] + dx * ps["hop_x"] + dy * ps["hop_y"] + ps["synapse"])


def _hops(instance: Table, source: int | None, tile: int) -> tuple[int, int]:
    """External inputs enter at the I/O tile; without one they make no hops."""
    source = instance["io_tile"] if source is None else source
    if source is None:
        return 0, 0
    width = instance["width"]
    return abs(source % width - tile % width), abs(source // width - tile // width)


def _latency(ways: list[tuple[int, int]], measure: str) -> int | Fraction | None:
    if measure == "worst":
        return max((way for _, way in ways), default=None)
    arrivals = sum(spikes for spikes, _ in ways)
    return Fraction(sum(spikes * way for spikes, way in ways), arrivals) if arrivals else None


def _depth(unit: int, parent: list[int]) -> int:
    return 0 if parent[unit] < 0 else 1 + _depth(parent[unit], parent)
