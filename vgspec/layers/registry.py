"""Layers of other packages: descriptors that are registered, explicitly or by an installed package.

A package declares its descriptors as entry points of the group ``vgspec.layers``, each under the layer's name::

    [project.entry-points."vgspec.layers"]
    GatedUnit = "my_package.descriptors:GatedUnit"

It is imported when a document first names the layer. A document itself can name layers, never modules: what a
spec may use is decided by what is installed on the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from vgspec.layers.index import INDEX
from vgspec.layers.refused import REFUSED

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from vgspec.layers.base import Layer

__all__ = ["GROUP", "REGISTRY", "Registry", "register_layer"]

GROUP = "vgspec.layers"
L = TypeVar("L", bound="type[Layer]")


@dataclass(slots=True)
class Registry:
    """The descriptors that were registered in this process."""

    found: dict[str, type[Layer]] = field(default_factory=dict)

    def find(self, name: str) -> type[Layer] | None:
        """The descriptor of a registered layer; imports the package that declares it."""
        if name in self.found:
            return self.found[name]
        point = entry_points().get(name)
        if point is None or name in INDEX or name in REFUSED:
            return None
        self.add(point.load(), name)
        return self.found[name]

    def add(self, cls: type[Layer], name: str | None = None) -> None:
        """Register a descriptor.

        Raises:
            TypeError: if it is no descriptor.
            ValueError: if its name cannot be used, or it does not say where its Keras class is.
        """
        from vgspec.layers.base import Layer

        if not (isinstance(cls, type) and issubclass(cls, Layer)):
            raise TypeError(f"expected a subclass of vgspec.layers.Layer, got {cls!r}")
        own = cls.__name__
        if name is not None and name != own:
            raise ValueError(f"the entry point {name!r} leads to {own!r}; a layer has the name of its descriptor")
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", own):
            raise ValueError(f"{own!r} is no name of a layer: it begins with a capital and has letters and digits")
        if own in INDEX or own in REFUSED:
            raise ValueError(f"{own!r} is a layer of Keras")
        if self.found.get(own, cls) is not cls:
            raise ValueError(f"another layer is registered as {own!r} already")
        if cls.keras_module.split(".")[0] == "keras":
            raise ValueError(f"{own} does not say where its Keras class is: set keras_module to the package's module")
        self.found[own] = cls

    def names(self) -> tuple[str, ...]:
        """The names of all layers that are registered or declared, sorted."""
        declared = (name for name in entry_points() if name not in INDEX and name not in REFUSED)
        return tuple(sorted({*self.found, *declared}))


REGISTRY = Registry()
"""The one registry of the process: registration is something that a process does, not a document."""


@cache
def entry_points() -> dict[str, EntryPoint]:
    """The declarations of installed packages, by layer."""
    from importlib.metadata import entry_points as installed

    return {point.name: point for point in installed(group=GROUP)}


def register_layer(cls: L) -> L:
    """Let specs use a layer of an installed package; can stand above the descriptor as a decorator.

    Args:
        cls: the descriptor, a subclass of `vgspec.layers.Layer`. Its name is that of the Keras class, its fields are
            the constructor's arguments, ``keras_module`` the module that the class is imported from. The rules that
            it does not give are unknown, never guessed.

    Raises:
        TypeError: if it is no descriptor.
        ValueError: if its name cannot be used, or it does not say where its Keras class is.
    """
    REGISTRY.add(cls)
    return cls
