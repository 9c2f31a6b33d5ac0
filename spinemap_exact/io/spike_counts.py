"""Spike counts from a recording: a CSV of counts, a raster, or a SONATA spike file.

*Text*: counts or events; see `count_table` and `spike_events`.

*Raster* ``.npy`` or ``.npz``: an array (time, neurons), or (neurons,) if already summed; it covers all neurons, or all
that are not external inputs. In an ``.npz`` with several arrays each bears the name of a population.

*SONATA* ``.h5``: ``spikes/POPULATION/node_ids``, or the older ``spikes/gids``.

Neurons that a recording does not mention count zero spikes, and a note says how many.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import shown
from spinemap_exact.io._files import read_arrays
from spinemap_exact.io._hdf5 import read_hdf5
from spinemap_exact.io._recording import Recording, silent_note
from spinemap_exact.io.count_table import is_count_table, read_count_table
from spinemap_exact.network import Population
from spinemap_exact.units import INT64_MAX


def read_spike_counts(
    path: str | Path, num_neurons: int, populations: Iterable[Population] = (), is_input: Array | None = None
) -> Recording:
    """Read the spike counts of a network from any of the formats of the module docstring.

    Raises
    ------
    InvalidInput
        If a count is negative, fractional or too large, or a neuron does not exist.
    """
    path, populations = Path(path), tuple(populations)
    if is_count_table(path):
        return read_count_table(path).resolve(num_neurons, populations, is_input)
    match path.suffix.lower():
        case ".npy" | ".npz":
            return _read_raster(path, num_neurons, populations, is_input)
        case ".h5" | ".hdf5":
            return _read_sonata(path, num_neurons, populations)
    raise InvalidInput(f"{path} has no suffix of a spike count file: .csv, .tsv, .txt, .dat, .npy, .npz, .h5")


def _read_raster(
    path: Path, num_neurons: int, populations: tuple[Population, ...], is_input: Array | None
) -> Recording:
    arrays = read_arrays(path, "a numpy file of numbers")
    by_name = {p.name: p for p in populations}
    if len(arrays) == 1 and next(iter(arrays)) not in by_name:
        counts = _summed(path, next(iter(arrays.values())))
        return _spread(path, counts, num_neurons, is_input)
    spikes = np.zeros(num_neurons, dtype=np.int64)
    silent = num_neurons
    for name, array in arrays.items():
        if name not in by_name:
            raise InvalidInput(f"{path} holds an array {shown(name)}, which is no population of the network")
        counts, population = _summed(path, array), by_name[name]
        if len(counts) != population.size:
            raise InvalidInput(f"{path} counts {len(counts)} neurons in {name}, which has {population.size}")
        spikes[population.start : population.stop] = counts
        silent -= population.size
    return Recording(spikes, is_input, notes=silent_note(silent))


def _spread(path: Path, counts: Array, num_neurons: int, is_input: Array | None) -> Recording:
    if len(counts) == num_neurons:
        return Recording(counts, is_input)
    units = np.arange(num_neurons) if is_input is None else np.flatnonzero(~is_input)
    if len(counts) != len(units):
        also = "" if len(units) == num_neurons else f" (or {len(units)} without the external inputs)"
        raise InvalidInput(f"{path} counts {len(counts)} neurons; the network has {num_neurons}{also}")
    spikes = np.zeros(num_neurons, dtype=np.int64)
    spikes[units] = counts
    return Recording(spikes, is_input, notes=silent_note(num_neurons - len(units)))


def _summed(path: Path, raster: Array) -> Array:
    """Counts of a raster (time, neurons) or of an array that is summed already."""
    if raster.ndim not in (1, 2) or raster.dtype.kind not in "biuf":
        raise InvalidInput(f"{path} holds an array {raster.shape} of {raster.dtype}; wanted: numbers (time, neurons)")
    wrong = np.zeros(raster.shape, dtype=bool)
    if raster.dtype.kind == "f":
        wrong = ~np.isfinite(raster) | (raster != np.floor(raster))
    if raster.dtype.kind in "if":
        wrong = wrong | (raster < 0)
    if wrong.any():
        place = np.argwhere(wrong)[0]
        value = raster[tuple(place)]
        kind = "negative" if value < 0 else "not a whole number"
        raise InvalidInput(f"{path}: the spike count of neuron {place[-1]} is {value}, which is {kind}")
    rough = np.atleast_2d(raster).sum(axis=0, dtype=np.float64)
    if rough.size and rough.max() >= INT64_MAX:
        raise InvalidInput(f"{path}: the spike count of neuron {int(rough.argmax())} overflows int64")
    counts: Array = np.atleast_2d(raster).sum(axis=0, dtype=np.int64)
    return counts


def _read_sonata(path: Path, num_neurons: int, populations: tuple[Population, ...]) -> Recording:
    counts = np.zeros(num_neurons, dtype=np.int64)
    by_name = {p.name: p for p in populations}
    silent = num_neurons
    for name, ids in sonata_spikes(path).items():
        population = Population("the network", 0, num_neurons) if name is None and not populations else None
        if population is None:
            if name is None and len(populations) == 1:
                population = populations[0]
            elif name in by_name:
                population = by_name[name]
            else:
                known = ", ".join(by_name) or "none"
                raise InvalidInput(f"{path} has spikes of {name or 'an unnamed population'}; populations: {known}")
        counts[population.start : population.stop] += count_ids(path, ids, population.size)
        silent -= population.size
    return Recording(counts, notes=silent_note(silent))


def sonata_spikes(path: Path) -> dict[str | None, Array]:
    """Return who spiked, once for each spike, by population; None where an older file names no population."""
    group = read_hdf5(path, "sonata", "reading SONATA spikes", ("gids", "node_ids")).group("spikes")
    older = [group.integers(key) for key in ("gids", "node_ids") if key in group]
    found: dict[str | None, Array] = {None: older[-1]} if older else {}
    found |= {name: item.integers("node_ids") for name, item in group.groups() if "node_ids" in item}
    if not found:
        raise InvalidInput(f"{path} has neither spikes/POPULATION/node_ids nor spikes/gids")
    return found


def count_ids(path: Path, ids: Array, size: int) -> Array:
    """Count the spikes of each neuron of a population."""
    outside = (ids < 0) | (ids >= size)
    if outside.any():
        raise InvalidInput(f"{path} has a spike of neuron {ids[outside][0]}, outside 0 ... {size - 1}")
    return np.bincount(ids, minlength=size)
