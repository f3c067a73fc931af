"""Live models into specs and back: the same weights, the same outputs. Keras is the oracle."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras")

import vgspec  # noqa: E402
from vgspec.backends.errors import BuildError  # noqa: E402
from vgspec.backends.gate import check_model  # noqa: E402
from vgspec.backends.objects import to_keras  # noqa: E402
from vgspec.dev.gate import rebuilt  # noqa: E402
from vgspec.importers.objects import read_layer, read_object  # noqa: E402
from vgspec.layers import find_layer  # noqa: E402

pytestmark = pytest.mark.tensorflow
L, ops = keras.layers, keras.ops


def nested_sequential() -> Any:
    encoder = keras.Sequential([keras.Input((8,)), L.Dense(4, activation="relu"), L.Dense(3)], name="encoder")
    x = keras.Input((8,), name="x")
    return keras.Model(x, L.Dense(2)(encoder(x)))


def shared_model() -> Any:
    a, b, i = keras.Input((8,), name="a"), keras.Input((8,), name="b"), keras.Input((8,))
    encoder = keras.Model(i, L.LayerNormalization()(L.Dense(4, activation="relu")(i)), name="encoder")
    return keras.Model([a, b], L.Dense(1)(L.Concatenate()([encoder(a), encoder(b)])))


def model_applied_to_itself() -> Any:
    i, x = keras.Input((8,)), keras.Input((8,))
    step = keras.Model(i, L.Dense(8)(i), name="step")
    return keras.Model(x, step(step(x)))


def shared_layer() -> Any:
    a, b, dense = keras.Input((8,), name="a"), keras.Input((8,), name="b"), L.Dense(4, name="shared")
    return keras.Model([a, b], L.Add()([dense(a), dense(b)]))


def states_and_named_outputs() -> Any:
    x = keras.Input((5, 3), name="x")
    y, h, c = L.LSTM(4, return_sequences=True, return_state=True)(x)
    z = L.LSTM(4)(y, initial_state=[h, c])
    return keras.Model(x, {"last": L.Dense(1)(z), "mean": L.GlobalAveragePooling1D()(y)})


def operations() -> Any:
    x = keras.Input((4, 3), name="x")
    y = ops.transpose(x * 0.5 + 1.0, (0, 2, 1))[:, :2]
    y = ops.softmax(ops.matmul(y, x), axis=-1)
    return keras.Model(x, ops.mean(ops.concatenate([y, y], axis=1), axis=1))


def branches_that_operations_join() -> Any:
    x = keras.Input((6,), name="x")
    y = x + L.Dense(6)(x)
    y = L.Dense(6)(y) * L.Dense(6, activation="sigmoid")(y)
    y = y - L.Dense(6)(L.Dense(3)(y))
    return keras.Model(x, ops.concatenate([L.Dense(2)(y), L.Dense(3)(y)], axis=-1))


def masks_of_an_embedding() -> Any:
    x = keras.Input((6,), dtype="int32", name="ids")
    e = L.Embedding(20, 5, mask_zero=True)(x)
    return keras.Model(x, L.Dense(1)(L.LSTM(4)(L.Bidirectional(L.LSTM(3, return_sequences=True))(e))))


def masks_of_masking() -> Any:
    x = keras.Input((6, 2), name="x")
    return keras.Model(x, L.GlobalAveragePooling1D()(L.GRU(3, return_sequences=True)(L.Masking(0.0)(x))))


def attention() -> Any:
    q, k = keras.Input((4, 8), name="q"), keras.Input((5, 8), name="k")
    return keras.Model([q, k], L.MultiHeadAttention(2, 4)(q, k))


def inputs_by_name() -> Any:
    given = {"u": keras.Input((3,), name="u"), "v": keras.Input((3,), name="v")}
    return keras.Model(given, L.Dense(2)(L.Concatenate()([given["u"], given["v"]])))


def u_shape() -> Any:
    x = keras.Input((8, 8, 1))
    a = L.Conv2D(4, 3, padding="same")(x)
    b = L.Conv2D(8, 3, padding="same")(L.MaxPooling2D()(a))
    c = L.UpSampling2D()(L.Conv2D(8, 3, padding="same")(L.MaxPooling2D()(b)))
    d = L.UpSampling2D()(L.Conv2D(4, 3, padding="same")(L.Concatenate()([c, b])))
    return keras.Model(x, L.Conv2D(1, 1)(L.Concatenate()([d, a])))


def nested_in_nested() -> Any:
    inner = keras.Sequential([keras.Input((8,)), L.Dense(4)], name="inner")
    i, x = keras.Input((8,)), keras.Input((8,))
    middle = keras.Model(i, [inner(i), L.Dense(2)(i)], name="middle")
    return keras.Model(x, L.Concatenate()(list(middle(x))))


def cells() -> Any:
    x = keras.Input((5, 3))
    return keras.Model(x, L.TimeDistributed(L.Dense(2))(L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_sequences=True)(x)))


def built_without_an_input() -> Any:
    model = keras.Sequential([L.Dense(3, kernel_regularizer="l2"), L.Dense(1)])
    model.build((None, 4))
    return model


def own_dtypes() -> Any:
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(2, dtype="float32")(L.Dense(3, dtype="mixed_float16")(x)))


def names_no_id_can_have() -> Any:
    x = keras.Input((4,), name="1st input")
    return keras.Model(x, L.Dense(2, name="my layer!")(x), name="a model")


MODELS: tuple[Callable[[], Any], ...] = (
    nested_sequential,
    shared_model,
    model_applied_to_itself,
    shared_layer,
    states_and_named_outputs,
    operations,
    branches_that_operations_join,
    masks_of_an_embedding,
    masks_of_masking,
    attention,
    inputs_by_name,
    u_shape,
    nested_in_nested,
    cells,
    built_without_an_input,
    own_dtypes,
    names_no_id_can_have,
)


def data(model: Any) -> list[Any]:
    """A small batch for each input, in order."""
    rng = np.random.default_rng(0)
    made = []
    for item in model.inputs:
        shape = [2, *(size or 5 for size in item.shape[1:])]
        made.append(rng.integers(0, 5, shape) if "int" in str(item.dtype) else rng.normal(size=shape).astype("f"))
    return made


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("make", MODELS)
def test_a_model_comes_back(make: Callable[[], Any], flat: bool) -> None:
    model = make()
    text = vgspec.from_keras(model, flat=flat).to_yaml()
    rebuilt = vgspec.compile_spec(text)
    assert [tuple(w.shape) for w in rebuilt.weights] == [tuple(w.shape) for w in model.weights]
    rebuilt.set_weights(model.get_weights())
    xs = data(model)
    by_name = {item.name: x for item, x in zip(model.inputs, xs, strict=True)}
    old = keras.tree.flatten(model(by_name if make is inputs_by_name else xs if len(xs) > 1 else xs[0]))
    new = keras.tree.flatten(rebuilt(xs if len(xs) > 1 else xs[0]))
    assert len(old) == len(new)
    for a, b in zip(old, new, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b))


def test_operations_join_branches_in_the_document() -> None:
    layers = vgspec.from_keras(branches_that_operations_join()).to_dict()["layers"]
    items = [next(value for key, value in item.items() if key != "id") for item in layers]
    assert [item["merge"] for item in items] == [
        "ops.add",
        "ops.multiply",
        "ops.subtract",
        {"ops.concatenate": {"axis": -1}},
    ]


def test_masks_that_keras_makes_leave_no_trace() -> None:
    graph = vgspec.from_keras(masks_of_an_embedding(), flat=True).require_graph()
    assert [graph.operator(node).type_name for node in graph.nodes] == ["Embedding", "Bidirectional", "LSTM", "Dense"]
    assert all(name != "mask" for node in graph.nodes for name, _ in node.args)


def test_compile_settings_come_along() -> None:
    model = states_and_named_outputs()
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, clipnorm=1.0),
        loss={"last": "mse", "mean": keras.losses.MeanAbsoluteError()},
        loss_weights={"last": 1.0, "mean": 0.3},
        metrics={"last": ["mae"]},
    )
    settings = vgspec.from_keras(model).require_graph().compile.canonical()
    assert settings["optimizer"] == {
        "AdamW": {
            "learning_rate": {"CosineDecay": {"initial_learning_rate": 0.001, "decay_steps": 100}},
            "clipnorm": 1.0,
        }
    }
    assert settings["loss"] == {"last": "mean_squared_error", "mean": "mean_absolute_error"}
    assert settings["loss_weights"] == {"last": 1.0, "mean": 0.3}


def test_a_loss_of_the_users_own_is_left_out_with_a_note() -> None:
    model = shared_layer()
    model.compile(optimizer="sgd", loss=lambda y, p: keras.ops.mean(y - p))
    spec = vgspec.from_keras(model)
    assert spec.require_graph().compile is None
    assert [d.code for d in spec.diagnostics] == ["VG089"]


def test_code_is_never_taken_along() -> None:
    x = keras.Input((4,))
    spec = vgspec.from_keras(keras.Model(x, L.Lambda(lambda t: t * 2)(x)))
    (found,) = spec.diagnostics
    assert found.code == "VG090"
    assert "Lambda cannot stand in a spec: it holds a Python function" in found.message
    (layer,) = spec.require_graph().layers.values()
    assert layer.canonical().keys() == {"class_name", "reason", "calls", "weights"}
    with pytest.raises(BuildError, match="it holds a Python function"):
        vgspec.compile_spec(spec)


def test_an_input_can_be_an_output_too() -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, {"same": x, "twice": L.Dense(2)(L.Dense(4)(x))})
    for flat in (True, False):
        rebuilt = vgspec.compile_spec(vgspec.from_keras(model, flat=flat).to_yaml())
        assert sorted(rebuilt(np.ones((1, 4), "f"))) == ["same", "twice"]


def _unet_like(returned: Callable[[Any, Any, Any], Any]) -> Any:
    """Three outputs of different depth, whose names sort otherwise than their order."""
    x = keras.Input((8,), name="x")
    deep = L.Dense(8, activation="relu", name="b_deep")(L.Dense(8, name="first")(x))
    z = L.Dense(8, name="z_side")(x)
    end = L.Add(name="m_end")([deep, z])
    return keras.Model(x, returned(end, L.Dense(3, name="a_head")(z), L.Dense(2, name="c_head")(deep)))


@pytest.mark.parametrize("flat", [False, True], ids=["decompiled", "flat"])
@pytest.mark.parametrize(
    "returned",
    [
        lambda p, q, r: [p, q, r],
        lambda p, q, r: [r, q, p],
        lambda p, q, r: (q, r),
        lambda p, q, r: [r],
        lambda p, q, r: [q, r, q],
        lambda p, q, r: {"z": p, "a": q, "k": r},
        lambda p, q, r: {"only": r},
    ],
    ids=["list", "reversed", "tuple", "list of one", "one twice", "dict", "dict of one"],
)
def test_what_a_model_returns_is_returned(returned: Any, flat: bool) -> None:
    model = _unet_like(returned)
    spec = vgspec.from_keras(model, flat=flat)
    assert spec.diagnostics == ()
    again = vgspec.compile_spec(spec.to_yaml())
    keras.tree.assert_same_structure(keras.tree.lists_to_tuples(model(np.ones((1, 8)))), _tuples(again))
    names = [[weight.path for weight in one.weights] for one in (model, again)]
    assert names[0] == names[1]
    again.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 8))
    for before, after in zip(*(keras.tree.flatten(one(x)) for one in (model, again)), strict=True):
        np.testing.assert_array_equal(before, after)


def _tuples(model: Any) -> Any:
    return keras.tree.lists_to_tuples(model(np.ones((1, 8))))


def test_a_structure_of_structures_becomes_a_list_and_a_note() -> None:
    model = _unet_like(lambda p, q, r: {"z": [p, q], "a": {"k": r}})
    spec = vgspec.from_keras(model)
    (note,) = spec.diagnostics
    assert "here it is a list of its 3 outputs" in note.message
    again = vgspec.compile_spec(spec.to_yaml())
    assert [weight.path for weight in model.weights] == [weight.path for weight in again.weights]
    again.set_weights(model.get_weights())
    x = np.ones((2, 8))
    for before, after in zip(keras.tree.flatten(model(x)), again(x), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_registered_layer_goes_there_and_back(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gates_for_a_test.py").write_text(
        """
