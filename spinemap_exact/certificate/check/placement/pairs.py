"""Placement between any tiles: costs of pairs moved to single assignments, and a tree over clusters and tiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.budget import Budget
from spinemap_exact.certificate.check.field import Field, Preorder
from spinemap_exact.certificate.check.instance import Placement
from spinemap_exact.certificate.check.kinds import proves
from spinemap_exact.certificate.check.placement import assign, matching
from spinemap_exact.certificate.check.placement.assign import NEVER, Start

MAX_TILES = 49  # the costs of all pairs take 46 MB
MAX_WORK = 4 * 10**10  # costs looked at: minutes
MAX_SCALE = 2**20
LARGEST_COST = 2**44  # of any placement, scaled; multipliers are less than 2^40, so sums of both stay below NEVER
Cell = tuple[int, int]  # a cluster and a tile


@dataclass(frozen=True)
class Square:
    """An instance in which clusters without any flow fill the empty tiles, with costs times ``scale``.

    Attributes
    ----------
    flow, distance : (k, k) int64
        Flows between different clusters, scaled.
    linear : (k, k) int64
        What a cluster costs on a tile whatever the others do.
    grain : int
        Every placement costs a multiple of this, unscaled.
    """

    scale: int
    flow: Array
    distance: Array
    linear: Array
    grain: int

    @cached_property
    def is_symmetric(self) -> bool:
        """True if all distances are the same both ways."""
        return bool((self.distance == self.distance.T).all())

    @cached_property
    def silent(self) -> Array:
        """(k,) bool: clusters that cost nothing anywhere, which may therefore be exchanged."""
        busy = np.concatenate((self.flow, self.flow.T, self.linear), axis=1)
        none: Array = np.logical_not(busy.any(axis=1))
        return none

    def limit(self, claim: int) -> int:
        """Largest cost of a placement below the claim, scaled."""
        return (claim - 1) // self.grain * self.grain * self.scale


@dataclass(frozen=True)
class Case:
    """Some clusters are placed; multipliers for the others.

    Attributes
    ----------
    fixed : int
        What the placed clusters cost among themselves.
    clusters, tiles : (k,) int64
        What is left.
    linear : (k, k) int64
        What each of these clusters costs on each tile, given those placed.
    alive : (k, k) bool
        False where no placement of interest has the cluster on the tile.
    rows, columns : (k, k, k) int64
        Multipliers of "if i lies on j, then p lies somewhere", [i, j, p], and "... then somebody lies on q", [i, j, q].
    placed : tuple of cells
    settled : bool
        True if some one-to-one assignment uses each of the cells alive.
    start : Start, optional
        Where the search for an assignment begins; without any influence on what is proven.
    """

    fixed: int
    clusters: Array
    tiles: Array
    linear: Array
    alive: Array
    rows: Array
    columns: Array
    placed: tuple[Cell, ...] = ()
    settled: bool = False
    start: Start | None = None

    @cached_property
    def single(self) -> Array:
        """(k, k) int64: costs of single cells; a cluster has no pair with itself, nor a tile: multipliers of zero."""
        costs: Array = self.linear + self.rows.sum(axis=2) + self.columns.sum(axis=2)
        return costs

    def child(self, square: Square, cluster: int, tile: int) -> Case:
        """One more cluster placed."""
        i, j = (int(np.flatnonzero(a == b)[0]) for a, b in ((self.clusters, cluster), (self.tiles, tile)))
        left, free = self.clusters != cluster, self.tiles != tile
        clusters, tiles = self.clusters[left], self.tiles[free]
        to, back = square.flow[cluster, clusters], square.flow[clusters, cluster]
        away, home = square.distance[tile, tiles], square.distance[tiles, tile]
        here = np.ix_(left, free)
        linear = self.linear[here] + np.outer(to, away) + np.outer(back, home)
        rows, columns = self.rows[here][:, :, left], self.columns[here][:, :, free]
        fixed, placed = self.fixed + int(self.linear[i, j]), (*self.placed, (cluster, tile))
        start = None if self.start is None else self.start.without(i, j)
        return Case(fixed, clusters, tiles, linear, self.alive[here], rows, columns, placed, start=start)


@proves("pairs", Placement)
def prove(instance: Placement, evidence: Field, claim: int | None) -> int:
    """Show that no placement costs less than the claim, and return the claim.

    Fill the tiles with clusters without flow, so that clusters and tiles are assigned one to one. If x[i,j] says that i
    lies on j, a placement pays for every pair of clusters C = flow x distance (both ways) where x[i,j] = x[p,q] = 1.
    For any U and V, it pays the same if C[i,j,p,q] gives U[i,j,p] + V[i,j,q] + U[p,q,i] + V[p,q,j] away and x[i,j]
    gets sum_p U[i,j,p] + sum_q V[i,j,q] on top: given x[i,j] = 1, just one q goes with every p, and one p with every q.
    The smallest C that is left for a pair of clusters may be paid in advance if it is negative; then all pairs cost
    zero or more, and the assignment problem of the single costs is a lower bound.

    Let Z be the largest cost below the claim. Where i on j lies in no placement of cost Z or less, (i, j) is *ruled
    out* and may cost anything. So it is if no one-to-one assignment of what is left uses it, or if the bound exceeds Z
    with i fixed on j, which adds C[i,j,p,q] to every x[p,q].

    A case is split over the tiles of a cluster or the clusters of a tile. Permutations of the tiles that change no
    distance and no single cost, and keep the tiles in use, turn placements of the case into others of the same cost; so
    does an exchange of clusters without flow. Hence of cells that these turn into each other only one has to be looked
    at, and none if one of them is ruled out.
    """
    fields = evidence.table("kind", "scale", "symmetries", "tree")
    if claim is None:
        evidence.rejected("with enough tiles something is always feasible")
    square = enlarge(instance, evidence, fields["scale"].integer(1, MAX_SCALE))
    symmetries = [_symmetry(square, field) for field in fields["symmetries"].items()]
    limit, budget = square.limit(claim), Budget(MAX_WORK)
    if limit > LARGEST_COST:
        evidence.rejected("no placement costs as much as the claim says")
    tree = Preorder(fields["tree"])
    open_cases: list[tuple[Case, Cell | None]] = [(root(square), None)]
    while open_cases:
        case, cell = open_cases.pop()
        case = case if cell is None else case.child(square, *cell)
        k = len(case.tiles)
        budget.spend(20 * k**4 + 10**4)
        tight = tighten(square, case, limit)
        if tight is None:
            continue
        entry = tree.take()
        if isinstance(entry.value, dict) and "branch" in entry.value:
            budget.spend(10 * k**5 + 10 * k**2 * len(symmetries))
            tight = probe(square, tight, limit)
            cells = _branch(square, tight, entry, symmetries)
            open_cases += [(tight, cell) for cell in reversed(cells)]
        else:
            open_cases.append((_change(tight, entry), None))
    tree.finish()
    return claim


def enlarge(instance: Placement, evidence: Field, scale: int) -> Square:
    """Set the matrices up, once it is clear that they are small enough and that nothing can overflow."""
    k, n = instance.num_tiles, instance.num_clusters
    if k > MAX_TILES:
        evidence.rejected(f"{k} tiles are more than the {MAX_TILES} whose pairs fit into memory")
    away = [[instance.distance(a, b) for b in range(k)] for a in range(k)]
    flows = [f for _, _, f in instance.flows] + (instance.input_flow or [])
    if 2 * scale * (sum(flows) + 1) * (max(map(max, away)) + 1) > LARGEST_COST:
        evidence.rejected("the costs are too large for this scale")
    distance = np.array(away, dtype=np.int64)
    flow, linear = np.zeros((2, k, k), dtype=np.int64)
    for a, b, f in instance.flows:
        if a == b:
            linear[a] += f * distance.diagonal()
        else:
            flow[a, b] += f
    if instance.input_flow is not None:
        linear[:n] += np.outer(instance.input_flow, distance[instance.io_tile])
    return Square(scale, scale * flow, distance, scale * linear, _grain(flow, distance, linear))


def _grain(flow: Array, distance: Array, linear: Array) -> int:
    """Divides the cost of every placement: flows times distances, both ways together where distances are symmetric."""
    if (distance == distance.T).all():
        flow = np.triu(flow + flow.T)
    apart = distance[~np.eye(len(distance), dtype=bool)]
    pairs = gcd(*np.unique(flow).tolist()) * gcd(*np.unique(apart).tolist())
    return gcd(pairs, *np.unique(linear).tolist()) or 1


def root(square: Square) -> Case:
    """Nothing is placed, all multipliers are zero."""
    k = len(square.flow)
    nothing, all_of_them = np.zeros((k, k, k), dtype=np.int64), np.arange(k)
    everywhere = np.ones((k, k), dtype=bool)
    return Case(0, all_of_them, all_of_them, square.linear, everywhere, nothing, nothing)


def tighten(square: Square, case: Case, limit: int) -> Case | None:
    """Rule out what no one-to-one assignment can use; None if the case holds no placement within the limit."""
    if not case.settled:
        alive = matching.usable(case.alive)
        if alive is None:
            return None
        case = replace(case, alive=alive, settled=True)
    _, paid = _pairs_left(square, case)
    enough = limit - case.fixed - paid
    worth, start = assign.bound(np.where(case.alive, case.single, NEVER), enough, case.start)
    return None if worth > enough else replace(case, start=start)


def probe(square: Square, case: Case, limit: int) -> Case:
    """Rule out cells with which the bound exceeds the limit."""
    left, paid = _pairs_left(square, case)
    k, single = len(case.tiles), case.single
    first, second = np.triu_indices(k, 1)
    pair = np.zeros((k, k, k, k), dtype=np.int64)  # [i, p, j, q]
    pair[first, second] = left
    pair[second, first] = left.transpose(0, 2, 1)
    i, j = np.nonzero(case.alive)
    at = np.arange(len(i))
    together = np.where(case.alive, pair[i, :, j] + single, NEVER)  # [cell, p, q]
    together[at, i] = together[at, :, j] = NEVER
    together[at, i, j] = single[i, j]
    enough = np.full(len(i), limit - case.fixed - paid, dtype=np.int64)
    alive = case.alive.copy()
    alive[i, j] = assign.bounds(together, enough, case.start) <= enough
    return replace(case, alive=alive, settled=False)


def _pairs_left(square: Square, case: Case) -> tuple[Array, int]:
    """Costs of pairs of clusters i < p on tiles that are not ruled out, none below zero; what is paid in advance.

    Returns
    -------
    left : (pairs, k, k) int64
        For each pair, the tiles of i and of p; beyond all others where these are the same tile or ruled out.
    paid : int
    """
    k = len(case.tiles)
    i, p = np.triu_indices(k, 1)
    flow = square.flow[np.ix_(case.clusters, case.clusters)]
    distance = square.distance[np.ix_(case.tiles, case.tiles)]
    if square.is_symmetric:
        left = (flow + flow.T)[i, p][:, None, None] * distance
    else:
        left = flow[i, p][:, None, None] * distance + flow[p, i][:, None, None] * distance.T
    left -= case.columns[i]
    left -= case.columns[p].transpose(0, 2, 1)
    toll = np.where(case.alive, 0, NEVER)[:, :, None] - case.rows
    left += toll[i, :, p][:, :, None]
    left += toll[p, :, i][:, None, :]
    left[:, np.arange(k), np.arange(k)] = NEVER
    negative = left.min(axis=(1, 2), initial=0)
    left -= negative[:, None, None]
    return left, int(negative.sum())


def _change(case: Case, entry: Field) -> Case:
    """Multipliers that differ from those so far."""
    k = len(case.tiles)
    fields = entry.table("rows", "columns")
    changes = [np.array(fields[name].integers(k**3), dtype=np.int64).reshape(k, k, k) for name in ("rows", "columns")]
    rows, columns = case.rows + changes[0], case.columns + changes[1]
    same = np.arange(k)
    if rows[same, :, same].any() or columns[:, same, same].any():
        entry.rejected("a cluster or a tile has no multiplier with itself")
    if max(np.abs(rows).max(initial=0), np.abs(columns).max(initial=0)) > 2**40:
        entry.rejected("the multipliers grow beyond 2^40")
    return replace(case, rows=rows, columns=columns)


def _symmetry(square: Square, field: Field) -> Array:
    """A permutation of the tiles that changes no cost."""
    k = len(square.distance)
    image = np.array(field.integers(k, 0, k - 1), dtype=np.int64)
    if len(np.unique(image)) != k:
        field.rejected("no permutation of the tiles")
    if (square.distance[np.ix_(image, image)] != square.distance).any() or (
        square.linear[:, image] != square.linear
    ).any():
        field.rejected("changes a distance, or what a cluster costs on a tile")
    return image


def _branch(square: Square, case: Case, entry: Field, symmetries: list[Array]) -> list[Cell]:
    """Read the cells to be looked at, and make sure that they stand for all that are alive."""
    fields = entry.table("branch", "cells")
    over, which = fields["branch"].integers(2, 0, len(square.flow) - 1)
    listed = fields["cells"].integers(None, 0, len(square.flow) - 1)
    left = (case.clusters, case.tiles)
    if over > 1 or which not in left[over]:
        fields["branch"].rejected("neither over the tiles of a cluster that is left nor over the clusters of a tile")
    cells = list(zip(listed[::2], listed[1::2], strict=False))
    if len(listed) % 2 or any(i not in left[0] or t not in left[1] for i, t in cells):
        fields["cells"].rejected("not pairs of a cluster and a tile that are left")
    standing_in = classes(square, case, symmetries)
    settled = {standing_in[cell] for cell in cells} | ruled_out(case, standing_in)
    for cell in line(case, over, which):
        if standing_in[cell] not in settled:
            fields["cells"].rejected(f"the case of cluster {cell[0]} on tile {cell[1]} is missing")
    return cells


def line(case: Case, over: int, which: int) -> list[Cell]:
    """The cells of one cluster or of one tile; a placement of the case has exactly one of them."""
    if over == 0:
        return [(which, int(t)) for t in case.tiles]
    return [(int(i), which) for i in case.clusters]


def ruled_out(case: Case, standing_in: dict[Cell, Cell]) -> set[Cell]:
    """Classes of cells that hold one which is ruled out."""
    i, j = np.nonzero(~case.alive)
    return {standing_in[int(case.clusters[a]), int(case.tiles[b])] for a, b in zip(i, j, strict=True)}


def classes(square: Square, case: Case, symmetries: list[Array]) -> dict[Cell, Cell]:
    """For each cell that is left one that symmetries which keep the tiles in use turn it into, always the same."""
    used = np.array([t for _, t in case.placed], dtype=np.int64)
    orbit = np.arange(len(square.flow))
    keeping = [image for image in symmetries if (image[used] == used).all()]
    for _ in orbit:
        before = orbit.copy()
        for image in keeping:
            np.minimum.at(orbit, image, orbit.copy())
            orbit = np.minimum(orbit, orbit[image])
        if (orbit == before).all():
            break
    silent = square.silent
    first = next((int(i) for i in case.clusters if silent[i]), 0)
    return {
        (int(i), int(t)): (first if silent[i] else int(i), int(orbit[t])) for i in case.clusters for t in case.tiles
    }
