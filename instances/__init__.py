"""Networks, hardware and core graphs that ship; `suite.toml` lists them with their origin."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spinemap_exact.errors import InvalidInput
from spinemap_exact.hardware import Hardware, read_hardware
from spinemap_exact.io import read_network
from spinemap_exact.network import Network

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Instance:
    """A network and the hardware it is to be mapped onto."""

    name: str
    network: Path
    hardware: Path
    origin: str
    description: str


@dataclass(frozen=True)
class CoreGraph:
    """Cores of a system on chip and what they send each other, to be placed on a mesh.

    ``optimum`` is the least sum of weight x hops with one core a tile, in the units of the file.
    """

    name: str
    file: Path
    mesh: str
    optimum: int
    origin: str
    description: str


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
        raise InvalidInput(f"unknown instance {name!r}; known: {', '.join(names())}")
    return read_network(instance.network)[0], read_hardware(instance.hardware)


@cache
def instances() -> MappingProxyType[str, Instance]:
    """All instances by name."""
    return MappingProxyType(
        {
            entry["name"]: Instance(
                **{**entry, "network": FOLDER / entry["network"], "hardware": FOLDER / entry["hardware"]}
            )
            for entry in _suite()["instance"]
        }
    )


@cache
def core_graphs() -> MappingProxyType[str, CoreGraph]:
    """All core graphs by name."""
    return MappingProxyType(
        {entry["name"]: CoreGraph(**{**entry, "file": FOLDER / entry["file"]}) for entry in _suite()["core_graph"]}
    )


def _suite() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "suite.toml").read_text(encoding="utf-8"))
