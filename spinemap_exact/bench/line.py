"""What a line of runs may hold. A file of runs may come from anybody: every field that is read has its shape here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any

from spinemap_exact.registry import KINDS
from spinemap_exact.result import Status

_LARGEST = 2**63 - 1
_LONGEST_S = 1e12
_MOST_TILES = 10**6


@dataclass(frozen=True)
class Shape:
    """What a value must be, and the words for it."""

    words: str
    fits: Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    """True of text that a terminal prints and does not obey."""
    return isinstance(value, str) and value.isprintable()


def _is_whole(value: Any, low: int = 0) -> bool:
    return type(value) is int and low <= value <= _LARGEST


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= _LONGEST_S


def _is_list(value: Any, fits: Callable[[Any], bool], length: int | None = None) -> bool:
    return isinstance(value, list) and length in (None, len(value)) and all(map(fits, value))


def _is_row(value: Any, *fits: Callable[[Any], bool]) -> bool:
    return _is_list(value, lambda _: True, len(fits)) and all(fit(v) for fit, v in zip(fits, value, strict=True))


def _is_table(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(_is_text(key) and fits(entry) for key, entry in value.items())


def _has(value: Any, **fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(key in value and fit(value[key]) for key, fit in fits.items())


def _or_null(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _is_trace(value: Any) -> bool:
    return _is_list(value, lambda row: _is_row(row, _is_time, _or_null(_is_whole), _or_null(_is_whole)))


def _is_stage(value: Any) -> bool:
    bound, text = _or_null(_is_whole), _or_null(_is_text)
    if not isinstance(value, dict) or not _is_whole(value.get("arrivals", 1), 1):
        return False
    return _has(
        value, measure=_is_text, objective=bound, dual_bound=bound, vouched_by=text, runtime_s=_is_time, trace=_is_trace
    )


def _is_evaluation(value: Any) -> bool:
    counts = dict.fromkeys(("packets", "spike_hops", "link_load_max", "crossbars"), _is_whole)
    latency = _or_null(_is_whole)
    if not isinstance(value, dict) or type(value.get("spikes_assumed", False)) is not bool:
        return False
    return _has(value, energy_fj=_is_energy, traffic=_is_text, latency_worst_ps=latency, **counts)


def _is_energy(value: Any) -> bool:
    return _is_table(value, _is_whole) and "total" in value


def _is_bound(value: Any) -> bool:
    return _has(value, energy_fj=_is_whole, scope=_is_text, energy_gap=lambda gap: gap is None or _is_finite(gap))


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST and math.isfinite(value)


def _is_picture(value: Any) -> bool:
    sizes = dict.fromkeys(("width", "height", "rows", "columns"), lambda size: _is_whole(size, 1))
    clusters = dict.fromkeys(("tile_of_cluster", "columns_used", "rows_used"), lambda row: _is_list(row, _is_whole))
    if not _has(value, io_tile=_or_null(_is_whole), **sizes, **clusters):
        return False
    n, width, height = len(value["tile_of_cluster"]), value["width"], value["height"]
    return (
        width * height <= _MOST_TILES
        and len(value["columns_used"]) == len(value["rows_used"]) == n
        and (value.get("links") is None or _are_links(value["links"], width, height))
        and _is_list(value.get("traffic", []), lambda row: _is_flow(row, n))
    )


def _are_links(value: Any, width: int, height: int) -> bool:
    """Loads of the links to each side: a row of them for each row of tiles that has a neighbour there."""

    def table(rows: int, columns: int) -> Callable[[Any], bool]:
        return lambda side: _is_list(side, lambda row: _is_list(row, _is_whole, columns), rows)

    across, along = table(height, width - 1), table(height - 1, width)
    return _has(value, east=across, west=across, south=along, north=along)


def _is_flow(value: Any, clusters: int) -> bool:
    """Packets from a cluster, or from external inputs (-1), to a cluster."""
    return _is_row(value, *[lambda end: _is_whole(end, -1) and end < clusters] * 2, _is_whole)


def _word(*known: str) -> Shape:
    return Shape(f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known)


_TEXT = Shape("text without control characters", _is_text)
_WHOLE = Shape("an integer from 0 to 2^63 - 1", _is_whole)
_BOUND = Shape("null or an integer from 0 to 2^63 - 1", _or_null(_is_whole))
_TIME = Shape("a number of seconds", _is_time)
_REQUIRED = {
    "key": _TEXT,
    "case": _TEXT,
    "problem": _word(*KINDS),
    "digest": _TEXT,
    "method": _TEXT,
    "seed": _WHOLE,
    "status": _word(*Status, "REJECTED", "FAILED", "CRASHED"),
    "objective": _BOUND,
    "dual_bound": _BOUND,
    # a line brings no certificate that could be checked
    "trust": Shape("null or 'attested', which is all that a run can claim", lambda trust: trust in (None, "attested")),
}
_OPTIONAL = {
    "family": _TEXT,
    "limits": Shape("a table of limits", lambda limits: _has(limits, time_s=_or_null(_is_time))),
    "clock": _word("wall", "cpu"),
    "error": Shape("text", lambda value: isinstance(value, str)),
    "runtime_s": _TIME,
    "cpu_s": _TIME,
    "trace": Shape("a list of [seconds, objective, bound]", _is_trace),
    "stages": Shape("a table of stages", lambda stages: _is_table(stages, _is_stage)),
    "lower_bound": Shape("null or a bound on the energy", _or_null(_is_bound)),
    "evaluation": Shape("an evaluation", _is_evaluation),
    "picture": Shape("what a mapping looks like", _is_picture),
    "cpu": _TEXT,
    "versions": Shape("a table of versions", lambda versions: _is_table(versions, _is_text)),
}


def defect(run: Any) -> str | None:
    """Say in a sentence what keeps a value from being a run; None if nothing does."""
    if not isinstance(run, dict):
        return f"{shortened(run)} is not a run"
    if missing := _REQUIRED.keys() - run.keys():
        return f"not a run: {min(missing)} is missing"
    for name, shape in (_REQUIRED | _OPTIONAL).items():
        if name in run and not shape.fits(run[name]):
            return f"{name} is {shortened(run[name])}, not {shape.words}"
    return _contradiction(run)


def seconds(run: dict[str, Any]) -> float | None:
    """Duration of a run by the clock of its time limit."""
    time_s: float | None = run.get("cpu_s" if run.get("clock") == "cpu" else "runtime_s")
    return time_s


def is_late(run: dict[str, Any]) -> bool:
    """True of a run that took more than its limit, a tenth of it, and a second to come to an end."""
    taken_s, limit_s = seconds(run), run.get("limits", {}).get("time_s")
    return taken_s is not None and limit_s is not None and taken_s > 1.1 * limit_s + 1.0


def lateness(run: dict[str, Any]) -> str:
    """Say how long a late run took."""
    return f"took {seconds(run):.1f} s of {run['limits']['time_s']:g} s: not ranked"


def _contradiction(run: dict[str, Any]) -> str | None:
    objective, bound = run["objective"], run["dual_bound"]
    if (bound is None) != (run["trust"] is None) and run["status"] != "INFEASIBLE":
        return "a bound and who vouches for it come together"
    if objective is not None and bound is not None and bound > objective:
        return f"the bound {bound} exceeds the objective {objective} of the same run"
    if (run["status"] == "OPTIMAL") != (objective is not None and objective == bound):
        return f"the status {run['status']} does not go with objective {objective} and bound {bound}"
    if (run["status"] == "FEASIBLE") and objective is None:
        return "the status FEASIBLE does not go without an objective"
    if "picture" in run and "evaluation" not in run:
        return "a picture comes with the evaluation of its mapping"
    return None
