"""Scalar functions as the analysis needs them: value, derivative, kinks, and whether scale passes through.

A tensor may be several of them one after the other, a `Chain`. Chains share their beginnings, so that a stack of a
thousand activation layers costs a thousand evaluations and not half a million.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from vgspec.analysis.signal.quadrature import Vector
from vgspec.catalogue.activation_functions import FUNCTIONS
from vgspec.catalogue.activations import ScalarActivation

__all__ = ["Chain", "Fn", "absolute", "affine", "chain", "scalar_function", "skewed"]


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

    @property
    def at_zero(self) -> tuple[float, float]:
        """Value and slope at zero, where padding is."""
        zero = np.zeros(1)
        return float(self.value(zero)[0]), float(self.slope(zero)[0])


class Chain:
    """Functions applied one after the other: those of ``before``, then ``last``.

    Made by `chain` and `Chain.then`, which give one object for equal functions (as long as it is remembered), so that
    chains are compared and hashed by identity.

    Attributes:
        before: the chain without its last function; None if there is only one.
        last: the last function.
        homogeneous: whether all functions are.
        kinks: the kinks of the first function, which alone sees the Gaussian.
        memo: what whoever evaluates the chain remembers of the last time.
    """

    __slots__ = ("before", "homogeneous", "kinks", "last", "length", "memo")

    def __init__(self, before: Chain | None, last: Fn) -> None:
        self.before, self.last = before, last
        self.homogeneous: bool = last.homogeneous and (before is None or before.homogeneous)
        self.kinks: tuple[float, ...] = last.kinks if before is None else before.kinks
        self.length: int = 1 if before is None else before.length + 1
        self.memo: Any = None

    def __len__(self) -> int:
        """How many functions there are."""
        return self.length

    def __iter__(self) -> Iterator[Fn]:
        """The functions, the first one first."""
        found: list[Fn] = []
        at: Chain | None = self
        while at is not None:
            found.append(at.last)
            at = at.before
        return reversed(found)

    def then(self, fn: Fn) -> Chain:
        """This chain and one more function."""
        return _extended(self, fn)


@lru_cache(maxsize=4096)
def _extended(before: Chain | None, fn: Fn) -> Chain:
    return Chain(before, fn)


def chain(first: Fn, *others: Fn) -> Chain:
    """The chain of these functions."""
    result = _extended(None, first)
    for fn in others:
        result = result.then(fn)
    return result


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
