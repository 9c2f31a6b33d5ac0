"""A process that attacks the product: it says what it is about to do, does it, and says what came of it.

It may crash or hang at any order; whoever supervises it knows which one it was.
"""

from __future__ import annotations

import os
import resource
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import ask
import damage
import draw
import forge
import whole

Table = dict[str, Any]
ROLES = ("solve", "forge", "map", "read")
_FORGERIES = 40  # of one certificate
_DAMAGES = 8  # of one file
_ROOM_BYTES = 1 << 30  # that reading a small file may take


def orders(role: str, seed: int) -> Iterator[Table]:
    """What is to be done under one seed; the same under the same seed, if the product does the same."""
    rng = Random(f"{role} {seed}")
    if role == "solve":
        yield from ask.orders(draw.draw(rng.choice(draw.STAGES), rng), rng)
    elif role == "map":
        yield from whole.orders(draw.mapping(rng), rng)
    elif role == "read":
        yield from damage.orders(rng, _DAMAGES)
    else:
        kind = rng.choice((*draw.STAGES, "mapping"))
        made = rng.choice(
            (lambda: forge.shipped(rng), lambda: forge.written(kind, rng), lambda: forge.simple(kind, rng))
        )()
        others = [forge.shipped(rng)[1] for _ in range(4)]
        if made is not None:
            yield from forge.orders(*made, others, rng, _FORGERIES)


def perform(order: Table) -> tuple[str, str | None]:
    """Carry an order out; what was late is done again, since it may have been the compiler."""
    outcome, finding = _attempt(order)
    return _attempt(order) if finding is not None and finding.startswith("late") else (outcome, finding)


def _attempt(order: Table) -> tuple[str, str | None]:
    """Whatever is raised that should not be is a finding."""
    module = {"certificate": forge, "instance file": forge, "file": damage, "mapping": whole}.get(order["what"], ask)
    try:
        return module.perform(order)
    except Exception as defect:
        return _crash(defect)


def _crash(defect: Exception) -> tuple[str, str]:
    last = traceback.extract_tb(defect.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return "crash", f"crash: {type(defect).__name__} in {place}: {str(defect)[:200]}"


def drawing(role: str, task: Any) -> Table:
    """What a process does between two orders: some are drawn with the help of the product."""
    return {"what": "drawing", "label": role, "task": task}


def messages(role: str, task: Any) -> Iterator[tuple[Any, ...]]:
    """What there is to say while a seed is worked on, or one order."""
    try:
        for order in [task] if isinstance(task, dict) else orders(role, task):
            yield "begin", order
            yield "end", *perform(order)
    except Exception as defect:
        yield "begin", drawing(role, task)
        yield "end", *_crash(defect)
    yield ("done",)


def serve(role: str, pipe: Connection) -> None:
    """Work on seeds as they come, until None comes."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # engines print
        os.dup2(nowhere, stream)
    if role == "read":
        damage.warm_up()
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + _ROOM_BYTES, resource.RLIM_INFINITY))
    pipe.send(("ready",))
    while (task := pipe.recv()) is not None:
        for message in messages(role, task):
            pipe.send(message)
