"""Several searches on one problem, each in a thread of its own, of which only those go on whose turn it is.

A search asks its watch often whether to stop. While it is not its turn, that question waits for an answer: the search
stands still in the middle of its work and loses none of it. With the answer it gets what others have found meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from spinemap_exact.mapping import Placement
from spinemap_exact.problems.placement import PlacementProblem
from spinemap_exact.result import Watch

_POLL_S = 0.02


class Search(Protocol):
    """What the searches of our solvers have in common.

    Attributes
    ----------
    incumbent : Placement
        The best so far, also while the search runs.
    bound : int
        No placement costs less; up to date when `run` has returned.
    evidence : object or None
        What a certificate can be written from.
    """

    bound: int

    @property
    def incumbent(self) -> Placement: ...

    @property
    def evidence(self) -> Any: ...

    @property
    def details(self) -> dict[str, int]: ...

    def accept(self, placement: Placement) -> None: ...

    def run(self) -> str: ...


class Stage:
    """What all searches know together.

    Parameters
    ----------
    problem : PlacementProblem
    watch : Watch
    incumbent : Placement
    bound : int
        No placement costs less.
    """

    def __init__(self, problem: PlacementProblem, watch: Watch, incumbent: Placement, bound: int) -> None:
        self.problem, self.watch = problem, watch
        self.incumbent, self.cost, self.bound = incumbent, problem.cost(incumbent), bound
        self.over = threading.Event()
        self.news = threading.Condition()

    def play(self, players: Sequence[Player], seconds: float) -> None:
        """Let some searches go on until one of them ends, the time is over, or the bound meets the incumbent."""
        began = self.watch.elapsed_s
        with self.news:
            for player in players:
                player.enter()
            self.news.notify_all()
            while not self.over.is_set():
                if self.watch.should_stop():
                    self.over.set()
                if self.watch.elapsed_s - began >= seconds or any(player.ended for player in players):
                    break
                self.news.wait(_POLL_S)
            for player in players:
                player.leave()
            while not self.over.is_set() and not all(player.rests for player in players):
                if self.watch.should_stop():
                    self.over.set()
                self.news.wait(_POLL_S)

    def close(self, players: Sequence[Player]) -> None:
        """End all searches; raise what went wrong in any of them."""
        with self.news:
            self.over.set()
            self.news.notify_all()
        for player in players:
            player.join()
        for player in players:
            if player.failure is not None:
                raise player.failure

    def offer(self, placement: Placement) -> None:
        """Keep a placement if it is the best so far."""
        cost = self.problem.cost(placement)
        with self.news:
            if cost < self.cost:
                self.incumbent, self.cost = placement, cost
                self.watch.offer(placement)
                self._compare()

    def raise_bound(self, bound: int) -> None:
        with self.news:
            self.bound = max(self.bound, bound)
            self._compare()

    def _compare(self) -> None:
        if self.bound >= self.cost:
            self.over.set()
            self.news.notify_all()


class Player(Watch):
    """One search on the stage, and the watch that it asks.

    Parameters
    ----------
    stage : Stage
    name : str
    make : callable
        Builds the search, given a problem, a watch and an incumbent.

    Attributes
    ----------
    best : int or None
        Bound that this search has proven.
    reason : str
        Why it ended without a proof; empty if it does not say.
    ended : bool
    failure : exception or None
    """

    def __init__(self, stage: Stage, name: str, make: Callable[[PlacementProblem, Watch, Placement], Search]) -> None:
        limits = replace(stage.watch.limits, time_s=None)
        if (left := stage.watch.remaining_s) is not None:
            limits = replace(limits, time_s=max(left, 1e-3))
        super().__init__(limits, stop=stage.over, clock=lambda: stage.watch.elapsed_s)
        self.name = name
        self.best: int | None = None
        self.search: Search | None = None
        self.reason, self.ended = "", False
        self.failure: BaseException | None = None
        self._stage, self._make = stage, make
        self._thread: threading.Thread | None = None
        self._acts = self._waits = False
        self._cost = stage.cost  # of the best placement that the search knows
        self._spent_s = self._entered_s = 0.0
        self._history: list[tuple[float, int]] = []

    @property
    def has_begun(self) -> bool:
        return self._thread is not None

    @property
    def rests(self) -> bool:
        """True once the search stands still."""
        return self.ended or self._waits

    @property
    def spent_s(self) -> float:
        """Seconds in which it was this search's turn."""
        return self._spent_s + (self.elapsed_s - self._entered_s if self._acts else 0.0)

    @property
    def has_root(self) -> bool:
        """True once the search has had time for a bound and for raising it."""
        return len(self._history) > 1 and self.spent_s >= 2 * self._history[0][0]

    def gain_of_doubling(self) -> int:
        """By how much the bound has risen since half of the time spent."""
        half = self.spent_s / 2
        before = [bound for spent_s, bound in self._history if spent_s <= half]
        return 0 if not self._history else self._history[-1][1] - (before[-1] if before else self._history[0][1])

    def __str__(self) -> str:
        return f"{self.name} (bound {self.best} after {self.spent_s:.1f} s, +{self.gain_of_doubling()})"

    def enter(self) -> None:
        self._entered_s, self._acts, self._waits = self.elapsed_s, True, False
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()

    def leave(self) -> None:
        self._spent_s, self._acts = self.spent_s, False

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def should_stop(self) -> bool:
        """Wait for the turn of this search, hand over what others have found, and say whether to stop."""
        stage, better = self._stage, None
        with stage.news:
            while not (self._acts or stage.over.is_set()):
                self._waits = True
                stage.news.notify_all()
                stage.news.wait()
            if stage.cost < self._cost:
                better, self._cost = stage.incumbent, stage.cost
        if better is not None and self.search is not None:
            self.search.accept(better)
        return super().should_stop() or stage.watch.should_stop()

    def report(self, objective: int | None = None, dual_bound: int | None = None, note: str = "") -> None:
        stage = self._stage
        if objective is not None and self.search is not None:
            self._cost = min(self._cost, objective)
            stage.offer(self.search.incumbent)
        if dual_bound is not None and (self.best is None or dual_bound > self.best):
            self.best = dual_bound
            self._history.append((self.spent_s, dual_bound))
            stage.raise_bound(dual_bound)
        stage.watch.report(objective, dual_bound, note)

    def _run(self) -> None:
        try:
            self.search = self._make(self._stage.problem, self, self._stage.incumbent)
            self.reason = self.search.run()
            self._stage.offer(self.search.incumbent)
            self.report(dual_bound=self.search.bound)
        except BaseException as failure:
            self.failure = failure
            self._stage.over.set()
        finally:
            with self._stage.news:
                self.ended = True
                self._stage.news.notify_all()
