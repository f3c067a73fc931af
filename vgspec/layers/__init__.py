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

__all__ = [
    "REFUSED",
    "Call",
    "CallArgument",
    "Layer",
    "ShapeError",
    "Trait",
    "Weight",
    "all_layers",
    "find_layer",
    "layer_names",
]


@cache
def find_layer(name: str) -> type[Layer] | None:
    """The descriptor of a Keras layer, or of an operation such as ``ops.add``; None if there is none."""
    module = INDEX.get(name)
    if module is None:
        if name.startswith("ops."):
            from vgspec.layers.operations import find_operation

            return find_operation(name)
        return None
    found: type[Layer] = getattr(importlib.import_module(f"vgspec.layers.{module}"), name)
    return found


def layer_names() -> tuple[str, ...]:
    """The names of all layers that a spec may use, sorted."""
    return tuple(sorted(INDEX))


def all_layers() -> tuple[type[Layer], ...]:
    """Every descriptor, sorted by name; imports all families."""
    return tuple(cls for name in layer_names() if (cls := find_layer(name)) is not None)
