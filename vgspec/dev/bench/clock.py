"""Measuring: calls, processes, peak memory, and how time grows with size."""

from __future__ import annotations

import gc
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["ROOT", "Timing", "child", "cpu_seconds", "exponent", "in_turn", "quiet_environment", "run_process"]

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Timing:
    """What one thing took, round by round.

    Attributes:
        name: the command as one would type it, or what was called.
        wall: each round's wall time in seconds.
        cpu: each round's processor time (user and system) in seconds.
        memory: each round's peak resident memory in bytes; empty for calls.
    """

    name: str
    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    memory: tuple[int, ...] = ()

    @property
    def typical_wall(self) -> float:
        """Median wall time."""
        return median(self.wall)

    @property
    def typical_cpu(self) -> float:
        """Median processor time."""
        return median(self.cpu)

    @property
    def peak(self) -> int:
        """Largest peak memory."""
        return max(self.memory, default=0)


def quiet_environment() -> dict[str, str]:
    """The environment of measured processes: this checkout, no chatter, no GPU, byte code as installed."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **quiet}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def run_process(
    argv: Sequence[str], environment: Mapping[str, str], *, cwd: Path = ROOT, statuses: Sequence[int] = (0,)
) -> tuple[float, float, int]:
    """Wall time, processor time and peak memory of a process.

    Raises:
        RuntimeError: if it ends with none of these exit statuses.
    """
    start = time.perf_counter()
    process = subprocess.Popen(argv, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in statuses:
        raise RuntimeError(f"{list(argv)} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit


def in_turn(
    calls: Mapping[str, Callable[[], Any]], rounds: int, before: Callable[[], Any] = gc.collect
) -> list[Timing]:
    """Times of calls in this process, made in turn; one round beforehand is not counted."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            before()
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            if turn:
                taken[name].append(spent)
    return [Timing(name, tuple(row[0] for row in rows), tuple(row[1] for row in rows)) for name, rows in taken.items()]


def cpu_seconds(call: Callable[[], Any], rounds: int = 1) -> float:
    """The least processor time of some calls, which other work on the machine disturbs least."""
    best = math.inf
    for _ in range(max(rounds, 1)):
        gc.collect()
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """The slope of log time over log size by least squares: 1 where twice the size takes twice the time."""
    x = [math.log(size) for size in sizes]
    y = [math.log(max(value, 1e-9)) for value in times]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)


def child(module: str, *arguments: str) -> Any:
    """What a module of this package, run as a program in a process of its own, prints as JSON on its last line.

    Raises:
        RuntimeError: if it fails, with the end of what it said.
    """
    run = subprocess.run(
        [sys.executable, "-m", f"vgspec.dev.bench.{module}", *arguments],
        cwd=ROOT,
        env=quiet_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.strip().splitlines()
    if run.returncode or not lines:
        raise RuntimeError(f"{module} {' '.join(arguments)}: {run.stderr.strip()[-400:]}")
    return json.loads(lines[-1])
