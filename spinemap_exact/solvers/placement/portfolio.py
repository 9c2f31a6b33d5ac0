"""The root bounds of our solvers first, then the one that promises most: the automatic choice.

`grid_dp` is strong where clusters on a mesh have many flows each, `rlt1` where flows are nearly a tree, on small
problems, and with distances of any kind; `semidefinite` bounds well what neither of them closes. No rule by sizes tells
for certain which of the two exact ones is the faster, nor whether either ends in time. Therefore

1. one tabu search gives the incumbent of all;
2. `expected_order` says who begins. With two workers or more the two exact searches find their root bounds side by
   side, with one worker one after the other, unless the first one is about to end;
3. from then on the search goes on that promises most, with all workers: the one that is expected to end first, or else
   the one with the best bound at the end of the time. What it promises is extrapolated from how its bound has risen.
   Its turn lasts as long as all of its turns before; then promises are compared again. The others stand still and lose
   nothing (`_stage`). So whoever stalls or reaches its memory limit is replaced;
4. where tiles are empty, `grid_dp` treats many ways to share them out among the lines one after the other, and its
   bound, the least of all, says little about how far it is: there both exact searches get a share of the time;
5. `semidefinite` enters only if no exact search is expected to end.

Placements found by one search cut off the trees of the others. The best bound counts, vouched for by whose it is.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np

from spinemap_exact.kernels import tabu
from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import SolveResult, Voucher, Watch, conclude
from spinemap_exact.solvers.placement import grid_dp, rlt1, semidefinite
from spinemap_exact.solvers.placement._bounds import cheap_bound
from spinemap_exact.solvers.placement._coarse import solve_coarse
from spinemap_exact.solvers.placement._stage import Player, Stage

logger = logging.getLogger(__name__)

ENGINE = "portfolio"
_ENGINES = {"grid-dp": grid_dp, "rlt1": rlt1, "semidefinite": semidefinite}
_EXACT = ("grid-dp", "rlt1")
_TREE_LIKE = 1.9  # flows per cluster
_FEW = 12  # clusters: sets are so few that the dynamic programme is at once through, if all tiles are taken
_HORIZON_S = 3600.0  # where there is no limit
_SHORT_S = 0.3
_LATE_S, _LATE_SHARE = 10.0, 0.1  # `semidefinite` enters after so many seconds or this share of the limit
_ACCELERATION = 2.0  # bounds of trees rise faster towards the end
_SECOND_SHARE = 0.8  # of the time of one exact search goes to the other where tiles are empty
_HOPE = 1.5  # an exact search that seems to need more than so many times the time that is left is not expected to end
_ROOT_SHARE, _ROOT_LIMIT = 0.5, 0.1  # at most, of all time so far and of the limit, for a search without a root bound


def solve(problem: PlacementProblem, watch: Watch, warm_start: Placement | None = None) -> SolveResult[Placement]:
    """Place clusters and bound the cost with the solvers that suit the problem, and with all of what they find."""
    largest = max((e.LARGEST_COST for e in _ENGINES.values() if not e.misfit(problem)), default=problem.ceiling)
    if problem.ceiling > largest:
        return solve_coarse(solve, problem, watch, warm_start, largest)
    seconds = None if watch.remaining_s is None else 0.2 * watch.remaining_s
    incumbent = tabu.search(problem, watch.part(seconds), warm_start, idle_starts=5)
    cost = problem.cost(incumbent)
    bound = cost if problem.num_tiles == 1 else min(cost, cheap_bound(problem))
    watch.offer(incumbent)
    watch.report(objective=cost, dual_bound=bound)
    stage = Stage(problem, watch, incumbent, bound)
    names = [] if bound == cost else expected_order(problem)
    players = [Player(stage, name, _ENGINES[name].Search) for name in names]
    try:
        while not stage.over.is_set() and (scene := _next(players, stage)) is not None:
            logger.info("portfolio: %s for %.1f s", " beside ".join(map(str, scene.players)), scene.seconds)
            stage.play(scene.players, scene.seconds)
    finally:
        stage.close(players)
    return _result(stage, players, asked=bound < cost)


def expected_order(problem: PlacementProblem) -> list[str]:
    """Name the solvers that cover a problem, by what they are expected to be good at; `semidefinite` comes last.

    `rlt1` proves what is nearly a tree and small problems with any distances, or few clusters among empty tiles,
    `grid-dp` meshes of up to 25 clusters.
    """
    covered = [name for name in _ENGINES if not _ENGINES[name].obstacle(problem)]
    clusters = problem.num_clusters
    ends = np.sort(np.stack([problem.flow_from, problem.flow_to]), axis=0)
    flows = np.unique(ends[:, (ends[0] != ends[1]) & (problem.flow > 0)], axis=1).shape[1]
    tree_like = clusters > _FEW and flows <= _TREE_LIKE * clusters
    sparse = problem.num_tiles > clusters and clusters <= _FEW
    return sorted(covered, key=lambda name: (name not in _EXACT, (name == "rlt1") != (tree_like or sparse)))


@dataclass(frozen=True)
class _Scene:
    players: list[Player]
    seconds: float


def _next(players: list[Player], stage: Stage) -> _Scene | None:
    """Whose turn it is, and for how long; None if all have ended."""
    left = stage.watch.remaining_s
    horizon = _HORIZON_S if left is None else left
    root_s = min(_root_s(stage.problem), _ROOT_LIMIT * (stage.watch.elapsed_s + horizon))
    able = [player for player in players if not player.ended]
    exact = [player for player in able if player.name in _EXACT]
    fresh = [player for player in able if not player.has_begun]
    begun = [player for player in able if player.has_begun]
    if not able:
        return None
    if len(exact) > 1 and exact[0] in fresh and stage.watch.limits.workers > 1:
        return _Scene(exact, root_s)
    if exact and exact[0] in fresh:
        return _Scene(exact[:1], root_s)
    ends_in = {player: _ends_in(player, stage.cost) for player in begun}
    soon = min((ends_in[player] for player in begun if player in exact), default=math.inf)
    if soon > 2 * root_s:
        total = sum(player.spent_s for player in players)
        patience = min(_ROOT_SHARE * total, _ROOT_LIMIT * (stage.watch.elapsed_s + horizon))
        for player in exact:
            if player in fresh or (not player.has_root and player.spent_s <= patience):
                return _Scene([player], max(root_s, player.spent_s))
        # the bound of `semidefinite` begins far below what it comes to: it goes on until it is seen to rise
        others = [player for player in able if player not in exact and not player.has_root]
        if others and soon > _HOPE * horizon and (total >= min(_LATE_S, _LATE_SHARE * horizon) or not exact):
            return _Scene(others, max(root_s, others[0].spent_s))
    chosen = max(begun, key=lambda player: (_promise(player, stage.cost, horizon), -ends_in[player], -player.spent_s))
    if chosen in exact and stage.problem.num_tiles > stage.problem.num_clusters:
        behind = min((player for player in begun if player in exact), key=lambda player: player.spent_s)
        if behind.spent_s < _SECOND_SHARE * chosen.spent_s and behind.spent_s < ends_in[chosen]:
            chosen = behind
    return _Scene([chosen], max(root_s, chosen.spent_s))


def _promise(player: Player, cost: int, seconds: float) -> float:
    """The bound that a search is expected to reach in so many seconds."""
    exact = player.name in _EXACT
    bound = float(player.best or 0)
    if player.spent_s > 0:
        bound += _gain(player) * math.log2(1 + (_HOPE if exact else 1.0) * seconds / player.spent_s)
    return min(bound, cost if exact else cost - 1)


def _ends_in(player: Player, cost: int) -> float:
    """Seconds until the bound is expected to meet the incumbent; infinite if it does not rise."""
    gain = _gain(player)
    if player.best is None or gain <= 0:
        return math.inf
    return float(player.spent_s * (2.0 ** min((cost - player.best) / gain, 60.0) - 1.0))


def _gain(player: Player) -> float:
    """What the bound is expected to gain when the time spent doubles again: trees grow by factors for equal steps."""
    return player.gain_of_doubling() * (_ACCELERATION if player.name in _EXACT else 1.0)


def _root_s(problem: PlacementProblem) -> float:
    """Seconds that a root bound of `rlt1` takes, roughly."""
    return max(_SHORT_S, 1e-7 * problem.num_tiles**5)


def _result(stage: Stage, players: list[Player], *, asked: bool) -> SolveResult[Placement]:
    """The best of everything; without players, the simple bound, with the reason why if more was ``asked`` for."""
    proud = [p for p in players if p.best is not None and p.best >= stage.bound]
    # of equal bounds, one with evidence
    winner = next((p for p in proud if p.search is not None and p.search.evidence), proud[0] if proud else None)
    searched = [(p, p.search) for p in players if p.search is not None]
    evidence = None if winner is None or winner.search is None else winner.search.evidence
    if not evidence:
        evidence = next((s.evidence for _, s in searched if isinstance(s.evidence, list) and s.evidence), None)
    reason = "; ".join(f"{p.name}: {p.reason}" for p in players if p.reason)
    if asked and not players:
        reason = f"fell back to a simple bound: {rlt1.obstacle(stage.problem)}"
        logger.warning("%s", reason)
    return conclude(
        stage.problem,
        stage.incumbent,
        stage.bound,
        engine=", ".join(p.name for p, _ in searched) or ENGINE,
        watch=stage.watch,
        vouched_by=None if winner is None else Voucher("attested", winner.name),
        reason="" if stage.watch.should_stop() else reason,
        evidence=evidence,
        details={p.name: {"bound": p.best, "seconds": round(p.spent_s, 3), **s.details} for p, s in searched},
    )
