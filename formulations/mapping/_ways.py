"""What a spike costs from tile to tile."""

from __future__ import annotations

from spinemap_exact.hardware import Hardware


class Ways:
    """Prices of the ways of a spike, in fJ (``unit = "fj"``) or ps (``"ps"``)."""

    def __init__(self, hardware: Hardware, unit: str) -> None:
        def price(name: str) -> int:
            return int(getattr(hardware.costs, f"{name}_{unit}"))

        self.grid = hardware.grid
        self.packet, self.local, self.hop_x, self.hop_y = map(price, ("packet", "local", "hop_x", "hop_y"))

    def way(self, s: int, t: int) -> int:
        """From a unit in s to a reader in t."""
        return self.local if s == t else self.packet + self._hops(s, t)

    def entry(self, t: int) -> int:
        """From an external input to a reader in t."""
        io_tile = self.grid.io_tile
        return self.packet + (0 if io_tile is None else self._hops(io_tile, t))

    def _hops(self, s: int, t: int) -> int:
        width = self.grid.width
        return abs(s % width - t % width) * self.hop_x + abs(s // width - t // width) * self.hop_y
