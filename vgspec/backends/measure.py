"""Measuring activations and gradients of a Keras model by automatic differentiation, at initialisation.

The definitions are those of `vgspec.analysis.signal`: a batch of 32, ``training=True``, standard normal
inputs (integers uniform over the vocabulary), root mean squares over the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from vgspec.backends.runtime import load_keras

__all__ = ["BATCH", "Measured", "measure", "precision"]

BATCH = 32


@dataclass(frozen=True, slots=True)
class Measured:
    """Decimal logarithms, one for each call: activation, gradient; by (layer, weight): the kernel's gradient norm."""

    activation: Mapping[tuple[str, int], float]
    gradient: Mapping[tuple[str, int], float]
    kernels: Mapping[tuple[str, str], float]


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Build and compute in this floating type; Keras's own is restored afterwards."""
    keras = load_keras()
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(name)
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)


def measure(
    model: Any,
    *,
    seed: int,
    vocabulary: Mapping[str, int] | None = None,
    sizes: Mapping[str, tuple[int, ...]] | None = None,
    statistics: Mapping[str, tuple[float, float]] | None = None,
    data: Mapping[str, Any] | None = None,
    loss: Callable[[Any, np.random.Generator], Any] | None = None,
) -> Measured:
    """Run a functional model forward and backward once.

    Args:
        model: a Keras functional model on TensorFlow. Its weights are used as they are.
        seed: of the inputs, targets and the random direction.
        vocabulary: number of different integers by input name.
        sizes: sizes without batch by input name, where the model leaves them open.
        statistics: mean and standard deviation of floating inputs by name, where not 0 and 1.
        data: inputs to use in place of random ones.
        loss: the loss as a function of the outputs and a generator, for the kernels' gradients; by default the
            one that goes with the compile settings or with the output activation.

    Returns:
        Logarithms by layer name and number of its call.
    """
    keras = load_keras()
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    floatx = keras.config.floatx()
    feeds = []
    for tensor in model.inputs:
        name = tensor.name.split(":")[0]
        if data is not None and name in data:
            feeds.append(tf.constant(data[name]))
            continue
        shape = (BATCH, *((sizes or {}).get(name) or tuple(tensor.shape[1:])))
        if "int" in tensor.dtype:
            feeds.append(
                tf.constant(
                    rng.integers(0, (vocabulary or {}).get(name, (vocabulary or {}).get("", 1000)), shape), tensor.dtype
                )
            )
        else:
            mean, deviation = (statistics or {}).get(name, (0.0, 1.0))
            feeds.append(tf.constant(mean + deviation * rng.standard_normal(shape), tensor.dtype))
    calls: list[tuple[str, int]] = []
    tensors: list[Any] = []
    inbound = _nodes(model)
    for operation in model.operations:
        for number, node in enumerate(inbound.get(id(operation), ())):
            first = node.output_tensors[0]
            if "float" in first.dtype:
                calls.append((operation.name, number))
                tensors.append(first)
    probe = keras.Model(model.inputs, [*tensors, *_flat(model.outputs)])
    count = len(tensors)
    kernels = [
        (weight.path.split("/", 1)[0] if "/" in weight.path else layer.name, layer.name, weight)
        for layer in model.layers
        for weight in layer.trainable_weights
    ]
    variables = [weight.value for _, _, weight in kernels]
    with tf.GradientTape(persistent=True) as tape:
        values = probe(feeds if len(feeds) > 1 else feeds[0], training=True)
        values = list(values) if isinstance(values, list | tuple) else [values]
        outputs = values[count:]
        total = tf.add_n(
            [tf.reduce_sum(tf.cast(y, floatx) * tf.constant(rng.standard_normal(y.shape), floatx)) for y in outputs]
        )
        objective = loss(outputs, rng) if loss is not None else _default_loss(keras, tf, model, outputs, rng)
    grads = tape.gradient(total, values[:count])
    weight_grads = tape.gradient(objective, variables) if objective is not None else [None] * len(variables)
    activation = {call: _log_rms(value) for call, value in zip(calls, values[:count], strict=True)}
    gradient = {call: _log_rms(grad) for call, grad in zip(calls, grads, strict=True) if grad is not None}
    norms = {}
    for (_, layer, weight), grad in zip(kernels, weight_grads, strict=True):
        if grad is not None:
            dense = grad.values if isinstance(grad, tf.IndexedSlices) else grad
            if isinstance(grad, tf.IndexedSlices):
                dense = tf.convert_to_tensor(grad)
            square = float(tf.reduce_sum(tf.cast(dense, "float64") ** 2))
            norms[(layer, _short(weight, layer))] = 0.5 * math.log10(square) if square > 0 else -math.inf
    return Measured(activation, gradient, norms)