import keras
from typing import ClassVar
from vgspec.ir import Tensor
from vgspec.layers import Call, Layer

@keras.saving.register_keras_serializable("gates_for_a_test")
class SoftGate(keras.layers.Layer):
    def __init__(self, sharpness=1.0, **kwargs):
        super().__init__(**kwargs)
        self.sharpness = sharpness

    def call(self, inputs):
        return inputs * keras.ops.sigmoid(self.sharpness * inputs)

    def get_config(self):
        return {**super().get_config(), "sharpness": self.sharpness}

def descriptor():
    class SoftGate(Layer):
        keras_module: ClassVar[str] = "gates_for_a_test"
        sharpness: float = 1.0

        def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
            return (call.x,)

    return SoftGate
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    import gates_for_a_test  # type: ignore[import-not-found]

    x = keras.Input((4,), name="x")
    model = keras.Model(x, gates_for_a_test.SoftGate(sharpness=2.0)(L.Dense(3)(x)))
    (unknown,) = vgspec.from_keras(model).diagnostics
    assert "gates_for_a_test>SoftGate is not known" in unknown.message
    from vgspec.layers import REGISTRY

    monkeypatch.setattr(REGISTRY, "found", dict(REGISTRY.found))
    vgspec.register_layer(gates_for_a_test.descriptor())
    rebuilt = vgspec.compile_spec(vgspec.from_keras(model).to_yaml())
    rebuilt.set_weights(model.get_weights())
    data = np.ones((2, 4), "f")
    np.testing.assert_array_equal(model(data), rebuilt(data))


