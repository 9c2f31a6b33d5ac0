"""From columns and numbers of carries back to units that form trees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinemap_exact.mapping import Partition, Unrolling
from spinemap_exact.problems.unroll import PackedUnrolling, UnrollProblem


class PackedTrees:
    """Collects the units of one neuron after the other."""

    def __init__(self, problem: UnrollProblem) -> None:
        self.problem = problem
        self.neuron_of_unit: list[int] = []
        self.parent_of_unit: list[int] = []
        self.crossbar_of_unit: list[int] = []
        self.unit_of_synapse = np.zeros(problem.network.num_synapses, dtype=np.int32)
        ids = enumerate(zip(problem.network.pre.tolist(), problem.network.post.tolist(), strict=True))
        self._synapse = {ends: s for s, ends in ids}

    def add(self, neuron: int, carries: Mapping[int, int], crossbar_of_axon: Mapping[int, int]) -> None:
        """Add the units of a neuron: one in each crossbar of ``carries``, which reads so many carries there.

        The numbers of carries add up to one less than there are units.
        """
        needed = _without_idle(dict(carries), set(crossbar_of_axon.values()))
        # most carries first: then some unit placed before always has a carry left to read
        order = sorted(needed, key=lambda b: (-needed[b], b))
        start = len(self.neuron_of_unit)
        free = [start + n for n, b in enumerate(order) for _ in range(needed[b])]
        self.neuron_of_unit += [neuron] * len(order)
        self.parent_of_unit += [-1, *free]
        self.crossbar_of_unit += order
        for axon, b in crossbar_of_axon.items():
            self.unit_of_synapse[self._synapse[axon, neuron]] = start + order.index(b)

    def packed(self) -> PackedUnrolling:
        """Return all units and their crossbars."""
        unrolling = Unrolling(
            self.unit_of_synapse, np.array(self.neuron_of_unit), np.array(self.parent_of_unit, dtype=np.int32)
        )
        return PackedUnrolling(unrolling, Partition.from_labels(self.crossbar_of_unit))


def _without_idle(carries: dict[int, int], reading: set[int]) -> dict[int, int]:
    """Leave out units that read nothing, or nothing but one carry: the others can do without them."""
    while len(carries) > 1:
        idle = next((b for b, n in carries.items() if n < 2 and b not in reading), None)
        if idle is None:
            break
        if carries.pop(idle) == 0:  # nobody waits for its carry any more
            waiting = max(carries, key=lambda b: carries[b])
            carries[waiting] -= 1
    return carries
