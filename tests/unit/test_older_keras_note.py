"""What is said of a Keras that starts otherwise than predicted."""

from __future__ import annotations

from pathlib import Path

import pytest

import vgspec
from vgspec.backends.older import older_starts
from vgspec.cli import main

SPEC = """
vgspec: "1"
inputs: {x: {shape: [6, 8]}}
layers:
  - Dense: {units: 8}
  - {id: attention, in: {query: dense, value: dense}, MultiHeadAttention: {num_heads: 2, key_dim: 4}}
  - {id: inner, EinsumDense: {equation: "abc,cd->abd", output_shape: [null, 8]}}
"""


def test_the_layers_with_einsum_kernels_are_named() -> None:
    graph = vgspec.load_spec(SPEC).require_graph()
    found = older_starts(graph, "3.14.1")
    assert "Keras 3.14.1 counts the fans" in found
    assert "layers 'attention', 'inner' start with smaller weights here than predicted" in found


@pytest.mark.parametrize("version", ["3.15.0", "3.15.1", "3.16.0.dev1", "4.0.0", "nightly"])
def test_nothing_is_said_of_a_newer_one(version: str) -> None:
    assert older_starts(vgspec.load_spec(SPEC).require_graph(), version) == ""


def test_nothing_is_said_of_a_model_without_such_layers() -> None:
    text = SPEC.partition("  - {id: attention")[0]
    assert older_starts(vgspec.load_spec(text).require_graph(), "3.14.1") == ""


@pytest.mark.tensorflow
@pytest.mark.parametrize(("version", "said"), [("3.14.1", True), ("3.15.0", False)])
def test_probe_says_it(
    version: str, said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keras = pytest.importorskip("keras")
    path = tmp_path / "model.yaml"
    path.write_text(SPEC, encoding="utf-8")
    monkeypatch.setattr(keras, "__version__", version)
    assert main(["probe", str(path), "--seeds", "1"]) == 0
    assert ("note: Keras 3.14.1 counts" in capsys.readouterr().err) is said
