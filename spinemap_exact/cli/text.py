"""What people read: results as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def columns(rows: Sequence[Sequence[str]], right: set[int]) -> str:
    """Align the cells of a table; columns in ``right`` to their right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            c.rjust(w) if k in right else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def info(facts: dict[str, Any]) -> str:
    lines = [
        f"{facts['network']}: {facts['neurons']:,} neurons, {facts['external_inputs']:,} external inputs, "
        f"{facts['synapses']:,} synapses",
        f"spikes: {facts['spikes']:,} emitted, {facts['synaptic_events']:,} over all synapses"
        + (" (assumed: one spike per neuron)" if facts["spikes_assumed"] else ""),
        f"fan-in: mean {facts['fan_in_mean']:.1f}, largest {facts['fan_in_max']:,}",
    ]
    top = max((count for _, _, count in facts["fan_in_histogram"]), default=1)
    for low, high, count in facts["fan_in_histogram"]:
        span = str(low) if low == high else f"{low}-{high}"
        lines.append(f"  {span:>13}  {count:>9,}  {'#' * max(1, round(40 * count / top))}")
    if facts["populations"]:
        named = [f"{name} ({size})" for name, size in facts["populations"][:12]]
        more = len(facts["populations"]) - len(named)
        lines.append("populations: " + ", ".join(named) + (f" and {more} more" if more else ""))
    if hardware := facts.get("hardware"):
        lines.append(f"hardware {hardware['name']}: {hardware['tiles']} tiles, crossbars {hardware['crossbars'][0]}")
        if hardware["neurons_to_unroll"] and hardware["crossbars_at_least"] is not None:
            lines.append(
                f"  {hardware['neurons_to_unroll']:,} neurons have more inputs than rows and must be unrolled; "
                f"pruning would lose {hardware['synapses_lost_by_pruning']:,} synapses"
            )
        if hardware["crossbars_at_least"] is not None:
            lines.append(f"  at least {hardware['crossbars_at_least']:,} crossbars, by counting")
        lines.append(f"  does not fit: {hardware['short']}" if hardware["short"] else "  counting finds nothing short")
    return "\n".join(lines)


def solution_json(solution: Any) -> Any:
    import numpy as np

    if solution is None:
        return None
    if isinstance(solution, np.ndarray):
        return solution.tolist()
    plain = {k: v for k, v in vars(solution).items() if not k.startswith("_") and k not in ("digest", "depth_of_unit")}
    return {k: solution_json(v) if not isinstance(v, int | str) else v for k, v in plain.items()}


def _scaled(value: int | None, scale: int) -> str:
    """An integer objective, and what it is in the units of the file."""
    if value is None:
        return "-"
    return str(value) if scale == 1 else f"{value} = {scale} x {value / scale:g}"


def solved(file: str, facts: dict[str, Any]) -> str:
    """Say what one solve found and proved."""
    vouched = facts["vouched_by"]
    return "\n".join(
        [
            f"{file}: {facts['status']}" + (f", {facts['reason']}" if facts["status"] == "INFEASIBLE" else ""),
            f"objective   {_scaled(facts['objective'], facts['scale'])} {facts['measure']}",
            f"dual bound  {_scaled(facts['dual_bound'], facts['scale'])}"
            + (f", {vouched['trust']} ({vouched['by']})" if vouched else ""),
            "gap         " + ("-" if facts["gap"] is None else f"{100 * facts['gap']:.2f} %"),
            f"solver      {facts['solver']} ({facts['engine']}), {facts['runtime_s']:.2f} s, "
            f"stopped by: {facts['reason']}",
            "time        " + ", ".join(f"{what} {s:.1f} s" for what, s in facts["spent_s"].items()),
        ]
    )
