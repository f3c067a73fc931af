"""The JSON config of a live Keras model, with what Keras knows of layers whose classes are not its own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from vgspec.backends.errors import BuildError, about, first_lines
from vgspec.backends.outsides import add_outsides, inside, is_foreign, nested_models
from vgspec.backends.runtime import load_keras
from vgspec.codes import BAD_CONFIG

__all__ = ["model_config"]

_METHODS = ("call", "compute_output_spec")
"""What decides how a model computes."""

_NOTES = "vgspec_notes"
"""The key of `vgspec.importers.opaque.NOTES`."""


def model_config(model: Any) -> Any:
    """The config as Keras saves it, compile settings included.

    Models of classes of the user's own that are put together from inputs and outputs are written as functional ones.
    Beside the config of each layer stand what can be seen of it from the outside, and what it shares with others:
    see `vgspec.backends.outsides`.

    Raises:
        TypeError: if it is no Keras model.
        BuildError: if Keras cannot write the config, or it would not say how the model computes.
    """
    keras = load_keras()
    if not isinstance(model, keras.Model):
        raise TypeError(f"expected a keras.Model, got {type(model).__name__}")
    if is_foreign(model) and _computes_otherwise(model, keras):
        message = f"the class {type(model).__name__} computes in a 'call' of its own, which no config shows"
        help = "import the functional model of its parts: keras.Model(inputs, outputs)"
        raise BuildError([about(BAD_CONFIG, message, help=help)])
    try:
        with _describing(model, keras):
            config = _opened(model, keras) or json.loads(model.to_json())
            _open_nested(config, model, keras)
    except Exception as error:
        message = f"Keras cannot write the config of the model {model.name!r}"
        raise BuildError([about(BAD_CONFIG, message, notes=[f"Keras says: {first_lines(error)}"])]) from error
    if is_foreign(model) and model.compiled:
        config["compile_config"] = _compile_config(model)
    wrapped = [layer for layer in inside(model) if is_foreign(layer) and _prepares(layer, keras)]
    if wrapped:
        config[_NOTES] = [
            f"the class {type(layer).__name__} of {layer.name!r} prepares its inputs in a '__call__' of its own, which "
            "is no part of the spec"
            for layer in wrapped
        ]
    add_outsides(config, model, keras)
    return config


def _open_nested(config: Any, model: Any, keras: Any) -> None:
    """Write nested models of classes of the user's own as what they are put together from, as far as they are."""
    for entry, layer in nested_models(config, model, keras):
        if is_foreign(layer) and (opened := _opened(layer, keras)):
            entry |= {"module": "keras", "registered_name": None, **opened}
        elif is_foreign(layer):
            if "layers" in entry["config"]:  # they are not what it computes
                entry["config"] = {"name": layer.name, "trainable": bool(layer.trainable)}
            if not isinstance(layer, keras.Sequential) and "output_layers" in config["config"]:
                config["config"]["output_layers"] = _counted_from_zero(config["config"]["output_layers"], layer.name)
        if entry.get("class_name") in ("Functional", "Sequential"):
            _open_nested(entry, layer, keras)


def _counted_from_zero(outputs: Any, name: str) -> Any:
    """A model's outputs with the calls of a layer counted from 0, where Keras counts what made it a model as one."""
    if isinstance(outputs, Mapping):
        return {key: _counted_from_zero(value, name) for key, value in outputs.items()}
    if not isinstance(outputs, list):
        return outputs
    if len(outputs) == 3 and outputs[0] == name and isinstance(outputs[1], int):
        return [name, outputs[1] - 1, outputs[2]]
    return [_counted_from_zero(item, name) for item in outputs]


def _base(model: Any, keras: Any) -> Any:
    """``keras.Sequential`` or the class of functional models, whichever a model is of; None for any other."""
    return next((base for base in (keras.Sequential, _functional(keras)) if isinstance(model, base)), None)


@lru_cache(maxsize=1)
def _functional(keras: Any) -> Any:
    """The class of functional models, which has no public name: that of a smallest one, made once."""
    start = keras.Input((1,))
    return type(keras.Model(start, keras.layers.Identity()(start)))


def _computes_otherwise(model: Any, keras: Any) -> bool:
    """Whether the class of a model computes in another way than by calling the layers that it is put together from."""
    base = _base(model, keras)
    return base is not None and any(getattr(type(model), name) is not getattr(base, name) for name in _METHODS)


def _prepares(model: Any, keras: Any) -> bool:
    """Whether the class of a model does something of its own before it computes, as the tasks of keras_hub do."""
    base = _base(model, keras) if isinstance(model, keras.Model) else None
    return base is not None and type(model).__call__ is not base.__call__


def _opened(model: Any, keras: Any) -> dict[str, Any] | None:
    """The config of a model of a class of the user's own as Keras would write it for its own classes.

    None where the model is not put together from layers, or its class computes otherwise.
    """
    base = _base(model, keras)
    if base is None or not is_foreign(model) or not getattr(model, "inputs", None) or _computes_otherwise(model, keras):
        return None
    if base is keras.Sequential:
        layers = [json.loads(json.dumps(keras.saving.serialize_keras_object(layer))) for layer in model._layers]
        return {"class_name": "Sequential", "config": {"name": model.name, "layers": layers}}
    found = json.loads(keras.Model(model.input, model.output, name=model.name).to_json())
    return {key: found[key] for key in ("class_name", "config")}


def _compile_config(model: Any) -> Any:
    try:
        return json.loads(json.dumps(model.get_compile_config()))
    except Exception:  # as with settings that Keras cannot write: the model is imported without them
        return None


@contextlib.contextmanager
def _describing(model: Any, keras: Any) -> Iterator[None]:
    """Let layers of the user's own that have no config to give say their name alone, while the block runs."""
    mended: list[Any] = []
    try:
        for layer in {id(item): item for item in inside(model)}.values():
            if is_foreign(layer) and layer is not model and not _has_config(layer, keras):
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
