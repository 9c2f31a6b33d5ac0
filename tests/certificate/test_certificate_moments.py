"""Evidence by moments of clusters: what the checker makes of it, whatever it says."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from certificate_cases import mutants, reservoir
from oracle import optimum
from test_moments import bounds

from spinemap_exact.certificate import check
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem, Traffic
from spinemap_exact.result import Limits, Watch
from spinemap_exact.solvers.partition.moments import Search

NOTHING = [[], [], []]


def block(size: int, seed=None, factor=None, rows=NOTHING, products=NOTHING) -> dict:
    return {"seed": seed, "factor": factor or [[]] * size, "rows": rows, "products": products}


def moments(*blocks: dict, bits: int = 0) -> dict:
    return {"kind": "moments", "bits": bits, "blocks": list(blocks)}


def two_readers(columns: int, traffic=Traffic.PER_TILE) -> PartitionProblem:
    """Two units read one input of 5 spikes."""
    network = Network.from_synapses([2, 2], [0, 1], [0, 0, 5], is_input=[False, False, True])
    return PartitionProblem(network, (Crossbar(2, columns),), 2, traffic)


def bound(problem, evidence) -> int:
    return check.verified(problem, evidence, None).lower


def test_without_multipliers_a_source_is_read_as_often_as_columns_ask_for():
    # entries: v_0, two units, the input. It costs 5 in each cluster that reads it: in 2 with one column, in 1 with two
    assert bound(two_readers(1), moments(block(4))) == 10
    assert bound(two_readers(2), moments(block(4))) == 5
    assert bound(two_readers(2, Traffic.PER_SYNAPSE), moments(block(4))) == 10


def test_a_row_says_what_columns_do_not():
    # a seed: its cluster (v_0 and the other unit, the input is v_0's) pays 5 if it is there, which it is, once; in the
    # last block the input has one reader, is the same as that, and pays 5 if unit 1 is there. Nothing is shared: 5
    seeded = moments(block(2, seed=0), block(2))
    assert bound(two_readers(2), seeded) == 5
    # with one column nobody lies beside the seed, and unit 1 pays for itself
    assert bound(two_readers(1), moments(block(1, seed=0), block(2))) == 10


@pytest.mark.parametrize(
    ("evidence", "flaw"),
    [
        (moments(), "0 blocks"),
        (moments(block(4), block(4)), "only the last block has none"),
        (moments(block(2, seed=0), block(2, seed=0), block(2)), "distinct units"),
        (moments(block(2, seed=0)), "only the last block has none"),
        (moments(block(3)), "3 entries where 4 are due"),
        (moments(block(4, factor=[[1]] * 3 + [[]])), "0 entries where 1 are due"),
        (moments(block(4, rows=[[9], [0], [1]])), "outside 0 ... "),
        (moments(block(4, rows=[[0], [0], [-1]])), "outside 0 ... "),
        (moments(block(4, products=[[1], [0], [1]])), "larger number first"),
        (moments(block(4, factor=[[2**30]] * 4)), "too large for the integers"),
    ],
)
def test_what_is_no_evidence_is_rejected(evidence, flaw):
    with pytest.raises(CertificateRejected, match=flaw):
        bound(two_readers(2), evidence)


@pytest.mark.parametrize("traffic", list(Traffic))
def test_no_change_makes_a_bound_that_is_false(traffic):
    problem = reservoir(3, units=6, traffic=traffic)
    least, true, changed = optimum(problem), 0, 0
    _, _, evidence = bounds(problem, [2, 4], steps=80)
    assert 0.7 * least < bound(problem, evidence) <= least
    for _, _, mutant in mutants(evidence, np.random.default_rng(1), 400):
        changed += 1
        with suppress(CertificateRejected, CertificateMalformed):
            assert bound(problem, mutant) <= least
            true += 1
    assert 0 < true < changed  # most are weaker, and still proofs


def test_the_search_leaves_what_the_checker_accepts():
    problem = reservoir(5, units=9)
    search = Search(problem, Watch(Limits(5.0, 1)), None, 0)
    search.run()
    assert bound(problem, search.evidence) == search.bound > 0
