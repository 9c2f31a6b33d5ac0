"""Verbs and options, and what --help says of them. Imports nothing heavy: --help answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from spinemap_exact import __version__
from spinemap_exact.cli import bench, checking, chips, library
from spinemap_exact.cli import verbs as run
from spinemap_exact.cli.parser import Parser

_GOALS = ("energy", "mean-latency", "worst-latency", "crossbars", "bottleneck")  # of problems.mapping

_EXIT_STATUS = """\
exit status:
  0  done; what was proven is in the output
  1  a mapping or certificate was rejected
  2  usage, or bad input (one sentence says what)
  3  proven infeasible
  4  stopped with nothing found
  5  not proven optimal, with --require-proof
  70 a defect of this program; --verbose shows where
"""

_EXAMPLES = """\
examples:
  spinemap-exact warm-up
  spinemap-exact map digits-64-32-10
  spinemap-exact map digits-64-32-10 --pareto energy crossbars --out front1
  spinemap-exact map network.nir --spikes counts.csv --hardware generic-128x128 --out run1
  spinemap-exact info network.nir --hardware loihi
  spinemap-exact solve nug12.dat --problem qap
  spinemap-exact solve mwd.csv --problem noc --mesh 4x4
  spinemap-exact solve partition.json --problem partition --objective area-then-packets
  spinemap-exact instances --family small
  spinemap-exact hardware show loihi
  spinemap-exact bench --method spinemap --method best-effort --out runs.jsonl
  spinemap-exact report runs.jsonl

"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs; each sets ``verb`` to the function that runs it."""
    top = Parser(
        prog="spinemap-exact",
        description="Map spiking neural networks onto tile-based crossbar hardware, optimally or with a proven gap.",
        epilog=_EXAMPLES + _EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    verbs = top.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_info(verbs)
    _add_map(verbs)
    _add_solve(verbs)
    _add_evaluate(verbs)
    _add_check(verbs)
    _add_convert(verbs)
    _verb(
        verbs, "warm-up", run.warm_up, "compile the numerical kernels now",
        "Compile the numerical kernels now, in as many processes as there are processors. It happens once for an\n"
        "installation; where it has not happened, `map` and `solve` begin with what they need of it. No time limit\n"
        "counts it.",
    )  # fmt: skip
    bench.add_verbs(verbs, _verb)
    library.add_verb(verbs, _verb)
    chips.add_verb(verbs, _verb)
    return top


def _verb(verbs: Any, name: str, action: Callable[..., int], summary: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=text, epilog=_EXIT_STATUS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(verb=action)
    common = parser.add_argument_group("output")
    common.add_argument("--json", action="store_true", help="result for a machine on stdout; progress stays on stderr")
    common.add_argument("--quiet", action="store_true", help="no progress")
    common.add_argument("--verbose", action="store_true", help="log what solvers do")
    return parser


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", metavar="NETWORK", help="name of a shipped instance, or a file: NIR, SONATA config, TENNLab JSON, "
        "edge list (.csv, .tsv, .txt), native (.npz), matrix (.mtx, .npy, .npz), .graphml, hypergraph (.hgr)"
    )  # fmt: skip
    parser.add_argument(
        "--spikes",
        metavar="FILE",
        help="spike counts: CSV neuron,spikes[,input]; events: CSV neuron,time or NEST .dat; "
        "raster .npy/.npz; SONATA spikes .h5",
    )
    parser.add_argument(
        "--weight-threshold", type=float, default=0.0, metavar="W", help="drop synapses with |weight| <= W; default 0"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="of an edge list, read only lines with this value; may be repeated",
    )
    parser.add_argument(
        "--pooling-neurons", action="store_true", help="of a NIR graph, count the outputs of pooling nodes as neurons"
    )


def _add_hardware(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hardware", metavar="HW", help="preset (see the verb `hardware`) or FILE.toml; shipped "
        "instances bring their own"
    )  # fmt: skip


def _add_limits(parser: argparse.ArgumentParser, time_s: float) -> None:
    group = parser.add_argument_group("limits")
    group.add_argument(
        "--time-limit", type=float, default=time_s, metavar="S", help="seconds from warm start to last check, 0 for "
        f"none; reading files and compiling kernels are not counted; default {time_s:g}"
    )  # fmt: skip
    group.add_argument(
        "--certify-time", type=float, metavar="S", help="look for evidence for certificates for S seconds beyond the "
        "limit, instead of in a quarter of it"
    )  # fmt: skip
    group.add_argument("--workers", type=int, default=2, metavar="K", help="threads or processes; default 2")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="source of every random choice; default 0")
    group.add_argument("--require-proof", action="store_true", help="exit with 5 unless proven optimal")


