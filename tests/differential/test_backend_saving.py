"""Saved models: what is read back computes the same, and a failure leaves nothing half."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backend_graphs import GRAPHS, Draft, graph
from backend_oracle import assert_same_outputs, data, flat, keras, run

from vgspec.backends import saving
from vgspec.backends.errors import BuildError
from vgspec.backends.keras_model import build_model
from vgspec.backends.keras_source import emit_source
from vgspec.backends.saving import format_of, save
from vgspec.files import OutputError
from vgspec.ir import Ref, Returns

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def signature(folder: Path) -> Any:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    return loaded, loaded.signatures["serving_default"]


@pytest.mark.parametrize("name", GRAPHS)
class TestEveryGraph:
    def test_keras_file(self, name: str, tmp_path: Path) -> None:
        g = graph(name)
        model = build_model(g, seed=3)
        assert save(g, tmp_path / "m.keras", seed=3) == "keras"
        loaded = keras.models.load_model(tmp_path / "m.keras")
        assert loaded.name == model.name
        assert {layer.name for layer in loaded.layers} == {layer.name for layer in model.layers}
        assert type(loaded.output) is type(model.output)
        inputs = data(model)
        assert_same_outputs(run(model, inputs), run(loaded, inputs))
        assert left(tmp_path) == ["m.keras"]

    def test_saved_model(self, name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        g = graph(name)
        model = build_model(g, seed=3)
        assert save(model, tmp_path / "m") == "saved_model"
        assert capfd.readouterr().out == ""
        loaded, serve = signature(tmp_path / "m")
        inputs = data(model)
        served = serve(**inputs)
        assert set(serve.structured_input_signature[1]) == {item.name for item in g.inputs}
        if len(g.outputs) > 1:
            listed = {f"output_{i}" for i in range(len(g.outputs))}
            assert set(served) == (listed if g.returns is Returns.LIST else {output.name for output in g.outputs})
        assert_same_outputs(run(model, inputs), flat(served), 1e-5)
        assert "serve" in loaded.signatures
        assert left(tmp_path) == ["m"]

    def test_source(self, name: str, tmp_path: Path) -> None:
        g = graph(name)
        assert save(g, tmp_path / "m.py") == "python"
        assert (tmp_path / "m.py").read_text() == emit_source(g)


class TestTargets:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("m.keras", "keras"), ("m.KERAS", "keras"), ("m.py", "python"), ("m", "saved_model"), ("m/", "saved_model"),
            ("models.v/1", "saved_model"), ("m.1", "saved_model"), ("v1.02", "saved_model"), (".hidden", "saved_model"),
        ],
    )  # fmt: skip
    def test_format(self, name: str, kind: str) -> None:
        assert format_of(name) == kind

    @pytest.mark.parametrize("name", ["m.h5", "m.weights.h5", "m.json", "m.yaml", "m.tflite", "m.onnx", "m.pb", "m.v2"])
    def test_unknown_format(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(OutputError) as caught:
            save(graph("chain"), tmp_path / name)
        assert caught.value.diagnostics[0].name == "unknown-format"
        assert left(tmp_path) == []

    @pytest.mark.parametrize("name", ["m.keras", "m.py", "m"])
    def test_existing_needs_force(self, name: str, tmp_path: Path) -> None:
        g = graph("chain")
        save(g, tmp_path / name)
        with pytest.raises(OutputError) as caught:
            save(g, tmp_path / name)
        assert caught.value.diagnostics[0].name == "target-exists"
        save(g, tmp_path / name, force=True)
        assert left(tmp_path) == [name]

    @pytest.mark.parametrize("name", ["no/m.keras", "no/m.py", "no/m"])
    def test_checked_before_building(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vgspec.backends.keras_model.build_model", lambda *_, **__: pytest.fail("was built"))
        with pytest.raises(OutputError) as caught:
            save(graph("chain"), tmp_path / name)
        assert caught.value.diagnostics[0].name == "cannot-write"

    def test_only_a_saved_model_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "thesis.tex").write_text("")
        with pytest.raises(OutputError) as caught:
            save(graph("chain"), tmp_path / "home", force=True)
        assert caught.value.diagnostics[0].name == "target-exists"
        assert left(tmp_path / "home") == ["thesis.tex"]

    @pytest.mark.parametrize("name", ["m.keras", "m"])
    @pytest.mark.parametrize(
        "error",
        [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ValueError("Keras does not like it"), KeyboardInterrupt()],
    )
    def test_failure_keeps_the_old_one(
        self, name: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = build_model(graph("chain"), seed=1)
        save(model, tmp_path / name)
        inputs = data(model)

        def fails(self: Any, path: Any, **_: Any) -> None:
            target = Path(path)
            (target / "half" if target.is_dir() else target).write_text("half")
            raise error

        monkeypatch.setattr(type(model), "save", fails)
        monkeypatch.setattr(type(model), "export", fails)
        expected = {OSError: OutputError, ValueError: BuildError}.get(type(error), KeyboardInterrupt)
        with pytest.raises(expected) as caught:
            save(model, tmp_path / name, force=True)
        monkeypatch.undo()
        if isinstance(caught.value, BuildError):
            assert caught.value.diagnostics[0].name == "save-failed"
            assert "does not like it" in caught.value.diagnostics[0].notes[0]
        assert left(tmp_path) == [name]
        if name == "m":
            served = flat(signature(tmp_path / name)[1](**inputs))
        else:
            served = run(keras.models.load_model(tmp_path / name), inputs)
        assert_same_outputs(run(model, inputs), served, 1e-6)

    def test_graph_that_does_not_build_leaves_nothing(self, tmp_path: Path) -> None:
        g = graph("chain")
        node = g.nodes[0]
        broken = type(node)(node.id, node.layer, (*node.args, ("nonsense", 1)), node.outputs)
        wrong = type(g)(g.name, g.inputs, g.layers, (broken, *g.nodes[1:]), g.outputs)
        for name in ("m.keras", "m"):
            with pytest.raises(BuildError):
                save(wrong, tmp_path / name)
        assert left(tmp_path) == []

    def test_model_has_no_source(self, tmp_path: Path) -> None:
        with pytest.raises(BuildError) as caught:
            save(build_model(graph("chain")), tmp_path / "m.py")
        assert caught.value.diagnostics[0].name == "save-failed"

    def test_torch_cannot_export(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        model = build_model(graph("chain"))
        monkeypatch.setattr(saving.load_keras().backend, "backend", lambda: "torch")
        with pytest.raises(BuildError) as caught:
            save(model, tmp_path / "m")
        assert caught.value.diagnostics[0].name == "save-failed"
        assert left(tmp_path) == []


def test_a_served_model_takes_any_batch(tmp_path: Path) -> None:
    model = build_model(graph("chain"))
    save(model, tmp_path / "m")
    _, serve = signature(tmp_path / "m")
    for batch in (1, 7):
        (output,) = serve(x=np.ones((batch, 8), "float32")).values()
        assert output.shape == (batch, 2)


def test_open_time_steps_are_not_saved_wrongly(tmp_path: Path) -> None:
    """Keras takes the batch size for the number of steps where it traces a TimeDistributed of open length."""
    d = Draft()
    x = d.input("x", None, 4)
    model = build_model(d.graph(d.call("steps", "TimeDistributed", x, layer={"Dense": {"units": 5}})))
    if saving._miscounts_steps(model.get_layer("steps"), saving.load_tensorflow()):
        with pytest.raises(BuildError) as caught:
            save(model, tmp_path / "m")
        assert caught.value.diagnostics[0].name == "save-failed"
        assert caught.value.diagnostics[0].node == "steps"
        assert left(tmp_path) == []
    else:  # a Keras that has mended it
        save(model, tmp_path / "m")
        (served,) = signature(tmp_path / "m")[1](x=np.ones((3, 5, 4), "float32")).values()
        assert served.shape == (3, 5, 5)


def test_training_goes_on_after_reloading(tmp_path: Path) -> None:
    d = Draft()
    x = d.input("x", 4)
    g = d.graph(d.call("out", "Dense", x, units=2))
    assert isinstance(x, Ref)
    model = build_model(g, seed=1)
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    save(model, tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.optimizer.iterations.numpy() == 1
    assert set(loaded.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0).history) == {"loss", "mae"}
