"""The form of a model's config: its layers with their calls, nested models among them, inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from vgspec import codes
from vgspec.importers.calls import ConfigCall, TensorRef, read_calls, read_structure
from vgspec.importers.keras2 import REFUSED_CLASSES
from vgspec.importers.names import is_foreign
from vgspec.importers.objects import read_layer
from vgspec.importers.opaque import SAME, Recorded, chained, opaque_layer, recorded_tensors
from vgspec.importers.problem import ImportProblem
from vgspec.source import pointer_join

__all__ = ["Entry", "ModelConfig", "is_model", "read_model"]

FUNCTIONAL = ("Functional", "Model")
SEQUENTIAL = ("Sequential",)
_MAX_NESTING = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One layer of a model.

    Attributes:
        name: Keras's name.
        pointer: its place.
        config: its ``config``.
        calls: its calls.
        layer: its descriptor; None for inputs, operations and nested models.
        model: the nested model that it is.
        operation: the class of the operation that it is.
        is_input: whether it is an input.
        same: what all entries that are one layer of a live model have in common; empty for a layer with one entry.
    """

    name: str
    pointer: str
    config: Mapping[str, Any]
    calls: tuple[ConfigCall, ...] = ()
    layer: Any = None
    model: ModelConfig | None = None
    operation: str = ""
    is_input: bool = False
    same: str = ""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A functional or sequential model; ``inputs`` and ``outputs`` are structures of `TensorRef`.

    ``own_class`` is the name of its class where that is not one of Keras's.
    """

    name: str
    pointer: str
    entries: Mapping[str, Entry]
    inputs: Any
    outputs: Any
    functional: bool
    own_class: str = ""

    def own_classes(self) -> Iterator[ModelConfig]:
        """The models of classes of the user's own: itself and those inside."""
        if self.own_class:
            yield self
        for entry in self.entries.values():
            if entry.model is not None:
                yield from entry.model.own_classes()


def is_model(entry: Mapping[str, Any]) -> bool:
    """Whether a serialised object is a model that says how it computes."""
    return _form(entry) is not None


def _form(entry: Mapping[str, Any]) -> str | None:
    """``Functional`` or ``Sequential``: what a model's config is, for a class of the user's own by what it holds."""
    kind, config = entry.get("class_name"), entry.get("config")
    if kind in FUNCTIONAL or kind in SEQUENTIAL:
        return FUNCTIONAL[0] if kind in FUNCTIONAL else SEQUENTIAL[0]
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if not is_foreign(entry) or not isinstance(layers, list) or not layers or not isinstance(config, Mapping):
        return None
    if not all(isinstance(item, Mapping) and "class_name" in item and "config" in item for item in layers):
        return None
    ends = ("input_layers" in config, "output_layers" in config)
    return FUNCTIONAL[0] if all(ends) else None if any(ends) else SEQUENTIAL[0]


def read_model(data: Any, pointer: str, problems: list[ImportProblem], depth: int = 0) -> ModelConfig:
    """Read a model; what is wrong with single layers goes to ``problems``, and they are left out.

    Raises:
        ImportProblem: if it is no model's config.
    """
    if depth > _MAX_NESTING:
        raise ImportProblem(codes.LIMIT_EXCEEDED, f"models nested more than {_MAX_NESTING} deep", pointer)
    if not isinstance(data, Mapping) or not isinstance(data.get("class_name"), str):
        raise ImportProblem(codes.NO_CONFIG, "there is no config of a Keras model here", pointer)
    if not is_model(data):
        raise ImportProblem(
            codes.UNKNOWN_CLASS,
            f"the model is a {data['class_name']}, and only functional and sequential models say how they compute",
            pointer_join(pointer, "class_name"),
            help="import the live model with vgspec.from_keras, or a functional model: keras.Model(inputs, outputs)",
        )
    config, here = data.get("config"), pointer_join(pointer, "config")
    if isinstance(config, list):  # Sequential, before Keras 2.2.3
        config = {"layers": config, "name": "sequential"}
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(layers, list):
        raise ImportProblem(codes.BAD_CONFIG, "a model's config has no layers: it is cut short", here)
    name = config.get("name")
    name = name if isinstance(name, str) else "model"
    own = "" if data["class_name"] in (*FUNCTIONAL, *SEQUENTIAL) else str(data["class_name"])
    if _form(data) in SEQUENTIAL:
        return replace(_sequential(name, config, layers, here, problems, depth), own_class=own)
    entries: dict[str, Entry] = {}
    recorded = recorded_tensors(layers)
    for i, item in enumerate(layers):
        where = pointer_join(here, "layers", i)
        found = _entry(item, where, problems, depth, recorded)
        if found is None:
            continue
        if found.name in entries:
            raise ImportProblem(codes.BAD_CONFIG, f"two layers are called {found.name!r}", where)
        entries[found.name] = found
    missing = [key for key in ("input_layers", "output_layers") if key not in config]
    if missing:
        raise ImportProblem(codes.BAD_CONFIG, f"the model has no {missing[0]}: it is cut short", here)
    inputs = read_structure(config["input_layers"], pointer_join(here, "input_layers"))
    outputs = read_structure(config["output_layers"], pointer_join(here, "output_layers"))
    return ModelConfig(name, pointer, entries, inputs, outputs, functional=True, own_class=own)


