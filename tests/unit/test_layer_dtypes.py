"""Dtype promotion against facts of JAX's lattice, which Keras follows."""

from __future__ import annotations

from itertools import permutations, product
from typing import get_args

import pytest

from vgspec.layers.dtypes import DType, compute_dtype, is_floating, is_integer, result_type, variable_dtype

NUMERIC = tuple(dtype for dtype in get_args(DType) if dtype != "string")


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("int64", "float16"), "float16"),
        (("float16", "bfloat16"), "float32"),
        (("uint8", "int8"), "int16"),
        (("uint32", "int32"), "int64"),
        (("uint64", "int8"), "float32"),
        (("bool", "int"), "int32"),
        (("int", "uint8"), "uint8"),
        (("float", "int32"), "float32"),
        (("float", "float16"), "float16"),
        (("float64", "float32"), "float64"),
        (("complex64", "float64"), "complex64"),
        (("uint64", "uint8"), "uint32"),
        (("uint64", "uint64"), "uint32"),
    ],
)
def test_promotion(dtypes: tuple[str, ...], expected: str) -> None:
    for order in permutations(dtypes):
        assert result_type(*order) == expected


def test_promotion_is_total_on_numbers() -> None:
    for a, b in product(NUMERIC, NUMERIC):
        assert result_type(a, b) == result_type(b, a)


def test_strings_do_not_take_part() -> None:
    with pytest.raises(ValueError, match="string"):
        result_type("string", "float32")


def test_policies() -> None:
    assert (compute_dtype("mixed_float16"), variable_dtype("mixed_float16")) == ("float16", "float32")
    assert (compute_dtype("bfloat16"), variable_dtype("bfloat16")) == ("bfloat16", "bfloat16")
    assert (compute_dtype(None), variable_dtype(None)) == ("float32", "float32")
    assert is_floating("bfloat16")
    assert not is_floating("complex64")
    assert is_integer("uint8")
    assert not is_integer("bool")
