"""``vgspec lint --fix``, ``--unsafe-fixes`` and ``--diff``: what is written, and what is not."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from vgspec.cli import fixing, main
from vgspec.cli.output import Output

SAFE = """vgspec: "1"
inputs: {x: {shape: [64]}}
layers:
  # all alike
  - Dense: {units: 32, activation: tanh, kernel_initializer: zeros}  # here
  - Dense: {units: 10, activation: softmax}
compile: {optimizer: adam, loss: mse}
"""
AFTER_SAFE = SAFE.replace("zeros", "glorot_uniform")
AFTER_ALL = AFTER_SAFE.replace("loss: mse", "loss: categorical_crossentropy")


class Stream(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]


def run(*argv: str) -> tuple[int, str, str]:
    out, err = Stream(), Stream()
    status = main(argv, Output(out, err))
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "model.yaml"
    path.write_bytes(SAFE.encode())
    return path


def test_fix_makes_the_safe_ones_and_keeps_the_rest(spec: Path) -> None:
    status, out, err = run("lint", "--fix", str(spec))
    assert spec.read_bytes() == AFTER_SAFE.encode()
    assert "VG301 zero-or-constant-kernel: use glorot_uniform" in err
    assert "Fixed 1 finding" in err
    assert status == 1
    assert "vanishing-loss-gradient" in out
    assert "zero-or-constant-kernel" not in out


def test_unsafe_fixes_are_made_when_asked_for(spec: Path) -> None:
    status, _, err = run("lint", "--fix", "--unsafe-fixes", str(spec))
    assert spec.read_bytes() == AFTER_ALL.encode()
    assert status == 0
    assert "Fixed 2 findings" in err
    assert run("lint", "--fix", "--unsafe-fixes", str(spec))[0] == 0
    assert spec.read_bytes() == AFTER_ALL.encode()


def test_diff_writes_nothing(spec: Path) -> None:
    status, out, _ = run("lint", "--diff", "--unsafe-fixes", str(spec))
    assert status == 1
    assert spec.read_bytes() == SAFE.encode()
    changed = [line for line in out.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert len(changed) == 4
    assert "+compile: {optimizer: adam, loss: categorical_crossentropy}" in changed
    spec.write_bytes(AFTER_ALL.encode())
    assert run("lint", "--diff", str(spec)) == (0, "", "")


def test_selected_rules_only(spec: Path) -> None:
    run("lint", "--fix", "--unsafe-fixes", "--select", "vanishing-loss-gradient", str(spec))
    assert spec.read_bytes() == SAFE.replace("loss: mse", "loss: categorical_crossentropy").encode()


def test_unsafe_fixes_alone_is_a_bad_call(spec: Path) -> None:
    status, _, err = run("lint", "--unsafe-fixes", str(spec))
    assert status == 2
    assert "--fix" in err
    assert spec.read_bytes() == SAFE.encode()


def test_line_ends_and_byte_order_mark_are_kept(spec: Path) -> None:
    spec.write_bytes(b"\xef\xbb\xbf" + SAFE.replace("\n", "\r\n").encode())
    run("lint", "--fix", str(spec))
    assert spec.read_bytes() == b"\xef\xbb\xbf" + AFTER_SAFE.replace("\n", "\r\n").encode()


def test_a_broken_file_does_not_keep_others_from_being_fixed(spec: Path) -> None:
    broken = spec.with_name("broken.yaml")
    broken.write_text('vgspec: "1"\nlayers: [{Dens: {}}', encoding="utf-8")
    run("lint", "--fix", str(broken), str(spec))
    assert spec.read_bytes() == AFTER_SAFE.encode()
    assert broken.read_text(encoding="utf-8") == 'vgspec: "1"\nlayers: [{Dens: {}}'


def test_a_file_that_changes_meanwhile_is_left_alone(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = fixing.load_target

    def load_and_change(*args, **kwargs):
        found = loaded(*args, **kwargs)
        spec.write_bytes(b"# mine\n" + SAFE.encode())
        return found

    monkeypatch.setattr(fixing, "load_target", load_and_change)
    _, _, err = run("lint", "--fix", str(spec))
    assert spec.read_bytes() == b"# mine\n" + SAFE.encode()
    assert "changed meanwhile" in err


# --- several processes ------------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        # files of different sizes, so that they do not end in their order
        (tmp_path / f"m{number}.yaml").write_text(SAFE.replace("all alike", "x" * (7 * number % 5 + 1)))
    (tmp_path / "broken.yaml").write_text('vgspec: "1"\nlayers: [{Dens: {}}', encoding="utf-8")
    return tmp_path


def test_the_number_of_processes_changes_nothing(many: Path) -> None:
    before = {path.name: path.read_bytes() for path in many.iterdir()}
    diffs = {run("lint", "--diff", "--unsafe-fixes", "--jobs", jobs, ".") for jobs in "124"}
    assert len(diffs) == 1
    assert next(iter(diffs))[1].count("+++ ") == 6
    results = []
    for jobs in "124":
        for name, data in before.items():
            (many / name).write_bytes(data)
        found = run("lint", "--fix", "--unsafe-fixes", "--jobs", jobs, ".")
        results.append((found, {path.name: path.read_bytes() for path in many.iterdir()}))
    assert results[0] == results[1] == results[2]
    (_, _, err), files = results[0]
    said = [line.partition(":")[0] for line in err.splitlines() if "VG3" in line]
    assert said == [f"m{number}.yaml" for number in range(6)]
    assert all(files[name] != before[name] for name in before if name.startswith("m"))
    assert files["broken.yaml"] == before["broken.yaml"]


def test_a_process_that_dies_while_fixing_costs_one_file(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("processes are not forked here")
    here, real = os.getpid(), fixing._fixed

    def die(job, unsafe):
        if job.target.name == "m3.yaml" and os.getpid() != here:
            os.kill(os.getpid(), 9)
        return real(job, unsafe)

    monkeypatch.setattr(fixing, "_fixed", die)
    before = (many / "m3.yaml").read_bytes()
    status, _, err = run("lint", "--fix", "--jobs", "2", "m0.yaml", "m3.yaml", "m5.yaml")
    assert status == 1
    assert "m3.yaml: not fixed, because the process that worked on it was ended by signal 9 (SIGKILL)" in err
    assert (many / "m3.yaml").read_bytes() == before
    for name in ("m0.yaml", "m5.yaml"):
        assert b"glorot_uniform" in (many / name).read_bytes()


def test_nothing_is_written_where_standard_input_is_among_the_files(many: Path) -> None:
    before = (many / "m0.yaml").read_bytes()
    status, _, err = run("lint", "--fix", "m0.yaml", "-")
    assert status == 2
    assert "standard input cannot be changed" in err
    assert (many / "m0.yaml").read_bytes() == before
