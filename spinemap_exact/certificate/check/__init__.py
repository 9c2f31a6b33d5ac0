"""The checker: it trusts the instance and integer arithmetic, nothing else.

It shares no code with problems, evaluation or solvers: it copies the raw numbers of the instance and derives digest,
costs, limits and every inequality itself. A check takes bounded time: what a certificate asks for is counted first.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Any

from spinemap_exact.certificate.check import counting, exhaustive, mapping, packing, partition, placement, unroll
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Instance, Mapping, Packing, Partition, Placement, Unroll, read
from spinemap_exact.certificate.check.kinds import KINDS
from spinemap_exact.certificate.check.witness import price
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import CertificateRejected, InvalidInput

__all__ = ["VerifiedBounds", "check", "counting_arguments", "proven_bound", "verified"]
# importing these enters what they judge among the kinds of evidence
_RULES = (counting, exhaustive, packing, unroll, partition, placement, mapping)
_SCOPES = {Packing: "packing", Unroll: "unroll", Partition: "partition", Placement: "placement", Mapping: "mapping"}
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
        A problem, what `certificate.format.read_instance` returns, or what `instance.read` made of either.
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
    known = read(instance)
    raw, digest = known.instance, known.digest
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


def _check_upper(raw: Instance, certificate: Certificate) -> None:
    """Price the witness; what it costs is a fact that no lower bound may contradict, whatever its evidence."""
    cost = price(raw, Field(certificate.witness, "witness"))
    if cost != certificate.upper:
        raise CertificateRejected("upper", f"claims {certificate.upper}; the witness costs {cost}")
    if certificate.lower is not None and certificate.lower > cost:
        raise CertificateRejected("lower", f"claims {certificate.lower}; the witness costs only {cost}")


def _check_lower(raw: Instance, certificate: Certificate) -> str:
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


def _prove(raw: Instance, given: Any, claim: int | None) -> tuple[str, int | None]:
    """Return the kind of the evidence and the bound it proves; None if nothing is feasible."""
    evidence = Field(given, "evidence")
    kind = evidence["kind"]
    if not isinstance(kind.value, str) or kind.value not in KINDS:
        kind.malformed(f"none of {', '.join(KINDS)}")
    known = KINDS[kind.value]
    if type(raw) not in known.speaks_of:
        kind.rejected(f"proves nothing about a problem of kind {_SCOPES[type(raw)]}")
    return kind.value, known.prove(raw, evidence, claim)


def verified(instance: Any, evidence: Any, claim: int | None) -> VerifiedBounds:
    """Return what evidence proves by itself.

    ``claim`` tells evidence that aims at a certain bound which one, None meaning infeasibility.

    Raises
    ------
    CertificateRejected, CertificateMalformed
        If it proves nothing.
    """
    raw = read(instance).instance
    kind, proven = _prove(raw, evidence, claim)
    return VerifiedBounds(_SCOPES[type(raw)], proven, None, proven is None, kind, _SEAL)


def proven_bound(instance: Any, evidence: Any, claim: int | None) -> int | None:
    """Return the bound that `verified` evidence proves; None if it shows that nothing is feasible."""
    return verified(instance, evidence, claim).lower


def counting_arguments(scope: str) -> tuple[str, ...]:
    """Names of the counting arguments that speak about a kind of problem."""
    kind = next(kind for kind, name in _SCOPES.items() if name == scope)
    return tuple(counting.ARGUMENTS[kind])
