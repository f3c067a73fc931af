"""Does a model survive the way into a spec and back? One row of measured facts a model."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vgspec.backends.runtime import load_keras

__all__ = ["GateRow", "application_builders", "build_application", "built_directly", "check_model"]

_SIZES = (32, 64, 75, 96, 224, None)
"""Heights and widths to try, the smallest that a builder takes is used; None: the builder's own."""


@dataclass(frozen=True, slots=True)
class GateRow:
    """What was measured on one model.

    Attributes:
        name: the builder's.
        size: height and width of the input.
        layers: Keras's count, nested models as one.
        parameters: how many.
        same_shapes: whether the weights have the same shapes in the same order.
        matched: whether every weight has its counterpart, by the layer's and the weight's place.
        difference: the largest absolute difference of the outputs, with the weights carried over.
        lines: of the spec as it is written.
        error: what went wrong, empty if nothing did.
    """

    name: str
    size: int
    layers: int
    parameters: int
    same_shapes: bool
    matched: bool
    difference: float
    lines: int
    error: str = ""


def application_builders() -> tuple[str, ...]:
    """The names of all builders of ``keras.applications``, sorted."""
    applications = load_keras().applications
    names = [name for name in dir(applications) if name[:1].isupper() and callable(getattr(applications, name))]
    return tuple(sorted(names))


def build_application(name: str) -> Any:
    """A model with random weights and the smallest input of `_SIZES` that its builder takes.

    Raises:
        ValueError: if it takes none.
    """
    builder = getattr(load_keras().applications, name)
    reason: Exception | None = None
    for size in _SIZES:
        try:
            return builder(weights=None, **({} if size is None else {"input_shape": (size, size, 3)}))
        except ValueError as error:
            reason = error
    raise ValueError(f"{name} takes no input of {_SIZES}") from reason


def check_model(name: str, model: Any, rebuild: Callable[[Any], tuple[Any, int]]) -> GateRow:
    """Carry a model through a spec and compare: weights, then outputs on one random batch.

    Args:
        name: what to call it.
        model: the model.
        rebuild: builds the model again by way of a written spec; also gives the lines of that.
    """
    import numpy as np

    first = model.inputs[0].shape
    size = int(first[1] or 0) if len(first) > 1 else 0
    facts: Mapping[str, Any] = {
        "name": name,
        "size": size,
        "layers": len(model.layers),
        "parameters": model.count_params(),
    }
    try:
        rng = np.random.default_rng(0)
        _disturb(model, rng)
        rebuilt, lines = rebuild(model)
        old, new = model.weights, rebuilt.weights
        same = [tuple(w.shape) for w in old] == [tuple(w.shape) for w in new]
        matched = len(old) == len(new)
        if same:
            rebuilt.set_weights(model.get_weights())
        else:
            matched = matched and _carry(model, rebuilt)
        given = _batch(model, rng)
        before, after = _outputs(model, given), _outputs(rebuilt, given)
        difference = max(_difference(a, b) for a, b in zip(before, after, strict=True))
        return GateRow(**facts, same_shapes=same, matched=matched, difference=difference, lines=lines)
    except Exception as error:  # a row of the table says what happened
        text = " ".join(str(error).split())[:200]
        return GateRow(
            **facts,
            same_shapes=False,
            matched=False,
            difference=float("nan"),
            lines=0,
            error=f"{type(error).__name__}: {text}",
        )


def _batch(model: Any, rng: Any) -> list[Any]:
    """One random sample an input: byte-like numbers for images, small ones else, indices for embeddings."""
    sizes = [layer.input_dim for _, layer in _layers(model, "") if hasattr(layer, "input_dim")]
    found = []
    for item in model.inputs:
        shape = [1 if i == 0 else (n or 64) for i, n in enumerate(item.shape)]
        kind = item.dtype if isinstance(item.dtype, str) else item.dtype.name
        if sizes and len(shape) == 2:
            found.append(rng.integers(0, min(sizes), shape).astype(kind))
        else:
            found.append((rng.uniform(0, 255, shape) if len(shape) == 4 else rng.normal(size=shape)).astype(kind))
    return found


def _outputs(model: Any, given: list[Any]) -> list[Any]:
    """What a model gives for values of its inputs, in the order in which Keras counts them."""
    keras = load_keras()
    structure = getattr(model, "_inputs_struct", None)  # a Sequential has none, nor has a model of Keras 2
    one_or_list = given[0] if len(given) == 1 else given
    packed = one_or_list if structure is None else keras.tree.pack_sequence_as(structure, given)
    return [keras.ops.convert_to_numpy(value) for value in keras.tree.flatten(model(packed, training=False))]


def _difference(before: Any, after: Any) -> float:
    """The largest absolute difference; where both overflow alike there is none."""
    import numpy as np

    if not np.isfinite(before).all():
        return 0.0 if np.array_equal(before, after, equal_nan=True) else float("nan")
    return float(np.max(np.abs(before.astype("float64") - after.astype("float64"))))


def _disturb(model: Any, rng: Any) -> None:
    """Change every weight a little, so that none is zero or one like many others and could be mistaken for them."""
    for weight in model.weights:
        if weight.dtype == "float32":
            noise = rng.random(tuple(weight.shape), dtype="float32")
            weight.assign(weight * (1 + 0.1 * noise) + 1e-4 * noise)


def _carry(model: Any, rebuilt: Any) -> bool:
    """Set weights layer by layer, nested models' layers among them; whether every weight found its place."""
    source = dict(_layers(model, ""))
    target = dict(_layers(rebuilt, ""))
    carried = 0
    for name, layer in source.items():
        other = target.get(name)
        if other is None:
            continue
        values = layer.get_weights()
        if [v.shape for v in values] != [tuple(w.shape) for w in other.weights]:
            return False
        other.set_weights(values)
        carried += len(values)
    return carried == len(model.weights) == len(rebuilt.weights)


def _layers(model: Any, prefix: str) -> Any:
    for layer in model.layers:
        if hasattr(layer, "layers") and hasattr(layer, "inputs"):
            yield from _layers(layer, f"{prefix}{layer.name}.")
        else:
            yield prefix + layer.name, layer


def built_directly(config: Mapping[str, Any]) -> Any:
    """The model that Keras itself makes of a config; why not, as text."""
    text, reason = json.dumps(config), ""
    makers: list[Any] = [load_keras()]
    if importlib.util.find_spec("tf_keras") is not None:
        import tf_keras

        makers.append(tf_keras)
    for keras in reversed(makers) if "registered_name" not in text else makers:
        try:
            if keras.__name__ == "keras":  # its model_from_json wants the module of the model's class
                return getattr(keras, {"Sequential": "Sequential"}.get(config["class_name"], "Model")).from_config(
                    config["config"]
                )
            return keras.models.model_from_json(text)
        except Exception as error:  # the next one may know the form
            reason = f"{keras.__name__} cannot build it: {' '.join(str(error).split())[:120]}"
    return reason
