"""Networks and hardware as a caller may give them: as they are, or by a name or a path."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from spinemap_exact.errors import InvalidInput, WrongType
from spinemap_exact.hardware import Hardware, preset_names, read_hardware
from spinemap_exact.network import Network
from spinemap_exact.result import Limits

NetworkLike = Network | str | PathLike[str]
HardwareLike = Hardware | str | PathLike[str]


class Given(NamedTuple):
    """A network and its hardware, and what is to be said of how they were read."""

    network: Network
    hardware: Hardware
    notes: tuple[str, ...] = ()


def given(network: NetworkLike, hardware: HardwareLike | None, limits: Limits | None = None) -> Given:
    """Read what is given by name or path.

    Raises
    ------
    WrongType
        If something is neither what is wanted nor a name or path of it.
    InvalidInput
        If there is no such file or name, or no hardware is known.
    """
    if limits is not None and not isinstance(limits, Limits):
        raise WrongType("limits", limits, "Limits, such as Limits(time_s=60)")
    found, ships_with, notes = _network(network)
    if hardware is None:
        hardware = ships_with
    if hardware is None:
        raise InvalidInput(f"hardware is missing: a Hardware, a TOML file, or one of {', '.join(preset_names())}")
    if isinstance(hardware, str | PathLike):
        hardware = read_hardware(str(hardware))
    if not isinstance(hardware, Hardware):
        raise WrongType("hardware", hardware, "a Hardware, the name of a preset, or the path of a TOML file")
    return Given(found, hardware, notes)


def _network(network: Any) -> tuple[Network, Hardware | None, tuple[str, ...]]:
    """A network, the hardware that ships with it, and notes of its reader."""
    from spinemap_exact import instances
    from spinemap_exact.io import read_network

    if isinstance(network, Network):
        return network, None, ()
    if not isinstance(network, str | PathLike):
        raise WrongType("network", network, f"a Network, the path of one, or the name of an instance{_way_to(network)}")
    if str(network) in instances.names() and not Path(network).exists():
        return *instances.load(str(network)), ()
    found, notes = read_network(Path(network))
    return found, None, tuple(notes)


def _way_to(network: Any) -> str:
    """What makes a network of this, if anything does."""
    if hasattr(network, "tocoo"):
        return " (Network.from_scipy makes one)"
    if hasattr(network, "edges"):
        return " (Network.from_networkx makes one)"
    return " (Network.from_matrix makes one)" if hasattr(network, "__array__") else ""
