"""From what Keras serialises to descriptors.

Keras writes an object as ``{"module", "class_name", "config", "registered_name"}`` with *every* argument; a
spec names what differs from the default. Keys that only Keras's serialisation has are in visible tables here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from vgspec import codes
from vgspec.catalogue.base import KerasObject, Kind, UnknownObjectError, find, known_names, refused
from vgspec.diagnostics import nearest
from vgspec.importers.keras2 import ABSENT, OLD_CLASSES, OLD_KEYS, renamed
from vgspec.importers.names import is_foreign, package_of
from vgspec.importers.problem import ImportProblem
from vgspec.layers.registry import REGISTRY
from vgspec.layers.suggestions import REGISTER, layer_help
from vgspec.source import pointer_join

__all__ = ["dtype_policy", "is_serialized", "layer_class", "literal", "read_layer", "read_object"]

_SKIPPED = frozenset({"name", "build_config", "compile_config", "batch_input_shape", "batch_shape", "registered_name"})
"""Keys that say something of the object in its model, not of the object."""

_SKIPPED_BY_KIND: Mapping[str, frozenset[str]] = {
    "metric": frozenset({"dtype"}),
    "initializer": frozenset({"dtype"}),  # of TensorFlow 1
    "loss": frozenset({"fn"}),
    "optimizer": frozenset({"is_legacy_optimizer", "jit_compile"}),
}
_SKIPPED_BY_CLASS: Mapping[str, frozenset[str]] = {
    "Bidirectional": frozenset(
        {"return_sequences", "return_state", "stateful", "go_backwards", "zero_output_for_mask"}
    ),
    "RNN": frozenset(),
}


def is_serialized(value: Any) -> bool:
    """Whether a value has the form in which Keras writes objects."""
    if not isinstance(value, Mapping) or not isinstance(value.get("class_name"), str):
        return False
    return isinstance(value.get("config"), Mapping | str)


def dtype_policy(value: Any, pointer: str) -> str | None:
    """The name of a dtype or dtype policy; None for ``float32``, the default.

    Raises:
        ImportProblem: for a policy that a spec cannot hold.
    """
    if is_serialized(value):
        kind, config = value["class_name"], value["config"]
        name = config.get("name") if isinstance(config, Mapping) else config
        if kind not in ("DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1"):
            raise ImportProblem(
                codes.BAD_CONFIG_VALUE,
                f"a spec has no dtype policy of the kind {kind}",
                pointer,
                help="import the model as it was before it was quantized",
            )
        value = name
    if value is None or value == "float32":
        return None
    if not isinstance(value, str):
        raise ImportProblem(codes.BAD_CONFIG_VALUE, f"expected a dtype policy, got {value!r:.60}", pointer)
    return value


def layer_class(entry: Mapping[str, Any], pointer: str) -> tuple[str, type[KerasObject]]:
    """The descriptor class of a serialised layer.

    Raises:
        ImportProblem: for a class that is unknown, or that is refused because it carries code.
    """
    name = entry.get("class_name")
    where = pointer_join(pointer, "class_name")
    if not isinstance(name, str):
        raise ImportProblem(codes.BAD_CONFIG, "an object without a class name", where)
    name = OLD_CLASSES.get(name, name)
    if reason := refused("layer").get(name):
        raise ImportProblem(codes.CODE_IN_CONFIG, f"{name} cannot stand in a spec: {reason}", where)
    cls, foreign = find("layer", name), is_foreign(entry)
    if cls is None or (foreign and name not in REGISTRY.names()):
        package, module = package_of(entry), entry.get("module")
        shown = f"{package}>{name}" if package else name
        origin = f" of {module}" if isinstance(module, str) and foreign and not package else ""
        help = REGISTER if foreign else layer_help(name, known_names("layer"), exists=True)
        raise ImportProblem(codes.UNKNOWN_CLASS, f"unknown layer class {shown}{origin}", where, help=help)
    return name, cls


def read_layer(entry: Mapping[str, Any], pointer: str) -> Any:
    """The descriptor of a serialised layer.

    Raises:
        ImportProblem: for anything a descriptor does not take.
    """
    name, cls = layer_class(entry, pointer)
    config = entry.get("config")
    if not isinstance(config, Mapping):
        raise ImportProblem(codes.BAD_CONFIG, f"{name} has no config", pointer_join(pointer, "config"))
    return _make("layer", name, cls, config, pointer_join(pointer, "config"))


def read_object(kind: str, value: Any, pointer: str) -> Any:
    """The object of a kind that a serialised value stands for; None passes.

    Raises:
        ImportProblem: for an unknown class or a wrong value.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return value if not isinstance(value, list) else tuple(value)
    if set(value) == {"value"} or value.get("class_name") == "__lambda__":  # the byte code of a lambda
        raise ImportProblem(
            codes.CODE_IN_CONFIG,
            f"the {kind} is a Python function without a name",
            pointer,
            help="a spec holds classes and functions of Keras only",
        )
    if not is_serialized(value):
        raise ImportProblem(codes.BAD_CONFIG_VALUE, f"expected a serialised {kind}, got {value!r:.60}", pointer)
    name, config = value["class_name"], value["config"]
    if isinstance(config, str):  # a function of Keras's own, by name
        if name in ("function", "__lambda__") and find_name(kind, config):
            return config
        raise ImportProblem(
            codes.CODE_IN_CONFIG,
            f"the {kind} {config!r:.60} is a Python function",
            pointer,
            help="a spec holds classes and functions of Keras only",
        )
    if kind == "layer" and name in ("Functional", "Model", "Sequential"):
        from vgspec.importers.keras_config import read_network

        return read_network(value, pointer)
    if kind == "layer" or (kind == "activation" and find("layer", name) is not None):
        return read_layer(value, pointer)
    cls = find(kind, name)
    if cls is None or is_foreign(value):
        reason = refused(kind).get(name)
        near = nearest(name, known_names(kind))
        shown = f"{package_of(value)}>{name}" if package_of(value) else name
        raise ImportProblem(
            codes.CODE_IN_CONFIG if reason else codes.UNKNOWN_CLASS,
            f"{name} cannot stand in a spec: {reason}" if reason else f"unknown {kind} {shown}",
            pointer_join(pointer, "class_name"),
            help=f"did you mean {near!r}?" if near and not reason and cls is None else "",
        )
    return _make(kind, name, cls, config, pointer_join(pointer, "config"))


