"""Reading an operation from the config of a functional Keras model.

There an operation is a layer entry like any other: a class of ``keras.src.ops`` with its settings, and under
``inbound_nodes`` the arguments of its call, with tensors, numbers, arrays and slices mixed::

    {"class_name": "Multiply", "module": "keras.src.ops.numpy", "config": {"name": "multiply"},
     "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", …}, 0.5], "kwargs": {}}]}

Nothing here runs code of the config or of Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from vgspec.layers.operations import find_operation, from_keras_class
from vgspec.layers.operations.base import Operation
from vgspec.layers.operations.indexing import key_text

__all__ = ["OperationConfigError", "read_operation"]

T = TypeVar("T")

_IGNORED = frozenset({"name", "trainable"})
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "ops.threshold": {"threshold_value": "threshold", "value": "default_value"},  # before Keras 3.11
}
_FIXED: Mapping[str, Mapping[str, Any]] = {"ops.layer_normalization": {"rms_scaling": False}}
"""Settings that are no parameters of the function, with the value that it gives them."""
_ARRAYS = ("__numpy__", "__tensor__")
_LITERAL_ARRAYS = ("float32", "int32", "bool")


class OperationConfigError(ValueError):
    """An operation that a spec cannot hold.

    Attributes:
        path: where in the layer's entry, as a JSON pointer such as ``/inbound_nodes/0/args/1``.
    """

    def __init__(self, message: str, path: str = "") -> None:
        """Keep the place."""
        self.path = path
        super().__init__(message)


def read_operation(
    class_name: str,
    settings: Mapping[str, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    tensor: Callable[[Any], T | None],
    *,
    node: int = 0,
) -> tuple[Operation, tuple[tuple[str, T | tuple[T, ...]], ...]]:
    """The operation of one call, with its literals, and the tensors of the call by operand.

    Args:
        class_name: the class, such as ``Multiply``.
        settings: its ``config``.
        args: the call's ``args``.
        kwargs: the call's ``kwargs``.
        tensor: gives the tensor that a serialized argument stands for, or None if it is none.
        node: the number of the call, for the error's path.

    Raises:
        OperationConfigError: for an unknown class, parameter or value.
    """
    name = from_keras_class(class_name)
    cls = None if name is None else find_operation(name)
    if name is None or cls is None:
        raise OperationConfigError(f"unknown operation {class_name!r}", "/class_name")
    fields = _settings(name, cls, settings)
    operands = {row.name: row for row in cls.call_arguments}
    given: dict[str, T | tuple[T, ...]] = {}
    for parameter, value, path in _parameters(cls, args, kwargs, f"/inbound_nodes/{node}"):
        found = tensor(value)
        if parameter in operands and found is not None:
            given[parameter] = (found,) if operands[parameter].many else found
        elif parameter in operands and operands[parameter].many:
            given[parameter] = _several(value, tensor, path)
        elif parameter in cls.model_fields:
            fields[parameter] = _literal(value, path, key=parameter == "key")
        else:
            raise OperationConfigError(f"{name} takes no literal as {parameter!r}", path)
    try:
        operation = cls(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "/".join(str(part) for part in first["loc"][:1])
        raise OperationConfigError(f"{name}: {first['msg']}", f"/config/{place}") from None
    return operation, tuple((row.name, given[row.name]) for row in cls.call_arguments if row.name in given)


def _settings(name: str, cls: type[Operation], settings: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in settings.items():
        parameter = _RENAMED.get(name, {}).get(key, key)
        if key in _IGNORED or (key == "dtype" and not cls.takes_dtype):
            continue
        if key in _FIXED.get(name, {}):
            if value != _FIXED[name][key]:
                raise OperationConfigError(f"{name} cannot have {key} = {value!r}", f"/config/{key}")
        elif parameter not in cls.model_fields:
            raise OperationConfigError(f"{name} has no parameter {key!r}", f"/config/{key}")
        else:
            fields[parameter] = _literal(value, f"/config/{key}")
    return fields


def _parameters(
    cls: type[Operation], args: Sequence[Any], kwargs: Mapping[str, Any], path: str
) -> list[tuple[str, Any, str]]:
    """The arguments of the call with their names; variadic ones as one list."""
    names = cls.keras_parameters or tuple(row.name for row in cls.call_arguments)
    if cls.positional:  # a variadic call, such as einsum's
        return [(names[-1], list(args), f"{path}/args")]
    if len(args) > len(names):
        raise OperationConfigError(f"{cls.keras_name} takes {len(names)} arguments, got {len(args)}", f"{path}/args")
    found = [(name, value, f"{path}/args/{i}") for i, (name, value) in enumerate(zip(names, args, strict=False))]
    for name, value in kwargs.items():
        if name not in names:
            raise OperationConfigError(f"ops.{cls.keras_name} has no parameter {name!r}", f"{path}/kwargs/{name}")
        found.append((name, value, f"{path}/kwargs/{name}"))
    return [row for row in found if row[1] is not None]


def _several(value: Any, tensor: Callable[[Any], T | None], path: str) -> tuple[T, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    found = []
    for index, item in enumerate(items):
        one = tensor(item)
        if one is None:
            raise OperationConfigError("takes tensors only", f"{path}/{index}")
        found.append(one)
    return tuple(found)


def _literal(value: Any, path: str, *, key: bool = False) -> Any:
    """A serialized literal as plain data, with tuples for lists."""
    if isinstance(value, list | tuple):
        return tuple(_literal(item, f"{path}/{index}", key=key) for index, item in enumerate(value))
    if not isinstance(value, Mapping):
        return value
    kind, content = value.get("class_name"), value.get("config")
    if key and kind == "__ellipsis__":
        return key_text(...)
    content = content if isinstance(content, Mapping) else {}
    if key and kind == "__slice__":
        parts = [content.get(part) for part in ("start", "stop", "step")]
        if all(part is None or type(part) is int for part in parts):
            return key_text(slice(*parts))
    if kind == "__tuple__":
        return _literal(value.get("items", content.get("items", ())), path, key=key)
    if kind in _ARRAYS:
        if content.get("dtype") not in _LITERAL_ARRAYS:
            raise OperationConfigError(f"an array of {content.get('dtype')} cannot be written as data", path)
        return _literal(content.get("value"), path)
    raise OperationConfigError("a value that is no number, text, list or slice", path)
