"""Softmax of Gaussian logits: moments of the probabilities and of the Jacobian.

A probability is ``e^z / (e^z + S)`` with ``S`` the sum of the other exponentials, taken as log-normal with the
right mean and variance (Fenton 1960). What is common to all logits of a sample drops out.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from vgspec.analysis.signal.linear import fold_border, to_channel
from vgspec.analysis.signal.quadrature import gauss_hermite
from vgspec.analysis.signal.state import Grad, GradSegment, Moments, Pulled, Segment, State, Step
from vgspec.layers import signal as rule

__all__ = ["probabilities", "softmax", "softmax_moments"]


@lru_cache(maxsize=1024)
def _powers(variance: float, classes: int) -> tuple[float, float, float, float]:
    """Second to fourth moment of a probability, and the mean of its logarithm's square."""
    if classes < 2:
        return 1.0, 1.0, 1.0, 0.0
    z, w = gauss_hermite(40)
    deviation = math.sqrt(variance)
    n = classes - 1
    # relative variance of a sum of n log-normals; very wide ones are dominated by the largest
    spread = math.log1p(math.expm1(min(variance, 500.0)) / n)
    centre = math.log(n) + 0.5 * variance - 0.5 * spread
    difference = deviation * z[:, None] - centre - math.sqrt(spread) * z[None, :]
    y = 1.0 / (1.0 + np.exp(-np.clip(difference, -700.0, 700.0)))
    weights = w[:, None] * w[None, :]
    mean = float((weights * y).sum())
    y = y / (mean * classes)  # probabilities sum to one
    second, third, fourth = (min(float((weights * y**k).sum()), 1.0 / classes) for k in (2, 3, 4))
    log = float((weights * np.log(np.maximum(y, 1e-300)) ** 2).sum())
    return max(second, 1.0 / classes**2), third, fourth, log


def probabilities(variance: float, classes: int) -> tuple[float, float, float, float]:
    """Moments of one probability for logits of this variance about their mean over classes."""
    v = min(max(variance, 0.0), 1e4)
    rounded = round(v, 4) if v < 1.0 else round(v, 2)
    return _powers(rounded, classes)


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
    second, third, _, log_square = probabilities(variance, classes)
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
    if primitive.log:
        factor = max(1.0 + (classes - 2) * second, 0.0) if classes > 1 else 0.0
    else:
        factor = max(second * (1.0 + classes * second) - 2.0 * third, 0.0)
    flat = factor / second if second > 0 and not primitive.log else 1.0

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        g = grad.mean
        pairs = (y.p, y.s, y.r) if not primitive.log else (1.0, 1.0, 1.0)
        q = max(g.q - (g.k if home == state.channel else 0.0), 0.0) * factor
        values = [value * pair * flat for value, pair in zip((g.p, g.s, g.r), pairs, strict=True)]
        return Pulled(
            (Grad((GradSegment(classes, q, *values),), grad.log, grad.spread, 0.0, grad.overlap).normalised(),)
        )

    return Step((output,), pull)
