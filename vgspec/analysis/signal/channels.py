"""Channels of unequal variance behind a nonlinearity, as batch normalization meets them.

Weights that meet correlated samples give each channel a mean of its own. A rectifier leaves little variance in a
channel whose mean is far below zero and all of it in one far above; normalization divides each by its own. What it does
to the gradient therefore depends on the value that the gradient belongs to: large inverse deviations meet small
slopes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vgspec.analysis.signal.functions import Chain
from vgspec.analysis.signal.quadrature import Vector, gauss_hermite
from vgspec.analysis.signal.response import Curve, respond
from vgspec.analysis.signal.state import BATCH_SIZE, Moments

__all__ = ["Unequal", "channel_share", "unequal_channels"]

_CHANNELS = 24
"""Nodes over the channels' means."""


class Unequal(NamedTuple):
    """What normalization does to channels whose means differ.

    ``square``: mean of ``V / (V + epsilon)`` over channels. ``inverse``: mean over channels and values of what the
    squared gradient is multiplied by, the part along the value left out; ``given``: the same given the Gaussian
    value, on its nodes, relative to ``inverse``.
    """

    square: float
    inverse: float
    given: Vector


def channel_share(base: Moments, positions: int) -> float:
    """The share of the channels' means in the variance of a Gaussian tensor."""
    n = BATCH_SIZE * positions
    others = ((positions - 1) * base.s + (BATCH_SIZE - 1) * (base.p + (positions - 1) * base.r)) / (n - 1)
    variance = base.q - base.m * base.m
    if variance <= 0.0:
        return 0.0
    return min(max((others - base.m * base.m) / variance, 0.0), 0.99)


def unequal_channels(curve: Curve, positions: int, epsilon: float) -> Unequal | None:
    """The effect of batch normalization on a function of a Gaussian tensor; None where all channels are constant."""
    base = curve.base
    share = round(channel_share(base, positions), 3)
    scale = respond(base, curve.functions)[1]
    deviation = math.sqrt(max(base.q - base.m * base.m, 0.0))
    if scale != 1.0:  # homogeneous: the values are those of a Gaussian of deviation one
        found = _unequal(round(base.m / deviation, 3) + 0.0, 1.0, curve.functions, share, positions, epsilon / scale**2)
        return None if found is None else found._replace(inverse=found.inverse / scale**2)
    rounded = math.exp(round(math.log(deviation), 3))
    mean = (round(base.m / deviation, 3) + 0.0) * rounded
    return _unequal(mean, rounded, curve.functions, share, positions, epsilon)


@lru_cache(maxsize=512)
def _unequal(
    mean: float, deviation: float, functions: Chain, share: float, positions: int, epsilon: float
) -> Unequal | None:
    base = Moments(mean, mean * mean + deviation * deviation, *(0.0,) * 7)
    response, scale = respond(base, functions)
    z, weights = response.basis.z, response.basis.weights
    values = response.value * scale
    n = float(BATCH_SIZE * positions)
    # a value z given the channel's mean u: sqrt(share) u + sqrt(1 - share) e
    nodes, chances = gauss_hermite(_CHANNELS)
    centre = math.sqrt(share) * nodes
    inner = np.exp(-0.5 * (z[None, :] - centre[:, None]) ** 2 / (1.0 - share) + 0.5 * z[None, :] ** 2)
    joint = chances[:, None] * weights[None, :] * inner / math.sqrt(1.0 - share)
    total = joint.sum(axis=1, keepdims=True)
    inside = joint / np.maximum(total, 1e-300)
    first = inside @ values
    variance = np.maximum(inside @ (values * values) - first * first, 0.0)
    square = float(chances @ (variance / (variance + epsilon)))
    if not square > 0.0:
        return None
    # the variance that the batch shows where one of its samples has this value
    apart = (values[None, :] - first[:, None]) ** 2
    shown = (n - 1.0) / (n * n) * (apart + (n - 1.0) * variance[:, None])
    part = shown / (shown + epsilon)
    own = np.where(shown > 0.0, apart * (1.0 - 1.0 / n) ** 2 / np.maximum(shown, 1e-300), 0.0)
    kept = np.maximum(1.0 - 1.0 / n - own * part * (2.0 - part) / n, 0.0)
    effect = kept / (shown + epsilon)
    given = (joint * effect).sum(axis=0) / np.maximum(joint.sum(axis=0), 1e-300)
    inverse = float(weights @ given)
    if not 0.0 < inverse < math.inf:
        return None
    return Unequal(square, inverse, given / inverse)
