"""Networks inside layers: ``TimeDistributed`` of a whole model, as in the classification of videos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vgspec
from tests.differential.layer_harness import keras
from vgspec.analysis.cost import graph_cost, node_costs
from vgspec.analysis.unfold import unfolded
from vgspec.backends.errors import BuildError
from vgspec.backends.keras_source import emit_source
from vgspec.ir import Graph

pytestmark = pytest.mark.tensorflow
L = keras.layers


def cnn() -> Any:
    """A small network with a residual connection and batch normalization."""
    start = keras.Input((12, 12, 3), name="picture")
    x = L.Conv2D(4, 3, padding="same", use_bias=False, name="stem")(start)
    x = L.ReLU()(L.BatchNormalization()(x))
    x = L.Add()([x, L.Conv2D(4, 3, padding="same")(x)])
    x = L.Concatenate(axis=3)([x, L.Conv2D(2, 1)(x)])
    x = L.MaxPooling2D()(L.Dropout(0.2)(x))
    return keras.Model(start, L.GlobalAveragePooling2D()(x), name="cnn")


def video() -> Any:
    """The usual form: a picture network for every frame, then a recurrence."""
    frames = keras.Input((5, 12, 12, 3), name="frames")
    x = L.TimeDistributed(cnn(), name="pictures")(frames)
    return keras.Model(frames, L.Dense(3, name="scores")(L.LSTM(4)(x)))


def sequential() -> Any:
    """Everything as Sequential, frames of any number."""
    inner = keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(3, 3), L.Activation("relu"), L.Flatten(), L.Dense(4)])
    return keras.Sequential([keras.Input((None, 8, 8, 1)), L.TimeDistributed(inner), L.GRU(3), L.Dense(2)])


def twice() -> Any:
    """A wrapper that is called on two inputs, and one around another."""
    a, b = keras.Input((4, 6, 7), name="a"), keras.Input((3, 6, 7), name="b")
    inner = keras.Sequential([keras.Input((7,)), L.Dense(3, activation="relu"), L.Dense(2)], name="rows")
    wrapper = L.TimeDistributed(L.TimeDistributed(inner), name="steps")
    return keras.Model([a, b], [wrapper(a), wrapper(b)])


def application() -> Any:
    """A network of keras.applications for every frame."""
    base = keras.applications.MobileNetV2(weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3))
    frames = keras.Input((2, 32, 32, 3), name="frames")
    return keras.Model(frames, L.Dense(2)(L.LSTM(4)(L.TimeDistributed(base)(frames))))


def again_and_again() -> Any:
    """Networks that call a layer and a model of their own several times, under names that they have in common."""

    def network(units: int, steps: int) -> Any:
        start = keras.Input((6,), name="start")
        dense, norm = L.Dense(6, activation="tanh", name="mix"), L.LayerNormalization(name="norm")
        part = keras.Sequential([keras.Input((6,)), L.Dense(6, name="mix"), L.ReLU()], name="part")
        x = start
        for _ in range(steps):
            x = L.Add()([x, dense(norm(x))])
        x = part(L.Dropout(0.1)(part(x)))
        return keras.Model(start, L.Dense(units)(x), name="rows")

    rows = keras.Input((3, 6), name="rows")
    mix = L.Dense(6, name="mix")
    x = L.TimeDistributed(network(6, 3), name="first")(mix(mix(rows)))
    short_start = keras.Input((6,))
    dense = L.Dense(6, name="mix")
    short = keras.Model(short_start, dense(dense(short_start)), name="short")
    x = L.TimeDistributed(short, name="second")(x)
    return keras.Model(rows, L.TimeDistributed(network(2, 2), name="third")(x))


def batch(model: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, *[size or 4 for size in x.shape[1:]])).astype("f") for x in model.inputs]


def outputs(model: Any, **options: Any) -> list[Any]:
    given = batch(model)
    return [np.asarray(y) for y in keras.tree.flatten(model(given if len(given) > 1 else given[0], **options))]


@pytest.mark.parametrize("make", [video, sequential, twice, application, again_and_again])
@pytest.mark.parametrize("flat", [False, True])
def test_it_comes_back(make: Any, flat: bool) -> None:
    model = make()
    spec = vgspec.from_keras(model, flat=flat)
    assert spec.diagnostics == ()
    text = spec.to_yaml()
    assert vgspec.load_spec(spec.to_json()).require_graph().hash() == spec.require_graph().hash()
    rebuilt = vgspec.compile_spec(text)
    assert [w.shape for w in rebuilt.weights] == [w.shape for w in model.weights]
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 0.4, w.shape) for w in model.weights])
    rebuilt.set_weights(model.get_weights())
    for a, b in zip(outputs(model), outputs(rebuilt), strict=True):
        np.testing.assert_array_equal(a, b)
    cost = graph_cost(node_costs(vgspec.load_spec(text).require_graph()))
    assert cost.parameters == model.count_params()
    assert cost.trainable == sum(w.numpy().size for w in model.trainable_weights)
    again = vgspec.from_keras(rebuilt, flat=flat)
    assert again.require_graph().hash(names=False) == spec.require_graph().hash(names=False)


def test_a_network_of_many_layers_becomes_blocks() -> None:
    document = vgspec.from_keras(application()).to_dict()
    assert document["layers"][0]["TimeDistributed"]["layer"] == {"use": "mobilenetv2_1_00_32"}
    assert len(vgspec.from_keras(application()).to_yaml().splitlines()) < 80


@pytest.mark.parametrize("make", [video, sequential, twice, again_and_again])
def test_its_source_builds_the_same_model(make: Any) -> None:
    graph = vgspec.from_keras(make()).require_graph()
    names: dict[str, Any] = {"__name__": "made"}
    exec(compile(emit_source(graph), "made.py", "exec"), names)
    keras.utils.set_random_seed(3)
    model = names["build_model"]()
    keras.utils.set_random_seed(3)
    other = vgspec.compile_spec(vgspec.from_keras(make()))
    assert [w.shape for w in model.weights] == [w.shape for w in other.weights]
    model.set_weights(other.get_weights())
    for a, b in zip(outputs(model), outputs(other), strict=True):
        np.testing.assert_array_equal(a, b)


SPEC = """
vgspec: "1"
inputs: {frames: {shape: [T, 12, 12, 3]}}
blocks:
  pictures:
    params: {filters: {type: int}, act: {type: activation, default: relu}}
    layers:
      - residual:
          body: [{Conv2D: {filters: $filters, kernel_size: 3, padding: same, activation: $act}}]
          shortcut: project
      - GlobalAveragePooling2D
