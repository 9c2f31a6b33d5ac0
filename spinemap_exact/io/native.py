"""The native format: a compressed ``.npz`` that keeps every field of a network.

It holds the arrays ``fanout_ptr``, ``fanout_idx``, ``spikes``, ``is_input`` and, where there are any, ``weights``; and
``header``, the UTF-8 bytes of a JSON table with ``format``, ``version``, ``digest``, ``populations`` (name, start,
stop), ``window_s`` and ``spikes_assumed``. Equal networks give equal files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import parse_json, shown, writing
from spinemap_exact.io._draft import Draft
from spinemap_exact.io._files import read_arrays
from spinemap_exact.network import Network, Population

FORMAT = "spinemap-exact network"
VERSION = 1


def write_native(path: str | Path, network: Network) -> None:
    """Write a network; see the module docstring for the format."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "digest": network.digest,
        "populations": [[p.name, p.start, p.stop] for p in network.populations],
        "window_s": network.window_s,
        "spikes_assumed": network.spikes_assumed,
    }
    arrays = {name: getattr(network, name) for name in ("fanout_ptr", "fanout_idx", "spikes", "is_input")}
    if network.weights is not None:
        arrays["weights"] = network.weights
    with writing(path) as file:
        np.savez_compressed(file, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)


def read_native(
    path: str | Path, *, spikes: str | Path | None = None, weight_threshold: float = 0.0
) -> tuple[Network, list[str]]:
    """Read a network.

    Raises
    ------
    InvalidInput
        If the file is truncated, altered, foreign, or of a newer version.
    """
    path = Path(path)
    arrays = read_arrays(path, "a network of this package")
    if "header" not in arrays:
        raise InvalidInput(f"{path} is a numpy archive, but not a network of this package: it has no header")
    try:
        header = _header(path, arrays["header"])
        network = Network(
            **{name: arrays[name] for name in ("fanout_ptr", "fanout_idx", "spikes", "is_input")},
            weights=arrays.get("weights"),
            populations=tuple(Population(str(n), int(a), int(b)) for n, a, b in header["populations"]),
            window_s=header["window_s"],
            spikes_assumed=bool(header["spikes_assumed"]),
        )
    except InvalidInput as defect:
        raise defect if str(path) in str(defect) else InvalidInput(f"{path}: {defect}") from defect
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as defect:
        raise InvalidInput(f"{path} is truncated or not a network of this package") from defect
    if network.digest != header["digest"]:
        raise InvalidInput(f"{path} was altered after it was written: its digest does not fit")
    if spikes is None and weight_threshold == 0:
        assumed = ["no spike counts were given: traffic is assumed, one spike for every neuron"]
        return network, assumed if network.spikes_assumed else []
    return Draft(
        network.num_neurons,
        network.pre,
        network.post,
        network.weights,
        network.is_input,
        network.populations,
        None if network.spikes_assumed else network.spikes,
        window_s=network.window_s,
    ).finish(None if spikes is None else Path(spikes), weight_threshold)


def _header(path: Path, raw: Any) -> dict[str, Any]:
    header = parse_json(bytes(raw).decode(), f"the header of {path}")
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InvalidInput(f"{path} is a numpy archive, but not a network of this package")
    if header.get("version") != VERSION:
        raise InvalidInput(f"{path} has version {shown(header.get('version'))}; this package reads version {VERSION}")
    return header
