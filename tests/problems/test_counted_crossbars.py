"""A chip with fewer crossbars than tiles is one on which at most so many may be used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from draws import some
from enumerate_mapping import best_of_file

from spinemap_exact.certificate import format
from spinemap_exact.hardware import Crossbar, Hardware, TileGrid
from spinemap_exact.network import Network
from spinemap_exact.pipeline import map_network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.result import Limits, Status

LIMITS = Limits(time_s=2, workers=1, seed=0)


@pytest.mark.parametrize(
    ("counts", "there"), [((None,), 4), ((1,), 1), ((3,), 3), ((9,), 4), ((3, 1), 4)], ids=lambda value: str(value)
)
def test_how_many_crossbars_there_are(counts: tuple[int | None, ...], there: int) -> None:
    hardware = Hardware("chip", TileGrid(2, 2), tuple(Crossbar(4, 4 + k, count=c) for k, c in enumerate(counts)))
    assert hardware.num_crossbars == there


@pytest.mark.parametrize("seed", some(2, 6))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_counts_agree_with_a_limit_and_with_enumeration(seed: int, count: int) -> None:
    """Four neurons and an input on 2 x 2 tiles; the enumeration knows the limit, and no counts."""
    rng = np.random.default_rng(seed)
    pairs = sorted({(int(a), int(b)) for a, b in zip(rng.integers(0, 5, 7), rng.integers(0, 4, 7), strict=True)})
    is_input = np.arange(5) == 4
    network = Network.from_synapses(
        [a for a, _ in pairs], [b for _, b in pairs], rng.integers(1, 9, 5).tolist(), is_input=is_input
    )
    unlimited = Hardware("chip", TileGrid(2, 2), (Crossbar(4, 2),))
    counted = replace(unlimited, crossbars=(Crossbar(4, 2, count=count),))
    best = best_of_file(format.instance_table(MappingProblem(network, unlimited, max_crossbars=count)))

    run = map_network(network, counted, limits=LIMITS)

    if best is None:
        assert run.status is Status.INFEASIBLE or run.mapping is None
        return
    result = run.stages[0].result
    assert result.objective is not None and result.dual_bound is not None
    assert result.dual_bound <= best <= result.objective
    assert run.mapping is not None and run.mapping.partition.num_clusters <= count
