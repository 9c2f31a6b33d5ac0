"""Weight matrices of a network: Matrix Market ``.mtx``, numpy ``.npy``, sparse ``.npz`` of scipy, and square tables
of text, whose header and first column may name the neurons.

The entry in row i and column j is the weight of the synapse from neuron i to neuron j, as in an adjacency matrix; every
reader says so in a note, since weights of a layer are often written the other way round. The matrix is square: rows and
columns are the same neurons. Zeros are no synapses, except those that a sparse format lists.

Matrix Market is read without scipy: ``matrix coordinate`` or ``array``, of real or integer numbers or as a ``pattern``,
``general``, ``symmetric`` or ``skew-symmetric``; of the latter two a file lists one half, and both directions are
synapses. Of scipy's ``.npz`` the formats csr, csc and coo are read.

R. F. Boisvert, R. Pozo, K. A. Remington, *The Matrix Market exchange formats: initial design*, NISTIR 5935, 1996.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from itertools import zip_longest
from pathlib import Path

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import MOST_TEXT, cut, read_bytes, reading, require_regular, shown
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._edge_layout import Layout
from spinemap_exact.io._files import plural, read_arrays, read_rows, whole_number
from spinemap_exact.io._tables import is_number, whole_id
from spinemap_exact.network import Network, Population

_DIRECTION = "entry (i, j) of the matrix is the synapse i -> j; transpose a matrix of (post, pre)"
_FIELDS = ("real", "integer", "pattern", "double")
_MIRRORED = {"general": 0, "symmetric": 1, "skew-symmetric": -1}
_OF_SCIPY = {"format", "shape", "data"}


def is_sparse_archive(path: Path) -> bool:
    """Tell a sparse matrix of scipy among numpy archives by the names of its arrays."""
    import zipfile

    try:
        with reading(path), zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in _OF_SCIPY} <= set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError):  # damaged, or of a version that nobody writes
        return False


def read_matrix(
    path: str | Path, *, spikes: str | Path | None = None, weight_threshold: float = 0.0
) -> tuple[Network, list[str]]:
    """Read a matrix of weights; see the module docstring.

    Raises
    ------
    InvalidInput
        If the file is no such matrix, or it is not square.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".mtx":
            draft = _read_matrix_market(path)
        case ".npy":
            draft = _read_dense(path)
        case _:
            draft = _read_sparse(path)
    draft.notes.insert(0, _DIRECTION)
    return draft.finish(None if spikes is None else Path(spikes), weight_threshold)


def matrix_of_text(path: Path, layout: Layout, where: Mapping[str, str]) -> Draft:
    """Read a square table of numbers, with names of the neurons in its header and first column or without any.

    Raises
    ------
    InvalidInput
        If it is not square, rows and columns do not have the same names in the same order, an entry is not a number, or
        some lines alone are asked for.
    """
    if where:
        raise InvalidInput(f"{path} is a matrix: it has no column {shown(next(iter(where)))} to choose lines by")
    draft = _unnamed(path, layout.delimiter) if layout.columns is None else _labelled(path, layout.delimiter)
    draft.notes.append(_DIRECTION)
    return draft


def _unnamed(path: Path, delimiter: str | None) -> Draft:
    require_regular(path, MOST_TEXT)
    with reading(path):
        try:
            matrix = np.loadtxt(path, delimiter=delimiter, encoding="utf-8-sig", ndmin=2)
        except ValueError as defect:
            raise InvalidInput(
                f"{path} names no columns pre and post, and is no square matrix of numbers: {cut(str(defect))}"
            ) from defect
    if matrix.shape[0] != matrix.shape[1]:
        lines, columns = matrix.shape
        raise InvalidInput(
            f"{path} names no columns pre and post; for a matrix its {plural(lines, 'line')} and {columns} columns are "
            "not as many"
        )
    return _of_dense(matrix)


