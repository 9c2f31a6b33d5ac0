r"""What any mapping of a network costs at least: whatever its units, their partition and their placement.

Notation: s_k spikes of axon k; R rows and N columns of the largest crossbar, B crossbars at most; h the cheapest hop.

**Merged mappings.** Two units of one neuron in one crossbar can be merged: keep the one from which a spike reaches
the soma unit more cheaply, and give it all that enters the other. Rows, columns, packets and events do not grow. So,
idle cells apart, some best mapping has one unit of each neuron on a tile, and there every carry travels: it costs
packet + h + synapse a spike at least.

**Reads.** Let Y crossbars read k. Each costs ``outside`` = packet + h a spike (external inputs: packet), but the home
of k, which costs ``local``. Of the Y reads, Y1 are by units that merge carries. With any ``price`` from 0 to
``outside``,

    cost of k  >=  price s_k Y1 + the rest,

where the rest is (outside - price) s_k times the crossbars that hold all readers of k, ceil(readers / N) of them; if
the home reads k, it holds k besides, and outside - local is saved once.

**Rows.** All axons and carries of a mapping take B R rows at most. So ``row`` for each of them, less ``row`` B R, may
be added. What an axon takes in one crossbar is shared out: ``merging[k]`` to units that merge carries, the rest to
others.

**Trees.** Both are shared by the neurons of a crossbar. `PricedTree` bounds, for each neuron on its own, what its
carries and its shares cost, with the least of the prices of its axons. With the rests, their sum bounds the energy.

Per synapse, a read is not shared: every synapse costs ``outside`` but those at home, N - 1 at most and a self-loop.

**Idle cells.** Of R N cells of a crossbar, synapses and entering carries take some, and carries no more than the rows
that no axon has. So C (R N - R) - synapses + axons are idle at least, with C crossbars by counting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.bounds.trees import PricedTree
from spinemap_exact.hardware import Hardware
from spinemap_exact.network import Network
from spinemap_exact.problems.classes import identical_rows
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.problems.unroll import counting_bounds


@dataclass(frozen=True, eq=False)
class Prices:
    """What proves a bound, all in fJ; see the module. Any prices prove one, good ones a good one.

    Attributes
    ----------
    price_of_axon : (num_neurons,) int64
        For a spike that is read where units merge carries, from 0 to what the read costs outside of the home.
    merging_of_axon : (num_neurons,) int64
        Part of ``row`` that units pay together that read the axon and merge carries.
    row : int
        For each row.
    """

    price_of_axon: Array
    merging_of_axon: Array
    row: int = 0


@dataclass(frozen=True, eq=False)
class NetworkBound:
    """A lower bound on the energy of any mapping, in fJ, and the prices that prove it."""

    energy_fj: int
    prices: Prices


def network_bound(
    network: Network,
    hardware: Hardware,
    traffic: Traffic | str = Traffic.PER_TILE,
    max_crossbars: int | None = None,
) -> NetworkBound:
    """Bound the energy of any mapping from below; see the module for the proof.

    Parameters
    ----------
    max_crossbars : int, optional
        That a mapping may use; by default one on every tile.
    """
    return max(network_bounds(network, hardware, traffic, max_crossbars), key=lambda found: found.energy_fj)


def network_bounds(
    network: Network,
    hardware: Hardware,
    traffic: Traffic | str = Traffic.PER_TILE,
    max_crossbars: int | None = None,
) -> Iterator[NetworkBound]:
    """Yield bounds as of `network_bound`, a quick one first, for those who may have to stop."""
    tiles = hardware.grid.num_tiles
    most = tiles if max_crossbars is None else min(tiles, max_crossbars)
    counting = _Counting(network, hardware, Traffic(traffic), most)
    for prices in _Search(counting).better():
        yield NetworkBound(counting.energy(prices), prices)


def least_idle_cells(network: Network, hardware: Hardware) -> int:
    """Cells without a synapse or a carry, at least, in the crossbars of any mapping; see the module."""
    rows, columns = hardware.max_rows, max(c.columns for c in hardware.crossbars)
    crossbars = max(counting_bounds(network, rows, columns).values())
    least = min(c.rows * (c.columns - 1) for c in hardware.crossbars)
    return max(0, crossbars * least - network.num_synapses + int(np.count_nonzero(network.fan_out)))


class _Counting:
    """The terms of the bound for one network on one chip."""

    def __init__(self, network: Network, hardware: Hardware, traffic: Traffic, most_crossbars: int) -> None:
        self.network, self.hardware, self.traffic, self.most_crossbars = network, hardware, traffic, most_crossbars
        costs, grid = hardware.costs, hardware.grid
        hops = [costs.hop_x_fj] * (grid.width > 1) + [costs.hop_y_fj] * (grid.height > 1)
        self.rows, self.columns = hardware.max_rows, max(c.columns for c in hardware.crossbars)
        self.remote = costs.packet_fj + min(hops, default=0)
        self.carry = self.remote + costs.synapse_fj
        self.outside = np.where(network.is_input, *(np.array(v, dtype=object) for v in (costs.packet_fj, self.remote)))
        self.sharers = np.maximum(1, np.minimum(self.columns, network.fan_out))
        # where a crossbar has one row, nothing can be unrolled
        self.is_wide = network.fan_in > (self.rows if self.rows > 1 else network.num_neurons)

    def energy(self, prices: Prices) -> int:
        costs = self.hardware.costs
        events = self.network.synaptic_events * costs.synapse_fj
        idle = least_idle_cells(self.network, self.hardware) * costs.idle_cell_fj
        rest = int(self.rest(prices).sum()) + events + idle
        trees = sum(count * tree.least for tree, count, _ in self.trees(prices))
        return trees + self.whole(prices) + rest - prices.row * self.rows * self.most_crossbars

    def rest(self, prices: Prices) -> Array:
        """(num_neurons,) object: what reads of an axon cost beyond its price where carries are merged."""
        network, columns = self.network, self.columns
        readers, spikes = network.fan_out.astype(object), network.spikes.astype(object)
        loop = np.zeros(network.num_neurons, dtype=np.int64)
        loop[network.pre[network.pre == network.post]] = 1
        outside = self.outside
        local = self.hardware.costs.local_fj
        if self.traffic is Traffic.PER_SYNAPSE:
            near = np.where(network.is_input, 0, np.minimum(readers, columns - 1 + loop))
            apart: Array = spikes * ((readers - near) * outside + near * np.minimum(outside, local))
            return apart
        left = outside - prices.price_of_axon
        away = left * -(-readers // columns)
        home = left * -(-(readers + 1 - loop) // columns) - outside + local
        least = np.where(network.is_input, away, np.minimum(away, home))
        return np.where(readers > 0, spikes * least, 0)

    def whole(self, prices: Prices) -> int:
        """Rows of neurons that fit a crossbar as they are: their axons there, or a carry."""
        if prices.row == 0:
            return 0
        network = self.network
        share = (prices.row - prices.merging_of_axon) // self.sharers
        axons = np.zeros(network.num_neurons, dtype=object)
        np.add.at(axons, network.post, share[network.pre].astype(object))
        return int(np.minimum(axons, prices.row)[~self.is_wide].sum())

    def trees(self, prices: Prices) -> Iterator[tuple[PricedTree, int, int]]:
        """A tree for each class of neurons that need one, how many they are, and one of them."""
        for neuron, count, axons in self.wide_classes:
            read = int(prices.price_of_axon[axons].min())
            spikes, merging = self.network.spikes[axons].tolist(), prices.merging_of_axon[axons].tolist()
            tree = PricedTree(
                tuple(spikes),
                self.rows,
                self.carry,
                tuple(read * s + part for s, part in zip(spikes, merging, strict=True)),
                int(self.sharers[axons].max()),
                tuple(prices.row - part for part in merging),
                prices.row,
            )
            yield tree, count, neuron

    @cached_property
    def wide_classes(self) -> list[tuple[int, int, Array]]:
        """Classes of neurons that read the same axons and need units: first neuron, size, axons by falling spikes."""
        network, wide = self.network, np.flatnonzero(self.is_wide)
        if wide.size == 0:
            return []
        label, first = identical_rows(network.fanin_ptr, network.fanin_idx, wide)
        axons = [network.fan_in_of(i) for i in first.tolist()]
        falling = [a[np.argsort(-network.spikes[a], kind="stable")] for a in axons]
        return list(zip(first.tolist(), np.bincount(label).tolist(), falling, strict=True))


_THRESHOLDS = 6  # that are tried between axons that pay where carries are merged and axons that do not
_ROUNDS = 24
_MOST_STEPS = 2_000_000_000  # of one evaluation: some seconds; beyond that Huffman's code alone
_DEAREST = 1 << 60  # prices that arrays hold
_TRIED = 100  # evaluations for the price of a row


class _Search:
    """Good prices: for each part of the network, and one price of a row for all."""

    def __init__(self, counting: _Counting) -> None:
        self.counting, self.network = counting, counting.network
        self.none = np.zeros(self.network.num_neurons, dtype=np.int64)

    def better(self) -> Iterator[Prices]:
        """None; prices of reads, without prices of rows; the price of a row that makes the bound largest."""
        unpriced = Prices(self.none, self.none)
        yield unpriced
        steps = sum(tree.steps for tree, _, _ in self.counting.trees(unpriced))
        if steps == 0 or steps > _MOST_STEPS or self.counting.traffic is Traffic.PER_SYNAPSE:
            return
        prices = self._with_reads()
        yield prices
        scale = max(1, int(self.network.spikes.max()) * self.counting.carry)
        if steps > _MOST_STEPS // _TRIED or scale > _DEAREST:
            return
        known = {0: prices}

        def value(row: int) -> int:
            if row not in known:
                known[row] = self._with_rows(prices, row)
            return self.counting.energy(known[row])

        # the bound is nearly concave in the price of a row: by powers, then by halving
        low = max([0, *(scale >> k for k in range(0, 40, 3) if scale >> k)], key=value)
        step = 7 * low
        for _ in range(_ROUNDS if low else 0):
            step //= 2
            low = max((max(0, low - step), low, low + step), key=value)
            if step * _ROUNDS < low:
                break
        yield known[low]

    def _with_reads(self) -> Prices:
        counting = self.counting
        only_wide = np.ones(self.network.num_neurons, dtype=bool)
        only_wide[self.network.pre[~counting.is_wide[self.network.post]]] = False
        outside = np.minimum(counting.outside, _DEAREST).astype(np.int64)
        local = np.minimum(outside, counting.hardware.costs.local_fj)
        candidates = [Prices(self.none, self.none)]
        for price in (outside, np.where(self.network.is_input, outside, local)):
            candidates += [Prices(asked, self.none) for asked in (price, np.where(only_wide, price, 0))]
        return self._best_of_parts(candidates)

    def _with_rows(self, prices: Prices, row: int) -> Prices:
        """With this price of a row, and the best threshold of each part between busy axons and quiet ones."""
        spikes, carry = self.network.spikes, self.counting.carry
        thresholds = np.quantile(spikes[self._is_read], np.linspace(0, 1, _THRESHOLDS + 1)).astype(np.int64).tolist()
        candidates = [replace(prices, row=row)]
        # the dearer a spike is, the less may the part of an axon depend on its spikes
        for price in (prices.price_of_axon, np.minimum(prices.price_of_axon, carry // 2)):
            dearest = np.zeros_like(price)
            np.maximum.at(dearest, self._part, price)
            slope = (carry - dearest[self._part]) // 2  # one for all axons of a tree, or they are not in order
            for threshold in thresholds:
                part = np.maximum(0, spikes - threshold).astype(object) * slope
                merging = np.where(self._is_read, np.minimum(row, part), 0).astype(np.int64)
                candidates.append(Prices(price, merging, row))
            candidates.append(Prices(price, np.where(self._is_read, row, 0), row))
        return self._best_of_parts(candidates)

    def _best_of_parts(self, candidates: list[Prices]) -> Prices:
        """For each part of the network the candidate that gives it most."""
        values = np.stack([self._by_part(prices) for prices in candidates])
        chosen = np.argmax(values, axis=0)[self._part]
        axons = np.arange(self.network.num_neurons)
        price = np.stack([p.price_of_axon for p in candidates])[chosen, axons]
        merging = np.stack([p.merging_of_axon for p in candidates])[chosen, axons]
        return Prices(price, merging, candidates[0].row)

    def _by_part(self, prices: Prices) -> Array:
        """(num_neurons,) object: what each part of the network contributes, by its label."""
        value = np.zeros(self.network.num_neurons, dtype=object)
        np.add.at(value, self._part, self.counting.rest(prices))
        for (tree, count, _), (_, _, axons) in zip(
            self.counting.trees(prices), self.counting.wide_classes, strict=True
        ):
            value[self._part[axons[0]]] += count * tree.least
        return value

    @cached_property
    def _is_read(self) -> Array:
        """(num_neurons,) bool: axons of neurons that need several units."""
        mask = np.zeros(self.network.num_neurons, dtype=bool)
        mask[self.network.pre[self.counting.is_wide[self.network.post]]] = True
        return mask

    @cached_property
    def _part(self) -> Array:
        """(num_neurons,) int64: a label for each axon; neurons that need several units tie all their axons together."""
        classes = self.counting.wide_classes
        axons = np.concatenate([a for _, _, a in classes])
        length = np.array([len(a) for _, _, a in classes])
        start = np.cumsum(length) - length
        label = np.arange(self.network.num_neurons)
        while True:
            tied = label.copy()
            np.minimum.at(tied, axons, np.repeat(np.minimum.reduceat(label[axons], start), length))
            tied = np.minimum(tied, tied[tied])
            if np.array_equal(tied, label):
                return label
            label = tied
