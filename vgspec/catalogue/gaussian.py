"""Moments of an elementwise activation whose input is Gaussian: what one layer does to a signal.

Integrals are Gauss-Legendre sums over panels. Panels end at the kinks of the curve, so that every piece is
smooth, and lie geometrically about zero, where activations bend, so that a wide input (variance 1e8) sees
the bend as well as a narrow one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vgspec.catalogue.activations import ScalarActivation

__all__ = ["GaussianMoments", "gain", "gaussian_moments"]

_REACH = 12.0
"""Deviations from the mean that are integrated over; the Gaussian mass beyond is below 1e-32."""
_NODES = 16


@dataclass(frozen=True, slots=True)
class GaussianMoments:
    """Expectations over ``x`` Gaussian.

    Attributes:
        mean: E[f(x)].
        square: E[f(x)**2].
        slope: E[f'(x)], jumps left out.
        slope_square: E[f'(x)**2], the factor on the mean square of a gradient that passes back.
    """

    mean: float
    square: float
    slope: float
    slope_square: float

    @property
    def variance(self) -> float:
        """Variance of f(x), never negative."""
        return max(0.0, self.square - self.mean**2)


@cache
def _rule() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


@lru_cache(maxsize=4096)
def gaussian_moments(activation: ScalarActivation, mean: float = 0.0, variance: float = 1.0) -> GaussianMoments:
    """Moments of ``activation`` for an input with this mean and variance.

    Where the function grows like an exponential the result is that of the input cut at ``_REACH`` deviations.

    Args:
        activation: the function.
        mean: of the input.
        variance: of the input, not negative; zero stands for a constant input.
    """
    import numpy as np

    deviation = math.sqrt(variance)
    if deviation == 0 or mean + deviation == mean:
        value, slope = float(activation.f(mean)), float(activation.df(mean))
        return GaussianMoments(value, value**2, slope, slope**2)
    low, high = mean - _REACH * deviation, mean + _REACH * deviation
    bends = [sign * 2.0**k for k in range(-2, 8) for sign in (-1, 1)]
    spread = [mean + step * deviation for step in range(-int(_REACH), int(_REACH) + 1, 2)]
    inside = (point for point in (0.0, *bends, *spread, *activation.curve.kinks) if low < point < high)
    edges = np.array(sorted({low, high, *inside}))
    nodes, weights = _rule()
    half = np.diff(edges)[:, None] / 2
    x = (edges[:-1, None] + half) + half * nodes
    density = np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))
    mass = half * weights * density
    f, df = activation.f(x), activation.df(x)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = [float(np.sum(mass * values)) for values in (f, f * f, df, df * df)]
    return GaussianMoments(*sums)


def gain(activation: ScalarActivation) -> float:
    """The factor on weights of variance ``1/fan_in`` that keeps the mean square of a standard signal.

    ``1 / sqrt(E[f(z)**2])`` for z standard normal: sqrt(2) for ``relu`` (He et al. 2015), 1 for ``linear``.
    """
    return 1 / math.sqrt(gaussian_moments(activation).square)
