"""Problems with nothing in them: no evidence of any kind proves a bound above zero, or that nothing is feasible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from certificate_cases import claim

from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.check.kinds import KINDS
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import CertificateMalformed, CertificateRejected
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import Mesh, PlacementProblem
from spinemap_exact.problems.unroll import UnrollProblem

SILENT = Network([0, 0, 0], [], [3, 4], is_input=[True, True])  # external inputs, and nobody who reads them
NOTHING = {
    **{f"unroll {o}": UnrollProblem(SILENT, 2, 2, objective=o) for o in ("crossbars", "units", "carry-spikes")},
    "unroll without crossbars": UnrollProblem(SILENT, 2, 2, max_crossbars=0),
    **{o: PartitionProblem(SILENT, (Crossbar(2, 2),), 1, objective=o) for o in ("packets", "crossbars", "area")},
    "one cluster": PlacementProblem(1, [], [], [], mesh=Mesh(np.array([0, 1]), np.array([0, 0]), 1, 1)),
}
EVIDENCE = [
    *({"kind": "counting", "argument": a} for a in ("zero", "columns", "rows", "cells", "units", "depth", "fan-in")),
    *({"kind": "counting", "argument": a} for a in ("spread", "hops")),
    {"kind": "exhaustive"},
    {"kind": "patterns", "synapses": [], "carries": [], "units": []},
    {"kind": "shapes", "synapses": 1, "carries": 1, "units": 1, "rows": 1},
    {"kind": "full-crossbars", "crossbars": 0, "blocks": []},
    {"kind": "conflicts", "cliques": []},
    {"kind": "lines", "scale": 1, "multipliers": []},
    {"kind": "blocks", "scale": 1, "multipliers": [], "floor": None, "tree": []},
    {"kind": "profiles", "scale": 1, "shared": [], "pairs": []},
    {"kind": "pairs", "scale": 1, "symmetries": [], "tree": []},
]


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_costs_nothing(name):
    problem = NOTHING[name]
    for evidence in EVIDENCE:
        for lower, infeasible in ((1, False), (None, True)):
            with pytest.raises((CertificateMalformed, CertificateRejected)):
                check(problem, claim(problem, lower, evidence, infeasible=infeasible))


@pytest.mark.parametrize("name", NOTHING)
def test_trying_everything_finds_that_nothing_costs_nothing(name):
    problem = NOTHING[name]
    assert check(problem, claim(problem, 0, {"kind": "exhaustive"})).lower == 0


def test_one_neuron_needs_a_crossbar():
    """Boundary of the above: with a neuron, no crossbar is too few, and one is enough."""
    problem = UnrollProblem(Network([0, 0], [], [3]), 2, 2)
    assert check(problem, claim(problem, 1, {"kind": "exhaustive"})).lower == 1
    with pytest.raises(CertificateRejected, match="1 crossbars suffice"):
        check(problem, claim(problem, 2, {"kind": "exhaustive"}))
    none_allowed = UnrollProblem(Network([0, 0], [], [3]), 2, 2, max_crossbars=0)
    assert check(none_allowed, claim(none_allowed, None, {"kind": "exhaustive"}, infeasible=True)).infeasible


def test_no_evidence_lifts_a_bound_above_a_witness(monkeypatch):
    """Even a proof with a hole proves no bound above what a solution costs, nor that there is no solution."""
    problem = NOTHING["unroll crossbars"]
    witness = {key: [] for key in ("unit_of_synapse", "neuron_of_unit", "parent_of_unit", "cluster_of_unit")}
    for kind, known in list(KINDS.items()):
        for proven in (1, None):
            monkeypatch.setitem(KINDS, kind, replace(known, prove=lambda *_, proven=proven: proven))
            for lower in (0, 1):
                honest = Certificate("unroll", problem.digest, lower, 0, False, witness, {"kind": kind})
                if lower == 0 and proven == 1:
                    continue  # less is claimed than the evidence is said to prove
                with pytest.raises(
                    CertificateRejected, match=r"the witness costs only 0|the witness is|proves nothing"
                ):
                    check(problem, honest)
