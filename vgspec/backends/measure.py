"""Measuring activations and gradients of a Keras model by automatic differentiation, at initialisation.

The definitions are those of `vgspec.analysis.signal`: a batch of 32, ``training=True``, standard normal
inputs (integers uniform over the vocabulary), root mean squares over the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vgspec.backends.runtime import load_keras

__all__ = ["BATCH", "Feeds", "Measured", "Measurement", "measure", "precision"]

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
) -> Measured:
    """Run a functional model forward and backward once.

    Args:
        model: a Keras functional model on TensorFlow. Its weights are used as they are.
        seed: of the inputs, targets and the random direction.
        vocabulary: number of different integers by input name.
        sizes: sizes without batch by input name, where the model leaves them open.
        statistics: mean and standard deviation of floating inputs by name, where not 0 and 1.
        data: inputs to use in place of random ones.

    Returns:
        Logarithms by layer name and number of its call. The loss for the kernels' gradients is the one that goes
        with the compile settings, or with the output activation.
    """
    given = Feeds(vocabulary or {}, sizes or {}, statistics or {}, data or {})
    return Measurement(model, given).run(seed)


@dataclass(frozen=True, slots=True)
class Feeds:
    """What a model is fed with, by input name; the fields are the arguments of `measure`."""

    vocabulary: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    statistics: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def draw(self, tensor: Any, rng: np.random.Generator) -> Any:
        """The values of one input of a model."""
        import tensorflow as tf

        name = tensor.name.split(":")[0]
        if name in self.data:
            return tf.constant(self.data[name])
        shape = (BATCH, *(self.sizes.get(name) or tuple(tensor.shape[1:])))
        if "int" in tensor.dtype:
            most = self.vocabulary.get(name, self.vocabulary.get("", 1000))
            return tf.constant(rng.integers(0, most, shape), tensor.dtype)
        mean, deviation = self.statistics.get(name, (0.0, 1.0))
        return tf.constant(mean + deviation * rng.standard_normal(shape), tensor.dtype)


class Measurement:
    """A model made ready to be measured, with other weights and other data each time."""

    def __init__(self, model: Any, feeds: Feeds, *, traced: bool = False) -> None:
        """Find the tensors and kernels.

        Args:
            model: a Keras functional model.
            feeds: its data.
            traced: whether to compile the computation first, which pays from the third run on and needs less memory.
        """
        self._keras = load_keras()
        import tensorflow as tf

        self._tf = tf
        self.model, self.feeds = model, feeds
        self.calls: list[tuple[str, int]] = []
        tensors: list[Any] = []
        inbound = _nodes(model)
        for operation in model.operations:
            for number, node in enumerate(inbound.get(id(operation), ())):
                first = node.output_tensors[0]
                if "float" in first.dtype:
                    self.calls.append((operation.name, number))
                    tensors.append(first)
        self._probe = self._keras.Model(model.inputs, [*tensors, *_flat(model.outputs)])
        self._kernels = [(layer.name, weight) for layer in model.layers for weight in layer.trainable_weights]
        self._losses = _losses(self._keras, model)
        self._floatx = self._keras.config.floatx()
        self._outputs: list[tuple[int, ...]] | None = None
        self._compute = tf.function(self._measured, autograph=False) if traced else self._measured

    def run(self, seed: int) -> Measured:
        """Run it forward and backward once, with data of this seed and the model's present weights."""
        tf = self._tf
        rng = np.random.default_rng(seed)
        feeds = [self.feeds.draw(tensor, rng) for tensor in self.model.inputs]
        if self._outputs is None:
            made = _flat(self.model.outputs)
            if any(size is None for output in made for size in output.shape[1:]):
                values = self.model(feeds if len(feeds) > 1 else feeds[0])
                self._outputs = [tuple(value.shape) for value in _flat(values)]
            else:
                self._outputs = [(int(feeds[0].shape[0]), *output.shape[1:]) for output in made]
        directions = [tf.constant(rng.standard_normal(shape), self._floatx) for shape in self._outputs]
        targets = [
            None if loss is None else tf.constant(loss.target(shape, self._floatx, rng))
            for loss, shape in zip(self._losses, self._outputs, strict=True)
        ]
        activations, gradients, norms = self._compute(feeds, directions, targets)
        return Measured(
            {call: _decades(value) for call, value in zip(self.calls, activations, strict=True)},
            {call: _decades(value) for call, value in zip(self.calls, gradients, strict=True) if value is not None},
            {
                (layer, _short(weight, layer)): _decades(value)
                for (layer, weight), value in zip(self._kernels, norms, strict=True)
                if value is not None
            },
        )

    def _measured(self, feeds: list[Any], directions: list[Any], targets: list[Any]) -> tuple[list[Any], ...]:
        tf, count = self._tf, len(self.calls)
        with tf.GradientTape(persistent=True) as tape:
            values = self._probe(feeds if len(feeds) > 1 else feeds[0], training=True)
            values = list(values) if isinstance(values, list | tuple) else [values]
            outputs = values[count:]
            total = tf.add_n(
                [tf.reduce_sum(tf.cast(y, self._floatx) * u) for y, u in zip(outputs, directions, strict=True)]
            )
            parts = [
                tf.cast(loss.weight * tf.reduce_mean(loss.function(target, output)), self._floatx)
                for loss, target, output in zip(self._losses, targets, outputs, strict=True)
                if loss is not None
            ]
            objective = tf.add_n(parts) if parts else None
        gradients = tape.gradient(total, values[:count])
        variables = [weight.value for _, weight in self._kernels]
        found = tape.gradient(objective, variables) if objective is not None else [None] * len(variables)
        return (
            [_size(tf, value, 1.0) for value in values[:count]],
            [None if value is None else _size(tf, value, 1.0) for value in gradients],
            [None if value is None else _size(tf, tf.convert_to_tensor(value), 0.0) for value in found],
        )


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


