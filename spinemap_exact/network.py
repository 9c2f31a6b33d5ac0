"""A spiking neural network and what it did in one recording window."""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spinemap_exact import in_memory
from spinemap_exact.arrays import Array, csr_from_pairs, digest, freeze, frozen_array
from spinemap_exact.errors import InvalidInstance, WrongType
from spinemap_exact.files import shown
from spinemap_exact.in_memory import Synapses
from spinemap_exact.units import INT64_MAX

Counts = Array | Iterable[int] | Table[Any, int]


@dataclass(frozen=True)
class Population:
    """Consecutive neurons ``start ... stop - 1`` that belong together.

    Examples
    --------
    >>> Population("hidden", start=64, stop=96).size
    32
    """

    name: str
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Network:
    """A spiking neural network and what it did in one recording window.

    `from_matrix`, `from_scipy`, `from_networkx` and `from_synapses` make one of what is at hand; `read_network` reads
    files.

    Neuron ``i`` feeds ``fanout_idx[fanout_ptr[i]:fanout_ptr[i + 1]]``, strictly ascending. Synapse ``s`` is position
    ``s`` of ``fanout_idx``.

    Parameters
    ----------
    fanout_ptr : (num_neurons + 1,) int64
    fanout_idx : (num_synapses,) int32
        Post-synaptic neuron of each synapse.
    spikes : (num_neurons,) int64
        Spikes emitted in the window. Unitless counts.
    is_input : (num_neurons,) bool, optional
        External inputs: sources of spikes that occupy rows but no columns. Default: none.
    weights : (num_synapses,) float32, optional
        Carried along, never optimised.
    populations : tuple of Population
        Names for ranges of neurons; may leave gaps.
    window_s : float, optional
        Length of the recording window in seconds.
    spikes_assumed : bool
        True if no recording was given and every neuron counts one spike.

    Raises
    ------
    InvalidInstance
        If the arrays are not a CSR graph with ascending rows, a count is negative, a weight is not finite, an
        external input is post-synaptic, there is no neuron, a population reaches beyond the neurons, the window is no
        duration, or the spikes on all synapses together overflow int64.

    Examples
    --------
    >>> Network.from_synapses(pre=[0, 0, 1], post=[1, 2, 2], spikes=[7, 3, 0], is_input=[True, False, False])
    <Network: 3 neurons, 1 of them external input, 3 synapses, 10 spikes>
    """

    fanout_ptr: Array
    fanout_idx: Array
    spikes: Array
    is_input: Array = None  # type: ignore[assignment]
    weights: Array | None = None
    populations: tuple[Population, ...] = ()
    window_s: float | None = None
    spikes_assumed: bool = False

    def __post_init__(self) -> None:
        if self.is_input is None:
            object.__setattr__(self, "is_input", np.zeros(np.shape(self.spikes), dtype=bool))
        freeze(self, fanout_ptr=np.int64, fanout_idx=np.int32, spikes=np.int64, is_input=np.bool_, weights=np.float32)
        object.__setattr__(self, "populations", tuple(self.populations))
        self._check_shapes()
        self._check_names()
        self._check_graph()
        self._check_values()

    @classmethod
    def from_synapses(
        cls,
        pre: Array | Iterable[int],
        post: Array | Iterable[int],
        spikes: Array | Iterable[int],
        *,
        is_input: Array | None = None,
        weights: Array | None = None,
        populations: Iterable[Population] = (),
        window_s: float | None = None,
        spikes_assumed: bool = False,
    ) -> Network:
        """Build a network from ``(pre, post)`` pairs in any order.

        Raises
        ------
        InvalidInstance
            If a neuron id is out of range or a synapse is listed twice; readers merge duplicates first
            (`merge_duplicates`) and say so.
        """
        pre, post = (frozen_array(n, ids, np.int64).ravel() for n, ids in (("pre", pre), ("post", post)))
        counts = frozen_array("spikes", spikes, np.int64).ravel()
        if pre.shape != post.shape:
            raise InvalidInstance(f"{pre.size} pre-synaptic ids stand against {post.size} post-synaptic ids")
        for name, ids in (("pre-synaptic", pre), ("post-synaptic", post)):
            outside = (ids < 0) | (ids >= counts.size)
            if outside.any():
                raise InvalidInstance(f"{name} neuron {ids[outside][0]} lies outside 0 ... {counts.size - 1}")
        ptr, idx, order = csr_from_pairs(pre, post, counts.size)
        return cls(
            ptr,
            idx,
            counts,
            is_input=np.zeros(counts.size, dtype=bool) if is_input is None else is_input,
            weights=None if weights is None else np.asarray(weights)[order],
            populations=tuple(populations),
            window_s=window_s,
            spikes_assumed=spikes_assumed,
        )

    @classmethod
    def from_matrix(
        cls,
        weights: Any,
        spikes: Counts | None = None,
        *,
        rows: str = "pre",
        inputs: Iterable[Any] | None = None,
        names: Iterable[str] | None = None,
        populations: Table[str, range] | Iterable[Population] = (),
        window_s: float | None = None,
    ) -> Network:
        """Build a network from a dense matrix of weights; every entry that is not zero is a synapse.

        Parameters
        ----------
        weights : (num_neurons, num_neurons) array of numbers, or table of pandas
            Of truth values, only the synapses are kept. Rows and columns are the same neurons, external inputs
            included. A table of pandas names the neurons.
        spikes : (num_neurons,) integers, or a table of them, optional
            Spikes that each neuron emits in the recording window: in the order of the neurons, or by name or id, as in
            a dict or a series of pandas. Default: one each, marked as assumed.
        rows : str
            ``"pre"``: entry ``(i, j)`` is the synapse ``i -> j``, as in an adjacency matrix. ``"post"``: it is
            ``j -> i``, as in ``W @ x`` and in the layers of PyTorch.
        inputs : neurons, or (num_neurons,) bool, optional
            External inputs, by id or name: sources of spikes that take no column. Default: none.
        names : texts, optional
            One for each neuron, all different.
        populations : names with ranges, or Population, optional
            Such as ``{"hidden": range(64, 96)}``.
        window_s : float, optional
            Length of the recording window in seconds.

        Returns
        -------
        Network

        Raises
        ------
        WrongType
            If something is not of a type that can be used.
        InvalidInput
            If the matrix is not square, a value is no number or not finite, or the rest does not fit the neurons.

        Examples
        --------
        >>> import numpy as np
        >>> weights = np.zeros((5, 5))
        >>> weights[:2, 2:] = [[0.5, 0.5, 0.0], [0.0, 0.5, -1.0]]  # inputs 0 and 1 feed neurons 2, 3 and 4
        >>> network = Network.from_matrix(weights, spikes=[9, 4, 3, 2, 1], inputs=[0, 1])
        >>> network
        <Network: 5 neurons, 2 of them external inputs, 4 synapses, 19 spikes>
        >>> network.fan_out_of(0)
        array([2, 3], dtype=int32)
        """
        return cls._of(in_memory.of_matrix(weights, rows), spikes, inputs, names, populations, window_s)

    @classmethod
    def from_scipy(
        cls,
        matrix: Any,
        spikes: Counts | None = None,
        *,
        rows: str = "pre",
        inputs: Iterable[Any] | None = None,
        names: Iterable[str] | None = None,
        populations: Table[str, range] | Iterable[Population] = (),
        window_s: float | None = None,
    ) -> Network:
        """Build a network from a sparse matrix of scipy; every stored entry is a synapse, an explicit zero as well.

        Parameters
        ----------
        matrix : (num_neurons, num_neurons) sparse matrix or array
            In any format; entries that are stored twice are added, as scipy does.
        spikes, rows, inputs, names, populations, window_s
            As in `from_matrix`.

        Returns
        -------
        Network

        Raises
        ------
        WrongType, InvalidInput
            As in `from_matrix`.

        Examples
        --------
        >>> from scipy.sparse import coo_array
        >>> matrix = coo_array(([0.5, -1.0], ([0, 1], [1, 2])), shape=(3, 3))
        >>> Network.from_scipy(matrix, spikes=[4, 2, 1])
        <Network: 3 neurons, 2 synapses, 7 spikes>
        """
        return cls._of(in_memory.of_scipy(matrix, rows), spikes, inputs, names, populations, window_s)

    @classmethod
    def from_networkx(
        cls,
        graph: Any,
        spikes: Counts | None = None,
        *,
        weight: str = "weight",
        inputs: Iterable[Any] | None = None,
        window_s: float | None = None,
    ) -> Network:
        """Build a network from a directed graph of networkx; every edge ``(a, b)`` is the synapse ``a -> b``.

        Nodes that are the numbers ``0 ... n - 1`` are neurons of these ids. Other numbers are taken in ascending order,
        whatever else in the order of the graph, and each neuron keeps the name of its node. The attributes ``spikes``,
        ``input`` (true or false) and ``population`` of nodes are read; what all nodes have counts, what only some have
        is refused.

        Parameters
        ----------
        graph : networkx.DiGraph or MultiDiGraph
            Parallel edges are one synapse, their weights added.
        spikes : (num_neurons,) integers, or a table of them by node, optional
            Instead of the attribute. Without either every neuron emits one spike, marked as assumed.
        weight : str
            Attribute of edges that holds their weight, if they have one.
        inputs : nodes, or (num_neurons,) bool, optional
            External inputs, instead of the attribute.
        window_s : float, optional
            Length of the recording window in seconds.

        Returns
        -------
        Network

        Raises
        ------
        WrongType
            If this is no graph of networkx.
        InvalidInput
            If the graph is undirected, only some nodes or edges have an attribute, or a value cannot be used.

        Examples
        --------
        >>> import networkx
        >>> graph = networkx.DiGraph([("eye", "left"), ("eye", "right"), ("left", "right")])
        >>> networkx.set_node_attributes(graph, {"eye": 20, "left": 5, "right": 3}, "spikes")
        >>> Network.from_networkx(graph, inputs=["eye"])
        <Network: 3 neurons, 1 of them external input, 3 synapses, 28 spikes>
        """
        listed, nodes = in_memory.of_networkx(graph, weight)
        if spikes is None:
            spikes = nodes.spikes
        if inputs is None and nodes.is_input is not None:
            inputs = frozen_array("node attribute 'input'", nodes.is_input, np.bool_)
        populations = [Population(*run) for run in nodes.populations]
        return cls._of(listed, spikes, inputs, None, populations, window_s)

    @classmethod
    def _of(
        cls,
        listed: Synapses,
        spikes: Counts | None,
        inputs: Iterable[Any] | None,
        names: Iterable[str] | None,
        populations: Table[str, range] | Iterable[Population],
        window_s: float | None,
    ) -> Network:
        """Build a network from synapses that may be listed twice, and what is said of its neurons."""
        pre, post, weights, _ = merge_duplicates(listed.pre, listed.post, listed.weights)
        num_neurons = listed.num_neurons
        labels = listed.labels if names is None else in_memory.names(names, num_neurons)
        called = () if labels is None else in_memory.names([str(label) for label in labels], num_neurons)
        return cls.from_synapses(
            pre,
            post,
            np.ones(num_neurons) if spikes is None else in_memory.counts(spikes, num_neurons, labels),
            is_input=in_memory.marks(inputs, num_neurons, labels),
            weights=weights,
            populations=(*_ranges(populations), *(Population(name, i, i + 1) for i, name in enumerate(called))),
            window_s=window_s,
            spikes_assumed=spikes is None,
        )

    def __repr__(self) -> str:
        inputs = self.num_inputs
        words = [
            f"{self.num_neurons:,} neuron{_s(self.num_neurons)}",
            *([f"{inputs:,} of them external input{_s(inputs)}"] if inputs else []),
            f"{self.num_synapses:,} synapse{_s(self.num_synapses)}",
            "one spike each assumed" if self.spikes_assumed else f"{int(self.spikes.sum()):,} spikes",
        ]
        return f"<Network: {', '.join(words)}>"

    @property
    def num_neurons(self) -> int:
        """Neurons, external inputs included."""
        return len(self.spikes)

    @property
    def num_synapses(self) -> int:
        return len(self.fanout_idx)

    @property
    def num_inputs(self) -> int:
        """External inputs."""
        return int(self.is_input.sum())

    @property
    def num_units(self) -> int:
        """Neurons that need a column: all but the external inputs."""
        return self.num_neurons - self.num_inputs

    @cached_property
    def pre(self) -> Array:
        """(num_synapses,) int32: pre-synaptic neuron of each synapse."""
        return np.repeat(np.arange(self.num_neurons, dtype=np.int32), np.diff(self.fanout_ptr))

    @property
    def post(self) -> Array:
        """(num_synapses,) int32: post-synaptic neuron of each synapse."""
        return self.fanout_idx

    @cached_property
    def fan_in(self) -> Array:
        """(num_neurons,) int64: synapses ending at each neuron."""
        return np.bincount(self.fanout_idx, minlength=self.num_neurons)

    @cached_property
    def fan_out(self) -> Array:
        """(num_neurons,) int64: synapses leaving each neuron."""
        return np.diff(self.fanout_ptr)

    @cached_property
    def fanin_synapse(self) -> Array:
        """(num_synapses,) int64: synapses ordered by post-synaptic, then pre-synaptic neuron."""
        return np.argsort(self.fanout_idx, kind="stable")

    @cached_property
    def fanin_ptr(self) -> Array:
        """(num_neurons + 1,) int64: neuron ``i`` is fed by ``fanin_idx[fanin_ptr[i]:fanin_ptr[i + 1]]``."""
        return np.concatenate(([0], np.cumsum(self.fan_in)))

    @cached_property
    def fanin_idx(self) -> Array:
        """(num_synapses,) int32: pre-synaptic neurons, ascending for each post-synaptic one."""
        return self.pre[self.fanin_synapse]

    def fan_in_of(self, neuron: int) -> Array:
        """Pre-synaptic neurons of one neuron, ascending."""
        return self.fanin_idx[self.fanin_ptr[neuron] : self.fanin_ptr[neuron + 1]]

    def fan_out_of(self, neuron: int) -> Array:
        """Post-synaptic neurons of one neuron, ascending."""
        return self.fanout_idx[self.fanout_ptr[neuron] : self.fanout_ptr[neuron + 1]]

    @property
    def synaptic_events(self) -> int:
        """Spikes summed over all synapses."""
        return int((self.spikes * self.fan_out).sum())

    @cached_property
    def digest(self) -> str:
        """Identity of what is mapped: synapses, spikes and inputs; not weights or names."""
        return digest("network", self.fanout_ptr, self.fanout_idx, self.spikes, self.is_input)

    def _check_shapes(self) -> None:
        n = self.spikes.size
        if n == 0:
            raise InvalidInstance("the network has no neurons")
        for name, array, shape in (
            ("spikes", self.spikes, (n,)),
            ("fanout_ptr", self.fanout_ptr, (n + 1,)),
            ("fanout_idx", self.fanout_idx, (self.fanout_idx.size,)),
            ("is_input", self.is_input, (n,)),
            ("weights", self.weights, self.fanout_idx.shape),
        ):
            if array is not None and array.shape != shape:
                raise InvalidInstance(f"{name} has shape {array.shape}; {n} spike counts need {shape}")

    def _check_names(self) -> None:
        for population in self.populations:
            if not 0 <= population.start <= population.stop <= self.num_neurons:
                ends = f"{population.start} ... {population.stop - 1}"
                raise InvalidInstance(f"population {population.name} has neurons {ends} of {self.num_neurons}")
        window_s = self.window_s
        if window_s is not None and not (isinstance(window_s, int | float) and 0 <= window_s < math.inf):
            raise InvalidInstance(f"the window of {window_s!r:.50} s is no duration")

    def _check_graph(self) -> None:
        ptr, idx = self.fanout_ptr, self.fanout_idx
        if ptr[0] != 0 or ptr[-1] != len(idx) or (np.diff(ptr) < 0).any():
            raise InvalidInstance(f"fanout_ptr does not rise from 0 to {len(idx)} synapses")
        if len(idx) == 0:
            return
        if idx.min() < 0 or idx.max() >= self.num_neurons:
            culprit = idx.min() if idx.min() < 0 else idx.max()
            raise InvalidInstance(f"post-synaptic neuron {culprit} lies outside 0 ... {self.num_neurons - 1}")
        same_source = np.ones(len(idx), dtype=bool)
        same_source[ptr[:-1][ptr[:-1] < len(idx)]] = False
        stalled = np.flatnonzero(same_source[1:] & (np.diff(idx) <= 0)) + 1
        if stalled.size:
            s = stalled[0]
            raise InvalidInstance(f"synapse {self.pre[s]} -> {idx[s]} is listed twice or out of order")
        fed = np.flatnonzero(self.is_input[idx])
        if fed.size:
            raise InvalidInstance(f"neuron {idx[fed[0]]} is an external input, yet neuron {self.pre[fed[0]]} feeds it")

    def _check_values(self) -> None:
        negative = np.flatnonzero(self.spikes < 0)
        if negative.size:
            raise InvalidInstance(f"neuron {negative[0]} has a negative spike count ({self.spikes[negative[0]]})")
        if self.weights is not None and not np.isfinite(self.weights).all():
            s = np.flatnonzero(~np.isfinite(self.weights))[0]
            raise InvalidInstance(f"synapse {self.pre[s]} -> {self.fanout_idx[s]} has weight {self.weights[s]}")
        if float(self.spikes.max()) * max(self.num_neurons, self.num_synapses) < INT64_MAX / 4:
            return
        exact = sum(int(s) * int(d) for s, d in zip(self.spikes, self.fan_out, strict=True))
        if exact > INT64_MAX or sum(map(int, self.spikes)) > INT64_MAX:
            raise InvalidInstance("the spikes on all synapses together overflow int64")


