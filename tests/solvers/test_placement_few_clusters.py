"""Few clusters on a mesh with many empty tiles: every solver finds the same optimum."""

from __future__ import annotations

import numpy as np
import pytest
from draws import some

from spinemap_exact import solvers
from spinemap_exact.hardware import TileGrid
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, Watch


@pytest.mark.parametrize("seed", some(3, 12))
def test_solvers_agree_where_most_tiles_are_empty(seed):
    rng = np.random.default_rng(seed)
    clusters = int(rng.integers(2, 7))
    flow = rng.integers(0, 10**6, (clusters, clusters)) * (rng.random((clusters, clusters)) < 0.5)
    np.fill_diagonal(flow, 0)
    mesh = Mesh.of_grid(TileGrid(int(rng.integers(3, 5)), 4))
    problem = PlacementProblem.from_matrices(flow, mesh=mesh)

    found = {
        name: solvers.load("placement", name)(problem, Watch(Limits(time_s=20 if name == "rlt1" else 120, workers=1)))
        for name in ("grid-dp", "rlt1", "cuts-cpsat")
    }

    assert found["grid-dp"].status is Status.OPTIMAL
    assert found["cuts-cpsat"].status is Status.OPTIMAL
    assert found["grid-dp"].objective == found["cuts-cpsat"].objective
    assert found["rlt1"].dual_bound <= found["grid-dp"].objective <= found["rlt1"].objective
