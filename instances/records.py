"""Keep the records of the library: a number enters only with a certificate that the checker accepts.

For every stage of an instance, and for its mapping as a whole, `suite.toml` holds a line ``best.STAGE``, and the folder
``certificates`` the proof. A new certificate of the same problem may lower the objective or raise the bound, never the
other way round.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spinemap_exact.certificate import format as certificates
from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.errors import CertificateMalformed, CertificateRejected, InvalidInput
from spinemap_exact.instances import FOLDER, Best, CoreGraph, Instance, read_library
from spinemap_exact.io import read_problem
from spinemap_exact.io.mapping_file import read_mapping, write_mapping
from spinemap_exact.pipeline import stage_problem
from spinemap_exact.problems.mapping import MappingProblem

LARGEST_FILE = 200_000  # bytes of what ships


@dataclass(frozen=True)
class News:
    """What became of one certificate: ``entry`` and ``stage`` are empty where it speaks of nothing in the library."""

    certificate: Path
    entry: str
    stage: str
    improved: bool
    text: str


def problem_of(entry: Instance | CoreGraph, stage: str) -> Any:
    """Build the problem of one stage, given the reference mapping where it needs one, or of the mapping as a whole.

    Raises
    ------
    InvalidInput
        If the reference is missing.
    """
    if isinstance(entry, CoreGraph):
        return read_problem(entry.file, "noc", mesh=entry.mesh)[0]
    network, hardware = entry.load()
    if stage == "mapping":
        return MappingProblem(network, hardware)
    mapping = None
    if stage != "unroll":
        if not entry.reference.exists():
            raise InvalidInput(f"{entry.name} has no reference mapping: its {stage} stage is not defined")
        mapping = read_mapping(entry.reference, network, hardware)
    return stage_problem(stage, network, hardware, mapping)


def certificate_of(entry: Instance | CoreGraph, stage: str, folder: Path = FOLDER) -> Path:
    """Where the certificate of a stage is kept; it may be missing."""
    return folder / "certificates" / f"{entry.name}.{stage}.certificate"


def refresh(sources: Iterable[Path], folder: Path = FOLDER, found_by: str = "") -> Iterator[News]:
    """Take from certificates what is better than the records.

    Parameters
    ----------
    sources : iterable of path
        Certificates, or folders as ``map --out`` writes them. The mapping in a folder becomes the reference of its
        instance where that has none.
    folder : path
        Where ``suite.toml`` lies.
    found_by : str
        Who found the solutions, where the folder does not tell.
    """
    for source in sources:
        if source.is_dir():
            _adopt_reference(source, folder)
        paths = sorted(source.glob("*.certificate")) if source.is_dir() else [source]
        for path in paths:
            yield _take(path, folder, found_by)


def _take(path: Path, folder: Path, found_by: str) -> News:
    try:
        claim = certificates.read(path)
    except CertificateMalformed as defect:
        return News(path, "", "", False, f"malformed: {defect}")
    place = _place(claim, folder)
    if place is None:
        return News(path, "", "", False, f"speaks of a {claim.scope} problem that is not in the library")
    entry, stage = place
    problem = problem_of(entry, stage)
    try:
        check(problem, claim)
    except (CertificateRejected, CertificateMalformed) as flaw:
        return News(path, entry.name, stage, False, f"rejected: {flaw}")
    known = entry.best.get(stage) or Best(problem.digest, problem.measure)
    kept_at = certificate_of(entry, stage, folder)
    kept = certificates.read(kept_at) if kept_at.exists() else None
    best, merged = _better(known, kept, claim, _finder(path, stage) or found_by or "unknown")
    if best == known:
        return News(path, entry.name, stage, False, "accepted, and no better than what is known")
    check(problem, merged)
    size = len(certificates.to_bytes(merged))
    if size > LARGEST_FILE:
        return News(path, entry.name, stage, False, f"accepted, but {size} bytes are too many to ship")
    kept_at.parent.mkdir(exist_ok=True)
    certificates.write(kept_at, merged)
    _record(folder / "suite.toml", entry.name, stage, best)
    return News(path, entry.name, stage, True, f"objective {best.objective}, bound {best.bound}")


def _better(known: Best, kept: Certificate | None, claim: Certificate, found_by: str) -> tuple[Best, Certificate]:
    """Return the better of what is known and what is claimed, number by number, and the certificate of both."""
    best, merged = known, kept or claim
    if claim.upper is not None and best.trust != "verified" and best.bound is not None and claim.upper < best.bound:
        best = replace(best, bound=None, proven_by="", trust=None)  # an attested bound was wrong
    if claim.upper is not None and (best.objective is None or claim.upper < best.objective):
        best = replace(best, objective=claim.upper, found_by=found_by)
        merged = replace(merged, upper=claim.upper, witness=claim.witness)
    if claim.lower is not None and claim.evidence is not None and _stronger(claim.lower, best):
        best = replace(best, bound=claim.lower, proven_by=str(claim.evidence.get("kind")), trust="verified")
        merged = replace(merged, lower=claim.lower, evidence=claim.evidence)
    return best, merged


def _stronger(lower: int, best: Best) -> bool:
    """A verified bound replaces a weaker one, or an attested one of the same value."""
    return best.bound is None or lower > best.bound or (lower == best.bound and best.trust != "verified")


def _place(claim: Certificate, folder: Path) -> tuple[Instance | CoreGraph, str] | None:
    """Return the entry and stage whose problem has the digest that a certificate names."""
    candidates = [
        (entry, stage)
        for entry in read_library(folder / "suite.toml")
        for stage in entry.stages
        if stage == claim.scope
    ]
    for entry, stage in candidates:
        if stage in entry.best and entry.best[stage].problem == claim.instance:
            return entry, stage
    for entry, stage in candidates:
        if stage not in entry.best and _is_defined(entry, stage) and problem_of(entry, stage).digest == claim.instance:
            return entry, stage
    return None


def _is_defined(entry: Instance | CoreGraph, stage: str) -> bool:
    return isinstance(entry, CoreGraph) or stage in ("unroll", "mapping") or entry.reference.exists()


def _adopt_reference(source: Path, folder: Path) -> None:
    mapping, name = source / "mapping.json", _result(source).get("network")
    entry = read_library(folder / "suite.toml").instances.get(str(name))
    if entry is None or entry.reference.exists() or not mapping.exists():
        return
    network, hardware = entry.load()
    found = read_mapping(mapping, network, hardware)
    if broken := found.violations(network, hardware):
        raise InvalidInput(f"{mapping} is no reference for {name}: {broken[0]}")
    entry.reference.parent.mkdir(exist_ok=True)
    write_mapping(entry.reference, found, network, hardware)


def _finder(path: Path, stage: str) -> str | None:
    """Who found the solution, if the folder of the certificate tells."""
    stages = _result(path.parent).get("stages")
    found = stages.get(stage) if isinstance(stages, dict) else None
    solver = found.get("solver") if isinstance(found, dict) else None
    return solver if isinstance(solver, str) and solver.isprintable() else None


def _result(folder: Path) -> dict[str, Any]:
    file = folder / "result.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError, RecursionError) as defect:
        raise InvalidInput(f"{file} is no result of map: {defect}") from defect
    return content if isinstance(content, dict) else {}


def _record(suite: Path, name: str, stage: str, best: Best) -> None:
    """Write one line ``best.STAGE`` into the table of an entry; all else stays as it is."""
    fields = {k: v for k, v in vars(best).items() if v not in (None, "")}
    values = ", ".join(f"{k} = {json.dumps(v)}" for k, v in fields.items())
    line = f"best.{stage} = {{ {values} }}"
    tables = re.split(r"(?m)^(?=\[\[)", suite.read_text(encoding="utf-8"))
    for k, table in enumerate(tables):
        if re.search(rf'(?m)^name = "{re.escape(name)}"$', table):
            old = re.compile(rf"(?m)^best\.{stage} = .*$")
            tables[k] = old.sub(line, table) if old.search(table) else f"{table.rstrip()}\n{line}\n\n"
    written = "".join(tables).rstrip() + "\n"
    fresh = suite.with_suffix(".new")
    fresh.write_text(written, encoding="utf-8")
    shutil.move(fresh, suite)