def _add_traffic(parser: argparse.ArgumentParser, default: str | None = "per-tile") -> None:
    parser.add_argument(
        "--traffic",
        choices=("per-tile", "per-synapse"),
        default=default,
        help="a spike sends one packet to each remote tile that reads it (per-tile, the default), or one for each "
        "synapse that crosses tiles (per-synapse)",
    )


def _add_info(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "info",
        run.info,
        "sizes, fan-in histogram, simple bounds",
        "Say what a network is made of and, with --hardware, whether counting alone rules out a fit.",
    )
    _add_input(parser)
    _add_hardware(parser)


def _add_map(verbs: Any) -> None:
    parser = _verb(
        verbs, "map", run.map, "map a network onto hardware: the main job",
        "Map a network onto hardware: unroll neurons with more inputs than rows, put units into crossbars and these\n"
        "on tiles, all at once and for one goal. The bound that is printed holds for any mapping of this network.\n"
        "--stages solves unrolling, partition and placement one after the other instead; each is proven given the\n"
        "stages above it, which says nothing about other units.",
    )  # fmt: skip
    _add_input(parser)
    _add_hardware(parser)
    _add_goal(parser)
    parser.add_argument(
        "--pareto", nargs=2, choices=("energy", "crossbars", "worst-latency"), metavar="GOAL",
        help="weigh two goals, energy and crossbars or energy and worst-latency: the cheapest mapping within each of "
        "up to ten limits, each with its bound; the time limit is shared by all",
    )  # fmt: skip
    parser.add_argument("--stages", action="store_true", help="stage by stage, each with its own bound")
    parser.add_argument(
        "--stage", choices=("unroll", "partition", "placement"), help="stop after this stage (implies --stages)"
    )
    _add_traffic(parser)
    parser.add_argument("--no-unroll", action="store_true", help="refuse neurons with more inputs than rows")
    parser.add_argument(
        "--unit-fan-in", type=int, metavar="F", help="homogeneous units of F inputs, as published (F = 2)"
    )
    _add_unroll_objective(parser)
    parser.add_argument(
        "--solver", action="append", default=[], metavar="[STAGE=]NAME", help="may be repeated; 'none' proves nothing"
    )
    parser.add_argument(
        "--warm-start", action="append", default=[], metavar="[STAGE=]NAME", help="heuristic; may be repeated"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="write mapping, certificates, evaluation, result, summary, log and report.html there; the best so far "
        "is written as it is found, and run.json names the run and its files",
    )
    parser.add_argument("--force", action="store_true", help="clear what another run has left in DIR")
    _add_limits(parser, 60.0)


def _add_unroll_objective(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--unroll-objective", choices=("crossbars", "units", "carry-spikes"), default=None, metavar="GOAL",
        help="what the unroll stage of --stages minimises: crossbars (the default), units, or carry-spikes, the fewest "
        "spikes that the units of a neuron pass on",
    )  # fmt: skip


def _add_goal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minimise", choices=_GOALS, metavar="GOAL", help=f"{', '.join(_GOALS)}; default: energy")
    parser.add_argument("--max-crossbars", type=int, metavar="B", help="use at most B crossbars")
    parser.add_argument("--max-latency", metavar="L", help="no spike slower than L, as in '20 ns'")
    parser.add_argument(
        "--units",
        metavar="FILE",
        help="keep the units of this mapping (of a shipped instance also: reference), and choose their crossbars and "
        "tiles; the bound is then one of these units",
    )


