"""Look for sets of units that conflict pair by pair, among the readers of each source and the source itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spinemap_exact.certificate.check.instance import Partition, read
from spinemap_exact.certificate.check.partition import conflicts

_MOST_MEMBERS = 200_000  # of all cliques together: a file of about a megabyte


def prove(problem: Any, should_stop: Callable[[], bool]) -> dict[str, Any] | None:
    """Return evidence of the packets of all sources; None where that takes too long to check."""
    instance = read(problem).instance
    assert isinstance(instance, Partition)
    return prove_for(instance, should_stop)


def prove_for(instance: Partition, should_stop: Callable[[], bool]) -> dict[str, Any] | None:
    """Return the same for what the checker has read."""
    sources = conflicts.Sources(instance)
    left = conflicts.MAX_STEPS - sources.steps
    if left < 0 or sources.bits > conflicts.MAX_BITS:
        return None
    sources.read()
    cliques: list[list[int]] = []
    held = [0] * instance.nets.num_neurons
    members = 0
    for k, posts in enumerate(instance.nets.posts if instance.traffic == "per-tile" else []):
        if should_stop():
            break
        if not posts or not instance.nets.spikes[k]:
            continue
        for clique in _cliques(sources, k):
            if sources.sends(k, len(clique)) <= sources.sends(k, held[k]):
                continue
            left -= sources.steps_of(clique)
            members += len(clique)
            if left < 0 or members > _MOST_MEMBERS:
                return {"kind": "conflicts", "cliques": cliques}
            cliques.append(clique)
            for source, number in sources.held_by(clique).items():
                held[source] = max(held[source], number)
    return {"kind": "conflicts", "cliques": cliques}


def _cliques(sources: conflicts.Sources, k: int) -> list[list[int]]:
    """Sets met greedily, units that read most first: of the whole group, and with the source itself."""
    nets = sources.nets
    group = sorted({*nets.posts[k], k} if not nets.is_input[k] else nets.posts[k], key=lambda u: -len(nets.pres[u]))
    found = []
    for start in [[]] if nets.is_input[k] else [[], [k]]:
        clique: list[int] = list(start)
        for u in group:
            if u not in start and all(sources.conflict(u, v) for v in clique):
                clique.append(u)
        found.append(clique)
    return found
