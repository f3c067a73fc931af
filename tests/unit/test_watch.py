"""``vgspec lint --watch`` as a process of its own: what makes it check again, and how it ends."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vgspec.cli import main

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

GOOD = 'vgspec: "1"\ninputs: {x: {shape: [8]}}\nlayers:\n  - Dense: {units: 2}\n'
BAD = GOOD.replace("Dense", "Dens")
STACK = GOOD.replace(
    "- Dense: {units: 2}", "- {repeat: 6, body: [{Dense: {units: 64, activation: sigmoid}}]}\n  - Dense: {units: 3}"
)
USER = 'vgspec: "1"\ninclude: [{from: lib.yaml, as: lib}]\ninputs: {x: {shape: [8]}}\nlayers: [{use: lib.b}]\n'
LIB = 'vgspec: "1"\nblocks: {b: {layers: [{Dense: {units: 2}}]}}\n'


class Watched:
    """A watching process and what it writes, in rounds that end with the line that it waits."""

    def __init__(self, folder: Path, *argv: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "vgspec", "lint", "--watch", *argv],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def round(self, end: str = "Ctrl-C ends it") -> str:
        """All that is written until it waits again."""
        text, limit = "", time.monotonic() + 60
        while end not in text:
            assert time.monotonic() < limit, text
            try:
                text += self.lines.get(timeout=0.2)
            except queue.Empty:
                assert self.process.poll() is None, text
        return text

    def quiet(self, seconds: float = 1.2) -> bool:
        """Whether nothing is written for some time."""
        time.sleep(seconds)
        return self.lines.empty()

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    return tmp_path


@pytest.fixture
def watched(folder: Path) -> Iterator[Watched]:
    watching = Watched(folder)
    yield watching
    watching.process.kill()
    watching.process.wait()


def test_files_includes_settings_and_new_files(folder: Path, watched: Watched) -> None:
    first = watched.round()
    assert "All good: 2 files checked" in first
    assert "Watching 2 specs" in first

    (folder / "a.yaml").write_text(BAD)
    text = watched.round()
    assert "changed: a.yaml" in text
    assert "unknown layer 'Dens'" in text
    assert "Found 1 error in 2 files" in text

    (folder / "a.yaml").write_text(USER)  # the include is not there yet
    assert "there is no file 'lib.yaml'" in watched.round()
    (folder / "lib.yaml").write_text(LIB)
    assert "All good: 3 files checked" in watched.round()
    (folder / "lib.yaml").write_text(LIB.replace("Dense", "Dens"))
    text = watched.round()
    assert "changed: lib.yaml" in text
    assert "expanded" in text or "unknown layer 'Dens'" in text

    (folder / "lib.yaml").write_text(LIB)
    assert "All good: 3 files" in watched.round()
    (folder / "new.yaml").write_text(STACK)
    text = watched.round()
    assert "changed: new.yaml" in text
    assert "saturating-stack" in text
    assert "4 files" in text

    (folder / "vgspec.toml").write_text('ignore = ["VG1"]\n')
    text = watched.round()
    assert "changed: vgspec.toml" in text
    assert "All good: 4 files" in text
    (folder / "vgspec.toml").write_text("ignor = []\n")
    assert "did you mean 'ignore'?" in watched.round("changed: vgspec.toml")
    (folder / "vgspec.toml").unlink()
    assert "saturating-stack" in watched.round()

    (folder / "new.yaml").unlink()
    text = watched.round()
    assert "All good: 3 files" in text
    assert watched.quiet()
    assert watched.interrupt() == 0
    assert watched.lines.empty() or watched.lines.get().strip() == ""


def test_a_write_in_two_steps_is_one_round(folder: Path, watched: Watched) -> None:
    watched.round()
    with (folder / "a.yaml").open("w") as stream:
        stream.write(GOOD[:30])
        stream.flush()
        time.sleep(0.02)
        stream.write(GOOD[30:])
    os.replace(folder / "a.yaml", folder / "c.tmp")
    os.replace(folder / "c.tmp", folder / "a.yaml")
    assert "All good: 2 files" in watched.round()
    assert watched.quiet()


def test_a_named_file_may_go_and_come(folder: Path) -> None:
    watching = Watched(folder, "a.yaml")
    try:
        assert "All good: 1 file" in watching.round()
        (folder / "a.yaml").unlink()
        assert "there is no file `a.yaml`" in watching.round()
        (folder / "a.yaml").write_text(GOOD)
        assert "All good: 1 file" in watching.round()
        (folder / "b.yaml").write_text(BAD)
        assert watching.quiet()
        assert watching.interrupt() == 0
    finally:
        watching.process.kill()
        watching.process.wait()


def test_wrong_settings_at_the_start_end_it(folder: Path) -> None:
    (folder / "vgspec.toml").write_text("x = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "vgspec", "lint", "--watch"], cwd=folder, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert b"there is no setting 'x'" in done.stderr


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--fix"], "--watch: it does not go with --fix; run that once by itself"),
        (["--diff"], "--watch: it does not go with --diff"),
        (["--show-settings"], "--watch: it does not go with --show-settings"),
        (["-"], "--watch: standard input cannot be watched; name a file"),
        (["--output-format", "json"], "--watch: it is for people, not for --output-format json"),
    ],
)
def test_what_cannot_be_watched(capsys: pytest.CaptureFixture[str], argv: list[str], message: str) -> None:
    assert main(["lint", "--watch", *argv]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_the_screen_is_cleared_on_a_terminal(folder: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "vgspec", "lint", "--watch"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=environ,
    )
    os.close(theirs)

    def until(end: bytes) -> bytes:
        text = b""
        while end not in text:
            text += os.read(ours, 4096)
        return text

    try:
        assert b"\x1b[2J" in until(b"Ctrl-C ends it")
        (folder / "a.yaml").write_text(BAD)
        text = until(b"Ctrl-C ends it")
        assert text.index(b"\x1b[2J") < text.index(b"changed: a.yaml") < text.index(b"unknown layer")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_nothing_is_cleared_elsewhere(watched: Watched) -> None:
    assert "\x1b" not in watched.round()
