"""What a result may claim, and who may say that it is verified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinemap_exact.certificate.check import VerifiedBounds, check
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import InvalidInput
from spinemap_exact.problems.packing import PackingProblem
from spinemap_exact.result import Limits, Voucher, Watch, conclude

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
