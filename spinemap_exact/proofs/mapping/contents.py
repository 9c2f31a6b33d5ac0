"""Write the values that bound a network by what its crossbars may hold as evidence that the checker accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.instance import Mapping, read
from spinemap_exact.certificate.check.mapping.contents import Contents, Values, most_worth
from spinemap_exact.proofs.partition.clusters import Evaluation, Shares
from spinemap_exact.solvers.mapping import contents


def prove(problem: Any, claim: int, found: contents.Evidence, should_stop: Callable[[], bool]) -> dict[str, Any] | None:
    """Return evidence for a bound from the values of a search; None if they prove less, or it takes too long."""
    instance = read(problem).instance
    assert isinstance(instance, Mapping)
    nets, known = instance.nets, found.values
    values = Values(
        known.scale,
        _spread(known.neurons, [i for i in range(nets.num_neurons) if not nets.is_input[i]], nets.num_neurons),
        known.synapses.tolist(),
        _spread(known.axons, [k for k in range(nets.num_neurons) if nets.posts[k]], nets.num_neurons),
    )
    most = most_worth(instance, values, claim)
    if most < 0:
        return None
    tree = _Shares(Contents(instance).pricing(values), most, should_stop).tree()
    return None if tree is None else {"kind": "contents", **vars(values), "pricing": tree}


def _spread(values: Array, places: list[int], size: int) -> list[int]:
    spread = np.zeros(size, dtype=np.int64)
    spread[places] = values
    return [int(v) for v in spread]


class _Shares(Shares):
    """Contents that are all decided may still want too many rows for carries: a price of rows shows that."""

    def _bound(
        self, inside: int, outside: int, seen: list[Evaluation], steps: int
    ) -> tuple[Evaluation, list[Evaluation]]:
        best, seen = super()._bound(inside, outside, seen, steps)
        if best.bound > self.most and (inside | outside).bit_count() == self.flow.num_groups:
            best = min(best, self.flow.evaluate(inside, outside, self.flow.large, 0), key=lambda e: e.bound)
        return best, seen