def _ranges(populations: Any) -> tuple[Population, ...]:
    if isinstance(populations, Table):
        return tuple(_population(name, ids) for name, ids in populations.items())
    if isinstance(populations, str) or not isinstance(populations, Iterable):
        raise WrongType("populations", populations, "names with ranges of neurons")
    for population in (found := tuple(populations)):
        if not isinstance(population, Population):
            raise WrongType("a population", population, "a Population, or a name with a range of neurons")
    return found


def _population(name: Any, ids: Any) -> Population:
    if not isinstance(name, str):
        raise WrongType("the name of a population", name, "a text")
    if not isinstance(ids, range) or ids.step != 1:
        raise WrongType(f"population {shown(name)}", ids, "a range of neurons in steps of one")
    return Population(name, ids.start, max(ids.start, ids.stop))


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def merge_duplicates(pre: Array, post: Array, weights: Array | None) -> tuple[Array, Array, Array | None, int]:
    """Merge synapses listed more than once, adding their weights.

    Returns
    -------
    pre, post, weights
        One entry per distinct pair, sorted.
    merged : int
        How many entries disappeared.
    """
    if len(pre) == 0:
        return pre, post, weights, 0
    order = np.lexsort((post, pre))
    pre, post = pre[order], post[order]
    first = np.ones(len(pre), dtype=bool)
    first[1:] = (np.diff(pre) != 0) | (np.diff(post) != 0)
    if weights is not None:
        weights = np.add.reduceat(np.asarray(weights, dtype=np.float64)[order], np.flatnonzero(first))
    return pre[first], post[first], weights, int((~first).sum())
