"""The grid lines of a mesh: two tiles are as many hops apart as lines run between them."""

from __future__ import annotations

from spinemap_exact.formulations.placement._data import Data


class Lines:
    """Vertical lines first, from left to right, then horizontal ones.

    Attributes
    ----------
    ids : range
    hop : list of int
        Cost of a hop across each line.
    tiles_beyond : list of frozenset of int
        Tiles right of, or below, each line.
    """

    def __init__(self, data: Data) -> None:
        mesh = data.mesh
        x, y = mesh.x.tolist(), mesh.y.tolist()
        self.hop = [mesh.hop_x] * (mesh.width - 1) + [mesh.hop_y] * (mesh.height - 1)
        self.tiles_beyond = [frozenset(t for t in data.tiles if x[t] > k) for k in range(mesh.width - 1)]
        self.tiles_beyond += [frozenset(t for t in data.tiles if y[t] > k) for k in range(mesh.height - 1)]
        self.ids = range(len(self.hop))
        self._lines_between = [
            sorted(abs(x[s] - x[t]) + abs(y[s] - y[t]) for t in data.tiles if t != s) for s in data.tiles
        ]

    def least_lines_to(self, tiles: int) -> int:
        """The fewest lines between one tile and so many others, counted for each of them."""
        return min(sum(map(int, nearest[:tiles])) for nearest in self._lines_between)
