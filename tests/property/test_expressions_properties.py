"""Properties of expressions: total, printable, and in agreement with Python."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vgspec.expressions import ErrorKind, Expr, ExpressionError, evaluate, names, parse, unparse
from vgspec.expressions.tree import (
    Arithmetic,
    Call,
    Compare,
    Conditional,
    Index,
    ListOf,
    Literal,
    Logical,
    Name,
    Negate,
    Not,
    Power,
)
from vgspec.limits import Limits

ENV: dict[str, Any] = {
    "a": 3,
    "b": -2,
    "x": 2.5,
    "z": 0,
    "t": True,
    "f": False,
    "s": "relu",
    "xs": [1, 2, 3],
    "n": None,
}
ROOMY = Limits(max_expression_length=100_000)

literals = (
    st.integers(0, 2**63 - 1)
    | st.integers(0, 9)
    | st.floats(0, 1e300, allow_nan=False)
    | st.sampled_from(["relu", "", "it's", 'a "b"', "\\", "\n\t", "é😀"])
    | st.booleans()
    | st.none()
).map(Literal)
leaves = literals | st.sampled_from(sorted(ENV)).map(Name) | st.just(Name("unknown"))


def _rest(operators: str, inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[tuple[tuple[str, Expr], ...]]:
    return st.lists(st.tuples(st.sampled_from(operators.split()), inner), min_size=1, max_size=3).map(tuple)


def _grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    some = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        st.builds(ListOf, some),
        st.builds(Negate, st.sampled_from("+-"), inner),
        st.builds(Power, inner, inner),
        st.builds(Arithmetic, inner, _rest("+ -", inner)),
        st.builds(Arithmetic, inner, _rest("* / // %", inner)),
        st.builds(Compare, inner, _rest("== != < <= > >=", inner)),
        st.builds(Not, inner),
        st.builds(Logical, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Conditional, inner, inner, inner),
        st.builds(Index, inner, inner),
        st.builds(Call, st.sampled_from(["min", "max"]), st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Call, st.sampled_from(["len", "ceil", "floor", "round"]), st.tuples(inner)),
        st.builds(lambda v, d: Call("make_divisible", (v,), (("divisor", d),)), inner, inner),
    )


expressions = st.recursive(leaves, _grow, max_leaves=12)
alphabet = st.sampled_from(
    [
        "a",
        "xs",
        "unknown",
        "1",
        "2.5",
        "0",
        "9223372036854775807",
        "1e308",
        "'s'",
        "(",
        ")",
        "[",
        "]",
        ",",
        " ",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "==",
        "!=",
        "<",
        "<=",
        "and",
        "or",
        "not",
        "if",
        "else",
        "true",
        "null",
        "max(",
        "len(",
        "round(",
        "make_divisible(",
        "divisor=",
        "=",
        ".",
        "'",
        '"',
        "\\",
        "$",
        "{",
        "é",
        "\n",
        "lambda",
        "__class__",
    ]
)


@given(expressions)
def test_what_is_printed_is_parsed_to_the_same(expr: Expr) -> None:
    text = unparse(expr)
    assert parse(text, ROOMY) == expr
    again = parse(text, ROOMY)
    assert not isinstance(again, ExpressionError)
    assert unparse(again) == text


@given(
    st.one_of(
        st.text(), st.text().map("${}".format), st.text().map(lambda t: f"$({t})"),
        st.lists(alphabet, max_size=30).map(lambda parts: f"$({''.join(parts)})"),
        st.lists(alphabet, max_size=30).map(lambda parts: f"$({' '.join(parts)})"),
    )
)  # fmt: skip
@example("$(9**9**9**9)")
@example("$(2**-9223372036854775807)")
@example("$(1e308**1e308)")
@example("$(0.0**-1)")
@example("$(1e-320//1e-323)")
def test_any_text_gives_a_value_or_an_error(text: str) -> None:
    expr = parse(text)
    result = expr if isinstance(expr, ExpressionError) else evaluate(expr, ENV)
    if isinstance(result, ExpressionError):
        assert isinstance(result.kind, ErrorKind)
        assert 0 <= result.start <= result.end <= len(text)
        assert result.message
        assert not result.message.endswith(".")
        return
    check_value(result)


def check_value(value: object) -> None:
    assert value is None or isinstance(value, (bool, int, float, str, list))
    if isinstance(value, int) and not isinstance(value, bool):
        assert -(2**63) <= value < 2**63
    if isinstance(value, float):
        assert math.isfinite(value)
    if isinstance(value, list):
        for item in value:
            check_value(item)


@given(expressions)
def test_evaluation_is_total_and_placed(expr: Expr) -> None:
    text = unparse(expr)
    parsed = parse(text, ROOMY)
    assert not isinstance(parsed, ExpressionError)
    result = evaluate(parsed, ENV, ROOMY)
    if isinstance(result, ExpressionError):
        assert 0 < result.start < result.end <= len(text)
        if result.kind is ErrorKind.NAME:
            assert text[result.start : result.end].strip("() ") == "unknown"
    else:
        check_value(result)
    assert evaluate(parsed, ENV, ROOMY) == result or result != result


def _operands(operators: str, inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.builds(Arithmetic, inner, _rest(operators, inner))


# Well-typed expressions, so that most of them have a value.
numbers: st.SearchStrategy[Expr] = st.deferred(lambda: _numbers)
truths: st.SearchStrategy[Expr] = st.deferred(lambda: _truths)
lists: st.SearchStrategy[Expr] = st.deferred(lambda: _lists)
words = st.sampled_from([Literal("re"), Literal("it's"), Name("s")])
_plain_numbers = st.integers(0, 12).map(Literal) | st.sampled_from("abxz").map(Name) | st.floats(0, 10).map(Literal)
_numbers = st.one_of(
    *[_plain_numbers] * 8,
    st.builds(Negate, st.sampled_from("+-"), numbers),
    st.builds(Power, numbers, _plain_numbers),
    _operands("+ -", numbers),
    _operands("* / // %", numbers),
    st.builds(Index, lists, st.integers(0, 2).map(Literal)),
    st.builds(Conditional, truths, numbers, numbers),
    st.builds(Call, st.sampled_from(["min", "max"]), st.lists(numbers, min_size=2, max_size=3).map(tuple)),
    st.builds(Call, st.sampled_from(["ceil", "floor", "round"]), st.tuples(numbers)),
    st.builds(Call, st.sampled_from(["len", "max"]), st.tuples(lists)),
    st.builds(Call, st.just("round"), st.tuples(numbers, st.integers(0, 3).map(Literal))),
)
_plain_truths = st.sampled_from([Literal(True), Literal(False), Name("t"), Name("f")])
_truths = st.one_of(
    *[_plain_truths] * 3,
    st.builds(Compare, numbers, _rest("== != < <= > >=", numbers)),
    st.builds(Compare, words, _rest("== != < <= > >=", words)),
    st.builds(Not, truths),
    st.builds(Logical, st.sampled_from(["and", "or"]), st.lists(truths, min_size=2, max_size=3).map(tuple)),
    st.builds(Conditional, truths, truths, truths),
)
_lists = st.one_of(
    *[st.just(Name("xs"))] * 2,
    st.builds(ListOf, st.lists(numbers, max_size=3).map(tuple)),
    _operands("+", st.just(Name("xs"))),
)
PYTHON: dict[str, Any] = {
    "__builtins__": {}, "true": True, "false": False, "null": None, "ceil": math.ceil, "floor": math.floor,
    "len": len, "min": min, "max": max, "round": round,
}  # fmt: skip


@given(numbers | truths | lists | words)
def test_python_agrees(expr: Expr) -> None:
    # The language is a subset of Python but for `true`, `false` and `null`, so Python is the reference.
    result = evaluate(expr, ENV, ROOMY)
    if isinstance(result, ExpressionError):
        # A well-typed expression has no value only where Python has none, or out of bounds. There Python is
        # not asked: it would compute a power of any size.
        assert result.kind is ErrorKind.VALUE
        if not any(part in result.message for part in ("64 bits", "too large", "real number")):
            with pytest.raises((ArithmeticError, IndexError, ValueError)):
                eval(unparse(expr).lstrip("$"), dict(PYTHON), dict(ENV))
        return
    expected = eval(unparse(expr).lstrip("$"), dict(PYTHON), dict(ENV))
    assert type(result) is type(expected)
    assert result == expected


@given(expressions)
def test_an_expression_without_the_unknown_name_never_misses_one(expr: Expr) -> None:
    free = names(expr)
    assert len(set(free)) == len(free)
    result = evaluate(expr, {name: ENV.get(name, 1) for name in free}, ROOMY)
    assert not (isinstance(result, ExpressionError) and result.kind is ErrorKind.NAME)


@given(expressions)
def test_smaller_limits_only_take_values_away(expr: Expr) -> None:
    small = Limits(max_int_bits=8, max_list_length=3, max_string_length=5)
    result = evaluate(expr, ENV, small)
    if not isinstance(result, ExpressionError):
        assert evaluate(expr, ENV, ROOMY) == result
