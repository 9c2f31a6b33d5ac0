"""Suite x methods x seeds, each pair once, resumed where a bench was killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spinemap_exact.bench.executors import Executor, ProcessExecutor
from spinemap_exact.bench.line import is_late
from spinemap_exact.bench.methods import Method, names
from spinemap_exact.bench.store import Run, Store
from spinemap_exact.bench.suite import Case
from spinemap_exact.bench.task import Task
from spinemap_exact.errors import InvalidInput, meant
from spinemap_exact.result import Limits


@dataclass
class Tally:
    """What became of the runs of one bench."""

    planned: int
    skipped: int
    written: int = 0
    retried: int = 0
    without_answer: int = 0
    late: int = 0


def tasks_of(
    cases: Sequence[Case],
    methods: Iterable[str | Method],
    seeds: Iterable[int],
    limits: Limits,
    clock: str = "wall",
) -> list[Task]:
    """Pair every case with every method that applies to it.

    A given mapping is priced once, whatever the number of seeds.

    Raises
    ------
    InvalidInput
        If a method applies to no case, or the function of a user cannot be loaded.
    """
    seeds = list(seeds)
    tasks = []
    for given in methods:
        method = given if isinstance(given, Method) else Method(given)
        suited = [case for case in cases if method.applies_to(case)]
        if not suited:
            known = sorted({name for case in cases for name in names(case.kind)})
            missing = f"no file {method.file}" if method.file else meant(method.name, known)
            raise InvalidInput(f"the method {method.name!r} applies to no case of the suite; {missing}")
        once = seeds[:1] if method.file else seeds
        tasks += [Task(case, method, replace(limits, seed=seed), clock) for case in suited for seed in once]
    return list({task.key: task for task in tasks}.values())


def run_suite(
    cases: Sequence[Case],
    methods: Iterable[str | Method],
    seeds: Iterable[int],
    limits: Limits,
    out: str | Path,
    executor: Executor | None = None,
    listen: Callable[[Run, int, int], None] | None = None,
    clock: str = "wall",
) -> Tally:
    """Run what is missing or failed in ``out``, and append a line for each run.

    Runs that took longer than their limit are counted as late; reports do not rank them.

    Parameters
    ----------
    methods : iterable of str or Method
        Names of heuristics and solvers, published pairs, ``FILE.py:function`` or ``module:function`` of a heuristic
        ``run(problem, watch)`` of your own, or `Method.of_mapping`.
    limits : Limits
        Of every run; its seed is replaced.
    executor : Executor, optional
        Default: one process at a time.
    listen : callable, optional
        Called with each line, how many are there, and how many there will be.
    clock : str
        What the time limit counts: see `Task`.
    """
    tasks = tasks_of(cases, methods, seeds, limits, clock)
    with Store(out) as store:
        missing = [task for task in tasks if task.key not in store.keys]
        tally = Tally(planned=len(tasks), skipped=len(tasks) - len(missing))
        if not missing:
            return tally
        for line in (executor or ProcessExecutor()).run(missing):
            if store.append(line):
                tally.written += 1
                tally.retried += line["attempts"] > 1
                tally.without_answer += line["objective"] is None
                tally.late += is_late(line)
                if listen:
                    listen(line, tally.skipped + tally.written, tally.planned)
    return tally
