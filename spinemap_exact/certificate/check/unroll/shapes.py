"""Unrolling: how many synapses fit where so many axons meet so many neurons, given what each is worth."""

from __future__ import annotations

from collections import Counter
from heapq import nlargest
from itertools import accumulate
from math import isqrt

from spinemap_exact.certificate.check.counting import units_due
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Unroll
from spinemap_exact.certificate.check.kinds import proves

MAX_STEPS = 5 * 10**7  # pairs of synapses at one axon or one neuron, and shapes: seconds


@proves("shapes", Unroll)
def prove(instance: Unroll, evidence: Field, claim: int | None) -> int | None:
    """Return the bound on the crossbars that the values prove; None if more are needed than there may be.

    Two units of one neuron in one crossbar may be merged, and its rows and columns suffice for the result. So let a
    crossbar hold x axons, y neurons and q carries, x + q <= R and 1 <= y <= N; it holds at most e(x, y) synapses. All
    crossbars together hold S synapses; as many carries as sum y, less one for each of the n neurons, so that
    sum (R - x - y) >= -n; at least T units, the fewest of each neuron; and A rows of axons, ceil(readers / N) each.
    With values pi, mu, nu, rho >= 0, no crossbar is worth more than V, the most of
    pi e(x, y) + mu (R - x - y) + nu y + rho x, and all are worth pi S - mu n + nu T + rho A at least.

    e(x, y) is the least of x y, the y largest min(fan-in, x), the x largest min(fan-out, y), and two bounds by overlap:
    let d_k of the y neurons read axon k. Then e^2 <= x sum d_k^2 (Cauchy), and the sum counts pairs of synapses at one
    axon: e pairs of a synapse with itself, and for each two neurons, in either order, axons in common. These are at
    most W(y), the y largest of the sums of what a neuron has in common with the y - 1 others that share most with
    it. So e <= (x + sqrt(x^2 + 4 x W)) / 2. The last bound is this one with axons and neurons exchanged.
    """
    fields = evidence.table("kind", "synapses", "carries", "units", "rows")
    pi, mu, nu, rho = (fields[name].integer(low=0) for name in ("synapses", "carries", "units", "rows"))
    posts, pres, rows, columns = instance.nets.posts, instance.nets.pres, instance.rows, instance.columns
    pairs = sum(len(p) ** 2 for p in posts) + sum(len(p) ** 2 for p in pres)
    steps = pairs + (rows + columns) * len(posts) + rows * columns
    if steps > MAX_STEPS:
        evidence.rejected(f"{steps} steps are more than {MAX_STEPS}")
    common = _most_in_common(pres, posts, columns)
    shared = _most_in_common(posts, pres, rows)
    fan_in = [_largest(pres, x, columns) for x in range(rows + 1)]
    fan_out = [_largest(posts, y, rows) for y in range(columns + 1)]
    worth = 0
    for x in range(rows + 1):
        for y in range(1, columns + 1):
            by_neurons, by_axons = _by_overlap(x, common[y]), _by_overlap(y, shared[x])
            held = min(x * y, fan_in[x][y], fan_out[y][x], by_neurons, by_axons)
            worth = max(worth, pi * held + mu * (rows - x - y) + nu * y + rho * x)
    due = units_due(instance, rows)
    axon_rows = sum(-(-len(p) // columns) for p in posts)
    total = pi * sum(map(len, posts)) - mu * len(due) + nu * sum(due) + rho * axon_rows
    bound = max(0, -(-total // worth)) if worth > 0 else 0
    if instance.max_crossbars is not None and bound > instance.max_crossbars:
        return None
    return bound if instance.objective == "crossbars" else 0


def _largest(ends: list[list[int]], width: int, count: int) -> list[int]:
    """Sums of the 0, 1, ..., ``count`` largest degrees, each ``width`` at most."""
    degrees = nlargest(count, (min(len(e), width) for e in ends))
    return list(accumulate(degrees + [0] * (count - len(degrees)), initial=0))


def _most_in_common(ends: list[list[int]], back: list[list[int]], count: int) -> list[int]:
    """For 0, 1, ..., ``count`` of the nodes, what they have in common at most, summed over ordered pairs."""
    sums = []
    for i, own in enumerate(ends):
        met = Counter(j for k in own for j in back[k])
        met.pop(i, None)
        largest = nlargest(count - 1, met.values())
        sums.append(list(accumulate(largest + [0] * (count - 1 - len(largest)), initial=0)))
    return [0] + [sum(nlargest(y, (with_others[y - 1] for with_others in sums))) for y in range(1, count + 1)]


def _by_overlap(count: int, pairs: int) -> int:
    """Largest e with e^2 <= count (e + pairs)."""
    return (count + isqrt(count * count + 4 * count * pairs)) // 2
