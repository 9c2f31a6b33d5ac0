"""Exact pricing of clusters: branch and bound on a minimum cut, in integers.

The best cluster maximises  sum of the duals of its units - its cost - penalties of cuts,  within rows and columns.
Without the two limits this is a closure problem: choose a set S of nodes of a graph - units, axons, cuts - of greatest

    value(S) = sum of excess[v] over v in S  -  sum of capacity[a] over arcs a that leave S.

Moving f units from v to w along an arc (excess[v] -= f, excess[w] += f, capacity -= f, reverse capacity += f) changes
the value of no set. So at any time  sum of max(0, excess[v])  is an upper bound, and after a maximum flow the nodes
reachable from positive excess attain it. Rows and columns come in by multipliers mu >= 0. Fixing a node contracts it:
what it contributes for certain moves into ``base``. A bound therefore holds at every moment, however early one stops.

A unit may have a partner. The first of the two takes a row of its own, the second one spares it and requires the first.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels.compiling import kernel

INF = 1 << 50
_SAFE = 1 << 48  # prices of all units and cuts together stay below what is infinite


def as_integers(duals: Array, penalties: Array) -> tuple[Array, Array]:
    """Duals rounded down and penalties up, cut off where sums might pass `INF`: any of them prove a bound."""
    most = _SAFE // max(1, len(duals), len(penalties))
    lower, upper = np.floor(np.nan_to_num(duals)), np.ceil(np.nan_to_num(penalties))
    return np.clip(lower, -most, most).astype(np.int64), np.clip(upper, 0, most).astype(np.int64)


FREE, IN, OUT = 0, 1, 2
BASE, ROWS, COLUMNS, MU_ROWS, MU_COLUMNS, BOUND, OPEN, PIECES = range(8)
_KEEP = 12  # evaluations that the model of the multipliers remembers


class Closure(NamedTuple):
    """What stays the same in a search: nodes and limits, arcs, pairs that exclude each other, and cuts.

    Attributes
    ----------
    shape : tuple
        Units, axons, (units,) columns of each, rows, columns, (units,) partners or -1.
    graph : tuple
        CSR of the arcs, and the place of the reverse of each.
    apart : tuple
        CSR.
    cuts : tuple
        CSR of the cuts of units, then CSR of the members of cuts: their arcs, their units, and how often each.
    """

    shape: tuple[int, int, Array, int, int, Array]
    graph: tuple[Array, Array, Array]
    apart: tuple[Array, Array]
    cuts: tuple[Array, Array, Array, Array, Array, Array]


class Asked(NamedTuple):
    """What is asked of a search.

    Values up to the first of the ``limits`` need no proof; sets above the second are handed out. The third is 1 where
    every set above the first is wanted, rather than the best one.
    """

    score: Array  # (units,) int64: those with more are branched on first
    tau: Array  # (cuts,) int64
    top: int  # of the multipliers
    limits: Array  # (3,) int64


class State(NamedTuple):
    """One open node: residual capacities of arcs, excess and status of nodes, and numbers."""

    capacity: Array
    excess: Array
    status: Array
    scalar: Array


class Memory(NamedTuple):
    """A search: its open nodes, evaluations of each, working space, and the sets found.

    ``counters`` holds sets found, nodes processed, best value met, sets met above the limit.
    """

    nodes: State
    model: tuple[Array, Array, Array, Array]
    work: tuple[Array, Array, Array, Array]
    found: Array
    found_value: Array
    counters: Array


@kernel
def _own_rows(partner, u):
    if partner[u] < 0:
        return 0
    return 1 if partner[u] > u else -1


@kernel
def fix(queue, size, closure, state):
    """Contract the nodes queued as ``2 v + (1 if in)``; False on a contradiction."""
    num_units, num_axons, weight, max_rows, max_columns, partner = closure.shape
    first, head, back = closure.graph
    apart_ptr, apart_idx = closure.apart
    cut_of_unit_ptr, cut_of_unit_idx, members_ptr, members_arc, members_unit, _ = closure.cuts
    capacity, excess, status, scalar = state
    done = 0
    while done < size:
        v, inside = queue[done] >> 1, queue[done] & 1
        done += 1
        if status[v] != FREE:
            if (status[v] == IN) != (inside == 1):
                return False
            continue
        if inside:
            status[v] = IN
            scalar[BASE] += excess[v]
            for a in range(first[v], first[v + 1]):
                w, c = head[a], capacity[a]
                if c > 0 and status[w] == FREE:
                    if c >= INF // 2:
                        queue[size] = 2 * w + 1
                        size += 1
                    else:
                        scalar[BASE] -= c
                        excess[w] += c
                elif c >= INF // 2 and status[w] == OUT:
                    return False
            if v < num_units:
                scalar[COLUMNS] += weight[v]
                if scalar[COLUMNS] > max_columns:
                    return False
                if partner[v] > v and status[partner[v]] == OUT:
                    scalar[ROWS] += 1
                    if scalar[ROWS] > max_rows:
                        return False
                for p in range(apart_ptr[v], apart_ptr[v + 1]):
                    queue[size] = 2 * apart_idx[p]
                    size += 1
                for p in range(cut_of_unit_ptr[v], cut_of_unit_ptr[v + 1]):
                    # one member inside: from now on any other one pays
                    cut = cut_of_unit_idx[p]
                    z = num_units + num_axons + cut
                    for q in range(members_ptr[cut], members_ptr[cut + 1]):
                        u = members_unit[q]
                        if u == v:
                            continue
                        if status[u] == FREE:
                            capacity[members_arc[q]] = INF
                        elif status[u] == IN:
                            queue[size] = 2 * z + 1
                            size += 1
            elif v < num_units + num_axons:
                scalar[ROWS] += 1
                if scalar[ROWS] > max_rows:
                    return False
        else:
            status[v] = OUT
            if v < num_units and 0 <= partner[v] < v and status[partner[v]] == IN:
                scalar[ROWS] += 1
                if scalar[ROWS] > max_rows:
                    return False
            for a in range(first[v], first[v + 1]):
                w, c = head[a], capacity[back[a]]
                if c > 0 and status[w] == FREE:
                    if c >= INF // 2:
                        queue[size] = 2 * w
                        size += 1
                    else:
                        excess[w] -= c
                elif c >= INF // 2 and status[w] == IN:
                    return False
    return True


@kernel
def bound_of(closure, state):
    """What no set of a node is worth more than."""
    _, _, _, max_rows, max_columns, _ = closure.shape
    _, excess, status, scalar = state
    total = scalar[BASE] + scalar[MU_ROWS] * max_rows + scalar[MU_COLUMNS] * max_columns
    for v in range(len(excess)):
        if status[v] == FREE and excess[v] > 0:
            total += excess[v]
    return total


@kernel
def _augment(closure, state, threshold, work):
    """Push positive excess to negative until nothing moves, or the bound falls to ``threshold``; return the bound.

    Dinic's algorithm with many sources and sinks. Afterwards ``level`` is positive on the nodes reachable from
    positive excess.
    """
    first, head, back = closure.graph
    capacity, excess, status, _ = state
    level, cursor, queue, path = work
    num_nodes = len(excess)
    bound = bound_of(closure, state)
    while True:
        tail = 0
        for v in range(num_nodes):
            level[v] = 0
            if status[v] == FREE:
                cursor[v] = first[v]
                if excess[v] > 0:
                    level[v] = 1
                    queue[tail] = v
                    tail += 1
        if bound <= threshold:
            return bound
        sources = tail
        done = 0
        reached = False
        while done < tail:
            v = queue[done]
            done += 1
            for a in range(first[v], first[v + 1]):
                w = head[a]
                if capacity[a] > 0 and level[w] == 0 and status[w] == FREE:
                    level[w] = level[v] + 1
                    queue[tail] = w
                    tail += 1
                    if excess[w] < 0:
                        reached = True
        if not reached:
            return bound
        for i in range(sources):
            source = queue[i]
            while excess[source] > 0:
                v = source
                length = 0
                found = False
                while True:
                    if excess[v] < 0:
                        found = True
                        break
                    stuck = True
                    while cursor[v] < first[v + 1]:
                        a = cursor[v]
                        w = head[a]
                        if capacity[a] > 0 and status[w] == FREE and level[w] == level[v] + 1:
                            stuck = False
                            break
                        cursor[v] += 1
                    if not stuck:
                        path[length] = a
                        length += 1
                        v = w
                    elif length == 0:
                        break
                    else:
                        length -= 1
                        v = head[back[path[length]]]
                        cursor[v] += 1
                if not found:
                    break
                flow = min(excess[source], -excess[v])
                for j in range(length):
                    flow = min(flow, capacity[path[j]])
                for j in range(length):
                    capacity[path[j]] -= flow
                    capacity[back[path[j]]] += flow
                excess[source] -= flow
                excess[v] += flow
                bound -= flow
                if bound <= threshold:
                    return bound


@kernel
def _over_columns(rows_price, size, value, rows, columns, max_rows, max_columns, top):
    """Minimise the model over the price of columns; return it, that price, and its slope in the price of rows."""
    here, level = 0, -1e300
    for i in range(size):
        worth = value[i] + rows_price * (max_rows - rows[i])
        if worth > level or (worth == level and columns[i] < columns[here]):
            here, level = i, worth
    price = 0.0
    while True:  # along the upper envelope, from kink to kink
        fall = columns[here] - max_columns
        if fall <= 0:
            return level, price, float(max_rows - rows[here])
        flatter, step = -1, top - price
        for i in range(size):
            if columns[i] < columns[here]:
                worth = value[i] + rows_price * (max_rows - rows[i]) + price * (max_columns - columns[i])
                meet = max(0.0, (level - worth) / (columns[here] - columns[i]))
                if meet < step or (flatter >= 0 and meet == step and columns[i] < columns[flatter]):
                    flatter, step = i, meet
        price += step
        level -= step * fall
        if flatter < 0:
            return level, price, float(max_rows - rows[here])
        rise = max_columns - columns[flatter]
        if rise >= 0:  # the bottom: level where the two planes are mixed so that columns do not matter
            share = fall / (fall + rise)
            return level, price, share * (max_rows - rows[flatter]) + (1.0 - share) * (max_rows - rows[here])
        here = flatter


@kernel
def _multipliers(size, value, rows, columns, max_rows, max_columns, top_rows, top_columns):
    """Minimise the model over a box: tangents from both sides, exact in the price of columns."""
    low, high = 0.0, float(top_rows)
    at_low, columns_price, down = _over_columns(
        low, size, value, rows, columns, max_rows, max_columns, float(top_columns)
    )
    best, rows_price = at_low, low
    if down < 0.0:
        at_high, price, up = _over_columns(high, size, value, rows, columns, max_rows, max_columns, float(top_columns))
        if at_high < best:
            best, rows_price, columns_price = at_high, high, price
        for _ in range(40):
            if up <= 0.0 or high - low < 1.0:
                break
            middle = min(max((at_high - at_low + down * low - up * high) / (down - up), low), high)
            level, price, slope = _over_columns(
                middle, size, value, rows, columns, max_rows, max_columns, float(top_columns)
            )
            if level < best:
                best, rows_price, columns_price = level, middle, price
            if level <= at_low + down * (middle - low) + 0.5:
                break
            if slope > 0.0:
                high, at_high, up = middle, level, slope
            else:
                low, at_low, down = middle, level, slope
    return np.int64(np.floor(rows_price)), np.int64(np.floor(columns_price))


@kernel(nogil=True)
def explore(nodes, closure, asked, memory):
    """Process up to ``nodes`` nodes of the tree; True when none is left open."""
    num_units, num_axons, weight, max_rows, max_columns, partner = closure.shape
    first, head, _ = closure.graph
    apart_ptr, apart_idx = closure.apart
    _, _, members_ptr, _, members_unit, members_count = closure.cuts
    score, tau, top, limits = asked
    pool_capacity, pool_excess, pool_status, pool_scalar = memory.nodes
    model_value, model_rows, model_columns, model_set = memory.model
    level, _, queue, _ = memory.work
    found, found_value, counters = memory.found, memory.found_value, memory.counters
    num_nodes = pool_excess.shape[1]
    slots = len(pool_scalar)
    every = limits[2] == 1
    for _ in range(nodes):
        here, spare = -1, -1
        open_nodes = 0
        for i in range(slots):
            if pool_scalar[i, OPEN] == 0:
                spare = i
            else:
                open_nodes += 1
                if here < 0 or (pool_scalar[i, BOUND] > pool_scalar[here, BOUND]) != every:
                    here = i
        if here < 0:
            return True
        if open_nodes >= slots - num_units - 2:  # no room for breadth: finish what is nearly finished
            for i in range(slots):
                if pool_scalar[i, OPEN] != 0 and pool_scalar[i, BOUND] < pool_scalar[here, BOUND]:
                    here = i
        if pool_scalar[here, BOUND] <= (limits[0] if every else max(limits[0], counters[2])):
            pool_scalar[here, OPEN] = 0
            continue
        if spare < 0:
            return False
        counters[1] += 1
        state = State(pool_capacity[here], pool_excess[here], pool_status[here], pool_scalar[here])
        capacity, excess, status, scalar = state
        pieces_value, pieces_rows, pieces_columns = model_value[here], model_rows[here], model_columns[here]
        steps = 24 if counters[1] == 1 else 3
        alive = True
        while alive:
            threshold = limits[0] if every else max(limits[0], counters[2])
            # rows and columns that are left
            size = 0
            rest_rows, rest_columns = max_rows - scalar[ROWS], max_columns - scalar[COLUMNS]
            free_units = 0
            open_rows = 0  # of units inside, which their partners may spare
            for u in range(num_units):
                if status[u] != FREE:
                    continue
                free_units += 1
                if 0 <= partner[u] < u and status[partner[u]] == IN:
                    open_rows += 1
                fresh = 0
                for a in range(first[u], first[u + 1]):
                    w = head[a]
                    if num_units <= w < num_units + num_axons and status[w] == FREE and capacity[a] >= INF // 2:
                        fresh += 1
                if fresh > rest_rows or weight[u] > rest_columns:
                    queue[size] = 2 * u
                    size += 1
            if size > 0:
                if not fix(queue, size, closure, state):
                    alive = False
                continue
            if free_units == 0:  # a leaf: without multipliers the bound is the value
                scalar[BASE] += scalar[MU_ROWS] * scalar[ROWS] + scalar[MU_COLUMNS] * scalar[COLUMNS]
                scalar[MU_ROWS] = 0
                scalar[MU_COLUMNS] = 0
            bound = _augment(closure, state, threshold, memory.work)
            if bound < scalar[BOUND]:
                scalar[BOUND] = bound
            if scalar[BOUND] <= threshold:
                alive = False
                continue
            # the set that attains the bound
            rows, columns = scalar[ROWS] + open_rows, scalar[COLUMNS]
            if free_units > 0:
                for v in range(num_nodes):
                    if status[v] == FREE and level[v] > 0:
                        if v < num_units:
                            columns += weight[v]
                            rows += _own_rows(partner, v)
                        elif v < num_units + num_axons:
                            rows += 1
            value = bound - scalar[MU_ROWS] * (max_rows - rows) - scalar[MU_COLUMNS] * (max_columns - columns)
            piece = scalar[PIECES] % _KEEP
            scalar[PIECES] += 1
            pieces_value[piece], pieces_rows[piece], pieces_columns[piece] = value, rows, columns
            chosen = model_set[here, piece]
            for u in range(num_units):
                chosen[u] = status[u] == IN or (status[u] == FREE and level[u] > 0 and free_units > 0)
            clash = -1
            if rows <= max_rows and columns <= max_columns:
                for u in range(num_units):
                    if chosen[u] and status[u] == FREE:
                        for p in range(apart_ptr[u], apart_ptr[u + 1]):
                            if chosen[apart_idx[p]]:
                                clash = u
                if clash < 0:
                    exact = value
                    for cut in range(len(members_ptr) - 1):
                        if tau[cut] == 0:
                            continue
                        z = num_units + num_axons + cut
                        met = 0
                        for q in range(members_ptr[cut], members_ptr[cut + 1]):
                            if chosen[members_unit[q]]:
                                met += members_count[q]
                        if met >= 2 and not (status[z] == IN or (status[z] == FREE and level[z] > 0)):
                            exact -= tau[cut]
                            for q in range(members_ptr[cut], members_ptr[cut + 1]):
                                if chosen[members_unit[q]] and status[members_unit[q]] == FREE:
                                    clash = members_unit[q]
                    if exact > counters[2]:
                        counters[2] = exact
                    if exact > limits[1] and (free_units == 0 or not every):
                        place = counters[3] % len(found_value)
                        counters[3] += 1
                        counters[0] = min(counters[3], len(found_value))
                        found_value[place] = exact
                        found[place, :] = chosen
                    threshold = limits[0] if every else max(limits[0], counters[2])
                    if bound <= threshold:
                        alive = False
                        continue
            if free_units == 0:
                alive = False
                continue
            # units whose other value cannot reach the threshold
            size = 0
            for u in range(num_units):
                if status[u] == FREE:
                    if excess[u] > 0 and bound - excess[u] <= threshold:
                        queue[size] = 2 * u + 1
                        size += 1
                    elif excess[u] < 0 and bound + excess[u] <= threshold:
                        queue[size] = 2 * u
                        size += 1
            if size > 0:
                if not fix(queue, size, closure, state):
                    alive = False
                continue
            if steps > 0:
                steps -= 1
                kept = min(scalar[PIECES], _KEEP)
                mu_rows, mu_columns = _multipliers(
                    kept, pieces_value, pieces_rows, pieces_columns, max_rows, max_columns, top, top
                )
                if mu_rows != scalar[MU_ROWS] or mu_columns != scalar[MU_COLUMNS]:
                    more_rows, more_columns = mu_rows - scalar[MU_ROWS], mu_columns - scalar[MU_COLUMNS]
                    for v in range(num_units + num_axons):
                        if status[v] != FREE:
                            continue
                        if v < num_units:
                            excess[v] -= more_columns * weight[v] + more_rows * _own_rows(partner, v)
                        else:
                            excess[v] -= more_rows
                    scalar[BASE] -= more_rows * (scalar[ROWS] + open_rows) + more_columns * scalar[COLUMNS]
                    scalar[MU_ROWS], scalar[MU_COLUMNS] = mu_rows, mu_columns
                    continue
            # branch
            kept = min(scalar[PIECES], _KEEP)
            branch, worth = clash, np.int64(-1)
            if branch < 0:
                for differ in (True, False):
                    for u in range(num_units):
                        if status[u] != FREE:
                            continue
                        times = 0
                        for i in range(kept):
                            if model_set[here, i, u]:
                                times += 1
                        if differ and (times == 0 or times == kept):
                            continue
                        fresh = 1
                        for a in range(first[u], first[u + 1]):
                            w = head[a]
                            if num_units <= w < num_units + num_axons and status[w] == FREE:
                                fresh += 1
                        if score[u] * fresh > worth:
                            branch, worth = u, score[u] * fresh
                    if branch >= 0:
                        break
            pool_capacity[spare] = capacity
            pool_excess[spare] = excess
            pool_status[spare] = status
            pool_scalar[spare] = scalar
            scalar[PIECES] = 0
            pool_scalar[spare, PIECES] = 0
            for i in range(kept):
                side = spare if model_set[here, i, branch] else here
                j = pool_scalar[side, PIECES]
                pool_scalar[side, PIECES] += 1
                model_value[side, j] = model_value[here, i]
                model_rows[side, j] = model_rows[here, i]
                model_columns[side, j] = model_columns[here, i]
                model_set[side, j] = model_set[here, i]
            pool_scalar[spare, BOUND] = min(scalar[BOUND], bound + min(0, excess[branch]))
            pool_scalar[here, BOUND] = min(scalar[BOUND], bound - max(0, excess[branch]))
            queue[0] = 2 * branch + 1
            other = State(pool_capacity[spare], pool_excess[spare], pool_status[spare], pool_scalar[spare])
            if not fix(queue, 1, closure, other):
                pool_scalar[spare, OPEN] = 0
            queue[0] = 2 * branch
            if not fix(queue, 1, closure, state):
                scalar[OPEN] = 0
            break
        if not alive:
            scalar[OPEN] = 0
    return not (pool_scalar[:, OPEN] != 0).any()
