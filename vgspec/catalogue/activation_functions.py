"""Every elementwise activation and its derivative, as NumPy functions on float64 arrays.

One pair a row of `vgspec.catalogue.activations`, by the row's name and with the row's arguments as keyword
arguments. At a kink the derivative is one of the two one-sided ones; where a function jumps, the jump itself
has no part in the derivative, as with automatic differentiation.

Importing this module imports NumPy: `ScalarActivation` does so when a function is first called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FUNCTIONS", "SELU_ALPHA", "SELU_SCALE", "call"]

Array: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[Callable[..., Array], Callable[..., Array]]

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
"""Klambauer et al. 2017, eq. 14."""

_erf = np.frompyfunc(math.erf, 1, 1)
_SQRT_HALF = math.sqrt(0.5)
_SQRT_2_PI = math.sqrt(2 / math.pi)


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))`` without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _sigmoid_prime(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.asarray(small / (1 + small) ** 2)


def _sech2(x: Array) -> Array:
    """``1 / cosh(x)**2`` without overflow and without cancellation far out."""
    small = np.exp(-2 * np.abs(x))
    return np.asarray(4 * small / (1 + small) ** 2)


def softplus(x: Array) -> Array:
    """``log(1 + exp(x))`` without overflow."""
    return np.logaddexp(0.0, x)


def _normal_cdf(x: Array) -> Array:
    return 0.5 * (1 + np.asarray(_erf(x * _SQRT_HALF), dtype=np.float64))


def _relu(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    above = np.where(x > threshold, x, 0.0)
    if max_value is not None:
        above = np.clip(above, 0.0, max_value)
    return np.where(x > threshold, above, negative_slope * (x - threshold))


def _relu_prime(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    above = np.ones_like(x) if max_value is None else np.where((x > 0) & (x < max_value), 1.0, 0.0)
    return np.where(x > threshold, above, negative_slope)


def _elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _elu_prime(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


def _celu(x: Array, alpha: float = 1.0) -> Array:
    return np.maximum(x, 0.0) + alpha * np.expm1(np.minimum(x, 0.0) / alpha)


def _celu_prime(x: Array, alpha: float = 1.0) -> Array:
    return np.exp(np.minimum(x, 0.0) / alpha)


def _gelu(x: Array, approximate: bool = False) -> Array:
    if approximate:
        return np.asarray(0.5 * x * (1 + np.tanh(_SQRT_2_PI * (x + 0.044715 * x**3))))
    return x * _normal_cdf(x)


def _gelu_prime(x: Array, approximate: bool = False) -> Array:
    if approximate:
        inner = _SQRT_2_PI * (x + 0.044715 * x**3)
        slope = _SQRT_2_PI * (1 + 3 * 0.044715 * x**2)
        return np.asarray(0.5 * (1 + np.tanh(inner)) + 0.5 * x * _sech2(inner) * slope)
    return np.asarray(_normal_cdf(x) + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


def _mish_prime(x: Array) -> Array:
    inner = softplus(x)
    return np.asarray(np.tanh(inner) + x * _sech2(inner) * sigmoid(x))


def _shrunk(x: Array, threshold: float = 0.5) -> Array:
    return np.where(np.abs(x) > threshold, 1.0, 0.0)


def _clip_prime(low: float, high: float, slope: float = 1.0) -> Callable[[Array], Array]:
    return lambda x: np.where((x > low) & (x < high), slope, 0.0)


def _threshold(x: Array, threshold: float, default_value: float) -> Array:
    return np.where(x > threshold, x, default_value)


def _exp(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(x)


FUNCTIONS: Mapping[str, Pair] = {
    "linear": (lambda x: x, np.ones_like),
    "relu": (_relu, _relu_prime),
    "relu6": (lambda x: np.clip(x, 0.0, 6.0), _clip_prime(0.0, 6.0)),
    "leaky_relu": (
        lambda x, negative_slope=0.2: np.where(x > 0, x, negative_slope * x),
        lambda x, negative_slope=0.2: np.where(x > 0, 1.0, negative_slope),
    ),
    "elu": (_elu, _elu_prime),
    "celu": (_celu, _celu_prime),
    "selu": (
        lambda x: SELU_SCALE * _elu(x, SELU_ALPHA),
        lambda x: SELU_SCALE * _elu_prime(x, SELU_ALPHA),
    ),
    "gelu": (_gelu, _gelu_prime),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) + x * _sigmoid_prime(x)),
    "hard_silu": (
        lambda x: x * np.clip(x / 6 + 0.5, 0.0, 1.0),
        lambda x: np.where(x >= 3, 1.0, np.where(x <= -3, 0.0, x / 3 + 0.5)),
    ),
    "mish": (lambda x: x * np.tanh(softplus(x)), _mish_prime),
    "softplus": (softplus, sigmoid),
    "squareplus": (
        lambda x, b=4: (x + np.sqrt(x**2 + b)) / 2,
        lambda x, b=4: (1 + x / np.sqrt(x**2 + b)) / 2,
    ),
    "sparse_plus": (
        lambda x: np.where(x >= 1, x, np.maximum(x + 1, 0.0) ** 2 / 4),
        lambda x: np.clip((x + 1) / 2, 0.0, 1.0),
    ),
    "exponential": (_exp, _exp),
    "sigmoid": (sigmoid, _sigmoid_prime),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0.0, 1.0), _clip_prime(-3.0, 3.0, 1 / 6)),
    "sparse_sigmoid": (lambda x: np.clip((x + 1) / 2, 0.0, 1.0), _clip_prime(-1.0, 1.0, 0.5)),
    "log_sigmoid": (lambda x: -softplus(-x), lambda x: sigmoid(-x)),
    "tanh": (np.tanh, _sech2),
    "hard_tanh": (lambda x: np.clip(x, -1.0, 1.0), _clip_prime(-1.0, 1.0)),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    "tanh_shrink": (lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2),
    "soft_shrink": (
        lambda x, threshold=0.5: np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0),
        _shrunk,
    ),
    "hard_shrink": (
        lambda x, threshold=0.5: np.where(np.abs(x) > threshold, x, 0.0),
        _shrunk,
    ),
    "threshold": (
        _threshold,
        lambda x, threshold, default_value: np.where(x > threshold, 1.0, 0.0),
    ),
}
"""Function and derivative by the row's name. A test holds each pair against Keras and its autodiff."""


def call(name: str, index: int, x: Any, arguments: Mapping[str, Any]) -> Array:
    """Function (``index`` 0) or derivative (1) of a row on anything that NumPy makes an array of."""
    return np.asarray(FUNCTIONS[name][index](np.asarray(x, dtype=np.float64), **arguments))
