"""Suites: TOML files that list problems with what is known about them.

::

    [[case]]
    name = "conv_16"
    problem = "partition"         # partition, placement, packing, unroll, qap, noc: a FILE as `solve` reads it
    file = "conv_16.json"         # beside the suite
    clusters = 9                  # options of `solve`: clusters, traffic, objective, mesh, rows, columns
    family = "small"
    best = {objective = 6354, bound = 6354, by = "branch-price", trust = "verified"}

    [[case]]
    name = "digits"
    problem = "mapping"           # a network onto hardware; the objective is its energy in fJ
    instance = "digits-64-32-10"  # shipped; or network = FILE and hardware = FILE or preset

    [[case]]
    name = "random-10k"
    problem = "partition"         # of a network that fits its crossbars
    generate = {kind = "random_sparse", neurons = 1000, synapses = 10000, seed = 1}
    hardware = "generic-128x128"

Tables ``[[instance]]`` and ``[[core_graph]]``, as in the suite that ships, are read as mapping and placement cases.
Each stage that has a record is a case besides: ``digits-64-32-10/partition``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spinemap_exact import instances
from spinemap_exact.errors import InvalidInput
from spinemap_exact.files import parse_toml, read_text
from spinemap_exact.hardware import Hardware, read_hardware
from spinemap_exact.instances.records import problem_of
from spinemap_exact.io import PROBLEM_KINDS, read_network, read_problem
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.problems.partition import PartitionProblem, Traffic

_OPTIONS = ("clusters", "traffic", "objective", "mesh", "rows", "columns", "max_area", "unit_fan_in", "max_depth")
_KNOWN = {"name", "problem", "file", "family", "best", "instance", "network", "hardware", "generate", "spikes"}
_NOTES = {"origin", "description", "proven", "optimum"}


@dataclass(frozen=True, eq=False)
class Case:
    """One problem of a suite.

    Attributes
    ----------
    best : dict
        ``objective`` and ``bound``, as far as known, ``by`` whom, and ``trust``: attested or verified.
    """

    name: str
    problem: Any
    family: str = ""
    best: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return str(self.problem.kind)


def read_suite(path: str | Path) -> list[Case]:
    """Read all cases of a suite, each with its problem.

    Raises
    ------
    InvalidInput
        If the file cannot be read, or a case is incomplete, named twice, or asks for a missing instance.
    """
    path = Path(path)
    table = parse_toml(read_text(path), f"suite {path}")
    entries = [*table.get("case", [])]
    entries += [{**e, "problem": "mapping", "best": {}} for e in table.get("instance", [])]
    entries += [
        {**e, "problem": "noc", "best": e.get("best", {}).get("placement", {})} for e in table.get("core_graph", [])
    ]
    if not entries:
        raise InvalidInput(f"suite {path} lists no case")
    cases: list[Case] = []
    for entry in entries:
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidInput(f"suite {path}: case {len(cases) + 1} has no name")
        if name in {case.name for case in cases}:
            raise InvalidInput(f"suite {path} lists {name!r} twice")
        try:
            cases.append(Case(name, _problem(path.parent, entry), str(entry.get("family", "")), entry.get("best", {})))
        except InvalidInput as defect:
            raise InvalidInput(f"suite {path}, case {name!r}: {defect}") from defect
    return cases + _stages(path)


def _stages(path: Path) -> list[Case]:
    """Cases of the single stages of instances, where something is known of them and something to be found."""
    return [
        Case(f"{entry.name}/{stage}", problem_of(entry, stage), entry.family, vars(best))
        for entry in instances.read_library(path).instances.values()
        for stage, best in entry.best.items()
        if best.measure != "units" and best.objective != 0
    ]


def _problem(folder: Path, entry: dict[str, Any]) -> Any:
    unknown = set(entry) - _KNOWN - _NOTES - set(_OPTIONS)
    if unknown:
        raise InvalidInput(f"unknown entry {min(unknown)!r}")
    kind = entry.get("problem")
    if kind == "mapping" or (kind == "partition" and "file" not in entry):
        return _network_problem(folder, entry, str(kind))
    if kind not in PROBLEM_KINDS:
        raise InvalidInput(f"unknown problem {kind!r}; known: mapping, {', '.join(PROBLEM_KINDS)}")
    if "file" not in entry:
        raise InvalidInput("no file is named")
    options = {key: entry[key] for key in _OPTIONS if key in entry}
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
