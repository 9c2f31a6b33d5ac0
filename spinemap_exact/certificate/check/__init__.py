"""The checker: it trusts the instance and integer arithmetic, nothing else.

It shares no code with problems, evaluation or solvers: it copies the raw numbers of the instance and derives digest,
costs, limits and every inequality itself. A check takes bounded time: what a certificate asks for is counted first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass
from typing import Any

from spinemap_exact.certificate.check import (
    _blocks,
    _clusters,
    _conflicts,
    _contents,
    _counting,
    _duals,
    _exhaustive,
    _full_crossbars,
    _instance,
    _lines,
    _listed,
    _moments,
    _on_tiles,
    _pairs,
    _patterns,
    _profiles,
    _shapes,
    _trees,
    _units,
    _witness,
)
from spinemap_exact.certificate.check._field import Field
from spinemap_exact.certificate.check._instance import Mapping, Packing, Partition, Placement, Unroll
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import CertificateRejected, InvalidInput

_SCOPES = {Packing: "packing", Unroll: "unroll", Partition: "partition", Placement: "placement", Mapping: "mapping"}

# kind of evidence -> (what it speaks about, what it proves: a bound, or None for infeasibility)
_KINDS: dict[str, tuple[tuple[type, ...], Callable[[Any, Field, int | None], int | None]]] = {
    "counting": ((Packing, Unroll, Partition, Placement, Mapping), _counting.prove),
    "exhaustive": ((Packing, Unroll, Partition, Placement), _exhaustive.prove),
    "duals": ((Packing,), _duals.prove),
    "patterns": ((Unroll,), _patterns.prove),
    "shapes": ((Unroll,), _shapes.prove),
    "full-crossbars": ((Unroll,), _full_crossbars.prove),
    "lines": ((Placement,), _lines.prove),
    "blocks": ((Placement,), _blocks.prove),
    "profiles": ((Placement,), _profiles.prove),
    "pairs": ((Placement,), _pairs.prove),
    "clusters": ((Partition,), _clusters.prove),
    "listed": ((Partition,), _listed.prove),
    "conflicts": ((Partition,), _conflicts.prove),
    "moments": ((Partition,), _moments.prove),
    "trees": ((Mapping,), _trees.prove),
    "contents": ((Mapping,), _contents.prove),
    "sources": ((Mapping,), _units.prove),
    "clusters-on-tiles": ((Mapping,), _on_tiles.prove),
}


_SEAL = object()  # what only this module has: whoever holds verified bounds had them from here


@dataclass(frozen=True)
class VerifiedBounds:
    """What was proven about one instance. Only the checker makes one; whoever else tries is refused.

    ``lower`` and ``upper`` are None where nothing is claimed; ``evidence`` is the kind of the proof.
    """

    scope: str
    lower: int | None
    upper: int | None
    infeasible: bool
    evidence: str | None
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise InvalidInput("bounds are verified by the checker, and by nobody else")


def check(instance: Any, certificate: Certificate) -> VerifiedBounds:
    """Verify all that a certificate claims about an instance.

    Parameters
    ----------
    instance : object
        A problem, or what `certificate.format.read_instance` returns.
    certificate : Certificate

    Returns
    -------
    VerifiedBounds
        ``lower`` and ``upper`` in the unit of the objective: fJ, ps, packets, hops or crossbars.

    Raises
    ------
    CertificateRejected
        If a claim does not follow; says where and why.
    CertificateMalformed
        If the evidence does not have the shape of its kind.
    InvalidInstance
        If the instance contradicts itself, or holds something else than integers.

    Examples
    --------
    >>> from spinemap_exact import check, map_by_stages
    >>> stage = map_by_stages("layered-16-24-8", last_stage="unroll").stage("unroll")
    >>> bounds = check(stage.problem, stage.certificate)
    >>> (bounds.lower, bounds.upper) == (stage.result.dual_bound, stage.result.objective)
    True
    """
    raw, digest = _instance.read(instance)
    if certificate.scope != _SCOPES[type(raw)]:
        raise CertificateRejected("scope", f"speaks of {certificate.scope}, the instance is {_SCOPES[type(raw)]}")
    if certificate.instance != digest:
        raise CertificateRejected("instance", f"speaks of {certificate.instance}, the instance is {digest}")
    if certificate.upper is not None:
        _check_upper(raw, certificate)
    kind = None
    if certificate.lower is not None or certificate.infeasible:
        kind = _check_lower(raw, certificate)
    return VerifiedBounds(certificate.scope, certificate.lower, certificate.upper, certificate.infeasible, kind, _SEAL)


def _check_upper(raw: _instance.Instance, certificate: Certificate) -> None:
    """Price the witness; what it costs is a fact that no lower bound may contradict, whatever its evidence."""
    cost = _witness.price(raw, Field(certificate.witness, "witness"))
    if cost != certificate.upper:
        raise CertificateRejected("upper", f"claims {certificate.upper}; the witness costs {cost}")
    if certificate.lower is not None and certificate.lower > cost:
        raise CertificateRejected("lower", f"claims {certificate.lower}; the witness costs only {cost}")


def _check_lower(raw: _instance.Instance, certificate: Certificate) -> str:
    kind, proven = _prove(raw, certificate.evidence, certificate.lower)
    if proven is None:
        if certificate.upper is not None:
            raise CertificateRejected("evidence", "shows that nothing is feasible; the witness is")
        return kind  # any bound holds
    if certificate.infeasible:
        raise CertificateRejected("infeasible", f"the evidence proves the bound {proven}, not infeasibility")
    if certificate.lower is not None and certificate.lower > proven:
        raise CertificateRejected("lower", f"claims {certificate.lower}; the evidence proves {proven}")
    return kind


def _prove(raw: _instance.Instance, given: Any, claim: int | None) -> tuple[str, int | None]:
    """Return the kind of the evidence and the bound it proves; None if nothing is feasible."""
    evidence = Field(given, "evidence")
    kind = evidence["kind"]
    if not isinstance(kind.value, str) or kind.value not in _KINDS:
        kind.malformed(f"none of {', '.join(_KINDS)}")
    spoken_of, prove = _KINDS[kind.value]
    if type(raw) not in spoken_of:
        kind.rejected(f"proves nothing about a problem of kind {_SCOPES[type(raw)]}")
    return kind.value, prove(raw, evidence, claim)


def verified(instance: Any, evidence: Any, claim: int | None) -> VerifiedBounds:
    """Return what evidence proves by itself.

    ``claim`` tells evidence that aims at a certain bound which one, None meaning infeasibility.

    Raises
    ------
    CertificateRejected, CertificateMalformed
        If it proves nothing.
    """
    raw, _ = _instance.read(instance)
    kind, proven = _prove(raw, evidence, claim)
    return VerifiedBounds(_SCOPES[type(raw)], proven, None, proven is None, kind, _SEAL)


def proven_bound(instance: Any, evidence: Any, claim: int | None) -> int | None:
    """Return the bound that `verified` evidence proves; None if it shows that nothing is feasible."""
    return verified(instance, evidence, claim).lower


def counting_arguments(scope: str) -> tuple[str, ...]:
    """Names of the counting arguments that speak about a kind of problem."""
    kind = next(kind for kind, name in _SCOPES.items() if name == scope)
    return tuple(_counting.ARGUMENTS[kind])
