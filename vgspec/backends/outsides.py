"""What can be seen of a live model's layers from the outside, written beside their configs.

Under ``vgspec_outside``: a layer's weights, and for each call the types of the tensors that went in and came out.
Under ``vgspec_same``: a name that all entries have which stand for one layer object in different models.
Under ``vgspec_tied``, beside the model: the weights that several layers hold.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vgspec.layers.naming import numbered, snake_case

__all__ = ["add_outsides", "inside", "is_foreign", "nested_models"]

# The keys of `vgspec.importers.opaque`; backends import nothing of the importers.
_OUTSIDE = "vgspec_outside"
_SAME = "vgspec_same"
_TIED = "vgspec_tied"


def is_foreign(layer: Any) -> bool:
    """Whether a layer's class is not one of Keras's own."""
    return not type(layer).__module__.startswith(("keras.", "tensorflow."))


def inside(layer: Any) -> Iterator[Any]:
    """The layers that a layer holds, itself among them."""
    flatten = getattr(layer, "_flatten_layers", None)
    yield from flatten() if flatten is not None else (layer,)


def entries(config: Any, model: Any) -> Iterator[tuple[Any, Any]]:
    """The entries of a model's config, each with the layer that it stands for."""
    inner = config.get("config")
    listed = inner.get("layers", ()) if isinstance(inner, Mapping) else ()
    layers = {layer.name: layer for layer in model.layers}
    for entry in listed:
        layer = layers.get(entry.get("name") or entry["config"].get("name"))
        if layer is not None:
            yield entry, layer


def nested_models(config: Any, model: Any, keras: Any) -> Iterator[tuple[Any, Any]]:
    """The entries that stand for models which are put together from layers, with these models."""
    for entry, layer in entries(config, model):
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None) and getattr(layer, "layers", ()):
            yield entry, layer


@dataclass(frozen=True, slots=True)
class _Place:
    """A layer that is no model, where it stands in the tree of models."""

    entry: Any
    layer: Any
    model: Any
    path: str


def _places(config: Any, model: Any, prefix: str) -> Iterator[_Place]:
    for entry, layer in entries(config, model):
        if entry.get("class_name") in ("Functional", "Sequential"):
            yield from _places(entry, layer, f"{prefix}{layer.name}.")
        else:
            yield _Place(entry, layer, model, prefix + layer.name)


def add_outsides(config: Any, model: Any, keras: Any) -> None:
    """Write what is seen of the layers beside their configs, and which weights several of them hold."""
    places = list(_places(config, model, ""))
    paths: dict[int, list[str]] = {}
    reached: dict[int, list[Any]] = {}
    for place in places:
        paths.setdefault(id(place.layer), []).append(place.path)
        reached.setdefault(id(place.layer), []).extend(_calls(place.layer, place.model))
    owners: dict[int, _Place] = {}
    for place in sorted(places, key=lambda place: is_foreign(place.layer)):  # Keras's own hold what they say
        for weight in place.layer.weights:
            owners.setdefault(id(weight), place)
    tied: list[dict[str, Any]] = []
    for place in places:
        layer, names = place.layer, paths[id(place.layer)]
        if len(names) > 1:
            place.entry[_SAME] = names[0]
        others: dict[str, str] = {}
        weights = _weight_names(layer)
        for weight, name in zip(layer.weights, weights, strict=True):
            owner = owners[id(weight)]
            if owner.layer is not layer:
                others[name] = owner.path
        tied += [{"layer": place.path, "weight": name, "other": other} for name, other in others.items()]
        if layer._inbound_nodes:
            place.entry[_OUTSIDE] = _outside(layer, weights, others, reached[id(layer)])
    if tied:
        config[_TIED] = tied


def _weight_names(layer: Any) -> list[str]:
    """The names of a layer's weights, each once, in Keras's order."""
    found: dict[str, None] = {}
    plain = _plain_names(layer)
    for weight in layer.weights:
        path = weight.path.removeprefix(f"{layer.name}/").split("/")
        found[numbered("/".join(plain.get(part, part) for part in path), found)] = None
    return list(found)


def _outside(layer: Any, names: list[str], others: Mapping[str, str], reached: list[Any]) -> dict[str, Any]:
    """The weights and the calls of a layer; those that another one holds are named, and counted there."""
    weights: dict[str, list[int]] = {}
    frozen: list[str] = []
    trainable = {id(weight) for weight in layer.weights if weight.trainable}
    for weight, name in zip(layer.weights, names, strict=True):
        if name in others:
            continue
        weights[name] = [int(size) for size in weight.shape]
        if id(weight) not in trainable:
            frozen.append(name)
    calls = [_call(layer, node) for node in reached]
    found: dict[str, Any] = {"weights": weights, "calls": calls, "tied": list(others)}
    if not layer.trainable and len(frozen) == len(weights):
        return found | {"non_trainable": [], "trainable": False}
    return found | {"non_trainable": frozen, "trainable": True}


def _plain_names(layer: Any) -> dict[str, str]:
    """The names of the layers inside, numbered from their owner on where Keras numbered them.

    So that two layers of one class look alike wherever they stand.
    """
    found: dict[str, str] = {}
    for item in inside(layer):
        base = snake_case(type(item).__name__)
        if item is not layer and item.name not in found and re.fullmatch(rf"{re.escape(base)}(_\d+)?", item.name):
            found[item.name] = numbered(base, found.values())
    return found


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
