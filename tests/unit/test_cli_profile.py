"""``vgspec profile``: text, JSON and pictures."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from vgspec import profile_spec
from vgspec.cli import main
from vgspec.report.profile import power

DEEP = """
vgspec: "1"
name: deep
inputs: {x: [64]}
layers:
 - repeat: 60
   body: [{Dense: {units: 64, activation: sigmoid}}]
 - Dense: {units: 10}
"""


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    path = tmp_path / "deep.yaml"
    path.write_text(DEEP)
    return path


def test_sixty_sigmoids_lose_what_no_float32_can_hold(deep: Path) -> None:
    profile = profile_spec(deep)
    first = profile.by_id["repeat.0.dense"]
    assert first.known
    # Glorot and sigmoid: each layer passes on about 0.236 of the gradient (design notes), so 60 leave 1e-37 or so.
    assert first.log10_gradient is not None
    assert -42 < first.log10_gradient < -32
    assert profile.by_id["dense"].gradient_rms == pytest.approx(1.0)


def test_text_names_every_node_and_where_the_gradient_goes(
    deep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["profile", str(deep)]) == 0
    out = capsys.readouterr().out
    assert "repeat.59.dense" in out
    assert "where the gradient is lost:" in out
    assert "e-3" in out


def test_json_has_the_documented_fields(deep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", str(deep), "--output-format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["nodes"]) == 62
    fields = {"id", "layer", "shape", "activation_rms", "gradient_rms", "kernel_gradient_norm", "known"}
    assert all(fields <= set(node) for node in data["nodes"])
    assert data["nodes"][0]["layer"] == "Input"


def test_open_sizes_are_assumed_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "open.yaml"
    path.write_text('vgspec: "1"\ninputs: {x: [T, 4]}\nlayers: [{GRU: {units: 3}}, {Dense: {units: 1}}]\n')
    assert main(["profile", str(path)]) == 0
    assert "T = 128" in capsys.readouterr().out
    assert main(["profile", str(path), "--size", "T=7"]) == 0
    assert "assumed" not in capsys.readouterr().out
    assert main(["profile", str(path), "--size", "T"]) == 2


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_picture(deep: Path, tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    target = tmp_path / f"flow{suffix}"
    assert main(["profile", str(deep), "--plot", str(target)]) == 0
    head = target.read_bytes()[:8]
    assert head.startswith(b"<?xml" if suffix == ".svg" else b"\x89PNG")
    if suffix == ".svg":
        first = target.read_bytes()
        assert main(["profile", str(deep), "--plot", str(target)]) == 0
        assert b"deep: predicted" in first or len(first) > 5000
    assert main(["profile", str(deep), "--plot", str(tmp_path / "flow.txt")]) == 2


@pytest.mark.parametrize(
    ("log10", "text"),
    [
        (None, "-"),
        (-math.inf, "0"),
        (math.inf, "inf"),
        (0.0, "1"),
        (-38.5, "3.2e-39"),
        (5.0, "1.0e+05"),
        (-3.9999999, "1.0e-04"),
    ],
)
def test_sizes_are_written_whatever_their_power(log10: float | None, text: str) -> None:
    assert power(log10) == text


def test_what_the_spec_says_of_the_data_is_used() -> None:
    text = 'vgspec: "1"\ninputs: {x: {shape: [64], statistics: %s}}\nlayers: [{id: d, Dense: {units: 64}}]\n'
    plain = profile_spec(text % "{}").by_id["d"].activation_rms
    assert plain is not None
    for statistics, factor in (("{std: 10}", 10.0), ("{mean: 3, std: 4}", 5.0), ("{low: 0, high: 1}", 3**-0.5)):
        assert profile_spec(text % statistics).by_id["d"].activation_rms == pytest.approx(plain * factor, rel=1e-2)
