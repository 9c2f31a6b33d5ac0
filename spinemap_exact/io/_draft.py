"""A network as a file gives it, before it is checked, cleaned and given its spike counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.io._files import plural
from spinemap_exact.network import Network, Population


@dataclass
class Draft:
    """Synapses in any order, possibly listed twice.

    Parameters
    ----------
    num_neurons : int
    pre, post : (num_listed,) integers
    weights : (num_listed,) floats, optional
    is_input : (num_neurons,) bool, optional
    populations : tuple of Population
    spikes : (num_neurons,) int64, optional
        Counts that the file itself brings.
    spikes_assumed : bool
        True if the file says that nobody recorded them.
    window_s : float, optional
    zero_is_a_synapse : bool
        True for formats that list synapses, False for those that store matrices.
    notes : list of str
        One sentence each, for the user.
    """

    num_neurons: int
    pre: Array
    post: Array
    weights: Array | None = None
    is_input: Array | None = None
    populations: tuple[Population, ...] = ()
    spikes: Array | None = None
    spikes_assumed: bool = False
    window_s: float | None = None
    zero_is_a_synapse: bool = True
    notes: list[str] = field(default_factory=list)

    def finish(self, spikes: Path | None = None, weight_threshold: float = 0.0) -> tuple[Network, list[str]]:
        """Check, merge duplicates, drop small weights and attach spike counts.

        Raises
        ------
        InvalidInput
            If there is no neuron, an id is out of range, a weight is not finite, an external input is
            post-synaptic, or the spike counts do not fit.
        """
        if self.num_neurons == 0:
            raise InvalidInput("the network is empty: no neuron and no synapse")
        if not weight_threshold >= 0:
            raise InvalidInput(f"weight threshold {weight_threshold} is negative")
        if weight_threshold > 0 and self.weights is None:
            raise InvalidInput(f"a weight threshold of {weight_threshold:g} was given, but the network has no weights")
        notes = list(self.notes)
        self._check_ids()
        self._check_weights()
        pre, post, weights, merged = _merged(self.pre, self.post, self.weights, self.num_neurons)
        if merged:
            adding = "" if weights is None else ", their weights added"
            notes.append(f"{plural(merged, 'synapse')} listed more than once: merged{adding}")
        if weights is not None:
            pre, post, weights = self._drop_small(pre, post, weights, weight_threshold, notes)
        loops = int((pre == post).sum())
        if loops:
            notes.append(f"{plural(loops, 'self loop')} kept")
        counts, window_s, assumed = self.spikes, self.window_s, self.spikes_assumed
        if spikes is not None:
            from spinemap_exact.io.spike_counts import read_spike_counts

            recorded = read_spike_counts(spikes, self.num_neurons, self.populations, self.is_input)
            counts, notes, assumed = recorded.counts, notes + recorded.notes, False
            window_s = recorded.window_s if recorded.window_s is not None else window_s
        if counts is None:
            counts, assumed = np.ones(self.num_neurons, dtype=np.int64), True
        if assumed:
            notes.append("no spike counts were given: traffic is assumed, one spike for every neuron")
        network = Network(
            fanout_ptr=np.concatenate(([0], np.cumsum(np.bincount(pre, minlength=self.num_neurons)))),
            fanout_idx=post,
            spikes=counts,
            is_input=np.zeros(self.num_neurons, dtype=bool) if self.is_input is None else self.is_input,
            weights=weights,
            populations=self.populations,
            window_s=window_s,
            spikes_assumed=assumed,
        )
        return network, notes

    def _check_ids(self) -> None:
        if self.num_neurons > np.iinfo(np.int32).max:
            raise InvalidInput(f"{self.num_neurons:,} neurons are more than int32 can number")
        for name, ids in (("pre-synaptic", self.pre), ("post-synaptic", self.post)):
            outside = (ids < 0) | (ids >= self.num_neurons)
            if outside.any():
                raise InvalidInput(f"{name} neuron {ids[outside][0]} lies outside 0 ... {self.num_neurons - 1}")

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        with np.errstate(over="ignore"):
            wrong = np.flatnonzero(~np.isfinite(np.asarray(self.weights, dtype=np.float32)))
        if wrong.size:
            s = wrong[0]
            raise InvalidInput(f"synapse {self.pre[s]} -> {self.post[s]} has the weight {self.weights[s]}")

    def _drop_small(
        self, pre: Array, post: Array, weights: Array, threshold: float, notes: list[str]
    ) -> tuple[Array, Array, Array]:
        size = np.abs(weights)
        if threshold == 0 and self.zero_is_a_synapse:
            zeros = int((size == 0).sum())
            if zeros:
                notes.append(f"{plural(zeros, 'synapse')} of weight zero kept, since the file lists them")
            return pre, post, weights
        kept = size > threshold
        dropped = len(kept) - int(kept.sum())
        if dropped == 0:
            return pre, post, weights
        limit = f"|weight| <= {threshold:g}" if threshold else "weight zero"
        notes.append(f"{plural(dropped, 'synapse')} of {limit} dropped")
        return pre[kept], post[kept], weights[kept]


def _merged(pre: Array, post: Array, weights: Array | None, num_neurons: int) -> tuple[Array, Array, Array | None, int]:
    """Sort synapses by source, then target, and merge duplicates; one int64 key sorts faster than two columns."""
    key = pre.astype(np.int64) * num_neurons + post
    weights = None if weights is None else np.asarray(weights, dtype=np.float64)
    if len(key) > 1 and (key[1:] <= key[:-1]).any():
        if weights is None:
            key.sort()
        else:
            order = np.argsort(key, kind="stable")
            key, weights = key[order], weights[order]
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    merged = len(key) - int(first.sum())
    if merged:
        if weights is not None:
            weights = np.add.reduceat(weights, np.flatnonzero(first))
        key = key[first]
    source, target = np.divmod(key, num_neurons)
    return source, target, weights, merged
