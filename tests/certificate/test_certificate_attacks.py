"""Attacks on one certificate of every kind of evidence: mutants, damaged files, other instances, bounds too high."""

from __future__ import annotations

import dataclasses
import gzip
import json
import time
from pathlib import Path

import numpy as np
import pytest
from certificate_cases import mutants

from spinemap_exact.certificate import format
from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.check.kinds import KINDS
from spinemap_exact.errors import CertificateMalformed, CertificateRejected

ACCEPTED = sorted((Path(__file__).parents[1] / "data" / "certificates" / "accepted").iterdir())
FLAWS = (CertificateMalformed, CertificateRejected)


def load(case: Path):
    return format.read_instance(case / "instance.json"), format.read(case / "certificate.json")


def table_of(certificate):
    return json.loads(json.dumps({"format": format.FORMAT, "version": format.VERSION, **vars(certificate)}))


def cost_reached(certificate) -> int:
    """What some solution costs: no true bound is larger. The cases are optimal, unless their name says otherwise."""
    return certificate.lower if certificate.upper is None else certificate.upper


def test_there_is_a_case_of_every_kind():
    kinds = {load(case)[1].evidence["kind"] for case in ACCEPTED}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_one_more_is_never_accepted(case):
    instance, honest = load(case)
    for surplus in (1, 2, 1000):
        with pytest.raises(FLAWS):
            check(instance, dataclasses.replace(honest, lower=honest.lower + surplus))
    lie = dataclasses.replace(honest, lower=None, upper=None, witness=None, infeasible=True)
    with pytest.raises(FLAWS):
        check(instance, lie)


def test_no_certificate_passes_for_another_instance():
    loaded = [load(case) for case in ACCEPTED]
    for instance, own in loaded:
        for _, other in loaded:
            if other.instance != own.instance:
                with pytest.raises(CertificateRejected, match=r"^(scope|instance): "):
                    check(instance, other)


@pytest.mark.parametrize("count", [25, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_mutants_are_rejected_or_still_true(case, count):
    """One thing changed, also in evidence that is asked to prove one more."""
    instance, honest = load(case)
    truth = cost_reached(honest)
    tables = [table_of(honest), table_of(dataclasses.replace(honest, lower=truth + 1, upper=None, witness=None))]
    for k, table in enumerate(tables):
        for path, value, mutant in mutants(table, np.random.default_rng([len(case.name), k]), count):
            try:
                verified = check(instance, format.from_bytes(json.dumps(mutant).encode()))
            except FLAWS:
                continue
            said = f"{path} -> {value!r}"
            assert verified.lower is None or verified.lower <= truth, said
            assert verified.upper is None or verified.upper >= honest.lower, said
            assert not verified.infeasible, said


@pytest.mark.parametrize("count", [60, pytest.param(800, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_damaged_files_are_rejected_or_still_true(case, count):
    """Bytes exchanged, cut off, doubled and moved, in plain and in compressed files; none takes a second of CPU."""
    instance, honest = load(case)
    truth, rng = cost_reached(honest), np.random.default_rng(len(case.name))
    text = json.dumps(table_of(honest)).encode()
    for _ in range(count):
        content = damaged(text if rng.random() < 0.7 else gzip.compress(text, mtime=0), rng)
        began = time.process_time()
        try:
            verified = check(instance, format.from_bytes(content))
        except FLAWS:
            verified = None
        assert time.process_time() - began < 1.0
        if verified is None:
            continue
        assert verified.lower is None or verified.lower <= truth
        assert verified.upper is None or verified.upper >= honest.lower
        assert not verified.infeasible


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Copy with up to three injuries; digits turn into other digits every other time, so that files stay readable."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        a, b = sorted(rng.integers(len(changed) + 1, size=2).tolist())
        b = min(b, a + int(rng.integers(1, 40)))
        match rng.integers(6):
            case 0:
                changed = changed[:a] + changed[b:]
            case 1:
                changed = changed[:a] + changed[a:b] + changed[a:]
            case 2:
                changed = changed[: max(1, a)]
            case 3 if a < len(changed):
                changed[a] = rng.integers(256)
            case _:
                digits = [k for k in range(a, min(len(changed), a + 400)) if chr(changed[k]).isdigit()]
                for k in digits[:1]:
                    changed[k] = 48 + rng.integers(10)
    return bytes(changed)
