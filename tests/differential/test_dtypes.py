"""Dtype promotion against Keras, for every pair and a sample of triples."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from typing import get_args

import pytest

from tests.differential.layer_harness import keras
from vgspec.layers.dtypes import DType, DTypePolicy, compute_dtype, result_type, variable_dtype

pytestmark = pytest.mark.tensorflow

NUMERIC = tuple(dtype for dtype in get_args(DType) if dtype not in {"string", "complex64", "complex128"})


def test_pairs_and_triples() -> None:
    for dtypes in (*product(NUMERIC, NUMERIC), *combinations_with_replacement(NUMERIC, 3)):
        assert result_type(*dtypes) == keras.backend.result_type(*dtypes), dtypes


def test_with_numbers() -> None:
    for dtype in NUMERIC:
        assert result_type(dtype, "int") == keras.backend.result_type(dtype, int), dtype
        assert result_type(dtype, "float") == keras.backend.result_type(dtype, float), dtype


def test_policies() -> None:
    for name in get_args(DTypePolicy):
        policy = keras.DTypePolicy(name)
        assert (compute_dtype(name), variable_dtype(name)) == (policy.compute_dtype, policy.variable_dtype)
