"""Linting or fixing many files in several processes.

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
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vgspec.cli.checking import Job, Linted, lint_one
from vgspec.codes import NOT_LINTED

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

__all__ = ["cores", "ended", "lint_all", "run_all", "workers_for"]

T = TypeVar("T")

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


def workers_for(jobs: Sequence[Job], most: int | None = None, *, paying: int = _FILES_A_WORKER) -> int:
    """How many processes pay for these jobs, 1 for none beside this one: starting one costs as much as some files.

    Args:
        jobs: what is to be done.
        most: the number of processes if the user has named one.
        paying: how many files a process needs to be worth its start.
    """
    files = [job for job in jobs if not job.target.standard_input]
    if most is not None:
        return max(1, min(most, len(files)))
    size = sum(_size(job) for job in files)
    wanted = max(len(files) // paying, size // _BYTES_A_WORKER)
    return max(1, min(cores(), len(files), wanted))


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
    return run_all(jobs, workers, lint_one, _killed, tick)


def run_all(
    jobs: Sequence[Job],
    workers: int,
    work: Callable[[Job], T],
    killed: Callable[[Job, int | None], T],
    tick: Tick = lambda done: None,
) -> list[T]:
    """Do a piece of work for every target; the results are in the order of the jobs.

    Args:
        jobs: the targets.
        workers: processes to use; 1 for this one alone.
        work: what to do for each. It is sent to other processes, as its results are: both can be pickled.
        killed: the result for a target on which a process died, from its exit status.
        tick: called after each file and every tenth of a second with the number of files done.
    """
    if workers <= 1:
        return _here(jobs, work, tick)
    results: dict[int, T] = {i: work(job) for i, job in enumerate(jobs) if job.target.standard_input}
    rest = sorted((i for i in range(len(jobs)) if i not in results), key=lambda i: (-_size(jobs[i]), i))
    pool = _Pool(jobs, deque(rest), results, work, killed, tick)
    try:
        pool.run(workers)
    finally:
        pool.stop()
    for i in pool.pending:  # no process could be started
        results[i] = work(jobs[i])
        tick(len(results))
    return [results[i] for i in range(len(jobs))]


def _here(jobs: Sequence[Job], work: Callable[[Job], T], tick: Tick) -> list[T]:
    results: list[T] = []
    for job in jobs:
        tick(len(results))
        results.append(work(job))
    tick(len(results))
    return results


@dataclass(slots=True)
class _Worker:
    """A process, the pipe to it, and the job it is at."""

    process: BaseProcess
    pipe: Connection
    job: int


class _Pool(Generic[T]):
    """Processes that take one job after the other, the largest first."""

    def __init__(
        self,
        jobs: Sequence[Job],
        pending: deque[int],
        results: dict[int, T],
        work: Callable[[Job], T],
        killed: Callable[[Job, int | None], T],
        tick: Tick,
    ) -> None:
        self.jobs, self.pending, self.results, self.tick = jobs, pending, results, tick
        self.work, self.killed = work, killed
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
            target=_work,
            args=(theirs, tuple(self.jobs), self.work, [*inherited, ours] if self.forks else []),
            daemon=True,
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
            number, result = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            self.results[worker.job] = self.killed(self.jobs[worker.job], worker.process.exitcode)
            self.replace(worker)
        else:
            self.results[number] = result
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


def _work(
    pipe: Connection, jobs: tuple[Job, ...], work: Callable[[Job], object], inherited: Sequence[Connection]
) -> None:
    """The life of a process: a number of a job comes, its result goes. It ends with its pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told too, and ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:  # else this process would keep the pipes of others open after the parent's death
        other.close()
    while True:
        try:
            number = pipe.recv()
            pipe.send((number, work(jobs[number])))
        except (EOFError, OSError):
            return


def ended(status: int | None) -> tuple[str, str]:
    """How a process ended, and what to try; the latter may be empty."""
    if status is None or status >= 0:
        return f"with status {status}", ""
    try:
        how = f"by signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        how = f"by signal {-status}"
    help = "the system does this where memory runs out: try --jobs 1, or this file alone" if status == -9 else ""
    return how, help


def _killed(job: Job, status: int | None) -> Linted:
    """The finding of a file on which a process died."""
    how, help = ended(status)
    finding = NOT_LINTED.diagnostic(
        f"the process that linted this file was ended {how}", file=job.target.name, help=help
    )
    return Linted(job.target.name, (finding,), (), job.settings.fail_on, (str(job.target.path),))
