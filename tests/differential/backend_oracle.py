"""Running Keras models for comparison."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras")

__all__ = ["assert_same_model", "assert_same_outputs", "data", "flat", "run", "run_source", "scrubbed"]


def data(model: Any, batch: int = 3, length: int = 5) -> dict[str, np.ndarray]:
    """Random input of a model by name; sizes that are left open are ``length``."""
    random = np.random.default_rng(0)
    found = {}
    for tensor in model.inputs:
        first, *rest = tensor.shape
        shape = (first or batch, *(size or length for size in rest))
        integer = tensor.dtype.startswith(("int", "uint"))
        value = random.integers(1, 10, shape) if integer else random.normal(size=shape)
        found[tensor.name] = value.astype(tensor.dtype)
    return found


def flat(value: Any) -> list[np.ndarray]:
    """The tensors of a result as arrays, in an order that does not depend on how a dict was made."""
    if isinstance(value, dict):
        return [array for key in sorted(value) for array in flat(value[key])]
    return [np.asarray(keras.ops.convert_to_numpy(item), dtype="float64") for item in keras.tree.flatten(value)]


def run(model: Any, inputs: Any) -> list[np.ndarray]:
    return flat(model(inputs, training=False))


def assert_same_outputs(a: list[np.ndarray], b: list[np.ndarray], tolerance: float = 0.0) -> None:
    assert len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


def scrubbed(config: Any, names: set[str]) -> Any:
    """A config without the names that Keras numbers by itself: those of inner layers and of masks."""
    if isinstance(config, dict):
        found = {key: scrubbed(value, names) for key, value in config.items() if key != "build_config"}
        for key in ("name", "keras_history"):
            value = config.get(key)
            if (value[0] if isinstance(value, list) else value) not in names and key in found:
                found[key] = None
        return found
    return [scrubbed(item, names) for item in config] if isinstance(config, list | tuple) else config


def assert_same_model(a: Any, b: Any) -> None:
    """Same layers by name, class and arguments, same wiring, same weights' shapes, same outputs."""
    assert a.name == b.name
    names = {layer.name for layer in a.layers}
    assert names == {layer.name for layer in b.layers}
    assert scrubbed(a.get_config(), names) == scrubbed(b.get_config(), names)
    assert [(w.shape, w.dtype, w.trainable) for w in a.weights] == [(w.shape, w.dtype, w.trainable) for w in b.weights]
    assert type(a.output) is type(b.output)
    b.set_weights(a.get_weights())
    inputs = data(a)
    assert_same_outputs(run(a, inputs), run(b, inputs))


def run_source(source: str) -> Any:
    """The model that generated source builds."""
    space: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "generated.py", "exec"), space)
    return space["build_model"]()