def test_a_saved_file_gives_the_same_graph(tmp_path: Any) -> None:
    from vgspec.importers.specs import load_model_file

    model = u_shape()
    model.save(tmp_path / "model.keras")
    expected = vgspec.from_keras(model, flat=True).require_graph()
    assert load_model_file(tmp_path / "model.keras").require_graph().hash() == expected.hash()
    pytest.importorskip("h5py")
    model.save(tmp_path / "model.h5")
    assert load_model_file(tmp_path / "model.h5").require_graph().hash() == expected.hash()


SMALL = {
    "ConvNeXtTiny": 46,
    "DenseNet121": 45,
    "EfficientNetV2B0": 175,
    "MobileNet": 48,
    "MobileNetV2": 64,
    "MobileNetV3Small": 112,
    "ResNet50": 48,
    "Xception": 70,
}
"""Builders of ``keras.applications``, with the lines of YAML that their spec may have at most."""


@pytest.mark.parametrize("name", SMALL)
def test_networks_of_keras_applications_come_back(name: str) -> None:
    size = 75 if name == "Xception" else 32
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
    row = check_model(name, model, rebuilt)
    assert row.error == ""
    assert row.same_shapes
    assert row.difference == 0.0
    assert row.lines <= SMALL[name]


LAYERS: dict[str, dict[str, Any]] = {
    "BatchNormalization": {"momentum": 0.9, "scale": False},
    "Bidirectional": {"layer": {"LSTM": {"units": 2}}, "merge_mode": "sum"},
    "Conv2DTranspose": {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"},
    "ConvLSTM2D": {"filters": 2, "kernel_size": 3},
    "Dense": {
        "units": 3,
        "activation": {"LeakyReLU": {"negative_slope": 0.1}},
        "kernel_regularizer": {"L2": {"l2": 0.02}},
    },
    "DepthwiseConv2D": {"kernel_size": 3, "depthwise_initializer": {"HeNormal": {"seed": 3}}},
    "Discretization": {"bin_boundaries": (0.0, 1.0)},
    "Dropout": {"rate": 0.5, "seed": 7},
    "Embedding": {"input_dim": 5, "output_dim": 3, "mask_zero": True},
    "GRU": {"units": 2, "reset_after": False},
    "GroupQueryAttention": {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2},
    "Hashing": {"num_bins": 5},
    "LayerNormalization": {"axis": -2, "epsilon": 1e-5},
    "MaxPooling2D": {"pool_size": 3, "strides": 2},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 4, "dropout": 0.1},
    "RNN": {"cell": {"StackedRNNCells": {"cells": ({"GRUCell": {"units": 2}}, {"LSTMCell": {"units": 3}})}}},
    "ReLU": {"max_value": 6.0},
    "Rescaling": {"scale": 0.5, "offset": -1.0},
    "SeparableConv2D": {"filters": 2, "kernel_size": 3},
    "StringLookup": {"vocabulary": ("a", "b")},
    "TimeDistributed": {"layer": {"Dense": {"units": 2, "dtype": "mixed_float16"}}},
    "ZeroPadding2D": {"padding": ((1, 0), (2, 1))},
}


