"""Many files at once: the same bytes whatever the processes, and what happens when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from vgspec.cli import pool
from vgspec.cli.checking import Job, Linted
from vgspec.cli.discover import Target
from vgspec.cli.output import Output
from vgspec.cli.pool import lint_all, workers_for
from vgspec.cli.progress import Bar

GOOD = 'vgspec: "1"\ninputs: {x: {shape: [8]}}\nlayers:\n  - Dense: {units: 2}\n'
BAD = GOOD.replace("Dense", "Dens")
STACK = GOOD.replace("Dense: {units: 2}", "{repeat: 6, body: [{Dense: {units: 64, activation: sigmoid}}]}")

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty specs, some with findings, one that includes another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    for i in range(20):
        text = (GOOD, BAD, STACK, "", "\x00")[i % 5]
        (tmp_path / f"s{i:02}.yaml").write_text(text.replace("units: 2", f"units: {i + 1}"))
    (tmp_path / "lib.yaml").write_text('vgspec: "1"\nblocks: {b: {layers: [{Dens: {units: 2}}]}}\n')
    (tmp_path / "use.yaml").write_text(
        'vgspec: "1"\ninclude: [{from: lib.yaml, as: lib}]\ninputs: {x: {shape: [8]}}\nlayers: [{use: lib.b}]\n'
    )
    return tmp_path


def vgspec(*argv: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "vgspec", *argv], cwd=cwd, capture_output=True, check=False, timeout=120, **options
    )


@pytest.mark.parametrize(("form", "processes"), [("text", "2"), ("json", "3"), ("sarif", "2")])
def test_the_same_bytes_whatever_the_processes_and_the_order(folder: Path, form: str, processes: str) -> None:
    names = sorted(path.name for path in folder.glob("*.yaml"))
    first = vgspec("lint", "--output-format", form, "--jobs", "1", *names, cwd=folder)
    assert first.returncode == 1
    assert first.stderr == b""
    again = vgspec("lint", "--output-format", form, "-j", processes, *reversed(names), *names[:3], cwd=folder)
    assert (again.returncode, again.stdout, again.stderr) == (1, first.stdout, b"")
    if form == "json":
        assert [item["path"] for item in json.loads(first.stdout)["files"]] == names


def test_standard_input_beside_processes(folder: Path) -> None:
    done = vgspec(
        "lint", "-j", "2", "-", "s00.yaml", "s01.yaml", "--output-format", "json", cwd=folder, input=BAD.encode()
    )
    assert [item["path"] for item in json.loads(done.stdout)["files"]] == ["s00.yaml", "s01.yaml", "<stdin>"]
    assert [d["file"] for d in json.loads(done.stdout)["diagnostics"]] == ["s01.yaml", "<stdin>"]


def jobs(folder: Path) -> list[Job]:
    return [Job(Target.named(path.name)) for path in sorted(folder.glob("s*.yaml"))]


def test_few_files_need_no_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "cores", lambda: 8)
    every = jobs(folder)
    assert workers_for(every[:1]) == workers_for(every[:3]) == 1
    assert workers_for(every) == 2
    assert workers_for(every * 10) == 8
    assert workers_for(every[:3], 2) == 2
    assert workers_for(every[:3], 50) == 3
    assert workers_for([]) == workers_for([], 4) == 1
    (folder / "s00.yaml").write_bytes(b"#" * 1_000_000)
    assert workers_for(every[:3]) == 3  # three large files
    monkeypatch.setattr(pool, "cores", lambda: 1)
    assert workers_for(every * 10) == 1


def deadly(monkeypatch: pytest.MonkeyPatch, how: Any, name: str = "s05.yaml") -> None:
    """Make linting one file do something terrible; workers are forked, so they inherit it."""
    if sys.platform != "linux":
        pytest.skip("processes are not forked here")
    real = pool.lint_one

    def lint_one(job: Job) -> Linted:
        if job.target.name == name:
            how()
        return real(job)

    monkeypatch.setattr(pool, "lint_one", lint_one)


@pytest.mark.parametrize(
    ("number", "words", "help"),
    [(9, "by signal 9 (SIGKILL)", "memory"), (15, "by signal 15 (SIGTERM)", ""), (0, "with status 7", "")],
)
def test_a_process_that_dies_costs_one_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, help: str
) -> None:
    def die() -> None:
        if number:
            os.kill(os.getpid(), number)
        os._exit(7)

    deadly(monkeypatch, die)
    expected = [pool.lint_one(job) for job in jobs(folder) if job.target.name != "s05.yaml"]
    results = lint_all(jobs(folder), 2)
    assert [item.file for item in results] == [job.target.name for job in jobs(folder)]
    (lost,) = [item for item in results if item.file == "s05.yaml"]
    (finding,) = lost.findings
    assert finding.code == "VG008"
    assert words in finding.message
    assert help in finding.help
    assert [item.findings for item in results if item is not lost] == [item.findings for item in expected]


def test_every_file_deadly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many processes are started as there are files, and it ends."""
    if sys.platform != "linux":
        pytest.skip("processes are not forked here")
    monkeypatch.setattr(pool, "lint_one", lambda job: os._exit(3))
    results = lint_all(jobs(folder)[:6], 3)
    assert [item.findings[0].code for item in results] == ["VG008"] * 6


