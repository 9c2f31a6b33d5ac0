"""What is asked at each stage: data, price of a solution, and the limits a solution must keep."""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeVar

S_contra = TypeVar("S_contra", contravariant=True)


class Problem(Protocol[S_contra]):
    """What every kind of problem offers to solvers, the checker and reports.

    Attributes
    ----------
    kind : str
        Name of the folder that its solvers are in.
    """

    kind: ClassVar[str]

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked."""

    @property
    def size(self) -> int:
        """What time and memory grow with: synapses of a network, items, or tiles."""

    @property
    def measure(self) -> str:
        """What a cost counts, for people."""

    def cost(self, solution: S_contra) -> int:
        """Price a solution that breaks nothing."""

    def violations(self, solution: S_contra) -> list[str]:
        """Say what a solution breaks; empty if nothing."""

    def why_infeasible(self) -> str | None:
        """Name the resource that is short for any solution; None if counting finds none."""
