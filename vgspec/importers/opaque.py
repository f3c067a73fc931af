"""Layers of classes that are not known: their outside, as far as Keras or the config tells it.

A live model tells everything; `vgspec.backends.outsides` writes it beside a layer's config under `OUTSIDE`. A
config by itself tells the shapes of the tensors that other layers read, and nothing of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from vgspec import codes
from vgspec.catalogue.base import canonical_value
from vgspec.diagnostics import Diagnostic
from vgspec.importers.calls import ConfigCall, TensorRef
from vgspec.importers.names import is_foreign, package_of, spec_name
from vgspec.importers.objects import dtype_policy, literal
from vgspec.importers.problem import ImportProblem
from vgspec.ir import Graph
from vgspec.layers.dtypes import compute_dtype
from vgspec.layers.opaque import Opaque
from vgspec.layers.refused import REFUSED
from vgspec.source import pointer_join

__all__ = [
    "NOTES",
    "OUTSIDE",
    "SAME",
    "TIED",
    "Recorded",
    "chained",
    "live_notes",
    "named",
    "opaque_layer",
    "recorded_tensors",
]

OUTSIDE = "vgspec_outside"
"""The key under which the outside of a live layer stands beside its config."""

NOTES = "vgspec_notes"
"""The key beside a live model's config under which sentences stand that the user should read."""

SAME = "vgspec_same"
"""The key under which stands what all entries have in common that are one layer of a live model."""

TIED = "vgspec_tied"
"""The key beside a live model's config under which the weights stand that several layers hold."""

_TOLD = {"weights", "non_trainable", "trainable", "calls", "tied"}

Recorded = Callable[[str, int, int], Mapping[str, Any] | None]
"""The type of an output of a call of a layer, as other layers' calls tell it; None where none does."""

_COMMON = frozenset({"name", "trainable", "dtype", "batch_input_shape", "batch_shape"})


