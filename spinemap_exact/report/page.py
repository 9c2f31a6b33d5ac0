"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources

from spinemap_exact.bench.line import is_late, seconds
from spinemap_exact.bench.store import Run
from spinemap_exact.report import svg
from spinemap_exact.report.profiles import CLOSE, WORST_DRAWN, cactus, found_at, performance
from spinemap_exact.report.summary import Summary
from spinemap_exact.report.tables import percent, table_of_cases, table_of_methods, table_of_unscored, vouched
from spinemap_exact.result import relative_gap
from spinemap_exact.units import duration_text, duration_unit, energy_text, energy_unit

_MOST_MAPPINGS = 40
_MOST_TRACES = 24
_MOST_UNSCORED = 40


def html(summary: Summary, title: str) -> str:
    """Return the page."""
    body = [f"<h1>{escape(title)}</h1>", _intro(summary)]
    for problem in summary.problems():
        body += [f"<h2>{escape(problem)}</h2>", _methods(summary, problem), _profiles(summary, problem)]
        body += [_cases(summary, problem), _unscored(summary, problem)]
    body += [_mappings(summary), _traces(summary)]
    return page(title, body)


def html_of_mapping(run: Run, title: str) -> str:
    """Return the page of one mapping: what was found and proven in each stage, and the pictures.

    Parameters
    ----------
    run : dict
        ``case``, ``stages`` and, where there is a mapping, ``evaluation`` and ``picture``, as in the lines of a bench.
    """
    drawn = [_heat_key(), _facts_and_figures(run)] if run.get("picture") else ["<p>No mapping was found.</p>"]
    return page(title, [f"<h1>{escape(title)}</h1>", _stages(run), *drawn])


