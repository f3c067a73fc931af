"""Samples of different size: a typical batch of them, carried through the network.

Layers that drop whole samples, gates that a sample opens for itself and functions that rise faster than their argument
make the samples of a batch differ in size, and normalization over the batch does not even them out. The sizes feed on
themselves through the depth of a network, and those of values and gradients belong together, which moments of them
cannot follow. So the sizes themselves are followed: `BATCHES` batches of `BATCH_SIZE` samples, each drawn as evenly as
its distribution allows, with numbers that are the same in every run.

With ``a`` the mean square of a sample relative to that of the batch, an element of it is ``sqrt(a) z``, so that

- a function gives the sample the mean square ``E[f(sqrt(a) z)^2]``, and its gradient ``E[f'(sqrt(a) z)^2]`` of itself;
- products multiply, sums add, weights keep the sizes;
- batch normalization divides by a variance in which the sample itself counts. In a channel in which it happens to be
  large that variance is larger. Where the squared norms of a sample in single channels have the relative variance
  ``rho``, the mean over channels of the normalised one is ``a / (1 + rho a / batch)``: that bounds the growth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vgspec.analysis.signal.functions import Chain
from vgspec.analysis.signal.quadrature import Vector, basis
from vgspec.analysis.signal.response import degenerate
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Samples

__all__ = [
    "BATCHES",
    "Sized",
    "blended",
    "centred",
    "function_sizes",
    "kept_by",
    "leveled",
    "masked",
    "mean_of",
    "meeting",
    "of_function",
    "pooled",
    "product",
    "shifted",
    "spread_of",
    "started",
    "stirred",
]

BATCHES = 16
"""Batches that are followed at once, so that one pattern of dropped samples does not decide."""
LEAST = 0.02
"""The relative variance of the samples' sizes from which they are followed."""
_LOWEST = -12.0
_SMALLEST = math.exp(_LOWEST)
_STEP = 0.5
_GRID: tuple[float, ...] = tuple(_LOWEST + _STEP * i for i in range(int((4.0 - _LOWEST) / _STEP) + 1))
"""Natural logarithms of sizes at which functions are evaluated: up to one sample that is all of its batch."""
_ONE = _GRID.index(0.0)


def _shuffled(values: Vector, index: int) -> Vector:
    """The numbers of each batch in an order of each index's own (splitmix64)."""
    with np.errstate(over="ignore"):
        x = np.arange(1, values.size + 1, dtype=np.uint64) + np.uint64(index * 1_000_003)
        x = x * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    found = np.empty_like(values)
    found[np.arange(BATCHES)[:, None], np.argsort(x.reshape(values.shape), axis=1)] = values
    found.setflags(write=False)
    return found


@lru_cache(maxsize=512)
def _places(index: int) -> Vector:
    """Numbers from 0 to 1, evenly spread over each batch, in an order of each index's own."""
    return _shuffled(_even(), index)


@lru_cache(maxsize=1)
def _even() -> Vector:
    """The numbers of each batch in order; batches lie between each other, so that all together are even as well."""
    return (np.arange(BATCH_SIZE)[None, :] + (np.arange(BATCHES)[:, None] + 0.5) / BATCHES) / BATCH_SIZE


@lru_cache(maxsize=1)
def _normal() -> Vector:
    """The same of a standard normal distribution."""
    from statistics import NormalDist

    inverse = NormalDist().inv_cdf
    found: Vector = np.array([[inverse(float(u)) for u in row] for row in _even()])
    return found


@lru_cache(maxsize=512)
def _noise(index: int) -> Vector:
    """Standard normal numbers for the samples."""
    return _shuffled(_normal(), index)


# Arrays of some hundred numbers: the methods of numpy's arrays take longer to start than the sums themselves.


@lru_cache(maxsize=1)
def _ones() -> Vector:
    return np.ones(BATCH_SIZE)


def mean_of(sizes: Vector) -> float:
    """Mean over all samples."""
    return float(np.add.reduce(sizes, axis=None)) / sizes.size


def leveled(sizes: Vector) -> Vector:
    """Sizes relative to the mean of each batch; one where that is zero."""
    mean = sizes.dot(_ones())[:, None]
    if np.minimum.reduce(mean, axis=None) > 0.0:
        found: Vector = sizes / (mean * (1.0 / BATCH_SIZE))
        return found
    return np.where(mean > 0.0, sizes / np.maximum(mean / BATCH_SIZE, 1e-300), 1.0)


def meeting(a: Vector | None, b: Vector | None) -> float:
    """Mean product of two sizes; none stands for samples of equal size."""
    return 1.0 if a is None or b is None else float(np.vdot(a, b)) / a.size


def started(samples: Samples | None, vary: float, least: float = LEAST) -> Samples | None:
    """The samples' sizes where they are followed already or should be; of so many small causes they are log-normal."""
    if samples is not None or not vary > least:
        return samples
    return Samples(leveled(np.exp(math.sqrt(math.log1p(vary)) * _noise(0))), drawn=1)


