r"""Placement linearised by one variable for each cluster and tile, for MILP engines.

Sets        clusters a, b, c; tiles s, t
Data        d_st distance from tile s to tile t, any matrix; f_ab packets from a to b; g_ct what cluster c costs on
            tile t whatever the others do; l_as, U_as the least and the most that the packets of a can cost from tile s:
            its flows, sorted, against the distances from s, sorted; U_as counts tile s, too
Variables   at[c,t] = 1  cluster c lies on tile t
            more[a,s]    what the packets of a cost from tile s beyond l_as
Minimise    sum_a,s (l_as at[a,s] + more[a,s]) + sum_c,t g_ct at[c,t]
Subject to  (X1) sum_t at[c,t] = 1                                            for c     each cluster on one tile
            (X2) sum_c at[c,t] <= 1                                           for t     at most one on a tile
            (X3) more[a,s] >= sum_b f_ab sum_t d_st at[b,t] - l_as at[a,s] - U_as (1 - at[a,s])
                                                                              for a, s
            (X4) at[anchor,t] = 0                                             for t not the lowest of its orbit

Y. Xia, Y.-X. Yuan, *A new linearization method for quadratic assignment problems*, Optimization Methods and Software
21(5), 2006. Small and weak. (X3) is void where a is not on s; the
bound starts at the one of Gilmore and Lawler.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from math import gcd
from typing import Any

from spinemap_exact.formulations._model import Words
from spinemap_exact.formulations.placement._model import TileModel
from spinemap_exact.problems.placement import PlacementProblem


def build(problem: PlacementProblem, say: Words) -> XiaYuan:
    return XiaYuan(problem, say)


class XiaYuan(TileModel):
    """See the module docstring."""

    def __init__(self, problem: PlacementProblem, say: Words) -> None:
        super().__init__(problem, say)
        data = self.data
        hop, packet = gcd(*chain(*data.distance)) or 1, gcd(*(f for p in data.pairs for f in (p.out, p.back))) or 1
        self.unit = hop * packet  # of what (X3) adds up: small numbers keep an engine's tolerances harmless
        self.distance = [[d // hop for d in row] for row in data.distance]
        self.flows = {a: {b: f // packet for b, f in data.flows_from(a).items()} for a in data.clusters}
        self.flows = {a: flows for a, flows in self.flows.items() if flows}
        self.least = {(a, s): self._extreme(a, s, most=False) for a in self.flows for s in data.tiles}
        self.most = {(a, s): self._extreme(a, s, most=True) for a in self.flows for s in data.tiles}
        self.more = {
            (a, s): say.amount(f"more[{a},{s}]", self.most[a, s] - self.least[a, s])
            for a in self.flows
            for s in data.tiles
        }
        self.place_each_cluster_once()  # X1
        self.share_no_tile()  # X2
        self.pay_for_the_distance()  # X3
        self.place_the_anchor_in_one_tile_of_each_orbit()  # X4
        least = [(self.unit * least, self.at[a, s]) for (a, s), least in self.least.items()]
        self.minimise_cost([*((self.unit, more) for more in self.more.values()), *least])

    def pay_for_the_distance(self) -> None:
        for (a, s), more in self.more.items():
            d = self.distance[s]
            cost = self.say.sum(f * d[t] * self.at[b, t] for b, f in self.flows[a].items() for t in self.data.tiles)
            slack = self.most[a, s] * (1 - self.at[a, s])
            self.say.require(more >= cost - self.least[a, s] * self.at[a, s] - slack)

    def pair_values(self, tile: list[int]) -> Iterable[tuple[Any, int]]:
        for (a, s), more in self.more.items():
            cost = sum(f * self.distance[s][tile[b]] for b, f in self.flows[a].items())
            yield more, cost - self.least[a, s] if tile[a] == s else 0

    def _extreme(self, a: int, s: int, most: bool) -> int:
        """The least or most that the packets of ``a`` cost from tile ``s``, by the rearrangement inequality."""
        others = [self.distance[s][t] for t in self.data.tiles if most or t != s]
        flows = sorted(self.flows[a].values(), reverse=True)
        return sum(f * d for f, d in zip(flows, sorted(others, reverse=most), strict=False))
