"""The tree of an expression.

Operators of one precedence level stand side by side (``a + b - c`` is one `Arithmetic` of three operands),
so the tree is only as deep as the expression is nested, and walking it by recursion is safe. Positions take
no part in equality: two expressions are equal if they mean the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "Arithmetic",
    "Call",
    "Compare",
    "Conditional",
    "Expr",
    "Index",
    "ListOf",
    "Literal",
    "Logical",
    "Name",
    "Negate",
    "Not",
    "Power",
    "operands",
]

Range: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A number, a string, ``true``, ``false`` or ``null``. ``1``, ``1.0`` and ``true`` are three things."""

    value: int | float | str | bool | None
    place: Range = field(default=(0, 0), compare=False, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and (type(self.value), self.value) == (
            type(other.value),
            other.value,
        )

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Name:
    """A parameter or the variable of a repeat."""

    name: str
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListOf:
    """``[a, b, c]``."""

    items: tuple[Expr, ...]
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negate:
    """``-x``, or ``+x`` with ``sign="+"``."""

    sign: str
    operand: Expr
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Power:
    """``base ** exponent``."""

    base: Expr
    exponent: Expr
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Operands joined by ``+ -``, or by ``* / // %``, from left to right."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """``a < b <= c``: true if every neighbouring pair compares true."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """``not x``."""

    operand: Expr
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Logical:
    """Operands joined by ``and``, or by ``or``; evaluated only as far as needed."""

    operator: str
    operands: tuple[Expr, ...]
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Conditional:
    """``yes if condition else no``; only the chosen side is evaluated."""

    condition: Expr
    yes: Expr
    no: Expr
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Index:
    """``xs[i]``; a negative ``i`` counts from the end."""

    base: Expr
    index: Expr
    place: Range = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the built-in functions."""

    function: str
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str, Expr], ...] = ()
    place: Range = field(default=(0, 0), compare=False, repr=False)


Expr: TypeAlias = (
    Literal | Name | ListOf | Negate | Power | Arithmetic | Compare | Not | Logical | Conditional | Index | Call
)


def operands(expr: Expr) -> Iterator[Expr]:
    """The direct parts of an expression, from left to right."""
    match expr:
        case Literal() | Name():
            return
        case ListOf():
            yield from expr.items
        case Negate() | Not():
            yield expr.operand
        case Power():
            yield expr.base
            yield expr.exponent
        case Arithmetic() | Compare():
            yield expr.first
            yield from (part for _, part in expr.rest)
        case Logical():
            yield from expr.operands
        case Conditional():
            yield expr.yes
            yield expr.condition
            yield expr.no
        case Index():
            yield expr.base
            yield expr.index
        case Call():
            yield from expr.args
            yield from (part for _, part in expr.keywords)
