"""Faults of the world around: killed, no space, no reader, no streams. Whole files, clear errors, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.kill import kill_runs

SPEC = """vgspec: "1"
name: m
inputs: {x: {shape: [8]}}
layers: [{Dense: {units: 4}}, {Dense: {units: 2}}]
"""
posix = pytest.mark.skipif(os.name == "nt", reason="signals and modes of POSIX")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "m.yaml"
    path.write_text(SPEC)
    return path


def vgspec(*argv: str | Path, cwd: Path, shell: str = "", **more: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own; ``shell`` is a shell command in which ``{}`` stands for it."""
    call = [sys.executable, "-m", "vgspec", *map(str, argv)]
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1"}
    command = call if not shell else ["sh", "-c", shell.replace("{}", " ".join(call))]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    result: subprocess.CompletedProcess[str] = done
    return result


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@posix
@pytest.mark.parametrize("command", ["build", "init", "fmt", "fix", "import"])
def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path: Path, command: str) -> None:
    result = kill_runs(command, 4, tmp_path, seed=5)
    assert result.broken == []
    assert result.old + result.new == 4


@posix
def test_no_space(spec: Path) -> None:
    done = vgspec("build", spec, "--out", "m.py", cwd=spec.parent, shell="ulimit -f 0; exec {}")
    assert done.returncode == 1
    assert "VG065" in done.stderr
    assert left(spec.parent) == ["m.yaml"]
    (spec.parent / "old.py").write_text("old")
    done = vgspec("build", spec, "--out", "old.py", "--force", cwd=spec.parent, shell="ulimit -f 0; exec {}")
    assert done.returncode == 1
    assert (spec.parent / "old.py").read_text() == "old"


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_standard_output_is_full(spec: Path) -> None:
    for argv in (("show", spec), ("lint", spec), ("schema",), ("rules",), ("--version",)):
        done = vgspec(*argv, cwd=spec.parent, shell="exec {} > /dev/full")
        assert done.returncode == 1, argv
        assert "cannot write to standard output: No space left on device" in done.stderr


@posix
@pytest.mark.skipif(os.name != "nt" and os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(spec: Path) -> None:
    spec.parent.chmod(0o555)
    try:
        done = vgspec("build", spec, "--out", "m.py", cwd=spec.parent)
    finally:
        spec.parent.chmod(0o755)
    assert done.returncode == 1
    assert "VG065" in done.stderr


def test_unreadable_and_missing(tmp_path: Path) -> None:
    done = vgspec("lint", "nothing.yaml", ".", cwd=tmp_path)
    assert done.returncode == 1
    assert "VG001" in done.stdout


@posix
@pytest.mark.parametrize("argv", [("show", "m.yaml"), ("schema",), ("rules",), ("lint", "m.yaml")])
def test_nobody_reads_on(spec: Path, argv: tuple[str, ...]) -> None:
    done = vgspec(*argv, cwd=spec.parent, shell="( {}; echo $? >&2 ) | true")
    assert done.stderr.split()[-1] in ("0", "141")


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    "argv",
    [("lint", "m.yaml"), ("show", "m.yaml"), ("lint", "-"), ("build", "m.yaml", "--out", "o.py"), ("--version",)],
)
def test_closed_streams(spec: Path, closed: str, argv: tuple[str, ...]) -> None:
    done = vgspec(*argv, cwd=spec.parent, shell=f"exec {{}} {closed}", stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 1), done.stderr
    assert "bug in vgspec" not in done.stderr


@posix
def test_interrupt(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vgspec", "lint", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, cwd=tmp_path,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        _wait_until_it_reads(process.pid)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.strip() == "interrupted"


def _wait_until_it_reads(pid: int) -> None:
    """Wait until the process sleeps with its modules loaded."""
    import time

    for _ in range(600):
        time.sleep(0.05)
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            loaded = "_ruamel_yaml" in Path(f"/proc/{pid}/maps").read_text()
        except OSError:  # not Linux
            time.sleep(5)
            return
        if state == "S" and loaded:
            return
