"""Python source of expressions, broken over lines the way ``ruff format`` does.

A spec's strings reach the source only through `literal`, so they can never become code.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vgspec.backends.construct import Construct, Expr, LayerUse, Name, TensorUse

__all__ = ["INDENT", "WIDTH", "Joined", "Variable", "assignment", "expression", "literal"]

WIDTH = 100
"""Columns of a line of generated source."""

INDENT = "    "


class Variable(str):
    """A Python name in the generated source."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """The text in a variable, followed by a fixed text."""

    variable: Variable
    text: str


def literal(value: Any) -> str:
    """A literal that evaluates to ``value``: None, a bool, int, float or string.

    Raises:
        TypeError: for any other type.
    """
    if value is None or type(value) is bool or type(value) is int:
        return repr(value)
    if type(value) is float:
        return repr(value) if math.isfinite(value) else f'float("{value!r}")'
    if type(value) is str:
        text = repr(value)
        return f'"{text[1:-1]}"' if text[0] == "'" and "'" not in value and '"' not in value else text
    if isinstance(value, slice):
        return f"slice({literal(value.start)}, {literal(value.stop)}, {literal(value.step)})"
    if value is Ellipsis:
        return "..."
    raise TypeError(f"no literal for a {type(value).__name__}")


def expression(expr: Expr, *, before: int = 0, after: int = 0, indent: int = 0) -> str:
    """An expression as source.

    Args:
        expr: without uses, other than as `Variable`.
        before: columns taken on the first line, indentation included.
        after: columns that must be left on the last line.
        indent: depth of the line, in steps.
    """
    flat = _flat(expr)
    if before + len(flat) + after <= WIDTH:
        return flat
    if isinstance(expr, Construct):
        return _broken_call(expr, before, after, indent)
    if isinstance(expr, Mapping) and expr:
        items = [(f"{_flat(key)}: ", value) for key, value in expr.items()]
        return "{\n" + _one_per_line(items, indent + 1) + INDENT * indent + "}"
    if isinstance(expr, tuple | list) and expr:
        opening, closing = "()" if isinstance(expr, tuple) else "[]"
        return opening + "\n" + _one_per_line([("", item) for item in expr], indent + 1) + INDENT * indent + closing
    return flat


def assignment(target: str, expr: Expr, indent: int) -> str:
    """The lines of ``target = expr``."""
    head = f"{INDENT * indent}{target} = " if target else f"{INDENT * indent}return "
    return head + expression(expr, before=len(head), indent=indent) + "\n"


def _flat(expr: Expr) -> str:
    if isinstance(expr, Variable):
        return str(expr)
    if isinstance(expr, Name):
        return str(expr)
    if isinstance(expr, Joined):
        return f"{expr.variable} + {literal(expr.text)}" if expr.text else str(expr.variable)
    if isinstance(expr, Construct):
        return f"{_flat(expr.function)}({', '.join(prefix + _flat(item) for prefix, item in _call_items(expr))})"
    if isinstance(expr, Mapping):
        return "{" + ", ".join(f"{_flat(key)}: {_flat(value)}" for key, value in expr.items()) + "}"
    if isinstance(expr, tuple):
        return f"({_flat(expr[0])},)" if len(expr) == 1 else f"({', '.join(map(_flat, expr))})"
    if isinstance(expr, list):
        return f"[{', '.join(map(_flat, expr))}]"
    if isinstance(expr, TensorUse | LayerUse):
        raise TypeError(f"{expr} has no name in the source")
    return literal(expr)


def _call_items(call: Construct) -> list[tuple[str, Expr]]:
    """The arguments with what stands before each; a name that is no identifier goes through a dict."""
    plain = [(f"{name}=", value) for name, value in call.kwargs if is_identifier(name)]
    other = {name: value for name, value in call.kwargs if not is_identifier(name)}
    return [*(("", item) for item in call.args), *plain, *([("**", other)] if other else [])]


def is_identifier(name: str) -> bool:
    """Whether ``name`` is an ASCII identifier that Python leaves free."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _broken_call(call: Construct, before: int, after: int, indent: int) -> str:
    """Break inside the last brackets if what stands before them fits; else, for ``F(…)(x)``, inside those of ``F``."""
    items = _call_items(call)
    head = _flat(call.function)
    if isinstance(call.function, Construct) and before + len(head) + 1 > WIDTH:
        rest = f"({', '.join(prefix + _flat(item) for prefix, item in items)})"
        if _call_items(call.function):
            return _broken_call(call.function, before, len(rest) + after, indent) + rest
    if not items:
        return head + "()"
    one_line = ", ".join(prefix + _flat(item) for prefix, item in items)
    inner = INDENT * (indent + 1)
    fits = len(inner) + len(one_line) <= WIDTH
    body = f"{inner}{one_line}\n" if fits else _one_per_line(items, indent + 1)
    return f"{head}(\n{body}{INDENT * indent})"


def _one_per_line(items: list[tuple[str, Expr]], indent: int) -> str:
    lines = []
    for prefix, item in items:
        head = INDENT * indent + prefix
        lines.append(head + expression(item, before=len(head), after=1, indent=indent) + ",\n")
    return "".join(lines)
