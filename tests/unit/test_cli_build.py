"""``vgspec build`` up to where Keras comes in; source needs no Keras to be written."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest
from test_cli import BAD, GOOD, Result, with_finding

from vgspec.diagnostics import Severity


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vgspec.lint.engine.RULES", ())
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


def test_source(folder: Path) -> None:
    result = Result("build", "good.yaml", "--out", "model.py", "--set", "width=5")
    assert (result.status, result.out, result.err) == (0, "", "wrote model.py (Keras source)\n")
    text = (folder / "model.py").read_text()
    ast.parse(text)
    assert "Dense(units=5" in text


def test_errors_stop_it(folder: Path) -> None:
    result = Result("build", "bad.yaml", "--out", "model.py")
    assert result.status == 1
    assert "unknown layer 'Dens'" in result.err
    assert result.err.endswith("not built\n")
    assert not (folder / "model.py").exists()


def test_warnings_are_shown_and_stop_it_with_strict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_finding(monkeypatch, Severity.WARNING)
    result = Result("build", "good.yaml", "--out", "model.py", "--strict")
    assert result.status == 1
    assert not (folder / "model.py").exists()
    result = Result("build", "good.yaml", "--out", "model.py")
    assert result.status == 0
    assert "warning[VG199 made-up]" in result.err


def test_an_existing_target_is_kept(folder: Path) -> None:
    (folder / "model.py").write_text("mine")
    result = Result("build", "good.yaml", "--out", "model.py")
    assert result.status == 1
    assert "VG064" in result.err
    assert (folder / "model.py").read_text() == "mine"
    assert Result("build", "good.yaml", "--out", "model.py", "--force").status == 0


@pytest.mark.parametrize(("target", "code"), [("model.h5", "VG066"), ("none/model.py", "VG065")])
def test_targets_that_cannot_be(folder: Path, target: str, code: str) -> None:
    result = Result("build", "good.yaml", "--out", target)
    assert result.status == 1
    assert code in result.err


@pytest.mark.tensorflow
@pytest.mark.parametrize("target", ["model.keras", "saved"])
def test_models(folder: Path, target: str) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs TensorFlow")
    first = Result("build", "good.yaml", "--out", target, "--seed", "1")
    assert (first.status, first.out) == (0, "")
    assert (folder / target).exists()
