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
        old: whether Keras 2 wrote it, as far as the file tells.
    """

    config: Any
    pointer: str
    compiled: Any
    compiled_at: str
    old: bool = False


def open_envelope(data: Any) -> Envelope:
    """Find the config, and what stands beside it.

    Raises:
        ImportProblem: if another version of Keras wrote it, as the file says.
    """
    pointer, compiled, compiled_at, version = "", None, "", ""
    while isinstance(data, Mapping):
        version = _version(data, pointer) or version
        for key in ("compile_config", "training_config"):
            if compiled is None and data.get(key):
                compiled, compiled_at = data[key], pointer_join(pointer, key)
        key = next((key for key in _WRAPPINGS if isinstance(data.get(key), Mapping)), "")
        if not key:
            break
        data, pointer = data[key], pointer_join(pointer, key)
    old = version == "2" if version else _has_old_form(data)
    return Envelope(data, pointer, compiled if isinstance(compiled, Mapping) else None, compiled_at, old)


def _has_old_form(config: Any) -> bool:
    """Whether the layers of a config lack what Keras 3 writes beside each."""
    inner = config.get("config") if isinstance(config, Mapping) else None
    layers = inner.get("layers") if isinstance(inner, Mapping) else inner
    return isinstance(layers, list) and any(isinstance(item, Mapping) and "module" not in item for item in layers)


def _version(data: Mapping[str, Any], pointer: str) -> str:
    """The major version that the data names; empty if it names none."""
    version = data.get("keras_version")
    if not isinstance(version, str):
        return ""
    if (major := version.partition(".")[0]) in _VERSIONS:
        return major
    known = " and ".join(_VERSIONS)
    raise ImportProblem(
        codes.BAD_CONFIG,
        f"the model was written by Keras {version[:40]}, and vgspec reads what Keras {known} write",
        pointer_join(pointer, "keras_version"),
        help="load the model with a version of Keras that can, and save it again with Keras 3",
    )
