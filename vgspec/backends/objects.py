"""From descriptors to Keras objects, by the names and arguments that the descriptors hold as data."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from vgspec.catalogue.activations import Activation
from vgspec.catalogue.base import KerasObject

__all__ = ["to_keras", "to_keras_value"]


def to_keras(obj: KerasObject, **extra: Any) -> Any:
    """Build the Keras object that a descriptor stands for.

    Only arguments that differ from Keras's defaults are passed, so that a spec builds on every supported
    Keras version that has the arguments it names.

    Args:
        obj: the descriptor.
        extra: further keyword arguments, such as ``name``.

    Raises:
        AttributeError: if the installed Keras has no such class.
    """
    module = importlib.import_module(obj.keras_module)
    cls = getattr(module, obj.type_name)
    return cls(**{name: to_keras_value(value) for name, value in obj.changed()}, **extra)


def to_keras_value(value: Any) -> Any:
    """An argument value as Keras takes it."""
    if isinstance(value, Activation):
        return value.name if value.layer is None else to_keras(value.layer)
    if isinstance(value, KerasObject):
        return to_keras(value)
    if isinstance(value, tuple | list):
        return type(value)(to_keras_value(item) for item in value)
    if isinstance(value, Mapping):
        return {key: to_keras_value(item) for key, item in value.items()}
    return value
