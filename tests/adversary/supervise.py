"""Keep processes at work, notice when one crashes or hangs, and count what they did.

A lane has one process for each role (`duty.ROLES`) and lets them work one after the other, so that as many processors
are busy as there are lanes.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import duty

Table = dict[str, Any]

# beyond the time limit of an order; compiled code is made at the first call, and machines are busy
GRACE_S = {"of CPU": 60.0, "of the clock": 300.0}
_START_S = 300.0
# how often each role has its turn; a turn is one seed
_TURNS = ("solve",) * 5 + ("forge",) * 2 + ("read",) * 2 + ("map",)


class Process:
    """A process with one role; started again whenever it is gone."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._start()

    def _start(self) -> None:
        self.ready = False
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=duty.serve, args=(self.role, other), daemon=True)
        # Ctrl-C is for the campaign: it ends its processes itself, and one that dies of it looks like a finding
        resource_tracker.ensure_running()  # would let Ctrl-C through again when it begins
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        other.close()

    def work(self, task: int | Table, tell: Callable[[Table, str, str | None], None], over: threading.Event) -> None:
        """Have a seed worked on, or one order; ``tell`` is called with each order, its outcome and finding."""
        with suppress(OSError):  # gone already: the next message says so
            self.pipe.send(task)
        order = drawing = duty.drawing(self.role, task)
        while True:
            message = self._next(order.get("time_s", 0.0) if self.ready else _START_S, over)
            if message[0] == "ready":
                self.ready = True
                continue
            if message[0] == "begin":
                order = message[1]
            elif message[0] == "end":
                tell(order, *message[1:])
                order = drawing
            elif message[0] in ("done", "over"):
                return
            else:
                self._end()
                self._start()
                tell(order, *message)
                return

    def _next(self, limit_s: float, over: threading.Event) -> tuple[Any, ...]:
        """What the process says next, or what has become of it; ``over`` if nobody waits any longer."""
        began = {"of CPU": self._cpu_s(), "of the clock": time.monotonic()}
        try:
            while not self.pipe.poll(1.0):
                if over.is_set():
                    return ("over",)
                for which, now in (("of CPU", self._cpu_s()), ("of the clock", time.monotonic())):
                    if now - began[which] > limit_s + GRACE_S[which]:
                        return "hung", f"hang: no answer after {now - began[which]:.0f} s {which}"
            message: tuple[Any, ...] = self.pipe.recv()
            return message
        except (EOFError, OSError):
            self.process.join()
            return "died", f"death: the process ended with exit code {self.process.exitcode}"

    def _cpu_s(self) -> float:
        """CPU time of the process and of the engines that it waited for; 0 if it is gone."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def _end(self) -> None:
        self.process.kill()
        self.process.join()

    def stop(self) -> None:
        self._end()
        self.pipe.close()


class Campaign:
    """Lanes that attack until the time is over, or something is found.

    Parameters
    ----------
    folder : Path
        Findings are kept here, one file each.
    keep_going : bool
        Do not stop at a finding; each sort is kept once.
    roles : sequence of str
        Only these.
    """

    def __init__(
        self, minutes: float, seed: int, lanes: int, folder: Path, *, keep_going: bool = False, roles: Any = duty.ROLES
    ) -> None:
        self.until = time.monotonic() + 60 * minutes
        self.folder, self.keep_going = folder, keep_going
        self.turns = [role for role in _TURNS if role in roles]
        self.seeds = itertools.count(1_000_000 * seed)
        self.over, self.lock = threading.Event(), threading.Lock()
        self.counts: dict[tuple[str, str], Counter[str]] = {}
        self.findings: dict[tuple[str, str], Path] = {}
        self.threads = [threading.Thread(target=self._lane, args=(k,), daemon=True) for k in range(lanes)]

    def run(self, say: Callable[[str], None], every_s: float = 10.0) -> None:
        """Attack; ``say`` gets a line of progress every few seconds."""
        for thread in self.threads:
            thread.start()
        told = time.monotonic()
        try:
            while any(thread.is_alive() for thread in self.threads):
                self.threads[0].join(0.2)
                if time.monotonic() - told >= every_s:
                    told = time.monotonic()
                    say(self.progress())
        except KeyboardInterrupt:
            say("interrupted")
        self.over.set()
        for thread in self.threads:
            thread.join()

    def progress(self) -> str:
        with self.lock:
            done: Counter[str] = Counter()
            for (what, _), outcomes in self.counts.items():
                done[what] += outcomes.total()
        return ", ".join(f"{n:,} {what}" for what, n in sorted(done.items())) + f"; {len(self.findings)} findings"

    def _lane(self, number: int) -> None:
        processes: dict[str, Process] = {}
        for role in itertools.islice(itertools.cycle(self.turns), number, None):
            if self.over.is_set() or time.monotonic() > self.until:
                break
            if role not in processes:
                processes[role] = Process(role)
            with self.lock:
                seed = next(self.seeds)
            processes[role].work(seed, self._tell, self.over)
        for process in processes.values():
            process.stop()

    def _tell(self, order: Table, outcome: str, finding: str | None) -> None:
        with self.lock:
            self.counts.setdefault((order["what"], order["label"]), Counter())[outcome] += 1
            if finding is None:
                return
            sort = order["label"], finding[:40]
            if sort not in self.findings:
                self.findings[sort] = self._keep(order, finding)
            if not self.keep_going:
                self.over.set()

    def _keep(self, order: Table, finding: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = "".join(c if c.isalnum() else "-" for c in f"{order['what']}-{order['label']}")
        path = next(p for k in itertools.count() if not (p := self.folder / f"{name}-{k}.json").exists())
        path.write_text(json.dumps({"finding": finding, "order": order}, indent=1))
        return path


def again(path: Path) -> tuple[str, str | None]:
    """Carry the order of a finding out once more, in a process of its own."""
    order = json.loads(path.read_text())["order"]
    role = {"file": "read", "mapping": "map", "drawing": order["label"]}.get(order["what"], "solve")
    answers: list[tuple[str, str | None]] = []
    process = Process(role)
    process.work(order.get("task", order), lambda _, *answer: answers.append(answer), threading.Event())
    process.stop()
    return answers[-1] if answers else ("nothing", None)
