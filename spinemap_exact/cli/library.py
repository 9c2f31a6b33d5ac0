"""The verb `instances`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from spinemap_exact.cli.text import columns
from spinemap_exact.errors import InvalidInput, unknown
from spinemap_exact.units import energy_text

if TYPE_CHECKING:
    from spinemap_exact.instances import CoreGraph, Instance

_HEADER = ("instance", "family", "stage", "measure", "best", "bound", "gap", "trust", "found by", "proven by")
_RIGHT = {4, 5, 6}
_FAMILIES = ("small", "medium", "large")


def instances(args: argparse.Namespace) -> int:
    from spinemap_exact.instances import library

    entries = list(library())
    known = {entry.name for entry in entries}
    for name in args.names:
        if name not in known:
            raise InvalidInput(unknown("instance", name, [e.name for e in entries]))
    shown = [
        e for e in entries if (not args.names or e.name in args.names) and (not args.family or e.family in args.family)
    ]
    shown.sort(key=lambda e: _FAMILIES.index(e.family))
    if args.json:
        print(json.dumps([_facts(entry) for entry in shown], indent=1))
    else:
        print("\n".join(_details(entry) for entry in shown) + "\n" if args.names else "", end="")
        print(_table(shown))
    return 0


def _facts(entry: Instance | CoreGraph) -> dict[str, Any]:
    from spinemap_exact.instances.records import certificate_of
    from spinemap_exact.result import relative_gap

    def stage(name: str) -> dict[str, Any] | None:
        best = entry.best.get(name)
        if best is None:
            return None
        proof = certificate_of(entry, name)
        return {
            **vars(best),
            "gap": relative_gap(best.objective, best.bound),
            "certificate": str(proof) if proof.exists() else None,
        }

    keys = ("name", "family", "origin", "description", "network", "generate", "hardware", "file", "mesh")
    told = {k: getattr(entry, k) for k in keys if getattr(entry, k, None) is not None}
    told = {k: v if isinstance(v, dict | str) else str(v) for k, v in told.items()}
    return {**told, "stages": {name: stage(name) for name in entry.stages}}


def _details(entry: Instance | CoreGraph) -> str:
    facts = _facts(entry)
    proofs = [known["certificate"] for known in facts["stages"].values() if known and known["certificate"]]
    lines = [f"{entry.name}: {entry.description}", f"  origin: {entry.origin}"]
    lines += [f"  {k}: {facts[k]}" for k in ("network", "generate", "hardware", "file", "mesh") if k in facts]
    return "\n".join(lines + [f"  certificate: {proof}" for proof in proofs]) + "\n"


def _table(entries: list[Instance | CoreGraph]) -> str:
    rows = [_HEADER, *(_line(entry, stage) for entry in entries for stage in entry.stages)]
    return columns(rows, _RIGHT)


def _line(entry: Instance | CoreGraph, stage: str) -> tuple[str, ...]:
    from spinemap_exact.result import relative_gap

    best = entry.best.get(stage)
    if best is None:
        return (entry.name, entry.family, stage, *["-"] * 7)
    gap = relative_gap(best.objective, best.bound)
    numbers = [_shown(n, best.measure) for n in (best.objective, best.bound)]
    told = [
        "-" if gap is None else f"{100 * gap:.1f} %",
        best.trust or "-",
        best.found_by or "-",
        best.proven_by or "-",
    ]
    return (entry.name, entry.family, stage, best.measure, *numbers, *told)


def _shown(value: int | None, measure: str) -> str:
    if value is None:
        return "-"
    return energy_text(value) if measure == "energy" else f"{value:,}".replace(",", " ")


def add_verb(verbs: Any, add: Any) -> None:
    """Add the verb; ``add`` makes a parser with the options that every verb has."""
    parser = add(
        verbs,
        "instances",
        instances,
        "what ships, with the best solutions and bounds known",
        "List the instances that ship, and for each stage and the mapping as a whole the best objective and bound\n"
        "known, who found and what proves them. A verified bound has a certificate that the checker accepted; naming\n"
        "an instance shows where it lies. The partition stage is given the unrolling of the instance's reference\n"
        "mapping, the placement stage its partition; the mapping is given nothing. `map NAME` maps an instance,\n"
        "`scripts/refresh_bounds` records what is better.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these, with their origin and files")
    parser.add_argument("--family", action="append", choices=_FAMILIES, help="only this family; may be repeated")
