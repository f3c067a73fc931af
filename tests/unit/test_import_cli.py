"""What is wrong with a model file, as a user meets it: `vgspec import` and `vgspec lint` of a .keras file."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_import_config import MISTAKES, change, dense, functional, layer, small, start, tensor
from vgspec.cli.app import main

Config = dict[str, Any]


def archive(path: Path, config: Any, version: str = "3.15.1", *, weights: bool = True) -> Path:
    """A file as ``model.save`` writes it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        made.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2026-01-01"}))
        if weights:
            made.writestr("model.weights.h5", b"")
    return path


def findings(capsys: pytest.CaptureFixture[str], path: Path) -> list[dict[str, Any]]:
    """What `vgspec lint` says of a model file as JSON; `vgspec import` must say the same, and write nothing."""
    target = path.with_name("out.yaml")
    assert main(["import", str(path), "--out", str(target)]) == 1
    said = capsys.readouterr()
    assert not target.exists()
    assert main(["lint", str(path), "--output-format", "json"]) == 1
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["diagnostics"]
    for item in found:
        assert f"error[{item['code']} {item['name']}]: {item['message']}" in said.err
        assert item["pointer"] in said.err
    assert said.err.count("error[") == len(found)
    return found


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_one_finding_with_its_place_and_the_name_of_the_layer(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mutate, code, pointer, words = MISTAKES[what]
    config = copy.deepcopy(small())
    mutate(config)
    (found,) = findings(capsys, archive(tmp_path / "m.keras", config))
    assert (found["code"], found["pointer"]) == (code, pointer)
    assert words in found["message"]


def inner(*layers: Any, name: str = "inner", outputs: Any = None) -> Config:
    """A nested model of the input ``i``."""
    return functional([start("i"), *layers], ["i", 0, 0], outputs or ["d", 0, 0], name=name)


def nested(model: Config, *calls: Any, outputs: Any) -> Config:
    """A model that calls another one."""
    nodes = [call if "args" in call else {"args": [call], "kwargs": {}} for call in calls]
    return functional([start(), {**model, "name": "inner", "inbound_nodes": nodes}], ["x", 0, 0], outputs)


def pair() -> Config:
    """A nested model of two inputs that are a mapping."""
    layers = [start("a"), start("b"), layer("Add", "d", {}, [tensor("a"), tensor("b")])]
    return functional(layers, {"a": ["a", 0, 0], "b": ["b", 0, 0]}, ["d", 0, 0], name="inner")


INNER = "/config/layers/1/config/layers/1"
LSTM = layer("LSTM", "d", {"units": 3, "return_state": True}, tensor("x"))
STRUCTURES: dict[str, tuple[Callable[[], Config], str, str, str]] = {
    "an argument of a nested model's layer": (
        lambda: nested(inner({**dense("d", 4, tensor("i")), "class_name": "Dense",
                              "config": {"name": "d", "units": 4, "unitz": 3}}), tensor("x"), outputs=["inner", 1, 0]),
        "VG083", f"{INNER}/config/unitz", "'d'",
    ),
    "a class in a nested model": (
        lambda: nested(inner({**dense("d", 4, tensor("i")), "class_name": "Dence"}), tensor("x"),
                       outputs=["inner", 1, 0]),
        "VG081", f"{INNER}/class_name", "'d'",
    ),
    "a shape inside a nested model": (
        lambda: nested(inner(layer("Conv2D", "d", {"filters": 2, "kernel_size": [3, 3]}, tensor("i"))), tensor("x"),
                       outputs=["inner", 1, 0]),
        "VG050", f"{INNER}/inbound_nodes/0", "'d'",
    ),
    "a cycle in a nested model": (
        lambda: nested(inner(dense("d", 8, tensor("e")), dense("e", 8, tensor("d"))), tensor("x"),
                       outputs=["inner", 1, 0]),
        "VG086", f"{INNER}/inbound_nodes/0", "'d'",
    ),
    "a nested model that waits for itself": (
        lambda: nested(inner(dense("d", 8, tensor("i"))), tensor("inner", 0), outputs=["inner", 1, 0]),
        "VG086", "/config/layers/1/inbound_nodes/0", "'inner'",
    ),
    "a shared model whose second call does not fit": (
        lambda: nested(inner(dense("d", 4, tensor("i"))), tensor("x"), tensor("inner", 0), outputs=["inner", 2, 0]),
        "VG050", f"{INNER}/inbound_nodes/0", "'d'",
    ),
    "a third call of a model that is called twice": (
        lambda: nested(inner(dense("d", 8, tensor("i"))), tensor("x"), tensor("inner", 0), outputs=["inner", 3, 0]),
        "VG085", "/config/output_layers", "'inner'",
    ),
    "too few inputs of a nested model": (
        lambda: functional([start(), {**pair(), "name": "inner", "inbound_nodes": [{"args": [tensor("x")],
                            "kwargs": {}}]}], ["x", 0, 0], ["inner", 1, 0]),
        "VG080", "/config/layers/1/inbound_nodes/0", "'inner'",
    ),
    "an input of a structure that is no input": (
        lambda: functional([start(), dense("d", 2, tensor("x"))], {"x": ["x", 0, 0], "d": ["d", 0, 0]}, ["d", 0, 0]),
        "VG080", "/config/layers/1", "'d'",
    ),
    "a layer called a second time on another shape": (
        lambda: functional([start(), dense("d", 4, tensor("x"), tensor("d"))], ["x", 0, 0], ["d", 1, 0]),
        "VG050", "/config/layers/1/inbound_nodes/1", "'d'",
    ),
    "an output that a layer of several has not": (
        lambda: functional([start(shape=(None, 5, 2)), LSTM], ["x", 0, 0], [["d", 0, 0], ["d", 0, 3]]),
        "VG085", "/config/output_layers/1", "'d'",
    ),
    "a call with an argument that there is not": (
        lambda: functional([start(), dense("d", 4, {"args": [tensor("x")], "kwargs": {"state": 3}})], ["x", 0, 0],
                           ["d", 0, 0]),
        "VG041", "/config/layers/1/inbound_nodes/0/kwargs/state", "'d'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", STRUCTURES)
def test_a_mistake_in_what_is_nested_shared_or_of_several_outputs(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, code, pointer, words = STRUCTURES[what]
    (found,) = findings(capsys, archive(tmp_path / "m.keras", make()))
    assert (found["code"], found["pointer"]) == (code, pointer)
    assert words in found["message"]


@pytest.mark.parametrize(("version", "code"), [("4.0.0", "VG080"), ("1.2.2", "VG080")])
def test_a_model_of_another_version(
    version: str, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = findings(capsys, archive(tmp_path / "m.keras", small(), version))
    assert (found["code"], found["pointer"]) == (code, "/keras_version")
    assert f"Keras {version}" in found["message"]
    config = {**small(), "keras_version": version}
    (tmp_path / "m.json").write_text(json.dumps(config))
    assert findings(capsys, tmp_path / "m.json")[0]["pointer"] == "/keras_version"


@pytest.mark.parametrize("kept", [0, 10, 60, 200, 0.5, -30, -1])
def test_a_file_that_is_cut_short(kept: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = archive(tmp_path / "m.keras", small()).read_bytes()
    size = int(len(whole) * kept) if isinstance(kept, float) else kept
    (tmp_path / "m.keras").write_bytes(whole[:size])
    (found,) = findings(capsys, tmp_path / "m.keras")
    assert found["code"] == "VG080"
    assert "m.keras" in found["message"]


@pytest.mark.parametrize("kept", [1, 40, 400, -1])
def test_a_config_that_is_cut_short(kept: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = findings(capsys, archive(tmp_path / "m.keras", json.dumps(small())[:kept]))
    assert found["code"] == "VG002"
    assert "config.json in `m.keras`" in found["message"]
    assert "line 1, column" in found["message"]


def test_an_archive_without_weights_is_read_and_the_user_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archive(tmp_path / "m.keras", small(), weights=False)
    assert main(["lint", str(path), "--select", "VG0", "--output-format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert (found["code"], found["severity"]) == ("VG089", "info")
    assert "no weights" in found["message"]
    assert main(["import", str(path), "--out", str(tmp_path / "out.yaml")]) == 0
    assert (tmp_path / "out.yaml").is_file()


def test_weights_alone_are_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        file.create_group("layers")
    (found,) = findings(capsys, tmp_path / "m.weights.h5")
    assert (found["code"], "weights only" in found["message"]) == ("VG088", True)


def test_a_repaired_mistake_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The helper above would also pass for a model in which nothing is right."""
    config = copy.deepcopy(small())
    change(("config", "layers", 1, "config", "units"), 0)(config)
    findings(capsys, archive(tmp_path / "m.keras", config))
    assert main(["import", str(archive(tmp_path / "m.keras", small())), "--out", str(tmp_path / "out.yaml")]) == 0


OPAQUE = """
vgspec: "1"
inputs: {x: {shape: [8]}}
layers:
  - Opaque:
      class_name: Encoder
      package: mine
      calls: [{inputs: {inputs: {batch_shape: [null, 8]}}, outputs: [{batch_shape: [null, 4]}]}]
      weights: {kernel: [8, 4]}
"""


def test_show_and_diff_name_the_class_of_an_opaque_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(OPAQUE)
    (tmp_path / "b.yaml").write_text(OPAQUE.replace("class_name: Encoder", "class_name: Decoder"))
    assert main(["show", str(tmp_path / "a.yaml")]) == 0
    assert "Encoder (opaque)" in capsys.readouterr().out
    assert main(["diff", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]) == 1
    assert "Decoder" in capsys.readouterr().out
