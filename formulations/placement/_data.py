"""What the placement models loop over, and the symmetries of the mesh that they may use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import Mesh, PlacementProblem


@dataclass(frozen=True)
class Pair:
    """Two clusters ``a < b`` with traffic: ``out`` from a to b, ``back`` from b to a."""

    a: int
    b: int
    out: int
    back: int

    @property
    def both(self) -> int:
        return self.out + self.back


class Data:
    """Clusters, tiles, pairs with traffic and distances of one problem, in plain Python integers.

    Attributes
    ----------
    linear : list of list of int
        What cluster ``c`` costs on tile ``t`` whatever the others do: external inputs, and traffic to itself.
    """

    def __init__(self, problem: PlacementProblem) -> None:
        self.problem = problem
        self.clusters = range(problem.num_clusters)
        self.tiles = range(problem.num_tiles)
        self.distance: list[list[int]] = problem.distances.tolist()
        flow: list[list[int]] = problem.flow_matrix.tolist()
        self.pairs = [
            Pair(a, b, flow[a][b], flow[b][a])
            for a in self.clusters
            for b in range(a + 1, problem.num_clusters)
            if flow[a][b] or flow[b][a]
        ]
        entering: list[list[int]] = problem.linear.tolist()
        self.linear = [[entering[c][t] + flow[c][c] * self.distance[t][t] for t in self.tiles] for c in self.clusters]

    def flows_from(self, a: int) -> dict[int, int]:
        """Packets from a cluster to each other one."""
        sent = {p.b: p.out for p in self.pairs if p.a == a} | {p.a: p.back for p in self.pairs if p.b == a}
        return {b: packets for b, packets in sent.items() if packets}

    @property
    def mesh(self) -> Mesh:
        """The mesh.

        Raises
        ------
        InvalidInput
            If the problem has a distance matrix instead.
        """
        if self.problem.mesh is None:
            raise InvalidInput("this model needs a mesh; it does not cover general distance matrices")
        return self.problem.mesh

    def price(self, pair: Pair, s: int, t: int) -> int:
        """What a pair costs with its first cluster on tile ``s`` and its second on ``t``."""
        return pair.out * self.distance[s][t] + pair.back * self.distance[t][s]

    @cached_property
    def symmetries(self) -> list[list[int]]:
        """Permutations of the tiles that change no cost: reflections, and rotations if both hops cost alike.

        They map the tiles onto themselves, and the I/O tile onto itself where external inputs enter there.
        """
        mesh, problem = self.problem.mesh, self.problem
        if mesh is None:
            return [list(self.tiles)]
        at = {(x, y): t for t, (x, y) in enumerate(zip(mesh.x.tolist(), mesh.y.tolist(), strict=True))}
        found = []
        for flip_x in (False, True):
            for flip_y in (False, True):
                for turn in (False, True) if mesh.hop_x == mesh.hop_y else (False,):
                    image = []
                    for x, y in at:
                        i, j = mesh.width - 1 - x if flip_x else x, mesh.height - 1 - y if flip_y else y
                        image.append(at.get((j, i) if turn else (i, j)))
                    fixed = problem.io_tile is None or image[problem.io_tile] == problem.io_tile
                    if None not in image and fixed:
                        found.append([t for t in image if t is not None])
        return found

    @cached_property
    def anchor(self) -> int:
        """The cluster with the most traffic: it goes to one tile of each orbit only."""
        weight = [0 for _ in self.clusters]
        for pair in self.pairs:
            weight[pair.a] += pair.both
            weight[pair.b] += pair.both
        return weight.index(max(weight))

    @cached_property
    def orbit_tiles(self) -> set[int]:
        """The lowest tile of each orbit under the symmetries."""
        return {min(image[t] for image in self.symmetries) for t in self.tiles}

    def canonical(self, solution: Placement) -> list[int]:
        """Return an equivalent placement whose anchor lies on the lowest tile of its orbit."""
        tile = solution.tile_of_cluster.tolist()
        turned: list[list[int]] = [[image[t] for t in tile] for image in self.symmetries]
        return next(t for t in turned if t[self.anchor] in self.orbit_tiles)


def placed(tiles: Iterable[int]) -> Placement:
    """Return the placement of the clusters on these tiles."""
    return Placement(np.fromiter(tiles, dtype=np.int32))
