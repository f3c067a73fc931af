"""Pairs of positions that lie close together: what a window holds, against any two positions of a tensor.

Two positions of one sample differ by noise, and by a pattern that all samples share, which zero padding alone brings
in. The pattern varies slowly over the reach of the border. The noise of two neighbours is alike where the windows of a
pooling overlapped: its correlation falls linearly with the distance, as for the mean over a moving window. A
convolution with random weights keeps it, since each tap meets both positions at the same distance.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from vgspec.analysis.signal.state import Moments, State
from vgspec.layers import signal as rule

__all__ = ["FAR", "Nearness", "nearby", "nearness", "pooled_lag", "strided"]


class Nearness(NamedTuple):
    """How alike the positions of one window are.

    Attributes:
        smooth: the share of the common pattern that they have in common.
        noise: the mean correlation of the rest between two of them.
    """

    smooth: float
    noise: float


FAR = Nearness(0.0, 0.0)
"""Positions that have no more in common than any two."""


def nearby(x: Moments, near: Nearness) -> Moments:
    """The moments with the pairs of positions being those of one window."""
    if near == FAR:
        return x
    smooth, noise = near
    pattern, other = max(x.p - x.r, 0.0), max(x.kp - x.kr, 0.0)
    common, cross = smooth * pattern, smooth * other
    s = x.s + common + noise * max(x.q - x.s - pattern, 0.0)
    ks = x.ks + cross + noise * max(x.k - x.ks - other, 0.0)
    return x._replace(s=s, r=x.r + common, ks=ks, kr=x.kr + cross)


def nearness(state: State, size: tuple[int, ...]) -> Nearness:
    """How alike the positions in a window of this size are.

    Distances in a window are ``(k + 1)/3`` on average, those of all pairs ``(n + 1)/3``. The pattern of a border that
    reaches over ``d`` positions changes by its whole size within about ``4 d / 3``.
    """
    smooth = noise = 0.0
    if state.reach > 0.0:
        shares = []
        for k, n in zip(size, state.spatial, strict=True):
            apart = (k + 1.0) / 3.0
            shares.append(max(3.0 * apart / max(n, 1), 4.0 * apart / (3.0 * state.reach)))
        smooth = 1.0 - min(max(shares, default=1.0), 1.0)
    if state.lag > 0.0:
        count, together = 1, 1.0
        for k in size:
            count *= k
            together *= _within(k, 1.0 / (1.0 - state.lag))
        if count > 1:
            noise = (together * count - 1.0) / (count - 1.0)
    return Nearness(smooth, noise)


@lru_cache(maxsize=1024)
def _within(size: int, width: float) -> float:
    """Mean correlation of two positions along one axis of a window, each with itself included."""
    return sum((size - abs(d)) * max(1.0 - abs(d) / width, 0.0) for d in range(1 - size, size)) / (size * size)


def strided(lag: float, stride: int) -> float:
    """The correlation of neighbours when only every ``stride``-th position is left."""
    return max(1.0 - stride * (1.0 - lag), 0.0)


def pooled_lag(lag: float, primitive: rule.Pool) -> float:
    """The correlation of neighbours behind a pooling.

    Means over windows of ``k`` positions have as much in common as the windows. The largest of two windows are the same
    element with the chance that it lies in what they share of their union, and alike where they are not: the
    correlation lies half-way between that chance and the share.
    """
    size, stride = max(primitive.size, default=1), max(primitive.strides, default=1)
    width = (1.0 / (1.0 - lag)) if lag < 1.0 else float(size)
    if primitive.kind == "average":
        return max(1.0 - stride / math.sqrt(width * width + size * size - 1.0), 0.0)
    shared = 0.5 * max(size - stride, 0) * (1.0 / (size + stride) + 1.0 / size)
    return max(shared, 1.0 - stride / width, 0.0)
