"""Files of certificates and of the instances they speak about; ``docs/certificates.md`` specifies both.

A file is one JSON object in UTF-8, or the same compressed with gzip. This module knows the outer shape only: whether
evidence proves anything is for the checker to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from spinemap_exact.certificate._text import MAX_BYTES, decode, encode, read_bytes
from spinemap_exact.errors import CertificateMalformed, InvalidInput

__all__ = ["MAX_BYTES", "Certificate", "from_bytes", "read", "read_instance", "to_bytes", "write", "write_instance"]

FORMAT = "spinemap-exact certificate"
INSTANCE_FORMAT = "spinemap-exact instance"
VERSION = 1
LARGEST = 2**63 - 1
"""Of the bounds in a certificate."""
SCOPES = ("unroll", "packing", "partition", "placement", "mapping")
_KEYS = {"format", "version", "scope", "instance", "lower", "upper", "infeasible", "witness", "evidence"}
_LONGEST_ANSWER = 200  # characters of what was asked
_NETWORK = {"fanout_ptr", "fanout_idx", "spikes", "is_input"}
_UNROLL = {"network", "rows", "columns", "unit_fan_in", "max_depth", "objective", "max_crossbars", "max_units"}
_PARTITION = {"network", "crossbars", "max_clusters", "traffic", "objective", "max_area"}
_PLACEMENT = {"num_clusters", "flow_from", "flow_to", "flow", "distance", "mesh", "io_tile", "input_flow"}
_MAPPING = {"network", "hardware", "traffic", "objective", "max_crossbars", "max_latency_ps", "unrolling"}
_TERMS = ("packet", "hop_x", "hop_y", "local", "synapse")
_COSTS = {"idle_cell_fj", *(f"{term}_{unit}" for term in _TERMS for unit in ("fj", "ps"))}
_UNITS = ("unit_of_synapse", "neuron_of_unit", "parent_of_unit")
_INSTANCE_KEYS = {
    "packing": {"sizes", "capacity"},
    "unroll": _UNROLL,
    "partition": _PARTITION,
    "placement": _PLACEMENT,
    "mapping": _MAPPING,
}


@dataclass(frozen=True)
class Certificate:
    """A claim about one instance, with what proves it.

    Parameters
    ----------
    scope : str
        Which problem is spoken of: unroll, packing, partition or placement, each given its own input, or the mapping.
    instance : str
        Digest of the problem.
    lower : int or None
        Claim: no feasible solution costs less. Proven by ``evidence``.
    upper : int or None
        Claim: ``witness`` is feasible and costs this.
    infeasible : bool
        Claim: there is no feasible solution; then there are no bounds.
    witness, evidence : dict or None
    asked : dict, optional
        What was asked beside the instance: options of the command line, so that the same are asked of the checker.
        None stands for a file that was named. Nothing follows from it.

    Raises
    ------
    CertificateMalformed
        If a claim lacks what is to prove it, or the claims exclude each other.
    """

    scope: str
    instance: str
    lower: int | None
    upper: int | None
    infeasible: bool
    witness: dict[str, Any] | None
    evidence: dict[str, Any] | None
    asked: dict[str, str | int | float | None] | None = None

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise CertificateMalformed(f"scope: none of {', '.join(SCOPES)}")
        if not isinstance(self.instance, str) or not re.fullmatch("[0-9a-f]{64}", self.instance):
            raise CertificateMalformed("instance: not a SHA-256 in hexadecimal")
        for name in ("lower", "upper"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 0 <= value <= LARGEST):
                raise CertificateMalformed(f"{name}: neither null nor an integer from 0 to 2^63 - 1")
        if type(self.infeasible) is not bool:
            raise CertificateMalformed("infeasible: neither true nor false")
        for name in ("witness", "evidence"):
            if not isinstance(getattr(self, name), dict | None):
                raise CertificateMalformed(f"{name}: neither null nor an object")
        if self.asked is not None and not _are_answers(self.asked):
            raise CertificateMalformed("asked: neither null nor an object of numbers and short texts")
        if self.infeasible and not (self.lower is None and self.upper is None):
            raise CertificateMalformed("infeasible: nothing that is infeasible has bounds")
        if (self.upper is None) != (self.witness is None):
            raise CertificateMalformed("witness: an upper bound and its witness come together")
        if (self.lower is None and not self.infeasible) != (self.evidence is None):
            raise CertificateMalformed("evidence: a lower bound or infeasibility comes together with its evidence")

    @property
    def claims_optimality(self) -> bool:
        return self.lower is not None and self.lower == self.upper


def to_bytes(certificate: Certificate) -> bytes:
    """Return the file of a certificate; equal certificates give equal bytes."""
    table = {"format": FORMAT, "version": VERSION, **vars(certificate)}
    if certificate.asked is None:
        del table["asked"]
    return encode(table)


def from_bytes(content: bytes) -> Certificate:
    """Read a certificate.

    Raises
    ------
    CertificateMalformed
        If the bytes are not a certificate of this version.
    """
    table = decode(content)
    if table.get("format") != FORMAT:
        raise CertificateMalformed(f"format: not {FORMAT!r}")
    if type(table.get("version")) is not int or table["version"] != VERSION:
        raise CertificateMalformed(f"version: this program reads version {VERSION}")
    asked = table.pop("asked", None)
    _require_keys(table, _KEYS)
    return Certificate(**{key: table[key] for key in _KEYS - {"format", "version"}}, asked=asked)


def write(path: str | Path, certificate: Certificate) -> None:
    """Write a certificate to a file."""
    Path(path).write_bytes(to_bytes(certificate))


def read(path: str | Path) -> Certificate:
    """Read a certificate from a file.

    Raises
    ------
    CertificateMalformed
        If the file is not a certificate of this version.
    """
    return from_bytes(read_bytes(path))


def write_instance(path: str | Path, problem: Any) -> None:
    """Write the raw data of a problem, for checkers that have no reader for what it came from."""
    Path(path).write_bytes(encode({"format": INSTANCE_FORMAT, "version": VERSION, **instance_table(problem)}))


def instance_table(problem: Any) -> dict[str, Any]:
    """Return the raw data of a problem, as it stands in an instance file."""
    kind = problem.kind
    table: dict[str, Any] = {"kind": kind}
    if kind in ("unroll", "partition", "mapping"):
        network = problem.network
        table["network"] = {k: getattr(network, k).tolist() for k in ("fanout_ptr", "fanout_idx", "spikes")}
        table["network"]["is_input"] = network.is_input.astype(int).tolist()
    if kind == "unroll":
        names = ("rows", "columns", "unit_fan_in", "max_depth", "max_crossbars", "max_units")
        table |= {k: _plain(getattr(problem, k)) for k in names}
        table["objective"] = str(problem.objective)
    elif kind == "partition":
        table["crossbars"] = [[c.rows, c.columns, c.area, c.count] for c in problem.crossbars]
        table |= {"max_clusters": int(problem.max_clusters), "max_area": _plain(problem.max_area)}
        table |= {"traffic": str(problem.traffic), "objective": str(problem.objective)}
    elif kind == "mapping":
        table |= _mapping_table(problem)
    elif kind == "packing":
        table |= {"sizes": problem.sizes.tolist(), "capacity": int(problem.capacity)}
    else:
        table |= {"num_clusters": int(problem.num_clusters), "io_tile": _plain(problem.io_tile)}
        table |= {k: getattr(problem, k).tolist() for k in ("flow_from", "flow_to", "flow")}
        for k in ("distance", "input_flow"):
            array = getattr(problem, k)
            table[k] = None if array is None else array.tolist()
        mesh = problem.mesh
        table["mesh"] = mesh and [mesh.x.tolist(), mesh.y.tolist(), int(mesh.hop_x), int(mesh.hop_y)]
    return table


def _mapping_table(problem: Any) -> dict[str, Any]:
    hardware, units = problem.hardware, problem.unrolling
    grid = hardware.grid
    return {
        "hardware": {
            "grid": [int(grid.width), int(grid.height), _plain(grid.io_tile)],
            "crossbars": [[c.rows, c.columns, c.area, c.count] for c in hardware.crossbars],
            "costs": {k: int(v) for k, v in vars(hardware.costs).items()},
        },
        "traffic": str(problem.traffic),
        "objective": str(problem.objective),
        "max_crossbars": _plain(problem.max_crossbars),
        "max_latency_ps": _plain(problem.max_latency_ps),
        "unrolling": None if units is None else [getattr(units, k).tolist() for k in _UNITS],
    }


def read_instance(path: str | Path) -> Any:
    """Read the raw data of a problem: an object with the attributes that the checker looks at.

    Raises
    ------
    InvalidInput
        If the file is not an instance of this version.
    """
    try:
        table = decode(read_bytes(path))
        version = table.pop("version", None)
        if table.pop("format", None) != INSTANCE_FORMAT or type(version) is not int or version != VERSION:
            raise CertificateMalformed(f"this is no {INSTANCE_FORMAT} of version {VERSION}")
        return _instance(table)
    except CertificateMalformed as defect:
        raise InvalidInput(f"{path}: {defect}") from defect


def _instance(table: dict[str, Any]) -> SimpleNamespace:
    """Give raw data the shape of a problem; whether the numbers are any is for the checker to say."""
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in SCOPES:
        raise CertificateMalformed(f"kind: none of {', '.join(SCOPES)}")
    _require_keys(table, _INSTANCE_KEYS[kind] | {"kind"})
    raw = SimpleNamespace(**table)
    if kind in ("unroll", "partition", "mapping"):
        if not isinstance(raw.network, dict):
            raise CertificateMalformed("network: not an object")
        _require_keys(raw.network, _NETWORK)
        raw.network = SimpleNamespace(**raw.network)
    if kind == "partition":
        if not isinstance(raw.crossbars, list):
            raise CertificateMalformed("crossbars: not a list")
        raw.crossbars = [_row(row, "crossbars", "rows", "columns", "area", "count") for row in raw.crossbars]
    if kind == "mapping":
        raw.hardware = _hardware(raw.hardware)
        raw.unrolling = None if raw.unrolling is None else _row(raw.unrolling, "unrolling", *_UNITS)
    if kind == "placement" and raw.mesh is not None:
        raw.mesh = _row(raw.mesh, "mesh", "x", "y", "hop_x", "hop_y")
    return raw


def _hardware(table: Any) -> SimpleNamespace:
    if not isinstance(table, dict):
        raise CertificateMalformed("hardware: not an object")
    _require_keys(table, {"grid", "crossbars", "costs"})
    costs, crossbars = table["costs"], table["crossbars"]
    if not isinstance(costs, dict) or not isinstance(crossbars, list):
        raise CertificateMalformed("hardware: costs are no object, or crossbars no list")
    _require_keys(costs, _COSTS)
    return SimpleNamespace(
        grid=_row(table["grid"], "grid", "width", "height", "io_tile"),
        crossbars=[_row(row, "crossbars", "rows", "columns", "area", "count") for row in crossbars],
        costs=SimpleNamespace(**costs),
    )


def _row(values: Any, place: str, *names: str) -> SimpleNamespace:
    if not isinstance(values, list) or len(values) != len(names):
        raise CertificateMalformed(f"{place}: not a list [{', '.join(names)}]")
    return SimpleNamespace(**dict(zip(names, values, strict=True)))


def _require_keys(table: dict[str, Any], keys: set[str]) -> None:
    if missing := keys - table.keys():
        raise CertificateMalformed(f"{min(missing)}: missing")
    if unknown := table.keys() - keys:
        raise CertificateMalformed(f"{min(unknown)[:40]!r}: unknown")


def _are_answers(asked: Any) -> bool:
    def is_short(text: object) -> bool:
        return isinstance(text, str) and len(text) <= _LONGEST_ANSWER and text.isprintable()

    return isinstance(asked, dict) and all(
        is_short(name) and (value is None or is_short(value) or isinstance(value, int | float))
        for name, value in asked.items()
    )


def _plain(value: Any) -> int | None:
    return None if value is None else int(value)