layers:
  - {id: pictures, TimeDistributed: {layer: {use: pictures, with: {filters: 4, act: sigmoid}}}}
  - LSTM: {units: 4}
"""


def test_a_block_in_the_place_of_a_layer() -> None:
    spec = vgspec.load_spec(SPEC)
    assert spec.diagnostics == ()
    assert str(spec.require_graph().by_id["pictures"].outputs[0]) == "float32(batch, T, 4)"
    assert vgspec.compile_spec(spec).output_shape == (None, 4)


def test_the_analysis_looks_into_it_and_agrees_with_the_layers_written_out() -> None:
    spec = vgspec.load_spec(SPEC.replace("[T,", "[6,"))
    plain = vgspec.load_spec(
        """
vgspec: "1"
inputs: {frames: {shape: [6, 12, 12, 3]}}
layers:
  - residual:
      body: [{TimeDistributed: {layer: {Conv2D: {filters: 4, kernel_size: 3, padding: same, activation: sigmoid}}}}]
      shortcut: [{TimeDistributed: {layer: {Conv2D: {filters: 4, kernel_size: 1}}}}]
  - {TimeDistributed: {layer: GlobalAveragePooling2D}}
  - LSTM: {units: 4}
"""
    )
    inside, beside = vgspec.profile_spec(spec), vgspec.profile_spec(plain)
    assert not inside.unknown
    assert [n.gradient_rms for n in inside.nodes] == pytest.approx([n.gradient_rms for n in beside.nodes])
    assert [n.activation_rms for n in inside.nodes] == pytest.approx([n.activation_rms for n in beside.nodes])


@pytest.mark.parametrize("make", [video, sequential, twice, application])
def test_laid_open_it_has_the_same_shapes_and_weights(make: Any) -> None:
    graph = vgspec.from_keras(make()).require_graph()
    opened: Graph = unfolded(graph)
    assert len(opened.nodes) > len(graph.nodes)
    assert [str(opened.tensor(o.ref)) for o in opened.outputs] == [str(graph.tensor(o.ref)) for o in graph.outputs]
    assert graph_cost(node_costs(opened)).parameters == graph_cost(node_costs(graph)).parameters
    assert unfolded(opened) is opened


def test_a_finding_inside_points_into_the_block() -> None:
    text = """vgspec: "1"
