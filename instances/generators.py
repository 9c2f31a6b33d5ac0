"""Random networks of any size from a seed: the same arguments and numpy give the same network.

Spike counts are log-normal with a standard deviation of one in the logarithm, as rates measured in cortex are
(Buzsáki & Mizuseki 2014, doi:10.1038/nrn3687).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.network import Network, Population


def random_sparse(neurons: int, synapses: int, *, inputs: int = 0, mean_spikes: float = 20.0, seed: int = 0) -> Network:
    """Draw ``synapses`` distinct pairs uniformly, without self loops.

    Parameters
    ----------
    neurons : int
        External inputs included; these come first.
    synapses : int
    inputs : int
        Of the neurons, how many are external inputs: never post-synaptic.
    """
    units = neurons - inputs
    _require(units >= 1, f"{neurons} neurons with {inputs} external inputs leave no unit")
    possible = neurons * units - units
    _require(0 <= synapses <= possible, f"{neurons} neurons with {inputs} inputs have room for {possible} synapses")
    rng = np.random.default_rng(seed)
    drawn = _distinct(rng, synapses, possible)
    # number k of possible pairs: unit k % units and one of the neurons - 1 others, which skip the unit itself
    pre, post = np.divmod(drawn, units)
    post += inputs
    pre += pre >= post
    return _network(pre, post, log_normal_spikes(rng, neurons, mean_spikes), inputs)


def layered(sizes: Sequence[int], *, density: float = 1.0, mean_spikes: float = 20.0, seed: int = 0) -> Network:
    """Build a feed-forward network: the first layer are external inputs, each layer feeds the next one.

    Parameters
    ----------
    sizes : sequence of int
        Neurons in each layer.
    density : float
        Probability of each synapse; 1 is dense. Drawing takes time and memory in proportion to the possible synapses.
    """
    _require(len(sizes) >= 2 and min(sizes) >= 1, f"layers of {list(sizes)} neurons make no network")
    _require(0 <= density <= 1, f"density {density} lies outside 0 ... 1")
    rng = np.random.default_rng(seed)
    start = np.concatenate(([0], np.cumsum(sizes)))
    pre, post = [], []
    for layer, (above, below) in enumerate(pairwise(sizes)):
        pairs = np.arange(above * below)
        if density < 1:
            pairs = pairs[rng.random(len(pairs)) < density]
        source, target = np.divmod(pairs, below)
        pre.append(source + start[layer])
        post.append(target + start[layer + 1])
    populations = tuple(
        Population(f"layer{layer}", int(start[layer]), int(start[layer + 1])) for layer in range(len(sizes))
    )
    spikes = log_normal_spikes(rng, int(start[-1]), mean_spikes)
    return _network(np.concatenate(pre), np.concatenate(post), spikes, sizes[0], populations)


def small_world(
    neurons: int, fan_in: int, *, rewiring: float = 0.1, mean_spikes: float = 20.0, seed: int = 0
) -> Network:
    """Let each neuron of a ring read its ``fan_in`` nearest neighbours, some replaced by random ones.

    The directed form of Watts & Strogatz 1998, doi:10.1038/30918: every neuron keeps its fan-in.
    """
    _require(0 < fan_in < neurons, f"fan-in {fan_in} lies outside 1 ... {neurons - 1}")
    _require(0 <= rewiring <= 1, f"rewiring probability {rewiring} lies outside 0 ... 1")
    rng = np.random.default_rng(seed)
    # nearest first, alternating sides: +1, -1, +2, -2, ...
    step = np.arange(2, fan_in + 2) // 2 * np.where(np.arange(fan_in) % 2 == 0, 1, -1)
    post = np.repeat(np.arange(neurons), fan_in)
    offset = np.tile(step % neurons, neurons)
    wandering = rng.random(offset.size) < rewiring
    # a redrawn source may be read already: then it, and only it, is drawn again
    while wandering.any():
        offset[wandering] = rng.integers(1, neurons, size=int(wandering.sum()))
        pair = post * neurons + offset
        order = np.argsort(2 * pair + wandering, kind="stable")  # among equals, those that wander come last
        twice = np.zeros(offset.size, dtype=bool)
        twice[order[1:]] = np.diff(pair[order]) == 0
        wandering &= twice
    return _network((post + offset) % neurons, post, log_normal_spikes(rng, neurons, mean_spikes), 0)


def _distinct(rng: np.random.Generator, count: int, below: int) -> Array:
    """Draw ``count`` distinct numbers below a limit, uniformly, ascending."""
    if count > below // 2:
        kept = np.ones(below, dtype=bool)
        kept[_distinct(rng, below - count, below)] = False
        return np.flatnonzero(kept)
    drawn = np.empty(0, dtype=np.int64)
    while drawn.size < count:
        # np.unique hashes integers, which takes ten times as long
        drawn = np.sort(np.concatenate((drawn, rng.integers(below, size=count - drawn.size))))
        drawn = drawn[np.diff(drawn, prepend=-1) > 0]
    return drawn


def log_normal_spikes(rng: np.random.Generator, neurons: int, mean: float) -> Array:
    """Draw spike counts with the given mean; see the module docstring."""
    _require(mean > 0, f"mean spike count {mean} is not positive")
    # the mean of a log-normal is exp(mu + sigma^2 / 2), with sigma = 1 here
    return np.rint(rng.lognormal(np.log(mean) - 0.5, 1.0, size=neurons)).astype(np.int64)


def _network(pre: Array, post: Array, spikes: Array, inputs: int, populations: tuple[Population, ...] = ()) -> Network:
    neurons = len(spikes)
    key = np.sort(pre.astype(np.int64) * neurons + post)  # one key sorts faster than two columns
    pre, post = np.divmod(key, neurons)
    return Network(
        fanout_ptr=np.concatenate(([0], np.cumsum(np.bincount(pre, minlength=neurons)))),
        fanout_idx=post,
        spikes=spikes,
        is_input=np.arange(neurons) < inputs,
        populations=populations,
    )


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise InvalidInput(otherwise)
