"""``inbound_nodes``: the calls of a layer in a functional config, in Keras 3's form or Keras 2's.

Keras 3 writes a mapping a call, tensors as objects of the class ``__keras_tensor__``::

    {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["conv", 0, 0], …}}], "kwargs": {}}

Keras 2 writes a list a call, tensors as ``[layer, call, output, keyword arguments]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vgspec import codes
from vgspec.importers.problem import ImportProblem
from vgspec.source import pointer_join

__all__ = ["ConfigCall", "TensorRef", "read_calls", "read_structure", "tensors"]


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A tensor of a config: an output of a call of a layer.

    Attributes:
        layer: the layer's name.
        call: the number of the call, as written.
        output: the number of the output, structures flattened.
        pointer: where it stands.
        old: whether it is counted as Keras 2 counts (and as both count in a model's own inputs and outputs): the
            call that made a nested model is number 0.
    """

    layer: str
    call: int
    output: int
    pointer: str
    old: bool = False


@dataclass(frozen=True, slots=True)
class ConfigCall:
    """One call: structures of `TensorRef` and literals; ``raw`` holds what an operation reads itself."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    pointer: str
    raw: Mapping[str, Any]

    def tensors(self) -> Iterator[TensorRef]:
        """Every tensor that the call reads, in order."""
        yield from tensors((*self.args, *self.kwargs.values()))


def tensors(value: Any) -> Iterator[TensorRef]:
    """The tensors in a structure, in order."""
    if isinstance(value, TensorRef):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item)


def _flattened(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The items of a mapping in the order in which Keras counts the tensors in it: that of its sorted keys."""
    return sorted(value.items())


def read_calls(value: Any, pointer: str) -> tuple[ConfigCall, ...]:
    """The calls of a layer.

    Raises:
        ImportProblem: if they are in neither form.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ImportProblem(codes.BAD_CONFIG, f"expected a list of calls, got {value!r:.60}", pointer)
    found = []
    for i, item in enumerate(value):
        where = pointer_join(pointer, i)
        if isinstance(item, Mapping) and "args" in item:
            found.append(_new_call(item, where))
        else:
            found.append(_old_call(item, where))
    return tuple(found)


def _new_call(item: Mapping[str, Any], pointer: str) -> ConfigCall:
    args, kwargs = item.get("args"), item.get("kwargs", {})
    if isinstance(args, Mapping) and args.get("class_name") == "__tuple__":
        args = args.get("config", {}).get("value", args.get("items"))
    if not isinstance(args, list) or not isinstance(kwargs, Mapping):
        raise ImportProblem(codes.BAD_CONFIG, "a call has 'args', a list, and 'kwargs', a mapping", pointer)
    return ConfigCall(
        tuple(_structure(value, pointer_join(pointer, "args", i)) for i, value in enumerate(args)),
        {name: _structure(value, pointer_join(pointer, "kwargs", name)) for name, value in kwargs.items()},
        pointer,
        {"args": args, "kwargs": kwargs},
    )


def _structure(value: Any, pointer: str) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_structure(item, pointer_join(pointer, i)) for i, item in enumerate(value))
    if not isinstance(value, Mapping):
        return value
    kind = value.get("class_name")
    if kind == "__keras_tensor__":
        return keras_tensor(value, pointer)
    if kind == "__tuple__":
        content = value.get("config", {})
        items = value.get("items", content.get("value", ()) if isinstance(content, Mapping) else ())
        return tuple(_structure(item, pointer_join(pointer, "config", "value", i)) for i, item in enumerate(items))
    if kind is not None:
        return value  # an array, a slice: what takes it knows it
    return {key: _structure(item, pointer_join(pointer, key)) for key, item in _flattened(value)}


def keras_tensor(value: Mapping[str, Any], pointer: str) -> TensorRef:
    """The tensor that a ``__keras_tensor__`` stands for.

    Raises:
        ImportProblem: if it does not say where it comes from.
    """
    config = value.get("config")
    history = config.get("keras_history") if isinstance(config, Mapping) else None
    found = _leaf(history, pointer_join(pointer, "config", "keras_history"))
    if found is None:
        raise ImportProblem(codes.BAD_CONFIG, "a tensor that does not say where it comes from", pointer)
    return found


def _leaf(value: Any, pointer: str, *, old: bool = False) -> TensorRef | None:
    if not isinstance(value, list | tuple) or len(value) not in (3, 4) or not isinstance(value[0], str):
        return None
    layer, call, output = value[:3]
    if type(call) is not int or type(output) is not int:
        return None
    return TensorRef(layer, call, output, pointer, old)


def _old_call(item: Any, pointer: str) -> ConfigCall:
    kwargs: dict[str, Any] = {}
    args = _old_structure(item, pointer, kwargs)
    if not any(True for _ in tensors(args)):
        raise ImportProblem(codes.BAD_CONFIG, f"a call in no form that Keras writes: {item!r:.60}", pointer)
    if isinstance(args, tuple) and len(args) == 1:
        args = args[0]
    return ConfigCall((args,), kwargs, pointer, {})


def _old_structure(value: Any, pointer: str, kwargs: dict[str, Any]) -> Any:
    found = _leaf(value, pointer, old=True)
    if found is not None:
        given = value[3] if len(value) == 4 else {}
        if not isinstance(given, Mapping):
            raise ImportProblem(
                codes.BAD_CONFIG, "the keyword arguments of a call are a mapping", pointer_join(pointer, 3)
            )
        for name, item in given.items():
            where = pointer_join(pointer, 3, name)
            kwargs[name] = _old_keyword(item, where)
        return found
    if isinstance(value, list | tuple):
        return tuple(_old_structure(item, pointer_join(pointer, i), kwargs) for i, item in enumerate(value))
    if isinstance(value, Mapping):
        return {key: _old_structure(item, pointer_join(pointer, key), kwargs) for key, item in _flattened(value)}
    raise ImportProblem(codes.BAD_CONFIG, f"a call in no form that Keras writes: {value!r:.60}", pointer)


def _old_keyword(value: Any, pointer: str) -> Any:
    found = _leaf(value, pointer, old=True)
    if found is not None:
        return found
    if isinstance(value, list):
        return tuple(_old_keyword(item, pointer_join(pointer, i)) for i, item in enumerate(value))
    return value


def read_structure(value: Any, pointer: str) -> Any:
    """The inputs or outputs of a model: a `TensorRef`, or a tuple or dict of structures.

    Keys are sorted, as Keras does when it numbers the tensors of a structure.

    Raises:
        ImportProblem: for anything else.
    """
    found = _leaf(value, pointer, old=True)
    if found is not None:
        return found
    if isinstance(value, list | tuple):
        return tuple(read_structure(item, pointer_join(pointer, i)) for i, item in enumerate(value))
    if isinstance(value, Mapping):
        return {key: read_structure(item, pointer_join(pointer, key)) for key, item in _flattened(value)}
    raise ImportProblem(codes.BAD_CONFIG, f"expected [layer, call, output], got {value!r:.60}", pointer)