def recorded_tensors(layers: Sequence[Any]) -> Recorded:
    """What the calls of a Keras 3 config tell of the tensors that they read."""
    found: dict[tuple[str, int, int], Mapping[str, Any]] = {}

    def gather(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                gather(item)
        elif isinstance(value, Mapping):
            config = value.get("config")
            if value.get("class_name") != "__keras_tensor__" or not isinstance(config, Mapping):
                for item in value.values():
                    gather(item)
                return
            history, shape = config.get("keras_history"), config.get("shape")
            if isinstance(shape, Mapping):  # a tuple as Keras serialises it
                shape = shape.get("items", (shape.get("config") or {}).get("value"))
            if isinstance(history, list) and len(history) == 3 and isinstance(shape, list):
                name, call, output = history
                if isinstance(name, str) and type(call) is int and type(output) is int:
                    found.setdefault((name, call, output), _tensor(shape, config.get("dtype", "float32")))

    for layer in layers:
        if isinstance(layer, Mapping):
            gather(layer.get("inbound_nodes"))
    return lambda name, call, output: found.get((name, call, output))


def _tensor(shape: Any, dtype: Any) -> dict[str, Any]:
    sizes = {"batch_shape": list(shape)}
    return sizes if dtype == "float32" else {**sizes, "dtype": dtype}


def opaque_layer(
    item: Mapping[str, Any], calls: tuple[ConfigCall, ...], pointer: str, recorded: Recorded, problem: ImportProblem
) -> Opaque:
    """The layer of an unknown class from the outside.

    Args:
        item: its serialised form.
        calls: its calls.
        pointer: its place.
        recorded: what other layers tell of its outputs.
        problem: why it cannot be read.

    Raises:
        ImportProblem: ``problem``, where the class should be known or its outside is not.
    """
    outside = item.get(OUTSIDE)
    outside = outside if isinstance(outside, Mapping) and set(outside) == _TOLD else None
    kind, config = str(item.get("class_name")), item.get("config")
    config = config if isinstance(config, Mapping) else {}
    carries_code = kind in REFUSED and problem.code is codes.CODE_IN_CONFIG
    if problem.code not in (codes.UNKNOWN_CLASS, codes.CODE_IN_CONFIG) or (
        outside is None and not is_foreign(item) and not carries_code
    ):
        raise problem
    name = str(item.get("name", config.get("name")))
    rows = (
        [_call(name, i, call, recorded) for i, call in enumerate(calls)]
        if outside is None
        else literal(outside["calls"], pointer)
    )
    if outside is None and (not rows or any(not row["outputs"] for row in rows)):
        problem.help = (
            "the config does not tell the shape of its output, so that it cannot stand for itself; import the live "
            "model with vgspec.from_keras, or register the class with vgspec.register_layer"
        )
        raise problem
    package = package_of(item)
    module = item.get("module")
    if package in ("", "Custom") and isinstance(module, str) and module != "builtins":
        package = module
    values: dict[str, Any] = {
        "class_name": kind,
        "package": package if is_foreign(item) else "",
        "reason": "" if problem.code is codes.UNKNOWN_CLASS and is_foreign(item) else problem.message,
        "arguments": {} if carries_code else _arguments(config, pointer),
        "calls": _distinct(rows),
        "weights": None if outside is None else outside["weights"],
        "non_trainable": () if outside is None else literal(outside["non_trainable"], pointer),
        "tied": () if outside is None else literal(outside["tied"], pointer),
        "trainable": config.get("trainable") is not False if outside is None else outside["trainable"] is not False,
        "dtype": _policy(config, pointer),
    }
    try:
        return Opaque(**values)
    except ValidationError as error:
        message = f"what is told of its outside has no sense: {error.errors(include_url=False)[0]['msg']}"
        raise ImportProblem(codes.BAD_CONFIG, message, pointer) from None


def live_notes(data: Any, graph: Graph, file: str) -> list[Diagnostic]:
    """What a live model's config says beside its layers: of its class, and of weights that several layers hold.

    Args:
        data: the config.
        graph: what was read of it. An opaque layer counts its weights where they are; any other layer makes its own.
        file: the name that findings show.
    """
    if not isinstance(data, Mapping):
        return []
    told = data.get(NOTES)
    found = [
        codes.IMPORT_CHANGED.diagnostic(text, file=file)
        for text in (told if isinstance(told, list) else ())
        if isinstance(text, str)
    ]
    tied = data.get(TIED)
    for row in tied if isinstance(tied, list) else ():
        if not isinstance(row, Mapping) or not all(
            isinstance(row.get(key), str) for key in ("layer", "weight", "other")
        ):
            continue
        layer = graph.layers.get(".".join(spec_name(part) for part in row["layer"].split(".")))
        if layer is not None and not isinstance(layer, Opaque):
            message = (
                f"the layers {row['layer']!r} and {row['other']!r} hold one weight in common, {row['weight']!r}; "
                "in the spec each has its own"
            )
            found.append(codes.IMPORT_CHANGED.diagnostic(message, file=file, node=row["layer"]))
    return found


def _distinct(rows: Any) -> Any:
    if not isinstance(rows, list | tuple):
        return rows  # the descriptor says what is wrong
    return tuple(row for i, row in enumerate(rows) if row not in rows[:i])


def _policy(config: Mapping[str, Any], pointer: str) -> str | None:
    try:
        return dtype_policy(config.get("dtype"), pointer)
    except ImportProblem:
        return None


def _arguments(config: Any, pointer: str) -> dict[str, Any]:
    """The constructor's arguments in the form of a spec; what has none stays as Keras wrote it."""
    found: dict[str, Any] = {}
    for key, value in config.items() if isinstance(config, Mapping) else ():
        if key in _COMMON or value is None:
            continue
        try:
            found[key] = canonical_value(literal(value, pointer_join(pointer, "config", key)))
        except (ImportProblem, ValidationError):
            found[key] = value
    return found


def named(call: ConfigCall) -> ConfigCall:
    """The call with one mapping of tensors taken apart: its keys are then the names of the arguments."""
    if len(call.args) == 1 and isinstance(call.args[0], Mapping) and call.args[0]:
        return replace(call, args=(), kwargs={**call.args[0], **call.kwargs})
    return call


def _given(call: ConfigCall) -> Iterator[tuple[str, Any]]:
    """The arguments of a call by name; those given by position are called ``inputs``, ``inputs_1`` and so on."""
    call = named(call)
    for i, value in enumerate(call.args):
        yield (f"inputs_{i}" if i else "inputs"), value
    for name, value in call.kwargs.items():
        if value is not None and name != "mask":
            yield name, value


def _call(name: str, index: int, call: ConfigCall, recorded: Recorded) -> dict[str, Any]:
    def typed(value: Any) -> Any:
        if isinstance(value, TensorRef):
            return recorded(value.layer, value.call, value.output) or {"batch_shape": []}
        return [typed(item) for item in value] if isinstance(value, tuple) else value

    inputs = {key: typed(value) for key, value in _given(call)}
    outputs: list[Any] = []
    while (found := recorded(name, index, len(outputs))) is not None:
        outputs.append(found)
    return {"inputs": inputs, "outputs": outputs}


def chained(layers: Sequence[Any]) -> Recorded:
    """What the layers of a Sequential tell of each other's outputs: the shape that the one after was built for.

    The config does not tell the dtype; it is that in which the layer says that it computes.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for item, after in pairwise(layers):
        if not isinstance(item, Mapping) or not isinstance(after, Mapping):
            continue
        built, config = after.get("build_config"), item.get("config")
        shape = built.get("input_shape") if isinstance(built, Mapping) else None
        if isinstance(shape, list) and isinstance(config, Mapping):
            policy = config.get("dtype") if item.get("class_name") == "InputLayer" else _policy(config, "")
            name = str(item.get("name", config.get("name")))
            found[name] = _tensor(shape, compute_dtype(policy if isinstance(policy, str) else None))
    return lambda name, call, output: found.get(name) if call == output == 0 else None
