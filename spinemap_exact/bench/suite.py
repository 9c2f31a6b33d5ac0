"""Suites: TOML files that list problems with what is known about them.

::

    [[case]]
    name = "conv_16"
    problem = "partition"         # partition, placement, packing, unroll, qap, noc: a FILE as `solve` reads it
    file = "conv_16.json"         # beside the suite
    clusters = 9                  # options of `solve`: clusters, traffic, objective, mesh, rows, columns
    family = "small"
    best = {objective = 6354, bound = 6354, by = "branch-price", certificate = "conv_16.certificate"}

    [[case]]
    name = "digits"
    problem = "mapping"           # a network onto hardware; the objective is its energy in fJ
    instance = "digits-64-32-10"  # shipped; or network = FILE and hardware = FILE or preset

    [[case]]
    name = "random-10k"
    problem = "partition"         # of a network that fits its crossbars
    generate = {kind = "random_sparse", neurons = 1000, synapses = 10000, seed = 1}
    hardware = "generic-128x128"

Tables ``[[instance]]`` and ``[[core_graph]]``, as in the suite that ships, are read as mapping and placement cases,
with what is recorded of them. Each stage that has a record is a case besides: ``digits-64-32-10/partition``.

What a suite says of its problems is claimed, whatever its word for it; a bound is verified only where the checker
accepts a certificate for it, each time that it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from spinemap_exact import instances
from spinemap_exact.certificate import format as certificates
from spinemap_exact.certificate.check import check
from spinemap_exact.errors import InvalidInput, unknown
from spinemap_exact.files import parse_toml, read_text
from spinemap_exact.hardware import Hardware, read_hardware
from spinemap_exact.instances import CoreGraph, Instance
from spinemap_exact.instances.records import certificate_of, problem_of
from spinemap_exact.io import PROBLEM_KINDS, read_network, read_problem
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import PartitionProblem, Traffic

_OPTIONS = ("clusters", "traffic", "objective", "mesh", "rows", "columns", "max_area", "unit_fan_in", "max_depth")
_KNOWN = {"name", "problem", "file", "family", "best", "instance", "network", "hardware", "generate", "spikes"}
_NOTES = {"origin", "description", "proven", "optimum"}
_TEXTS = {"problem", "file", "family", "instance", "network", "hardware", "spikes", "traffic", "objective", "mesh"}
_WHOLE = ("clusters", "rows", "columns", "max_area", "unit_fan_in", "max_depth")
CLAIMED, VERIFIED = "claimed by the suite", "verified"


@dataclass(frozen=True, eq=False)
class Case:
    """One problem of a suite.

    Attributes
    ----------
    best : dict
        What the suite claims: ``objective`` and ``bound``, as far as known, ``by`` whom, and ``trust``, its own word.
    certificate : path, optional
        What proves the bound.
    """

    name: str
    problem: Any
    family: str = ""
    best: dict[str, Any] = field(default_factory=dict)
    certificate: Path | None = None

    @property
    def kind(self) -> str:
        return str(self.problem.kind)

    @cached_property
    def trust(self) -> str | None:
        """Who stands behind the bound that the suite names: the checker, or nobody but the suite.

        Raises
        ------
        CertificateRejected, CertificateMalformed
            If the certificate proves nothing.
        """
        if self.best.get("bound") is None:
            return None
        if self.certificate is None:
            return CLAIMED
        proven = check(self.problem, certificates.read(self.certificate)).lower
        return VERIFIED if proven is not None and proven >= self.best["bound"] else CLAIMED


def read_suite(path: str | Path) -> list[Case]:
    """Read all cases of a suite, each with its problem.

    Raises
    ------
    InvalidInput
        If the file cannot be read, or a case is incomplete, named twice, or asks for a missing instance.
    """
    path = Path(path)
    entries = _entries(path, parse_toml(read_text(path), f"suite {path}"))
    if not entries:
        raise InvalidInput(f"suite {path} lists no case")
    cases: list[Case] = []
    for entry in entries:
        name = entry.get("name")
        if not isinstance(name, str) or not name or not name.isprintable():
            raise InvalidInput(f"suite {path}: case {len(cases) + 1} has no name, or one with control characters")
        if name in {case.name for case in cases}:
            raise InvalidInput(f"suite {path} lists {name!r} twice")
        try:
            cases.append(_case(path.parent, entry))
        except InvalidInput as defect:
            raise InvalidInput(f"suite {path}, case {name!r}: {defect}") from defect
    return cases + _stages(path)


def _entries(path: Path, table: dict[str, Any]) -> list[dict[str, Any]]:
    """All tables of a suite as tables of cases."""
    for kind in ("case", "instance", "core_graph"):
        if not isinstance(listed := table.get(kind, []), list) or not all(isinstance(entry, dict) for entry in listed):
            raise InvalidInput(f"suite {path}: {kind} is not a list of tables")
    library = instances.read_library(path)
    entries = [*table.get("case", [])]
    for listed, kind, stage in ((library.instances, "mapping", "mapping"), (library.core_graphs, "noc", "placement")):
        tables = {entry["name"]: entry for entry in table.get("instance" if kind == "mapping" else "core_graph", [])}
        for name, known in listed.items():
            best = dict(tables[name].get("best", {}).get(stage, {}))
            if (proof := _shipped_proof(known, stage, path.parent)) is not None:
                best["certificate"] = str(proof)
            entries.append({**tables[name], "problem": kind, "best": best})
    return entries


def _case(folder: Path, entry: dict[str, Any]) -> Case:
    for key in _TEXTS & entry.keys():
        if not isinstance(entry[key], str) or not entry[key].isprintable():
            raise InvalidInput(f"{key} is {entry[key]!r}, not text without control characters")
    problem, best = _problem(folder, entry), entry.get("best", {})
    if not isinstance(best, dict):
        raise InvalidInput(f"best is {best!r}, not a table")
    claims = _claims(best, problem)
    file = claims.pop("certificate", None)
    return Case(entry["name"], problem, entry.get("family", ""), claims, None if file is None else folder / file)


def _claims(best: dict[str, Any], problem: Any) -> dict[str, Any]:
    """Return what a suite claims of a problem, if it is numbers and words that do not exclude each other."""
    if best.get("problem") not in (None, problem.digest):
        raise InvalidInput("best: it speaks of another problem")
    for key, value in best.items():
        if key in ("objective", "bound"):
            if type(value) is not int or value < 0:
                raise InvalidInput(f"best: {key} is {value!r}, not an integer from 0")
        elif not isinstance(value, str) or not value.isprintable():
            raise InvalidInput(f"best: {key} is {value!r}, not text without control characters")
    objective, bound = best.get("objective"), best.get("bound")
    if objective is not None and bound is not None and bound > objective:
        raise InvalidInput(f"best: the bound {bound} exceeds the objective {objective} of the same suite")
    return dict(best)


def _stages(path: Path) -> list[Case]:
    """Cases of the single stages of instances, where something is known of them and something to be found."""
    cases = []
    for entry in instances.read_library(path).instances.values():
        for stage, best in entry.best.items():
            if stage == "mapping" or best.measure == "units" or best.objective == 0:
                continue
            name, problem = f"{entry.name}/{stage}", problem_of(entry, stage)
            known = _claims({key: value for key, value in vars(best).items() if value is not None}, problem)
            cases.append(Case(name, problem, entry.family, known, _shipped_proof(entry, stage, path.parent)))
    return cases


def _shipped_proof(entry: Instance | CoreGraph, stage: str, folder: Path) -> Path | None:
    proof = certificate_of(entry, stage, folder)
    return proof if proof.exists() else None


def _problem(folder: Path, entry: dict[str, Any]) -> Any:
    strange = set(entry) - _KNOWN - _NOTES - set(_OPTIONS)
    if strange:
        raise InvalidInput(unknown("entry", min(strange), sorted(_KNOWN | set(_OPTIONS))))
    kind = entry.get("problem")
    if kind == "mapping" or (kind == "partition" and "file" not in entry):
        return _network_problem(folder, entry, str(kind))
    if kind not in PROBLEM_KINDS:
        raise InvalidInput(unknown("problem", str(kind), ("mapping", *PROBLEM_KINDS)))
    if "file" not in entry:
        raise InvalidInput("no file is named")
    options = {key: entry[key] for key in _OPTIONS if key in entry}
    if wrong := [key for key in _WHOLE if type(options.get(key, 1)) is not int]:
        raise InvalidInput(f"{wrong[0]} is {options[wrong[0]]!r}, not an integer")
    return read_problem(folder / entry["file"], kind, **options)[0]


def _network_problem(folder: Path, entry: dict[str, Any], kind: str) -> Any:
    network, hardware = _network(folder, entry)
    traffic = Traffic(entry.get("traffic", Traffic.PER_TILE))
    if kind == "mapping":
        return MappingProblem(network, hardware, traffic)
    clusters = entry.get("clusters", hardware.grid.num_tiles)
    return PartitionProblem(_units_first(network), hardware.crossbars, clusters, traffic)


def _network(folder: Path, entry: dict[str, Any]) -> tuple[Network, Hardware]:
    if "instance" in entry:
        network, hardware = instances.load(entry["instance"])
        return network, _hardware(folder, entry["hardware"]) if "hardware" in entry else hardware
    if "hardware" not in entry:
        raise InvalidInput("no hardware is named")
    hardware = _hardware(folder, entry["hardware"])
    if "generate" in entry:
        return instances.generate(entry["generate"]), hardware
    if "network" not in entry:
        raise InvalidInput("no instance, network or generator is named")
    file = folder / entry["network"]
    spikes = folder / entry["spikes"] if "spikes" in entry else None
    return read_network(file, spikes=spikes)[0], hardware


def _hardware(folder: Path, name: str) -> Hardware:
    return read_hardware(folder / name if name.endswith(".toml") else name)


def _units_first(network: Network) -> Network:
    """Number the external inputs last, as a partition problem wants them."""
    from spinemap_exact.mapping import Unrolling

    return Unrolling.identity(network).unit_network(network)