def _size(tf: Any, value: Any, mean: float) -> Any:
    """The largest element and, relative to it, the mean square (sum of squares for ``mean`` 0), in double precision."""
    wide = tf.cast(value, "float64")
    top = tf.reduce_max(tf.abs(wide))
    ratio = tf.math.divide_no_nan(wide, top)
    square = tf.reduce_mean(ratio * ratio) if mean else tf.reduce_sum(ratio * ratio)
    return tf.stack([top, square])


def _decades(pair: Any) -> float:
    """The decimal logarithm of the root, from what `_size` gives."""
    top, square = (float(value) for value in np.asarray(pair))
    if top == 0.0 or not math.isfinite(top):
        return -math.inf if top == 0.0 else top
    return math.log10(top) + 0.5 * math.log10(square)


@dataclass(frozen=True, slots=True)
class _Loss:
    """The loss of one output and its weight."""

    function: Any
    weight: float

    def target(self, shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        """Random targets of the kind that the loss takes."""
        function = self.function
        name = getattr(function, "name", getattr(function, "__name__", "")) or ""
        kind = type(function).__name__.lower() + " " + str(name)
        if "sparse" in kind:
            return rng.integers(0, shape[-1], shape[:-1])
        if "binary" in kind:
            return rng.integers(0, 2, shape).astype(dtype)
        if "categorical" in kind or "kl" in kind:
            return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])].astype(dtype)
        if "hinge" in kind:
            return (2.0 * rng.integers(0, 2, shape) - 1.0).astype(dtype)
        return rng.standard_normal(shape).astype(dtype)


def _losses(keras: Any, model: Any) -> list[_Loss | None]:
    """The loss of every output; None for one that has none."""
    compiled = getattr(model, "_compile_loss", None) if getattr(model, "compiled", False) else None
    given = getattr(compiled, "_user_loss", None) if compiled is not None else None
    weights = getattr(compiled, "_user_loss_weights", None) if compiled is not None else None
    found: list[_Loss | None] = []
    for index, key in enumerate(_output_names(model)):
        chosen = given
        weight = weights if isinstance(weights, int | float) else 1.0
        if isinstance(given, Mapping):
            chosen = given.get(key)
        elif isinstance(given, list | tuple):
            chosen = given[index]
        if isinstance(weights, Mapping):
            weight = weights.get(key, 1.0)
        elif isinstance(weights, list | tuple):
            weight = weights[index]
        if chosen is None and given is not None:
            found.append(None)
            continue
        if chosen is None:
            chosen = _usual(keras, model, index)
        found.append(_Loss(keras.losses.get(chosen) if isinstance(chosen, str) else chosen, float(weight)))
    return found


def _output_names(model: Any) -> list[str]:
    """The key of each output, in the order of ``model.outputs``: of a dict of outputs, or the layer's name."""
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
