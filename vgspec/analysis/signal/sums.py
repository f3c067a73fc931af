"""The distribution of a sum of a rectified tensor and others: what a stream of residual blocks looks like.

``x + b`` with ``x = max(x' + b', 0)`` is a random walk reflected at zero, and no Gaussian: after many blocks it is
nearer to the absolute value of one. Its distribution is computed and given as a growing function of a Gaussian, so that
the next rectifier is applied to that.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from vgspec.analysis.signal.functions import Fn, chain
from vgspec.analysis.signal.quadrature import Vector, mehler_all, normal_cdf
from vgspec.analysis.signal.response import Curve, respond
from vgspec.analysis.signal.state import Bent, Moments, Segment

__all__ = ["bent_sum"]

_Z: Vector = np.linspace(-4.0, 4.0, 33)
_STEP = float(_Z[1] - _Z[0])
_DENSITY: Vector = np.exp(-0.5 * _Z * _Z)


def bent_sum(parts: list[Segment], merged: Moments) -> Bent | None:
    """The sum of independent tensors as a function of a Gaussian one; None where it is not one of them that bends it.

    Args:
        parts: the terms.
        merged: moments of the sum.
    """
    curved = [part for part in parts if part.curve is not None]
    others = [part.moments for part in parts if part.curve is None]
    variance = sum(x.q - x.m * x.m for x in others)
    mean = sum(x.m for x in others)
    total = merged.q - merged.m * merged.m
    if len(curved) != 1 or not math.isfinite(total):
        return None
    if not total > 1e-9 * merged.q or not variance > 1e-3 * total:
        return None
    return _bent(curved[0].curve, mean, variance, merged)


@lru_cache(maxsize=512)
def _bent(curve: Curve, mean: float, variance: float, merged: Moments) -> Bent:
    """The sum of a function of a Gaussian and another Gaussian."""
    total = merged.q - merged.m * merged.m
    deviation, own = math.sqrt(total), math.sqrt(variance / total)
    response, scale = respond(curve.base, curve.functions)
    values = (response.value * scale + mean) / deviation
    weights = response.basis.weights
    seen = weights > 1e-9
    values, weights = values[seen], weights[seen]
    y = np.linspace(float(values.min()) - 4.0 * own, float(values.max()) + 4.0 * own, 65)
    levels = normal_cdf(_Z)  # not a constant of the module: it would make its table for every command that lints
    points = np.interp(levels, normal_cdf((y[:, None] - values) / own) @ weights, y)
    apart = (points[:, None] - values) / own  # one step of Newton's method from there
    density = np.maximum(np.exp(-0.5 * apart * apart) @ weights, 1e-6)
    points -= (normal_cdf(apart) @ weights - levels) / density * (own * math.sqrt(2.0 * math.pi))
    slopes = np.clip(_DENSITY * own / density, 0.5 * own, 4.0)
    fn = _quantile(points.round(4).tobytes(), slopes.round(4).tobytes())
    shape, _ = respond(Moments(0.0, 1.0, *(0.0,) * 7), chain(fn))
    # the Gaussians' correlations for which the function's mean products are the sum's: all but linear in them
    wanted = np.array(merged[2:]) / total
    slope = shape.square - float(shape.squares[0])
    found = wanted - merged.m * merged.m / total
    for _ in range(3):
        known = mehler_all(shape.squares, shape.square, found.tolist())
        found = np.clip(found + (wanted - np.array(known)) / slope, -1.0, 1.0)
    return Bent(Moments(0.0, total, *(total * found).tolist()), fn)


def _quantile(points: bytes, slopes: bytes) -> Fn:
    """A function with these values and slopes at `_Z`, cubic between and straight outside."""
    table, rises = np.frombuffer(points), np.frombuffer(slopes)
    zero = float(np.interp(0.0, table, _Z))  # where a rectifier that follows has its kink

    def value(x: Vector) -> Vector:
        at = np.clip(((x - _Z[0]) / _STEP).astype(np.intp), 0, _Z.size - 2)
        t = np.clip((x - _Z[at]) / _STEP, 0.0, 1.0)
        rest = 1.0 - t
        inside = rest * rest * ((1.0 + 2.0 * t) * table[at] + t * _STEP * rises[at])
        inside += t * t * ((1.0 + 2.0 * rest) * table[at + 1] - rest * _STEP * rises[at + 1])
        outside = rises[-1] * np.maximum(x - _Z[-1], 0.0) + rises[0] * np.minimum(x - _Z[0], 0.0)
        result: Vector = inside + outside
        return result

    def rise(x: Vector) -> Vector:
        at = np.clip(((x - _Z[0]) / _STEP).astype(np.intp), 0, _Z.size - 2)
        t = np.clip((x - _Z[at]) / _STEP, 0.0, 1.0)
        rest = 1.0 - t
        result: Vector = 6.0 * t * rest * (table[at + 1] - table[at]) / _STEP
        result += rest * (1.0 - 3.0 * t) * rises[at] + t * (1.0 - 3.0 * rest) * rises[at + 1]
        return result

    return Fn(("quantile", points, slopes), value, rise, (zero,) if abs(zero) < _Z[-1] else (), True)
