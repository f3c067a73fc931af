"""vgspec: declarative Keras model specs, compiled and linted for vanishing gradients before training.

The public API is small and loads on first use: importing vgspec imports neither pydantic nor Keras.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which takes a while to load
if TYPE_CHECKING:
    from typing import Any

    from vgspec.api import compile_spec, from_keras, lint_spec, load_spec, profile_spec
    from vgspec.layers.registry import register_layer
    from vgspec.settings import Settings, SettingsError, find_settings, load_settings
    from vgspec.spec import Spec, SpecError

__version__ = "0.1.0"

__all__ = [
    "Settings",
    "SettingsError",
    "Spec",
    "SpecError",
    "__version__",
    "compile_spec",
    "find_settings",
    "from_keras",
    "lint_spec",
    "load_settings",
    "load_spec",
    "profile_spec",
    "register_layer",
]

_HOMES = {
    "register_layer": "vgspec.layers.registry",
    "compile_spec": "vgspec.api",
    "from_keras": "vgspec.api",
    "lint_spec": "vgspec.api",
    "load_spec": "vgspec.api",
    "profile_spec": "vgspec.api",
    "Settings": "vgspec.settings",
    "SettingsError": "vgspec.settings",
    "find_settings": "vgspec.settings",
    "load_settings": "vgspec.settings",
    "Spec": "vgspec.spec",
    "SpecError": "vgspec.spec",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'vgspec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
