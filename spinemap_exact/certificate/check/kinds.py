"""Kinds of evidence: each says what it speaks about, beside the function that judges it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from spinemap_exact.certificate.check.field import Field

Prove = Callable[[Any, Field, int | None], int | None]
Proving = TypeVar("Proving", bound=Prove)


@dataclass(frozen=True)
class Kind:
    """Evidence of one kind: the instances it may speak about, and what it proves of one, given a claim.

    ``prove`` returns a bound, or None for infeasibility.
    """

    speaks_of: tuple[type, ...]
    prove: Prove


KINDS: dict[str, Kind] = {}


def proves(kind: str, *speaks_of: type) -> Callable[[Proving], Proving]:
    """Register the function that judges evidence of a kind."""

    def register(prove: Proving) -> Proving:
        KINDS[kind] = Kind(speaks_of, prove)
        return prove

    return register
