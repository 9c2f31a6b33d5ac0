"""Certificates as files: `accepted` ones pass, `rejected` ones, named after the attack, fail for their reason.

The instances of `malformed` ones are none.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from spinemap_exact.certificate import format
from spinemap_exact.certificate.check import check
from spinemap_exact.errors import CertificateRejected, InvalidInput

FOLDER = Path(__file__).parents[1] / "data" / "certificates"


def cases(name: str) -> list[Path]:
    found = sorted((FOLDER / name).iterdir())
    assert found, f"{name} is empty"
    return found


def load(case: Path):
    return format.read_instance(case / "instance.json"), format.read(case / "certificate.json")


@pytest.mark.parametrize("case", cases("accepted"), ids=lambda case: case.name)
def test_honest_certificates_are_accepted(case):
    instance, certificate = load(case)
    verified = check(instance, certificate)
    assert (verified.lower, verified.upper) == (certificate.lower, certificate.upper)


@pytest.mark.parametrize("case", cases("rejected"), ids=lambda case: case.name)
def test_false_certificates_are_rejected(case):
    with pytest.raises(CertificateRejected) as flaw:
        check(*load(case))
    assert (case / "reason.txt").read_text().strip() in str(flaw.value)


@pytest.mark.parametrize("case", cases("malformed"), ids=lambda case: case.name)
def test_malformed_instances_are_neither_accepted_nor_rejected(case):
    """Each has the digest of an instance of integers, if its numbers were rounded or parsed."""
    with pytest.raises(InvalidInput) as flaw:
        check(*load(case))
    assert (case / "reason.txt").read_text().strip() in str(flaw.value)
