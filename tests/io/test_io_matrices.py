"""Weight matrices, against the files that scipy writes and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.io import read_network
from spinemap_exact.network import Network

DIRECTION = "entry (i, j) of the matrix is the synapse i -> j; transpose a matrix of (post, pre)"
MATRIX = np.array([[0, 0.5, 0], [0, 2, -1], [4, 0, 0]])
# row by row: 0 -> 1, 1 -> 1, 1 -> 2, 2 -> 0
LISTED = [(0, 1, 0.5), (1, 1, 2), (1, 2, -1), (2, 0, 4)]
MARKET = "%%MatrixMarket matrix coordinate"


def listed(network: Network) -> list[tuple[int, int, float]]:
    assert network.weights is not None
    return list(zip(network.pre.tolist(), network.post.tolist(), network.weights.tolist(), strict=True))


def test_a_dense_matrix(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", MATRIX)
    network, notes = read_network(tmp_path / "w.npy")
    assert network.num_neurons == 3 and listed(network) == LISTED
    assert notes[0] == DIRECTION


def test_a_matrix_of_truth_values_has_no_weights(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", MATRIX != 0)
    network, _ = read_network(tmp_path / "w.npy")
    assert network.weights is None and network.num_synapses == 4


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (";A;B;C\nA;0;0.5;0\nB;0.0;2;-1\nC;4;0;0\n", ["A", "B", "C"]),
        (",0,1,2\n0,0,0.5,0\n1,0.0,2,-1\n2,4,0,0\n", []),
        ('"",0.0,1.0,2.0\n"0.0",0,0.5,0\n"1.0",0,2,-1\n"2.0",4,0,0\n', []),
    ],
)
def test_a_table_that_names_its_rows_and_columns(tmp_path: Path, text: str, names: list[str]) -> None:
    (tmp_path / "w.csv").write_text(text)
    network, notes = read_network(tmp_path / "w.csv")
    assert listed(network) == LISTED and notes[0] == DIRECTION
    assert [p.name for p in network.populations] == names


@pytest.mark.parametrize("separator", [",", ";", " ", "\t"])
def test_a_square_table_of_numbers(tmp_path: Path, separator: str) -> None:
    rows = [[0, 2.5, 0, 1], [3, 0, 0, 0], [0, 1, 0, 1], [0, 0, 5, 0]]
    text = "# by hand\n" + "".join(separator.join(map(str, row)) + "\n" for row in rows)
    (tmp_path / "w.csv").write_text(text)
    network, notes = read_network(tmp_path / "w.csv")
    assert listed(network) == [(0, 1, 2.5), (0, 3, 1), (1, 0, 3), (2, 1, 1), (2, 3, 1), (3, 2, 5)]
    assert DIRECTION in notes


def test_counts_beside_a_table_are_read(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text(",A,B\nA,0,1\nB,0,0\n")
    (tmp_path / "w.spikes.csv").write_text("neuron,spikes,input\nB,5,0\nA,7,1\n")
    network, _ = read_network(tmp_path / "w.csv")
    assert network.spikes.tolist() == [7, 5] and network.is_input.tolist() == [True, False]
    with pytest.raises(InvalidInput, match="is a matrix: it has no column 'a' to choose lines by"):
        read_network(tmp_path / "w.csv", where={"A": "1"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0,1,0,1\n1,0,x,0\n0,0,0,0\n1,1,1,1\n", "names no columns pre and post, and is no square matrix of numbers"),
        ("pre,w,x,y\n0,1,2,3\n", "names no columns pre and post, and is no square matrix of numbers"),
        (",A,B\nA,0,1\nC,1,0\n", "is a matrix whose row 'C' is not the column in its place"),
        (",A,B\nA,0,1\n", "is a matrix whose row None is not the column in its place"),
        (",A,A\nA,0,1\nA,1,0\n", "names two columns alike"),
        (",A,B\nA,0,1\nB,1\n", "line 3 of w.csv is not a name and 2 numbers"),
        (";A;B\nA;0;1,5\nB;1;0\n", "line 2 of w.csv is not a name and 2 numbers"),
    ],
)
def test_bad_tables_of_a_matrix(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "w.csv").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_network(tmp_path / "w.csv")
    assert reason in str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_sparse_matrices_of_scipy(tmp_path: Path, kind: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    sparse.save_npz(tmp_path / "w.npz", sparse.coo_array(MATRIX).asformat(kind))
    network, notes = read_network(tmp_path / "w.npz")
    assert listed(network) == LISTED and notes[0] == DIRECTION


@pytest.mark.parametrize("seed", range(10))
def test_what_scipy_writes_is_read(tmp_path: Path, seed: int) -> None:
    scipy_io, sparse = pytest.importorskip("scipy.io"), pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(seed)
    matrix = np.where(rng.random((7, 7)) < 0.3, rng.integers(-5, 6, (7, 7)), 0).astype(float)
    if seed % 2:
        matrix = np.triu(matrix) + np.triu(matrix, 1).T  # scipy writes one half of a symmetric matrix
    scipy_io.mmwrite(tmp_path / "w.mtx", sparse.coo_array(matrix))
    scipy_io.mmwrite(tmp_path / "dense.mtx", np.asarray(matrix), symmetry="general")

    for name in ("w.mtx", "dense.mtx"):
        network, _ = read_network(tmp_path / name)
        found = np.zeros((7, 7))
        found[network.pre, network.post] = network.weights
        assert (found == matrix).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{MARKET} real general\n% by hand\n\n3 3 4\n1 2 0.5\n2 2 2\n2 3 -1\n3 1 4\n", LISTED),
        (f"{MARKET} Integer Symmetric\n2 2 2\n1 1 3\n2 1 5\n", [(0, 0, 3), (0, 1, 5), (1, 0, 5)]),
        (f"{MARKET} real skew-symmetric\n2 2 1\n2 1 5\n", [(0, 1, -5), (1, 0, 5)]),
        # column by column
        ("%%MatrixMarket matrix array real general\n2 2\n0\n7\n8\n0\n", [(0, 1, 8), (1, 0, 7)]),
    ],
)
def test_matrix_market(tmp_path: Path, text: str, expected: list[tuple[int, int, float]]) -> None:
    (tmp_path / "w.mtx").write_text(text)
    network, notes = read_network(tmp_path / "w.mtx")
    assert listed(network) == expected
    said = [note for note in notes if "both directions" in note]
    assert bool(said) == ("ymmetric" in text)


def test_a_pattern_has_no_weights(tmp_path: Path) -> None:
    (tmp_path / "w.mtx").write_text(f"{MARKET} pattern general\n3 3 2\n1 2\n3 1\n")
    network, _ = read_network(tmp_path / "w.mtx")
    assert network.weights is None and network.pre.tolist() == [0, 2] and network.post.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 2 3\n", "does not begin with %%MatrixMarket matrix coordinate or array"),
        (f"{MARKET} complex general\n", "is a matrix of the kind complex general"),
        (f"{MARKET} real hermitian\n", "is a matrix of the kind real hermitian"),
        (f"{MARKET} real general\n2 3 1\n1 1 1\n", "is 2 x 3; a network is a square matrix"),
        (f"{MARKET} real general\n2 2\n", "states its size as '2 2'"),
        (f"{MARKET} real general\n2 2 2\n1 1 1\n", "promises 2 entries and lists 1"),
        (f"{MARKET} real general\n2 2 1\n0 1 1\n", "has an entry outside 1 ... 2"),
        (f"{MARKET} real general\n2 2 1\n1 3 1\n", "has an entry outside 1 ... 2"),
        (f"{MARKET} real general\n2 2 1\n1 1.5 1\n", "has an entry outside 1 ... 2"),
        (f"{MARKET} real general\n2 2 1\n1 1\n", "has lines of 2 numbers, not 3"),
        (f"{MARKET} real general\n2 2 1\n1 1 x\n", "has a line that is not 3 numbers"),
        (f"{MARKET} real general\n2 2 1\n1 2 nan\n", "synapse 0 -> 1 has the weight nan"),
        (f"{MARKET} real general\n2000000000 2000000000 1\n1 2 1\n", "has 1 entry for 2,000,000,000 neurons"),
        ("%%MatrixMarket matrix array real symmetric\n2 2\n1\n2\n3\n", "is half of a dense matrix"),
        ("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n", "lists 3 of 4 entries"),
    ],
)
def test_bad_matrix_market(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "w.mtx").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_network(tmp_path / "w.mtx")
    assert reason in str(caught.value)


SPARSE = {
    "format": np.array(b"csr"),
    "shape": np.array([2, 2]),
    "data": np.array([1.0]),
    "indices": np.array([1]),
    "indptr": np.array([0, 1, 1]),
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": np.array(b"bsr")}, "is a sparse matrix in the format bsr; read are csr, csc and coo"),
        ({"shape": np.array([2, 3])}, "is 2 x 3; a network is a square matrix"),
        ({"indptr": np.array([0, 1])}, "its indptr does not fit 2 rows and 1 entries"),
        ({"indptr": np.array([0, 2, 1])}, "its indptr does not fit 2 rows and 1 entries"),
        ({"indices": np.array([0, 1])}, "2 indices for 1 entries"),
        ({"indices": np.array([2])}, "post-synaptic neuron 2 lies outside 0 ... 1"),
        ({"indices": np.array([0.0])}, "it has no list of numbers indices"),
    ],
)
def test_bad_sparse_archives(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    np.savez(tmp_path / "w.npz", **{**SPARSE, **change})
    with pytest.raises(InvalidInput) as caught:
        read_network(tmp_path / "w.npz")
    assert reason in str(caught.value)


def test_the_archive_itself_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **SPARSE)
    assert listed(read_network(tmp_path / "w.npz")[0]) == [(0, 1, 1)]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones((3, 2)), "is 3 x 2; a network is a square matrix of neurons x neurons"),
        (np.ones(4), "is 4; a network is a square matrix"),
        (np.array([["a"]]), "values, not numbers"),
        (np.ones((2, 2), dtype=complex), "holds complex128 values, not numbers"),
    ],
)
def test_bad_dense_matrices(tmp_path: Path, array: Any, reason: str) -> None:
    np.save(tmp_path / "w.npy", array)
    with pytest.raises(InvalidInput) as caught:
        read_network(tmp_path / "w.npy")
    assert reason in str(caught.value)
