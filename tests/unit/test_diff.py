"""``vgspec diff`` and ``vgspec migrate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vgspec.cli.app import main

BASE = """\
vgspec: "1"
name: net
inputs: {x: {shape: [8]}}
layers:
  - {id: a, Dense: {units: 4, activation: relu}}
  - {id: b, Dense: {units: 4, activation: relu}}
  - {id: c, Dense: {units: 2}}
"""


def spec(folder: Path, name: str, text: str) -> str:
    """Write a spec."""
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return str(path)


def diff(folder: Path, capsys: pytest.CaptureFixture[str], text: str, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the JSON report of comparing `BASE` with a text."""
    capsys.readouterr()
    paths = [spec(folder, "a", BASE), spec(folder, "b", text)]
    status = main(["diff", *paths, "--output-format", "json", *options])
    return status, json.loads(capsys.readouterr().out)


def test_another_spelling_is_the_same_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BASE.replace("units: 4, activation: relu", "activation: relu, use_bias: true, units: $(2 + 2)")
    status, data = diff(tmp_path, capsys, text)
    assert status == 0
    assert data["equal"]
    assert data["calls"] == []
    paths = [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]
    assert main(["diff", *paths]) == 0
    assert "are the same model" in capsys.readouterr().out


def test_names_count_unless_they_are_ignored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BASE.replace("id: b", "id: middle")
    status, data = diff(tmp_path, capsys, text)
    assert status == 1
    assert data["equal_but_names"]
    renamed = {"change": "renamed", "before": "b", "after": "middle", "type": "Dense", "details": []}
    assert data["calls"] == [renamed]
    assert diff(tmp_path, capsys, text, "--ignore-names")[0] == 0


def test_changed_added_and_removed_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BASE.replace("  - {id: b, Dense: {units: 4, activation: relu}}\n", "  - {id: d, Dropout: {rate: 0.5}}\n")
    text = text.replace("units: 2", "units: 3").replace("shape: [8]", "shape: [9]")
    status, data = diff(tmp_path, capsys, text)
    assert status == 1
    changes = {(item["change"], item["before"], item["after"]) for item in data["calls"]}
    assert changes == {("added", None, "d"), ("removed", "b", None), ("changed", "c", "c")}
    changed = next(item for item in data["calls"] if item["change"] == "changed")
    assert "units: 2 → 3" in changed["details"]
    assert 'in: {"inputs": "b"} → {"inputs": "d"}' in changed["details"]
    assert "output: float32(batch, 2) → float32(batch, 3)" in changed["details"]
    assert data["model"] == ["input x: float32(batch, 8) → float32(batch, 9)"]
    assert data["totals"]["trainable parameters"] == {"before": 36 + 20 + 10, "after": 40 + 15}
    main(["diff", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")])
    shown = capsys.readouterr().out
    assert "+ d: Dropout" in shown
    assert "- b: Dense" in shown
    assert "trainable parameters  66 → 55 (-16.7%)" in shown


def test_sharing_weights_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = BASE.replace("shape: [8]", "shape: [4]").replace(
        "{id: a, Dense: {units: 4, activation: relu}}", "{id: a, call: s}"
    )
    shared = shared.replace("{id: b, Dense: {units: 4, activation: relu}}", "{id: b, call: s}")
    shared = shared.replace("layers:", "shared: {s: {Dense: {units: 4, activation: relu}}}\nlayers:")
    paths = [spec(tmp_path, "a", BASE.replace("shape: [8]", "shape: [4]")), spec(tmp_path, "b", shared)]
    assert main(["diff", *paths, "--ignore-names"]) == 1
    assert "calls that share its weights: 1 → 2" in capsys.readouterr().out


def test_findings_and_compile_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = BASE + "compile: {optimizer: adam, loss: mse}\n"
    status, data = diff(tmp_path, capsys, text)
    assert status == 1
    assert data["model"] == ['compile optimizer: default → "adam"', 'compile loss: default → "mean_squared_error"']
    dropped = BASE.replace("  - {id: c", "  - {id: d, Dropout: {rate: 0.99}}\n  - {id: c")
    found = diff(tmp_path, capsys, dropped)[1]["findings"]
    assert {"before": 0, "after": 1} in found.values()
    assert diff(tmp_path, capsys, dropped, "--no-findings")[1]["findings"] == {}


def test_a_spec_with_errors_cannot_be_compared(tmp_path: Path) -> None:
    assert main(["diff", spec(tmp_path, "a", BASE), spec(tmp_path, "b", BASE.replace("Dense", "Dence"))]) == 2


def test_migrate_checks_the_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", spec(tmp_path, "a", BASE)]) == 0
    assert main(["migrate", spec(tmp_path, "b", BASE.replace('"1"', '"7"'))]) == 1
    assert "VG027" in capsys.readouterr().err
    assert main(["migrate", spec(tmp_path, "c", "inputs: {}\n")]) == 1
