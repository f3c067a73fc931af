"""Keras configs into graphs, without Keras: both forms of calls, and every mistake at its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgspec.importers import read_config
from vgspec.importers.names import original_name, spec_name
from vgspec.importers.specs import spec_of_config


def tensor(layer: str, call: int = 0, output: int = 0) -> dict[str, Any]:
    """A tensor as Keras 3 writes it."""
    return {"class_name": "__keras_tensor__", "config": {"dtype": "float32", "keras_history": [layer, call, output]}}


def layer(kind: str, name: str, config: dict[str, Any], *calls: Any) -> dict[str, Any]:
    """A layer as Keras 3 writes it, applied to the given tensors."""
    nodes = [call if isinstance(call, dict) and "args" in call else {"args": [call], "kwargs": {}} for call in calls]
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, "trainable": True, **config},
        "registered_name": None,
        "name": name,
        "inbound_nodes": nodes,
    }


def start(name: str = "x", shape: tuple[Any, ...] = (None, 8)) -> dict[str, Any]:
    """An input layer."""
    return layer("InputLayer", name, {"batch_shape": list(shape), "dtype": "float32"})


def functional(layers: list[Any], inputs: Any, outputs: Any, name: str = "net") -> dict[str, Any]:
    """A functional model."""
    config = {"name": name, "trainable": True, "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config}


def dense(name: str, units: int, *calls: Any) -> dict[str, Any]:
    """A Dense layer with what Keras serialises beside its arguments."""
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    initializer = {"module": "keras.initializers", "class_name": "HeNormal", "config": {"seed": None}}
    config = {
        "units": units,
        "activation": "relu",
        "dtype": policy,
        "kernel_initializer": initializer,
        "use_bias": True,
    }
    return layer("Dense", name, config, *calls)


def small() -> dict[str, Any]:
    """A model with two layers."""
    layers = [start(), dense("a", 4, tensor("x")), dense("b", 2, tensor("a"))]
    return functional(layers, [["x", 0, 0]], [["b", 0, 0]])


def test_defaults_are_dropped_and_names_kept() -> None:
    spec = spec_of_config(small(), file="net.json")
    assert spec.diagnostics == ()
    assert spec.to_dict() == {
        "vgspec": "1",
        "name": "net",
        "inputs": {"x": {"shape": [8]}},
        "layers": [
            {"id": "a", "Dense": {"units": 4, "activation": "relu", "kernel_initializer": "he_normal"}},
            {"id": "b", "Dense": {"units": 2, "activation": "relu", "kernel_initializer": "he_normal"}},
        ],
    }


def test_keras_2_is_understood() -> None:
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"batch_input_shape": [None, 8, 8, 3], "dtype": "float32", "sparse": False, "name": "x"},
            "name": "x",
            "inbound_nodes": [],
        },
        {
            "class_name": "Conv2D",
            "config": {"name": "c", "filters": 3, "kernel_size": [3, 3], "padding": "same", "groups": 1,
                       "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}}},
            "name": "c",
            "inbound_nodes": [[["x", 0, 0, {}]]],
        },
        {
            "class_name": "BatchNormalization",
            "config": {"name": "n", "axis": [3], "momentum": 0.99, "fused": None},
            "name": "n",
            "inbound_nodes": [[["c", 0, 0, {"training": None}]]],
        },
        {"class_name": "LeakyReLU", "config": {"name": "r", "alpha": 0.2}, "name": "r",
         "inbound_nodes": [[["n", 0, 0, {}]]]},
        {"class_name": "Add", "config": {"name": "s"}, "name": "s",
         "inbound_nodes": [[["x", 0, 0, {}], ["r", 0, 0, {}]]]},
    ]  # fmt: skip
    model = {"class_name": "Model", "config": {"name": "old", "layers": layers, "input_layers": [["x", 0, 0]],
                                               "output_layers": [["s", 0, 0]]}}  # fmt: skip
    spec = spec_of_config(model, file="old.json")
    assert spec.diagnostics == ()
    assert spec.to_dict()["layers"] == [
        {
            "residual": {
                "body": [
                    {"Conv2D": {"filters": 3, "kernel_size": 3, "padding": "same"}},
                    {"BatchNormalization": {"axis": 3}},
                    {"LeakyReLU": {"negative_slope": 0.2}},
                ]
            },
        }
    ]
    assert "outputs" not in spec.to_dict()


def test_a_sequential_of_keras_2_has_its_shape_in_its_first_layer() -> None:
    config = {"name": "d", "batch_input_shape": [None, 4], "dtype": "float32", "units": 2}
    model = {"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Dense", "config": config}]}}
    graph = spec_of_config(model, file="s.json").require_graph()
    assert str(graph.inputs[0].tensor) == "float32(batch, 4)"
    assert graph.outputs[0].name == "d"


def test_a_nested_model_is_flattened_under_its_name() -> None:
    inner = functional([start("i"), dense("d", 4, tensor("i"))], ["i", 0, 0], ["d", 0, 0], name="inner")
    entry = {**inner, "name": "inner", "inbound_nodes": [{"args": [tensor("x")], "kwargs": {}}]}
    imported = read_config(functional([start(), entry], ["x", 0, 0], ["inner", 1, 0]))
    assert imported.graph is not None
    assert [node.id for node in imported.graph.nodes] == ["inner.d"]
    assert imported.graph.meta["nested"][0].nodes == ("inner.d",)


def test_a_nested_model_called_twice_has_one_set_of_weights() -> None:
    inner = functional([start("i"), dense("d", 8, tensor("i"))], ["i", 0, 0], ["d", 0, 0], name="inner")
    calls = [{"args": [tensor("x")], "kwargs": {}}, {"args": [tensor("inner", 0)], "kwargs": {}}]
    imported = read_config(functional([start(), {**inner, "name": "inner", "inbound_nodes": calls}], ["x", 0, 0],
                                      ["inner", 2, 0]))  # fmt: skip
    assert imported.graph is not None
    assert list(imported.graph.layers) == ["inner.d"]
    assert len(imported.graph.nodes) == 2


def change(path: tuple[Any, ...], value: Any) -> Callable[[dict[str, Any]], None]:
    """Set something in a config; ``...`` deletes it."""

    def apply(config: dict[str, Any]) -> None:
        place: Any = config
        for token in path[:-1]:
            place = place[token]
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return apply


A = ("config", "layers", 1)
MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], None], str, str, str]] = {
    "unknown class": (change((*A, "class_name"), "Dence"), "VG081", "/config/layers/1/class_name", "'a'"),
    "a class of the user's": (change((*A, "module"), "mine"), "VG081", "/config/layers/1/class_name", "'a'"),
    "a registered class": (
        change((*A, "registered_name"), "Mine>Dense"), "VG081", "/config/layers/1/class_name", "Mine>Dense"
    ),
    "unknown argument": (change((*A, "config", "unitz"), 3), "VG083", "/config/layers/1/config/unitz", "'unitz'"),
    "wrong value": (change((*A, "config", "units"), -1), "VG084", "/config/layers/1/config/units", "'a'"),
    "missing argument": (change((*A, "config", "units"), ...), "VG084", "/config/layers/1/config/units", "'a'"),
    "unknown initializer": (
        change((*A, "config", "kernel_initializer", "class_name"), "He"),
        "VG081",
        "/config/layers/1/config/kernel_initializer/class_name",
        "'a'",
    ),
    "a Python function": (
        change((*A, "config", "activation"), {"class_name": "function", "config": "mine", "module": "builtins"}),
        "VG082",
        "/config/layers/1/config/activation",
        "mine",
    ),
    "code": (change((*A, "class_name"), "Lambda"), "VG082", "/config/layers/1/class_name", "Lambda"),
    "a quantized policy": (
        change((*A, "config", "dtype", "class_name"), "QuantizedDTypePolicy"),
        "VG084",
        "/config/layers/1/config/dtype",
        "'a'",
    ),
    "unknown tensor": (
        change((*A, "inbound_nodes", 0, "args", 0), tensor("y")),
        "VG085",
        "/config/layers/1/inbound_nodes/0/args/0/config/keras_history",
        "'y'",
    ),
    "a call that there is not": (
        change(("config", "output_layers"), [["b", 4, 0]]), "VG085", "/config/output_layers/0", "'b'"
    ),
    "an output that there is not": (
        change(("config", "output_layers"), [["b", 0, 2]]), "VG085", "/config/output_layers/0", "'b'"
    ),
    "a cycle": (
        change((*A, "inbound_nodes", 0, "args", 0), tensor("b")), "VG086", "/config/layers/2/inbound_nodes/0", "'b'"
    ),
    "a tensor from nowhere": (
        change((*A, "inbound_nodes", 0, "args", 0), {"class_name": "__keras_tensor__"}),
        "VG080",
        "/config/layers/1/inbound_nodes/0/args/0",
        "'a'",
    ),
    "no layers": (change(("config", "layers"), ...), "VG080", "/config", "cut short"),
    "no outputs": (change(("config", "output_layers"), ...), "VG080", "/config", "output_layers"),
    "no name": (change(A, {"class_name": "Dense", "config": {}}), "VG080", "/config/layers/1", "name"),
    "two of one name": (change(("config", "layers", 2, "name"), "a"), "VG080", "/config/layers/2", "'a'"),
    "no input shape": (
        change(("config", "layers", 0, "config", "batch_shape"), None),
        "VG084",
        "/config/layers/0/config/batch_shape",
        "'x'",
    ),
    "a shape that does not fit": (
        change(("config", "layers", 0, "config", "batch_shape"), [8]),
        "VG050",
        "/config/layers/1/inbound_nodes/0",
        "'a'",
    ),
    "another class of model": (change(("class_name",), "MyModel"), "VG081", "/class_name", "MyModel"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_one_diagnostic_at_its_place(what: str) -> None:
    mutate, code, pointer, words = MISTAKES[what]
    config = copy.deepcopy(small())
    mutate(config)
    imported = read_config(config)
    assert imported.graph is None
    assert [(d.code, d.pointer) for d in imported.diagnostics] == [(code, pointer)]
    assert words in imported.diagnostics[0].message


@pytest.mark.parametrize("data", [None, [], "x", 3, {}, {"class_name": 3}, {"class_name": "Functional"}])
def test_what_is_no_config_is_refused(data: Any) -> None:
    imported = read_config(data)
    assert imported.graph is None
    assert len(imported.diagnostics) == 1


def test_several_bad_layers_are_all_reported() -> None:
    config = small()
    config["config"]["layers"][1]["config"]["units"] = 0
    config["config"]["layers"][2]["config"]["nonsense"] = 0
    assert sorted(d.code for d in read_config(config).diagnostics) == ["VG083", "VG084"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "a", "Dense", "", "__keras_tensor__"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["class_name", "config", "name", "args", "layers", "items"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in plain data."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [inner for key, item in value.items() for inner in places(item, (*path, key))]
    elif isinstance(value, list):
        found += [inner for i, item in enumerate(value) for inner in places(item, (*path, i))]
    return found


@given(st.data())
def test_whatever_is_broken_there_is_a_graph_or_a_diagnostic(data: st.DataObject) -> None:
    config = copy.deepcopy(small())
    change(data.draw(st.sampled_from(places(config))), data.draw(JSON))(config)
    imported = read_config(config)
    assert (imported.graph is None) == any(d.severity == "error" for d in imported.diagnostics)


@given(st.text(max_size=12) | st.from_regex(r"n?-?x?[0-9a-f]*-[a-z]*", fullmatch=True))
def test_names_become_ids_and_come_back(name: str) -> None:
    import re

    found = spec_name(name)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", found)
    assert original_name(found) == name


def test_a_text_that_begins_with_a_dollar_is_no_expression() -> None:
    lookup = layer("StringLookup", "words", {"vocabulary": ["$", "$x", "$$y", "z"], "num_oov_indices": 1}, tensor("x"))
    config = functional([start(shape=(None, 1)), lookup], [["x", 0, 0]], [["words", 0, 0]])
    config["config"]["layers"][0]["config"]["dtype"] = "string"
    for flat in (True, False):
        spec = spec_of_config(config, file="net.json", flat=flat)
        assert spec.diagnostics == ()
        found: Any = spec.require_graph().layers["words"]
        assert found.vocabulary == ("$", "$x", "$$y", "z")


def old(kind: str, **config: Any) -> dict[str, Any]:
    """A layer of a Sequential as Keras 2 writes it."""
    return {"class_name": kind, "config": config}


def test_a_sequential_of_keras_2_0_without_a_name_in_another() -> None:
    inner = old("Dense", name="a", units=3, batch_input_shape=[None, 4])
    model = {
        "class_name": "Sequential",
        "config": [
            {"class_name": "Sequential", "config": [inner]},
            {"class_name": "Sequential", "config": [old("Dense", name="b", units=2, batch_input_shape=[None, 3])]},
        ],
    }
    graph = spec_of_config(model, file="s.json").require_graph()
    assert [node.id for node in graph.nodes] == ["sequential.a", "sequential_1.b"]


def test_what_is_wrong_with_the_first_layer_of_a_sequential_is_said_once() -> None:
    layers = [old("Lambda", name="l", batch_input_shape=[None, 4]), old("Dense", name="d", units=2, unitz=3)]
    found = read_config({"class_name": "Sequential", "config": {"name": "s", "layers": layers}}).diagnostics
    assert sorted((item.code, item.pointer) for item in found) == [
        ("VG082", "/config/layers/0/class_name"),
        ("VG083", "/config/layers/1/config/unitz"),
    ]


def recurrent(**config: Any) -> dict[str, Any]:
    layers = [old("GRU", name="g", units=3, batch_input_shape=[None, 5, 2], **config)]
    return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}


def test_a_gru_from_before_reset_after_is_one_without() -> None:
    for config, after in (({}, False), ({"reset_after": True}, True)):
        graph = spec_of_config(recurrent(**config), file="s.json").require_graph()
        assert graph.layers["g"].reset_after is after  # type: ignore[attr-defined]


def test_a_function_that_keras_3_computes_otherwise_is_said() -> None:
    model = recurrent(recurrent_activation="hard_sigmoid")
    (found,) = read_config(model).diagnostics
    assert (found.code, found.pointer) == ("VG089", "/config/layers/0")
    assert "'g'" in found.message
    assert "slope" in found.message
    assert read_config({**model, "keras_version": "3.1.0"}).diagnostics == ()
    assert read_config(recurrent(recurrent_activation="sigmoid")).diagnostics == ()


def test_a_model_of_tensorflow_js() -> None:
    training = {"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "nonsense"}
    inside = {"keras_version": "2.1.6", "model_config": recurrent(), "training_config": training}
    imported = read_config({"modelTopology": inside, "weightsManifest": []})
    assert imported.graph is not None
    assert [item.pointer for item in imported.diagnostics] == ["/modelTopology/training_config/loss"]
    broken = {**inside, "model_config": recurrent(unitz=3)}
    (found,) = read_config({"modelTopology": broken}).diagnostics
    assert found.pointer == "/modelTopology/model_config/config/layers/0/config/unitz"
