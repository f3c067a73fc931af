"""The built-in functions of expressions: one row each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from vgspec.expressions.errors import ErrorKind
from vgspec.expressions.values import Problem, check_number, is_int, is_number, kind
from vgspec.limits import Limits

__all__ = ["FUNCTIONS", "Function", "make_divisible"]


@dataclass(frozen=True, slots=True)
class Function:
    """A built-in function.

    Attributes:
        name: its name.
        parameters: the names of its parameters, by which arguments may be given too.
        required: how many of them must be given.
        call: computes it from bounds and arguments in the order of ``parameters``, absent ones left out
            at the end or ``MISSING``.
        usage: how it is called, for messages and the reference.
        summary: what it gives, in one sentence.
        variadic: whether it takes any number of positional arguments instead.
    """

    name: str
    parameters: tuple[str, ...]
    required: int
    call: Callable[[Limits, list[object]], object]
    usage: str
    summary: str
    variadic: bool = False

    def check(self, positional: int, keywords: tuple[str, ...]) -> str:
        """What is wrong with a call of this many arguments and these names, or an empty string."""
        if self.variadic:
            if keywords:
                return f"`{self.name}` takes no named arguments"
            return "" if positional else f"`{self.name}` needs an argument"
        for i, word in enumerate(keywords):
            if word not in self.parameters:
                return f"`{self.name}` has no parameter `{word}`"
            if word in keywords[:i] or word in self.parameters[:positional]:
                return f"`{self.name}` is given `{word}` twice"
        if positional > len(self.parameters):
            return f"`{self.name}` takes at most {len(self.parameters)} arguments, not {positional}"
        given = {*self.parameters[:positional], *keywords}
        missing = [word for word in self.parameters[: self.required] if word not in given]
        return f"`{self.name}` is not given `{missing[0]}`" if missing else ""

    def ordered(self, args: list[object], keywords: dict[str, object]) -> list[object]:
        """The arguments in the order of the parameters, `MISSING` for those that are not given."""
        if self.variadic:
            return args
        rest = [keywords.get(word, MISSING) for word in self.parameters[len(args) :]]
        return [*args, *rest]


class _Missing:
    """The type of `MISSING`."""


MISSING = _Missing()
"""Stands for an argument that is not given (``null`` is a value)."""


def make_divisible(value: float, divisor: int = 8, min_value: int | None = None) -> int:
    """The multiple of ``divisor`` nearest to ``value``, never below 90 % of it, nor below ``min_value``.

    The channel rounding of the MobileNet reference code (Sandler et al. 2018, arXiv:1801.04381), where
    halves round up and ``min_value`` defaults to ``divisor``.
    """
    lowest = divisor if min_value is None else min_value
    rounded = max(lowest, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _number(name: str, value: object, limits: Limits) -> int | float:
    if not is_number(value):
        raise Problem(ErrorKind.TYPE, f"`{name}` needs a number, not {kind(value)}")
    assert isinstance(value, (int, float)), "checked above"
    return check_number(value, limits)


def _whole(name: str, what: str, value: object, limits: Limits) -> int:
    if not is_int(value):
        raise Problem(ErrorKind.TYPE, f"the {what} of `{name}` must be a whole number, not {kind(value)}")
    return int(_number(name, value, limits))


def _len(limits: Limits, args: list[object]) -> object:
    value = args[0]
    if not isinstance(value, (str, list, tuple)):
        raise Problem(ErrorKind.TYPE, f"`len` needs a list or text, not {kind(value)}")
    return len(value)


def _extreme(name: str, choose: Callable[[list[int | float]], int | float]) -> Callable[[Limits, list[object]], object]:
    def call(limits: Limits, args: list[object]) -> object:
        values = args
        if len(args) == 1:
            only = args[0]
            if not isinstance(only, (list, tuple)):
                raise Problem(ErrorKind.TYPE, f"`{name}` of one argument needs a list of numbers, not {kind(only)}")
            values = list(only)
        if not values:
            raise Problem(ErrorKind.VALUE, f"`{name}` of an empty list")
        return choose([_number(name, value, limits) for value in values])

    return call


def _ceil(limits: Limits, args: list[object]) -> object:
    return check_number(math.ceil(_number("ceil", args[0], limits)), limits)


def _floor(limits: Limits, args: list[object]) -> object:
    return check_number(math.floor(_number("floor", args[0], limits)), limits)


def _round(limits: Limits, args: list[object]) -> object:
    value = _number("round", args[0], limits)
    if args[1] is MISSING or args[1] is None:
        return check_number(round(value), limits)
    digits = _whole("round", "number of digits", args[1], limits)
    if not -20 <= digits <= 20:
        raise Problem(ErrorKind.VALUE, "the number of digits of `round` must be between -20 and 20")
    try:
        return check_number(round(value, digits), limits)
    except OverflowError:
        raise Problem(ErrorKind.VALUE, "the result is too large for a number") from None


def _make_divisible(limits: Limits, args: list[object]) -> object:
    name = "make_divisible"
    value = _number(name, args[0], limits)
    divisor = 8 if args[1] is MISSING else _whole(name, "divisor", args[1], limits)
    lowest = None if args[2] is MISSING or args[2] is None else _whole(name, "min_value", args[2], limits)
    if divisor < 1:
        raise Problem(ErrorKind.VALUE, f"the divisor of `make_divisible` must be at least 1, not {divisor}")
    return check_number(make_divisible(value, divisor, lowest), limits)


_ROWS = (
    Function("len", ("value",), 1, _len, "len(list)", "The number of items of a list, or of characters."),
    Function("min", (), 1, _extreme("min", min), "min(a, b, ...)", "The smallest argument, or item of a list.", True),
    Function("max", (), 1, _extreme("max", max), "max(a, b, ...)", "The largest argument, or item of a list.", True),
    Function("ceil", ("value",), 1, _ceil, "ceil(value)", "The smallest whole number that is not below."),
    Function("floor", ("value",), 1, _floor, "floor(value)", "The largest whole number that is not above."),
    Function(
        "round",
        ("value", "digits"),
        1,
        _round,
        "round(value, digits)",
        "The nearest whole number, or decimal of that many digits; halves go to the even one.",
    ),
    Function(
        "make_divisible",
        ("value", "divisor", "min_value"),
        1,
        _make_divisible,
        "make_divisible(value, divisor=8, min_value=null)",
        "The nearest multiple of the divisor that is not below 90 % of the value (MobileNet's rule).",
    ),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}
"""The functions by name."""
