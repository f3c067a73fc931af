"""Linting many files in several processes.

The results do not depend on how many there are, nor on which finishes first. A process that dies takes one file with
it: that file gets a finding, and another process takes its place.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vgspec.cli.checking import Job, Linted, lint_one
from vgspec.codes import NOT_LINTED

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

__all__ = ["cores", "lint_all", "workers_for"]

_FILES_A_WORKER = 8
_BYTES_A_WORKER = 128 * 1024
_TICK = 0.1  # seconds between looks at the clock while nothing happens

Tick = Callable[[int], None]
"""Told how many files are done."""


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers_for(jobs: Sequence[Job], most: int | None = None) -> int:
    """How many processes pay for these jobs, 1 for none beside this one: starting one costs as much as some files.

    Args:
        jobs: what is to be linted.
        most: the number of processes if the user has named one.
    """
    files = [job for job in jobs if not job.target.standard_input]
    if most is not None:
        return max(1, min(most, len(files)))
    size = sum(_size(job) for job in files)
    paying = max(len(files) // _FILES_A_WORKER, size // _BYTES_A_WORKER)
    return max(1, min(cores(), len(files), paying))


def _size(job: Job) -> int:
    try:
        return 0 if job.target.path is None else job.target.path.stat().st_size
    except (OSError, ValueError):
        return 0


def lint_all(jobs: Sequence[Job], workers: int, tick: Tick = lambda done: None) -> list[Linted]:
    """Lint all targets; the results are in the order of the jobs.

    Args:
        jobs: what to lint.
        workers: processes to use; 1 for this one alone.
        tick: called after each file and every tenth of a second with the number of files done.
    """
    if workers <= 1:
        return _here(jobs, tick)
    results: dict[int, Linted] = {i: lint_one(job) for i, job in enumerate(jobs) if job.target.standard_input}
    rest = sorted((i for i in range(len(jobs)) if i not in results), key=lambda i: (-_size(jobs[i]), i))
    pool = _Pool(jobs, deque(rest), results, tick)
    try:
        pool.run(workers)
    finally:
        pool.stop()
    for i in pool.pending:  # no process could be started
        results[i] = lint_one(jobs[i])
        tick(len(results))
    return [results[i] for i in range(len(jobs))]


def _here(jobs: Sequence[Job], tick: Tick) -> list[Linted]:
    results: list[Linted] = []
    for job in jobs:
        tick(len(results))
        results.append(lint_one(job))
    tick(len(results))
    return results


@dataclass(slots=True)
class _Worker:
    """A process, the pipe to it, and the job it is at."""

    process: BaseProcess
    pipe: Connection
    job: int


class _Pool:
    """Processes that take one job after the other, the largest first."""

    def __init__(self, jobs: Sequence[Job], pending: deque[int], results: dict[int, Linted], tick: Tick) -> None:
        self.jobs, self.pending, self.results, self.tick = jobs, pending, results, tick
        self.workers: list[_Worker] = []
        self.context = _context()

    def run(self, count: int) -> None:
        from multiprocessing.connection import wait

        while len(self.workers) < count and self.pending and self.start():
            pass
        while self.workers:
            for pipe in wait([worker.pipe for worker in self.workers], _TICK):
                worker = next(worker for worker in self.workers if worker.pipe is pipe)
                self.receive(worker)
            self.tick(len(self.results))

    def start(self) -> bool:
        """Start a process on the next job; False if the system allows no more."""
        ours, theirs = self.context.Pipe()
        inherited = [worker.pipe for worker in self.workers] if self.forks else []
        process = self.context.Process(
            target=_work, args=(theirs, tuple(self.jobs), [*inherited, ours] if self.forks else []), daemon=True
        )
        try:
            process.start()
        except OSError:
            ours.close()
            theirs.close()
            return False
        theirs.close()
        worker = _Worker(process, ours, -1)
        self.workers.append(worker)
        self.give(worker)
        return True

    @property
    def forks(self) -> bool:
        return bool(self.context.get_start_method() == "fork")

    def give(self, worker: _Worker) -> None:
        """The next job for a worker, or the end of its work."""
        try:
            if self.pending:
                worker.job = self.pending[0]
                worker.pipe.send(worker.job)
                self.pending.popleft()
            else:
                self.workers.remove(worker)
                worker.pipe.close()
                worker.process.join()
        except OSError:  # it has died between two jobs
            self.replace(worker)

    def receive(self, worker: _Worker) -> None:
        try:
            number, linted = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            self.results[worker.job] = _killed(self.jobs[worker.job], worker.process.exitcode)
            self.replace(worker)
        else:
            self.results[number] = linted
            self.give(worker)

    def replace(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        worker.pipe.close()
        if self.pending:
            self.start()

    def stop(self) -> None:
        """End all processes, whatever they are at."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()


def _context() -> Any:
    """Forking costs nothing; it is safe where no thread runs that may hold a lock, and used on Linux only."""
    import multiprocessing

    forks = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if forks else "spawn")


def _work(pipe: Connection, jobs: tuple[Job, ...], inherited: Sequence[Connection]) -> None:
    """The life of a process: a number of a job comes, its result goes. It ends with its pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told too, and ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:  # else this process would keep the pipes of others open after the parent's death
        other.close()
    while True:
        try:
            number = pipe.recv()
            pipe.send((number, lint_one(jobs[number])))
        except (EOFError, OSError):
            return


def _killed(job: Job, status: int | None) -> Linted:
    """The finding of a file on which a process died."""
    how, help = f"with status {status}", ""
    if status is not None and status < 0:
        try:
            how = f"by signal {-status} ({signal.Signals(-status).name})"
        except ValueError:
            how = f"by signal {-status}"
        if status == -9:
            help = "the system does this where memory runs out: try --jobs 1, or lint the file alone"
    finding = NOT_LINTED.diagnostic(
        f"the process that linted this file was ended {how}", file=job.target.name, help=help
    )
    return Linted(job.target.name, (finding,), (), job.settings.fail_on, (str(job.target.path),))
