"""The functional model that the backend builds, held against the graph and against Keras's own ways."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from backend_graphs import GRAPHS, Draft, graph
from backend_oracle import assert_same_outputs, data, keras, run

from vgspec.backends import objects
from vgspec.backends.errors import BuildError
from vgspec.backends.keras_model import build_model
from vgspec.backends.objects import UnsupportedError, to_keras, to_keras_value
from vgspec.catalogue.base import resolve
from vgspec.diagnostics import Span
from vgspec.ir import BATCH, Frame, Graph, Input, Node, Origin, Output, Ref, Returns, Tensor
from vgspec.layers import find_layer
from vgspec.layers.base import Call

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
]


@pytest.mark.parametrize("name", GRAPHS)
class TestEveryGraph:
    def test_layers_are_named_as_in_the_graph(self, name: str) -> None:
        g = graph(name)
        model = build_model(g)
        assert model.name == g.name
        operations = {operation.name: operation for operation in model.operations}
        assert {item.name for item in g.inputs} | set(g.layers) <= set(operations)
        for key, operator in g.layers.items():
            if not operator.type_name.startswith("ops."):
                assert type(model.get_layer(key)).__name__ == operator.type_name

    def test_shapes_and_dtypes_of_every_node(self, name: str) -> None:
        g = graph(name)
        model = build_model(g)
        refs = [Ref(node.id, i) for node in g.nodes for i in range(len(node.outputs))]
        outputs = [output.ref for output in g.outputs]
        form = {Returns.DICT: dict, Returns.LIST: list}.get(g.returns)
        assert form is None or isinstance(model.output, form)
        tensors = model.output.values() if form is dict else model.output if form is list else [model.output]
        assert refs
        for ref, tensor in zip(outputs, tensors, strict=True):
            expected = g.tensor(ref)
            assert tensor.dtype == expected.dtype
            assert len(tensor.shape) == expected.rank

    def test_weights(self, name: str) -> None:
        g = graph(name)
        model = build_model(g)
        first = {node.layer: node for node in reversed(g.nodes)}

        def typed(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(typed(item) for item in value)
            return g.tensor(value) if isinstance(value, Ref) else value

        for key, node in first.items():
            call = Call({name: typed(value) for name, value in node.args})
            expected = sorted(weight.shape for weight in g.layers[key].weight_specs(call))
            if g.layers[key].type_name.startswith("ops."):
                continue
            found = sorted(tuple(w.shape) for w in model.get_layer(key).weights if "seed_generator" not in w.path)
            assert found == expected, key

    def test_list_and_dict_inputs(self, name: str) -> None:
        model = build_model(graph(name))
        inputs = data(model)
        by_name = run(model, dict(reversed(inputs.items())))
        assert_same_outputs(by_name, run(model, list(inputs.values())))
        assert all(np.isfinite(array).all() for array in by_name)

    def test_seed_decides_the_weights(self, name: str) -> None:
        g = graph(name)
        a, b, other = (build_model(g, seed=seed).get_weights() for seed in (1, 1, 2))
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
        assert any(not np.array_equal(x, y) for x, y in zip(a, other, strict=True))


def test_one_output_is_a_tensor_and_several_are_a_dict() -> None:
    assert isinstance(build_model(graph("chain")).output, keras.KerasTensor)
    assert list(build_model(graph("branches")).output) == ["zlabel", "again", "gap"]


def test_losses_and_metrics_by_output_name() -> None:
    """Keras names its outputs after layers; the dict's keys must win even where they cross."""
    d = Draft()
    x = d.input("x", 4)
    a, b = d.call("a", "Dense", x, units=3), d.call("b", "Dense", x, units=2)
    model = build_model(d.graph(b=a, a=b))
    model.compile(loss={"b": "mse", "a": "mae"}, loss_weights={"b": 1.0, "a": 0.5}, metrics={"b": ["mae"]})
    targets = {"b": np.ones((8, 3)), "a": np.ones((8, 2))}
    history = model.fit({"x": np.ones((8, 4))}, targets, verbose=0).history
    assert set(history) == {"loss", "a_loss", "b_loss", "b_mae"}


