"""Placement models on problems whose optimum can be seen, on every formulation and engine."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from spinemap_exact import solvers
from spinemap_exact.errors import InvalidInput
from spinemap_exact.formulations.placement._data import Data
from spinemap_exact.hardware import TileGrid
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.result import Limits, Status, Watch

MODELS = list(solvers.modelled("placement"))


@pytest.fixture(params=MODELS)
def solve(request):
    if request.param.endswith("-scip"):
        pytest.importorskip("pyscipopt")
    engine = solvers.load("placement", request.param)

    def objective(problem):
        try:
            result = engine(problem, Watch(Limits(time_s=60, workers=1)))
        except InvalidInput as refusal:
            if "does not cover" in str(refusal):
                pytest.skip(str(refusal))
            raise
        assert result.status is Status.OPTIMAL
        return result.objective

    return objective


def line(tiles: int, **hops) -> Mesh:
    return Mesh(np.arange(tiles), np.zeros(tiles), **hops)


def test_two_clusters_never_share_a_tile(solve):
    assert solve(PlacementProblem(2, [0], [1], [5], mesh=line(3))) == 5


def test_one_cluster_pays_nothing(solve):
    assert solve(PlacementProblem(1, [], [], [], mesh=line(1))) == 0


@pytest.mark.parametrize(("hop_x", "hop_y", "expected"), [(1, 1, 4), (3, 1, 8), (1, 3, 8), (0, 7, 14)])
def test_a_ring_of_four_on_a_square_pays_each_direction_twice(solve, hop_x, hop_y, expected):
    ring = PlacementProblem(4, [0, 1, 2, 3], [1, 2, 3, 0], [1] * 4, mesh=Mesh.of_grid(TileGrid(2, 2), hop_x, hop_y))
    assert solve(ring) == expected


def test_external_inputs_pull_to_their_tile(solve):
    # cluster 0 (9 packets from outside) sits at the end where they enter, cluster 1 beside it
    problem = PlacementProblem(2, [0], [1], [4], mesh=line(4), io_tile=3, input_flow=[9, 1])
    assert solve(problem) == 4 + 1


def test_both_directions_of_a_pair_count(solve):
    # 0 -> 1 and 1 -> 0 together outweigh 1 -> 2; the star must have 1 in the middle
    problem = PlacementProblem(3, [0, 1, 1], [1, 0, 2], [4, 3, 5], mesh=line(3))
    assert solve(problem) == 4 + 3 + 5


def test_a_matrix_need_not_be_symmetric(solve):
    # uphill costs 5, downhill 1; each tile charges 2 for traffic to itself
    problem = PlacementProblem(2, [0, 1, 0], [1, 0, 0], [10, 1, 1], distance=np.array([[2, 5], [1, 2]]))
    assert solve(problem) == 10 * 1 + 1 * 5 + 1 * 2


@pytest.mark.parametrize(
    ("mesh", "io_tile", "symmetries"),
    [
        (Mesh.of_grid(TileGrid(3, 3)), None, 8),
        (Mesh.of_grid(TileGrid(3, 3), 1, 2), None, 4),
        (Mesh.of_grid(TileGrid(4, 3)), None, 4),
        (Mesh.of_grid(TileGrid(3, 3)), 4, 8),  # the middle stays
        (Mesh.of_grid(TileGrid(3, 3)), 0, 2),  # a corner: the identity and the diagonal
        (Mesh(np.array([0, 1, 0]), np.array([0, 0, 1])), None, 2),  # a square without its last tile
        (Mesh(np.array([0, 1, 2, 0]), np.array([0, 0, 0, 1])), None, 1),
    ],
)
def test_symmetries_of_meshes(mesh, io_tile, symmetries):
    flow = None if io_tile is None else [1]
    data = Data(PlacementProblem(1, [], [], [], mesh=mesh, io_tile=io_tile, input_flow=flow))
    assert len(data.symmetries) == symmetries
    for image in data.symmetries:
        assert sorted(image) == list(data.tiles)
        assert all(data.distance[s][t] == data.distance[image[s]][image[t]] for s in data.tiles for t in data.tiles)


def core_graph(path, width: int, height: int, scale: int = 1) -> PlacementProblem:
    with path.open() as file:
        flows = [(int(r["source"]), int(r["target"]), float(r["weight"]) * scale) for r in csv.DictReader(file)]
    source, target, weight = zip(*flows, strict=True)
    return PlacementProblem(
        max(*source, *target) + 1, source, target, weight, mesh=Mesh.of_grid(TileGrid(width, height))
    )


@pytest.mark.external
@pytest.mark.parametrize(
    ("graph", "width", "scale", "expected"),
    # published optima; the weights of MPEG4 are multiples of a quarter: 3567 * 4
    [("pip", 4, 1, 640), ("mwd", 4, 1, 1120), ("mpeg4", 4, 4, 14268)],
)
def test_published_core_graphs_are_proven(external_data, graph, width, scale, expected):
    height = {"pip": 2}.get(graph, 4)
    problem = core_graph(external_data / "noc" / f"{graph}.csv", width, height, scale)
    result = solvers.load("placement", "cuts-cpsat")(problem, Watch(Limits(time_s=300, workers=1)))
    assert (result.status, result.objective, result.dual_bound) == (Status.OPTIMAL, expected, expected)
