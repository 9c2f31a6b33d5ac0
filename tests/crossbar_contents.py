"""Contents of crossbars from their definition: what each is worth, the best of all, and values drawn at random."""

from __future__ import annotations

from itertools import product

import numpy as np

from spinemap_exact.hardware import CostModel, Crossbar, Hardware, TileGrid
from spinemap_exact.network import Network
from spinemap_exact.problems.mapping import MappingProblem
from spinemap_exact.solvers.mapping.contents._instance import Values


def some_values(instance, draw):
    """Any values within their ranges, from nothing to far beyond what anything costs."""
    dear = draw.choice([1, 10, int(instance.carry.sum() + instance.outside.sum()) + 1, 10**9])
    neurons = [draw.randrange(-dear // 4, dear) for _ in range(instance.num_neurons)]
    synapses = [draw.choice([0, draw.randrange(c + 1), c]) for c in (instance.scale * instance.carry).tolist()]
    axons = [draw.choice([0, draw.randrange(dear)]) for _ in range(instance.num_axons)]
    return Values(*(np.array(v, dtype=np.int64) for v in (neurons, synapses, axons)), instance.scale)


def worth(instance, values, somas, axons):
    """By the definition; None if the content does not fit."""
    pairs = list(enumerate(zip(instance.pre.tolist(), instance.post.tolist(), strict=True)))
    partial = {i for _, (k, i) in pairs if i in somas and k not in axons}
    if len(somas) > instance.columns or len(axons) + len(partial) > instance.rows:
        return None
    total = sum(int(values.neurons[i]) for i in somas) + sum(int(values.axons[k]) for k in axons)
    for e, (k, i) in pairs:
        lost = int(values.synapses[e])
        if i in somas and instance.per_synapse and instance.home[k] >= 0 and instance.home[k] not in somas:
            far = values.scale * int(instance.outside[k] - instance.inside[k])
            total -= min(lost, far) if k in axons else lost
        elif i in somas and k not in axons:
            total -= lost
    if not instance.per_synapse:
        for k in axons:
            total -= values.scale * int((instance.inside if instance.home[k] in somas else instance.outside)[k])
    return total


def best(instance, values):
    """What the best content is worth, of all of them; nothing is a content, too."""
    found = []
    for bits in product((False, True), repeat=instance.num_neurons + instance.num_axons):
        somas = {i for i in range(instance.num_neurons) if bits[i]}
        axons = {k for k in range(instance.num_axons) if bits[instance.num_neurons + k]}
        found.append(worth(instance, values, somas, axons))
    return max(value for value in found if value is not None)


def ring(neurons, rows, columns, tiles=2):
    """Each neuron reads the two beside it; 10 spikes each, packets, hops and local reads cost 1, 3 and 1."""
    post = np.repeat(np.arange(neurons), 2)
    pre = (post + np.tile([1, -1], neurons)) % neurons
    network = Network.from_synapses(pre, post, np.full(neurons, 10))
    costs = CostModel(packet_fj=1, hop_x_fj=3, hop_y_fj=3, local_fj=1)
    return MappingProblem(network, Hardware("ring", TileGrid(tiles, 1), (Crossbar(rows, columns),), costs))
