"""``vgspec lint --fix``, ``--unsafe-fixes`` and ``--diff``: what is written, and what is not."""

from __future__ import annotations

import io
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
