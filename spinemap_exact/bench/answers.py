"""What a method hands back, believed in nothing: its arrays are taken over, the rest is made anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
from spinemap_exact.problems.unroll import PackedUnrolling

Solution = Any

WANTED = {
    "unroll": "a PackedUnrolling(unrolling, partition)",
    "packing": "an array of integers, bin_of_item",
    "partition": "a Partition, as Partition.from_labels(cluster_of_unit) makes it",
    "placement": "a Placement(tile_of_cluster)",
    "mapping": "a Mapping(unrolling, partition, placement)",
}
"""What a heuristic returns, for each kind of problem; None says that it found nothing."""


def taken_over(solution: Solution, kind: str, method: str) -> Solution:
    """Return a solution of the same content that only this package has built.

    A solution prices itself in part; one with methods of its own, or with figures put beside its arrays, would be
    believed.

    Raises
    ------
    InvalidInput
        If it is no solution of this kind of problem, or contradicts itself.
    """
    try:
        return _COPIES[kind](solution)
    except _WrongType as wrong:
        wanted = f"a heuristic for {kind} problems returns {WANTED[kind]}, or None"
        raise InvalidInput(f"{method!r} returned {wrong}; {wanted}") from None


class _WrongType(Exception):
    def __init__(self, value: object) -> None:
        name = type(value).__name__
        super().__init__(f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}")


def _own(solution: Any, kind: type[Any]) -> dict[str, Any]:
    """Return the fields of a solution of exactly this type."""
    if type(solution) is not kind:
        raise _WrongType(solution)
    return {name: getattr(solution, name) for name in kind.__dataclass_fields__}


def _unrolling(solution: Any) -> Unrolling:
    return Unrolling(**_own(solution, Unrolling))


def _partition(solution: Any) -> Partition:
    return Partition(**_own(solution, Partition))


def _placement(solution: Any) -> Placement:
    return Placement(**_own(solution, Placement))


def _packed(solution: Any) -> PackedUnrolling:
    parts = _own(solution, PackedUnrolling)
    return PackedUnrolling(_unrolling(parts["unrolling"]), _partition(parts["partition"]))


def _mapping(solution: Any) -> Mapping:
    parts = _own(solution, Mapping)
    return Mapping(_unrolling(parts["unrolling"]), _partition(parts["partition"]), _placement(parts["placement"]))


def _bins(solution: Any) -> Array:
    if type(solution) is not np.ndarray or solution.ndim != 1 or solution.dtype.kind not in "iu":
        raise _WrongType(solution)
    return solution.copy()


_COPIES: dict[str, Callable[[Any], Solution]] = {
    "unroll": _packed,
    "packing": _bins,
    "partition": _partition,
    "placement": _placement,
    "mapping": _mapping,
}
