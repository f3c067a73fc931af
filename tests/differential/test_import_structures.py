"""Models that take and give nested structures: the same outputs from the same data, whatever order keys stand in.

Keras counts the tensors of a dict in the order of its sorted keys, and writes the keys as the user wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import vgspec
from tests.differential.layer_harness import keras
from vgspec.backends.gate import check_model
from vgspec.backends.keras_source import emit_source
from vgspec.dev.gate import rebuilt
from vgspec.importers import read_config

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore:When providing")]
L = keras.layers


def given(name: str, shape: tuple[int, ...] = (4,), dtype: str = "float32") -> Any:
    return keras.Input(shape, name=name, dtype=dtype)


def joined(*tensors: Any) -> Any:
    """Every tensor with a factor of its own, so that no two can change places."""
    factors = (2.0, 3.0, 5.0, 7.0, 11.0)
    return L.Dense(2)(L.Concatenate()([x * f for x, f in zip(tensors, factors, strict=False)]))


def keys_out_of_order() -> Any:
    a, b, c = given("zeta"), given("alpha"), given("mid", (3,))
    return keras.Model({"zeta": a, "alpha": b, "mid": c}, joined(a, b, c))


def list_and_tuple_in_a_dict() -> Any:
    a, b, c, d = (given(name) for name in "qprs")
    return keras.Model({"two": [a, b], "one": (c, {"k": d})}, joined(a, b, c, d))


def tuple_in_a_list() -> Any:
    a, b, c = (given(name) for name in "qpr")
    return keras.Model([(a, b), c], joined(a, b, c))


def images_and_text() -> Any:
    image, ids = given("image", (8, 8, 3)), given("ids", (5,), "int32")
    seen = L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(image))
    return keras.Model(
        {"text": {"ids": ids}, "image": image}, joined(seen, L.GlobalAveragePooling1D()(L.Embedding(9, 4)(ids)))
    )


def states_in_a_tuple() -> Any:
    x, h, c = given("x", (6, 3)), given("h"), given("c")
    y, last, cell = L.LSTM(4, return_sequences=True, return_state=True)(x, initial_state=[h, c])
    return keras.Model({"x": x, "state": (h, c)}, joined(y[:, -1], last, cell))


def _difference(**keys: Any) -> Any:
    z, y = given("z"), given("y")
    inputs = {key: {"z": z, "y": y}[name] for key, name in keys.items()} or [z, y]
    return keras.Model(inputs, L.Subtract()([z, y * 2.0]), name="inner")


def dict_for_a_nested_model() -> Any:
    inner, p, q = _difference(z="z", y="y"), given("p"), given("q")
    return keras.Model([p, q], joined(inner({"y": p, "z": q}), inner({"z": p, "y": q})))


def dict_for_a_nested_model_of_a_list() -> Any:
    inner, p, q = _difference(), given("p"), given("q")
    return keras.Model([p, q], joined(inner({"y": p, "z": q}), inner([q, p]), inner(inputs=[p, q])))


def keys_that_are_not_the_names() -> Any:
    inner, p, q = _difference(b="z", a="y"), given("p"), given("q")
    return keras.Model({"b": p, "a": q}, joined(inner({"a": p, "b": q})))


def dict_for_a_nested_model_of_one() -> Any:
    z, p = given("z"), given("p")
    return keras.Model(p, keras.Model(z, L.Dense(3)(z))({"z": p}))


def lists_in_a_dict_for_a_nested_model() -> Any:
    z, y, w = given("z"), given("y"), given("w")
    inner = keras.Model({"pair": [z, y], "c": w}, joined(z, y, w), name="inner")
    p, q = given("p"), given("q")
    return keras.Model([p, q], joined(inner({"c": p, "pair": [q, p]})))


def outputs_of_a_nested_model_in_a_dict() -> Any:
    z, y = given("z"), given("y")
    outputs = {"s": L.Subtract()([z, y * 2.0]), "m": [L.Multiply()([z, y]), z]}
    inner = keras.Model([z, y], outputs, name="inner")
    p, q = given("p"), given("q")
    one, two = inner([q, p]), inner([p, q])
    return keras.Model([p, q], joined(one["s"], one["m"][0], one["m"][1], two["s"], two["m"][1]))


def nested_in_nested() -> Any:
    inner, p, q = _difference(u="z", t="y"), given("p"), given("q")
    middle = keras.Model({"k": [p, q]}, {"o": [inner({"t": p, "u": q})], "i": p}, name="middle")
    r, s = given("r"), given("s")
    one, two = middle({"k": [s, r]}), middle({"k": [r, s]})
    return keras.Model((r, {"v": s}), joined(one["o"][0], two["o"][0], two["i"]))


def _items(structure: Any) -> Any:
    return (
        structure.values() if isinstance(structure, dict) else structure if isinstance(structure, list | tuple) else ()
    )


MODELS: tuple[Callable[[], Any], ...] = (
    keys_out_of_order,
    list_and_tuple_in_a_dict,
    tuple_in_a_list,
    images_and_text,
    states_in_a_tuple,
    dict_for_a_nested_model,
    dict_for_a_nested_model_of_a_list,
    keys_that_are_not_the_names,
    dict_for_a_nested_model_of_one,
    lists_in_a_dict_for_a_nested_model,
    outputs_of_a_nested_model_in_a_dict,
    nested_in_nested,
)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("make", MODELS)
def test_it_comes_back(make: Callable[[], Any], flat: bool) -> None:
    keras.utils.set_random_seed(1)
    model = make()
    again = vgspec.compile_spec(vgspec.from_keras(model, flat=flat).to_yaml())
    again.set_weights(model.get_weights())
    rng = np.random.default_rng(0)
    data = []
    for item in model.inputs:
        shape = [3, *(size or 5 for size in item.shape[1:])]
        data.append(rng.integers(0, 9, shape) if "int" in str(item.dtype) else rng.normal(size=shape).astype("f"))
    old = model(keras.tree.pack_sequence_as(model.input, data))
    new = again(keras.tree.pack_sequence_as(again.input, data))
    if any(isinstance(item, dict | list | tuple) for item in keras.tree.lists_to_tuples(list(_items(model.input)))):
        keras.tree.assert_same_structure(
            keras.tree.lists_to_tuples(model.input), keras.tree.lists_to_tuples(again.input)
        )
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(old), keras.ops.convert_to_numpy(new))


def test_the_gate_takes_them() -> None:
    row = check_model("states", states_in_a_tuple(), rebuilt)
    assert (row.error, row.matched, row.difference) == ("", True, 0.0)


def test_inputs_are_called_by_their_keys() -> None:
    z, y = given("z"), given("y")
    spec = vgspec.from_keras(keras.Model({"left": y, "right": z}, joined(z, y)))
    assert list(spec.to_dict()["inputs"]) == ["left", "right"]
    assert [(d.code, d.message) for d in spec.diagnostics] == [
        ("VG089", "the input 'y' is called 'left' here, which is the key by which the model takes it"),
        ("VG089", "the input 'z' is called 'right' here, which is the key by which the model takes it"),
    ]
    out = vgspec.compile_spec(spec)({"right": np.ones((1, 4)), "left": np.zeros((1, 4))})
    assert out.shape == (1, 2)


def test_a_key_that_is_a_layers_name_is_not_taken() -> None:
    z, y = given("z"), given("y")
    model = keras.Model({"scores": z, "right": y}, L.Dense(2, name="scores")(z * 2.0 + y))
    assert list(vgspec.from_keras(model).to_dict()["inputs"]) == ["right", "z"]


def test_nested_inputs_stay_nested_and_say_where_they_lie() -> None:
    spec = vgspec.from_keras(list_and_tuple_in_a_dict())
    assert spec.diagnostics == ()
    assert {name: item["at"] for name, item in spec.to_dict()["inputs"].items()} == {
        "r": ["one", 0],
        "s": ["one", 1, "k"],
        "q": ["two", 0],
        "p": ["two", 1],
    }
    model = vgspec.compile_spec(spec)
    ones = np.ones((1, 4))
    assert model({"two": [ones, ones], "one": [ones, {"k": ones}]}).shape == (1, 2)
    namespace: dict[str, Any] = {}
    exec(compile(emit_source(spec.require_graph()), "model.py", "exec"), namespace)
    keras.tree.assert_same_structure(namespace["build_model"]().input, model.input)


def test_an_axis_that_keras_adds_to_the_input_of_a_nested_model_is_refused() -> None:
    z, p = given("z", (4, 1)), given("p")
    model = keras.Model(p, keras.Model(z, L.Dense(3)(z), name="inner")(p))
    with pytest.raises(vgspec.SpecError) as caught:
        vgspec.from_keras(model)
    (found,) = caught.value.diagnostics
    assert (found.code, found.node) == ("VG084", "inner")
    assert "its input 'z' has 3 axes, and a call gives it a tensor of 2" in found.message


def test_a_missing_key_is_one_error() -> None:
    config = json.loads(dict_for_a_nested_model().to_json())
    inner = next(item for item in config["config"]["layers"] if item["name"] == "inner")
    del inner["inbound_nodes"][0]["args"][0]["y"]
    (found,) = read_config(config).diagnostics
    assert (found.code, found.node) == ("VG080", "inner")
    assert "the model takes 2 inputs, and a call gives 1" in found.message