def _entry(
    item: Any,
    pointer: str,
    problems: list[ImportProblem],
    depth: int,
    recorded: Recorded,
    before: TensorRef | None = None,
) -> Entry | None:
    if not isinstance(item, Mapping):
        raise ImportProblem(codes.BAD_CONFIG, f"expected a layer, got {item!r:.60}", pointer)
    config = item.get("config")
    config = config if isinstance(config, Mapping) else {}
    name = item.get("name", config.get("name"))
    if name is None and item.get("class_name") in SEQUENTIAL and isinstance(item.get("config"), list):
        name = "sequential"  # before Keras 2.2.3 a Sequential had no name in its config
    if not isinstance(name, str):
        raise ImportProblem(codes.BAD_CONFIG, "a layer without a name", pointer)
    kind, module = item.get("class_name"), item.get("module")
    try:
        calls = read_calls(item.get("inbound_nodes"), pointer_join(pointer, "inbound_nodes"))
        if kind == "InputLayer":
            return Entry(name, pointer, config, is_input=True)
        if isinstance(kind, str) and kind in REFUSED_CLASSES:
            where = pointer_join(pointer, "class_name")
            raise ImportProblem(codes.CODE_IN_CONFIG, f"{kind}: {REFUSED_CLASSES[kind]}", where)
        if is_model(item):
            return Entry(name, pointer, config, calls, model=read_model(item, pointer, problems, depth + 1))
        if isinstance(module, str) and module.startswith("keras.src.ops"):
            return Entry(name, pointer, config, calls, operation=str(kind))
        try:
            layer = read_layer(item, pointer)
        except ImportProblem as problem:
            chain = () if before is None else (ConfigCall((before,), {}, pointer, {}),)
            layer = opaque_layer(item, calls or chain, pointer, recorded, problem)
        same = item.get(SAME)
        return Entry(name, pointer, config, calls, layer=layer, same=same if isinstance(same, str) else "")
    except ImportProblem as problem:
        problem.layer = problem.layer or name
        problems.append(problem)
        return None


def _sequential(
    name: str,
    config: Mapping[str, Any],
    layers: list[Any],
    here: str,
    problems: list[ImportProblem],
    depth: int,
) -> ModelConfig:
    """A chain, with the input that its first layer or its built shape tells of."""
    entries: dict[str, Entry] = {}
    before: TensorRef | None = None
    lost = False
    recorded = chained(layers)
    for i, item in enumerate(layers):
        where = pointer_join(here, "layers", i)
        found = _entry(item, where, problems, depth, recorded, before)
        if found is None:
            lost = lost or before is None
            continue
        if found.name in entries and found.model is not None and isinstance(item.get("config"), list):
            found = replace(found, name=next(n for i in count(1) if (n := f"{found.name}_{i}") not in entries))
        if found.name in entries:
            raise ImportProblem(codes.BAD_CONFIG, f"two layers are called {found.name!r}", where)
        if before is None and not found.is_input:
            shape = found.config.get("batch_input_shape", found.config.get("batch_shape"))
            if shape is None and found.model is not None:
                shape = _input_shape(found.model)
            shape = config.get("build_input_shape") if shape is None else shape
            if shape is None and lost:  # the first layer would have said it, and what is wrong with that is said
                continue
            if shape is None:
                raise ImportProblem(
                    codes.BAD_CONFIG,
                    f"the Sequential {name!r} does not say its input's shape",
                    here,
                    help="build the model before saving it, or put a keras.Input first",
                )
            dtype = found.config.get("dtype") if found.config.get("batch_input_shape") is not None else None
            dtype = dtype if isinstance(dtype, str) else "float32"
            start = f"{name}_input" if f"{name}_input" not in entries else "input"
            entries[start] = Entry(start, here, {"batch_shape": shape, "dtype": dtype}, is_input=True)
            before = TensorRef(start, 0, 0, here)
        if before is None:
            before = TensorRef(found.name, 0, 0, where)
            entries[found.name] = found
            continue
        call = ConfigCall((before,), {}, where, {"args": [before], "kwargs": {}})
        entries[found.name] = replace(found, pointer=where, calls=(call,))
        before = TensorRef(found.name, 0, 0, where)
    if before is None:
        raise (
            problems.pop() if lost else ImportProblem(codes.BAD_CONFIG, f"the Sequential {name!r} has no layers", here)
        )
    first = next(iter(entries))
    return ModelConfig(name, here, entries, TensorRef(first, 0, 0, here), before, functional=False)


def _input_shape(model: ModelConfig) -> Any:
    if not isinstance(model.inputs, TensorRef):
        return None
    return model.entries[model.inputs.layer].config.get("batch_shape")