def _short(weight: Any, layer: str) -> str:
    path: str = weight.path
    return path.split(f"{layer}/", 1)[1] if f"{layer}/" in path else weight.name


def _nodes(model: Any) -> dict[int, list[Any]]:
    """The calls that are part of this model, by the operation's identity, in the order they were made."""
    found: dict[int, list[Any]] = {}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            found.setdefault(id(node.operation), []).append(node)
    for nodes in found.values():
        nodes.sort(key=lambda node: node.operation._inbound_nodes.index(node))
    return found


def _flat(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [item for part in value.values() for item in _flat(part)]
    if isinstance(value, list | tuple):
        return [item for part in value for item in _flat(part)]
    return [value]


def _log_rms(value: Any) -> float:
    array = np.asarray(value, dtype=np.float64)
    top = float(np.max(np.abs(array))) if array.size else 0.0
    if top == 0.0 or not math.isfinite(top):
        return -math.inf if top == 0.0 else top
    return math.log10(top) + 0.5 * math.log10(float(np.mean((array / top) ** 2)))


def _default_loss(keras: Any, tf: Any, model: Any, outputs: list[Any], rng: np.random.Generator) -> Any:
    losses: list[Any] = []
    compiled = getattr(model, "_compile_loss", None) if getattr(model, "compiled", False) else None
    given = getattr(compiled, "_user_loss", None) if compiled is not None else None
    weights = getattr(compiled, "_user_loss_weights", None) if compiled is not None else None
    names = _output_names(model)
    for index, output in enumerate(outputs):
        key = names[index]
        chosen = given
        weight = weights if isinstance(weights, int | float) else 1.0
        if isinstance(given, Mapping):
            chosen = given.get(key)
        elif isinstance(given, list | tuple):
            chosen = given[index]
        if isinstance(weights, Mapping):
            weight = weights.get(key, 1.0)
        if chosen is None and given is not None:
            continue
        if chosen is None:
            chosen = _usual(keras, model, index)
        function = keras.losses.get(chosen) if isinstance(chosen, str) else chosen
        target = _target(function, output, rng)
        value = function(tf.constant(target), output)
        losses.append(weight * tf.reduce_mean(value))
    return tf.add_n(losses) if losses else None


def _output_names(model: Any) -> list[str]:
    """The key of each output, in the order of ``model.outputs``: of the dict of outputs, or the layer's name."""
    keys = {}
    structure = getattr(model, "_outputs_struct", None)
    if isinstance(structure, Mapping):
        keys = {id(tensor): key for key, tensor in structure.items()}
    return [keys.get(id(tensor), tensor._keras_history.operation.name) for tensor in _flat(model.outputs)]


def _usual(keras: Any, model: Any, index: int) -> str:
    tensor = _flat(model.outputs)[index]
    layer = tensor._keras_history.operation
    activation = getattr(getattr(layer, "activation", None), "__name__", layer.__class__.__name__.lower())
    return {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}.get(
        activation, "mean_squared_error"
    )


def _target(function: Any, output: Any, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    name = getattr(function, "name", getattr(function, "__name__", "")) or ""
    shape = tuple(int(size) for size in output.shape)
    kind = type(function).__name__.lower() + " " + str(name)
    if "sparse" in kind:
        return rng.integers(0, shape[-1], shape[:-1])
    if "binary" in kind:
        return rng.integers(0, 2, shape).astype(output.dtype.as_numpy_dtype)
    if "categorical" in kind or "kl" in kind:
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])].astype(output.dtype.as_numpy_dtype)
    if "hinge" in kind:
        return (2.0 * rng.integers(0, 2, shape) - 1.0).astype(output.dtype.as_numpy_dtype)
    return rng.standard_normal(shape).astype(output.dtype.as_numpy_dtype)
