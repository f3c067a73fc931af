"""Killing a command while it writes: what stands in its place afterwards is the old file or the new one, whole."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["COMMANDS", "Command", "Kills", "Stage", "content", "kill_runs", "stopped"]

_ROOT = Path(__file__).parents[2]
_LAYER = "  - {Dense: {units: 64, activation: sigmoid}}\n"
_SPEC = 'vgspec: "1"\nname: m\ninputs: {x: {shape: [64]}}\nlayers:\n' + _LAYER * 12 + "  - {Dense: {units: 2}}\n"
_UNTIDY = f"# kept\n{_SPEC}".replace("{units: 64", "{  units:   64")
_CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 8], "name": "i"}},
            *({"class_name": "Dense", "config": {"name": f"d{i}", "units": 4 + i}} for i in range(200)),
        ],
    },
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command that writes.

    Attributes:
        argv: its arguments.
        target: what it writes.
        old: what stands there before, as the bytes of a file.
        folder: whether it writes a folder.
        is_whole: whether a file or folder is complete, where two such are not equal byte for byte.
    """

    argv: tuple[str, ...]
    target: str
    old: bytes = b"the old file\n" * 1000
    folder: bool = False
    is_whole: Callable[[Path], bool] | None = None


def _whole_folder(path: Path) -> bool:
    names = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
    return all((path / name).is_file() and (path / name).stat().st_size for name in names)


COMMANDS = {
    "build": Command(("build", "m.yaml", "--out", "out.py", "--force"), "out.py"),
    "build-keras": Command(("build", "m.yaml", "--out", "out.keras", "--force"), "out.keras"),
    "build-folder": Command(
        ("build", "m.yaml", "--out", "out", "--force", "--seed", "1"), "out", folder=True, is_whole=_whole_folder
    ),
    "init": Command(("init", "new.yaml", "--template", "resnet50", "--force"), "new.yaml"),
    "fmt": Command(("fmt", "untidy.yaml"), "untidy.yaml", old=_UNTIDY.encode()),
    "fix": Command(("lint", "bad.yaml", "--fix", "--unsafe-fixes", "--exit-zero"), "bad.yaml", old=_SPEC.encode()),
    "import": Command(("import", "m.json", "--out", "new.yaml", "--force"), "new.yaml"),
    "profile": Command(("profile", "m.yaml", "--plot", "flow.svg"), "flow.svg"),
}
"""The commands that write, by name."""


@dataclass
class Kills:
    """What a number of kills left behind.

    Attributes:
        old: runs after which the old file was there.
        new: runs after which the new one was.
        killed: runs that ended by the signal, not by themselves.
        writing: of them, runs that were killed while they wrote: stopped at a step of writing, or with something
            under a temporary name beside the target.
        left: files that a killed run left beside the target under a temporary name.
        steps: the steps of writing at which a run was stopped, and how often.
        broken: what was found wrong, in words.
    """

    old: int = 0
    new: int = 0
    killed: int = 0
    writing: int = 0
    left: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def content(path: Path) -> dict[str, bytes]:
    """A file, or all files of a folder, by their places in it."""
    if path.is_dir():
        return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
    return {"": path.read_bytes()} if path.exists() else {}


class Stage:
    """A folder in which a command runs again and again."""

    def __init__(self, name: str, folder: Path) -> None:
        """Write what the command ``name`` reads into an empty folder."""
        self.command, self.folder = COMMANDS[name], folder
        self.target, self.trace = folder / self.command.target, folder / "steps.txt"
        old = self.command.old
        self.before = {"saved_model.pb": b"old", "variables/old": old} if self.command.folder else {"": old}
        (folder / "m.yaml").write_text(_SPEC)
        (folder / "m.json").write_text(json.dumps(_CONFIG))

    def reset(self) -> None:
        """Put the old target in its place."""
        if self.command.folder:
            shutil.rmtree(self.target, ignore_errors=True)
        for place, data in self.before.items():
            (self.target / place).parent.mkdir(parents=True, exist_ok=True)
            (self.target / place).write_bytes(data)

    def start(self, step: int | None = None, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Put the old target in its place, and start the command; one that stops at a step of writing if it is given."""
        self.reset()
        program = ["vgspec"] if step is None else ["tests.fuzz.stopping", str(step), str(self.trace)]
        env = {**os.environ, "PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        quiet = subprocess.DEVNULL
        call = [sys.executable, "-m", *program, *self.command.argv]
        return subprocess.Popen(call, cwd=self.folder, env=env, stdin=quiet, stdout=quiet, stderr=stderr)


def stopped(process: subprocess.Popen[bytes]) -> bool:
    """Wait until a process stops itself (true) or ends."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return True
    process.returncode = os.waitstatus_to_exitcode(status)
    return False


def kill_runs(name: str, times: int, folder: Path, seed: int = 0) -> Kills:
    """Run a command again and again, each time ended by SIGKILL from outside.

    In turn at a random moment of its run; a little after something new stands beside the target; and twice at a step of
    writing at which it stops, each step in turn (`tests.fuzz.stopping`).

    Args:
        name: one of `COMMANDS`.
        times: how often.
        folder: an empty folder to work in.
        seed: of the moments.
    """
    stage, chance = Stage(name, folder), random.Random(seed)
    begun = time.monotonic()
    if (status := stage.start(0).wait()) != 0:
        return Kills(broken=[f"the command fails with {status} when it is left alone"])
    whole = time.monotonic() - begun
    new, beside = content(stage.target), {path.name for path in folder.iterdir()}
    steps = stage.trace.read_text().splitlines()
    order = chance.sample(range(len(steps)), len(steps))
    result = Kills()
    if new == stage.before:
        result.broken.append("the command writes nothing")
    for turn in range(times):
        halted = False
        if turn % 4 in (1, 3):  # where it stops by itself
            step = order[turn // 2 % len(order)]
            process = stage.start(step + 1)
            halted = stopped(process)
            result.steps[steps[step]] += halted
        elif turn % 4 == 2:  # while it writes: from when something new stands beside the target
            process, end = stage.start(), time.monotonic() + 3 * whole
            while process.poll() is None and time.monotonic() < end and {p.name for p in folder.iterdir()} <= beside:
                time.sleep(0.0002)
            time.sleep(chance.choice((0.0, 0.0, 0.001, 0.01)) * chance.random() * (1 + whole))
        else:
            process = stage.start()
            time.sleep(whole * chance.choice((1.0, 1.1)) * chance.random())
        process.send_signal(signal.SIGKILL)
        status = process.wait()
        more = [path for path in folder.iterdir() if path.name not in beside]
        result.killed += status == -signal.SIGKILL
        result.writing += status == -signal.SIGKILL and (halted or bool(more))
        if status not in (0, -signal.SIGKILL):
            result.broken.append(f"exit status {status}")
        _judge(content(stage.target), stage, new, result)
        for path in more:
            result.left += 1
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return result


def _judge(found: dict[str, bytes], stage: Stage, new: dict[str, bytes], result: Kills) -> None:
    """Count what stands at the target."""
    is_whole = stage.command.is_whole
    if found == stage.before:
        result.old += 1
    elif found == new or (found and is_whole is not None and is_whole(stage.target)):
        result.new += 1
    else:
        sizes = {place: len(data) for place, data in found.items()}
        result.broken.append(f"half a file: {sizes}" if found else "no file")
