"""What a certificate remembers of the command that made it, so that `check` asks the same without being told again."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spinemap_exact.errors import CertificateMalformed, InvalidInput

if TYPE_CHECKING:
    from spinemap_exact.certificate.format import Certificate

_OPTIONS = (
    *("problem", "mesh", "clusters", "max_area", "objective", "unit_fan_in", "max_depth", "traffic"),
    *("minimise", "max_crossbars", "max_latency", "unroll_objective", "weight_threshold", "pooling_neurons"),
)
_HARDWARE = "hardware"  # the name of a preset, or a file
_GIVEN_AGAIN = ("spikes", "units", "where")  # files, which a certificate must not choose, and conditions on lines
_FIRST_GOAL = "packets"  # of a partition, unless another is named
_UNSAID: tuple[Any, ...] = (None, False, 0.0, [])


def remembering(certificate: Certificate, args: argparse.Namespace, problem: Any) -> Certificate:
    """Return a certificate that says how its problem was asked."""
    return replace(certificate, asked=_said(args) | _posed(problem) or None)


def ask_again(args: argparse.Namespace, certificate: Certificate) -> dict[str, Any]:
    """Complete the options of `check` by what the certificate remembers; what is given counts.

    Returns
    -------
    dict
        What was taken from the certificate.

    Raises
    ------
    InvalidInput
        If a file that was named has to be named again.
    CertificateMalformed
        If there is no such option.
    """
    from spinemap_exact.cli.options import parser

    _require_known(certificate.asked or {})
    asked = {name: value for name, value in (certificate.asked or {}).items() if getattr(args, name) in _UNSAID}
    if missing := [_option(name) for name, value in asked.items() if value is None]:
        raise InvalidInput(f"{args.certificate} was made with {' and '.join(missing)}: give the same again")
    options = [_option(name) if value is True else f"{_option(name)}={value}" for name, value in asked.items()]
    taken = parser().parse_args(["check", *options, "--", args.input, args.certificate])
    for name in asked:
        setattr(args, name, getattr(taken, name))
    return asked


def shown(asked: dict[str, Any]) -> str:
    """Write options as they are given."""
    return " ".join(_option(name) if value is True else f"{_option(name)} {value}" for name, value in asked.items())


def _said(args: argparse.Namespace) -> dict[str, Any]:
    from spinemap_exact.hardware import preset_names

    given = {name: value for name, value in vars(args).items() if value not in _UNSAID}
    said = {name: given[name] for name in _OPTIONS if name in given}
    said |= {name: None for name in _GIVEN_AGAIN if name in given}
    if _HARDWARE in given:
        said[_HARDWARE] = given[_HARDWARE] if given[_HARDWARE] in preset_names() else None
    if said.get("traffic") == "per-tile":
        del said["traffic"]
    if said.get("problem") == "partition":
        said.pop("objective", None)
    return said


def _posed(problem: Any) -> dict[str, Any]:
    """Goals and limits of a problem that follow another, as those of a front, or packets within the least area."""
    posed: dict[str, Any] = {}
    if problem.kind == "mapping":
        latency = None if problem.max_latency_ps is None else f"{problem.max_latency_ps} ps"
        posed = {"max_crossbars": problem.max_crossbars, "max_latency": latency}
    if problem.kind == "partition":
        goal = str(problem.objective)
        posed = {"objective": None if goal == _FIRST_GOAL else goal, "max_area": problem.max_area}
    return {name: value for name, value in posed.items() if value is not None}


def _require_known(asked: dict[str, Any]) -> None:
    """Refuse what no certificate may choose, files above all."""
    from spinemap_exact.hardware import preset_names

    for name, value in asked.items():
        known = (*_OPTIONS, _HARDWARE, *_GIVEN_AGAIN) if value is None else _OPTIONS
        if name not in known and (name != _HARDWARE or value not in preset_names()):
            raise CertificateMalformed(f"asked: {name} {value} is no option that a certificate may name")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
