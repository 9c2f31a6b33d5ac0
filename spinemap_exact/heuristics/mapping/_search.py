"""A state of the search for one problem: from mappings to arrays, annealed, and back."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels import mapping_annealing as annealing
from spinemap_exact.kernels import mapping_moves as moves
from spinemap_exact.kernels import mapping_state as state
from spinemap_exact.kernels import mapping_steps as steps
from spinemap_exact.kernels.mapping_delays import all_late
from spinemap_exact.kernels.mapping_state import ABSENT, Chip, Net
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
from spinemap_exact.problems.partition import Traffic
from spinemap_exact.result import Watch

MAX_CELLS = 10**7
"""Neurons times slots that a state may take."""

RATES = {
    moves.SYNAPSE: 300,
    moves.AXON: 100,
    moves.UNIT: 120,
    moves.EXCHANGE_UNITS: 100,
    moves.EXCHANGE_CROSSBARS: 20,
    moves.CARRY: 40,
    moves.SOMA: 40,
    moves.SPLIT: 60,
    moves.EXCHANGE_SYNAPSES: 100,
    moves.EXCHANGE_AXONS: 30,
    moves.FOLLOW: 20,
    moves.GROUP: 10,
}
"""How often a move is proposed."""

WHOLE_UNITS = (moves.UNIT, moves.EXCHANGE_UNITS, moves.EXCHANGE_CROSSBARS, moves.GROUP)
_PENALTY = (0.01, 1000.0, 50.0)  # least, highest and first, in units of `Search.scale`
_AGILE = 700  # units, or synapses, up to which the penalty changes at its full speed
_CHUNK = 4_000  # proposals between two looks at the clock
_BY_LATENCY = (MappingObjective.MEAN_LATENCY, MappingObjective.WORST_LATENCY)


class Search:
    """Slots for all tiles of a problem, and who lies in them.

    Where units are given, they are the neurons: each has one unit, and carries are axons like others.
    """

    def __init__(self, problem: MappingProblem, max_crossbars: int, max_latency_ps: int | None) -> None:
        self.problem = problem
        self.given = problem.unrolling is not None
        network = problem.network if problem.unrolling is None else problem.unrolling.unit_network(problem.network)
        self.network, self.slots = network, problem.hardware.grid.num_tiles
        self.net = _net(network, problem.unrolling)
        self.chip, self.constant = _chip(problem, network, max_crossbars, max_latency_ps)
        self.now = state.room_for(network.num_neurons, network.num_synapses, self.slots)
        self.log = np.zeros((6 * network.num_synapses + 8 * network.num_neurons + 4 * self.slots + 64, 4), np.int64)
        self.best = (np.zeros_like(self.now.place), np.zeros_like(self.now.parent), np.zeros_like(self.now.site))
        self.found = -1

    @staticmethod
    def fits(problem: MappingProblem) -> bool:
        """True if there is a synapse to move, and a state of this problem fits into memory."""
        tiles = problem.hardware.grid.num_tiles
        units = problem.unrolling.num_units if problem.unrolling is not None else 0
        cells = max(units, problem.network.num_neurons, tiles) * tiles
        return problem.network.num_synapses > 0 and cells <= MAX_CELLS

    @property
    def price(self) -> int:
        """Of the current state, as the problem counts energy or mean latency."""
        return int(self.now.totals[state.PRICE]) + self.constant

    @property
    def beyond(self) -> int:
        return int(steps.beyond(self.chip, self.now))

    def set(self, place: Array, parent: Array, site: Array) -> None:
        """Start from slots of synapses, parents of units and sites of slots."""
        state.clear(self.now, site)
        steps.fill(self.net, self.chip, self.now, place, parent)
        self.now.totals[state.LATE] = all_late(self.net, self.chip, self.now)
        if self.beyond == 0 and (self.found < 0 or self.now.totals[state.PRICE] < self.found):
            self.found = int(self.now.totals[state.PRICE])
            for kept, value in zip(self.best, (place, parent, site), strict=True):
                kept[:] = value

    def restart(self) -> None:
        """Go back to the best state."""
        self.set(*(kept.copy() for kept in self.best))

    def load(self, unrolling: Unrolling, slot_of_unit: Array, site: Array) -> None:
        """Start from units in slots; units of a neuron in one slot become one unit."""
        slot = slot_of_unit.astype(np.int64)
        parent = np.full(self.now.parent.shape, ABSENT, dtype=np.int64)
        if self.given:
            parent[np.arange(len(slot)), slot] = state.ROOT
            self.set(slot[self.network.post], parent, site)
            return
        deepest_first = np.argsort(-unrolling.depth_of_unit, kind="stable")  # the last one, nearest the soma, stays
        above = unrolling.parent_of_unit[deepest_first]
        tree = np.where(above >= 0, slot[above], state.ROOT)
        parent[unrolling.neuron_of_unit[deepest_first], slot[deepest_first]] = tree
        self.set(slot[unrolling.unit_of_synapse], parent, site)

    def load_mapping(self, mapping: Mapping) -> None:
        """Start from a mapping, its clusters in the slots of their tiles."""
        tile = mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit]
        self.load(mapping.unrolling, tile, np.arange(self.slots))

    def mapping(self) -> Mapping:
        """Return the best state as a mapping."""
        place, parent, site = self.best
        neuron, slot = np.nonzero(parent != ABSENT)
        used, cluster = np.unique(slot, return_inverse=True)
        tiles = site[used]
        crossbars = Partition(cluster.ravel(), self.problem.hardware.crossbar_of_tile[tiles])
        if self.problem.unrolling is not None:
            return Mapping(self.problem.unrolling, crossbars, Placement(tiles))
        unit = np.full(parent.shape, -1, dtype=np.int64)
        unit[neuron, slot] = np.arange(len(neuron))
        above = parent[neuron, slot]
        tree = np.where(above >= 0, unit[neuron, above], -1)
        return Mapping(Unrolling(unit[self.network.post, place], neuron, tree), crossbars, Placement(tiles))

    def scale(self, random: np.random.Generator) -> float:
        """Mean price of the spikes of a source, one packet on a mean way each."""
        read = np.unique(self.network.pre)
        spikes = self.network.spikes[read].mean() if read.size else 1.0
        return max(1.0, float(spikes * self.chip.way.mean()))

    def anneal(
        self,
        watch: Watch,
        random: np.random.Generator,
        trials: int,
        heat: tuple[float, float],
        only: tuple[int, ...] | None = None,
    ) -> bool:
        """Anneal the current state for so many proposals; True if ``best`` became better.

        Parameters
        ----------
        heat : tuple of float
            First and last temperature, in units of `scale`.
        only : tuple of int, optional
            Moves to choose from.
        """
        allowed = only or (WHOLE_UNITS if self.given else tuple(RATES))
        rates = np.cumsum([RATES[move] if move in allowed else 0 for move in sorted(RATES)])
        scale = self.scale(random)
        movable = len(self.net.neurons) if self.given else len(self.net.pre)
        penalty = np.array([*(scale * np.array(_PENALTY)), min(1.0, _AGILE / max(1, movable))])
        numbers = random.integers(1, 2**62, size=1, dtype=np.uint64)
        before, chunks = self.found, max(1, trials // _CHUNK)
        cooling = heat[1] / heat[0]
        for i in range(chunks):
            if watch.should_stop():
                break
            part = scale * heat[0] * cooling ** (np.array([i, i + 1]) / chunks)
            self.found = int(
                annealing.anneal(
                    self.net, self.chip, self.now, self.log, rates, part, penalty, min(trials, _CHUNK), numbers,
                    self.given, self.best, self.found,
                )
            )  # fmt: skip
        return self.found != before


def _net(network: Network, given: Unrolling | None) -> Net:
    heir = np.full(network.num_neurons, -1, dtype=np.int64)
    if given is not None:
        heir[: given.num_units] = given.parent_of_unit
    return Net(
        pre=network.pre.astype(np.int64),
        post=network.post.astype(np.int64),
        spikes=network.spikes.copy(),
        out_ptr=network.fanout_ptr.copy(),
        in_ptr=network.fanin_ptr.astype(np.int64),
        in_synapse=np.lexsort((network.spikes[network.pre], network.post)),
        neurons=np.flatnonzero(~network.is_input),
        heir=heir,
    )


def _chip(
    problem: MappingProblem, network: Network, max_crossbars: int, max_latency_ps: int | None
) -> tuple[Chip, int]:
    """Prices of everything, and what every mapping pays."""
    costs, grid = problem.hardware.costs, problem.hardware.grid
    dx, dy = abs(grid.x[:, None] - grid.x), abs(grid.y[:, None] - grid.y)
    energy = costs.packet_fj + dx * costs.hop_x_fj + dy * costs.hop_y_fj
    delay = costs.packet_ps + dx * costs.hop_x_ps + dy * costs.hop_y_ps + costs.synapse_ps
    io = grid.io_tile
    entry = np.full_like(energy[0], costs.packet_fj) if io is None else energy[io].copy()
    entry_delay = np.full_like(delay[0], costs.packet_ps + costs.synapse_ps) if io is None else delay[io].copy()
    np.fill_diagonal(energy, costs.local_fj)
    np.fill_diagonal(delay, costs.local_ps + costs.synapse_ps)
    by_latency = problem.objective in _BY_LATENCY
    prices = np.array([0, 0] if by_latency else [costs.synapse_fj, costs.idle_cell_fj], dtype=np.int64)
    crossbars = [problem.hardware.crossbars[kind] for kind in problem.hardware.crossbar_of_tile.tolist()]
    chip = Chip(
        way=delay if by_latency else energy,
        entry=entry_delay if by_latency else entry,
        step=delay,
        entry_step=entry_delay,
        rows=np.array([c.rows for c in crossbars], dtype=np.int64),
        columns=np.array([c.columns for c in crossbars], dtype=np.int64),
        cells=np.array([c.cells for c in crossbars], dtype=np.int64),
        prices=prices,
        per_synapse=by_latency or problem.traffic is Traffic.PER_SYNAPSE,
        max_crossbars=max_crossbars,
        max_delay=-1 if max_latency_ps is None else max_latency_ps,
    )
    return chip, 0 if by_latency else costs.synapse_fj * network.synaptic_events