def test_no_process_can_be_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refused)
    done = []
    results = lint_all(jobs(folder), 3, done.append)
    assert [item.findings for item in results] == [pool.lint_one(job).findings for job in jobs(folder)]
    assert done[-1] == len(results)


def test_spawned_processes_give_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import multiprocessing

    monkeypatch.setattr(pool, "_context", lambda: multiprocessing.get_context("spawn"))
    every = jobs(folder)[:6]
    assert lint_all(every, 2) == lint_all(every, 1)


def test_a_crash_is_one_finding_whatever_the_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("processes are not forked here")
    from vgspec.cli import checking

    real = checking.load_target

    def load_target(target: Target, *rest: Any) -> Any:
        if target.name == "s07.yaml":
            raise RecursionError("too deep")
        return real(target, *rest)

    monkeypatch.setattr(checking, "load_target", load_target)
    here, there = lint_all(jobs(folder), 1), lint_all(jobs(folder), 2)
    assert [item.findings for item in here] == [item.findings for item in there]
    (lost,) = [item for item in there if item.file == "s07.yaml"]
    assert lost.findings[0].message.startswith("vgspec failed on this file: RecursionError: too deep at ")
    assert "RecursionError" in lost.traceback


@pytest.fixture
def long_run(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run in a process group of its own, with two workers that are busy."""
    for i in range(60):
        (folder / f"long{i}.yaml").write_text(STACK.replace("repeat: 6", "repeat: 1500"))
    process = subprocess.Popen(
        [sys.executable, "-m", "vgspec", "lint", "-j", "2"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_for(lambda: len(children(process.pid)) >= 2)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@posix
def test_interrupt_ends_all_processes(long_run: subprocess.Popen[bytes]) -> None:
    """Ctrl-C reaches the whole group: the status is 130, nothing is written, no process stays."""
    os.killpg(long_run.pid, signal.SIGINT)
    out, err = long_run.communicate(timeout=60)
    assert (long_run.returncode, out, err) == (130, b"", b"\ninterrupted\n")
    assert members(long_run.pid) == []


@posix
def test_workers_end_with_their_parent(long_run: subprocess.Popen[bytes]) -> None:
    long_run.kill()
    long_run.wait()
    wait_for(lambda: members(long_run.pid) == [])


def wait_for(what: Any, seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


def processes() -> list[tuple[int, int, int, str]]:
    """Number, parent, group and state of every process."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("there is no /proc here")
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        found.append((int(path.parent.name), int(parent), int(group), state))
    return found


def children(parent: int) -> list[int]:
    return [number for number, its_parent, _, _ in processes() if its_parent == parent]


def members(group: int) -> list[int]:
    return [number for number, _, its_group, state in processes() if its_group == group and state != "Z"]


# --- the bar ------------------------------------------------------------------------------------------------


class Terminal:
    """A stream in memory that says it is a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_after_a_second_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("vgspec.cli.progress.time.monotonic", lambda: clock[0])
    monkeypatch.setenv("TERM", "xterm")
    stream: Any = Terminal()
    bar = Bar(Output(stream, stream), 10, "checking")
    bar.step(1)
    assert stream.text == ""
    clock[0] = 1.5
    bar.step(4)
    assert "checking" in stream.text
    assert "4/10" in stream.text
    bar.close()
    assert stream.text.endswith("\x1b[2K") or "\x1b[?25h" in stream.text


@pytest.mark.parametrize("case", ["no terminal", "quiet", "dumb", "one file", "done"])
def test_when_no_bar_is_shown(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    clock = [0.0]
    monkeypatch.setattr("vgspec.cli.progress.time.monotonic", lambda: clock[0])
    monkeypatch.setenv("TERM", "dumb" if case == "dumb" else "xterm")
    stream: Any = Terminal()
    if case == "no terminal":
        stream.isatty = lambda: False
    total = 1 if case == "one file" else 10
    bar = Bar(Output(stream, stream, verbosity=-1 if case == "quiet" else 0), total, "checking")
    clock[0] = 5.0
    bar.step(total if case == "done" else 0)
    bar.close()
    assert stream.text == ""