def stirred(samples: Samples, vary: float, index: int, *, base: bool = False) -> Samples:
    """The sizes multiplied by independent ones of this relative variance; ``index`` tells branches apart.

    ``base``: what the tensor is a function of stays what it is.
    """
    if vary < 1e-4:
        return samples
    factor = np.exp(math.sqrt(math.log1p(vary)) * _noise(samples.drawn + 7919 * index))
    own = samples.base if base else None
    return Samples(leveled(samples.square * factor), samples.mean, own, samples.drawn + 1)


def kept_by(samples: Samples | None, keep: float, index: int) -> Vector:
    """1 for the samples that a layer keeps which drops whole ones, 0 for the others."""
    return (_places((samples.drawn if samples is not None else 0) + 7919 * index) < keep).astype(np.float64)


def masked(samples: Samples | None, mask: Vector) -> Samples:
    """The sizes of those samples that are kept."""
    if samples is None:
        return Samples(leveled(mask), leveled(mask), drawn=1)
    mean = mask if samples.mean is None else samples.mean * mask
    return Samples(leveled(samples.square * mask), leveled(mean), drawn=samples.drawn + 1)


def product(parts: Sequence[Samples | None]) -> Samples | None:
    """The sizes of a product."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    if len(known) == 1:
        return known[0]._replace(base=None)
    square, mean = known[0].square, known[0].mean
    for part in known[1:]:
        square = square * part.square
        mean = part.mean if mean is None else mean if part.mean is None else mean * part.mean
    return Samples(leveled(square), None if mean is None else leveled(mean), drawn=max(part.drawn for part in known))


def blended(parts: Sequence[Samples | None], weights: Sequence[float], means: Sequence[float]) -> Samples | None:
    """The sizes of a sum of tensors with these mean squares and means."""
    if all(part is None for part in parts) or not sum(weights) > 0.0:
        return None
    even = np.ones((BATCHES, BATCH_SIZE))
    squares = [even if part is None else part.square for part in parts]
    own = [None if part is None else part.mean for part in parts]
    square = sum((weight * values for weight, values in zip(weights, squares, strict=True)), start=np.zeros_like(even))
    mean = None
    if sum(means) and any(values is not None for values in own):
        rows = zip(means, own, strict=True)
        mean = leveled(sum((x * (even if values is None else values) for x, values in rows), start=np.zeros_like(even)))
    return Samples(leveled(square), mean, drawn=1 + max(part.drawn for part in parts if part is not None))


def centred(samples: Samples, share: float, unsure: float) -> Samples:
    """The sizes behind batch normalization.

    Args:
        samples: before it.
        share: of the batch's mean in the mean square, which is taken away.
        unsure: relative variance of a channel's variance over the batch, from the finite number of values.
    """
    square = samples.square
    if share > 1e-3:
        mean = samples.mean if samples.mean is not None else 1.0
        square = np.maximum(square - share * (2.0 * mean - 1.0), 0.0) / max(1.0 - share, 1e-6)
    less = 1.0 + unsure / (1.0 + samples.variance) * square
    base = None if samples.base is None else leveled(samples.base / less)
    return Samples(leveled(square / less), None, base, samples.drawn)


def shifted(samples: Samples, before: Moments, offset: float, added: float = 0.0) -> Samples:
    """The sizes behind adding a number and what is random with this variance but the same for all samples."""
    mean = samples.mean if samples.mean is not None else np.ones_like(samples.square)
    square = before.q * samples.square + 2.0 * offset * before.m * mean + offset * offset + added
    moved = before.m * mean + offset
    whole = before.m + offset
    own = None if samples.mean is None or not whole else leveled(moved / whole)
    return Samples(leveled(np.maximum(square, 0.0)), own, drawn=samples.drawn)


def pooled(samples: Samples, alone: float, common: float) -> Samples:
    """The sizes of means over positions: of what is left of each sample's own, and of what all have in common."""
    mean = samples.mean if samples.mean is not None else np.ones_like(samples.square)
    square = max(alone, 0.0) * samples.square + max(common, 0.0) * mean * mean
    return Samples(leveled(square), samples.mean, drawn=samples.drawn)


class Sized(NamedTuple):
    """A function of the elements of samples of different size, relative to samples that are all alike.

    ``square``, ``slope`` and ``mean`` are each sample's mean square, mean squared slope and mean. ``first`` is the mean
    of the means; ``same`` and ``other`` the mean product of two means of one sample and of two; ``within`` and
    ``between`` the same for what varies about the means.
    """

    square: Vector
    slope: Vector
    mean: Vector
    first: float
    same: float
    other: float
    within: float
    between: float

    def applied(self, x: Moments) -> Moments:
        """The moments of the function of samples of different size from those of equal ones."""
        m2 = x.m * x.m
        near, far = m2 * self.same, m2 * self.other
        m, q, p, s, r, k, kp, ks, kr = x
        return Moments(
            m * self.first,
            near + (q - m2) * self.within,
            far + (p - m2) * self.between,
            near + (s - m2) * self.within,
            far + (r - m2) * self.between,
            near + (k - m2) * self.within,
            far + (kp - m2) * self.between,
            near + (ks - m2) * self.within,
            far + (kr - m2) * self.between,
        )


