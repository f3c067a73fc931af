"""Layer descriptors by family, and finding one by its Keras name.

A family module is imported when a document first names one of its layers: defining all of them would
cost more than linting does. `vgspec.layers.index` says which module holds which; it is generated from the
modules and checked for freshness.
"""

from __future__ import annotations

import importlib
from functools import cache

from vgspec.layers.base import Call, CallArgument, Layer, ShapeError, Trait, Weight
from vgspec.layers.index import INDEX
from vgspec.layers.refused import REFUSED
from vgspec.layers.registry import REGISTRY, register_layer

__all__ = [
    "REFUSED",
    "REGISTRY",
    "Call",
    "CallArgument",
    "Layer",
    "ShapeError",
    "Trait",
    "Weight",
    "all_layers",
    "find_layer",
    "layer_names",
    "register_layer",
]


def find_layer(name: str) -> type[Layer] | None:
    """The descriptor of a Keras layer, a registered one, or an operation such as ``ops.add``; None if there is none."""
    return _find(name) or REGISTRY.find(name)


@cache
def _find(name: str) -> type[Layer] | None:
    module = INDEX.get(name)
    if module is None:
        if name.startswith("ops."):
            from vgspec.layers.operations import find_operation

            return find_operation(name)
        return None
    found: type[Layer] = getattr(importlib.import_module(f"vgspec.layers.{module}"), name)
    return found


def layer_names() -> tuple[str, ...]:
    """The names of all layers of Keras that a spec may use, sorted."""
    return tuple(sorted(INDEX))


def all_layers() -> tuple[type[Layer], ...]:
    """Every descriptor of a layer of Keras, sorted by name; imports all families."""
    return tuple(cls for name in layer_names() if (cls := find_layer(name)) is not None)
