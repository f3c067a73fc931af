"""``compile_config`` of a saved model → `CompileSpec`.

Settings that a spec cannot hold (a loss function of the user's own) do not keep the model from being imported:
the compile section is then left out, and a note says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vgspec import codes
from vgspec.catalogue.base import KerasObject, find
from vgspec.diagnostics import Diagnostic
from vgspec.frontend.compile_section import build_compile
from vgspec.importers.objects import is_serialized, read_object
from vgspec.importers.problem import ImportProblem
from vgspec.source import pointer_join

__all__ = ["read_compile"]

_SKIPPED = frozenset({"weighted_metrics_names", "from_serialized", "sample_weight_mode"})


def read_compile(
    config: Mapping[str, Any], outputs: tuple[str, ...], layers: tuple[str, ...], pointer: str, file: str
) -> tuple[Any, list[Diagnostic]]:
    """The compile settings, or None with a note.

    Args:
        config: the section.
        outputs: the names of the outputs in the graph.
        layers: Keras's names of the layers that they come from: what losses were given by.
        pointer: the section's place.
        file: the name that findings show.
    """
    names = dict(zip(layers, outputs, strict=True)) | {name: name for name in outputs}
    try:
        section: dict[str, Any] = {}
        if isinstance(config.get("optimizer_config"), Mapping):  # Keras 2
            where = pointer_join(pointer, "optimizer_config")
            section["optimizer"] = read_object("optimizer", config["optimizer_config"], where)
        for key, value in config.items():
            where = pointer_join(pointer, key)
            if key == "optimizer":
                section[key] = read_object("optimizer", value, where)
            elif key in ("loss", "metrics", "weighted_metrics"):
                kind = "loss" if key == "loss" else "metric"
                found = _objects(kind, value, where, names)
                if found is not None:
                    section[key] = found
            elif key in ("loss_weights", "run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss"):
                if value is not None:
                    section[key] = _renamed(value, names)
            elif key not in _SKIPPED and key != "optimizer_config":
                raise ImportProblem(codes.UNKNOWN_CONFIG_KEY, f"compile has no argument {key!r}", where)
    except ImportProblem as problem:
        return None, [_note(problem.message, problem.pointer, file)]
    made, problems = build_compile(section, outputs)
    return made, [_note(problem.message, pointer_join(pointer, *problem.path), file) for problem in problems]


def _note(message: str, pointer: str, file: str) -> Diagnostic:
    return codes.IMPORT_CHANGED.diagnostic(f"the compile settings are left out: {message}", pointer=pointer, file=file)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    return {names.get(key, key): item for key, item in value.items()} if isinstance(value, Mapping) else value


def _objects(kind: str, value: Any, pointer: str, names: Mapping[str, str]) -> Any:
    """Objects, names, and lists or mappings of them."""
    if value is None or isinstance(value, KerasObject):
        return value
    if isinstance(value, str):
        if find(kind, value) is None:
            raise ImportProblem(codes.UNKNOWN_CLASS, f"unknown {kind} {value!r}", pointer)
        return value
    if is_serialized(value):
        if isinstance(value["config"], str):  # a function
            return _objects(kind, value["config"], pointer, names)
        return read_object(kind, value, pointer)
    if isinstance(value, Mapping):
        return {
            names.get(key, key): _objects(kind, item, pointer_join(pointer, key), names) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_objects(kind, item, pointer_join(pointer, i), names) for i, item in enumerate(value)]
    raise ImportProblem(codes.BAD_CONFIG_VALUE, f"expected a {kind}, got {value!r:.60}", pointer)