def _of_dense(matrix: Array, populations: tuple[Population, ...] = ()) -> Draft:
    pre, post = np.nonzero(matrix)  # NaN is not zero: it is named later
    return Draft(len(matrix), pre, post, _weights(matrix[pre, post]), populations=populations, zero_is_a_synapse=False)


def _labelled(path: Path, delimiter: str | None) -> Draft:
    (_, header), *rows = read_rows(path, delimiter)
    names = [whole_id(name) for name in header[1:]]
    if (labels := [whole_id(cells[0]) for _, cells in rows]) != names:
        wrong = next((a for a, b in zip_longest(labels, names) if a != b), None)
        raise InvalidInput(f"{path} is a matrix whose row {shown(wrong)} is not the column in its place")
    if len(set(names)) < len(names):
        raise InvalidInput(f"{path} is a matrix that names two columns alike")
    matrix = np.zeros((len(names), len(names)))
    for (number, cells), row in zip(rows, matrix, strict=True):
        if len(cells) != len(header) or not all(map(is_number, cells[1:])):
            raise InvalidInput(f"line {number} of {path} is not a name and {plural(len(names), 'number')}")
        row[:] = [float(cell) for cell in cells[1:]]
    are_numbers = names == [str(i) for i in range(len(names))]
    populations = () if are_numbers else tuple(Population(name, i, i + 1) for i, name in enumerate(names))
    return _of_dense(matrix, populations)


def _require_square(path: Path, shape: tuple[int, ...]) -> int:
    if len(shape) != 2 or shape[0] != shape[1]:
        size = " x ".join(map(str, shape)) or "a single number"
        raise InvalidInput(f"{path} is {size}; a network is a square matrix of neurons x neurons")
    return shape[0]


def _read_dense(path: Path) -> Draft:
    matrix = read_arrays(path, "a numpy file of numbers")[""]
    if matrix.dtype.kind not in "biuf":
        raise InvalidInput(f"{path} holds {matrix.dtype} values, not numbers")
    _require_square(path, matrix.shape)
    return _of_dense(matrix)


def _weights(values: Array) -> Array | None:
    """A matrix of truth values says where synapses are, and no more."""
    return None if values.dtype.kind == "b" else np.asarray(values, dtype=np.float64)


def _read_sparse(path: Path) -> Draft:
    arrays = read_arrays(path, "a sparse matrix of scipy")
    kind = arrays["format"]
    name = bytes(kind[()]).decode(errors="replace") if kind.dtype.kind == "S" and kind.ndim == 0 else str(kind)
    needed = {"csr": ("indices", "indptr"), "csc": ("indices", "indptr"), "coo": ("row", "col")}.get(name)
    if needed is None:
        raise InvalidInput(f"{path} is a sparse matrix in the format {cut(name)}; read are csr, csc and coo")
    for key in ("shape", "data", *needed):
        wanted = "biuf" if key == "data" else "iu"
        if key not in arrays or arrays[key].ndim != 1 or arrays[key].dtype.kind not in wanted:
            raise InvalidInput(f"{path} is truncated or no sparse matrix of scipy: it has no list of numbers {key}")
    size = _require_square(path, tuple(arrays["shape"].tolist()))
    data, first, second = arrays["data"], *(arrays[key].astype(np.int64) for key in needed)
    if name != "coo":
        second = _expanded(path, second, size, len(data))
    if not len(first) == len(second) == len(data):
        raise InvalidInput(f"{path} is truncated: {len(first)} indices for {len(data)} entries")
    _refuse_empty(path, size, len(data))
    pre, post = (second, first) if name == "csr" else (first, second)
    return Draft(size, pre, post, _weights(data))


def _refuse_empty(path: Path, size: int, entries: int) -> None:
    # a stray size would otherwise ask for gigabytes of neurons that nothing reads
    if size > 10_000_000 and size > 100 * entries:
        raise InvalidInput(f"{path} has {plural(entries, 'entry', 'entries')} for {size:,} neurons")


