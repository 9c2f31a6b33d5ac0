"""Open nodes of one search of the pricer, what bounds them, and the sets that it found."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.partition.branch_price import _pricer as pricer

_BYTES = 150_000_000


class Pool:
    """Memory of a search: a slot per node, so many that they take some 150 MB.

    Parameters
    ----------
    num_groups, num_nodes, num_arcs, num_pairs : int
        Size of the graph, and of the list of pairs that must not share a cluster.
    harvest : int
        Sets found that are kept.
    most_slots : int
        For searches so short that looking through the slots takes longer than they do.
    """

    def __init__(
        self, num_groups: int, num_nodes: int, num_arcs: int, num_pairs: int, harvest: int, most_slots: int = 4000
    ) -> None:
        slots = max(num_groups + 8, min(most_slots, _BYTES // (8 * (num_arcs + 2 * num_nodes) + 12 * num_groups)))
        keep = 12
        self.capacity: Array = np.empty((slots, num_arcs), dtype=np.int64)
        self.excess: Array = np.empty((slots, num_nodes), dtype=np.int64)
        self.status: Array = np.empty((slots, num_nodes), dtype=np.int8)
        self.scalar: Array = np.zeros((slots, 8), dtype=np.int64)
        self.value: Array = np.zeros((slots, keep), dtype=np.float64)
        self.rows: Array = np.zeros((slots, keep), dtype=np.int64)
        self.columns: Array = np.zeros((slots, keep), dtype=np.int64)
        self.chosen: Array = np.zeros((slots, keep, num_groups), dtype=np.bool_)
        self.work = (
            np.zeros(num_nodes, dtype=np.int64),
            np.zeros(num_nodes, dtype=np.int64),
            np.zeros(4 * (num_arcs + num_nodes + num_pairs) + 16, dtype=np.int64),
            np.zeros(num_nodes + 1, dtype=np.int64),
        )
        self.found: Array = np.zeros((max(1, harvest), num_groups), dtype=np.bool_)
        self.found_value: Array = np.zeros(max(1, harvest), dtype=np.int64)
        self.counters: Array = np.zeros(4, dtype=np.int64)

    @property
    def memory(self) -> pricer.Memory:
        """As the pricer takes it: open nodes, and evaluations that the multipliers of each are chosen by."""
        nodes = pricer.State(self.capacity, self.excess, self.status, self.scalar)
        model = self.value, self.rows, self.columns, self.chosen
        return pricer.Memory(nodes, model, self.work, self.found, self.found_value, self.counters)

    @property
    def first(self) -> pricer.State:
        """The node in the first slot."""
        return pricer.State(self.capacity[0], self.excess[0], self.status[0], self.scalar[0])

    @property
    def open(self) -> Array:
        """Slots of the open nodes, the largest bound first."""
        slots = np.flatnonzero(self.scalar[:, pricer.OPEN])
        return slots[np.argsort(-self.scalar[slots, pricer.BOUND], kind="stable")]

    def share(self, empty: Pool) -> None:
        """Move every second open node to a pool that has none."""
        moved = self.open[1::2]
        all_mine, all_theirs = ((*memory.nodes, *memory.model) for memory in (self.memory, empty.memory))
        for mine, theirs in zip(all_mine, all_theirs, strict=True):
            theirs[: len(moved)] = mine[moved]
        self.scalar[moved, pricer.OPEN] = 0
