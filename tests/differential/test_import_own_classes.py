"""Models of classes of the user's own, as keras_hub's are: laid open where they are put together from layers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vgspec
from tests.differential.layer_harness import keras
from vgspec.analysis.cost import graph_cost, node_costs
from vgspec.backends.errors import BuildError
from vgspec.importers import read_config
from vgspec.importers.specs import load_model_file

pytestmark = pytest.mark.tensorflow
L = keras.layers


class Backbone(keras.Model):
    """Put together from layers, with arguments of its own, as the backbones of keras_hub."""

    def __init__(self, vocabulary: int, width: int, **more: Any) -> None:
        self_embedding = L.ReversibleEmbedding(vocabulary, width, name="token_embedding")
        ids = keras.Input((None,), dtype="int32", name="ids")
        mask = keras.Input((None,), dtype="int32", name="mask")
        x = self_embedding(ids)
        for i in range(3):
            x = Mixer(width, name=f"mixer_{i}")(x, padding_mask=mask)
        super().__init__({"ids": ids, "mask": mask}, L.LayerNormalization(name="norm")(x), **more)
        self.token_embedding, self.vocabulary, self.width = self_embedding, vocabulary, width

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "vocabulary": self.vocabulary, "width": self.width}


@keras.saving.register_keras_serializable(package="keras_like")
class Mixer(L.Layer):
    """A composite layer."""

    def __init__(self, width: int, **more: Any) -> None:
        super().__init__(**more)
        self.width, self.dense = width, L.Dense(width)

    def call(self, inputs: Any, padding_mask: Any = None) -> Any:
        return inputs + self.dense(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


class LanguageModel(keras.Model):
    """A task: prepares its inputs, and ties its output to an embedding inside its backbone."""

    def __init__(self, backbone: Any, **more: Any) -> None:
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in ("ids", "mask")}
        logits = backbone.token_embedding(backbone(inputs), reverse=True)
        super().__init__(inputs, logits, **more)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


class Doubles(keras.Model):
    """Put together from layers, and then computes otherwise."""

    def call(self, inputs: Any, **more: Any) -> Any:
        return 2 * super().call(inputs, **more)


class Chain(keras.Sequential):
    """A Sequential of the user's own."""


class Plain(keras.Model):
    """A functional model of a class of its own whose constructor is Keras's."""


class HoldsAnother(L.Layer):
    """Uses a layer that stands in the model too."""

    def __init__(self, other: Any, **more: Any) -> None:
        super().__init__(**more)
        self.other, self.dense = other, L.Dense(3, name="own")

    def call(self, inputs: Any) -> Any:
        return self.dense(self.other(inputs))


def language_model() -> Any:
    return LanguageModel(Backbone(20, 8, name="backbone"), name="lm")


def one_layer_inside_and_outside() -> Any:
    dense, i, x = L.Dense(4, name="d"), keras.Input((4,)), keras.Input((4,), name="x")
    inner = keras.Model(i, L.Dense(4, name="e")(dense(i)), name="inner")
    return keras.Model(x, dense(inner(x)))


def one_model_in_two_models() -> Any:
    i, j, x = keras.Input((4,)), keras.Input((4,)), keras.Input((4,), name="x")
    encoder = keras.Model(i, L.Dense(4, name="e")(i), name="encoder")
    middle = keras.Model(j, L.Dense(4, name="f")(encoder(j)), name="middle")
    return keras.Model(x, L.Add()([encoder(middle(x)), middle(x)]))


def own_sequentials() -> Any:
    chain = Chain([keras.Input((4,)), L.Dense(4, name="g"), Chain([L.Dense(4, name="k")], name="deep")], name="chain")
    x = keras.Input((4,), name="x")
    return keras.Model(x, [chain(chain(x)), chain(x)])


def own_sequential() -> Any:
    return Chain([keras.Input((4,), name="x"), L.Dense(4, name="g"), L.Dense(2)])