def of_function(base: Moments, functions: Chain, sizes: Vector) -> Sized | None:
    """A function of a Gaussian with these moments, for samples of these sizes; None for a constant.

    Its mean is the same for all samples, and what varies about it makes their sizes.
    """
    if degenerate(base):
        return None
    variance = base.q - base.m * base.m
    root = math.sqrt(variance)
    if base.m != 0.0:
        sizes = np.maximum(1.0 + (sizes - 1.0) * (base.q / variance), 0.0)
    ratio = round(base.m / root, 3) + 0.0
    deviation = 1.0 if functions.homogeneous else math.exp(round(math.log(root), 2))
    at = (np.log(np.maximum(sizes, _SMALLEST)) - _LOWEST) * (1.0 / _STEP)
    low = np.minimum(at.astype(np.intp), len(_GRID) - 2)
    part = at - low
    table = _table(ratio * deviation, deviation, functions)
    rows = table.values.take(low, axis=1)
    rows += table.steps.take(low, axis=1) * part
    np.exp(rows[:2], out=rows[:2])
    square, slope, mean = rows
    mean *= np.sqrt(square)
    alone = table.alone
    own = alone * alone  # the squared mean's share in the mean square
    deviations = np.sqrt(np.maximum(square - mean * mean, 0.0))
    within, between = _pairs(deviations, 1.0 - own)
    same, other = _pairs(mean, own)
    first = mean_of(mean) / alone if own > 1e-12 else 1.0
    return Sized(square, slope, mean, first, same, other, within, between)


def function_sizes(samples: Samples, base: Vector, found: Sequence[Sized | None], weights: Sequence[float]) -> Samples:
    """The sizes behind a function of each segment's elements.

    Args:
        samples: before it.
        base: sizes of the Gaussian tensor that it is a function of.
        found: of each segment; None for a constant.
        weights: the segments' parts in the mean square.
    """
    rows = [(item, weight) for item, weight in zip(found, weights, strict=True) if item is not None and weight > 0.0]
    if not rows:
        return samples
    only, weight = rows[0]
    total = weight / mean_of(only.square)
    square, mean = total * only.square, total * only.mean
    for item, weight in rows[1:]:
        total = weight / mean_of(item.square)
        square = square + total * item.square
        mean = mean + total * item.mean
    own = mean_of(mean) ** 2 > 1e-6 * mean_of(square) * sum(weight for _, weight in rows)
    return Samples(leveled(square), leveled(mean) if own else None, base, samples.drawn)


def spread_of(sizes: Vector) -> float:
    """Relative variance of sizes of any mean, within each batch."""
    sums = sizes.dot(_ones())
    return float(np.vdot(sizes, sizes)) * BATCH_SIZE / float(sums @ sums) - 1.0


def _pairs(values: Vector, square: float) -> tuple[float, float]:
    """Mean square and mean product of two of one batch, relative to a square."""
    if not square > 1e-12:
        return 1.0, 1.0
    same = float(np.vdot(values, values)) / values.size
    sums = values.dot(_ones())
    everything = float(sums @ sums) / sums.size
    return same / square, (everything - BATCH_SIZE * same) / (BATCH_SIZE * (BATCH_SIZE - 1)) / square


class _Table(NamedTuple):
    """A function of samples of different size.

    Attributes:
        values: logarithms of mean square and mean squared slope, relative to those of size one, and mean over root
            mean square: one column for each size of `_GRID` but the last.
        steps: from each of them to the next.
        alone: the last of the three at size one.
    """

    values: Vector
    steps: Vector
    alone: float


@lru_cache(maxsize=256)
def _table(mean: float, deviation: float, functions: Chain) -> _Table:
    """A function at the sizes of `_GRID`."""
    nodes = basis(mean, deviation, functions.kinks)
    x = mean + deviation * np.exp(0.5 * np.array(_GRID))[:, None] * nodes.z[None, :]
    slope = x
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for fn in functions:
            slope = fn.slope(x)
            x = fn.value(x)
        squares, slopes, means = (x * x) @ nodes.weights, (slope * slope) @ nodes.weights, x @ nodes.weights
    least = np.finfo(np.float64).tiny
    squares, slopes = np.maximum(squares, least), np.maximum(slopes, least)
    values = np.stack((np.log(squares / squares[_ONE]), np.log(slopes / slopes[_ONE]), means / np.sqrt(squares)))
    return _Table(values[:, :-1].copy(), np.diff(values), float(values[2, _ONE]))
