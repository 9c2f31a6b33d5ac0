"""Files of certificates: what is read back, and what is not a certificate at all."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc

import numpy as np
import pytest
from oracle import random_problem

from spinemap_exact.certificate import _text, format
from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import CertificateMalformed, CertificateRejected, InvalidInput

DIGEST = "0" * 64
EVIDENCE = {"kind": "duals", "duals": list(range(500))}
CERTIFICATE = Certificate("packing", DIGEST, 3, 4, False, {"bin_of_item": [0, 1]}, EVIDENCE)


def test_a_certificate_reads_back(tmp_path):
    format.write(tmp_path / "c.json", CERTIFICATE)
    assert format.read(tmp_path / "c.json") == CERTIFICATE


def test_large_ones_are_compressed_and_equal_ones_have_equal_bytes():
    assert format.to_bytes(CERTIFICATE)[:2] == b"\x1f\x8b"
    assert format.to_bytes(CERTIFICATE) == format.to_bytes(format.from_bytes(format.to_bytes(CERTIFICATE)))


@pytest.mark.parametrize("kind", ["packing", "unroll", "partition", "placement"])
@pytest.mark.parametrize("seed", range(5))
def test_an_instance_file_stands_for_the_problem(tmp_path, kind, seed):
    problem = random_problem(kind, seed)
    format.write_instance(tmp_path / "i.json", problem)

    raw = format.read_instance(tmp_path / "i.json")

    # the certificate names the digest of the problem: only an equal instance lets it pass
    check(raw, Certificate(kind, problem.digest, 0, None, False, None, {"kind": "counting", "argument": "zero"}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "another"}, "format"),
        ({"version": 2}, "version"),
        ({"version": True}, "version"),
        ({"scope": "joint"}, "scope"),
        ({"instance": "abc"}, "instance"),
        ({"lower": -1}, "lower"),
        ({"lower": 2.0}, "lower"),
        ({"upper": True}, "upper"),
        ({"upper": 2**63}, "upper"),
        ({"infeasible": 1}, "infeasible"),
        ({"infeasible": True}, "no|nothing"),
        ({"witness": None}, "witness"),
        ({"evidence": None}, "evidence"),
        ({"evidence": []}, "evidence"),
        ({"extra": 1}, "'extra': unknown"),
    ],
)
def test_what_is_no_certificate(change, reason):
    table = json.loads(gzip.decompress(format.to_bytes(CERTIFICATE))) | change
    with pytest.raises(CertificateMalformed, match=reason):
        format.from_bytes(json.dumps(table).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"format": NaN}',
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b'{"lower": ' + b"9" * 10_000 + b"}",
        b"\x1f\x8b",
        gzip.compress(b"{}")[:-4],
        gzip.compress(b"{}") + b"more",
        gzip.compress(b" " * (format.MAX_BYTES + 1)),
        b" " * (format.MAX_BYTES + 1),
    ],
    ids=[
        "empty",
        "null",
        "list",
        "not-text",
        "nan",
        "twice",
        "deep",
        "digits",
        "cut",
        "short",
        "more",
        "bomb",
        "large",
    ],
)
def test_broken_files_are_malformed(content):
    with pytest.raises(CertificateMalformed):
        format.from_bytes(content)


@pytest.mark.parametrize("value", [b"{}", b"[]", b'{"":0}', b"0", b'""', b"1.5"])
def test_what_a_file_costs_is_counted_before_it_is_built(monkeypatch, value):
    """A list of so many values that they may just be read, and one value more."""
    monkeypatch.setattr(_text, "MAX_MEMORY", 100_000)
    each = 48 + sum(value.count(c) * cost for c, cost in _text._COST.items())  # and a comma
    fitting = (100_000 - 160 - 240 - 96 + 48) // each  # beside the object around the list, and its entry
    built = []
    monkeypatch.setattr(_text.json, "loads", lambda *given, **how: built.append(given) or {})
    _text.decode(b'{"a":[' + b",".join([value] * fitting) + b"]}")
    assert built
    built.clear()
    with pytest.raises(CertificateMalformed, match="more than 100000 bytes"):
        _text.decode(b'{"a":[' + b",".join([value] * (fitting + 1)) + b"]}")
    assert not built


def test_what_is_counted_is_what_is_taken():
    """Whatever the values, building them takes no more memory than they were counted for, and their text."""
    for value in (b"{}", b"[]", b'{"":0}', b'{"k":0.5,"kk":77777}', b"70000", b'"s"', b"1.5", b"[[]]"):
        text = b'{"a":[' + b",".join([value] * 20_000) + b"]}"
        counted = sum(text.count(c) * cost for c, cost in _text._COST.items())
        tracemalloc.start()
        table = _text.decode(text)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(table["a"]) == 20_000
        assert taken <= counted + 3 * len(text), value


def test_a_number_of_thousands_of_digits_is_told_from_bad_json():
    with pytest.raises(CertificateMalformed, match="thousands of digits"):
        format.from_bytes(b'{"lower": ' + b"9" * 5_000 + b"}")


def test_a_missing_file_is_bad_input(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        format.read(tmp_path / "none.json")


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_bytes_are_never_accepted(count):
    """Flipped, cut and exchanged bytes: whatever still reads as the same claim must be the same claim, and at once."""
    problem = random_problem("packing", 1)
    honest = Certificate("packing", problem.digest, 1, None, False, None, {"kind": "counting", "argument": "volume"})
    files = [format.to_bytes(honest), gzip.compress(format.to_bytes(honest), mtime=0)]
    rng = np.random.default_rng(5)
    for _ in range(count):
        content = bytearray(files[rng.integers(2)])
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(len(content))] = rng.integers(256)
        if rng.random() < 0.3:
            content = content[: rng.integers(len(content))]
        began, claim = time.process_time(), None
        try:
            claim = format.from_bytes(bytes(content))
            check(problem, claim)
        except (CertificateMalformed, CertificateRejected):
            claim = None
        assert time.process_time() - began < 1.0  # of the CPU
        if claim is None:
            continue
        # a bound of zero or one is true of every packing, and nothing else can be read from these bytes
        assert (claim.scope, claim.instance, claim.upper, claim.infeasible) == ("packing", problem.digest, None, False)
        assert claim.lower <= 3
