"""What a recording says of every neuron of a network."""

from __future__ import annotations

from dataclasses import dataclass, field

from spinemap_exact.arrays import Array
from spinemap_exact.io._files import plural


@dataclass
class Recording:
    """Spike counts of every neuron.

    Attributes
    ----------
    counts : (num_neurons,) int64
    is_input : (num_neurons,) bool, optional
        External inputs as the recording marks them; None if it does not say.
    window_s : float, optional
    notes : list of str
    """

    counts: Array
    is_input: Array | None = None
    window_s: float | None = None
    notes: list[str] = field(default_factory=list)


def silent_note(silent: int) -> list[str]:
    """Say how many neurons a recording leaves out."""
    if silent <= 0:
        return []
    return [f"{plural(silent, 'neuron')} without recorded spikes: counted as zero spikes"]
