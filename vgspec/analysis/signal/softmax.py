"""Softmax of Gaussian logits: moments of the probabilities and of the Jacobian.

Moments are means over a fixed sample of logits, kept by variance and number of classes. What is common to all logits
of a sample drops out.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from vgspec.analysis.signal.linear import fold_border, to_channel
from vgspec.analysis.signal.quadrature import Vector
from vgspec.analysis.signal.state import Grad, GradSegment, Moments, Pulled, Segment, State, Step, UnknownSignal
from vgspec.layers import signal as rule

__all__ = ["probabilities", "softmax", "softmax_moments"]


_MOST_CLASSES = 1_000_000


@lru_cache(maxsize=1024)
def _powers(variance: float, classes: int) -> tuple[float, float, float, float]:
    """Mean of y^2, of y^2 (1 - 2 y + sum y^2), of y^4 and of (log y)^2, over a fixed sample of logits."""
    if classes < 2:
        return 1.0, 0.0, 1.0, 0.0
    # Many classes are a sample by themselves.
    rows = max(16 if classes < 10_000 else 2, 2 * (20_000 // classes))
    logits = math.sqrt(variance) * _sample(rows, classes)
    logits = logits - logits.max(axis=1, keepdims=True)
    y = np.exp(logits)
    total = y.sum(axis=1, keepdims=True)
    log = logits - np.log(total)
    y /= total
    squares = y * y
    sums = squares.sum(axis=1, keepdims=True)
    jacobian = squares * (1.0 - 2.0 * y + sums)
    return float(squares.mean()), float(jacobian.mean()), float((squares * squares).mean()), float((log * log).mean())


@lru_cache(maxsize=32)
def _sample(rows: int, classes: int) -> Vector:
    """Quantiles of the standard normal distribution in an order drawn once, and their negatives."""
    count = rows // 2 * classes
    inverse = NormalDist().inv_cdf
    quantiles = np.array([inverse((index + 0.5) / count) for index in range(count)])
    half = np.random.default_rng(20140613).permutation(quantiles).reshape(rows // 2, classes)
    return np.concatenate([half, -half])


def probabilities(variance: float, classes: int) -> tuple[float, float, float, float]:
    """See `_powers`, for logits of this variance about their mean over classes."""
    if classes > _MOST_CLASSES:
        raise UnknownSignal(f"softmax over more than {_MOST_CLASSES:,} classes is not analysed")
    v = min(max(variance, 0.0), 1e6)
    return _powers(math.exp(round(math.log(v), 2)) if v > 1e-6 else 0.0, classes)


def softmax_moments(x: Moments, classes: int) -> Moments:
    """Moments of the probabilities from the logits'."""
    variance = max(x.q - x.k, 0.0)
    c = float(classes)
    second = probabilities(variance, classes)[0]
    ratio = max(second * c * c, 1.0)

    def pair(same: float, cross: float) -> float:
        correlation = (same - cross) / variance if variance > 0 else 1.0
        return float(ratio ** min(max(correlation, 0.0), 1.0)) / (c * c)

    def other(value: float) -> float:
        return (1.0 - c * value) / (c * (c - 1.0)) if classes > 1 else value

    q, p, s, r = second, pair(x.p, x.kp), pair(x.s, x.ks), pair(x.r, x.kr)
    return Moments(1.0 / c, q, p, s, r, other(q), other(p), other(s), other(r))


def softmax(state: State, primitive: rule.Softmax) -> Step:
    """Probabilities (or their logarithms) along the last axis, or along all of several axes."""
    state = fold_border(state)
    axis = primitive.axes[-1]
    home = state.channel
    state = to_channel(state, axis if axis < 0 else axis - 1)
    classes = state.channels
    x = state.moments
    variance = max(x.q - x.k, 0.0)
    second, jacobian, _, log_square = probabilities(variance, classes)
    y = softmax_moments(x, classes)
    if primitive.log:
        mean = -math.sqrt(max(log_square - variance, 0.0))
        common = mean * mean

        def shifted(same: float, cross: float) -> float:
            return common + max(same - cross, 0.0)

        outputs = Moments(
            mean,
            common + variance,
            shifted(x.p, x.kp),
            shifted(x.s, x.ks),
            shifted(x.r, x.kr),
            common,
            common,
            common,
            common,
        )
    else:
        outputs = y
    output = replace(state, segments=(Segment(classes, outputs),), fresh=0.0)
    output = to_channel(output, home)
    factor = jacobian
    if primitive.log:
        factor = max(1.0 + (classes - 2) * second, 0.0) if classes > 1 else 0.0
    flat = factor / second if second > 0 and not primitive.log else 1.0

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        g = grad.mean
        pairs = (y.p, y.s, y.r) if not primitive.log else (1.0, 1.0, 1.0)
        q = max(g.q - (g.k if home == state.channel else 0.0), 0.0) * factor
        p, s, r = (value * pair * flat for value, pair in zip((g.p, g.s, g.r), pairs, strict=True))
        return Pulled(
            (Grad((GradSegment(classes, q, p, s, r),), grad.log, grad.spread, 0.0, grad.overlap).normalised(),)
        )

    return Step((output,), pull)
