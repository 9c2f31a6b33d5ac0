r"""What clusters cost on tiles while some items are fixed to theirs, and what multipliers make of that.

Levels of tile t: the distinct costs lev_t[0] < lev_t[1] < ... of a packet from another tile; ball_t[d] holds the other
tiles from which it costs lev_t[d] at most. Multipliers: pi_i of items, free; mu_t <= 0 of tiles; gamma_{r,t,d} of
reads, 0 <= gamma <= weight_r (lev_t[d+1] - lev_t[d]).

    outside_{r,t} = weight_r lev_t[0] + sum_d gamma_{r,t,d}          price of read r in t from elsewhere
    gain_{i,s}    = pi_i + sum_{r of i; t, d: s in ball_t[d]} gamma_{r,t,d}      worth of item i in tile s
    V_t           = max over the clusters allowed in t of  gains - prices of reads - price of the tile

**Bound.** cost >= sum pi + sum mu - sum_t max(0, V_t + mu_t). Let the source of r lie in h, and lev_t[j] be the cost
from there to t. Then outside_{r,t} - sum_{d >= j} gamma = weight_r lev_t[0] + sum_{d < j} gamma <= weight_r lev_t[j].
The terms d >= j are those with h in ball_t[d], which the source is paid for in h; what it is paid for tiles that do not
read it only lowers the bound. Sum over all reads, add sum pi once and subtract it once. Any integers will do.

**Anchors.** A fixed source costs what it costs, in every tile. A free one with a fixed reader in t is read there for
certain: what it pays beyond lev_t[0] is a cost of its home. Such (r, t) have no levels, or would pay twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.solvers.mapping.branch_price._instance import Instance


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Integers in steps / ``scale``: ``gamma`` belongs to ``rows``, (num_rows, 3) int64 of read, tile and level."""

    pi: Array
    mu: Array
    gamma: Array
    rows: Array


class Anchors:
    """Prices of one node of the tree, in steps: ``fixed[i]`` is the tile of item i, or -1.

    Attributes
    ----------
    at_home : (num_items, num_tiles) int64
        What an item costs on a tile for reads that are certain.
    outside : (num_reads, num_tiles) int64
        Least price of a read in a tile from elsewhere.
    inside : (num_reads,) int64
        Price of a read in the tile of its source.
    has_levels : (num_reads, num_tiles) bool
    """

    def __init__(self, instance: Instance, fixed: Array) -> None:
        self.instance, self.fixed = instance, fixed
        n, tiles, step = instance.num_items, instance.num_tiles, instance.step
        self.on_tile = fixed[:, None] == np.arange(tiles)[None, :]
        weight, home = instance.weight, instance.home
        where = np.where(home >= 0, fixed[home], -1) if n else home
        certain = instance.reads.T.astype(np.int64) @ self.on_tile.astype(np.int64) > 0
        self.at_home: Array = np.zeros((n, tiles), dtype=np.int64)
        self.outside: Array = np.zeros((instance.num_reads, tiles), dtype=np.int64)
        self.inside: Array = (weight * instance.local // step).astype(np.int64)
        beyond = instance.way - instance.nearest[None, :]
        np.fill_diagonal(beyond, 0)
        for r in range(instance.num_reads):
            if home[r] < 0:
                self.outside[r] = weight[r] * instance.entry // step
            elif where[r] >= 0:
                self.outside[r] = weight[r] * instance.way[where[r]] // step
                self.outside[r, where[r]] = self.inside[r]
            else:
                self.outside[r] = weight[r] * instance.nearest // step
                if certain[r].any():
                    far = beyond[:, certain[r]].sum(axis=1)
                    self.at_home[home[r]] += (weight[r] * far // step).astype(np.int64)
        self.has_levels: Array = ((home >= 0) & (where < 0))[:, None] & ~certain

    @cached_property
    def decided(self) -> Array:
        """(num_items, num_tiles) int8: 1 where an item is, -1 where it cannot be, 0 where it may be."""
        return np.where(self.on_tile, 1, np.where(self.fixed[:, None] >= 0, -1, 0)).astype(np.int8)

    def increments(self, rows: Array) -> Array:
        """(num_rows,) int64: the largest gamma of each row, in steps."""
        instance = self.instance
        found = [
            int(instance.weight[r]) * (instance.levels[t][d + 1] - instance.levels[t][d]) // instance.step
            for r, t, d in rows.tolist()
        ]
        return np.array(found, dtype=np.int64)

    def live(self, rows: Array) -> Array:
        """(num_rows,) bool: rows that count here."""
        return self.has_levels[rows[:, 0], rows[:, 1]]

    def priced(self, multipliers: Multipliers, scale: int) -> tuple[Array, Array, Array]:
        """Gains of items on tiles, and prices of reads from outside and inside, all in steps / ``scale``."""
        gain = multipliers.pi[:, None] - scale * self.at_home
        outside = scale * self.outside
        for (r, t, d), gamma in zip(multipliers.rows.tolist(), multipliers.gamma.tolist(), strict=True):
            if gamma and self.has_levels[r, t]:
                outside[r, t] += gamma
                gain[self.instance.home[r], self.instance.balls[t][d]] += gamma
        return gain, outside, scale * self.inside