def own_functional_inside() -> Any:
    i, x = keras.Input((4,)), keras.Input((4,), name="x")
    inner = Plain(i, L.Dense(4, name="e")(i), name="inner")
    return keras.Model(x, inner(inner(x)))


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        one_layer_inside_and_outside,
        one_model_in_two_models,
        own_sequentials,
        own_sequential,
        own_functional_inside,
    ],
)
def test_it_comes_back(make: Callable[[], Any], flat: bool) -> None:
    keras.utils.set_random_seed(1)
    model = make()
    calls = [len(layer._inbound_nodes) for layer in model._flatten_layers()]
    spec = vgspec.from_keras(model, flat=flat)
    assert [len(layer._inbound_nodes) for layer in model._flatten_layers()] == calls  # the model is as it was
    assert spec.diagnostics == ()
    again = vgspec.compile_spec(spec.to_yaml())
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    again.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("f")
    for a, b in zip(keras.tree.flatten(model(x)), keras.tree.flatten(again(x)), strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


@pytest.mark.parametrize("flat", [True, False])
def test_a_task_with_a_tied_embedding_has_its_parameters(flat: bool) -> None:
    model = language_model()
    spec = vgspec.from_keras(model, flat=flat)
    assert [d.code for d in spec.diagnostics] == ["VG090", "VG089"]
    assert "the class LanguageModel of 'lm' prepares its inputs" in spec.diagnostics[1].message
    assert "keras_like>Mixer is not known" in spec.diagnostics[0].message
    again = vgspec.load_spec(spec.to_yaml()).require_graph()
    kinds = sorted(layer.type_name for layer in again.layers.values())
    assert kinds == ["LayerNormalization", "Opaque", "Opaque", "Opaque", "ReversibleEmbedding"]
    assert graph_cost(node_costs(again)).trainable == model.count_params()


def test_a_class_that_computes_otherwise_is_refused_and_as_a_layer_opaque() -> None:
    x = keras.Input((4,), name="x")
    model = Doubles(x, L.Dense(2)(x), name="twice")
    with pytest.raises(BuildError, match="computes in a 'call' of its own"):
        vgspec.from_keras(model)
    y = keras.Input((4,), name="y")
    (found,) = vgspec.from_keras(keras.Model(y, model(y))).diagnostics
    assert found.code == "VG090"
    assert "Doubles is not known" in found.message


def test_the_calls_of_an_opaque_model_are_told_apart(tmp_path: Path) -> None:
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    inner = Doubles(x, L.Dense(4)(x), name="twice")
    once = inner(y)
    model = keras.Model(y, {"first": once, "second": inner(once)})
    spec = vgspec.from_keras(model)
    assert spec.to_dict()["outputs"] == {"first": "twice_call1", "second": "twice_call2"}
    single = keras.Model(y, once)
    single.save(tmp_path / "m.keras")
    assert load_model_file(tmp_path / "m.keras").ok


def test_weights_that_two_layers_hold_are_counted_once() -> None:
    x, shared = keras.Input((3,), name="x"), L.Dense(3, name="shared")
    model = keras.Model(x, HoldsAnother(shared, name="own")(shared(x)))
    spec = vgspec.from_keras(model)
    opaque = next(layer for layer in spec.require_graph().layers.values() if layer.type_name == "Opaque")
    assert opaque.canonical()["tied"] == ["shared/kernel", "shared/bias"]
    assert list(opaque.canonical()["weights"]) == ["own/kernel", "own/bias"]
    assert graph_cost(node_costs(spec.require_graph())).trainable == model.count_params() == 24


def test_weights_that_two_known_layers_hold_are_told() -> None:
    x, one, two = keras.Input((3,), name="x"), L.Dense(3, name="one"), L.Dense(3, name="two")
    y = two(one(x))
    two._tracker.unlock()
    two._kernel = one._kernel
    two._trainable_variables[0] = one._trainable_variables[0]
    (found,) = vgspec.from_keras(keras.Model(x, y)).diagnostics
    assert found.code == "VG089"
    assert "the layers 'two' and 'one' hold one weight in common, 'one/kernel'" in found.message


def test_a_file_with_a_model_of_an_own_class_whose_config_is_a_models(tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    Plain(x, L.Dense(2, name="y")(x), name="own").save(tmp_path / "m.keras")
    spec = load_model_file(tmp_path / "m.keras")
    assert list(spec.require_graph().layers) == ["y"]
    (found,) = spec.diagnostics
    assert found.code == "VG089"
    assert "'own' is of the class Plain, and is read as its config describes it" in found.message


def test_a_file_with_a_model_of_arguments_says_what_to_do(tmp_path: Path) -> None:
    Backbone(20, 8).save(tmp_path / "m.keras")
    (found,) = load_model_file(tmp_path / "m.keras").diagnostics
    assert (found.code, found.pointer) == ("VG081", "/class_name")
    assert "import the live model with vgspec.from_keras" in found.help


@pytest.mark.parametrize("module", ["keras_hub.src.layers", "keras_nlp", "tensorflow_addons.layers", "mine"])
def test_a_package_whose_name_begins_like_keras_is_not_keras(module: str) -> None:
    x = keras.Input((4,), name="x")
    config = json.loads(keras.Model(x, L.Dense(2, name="y")(L.Dense(3, name="d")(x))).to_json())
    config["config"]["layers"][1] |= {"module": module, "registered_name": f"{module.partition('.')[0]}>Dense"}
    (found,) = read_config(config).diagnostics
    assert found.code == "VG090"
    assert "Dense is not known" in found.message


@pytest.mark.parametrize("told", [3, [3], [{"layer": 1}], {"a": 1}, [{"layer": "d", "weight": "w", "other": 1}]])
def test_what_a_file_claims_of_live_models_has_no_effect(told: Any) -> None:
    x = keras.Input((4,), name="x")
    config = json.loads(keras.Model(x, L.Dense(3, name="d")(x)).to_json())
    found = read_config({**config, "vgspec_tied": told, "vgspec_notes": told})
    assert found.graph is not None
    assert found.diagnostics == ()
