"""Exact moments of the weights that an initializer draws, and the fans of a weight's shape.

Shapes are tuples of sizes as in `vgspec.ir`: a size that is not an ``int`` is unknown here, and so is every
number that depends on it.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

__all__ = [
    "TRUNCATION",
    "UNKNOWN",
    "Distribution",
    "Mode",
    "Structure",
    "WeightMoments",
    "diagonal",
    "fans",
    "normal",
    "orthogonal",
    "scaled",
    "single",
    "truncated",
    "uniform",
]

TRUNCATION = 0.87962566103423978
"""Standard deviation of a standard normal variable cut at two (Keras divides by it in `VarianceScaling`)."""

Mode = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["truncated_normal", "untruncated_normal", "uniform", "normal"]


class Structure(enum.StrEnum):
    """How the entries of a weight hang together."""

    INDEPENDENT = "independent"  # drawn one by one: random-matrix results hold
    ORTHOGONAL = "orthogonal"  # the flattened matrix keeps norms, up to its gain
    DIAGONAL = "diagonal"  # a multiple of the identity matrix
    EQUAL = "equal"  # every entry is the same number: units cannot tell apart
    OTHER = "other"  # fixed by a formula of its own


@dataclass(frozen=True, slots=True)
class WeightMoments:
    """What is known of one entry of a weight, picked at random.

    Attributes:
        mean: expected value; None where unknown.
        variance: variance about ``mean``; None where unknown.
        bound: the largest absolute value that can occur; infinite for a normal distribution, None where unknown.
        structure: how entries hang together.
    """

    mean: float | None
    variance: float | None
    bound: float | None
    structure: Structure = Structure.INDEPENDENT

    @property
    def second_moment(self) -> float | None:
        """E[w**2]; None where unknown."""
        return None if self.mean is None or self.variance is None else self.variance + self.mean**2

    @property
    def orthogonal(self) -> bool:
        """Whether the flattened matrix keeps norms exactly, up to its gain."""
        return self.structure in (Structure.ORTHOGONAL, Structure.DIAGONAL)

    @property
    def random(self) -> bool:
        """Whether two units of the layer start out different by chance."""
        return self.structure in (Structure.INDEPENDENT, Structure.ORTHOGONAL) and self.variance != 0


UNKNOWN = WeightMoments(None, None, None, Structure.OTHER)


def fans(
    shape: Sequence[object],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int | None, int | None]:
    """Fan-in and fan-out of a weight, as Keras counts them.

    The last two axes are units in and out, and all before them the receptive field; a vector has both fans
    equal to its length, a scalar one and one. Explicit axes win if both are given.

    Args:
        shape: sizes; anything but an ``int`` counts as unknown.
        input_axes: axes whose product is the fan-in.
        output_axes: axes whose product is the fan-out.

    Returns:
        Two numbers, None where a size is unknown or an axis is out of range.
    """
    if input_axes is not None and output_axes is not None:
        return _product(shape, input_axes), _product(shape, output_axes)
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        size = _product(shape, (0,))
        return size, size
    field = range(len(shape) - 2)
    return _product(shape, (*field, -2)), _product(shape, (*field, -1))


def _product(shape: Sequence[object], axes: Sequence[int]) -> int | None:
    result = 1
    for axis in axes:
        if not -len(shape) <= axis < len(shape):
            return None
        size = shape[axis]
        if not isinstance(size, int):
            return None
        result *= size
    return result


@lru_cache(maxsize=256)
def single(value: float) -> WeightMoments:
    """Every entry is ``value``."""
    return WeightMoments(value, 0.0, abs(value), Structure.EQUAL)


def uniform(low: float, high: float) -> WeightMoments:
    """Uniform on ``[low, high)``: variance ``(high - low)**2 / 12``."""
    return WeightMoments((low + high) / 2, (high - low) ** 2 / 12, max(abs(low), abs(high)))


def normal(mean: float, deviation: float) -> WeightMoments:
    """Normal, not cut."""
    return WeightMoments(mean, deviation**2, math.inf if deviation else abs(mean))


def truncated(mean: float, deviation: float) -> WeightMoments:
    """Normal, redrawn until within two deviations: variance 0.7737 of the plain one."""
    return WeightMoments(mean, (deviation * TRUNCATION) ** 2, abs(mean) + 2 * abs(deviation))


def scaled(
    shape: Sequence[object],
    scale: float,
    mode: Mode,
    distribution: Distribution,
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> WeightMoments:
    """Variance ``scale / fan``, whatever the distribution: Keras widens the cut normal to make up for the cut."""
    axes = [None if given is None else tuple(given) for given in (input_axes, output_axes)]
    return _scaled(tuple(shape), scale, mode, distribution, *axes)


@lru_cache(maxsize=4096)
def _scaled(
    shape: tuple[object, ...],
    scale: float,
    mode: Mode,
    distribution: Distribution,
    input_axes: tuple[int, ...] | None,
    output_axes: tuple[int, ...] | None,
) -> WeightMoments:
    fan_in, fan_out = fans(shape, input_axes, output_axes)
    fan: float | None = fan_in if mode == "fan_in" else fan_out
    if mode == "fan_avg":
        fan = None if fan_in is None or fan_out is None else (fan_in + fan_out) / 2
    if fan is None:
        bound = math.inf if distribution == "untruncated_normal" else None
        return WeightMoments(0.0, None, bound)
    variance = scale / max(1.0, fan)
    if distribution == "untruncated_normal":
        return normal(0.0, math.sqrt(variance))
    if distribution == "uniform":
        return WeightMoments(0.0, variance, math.sqrt(3 * variance))
    return WeightMoments(0.0, variance, 2 * math.sqrt(variance) / TRUNCATION)


def orthogonal(shape: Sequence[object], gain: float) -> WeightMoments:
    """A random matrix with orthonormal rows or columns, times ``gain``.

    All axes but the last are flattened into rows. A column of unit length over n rows has mean square 1/n,
    so an entry's variance is ``gain**2 / max(rows, columns)`` (Saxe et al. 2014).
    """
    rows = _product(shape, range(len(shape) - 1))
    columns = _product(shape, (-1,)) if shape else None
    if len(shape) < 2 or rows is None or columns is None:
        return WeightMoments(0.0, None, abs(gain), Structure.ORTHOGONAL)
    return WeightMoments(0.0, gain**2 / max(rows, columns, 1), abs(gain), Structure.ORTHOGONAL)


def diagonal(shape: Sequence[object], gain: float) -> WeightMoments:
    """``gain`` on the diagonal, zero elsewhere: of all entries, one in ``max(rows, columns)`` is not zero."""
    rows, columns = (_product(shape, (axis,)) if len(shape) == 2 else None for axis in (0, 1))
    if rows is None or columns is None:
        return WeightMoments(None, None, abs(gain), Structure.DIAGONAL)
    density = 1 / max(rows, columns, 1)
    return WeightMoments(gain * density, gain**2 * density * (1 - density), abs(gain), Structure.DIAGONAL)
