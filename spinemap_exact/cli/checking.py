"""The verb `check`: which instance a certificate must speak of, and whether a mapping is the solution it certifies."""

from __future__ import annotations

import argparse
import json
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinemap_exact.cli import verbs
from spinemap_exact.cli.asked import ask_again, shown
from spinemap_exact.errors import CertificateMalformed, CertificateRejected, InvalidInput

if TYPE_CHECKING:
    from spinemap_exact.certificate.check import VerifiedBounds
    from spinemap_exact.certificate.format import Certificate
    from spinemap_exact.mapping import Mapping

PARTITION = "partition.json"  # of a `map` that stopped after this stage
_OF_STAGE = {
    "unroll": ("unit_of_synapse", "neuron_of_unit", "parent_of_unit"),
    "partition": ("cluster_of_unit",),
    "placement": ("tile_of_cluster",),
}


def check(args: argparse.Namespace) -> int:
    try:
        return _checked(args)
    except (CertificateRejected, CertificateMalformed, InvalidInput) as defect:
        if args.json:
            outcome = "rejected" if isinstance(defect, CertificateRejected) else "not checked"
            facts = {"certificate": args.certificate, "input": args.input, "accepted": False}
            print(json.dumps({**facts, "outcome": outcome, "reason": str(defect)}, indent=1))
        raise


def _checked(args: argparse.Namespace) -> int:
    from spinemap_exact.certificate.check import check as verify

    certificate = _read(args)
    asked = ask_again(args, certificate)
    if (certificate.evidence or {}).get("kind") in ("sources", "clusters-on-tiles") and args.units is None:
        raise InvalidInput(f"{args.certificate} speaks of given units: --units FILE names the mapping that has them")
    problem, mapping, path = _asked_of_checker(args, certificate.scope)
    try:
        bounds = verify(problem, certificate)
    except CertificateRejected as flaw:
        if flaw.place == "instance":
            raise CertificateRejected(args.certificate, _of_another(args, asked)) from None
        raise CertificateRejected(f"{args.certificate}, {flaw.place}", flaw.reason) from None
    compared = path is not None and certificate.witness is not None
    if compared:
        require_witness(mapping, bounds.scope, certificate.witness, str(path))
    facts = {"certificate": args.certificate, "input": args.input, "accepted": True, "outcome": "accepted"}
    facts |= {**vars(bounds), "mapping": path if compared else None, "units": args.units, "asked": asked}
    words = _accepted(args, problem, bounds, asked)
    if compared:
        words += f"\nthe {bounds.scope} of {path} is the solution that is certified"
    elif mapping is not None:
        words += "\ngiven the stages above it; no mapping was compared with what is certified"
    verbs.say(args, facts, words)
    return verbs.DONE


def _read(args: argparse.Namespace) -> Certificate:
    from spinemap_exact.certificate import format as certificates

    try:
        return certificates.read(args.certificate)
    except CertificateMalformed as defect:
        turned = "; NETWORK comes first, then CERTIFICATE" if args.input.endswith(".certificate") else ""
        raise CertificateMalformed(f"{args.certificate} is no certificate: {defect}{turned}") from defect


def _of_another(args: argparse.Namespace, asked: dict[str, Any]) -> str:
    """Say that a certificate is about something else, and what may be the cause."""
    taken = f" with {shown(asked)}" if asked else ""
    return (
        f"it speaks of another problem than {args.input} as read{taken}; network, spikes, hardware, goal and limits "
        "must be those it was made with"
    )


def _accepted(args: argparse.Namespace, problem: Any, bounds: VerifiedBounds, asked: dict[str, Any]) -> str:
    from spinemap_exact.pipeline.outcome import shown_value

    def told(value: int | None) -> str:
        return shown_value(problem, value)

    scope = f"{bounds.scope} of these units" if args.units else bounds.scope
    if bounds.infeasible:
        proven = "infeasible"
    elif bounds.lower is not None and bounds.lower == bounds.upper:
        proven = f"{problem.measure} {told(bounds.upper)}, optimal"
    else:
        proven = f"{problem.measure} {told(bounds.upper)}, at least {told(bounds.lower)}"
    taken = f", asked with {shown(asked)}" if asked else ""
    evidence = bounds.evidence or "its solution alone"
    return f"{args.certificate}: accepted for {args.input}{taken}\n{scope}: {proven}; verified by {evidence}"


