"""What a result may claim, and who may say that it is verified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinemap_exact.certificate.check import VerifiedBounds, check
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import InvalidInput
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.result import Limits, StopReason, Voucher, Watch, conclude

PROBLEM = PackingProblem(np.array([3, 2, 2]), 4)  # two bins: 3 and 2 + 2


def checked(lower: int) -> VerifiedBounds:
    evidence = {"kind": "exhaustive"}
    return check(PROBLEM, Certificate("packing", PROBLEM.digest, lower, None, False, None, evidence))


def concluded(bound: int, voucher: Voucher):
    watch = Watch(Limits())
    return conclude(PROBLEM, np.array([0, 1, 1]), bound, engine="test", watch=watch, vouched_by=voucher)


@pytest.mark.parametrize("by", ["me", "exhaustive"])
def test_nobody_says_verified_but_the_checker(by):
    with pytest.raises(InvalidInput, match=f"'{by}' can only attest a bound"):
        Voucher("verified", by)
    with pytest.raises(InvalidInput, match="can only attest"):
        Voucher("attested", by, checked(2))
    with pytest.raises(ValueError, match="attested or verified"):
        Voucher("proven", by)


def test_what_the_checker_returned_is_made_by_it_alone():
    with pytest.raises(InvalidInput, match="by the checker, and by nobody else"):
        VerifiedBounds("packing", 2, None, False, "exhaustive", object())
    with pytest.raises(ValueError, match="seal"):
        replace(checked(2), lower=3)


def test_an_accepted_check_makes_a_voucher():
    result = concluded(2, Voucher.of(checked(2)))
    assert str(result.vouched_by) == "verified (exhaustive)"
    assert result.as_json()["vouched_by"] == {"trust": "verified", "by": "exhaustive"}


@pytest.mark.parametrize("other", [0, 2])
def test_a_voucher_stands_for_the_bound_that_was_checked(other):
    voucher = Voucher.of(checked(1))
    assert concluded(1, voucher).dual_bound == 1
    with pytest.raises(ValueError, match="not what verified \\(exhaustive\\) stands for"):
        concluded(other, voucher)


@pytest.mark.parametrize(
    ("incumbent", "bound", "infeasible", "given", "expected", "text"),
    [
        ([0, 1, 1], 2, False, StopReason.TIME, StopReason.PROOF, "proof"),
        (None, None, True, None, StopReason.PROOF, "proof"),
        ([0, 1, 1], 1, False, None, StopReason.EXHAUSTED, "ended without a proof"),
        ([0, 1, 1], 1, False, StopReason.TIME, StopReason.TIME, "60 s limit"),
        (None, 1, False, StopReason.MEMORY, StopReason.MEMORY, "memory limit"),
        (None, None, False, StopReason.ENGINE, StopReason.ENGINE, "the engine gave up"),
    ],
)
def test_why_a_solve_ended(incumbent, bound, infeasible, given, expected, text):
    solution = None if incumbent is None else np.array(incumbent)
    watch = Watch(Limits())
    result = conclude(PROBLEM, solution, bound, engine="test", watch=watch, infeasible=infeasible, stopped_by=given)
    assert (result.stopped_by, result.reason) == (expected, text)
    assert result.as_json()["stopped_by"] == expected


def test_what_the_watch_says_of_the_end():
    now = [0.0]
    watch = Watch(Limits(time_s=1.5), clock=lambda: now[0])
    now[0] = 2.0
    late = conclude(PROBLEM, None, None, engine="test", watch=watch)
    assert (late.stopped_by, late.reason) == (StopReason.TIME, "1.5 s limit")
    watch.request_stop()
    assert conclude(PROBLEM, None, None, engine="test", watch=watch).stopped_by is StopReason.INTERRUPTED


def test_only_a_proof_ends_with_a_proof():
    result = conclude(PROBLEM, np.array([0, 1, 1]), 1, engine="test", watch=Watch(Limits()))
    with pytest.raises(ValueError, match="FEASIBLE was not stopped by proof"):
        replace(result, stopped_by=StopReason.PROOF)
