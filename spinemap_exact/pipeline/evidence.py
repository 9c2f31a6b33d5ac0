"""How one problem is solved and what of it is verified, within one limit.

Evidence has its share of the limit: a quarter where somebody wants the certificate, else a little for what is quickly
checked. A proof that comes early leaves the rest of the time to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from spinemap_exact.certificate.check import VerifiedBounds
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.in_time import in_time
from spinemap_exact.interrupts import stoppable
from spinemap_exact.kernels.compiling import not_counted
from spinemap_exact.pipeline.outcome import Stage
from spinemap_exact.pipeline.solve import solve_problem
from spinemap_exact.pipeline.spent import CHECK, COMPILING, Spent
from spinemap_exact.proofs import best
from spinemap_exact.result import Limits, Progress, SolveResult, Status, StopReason, Voucher, Watch

SHARE_TO_CERTIFY = 0.25
"""Of the limit, for a certificate that is asked for."""
_SHARE_TO_CHECK, _CHECK_TIME_S = 0.05, 5.0  # of the limit, and at most, where none is
# Beyond these sizes nothing is put before the checker, which walks synapses, items or tiles in plain loops.
_LARGE_TO_CHECK = {"unroll": 100_000, "packing": 100_000, "partition": 50_000, "placement": 100, "mapping": 1_000_000}


@dataclass(frozen=True)
class Wanted:
    """How long evidence is looked for.

    ``certificate``: somebody wants it, and not just what is quickly checked. ``beyond_s``: seconds after the limit that
    are given to it, instead of a share of the limit.
    """

    certificate: bool = False
    beyond_s: float | None = None

    def reserve_s(self, limit_s: float) -> float:
        """Seconds of a limit that a solver leaves to the search for evidence."""
        if self.beyond_s is not None:
            return 0.0
        return SHARE_TO_CERTIFY * limit_s if self.certificate else min(_CHECK_TIME_S, _SHARE_TO_CHECK * limit_s)


@stoppable
def solve_within(
    limits: Limits,
    name: str,
    problem: Any,
    wanted: Wanted,
    *,
    solver: str | None = None,
    warm_start: str | None = None,
    listen: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Stage:
    """Solve one problem by itself and verify what can be verified; compiling kernels is not counted.

    ``spent_s`` of the stage says how long they took.
    """
    began = time.perf_counter()
    with not_counted(time.perf_counter, everywhere=True) as clock:
        watch = Watch(limits, listen, stop, clock)
        stage = solve_and_certify(name, problem, watch, wanted, solver=solver, warm_start=warm_start)
        compiling_s = time.perf_counter() - began - watch.elapsed_s
    return replace(stage, spent_s={**stage.spent_s, COMPILING: compiling_s})


def solve_and_certify(
    name: str,
    problem: Any,
    watch: Watch,
    wanted: Wanted,
    *,
    solver: str | None = None,
    warm_start: str | None = None,
    starts: Iterable[Any] = (),
    keep: Callable[[Any], None] | None = None,
) -> Stage:
    """Solve one problem and verify what can be verified, all in the time of ``watch``; see `solve_problem`."""
    limit_s = watch.limits.time_s
    spent = Spent(lambda: watch.elapsed_s)
    part = watch.after(None if limit_s is None else max(1e-3, limit_s - wanted.reserve_s(limit_s)))
    used, result = solve_problem(
        problem,
        part,
        solver=solver,
        warm_start=warm_start,
        starts=starts,
        spent=spent,
        keep=keep,
        punctual=True,
    )
    result = replace(result, limits=watch.limits)
    left_s = watch.remaining_s
    rest = watch.after(None if left_s is None else max(1e-3, left_s + (wanted.beyond_s or 0.0)))
    stage = certify(name, problem, used, result, rest, thorough=wanted.certificate)
    return replace(stage, spent_s={**spent.seconds, **stage.spent_s})


def certify(
    name: str, problem: Any, solver: str, result: SolveResult[Any], watch: Watch, *, thorough: bool = False
) -> Stage:
    """Have the checker verify what can be verified, and let the result say so.

    A verified bound replaces a weaker attested one; a stronger attested one stays what it is.

    Parameters
    ----------
    watch : Watch
        What is left of its time goes to a thorough search for evidence; no more than solving took, or a few seconds,
        if it is not thorough.
    thorough : bool
        Somebody wants the certificate: look for evidence for more than a few seconds.
    """
    if problem.size > _LARGE_TO_CHECK[problem.kind]:
        why = "the problem is too large for the checker"
        return Stage(name, problem, solver, result, unverified=f"nothing is certified: {why}")
    part = watch.after(watch.part(None if thorough else max(_CHECK_TIME_S, result.runtime_s)).limits.time_s)
    limit = "" if part.limits.time_s is None else f" for up to {part.limits.time_s:.1f} s"
    note = f"looking for evidence that the checker accepts{limit}" if thorough else "checking"
    part.report(result.objective, result.dual_bound, note)
    spent = Spent(lambda: watch.elapsed_s)
    with spent.on(CHECK):
        found = in_time(partial(best.certificates, problem, result, part), part)
    if found is None:
        return Stage(name, problem, solver, result, None, _shortfall(result, None, part), spent.seconds)
    certificate, proven = found
    unverified = _shortfall(result, certificate, part)
    return Stage(name, problem, solver, _vouched(result, proven), certificate, unverified, spent.seconds)


def _vouched(result: SolveResult[Any], proven: VerifiedBounds) -> SolveResult[Any]:
    """Let a result say what the checker has verified of it."""
    claimed, voucher = proven.lower, Voucher.of(proven)
    if proven.infeasible:
        return replace(result, vouched_by=voucher)
    if not claimed or claimed < (result.dual_bound or 0):
        return result
    status, end, reason = result.status, result.stopped_by, result.reason
    if claimed == result.objective:
        status, end, reason = Status.OPTIMAL, StopReason.PROOF, str(StopReason.PROOF)
    return replace(result, status=status, dual_bound=claimed, vouched_by=voucher, stopped_by=end, reason=reason)


def _shortfall(result: SolveResult[Any], certificate: Certificate | None, watch: Watch) -> str:
    """Say what the result claims and the certificate does not; nothing if it claims all."""
    within = ""  # all has been tried
    if watch.stop_requested:
        within = " before the interrupt"
    elif watch.should_stop():
        within = f" within {watch.limits.time_s:.3g} s"
    if result.status is Status.INFEASIBLE:
        proven = certificate is not None and certificate.infeasible
        return "" if proven else f"nothing is certified: no evidence of infeasibility was verified{within}"
    bound, lower = result.dual_bound, None if certificate is None else certificate.lower
    if bound is None or (lower is not None and lower >= bound):
        return ""
    missing = f"no evidence for the bound {bound} was verified{within}"
    return f"{missing}; certified is {lower}" if lower else f"nothing is certified: {missing}"
