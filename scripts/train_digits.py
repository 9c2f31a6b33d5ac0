#!/usr/bin/env python3
"""Train a spiking network on scikit-learn's digits and record what every neuron fires on the test set.

The 8x8 images have 64 pixels of 0 ... 16. Input neuron k is rate coded without chance: over 16 time steps it fires as
often as its pixel says, evenly spread (an accumulator that fires at 16). A hidden and an output layer of leaky
integrate-and-fire neurons follow, dense, without bias. In training gradients pass the threshold by a surrogate
(Neftci et al. 2019, doi:10.1109/MSP.2019.2931595, as snnTorch implements it); the class is the output neuron that
fires most.

Written to the output folder, for 64-32-10:
  digits-64-32-10.nir          Input -> Linear -> LIF -> Linear -> LIF -> Output, see neuroir.org
  digits-64-32-10.spikes.csv   header neuron,spikes; a line each for input[0], hidden[0], out[0] and so on: totals
                               over all images of the test set
  digits-64-32-10.npz          both together in this package's own format, which needs no extra to be read
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from spinemap_exact.io import read_network, write_network

try:
    import nir
    import snntorch as snn
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from snntorch import surrogate
except ImportError as defect:
    sys.exit(f"{__doc__}\nThis needs the package {defect.name}: pip install -e '.[train]'")

STEPS = 16  # a pixel of 16 fires at every step
BETA = 0.9  # share of the membrane potential left after a step
DT_S = 1e-3  # length of a step
BATCH = 64


class Digits(torch.nn.Module):
    """Two dense layers of leaky integrate-and-fire neurons reset to zero as soon as they fire."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.first = torch.nn.Linear(64, hidden, bias=False)
        self.second = torch.nn.Linear(hidden, 10, bias=False)
        slope = surrogate.fast_sigmoid(slope=25)
        self.lif1 = snn.Leaky(beta=BETA, spike_grad=slope, reset_mechanism="zero", reset_delay=False)
        self.lif2 = snn.Leaky(beta=BETA, spike_grad=slope, reset_mechanism="zero", reset_delay=False)

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spike counts (images, hidden) and (images, 10) of input spikes (steps, images, 64)."""
        potential1, potential2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        fired1, fired2 = 0, 0
        for step in spikes:
            spike1, potential1 = self.lif1(self.first(step), potential1)
            spike2, potential2 = self.lif2(self.second(spike1), potential2)
            fired1, fired2 = fired1 + spike1, fired2 + spike2
        return fired1, fired2


def encode(images: np.ndarray) -> torch.Tensor:
    """Input spikes (steps, images, 64): pixel p fires when p * step passes a multiple of 16, so p times in all."""
    passed = np.stack([images * step // 16 for step in range(STEPS + 1)]).astype(np.float32)
    return torch.from_numpy(np.diff(passed, axis=0))


def train(hidden: int, epochs: int, seed: int) -> tuple[Digits, list[np.ndarray], float]:
    """Return the network, the spike counts of its three layers on the test set, and its accuracy there."""
    torch.manual_seed(seed)
    digits = load_digits()
    parts = train_test_split(
        digits.data.astype(np.int64), digits.target, test_size=0.2, random_state=seed, stratify=digits.target
    )
    seen, unseen = encode(parts[0]), encode(parts[1])
    label, truth = torch.from_numpy(parts[2]), torch.from_numpy(parts[3])
    network = Digits(hidden)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(len(label)).split(BATCH):
            # counts as logits; the scale keeps 16 spikes from saturating the softmax
            loss = torch.nn.functional.cross_entropy(network(seen[:, batch])[1] / 2, label[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    with torch.no_grad():
        fired1, fired2 = network(unseen)
    accuracy = float((fired2.argmax(dim=1) == truth).float().mean())
    counts = [
        layer.sum(dim=dims).numpy().astype(np.int64) for layer, dims in ((unseen, (0, 1)), (fired1, 0), (fired2, 0))
    ]
    return network, counts, accuracy


def graph(network: Digits) -> nir.NIRGraph:
    """The network as NIR.

    NIR's LIF is tau dv/dt = (v_leak - v) + r I. One Euler step of dt gives v <- (1 - dt/tau) v + (r dt/tau) I, so
    tau = dt / (1 - beta) and r = 1 / (1 - beta) are the training's v <- beta v + I. The threshold is 1.
    """
    weights = [layer.weight.detach().numpy().astype(np.float32) for layer in (network.first, network.second)]

    def neurons(size: int) -> nir.LIF:
        def full(value: float) -> np.ndarray:
            return np.full(size, value, dtype=np.float32)

        return nir.LIF(
            tau=full(DT_S / (1 - BETA)), r=full(1 / (1 - BETA)), v_leak=full(0), v_threshold=full(1), v_reset=full(0)
        )

    hidden = len(weights[0])
    nodes = {
        "input": nir.Input(input_type=np.array([64])),
        "weights_hidden": nir.Linear(weight=weights[0]),
        "hidden": neurons(hidden),
        "weights_output": nir.Linear(weight=weights[1]),
        "out": neurons(10),
        "output": nir.Output(output_type=np.array([10])),
    }
    names = list(nodes)
    return nir.NIRGraph(nodes=nodes, edges=list(pairwise(names)))


def write(network: Digits, counts: list[np.ndarray], hidden: int, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"digits-64-{hidden}-10"
    nir.write(f"{stem}.nir", graph(network))
    layers = zip(("input", "hidden", "out"), counts, strict=True)
    rows = (f"{name}[{k}],{spikes}\n" for name, layer in layers for k, spikes in enumerate(layer))
    Path(f"{stem}.spikes.csv").write_text("neuron,spikes\n" + "".join(rows))
    both, _notes = read_network(f"{stem}.nir", spikes=f"{stem}.spikes.csv")
    write_network(f"{stem}.npz", both)
    return stem


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, nargs="+", default=[32, 100], help="hidden neurons (default: 32 100)")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the training set (default: 40)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, split and order (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("instances"), help="output folder (default: instances)")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the order of additions, and so the result, must not depend on the machine
    for hidden in options.hidden:
        network, counts, accuracy = train(hidden, options.epochs, options.seed)
        stem = write(network, counts, hidden, options.out)
        totals = ", ".join(f"{int(c.sum())}" for c in counts)
        print(f"{stem}: test accuracy {accuracy:.4f}; spikes of input, hidden, output: {totals}")


if __name__ == "__main__":
    main()
