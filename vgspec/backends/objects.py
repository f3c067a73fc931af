"""From expressions and descriptors to Keras objects."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from vgspec.backends.construct import Construct, Expr, LayerUse, Name, Network, TensorUse, describe, describe_value
from vgspec.backends.runtime import load_keras
from vgspec.catalogue.base import KerasObject

__all__ = ["UnsupportedError", "evaluate", "find_public", "to_keras", "to_keras_value", "unsupported"]

Use = TensorUse | LayerUse


class UnsupportedError(Exception):
    """The installed Keras has no such class, function or argument."""


def to_keras(obj: KerasObject, **extra: Any) -> Any:
    """Build the Keras object that a descriptor stands for.

    Args:
        obj: the descriptor.
        extra: further keyword arguments, such as ``name``.

    Raises:
        UnsupportedError: if the installed Keras lacks the class or one of the arguments.
    """
    expr = describe(obj, aliases=False)
    return evaluate(expr.adding(**extra) if isinstance(expr, Construct) else expr)


def to_keras_value(value: Any) -> Any:
    """An argument value as Keras takes it."""
    return evaluate(describe_value(value))


def evaluate(expr: Expr, lookup: Callable[[Use], Any] | None = None) -> Any:
    """The value of an expression.

    Args:
        expr: the expression.
        lookup: gives the tensor or layer of a use; not needed for an expression without any.

    Raises:
        UnsupportedError: if the installed Keras lacks a class, function or argument.
        Exception: whatever Keras raises for values it refuses.
    """
    if isinstance(expr, Construct):
        function = find_public(expr.function)
        args = [evaluate(item, lookup) for item in expr.args]
        kwargs = {name: evaluate(item, lookup) for name, item in expr.kwargs}
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            if reason := unsupported(expr):
                raise UnsupportedError(reason) from error
            raise
    if isinstance(expr, Name):
        return find_public(expr)
    if isinstance(expr, Network):
        from vgspec.backends.keras_model import build_model

        return build_model(expr.graph)
    if isinstance(expr, TensorUse | LayerUse):
        if lookup is None:
            raise KeyError(expr)
        return lookup(expr)
    if isinstance(expr, tuple | list):
        return type(expr)(evaluate(item, lookup) for item in expr)
    if isinstance(expr, Mapping):
        return {key: evaluate(item, lookup) for key, item in expr.items()}
    return expr


def find_public(name: Name) -> Any:
    """The class or function behind a public name.

    Raises:
        UnsupportedError: if the module or the name does not exist.
    """
    module: Any = sys.modules.get(name.module)
    if module is None:
        if name.module.split(".")[0] == "keras":
            load_keras()
        try:
            module = importlib.import_module(name.module)
        except ImportError as error:
            raise UnsupportedError(f"{_owner(name)} has no module {name.module!r}") from error
    try:
        return getattr(module, name.name)
    except AttributeError as error:
        raise UnsupportedError(f"{_owner(name)} has no {name.name!r}") from error


def _owner(name: Name) -> str:
    """The package of a name, in words."""
    return f"Keras {load_keras().__version__}" if name.module.split(".")[0] == "keras" else name.module


def unsupported(expr: Construct) -> str | None:
    """Why the installed version cannot make this call: a missing class or argument; None if neither is missing.

    Nothing is called.
    """
    try:
        function = find_public(expr.function)
    except UnsupportedError as error:
        return str(error)
    known = _parameters(function)
    if known is None:
        return None
    missing = [name for name, _ in expr.kwargs if name not in known]
    if not missing:
        return None
    owner = f"Keras {load_keras().__version__}" if expr.function.module.split(".")[0] == "keras" else "the package"
    what = "argument" if len(missing) == 1 else "arguments"
    listed = ", ".join(repr(name) for name in missing)
    return f"{expr.function.name} of {owner} has no {what} {listed}"


_BASE_LAYER = frozenset({"activity_regularizer", "trainable", "dtype", "autocast", "name", "input_shape", "input_dim"})


@lru_cache(maxsize=1024)
def _parameters(function: Any) -> frozenset[str] | None:
    """The named parameters a callable takes, through ``**kwargs`` to its base classes; None if open-ended."""
    owners = inspect.getmro(function) if inspect.isclass(function) else (function,)
    names: set[str] = set()
    for owner in owners:
        target = owner.__dict__.get("__init__") if inspect.isclass(owner) else owner
        if target is None:
            continue
        try:
            parameters = inspect.signature(target).parameters.values()
        except (TypeError, ValueError):
            return None
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if owner.__module__.split(".")[0] != "keras":  # it may take more out of its ``**kwargs``, by name
            names |= {item for item in _constants(target) if item.isidentifier()}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return frozenset(names)
        if inspect.isclass(owner) and owner.__name__ == "Layer":
            return frozenset(names) | _BASE_LAYER
    return None


def _constants(function: Any) -> Iterator[str]:
    """The strings that a function written in Python mentions."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    yield from (item for item in getattr(code, "co_consts", ()) if isinstance(item, str))
