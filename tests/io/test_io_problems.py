"""Bare problems in their public formats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import Crossbar
from spinemap_exact.io import read_network, read_problem, read_problem_file
from spinemap_exact.io._grid import mesh_of_distances
from spinemap_exact.io.core_graph import read_core_graph
from spinemap_exact.io.qaplib import permutation, read_qaplib, read_qaplib_solution
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.problems.unroll import UnrollProblem


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def dat(path: Path, first: np.ndarray, second: np.ndarray) -> Path:
    rows = [" ".join(map(str, row)) for matrix in (first, second) for row in matrix.tolist()]
    return write(path, f" {len(first)}\n\n" + "\n".join(rows) + "\n")


PARTITION = {
    "num_neurons": 2,
    "num_inputs": 1,
    "rows": 4,
    "columns": 3,
    "spikes": [5, 6, 7],
    "fan_in": [[2], [0, 2, 2]],
}


def test_a_partition_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "p.json", PARTITION)
    problem, notes = read_problem(path, "partition", clusters=2, traffic="per-synapse", objective="crossbars")

    assert isinstance(problem, PartitionProblem)
    assert (problem.crossbars, problem.max_clusters) == ((Crossbar(4, 3),), 2)
    assert (str(problem.traffic), str(problem.objective)) == ("per-synapse", "crossbars")
    assert problem.network.spikes.tolist() == [5, 6, 7]
    assert problem.network.is_input.tolist() == [False, False, True]
    assert problem.network.fan_in_of(1).tolist() == [0, 2]
    assert notes == ["1 synapse listed more than once: merged"]
    assert read_network(path)[0].digest == problem.network.digest

    free, notes = read_problem(path, "partition", clusters=None)
    assert isinstance(free, PartitionProblem) and free.max_clusters == 2
    assert "no number of clusters was given: up to 2 are allowed, one for each unit" in notes


def test_a_partition_problem_lists_several_crossbars(tmp_path: Path) -> None:
    table = {key: value for key, value in PARTITION.items() if key not in ("rows", "columns")}
    table["crossbars"] = [{"rows": 4, "columns": 3}, {"rows": 8, "columns": 2, "area": 9, "count": 2}]

    problem, _ = read_problem(write(tmp_path / "p.json", table), "partition", clusters=2, objective="area", max_area=20)

    assert isinstance(problem, PartitionProblem)
    assert problem.crossbars == (Crossbar(4, 3, area=12), Crossbar(8, 2, area=9, count=2))
    assert (str(problem.objective), problem.max_area) == ("area", 20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crossbars": [{"rows": 4, "columns": 3}]}, "lists crossbars: rows and columns belong to each of them"),
        ({"rows": None, "crossbars": []}, "crossbars is not a list of types such as"),
        ({"rows": None, "crossbars": [7]}, "crossbars is not a list of types such as"),
        ({"rows": None, "crossbars": [{"rows": 4}]}, "crossbar 0 has no entry 'columns'"),
        ({"rows": None, "crossbars": [{"rows": 4, "columns": 0}]}, "crossbar 0: columns is 0"),
        ({"rows": None, "crossbars": [{"rows": 4, "columns": 3, "area": -1}]}, "crossbar 0: area is -1"),
        ({"rows": None, "crossbars": [{"rows": 4, "columns": 3, "count": 1.5}]}, "crossbar 0: count is 1.5"),
        ({"rows": None, "crossbars": [{"rows": 4, "columns": 3, "price": 1}]}, "unknown entry 'price'"),
    ],
)
def test_crossbars_that_are_none(tmp_path: Path, change: dict[str, object], message: str) -> None:
    table = {**PARTITION, **change}
    if table["rows"] is None:
        del table["rows"], table["columns"]

    with pytest.raises(InvalidInput, match=message):
        read_problem(write(tmp_path / "p.json", table), "partition")


def test_an_unrolling_problem_numbers_its_axons_after_its_neurons(tmp_path: Path) -> None:
    path = write(tmp_path / "u.json", {"rows": 2, "columns": 3, "fan_in": [[0, 2], [1, 2, 3]]})
    problem, notes = read_problem(path, "unroll", unit_fan_in=2, objective="units", rows=5)

    assert isinstance(problem, UnrollProblem)
    assert (problem.rows, problem.columns, problem.unit_fan_in) == (5, 3, 2)
    assert problem.network.is_input.tolist() == [False] * 2 + [True] * 4
    assert problem.network.fan_in_of(1).tolist() == [2 + 1, 2 + 2, 2 + 3]
    assert notes == []


def test_a_placement_problem(tmp_path: Path) -> None:
    content = {"width": 2, "height": 2, "clusters": 3, "traffic": [[0, 1, 5], [1, 0, 2], [0, 1, 1]]}
    problem, notes = read_problem(write(tmp_path / "p.json", content), "placement")

    assert isinstance(problem, PlacementProblem)
    # clusters 0 and 1 on opposite corners: two hops for 5 + 1 and for 2 packets
    assert problem.cost(Placement(np.array([0, 3, 1]))) == 2 * (6 + 2)
    assert notes == ["1 flow listed more than once: merged, packets added"]


def test_bin_packing(tmp_path: Path) -> None:
    problem, _ = read_problem(write(tmp_path / "b.txt", "3\n10\n4 5\n6\n"), "packing")
    assert isinstance(problem, PackingProblem)
    assert (problem.capacity, problem.sizes.tolist()) == (10, [4, 5, 6])


def test_fractional_weights_are_scaled_exactly(tmp_path: Path) -> None:
    path = write(tmp_path / "g.csv", "source,target,weight\n0,1,0.25\n1,2,1.5\n0,2,1e1\n2,3,1/3\n")
    graph = read_core_graph(path, (2, 2))
    # denominators 4, 2, 1, 3
    assert graph.scale == 12
    assert graph.problem.flow_matrix[[0, 1, 0, 2], [1, 2, 2, 3]].tolist() == [3, 18, 120, 4]
    assert "fractional weights are multiplied by 12: the objective is 12 times that of the file" in graph.notes
    assert read_problem_file(path, "noc", mesh="2x2").scale == 12


def test_both_directions_of_a_pair_add(tmp_path: Path) -> None:
    graph = read_core_graph(write(tmp_path / "a.csv", "a,b,2\nb,a,2\nb,c,3\n"), "3x1")
    assert graph.names == ("a", "b", "c")
    # in a row of three each pair is one hop apart: 2 + 2 + 3
    assert graph.problem.cost(Placement(np.array([0, 1, 2]))) == 7


@pytest.mark.parametrize(
    ("text", "names", "notes"),
    [
        ("id,source,target,weight\n0,0,1,3\n1,1,2,4\n", ("0", "1", "2"), ["columns that are not read: id"]),
        ("weight;target;source\n3;1;0\n4;2;1\n", ("0", "1", "2"), []),
        ("0 1 3\n1 2 4 # both ways\n", ("0", "1", "2"), []),
        ("src\tdst\tbandwidth\n0.0\t1.0\t3\n1.0\t2.0\t4\n", ("0", "1", "2"), []),
        ("1,2,3\n2,3,4\n", ("1", "2", "3"), ["cores are numbered from 1: cluster 0 is core 1"]),
        (
            "7,8,3\n8,20,4\n",
            ("7", "8", "20"),
            ["cores are numbered from neither 0 nor 1: clusters are the 3 that are named, in order"],
        ),
    ],
)
def test_core_graphs_of_other_tools(tmp_path: Path, text: str, names: tuple[str, ...], notes: list[str]) -> None:
    graph = read_core_graph(write(tmp_path / "a.csv", text), "3x1")
    assert graph.names == names
    assert graph.problem.flow_matrix[[0, 1], [1, 2]].tolist() == [3, 4]
    assert graph.notes == notes


def test_a_core_that_is_left_out_is_a_core_without_flow(tmp_path: Path) -> None:
    graph = read_core_graph(write(tmp_path / "a.csv", "0,1,3\n1,3,4\n"), "2x2")
    assert graph.names == ("0", "1", "2", "3")
    assert graph.notes == ["1 core without flow, which take tiles: 2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("source,target\n0,1\n", "has no column weight"),
        ("0,1,3,9\n", "line 1 of a.csv has 4 columns, the first line has 3"),
        ("source,src,target,weight\n0,1,3,9\n", "has two columns for the source, source and src"),
        (",1,3\n", "line 1 of a.csv names no source"),
    ],
)
def test_core_graphs_that_are_not_understood(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_core_graph(write(tmp_path / "a.csv", text), "2x2")
    assert reason in str(caught.value).replace(f"{tmp_path}/", "")


def test_a_mesh_is_recognised_on_either_side_at_the_same_cost(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    flow = rng.integers(0, 9, (6, 6))
    distance = np.array([[abs(a % 3 - b % 3) + abs(a // 3 - b // 3) for b in range(6)] for a in range(6)])
    permutation = rng.permutation(6)
    # sum_ij A[i, j] B[p(i), p(j)]
    cost = {
        "flow first": (flow * distance[permutation][:, permutation]).sum(),
        "distance first": (distance * flow[permutation][:, permutation]).sum(),
    }
    for name, matrices, transposed in (
        ("flow first", (flow, distance), False),
        ("distance first", (distance, flow), True),
    ):
        qap = read_qaplib(dat(tmp_path / "q.dat", *matrices))
        assert qap.transposed == transposed
        assert qap.problem.mesh is not None and qap.problem.mesh.is_full_grid
        assert (qap.problem.mesh.width, qap.problem.mesh.height) == (3, 2)
        lines = f"6 {cost[name]}\n{' '.join(str(p + 1) for p in permutation)}\n"
        objective, placement = read_qaplib_solution(write(tmp_path / "q.sln", lines), qap.problem)
        assert qap.problem.cost(placement) == objective == cost[name]


@pytest.mark.parametrize("distances_first", [False, True])
def test_a_permutation_is_that_of_the_file(tmp_path: Path, distances_first: bool) -> None:
    """Flows 0 -> 1 of 5 and 1 -> 2 of 1 on a row of three tiles, the placement given."""
    flow = np.array([[0, 5, 0], [0, 0, 1], [0, 0, 0]])
    distance = np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    first, second = (distance, flow) if distances_first else (flow, distance)
    qap = read_qaplib(dat(tmp_path / "q.dat", first, second))
    placement = Placement(np.array([1, 2, 0]))

    p = np.array(permutation(placement, transposed=qap.transposed)) - 1

    # cluster 0 on tile 1, 1 on 2, 2 on 0: 5 over one hop and 1 over two
    assert qap.problem.cost(placement) == (first * second[np.ix_(p, p)]).sum() == 7
    assert qap.transposed == distances_first


@pytest.mark.parametrize("seed", range(30))
def test_random_meshes_with_missing_tiles_and_uneven_hops_are_recognised(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width, height = int(rng.integers(1, 6)), int(rng.integers(2, 6))
    cells = rng.permutation(width * height)[: max(2, width * height - int(rng.integers(0, 4)))]
    hops = (1, 1) if seed % 2 else (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    mesh = Mesh(cells % width, cells // width, *hops)
    tiles = np.arange(mesh.num_tiles)
    distance = mesh.distance(tiles[:, None], tiles[None, :])

    found = mesh_of_distances(distance)

    assert found is not None
    assert np.array_equal(found.distance(tiles[:, None], tiles[None, :]), distance)


def test_matrices_that_are_no_mesh() -> None:
    tiles = np.arange(8)
    hypercube = np.array([[int(a ^ b).bit_count() for b in tiles] for a in tiles])
    ring = np.minimum((tiles[:, None] - tiles) % 8, (tiles - tiles[:, None]) % 8)
    one = np.zeros((1, 1), dtype=np.int64)
    same_place = np.zeros((2, 2), dtype=np.int64)
    directed = np.array([[0, 1], [2, 0]])
    off_diagonal = np.array([[1, 1], [1, 0]])
    for matrix in (hypercube, ring, one, same_place, directed, off_diagonal):
        assert mesh_of_distances(matrix) is None
