"""Where the empty tiles are: a pair of profiles with few empty tiles is split by their positions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice
from math import comb
from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.placement.grid_dp._chains import Chains

MOST_PATTERNS = 200
MOST_EMPTY = 8  # clusters and empty tiles are bits of one mask, and their triples have multipliers


class Margins(NamedTuple):
    """How many tiles of each column and of each row are empty."""

    columns: tuple[int, ...]
    rows: tuple[int, ...]


def patterns(margins: Margins) -> list[list[tuple[int, int]]] | None:
    """All sets of tiles, as (column, row), with these numbers on the columns and rows; None if they are too many."""
    if sum(margins.columns) > MOST_EMPTY:
        return None
    found = [*islice(_patterns(margins.columns, margins.rows), MOST_PATTERNS + 1)]
    return found if len(found) <= MOST_PATTERNS else None


def _patterns(columns: tuple[int, ...], rows: tuple[int, ...]) -> Iterator[list[tuple[int, int]]]:
    if not columns:
        if not any(rows):
            yield []
        return
    open_rows = [r for r, left in enumerate(rows) if left]
    for chosen in combinations(open_rows, columns[0]):
        left = tuple(count - (r in chosen) for r, count in enumerate(rows))
        if max(left, default=0) < len(columns):
            for rest in _patterns(columns[1:], left):
                yield [(0, r) for r in chosen] + [(c + 1, r) for c, r in rest]


def occupied(chains: Chains, empty_lines: list[int], num_clusters: int) -> Chains:
    """The same chains with a cluster on each empty tile: number ``num_clusters + e`` stands on ``empty_lines[e]``."""
    lines = len(chains.arc_ptr) - 1
    added = np.zeros(lines, dtype=np.int64)
    for e, line in enumerate(empty_lines):
        added[line] |= 1 << (num_clusters + e)
    masks = chains.blocks[chains.block] | np.repeat(added, np.diff(chains.arc_ptr))
    blocks, block = np.unique(masks, return_inverse=True)
    return chains._replace(block=block.astype(np.int32), blocks=blocks)


def extended(multipliers: Array, num_clusters: int, num_empty: int) -> Array:
    """Multipliers for more clusters, zero where they are new; in both lists the old ones come first."""
    pairs, m = comb(num_clusters, 2), num_clusters + num_empty
    more = np.zeros(comb(m, 2) + comb(m, 3), dtype=np.int64)
    more[:pairs] = multipliers[:pairs]
    more[comb(m, 2) : comb(m, 2) + comb(num_clusters, 3)] = multipliers[pairs:]
    return more
