"""Local search for partitions: the state, annealing, and the fewest clusters."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.kernels import partition_annealing as annealing
from spinemap_exact.kernels import partition_moves as moves
from spinemap_exact.kernels.partition_moves import AREA, PACKETS
from spinemap_exact.mapping import Partition
from spinemap_exact.problems.partition import PartitionObjective, PartitionProblem, Traffic
from spinemap_exact.result import Watch

MAX_CELLS = 10**8
"""Sources times clusters that a search state may take."""

_SYNAPSES_PER_CHUNK = 2_000_000  # looked at between two looks at the clock
_FRESH_PER_UNIT = 500  # proposals at least, from scratch
_ROUNDS_A_LENGTH = 4  # anneals from scratch before they become twice as long
_LOCAL_PER_UNIT = 1_000  # proposals where only some clusters are annealed
_LOCAL_HEAT = 0.2
_FRESH_HEAT = (1.0, 0.4)  # in turns: networks differ in where their clusters settle
_TAKEN = (3, 4, 5, None, None)  # clusters, None for all
_COLD = 0.015  # last temperature, in mean changes of the price by a random move


class Search:
    """A state of the search for one problem, with slots that clusters may take.

    Parameters
    ----------
    problem : PartitionProblem
    packing_only : bool
        Leave the objective out: look for any partition within the limits.
    max_clusters : int, optional
        A tighter limit than the problem's.
    """

    def __init__(self, problem: PartitionProblem, packing_only: bool = False, max_clusters: int | None = None) -> None:
        network = problem.network
        self.num_units = problem.num_units
        allowed = problem.max_clusters if max_clusters is None else max_clusters
        self.slots = all_slots(problem, allowed)
        table = np.array([(c.rows, c.columns, c.area) for c in problem.crossbars], dtype=np.int64)
        top = np.array([allowed, np.iinfo(np.int64).max], dtype=np.int64)
        if problem.max_area is not None:
            top[1] = problem.max_area
        by_area = problem.objective is PartitionObjective.AREA
        size = len(self.slots)
        self.weights = np.array([not by_area, by_area], dtype=np.int64) * (0 if packing_only else 1)
        self.limits = (
            table[self.slots, 0],
            table[self.slots, 1],
            table[self.slots, 2],
            top,
            problem.traffic is Traffic.PER_SYNAPSE,
        )
        loop = np.zeros(network.num_neurons, dtype=np.int64)
        loop[network.pre[network.pre == network.post]] = 1
        self.net = (
            network.fanin_ptr,
            network.fanin_idx.astype(np.int32),
            network.fanout_ptr,
            network.fanout_idx,
            network.spikes,
            network.fan_out,
            loop,
        )
        self.home = np.full(network.num_neurons, -1, dtype=np.int64)
        self.count = np.zeros((network.num_neurons, size), dtype=np.int32)
        self.rows = np.zeros(size, dtype=np.int64)
        self.columns = np.zeros(size, dtype=np.int64)
        self.totals = np.zeros(4, dtype=np.int64)
        self.best = np.zeros(self.num_units, dtype=np.int64)
        # the overhead of a proposal is that of some 16 synapses
        self.chunk = _SYNAPSES_PER_CHUNK // (16 + 2 * network.num_synapses // max(1, self.num_units))

    @staticmethod
    def fits(problem: PartitionProblem) -> bool:
        """True if a state of this problem fits into memory."""
        return problem.network.num_neurons * len(all_slots(problem)) <= MAX_CELLS

    @property
    def arrays(self) -> tuple[object, ...]:
        return self.home, self.num_units, self.count, self.rows, self.columns, self.totals, self.net, self.limits

    @property
    def beyond(self) -> int:
        """Overflow of the current state."""
        return int(moves.beyond_limits(self.totals, self.limits[3]))

    @property
    def price(self) -> int:
        return int(self.weights @ self.totals[[PACKETS, AREA]])

    def set(self, labels: Array) -> None:
        """Start from these slots per unit."""
        self.home[: self.num_units] = labels
        moves.fill(*self.arrays)

    def load(self, partition: Partition) -> bool:
        """Start from a partition; False if its clusters do not fit the slots."""
        free = {kind: list(np.flatnonzero(self.slots == kind)) for kind in set(self.slots.tolist())}
        slot_of_cluster = []
        for kind in partition.crossbar_of_cluster.tolist():
            if not free.get(kind):
                return False
            slot_of_cluster.append(free[kind].pop(0))
        self.set(np.array(slot_of_cluster, dtype=np.int64)[partition.cluster_of_unit])
        return True

    def partition(self, labels: Array) -> Partition:
        """Return labels as a partition, each cluster on the type of its slot."""
        used, cluster = np.unique(labels, return_inverse=True)
        return Partition(cluster.ravel(), self.slots[used])

    def current(self) -> Partition:
        """Return the current state as a partition."""
        return self.partition(self.home[: self.num_units])

    def random_fill(self, random: np.random.Generator) -> None:
        """Start from units in random order, poured into one slot after the other."""
        labels = np.zeros(self.num_units, dtype=np.int64)
        moves.pour(
            random.permutation(self.num_units),
            self.net[0],
            self.net[1],
            self.limits[0],
            self.limits[1],
            np.full(len(self.home), -1, dtype=np.int64),
            labels,
        )
        self.set(labels)

    def gather(self, random: np.random.Generator) -> None:
        """Start from clusters grown by overlap, each from a random unit."""
        labels = np.zeros(self.num_units, dtype=np.int64)
        moves.gather(random.permutation(self.num_units), self.net, self.limits[0], self.limits[1], labels)
        self.set(labels)

    def scale(self, random: np.random.Generator, samples: int = 400) -> float:
        """Mean change of the price by a random move."""
        if len(self.slots) < 2 or self.num_units == 0:
            return 1.0
        change = 0
        for _ in range(samples):
            u, b = random.integers(self.num_units), random.integers(len(self.slots))
            if b != self.home[u]:
                packets, _, grown = moves.delta(
                    u, b, self.home, self.count, self.rows, self.columns, self.totals, self.net, self.limits
                )
                change += abs(int(self.weights[0]) * packets + int(self.weights[1]) * grown)
        return max(1.0, change / samples)

    def anneal(
        self,
        watch: Watch,
        random: np.random.Generator,
        trials: int,
        hot: float,
        slots: Array | None = None,
    ) -> bool:
        """Anneal the current state for ``trials`` proposals; True if ``best`` holds a partition within the limits.

        Parameters
        ----------
        hot : float
            First temperature, in mean changes of the price by a random move.
        slots : (any,) int64, optional
            The only clusters whose units may move, and only among them.
        """
        if slots is None:
            slots, units = np.arange(len(self.slots)), np.arange(self.num_units)
        else:
            units = np.flatnonzero(np.isin(self.home[: self.num_units], slots))
        heat, penalty = (1.0, 0.1), np.ones(3)
        if self.weights.any():
            scale = self.scale(random)
            heat, penalty = (hot * scale, min(hot, _COLD) * scale), np.array([0.05, 10.0, 0.7]) * scale
        state = random.integers(1, 2**62, size=1, dtype=np.uint64)
        chunk = self.chunk
        chunks = max(1, trials // chunk)
        record = np.empty_like(self.best)
        price = None
        for i in range(chunks):
            if watch.should_stop():
                break
            cooling = heat[1] / heat[0]
            part = np.array([heat[0] * cooling ** (i / chunks), heat[0] * cooling ** ((i + 1) / chunks)])
            found = annealing.anneal(
                units, slots, *self.arrays, self.weights, part, penalty, min(chunk, trials), state, record
            )
            if found >= 0 and (price is None or found < price):
                price = int(found)
                self.best[:] = record
                if not self.weights.any():
                    break
        return price is not None


def all_slots(problem: PartitionProblem, max_clusters: int | None = None) -> Array:
    """Crossbar types of all slots that a partition into ``max_clusters`` clusters could use."""
    most = min(problem.max_clusters if max_clusters is None else max_clusters, problem.num_units)
    counts = [most if c.count is None else min(most, c.count) for c in problem.crossbars]
    return np.repeat(np.arange(len(counts)), counts)


def opening(
    search: Search,
    problem: PartitionProblem,
    watch: Watch,
    random: np.random.Generator,
    start: Partition | None = None,
    scattered: bool = False,
) -> bool:
    """Bring the search to a partition within the limits: ``start``, or grown by overlap, or repaired by annealing.

    ``scattered`` tries units in random order before clusters of overlap.
    """
    if start is not None and search.load(start):
        return True
    if scattered:
        search.random_fill(random)
        if search.beyond == 0:
            return True
    for _ in range(4):
        search.gather(random)
        if search.beyond == 0:
            return True
    packing = Search(problem, packing_only=True)
    trials = 100_000
    while not watch.should_stop() and trials < 10**8:
        search.gather(random)
        packing.set(search.home[: search.num_units])
        if packing.anneal(watch, random, trials, 1.0):
            search.set(packing.best)
            return True
        trials *= 2
    return False


def annealed(
    problem: PartitionProblem,
    watch: Watch,
    start: Partition | None = None,
    target: int | None = None,
    first_trials: int = 200_000,
    rounds: int | None = None,
    attempt: int = 0,
) -> Partition | None:
    """Anneal from scratch, then some clusters of what that gave, then some of the best, in turns; return the best.

    Stops when the time is up, at ``target``, or where nothing is left to pay.

    Parameters
    ----------
    target : int, optional
        Stop at this price.
    rounds : int, optional
        Stop after so many anneals. Default: 12 where there is no time limit.
    attempt : int
        Another attempt draws other random numbers.
    """
    if not Search.fits(problem) or problem.num_units == 0:
        return start
    if problem.objective is PartitionObjective.CROSSBARS:
        return fewest_clusters(problem, watch, start, target, attempt)
    random = np.random.default_rng([watch.limits.seed, attempt])
    search = Search(problem)
    kept = _Kept(problem, search, watch)
    if start is not None and search.load(start):
        kept.offer(search.home[: search.num_units], "start")
    if rounds is None and watch.remaining_s is None:
        rounds = 12
    trials, done = max(first_trials, _FRESH_PER_UNIT * problem.num_units), 0
    while done == 0 or not (watch.should_stop() or (rounds is not None and done >= rounds)):
        # a start of a large network is worth more than what annealing finds from scratch
        if kept.price is not None and (done > 0 or trials > first_trials):
            _repartition(search, kept, watch, random, trials // 2, target)
        if watch.should_stop() or kept.reached(target) or not opening(search, problem, watch, random):
            break
        kept.offer(search.home[: search.num_units], "opening")
        if search.anneal(watch, random, trials, _FRESH_HEAT[done % 2]):
            kept.offer(search.best, "annealing")
            # what is worse than the best so far may still lie beside a better one
            beside = reannealed(problem, search, search.best, watch, random, 3 * trials // 4, target)
            kept.offer(beside, "annealing of some clusters")
        done += 1
        if done % _ROUNDS_A_LENGTH == 0:
            trials *= 2
    return start if kept.price is None else kept.partition()


class _Kept:
    """The best labels met."""

    def __init__(self, problem: PartitionProblem, search: Search, watch: Watch) -> None:
        self.problem, self.search, self.watch = problem, search, watch
        self.price: int | None = None
        self.labels = np.zeros(search.num_units, dtype=np.int64)

    def offer(self, labels: Array, note: str) -> None:
        """Keep these labels unless they cost more."""
        price = self.problem.cost(self.search.partition(labels))
        if self.price is None or price <= self.price:
            better = self.price is None or price < self.price
            self.price = price
            self.labels[:] = labels
            if better:
                self.watch.offer(self.partition())
                self.watch.report(price, note=note)

    def reached(self, target: int | None) -> bool:
        return self.price is not None and self.price <= (0 if target is None else target)

    def partition(self) -> Partition:
        return self.search.partition(self.labels)


def reannealed(
    problem: PartitionProblem,
    search: Search,
    labels: Array,
    watch: Watch,
    random: np.random.Generator,
    trials: int,
    target: int | None = None,
) -> Array:
    """Anneal some clusters at a time, warm, from feasible ``labels``; return the best labels met."""
    kept = _Kept(problem, search, watch.part())
    kept.offer(labels, "start")
    _repartition(search, kept, watch, random, trials, target)
    return kept.labels


def _repartition(
    search: Search, kept: _Kept, watch: Watch, random: np.random.Generator, trials: int, target: int | None
) -> None:
    """Anneal some clusters of the best partition that share sources, or all, warm rather than hot, many times."""
    while trials > 0 and not (watch.should_stop() or kept.reached(target)):
        search.set(kept.labels)
        some = _related(search, random, _TAKEN[random.integers(len(_TAKEN))] or len(search.slots))
        proposals = _LOCAL_PER_UNIT * max(1, int(search.columns[some].sum()))
        if search.anneal(watch, random, proposals, _LOCAL_HEAT, some):
            kept.offer(search.best, "annealing of some clusters")
        trials -= proposals


def _related(search: Search, random: np.random.Generator, size: int) -> Array:
    """A random cluster and those that share most sources with it."""
    used = np.flatnonzero(search.columns)
    first = used[random.integers(used.size)]
    sources = search.count[search.count[:, first] > 0] > 0
    likeness = sources.sum(axis=0) + random.random(len(search.slots)) * (1 + 0.5 * len(sources))
    likeness[first] = np.inf
    return np.argsort(-likeness)[:size]


def fewest_clusters(
    problem: PartitionProblem,
    watch: Watch,
    start: Partition | None = None,
    target: int | None = None,
    attempt: int = 0,
) -> Partition | None:
    """Take away one cluster after the other and anneal the overflow to zero."""
    random = np.random.default_rng([watch.limits.seed, attempt])
    best = start
    rounds = 0
    while not watch.should_stop() and (target is None or best is None or best.num_clusters > target):
        allowed = problem.max_clusters if best is None else best.num_clusters - 1
        if problem.num_units > allowed * max(c.columns for c in problem.crossbars):
            break  # proven: no fewer clusters have columns for all units
        search = Search(problem, packing_only=True, max_clusters=allowed)
        search.gather(random)
        if search.anneal(watch, random, 100_000 << min(rounds, 12), 1.0):
            best = search.partition(search.best)
            watch.report(best.num_clusters, note="annealing")
            rounds = 0
        elif (rounds := rounds + 1) >= 6 and watch.remaining_s is None:
            break
    return best
