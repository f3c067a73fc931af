"""Tree → text, with no more parentheses than needed."""

from __future__ import annotations

from vgspec.expressions.tree import (
    Arithmetic,
    Call,
    Compare,
    Conditional,
    Expr,
    Index,
    ListOf,
    Literal,
    Logical,
    Name,
    Negate,
    Not,
    Power,
)

__all__ = ["unparse"]

_IF, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(10)


def unparse(expr: Expr) -> str:
    """The text of ``expr`` as a whole scalar: ``$name`` or ``$(...)``; parsing it gives ``expr`` again."""
    return f"${expr.name}" if isinstance(expr, Name) else f"$({_text(expr)})"


def _level(expr: Expr) -> int:
    match expr:
        case Conditional():
            return _IF
        case Logical():
            return _OR if expr.operator == "or" else _AND
        case Not():
            return _NOT
        case Compare():
            return _COMPARE
        case Arithmetic():
            return _SUM if expr.rest[0][0] in "+-" else _PRODUCT
        case Negate():
            return _UNARY
        case Power():
            return _POWER
    return _ATOM


def _at(expr: Expr, level: int) -> str:
    """The text of ``expr``, in parentheses if it binds looser than ``level``."""
    text = _text(expr)
    return text if _level(expr) >= level else f"({text})"


def _text(expr: Expr) -> str:
    match expr:
        case Literal():
            return _literal(expr.value)
        case Name():
            return expr.name
        case ListOf():
            return f"[{', '.join(map(_text, expr.items))}]"
        case Negate():
            return expr.sign + _at(expr.operand, _UNARY)
        case Power():
            return f"{_at(expr.base, _ATOM)} ** {_at(expr.exponent, _UNARY)}"
        case Arithmetic() | Compare():
            own = _level(expr) + 1
            parts = "".join(f" {operator} {_at(part, own)}" for operator, part in expr.rest)
            return _at(expr.first, own) + parts
        case Not():
            return f"not {_at(expr.operand, _NOT)}"
        case Logical():
            own = _level(expr) + 1
            return f" {expr.operator} ".join(_at(part, own) for part in expr.operands)
        case Conditional():
            return f"{_at(expr.yes, _OR)} if {_at(expr.condition, _OR)} else {_at(expr.no, _IF)}"
        case Index():
            return f"{_at(expr.base, _ATOM)}[{_text(expr.index)}]"
        case Call():
            named = [f"{word}={_text(part)}" for word, part in expr.keywords]
            return f"{expr.function}({', '.join([*map(_text, expr.args), *named])})"


def _literal(value: float | str | bool | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
        # Single quotes where possible, so that the whole can stand in double quotes.
        return f'"{text}"' if "'" in text and '"' not in text else "'" + text.replace("'", "\\'") + "'"
    return repr(value)
