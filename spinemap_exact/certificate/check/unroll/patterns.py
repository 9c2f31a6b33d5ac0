"""Unrolling: what a single crossbar can be worth, given values of synapses, carries and units."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.certificate.check.counting import units_due
from spinemap_exact.certificate.check.field import Field
from spinemap_exact.certificate.check.instance import Unroll
from spinemap_exact.certificate.check.kinds import proves

MAX_STEPS = 4 * 10**8  # entries of the table (set of neurons, axon): seconds
MAX_NEURONS = 22
_CHUNK = 2**22


@proves("patterns", Unroll)
def prove(instance: Unroll, evidence: Field, claim: int | None) -> int | None:
    """Return the bound on the crossbars that the values prove; None if more are needed than there may be.

    Two units of one neuron in one crossbar may be merged, and its rows and columns suffice for the result. So let a
    crossbar hold the neurons C, at most N, the axons Y, and q_i carries of neurons i in C, |Y| + sum q_i <= R. Then
    every synapse (k, i) has a crossbar with k in Y and i in C; the carries of i are one fewer than its c_i crossbars;
    and c_i >= t_i, since a unit reads R axons and carries at most. Let z_i be the carries of i beyond t_i - 1 in a
    crossbar. All z_i together are c_i - t_i at most, since c_i - 1 carries are all there are, and t_i - 1 of them do
    not count in the first crossbar. With values pi, mu, nu >= 0, all crossbars together are worth

        sum over crossbars [ sum of pi[k, i] over Y x C + sum of mu_i (q_i - 1) + nu_i (1 - z_i) over C ]
            >=  sum pi - sum mu + sum t_i nu_i,

    and no crossbar is worth more than the best choice for its C: each of R rows takes what is worth most, an axon,
    sum of pi[k, i] over C, one of the first t_i - 1 carries, mu_i, or one more, mu_i - nu_i. All C are tried.
    """
    fields = evidence.table("kind", "synapses", "carries", "units")
    neurons = [i for i, is_input in enumerate(instance.nets.is_input) if not is_input]
    axons = [k for k, posts in enumerate(instance.nets.posts) if posts]
    n = len(neurons)
    if n > MAX_NEURONS or (len(axons) + 1) << n > MAX_STEPS:
        evidence.rejected(f"{n} neurons of {len(axons)} axons have too many sets")
    synapses = fields["synapses"].integers(sum(map(len, instance.nets.posts)), low=0)
    carries, units = (fields[name].integers(n, low=0) for name in ("carries", "units"))
    if instance.rows * sum(synapses) + (instance.rows + 1) * sum(carries) + sum(units) >= 2**62:
        evidence.rejected("the values are too large")
    value = np.zeros((n, len(axons)), dtype=np.int64)
    place = {i: position for position, i in enumerate(neurons)}
    ends = [(a, place[i]) for a, k in enumerate(axons) for i in instance.nets.posts[k]]
    for (a, i), worth in zip(ends, synapses, strict=True):
        value[i, a] = worth
    due = units_due(instance, instance.rows)
    first = np.repeat(np.arange(n), [t - 1 for t in due])
    if (len(axons) + len(first) + 1) << n > MAX_STEPS:
        evidence.rejected(f"{n} neurons of {len(axons)} axons and {len(first)} carries have too many sets")
    of_carry = np.zeros((n, len(first)), dtype=np.int64)
    of_carry[first, np.arange(len(first))] = np.array(carries, dtype=np.int64)[first]
    value = np.hstack((value, of_carry))
    most = _most_valuable(instance, value, np.array(carries, dtype=np.int64), np.array(units, dtype=np.int64))
    total = sum(synapses) - sum(carries) + sum(t * v for t, v in zip(due, units, strict=True))
    bound = -(-total // most) if most > 0 else 0
    if instance.max_crossbars is not None and bound > instance.max_crossbars:
        return None
    return max(0, bound) if instance.objective == "crossbars" else 0


def _most_valuable(instance: Unroll, value: Array, carries: Array, units: Array) -> int:
    """Value of the best crossbar; ``value`` has a line for each neuron, a column for each axon and first carry."""
    n, num_axons = value.shape
    rows, best = instance.rows, 0
    further = np.maximum(0, carries - units)
    size = max(1, _CHUNK // (num_axons + 1))
    for start in range(1, 1 << n, size):
        sets = np.arange(start, min(start + size, 1 << n))
        inside = sets[:, None] >> np.arange(n) & 1
        inside = inside[inside.sum(axis=1) <= instance.columns]
        if not len(inside):
            continue
        carry = (inside * further).max(axis=1)
        each = np.maximum(inside @ value, carry[:, None])
        if num_axons > rows:
            taken = np.partition(each, num_axons - rows, axis=1)[:, num_axons - rows :].sum(axis=1)
        else:
            taken = each.sum(axis=1) + (rows - num_axons) * carry
        best = max(best, int((taken + inside @ (units - carries)).max()))
    return best
