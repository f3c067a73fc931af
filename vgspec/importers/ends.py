"""The ends of a model in a config: its inputs, and the names of its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vgspec import codes
from vgspec.diagnostics import Diagnostic
from vgspec.importers.calls import TensorRef
from vgspec.importers.model_config import Entry, ModelConfig
from vgspec.importers.problem import ImportProblem
from vgspec.ir import BATCH, Input, Origin, Returns, Tensor
from vgspec.source import pointer_join

__all__ = ["input_keys", "input_places", "is_nested", "model_input", "named_tensors", "returned"]


def model_input(entry: Entry, name: str, file: str) -> Input:
    """The input that an entry is.

    Raises:
        ImportProblem: if it is none, or has a shape or a dtype that a spec cannot hold.
    """
    config, where = entry.config, pointer_join(entry.pointer, "config", "batch_shape")
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    if not entry.is_input:
        raise ImportProblem(codes.BAD_CONFIG, "is listed as an input, but is no InputLayer", entry.pointer, layer=name)
    if isinstance(shape, Mapping):
        shape = shape.get("items", shape.get("config", {}).get("value"))
    sizes = list(shape) if isinstance(shape, list | tuple) else None
    if not sizes or any(not (size is None or (type(size) is int and size > 0)) for size in sizes):
        message = f"expected the shape of an input with its batch axis, got {shape!r:.60}"
        raise ImportProblem(codes.BAD_CONFIG_VALUE, message, where, layer=entry.name)
    if config.get("ragged"):
        raise ImportProblem(codes.BAD_CONFIG_VALUE, "a ragged input has no equal in a spec", where, layer=entry.name)
    dtype = config.get("dtype") or "float32"
    if not isinstance(dtype, str):
        raise ImportProblem(codes.BAD_CONFIG_VALUE, f"expected a dtype, got {dtype!r:.60}", where, layer=entry.name)
    batch = BATCH if sizes[0] is None else sizes[0]
    options = tuple((key, True) for key in ("sparse", "optional") if config.get(key))
    return Input(name, Tensor((batch, *sizes[1:]), dtype), Origin(entry.pointer, file), options)


def input_keys(model: ModelConfig, file: str) -> tuple[Mapping[str, str], list[Diagnostic]]:
    """The keys by which a model takes its inputs, by the inputs' names, and what is to be said of the difference.

    A spec has one name for an input. Where the model takes a dict, that is the key, because the user's data has it.
    """
    structure = model.inputs
    if isinstance(structure, Mapping) and not is_nested(structure):
        layers = {name for name, entry in model.entries.items() if not entry.is_input}
        keys = {ref.layer: key for key, ref in structure.items() if key not in layers}
        return keys, [
            codes.IMPORT_CHANGED.diagnostic(
                f"the input {name!r} is called {key!r} here, which is the key by which the model takes it",
                file=file,
                node=key,
            )
            for name, key in keys.items()
            if name != key
        ]
    return {}, []


def input_places(structure: Any) -> Mapping[str, tuple[str | int, ...]]:
    """For each input of a structure of structures the keys and positions that lead to it; none for a plain one."""
    return dict(_places(structure, ())) if is_nested(structure) else {}


def _places(structure: Any, before: tuple[str | int, ...]) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    if isinstance(structure, TensorRef):
        yield structure.layer, before
        return
    for key, item in structure.items() if isinstance(structure, Mapping) else enumerate(structure):
        yield from _places(item, (*before, key))


def named_tensors(structure: Any) -> Iterator[tuple[str, TensorRef]]:
    """The tensors of a structure of outputs, with the key of each where it is a mapping of tensors."""
    if isinstance(structure, Mapping):
        for key, value in structure.items():
            if isinstance(value, TensorRef):
                yield key, value
            else:
                yield from named_tensors(value)
    elif isinstance(structure, TensorRef):
        yield "", structure
    else:
        for item in structure:
            yield from named_tensors(item)


def is_nested(structure: Any) -> bool:
    """Whether inputs or outputs are more than a tensor, a list of tensors or a dict of tensors."""
    if isinstance(structure, TensorRef):
        return False
    items = structure.values() if isinstance(structure, Mapping) else structure
    return not all(isinstance(item, TensorRef) for item in items)


def returned(structure: Any) -> Returns:
    """What a model returns that has this structure of outputs: a list of one is to Keras the tensor itself."""
    if isinstance(structure, Mapping) and not is_nested(structure):
        return Returns.DICT
    return Returns.TENSOR if len(list(named_tensors(structure))) == 1 else Returns.LIST
