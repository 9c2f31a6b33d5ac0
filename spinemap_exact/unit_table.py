"""A mapping as a table: a line for each unit, what it is part of and where it lies."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping
from spinemap_exact.network import Network


def unit_table(network: Network, hardware: Hardware, mapping: Mapping) -> dict[str, list[Any]]:
    """Return the columns of the table by name.

    ``unit``, ``neuron``, ``name`` and ``population`` of the neuron (None where it has none), ``parent`` (the unit that
    takes the carry; None at a soma unit), ``cluster``, ``tile``, ``x`` and ``y``.
    """
    unrolling, clusters = mapping.unrolling, mapping.partition.cluster_of_unit
    tiles = mapping.placement.tile_of_cluster[clusters]
    names, populations = _labels(network)
    neurons = unrolling.neuron_of_unit.tolist()
    return {
        "unit": list(range(unrolling.num_units)),
        "neuron": neurons,
        "name": [names[i] for i in neurons],
        "population": [populations[i] for i in neurons],
        "parent": [None if parent < 0 else parent for parent in unrolling.parent_of_unit.tolist()],
        "cluster": clusters.tolist(),
        "tile": tiles.tolist(),
        "x": (tiles % hardware.grid.width).tolist(),
        "y": (tiles // hardware.grid.width).tolist(),
    }


def _labels(network: Network) -> tuple[list[str | None], list[str | None]]:
    """Name and population of each neuron: a population of one neuron is its name."""
    names, populations = (np.full(network.num_neurons, None, dtype=object) for _ in range(2))
    for population in network.populations:
        labels = names if population.size == 1 else populations
        labels[population.start : population.stop] = population.name
    return names.tolist(), populations.tolist()