inputs: {x: {shape: [6, 16]}}
layers:
  - TimeDistributed:
      layer:
        - repeat: 9
          body: [{Dense: {units: 32, activation: sigmoid}}]
  - LSTM: {units: 4}
"""
    found = [d for d in vgspec.lint_spec(text).diagnostics if d.name in ("saturating-stack", "gradient-vanishes")]
    assert found
    assert found[0].pointer.startswith("/layers/0/TimeDistributed/layer/0/body/0")
    assert found[0].span is not None


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("pictures, with: {filters: 4, act: sigmoid}", "VG034", "filters"),
        ("nothing", "VG031", "nothing"),
    ],
)
def test_mistakes_in_the_use(change: str, code: str, words: str) -> None:
    text = SPEC.replace("use: pictures, with: {filters: 4, act: sigmoid}", f"use: {change}".replace("filters: 4, ", ""))
    (found,) = vgspec.load_spec(text).diagnostics
    assert words in found.message
    assert found.code in (code, "VG032", "VG033", "VG030")


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("{Bidirectional: {layer: [{LSTM: {units: 3}}]}}", "list"),
        ("{TimeDistributed: {layer: [{Dense: {units: 3}}, {Dense: {unitz: 3}}]}}", "unitz"),
        ("{TimeDistributed: {layer: [{LSTM: {units: 2, return_state: true}}]}}", "3"),
        ("{TimeDistributed: {layer: [{call: rows}]}}\n  - {call: rows}", "inside"),
        ("{TimeDistributed: {layer: []}}", ""),
        ("Flatten\n  - {TimeDistributed: {layer: [Flatten]}}", "rank 3"),
    ],
)
def test_mistakes_are_one_finding_each(item: str, words: str) -> None:
    head = 'vgspec: "1"\ninputs: {x: {shape: [6, 5, 4]}}\nshared: {rows: {Dense: {units: 4}}}\nlayers:\n  - '
    found = vgspec.load_spec(head + item).diagnostics
    assert len(found) == 1, [d.message for d in found]
    assert words in found[0].message


def test_a_nested_model_that_is_called_with_training_false_stays_so() -> None:
    base = keras.Sequential([keras.Input((4,)), L.BatchNormalization(), L.Dropout(0.0), L.Dense(3)], name="base")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, L.Dense(2, name="head")(base(x, training=False)))
    spec = vgspec.from_keras(model)
    found = {node.id: dict(node.args).get("training") for node in spec.require_graph().nodes}
    assert list(found.values()) == [False, False, None, None]
    rebuilt = vgspec.compile_spec(spec.to_yaml())
    rebuilt.set_weights(model.get_weights())
    for a, b in zip(outputs(model, training=True), outputs(rebuilt, training=True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_layer_inside_that_cannot_be_built_says_so() -> None:
    text = """vgspec: "1"
inputs: {x: {shape: [3, 4]}}
layers:
  - TimeDistributed:
      layer:
        - Opaque: {class_name: Own, calls: [{inputs: {inputs: {batch_shape: [null, 4]}}, outputs: [{batch_shape: [null, 4]}]}]}
"""
    with pytest.raises(BuildError, match="Own is not known"):
        vgspec.compile_spec(text)


"""The network inside is looked at before anything is built."""


def test_names_inside_count_where_names_count() -> None:
    other = SPEC.replace("layers:\n  - {id", "layers:  # the same\n  - {id")
    renamed = SPEC.replace("      - GlobalAveragePooling2D", "      - {id: pool, GlobalAveragePooling2D: {}}")
    graph, same, named = (vgspec.load_spec(text).require_graph() for text in (SPEC, other, renamed))
    assert graph.hash() == same.hash() != named.hash()
    assert graph.hash(names=False) == named.hash(names=False)
