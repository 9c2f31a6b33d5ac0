"""Convolutional networks: one layer of any size, and one in the style of LeNet that unrolling is compared on."""

from __future__ import annotations

import numpy as np

from spinemap_exact.arrays import Array
from spinemap_exact.errors import InvalidInput
from spinemap_exact.instances.generators import log_normal_spikes
from spinemap_exact.network import Network, Population

Synapses = tuple[Array, Array]


def convolution(side: int, maps: int, kernel: int, *, mean_spikes: float = 20.0, seed: int = 0) -> Network:
    """Return one layer: an image of ``side`` x ``side`` external inputs, read by ``maps`` maps without padding.

    Neurons that share a place in different maps read the same inputs.
    """
    if not 1 <= kernel <= side or maps < 1:
        raise InvalidInput(f"an image of {side} x {side}, {maps} maps and a kernel of {kernel} make no network")
    inputs, units = side * side, maps * (side - kernel + 1) ** 2
    pre, post = _convolve((1, side, side), maps, kernel)
    return Network.from_synapses(
        pre,
        post + inputs,
        log_normal_spikes(np.random.default_rng(seed), inputs + units, mean_spikes),
        is_input=np.arange(inputs + units) < inputs,
        populations=[Population("image", 0, inputs), Population("maps", inputs, inputs + units)],
    )


def lenet(*, spikes: int = 1) -> Network:
    """Return 28x28 inputs, 5x5 convolution to 6 maps, 2x2 pooling, 5x5 to 16 maps, 2x2 pooling, dense 500 and 10.

    6,894 neurons, inputs and pooling included, and 377,480 synapses. Every neuron emits the same number of spikes.

    Y. LeCun et al., *Gradient-Based Learning Applied to Document Recognition*, Proc. IEEE 86(11), 1998,
    doi:10.1109/5.726791, with valid convolutions over all maps.
    """
    shapes = [(1, 28, 28), (6, 24, 24), (6, 12, 12), (16, 8, 8), (16, 4, 4), (500, 1, 1), (10, 1, 1)]
    names = ("inputs", "conv1", "pool1", "conv2", "pool2", "dense", "out")
    first = np.concatenate(([0], np.cumsum([maps * height * width for maps, height, width in shapes])))
    layers = [
        _convolve(shapes[0], 6, 5),
        _pool(shapes[1]),
        _convolve(shapes[2], 16, 5),
        _pool(shapes[3]),
        _dense(256, 500),
        _dense(500, 10),
    ]
    return Network.from_synapses(
        np.concatenate([pre + first[layer] for layer, (pre, _) in enumerate(layers)]),
        np.concatenate([post + first[layer + 1] for layer, (_, post) in enumerate(layers)]),
        np.full(int(first[-1]), spikes),
        is_input=np.arange(first[-1]) < first[1],
        populations=[Population(n, int(a), int(b)) for n, a, b in zip(names, first[:-1], first[1:], strict=True)],
        spikes_assumed=True,
    )


def _convolve(shape: tuple[int, int, int], maps: int, kernel: int) -> Synapses:
    """Connect every map to every map through a square kernel, without padding."""
    channels, height, width = shape
    out, y, x, c, dy, dx = np.meshgrid(
        np.arange(maps),
        np.arange(height - kernel + 1),
        np.arange(width - kernel + 1),
        np.arange(channels),
        np.arange(kernel),
        np.arange(kernel),
        indexing="ij",
    )
    pre = (c * height + y + dy) * width + x + dx
    post = (out * (height - kernel + 1) + y) * (width - kernel + 1) + x
    return pre.ravel(), post.ravel()


def _pool(shape: tuple[int, int, int]) -> Synapses:
    """Connect each neuron to the one that stands for its square of two by two."""
    channels, height, width = shape
    c, y, x = (a.ravel() for a in np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"))
    return np.arange(channels * height * width), (c * (height // 2) + y // 2) * (width // 2) + x // 2


def _dense(sources: int, targets: int) -> Synapses:
    return np.repeat(np.arange(sources), targets), np.tile(np.arange(targets), sources)
