"""Operations read back from the config of a functional model give the same model."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.differential.layer_harness import keras
from vgspec.layers.operations.config import OperationConfigError, read_operation

pytestmark = pytest.mark.tensorflow

ops = keras.ops
CASES: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, y: x + y,
    lambda x, y: 1.0 - x,
    lambda x, y: ops.multiply(x, 0.5),
    lambda x, y: ops.add(x2=1, x1=x),
    lambda x, y: x**2,
    lambda x, y: x / 2,
    lambda x, y: -x,
    lambda x, y: abs(x),
    lambda x, y: x @ ops.transpose(y, (0, 2, 1)),
    lambda x, y: x[:, 0],
    lambda x, y: x[..., None, 1:3],
    lambda x, y: x[:, ::-2, -1],
    lambda x, y: x * np.arange(6, dtype="float32"),
    lambda x, y: x - ops.ones((4, 1)),
    lambda x, y: ops.mean(x, axis=(1, 2), keepdims=True),
    lambda x, y: ops.reshape(x, (-1, 24)),
    lambda x, y: ops.concatenate([x, y], axis=1),
    lambda x, y: ops.stack([x, y], axis=1),
    lambda x, y: ops.split(x, [1, 3], axis=1)[1],
    lambda x, y: ops.einsum("bij,bkj->bik", x, y),
    lambda x, y: ops.take(x, [0, 2], axis=1),
    lambda x, y: ops.where(x > 0, x, 0.0),
    lambda x, y: ops.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=2.0),
    lambda x, y: ops.top_k(x, 2)[0],
    lambda x, y: ops.cast(x, "float16"),
    lambda x, y: ops.clip(x, 0.0, 1.0),
    lambda x, y: ops.moveaxis(x, 1, 2),
    lambda x, y: ops.full_like(x, 3.0),
    lambda x, y: ops.ones_like(x, dtype="int32"),
    lambda x, y: ops.one_hot(ops.cast(x, "int32"), 5),
    lambda x, y: ops.average_pool(x, 2),
    lambda x, y: ops.layer_normalization(x),
    lambda x, y: ops.rms_normalization(x),
    lambda x, y: ops.batch_normalization(x, ops.zeros(6), ops.ones(6), -1),
    lambda x, y: ops.slice(x, (0, 1, 0), (2, 2, 3)),
    lambda x, y: ops.cumsum(x, axis=1),
    lambda x, y: ops.softmax(x[0], axis=None),
    lambda x, y: ops.max(x, axis=1, initial=0.0),
    lambda x, y: ops.isclose(x, y, rtol=0.1),
    lambda x, y: ops.dot_product_attention(*[ops.expand_dims(x, 2)] * 3, scale=0.5),
    lambda x, y: ops.image.resize(ops.expand_dims(x, -1), (8, 8)),
    lambda x, y: ops.stop_gradient(ops.swish(x)),
    lambda x, y: ops.average(x, axis=1, weights=None),
    lambda x, y: ops.repeat(ops.tile(x, (1, 2, 1)), 2, axis=1),
)


def history(value: Any) -> tuple[str, int] | None:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        name, _, index = value["config"]["keras_history"]
        return name, index
    return None


def replay(config: dict[str, Any], inputs: dict[str, Any]) -> Any:
    """Run the operations of a config on data, by what was read of them."""
    values: dict[tuple[str, int], Any] = {(name, 0): value for name, value in inputs.items()}
    for entry in config["layers"]:
        if entry["class_name"] == "InputLayer":
            continue
        call = entry["inbound_nodes"][0]
        op, given = read_operation(entry["class_name"], entry["config"], call["args"], call["kwargs"], history)
        parameters: dict[str, Any] = {
            name: [values[item] for item in ref] if isinstance(ref[0], tuple) else values[ref] for name, ref in given
        }
        for name, _ in op.changed():
            value = op.keras_value(name)
            constant = op.constants.get(name)
            parameters[name] = value if constant is None else ops.convert_to_tensor(value, constant.dtype)
        args = [item for name in op.positional for item in _listed(parameters.pop(name))]
        function = ops
        for part in op.keras_name.split("."):
            function = getattr(function, part)
        for index, result in enumerate(keras.tree.flatten(function(*args, **parameters))):
            values[entry["name"], index] = result
    output = config["output_layers"]
    name, _, index = output if isinstance(output[0], str) else output[0]
    return values[name, index]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("build", CASES)
def test_config_reads_back(build: Callable[[Any, Any], Any]) -> None:
    x, y = keras.Input((4, 6), name="x"), keras.Input((4, 6), name="y")
    model = keras.Model([x, y], build(x, y))
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(2, 4, 6)).astype("float32"), "y": rng.normal(size=(2, 4, 6)).astype("float32")}
    config = json.loads(json.dumps(model.get_config()))
    np.testing.assert_array_equal(replay(config, data), model([data["x"], data["y"]]))


TENSOR = {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}


@pytest.mark.parametrize(
    ("class_name", "settings", "args", "kwargs", "path", "message"),
    [
        ("WhileLoop", {}, [TENSOR], {}, "/class_name", "unknown operation"),
        ("Mean", {"axis": 1, "weird": 2}, [TENSOR], {}, "/config/weird", "no parameter 'weird'"),
        ("Reshape", {"newshape": "abc"}, [TENSOR], {}, "/config/newshape", "ops.reshape"),
        ("Reshape", {}, [TENSOR], {}, "/config/newshape", "required"),
        ("Add", {}, [TENSOR, 1, 2], {}, "/inbound_nodes/0/args", "takes 2 arguments"),
        ("Add", {}, [TENSOR], {"z": 1}, "/inbound_nodes/0/kwargs/z", "no parameter 'z'"),
        ("Concatenate", {"axis": 1}, [[TENSOR, 1]], {}, "/inbound_nodes/0/args/0/1", "tensors only"),
        ("LayerNorm", {"rms_scaling": True}, [TENSOR], {}, "/config/rms_scaling", "cannot have"),
        ("Negative", {}, [1.0], {}, "/inbound_nodes/0/args/0", "no literal"),
        (
            "Add",
            {},
            [TENSOR, {"class_name": "__numpy__", "config": {"value": [1], "dtype": "int8"}}],
            {},
            "/inbound_nodes/0/args/1",
            "array of int8",
        ),
        ("Add", {}, [TENSOR, {"class_name": "__lambda__", "config": {}}], {}, "/inbound_nodes/0/args/1", "no number"),
        ("GetItem", {}, [TENSOR, [TENSOR]], {}, "/inbound_nodes/0/args/1/0", "no number"),
    ],
)
def test_what_cannot_be_read(class_name: str, settings: Any, args: Any, kwargs: Any, path: str, message: str) -> None:
    with pytest.raises(OperationConfigError, match=message) as caught:
        read_operation(class_name, settings, args, kwargs, history)
    assert caught.value.path == path


def test_null_is_not_the_default() -> None:
    op, _ = read_operation("Sort", {"axis": None}, [TENSOR], {}, history)
    assert op.canonical() == {"axis": None}


def test_earlier_versions() -> None:
    op, given = read_operation("Threshold", {"threshold_value": 0.5, "value": 1.0}, [TENSOR], {}, history)
    assert op.canonical() == {"threshold": 0.5, "default_value": 1.0}
    assert given == (("x", ("x", 0)),)
    op, _ = read_operation("OnesLike", {"name": "ones_like"}, [TENSOR, "int32"], {}, history)
    assert op.canonical() == {"dtype": "int32"}
