"""Exact mapping of spiking neural networks onto crossbar hardware, with bounds that can be checked.

>>> from spinemap_exact import Limits, map_network
>>> from spinemap_exact.instances import load
>>> network, hardware = load("digits-64-32-10")
>>> run = map_network(network, hardware, limits=Limits(time_s=60))  # doctest: +SKIP
>>> print(run.summary())  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spinemap_exact.certificate.check import check
    from spinemap_exact.evaluator import evaluate
    from spinemap_exact.hardware import read_hardware
    from spinemap_exact.io import read_network
    from spinemap_exact.network import Network
    from spinemap_exact.pipeline import map_network
    from spinemap_exact.result import Limits

__version__ = "0.1.0"
__all__ = ["Limits", "Network", "check", "evaluate", "map_network", "read_hardware", "read_network"]

_HOME = {
    "Limits": "result",
    "Network": "network",
    "evaluate": "evaluator",
    "check": "certificate.check",
    "map_network": "pipeline",
    "read_hardware": "hardware",
    "read_network": "io",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used: ``import spinemap_exact`` stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
