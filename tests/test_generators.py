"""Random networks: sizes as asked for, the same from the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from spinemap_exact.errors import InvalidInput
from spinemap_exact.instances.generators import layered, random_sparse, small_world


@pytest.mark.parametrize("synapses", [0, 1, 30, 31, 59, 60])
def test_sparse_networks_have_the_synapses_asked_for(synapses):
    # 10 neurons, 4 of them inputs: 10 * 6 pairs end at a unit, 6 of these are self loops; 54 remain
    if synapses > 54:
        with pytest.raises(InvalidInput, match="room for 54 synapses"):
            random_sparse(10, synapses, inputs=4)
        return
    network = random_sparse(10, synapses, inputs=4)
    assert network.num_synapses == synapses
    assert (network.num_inputs, network.num_units) == (4, 6)
    assert not (network.pre == network.post).any()


def test_a_full_sparse_network_has_every_pair_but_self_loops():
    network = random_sparse(5, 5 * 3 - 3, inputs=2)
    pairs = set(zip(network.pre.tolist(), network.post.tolist(), strict=True))
    assert pairs == {(i, j) for i in range(5) for j in range(2, 5) if i != j}


def test_every_pair_of_a_sparse_network_is_as_likely():
    counts = np.zeros((6, 6), dtype=int)
    for seed in range(400):
        network = random_sparse(6, 10, seed=seed)
        counts[network.pre, network.post] += 1
    # 10 of 30 pairs each time: 133 expected, standard deviation sqrt(400 * 1/3 * 2/3) = 9.4; five of them
    drawn = counts[~np.eye(6, dtype=bool)]
    assert np.abs(drawn - 400 / 3).max() < 5 * 9.5


def test_dense_layers():
    network = layered([4, 3, 2])
    assert network.num_synapses == 4 * 3 + 3 * 2
    assert network.fan_in.tolist() == [0] * 4 + [4] * 3 + [3] * 2
    assert network.is_input.tolist() == [True] * 4 + [False] * 5
    assert [(p.name, p.start, p.stop) for p in network.populations] == [
        ("layer0", 0, 4),
        ("layer1", 4, 7),
        ("layer2", 7, 9),
    ]


def test_sparse_layers_keep_to_their_density():
    network = layered([200, 100], density=0.25)
    # 20,000 pairs: 5,000 expected, standard deviation 61
    assert abs(network.num_synapses - 5_000) < 6 * 61


@pytest.mark.parametrize("rewiring", [0.0, 0.3, 1.0])
def test_small_worlds_keep_their_fan_in(rewiring):
    network = small_world(50, 7, rewiring=rewiring)
    assert (network.fan_in == 7).all()
    assert not (network.pre == network.post).any()


def test_an_unrewired_small_world_reads_its_nearest_neighbours():
    network = small_world(10, 3, rewiring=0)
    # nearest first, alternating sides: +1, -1, +2
    assert network.fan_in_of(5).tolist() == [4, 6, 7]
    assert network.fan_in_of(0).tolist() == [1, 2, 9]


def test_a_complete_small_world_can_be_rewired():
    assert small_world(6, 5, rewiring=1.0).num_synapses == 30


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: random_sparse(40, 300, inputs=5, seed=seed),
        lambda seed: layered([20, 10], density=0.5, seed=seed),
        lambda seed: small_world(40, 6, rewiring=0.2, seed=seed),
    ],
    ids=["random_sparse", "layered", "small_world"],
)
def test_the_seed_decides(make):
    assert make(1).digest == make(1).digest
    assert make(1).digest != make(2).digest


def test_spikes_have_the_mean_asked_for():
    spikes = random_sparse(20_000, 0, mean_spikes=50).spikes
    # the standard deviation of a log-normal with sigma 1 is 1.31 times its mean: 0.46 for the mean of 20,000
    assert abs(spikes.mean() - 50) < 6 * 0.47
    assert spikes.min() >= 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: random_sparse(3, 1, inputs=3), "leave no unit"),
        (lambda: random_sparse(3, -1), "room for 6 synapses"),
        (lambda: random_sparse(3, 1, mean_spikes=0), "mean spike count 0 is not positive"),
        (lambda: layered([3]), "make no network"),
        (lambda: layered([3, 0]), "make no network"),
        (lambda: layered([3, 3], density=1.1), "density 1.1 lies outside"),
        (lambda: small_world(5, 5), "fan-in 5 lies outside 1 ... 4"),
        (lambda: small_world(5, 2, rewiring=-0.1), "rewiring probability -0.1"),
    ],
)
def test_impossible_sizes_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_lenet_has_the_published_counts():
    from spinemap_exact.instances.convolutional import lenet

    network = lenet()

    assert (network.num_neurons, network.num_synapses) == (6894, 377_480)
    # 25 and 150 inputs of a convolution, 4 of a pooling neuron, 256 and 500 of the dense layers
    assert sorted(set(network.fan_in[~network.is_input].tolist())) == [4, 25, 150, 256, 500]