def test_shared_layer_is_one_object() -> None:
    model = build_model(graph("branches"))
    assert len(model.get_layer("encoder").weights) == 2
    assert len([w for w in model.weights if w.shape == (6, 4)]) == 1


def test_masks_travel() -> None:
    """The encoder's result must not depend on padding: `mask_zero` reaches the recurrent layers."""
    model = build_model(graph("sequence"))
    source = np.array([[3, 4, 5]], "int32")
    padded = np.array([[3, 4, 5, 0, 0]], "int32")
    target = np.array([[1, 2]], "int32")
    a = model({"source": source, "target": target})
    b = model({"source": padded, "target": target})
    assert_same_outputs([np.asarray(a["tokens"])], [np.asarray(b["tokens"])], 1e-5)


def test_symbolic_sizes_and_input_options() -> None:
    d = Draft()
    from vgspec.ir.dims import Sym

    x = d.input("x", Sym.named("H"), 3, dtype="float32")
    mask = d.input("mask", 3, dtype="bool", optional=True)
    model = build_model(d.graph(d.call("out", "Dense", x, units=2)))
    assert model.inputs[0].shape == (None, None, 3)
    assert mask.node == "mask"
    assert model.inputs[1].dtype == "bool"
    assert model.get_layer("mask").optional


def test_unused_input_stays_an_input() -> None:
    d = Draft()
    x, _ = d.input("x", 3), d.input("unused", 2)
    model = build_model(d.graph(d.call("out", "Dense", x, units=2)))
    assert [tensor.name for tensor in model.inputs] == ["x", "unused"]


def test_an_input_can_be_an_output() -> None:
    d = Draft()
    x = d.input("x", 3)
    model = build_model(d.graph(same=x, out=d.call("out", "Dense", x, units=2)))
    value = np.ones((2, 3), "float32")
    assert np.array_equal(np.asarray(model(value)["same"]), value)


ORIGIN = Origin(
    "/layers/0", "m.yaml", Span("m.yaml", 3, 9), (Frame("block unit", "/blocks/unit", bindings=(("width", 3),)),)
)


def one_layer(layer: Any, outputs: tuple[Tensor, ...], args: tuple[tuple[str, Any], ...] = ()) -> Graph:
    node = Node("it", "it", (("inputs", Ref("x")), *args), outputs, ORIGIN)
    return Graph("m", (Input("x", Tensor((BATCH, 4))),), {"it": layer}, (node,), (Output("o", Ref("it")),)).verify()


def failure(g: Graph) -> Any:
    with pytest.raises(BuildError) as caught:
        build_model(g)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.node == "it"
    assert diagnostic.pointer == "/layers/0"
    assert diagnostic.span == Span("m.yaml", 3, 9)
    assert diagnostic.notes[-1] == "expanded from block unit (width=3)"
    return diagnostic


Dense: Any = find_layer("Dense")


