"""Networks, hardware and core graphs that ship; `suite.toml` lists them with their origin and what is known of them.

An instance has three stages. The unroll stage is given by network and hardware; the partition stage is that of the
unrolling in the instance's reference mapping, the placement stage that of the partition there. References stay as they
are, so that bounds recorded once hold for good. Besides, the mapping as a whole is a problem, whose measure is energy.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from spinemap_exact.errors import InvalidInput, unknown
from spinemap_exact.files import cut
from spinemap_exact.hardware import Hardware, read_hardware
from spinemap_exact.instances import convolutional, generators
from spinemap_exact.io import read_network
from spinemap_exact.network import Network

FOLDER = Path(__file__).parent
FAMILIES = ("small", "medium", "large")

GENERATORS = {
    "random_sparse": generators.random_sparse,
    "layered": generators.layered,
    "small_world": generators.small_world,
    "convolution": convolutional.convolution,
    "lenet": convolutional.lenet,
}


@dataclass(frozen=True)
class Best:
    """What is known of one stage of one instance.

    Attributes
    ----------
    problem : str
        Digest of the problem that the numbers belong to.
    measure : str
        What is counted.
    objective, bound : int or None
        Of the best solution known, and the best bound; None where nothing is known.
    found_by, proven_by : str
        Who found the solution, and what proves the bound.
    trust : str or None
        "verified" by the checker, or "attested" by a solver or the literature; None without a bound.
    """

    problem: str
    measure: str
    objective: int | None = None
    found_by: str = ""
    bound: int | None = None
    proven_by: str = ""
    trust: str | None = None

    @property
    def is_proven(self) -> bool:
        return self.objective is not None and self.objective == self.bound


@dataclass(frozen=True)
class Instance:
    """A network, from a file or a generator, and the hardware it is to be mapped onto."""

    name: str
    family: str
    hardware: Path
    origin: str
    description: str
    network: Path | None = None
    generate: Table[str, Any] | None = None
    best: Table[str, Best] = field(default_factory=dict)

    stages: ClassVar[tuple[str, ...]] = ("unroll", "partition", "placement", "mapping")

    @property
    def reference(self) -> Path:
        """The mapping whose unrolling and partition define the lower stages; it may be missing."""
        return self.hardware.parent / "references" / f"{self.name}.json.gz"

    def load(self) -> tuple[Network, Hardware]:
        """Return network and hardware."""
        network = read_network(self.network)[0] if self.network else generate(self.generate or {})
        return network, read_hardware(self.hardware)


@dataclass(frozen=True)
class CoreGraph:
    """Cores of a system on chip and what they send each other, to be placed on a mesh.

    ``optimum`` is the least sum of weight x hops with one core a tile, in the units of the file.
    """

    name: str
    family: str
    file: Path
    mesh: str
    optimum: int
    origin: str
    description: str
    best: Table[str, Best] = field(default_factory=dict)

    stages: ClassVar[tuple[str, ...]] = ("placement",)


def names() -> tuple[str, ...]:
    """Names of the instances, in the order of the suite."""
    return tuple(instances())


def load(name: str) -> tuple[Network, Hardware]:
    """Return the network and the hardware of one instance.

    Raises
    ------
    InvalidInput
        If there is none of that name; the text lists those there are.
    """
    instance = instances().get(name)
    if instance is None:
        raise InvalidInput(unknown("instance", name, names()))
    return instance.load()


def generate(recipe: Table[str, Any]) -> Network:
    """Make a network from ``kind``, a name in `GENERATORS`, and its arguments.

    Raises
    ------
    InvalidInput
        If there is no such generator, or it takes no such arguments.
    """
    arguments = dict(recipe)
    kind = arguments.pop("kind", None)
    if kind not in GENERATORS:
        raise InvalidInput(unknown("generator", cut(str(kind)), GENERATORS))
    try:
        network: Network = GENERATORS[kind](**arguments)  # type: ignore[operator]
    except InvalidInput:
        raise
    except (TypeError, ValueError, OverflowError) as defect:  # numbers that are none, negative or beyond int64
        raise InvalidInput(f"generator {kind}: {defect}") from defect
    return network


@dataclass(frozen=True)
class Library:
    """All that a suite lists, by name, in its order."""

    instances: Table[str, Instance]
    core_graphs: Table[str, CoreGraph]

    def __iter__(self) -> Iterator[Instance | CoreGraph]:
        yield from self.instances.values()
        yield from self.core_graphs.values()


def read_library(path: Path) -> Library:
    """Read a suite; the files that it names lie beside it.

    Raises
    ------
    InvalidInput
        If an entry lacks something or has something that no entry has.
    """
    suite, folder = tomllib.loads(path.read_text(encoding="utf-8")), path.parent

    def entry(table: dict[str, Any]) -> dict[str, Any]:
        files: dict[str, Any] = {key: folder / table[key] for key in ("network", "hardware", "file") if key in table}
        return {**table, **files, "best": {stage: Best(**known) for stage, known in table.get("best", {}).items()}}

    try:
        return Library(
            MappingProxyType({e["name"]: Instance(**entry(e)) for e in suite.get("instance", [])}),
            MappingProxyType({e["name"]: CoreGraph(**entry(e)) for e in suite.get("core_graph", [])}),
        )
    except (KeyError, TypeError, AttributeError) as defect:
        raise InvalidInput(f"{path}: an entry is not described as it should be: {defect}") from defect


@cache
def library() -> Library:
    """What ships."""
    return read_library(FOLDER / "suite.toml")


def instances() -> Table[str, Instance]:
    """All instances by name."""
    return library().instances


def core_graphs() -> Table[str, CoreGraph]:
    """All core graphs by name."""
    return library().core_graphs
