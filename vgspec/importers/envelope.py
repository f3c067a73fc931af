"""What stands around a model's config in a file: the version of Keras, the compile settings, other tools' wrappings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vgspec import codes
from vgspec.importers.problem import ImportProblem
from vgspec.source import pointer_join

__all__ = ["Envelope", "open_envelope"]

_WRAPPINGS = ("modelTopology", "model_config")
"""Keys under which the config may stand: what TensorFlow.js writes around it, and what HDF5 files do."""

_VERSIONS = ("2", "3")
"""The major versions of Keras that wrote the configs read here."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The config of a model and what stands beside it.

    Attributes:
        config: ``{"class_name", "config", …}``, as far as the file is right.
        pointer: its place.
        compiled: ``compile_config`` of Keras 3 or ``training_config`` of Keras 2, None where there is none.
        compiled_at: its place.
    """

    config: Any
    pointer: str
    compiled: Any
    compiled_at: str


def open_envelope(data: Any) -> Envelope:
    """Find the config, and what stands beside it.

    Raises:
        ImportProblem: if another version of Keras wrote it, as the file says.
    """
    pointer, compiled, compiled_at = "", None, ""
    while isinstance(data, Mapping):
        _check_version(data, pointer)
        for key in ("compile_config", "training_config"):
            if compiled is None and data.get(key):
                compiled, compiled_at = data[key], pointer_join(pointer, key)
        key = next((key for key in _WRAPPINGS if isinstance(data.get(key), Mapping)), "")
        if not key:
            break
        data, pointer = data[key], pointer_join(pointer, key)
    return Envelope(data, pointer, compiled if isinstance(compiled, Mapping) else None, compiled_at)


def _check_version(data: Mapping[str, Any], pointer: str) -> None:
    version = data.get("keras_version")
    if not isinstance(version, str) or version.partition(".")[0] in _VERSIONS:
        return
    known = " and ".join(_VERSIONS)
    raise ImportProblem(
        codes.BAD_CONFIG,
        f"the model was written by Keras {version[:40]}, and vgspec reads what Keras {known} write",
        pointer_join(pointer, "keras_version"),
        help="load the model with a version of Keras that can, and save it again with Keras 3",
    )
