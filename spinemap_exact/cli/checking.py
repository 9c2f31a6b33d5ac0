"""Which mapping `check` looks at, and whether it is the solution that is certified."""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path
from typing import Any

from spinemap_exact.errors import CertificateRejected, InvalidInput

PARTITION = "partition.json"  # of a `map` that stopped after this stage
_OF_STAGE = {
    "unroll": ("unit_of_synapse", "neuron_of_unit", "parent_of_unit"),
    "partition": ("cluster_of_unit",),
    "placement": ("tile_of_cluster",),
}


def has_mapping(args: argparse.Namespace) -> bool:
    """A mapping is named, or lies beside the certificate."""
    return bool(args.mapping) or (Path(args.certificate).parent / "mapping.json").exists()


def mapping_file(args: argparse.Namespace, scope: str) -> tuple[Path, str | None]:
    """Where the mapping is; the reference of an instance that ships only gives the stages above."""
    from spinemap_exact import instances

    beside = Path(args.certificate).parent / "mapping.json"
    if scope == "partition" and not args.mapping and not beside.exists() and beside.with_name(PARTITION).exists():
        beside = beside.with_name(PARTITION)
    if args.mapping or beside.exists():
        file = Path(args.mapping or beside)
        return file, str(file)
    if args.input in instances.names() and not Path(args.input).exists():
        return instances.instances()[args.input].reference, None
    raise InvalidInput(f"a {scope} certificate is checked given the stages above it: --mapping FILE is missing")


def require_witness(mapping: Any, scope: str, witness: Any) -> None:
    """Reject a mapping that is another solution of this stage than the one that is certified."""
    if scope == "mapping":
        for own_scope in ("unroll", "partition"):
            require_witness(mapping, own_scope, witness)
        tiles = {k: witness[k] for k in ("tile_of_cluster", "cluster_of_unit")}
        certified = [tiles["tile_of_cluster"][c] for c in tiles["cluster_of_unit"]]
        own = mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit].tolist()
        _require_equal("tile_of_unit", own, certified)
        return
    stage = {"unroll": mapping.unrolling, "partition": mapping.partition, "placement": mapping.placement}[scope]
    for name in _OF_STAGE[scope]:
        own, certified = getattr(stage, name).tolist(), witness[name]
        if scope == "partition":  # the numbers of clusters mean nothing
            own, certified = _in_order(own), _in_order(certified)
        _require_equal(name, own, certified)


def _require_equal(name: str, own: list[int], certified: list[int]) -> None:
    if len(own) != len(certified):
        raise CertificateRejected(f"mapping.{name}", f"{len(own)} entries; the solution certified has {len(certified)}")
    for k, (a, b) in enumerate(zip(own, certified, strict=True)):
        if a != b:
            raise CertificateRejected(f"mapping.{name}[{k}]", f"is {a}; the solution that is certified has {b}")


def _in_order(labels: list[int]) -> list[int]:
    """Number clusters by their first unit."""
    numbers, fresh = dict[int, int](), count()
    return [numbers[label] if label in numbers else numbers.setdefault(label, next(fresh)) for label in labels]
