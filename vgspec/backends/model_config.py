"""The JSON config of a live Keras model, with what Keras knows of layers whose classes are not its own."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from vgspec.backends.errors import BuildError, about, first_lines
from vgspec.backends.runtime import load_keras
from vgspec.codes import BAD_CONFIG
from vgspec.layers.naming import snake_case

__all__ = ["model_config"]

_OUTSIDE = "vgspec_outside"
"""The key of `vgspec.importers.opaque.OUTSIDE`; backends import nothing of the importers."""


def model_config(model: Any) -> Any:
    """The config as Keras saves it, compile settings included.

    Beside the config of each layer, the key ``vgspec_outside`` has what can be seen of it from the outside: its
    weights, and for each call the types of the tensors that went in and came out.

    Raises:
        TypeError: if it is no Keras model.
        BuildError: if Keras cannot write the config.
    """
    keras = load_keras()
    if not isinstance(model, keras.Model):
        raise TypeError(f"expected a keras.Model, got {type(model).__name__}")
    plain = _plain(model, keras)
    try:
        with _describing(plain, keras):
            config = json.loads(plain.to_json())
    except Exception as error:
        message = f"Keras cannot write the config of the model {model.name!r}"
        raise BuildError([about(BAD_CONFIG, message, notes=[f"Keras says: {first_lines(error)}"])]) from error
    if plain is not model and model.compiled:
        config["compile_config"] = _compile_config(model)
    _add_outsides(config, plain, keras)
    return config


def _plain(model: Any, keras: Any) -> Any:
    """A model of a class of the user's own that is put together from inputs and outputs, as a functional one."""
    start = keras.Input((1,))
    functional = type(keras.Model(start, keras.layers.Identity()(start)))
    if type(model) in (keras.Sequential, functional) or not isinstance(model, functional) or not model.inputs:
        return model
    return keras.Model(model.input, model.output, name=model.name)


def _compile_config(model: Any) -> Any:
    try:
        return json.loads(json.dumps(model.get_compile_config()))
    except Exception:  # as with settings that Keras cannot write: the model is imported without them
        return None


# --- layers that are not Keras's own ---------------------------------------------------------------------


def _is_foreign(layer: Any) -> bool:
    return not type(layer).__module__.startswith(("keras.", "tensorflow."))


def _inside(layer: Any) -> Iterator[Any]:
    """The layers that a layer holds, itself among them."""
    flatten = getattr(layer, "_flatten_layers", None)
    yield from flatten() if flatten is not None else (layer,)


def _is_model(layer: Any, keras: Any) -> bool:
    return isinstance(layer, keras.Model) and not _is_foreign(layer) and bool(getattr(layer, "layers", ()))


@contextlib.contextmanager
def _describing(model: Any, keras: Any) -> Iterator[None]:
    """Let layers of the user's own that have no config to give say their name alone, while the block runs."""
    mended: list[Any] = []
    try:
        for layer in {id(item): item for item in _inside(model)}.values():
            if _is_foreign(layer) and layer is not model and not _has_config(layer, keras):
                layer.get_config = _named(layer)
                mended.append(layer)
        yield
    finally:
        for layer in mended:
            del layer.get_config


def _has_config(layer: Any, keras: Any) -> bool:
    try:
        json.dumps(keras.saving.serialize_keras_object(layer))
    except Exception:  # whatever the class's own code does
        return False
    return True


def _named(layer: Any) -> Any:
    config = {"name": layer.name, "trainable": bool(layer.trainable)}
    return lambda: dict(config)


def _add_outsides(config: Any, model: Any, keras: Any) -> None:
    """Write what is seen of the layers beside their configs."""
    inner = config.get("config")
    entries = inner.get("layers", ()) if isinstance(inner, Mapping) else ()
    layers = {layer.name: layer for layer in model.layers}
    for entry in entries:
        layer = layers.get(entry.get("name") or entry["config"].get("name"))
        if layer is None:
            continue
        if _is_model(layer, keras):
            _add_outsides(entry, layer, keras)
        elif layer._inbound_nodes:
            entry[_OUTSIDE] = _outside(layer, model, keras)


def _outside(layer: Any, model: Any, keras: Any) -> dict[str, Any]:
    """The weights and the calls of a layer."""
    weights: dict[str, list[int]] = {}
    frozen: list[str] = []
    trainable = {id(weight) for weight in layer.weights if weight.trainable}
    plain = _plain_names(layer)
    for weight in layer.weights:
        path = weight.path.removeprefix(f"{layer.name}/").split("/")
        name = _free("/".join(plain.get(part, part) for part in path), weights)
        weights[name] = [int(size) for size in weight.shape]
        if id(weight) not in trainable:
            frozen.append(name)
    calls = [_call(layer, node) for node in _calls(layer, model)]
    if not layer.trainable and len(frozen) == len(weights):
        return {"weights": weights, "non_trainable": [], "trainable": False, "calls": calls}
    return {"weights": weights, "non_trainable": frozen, "trainable": True, "calls": calls}


def _plain_names(layer: Any) -> dict[str, str]:
    """The names of the layers inside, numbered from their owner on where Keras numbered them.

    So that two layers of one class look alike wherever they stand.
    """
    found: dict[str, str] = {}
    for item in _inside(layer):
        base = snake_case(type(item).__name__)
        if item is not layer and item.name not in found and re.fullmatch(rf"{re.escape(base)}(_\d+)?", item.name):
            found[item.name] = _free(base, dict.fromkeys(found.values()))
    return found


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number, free = 1, name
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free


def _calls(layer: Any, model: Any) -> Iterator[Any]:
    """The calls of a layer in a model, those that other models made of it left out."""
    reached = {id(node) for nodes in getattr(model, "_nodes_by_depth", {}).values() for node in nodes}
    inner = getattr(model, "_functional", None)  # what a Sequential is underneath
    if not reached and inner is not None:
        reached = {id(node) for nodes in inner._nodes_by_depth.values() for node in nodes}
    for node in layer._inbound_nodes:
        if id(node) in reached:
            yield node


def _call(layer: Any, node: Any) -> dict[str, Any]:
    """The types of what went in, by argument, and of what came out."""
    given = node.arguments
    parameters = inspect.signature(layer.call).parameters
    names = list(parameters)
    inputs: dict[str, Any] = {}
    if len(given.args) == 1 and isinstance(given.args[0], Mapping):
        inputs |= {name: _typed(value) for name, value in given.args[0].items()}
    else:
        for i, value in enumerate(given.args):
            if value is not None:
                inputs[names[i] if i < len(names) else f"inputs_{i}"] = _typed(value)
    for name, value in given.kwargs.items():
        by_itself = name == "training" and name in parameters and parameters[name].default is value
        if value is not None and name != "mask" and not by_itself:
            inputs[name] = _typed(value)
    return {"inputs": inputs, "outputs": [_typed(tensor) for tensor in node.output_tensors]}


def _typed(value: Any) -> Any:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = {"batch_shape": [None if size is None else int(size) for size in value.shape]}
        dtype = str(getattr(value.dtype, "name", value.dtype))
        return kind if dtype == "float32" else {**kind, "dtype": dtype}
    if isinstance(value, list | tuple):
        return [_typed(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _typed(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool) else repr(value)
