"""Scalar functions as the analysis needs them: value, derivative, kinks, and whether scale passes through."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from vgspec.analysis.signal.quadrature import Vector
from vgspec.catalogue.activation_functions import FUNCTIONS
from vgspec.catalogue.activations import ScalarActivation

__all__ = ["Fn", "absolute", "affine", "scalar_function", "skewed"]


@dataclass(frozen=True, slots=True)
class Fn:
    """A scalar function on arrays.

    Attributes:
        key: what it is, for caches and comparison.
        value: the function.
        slope: its derivative.
        kinks: where it or its derivative jumps, beside the features every quadrature resolves.
        homogeneous: ``f(a x) = a f(x)`` for every positive ``a``.
        negative: for a function that is ``x`` above and ``negative * x`` below zero, that number.
    """

    key: Hashable
    value: Callable[[Vector], Vector] = field(compare=False)
    slope: Callable[[Vector], Vector] = field(compare=False)
    kinks: tuple[float, ...] = field(default=(), compare=False)
    homogeneous: bool = field(default=False, compare=False)
    negative: float | None = field(default=None, compare=False)


@lru_cache(maxsize=512)
def scalar_function(scalar: ScalarActivation) -> Fn:
    """The function of a row of the activation table, with its arguments."""
    value, slope = FUNCTIONS[scalar.name]
    given = dict(scalar.arguments)
    kinks = scalar.curve.kinks
    negative: float | None = None
    if set(kinks) <= {0.0} and scalar.name in ("relu", "leaky_relu", "linear"):
        negative = -float(value(np.array([-1.0]), **given)[0])
    return Fn(
        (scalar.name, scalar.arguments),
        (lambda x: value(x, **given)) if given else value,
        (lambda x: slope(x, **given)) if given else slope,
        kinks,
        negative is not None,
        negative,
    )


@lru_cache(maxsize=512)
def affine(factor: float, offset: float) -> Fn:
    """``factor * x + offset``."""
    return Fn(
        ("affine", factor, offset),
        lambda x: factor * x + offset,
        lambda x: np.full_like(x, factor),
        (),
        offset == 0.0 and factor > 0,
    )


@lru_cache(maxsize=1024)
def skewed(ratio: float, skewness: float) -> Fn:
    """A Gaussian of mean ``ratio`` and deviation one bent to a skewness (Cornish and Fisher 1938)."""
    third = skewness / 6.0
    return Fn(
        ("skewed", ratio, skewness),
        lambda x: x + third * ((x - ratio) ** 2 - 1.0),
        lambda x: 1.0 + 2.0 * third * (x - ratio),
        (),
        True,
    )


absolute = Fn(("abs",), np.abs, np.sign, (), True)
"""The absolute value."""
