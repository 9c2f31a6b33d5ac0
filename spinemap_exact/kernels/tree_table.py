"""The dynamic programme over trees of units; `bounds.trees` says what it is for, and proves it."""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from spinemap_exact.kernels.compiling import kernel


@kernel
def fill(table, spikes, merging, idle, rows, sharers, carry, row):
    """Fill the table (open here, open below, axons placed) with the least cost that leads to each entry.

    ``spikes``, ``merging`` and ``idle`` are sums over the busiest axons; the table holds a value above all costs, but
    for zero where no axon is placed. Returns the least where more units are open than the table counts.
    """
    wide, m = table.shape[0] - 1, len(spikes) - 1
    never = table[0, 0, 0]
    beyond = never
    for j in range(m):
        for n in range(1, wide + 1):  # units open; what merges without axons of its own opens more
            deeper = table[0, n, j] + carry * (spikes[m] - spikes[j])
            table[n, 0, j] = min(table[n, 0, j], deeper)
            for a in range(1, n + 1):
                value = table[a, n - a, j]
                if value >= never:
                    continue
                for stop in range(j + 1, min(m, j + rows) + 1):
                    cost = value + (idle[stop] - idle[j]) // sharers
                    table[a - 1, n - a, stop] = min(table[a - 1, n - a, stop], cost)
                for here in range(j, min(m, j + rows)):  # axons placed once a unit that merges is full
                    share = rows - (here - j)
                    charge = merging[here] - merging[j]
                    enough = (m - here + rows - 1) // rows + 1
                    for q in range(2 if here == j else 1, min(share, wide) + 1):
                        part = charge // sharers if share > sharers else charge * q // share
                        cost = value + part + q * row
                        if n - 1 + q > enough:
                            left = spikes[m] - spikes[min(m, here + (a - 1) * rows)]
                            beyond = min(beyond, cost + carry * left)
                        elif n - 1 + q <= wide:
                            table[a - 1, n - a + q, here] = min(table[a - 1, n - a + q, here], cost)
    return beyond
