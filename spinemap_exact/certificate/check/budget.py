"""What a listing of chains may cost."""

from __future__ import annotations

MAX_LINKS = 10**10  # pairs of sets, or of their beginnings, that are looked at: minutes
MAX_ARCS = 4 * 10**6


class TooManyArcs(Exception):
    """The chains below the limit do not fit into the memory or time allowed."""


class Budget:
    """What may still be looked at and kept; whoever spends more raises `TooManyArcs`.

    Parameters
    ----------
    graphs : int
        How often as many arcs as one graph may have are allowed, if each graph is kept `apart` from those before.
    """

    def __init__(self, graphs: int = 1) -> None:
        self._links, self._arcs, self._all_arcs = MAX_LINKS, MAX_ARCS, graphs * MAX_ARCS

    def apart(self) -> None:
        """Begin another graph, while those before are not kept."""
        self._arcs = MAX_ARCS

    def spend(self, links: int = 0, arcs: int = 0) -> None:
        self._links -= links
        self._arcs -= arcs
        self._all_arcs -= arcs
        if min(self._links, self._arcs, self._all_arcs) < 0:
            raise TooManyArcs
