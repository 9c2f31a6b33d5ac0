"""Write certificates from what solvers leave behind, and from what is cheap to prove besides.

Nothing is written that the checker does not accept: every proposal is put before it, the strongest one is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from spinemap_exact.certificate import check
from spinemap_exact.certificate.check import VerifiedBounds
from spinemap_exact.certificate.check.instance import Known, read
from spinemap_exact.certificate.format import LARGEST, Certificate
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.proofs.mapping import contents, tiles
from spinemap_exact.proofs.partition import clusters, conflicts, listed
from spinemap_exact.proofs.placement import mesh, pairs
from spinemap_exact.result import Limits, SolveResult, Status, Watch
from spinemap_exact.solvers.mapping import branch_price
from spinemap_exact.solvers.mapping.contents import Evidence as Contents
from spinemap_exact.solvers.partition.branch_price import Evidence as Tree
from spinemap_exact.solvers.partition.branch_price import Listing
from spinemap_exact.solvers.placement.rlt1 import Trail

logger = logging.getLogger(__name__)

Evidence = dict[str, Any]
_LEAST_SEARCH_S = 6.0  # no shorter search for a tree of a partition is begun
_SHORT_S = 10.0  # bounds of lines may take so long beyond the time given
_TINY = {
    "packing": 14,
    "partition": 9,
    "placement": 8,
    "unroll": 5,
    "mapping": 0,
}  # items, units, tiles, neurons to enumerate


def certificate(problem: Any, result: SolveResult[Any], watch: Watch | None = None) -> Certificate | None:
    """Return a certificate of the strongest bounds that can be checked; None if there are none at all.

    Parameters
    ----------
    problem : PackingProblem, UnrollProblem, PartitionProblem or PlacementProblem
    result : SolveResult
        ``result.evidence`` is a dict as ``docs/certificates.md`` describes, a list of them, or None.
    watch : Watch, optional
        How long proofs may be looked for where the solver left none; by default ten seconds.
    """
    found = list(certificates(problem, result, watch or Watch(Limits(time_s=10.0))))
    return found[-1][0] if found else None


def certificates(problem: Any, result: SolveResult[Any], watch: Watch) -> Iterator[tuple[Certificate, VerifiedBounds]]:
    """Yield certificates of stronger and stronger bounds, each with what the checker says of its evidence.

    Of a result that is infeasible nothing else is of interest, and nothing is yielded if the solver alone proved it.
    """
    upper = result.objective
    if upper is not None and upper > LARGEST:  # energies of extreme prices: files hold no such number
        return
    witness = None if result.incumbent is None else witness_table(problem.kind, result.incumbent)
    known = read(problem)  # once: all that follows is about what the checker has then
    check.check(known, Certificate(problem.kind, problem.digest, None, upper, False, witness, None))
    # the evidence has been before the checker, and so has the witness
    for proven, evidence in _verified(known, result, watch):
        if proven.lower is not None and proven.lower > LARGEST:
            continue
        claims = proven.lower, upper, proven.infeasible
        yield Certificate(problem.kind, problem.digest, *claims, witness, evidence), proven


def witness_table(kind: str, solution: Any) -> dict[str, Any]:
    """Return a solution as it stands in a certificate."""
    if kind == "packing":
        return {"bin_of_item": solution.tolist()}
    if kind == "placement":
        return {"tile_of_cluster": solution.tile_of_cluster.tolist()}
    if kind == "partition":
        return {name: getattr(solution, name).tolist() for name in ("cluster_of_unit", "crossbar_of_cluster")}
    names = ("unit_of_synapse", "neuron_of_unit", "parent_of_unit")
    if kind == "mapping":
        partition = witness_table("partition", solution.partition)
        units = {name: getattr(solution.unrolling, name).tolist() for name in names}
        return {**units, **partition, **witness_table("placement", solution.placement)}
    table = {name: getattr(solution.unrolling, name).tolist() for name in names}
    return {**table, "cluster_of_unit": solution.partition.cluster_of_unit.tolist()}


def _verified(known: Known, result: SolveResult[Any], watch: Watch) -> Iterator[tuple[VerifiedBounds, Evidence]]:
    """Better and better bounds, or the infeasibility, that the checker verifies, with their evidence."""
    infeasible = result.status is Status.INFEASIBLE
    target, best = None if infeasible else result.dual_bound, 0
    nothing: Evidence = {"kind": "counting", "argument": "zero"}
    if not infeasible:
        yield check.verified(known, nothing, target), nothing
    for evidence, claim in _proposals(known, result, target, watch):
        try:
            proven = check.verified(known, evidence, claim)
        except (CertificateRejected, CertificateMalformed) as flaw:
            logger.info("%s: evidence %s is of no use: %s", known.problem.kind, evidence.get("kind"), flaw)
            continue
        if infeasible and proven.infeasible:
            yield proven, evidence
            return
        if not infeasible and proven.lower is not None and proven.lower > best:
            best = proven.lower
            yield proven, evidence
        if target is not None and best >= target:
            return


def _proposals(
    known: Known, result: SolveResult[Any], target: int | None, watch: Watch
) -> Iterator[tuple[Evidence, int | None]]:
    """Evidence for the bound of a result, or for as much as it can prove of it, and what is claimed by it.

    First what is cheap, then what the solver left, then what must be looked for.
    """
    problem = known.problem
    for argument in check.counting_arguments(problem.kind):
        yield {"kind": "counting", "argument": argument}, target
    if problem.kind == "partition" and str(problem.objective) == "packets":
        found = conflicts.prove(known, watch.should_stop)
        if found is not None:
            yield found, target
    left_behind = result.evidence if isinstance(result.evidence, list) else [result.evidence]
    ready = [_as_specified(evidence) for evidence in left_behind if isinstance(evidence, dict)]
    if problem.kind != "placement":
        yield from ((evidence, target) for evidence in ready)
    if _size(problem) <= _TINY[problem.kind]:
        yield {"kind": "exhaustive"}, target
    for evidence in left_behind:
        if isinstance(evidence, Contents):
            proof = contents.prove(known, evidence.bound_fj, evidence, watch.should_stop)
            if proof is not None:
                yield proof, evidence.bound_fj
    if problem.kind == "mapping" and problem.unrolling is not None:
        yield from _on_tiles(known, result.evidence, target, watch)
    found = None
    if problem.kind == "partition":
        yield from _trees(known, result, target, watch)
    elif problem.kind == "placement" and isinstance(result.evidence, Trail) and result.dual_bound is not None:
        found = pairs.prove(known, result.dual_bound, result.evidence, watch.should_stop)
    elif problem.kind == "placement" and problem.mesh is not None and result.dual_bound is not None:
        if _is_short(watch, _chains_s(problem)):
            return
        start = next((evidence["multipliers"] for evidence in ready if evidence.get("kind") == "lines"), None)
        found = mesh.prove(known, result.dual_bound, watch.should_stop, start)
    if found is not None:
        yield found, target
    if problem.kind == "placement":  # weaker than a tree, and their chains take a while beyond 25 clusters
        if problem.mesh is not None and _chains_s(problem) > _SHORT_S and _is_short(watch, _chains_s(problem)):
            return
        yield from ((evidence, target) for evidence in ready[:1])


def _on_tiles(known: Known, found: Any, target: int | None, watch: Watch) -> Iterator[tuple[Evidence, int | None]]:
    """What sources of given units cost by themselves, and the tree over clusters on tiles, if the solver left one."""
    counted = tiles.counted(known, watch.should_stop)
    if counted is None:
        return
    yield counted, target
    tree = None
    if target is not None and isinstance(found, branch_price.Evidence):
        tree = tiles.prove(known, target, found, counted["cliques"], watch.should_stop)
    if tree is not None:
        yield tree, target


def _trees(
    known: Known, result: SolveResult[Any], target: int | None, watch: Watch
) -> Iterator[tuple[Evidence, int | None]]:
    """What the solver listed or branched to, or a search of our own; if that takes too long, a list, or the root."""
    claim, branched = target, result.evidence if isinstance(result.evidence, Tree) else None
    if branched is None:
        listing = result.evidence if isinstance(result.evidence, Listing) else None
        if listing is not None and claim is not None:
            found = listed.prove(known, claim, listing, _part(watch, 0.7))
            if found is not None:
                yield found, claim
        claim, branched = _branched(known.problem, result, watch)
        if branched is None and listing is not None:
            claim, branched = listing.root.bound, listing.at_root()
    if branched is None:
        return
    root = branched.at_root() if str(known.problem.objective) == "packets" else None
    deeper = branched.root is not None and claim is not None and branched.root.bound < claim
    found = clusters.prove(known, claim, branched, _part(watch, 0.6 if deeper else 1.0).should_stop)
    if found is None and root is not None and branched.root is not None and deeper and claim is not None:
        choice = listed.prove(known, claim, branched, _part(watch, 0.5))
        if choice is not None:
            yield choice, claim
        claim = branched.root.bound
        found = clusters.prove(known, claim, root, watch.should_stop)
    if found is not None:
        yield found, claim


def _branched(problem: Any, result: SolveResult[Any], watch: Watch) -> tuple[int | None, Tree | None]:
    """The bound and the tree of a search that leaves evidence, if somebody waits for it."""
    left = watch.remaining_s
    if result.incumbent is None or result.status is not Status.OPTIMAL or (left is not None and left < _LEAST_SEARCH_S):
        return None, None
    bound, tree = clusters.search(problem, result, _part(watch, 0.4))
    return (None, None) if bound is None else (bound, tree)


def _part(watch: Watch, share: float) -> Watch:
    left = watch.remaining_s
    return watch if left is None else watch.part(share * left)


def _is_short(watch: Watch, seconds: float) -> bool:
    return watch.remaining_s is not None and watch.remaining_s < seconds


def _chains_s(problem: Any) -> float:
    """Seconds that a look at all chains of a mesh is likely to take: they nearly double with each cluster.

    Empty tiles let lines hold different numbers of clusters, so that sets of all sizes count.
    """
    full = problem.num_clusters == problem.num_tiles
    return float(2.0 ** (0.8 * (problem.num_clusters - (21 if full else 19))))


_WORDS = {
    "patterns": {"synapses": "pi", "carries": "mu", "units": "nu"},
    "shapes": {"synapses": "pi", "carries": "mu", "units": "nu", "rows": "rho"},
}


def _as_specified(evidence: Evidence) -> Evidence:
    """Solvers name the values of patterns and shapes by the letters of their models."""
    words = _WORDS.get(evidence.get("kind", ""), {})
    if "pi" not in evidence or not words:
        return evidence
    return {"kind": evidence["kind"], **{word: evidence[letter] for word, letter in words.items()}}


def _size(problem: Any) -> int:
    if problem.kind == "placement":
        return int(problem.num_tiles)
    return int(problem.num_items if problem.kind == "packing" else problem.network.num_units)
