"""Calls of Keras as data: one description that is either evaluated or written out as source.

The model builder and the source writer read the same expressions, so that they cannot drift apart.
Literals (None, bool, int, float, str), tuples, lists and dicts stand for themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vgspec.catalogue.activations import Activation
from vgspec.catalogue.base import KerasObject
from vgspec.ir import Graph, Ref
from vgspec.layers.inner import InnerModel

__all__ = ["Construct", "Expr", "LayerUse", "Name", "Network", "TensorUse", "describe", "describe_value", "parts"]

Expr = Any
"""A literal, a `Construct`, `Name`, `TensorUse`, `LayerUse`, `Network`, or a tuple, list or dict of expressions."""


@dataclass(frozen=True, slots=True)
class Name:
    """A public name of an importable module: ``keras.layers`` and ``Dense``."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class TensorUse:
    """The value of a graph edge."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class LayerUse:
    """The layer object under a key of `Graph.layers`."""

    key: str


@dataclass(frozen=True, slots=True)
class Network:
    """A functional model in the place of a layer."""

    graph: Graph


@dataclass(frozen=True, slots=True)
class Construct:
    """A call of a class or function, or of what another call returns, with named arguments."""

    function: Expr
    kwargs: tuple[tuple[str, Expr], ...] = ()
    args: tuple[Expr, ...] = ()

    def adding(self, **kwargs: Expr) -> Construct:
        """The same call with further named arguments."""
        return Construct(self.function, (*self.kwargs, *kwargs.items()), self.args)


_BY_ALIAS = frozenset({"initializer", "regularizer", "constraint"})


def describe(obj: KerasObject, *, aliases: bool = True) -> Expr:
    """The expression that makes the Keras object of a descriptor.

    Only arguments that differ from Keras's defaults are given, so that a spec builds on every Keras
    version that has the arguments it names. What is no class of Keras but an id (the metric ``accuracy``) stays one.

    Args:
        obj: the descriptor.
        aliases: write an initializer, regularizer or constraint without arguments as its Keras id.
    """
    if isinstance(obj, InnerModel):
        return Network(obj.inner)
    if isinstance(obj, Activation):
        return obj.name if obj.layer is None else describe(obj.layer)
    if not obj.keras_module:  # an id that only ``compile`` understands, such as ``accuracy``
        return obj.spec_value()
    kwargs = tuple((name, describe_value(value)) for name, value in obj.passed())
    if aliases and not kwargs and obj.aliases and obj.kind in _BY_ALIAS:
        return obj.aliases[0]
    return Construct(Name(obj.keras_module, obj.type_name), kwargs)


def describe_value(value: Any) -> Expr:
    """The expression of an argument value."""
    if isinstance(value, KerasObject):
        return describe(value)
    if isinstance(value, tuple | list):
        return type(value)(describe_value(item) for item in value)
    if isinstance(value, Mapping):
        return {key: describe_value(item) for key, item in value.items()}
    return value


def parts(expr: Expr) -> Iterator[Construct | Name | TensorUse | LayerUse | Network]:
    """Every call, name and use inside an expression, outermost first."""
    if isinstance(expr, Construct):
        yield expr
        yield from parts(expr.function)
        for item in expr.args:
            yield from parts(item)
        for _, item in expr.kwargs:
            yield from parts(item)
    elif isinstance(expr, Name | TensorUse | LayerUse | Network):
        yield expr
    elif isinstance(expr, tuple | list):
        for item in expr:
            yield from parts(item)
    elif isinstance(expr, Mapping):
        for item in expr.values():
            yield from parts(item)