def _add_solve(verbs: Any) -> None:
    parser = _verb(
        verbs, "solve", run.solve, "one bare sub-problem in a public format",
        "Solve one sub-problem: QAPLIB .dat (qap), core graph .csv with --mesh (noc), bin packing text (packing), or\n"
        "the JSON of a partition, unroll or placement problem.",
    )  # fmt: skip
    parser.add_argument("file", metavar="FILE")
    _add_problem(parser, required=True)
    _add_traffic(parser, default=None)
    parser.add_argument("--solver", metavar="NAME", help="default: chosen by size")
    parser.add_argument("--warm-start", metavar="NAME", help="heuristic; 'none' for a cold start")
    parser.add_argument(
        "--certificate",
        metavar="FILE",
        help="write what the checker verified; a quarter of the limit, and what a proof leaves of it, goes to evidence",
    )
    _add_limits(parser, 60.0)


def _add_problem(parser: argparse.ArgumentParser, required: bool) -> None:
    parser.add_argument("--problem", required=required, choices=tuple(run.KIND_OF_PROBLEM), help="what the file holds")
    parser.add_argument("--mesh", metavar="WxH", help="mesh of tiles, for noc")
    parser.add_argument("--clusters", type=int, metavar="K", help="most clusters allowed, for partition")
    parser.add_argument("--max-area", type=int, metavar="A", help="most area of all crossbars, for partition")
    parser.add_argument(
        "--objective",
        help="packets, crossbars or area for partition, or area-then-packets (least area, then fewest packets within "
        "it; solve only); crossbars, units or carry-spikes for unroll",
    )
    parser.add_argument("--unit-fan-in", type=int, metavar="F", help="homogeneous units, for unroll")
    parser.add_argument("--max-depth", type=int, metavar="D", help="deepest tree of units, for unroll")


def _add_evaluate(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "evaluate",
        run.evaluate,
        "energy, latency, congestion of any mapping",
        "Price a mapping from whatever tool. One that breaks a limit of the hardware is not priced: the limits it\n"
        "breaks are named, and the exit status is 1.",
    )
    _add_input(parser)
    parser.add_argument("mapping", metavar="MAPPING", help="mapping JSON, or CSV neuron,tile or neuron,x,y")
    _add_hardware(parser)
    _add_traffic(parser)


def _add_check(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "check",
        checking.check,
        "verify a certificate without any solver",
        "Verify a certificate from the instance and integer arithmetic alone. NETWORK is what was given to map or to\n"
        "solve. A certificate remembers its options, and the answer names those it was asked with; files (--spikes,\n"
        "--hardware FILE, --units) are given again, and whatever is given counts. A mapping beside the certificate\n"
        "or under --mapping must be the solution that is certified.",
    )
    _add_input(parser)
    _add_goal(parser)
    _add_unroll_objective(parser)
    parser.add_argument("certificate", metavar="CERTIFICATE")
    _add_hardware(parser)
    parser.add_argument("--mapping", metavar="FILE", help="default: mapping.json beside the certificate, or "
                        "the stages above from the reference of a shipped instance")  # fmt: skip
    _add_problem(parser, required=False)
    _add_traffic(parser, default=None)  # a bare problem may have none


def _add_convert(verbs: Any) -> None:
    parser = _verb(verbs, "convert", run.convert, "networks and mappings into other formats",
                   "Read a network and write it as native .npz or as an edge list; or, with --mapping, read a mapping\n"
                   "of it and write that as a table (.csv), as JSON, or for another tool (--to):\n\n"
                   "  spinemap-exact convert digits-64-32-10 demo --mapping out/mapping.csv --to sanafe\n\n"
                   "writes demo/architecture.yaml and demo/network.yaml, which SANA-FE simulates.")  # fmt: skip
    _add_input(parser)
    parser.add_argument("output", metavar="OUT", help=".npz, .csv or .tsv; of a mapping .csv or .json; for SANA-FE a "
                        "folder")  # fmt: skip
    parser.add_argument("--mapping", metavar="FILE", help="write this mapping of the network, not the network")
    parser.add_argument("--to", choices=("sanafe", "pacman"), help="the tool that reads the mapping")
    _add_hardware(parser)
