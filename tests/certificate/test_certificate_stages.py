"""Certificates that the pipeline asks for: infeasibility of every stage, and what is said where evidence is missing."""

from __future__ import annotations

import re
from argparse import Namespace

import numpy as np
import pytest
from certificate_cases import claim

from spinemap_exact.certificate.check import check
from spinemap_exact.cli.verbs import _certified
from spinemap_exact.errors import CertificateRejected
from spinemap_exact.hardware import Crossbar
from spinemap_exact.network import Network
from spinemap_exact.pipeline import certify, solve_problem
from spinemap_exact.problems.partition import PartitionProblem
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.problems.unroll import UnrollProblem
from spinemap_exact.proofs import best as best_proof
from spinemap_exact.result import Limits, Status, Voucher, Watch, conclude


def layer(inputs: int, neurons: int) -> Network:
    """Every input feeds every neuron."""
    pre, post = np.divmod(np.arange(inputs * neurons), neurons)
    is_input = np.arange(neurons + inputs) >= neurons
    return Network.from_synapses(pre + neurons, post, np.ones(neurons + inputs), is_input=is_input)


def triangle_and_pair() -> Network:
    """Three units that read the same two inputs, and two that read two others: no four of them share three rows."""
    pre, post = [5, 6, 5, 6, 5, 6, 7, 8, 7, 8], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    return Network.from_synapses(pre, post, np.ones(9), is_input=np.arange(9) >= 5)


INFEASIBLE = {
    "more clusters than columns": PartitionProblem(layer(2, 5), (Crossbar(4, 2),), 2),
    "fan-in over rows": PartitionProblem(layer(5, 2), (Crossbar(4, 4),), 2),
    "rows for one cluster only": PartitionProblem(triangle_and_pair(), (Crossbar(3, 4),), 1),
    "area": PartitionProblem(layer(2, 4), (Crossbar(4, 2, area=3),), 4, max_area=5),
    "crossbars for an unrolling": UnrollProblem(layer(6, 2), 3, 2, max_crossbars=3),
    "units": UnrollProblem(layer(6, 2), 3, 2, max_units=5, objective="units"),
    "depth": UnrollProblem(layer(10, 1), 3, 2, max_depth=1),
}


@pytest.mark.parametrize("name", INFEASIBLE)
def test_infeasibility_is_verified(name):
    problem = INFEASIBLE[name]
    watch = Watch(Limits(time_s=30, workers=1))
    solver, result = solve_problem(problem, watch)
    assert result.status is Status.INFEASIBLE

    stage = certify("stage", problem, solver, result, watch, thorough=True)

    assert (stage.result.vouched_by.trust, stage.unverified) == ("verified", "")
    assert check(problem, stage.certificate).infeasible


@pytest.mark.parametrize(
    ("lower", "options"), [(4, {}), (5, {"max_crossbars": 2**40}), pytest.param(2**40, {}, marks=pytest.mark.slow)]
)
def test_trying_everything_needs_no_more_crossbars_than_there_are_columns(lower, options):
    # 6 inputs of 2 neurons in 3 rows: 3 units each (2 carries), 6 units of 3 rows each: 4 crossbars of 2 columns
    problem = UnrollProblem(layer(6, 2), 3, 2, **options)
    certificate = claim(problem, lower, {"kind": "exhaustive"})
    if lower <= 4:
        assert check(problem, certificate).lower == lower
    else:
        with pytest.raises(CertificateRejected, match=r"crossbars suffice|more than"):
            check(problem, certificate)


def placed(bound: int):
    """A placement problem without structure, and a result that claims a bound without any evidence."""
    flow = np.random.default_rng(1).integers(0, 9, (9, 9))
    distance = np.random.default_rng(2).integers(5, 9, (9, 9))
    problem = PlacementProblem.from_matrices(flow, distance=distance)
    attested = Voucher("attested", "somebody")
    return problem, conclude(problem, None, bound, engine="test", watch=Watch(Limits()), vouched_by=attested)


def test_a_bound_without_evidence_is_said_to_be_so(tmp_path):
    problem, result = placed(10**6)
    stage = certify("placement", problem, "test", result, Watch(Limits(time_s=1)), thorough=True)
    assert re.match(
        r"no evidence for the bound 1000000 was verified( within 1 s)?; certified is [1-9]", stage.unverified
    )
    assert stage.result.vouched_by.trust == "attested"
    assert check(problem, stage.certificate).lower == stage.certificate.lower > 0
    assert _certified(Namespace(), tmp_path / "c", stage) == [f"{tmp_path / 'c'}: {stage.unverified}"]


def test_nothing_is_written_where_nothing_was_verified(tmp_path, monkeypatch):
    problem, result = placed(10**6)
    monkeypatch.setattr(best_proof, "certificates", lambda *_: ())
    stage = certify("placement", problem, "test", result, Watch(Limits(time_s=60)), thorough=True)
    said = _certified(Namespace(), tmp_path / "c", stage)  # all was tried, and no time ran out
    assert said == [f"{tmp_path / 'c'} was not written: no evidence for the bound 1000000 was verified"]
    assert not (tmp_path / "c").exists()
