"""Softmax of Gaussian logits: moments of the probabilities and of the Jacobian.

Let the logits ``x`` be independent and normal, ``n`` of them, and ``S`` the sum of their exponentials. Since
``S^-k = int t^(k-1) exp(-t S) dt / (k-1)!``, moments of the probabilities ``exp(x) / S`` are single integrals over
``u = log t`` of products of Gaussian expectations of one logit: with ``h_k(w) = exp(k w - exp(w))``,
``H_k(u) = E[h_k(x + u)]`` and ``F(u) = E[exp(-exp(x + u))]``,

    E[y^k] = int H_k F^(n-1) du / (k-1)!        E[y_1^2 y_2^2] = int H_2^2 F^(n-2) du / 3!

Trapezoids are all but exact for functions as smooth as these (Trefethen and Weideman 2014). What is common to all
logits of a sample drops out.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from vgspec.analysis.signal.quadrature import Vector, normal_cdf
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Segment, State
from vgspec.analysis.signal.step import Grad, GradSegment, Pulled, Step
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.layers import signal as rule

__all__ = ["leaning", "probabilities", "softmax", "softmax_moments"]


_SHARP = 4.0
"""Variance of the logits above which one batch differs much from the mean over all."""
_MANY = 10_000
"""Classes from which the sum of exponentials is as large as its mean, or as its largest term."""
_REACH = 9.0
"""Standard deviations of a logit that count."""
_WIDE = 4.0
"""Standard deviation from which the ``h_k`` are narrower than the Gaussian, so that the grid is laid over them."""


@lru_cache(maxsize=512)
def _typical_jacobian(variance: float, classes: int, samples: int) -> float:
    """The median over batches of the Jacobian's mean over so many different samples.

    Of sharp probabilities nearly all samples pass no gradient, and the mean is that of the few that do.
    """
    rows = 64 * samples if classes * samples <= 2000 else max(16, 4 * samples)
    logits = math.sqrt(variance) * _sample(rows, classes).astype(np.longdouble)
    y = np.exp(logits - logits.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    rest = (y.sum(axis=1, keepdims=True) - y) ** 2 + (y * y).sum(axis=1, keepdims=True) - y * y
    means = np.sort((y * y * rest).mean(axis=1).reshape(-1, samples).mean(axis=1))
    middle = float(np.log(means[len(means) // 2])) if means[len(means) // 2] > 0.0 else -math.inf
    return math.exp(middle) if middle > -700.0 else 0.0


@lru_cache(maxsize=1024)
def _powers(variance: float, classes: int) -> tuple[float, float]:
    """Mean of y^2 and of y^2 (1 - 2 y + sum y^2)."""
    n = classes
    if n < 2:
        return 1.0, 0.0
    if variance <= 0.0:
        return 1.0 / (n * n), (1.0 - 1.0 / n) / (n * n)
    deviation = math.sqrt(variance)
    step = max(0.25, deviation / 12.0)
    u = np.arange(-_REACH * deviation - 20.0 - math.log(n), _REACH * deviation + 4.0, step)
    with np.errstate(under="ignore"):
        h2, h3, h4, missing = (_narrow if deviation < _WIDE else _wide)(u, deviation)
        log = np.log1p(-np.minimum(missing, 1.0 - 1e-16))
        others, rest = np.exp((n - 1) * log), np.exp((n - 2) * log)
        second = float(h2 @ others) * step
        third = float(h3 @ others) * step / 2.0
        fourth = float(h4 @ others) * step / 6.0
        cross = float((h2 * h2) @ rest) * step / 6.0
    return second, second - 2.0 * third + fourth + (n - 1) * cross


def _narrow(u: Vector, deviation: float) -> tuple[Vector, Vector, Vector, Vector]:
    """``H_2``, ``H_3``, ``H_4`` and ``1 - F``, with the grid laid over the Gaussian."""
    step = min(0.25, 0.25 / deviation)
    z = np.arange(-_REACH, _REACH + step / 2.0, step)
    weights = np.exp(-0.5 * z * z) * step / math.sqrt(2.0 * math.pi)
    e = np.exp(np.minimum(u[:, None] + deviation * z, 100.0))
    h = e * e * np.exp(-e)
    return h @ weights, (h * e) @ weights, (h * e * e) @ weights, -np.expm1(-e) @ weights


def _wide(u: Vector, deviation: float) -> tuple[Vector, Vector, Vector, Vector]:
    """The same with the grid laid over ``h_1``, which is also the derivative that ``1 - F`` is integrated with."""
    step = 0.25
    w = np.arange(-37.0, 4.75, step)
    e = np.exp(w)
    h = e * np.exp(-e) * step
    z = (u[:, None] - w) / deviation
    density = np.exp(-0.5 * z * z) / (math.sqrt(2.0 * math.pi) * deviation)
    return density @ (h * e), density @ (h * e * e), density @ (h * e * e * e), normal_cdf(z) @ h


@lru_cache(maxsize=1024)
def _log_square(variance: float, classes: int) -> float:
    """Mean of (log y)^2, over a fixed sample of logits: quantiles in an order drawn once, and their negatives."""
    if classes < 2:
        return 0.0
    if classes > _MANY:  # the random energy model (Derrida 1981)
        most = 2.0 * math.log(classes)
        total = 0.5 * (most + variance) if variance < most else math.sqrt(variance * most)
        return total * total + variance
    rows = max(16, 2 * (20_000 // classes))
    logits = math.sqrt(variance) * _sample(rows, classes)
    top = logits.max(axis=1, keepdims=True)
    log = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return float((log * log).mean())


@lru_cache(maxsize=512)
def leaning(variance: float, classes: int) -> tuple[float, float]:
    """How far probabilities ``a`` go on growing where they are large: by ``a (a - A)`` with the sum of squares ``A``.

    Returns:
        The mean of its square, and of the sum over classes of its products with the logits, over a fixed sample.
    """
    rows = max(16, 2 * (8_000 // classes))
    logits = math.sqrt(variance) * _sample(rows, classes)
    y = np.exp(logits - logits.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    push = y * (y - (y * y).sum(axis=1, keepdims=True))
    return float((push * push).mean()), float((push * logits).sum(axis=1).mean())


@lru_cache(maxsize=32)
def _sample(rows: int, classes: int) -> Vector:
    from statistics import NormalDist

    count = rows // 2 * classes
    inverse = NormalDist().inv_cdf
    quantiles = np.array([inverse((index + 0.5) / count) for index in range(count)])
    half = np.random.default_rng(20140613).permutation(quantiles).reshape(rows // 2, classes)
    return np.concatenate([half, -half])


def _rounded(variance: float) -> float:
    """The variance in steps of a hundredth, so that nearly equal ones share one integral."""
    v = min(max(variance, 0.0), 1e6)
    return math.exp(round(math.log(v), 2)) if v > 1e-6 else 0.0


def probabilities(variance: float, classes: int) -> tuple[float, float]:
    """Mean square of the probabilities, and mean squared length of a row of the Jacobian.

    Args:
        variance: of the logits about their mean over classes.
        classes: how many there are.

    Returns:
        The means of ``y^2`` and of ``y^2 (1 - 2 y + sum y^2)``.
    """
    return _powers(_rounded(variance), classes)


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
    second, jacobian = probabilities(variance, classes)
    y = softmax_moments(x, classes)
    if primitive.log:
        mean = -math.sqrt(max(_log_square(_rounded(variance), classes) - variance, 0.0))
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
    output = state._replace(segments=(Segment(classes, outputs),), fresh=0.0)
    output = to_channel(output, home)
    factor = jacobian
    if variance > _SHARP and not primitive.log and classes * BATCH_SIZE <= 200_000:
        alike = min(max((x.p - x.kp) / variance, 0.0), 1.0)
        different = min(state.positions * BATCH_SIZE, 64) if alike < 0.9 else max(round(10.0 * (1.0 - alike)), 1)
        factor = _typical_jacobian(round(variance, 2 - int(math.log10(variance))), classes, different)
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
