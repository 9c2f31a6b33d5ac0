"""The verb `hardware`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from spinemap_exact.cli.text import columns
from spinemap_exact.errors import InvalidInput, meant
from spinemap_exact.units import printable

if TYPE_CHECKING:
    from spinemap_exact.hardware import Hardware

_HEADER = ("preset", "tiles", "crossbars", "source")


def hardware(args: argparse.Namespace) -> int:
    if args.action == "show":
        return _show(args)
    if args.name is not None:
        raise InvalidInput(f"`hardware list` names all presets; `hardware show {args.name}` shows one")
    return _list(args)


def _list(args: argparse.Namespace) -> int:
    from spinemap_exact.hardware import preset_names, read_hardware

    chips = {name: read_hardware(name) for name in preset_names()}
    if args.json:
        print(json.dumps([_facts(name, chip) for name, chip in chips.items()], indent=1))
        return 0
    rows = [(name, str(chip.grid), _crossbars(chip), _source(name)) for name, chip in chips.items()]
    print(columns([_HEADER, *rows], right=set()))
    print("\n`hardware show NAME` prints a preset with the source of each figure: a file to begin your own from.")
    return 0


def _show(args: argparse.Namespace) -> int:
    from spinemap_exact.hardware import hardware_text, preset_names, read_hardware

    if args.name is None:
        raise InvalidInput(f"say which hardware to show; {meant('', preset_names())}")
    chip = read_hardware(args.name)  # what cannot be read is refused
    if args.json:
        print(json.dumps(_facts(args.name, chip), indent=1))
    else:
        print(printable(hardware_text(args.name)), end="")
    return 0


def _source(name: str) -> str:
    from spinemap_exact.files import parse_toml
    from spinemap_exact.hardware import hardware_text

    return str(parse_toml(hardware_text(name), name).get("source", "-"))


def _crossbars(chip: Hardware) -> str:
    return " + ".join(f"{c.count} of {c}" if c.count else str(c) for c in chip.crossbars)


def _facts(name: str, chip: Hardware) -> dict[str, Any]:
    return {
        "hardware": name,
        "name": chip.name,
        "source": _source(name),
        "grid": vars(chip.grid) | {"num_tiles": chip.grid.num_tiles},
        "crossbars": [vars(crossbar) for crossbar in chip.crossbars],
        "costs": vars(chip.costs),
        "digest": chip.digest,
    }


def add_verb(verbs: Any, add: Any) -> None:
    """Add the verb; ``add`` makes a parser with the options that every verb has."""
    parser = add(
        verbs,
        "hardware",
        hardware,
        "chips that ship: list them, or show one",
        "List the hardware presets, or show one (or a file of yours, which is checked) as the TOML that --hardware\n"
        "reads: mesh, crossbars, what packets, hops and synapses cost, and where each figure is from.",
    )
    actions = ("list", "show")
    parser.add_argument("action", nargs="?", choices=actions, default="list", metavar="ACTION", help="list or show")
    parser.add_argument("name", nargs="?", metavar="HW", help="preset or FILE.toml")
