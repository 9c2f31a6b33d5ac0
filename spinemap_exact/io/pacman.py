"""Placements for PACMAN, the mapping tool of SpiNNaker: a JSON list of vertices and where they lie.

Each cluster is a vertex ``cluster_<number>`` on core 1 of the chip with the coordinates of its tile (core 0 monitors
the chip). The keys are those of PACMAN's JSON utilities: ``vertex_label``, ``x``, ``y``, ``p``.
"""

from __future__ import annotations

import json
from pathlib import Path

from spinemap_exact.files import writing
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping

_CORE = 1


def write_pacman(path: str | Path, mapping: Mapping, hardware: Hardware) -> None:
    """Write where clusters lie."""
    width = hardware.grid.width
    table = [
        {"vertex_label": f"cluster_{c}", "x": tile % width, "y": tile // width, "p": _CORE}
        for c, tile in enumerate(mapping.placement.tile_of_cluster.tolist())
    ]
    with writing(path) as file:
        file.write((json.dumps(table, indent=1) + "\n").encode())
