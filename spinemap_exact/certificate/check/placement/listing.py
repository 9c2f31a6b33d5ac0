"""What a listing of chains may cost."""

from __future__ import annotations

from typing import NoReturn

from spinemap_exact.certificate.check.budget import Budget

MAX_LINKS = 10**10  # pairs of sets, or of their beginnings, that are looked at: minutes
MAX_ARCS = 4 * 10**6
_WHY = "more chains are left than the checker can hold or find in the time it allows"


class Listing:
    """What may still be looked at and kept.

    Parameters
    ----------
    graphs : int
        How often as many arcs as one graph may have are allowed, if each graph is kept `apart` from those before.
    """

    def __init__(self, graphs: int = 1) -> None:
        self._links, self._all_arcs = Budget(MAX_LINKS, _WHY), Budget(graphs * MAX_ARCS, _WHY)
        self.apart()

    def apart(self) -> None:
        """Begin another graph, while those before are not kept."""
        self._arcs = Budget(MAX_ARCS, _WHY)

    def spend(self, links: int = 0, arcs: int = 0) -> None:
        self._links.spend(links)
        self._arcs.spend(arcs)
        self._all_arcs.spend(arcs)

    def refuse(self) -> NoReturn:
        self._links.refuse()
