"""Heuristics of a user, some of them unruly."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinemap_exact.certificate.check import check
from spinemap_exact.certificate.format import Certificate
from spinemap_exact.hardware import Crossbar
from spinemap_exact.mapping import Partition
from spinemap_exact.result import Voucher, conclude


def alone(problem, watch, start=None):
    """Every unit in a cluster of its own."""
    return Partition(np.arange(problem.num_units))


def takes_a_while(problem, watch, start=None):
    """Long enough that a bench of some runs can be killed between two of them, whatever else the machine does."""
    time.sleep(0.1)
    return alone(problem, watch)


def crowded(problem, watch, start=None):
    """Everything in one cluster, which no crossbar holds."""
    return Partition(np.zeros(problem.num_units, dtype=np.int64))


def raises(problem, watch, start=None):
    raise RuntimeError("out of ideas")


def dies(problem, watch, start=None):
    os.kill(os.getpid(), signal.SIGKILL)


def dies_once(problem, watch, start=None):
    mark = Path(os.environ["SPINEMAP_TEST_MARK"])
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return alone(problem, watch)


def needs_a_mark(problem, watch, start=None):
    """Fails until somebody has mended what it lacks."""
    if not Path(os.environ["SPINEMAP_TEST_MARK"]).exists():
        raise RuntimeError("no mark")
    return alone(problem, watch)


def counts(problem, watch, start=None):
    """A solver rather than a heuristic: it claims a bound."""
    return conclude(problem, alone(problem, watch), 3, engine="counting on fingers", watch=watch)


def boasts(problem, watch, start=None):
    """Says verified without having been near the checker."""
    voucher = Voucher("verified", "me")
    return conclude(problem, alone(problem, watch), 3, engine="me", watch=watch, vouched_by=voucher)


def borrows(problem, watch, start=None):
    """Had the checker verify a bound, as anybody may; the bench did not see of what."""
    evidence = {"kind": "counting", "argument": "zero"}
    certificate = Certificate("partition", problem.digest, 0, None, False, None, evidence)
    voucher = Voucher.of(check(problem, certificate))
    return conclude(problem, alone(problem, watch), 0, engine="me", watch=watch, vouched_by=voucher)


def overstates(problem, watch, start=None):
    """Attests a bound above what its own solution costs once it is priced by the problem that was asked."""
    return replace(counts(problem, watch), objective=1000, dual_bound=900)


def names_labels(problem, watch, start=None):
    """What it computes is right, the type is not."""
    return list(range(problem.num_units))


class Flattering(Partition):
    """Finds nothing wrong with itself."""

    def violations(self, units, crossbars, max_clusters):
        return []


def flatters(problem, watch, start=None):
    return Flattering(np.zeros(problem.num_units, dtype=np.int64))


def cooks_the_books(problem, watch, start=None):
    """Everything in one cluster, which sends nothing, with the figures of its cache as if it fitted."""
    crowd = crowded(problem, watch)
    object.__setattr__(crowd, "columns_used", np.array([1]))
    return crowd


def moves_the_goal(problem, watch, start=None):
    """Makes the crossbars of the problem it was given as large as it likes."""
    object.__setattr__(problem, "crossbars", (Crossbar(100, 100),))
    return crowded(problem, watch)


def reports_too_much(problem, watch, start=None):
    watch.report(objective=1)
    return alone(problem, watch)


def oversleeps(problem, watch, start=None):
    time.sleep(1.1 * watch.limits.time_s + 1.1)
    return alone(problem, watch)
