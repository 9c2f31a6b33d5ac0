"""Partitions: evidence by units that read too many sources together to share a cluster."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from certificate_cases import claim, mutants

from spinemap_exact.certificate import check
from spinemap_exact.certificate.check import proven_bound
from spinemap_exact.certificate.check.partition import conflicts
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.hardware import Crossbar
from spinemap_exact.io import read_problem
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.proofs.best import certificate
from spinemap_exact.proofs.partition import conflicts as conflict_proof
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.partition import branch_price
from spinemap_exact.solvers.partition.branch_price._counting import packets_of_sources


def chain(rows: int = 3, traffic: Traffic = Traffic.PER_TILE) -> PartitionProblem:
    """A chain of three units that read two inputs each: with three rows no two of them share a cluster."""
    network = Network.from_synapses([3, 4, 5, 6, 0, 7, 8, 1], [0, 0, 1, 1, 1, 2, 2, 2], [5, 9, 0] + [1] * 6,
                                    is_input=np.arange(9) >= 3)  # fmt: skip
    return PartitionProblem(network, (Crossbar(rows, 3),), 3, traffic)


def found(problem):
    return conflict_proof.prove(problem, lambda: False)


def test_either_carry_of_a_chain_leaves_its_cluster():
    problem = chain()
    evidence = {"kind": "conflicts", "cliques": [[0, 1, 2]]}
    # 5 and 9 spikes to other clusters, and each of six inputs to one
    assert proven_bound(problem, evidence, None) == proven_bound(problem, found(problem), None) == 5 + 9 + 6
    assert proven_bound(problem, {**evidence, "cliques": [[0, 1]]}, None) == 5 + 6
    assert proven_bound(problem, {**evidence, "cliques": []}, None) == 6
    single = chain(traffic=Traffic.PER_SYNAPSE)
    assert proven_bound(single, {**evidence, "cliques": []}, None) == 5 + 9 + 6


def test_all_types_of_crossbars_count():
    """The first two units read five sources: they fit into a type with more rows, though it has a single column."""
    problem = chain()
    both = PartitionProblem(problem.network, (Crossbar(3, 3), Crossbar(6, 1, count=1)), 3)
    with pytest.raises(CertificateRejected, match="units 0 and 1 fit together"):
        proven_bound(both, {"kind": "conflicts", "cliques": [[0, 1]]}, None)


@pytest.mark.parametrize(
    ("cliques", "reason"),
    [
        ([[0, 1, 0]], "a unit occurs twice"),
        ([[0], [1, 2, 3]], "lies outside"),
        ([[2, 1], [0, 1]], "units 0 and 1 fit together"),
    ],
)
def test_cliques_that_are_none(cliques, reason):
    with pytest.raises(CertificateRejected, match=reason):
        proven_bound(chain(rows=5), {"kind": "conflicts", "cliques": cliques}, None)


def test_axons_of_a_source_fill_rows():
    """An input of ten spikes and eight readers, each with two inputs of its own, in clusters of five rows."""
    pre = [8] * 8 + list(range(9, 25))
    post = [*range(8), *np.repeat(np.arange(8), 2).tolist()]
    network = Network.from_synapses(pre, post, [0] * 8 + [10] + [0] * 16, is_input=np.arange(25) >= 8)
    problem = PartitionProblem(network, (Crossbar(5, 8),), 8)

    # four rows beside that of the source, sixteen axons
    assert proven_bound(problem, found(problem), None) == 10 * 4


def test_too_much_work_is_refused(monkeypatch):
    monkeypatch.setattr(conflicts, "MAX_STEPS", 12)
    assert found(chain()) == {"kind": "conflicts", "cliques": []}
    with pytest.raises(CertificateRejected, match="steps"):
        proven_bound(chain(), {"kind": "conflicts", "cliques": [[0, 1], [1, 2]]}, None)


@pytest.mark.parametrize("traffic", Traffic)
def test_the_bound_is_that_of_the_solver_and_below_the_optimum(traffic):
    """150 problems, some with two types of crossbars."""
    proven = 0
    for seed in range(150):
        problem = oracle.random_partition_problem(seed, traffic=traffic, objective=PartitionObjective.PACKETS)
        rows, columns = (max(getattr(c, side) for c in problem.crossbars) for side in ("rows", "columns"))
        bound = proven_bound(problem, found(problem), None)
        assert bound >= packets_of_sources(problem, rows, columns).sum()
        optimum = oracle.optimum(problem)
        if optimum is not None:
            assert bound <= optimum
            proven += bound == optimum > 0
    assert proven > 10


def test_mutants_are_rejected_or_still_true():
    """300 mutants; no more than the optimum is ever proven."""
    problem = chain()
    for path, value, mutant in mutants({"kind": "conflicts", "cliques": [[0, 1, 2]]}, np.random.default_rng(5), 300):
        try:
            check.check(problem, claim(problem, 21, mutant))
        except (CertificateRejected, CertificateMalformed):
            continue
        raise AssertionError(f"{path} -> {value!r}")


def test_what_the_solver_proves_by_counting_is_certified():
    problem = chain()
    result = branch_price.solve(problem, Watch(Limits(time_s=20)))
    written = certificate(problem, result)
    assert (result.objective, written.lower, written.evidence["kind"]) == (20, 20, "conflicts")
    check.check(problem, written)


@pytest.mark.external
@pytest.mark.parametrize("traffic", Traffic)
@pytest.mark.parametrize("name", ["mlp_dn_32", "mlp_dn_32u", "mlp_dn_64u", "conv_s2_32"])
def test_networks_bounded_by_counting(external_data, name, traffic):
    problem, *_ = read_problem(external_data / f"partition/{name}.json", "partition", clusters=64, traffic=traffic)
    bound = int(packets_of_sources(problem, problem.crossbar.rows, problem.crossbar.columns).sum())
    assert proven_bound(problem, found(problem), None) == bound