def _expanded(path: Path, ptr: Array, size: int, entries: int) -> Array:
    """The row of every entry, by where each row begins."""
    if size < 0 or len(ptr) != size + 1 or ptr[0] != 0 or ptr[-1] != entries or (np.diff(ptr) < 0).any():
        raise InvalidInput(f"{path} is truncated or altered: its indptr does not fit {size} rows and {entries} entries")
    return np.repeat(np.arange(size), np.diff(ptr))


def _read_matrix_market(path: Path) -> Draft:
    content = read_bytes(path)
    head, _, rest = content.partition(b"\n")
    words = head.decode(errors="replace").lower().split()
    if len(words) != 5 or words[:2] != ["%%matrixmarket", "matrix"] or words[2] not in ("coordinate", "array"):
        raise InvalidInput(f"{path} does not begin with %%MatrixMarket matrix coordinate or array")
    if words[3] not in _FIELDS or words[4] not in _MIRRORED:
        raise InvalidInput(
            f"{path} is a matrix of the kind {cut(' '.join(words[3:]))}; read are real numbers, general or symmetric"
        )
    while rest.lstrip().startswith(b"%"):
        rest = rest.lstrip().partition(b"\n")[2]
    sizes, _, body = rest.lstrip().partition(b"\n")
    numbers = [whole_number(word, f"{path}: its size") for word in sizes.decode(errors="replace").split()]
    is_sparse, is_pattern, mirrored = words[2] == "coordinate", words[3] == "pattern", _MIRRORED[words[4]]
    if len(numbers) != 2 + is_sparse or min(numbers, default=-1) < 0:
        raise InvalidInput(f"{path} states its size as {shown(sizes.decode(errors='replace'))}")
    size = _require_square(path, (numbers[0], numbers[1]))
    if not is_sparse:
        return _of_columns(path, size, body, is_general=mirrored == 0)
    table = _table(path, body, 2 if is_pattern else 3)
    if len(table) != numbers[2]:
        raise InvalidInput(f"{path} promises {plural(numbers[2], 'entry', 'entries')} and lists {len(table)}")
    _refuse_empty(path, size, len(table))
    if not (np.abs(table[:, :2]) <= size).all():
        raise InvalidInput(f"{path} has an entry outside 1 ... {size}")
    ends = table[:, :2].astype(np.int64)
    if (ends != table[:, :2]).any() or (ends < 1).any():
        raise InvalidInput(f"{path} has an entry outside 1 ... {size}")
    pre, post, weights = ends[:, 0] - 1, ends[:, 1] - 1, None if is_pattern else table[:, 2]
    if not mirrored:
        return Draft(size, pre, post, weights)
    other = pre != post
    both = Draft(
        size,
        np.concatenate([pre, post[other]]),
        np.concatenate([post, pre[other]]),
        None if weights is None else np.concatenate([weights, mirrored * weights[other]]),
    )
    both.notes.append(
        f"the matrix is {words[4]}: {plural(int(other.sum()), 'entry', 'entries')} stand for both directions"
    )
    return both


def _of_columns(path: Path, size: int, body: bytes, *, is_general: bool) -> Draft:
    """A dense matrix, column by column."""
    values = _table(path, body, 1)[:, 0]
    if not is_general:
        raise InvalidInput(f"{path} is half of a dense matrix; write it whole, as general")
    if len(values) != size * size:
        raise InvalidInput(f"{path} lists {len(values)} of {size * size} entries")
    return _of_dense(values.reshape(size, size, order="F"))


def _table(path: Path, body: bytes, columns: int) -> Array:
    if not body.strip():
        return np.empty((0, columns))
    try:
        table = np.loadtxt(BytesIO(body), comments="%", ndmin=2)
    except ValueError as defect:
        raise InvalidInput(f"{path} has a line that is not {plural(columns, 'number')}") from defect
    if table.shape[1] != columns:
        raise InvalidInput(f"{path} has lines of {plural(table.shape[1], 'number')}, not {columns}")
    return table
