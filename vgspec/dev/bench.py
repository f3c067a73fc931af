"""How long vgspec takes, measured side by side in one run.

::

    python -m vgspec.dev.bench              # print the page
    python -m vgspec.dev.bench --write      # write docs/reference/performance.md

Whole processes are started in turn, round by round, so that whatever else the machine does falls on all of
them; the median counts. Times depend on the machine, so they are also given as ratios. Wall time suffers from
other work on the machine, processor time (user and system) much less.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Timing", "document", "main", "measure_phases", "measure_processes", "page"]

ROOT = Path(__file__).resolve().parents[2]
TARGET = "docs/reference/performance.md"
SPEC = "specs/resnet50.yaml"
SIZES = (100, 1_000, 10_000)
TENSORFLOW = 'python -c "import tensorflow"'

_ENTRY = "import sys; from vgspec.cli import main; sys.exit(main(sys.argv[1:]))"  # what the script ``vgspec`` does


@dataclass(frozen=True, slots=True)
class Timing:
    """What one command took.

    Attributes:
        name: the command as one would type it.
        wall: each round's wall time in seconds.
        cpu: each round's processor time in seconds.
    """

    name: str
    wall: tuple[float, ...]
    cpu: tuple[float, ...]


def _commands() -> dict[str, list[str]]:
    python = sys.executable
    commands = {
        'python -c "pass"': [python, "-c", "pass"],
        "vgspec --version": [python, "-c", _ENTRY, "--version"],
        f"vgspec lint {SPEC}": [python, "-c", _ENTRY, "lint", SPEC],
        f"vgspec show {SPEC}": [python, "-c", _ENTRY, "show", SPEC],
    }
    if importlib.util.find_spec("tensorflow") is not None:
        commands[TENSORFLOW] = [python, "-c", "import tensorflow"]
    return commands


def measure_processes(rounds: int) -> list[Timing]:
    """Wall times of whole processes; one round beforehand warms the disk's cache and is not counted."""
    commands = _commands()
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT)}
    environ = {**os.environ, **quiet}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its byte code; the first round writes ours
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, argv in commands.items():
            measured = _process(argv, environ)
            if turn:
                taken[name].append(measured)
    return [Timing(name, *(tuple(row[i] for row in rows) for i in (0, 1))) for name, rows in taken.items()]


def _process(argv: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Wall and processor time of a process, in seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{argv} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime


def document(nodes: int) -> str:
    """A residual network of about that many layer calls, every layer written out."""
    unit = (
        "  - residual:\n"
        "      body:\n"
        "        - LayerNormalization\n"
        "        - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}\n"
        "        - Dense: {units: 64}\n"
    )
    head = 'vgspec: "1"\nname: long\ninputs:\n  x: {shape: [64]}\nlayers:\n'
    return head + unit * max(nodes // 4, 1) + "  - Dense: {units: 10}\n"


def measure_phases(nodes: int, rounds: int) -> dict[str, float]:
    """Median seconds of each phase on a document of that size, in a process that is warm."""
    from vgspec.frontend.load import load_document, published_schema
    from vgspec.frontend.structure import check_structure
    from vgspec.lint.engine import lint
    from vgspec.source import parse_text

    text = document(nodes)
    parsed, problems = parse_text(text, "bench.yaml")
    root = parsed.root
    assert root is not None
    spec = load_document(parsed, list(problems))
    assert spec.ok, [item.message for item in spec.diagnostics]
    lint(spec)  # imports what the phases need
    phases: dict[str, Callable[[], Any]] = {
        "parse": lambda: parse_text(text, "bench.yaml"),
        "check the form": lambda: check_structure(root, published_schema()),
        "check, expand, infer shapes": lambda: load_document(parsed, []),
        "analyse and lint": lambda: lint(spec),
    }
    return {name: median(_seconds(phase) for _ in range(rounds)) for name, phase in phases.items()}


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def page(timings: Sequence[Timing], phases: Sequence[tuple[int, dict[str, float]]], rounds: int) -> str:
    """The page of the reference."""
    tensorflow = next((item for item in timings if item.name == TENSORFLOW), None)
    rows = []
    for item in timings:
        wall, cpu = median(item.wall), median(item.cpu)
        shares = ["", ""]
        if tensorflow is not None:
            shares = [f"{wall / median(tensorflow.wall):.3f}", f"{cpu / median(tensorflow.cpu):.3f}"]
        spread = f"{min(item.wall):.2f}–{max(item.wall):.2f}"
        rows.append(f"| `{item.name}` | {wall:.3f} s | {spread} | {cpu:.3f} s | {' | '.join(shares)} |")
    names = list(phases[0][1])
    sizes = [
        f"| {nodes:,} | " + " | ".join(f"{1000 * row[name]:,.1f} ms" for name in names) + " |" for nodes, row in phases
    ]
    per_node = [
        f"| {nodes:,} | " + " | ".join(f"{1e6 * row[name] / nodes:,.0f} µs" for name in names) + " |"
        for nodes, row in phases
    ]
    head = "| layers | " + " | ".join(names) + " |\n|---|" + "---|" * len(names)
    system = f"Python {platform.python_version()}, {os.cpu_count()} processors ({platform.machine()})"
    return f"""<!-- Written by `python -m vgspec.dev.bench --write`; do not edit. -->

# Speed

Measured in one run with {system}.
Times depend on the machine and on what else it does; the ratios depend on it less.

## Whole processes

Median of {rounds} rounds, the commands in turn. The last two columns compare with importing TensorFlow, which a lint
never does.

| command | wall time | fastest to slowest | processor time | wall × TensorFlow | processor × TensorFlow |
|---|---|---|---|---|---|
{chr(10).join(rows)}

## Phases

In a warm process, on a residual network that is written out in full (no blocks, no repeats): parsing YAML with all
positions, checking the form, loading as a whole (with the check), and the signal analysis with all rules.

{head}
{chr(10).join(sizes)}

For each layer:

{head}
{chr(10).join(per_node)}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print or write the page."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.bench", description="Measure how long vgspec takes.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each command is run (default 7)")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="largest number of layers (default 10,000)")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET} instead of printing")
    args = parser.parse_args(argv)
    timings = measure_processes(args.rounds)
    phases = [(size, measure_phases(size, 5 if size < SIZES[-1] else 1)) for size in SIZES if size <= args.largest]
    text = page(timings, phases, args.rounds)
    if args.write:
        (ROOT / TARGET).write_text(text, encoding="utf-8")
        print(f"wrote {TARGET}")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