class TestErrors:
    def test_layer_missing_from_this_keras(self) -> None:
        class DenseOfTheFuture(Dense):
            pass

        found = failure(one_layer(DenseOfTheFuture(units=3), (Tensor((BATCH, 3)),)))
        assert found.name == "unsupported-by-keras"
        assert f"Keras {keras.__version__} has no 'DenseOfTheFuture'" in found.message

    def test_argument_missing_from_this_keras(self) -> None:
        class Newer(Dense):
            keras_name = "Dense"
            sharpness: float = 0.0

        assert build_model(one_layer(Newer(units=3), (Tensor((BATCH, 3)),)))
        found = failure(one_layer(Newer(units=3, sharpness=2.0), (Tensor((BATCH, 3)),)))
        assert found.name == "unsupported-by-keras"
        assert "has no argument 'sharpness'" in found.message

    def test_all_that_is_missing_is_reported_at_once(self) -> None:
        class Missing(Dense):
            pass

        d = Draft()
        x = d.input("x", 4)
        for i in range(3):
            d.layers[f"n{i}"] = Missing(units=4)
            x = d.call(f"n{i}", f"n{i}", x)
        with pytest.raises(BuildError) as caught:
            build_model(d.graph(x))
        assert [diagnostic.node for diagnostic in caught.value.diagnostics] == ["n0", "n1", "n2"]

    def test_keras_refuses_the_call(self) -> None:
        found = failure(one_layer(Dense(units=3), (Tensor((BATCH, 3)),), (("nonsense", 1),)))
        assert found.name == "build-failed"
        assert "nonsense" in found.notes[0]

    def test_keras_refuses_the_arguments(self) -> None:
        found = failure(one_layer(Dense.model_construct(units=-3), (Tensor((BATCH, 3)),)))
        assert found.name == "build-failed"
        assert "-3" in found.notes[0]

    @pytest.mark.parametrize("outputs", [(Tensor((BATCH, 5)),), (Tensor((BATCH, 1, 3)),), (Tensor((BATCH, 3)),) * 2])
    def test_another_shape_than_inferred(self, outputs: tuple[Tensor, ...]) -> None:
        found = failure(one_layer(Dense(units=3), outputs))
        assert found.name == "shape-disagrees"

    def test_unknown_sizes_agree_with_any(self) -> None:
        assert build_model(one_layer(Dense(units=3), (Tensor((None, None)),)))

    def test_input_and_shared_layer_of_one_name(self) -> None:
        node = Node("it", "x", (("inputs", Ref("x")),), (Tensor((BATCH, 3)),), ORIGIN)
        g = Graph(
            "m", (Input("x", Tensor((BATCH, 4))),), {"x": Dense(units=3)}, (node,), (Output("o", Ref("it")),)
        ).verify()
        assert "both called 'x'" in failure(g).message


class TestObjects:
    def test_arguments_and_extra(self) -> None:
        layer = to_keras(Dense(units=3, kernel_initializer={"HeNormal": {"seed": 1}}), name="d")
        assert layer.name == "d"
        assert layer.kernel_initializer.get_config()["seed"] == 1

    def test_object_without_arguments(self) -> None:
        assert isinstance(to_keras(resolve("initializer", "zeros")), keras.initializers.Zeros)

    def test_values(self) -> None:
        value = to_keras_value({"a": (1, resolve("regularizer", {"L2": {"l2": 0.5}}))})
        assert value["a"][0] == 1
        assert isinstance(value["a"][1], keras.regularizers.L2)

    def test_missing_package(self) -> None:
        class Elsewhere(Dense):
            keras_module = "no_such_package.layers"

        with pytest.raises(UnsupportedError, match=r"no_such_package\.layers"):
            to_keras(Elsewhere(units=1))

    def test_every_parameter_of_a_layer_is_known(self) -> None:
        known = objects._parameters(keras.layers.Conv2D)
        assert known is not None
        assert {"filters", "strides", "trainable", "dtype", "activity_regularizer", "name"} <= known
        assert "nonsense" not in known


def test_a_fresh_interpreter_stays_quiet_and_keeps_its_environment() -> None:
    code = """
import os, sys
before = dict(os.environ)
from vgspec.backends.runtime import load_keras
import vgspec.backends.keras_model, vgspec.backends.saving, vgspec.backends.keras_source
assert "keras" not in sys.modules
keras = load_keras()
keras.Model(x := keras.Input((2,)), keras.layers.Dense(1)(x))
assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ, "left behind"
print("shown", file=sys.stderr)
"""
    environment = {key: value for key, value in __import__("os").environ.items() if not key.startswith("TF_CPP")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "shown\n"


def test_keras_that_is_missing_is_a_diagnostic() -> None:
    code = """
import sys
sys.modules["keras"] = None
from vgspec.backends.errors import BuildError
from vgspec.backends.runtime import load_keras
try:
    load_keras()
except BuildError as error:
    print(error.diagnostics[0].name, error.diagnostics[0].help)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("backend-missing"), done.stderr
    assert "vgspec[tensorflow]" in done.stdout
