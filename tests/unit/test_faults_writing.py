"""Every command that writes, under every fault: a clear error, the right exit status, nothing half-written."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.kill import COMMANDS, Stage, content, stopped

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and modes of POSIX")
ROOT = Path(__file__).parents[2]
LIGHT = ["build", "init", "fmt", "fix", "import", "profile"]
HEAVY = [
    pytest.param(name, marks=[pytest.mark.tensorflow, pytest.mark.slow]) for name in ("build-keras", "build-folder")
]
every = pytest.mark.parametrize("name", [*LIGHT, *HEAVY])
light = pytest.mark.parametrize("name", LIGHT)


def test_every_writer_is_here() -> None:
    assert {*LIGHT, "build-keras", "build-folder"} == set(COMMANDS)


@pytest.fixture
def stage(name: str, tmp_path: Path) -> Stage:
    if name == "profile":
        pytest.importorskip("matplotlib")
    made = Stage(name, tmp_path)
    made.reset()
    return made


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def environment() -> dict[str, str]:
    quiet = {"NO_COLOR": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**os.environ, "PYTHONPATH": str(ROOT), **quiet}


def call(stage: Stage, shell: str = "exec {}", **more: object) -> subprocess.CompletedProcess[str]:
    """Run the command of a stage; ``{}`` in ``shell`` stands for it, ``<here>`` for its folder."""
    words = " ".join([sys.executable, "-m", "vgspec", *stage.command.argv])
    command = ["sh", "-c", shell.replace("{}", words).replace("<here>", str(stage.folder))]
    done = subprocess.run(
        command, cwd=stage.folder, env=environment(), capture_output=True, text=True, check=False, **more
    )  # type: ignore[call-overload]
    shown = done.stdout + done.stderr
    assert "Traceback" not in shown
    assert "Exception ignored" not in shown
    assert "bug in vgspec" not in shown
    result: subprocess.CompletedProcess[str] = done
    return result


def refused(stage: Stage, done: subprocess.CompletedProcess[str], reason: str) -> None:
    """The command said why it could not write, and all is as it was."""
    assert done.returncode == 1, done.stderr
    assert "VG065" in done.stderr
    assert reason in done.stderr
    assert content(stage.target) == stage.before


# --- a disk of its own --------------------------------------------------------------------------------

_MOUNT = ["unshare", "--user", "--map-root-user", "--mount"]


def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*_MOUNT, "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, check=False)
    return tried.returncode == 0


own_disk = pytest.mark.skipif(not _can_mount(), reason="needs a mount namespace (unshare of util-linux)")


def on_a_disk(stage: Stage, options: str, before: str, after: str = ":") -> subprocess.CompletedProcess[str]:
    """Run a command where its folder is a file system of its own, and copy back what is there afterwards."""
    script = (
        "set -e; cp -a <here> <here>.saved; mount -t tmpfs -o "
        + options
        + " none <here>; cp -a <here>.saved/. <here>/; "
        f"cd <here>; {before}; set +e; {{}}; status=$?; {after}; "
        "rm -rf <here>.saved; mkdir <here>.saved; cp -a <here>/. <here>.saved/; exit $status"
    )
    words = " ".join([sys.executable, "-m", "vgspec", *stage.command.argv])
    script = script.replace("{}", words).replace("<here>", str(stage.folder))
    done = subprocess.run([*_MOUNT, "sh", "-c", script], env=environment(), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    assert "bug in vgspec" not in done.stdout + done.stderr
    for path in stage.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(f"{stage.folder}.saved", stage.folder, dirs_exist_ok=True)
    shutil.rmtree(f"{stage.folder}.saved")
    return done


@own_disk
@every
def test_full_disk(stage: Stage) -> None:
    before = listing(stage.folder)
    fill = "dd if=/dev/zero of=filler bs=1k 2>/dev/null || true"
    done = on_a_disk(stage, "size=256k", fill, "rm -f filler")
    refused(stage, done, "free some space on that disk")
    assert listing(stage.folder) == before


@own_disk
@every
def test_read_only_disk(stage: Stage) -> None:
    before = listing(stage.folder)
    done = on_a_disk(stage, "size=256k", "mount -o remount,ro <here>")
    refused(stage, done, "Read-only file system" if "not writable" not in done.stderr else "not writable")
    assert listing(stage.folder) == before


# --- permissions --------------------------------------------------------------------------------------


def _obey_modes() -> None:
    """Have root obey modes too: without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, which the program then cannot have."""
    if os.geteuid() == 0:
        for capability in (1, 2):
            if ctypes.CDLL(None).prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                os._exit(99)


@every
@pytest.mark.skipif(not sys.platform.startswith("linux") and os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(stage: Stage) -> None:
    before = listing(stage.folder)
    stage.folder.chmod(0o555)
    try:
        done = call(stage, preexec_fn=_obey_modes)
    finally:
        stage.folder.chmod(0o755)
    refused(stage, done, "is not writable")
    assert listing(stage.folder) == before


@light
@pytest.mark.skipif(not sys.platform.startswith("linux") and os.geteuid() == 0, reason="root may read anything")
def test_no_permission_to_read(stage: Stage) -> None:
    if stage.command.argv[0] == "init":
        pytest.skip("reads nothing")
    source = stage.folder / stage.command.argv[1]
    source.chmod(0)
    try:
        done = call(stage, preexec_fn=_obey_modes)
    finally:
        source.chmod(0o644)
    shown = done.stdout + done.stderr
    assert done.returncode == (0 if "--exit-zero" in stage.command.argv else 1), shown
    assert "no permission to read" in shown or "Permission denied" in shown
    assert content(stage.target) == stage.before


@light
def test_a_target_that_is_missing_its_folder(stage: Stage) -> None:
    out = next((argv for argv in ("--out", "--plot") if argv in stage.command.argv), "")
    if not out:
        pytest.skip("writes where it reads")
    words = " ".join([sys.executable, "-m", "vgspec", *stage.command.argv])
    done = call(stage, words.replace(f"{out} ", f"{out} nowhere/"))
    refused(stage, done, "does not exist")
    assert "create it first" in done.stderr


# --- streams ------------------------------------------------------------------------------------------


@light
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(stage: Stage, closed: str) -> None:
    done = call(stage, f"exec {{}} {closed}")
    assert done.returncode == 0, done.stderr
    assert content(stage.target) not in ({}, stage.before)


@light
def test_nobody_reads_on(stage: Stage) -> None:
    done = call(stage, "( {}; echo $? >&2 ) | true")
    assert done.stderr.split()[-1] in ("0", "141")
    assert content(stage.target) not in ({}, stage.before)


@light
def test_nobody_reads_what_is_said(stage: Stage) -> None:
    done = call(stage, "( {} 2>&1 >/dev/null; echo $? >&3 ) 3>&1 >/dev/null | true 3>&1; true")
    assert done.returncode == 0
    assert content(stage.target) not in ({}, stage.before)


@light
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_standard_output_is_full(stage: Stage) -> None:
    done = call(stage, "exec {} > /dev/full")
    if done.returncode:  # it had something to say there
        assert done.returncode == 1
        assert "cannot write to standard output: No space left on device" in done.stderr
    assert content(stage.target) not in ({}, stage.before)


# --- Ctrl-C -------------------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("moment", ["first", "middle", "before the new name"])
def test_interrupt(stage: Stage, name: str, moment: str) -> None:
    if moment != "middle" and name.startswith("build-"):
        pytest.skip("takes long; the moments are those of the light commands")
    assert stage.start(0).wait() == 0
    steps = stage.trace.read_text().splitlines()
    named = next(i for i, step in enumerate(steps) if step in ("before replace", "before exchange"))
    at = {"first": 0, "middle": named // 2, "before the new name": named}[moment]
    process = stage.start(at + 1, stderr=subprocess.PIPE)
    try:
        assert stopped(process)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        err = process.communicate(timeout=100)[1].decode()
    finally:
        process.kill()
    assert process.returncode in (130, -signal.SIGINT), err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert content(stage.target) == stage.before
    assert [path for path in listing(stage.folder) if path.startswith(".")] == []
