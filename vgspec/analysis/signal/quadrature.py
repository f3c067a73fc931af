"""Gaussian expectations of functions with kinks, and of pairs of correlated Gaussians.

One-dimensional integrals use Gauss-Legendre panels whose edges are the features that activations have near the
origin (kinks, saturation) and fixed numbers of standard deviations, so that a narrow feature under a wide
Gaussian and a wide one under a narrow Gaussian are both resolved. Pairs use Mehler's formula: with ``a_k`` the
coefficients of ``f`` in normalised Hermite polynomials, ``E[f(x) f(y)] = sum a_k^2 c^k`` for a correlation ``c``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vgspec.analysis.signal.nodes import HERMITE, LEGENDRE, Rule

__all__ = ["DEGREE", "Basis", "Vector", "basis", "gauss_hermite", "mehler", "mehler_all", "normal_cdf", "spectrum"]

Vector = NDArray[np.float64]

DEGREE = 32
"""Hermite coefficients kept; what remains of the mean square is put at degree ``1.5 * DEGREE``."""

_ABSOLUTE = (0.0, 0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 9.0, 16.0, 40.0)
_RELATIVE = (0.0, 0.7, 1.5, 2.5, 3.6, 5.0, 8.0)


def _mirrored(rule: Rule) -> tuple[Vector, Vector]:
    half = np.array(rule)
    return np.concatenate([-half[::-1, 0], half[:, 0]]), np.concatenate([half[::-1, 1], half[:, 1]])


_LEGENDRE = _mirrored(LEGENDRE)
_POWERS: Vector = np.arange(DEGREE, dtype=np.float64)
_ONES: Vector = np.ones(DEGREE)


class Basis(NamedTuple):
    """Quadrature of a Gaussian: standard nodes ``z``, weights, and Hermite polynomials times weights."""

    z: Vector
    weights: Vector
    hermite: Vector


@lru_cache(maxsize=2048)
def basis(mean: float, deviation: float, kinks: tuple[float, ...] = ()) -> Basis:
    """The quadrature for a Gaussian with this mean and positive standard deviation."""
    reach = _RELATIVE[-1]
    edges = {sign * value for value in _RELATIVE for sign in (-1.0, 1.0)}
    for value in (*(-x for x in _ABSOLUTE), *_ABSOLUTE, *kinks):
        z = (value - mean) / deviation
        if -reach < z < reach:
            edges.add(z)
    bounds = np.array(sorted(edges))
    half = 0.5 * np.diff(bounds)
    middle = 0.5 * (bounds[1:] + bounds[:-1])
    points, weights = _LEGENDRE
    z = (middle[:, None] + half[:, None] * points).ravel()
    w = (half[:, None] * weights).ravel() * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    w /= w.sum()
    table = np.empty((DEGREE, z.size))
    table[0] = 1.0
    table[1] = z
    for k in range(1, DEGREE - 1):
        table[k + 1] = (z * table[k] - math.sqrt(k) * table[k - 1]) / math.sqrt(k + 1)
    return Basis(z, w, table * w)


def spectrum(of: Basis, values: Vector) -> Vector:
    """Squares of the Hermite coefficients of a function given on the nodes."""
    coefficients: Vector = of.hermite @ values
    return coefficients * coefficients


def mehler(squares: Vector, total: float, correlation: float) -> float:
    """``E[f(x) f(y)]`` for two standard Gaussians with this correlation.

    Args:
        squares: squared Hermite coefficients.
        total: ``E[f(x)^2]``.
        correlation: between -1 and 1; values beyond are taken as the bound.
    """
    if correlation >= 1.0:
        return total
    if correlation == 0.0:
        return float(squares[0])
    c = max(correlation, -1.0)
    known = float(squares @ (c**_POWERS))
    rest = total - float(squares @ _ONES)
    return known + (rest * abs(c) ** (1.5 * DEGREE) if rest > 0.0 else 0.0)


def mehler_all(squares: Vector, total: float, correlations: Sequence[float]) -> list[float]:
    """`mehler` for several correlations at once."""
    c = np.maximum(np.array(correlations), -1.0)
    found = np.power.outer(c, _POWERS) @ squares
    rest = total - float(squares @ _ONES)
    if rest > 0.0:
        found += rest * np.abs(c) ** (1.5 * DEGREE)
    return [total if at >= 1.0 else value for at, value in zip(correlations, found.tolist(), strict=True)]


@lru_cache(maxsize=32)
def gauss_hermite(points: int) -> tuple[Vector, Vector]:
    """Nodes and weights for the standard Gaussian: 16 or 24 of them."""
    nodes, weights = _mirrored(HERMITE[points])
    return nodes, weights / weights.sum()


def normal_cdf(x: Vector) -> Vector:
    """The standard normal distribution function, element by element, to 1e-7: a table with straight lines between."""
    result: Vector = np.interp(x, *_normal_table())
    return result


@lru_cache(maxsize=1)
def _normal_table() -> tuple[Vector, Vector]:
    x = np.linspace(-8.0, 8.0, 8193)
    return x, np.array([0.5 * math.erfc(-value * 0.7071067811865476) for value in x.tolist()])
