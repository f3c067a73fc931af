"""Dtypes: their names, policies, and the dtype that results from computing with several.

Keras follows JAX's promotion lattice (https://docs.jax.dev/en/latest/type_promotion.html): the result is the
least upper bound of the operands, where a Python number counts as the weak type ``int`` or ``float``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

__all__ = ["DType", "DTypePolicy", "compute_dtype", "is_floating", "is_integer", "result_type", "variable_dtype"]

DType = Literal[
    "float32",
    "float16",
    "bfloat16",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "string",
    "complex64",
    "complex128",
]
DTypePolicy = Literal[
    "float32",
    "mixed_float16",
    "mixed_bfloat16",
    "float16",
    "bfloat16",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "string",
]
"""What a layer's ``dtype`` may be. Quantized policies are missing: a model is quantized after its training."""

_ABOVE: Mapping[str, tuple[str, ...]] = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    "complex64": ("complex128",),
    "complex128": (),
}
# Keras keeps to JAX's 32 bits, but for int64 and float64 on TensorFlow.
_NARROWED: Mapping[str, str] = {"uint64": "uint32", "complex128": "complex64"}


@cache
def _upper(dtype: str) -> frozenset[str]:
    return frozenset({dtype}).union(*(_upper(above) for above in _ABOVE[dtype]))


@cache
def result_type(*dtypes: str) -> str:
    """The dtype of a computation on operands of these dtypes; ``int`` and ``float`` stand for Python numbers.

    Raises:
        ValueError: if a dtype takes no part in promotion (``string``) or there is no common one.
    """
    if unknown := [dtype for dtype in dtypes if dtype not in _ABOVE]:
        raise ValueError(f"cannot compute with {unknown[0]}")
    common = frozenset.intersection(*(_upper(dtype) for dtype in dtypes))
    least = [dtype for dtype in common if common <= _upper(dtype)]
    if len(least) != 1:
        raise ValueError(f"no common dtype of {' and '.join(dtypes)}")
    found = {"int": "int32", "float": "float32"}.get(least[0], least[0])
    return _NARROWED.get(found, found)


def is_floating(dtype: str) -> bool:
    """Whether it is a real floating dtype."""
    return dtype in {"float32", "float16", "bfloat16", "float64"}


def is_integer(dtype: str) -> bool:
    """Whether it is a signed or unsigned integer dtype."""
    return dtype.startswith(("int", "uint"))


def compute_dtype(policy: str | None) -> str:
    """The dtype in which a layer with this policy computes."""
    return (policy or "float32").removeprefix("mixed_")


def variable_dtype(policy: str | None) -> str:
    """The dtype of the variables of a layer with this policy."""
    return "float32" if policy is None or policy.startswith("mixed_") else policy
