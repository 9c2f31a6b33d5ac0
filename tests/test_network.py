"""Networks: what is derived, what is refused, what decides identity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinemap_exact.errors import InvalidInstance
from spinemap_exact.network import Network, Population, merge_duplicates

# 0 and 1 are external inputs; 2 reads both, 3 reads 1 and 2, and 2 reads 3 back
PAIRS = [(0, 2), (1, 2), (1, 3), (2, 3), (3, 2)]


def small(**changes):
    given = {
        "fanout_ptr": [0, 1, 3, 4, 5],
        "fanout_idx": [2, 2, 3, 3, 2],
        "spikes": [5, 7, 11, 13],
        "is_input": np.array([True, True, False, False]),
    }
    return Network(**{**given, **changes})


def test_sizes():
    network = small()
    assert (network.num_neurons, network.num_synapses, network.num_inputs, network.num_units) == (4, 5, 2, 2)
    assert network.fan_in.tolist() == [0, 0, 3, 2]
    assert network.fan_out.tolist() == [1, 2, 1, 1]
    assert network.pre.tolist() == [0, 1, 1, 2, 3]
    assert network.fan_in_of(2).tolist() == [0, 1, 3]
    assert network.fan_out_of(1).tolist() == [2, 3]
    assert network.synaptic_events == 5 + 2 * 7 + 11 + 13


def test_nobody_is_an_input_unless_said():
    assert small(is_input=None).num_inputs == 0


def test_synapses_in_any_order_make_the_same_network():
    pre, post = zip(*reversed(PAIRS), strict=True)
    network = Network.from_synapses(
        pre, post, [5, 7, 11, 13], is_input=np.array([1, 1, 0, 0], dtype=bool), weights=np.array([5.0, 4, 3, 2, 1])
    )
    assert network.digest == small().digest
    assert network.weights.tolist() == [1, 2, 3, 4, 5]  # weights move with their synapses


@st.composite
def synapses(draw):
    neurons = draw(st.integers(1, 8))
    pairs = draw(st.lists(st.tuples(st.integers(0, neurons - 1), st.integers(0, neurons - 1)), unique=True))
    return neurons, pairs


@given(synapses())
def test_derived_arrays_agree_with_plain_loops(case):
    neurons, pairs = case
    pre, post = [p for p, _ in pairs], [p for _, p in pairs]
    network = Network.from_synapses(pre, post, range(neurons))
    assert list(zip(network.pre.tolist(), network.post.tolist(), strict=True)) == sorted(pairs)
    for i in range(neurons):
        assert network.fan_in_of(i).tolist() == sorted(p for p, q in pairs if q == i)
        assert network.fan_out_of(i).tolist() == sorted(q for p, q in pairs if p == i)
    in_order = [(int(network.post[s]), int(network.pre[s])) for s in network.fanin_synapse]
    assert in_order == sorted((q, p) for p, q in pairs)
    assert network.synaptic_events == sum(p for p, _ in pairs)


def test_arrays_are_copied_and_read_only():
    spikes = np.array([5, 7, 11, 13])
    network = small(spikes=spikes, weights=np.ones(5))
    spikes[0] = 99
    assert network.spikes[0] == 5
    for name in ("fanout_ptr", "fanout_idx", "spikes", "is_input", "weights"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(network, name)[0] = 1


def test_dtypes_are_fixed():
    network = small(spikes=np.array([5.0, 7.0, 11.0, 13.0]), weights=[1, 2, 3, 4, 5])
    assert [network.fanout_ptr.dtype, network.fanout_idx.dtype, network.spikes.dtype] == [np.int64, np.int32, np.int64]
    assert network.weights.dtype == np.float32


def test_the_digest_is_what_it_was():
    # written down, so that certificates of earlier versions stay valid
    assert small().digest == "3c5db2b2a47e773de3765b7374155b65560fec078ac7fe5afd1169379450be6c"


def test_the_digest_counts_synapses_spikes_and_inputs_only():
    same = [
        small(weights=np.ones(5)),
        small(populations=(Population("in", 0, 2),)),
        small(window_s=2.0),
        small(spikes_assumed=True),
        small(fanout_idx=np.array([2, 2, 3, 3, 2], dtype=np.uint8)),
    ]
    others = [
        small(spikes=[5, 7, 11, 14]),
        small(is_input=np.array([True, False, False, False])),
        small(fanout_idx=[2, 2, 3, 2, 3]),
        small(fanout_ptr=[0, 2, 3, 4, 5], fanout_idx=[2, 3, 2, 3, 2]),
    ]
    assert {n.digest for n in same} == {small().digest}
    assert len({n.digest for n in others} | {small().digest}) == 5


MALFORMED = {
    "no neurons": ({"fanout_ptr": [0], "fanout_idx": [], "spikes": [], "is_input": None}, "has no neurons"),
    "pointer too short": ({"fanout_ptr": [0, 1, 3, 5]}, r"fanout_ptr has shape \(4,\); 4 spike counts need \(5,\)"),
    "pointer starts late": ({"fanout_ptr": [1, 1, 3, 4, 5]}, "does not rise from 0 to 5"),
    "pointer ends early": ({"fanout_ptr": [0, 1, 3, 4, 4]}, "does not rise from 0 to 5"),
    "pointer falls": ({"fanout_ptr": [0, 3, 1, 4, 5]}, "does not rise from 0 to 5"),
    "post too large": ({"fanout_idx": [2, 2, 3, 3, 4]}, r"post-synaptic neuron 4 lies outside 0 \.\.\. 3"),
    "post negative": ({"fanout_idx": [2, 2, 3, 3, -1]}, r"post-synaptic neuron -1 lies outside 0 \.\.\. 3"),
    "listed twice": ({"fanout_idx": [2, 3, 3, 3, 2]}, "synapse 1 -> 3 is listed twice or out of order"),
    "out of order": ({"fanout_idx": [2, 3, 2, 3, 2]}, "synapse 1 -> 2 is listed twice or out of order"),
    "input is read": (
        {"is_input": np.array([True, True, True, False])},
        "neuron 2 is an external input, yet neuron 0 feeds it",
    ),
    "negative count": ({"spikes": [5, -7, 11, 13]}, r"neuron 1 has a negative spike count \(-7\)"),
    "fractional count": ({"spikes": [5, 7.5, 11, 13]}, r"spikes\[1\] is 7.5, not an integer"),
    "count is no number": ({"spikes": [5, float("nan"), 11, 13]}, r"spikes\[1\] is nan, not an integer"),
    "counts are text": ({"spikes": ["5", "7", "11", "13"]}, "not numbers"),
    "count beyond int64": ({"spikes": np.array([5, 2**63, 11, 13], dtype=np.uint64)}, "overflows int64"),
    "id beyond int32": ({"fanout_idx": [2, 2, 3, 3, 2**31]}, r"fanout_idx\[4\] is 2147483648, which overflows int32"),
    "weights too few": ({"weights": np.ones(4)}, r"weights has shape \(4,\)"),
    "weight is nan": ({"weights": [1, 2, np.nan, 4, 5]}, "synapse 1 -> 3 has weight nan"),
    "weight is infinite": ({"weights": [1, 2, 3, 4, -np.inf]}, "synapse 3 -> 2 has weight -inf"),
    "inputs too few": ({"is_input": np.array([True])}, r"is_input has shape \(1,\)"),
}


@pytest.mark.parametrize(("changes", "message"), MALFORMED.values(), ids=MALFORMED)
def test_what_contradicts_itself_is_refused(changes, message):
    with pytest.raises(InvalidInstance, match=message):
        small(**changes)


@pytest.mark.parametrize(
    ("pre", "post", "message"),
    [
        ([0], [3], r"post-synaptic neuron 3 lies outside 0 \.\.\. 2"),
        ([-1], [0], r"pre-synaptic neuron -1 lies outside 0 \.\.\. 2"),
        ([0, 1], [2], "2 pre-synaptic ids stand against 1 post-synaptic ids"),
        ([0, 0], [2, 2], "synapse 0 -> 2 is listed twice"),
    ],
)
def test_pairs_that_make_no_network(pre, post, message):
    with pytest.raises(InvalidInstance, match=message):
        Network.from_synapses(pre, post, [1, 1, 1])


def test_the_spikes_on_all_synapses_fit_int64():
    # neuron 0 feeds two: twice its spikes must not exceed 2^63 - 1 = 9223372036854775807
    half = 2**62 - 1
    pre, post = [0, 0], [1, 2]
    assert Network.from_synapses(pre, post, [half, 0, 0]).synaptic_events == 2 * half
    with pytest.raises(InvalidInstance, match="overflow int64"):
        Network.from_synapses(pre, post, [half + 1, 0, 0])


def test_the_spikes_of_all_neurons_fit_int64():
    most = 2**63 - 1
    assert Network([0, 0, 0], [], [most, 0]).num_synapses == 0
    with pytest.raises(InvalidInstance, match="overflow int64"):
        Network([0, 0, 0], [], [most, 1])
    # each far from the limit, and hardly a synapse: 9 * 2^60 > 2^63
    with pytest.raises(InvalidInstance, match="overflow int64"):
        Network.from_synapses([0], [1], [2**60] * 9)


def test_a_neuron_may_read_itself():
    assert Network.from_synapses([0], [0], [3]).fan_in_of(0).tolist() == [0]


def test_a_network_without_synapses_is_one():
    network = Network([0, 0], [], [3])
    assert (network.num_synapses, network.synaptic_events, network.fan_in.tolist()) == (0, 0, [0])


def test_duplicates_are_merged_and_their_weights_added():
    pre, post, weights, merged = merge_duplicates(
        np.array([1, 0, 1, 1]), np.array([2, 2, 2, 0]), np.array([0.5, 1.0, 0.25, 4.0])
    )
    assert (pre.tolist(), post.tolist(), weights.tolist(), merged) == ([0, 1, 1], [2, 0, 2], [1.0, 4.0, 0.75], 1)


def test_nothing_to_merge():
    pre, _post, weights, merged = merge_duplicates(np.array([], dtype=int), np.array([], dtype=int), None)
    assert (pre.size, weights, merged) == (0, None, 0)
