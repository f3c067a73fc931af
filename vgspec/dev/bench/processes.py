"""Whole processes, as a user starts them: commands, many specs at once, imports of Keras models."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from vgspec.dev.bench.clock import ROOT, Timing, quiet_environment, run_process

__all__ = ["TENSORFLOW", "commands", "measure_commands", "measure_imports", "measure_many"]

SPEC = "specs/resnet50.yaml"
TENSORFLOW = 'python -c "import tensorflow"'
_ENTRY = "import sys; from vgspec.cli import main; sys.exit(main())"  # what the script ``vgspec`` does


def vgspec(*arguments: str) -> list[str]:
    """The command line of a vgspec of this checkout."""
    return [sys.executable, "-c", _ENTRY, *arguments]


def commands() -> dict[str, list[str]]:
    """What is compared, by the command as one would type it."""
    found = {
        'python -c "pass"': [sys.executable, "-c", "pass"],
        "vgspec --version": vgspec("--version"),
        f"vgspec lint {SPEC}": vgspec("lint", SPEC),
        f"vgspec show {SPEC}": vgspec("show", SPEC),
        f"vgspec fmt --check {SPEC}": vgspec("fmt", "--check", SPEC),
        'python -c "import numpy"': [sys.executable, "-c", "import numpy"],
        'python -c "import pydantic"': [sys.executable, "-c", "from pydantic import BaseModel"],
    }
    if importlib.util.find_spec("tensorflow") is not None:
        found[TENSORFLOW] = [sys.executable, "-c", "import tensorflow"]
    return found


def measure_commands(
    rounds: int, chosen: Mapping[str, list[str]] | None = None, tell: Callable[[str], None] = lambda text: None
) -> list[Timing]:
    """Time and memory of commands, started in turn; one round beforehand warms the disk's cache and is not counted."""
    listed = commands() if chosen is None else chosen
    environment = quiet_environment()
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in listed}
    for turn in range(rounds + 1):
        tell(f"whole processes, round {turn} of {rounds}")
        for name, argv in listed.items():
            measured = run_process(argv, environment, statuses=(0, 1))  # 1: fmt would change the file
            if turn:
                taken[name].append(measured)
    return [
        Timing(name, tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows))
        for name, rows in taken.items()
    ]


def measure_many(folder: Path, count: int) -> tuple[Timing, int]:
    """Lint many specs of the zoo's kind in one call; the number of specs too."""
    zoo = sorted((ROOT / "specs").glob("*.yaml"))
    for number in range(count):
        source = zoo[number % len(zoo)]
        shutil.copyfile(source, folder / f"{source.stem}_{number:04d}.yaml")
    argv = vgspec("lint", "--isolated", "--exit-zero", "--statistics", str(folder))
    wall, cpu, memory = run_process(argv, quiet_environment())
    return Timing(f"vgspec lint, {count:,} specs", (wall,), (cpu,), (memory,)), count


def measure_imports(configs: Mapping[str, Path], tell: Callable[[str], None] = lambda text: None) -> list[Timing]:
    """Import the configs of Keras models, each in a process of its own."""
    environment = quiet_environment()
    found = []
    for name, path in configs.items():
        tell(f"import of {name}")
        wall, cpu, memory = run_process(vgspec("import", str(path)), environment)
        found.append(Timing(name, (wall,), (cpu,), (memory,)))
    return found
