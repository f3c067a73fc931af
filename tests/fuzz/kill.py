"""Killing a command while it writes: what stands in its place afterwards is the old file or the new one, whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Kills", "kill_runs"]

_SPEC = """vgspec: "1"
name: m
inputs: {x: {shape: [64]}}
layers:
  - {repeat: {count: 60}, body: [{Dense: {units: 64, activation: relu}}]}
  - {Dense: {units: 2}}
"""
_OLD = b"the old file\n" * 1000
_ROOT = Path(__file__).parents[2]


@dataclass
class Kills:
    """What a number of kills left behind.

    Attributes:
        old: runs after which the old file was there.
        new: runs after which the new one was.
        killed: runs that ended by the signal, not by themselves.
        broken: what was found wrong, in words.
    """

    old: int = 0
    new: int = 0
    killed: int = 0
    broken: list[str] = field(default_factory=list)


def _command(name: str, folder: Path) -> tuple[list[str], Path]:
    spec = folder / "m.yaml"
    spec.write_text(_SPEC)
    start = [sys.executable, "-m", "vgspec"]
    if name == "init":
        return [*start, "init", "new.yaml", "--template", "resnet50", "--force"], folder / "new.yaml"
    target = {"build": "out.py", "build-keras": "out.keras"}[name]
    return [*start, "build", "m.yaml", "--out", target, "--force", "--seed", "1"], folder / target


def kill_runs(name: str, times: int, folder: Path, seed: int = 0) -> Kills:
    """Run a command again and again, each time killed (SIGKILL) after a random part of its time.

    Args:
        name: ``build`` (to Python source), ``build-keras`` or ``init``.
        times: how often.
        folder: an empty folder to work in.
        seed: of the moments.
    """
    chance = random.Random(seed)
    call, target = _command(name, folder)
    env = {**os.environ, "PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

    def start() -> subprocess.Popen[bytes]:
        target.write_bytes(_OLD)
        quiet = subprocess.DEVNULL
        return subprocess.Popen(call, cwd=folder, env=env, stdin=quiet, stdout=quiet, stderr=quiet)

    begun = time.monotonic()
    if (status := start().wait()) != 0:
        return Kills(broken=[f"the command fails with {status} when it is left alone"])
    whole = time.monotonic() - begun
    new = target.read_bytes()
    result = Kills()
    for turn in range(times):
        process = start()
        # half of them late, when the file is being written
        time.sleep(whole * (chance.random() if turn % 2 else 0.8 + 0.3 * chance.random()))
        process.send_signal(signal.SIGKILL)
        status = process.wait()
        result.killed += status == -signal.SIGKILL
        if status not in (0, -signal.SIGKILL):
            result.broken.append(f"exit status {status}")
        found = target.read_bytes() if target.exists() else None
        if found == _OLD:
            result.old += 1
        elif found == new or (found is not None and name == "build-keras" and _is_whole_archive(target)):
            result.new += 1
        else:
            result.broken.append("no file" if found is None else f"{len(found)} bytes of {len(new)}")
    return result


def _is_whole_archive(path: Path) -> bool:
    """Whether a Keras file is complete; two such are not equal byte for byte, since they hold their time."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and "model.weights.h5" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
