"""QAPLIB instances (``.dat``) and their solutions (``.sln``).

An instance is a number n and two n x n matrices A and B; the cost of a permutation p is
``sum_ij A[i, j] * B[p(i), p(j)]``. Either matrix may hold the distances: exchanging them exchanges p with its inverse
and leaves the cost alone. Here clusters are the rows of A and tiles those of B, unless A alone holds the Manhattan
distances of a grid: then the two are exchanged, and `Qap.transposed` says so.

R. E. Burkard, S. E. Karisch, F. Rendl, *QAPLIB - a quadratic assignment problem library*, Journal of Global
Optimization 10, 1997, doi:10.1023/A:1008293323270.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import read_text
from spinemap_exact.io._files import whole_number
from spinemap_exact.io._grid import mesh_of_distances
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem


@dataclass(frozen=True)
class Qap:
    """A QAPLIB instance as a placement problem.

    Attributes
    ----------
    problem : PlacementProblem
        With a mesh where the distances are those of a grid.
    transposed : bool
        True if the flows are those of the second matrix.
    notes : list of str
    """

    problem: PlacementProblem
    transposed: bool
    notes: list[str]


def read_qaplib(path: str | Path) -> Qap:
    """Read an instance.

    Raises
    ------
    InvalidInput
        If numbers are missing, left over, fractional or negative.
    """
    path = Path(path)
    numbers = _numbers(path)
    if not numbers.size or not 1 <= numbers[0] <= 10_000:
        raise InvalidInput(f"{path} does not start with a size")
    n = int(numbers[0])
    if len(numbers) != 1 + 2 * n * n:
        raise InvalidInput(f"{path} has {len(numbers) - 1} numbers; two {n} x {n} matrices need {2 * n * n}")
    first, second = numbers[1:].reshape(2, n, n)
    for which, matrix in (("first", first), ("second", second)):
        if (matrix < 0).any():
            i, j = np.argwhere(matrix < 0)[0]
            raise InvalidInput(f"{path}: entry ({i + 1}, {j + 1}) of the {which} matrix is negative: {matrix[i, j]}")
    try:
        if (mesh := mesh_of_distances(second)) is not None:
            problem, transposed = PlacementProblem.from_matrices(first, mesh=mesh), False
        elif (mesh := mesh_of_distances(first)) is not None:
            problem, transposed = PlacementProblem.from_matrices(second, mesh=mesh), True
        else:
            return Qap(PlacementProblem.from_matrices(first, distance=second), False, [])
    except InvalidInput as defect:
        raise InvalidInput(f"{path}: {defect}") from defect
    note = f"the distances of the {'first' if transposed else 'second'} matrix are those of a "
    note += f"{mesh.width} x {mesh.height} mesh"
    if mesh.num_tiles < mesh.width * mesh.height:
        note += f" with {mesh.width * mesh.height - mesh.num_tiles} tiles missing"
    if transposed:
        note += ": clusters are the rows of the second"
    return Qap(problem, transposed, [note])


def read_qaplib_solution(path: str | Path, problem: PlacementProblem) -> tuple[int, Placement]:
    """Read the objective and the placement of a ``.sln`` file.

    Files disagree on which of the two matrices the permutation numbers; the direction that has the stated objective is
    taken.

    Raises
    ------
    InvalidInput
        If it is no permutation, or neither direction has the stated objective.
    """
    path = Path(path)
    numbers = _numbers(path)
    n = problem.num_clusters
    if len(numbers) != n + 2 or numbers[0] != n:
        raise InvalidInput(f"{path} is no solution of size {n}: wanted n, the objective and {n} numbers")
    objective, permutation = int(numbers[1]), numbers[2:] - 1
    if (np.sort(permutation) != np.arange(n)).any():
        raise InvalidInput(f"{path} does not list each of 1 ... {n} once")
    for tiles in (permutation, np.argsort(permutation)):
        placement = Placement(tiles)
        if problem.cost(placement) == objective:
            return objective, placement
    raise InvalidInput(f"{path} states the objective {objective}, which its permutation does not have")


def permutation(placement: Placement, *, transposed: bool) -> list[int]:
    """Write a placement as the permutation of the file's own formula, numbered from 1 as in ``.sln`` files.

    The cost is ``sum_ij A[i, j] * B[p(i), p(j)]``. Where A holds the distances, its rows are the tiles, and p is the
    inverse of the placement.
    """
    tiles = placement.tile_of_cluster
    return (1 + (np.argsort(tiles) if transposed else tiles)).tolist()  # type: ignore[no-any-return]


def _numbers(path: Path) -> Array:
    words = read_text(path).replace(",", " ").split()
    return np.array([whole_number(word, f"{path}: number {k}") for k, word in enumerate(words)], dtype=np.int64)