def find_name(kind: str, name: str) -> bool:
    """Whether Keras itself has something of this kind under this name."""
    if kind == "activation":
        from vgspec.catalogue.activations import activation_names

        return name in activation_names()
    return find(kind, name) is not None


def _make(kind: str, name: str, cls: type[KerasObject], config: Mapping[str, Any], pointer: str) -> Any:
    fields = cls.model_fields
    skipped = _SKIPPED | _SKIPPED_BY_KIND.get(kind, frozenset()) | _SKIPPED_BY_CLASS.get(name, frozenset())
    values: dict[str, Any] = dict(ABSENT.get(name, {})) if kind == "layer" else {}
    for old, value in config.items():
        where = pointer_join(pointer, old)
        key, value = renamed(name, old, value)
        if key == "dtype" and "dtype" in fields and kind == "layer":
            values[key] = dtype_policy(value, where)
        elif key in fields and not (key == "name" and kind != "activation"):
            values[key] = _value(fields[key], _as_given(kind, name, key, value), where)
        elif key in skipped or old in skipped:
            continue
        elif old in OLD_KEYS.get(name, {}) or old in OLD_KEYS["*"]:
            allowed = OLD_KEYS.get(name, {}).get(old, OLD_KEYS["*"].get(old))
            if allowed is not None and value not in allowed:
                raise ImportProblem(
                    codes.BAD_CONFIG_VALUE, f"{name} of Keras 2 with {old} = {value!r} has no equal in Keras 3", where
                )
        else:
            near = nearest(old, fields)
            help = f"did you mean {near!r}?" if near else ""
            if kind == "layer" and REGISTRY.find(name) is cls:
                help = (
                    f"the layer's class writes it into its config: give the descriptor of {name} a field of this name"
                )
            raise ImportProblem(codes.UNKNOWN_CONFIG_KEY, f"{name} has no argument {old!r}", where, help=help)
    try:
        made = cls(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = pointer_join(pointer, *[str(part) for part in first["loc"][:1]])
        given = "" if first["type"] == "missing" else f", got {first['input']!r:.60}"
        argument = f"{first['loc'][0]}: " if first["loc"] else ""
        message = f"{name}: {argument}{_plain(str(first['msg']))}{given}"
        raise ImportProblem(codes.BAD_CONFIG_VALUE, message, place) from None
    except UnknownObjectError as error:
        raise ImportProblem(codes.BAD_CONFIG_VALUE, f"{name}: {error}", pointer) from None
    return _without_derived(made)


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be ", "expected ")


def _kind(field: Any) -> Kind | None:
    return next((item for item in field.metadata if isinstance(item, Kind)), None)


def _value(field: Any, value: Any, pointer: str) -> Any:
    kind = _kind(field)
    if kind is None:
        return literal(value, pointer)
    if kind.many and isinstance(value, list | tuple):
        return tuple(read_object(kind.name, item, pointer_join(pointer, i)) for i, item in enumerate(value))
    return read_object(kind.name, value, pointer)


def literal(value: Any, pointer: str) -> Any:
    """Plain data with tuples for lists; Keras's wrappers of tuples, arrays and seeds are opened.

    Raises:
        ImportProblem: for a serialised object where a plain value belongs.
    """
    if isinstance(value, list | tuple):
        return tuple(literal(item, pointer_join(pointer, i)) for i, item in enumerate(value))
    if not isinstance(value, Mapping):
        return value
    if not is_serialized(value):
        return {key: literal(item, pointer_join(pointer, key)) for key, item in value.items()}
    kind, config = value["class_name"], value["config"]
    config = config if isinstance(config, Mapping) else {}
    if kind in ("__tuple__", "TensorShape"):
        return literal(value.get("items", config.get("value", config.get("items", ()))), pointer)
    if kind in ("__numpy__", "__tensor__"):
        return literal(config.get("value"), pointer)
    if kind == "SeedGenerator":
        return config.get("seed")
    if kind in ("DTypePolicy", "Policy"):
        return dtype_policy(value, pointer) or "float32"
    kinds = ("layer", "initializer", "regularizer", "constraint", "schedule", "optimizer", "optimizer_map")
    for name in kinds:
        if find(name, kind) is not None:
            return read_object(name, value, pointer)
    raise ImportProblem(codes.UNKNOWN_CLASS, f"unknown class {kind}", pointer_join(pointer, "class_name"))


# --- arguments that Keras works out, and writes as if they had been given -------------------------------


def _pool_strides(layer: Any) -> dict[str, Any]:
    return {"strides": None} if layer.strides == layer.pool_size else {}


def _same_backward(layer: Any) -> dict[str, Any]:
    given = layer.backward_layer
    return {"backward_layer": None} if given == layer.forward.replace(go_backwards=given.go_backwards) else {}


def _value_dim(layer: Any) -> dict[str, Any]:
    return {"value_dim": None} if layer.value_dim == layer.key_dim else {}


def _one_axis(layer: Any) -> dict[str, Any]:
    return {"axis": layer.axis[0]} if isinstance(layer.axis, tuple) and len(layer.axis) == 1 else {}


def _known_size(layer: Any) -> dict[str, Any]:
    return {"vocabulary_size": None} if layer.vocabulary is not None else {}


def _integer_dtype(layer: Any) -> dict[str, Any]:
    return {"dtype": None} if layer.dtype == "int64" else {}


_DERIVED: tuple[tuple[tuple[str, ...], str, Callable[[Any], dict[str, Any]]], ...] = (
    ((), "pool_size", _pool_strides),
    (("Bidirectional",), "backward_layer", _same_backward),
    (("MultiHeadAttention",), "value_dim", _value_dim),
    (("LayerNormalization", "RMSNormalization", "UnitNormalization", "Normalization"), "axis", _one_axis),
    (("IntegerLookup", "StringLookup", "TextVectorization"), "vocabulary_size", _known_size),
    (("Hashing", "HashedCrossing"), "dtype", _integer_dtype),
)
"""By classes (any, where none is named) and an argument that they have: the changes that take back what Keras worked
out from other arguments, or from a default."""


def _without_derived(made: Any) -> Any:
    fields = type(made).model_fields
    changes: dict[str, Any] = {}
    if "data_format" in fields and fields["data_format"].default is None and made.data_format == "channels_last":
        changes["data_format"] = None
    for classes, name, derive in _DERIVED:
        if (not classes or made.type_name in classes) and name in fields and getattr(made, name) is not None:
            if name == "pool_size" and "strides" not in fields:
                continue
            changes |= derive(made)
    return made.replace(**changes) if changes else made


_OWN_DTYPES: Mapping[str, str] = dict.fromkeys(("IoU", "BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"), "int64")
"""Metrics whose dtype is not ``float32`` by default."""


def _as_given(kind: str, name: str, key: str, value: Any) -> Any:
    """An argument as a person gave it, before Keras made it a 32-bit number or wrote a default out."""
    if kind == "metric" and key == "dtype":
        value = dtype_policy(value, "") or "float32"
        return None if value == _OWN_DTYPES.get(name, "float32") else value
    if kind == "optimizer" and key == "exclude_layers" and not value:
        return None
    return _short_float(value) if kind in ("optimizer", "regularizer", "schedule") else value


def _short_float(value: Any) -> Any:
    """The shortest decimal that is the same 32-bit number; anything else as it is."""
    if not isinstance(value, float) or not math.isfinite(value) or abs(value) > 1e38:
        return value

    def rounded(number: float) -> float:
        found: float = struct.unpack("f", struct.pack("f", number))[0]
        return found

    if rounded(value) != value or len(repr(value)) < 12:
        return value
    return next(short for digits in range(1, 18) if rounded(short := float(f"{value:.{digits}g}")) == value)
