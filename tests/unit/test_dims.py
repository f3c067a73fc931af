"""Symbolic sizes agree with integers, whatever values the symbols take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgspec.ir.dims import (
    BATCH,
    Dim,
    Sym,
    add,
    broadcast,
    broadcast_dim,
    ceil_div,
    evaluate,
    floor_div,
    format_dim,
    format_shape,
    may_equal,
    mul,
    numel,
    sub,
    symbols,
)

H, W = Sym.named("h"), Sym.named("w")
NAMES = ("batch", "h", "w")
VALUES = st.fixed_dictionaries({name: st.integers(1, 50) for name in NAMES})
LEAVES: st.SearchStrategy[Dim] = st.integers(-20, 40) | st.sampled_from([BATCH, H, W])
DIVISORS = st.integers(1, 9)


def grow(inner: st.SearchStrategy[Dim]) -> st.SearchStrategy[Dim]:
    return st.one_of(
        st.builds(add, inner, inner),
        st.builds(sub, inner, inner),
        st.builds(mul, inner, inner),
        st.builds(floor_div, inner, DIVISORS),
        st.builds(ceil_div, inner, DIVISORS),
    )


DIMS = st.recursive(LEAVES, grow, max_leaves=6)


def value(dim: Dim, values: dict[str, int]) -> int:
    found = evaluate(dim, values)
    assert found is not None
    return found


@given(DIMS, DIMS, VALUES)
def test_sums_differences_products(a: Dim, b: Dim, values: dict[str, int]) -> None:
    x, y = value(a, values), value(b, values)
    assert evaluate(add(a, b), values) == x + y
    assert evaluate(sub(a, b), values) == x - y
    assert evaluate(mul(a, b), values) == x * y
    assert evaluate(numel((a, b, a)), values) == x * y * x


@given(DIMS, DIVISORS, VALUES)
def test_divisions(a: Dim, divisor: int, values: dict[str, int]) -> None:
    assert evaluate(floor_div(a, divisor), values) == value(a, values) // divisor
    assert evaluate(ceil_div(a, divisor), values) == -(-value(a, values) // divisor)


@given(DIMS, DIMS, DIMS)
def test_sums_are_canonical(a: Dim, b: Dim, c: Dim) -> None:
    assert add(a, b) == add(b, a)
    assert add(add(a, b), c) == add(a, add(b, c))
    assert sub(a, a) == 0
    assert sub(add(a, b), b) == a
    assert mul(a, 1) == a
    assert mul(a, b) == mul(b, a)


@given(DIMS, DIVISORS, DIVISORS)
def test_what_is_provable_about_divisions(a: Dim, m: int, n: int) -> None:
    assert floor_div(mul(a, m), m) == a
    assert floor_div(add(mul(a, m), m - 1), m) == a
    assert floor_div(a, 1) == a


@given(st.sampled_from([H, W, BATCH]), DIVISORS, DIVISORS)
def test_divisions_nest(a: Sym, m: int, n: int) -> None:
    assert floor_div(floor_div(a, m), n) == floor_div(a, m * n)


@given(DIMS, DIMS, VALUES)
def test_sizes_that_may_not_be_equal_never_are(a: Dim, b: Dim, values: dict[str, int]) -> None:
    if not may_equal(a, b):
        assert value(a, values) != value(b, values)
    assert may_equal(a, a)
    assert may_equal(a, None)


@given(st.lists(DIMS, max_size=4), st.lists(DIMS, max_size=4), VALUES)
def test_broadcasting_agrees_with_integers(left: list[Dim], right: list[Dim], values: dict[str, int]) -> None:
    """What is refused fails for all values; what is predicted is what integers give, where they fit."""
    a, b = tuple(left), tuple(right)
    x, y = tuple(value(d, values) for d in a), tuple(value(d, values) for d in b)
    try:
        known = broadcast(x, y)
    except ValueError:
        known = None
    try:
        predicted = broadcast(a, b)
    except ValueError:
        assert known is None or any(d == 1 for d in (*x, *y))
        return
    if known is not None:
        assert len(predicted) == len(known)
        for mine, size in zip(predicted, known, strict=True):
            assert mine is None or evaluate(mine, values) == size


def test_provable_and_not() -> None:
    assert floor_div(mul(2, H), 2) == H
    assert mul(floor_div(add(H, 1), 2), 2) != H
    assert not may_equal(H, add(H, 1))
    assert may_equal(H, W)
    assert may_equal(H, 3)


def test_unknown_stays_unknown() -> None:
    for operation in (add, sub, mul):
        assert operation(None, 3) is None
        assert operation(H, None) is None
    assert mul(None, 0) == 0
    assert floor_div(None, 2) is None
    assert evaluate(H, {}) is None
    assert evaluate(None, {"h": 1}) is None
    assert broadcast_dim(None, 1) is None
    assert broadcast_dim(None, 5) == 5


def test_divisor_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        floor_div(H, 0)


def test_incompatible_sizes_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match="2 and 3"):
        broadcast((2,), (3,))
    with pytest.raises(ValueError, match="h and h"):
        broadcast_dim(H, add(H, 1))


def test_text() -> None:
    assert format_dim(floor_div(add(H, 1), 2)) == "(h+1)//2"
    assert format_dim(add(mul(3, floor_div(H, 2)), -1)) == "3*(h//2)-1"
    assert format_dim(mul(H, add(W, 1))) == "h*(w+1)"
    assert format_dim(mul(H, floor_div(H, 2))) == "h*(h//2)"
    assert format_dim(floor_div(mul(H, H), 2)) == "h*h//2"
    assert format_shape((BATCH, None, 3)) == "(batch, ?, 3)"
    assert format_shape((H,)) == "(h,)"


@given(DIMS)
def test_text_is_python(a: Dim) -> None:
    """The text of a size, read as Python, has the size's value."""
    values = {"batch": 7, "h": 11, "w": 5}
    assert eval(format_dim(a), {"__builtins__": {}}, values) == value(a, values)


@given(DIMS)
def test_symbols(a: Dim) -> None:
    values = dict.fromkeys(symbols(a), 3)
    assert evaluate(a, values) is not None
