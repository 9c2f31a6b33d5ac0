"""What a solve may use, what it reports on the way, and what it may claim at the end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Generic, TypeVar

from spinemap_exact.arrays import whole
from spinemap_exact.certificate.check import VerifiedBounds
from spinemap_exact.errors import EngineDefect, InvalidInput, WrongType
from spinemap_exact.problems import Problem

S = TypeVar("S")


class Status(StrEnum):
    OPTIMAL = "OPTIMAL"
    FEASIBLE = "FEASIBLE"
    INFEASIBLE = "INFEASIBLE"
    UNKNOWN = "UNKNOWN"

    @property
    def has_solution(self) -> bool:
        return self in (Status.OPTIMAL, Status.FEASIBLE)

    @property
    def is_proven(self) -> bool:
        return self in (Status.OPTIMAL, Status.INFEASIBLE)


@dataclass(frozen=True)
class Voucher:
    """Who stands behind a bound.

    ``attested``: an engine or solver says so. ``verified``: the checker re-derived it from the instance; such a voucher
    is made by `of` alone, from what the checker returned.

    Raises
    ------
    InvalidInput
        If somebody else says verified.
    """

    trust: str
    by: str
    proof: VerifiedBounds | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.trust not in ("attested", "verified"):
            raise ValueError(f"a bound is attested or verified, not {self.trust!r}")
        if (self.trust == "verified") != isinstance(self.proof, VerifiedBounds):
            raise InvalidInput(f"{self.by!r} can only attest a bound: verified is what the checker accepted")

    @classmethod
    def of(cls, proof: VerifiedBounds) -> Voucher:
        """Return the voucher of what the checker verified."""
        return cls("verified", proof.evidence or "witness", proof)

    def covers(self, dual_bound: int | None) -> bool:
        """False if the checker verified something else than this bound, or infeasibility where it is None."""
        return self.proof is None or (self.proof.lower, self.proof.infeasible) == (dual_bound, dual_bound is None)

    def as_json(self) -> dict[str, str]:
        return {"trust": self.trust, "by": self.by}

    def __str__(self) -> str:
        return f"{self.trust} ({self.by})"


@dataclass(frozen=True)
class Limits:
    """What one solve may use.

    Parameters
    ----------
    time_s : float or None
        Seconds of wall time; None means no limit.
    workers : int
        Processes or threads at a time.
    seed : int
        Every random choice comes from it.

    Raises
    ------
    WrongType
        If one of them is not a number.
    InvalidInput
        If it is out of range.

    Examples
    --------
    >>> Limits(time_s=60, workers=2, seed=1)
    Limits(time_s=60, workers=2, seed=1)
    """

    time_s: float | None = 60.0
    workers: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.time_s is not None and (isinstance(self.time_s, bool) or not isinstance(self.time_s, int | float)):
            raise WrongType("time_s", self.time_s, "a number of seconds, or None")
        for name in ("workers", "seed"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        if self.time_s is not None and not (self.time_s > 0 and math.isfinite(self.time_s)):
            raise InvalidInput(f"time limit {self.time_s} s is not a positive number")
        if self.workers < 1:
            raise InvalidInput(f"{self.workers} workers can do nothing")
        if not 0 <= self.seed < 2**31:
            raise InvalidInput(f"seed {self.seed} lies outside 0 ... 2^31 - 1")


class StopReason(StrEnum):
    """Why a solve ended."""

    PROOF = "proof"
    TIME = "time"
    INTERRUPTED = "interrupted"
    MEMORY = "memory"
    EXHAUSTED = "exhausted"
    ENGINE = "engine"

    def text(self, limits: Limits) -> str:
        """Say it to people."""
        match self:
            case StopReason.TIME:
                return f"{limits.time_s:g} s limit"
            case StopReason.MEMORY:
                return "memory limit"
            case StopReason.EXHAUSTED:
                return "ended without a proof"
            case StopReason.ENGINE:
                return "the engine gave up"
        return str(self)


@dataclass(frozen=True)
class Progress:
    """The state of a solve at one moment."""

    time_s: float
    objective: int | None
    dual_bound: int | None
    note: str = ""


class Watch:
    """Clock, stop flag and logbook of one solve.

    Solvers ask `should_stop` often, and `report` whatever improves. A stop request (Ctrl-C, SIGTERM) reaches all
    watches that share the same ``stop`` event. ``clock`` gives seconds: those of the wall, or on a shared machine those
    of this process alone. ``keep`` is called with every solution that is offered.
    """

    def __init__(
        self,
        limits: Limits,
        listen: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.perf_counter,
        keep: Callable[[Any], None] | None = None,
    ) -> None:
        self.limits = limits
        self.trace: list[Progress] = []
        self._listen = listen
        self._stop = stop or threading.Event()
        self._clock = clock
        self._start = clock()
        self._objective: int | None = None
        self._dual_bound: int | None = None
        self._keep = keep

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._start

    @property
    def remaining_s(self) -> float | None:
        """Seconds left, never negative; None without a limit."""
        if self.limits.time_s is None:
            return None
        return max(0.0, self.limits.time_s - self.elapsed_s)

    @property
    def is_heard(self) -> bool:
        """Somebody listens to what is reported."""
        return self._listen is not None

    @property
    def dual_bound(self) -> int | None:
        """The best bound that was reported; None while there is none."""
        return self._dual_bound

    @property
    def stop_requested(self) -> bool:
        return self._stop.is_set()

    def request_stop(self) -> None:
        self._stop.set()

    def should_stop(self) -> bool:
        return self._stop.is_set() or self.remaining_s == 0.0

    def report(self, objective: int | None = None, dual_bound: int | None = None, note: str = "") -> None:
        """Record a better objective or bound of a minimisation, or say what is being done."""
        better = False
        if objective is not None and (self._objective is None or objective < self._objective):
            self._objective, better = objective, True
        if dual_bound is not None and (self._dual_bound is None or dual_bound > self._dual_bound):
            self._dual_bound, better = dual_bound, True
        if not (better or note):
            return
        progress = Progress(self.elapsed_s, self._objective, self._dual_bound, note)
        if better:
            self.trace.append(progress)
        if self._listen:
            self._listen(progress)

    def part(
        self,
        time_s: float | None = None,
        workers: int | None = None,
        seed: int | None = None,
        *,
        listen: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
        keep: Callable[[Any], None] | None = None,
    ) -> Watch:
        """Return a watch for a sub-solve: within what remains of the same clock, with a logbook of its own.

        Its stop flag is the same, and its logbook silent, unless others are given.
        """
        left = self.remaining_s
        budget = left if time_s is None else time_s if left is None else min(left, time_s)
        limits = replace(
            self.limits,
            time_s=None if budget is None else max(budget, 1e-3),
            workers=workers or self.limits.workers,
            seed=self.limits.seed if seed is None else seed,
        )
        return Watch(limits, listen, stop or self._stop, self._clock, keep)

    def seeking(self, time_s: float | None, keep: Callable[[Any], None] | None) -> Watch:
        """Return a watch for a search whose finds are wanted as they come: by the listener, and by ``keep``."""
        found, begun, listen = self.part(time_s, keep=keep), self.elapsed_s, self._listen
        if listen is not None:
            found._listen = lambda progress: listen(self._in_sight_of(progress, begun))
        return found

    def _in_sight_of(self, progress: Progress, begun_s: float) -> Progress:
        """What a search says, by our clock; its best so far need not be ours."""
        known = [cost for cost in (self._objective, progress.objective) if cost is not None]
        return replace(progress, time_s=begun_s + progress.time_s, objective=min(known, default=None))

    def keeping(self, keep: Callable[[Any], None]) -> Watch:
        """Return this watch; what is offered from now on goes to ``keep``."""
        self._keep = keep
        return self

    def offer(self, solution: Any) -> None:
        """Hand over a solution that is better than all before, in case this search does not come to its end."""
        if self._keep is not None:
            self._keep(solution)

    def after(self, time_s: float | None, keep: Callable[[Any], None] | None = None) -> Watch:
        """Return a watch for what follows: same stop flag, listener and clock, which begins anew."""
        return Watch(replace(self.limits, time_s=time_s), self._listen, self._stop, self._clock, keep)


@dataclass(frozen=True, eq=False)
class SolveResult(Generic[S]):
    """What a solve found and what it proved; impossible combinations cannot be built.

    Parameters
    ----------
    objective : int or None
        Price of the incumbent, computed by the problem.
    dual_bound : int or None
        No feasible solution costs less.
    vouched_by : Voucher or None
        Who stands behind the bound, or behind infeasibility.
    engine : str
        Solver or engine with its version.
    stopped_by : StopReason
        ``PROOF`` if optimal or infeasible, and only then. ``EXHAUSTED`` if the solver has done all that it can.
    formulation : str or None
        Name of the model, if the solver used one.
    reason : str
        Why it is infeasible, or why the solve stopped; for people.
    evidence : object or None
        What a certificate can be written from.
    """

    status: Status
    incumbent: S | None
    objective: int | None
    dual_bound: int | None
    vouched_by: Voucher | None
    runtime_s: float
    engine: str
    limits: Limits
    stopped_by: StopReason
    formulation: str | None = None
    reason: str = ""
    trace: tuple[Progress, ...] = ()
    evidence: Any = None
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = self.incumbent is not None
        if not (self.status.has_solution == found == (self.objective is not None)):
            raise ValueError(f"{self.status} with objective {self.objective} and incumbent {self.incumbent}")
        if self.status is Status.OPTIMAL and self.objective != self.dual_bound:
            raise ValueError(f"optimal claimed at {self.objective} with dual bound {self.dual_bound}")
        if self.status is Status.FEASIBLE and self.objective == self.dual_bound:
            raise ValueError(f"only feasible claimed, yet dual bound {self.dual_bound} meets the objective")
        if self.objective is not None and self.dual_bound is not None and self.dual_bound > self.objective:
            raise ValueError(f"dual bound {self.dual_bound} exceeds objective {self.objective}")
        if self.vouched_by is None and (self.dual_bound is not None or self.status is Status.INFEASIBLE):
            raise ValueError("nobody vouches for the bound")
        if self.vouched_by is not None and not self.vouched_by.covers(self.dual_bound):
            raise ValueError(f"dual bound {self.dual_bound} is not what {self.vouched_by} stands for")
        if self.status is Status.INFEASIBLE and self.dual_bound is not None:
            raise ValueError("an infeasible problem has no dual bound")
        if self.status.is_proven != (self.stopped_by is StopReason.PROOF):
            raise ValueError(f"{self.status} was not stopped by {self.stopped_by}")

    def __repr__(self) -> str:
        bound = "no bound" if self.dual_bound is None else f"dual bound {self.dual_bound}"
        found = "nothing found" if self.objective is None else f"objective {self.objective}"
        return f"<SolveResult {self.status}: {found}, {bound}; {self.vouched_by or 'nobody vouches'}>"

    def as_json(self) -> dict[str, Any]:
        """Return what a machine wants to know; the solution and the evidence are left out."""
        return {
            "status": str(self.status),
            "objective": self.objective,
            "dual_bound": self.dual_bound,
            "gap": self.gap,
            "vouched_by": None if self.vouched_by is None else self.vouched_by.as_json(),
            "runtime_s": round(self.runtime_s, 3),
            "engine": self.engine,
            "formulation": self.formulation,
            "stopped_by": str(self.stopped_by),
            "reason": self.reason,
            "seed": self.limits.seed,
            "limits": vars(self.limits),
            "details": self.details,
            "trace": [[round(p.time_s, 3), p.objective, p.dual_bound] for p in self.trace],
        }

    @property
    def gap(self) -> float | None:
        """(objective - bound) / max(1, objective); None while either side is missing."""
        return relative_gap(self.objective, self.dual_bound)


def relative_gap(objective: int | None, dual_bound: int | None) -> float | None:
    """Return (objective - bound) / max(1, abs(objective)), or None while either side is missing."""
    if objective is None or dual_bound is None:
        return None
    return (objective - dual_bound) / max(1, abs(objective))


def admit(problem: Problem[S], solution: S, author: str) -> int:
    """Price a solution by the problem itself, or refuse it.

    Raises
    ------
    EngineDefect
        If the solution breaks a constraint.
    """
    if broken := problem.violations(solution):
        raise EngineDefect(f"a solution of {author} breaks {len(broken)} constraints, first: {broken[0]}")
    return problem.cost(solution)


def conclude(
    problem: Problem[S],
    incumbent: S | None,
    dual_bound: int | None,
    *,
    engine: str,
    watch: Watch,
    vouched_by: Voucher | None = None,
    infeasible: bool = False,
    formulation: str | None = None,
    stopped_by: StopReason | None = None,
    reason: str = "",
    evidence: Any = None,
    details: dict[str, Any] | None = None,
) -> SolveResult[S]:
    """Build the result of a solve; the incumbent is re-priced, the status follows from the numbers.

    Without a proof the solve was ``stopped_by`` what is given, or what the watch says, or it was at its end.

    Raises
    ------
    EngineDefect
        If the incumbent breaks a constraint, undercuts the bound, or exists though infeasibility is claimed.
    """
    objective = None if incumbent is None else admit(problem, incumbent, engine)
    if objective is not None and dual_bound is not None and dual_bound > objective:
        raise EngineDefect(f"{engine} claims the bound {dual_bound} above a solution of cost {objective}")
    if infeasible and incumbent is not None:
        raise EngineDefect(f"{engine} claims infeasibility against a solution of cost {objective}")
    if infeasible:
        status, dual_bound = Status.INFEASIBLE, None
    elif objective is None:
        status = Status.UNKNOWN
    else:
        status = Status.OPTIMAL if objective == dual_bound else Status.FEASIBLE
    if vouched_by is None and (infeasible or dual_bound is not None):
        vouched_by = Voucher("attested", engine)
    watch.report(objective, dual_bound)
    stopped_by = StopReason.PROOF if status.is_proven else stopped_by or _stopped_by(watch)
    return SolveResult(
        status=status,
        incumbent=incumbent,
        objective=objective,
        dual_bound=dual_bound,
        vouched_by=vouched_by if infeasible or dual_bound is not None else None,
        runtime_s=watch.elapsed_s,
        engine=engine,
        limits=watch.limits,
        stopped_by=stopped_by,
        formulation=formulation,
        reason=reason if reason and status is not Status.OPTIMAL else stopped_by.text(watch.limits),
        trace=tuple(watch.trace),
        evidence=evidence,
        details=details or {},
    )


def _stopped_by(watch: Watch) -> StopReason:
    if watch.stop_requested:
        return StopReason.INTERRUPTED
    return StopReason.TIME if watch.should_stop() else StopReason.EXHAUSTED
