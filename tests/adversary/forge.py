"""Attacks on certificates: true ones of tiny instances, made false or damaged, put before the checker."""

from __future__ import annotations

import copy
import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from ask import UNKNOWN, optimum, price, problem_of
from draw import Table, draw

from spinemap_exact import solvers
from spinemap_exact.certificate import format
from spinemap_exact.certificate.check import check, counting_arguments
from spinemap_exact.errors import CertificateMalformed, CertificateRejected, InvalidInput
from spinemap_exact.pipeline import certify
from spinemap_exact.result import Limits, Watch

LATE_S = 10.0
ACCEPTED = Path(__file__).parents[1] / "data" / "certificates" / "accepted"
_OURS = {
    "packing": ("patterns",),
    "unroll": ("cover", "classes-cpsat"),
    "partition": ("branch-price", "race"),
    "placement": ("grid-dp", "rlt1", "portfolio", "semidefinite"),
    "mapping": ("priced-trees", "contents"),
}
_ODD = (None, True, False, -1, 0, 1, 2**31, 2**40, 2**53 + 1, 2**63, 10**30, 0.5, 1.0, "1", "x", [], {}, [[]], [0])


def written(kind: str, rng: Random) -> tuple[Table, Table] | None:
    """Return an instance and a certificate that the product writes for it; None if it writes none."""
    instance = draw(kind, rng)
    try:
        problem = problem_of(instance)
    except InvalidInput:
        return None
    name = rng.choice([name for name in _OURS[kind] if name in solvers.names(kind)])
    watch = Watch(Limits(time_s=3.0, workers=1, seed=rng.randrange(100)))
    try:
        result = solvers.load(kind, name)(problem, watch)
    except InvalidInput:
        return None
    certificate = certify(kind, problem, name, result, watch).certificate
    return None if certificate is None else (instance, table_of(certificate))


def simple(kind: str, rng: Random) -> tuple[Table, Table] | None:
    """Return an instance and what enumeration says of it, with evidence that needs no search: exhaustion, counting."""
    instance = draw(kind, rng)
    try:
        digest, best = problem_of(instance).digest, optimum(instance)
    except InvalidInput:
        return None
    if best == UNKNOWN:
        return None
    evidence = {"kind": "exhaustive"}
    if rng.random() < 0.5:
        evidence = {"kind": "counting", "argument": rng.choice(counting_arguments(kind))}
    claims = {"scope": kind, "instance": digest, "lower": best, "upper": None, "infeasible": best is None}
    rest = {"witness": None, "evidence": evidence}
    return instance, {"format": format.FORMAT, "version": format.VERSION, **claims, **rest}


def shipped(rng: Random) -> tuple[Table, Table]:
    """Return one of the cases of the tests: there is one of every kind of evidence."""
    case = rng.choice(sorted(ACCEPTED.iterdir()))
    return _content(case / "instance.json"), table_of(format.read(case / "certificate.json"))


def _content(path: Path) -> Table:
    """The table in a file, compressed or not, less its format and version."""
    content = path.read_bytes()
    table: Table = json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    return {key: value for key, value in table.items() if key not in ("format", "version")}


def table_of(certificate: Any) -> Table:
    table: Table = json.loads(json.dumps({"format": format.FORMAT, "version": format.VERSION, **vars(certificate)}))
    return table


def orders(instance: Table, honest: Table, others: list[Table], rng: Random, count: int) -> Iterator[Table]:
    """Forgeries of one certificate, and of the instance file that goes with it."""
    kind = (honest["evidence"] or {}).get("kind", "witness")
    for k in range(count):
        if k % 10 == 9:
            file = {"format": format.INSTANCE_FORMAT, "version": format.VERSION, **copy.deepcopy(instance)}
            _change_one(file, rng)
            yield {"what": "instance file", "label": "instance file", "instance": instance, "file": json.dumps(file),
                   "certificate": json.dumps(honest)}  # fmt: skip
        else:
            name, content = forged(instance, honest, others, rng)
            yield {"what": "certificate", "label": kind, "instance": instance, "forgery": name, "honest": honest,
                   "content": content.decode("latin-1")}  # fmt: skip


def forged(instance: Table, honest: Table, others: list[Table], rng: Random) -> tuple[str, bytes]:
    """Return what was done, and the file."""
    table = copy.deepcopy(honest)
    name = rng.choice(("claim", "claim", "evidence", "evidence", "evidence", "anything", "kind", "other", "bytes"))
    if name in ("claim", "evidence", "kind", "other"):
        _claim_more(table, rng)
    if name == "evidence" and table["evidence"]:
        for _ in range(rng.choice((1, 1, 2, 5))):
            _change_one(table["evidence"], rng)
    elif name == "anything":
        _change_one(table, rng)
    elif name == "kind" and table["evidence"]:
        table["evidence"]["kind"] = rng.choice([o["evidence"]["kind"] for o in others if o["evidence"]] or ["counting"])
    elif name == "other" and others:
        part = rng.choice(("evidence", "witness", "instance"))
        table[part] = copy.deepcopy(rng.choice(others)[part])
    content = json.dumps(table).encode()
    if name == "bytes":
        content = damaged(gzip.compress(content, mtime=0) if rng.random() < 0.3 else content, rng)
    return name, content