@pytest.mark.parametrize("name", LAYERS)
def test_what_keras_serialises_is_read_back_with_defaults_dropped(name: str) -> None:
    cls = find_layer(name)
    assert cls is not None
    layer = cls(**LAYERS[name])
    entry = json.loads(json.dumps(keras.saving.serialize_keras_object(to_keras(layer))))
    assert read_layer(entry, "").canonical() == layer.canonical()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("optimizer", {"Adam": {"learning_rate": 0.002, "clipnorm": 1.0}}),
        ("optimizer", {"SGD": {"momentum": 0.9, "nesterov": True}}),
        ("loss", {"CategoricalCrossentropy": {"from_logits": True}}),
        ("metric", {"SparseTopKCategoricalAccuracy": {"k": 3}}),
        ("initializer", {"TruncatedNormal": {"stddev": 0.02}}),
        ("constraint", {"MaxNorm": {"max_value": 3}}),
        ("regularizer", {"L1L2": {"l1": 0.1, "l2": 0.2}}),
    ],
)
def test_objects_are_read_back(kind: str, value: Any) -> None:
    from vgspec.catalogue.base import resolve

    given = resolve(kind, value)
    entry = json.loads(json.dumps(keras.saving.serialize_keras_object(to_keras(given))))
    assert read_object(kind, entry, "").canonical() == given.canonical()