def _asked_of_checker(args: argparse.Namespace, scope: str) -> tuple[Any, Mapping | None, str | None]:
    """Read or rebuild the instance that a certificate must speak of.

    Returns
    -------
    problem : object
    mapping : Mapping or None
        What the stages above are taken from.
    path : str or None
        Where that mapping was found, if it is to be the one that is certified.
    """
    if kind := args.problem or _kind_of_file(args, scope):
        if args.mapping:
            raise InvalidInput("--mapping belongs to a network; a bare problem has none to compare")
        args.problem = kind
        return verbs.bare_problem(args, args.input).problem, None, None
    if (graph := _core_graph(args)) is not None:
        return graph, None, None
    from spinemap_exact.pipeline import stage_problem

    network, hardware, _ = verbs.read_input(args)
    if hardware is None:
        raise InvalidInput(f"say which hardware {args.input} was mapped onto: --hardware PRESET or FILE.toml")
    mapping = path = None
    if (scope not in ("unroll", "mapping")) or has_mapping(args):
        from spinemap_exact.io.mapping_file import read_mapping, read_partition

        file, path = mapping_file(args, scope)
        read = read_partition if file.name == PARTITION else read_mapping
        mapping = read(file, network, hardware)
    traffic = args.traffic or "per-tile"
    if scope == "mapping":
        from spinemap_exact.problems.mapping import MappingObjective, MappingProblem
        from spinemap_exact.problems.partition import Traffic

        limits = args.max_crossbars, verbs.max_latency_ps(args)
        goal = MappingObjective(args.minimise or "energy")
        units = verbs.given_units(args, network, hardware)
        return MappingProblem(network, hardware, Traffic(traffic), goal, *limits, units), mapping, path
    asked = {"unit_fan_in": args.unit_fan_in, "unroll_objective": args.unroll_objective or "crossbars"}
    problem = stage_problem(scope, network, hardware, mapping, traffic, **asked)
    return problem, mapping, path


def _kind_of_file(args: argparse.Namespace, scope: str) -> str | None:
    """What a file must hold that no network is read from, for older certificates, which do not remember."""
    if scope == "packing":
        return scope
    if scope == "placement" and Path(args.input).suffix == ".dat":
        return "qap"
    return "noc" if scope == "placement" and args.mesh else None


def _core_graph(args: argparse.Namespace) -> Any:
    """The placement problem of a core graph that ships; None if none is named."""
    from spinemap_exact.instances import core_graphs
    from spinemap_exact.instances.records import problem_of

    if args.input not in core_graphs() or Path(args.input).exists():
        return None
    return problem_of(core_graphs()[args.input], "placement")


def has_mapping(args: argparse.Namespace) -> bool:
    """A mapping is named, or lies beside the certificate."""
    return bool(args.mapping) or (Path(args.certificate).parent / "mapping.json").exists()


def mapping_file(args: argparse.Namespace, scope: str) -> tuple[Path, str | None]:
    """Where the mapping is; the reference of an instance that ships only gives the stages above."""
    from spinemap_exact import instances

    beside = Path(args.certificate).parent / "mapping.json"
    if scope == "partition" and not args.mapping and not beside.exists() and beside.with_name(PARTITION).exists():
        beside = beside.with_name(PARTITION)
    if args.mapping or beside.exists():
        file = Path(args.mapping or beside)
        return file, str(file)
    if args.input in instances.names() and not Path(args.input).exists():
        return instances.instances()[args.input].reference, None
    raise InvalidInput(
        f"{args.certificate} certifies a {scope}, given the stages above it: name their mapping by --mapping FILE"
    )


def require_witness(mapping: Any, scope: str, witness: Any, path: str) -> None:
    """Reject a mapping that is another solution of this stage than the one that is certified."""
    if scope == "mapping":
        for own_scope in ("unroll", "partition"):
            require_witness(mapping, own_scope, witness, path)
        tiles = {k: witness[k] for k in ("tile_of_cluster", "cluster_of_unit")}
        certified = [tiles["tile_of_cluster"][c] for c in tiles["cluster_of_unit"]]
        own = mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit].tolist()
        _require_equal(f"{path}, tile_of_unit", own, certified)
        return
    stage = {"unroll": mapping.unrolling, "partition": mapping.partition, "placement": mapping.placement}[scope]
    for name in _OF_STAGE[scope]:
        own, certified = getattr(stage, name).tolist(), witness[name]
        if scope == "partition":  # the numbers of clusters mean nothing
            own, certified = _in_order(own), _in_order(certified)
        _require_equal(f"{path}, {name}", own, certified)


def _require_equal(place: str, own: list[int], certified: list[int]) -> None:
    if len(own) != len(certified):
        raise CertificateRejected(place, f"{len(own)} entries; the solution certified has {len(certified)}")
    for k, (a, b) in enumerate(zip(own, certified, strict=True)):
        if a != b:
            raise CertificateRejected(f"{place}[{k}]", f"is {a}; the solution that is certified has {b}")


def _in_order(labels: list[int]) -> list[int]:
    """Number clusters by their first unit."""
    numbers, fresh = dict[int, int](), count()
    return [numbers[label] if label in numbers else numbers.setdefault(label, next(fresh)) for label in labels]