def page(title: str, body: Sequence[str]) -> str:
    style = (resources.files("spinemap_exact.report") / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _intro(summary: Summary) -> str:
    machines = sorted({r["cpu"] for r in summary.runs if r.get("cpu")})
    versions = sorted({r["versions"]["spinemap-exact"] for r in summary.runs if r.get("versions")})
    proven = sum(k.is_proven for k in summary.known.values())
    return (
        f"<p>{len(summary.runs)} runs on {len(summary.known)} problems, {proven} of them with a proven optimum. "
        "A gap is (objective − bound) / objective, against the best bound known for the problem from any run or from "
        "the suite; “above best” compares with the best objective instead. Runs without an answer, and those that "
        "took longer than their limit, are counted apart and enter no gap.</p>"
        f'<p class="faint">spinemap-exact {escape(", ".join(versions))}; {escape("; ".join(machines))}</p>'
    )


def _methods(summary: Summary, problem: str) -> str:
    return table(*table_of_methods(summary, problem))


def _cases(summary: Summary, problem: str) -> str:
    by_case = table(*table_of_cases(summary, problem))
    return f"<details><summary>Median gap by case, in percent; {vouched(summary, problem)}</summary>{by_case}</details>"


def _unscored(summary: Summary, problem: str) -> str:
    header, lines = table_of_unscored(summary, problem)
    if not lines:
        return ""
    left_out = f"<p>{len(lines) - _MOST_UNSCORED} more: see runs.csv.</p>" if len(lines) > _MOST_UNSCORED else ""
    return f"<h3>Not scored</h3>{table(header, lines[:_MOST_UNSCORED])}{left_out}"


def _profiles(summary: Summary, problem: str) -> str:
    methods = summary.methods(problem)
    of_problem = [r for r in summary.runs if r["problem"] == problem]
    slowest = max((found_at(r) for r in of_problem if r["objective"] is not None), default=1.0)
    most = max(sum(r["method"] == method for r in of_problem) for method in methods)
    cactuses, profiles = [], []
    for method in methods:
        points = cactus(summary, problem, method)
        cactuses.append((method, [(points[0][0], 0.0), *points, (slowest, points[-1][1])] if points else []))
        points = [(ratio, share) for ratio, share in performance(summary, problem, method) if ratio <= WORST_DRAWN]
        profiles.append((method, [(1.0, 0.0), *points, (WORST_DRAWN, points[-1][1])] if points else []))
    figures = [
        (
            svg.chart(
                cactuses,
                "seconds until found",
                f"runs within {100 * CLOSE:g} % of the best",
                log_x=True,
                y_range=(0, most),
            ),
            "Cactus: how many good answers come how soon. Higher and further left is better.",
        ),
        (
            svg.chart(
                profiles, "objective / best objective", "% of all runs", x_range=(1.0, WORST_DRAWN), y_range=(0, 100)
            ),
            "Performance profile: the share of runs within a factor of the best.",
        ),
    ]
    return f'<div class="figures">{"".join(figure(picture, text) for picture, text in figures)}</div>'


def _mappings(summary: Summary) -> str:
    best: dict[tuple[str, str], Run] = {}
    for run in summary.runs:
        key = run["case"], run["method"]
        if run.get("picture") and not is_late(run) and (key not in best or run["objective"] < best[key]["objective"]):
            best[key] = run
    shown = [best[key] for key in sorted(best)][:_MOST_MAPPINGS]
    if not shown:
        return ""
    left_out = f"<p>{len(best) - len(shown)} more are not drawn.</p>" if len(best) > len(shown) else ""
    return "<h2>Mappings</h2>" + _heat_key() + "".join(map(_mapping, shown)) + left_out


def _mapping(run: Run) -> str:
    stages = _stages(run, "vouched for by (says the run)")
    return (
        f'<section class="mapping"><h3>{escape(run["case"])}: {escape(run["method"])}</h3>'
        f"{_facts_and_figures(run, run['seed'])}{stages}</section>"
    )


def _facts_and_figures(run: Run, seed: int | None = None) -> str:
    found, picture = run["evaluation"], run["picture"]
    energy = found["energy_fj"]
    terms = [(term, float(fj), energy_text(fj)) for term, fj in energy.items() if term != "total"]
    facts = [
        f"{energy_text(energy['total'])} a window{_at_least(run.get('lower_bound'))}",
        f"{found['packets']:,} packets ({found['traffic']})",
        f"{found['spike_hops']:,} spike-hops",
        f"busiest link {found['link_load_max']:,}",
        f"{found['crossbars']:,} crossbars",
    ]
    if found["latency_worst_ps"] is not None:
        facts.append(f"worst latency {duration_text(found['latency_worst_ps'])}")
    if found.get("spikes_assumed"):
        facts.append("traffic is assumed: one spike for every neuron, as no spike counts were given")
    facts += [] if seed is None else [f"seed {seed}"]
    most = max((packets for _, _, packets in picture.get("traffic") or ()), default=0)
    figures = []
    if picture["links"] is not None:  # of a mesh too large to be drawn there are none
        figures.append(
            figure(
                svg.mesh(picture),
                f"Mesh: clusters by number, shaded by columns used of {picture['columns']}; links by load, at most "
                f"{found['link_load_max']:,} packets",
            )
        )
    figures += [
        figure(
            svg.matrix(picture),
            f"Traffic from cluster (row) to cluster (column), the last row from external inputs; at most {most:,} "
            "packets",
        ),
        f"<div>{figure(svg.columns(picture), 'Occupancy of each crossbar')}"
        f"{figure(svg.bars(terms), 'Energy by term')}</div>",
    ]
    return f'<p>{escape(", ".join(facts))}</p><div class="figures">{"".join(figures)}</div>'


def _at_least(bound: Run | None) -> str:
    if bound is None:
        return ""
    gap = percent(bound["energy_gap"])
    return f" (at least {energy_text(bound['energy_fj'])} for {bound['scope']}: gap {gap})"


def _stages(run: Run, by: str = "vouched for by") -> str:
    """A line and a chart for each stage of a run that proved something."""
    stages = run.get("stages") or {}
    if not stages:
        return ""
    rows, figures = [], []
    for name, stage in stages.items():
        gap = percent(relative_gap(stage["objective"], stage["dual_bound"]))
        told = [
            _amount(stage, stage["objective"]),
            _amount(stage, stage["dual_bound"]),
            gap,
            stage["vouched_by"] or "-",
        ]
        rows.append([name, stage["measure"], *told, f"{stage['runtime_s']:.1f} s"])
        chart = _trace_chart(stage["trace"], stage["runtime_s"], *_axis(stage))
        figures.append(figure(chart, f"Bound and incumbent of the {name} stage"))
    header = ("stage", "measure", "objective", "bound", "gap", by, "time")
    drawn = "".join(figures)
    return table(header, rows) + (f'<div class="figures">{drawn}</div>' if drawn else "")


def _traces(summary: Summary) -> str:
    """Bound and incumbent over time, for runs that have both."""
    runs = [r for r in summary.runs if any(p[2] is not None for p in r.get("trace") or ())]
    figures = [
        figure(
            _trace_chart(run["trace"], seconds(run) or 0.0, *_axis_of_run(run)),
            f"{run['case']}: {run['method']}, seed {run['seed']}",
        )
        for run in runs[:_MOST_TRACES]
    ]
    if not figures:
        return ""
    left_out = f"<p>{len(runs) - len(figures)} more are not drawn.</p>" if len(runs) > len(figures) else ""
    return f'<h2>Bound and incumbent over time</h2><div class="figures">{"".join(figures)}</div>{left_out}'


def _trace_chart(trace: Sequence[Sequence[float | None]], end: float, measure: str, size: float) -> str:
    """Steps of objective and bound, in units of ``size``; empty where nothing changed on the way."""
    incumbent = [(float(t), o / size) for t, o, _ in trace if t is not None and o is not None]
    bound = [(float(t), b / size) for t, _, b in trace if t is not None and b is not None]
    values = [value for _, value in (*incumbent, *bound)]
    if len(set(values)) < 2:
        return ""
    lines = [(name, [*line, (end, line[-1][1])]) for name, line in (("incumbent", incumbent), ("bound", bound)) if line]
    margin = 0.06 * (max(values) - min(values))
    y_range = max(0.0, min(values) - margin), max(values) + margin
    return svg.chart(lines, "seconds", measure, x_range=(0.0, max(end, 1e-3)), y_range=y_range, dashed=True)


def _amount(stage: Run, value: int | None) -> str:
    """Write an objective or a bound as it is written elsewhere: energies and times with their units."""
    if value is None:
        return "-"
    match stage["measure"]:
        case "energy":
            return energy_text(value)
        case "worst latency" | "mean latency":
            return duration_text(value / _average_over(stage))
    return f"{value:,}"


def _axis(stage: Run) -> tuple[str, float]:
    """What is drawn of a stage, with its unit, and the size of that."""
    measure, largest = stage["measure"], stage["objective"] or stage["dual_bound"] or 0
    match measure:
        case "energy":
            unit, size = energy_unit(largest)
        case "worst latency" | "mean latency":
            unit, size = duration_unit(round(largest / _average_over(stage)))
        case _:
            return measure, 1
    return f"{measure}, {unit}", size * _average_over(stage)


def _axis_of_run(run: Run) -> tuple[str, float]:
    is_energy = run["problem"] == "mapping"
    return _axis({**run, "measure": "energy" if is_energy else "objective"})


def _average_over(stage: Run) -> int:
    return int(stage.get("arrivals", 1)) if stage["measure"] == "mean latency" else 1


def _heat_key() -> str:
    shades = "".join(f'<i style="background:var(--h{s})"></i>' for s in range(svg.SHADES))
    return f'<p class="heat">little {shades} much</p>'


def figure(picture: str, text: str) -> str:
    if not picture:
        return ""
    return f"<figure>{picture}<figcaption>{escape(text)}</figcaption></figure>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + f"<th>{escape(row[0])}</th>" + "".join(f"<td>{escape(c)}</td>" for c in row[1:]) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
