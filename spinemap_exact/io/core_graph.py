"""Core graphs of networks on chip: CSV ``source,target,weight``, placed on a mesh.

A header may name the columns in any order among others; tabs, commas, semicolons or blanks separate. Every line is a
directed flow; both directions of a pair add, since a mesh is as far one way as the other. Fractional weights are scaled
to whole numbers by the least common multiple of their denominators, and the objective of the problem with them.

Cores that are numbered from 0 or from 1 keep their order, and a number that is left out is a core without flow; other
cores are those that are named, numbers in ascending order, names in the order of their first appearance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import cut, shown
from spinemap_exact.hardware import TileGrid
from spinemap_exact.io._files import plural
from spinemap_exact.io._tables import read_table, require_width, whole_id
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.units import INT64_MAX

_COLUMNS = {
    "source": ("source", "src", "from"),
    "target": ("target", "destination", "dst", "to"),
    "weight": ("weight", "bandwidth", "volume", "flow", "packets"),
}
_MOST_DIGITS = 40
_LARGEST_SCALE = 10**200


@dataclass(frozen=True)
class CoreGraph:
    """A core graph as a placement problem.

    Attributes
    ----------
    problem : PlacementProblem
        Its objective is ``scale`` times that of the file.
    scale : int
    names : tuple of str
        Of the cores, in the order of the clusters.
    notes : list of str
    """

    problem: PlacementProblem
    scale: int
    names: tuple[str, ...]
    notes: list[str]


def read_core_graph(path: str | Path, mesh: str | tuple[int, int]) -> CoreGraph:
    """Read a core graph to be placed on a mesh, given as ``"4x4"`` or (width, height).

    Raises
    ------
    InvalidInput
        If a weight is negative or cannot be scaled to whole numbers that fit int64.
    """
    path = Path(path)
    grid = parse_mesh(mesh)
    weights: dict[tuple[str, str], Fraction] = {}
    notes = []
    merged, denominators = 0, 1
    table = read_table(path, _COLUMNS)
    if table.unread:
        notes.append(f"columns that are not read: {', '.join(map(cut, table.unread))}")
    column = dict(zip(_COLUMNS, range(3), strict=True)) if table.column is None else table.column
    if missing := [what for what in _COLUMNS if what not in column]:
        raise InvalidInput(f"{path} has no column {missing[0]}; wanted: source,target,weight")
    for number, cells in table.rows:
        require_width(path, number, cells, len(table.header) or 3)
        if len(cells) <= max(column.values()):
            raise InvalidInput(f"line {number} of {path} is not source,target,weight")
        pair = _core(cells[column["source"]]), _core(cells[column["target"]])
        if "" in pair:
            raise InvalidInput(f"line {number} of {path} names no {'source' if not pair[0] else 'target'}")
        merged += pair in weights
        weight = _weight(path, number, cells[column["weight"]])
        denominators = math.lcm(denominators, weight.denominator)
        if denominators > _LARGEST_SCALE:  # a million different ones would be multiplied out for hours
            raise InvalidInput(f"{path}: up to line {number} no scale makes the weights whole numbers within int64")
        weights[pair] = weights.get(pair, Fraction(0)) + weight
    if not weights:
        raise InvalidInput(f"{path} lists no flow between cores")
    if merged:
        notes.append(f"{plural(merged, 'flow')} listed more than once: merged, weights added")
    scale = math.lcm(*(w.denominator for w in weights.values()))
    if scale * sum(weights.values()) * (grid.width + grid.height) > INT64_MAX:
        raise InvalidInput(f"{path}: the weights cannot be scaled to whole numbers within int64 (by {scale})")
    if scale > 1:
        notes.append(f"fractional weights are multiplied by {scale}: the objective is {scale} times that of the file")
    names = _names(path, weights, notes)
    number_of = {name: i for i, name in enumerate(names)}
    source, target = (np.array([number_of[pair[side]] for pair in weights], dtype=np.int64) for side in (0, 1))
    flow = np.array([int(w * scale) for w in weights.values()], dtype=np.int64)
    try:
        problem = PlacementProblem(len(names), source, target, flow, mesh=Mesh.of_grid(grid))
    except InvalidInput as defect:
        raise InvalidInput(f"{path}: {defect}") from defect
    return CoreGraph(problem, scale, names, notes)


def parse_mesh(mesh: str | tuple[int, int]) -> TileGrid:
    """Read ``"4x2"``: four tiles wide, two high."""
    try:
        width, height = mesh.lower().split("x") if isinstance(mesh, str) else mesh
        return TileGrid(int(width), int(height))
    except (ValueError, TypeError) as defect:
        if isinstance(defect, InvalidInput):
            raise
        raise InvalidInput(f"mesh {shown(mesh)} is not WIDTHxHEIGHT, as in 4x4") from defect


def _core(name: str) -> str:
    name = whole_id(name)
    return str(int(name)) if name.isdecimal() and len(name) <= _MOST_DIGITS else name


def _weight(path: Path, number: int, text: str) -> Fraction:
    # without a limit on the digits, 1e999999999 would be written out
    mantissa, _, exponent = text.lower().partition("e")
    try:
        if len(mantissa) > _MOST_DIGITS or abs(int(exponent or 0)) > _MOST_DIGITS:
            raise InvalidInput(f"line {number} of {path} has the weight {text[:50]}, which cannot be scaled exactly")
        weight = Fraction(text)
    except (ValueError, ZeroDivisionError) as defect:
        if isinstance(defect, InvalidInput):
            raise
        raise InvalidInput(f"line {number} of {path} has the weight {shown(text)}, not a number") from defect
    if weight < 0:
        raise InvalidInput(f"line {number} of {path} has the weight {text}, which is negative")
    return weight


def _names(path: Path, weights: dict[tuple[str, str], Fraction], notes: list[str]) -> tuple[str, ...]:
    """Cores in the order of the clusters; see the module docstring."""
    named = tuple(dict.fromkeys(name for pair in weights for name in pair))
    if not all(name.isdecimal() and len(name) <= _MOST_DIGITS for name in named):
        return named
    numbers = sorted(map(int, named))
    first, top = numbers[0], numbers[-1]
    if top >= 2 * len(named) + 100:
        raise InvalidInput(f"{path}: core {top} in a graph of {len(named)} cores; number cores from 0")
    if first > 1:
        notes.append(f"cores are numbered from neither 0 nor 1: clusters are the {len(named)} that are named, in order")
        return tuple(map(str, numbers))
    if first == 1:
        notes.append("cores are numbered from 1: cluster 0 is core 1")
    names = tuple(map(str, range(first, top + 1)))
    if silent := [name for name in names if name not in named]:
        notes.append(f"{plural(len(silent), 'core')} without flow, which take tiles: {cut(', '.join(silent))}")
    return names
