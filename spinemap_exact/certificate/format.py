"""Files of certificates and of the instances they speak about; ``docs/certificates.md`` specifies both.

A file is one JSON object in UTF-8, or the same compressed with gzip. This module knows the outer shape only: whether
evidence proves anything is for the checker to say.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from spinemap_exact.errors import CertificateMalformed, InvalidInput
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network

FORMAT = "spinemap-exact certificate"
INSTANCE_FORMAT = "spinemap-exact instance"
VERSION = 1
SCOPES = ("unroll", "packing", "partition", "placement")
MAX_BYTES = 64 * 1024 * 1024  # of the JSON text; what a compressed file may grow to
_COMPRESS_FROM = 1024
_GZIP = b"\x1f\x8b"
_KEYS = {"format", "version", "scope", "instance", "lower", "upper", "infeasible", "witness", "evidence"}


@dataclass(frozen=True)
class Certificate:
    """A claim about one instance, with what proves it.

    Parameters
    ----------
    scope : str
        Which problem is spoken of: unroll, packing, partition or placement, each given its own input.
    instance : str
        Digest of the problem.
    lower : int or None
        Claim: no feasible solution costs less. Proven by ``evidence``.
    upper : int or None
        Claim: ``witness`` is feasible and costs this.
    infeasible : bool
        Claim: there is no feasible solution; then there are no bounds.
    witness, evidence : dict or None

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

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise CertificateMalformed(f"scope: {self.scope!r} is none of {', '.join(SCOPES)}")
        if not isinstance(self.instance, str) or not re.fullmatch("[0-9a-f]{64}", self.instance):
            raise CertificateMalformed("instance: not a SHA-256 in hexadecimal")
        for name in ("lower", "upper"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not 0 <= value < 2**63):
                raise CertificateMalformed(f"{name}: neither null nor an integer from 0 to 2^63 - 1")
        if type(self.infeasible) is not bool:
            raise CertificateMalformed("infeasible: neither true nor false")
        for name in ("witness", "evidence"):
            if not isinstance(getattr(self, name), dict | None):
                raise CertificateMalformed(f"{name}: neither null nor an object")
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
    return _encode({"format": FORMAT, "version": VERSION, **vars(certificate)})


def from_bytes(content: bytes) -> Certificate:
    """Read a certificate.

    Raises
    ------
    CertificateMalformed
        If the bytes are not a certificate of this version.
    """
    table = _decode(content)
    if table.get("format") != FORMAT:
        raise CertificateMalformed(f"format: not {FORMAT!r}")
    if type(table.get("version")) is not int or table["version"] != VERSION:
        raise CertificateMalformed(f"version: this program reads version {VERSION}")
    if stray := table.keys() ^ _KEYS:
        raise CertificateMalformed(f"{min(stray)}: {'missing' if min(stray) in _KEYS else 'unknown'}")
    return Certificate(**{key: table[key] for key in _KEYS - {"format", "version"}})


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
    return from_bytes(_content(path))


def write_instance(path: str | Path, problem: Any) -> None:
    """Write the raw data of a problem, for checkers that have no reader for what it came from."""
    Path(path).write_bytes(_encode({"format": INSTANCE_FORMAT, "version": VERSION, **instance_table(problem)}))


def instance_table(problem: Any) -> dict[str, Any]:
    """Return the raw data of a problem, as it stands in an instance file."""
    kind = problem.kind
    table: dict[str, Any] = {"kind": kind}
    if kind in ("unroll", "partition"):
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


def read_instance(path: str | Path) -> Any:
    """Read the raw data of a problem: an object with the attributes that the checker looks at.

    Raises
    ------
    InvalidInput
        If the file is not an instance of this version.
    """
    try:
        table = _decode(_content(path))
        if table.get("format") != INSTANCE_FORMAT or table.get("version") != VERSION:
            raise InvalidInput(f"{path} is no {INSTANCE_FORMAT} of version {VERSION}")
        return _instance(SimpleNamespace(**table))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as defect:
        raise InvalidInput(f"{path}: {defect}") from defect


def _instance(raw: SimpleNamespace) -> SimpleNamespace:
    if raw.kind not in SCOPES:
        raise InvalidInput(f"{raw.kind!r} is none of {', '.join(SCOPES)}")
    if raw.kind in ("unroll", "partition"):
        ptr, idx, spikes, is_input = (
            np.asarray(raw.network[name]) for name in ("fanout_ptr", "fanout_idx", "spikes", "is_input")
        )
        raw.network = Network(ptr, idx, spikes, is_input=is_input)
    if raw.kind == "partition":
        raw.crossbars = tuple(Crossbar(*row) for row in raw.crossbars)
    if raw.kind == "packing":
        raw.sizes = np.asarray(raw.sizes, dtype=np.int64)
    if raw.kind == "placement":
        for name, dtype in (("flow_from", np.int32), ("flow_to", np.int32), ("flow", np.int64)):
            setattr(raw, name, np.asarray(getattr(raw, name), dtype=dtype))
        for name in ("distance", "input_flow"):
            values = getattr(raw, name)
            setattr(raw, name, None if values is None else np.asarray(values, dtype=np.int64))
        if raw.mesh is not None:
            x, y, hop_x, hop_y = raw.mesh
            raw.mesh = SimpleNamespace(x=np.asarray(x), y=np.asarray(y), hop_x=hop_x, hop_y=hop_y)
    return raw


def _plain(value: Any) -> int | None:
    return None if value is None else int(value)


def _encode(table: dict[str, Any]) -> bytes:
    text = json.dumps(table, separators=(",", ":"), allow_nan=False).encode()
    # no time stamp: the same claim gives the same bytes
    return text if len(text) < _COMPRESS_FROM else gzip.compress(text, compresslevel=9, mtime=0)


def _content(path: str | Path) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as defect:
        raise InvalidInput(f"{path} cannot be read: {defect.strerror}") from defect


def _decode(content: bytes) -> dict[str, Any]:
    """Read one JSON object without trusting it to be small, flat or finite."""
    if content[:2] == _GZIP:
        content = _inflate(content)
    if len(content) > MAX_BYTES:
        raise CertificateMalformed(f"the file is larger than {MAX_BYTES} bytes")
    try:
        table = json.loads(content.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as defect:
        raise CertificateMalformed(f"the file is not JSON: {defect}") from None
    if not isinstance(table, dict):
        raise CertificateMalformed("the file holds no JSON object")
    return table


def _inflate(content: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        text = stream.decompress(content, MAX_BYTES + 1)
    except zlib.error as defect:
        raise CertificateMalformed(f"the file is not compressed properly: {defect}") from None
    if len(text) <= MAX_BYTES and (not stream.eof or stream.unused_data):
        raise CertificateMalformed("the compressed file is cut short or goes on after its end")
    return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key is listed twice")
    return table
