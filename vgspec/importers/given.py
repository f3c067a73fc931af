"""What a call of a layer is given: the arguments of a config's call, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vgspec import codes
from vgspec.importers.calls import ConfigCall, TensorRef, tensors
from vgspec.importers.model_config import Entry, ModelConfig
from vgspec.importers.opaque import named
from vgspec.importers.problem import ImportProblem
from vgspec.ir import Argument, Ref
from vgspec.layers.base import Trait
from vgspec.layers.opaque import is_opaque
from vgspec.source import pointer_join

__all__ = ["Bound", "call_arguments", "nested_inputs"]

Bound = Callable[[TensorRef], Ref]
"""The value in the graph that a tensor of the config is."""

Arguments = tuple[tuple[str, Argument], ...]


def call_arguments(
    entry: Entry, call: ConfigCall, bound: Bound, training: bool | None = None
) -> tuple[Arguments, Ref | None]:
    """The call arguments by name, and the mask that the call was given.

    Arguments that are null or say the default are dropped.

    Args:
        entry: the layer.
        call: the call.
        bound: finds values.
        training: what the calls of nested models around say of ``training``.

    Raises:
        ImportProblem: for an argument that the layer's call does not take, or that a spec cannot write.
    """
    rows = {row.name: row for row in entry.layer.open_arguments}
    if not rows:
        raise ImportProblem(codes.BAD_CALL, "cannot be called on its own", call.pointer, layer=entry.name)
    names = list(rows)
    found: dict[str, Argument] = {}
    mask: Ref | None = None
    for name, value in _given(entry, call, names).items():
        here = pointer_join(call.pointer, "kwargs", name)
        if value is None:
            continue
        argument = _bind(value, bound, here, entry.name)
        if name == "mask" and isinstance(argument, Ref):
            mask = argument
            if name not in rows:
                continue
        elif name == "mask" and name not in rows and not any(True for _ in tensors(value)):
            continue
        if name not in rows:
            if is_opaque(entry.layer):
                continue  # what its class gives every call by itself
            message = f"its call takes no {name!r}"
            if name == "training" and isinstance(value, bool):
                message = f"is called with training={value}, which a spec cannot say"
            raise ImportProblem(codes.BAD_CALL, message, here, layer=entry.name)
        row = rows[name]
        if row.many and isinstance(argument, Ref):
            argument = (argument,)
        if not row.many and row.tensor and isinstance(argument, tuple) and len(argument) == 1:
            argument = argument[0]
        if not row.tensor and argument == row.default:
            continue
        found[name] = argument
    if training is not None and "training" in rows and _heeds_training(entry.layer):
        found["training"] = training
    order = {name: i for i, name in enumerate(names)}
    return tuple(sorted(found.items(), key=lambda item: order[item[0]])), mask


def nested_inputs(entry: Entry, model: ModelConfig, call: ConfigCall) -> list[TensorRef]:
    """The tensors that a call gives a nested model, in the order of the model's inputs.

    Keras matches a mapping with a model of a list of inputs by their names, and anything else in the order in which
    it flattens both.

    Raises:
        ImportProblem: if there are too many or too few.
    """
    wanted = list(tensors(model.inputs))
    first = call.args[0] if call.args else call.kwargs.get("inputs")
    if isinstance(first, Mapping) and not isinstance(model.inputs, Mapping):
        first = tuple(first[ref.layer] for ref in wanted if ref.layer in first)
    rest = (*call.args[1:], *(value for name, value in call.kwargs.items() if name not in ("inputs", "mask")))
    given = list(tensors((first, *rest)))
    if len(given) != len(wanted):
        raise ImportProblem(
            codes.BAD_CONFIG,
            f"the model takes {len(wanted)} inputs, and a call gives {len(given)}",
            call.pointer,
            layer=entry.name,
        )
    return given


def _given(entry: Entry, call: ConfigCall, names: list[str]) -> dict[str, Any]:
    """The values of a call by the names of the arguments, those given by position among them."""
    if is_opaque(entry.layer):
        call = named(call)
    if len(call.args) > len(names):
        count = f"{len(names)} argument{'s' if len(names) != 1 else ''}"
        message = f"its call takes {count}, got {len(call.args)}"
        raise ImportProblem(codes.BAD_CALL, message, call.pointer, layer=entry.name)
    given: dict[str, Any] = dict(zip(names, call.args, strict=False))
    for name, value in call.kwargs.items():
        own = name in ("inputs", "x") and name not in names and names[0] not in given
        given[names[0] if own else name] = value
    return given


def _heeds_training(layer: Any) -> bool:
    """Whether training changes what a layer computes; Dense takes the argument for its quantized forms only."""
    return Trait.KERNEL not in layer.traits or Trait.RECURRENT in layer.traits


def _bind(value: Any, bound: Bound, pointer: str, layer: str) -> Argument:
    if isinstance(value, TensorRef):
        return bound(value)
    if isinstance(value, tuple | list):
        return tuple(_bind(item, bound, pointer, layer) for item in value)
    if isinstance(value, Mapping):
        if "class_name" in value:
            raise ImportProblem(
                codes.BAD_CONFIG_VALUE,
                f"a call gives a {value['class_name']}, which a spec cannot hold",
                pointer,
                layer=layer,
            )
        return {key: _bind(item, bound, pointer, layer) for key, item in value.items()}
    return value
