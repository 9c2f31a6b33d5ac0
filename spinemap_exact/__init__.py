"""Exact mapping of spiking neural networks onto crossbar hardware, with bounds that can be checked.

>>> from spinemap_exact import Limits, map_network
>>> run = map_network("layered-16-24-8", limits=Limits(time_s=3, workers=1))
>>> run.status.has_solution
True

A network is made by `Network.from_matrix`, `Network.from_scipy`, `Network.from_networkx` or `Network.from_synapses`, or
read from a file by `read_network`; hardware is a `Hardware`, a preset or a TOML file. ``print(run.summary())`` tells
what was found and proven, ``run.save("folder")`` keeps it, ``run.plot()`` draws it. `spinemap_exact.instances.load`
loads what ships.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spinemap_exact.certificate.check import check
    from spinemap_exact.errors import InvalidInput, MissingExtra, SpinemapError, WrongType
    from spinemap_exact.evaluator import Evaluation, evaluate
    from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid, read_hardware
    from spinemap_exact.io import read_network, write_network
    from spinemap_exact.io.mapping_file import read_mapping, write_mapping
    from spinemap_exact.mapping import Mapping, Partition, Placement, Unrolling
    from spinemap_exact.network import Network, Population
    from spinemap_exact.pipeline import Choices, MappingRun, map_by_stages, map_network, pareto_front
    from spinemap_exact.problems.partition import Traffic
    from spinemap_exact.result import Limits

__version__ = "0.1.0"

_HOMES = {
    "certificate.check": ("check",),
    "errors": ("InvalidInput", "MissingExtra", "SpinemapError", "WrongType"),
    "evaluator": ("Evaluation", "evaluate"),
    "hardware": ("CostModel", "Crossbar", "Hardware", "TileGrid", "read_hardware"),
    "io": ("read_network", "write_network"),
    "io.mapping_file": ("read_mapping", "write_mapping"),
    "mapping": ("Mapping", "Partition", "Placement", "Unrolling"),
    "network": ("Network", "Population"),
    "pipeline": ("Choices", "MappingRun", "map_by_stages", "map_network", "pareto_front"),
    "problems.partition": ("Traffic",),
    "result": ("Limits",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Choices",
    "CostModel",
    "Crossbar",
    "Evaluation",
    "Hardware",
    "InvalidInput",
    "Limits",
    "Mapping",
    "MappingRun",
    "MissingExtra",
    "Network",
    "Partition",
    "Placement",
    "Population",
    "SpinemapError",
    "TileGrid",
    "Traffic",
    "Unrolling",
    "WrongType",
    "check",
    "evaluate",
    "map_by_stages",
    "map_network",
    "pareto_front",
    "read_hardware",
    "read_mapping",
    "read_network",
    "write_mapping",
    "write_network",
]


def __getattr__(name: str) -> Any:
    """Import public names when they are first used: ``import spinemap_exact`` stays cheap."""
    if name == "instances":
        return import_module(f"{__name__}.instances")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Public names, whether or not they are imported already."""
    return [*__all__, "__version__", "instances"]
