"""Where runs run: processes of this machine, a dask cluster, or a SLURM queue.

An executor only computes; the bench alone writes. A worker that dies is reported and its run tried again.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from spinemap_exact.bench.store import Run
from spinemap_exact.bench.task import Task, execute
from spinemap_exact.errors import InvalidInput, MissingExtra

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
_GRACE_S = 60.0  # what a run may take beyond twice its time limit before it is ended
_FIRST_GRACE_S = 600.0  # the same for the first run of a worker, which compiles kernels
_PATIENCE = {"wall": 2, "cpu": 20}  # times the limit; a busy machine stretches processor time
_READY = "ready"


class Executor(Protocol):
    def run(self, tasks: Sequence[Task]) -> Iterator[Run]:
        """Yield the line of every task, in any order."""
        ...


class _Worker:
    """A process that runs one task at a time, so that its death is blamed on nobody else."""

    def __init__(self, context: Any) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=False)
        self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.attempt = 0
        self._ready = self._warm = False
        self._deadline: float | None = None

    def begin(self, task: Task, attempt: int) -> None:
        self.task, self.attempt = task, attempt
        limit = task.limits.time_s
        grace = _GRACE_S if self._warm else _FIRST_GRACE_S
        self._deadline = None if limit is None else time.monotonic() + _PATIENCE[task.clock] * limit + grace
        with contextlib.suppress(OSError):  # it died idle; the empty pipe tells `outcome`
            self.pipe.send(task)

    def outcome(self) -> Run | str | None:
        """The line, or why there is none, or None while the run goes on.

        Raises
        ------
        InvalidInput
            If the process ended by itself before it could begin; so would all others.
        """
        if self.pipe.poll():
            try:
                line = self.pipe.recv()
            except (EOFError, OSError):
                self.process.join()
                code = self.process.exitcode or 0
                if code > 0 and not self._ready:
                    raise InvalidInput(
                        f"a worker process left with status {code} before it could begin; what it said stands above"
                    ) from None
                return f"the worker died of signal {-code}" if code < 0 else f"the worker left with status {code}"
            if line == _READY:
                self._ready = True
                return None
            self._warm = True
            found: Run = line
            return found
        if self._deadline is not None and time.monotonic() > self._deadline:
            self.attempt = _ATTEMPTS  # it would take as long again
            return "the run did not stop at its time limit and was ended"
        return None

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class ProcessExecutor:
    """At most ``jobs`` processes of this machine, each with one run at a time."""

    def __init__(self, jobs: int = 1) -> None:
        if jobs < 1:
            raise InvalidInput(f"{jobs} jobs can do nothing")
        self.jobs = jobs
        # a server forks the workers: safe whatever threads the engines start
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["spinemap_exact.bench.task"])

    def run(self, tasks: Sequence[Task]) -> Iterator[Run]:
        waiting = deque((task, 1) for task in tasks)
        idle: list[_Worker] = []
        busy: list[_Worker] = []
        try:
            while waiting or busy:
                while waiting and len(busy) < self.jobs:
                    worker = idle.pop() if idle else _Worker(self._context)
                    worker.begin(*waiting.popleft())
                    busy.append(worker)
                wait([worker.pipe for worker in busy], timeout=1.0)
                for worker in list(busy):
                    outcome, task = worker.outcome(), worker.task
                    if outcome is None or task is None:
                        continue
                    busy.remove(worker)
                    if isinstance(outcome, dict):
                        idle.append(worker)
                        yield {**outcome, "attempts": worker.attempt}
                        continue
                    worker.end()
                    if worker.attempt < _ATTEMPTS:
                        logger.warning("%s: %s; tried again", _name(task), outcome)
                        waiting.append((task, worker.attempt + 1))
                    else:
                        logger.error("%s: %s, attempt %d", _name(task), outcome, worker.attempt)
                        yield task.failed("CRASHED", outcome, worker.attempt)
        finally:
            for worker in (*idle, *busy):
                worker.end()


def _serve(pipe: Connection) -> None:
    """Run what comes in; leave when the bench does, even in the middle of a run."""
    bench = multiprocessing.parent_process()

    def leave() -> None:
        if bench is not None:
            bench.join()
            os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
    pipe.send(_READY)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(execute(task))


class DaskExecutor:
    """Workers of a dask.distributed cluster.

    Parameters
    ----------
    address : str, optional
        Of a scheduler; None starts a cluster on this machine.
    jobs : int
        Workers of the cluster on this machine.
    cluster : object, optional
        Any cluster of dask, say one of dask-jobqueue.

    Raises
    ------
    MissingExtra
        If dask.distributed is not installed.
    """

    def __init__(self, address: str | None = None, jobs: int = 2, cluster: Any = None) -> None:
        try:
            import dask
            import distributed
        except ImportError as missing:
            raise MissingExtra("distributed", "dask", "the executor dask") from missing
        dask.config.set({"distributed.scheduler.allowed-failures": 0})  # so that every death is ours to report
        self._distributed = distributed
        self._cluster = cluster
        if address is None and cluster is None:
            self._cluster = distributed.LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
        try:
            self.client = distributed.Client(address if address is not None else self._cluster)
        except OSError as defect:
            raise InvalidInput(f"no dask scheduler answers at {address}: {defect}") from defect

    def run(self, tasks: Sequence[Task]) -> Iterator[Run]:
        attempts = {self._submit(task): (task, 1) for task in tasks}
        done = self._distributed.as_completed(list(attempts))
        try:
            for future in done:
                task, attempt = attempts.pop(future)
                if future.status == "finished":
                    yield {**future.result(), "attempts": attempt}
                elif attempt < _ATTEMPTS:
                    logger.warning("%s: %s; tried again", _name(task), _reason(future))
                    again = self._submit(task)
                    attempts[again] = task, attempt + 1
                    done.add(again)
                else:
                    yield task.failed("CRASHED", _reason(future), attempt)
        finally:
            self.client.cancel(list(attempts))
            self.client.close()
            if self._cluster is not None:
                self._cluster.close()

    def _submit(self, task: Task) -> Any:
        return self.client.submit(execute, task, pure=False)


class SlurmExecutor(DaskExecutor):
    """Workers that dask-jobqueue submits to a SLURM queue.

    Raises
    ------
    MissingExtra
        If dask-jobqueue is not installed.
    """

    def __init__(self, jobs: int, options: dict[str, str]) -> None:
        cluster = slurm_cluster(options)
        cluster.scale(jobs)
        super().__init__(cluster=cluster)


def slurm_cluster(options: dict[str, str]) -> Any:
    """Return a cluster of SLURM jobs without any job yet; ``options`` are those of `dask_jobqueue.SLURMCluster`."""
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as missing:
        raise MissingExtra("dask-jobqueue", "dask", "the executor slurm") from missing
    defaults: dict[str, Any] = {"cores": 1, "processes": 1, "memory": "4GB", "walltime": "01:00:00"}
    return SLURMCluster(**(defaults | {k: int(v) if v.isdigit() else v for k, v in options.items()}))


def slurm_job_script(options: dict[str, str]) -> str:
    """Return the job script of every worker, for a dry run."""
    cluster = slurm_cluster(options)
    try:
        script: str = cluster.job_script()
    finally:
        cluster.close()
    return script


def _reason(future: Any) -> str:
    return f"the worker died ({future.exception()})" if future.status == "error" else f"the run was {future.status}"


def _name(task: Task) -> str:
    return f"{task.method.name} on {task.case.name}, seed {task.limits.seed}"
