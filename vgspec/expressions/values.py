"""Values of expressions: their kinds, and the arithmetic on them, typed and bounded.

Everything here raises `Problem` with words only; the evaluator adds the place.
"""

from __future__ import annotations

import math

from vgspec.expressions.errors import ErrorKind
from vgspec.limits import Limits

__all__ = [
    "Problem",
    "arithmetic",
    "check_int",
    "check_list",
    "check_number",
    "compare",
    "equal",
    "is_int",
    "is_number",
    "kind",
    "power",
]


class Problem(Exception):
    """A value error or type error without a place. Internal: it never leaves the package."""

    def __init__(self, error: ErrorKind, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.hint = hint


def is_int(value: object) -> bool:
    """Whether it is a whole number (a boolean is none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether it is a number (a boolean is none)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def kind(value: object) -> str:
    """The kind of a value in plain words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a mapping"


def check_int(value: int, limits: Limits) -> int:
    """``value`` if it fits into the allowed bits (two's complement)."""
    bound = 1 << (limits.max_int_bits - 1)
    if not -bound <= value < bound:
        raise Problem(ErrorKind.VALUE, f"the result does not fit into {limits.max_int_bits} bits")
    return value


def check_number(value: float, limits: Limits) -> int | float:
    """``value`` if it is finite, and fits where it is a whole number."""
    if isinstance(value, int):
        return check_int(value, limits)
    if not math.isfinite(value):
        raise Problem(ErrorKind.VALUE, "the result is too large for a number")
    return value


def check_list(value: list[object], limits: Limits) -> list[object]:
    """``value`` if it is not too large, the items of lists inside it counted, nor too deep.

    Without this, a chain of parameters of the form ``[p, p]`` would double at each step.
    """
    count, level = 0, [value]
    depth = 0
    while level:
        depth += 1
        below: list[list[object]] = []
        for part in level:
            count += len(part)
            if count > limits.max_list_length:
                raise Problem(ErrorKind.VALUE, f"the list has more than {limits.max_list_length} items")
            below.extend(item for item in part if isinstance(item, (list, tuple)))  # type: ignore[misc]
        level = below
        if depth > limits.max_depth:
            raise Problem(ErrorKind.VALUE, f"the list is nested more than {limits.max_depth} deep")
    return value


def arithmetic(operator: str, left: object, right: object, limits: Limits) -> object:
    """``left operator right`` for ``+ - * / // %``."""
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > limits.max_string_length:
            raise Problem(ErrorKind.VALUE, f"the text is longer than {limits.max_string_length} characters")
        return left + right
    if operator == "+" and isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return check_list([*left, *right], limits)
    if not (is_number(left) and is_number(right)):
        hint = ""
        if isinstance(left, bool) or isinstance(right, bool):
            hint = "to turn a boolean into a number, write `1 if condition else 0`"
        elif operator == "+" and "text" in (kind(left), kind(right)):
            hint = "text is joined to text only"
        raise Problem(ErrorKind.TYPE, f"`{operator}` cannot join {kind(left)} and {kind(right)}", hint)
    assert isinstance(left, (int, float)), "checked above"
    assert isinstance(right, (int, float)), "checked above"
    for operand in (left, right):
        check_number(operand, limits)
    if right == 0 and operator in ("/", "//", "%"):
        raise Problem(ErrorKind.VALUE, f"`{operator}` by zero")
    match operator:
        case "+":
            return check_number(left + right, limits)
        case "-":
            return check_number(left - right, limits)
        case "*":
            return check_number(left * right, limits)
        case "/":
            return check_number(left / right, limits)
        case "//":
            return check_number(left // right, limits)
        case "%":
            return check_number(left % right, limits)
    raise AssertionError(f"no such operator: {operator}")


def power(base: object, exponent: object, limits: Limits) -> int | float:
    """``base ** exponent``, refused before it is computed where the result would be out of bounds."""
    if not (is_number(base) and is_number(exponent)):
        raise Problem(ErrorKind.TYPE, f"`**` cannot join {kind(base)} and {kind(exponent)}")
    assert isinstance(base, (int, float)), "checked above"
    assert isinstance(exponent, (int, float)), "checked above"
    check_number(base, limits)
    check_number(exponent, limits)
    if base == 0 and exponent < 0:
        raise Problem(ErrorKind.VALUE, "zero to a negative power is a division by zero")
    if base < 0 and isinstance(exponent, float) and not exponent.is_integer():
        raise Problem(ErrorKind.VALUE, "a negative number to a fractional power is not a real number")
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        # |base| >= 2 grows by at least one bit a step, so a larger exponent cannot fit.
        if abs(base) >= 2 and exponent > limits.max_int_bits:
            raise Problem(ErrorKind.VALUE, f"the result does not fit into {limits.max_int_bits} bits")
        return check_int(int(base**exponent), limits) if abs(base) >= 2 else _small_power(base, exponent)
    try:
        return check_number(float(base**exponent), limits)
    except OverflowError:
        raise Problem(ErrorKind.VALUE, "the result is too large for a number") from None


def _small_power(base: int, exponent: int) -> int:
    """``base ** exponent`` for a base of -1, 0 or 1, at once for any exponent."""
    if exponent == 0:
        return 1
    return base if exponent % 2 else base * base


def equal(left: object, right: object) -> bool:
    """Equality that keeps kinds apart: ``1 == 1.0``, but ``true`` is not ``1``; lists item by item."""
    if is_number(left) and is_number(right):
        return left == right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    return kind(left) == kind(right) and left == right


def compare(operator: str, left: object, right: object) -> bool:
    """``left operator right`` for ``== != < <= > >=``."""
    numbers = is_number(left) and is_number(right)
    if operator in ("==", "!="):
        if left is not None and right is not None and not numbers and kind(left) != kind(right):
            message = f"`{operator}` compares {kind(left)} with {kind(right)}, which are never equal"
            raise Problem(ErrorKind.TYPE, message)
        return equal(left, right) is (operator == "==")
    if isinstance(left, str) and isinstance(right, str):
        return _ordered(operator, left < right, left == right)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)) and numbers:
        return _ordered(operator, left < right, left == right)
    raise Problem(ErrorKind.TYPE, f"`{operator}` cannot compare {kind(left)} with {kind(right)}")


def _ordered(operator: str, less: bool, same: bool) -> bool:
    return {"<": less, "<=": less or same, ">": not less and not same, ">=": not less}[operator]
