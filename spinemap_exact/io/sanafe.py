"""A mapped network for the simulator SANA-FE: its architecture and its network, ready to be simulated.

Each tile has two cores: core 0 is the crossbar, core 1 holds external inputs. Every unit is a neuron that replays its
spikes, one in each of the first time steps, through synapses of weight zero: what is simulated is the traffic of one
window, in as many steps as the liveliest unit has spikes. Carries are synapses between the units of a neuron. External
inputs lie on the I/O tile; where there is none, each crossbar that reads one gets a copy of it beside, so that its
packets make no hop, as here.

The prices are those of the hardware: a message costs ``packet``, a hop what it costs in x and in y, a synaptic event
``synapse``. SANA-FE sends a message to a neuron's own crossbar, too; here that is a local read. It counts tiles column
by column. Idle cells have no price there, and traffic is one message for each crossbar.

J. Boyle, M. Plagge, S. Cardwell, F. Chance, A. Gerstlauer, SANA-FE: Simulating Advanced Neuromorphic Architectures for
Fast Exploration, IEEE Trans. Comput.-Aided Des. Integr. Circuits Syst. (2025), doi:10.1109/TCAD.2025.3537971. Written
for version 2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spinemap_exact.errors import InvalidInput
from spinemap_exact.evaluator import evaluate
from spinemap_exact.files import writing
from spinemap_exact.hardware import Hardware
from spinemap_exact.mapping import Mapping
from spinemap_exact.network import Network
from spinemap_exact.units import energy_text

ARCHITECTURE, NETWORK = "architecture.yaml", "network.yaml"
_MOST_SPIKES = 2**26  # written out one by one


def write_sanafe(folder: str | Path, mapping: Mapping, network: Network, hardware: Hardware) -> list[str]:
    """Write ``architecture.yaml`` and ``network.yaml`` into a folder, and return what SANA-FE sees differently.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    mapping : Mapping
    network : Network
    hardware : Hardware

    Returns
    -------
    list of str
        Sentences.

    Raises
    ------
    InvalidInput
        If the spikes are too many to be written out, or the folder cannot be written.
    """
    export = _Export(mapping, network, hardware)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as defect:
        raise InvalidInput(f"{folder} cannot be made a folder: {defect.strerror}") from defect
    for name, lines in ((ARCHITECTURE, export.architecture()), (NETWORK, export.network())):
        with writing(folder / name) as file:
            file.write(("\n".join(lines) + "\n").encode())
    return export.notes()


class _Export:
    def __init__(self, mapping: Mapping, network: Network, hardware: Hardware) -> None:
        self.hardware, self.mapped, self.given = hardware, mapping, network
        self.units = mapping.unrolling.unit_network(network)
        self.num_units = self.units.num_units
        self.tile = mapping.placement.tile_of_cluster[mapping.partition.cluster_of_unit]
        self._copy_inputs()
        if (total := int(self.units.spikes[self.source].sum())) > _MOST_SPIKES:
            most = f"at most {_MOST_SPIKES:,} can be replayed one by one"
            raise InvalidInput(f"{total:,} spikes are too many for SANA-FE ({most}): record a shorter window")

    def _copy_inputs(self) -> None:
        """Sources as neurons of SANA-FE: units, then inputs, once on the I/O tile or once for each tile that reads."""
        n, io_tile, units = self.num_units, self.hardware.grid.io_tile, self.units
        pre, post = units.pre.astype(np.int64), units.post.astype(np.int64)
        outside = pre >= n
        at = np.full(len(pre), io_tile) if io_tile is not None else self.tile[post]
        key = pre[outside] * self.hardware.grid.num_tiles + at[outside]
        copies, place = np.unique(key, return_inverse=True)
        pre[outside] = n + place
        self.pre, self.post = pre, post
        self.source = np.concatenate([np.arange(n), copies // self.hardware.grid.num_tiles])
        self.input_tile = copies % self.hardware.grid.num_tiles

    def notes(self) -> list[str]:
        """What SANA-FE prices otherwise."""
        costs, notes = self.hardware.costs, []
        found = evaluate(self.given, self.hardware, self.mapped)
        more = (costs.packet_fj - costs.local_fj) * found.local_reads
        if more:
            notes.append(
                f"SANA-FE prices local reads as messages: {energy_text(abs(more))} {'more' if more > 0 else 'less'}"
            )
        if found.energy_fj.idle:
            notes.append(f"SANA-FE knows no price of idle cells: {energy_text(found.energy_fj.idle)} less")
        steps = int(self.units.spikes[self.source].max(initial=0))
        notes.append(f"one window is {steps:,} time steps")
        return notes

    def architecture(self) -> Iterator[str]:
        grid, costs = self.hardware.grid, self.hardware.costs
        hop = [f"energy_{way}_hop: {fj}.0e-15, latency_{way}_hop: {ps}.0e-12" for way, fj, ps in (
            ("north", costs.hop_y_fj, costs.hop_y_ps), ("south", costs.hop_y_fj, costs.hop_y_ps),
            ("east", costs.hop_x_fj, costs.hop_x_ps), ("west", costs.hop_x_fj, costs.hop_x_ps),
        )]  # fmt: skip
        columns = max(c.columns for c in self.hardware.crossbars)
        inputs = int(np.bincount(self.input_tile).max(initial=1))
        yield "architecture:"
        yield f"  name: {_plain(self.hardware.name)}"
        yield f"  attributes: {{topology: mesh, width: {grid.width}, height: {grid.height}, link_buffer_size: 16}}"
        yield "  tile:"
        yield f"    - name: tile[0..{grid.num_tiles - 1}]"
        yield f"      attributes: {{{', '.join(hop)}}}"
        yield "      core:"
        for name, somas in (("crossbar", columns), ("inputs", inputs)):
            yield f"        - name: {name}"
            yield f"          attributes: {{buffer_position: soma, max_neurons_supported: {somas}}}"
            yield "          axon_in: [{name: axon_in, attributes: {energy_message_in: 0.0, latency_message_in: 0.0}}]"
            yield (
                "          synapse: [{name: synapse, attributes: {model: current_based, energy_process_spike: "
                f"{costs.synapse_fj}.0e-15, latency_process_spike: {costs.synapse_ps}.0e-12}}}}]"
            )
            yield (
                "          dendrite: [{name: dendrite, attributes: {model: accumulator, energy_update: 0.0, "
                "latency_update: 0.0}}]"
            )
            yield (
                f"          soma: [{{name: 'replay[0..{somas - 1}]', attributes: {{model: input, "
                "energy_access_neuron: 0.0, latency_access_neuron: 0.0, energy_update_neuron: 0.0, "
                "latency_update_neuron: 0.0, energy_spike_out: 0.0, latency_spike_out: 0.0}}]"
            )
            yield (
                "          axon_out: [{name: axon_out, attributes: {energy_message_out: "
                f"{costs.packet_fj}.0e-15, latency_message_out: {costs.packet_ps}.0e-12}}}}]"
            )

    def network(self) -> Iterator[str]:
        yield "network:"
        yield "  name: mapped"
        yield "  groups:"
        n = self.num_units
        for name, members in (("units", self.source[:n]), ("inputs", self.source[n:])):
            if len(members):
                yield f"    - name: {name}"
                yield "      attributes: []"
                yield "      neurons:"
                for k, spikes in enumerate(self.units.spikes[members].tolist()):
                    yield f"        - {k}: [spikes: [{', '.join(['1'] * spikes)}]]"
        yield "  edges:"
        for pre, post in zip(self.pre.tolist(), self.post.tolist(), strict=True):
            yield f"    - {self._named(pre)} -> units.{post}: [weight: 0.0]"
        yield "mappings:"
        taken: dict[tuple[int, int], int] = {}
        for k in range(len(self.source)):
            tile, core = (int(self.tile[k]), 0) if k < n else (int(self.input_tile[k - n]), 1)
            soma = taken[tile, core] = taken.get((tile, core), -1) + 1
            yield f"  - {self._named(k)}: [core: {self._number(tile)}.{core}, soma: 'replay[{soma}]']"

    def _named(self, k: int) -> str:
        return f"units.{k}" if k < self.num_units else f"inputs.{k - self.num_units}"

    def _number(self, tile: int) -> int:
        """SANA-FE counts tiles column by column."""
        grid = self.hardware.grid
        return (tile % grid.width) * grid.height + tile // grid.width


def _plain(name: str) -> str:
    """A name as YAML takes it."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) or "chip"