def _claim_more(table: Table, rng: Random) -> None:
    """Claim one more than is true, or that nothing is feasible, keeping the evidence."""
    lower = table["lower"] if table["upper"] is None else table["upper"]
    sort = rng.choice(("more", "more", "more", "infeasible", "upper", "both"))
    if sort == "infeasible" or lower is None:
        table |= {"lower": None, "upper": None, "witness": None, "infeasible": not table["infeasible"]}
        if not table["infeasible"]:
            table["lower"] = rng.choice((1, 2**62))
    elif sort == "upper" and table["upper"] is not None:
        table["upper"] -= 1
    elif sort == "both" and table["upper"] is not None:
        table |= {"lower": lower + 1, "upper": lower + 1}
    else:
        table |= {"lower": lower + rng.choice((1, 1, 1, 2, 1000)), "upper": None, "witness": None}


def _change_one(table: Any, rng: Random) -> None:
    """Change one thing, anywhere below."""
    places = list(_places(table))
    if not places:
        return
    holder, key = rng.choice(places)
    value, sort = holder[key], rng.random()
    if sort < 0.08:
        del holder[key]
    elif sort < 0.2:
        holder[key] = copy.deepcopy(rng.choice(_ODD))
    elif isinstance(value, int) and not isinstance(value, bool):
        changes = (value + 1, value - 1, -value, 0, 2 * value, value + rng.randrange(-50, 50), float(value), str(value))
        holder[key] = rng.choice(changes)
    elif isinstance(value, list) and value:
        shuffled = rng.sample(value, len(value))
        holder[key] = rng.choice((value[1:], value[:-1], [*value, value[0]], shuffled, value[::-1]))
    elif isinstance(value, dict) and value:
        _change_one(value, rng)
    else:
        holder[key] = copy.deepcopy(rng.choice(_ODD))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def damaged(content: bytes, rng: Random) -> bytes:
    """Cut, double, move or exchange a few bytes; digits turn into digits, so that files often stay readable."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        a = rng.randrange(len(changed) + 1)
        b = min(len(changed), a + rng.randrange(1, 40))
        sort = rng.randrange(6)
        if sort == 0:
            del changed[a:b]
        elif sort == 1:
            changed[b:b] = changed[a:b]
        elif sort == 2:
            del changed[max(1, a) :]
        elif sort == 3 and a < len(changed):
            changed[a] ^= 1 << rng.randrange(8)
        elif digits := [k for k in range(a, len(changed)) if chr(changed[k]).isdigit()][:30]:
            changed[rng.choice(digits)] = ord(str(rng.randrange(10)))
    return bytes(changed)


def perform(order: Table) -> tuple[str, str | None]:
    """Put a forgery before the checker."""
    began = time.process_time()
    try:
        outcome, finding = (_instance_file if order["what"] == "instance file" else _certificate)(order)
    except CertificateRejected:
        outcome, finding = "rejected", None
    except (CertificateMalformed, InvalidInput):
        outcome, finding = "malformed", None
    spent = time.process_time() - began
    return outcome, finding or (f"late: the check took {spent:.1f} s of CPU" if spent > LATE_S else None)


def _certificate(order: Table) -> tuple[str, str | None]:
    certificate = format.from_bytes(order["content"].encode("latin-1"))
    verified = check(problem_of(order["instance"]), certificate)
    return "accepted", false_claim(order["instance"], order["honest"], verified)


def _instance_file(order: Table) -> tuple[str, str | None]:
    """A changed file must not pass for the instance, nor for one that the product would refuse."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "instance.json"
        path.write_text(order["file"])
        instance = format.read_instance(path)
        certificate = format.from_bytes(order["certificate"].encode())
        verified = check(instance, certificate)
    honest, changed = order["instance"], json.loads(order["file"])
    differs = [key for key in honest if json.dumps(honest[key]) != json.dumps(changed.get(key))]
    if differs:
        return "accepted", f"false: a changed instance file passes for the instance, although {differs[0]} differs"
    return "accepted", false_claim(honest, json.loads(order["certificate"]), verified)


def false_claim(instance: Table, honest: Table, verified: Any) -> str | None:
    """Say what was accepted although it is false; None if nothing was."""
    best = optimum(instance)
    reached = None if honest["witness"] is None else price(instance, honest["witness"])
    if best == UNKNOWN:  # nothing is known but what the witness costs
        best = honest["lower"] if reached is None else reached
    if verified.infeasible and (best is not None or reached is not None):
        return f"false: infeasibility is accepted, a solution costs {best}"
    if None not in (verified.lower, best) and verified.lower > best:
        return f"false: the bound {verified.lower} is accepted, a solution costs {best}"
    if verified.upper is not None and (best is None or (optimum(instance) != UNKNOWN and verified.upper < best)):
        return f"false: the cost {verified.upper} is accepted, the optimum is {best}"
    if None not in (verified.lower, verified.upper) and verified.lower > verified.upper:
        return f"false: the bound {verified.lower} is accepted with a solution of cost {verified.upper}"
    return None
